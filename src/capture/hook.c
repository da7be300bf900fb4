/*
 * hook.c
 *		The ProcessUtility hook: one frame on the C stack for each statement that
 *		changes the schema, from before it runs until its row is written.
 *
 * The statement's text is known here, and here only; event triggers add to the
 * innermost frame what it did.  Nothing outlives the statement.
 */
#include "postgres.h"

#include "access/xact.h"
#include "capture/capture_private.h"
#include "catalog/pg_event_trigger.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "common/plain_names.h"
#include "miscadmin.h"
#include "parser/parse_node.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

static ProcessUtility_hook_type next_hook = NULL;
static Frame *innermost = NULL;

/* Does the server keep from event triggers what is done here, in a REFRESH? */
static bool kept_from_triggers = false;

/* Restored in the order of their names: the last one behind those of others, and before it none counts. */
const EventTriggerName mig_event_triggers[] = {
	{"pg_migrations_start", "ddl_command_start", "on_ddl_start"},
	{"zz_pg_migrations_end", "ddl_command_end", "on_ddl_end"},
	{"pg_migrations_drop", "sql_drop", "on_sql_drop"}
};

bool
mig_is_our_event_trigger(const char *name)
{
	for (int i = 0; i < lengthof(mig_event_triggers); i++)
		if (strcmp(mig_event_triggers[i].name, name) == 0)
			return true;
	return false;
}

bool
mig_fires_always(const char *name)
{
	HeapTuple	tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(name));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_event_trigger) GETSTRUCT(tuple))->evtenabled == TRIGGER_FIRES_ALWAYS;
	ReleaseSysCache(tuple);
	return result;
}

bool
mig_event_triggers_fire(void)
{
	for (int i = 0; i < lengthof(mig_event_triggers); i++)
		if (!mig_fires_always(mig_event_triggers[i].name))
			return false;
	return true;
}

bool
mig_capture_is_on(void)
{
	static bool begun = false;

	if (!mig_event_triggers_fire())
		return false;
	/* Where a restore has brought the triggers, but not yet all the records, it is still going on. */
	if (!begun)
		begun = ledger_capture_has_begun();
	return begun;
}

Frame *
mig_frame_of(CommandTag tag)
{
	return innermost && innermost->tag == tag ? innermost : NULL;
}

Frame *
mig_innermost_frame(void)
{
	return innermost;
}

/* Is this a statement whose row we would write? */
static bool
concerns_us(const Node *stmt, ProcessUtilityContext context)
{
	return context != PROCESS_UTILITY_SUBCOMMAND && !creating_extension && !IsBinaryUpgrade &&
		IsTransactionState() && mig_statement_kind(stmt) != STATEMENT_IGNORED && mig_capture_is_on();
}

/* What the client has sent is measured once for all the statements in it. */
static size_t
source_length(const char *source)
{
	static const char *measured = NULL;
	static TimestampTz sent = 0;
	static size_t length = 0;

	if (source != debug_query_string)
		return strlen(source);
	if (source != measured || sent != GetCurrentStatementStartTimestamp())
	{
		measured = source;
		sent = GetCurrentStatementStartTimestamp();
		length = strlen(source);
	}
	return length;
}

char *
mig_statement_text(const PlannedStmt *pstmt, const char *source)
{
	int			location = pstmt->stmt_location;
	int			length = pstmt->stmt_len;
	const char *text;

	if (source == NULL)
		return pstrdup("");
	/* Somebody else's hook may have handed on another text than that in which it stands. */
	if (location >= 0 && (size_t) location + Max(length, 0) > source_length(source))
		location = -1;
	text = CleanQuerytext(source, &location, &length);
	return pnstrdup(text, length);
}

/* Objects that only the tree knows, and that are gone or changed afterwards. */
static void
begin_frame(Frame *frame, const PlannedStmt *pstmt, const char *text)
{
	memset(frame, 0, sizeof(Frame));
	frame->outer = innermost;
	frame->stmt = pstmt->utilityStmt;
	frame->tag = mig_statement_tag(frame->stmt);
	frame->kind = mig_statement_kind(frame->stmt);
	frame->context = CurrentMemoryContext;
	frame->text = text;
	/* Elsewhere the event triggers will tell, for nothing. */
	frame->undecided = (frame->kind == STATEMENT_HOOK || IsA(frame->stmt, AlterEnumStmt) ||
						!mig_event_triggers_enabled() || mig_gate_rejects()) &&
		mig_statement_spares_schema(frame->stmt);
	if (IsA(frame->stmt, AlterEnumStmt))
		frame->enum_value = mig_enum_value((const AlterEnumStmt *) frame->stmt);
	mig_gate_before(frame->tag, frame->text, frame->undecided);
	/* Now: functions and triggers that the statement calls may change search_path. */
	if (frame->kind == STATEMENT_HOOK && !frame->undecided)
	{
		int			names = mig_plain_names_begin();

		frame->objects = mig_statement_objects(frame->stmt);
		mig_plain_names_end(names);
	}
}

/* What the hook alone saw changed something unless it said IF [NOT] EXISTS in vain. */
static bool
has_effect(Frame *frame)
{
	int			names = mig_plain_names_begin();

	if (frame->kind == STATEMENT_EVENT && mig_changes_privileges(frame->stmt))
		frame->objects = mig_privilege_objects(frame->stmt);
	else if (IsA(frame->stmt, CreateSchemaStmt) || IsA(frame->stmt, DropOwnedStmt))
		frame->objects = mig_touched_known(frame->objects, frame->stmt);
	mig_plain_names_end(names);
	/* It has waited for whoever was at that type, and the value may have gone meanwhile. */
	if (frame->undecided && IsA(frame->stmt, AlterEnumStmt) && OidIsValid(frame->enum_value))
		return frame->enum_value != mig_enum_value((const AlterEnumStmt *) frame->stmt);
	if (frame->kind == STATEMENT_EVENT && frame->events)
		return frame->objects != NIL;
	return !frame->undecided;
}

/* May it turn capture off, or on, or keep sessions from loading the library? */
static bool
may_change_coverage(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateEventTrigStmt:
		case T_AlterEventTrigStmt:
		case T_AlterDatabaseSetStmt:
			return !ledger_changes_schema();
		case T_RenameStmt:
			return ((const RenameStmt *) stmt)->renameType == OBJECT_EVENT_TRIGGER;
		case T_DropStmt:
			return ((const DropStmt *) stmt)->removeType == OBJECT_EVENT_TRIGGER && !ledger_changes_schema();
		default:
			return false;
	}
}

/* Has it turned capture on again, in a database where it has been on? */
static bool
turned_on(void)
{
	return mig_event_triggers_fire() && !creating_extension && !IsBinaryUpgrade && IsTransactionState() &&
		!XactReadOnly && OidIsValid(ledger_identity()) && ledger_capture_has_begun();
}

/* Has it dropped what would record it? */
static bool
has_dropped_us(const Frame *frame)
{
	return (IsA(frame->stmt, DropStmt) || IsA(frame->stmt, DropOwnedStmt)) && !OidIsValid(ledger_identity());
}

static void
end_frame(Frame *frame)
{
	if (has_dropped_us(frame))
		return;
	if (!frame->recorded)
	{
		if (!has_effect(frame))
			return;
		if (frame->undecided && mig_gate_rejects())
			mig_gate_reject(frame->tag, frame->text);
		mig_record(frame->tag, frame->text, true, frame->objects);
	}
	if (may_change_coverage(frame->stmt))
		mig_coverage_changed(GetCommandTagName(frame->tag));
	mig_gate_after(frame->tag);
}

static void
run_next(PlannedStmt *pstmt, const char *source, bool read_only_tree, ProcessUtilityContext context,
		 ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	if (next_hook)
		next_hook(pstmt, source, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, source, read_only_tree, context, params, environment, dest, completion);
}

/* A GRANT within a CREATE SCHEMA that somebody has called, and not an extension's script. */
static bool
is_schema_element(const Node *stmt, ProcessUtilityContext context)
{
	return context == PROCESS_UTILITY_SUBCOMMAND && IsA(stmt, GrantStmt) && !creating_extension &&
		innermost && IsA(innermost->stmt, CreateSchemaStmt);
}

/* Now, while search_path is that schema. */
static void
add_granted(const GrantStmt *grant)
{
	MemoryContext before = MemoryContextSwitchTo(innermost->context);
	int			names = mig_plain_names_begin();

	innermost->objects = list_concat(innermost->objects, mig_grant_objects(grant));
	mig_plain_names_end(names);
	MemoryContextSwitchTo(before);
}

/* What a function does in a REFRESH counts; temporary tables of a concurrent one are nobody's business. */
static bool
tell_triggers(const Node *stmt)
{
	if (!kept_from_triggers || mig_statement_spares_schema(stmt))
		return false;
	kept_from_triggers = false;
	EventTriggerUndoInhibitCommandCollection();
	return true;
}

static void
keep_from_triggers(void)
{
	kept_from_triggers = true;
	EventTriggerInhibitCommandCollection();
}

static void
run_refresh(PlannedStmt *pstmt, const char *source, bool read_only_tree, ProcessUtilityContext context,
			ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	bool		before = kept_from_triggers;

	kept_from_triggers = true;
	PG_TRY();
	{
		run_next(pstmt, source, read_only_tree, context, params, environment, dest, completion);
	}
	PG_FINALLY();
	{
		kept_from_triggers = before;
	}
	PG_END_TRY();
}

static void
process_utility(PlannedStmt *pstmt, const char *source, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Frame		frame;
	PlannedStmt *copy;
	bool		told;

	if (IsA(pstmt->utilityStmt, RefreshMatViewStmt))
	{
		run_refresh(pstmt, source, read_only_tree, context, params, environment, dest, completion);
		return;
	}
	if (!concerns_us(pstmt->utilityStmt, context))
	{
		/* Asked before, since one that ends a transaction may take its tree with it. */
		bool		element = is_schema_element(pstmt->utilityStmt, context);
		bool		coverage = may_change_coverage(pstmt->utilityStmt);

		run_next(pstmt, source, read_only_tree, context, params, environment, dest, completion);
		if (element)
			add_granted((const GrantStmt *) pstmt->utilityStmt);
		if (coverage && turned_on())
			mig_coverage_changed(CreateCommandName(pstmt->utilityStmt));
		return;
	}
	/* Executing may scribble on the tree, which we read afterwards. */
	copy = read_only_tree ? pstmt : copyObject(pstmt);
	/* The text before it runs: what a cancel could hit must not lie behind what cannot be rolled back. */
	begin_frame(&frame, copy, mig_redact(mig_statement_text(pstmt, source)));
	told = tell_triggers(copy->utilityStmt);
	innermost = &frame;
	PG_TRY();
	{
		run_next(pstmt, source, read_only_tree, context, params, environment, dest, completion);
	}
	PG_FINALLY();
	{
		innermost = frame.outer;
		if (told)
			keep_from_triggers();
	}
	PG_END_TRY();
	end_frame(&frame);
}

void
mig_capture_init(void)
{
	mig_record_init();
	mig_gate_init();
	mig_origin_init();
	mig_concurrent_init();
	mig_by_hand_init();
	next_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
