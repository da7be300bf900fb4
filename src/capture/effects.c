/*
 * effects.c
 *		The event triggers: what a statement did, object by object.
 */
#include "postgres.h"

#include "access/xact.h"
#include "capture/capture_private.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/*
 * What was dropped by a statement that began before the library was loaded:
 * its end trigger, which follows at once, takes them over.
 */
static List *dropped = NIL;
static TransactionId dropped_in = InvalidTransactionId;

List *
mig_touched_add(List *objects, const char *action, const char *object_type,
				const char *schema_name, const char *identity)
{
	TouchedObject *object;
	ListCell   *cell;

	foreach(cell, objects)
	{
		object = lfirst(cell);
		if (identity && object->identity && strcmp(object->identity, identity) == 0 &&
			strcmp(object->action, action) == 0 && strcmp(object->object_type, object_type) == 0)
			return objects;
	}
	object = palloc(sizeof(TouchedObject));
	object->action = pstrdup(action);
	object->object_type = pstrdup(object_type);
	object->schema_name = schema_name ? pstrdup(schema_name) : NULL;
	object->identity = identity ? pstrdup(identity) : NULL;
	return lappend(objects, object);
}

/* A row of one of the server's functions for event triggers. */
typedef struct EventRow
{
	Datum		values[12];
	bool		nulls[12];
} EventRow;

static const char *
column_text(const EventRow *row, int column)
{
	return row->nulls[column] ? NULL : TextDatumGetCString(row->values[column]);
}

/* "CREATE TABLE" is to create. */
static char *
action_of(const char *tag)
{
	char	   *action = pstrdup(tag);

	for (char *p = action; *p; p++)
	{
		if (*p == ' ')
		{
			*p = '\0';
			break;
		}
		*p = pg_tolower((unsigned char) *p);
	}
	return action;
}

/* A row of pg_event_trigger_ddl_commands(). */
static List *
add_command(List *objects, const EventRow *row)
{
	const char *schema = column_text(row, 5);

	if (DatumGetBool(row->values[7]) || (schema && strcmp(schema, "pg_temp") == 0))
		return objects;
	return mig_touched_add(objects, action_of(column_text(row, 3)), column_text(row, 4), schema, column_text(row, 6));
}

/* Beginning of the identity of a view's own rule. */
#define VIEW_RULE "\"_RETURN\" on "

/* A row of pg_event_trigger_dropped_objects(): not what only belongs to another object dropped. */
static List *
add_dropped(List *objects, const EventRow *row)
{
	bool		original = DatumGetBool(row->values[3]);
	bool		normal = DatumGetBool(row->values[4]);
	bool		temporary = DatumGetBool(row->values[5]);

	const char *type = column_text(row, 6);
	const char *schema = column_text(row, 7);
	const char *name = column_text(row, 8);
	const char *identity = column_text(row, 9);

	if (temporary || !(original || normal))
		return objects;
	/* What depends on a view depends on its rule, and the view goes with that. */
	if (strcmp(type, "rule") == 0 && strncmp(identity, VIEW_RULE, strlen(VIEW_RULE)) == 0)
	{
		type = "view";
		identity += strlen(VIEW_RULE);
		if (strncmp(identity, "pg_temp.", 8) == 0)
			return objects;
	}
	/* The server has put identities together while it dropped. */
	else if (name)
		identity = quote_qualified_identifier(schema, name);
	return mig_touched_add(objects, "drop", type, schema, identity);
}

/*
 * Identities are the same whatever the session quotes.  Returns what
 * mig_plain_names_end takes; an abort puts back what is not ended.
 */
int
mig_plain_names_begin(void)
{
	int			level;

	if (!quote_all_identifiers)
		return 0;
	level = NewGUCNestLevel();
	(void) set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

void
mig_plain_names_end(int level)
{
	if (level > 0)
		AtEOXact_GUC(false, level);
}

/* Call one of the two functions, and add what each row says. */
static List *
collect(Oid function, List *(*add) (List *, const EventRow *), List *objects, MemoryContext keep)
{
	LOCAL_FCINFO(fcinfo, 0);
	FmgrInfo	flinfo;
	ReturnSetInfo result = {0};
	ExprContext *econtext = CreateStandaloneExprContext();
	TupleTableSlot *slot;
	int			names = mig_plain_names_begin();

	result.type = T_ReturnSetInfo;
	result.econtext = econtext;
	result.allowedModes = SFRM_Materialize;
	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 0, InvalidOid, NULL, (Node *) &result);
	(void) FunctionCallInvoke(fcinfo);
	slot = MakeSingleTupleTableSlot(result.setDesc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(result.setResult, true, false, slot))
	{
		MemoryContext before = MemoryContextSwitchTo(keep);
		EventRow	row;

		slot_getallattrs(slot);
		memcpy(row.values, slot->tts_values, Min(slot->tts_tupleDescriptor->natts, 12) * sizeof(Datum));
		memcpy(row.nulls, slot->tts_isnull, Min(slot->tts_tupleDescriptor->natts, 12) * sizeof(bool));
		objects = add(objects, &row);
		MemoryContextSwitchTo(before);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(result.setResult);
	FreeExprContext(econtext, true);
	mig_plain_names_end(names);
	return objects;
}

static const EventTriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by an event trigger")));
	return (const EventTriggerData *) fcinfo->context;
}

/* Statements of an extension's script are the extension's; a restore's are nobody's. */
static bool
concerns_us(const EventTriggerData *trigger)
{
	return !creating_extension && !IsBinaryUpgrade && mig_capture_is_on() &&
		mig_statement_kind(trigger->parsetree) != STATEMENT_IGNORED;
}

MIG_FUNCTION(mig_on_ddl_start);

/* Event trigger, ddl_command_start: without a frame this is the place to refuse. */
Datum
mig_on_ddl_start(PG_FUNCTION_ARGS)
{
	const EventTriggerData *trigger = trigger_data(fcinfo);
	Frame	   *frame;

	if (!concerns_us(trigger))
		PG_RETURN_NULL();
	frame = mig_frame_of(trigger->tag);
	if (frame)
		frame->events = true;
	else
		mig_gate_before(trigger->tag, mig_statement_spares_schema(trigger->parsetree));
	PG_RETURN_NULL();
}

MIG_FUNCTION(mig_on_sql_drop);

/* Event trigger, sql_drop. */
Datum
mig_on_sql_drop(PG_FUNCTION_ARGS)
{
	const EventTriggerData *trigger = trigger_data(fcinfo);
	Frame	   *frame;

	if (!concerns_us(trigger))
		PG_RETURN_NULL();
	frame = mig_frame_of(trigger->tag);
	if (frame)
		frame->objects = collect(F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, add_dropped, frame->objects, frame->context);
	else
	{
		dropped = collect(F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, add_dropped, NIL, CurTransactionContext);
		dropped_in = GetCurrentTransactionId();
	}
	PG_RETURN_NULL();
}

MIG_FUNCTION(mig_on_ddl_end);

/* Event trigger, ddl_command_end: without a frame the row is written here. */
Datum
mig_on_ddl_end(PG_FUNCTION_ARGS)
{
	const EventTriggerData *trigger = trigger_data(fcinfo);
	Frame	   *frame;
	List	   *objects = NIL;

	if (!concerns_us(trigger))
		PG_RETURN_NULL();
	frame = mig_frame_of(trigger->tag);
	if (frame)
	{
		frame->objects = collect(F_PG_EVENT_TRIGGER_DDL_COMMANDS, add_command, frame->objects, frame->context);
		if (frame->undecided && frame->objects && mig_gate_rejects())
			mig_gate_reject(frame->tag);
		PG_RETURN_NULL();
	}
	if (TransactionIdIsValid(dropped_in) && dropped_in == GetCurrentTransactionIdIfAny())
		objects = dropped;
	dropped = NIL;
	dropped_in = InvalidTransactionId;
	objects = collect(F_PG_EVENT_TRIGGER_DDL_COMMANDS, add_command, objects, CurrentMemoryContext);
	if (objects == NIL)
		PG_RETURN_NULL();
	if (mig_gate_rejects())
		mig_gate_reject(trigger->tag);
	mig_record(trigger->tag, debug_query_string ? debug_query_string : "", false, objects);
	mig_gate_after(trigger->tag);
	PG_RETURN_NULL();
}
