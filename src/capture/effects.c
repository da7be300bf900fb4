/*
 * effects.c
 *		The event triggers: what a statement did, object by object.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "capture/capture_private.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "common/identity.h"
#include "common/plain_names.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/deparse_utility.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

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
	TouchedObject *object = palloc(sizeof(TouchedObject));

	object->action = pstrdup(action);
	object->object_type = pstrdup(object_type);
	object->schema_name = schema_name ? pstrdup(schema_name) : NULL;
	object->identity = identity ? pstrdup(identity) : NULL;
	return lappend(objects, object);
}

List *
mig_touched_add_table(List *objects, const char *action, const char *object_type, Oid oid)
{
	char	   *name = get_rel_name(oid);
	char	   *schema = get_namespace_name(get_rel_namespace(oid));

	if (name == NULL || schema == NULL)
		return objects;
	return mig_touched_add(objects, action, object_type, schema, quote_qualified_identifier(schema, name));
}

/*
 * Of privileges that other statements change, event triggers know the type alone,
 * and DROP OWNED takes them from what it does not drop.
 */
List *
mig_touched_known(List *objects, const Node *stmt)
{
	ListCell   *cell;

	foreach(cell, objects)
		if (((const TouchedObject *) lfirst(cell))->identity == NULL)
			objects = foreach_delete_current(objects, cell);
	return objects && !IsA(stmt, DropOwnedStmt) ? objects : list_concat(objects, mig_statement_objects(stmt));
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
static const char *
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
	return strcmp(action, "select") == 0 ? "create" : action;
}

/*
 * "tr on pg_temp.t" belongs to a temporary relation, and has no schema itself.
 * Between quotes the same words are part of a name.
 */
static bool
is_on_temporary(const char *identity)
{
	return identity && mig_behind_word(identity, " on pg_temp.") != NULL;
}

static bool
has_drop(List *objects)
{
	ListCell   *cell;

	foreach(cell, objects)
		if (strcmp(((const TouchedObject *) lfirst(cell))->action, "drop") == 0)
			return true;
	return false;
}

/* Did all of an ALTER say IF [NOT] EXISTS, and find it so? */
static bool
did_nothing(const CollectedCommand *command, List *objects)
{
	ListCell   *cell;

	if (command->parsetree && IsA(command->parsetree, AlterDomainStmt))
		return ((const AlterDomainStmt *) command->parsetree)->missing_ok && !has_drop(objects);
	if (command->type != SCT_AlterTable)
		return false;
	foreach(cell, command->d.alterTable.subcmds)
	{
		const CollectedATSubcmd *sub = lfirst(cell);

		if (!castNode(AlterTableCmd, sub->parsetree)->missing_ok || OidIsValid(sub->address.objectId))
			return false;
	}
	return !has_drop(objects);
}

/* Partitions that were attached or detached. */
static List *
add_partitions(List *objects, const CollectedCommand *command)
{
	ListCell   *cell;

	foreach(cell, command->type == SCT_AlterTable ? command->d.alterTable.subcmds : NIL)
	{
		const AlterTableCmd *alter = castNode(AlterTableCmd, ((const CollectedATSubcmd *) lfirst(cell))->parsetree);

		switch (alter->subtype)
		{
			case AT_AttachPartition:
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
				/* By its name: the server does not say its address. */
				objects = mig_touched_add_relation(objects, "alter",
												   RangeVarGetRelid(castNode(PartitionCmd, alter->def)->name, NoLock, true));
				break;
			default:
				break;
		}
	}
	return objects;
}

/* The constraint of an index, which goes by the same name. */
static List *
add_renamed_constraint(List *objects, const CollectedCommand *command)
{
	ObjectAddress address;

	if (command->type != SCT_Simple || !IsA(command->parsetree, RenameStmt) ||
		command->d.simple.address.classId != RelationRelationId || command->d.simple.address.objectSubId != 0)
		return objects;
	ObjectAddressSet(address, ConstraintRelationId, get_index_constraint(command->d.simple.address.objectId));
	if (!OidIsValid(address.objectId))
		return objects;
	return mig_touched_add(objects, "alter", getObjectTypeDescription(&address, false), NULL, getObjectIdentity(&address, false));
}

/* A row of pg_event_trigger_ddl_commands(). */
static List *
add_command(List *objects, const EventRow *row)
{
	const char *schema = column_text(row, 5);
	const CollectedCommand *command = (const CollectedCommand *) DatumGetPointer(row->values[8]);

	if (DatumGetBool(row->values[7]) || (schema && strcmp(schema, "pg_temp") == 0) ||
		(schema == NULL && is_on_temporary(column_text(row, 6))))
		return objects;
	if (did_nothing(command, objects))
		return objects;
	objects = mig_touched_add(objects, action_of(column_text(row, 3)), column_text(row, 4), schema, column_text(row, 6));
	return add_renamed_constraint(add_partitions(objects, command), command);
}

/* Is it a default or a trigger of a table or column that is in the list already? */
static bool
belongs_to_dropped(List *objects, const char *type, const EventRow *row)
{
	ArrayType  *names;
	Datum	   *parts;
	int			n;
	char	   *owner;
	ListCell   *cell;

	if ((strcmp(type, "default value") != 0 && strcmp(type, "trigger") != 0 && strcmp(type, "rule") != 0 &&
		 strcmp(type, "policy") != 0) || row->nulls[10])
		return false;
	names = DatumGetArrayTypeP(row->values[10]);
	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &parts, NULL, &n);
	owner = quote_qualified_identifier(TextDatumGetCString(parts[0]), TextDatumGetCString(parts[1]));
	foreach(cell, objects)
	{
		const TouchedObject *object = lfirst(cell);

		if (object->identity && strcmp(object->action, "drop") == 0 &&
			(strcmp(object->identity, owner) == 0 ||
			 (strcmp(type, "default value") == 0 && n > 2 && strcmp(object->object_type, "table column") == 0 &&
			  strcmp(object->identity, psprintf("%s.%s", owner, quote_identifier(TextDatumGetCString(parts[2])))) == 0)))
			return true;
	}
	return false;
}

/*
 * Did an object that was dropped belong to an extension?  The snapshot of the
 * statement still sees what it has deleted.
 */
static bool
is_of_extension(Oid class_id, Oid object_id, const char *type)
{
	Relation	catalog;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	if (strstr(type, " of access method") || strcmp(type, "domain constraint") == 0)
		return true;			/* parts of another one */
	if (!ActiveSnapshotSet())
		return false;
	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(class_id));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object_id));
	scan = systable_beginscan(catalog, DependDependerIndexId, true, GetActiveSnapshot(), 2, keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = ((Form_pg_depend) GETSTRUCT(tuple))->deptype == DEPENDENCY_EXTENSION;
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
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

	if (temporary || !(original || normal) || is_on_temporary(identity))
		return objects;
	if (!original && is_of_extension(DatumGetObjectId(row->values[0]), DatumGetObjectId(row->values[1]), type))
		return objects;
	/* What belongs to another object dropped may depend on a third one besides. */
	if (!original && belongs_to_dropped(objects, type, row))
		return objects;
	/* What depends on a view depends on its rule, and the view goes with that. */
	if (strcmp(type, "rule") == 0 && strncmp(identity, VIEW_RULE, strlen(VIEW_RULE)) == 0)
	{
		ListCell   *cell;

		/* A materialized view has such a rule, too. */
		foreach(cell, objects)
		{
			const TouchedObject *object = lfirst(cell);

			if (object->identity && strcmp(object->identity, identity + strlen(VIEW_RULE)) == 0)
				return objects;
		}
		type = "view";
		identity += strlen(VIEW_RULE);
		if (strncmp(identity, "pg_temp.", 8) == 0)
			return objects;
	}
	/* The server has put identities together while it dropped, with the quotes of the session. */
	else if (name && identity[0] == '"' && strpbrk(identity, " (") == NULL)
		identity = quote_qualified_identifier(schema, name);
	return mig_touched_add(objects, "drop", type, schema, identity);
}

/* One of the server's functions for event triggers, and what is done with a row of it. */
typedef struct EventFunction
{
	Oid			oid;
	List	   *(*add) (List *objects, const EventRow *row);
	TupleDesc	desc;			/* of its rows, once it was called */
} EventFunction;

static EventFunction ddl_commands = {F_PG_EVENT_TRIGGER_DDL_COMMANDS, add_command, NULL};
static EventFunction dropped_objects = {F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, add_dropped, NULL};

static void
find_desc(EventFunction *function)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	if (get_func_result_type(function->oid, NULL, &function->desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function %u returns no rows", function->oid);
	MemoryContextSwitchTo(before);
}

/*
 * Call one of the two functions, and add what each row says.
 *
 * A function that is called makes its row type anew from the catalog, which
 * takes longer than all the rest of it.  Under the name of one that returns
 * any record it takes the type that we expect.
 */
static List *
collect(EventFunction *function, List *objects, MemoryContext keep)
{
	LOCAL_FCINFO(fcinfo, 0);
	FmgrInfo	flinfo;
	ReturnSetInfo result = {0};
	ExprContext *econtext = CreateStandaloneExprContext();
	TupleTableSlot *slot;
	int			names = mig_plain_names_begin();

	if (function->desc == NULL)
		find_desc(function);
	result.type = T_ReturnSetInfo;
	result.econtext = econtext;
	result.allowedModes = SFRM_Materialize;
	result.expectedDesc = function->desc;
	fmgr_info(function->oid, &flinfo);
	flinfo.fn_oid = F_JSON_TO_RECORD;
	InitFunctionCallInfoData(*fcinfo, &flinfo, 0, InvalidOid, NULL, (Node *) &result);
	(void) FunctionCallInvoke(fcinfo);
	slot = MakeSingleTupleTableSlot(result.setDesc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(result.setResult, true, false, slot))
	{
		MemoryContext before = MemoryContextSwitchTo(keep);
		EventRow	row;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		memcpy(row.values, slot->tts_values, Min(slot->tts_tupleDescriptor->natts, 12) * sizeof(Datum));
		memcpy(row.nulls, slot->tts_isnull, Min(slot->tts_tupleDescriptor->natts, 12) * sizeof(bool));
		objects = function->add(objects, &row);
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

/*
 * Statements of an extension's script are the extension's; a restore's are
 * nobody's.  Where there is a frame, the hook has found capture on.
 */
static bool
concerns_us(const EventTriggerData *trigger, Frame **frame)
{
	if (creating_extension || IsBinaryUpgrade || mig_statement_kind(trigger->parsetree) == STATEMENT_IGNORED)
		return false;
	*frame = mig_frame_of(trigger->tag);
	return *frame || mig_capture_is_on();
}

/* Where the hook has not seen the statement, the client's text may have others in it. */
static char *
client_text(void)
{
	return mig_redact(debug_query_string ? debug_query_string : "");
}

MIG_ANY_VERSION_FUNCTION(mig_on_ddl_start);

/* Event trigger, ddl_command_start: without a frame this is the place to refuse. */
Datum
mig_on_ddl_start(PG_FUNCTION_ARGS)
{
	const EventTriggerData *trigger = trigger_data(fcinfo);
	Frame	   *frame;

	if (!concerns_us(trigger, &frame))
		PG_RETURN_NULL();
	if (frame)
		frame->events = true;
	else
		mig_gate_before(trigger->tag, client_text(), mig_statement_spares_schema(trigger->parsetree));
	PG_RETURN_NULL();
}

MIG_ANY_VERSION_FUNCTION(mig_on_sql_drop);

/* Event trigger, sql_drop. */
Datum
mig_on_sql_drop(PG_FUNCTION_ARGS)
{
	const EventTriggerData *trigger = trigger_data(fcinfo);
	Frame	   *frame;

	if (!concerns_us(trigger, &frame))
		PG_RETURN_NULL();
	if (frame)
		frame->objects = collect(&dropped_objects, frame->objects, frame->context);
	else
	{
		dropped = collect(&dropped_objects, NIL, CurTransactionContext);
		dropped_in = GetCurrentTransactionId();
	}
	PG_RETURN_NULL();
}

MIG_ANY_VERSION_FUNCTION(mig_on_ddl_end);

/* Event trigger, ddl_command_end: without a frame the row is written here. */
Datum
mig_on_ddl_end(PG_FUNCTION_ARGS)
{
	const EventTriggerData *trigger = trigger_data(fcinfo);
	Frame	   *frame;
	List	   *objects = NIL;
	int			names;

	if (!concerns_us(trigger, &frame))
		PG_RETURN_NULL();
	if (frame)
	{
		/* Of privileges the hook knows more, and adds them; of what is dropped all has been told. */
		if (!mig_changes_privileges(trigger->parsetree) && !IsA(trigger->parsetree, DropStmt))
			frame->objects = collect(&ddl_commands, frame->objects, frame->context);
		PG_RETURN_NULL();
	}
	if (TransactionIdIsValid(dropped_in) && dropped_in == GetCurrentTransactionIdIfAny())
		objects = dropped;
	dropped = NIL;
	dropped_in = InvalidTransactionId;
	names = mig_plain_names_begin();
	if (mig_changes_privileges(trigger->parsetree))
		objects = mig_privilege_objects(trigger->parsetree);
	else
		objects = collect(&ddl_commands, objects, CurrentMemoryContext);
	if (IsA(trigger->parsetree, CreateSchemaStmt) || IsA(trigger->parsetree, DropOwnedStmt))
		objects = mig_touched_known(objects, trigger->parsetree);
	mig_plain_names_end(names);
	if (objects == NIL)
		PG_RETURN_NULL();
	if (mig_gate_rejects())
		mig_gate_reject(trigger->tag, client_text());
	mig_record(trigger->tag, client_text(), false, objects);
	mig_gate_after(trigger->tag);
	PG_RETURN_NULL();
}
