/*
 * toplevel.c
 *		Run one statement as a client's message would: at top level, in
 *		transactions that it begins and ends as it likes.
 *
 * Only a background worker can: whoever has been called from SQL is inside a
 * transaction of his caller's.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_database.h"
#include "catalog/pg_index.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_tablespace.h"
#include "common/compat.h"
#include "common/faults.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "run/toplevel.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

/* The migration whose statement runs, and what it makes that a failure may leave: of this catalog. */
static const Migration *makes_for = NULL;
static Oid	makes_of;

/* The table that it makes indexes of; invalid: of any. */
static Oid	makes_on;
static object_access_hook_type next_object_access = NULL;

/* Since the statement at top level began. */
static bool has_committed = false;

/* Is it an index, and of the right table?  What an event trigger makes on the way is none of the statement's. */
static bool
is_its_index(Oid relation)
{
	Relation	pg_index = table_open(IndexRelationId, AccessShareLock);
	Oid			table = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	/* It has been written by the command under way, which nobody else sees yet. */
	ScanKeyInit(&key, Anum_pg_index_indexrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
	scan = systable_beginscan(pg_index, IndexRelidIndexId, true, SnapshotSelf, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		table = ((Form_pg_index) GETSTRUCT(tuple))->indrelid;
	systable_endscan(scan);
	table_close(pg_index, AccessShareLock);
	return OidIsValid(table) && (!OidIsValid(makes_on) || table == makes_on);
}

static void
note_made(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (next_object_access)
		next_object_access(access, class_id, object_id, sub_id, arg);
	if (access == OAT_POST_CREATE && class_id == makes_of && sub_id == 0 && makes_for &&
		(class_id != RelationRelationId || is_its_index(object_id)))
	{
		ledger_note_object(makes_for->project, makes_for->name, class_id, object_id);
		MIG_FAULT("top_level_made_noted");
	}
}

static void
note_commit(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT)
		has_committed = true;
}

void
mig_top_level_not_begun(void)
{
	has_committed = false;
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
	object_access_hook = note_made;
	RegisterXactCallback(note_commit, NULL);
}

/* Each relation that is made concurrently is an index; a partition that is detached gets its bounds as a constraint. */
static Oid
class_made(const ScriptStatement *stmt)
{
	switch (nodeTag(stmt->raw->stmt))
	{
		case T_IndexStmt:
		case T_ReindexStmt:
			return RelationRelationId;
		case T_AlterTableStmt:
			return ConstraintRelationId;
		case T_CreateSubscriptionStmt:
			return SubscriptionRelationId;
		case T_CreatedbStmt:
			return DatabaseRelationId;
		case T_CreateTableSpaceStmt:
			return TableSpaceRelationId;
		default:
			return InvalidOid;
	}
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
	static MemoryContext context = NULL;
	MemoryContext before = CurrentMemoryContext;
	QueryCompletion completion;
	DestReceiver *receiver;
	Portal		portal;
	ErrorContextCallback callback = {error_context_stack, place_in_statement, unconstify(char *, sql)};

	/* What one that failed has left goes now. */
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "statement at top level", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(context);
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
	MemoryContextReset(context);
	return completion.nprocessed;
}

void
mig_top_level_sql(const char *sql)
{
	(void) run(sql, NULL, NULL);
}

uint64
mig_top_level_run(const Migration *migration, const ScriptStatement *stmt, Oid table, TopLevelEnd at_end, void *arg)
{
	volatile uint64 rows = 0;

	makes_for = migration;
	makes_of = class_made(stmt);
	makes_on = IsA(stmt->raw->stmt, IndexStmt) ? table : InvalidOid;
	PG_TRY();
	{
		rows = run(stmt->sql, at_end, arg);
	}
	PG_FINALLY();
	{
		makes_for = NULL;
	}
	PG_END_TRY();
	return rows;
}
