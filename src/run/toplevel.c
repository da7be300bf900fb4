/*
 * toplevel.c
 *		Run one statement as a client's message would: at top level, in
 *		transactions that it begins and ends as it likes.
 *
 * Only a background worker can: whoever has been called from SQL is inside a
 * transaction of his caller's.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "common/compat.h"
#include "common/faults.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "run/toplevel.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

/* The migration whose statement runs, if it makes indexes that a failure may leave. */
static const Migration *making_indexes = NULL;
static object_access_hook_type next_object_access = NULL;

/* Since the statement at top level began. */
static bool has_committed = false;

/* Each relation that such a statement makes is one of its indexes. */
static void
note_index(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (next_object_access)
		next_object_access(access, class_id, object_id, sub_id, arg);
	if (access == OAT_POST_CREATE && class_id == RelationRelationId && sub_id == 0 && making_indexes)
	{
		ledger_note_index(making_indexes->project, making_indexes->name, object_id);
		MIG_FAULT("top_level_index_noted");
	}
}

static void
note_commit(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT)
		has_committed = true;
}

bool
mig_top_level_has_committed(void)
{
	return has_committed;
}

void
mig_top_level_init(void)
{
	next_object_access = object_access_hook;
	object_access_hook = note_index;
	RegisterXactCallback(note_commit, NULL);
}

static bool
makes_indexes(const ScriptStatement *stmt)
{
	return IsA(stmt->raw->stmt, IndexStmt) || IsA(stmt->raw->stmt, ReindexStmt);
}

/* Parse and plan one statement; the plan must not live in a transaction's memory. */
static Portal
define_portal(const char *sql)
{
	RawStmt    *raw = linitial_node(RawStmt, pg_parse_query(sql));
	CommandTag	tag = CreateCommandTag(raw->stmt);
	List	   *queries;
	List	   *plans;
	Portal		portal;

	PushActiveSnapshot(GetTransactionSnapshot());
	queries = pg_analyze_and_rewrite_fixedparams(raw, sql, NULL, 0, NULL);
	plans = pg_plan_queries(queries, sql, 0, NULL);
	PopActiveSnapshot();
	portal = CreatePortal("", true, true);
	portal->visible = false;
	PortalDefineQuery(portal, NULL, sql, tag, plans, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	return portal;
}

/* The client has sent another statement: a position in this one is that of an internal query. */
static void
place_in_statement(void *arg)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery((const char *) arg);
}

static uint64
run(const char *sql, TopLevelEnd at_end, void *arg)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "statement at top level", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = CurrentMemoryContext;
	QueryCompletion completion;
	DestReceiver *receiver;
	Portal		portal;
	ErrorContextCallback callback = {error_context_stack, place_in_statement, unconstify(char *, sql)};

	error_context_stack = &callback;
	SetCurrentStatementStartTimestamp();
	debug_query_string = sql;
	StartTransactionCommand();
	has_committed = false;
	MemoryContextSwitchTo(context);
	portal = define_portal(sql);
	receiver = CreateDestReceiver(DestNone);
	InitializeQueryCompletion(&completion);
	if (StatementTimeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
	MIG_FAULT("top_level_begun");
	mig_portal_run(portal, receiver, &completion);
	receiver->rDestroy(receiver);
	PortalDrop(portal, false);
	MIG_FAULT("top_level_ended");
	error_context_stack = callback.previous;
	if (get_timeout_active(STATEMENT_TIMEOUT))
		disable_timeout(STATEMENT_TIMEOUT, false);
	if (at_end)
		at_end(completion.nprocessed, arg);
	CommitTransactionCommand();
	MIG_FAULT("top_level_committed");
	debug_query_string = NULL;
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return completion.nprocessed;
}

void
mig_top_level_sql(const char *sql)
{
	(void) run(sql, NULL, NULL);
}

uint64
mig_top_level_run(const Migration *migration, const ScriptStatement *stmt, TopLevelEnd at_end, void *arg)
{
	volatile uint64 rows = 0;

	making_indexes = makes_indexes(stmt) ? migration : NULL;
	PG_TRY();
	{
		rows = run(stmt->sql, at_end, arg);
	}
	PG_FINALLY();
	{
		making_indexes = NULL;
	}
	PG_END_TRY();
	return rows;
}
