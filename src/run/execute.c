/*
 * execute.c
 *		Run the statements of a script in the present transaction.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/attempt.h"
#include "common/errors.h"
#include "executor/instrument.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "run/activity.h"
#include "run/deployer.h"
#include "run/run.h"
#include "run/worker.h"
#include "storage/proc.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

bool		mig_track_locks = false;

/* The line that says where an error happened. */
void
mig_execution_context(void *arg)
{
	Execution  *execution = arg;
	const ScriptStatement *stmt = execution->current;

	if (stmt == NULL && execution->last > 0 && execution->last < execution->script->nstatements)
		errcontext("migration \"%s\", at the end of statement %d of %d", execution->full_name, execution->last, execution->script->nstatements);
	else if (stmt == NULL)
		errcontext("migration \"%s\", at its end", execution->full_name);
	else if (execution->path)
		errcontext("migration \"%s\", statement %d of %d, line %d of %s", execution->full_name,
				   stmt->number, execution->script->nstatements, stmt->line, execution->path);
	else
		errcontext("migration \"%s\", statement %d of %d, line %d", execution->full_name,
				   stmt->number, execution->script->nstatements, stmt->line);
	if (stmt && execution->in_transaction && geterrcode() == ERRCODE_UNSAFE_NEW_ENUM_VALUE_USAGE)
		errhint("Let the run commit in between, outside of a transaction block, without \"atomic\", and with option \"transaction\" at \"auto\".");
	else if (stmt && execution->in_transaction && mig_script_wants_top_level(stmt, geterrcode()))
		errhint("It commits while it works: let the run commit, outside of a transaction block, without \"atomic\", and with option \"transaction\" at \"auto\".");
}

/*
 * The server arms statement_timeout once for what the client sent; here it
 * counts for each statement of a migration.
 */
void
mig_arm_statement_timeout(void)
{
	if (StatementTimeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
}

void
mig_disarm_statement_timeout(void)
{
	if (get_timeout_active(STATEMENT_TIMEOUT))
		disable_timeout(STATEMENT_TIMEOUT, false);
}

typedef struct OwnStatements
{
	void		(*function) (void *arg);
	void	   *arg;
} OwnStatements;

/* Stop the timer of the statement that failed, before what it did is rolled back. */
static void
run_own_statements(void *arg)
{
	const OwnStatements *own = arg;
	ErrorContextCallback *around = error_context_stack;

	/* What stands around us adds its context when the error is raised again. */
	error_context_stack = NULL;
	PG_TRY();
	{
		own->function(own->arg);
	}
	PG_CATCH();
	{
		mig_disarm_statement_timeout();
		PG_RE_THROW();
	}
	PG_END_TRY();
	error_context_stack = around;
}

ErrorData *
mig_attempt_statements(void (*function) (void *arg), void *arg, bool keep)
{
	OwnStatements own = {function, arg};

	return mig_attempt(run_own_statements, &own, keep);
}

/* What SPI reports instead of raising. */
static void
raise_spi_code(int code)
{
	if (code == SPI_ERROR_COPY)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("COPY has no client to talk to in a migration"),
				 errhint("Put the data behind it, from the line after COPY ... FROM stdin; to a line \\\\. of its own.")));
	ereport(ERROR,
			(errcode(ERRCODE_MIG_CANNOT_RUN),
			 errmsg("statement cannot be part of a migration: %s", SPI_result_code_string(code))));
}

/* The table that a statement may rewrite, or invalid. */
static Oid
rewrite_candidate(const Node *node)
{
	RangeVar   *relation = NULL;

	if (IsA(node, AlterTableStmt) && ((const AlterTableStmt *) node)->objtype == OBJECT_TABLE)
		relation = ((const AlterTableStmt *) node)->relation;
	else if (IsA(node, ClusterStmt))
		relation = ((const ClusterStmt *) node)->relation;
	else if (IsA(node, RefreshMatViewStmt))
		relation = ((const RefreshMatViewStmt *) node)->relation;
	return relation ? RangeVarGetRelid(relation, NoLock, true) : InvalidOid;
}

static Oid
file_node(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			node = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		node = ((Form_pg_class) GETSTRUCT(tuple))->relfilenode;
		ReleaseSysCache(tuple);
	}
	return node;
}

static ArrayType *
relation_array(Oid relation)
{
	char	   *name = get_rel_name(relation);
	Datum		element;

	if (name == NULL)
		return NULL;
	element = CStringGetTextDatum(quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name));
	return construct_array(&element, 1, TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * As for a statement of a client: planned with a snapshot that sees what the
 * statements before it did, which matters to functions that say they are
 * immutable and look.
 */
static void
push_fresh_snapshot(void)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
}

static uint64
run_sql(const ScriptStatement *stmt)
{
	SPIExecuteOptions options = {0};
	int			code;

	options.dest = None_Receiver;
	push_fresh_snapshot();
	code = SPI_execute_extended(stmt->sql, &options);
	PopActiveSnapshot();
	if (code < 0)
		raise_spi_code(code);
	return SPI_processed;
}

/* Run one statement; how it went is added to the execution. */
static void
run_statement(Execution *execution, const ScriptStatement *stmt)
{
	Oid			relation = execution->records ? rewrite_candidate(stmt->raw->stmt) : InvalidOid;
	Oid			before = OidIsValid(relation) ? file_node(relation) : InvalidOid;
	uint64		wal = pgWalUsage.wal_bytes;
	TimestampTz start;
	uint64		rows;

	CHECK_FOR_INTERRUPTS();
	mig_worker_keep_encoding();
	mig_activity_statement(execution->full_name, stmt->number, execution->script->nstatements, stmt->sql);
	if (execution->locks)
		mig_locks_before(execution->locks, stmt);
	mig_refuse_invalid_index(stmt);
	start = GetCurrentTimestamp();
	mig_arm_statement_timeout();
	if (IsA(stmt->raw->stmt, PrepareStmt))
		mig_prepare_before((const PrepareStmt *) stmt->raw->stmt);
	rows = stmt->copy_data ? mig_copy_data(stmt) : run_sql(stmt);
	if (IsA(stmt->raw->stmt, PrepareStmt))
		mig_prepare_after((const PrepareStmt *) stmt->raw->stmt);
	mig_disarm_statement_timeout();
	CommandCounterIncrement();

	execution->rows += rows;
	execution->wal_bytes += pgWalUsage.wal_bytes - wal;
	if (execution->records)
	{
		StatementRecord *record = &execution->records[execution->done];
		MemoryContext before_record = MemoryContextSwitchTo(execution->context);

		record->number = stmt->number;
		record->line = stmt->line;
		record->tag = GetCommandTagName(stmt->tag);
		record->started_at = start;
		record->duration = GetCurrentTimestamp() - start;
		record->rows = rows;
		record->wal_bytes = pgWalUsage.wal_bytes - wal;
		if (OidIsValid(before) && file_node(relation) != before)
			record->rewritten = relation_array(relation);
		if (mig_track_locks)
			record->locks = ledger_own_locks();
		if (execution->locks)
			mig_locks_after(execution->locks, record);
		MemoryContextSwitchTo(before_record);
	}
	execution->done++;
}

/* Statements of a migration may not work on the run they are part of. */
static void
run_all(Execution *execution)
{
	ListCell   *cell;

	mig_deployer_inside(true);
	foreach(cell, execution->script->statements)
	{
		const ScriptStatement *stmt = lfirst(cell);

		if (execution->first > 0 && (stmt->number < execution->first || stmt->number > execution->last))
			continue;
		execution->current = stmt;
		run_statement(execution, stmt);
	}
	mig_deployer_inside(false);
}

void
mig_execute(Execution *execution)
{
	ErrorContextCallback callback = {error_context_stack, mig_execution_context, execution};

	error_context_stack = &callback;
	execution->context = CurrentMemoryContext;
	SPI_connect();
	run_all(execution);
	mig_activity_call();
	SPI_finish();
	error_context_stack = callback.previous;
}

/* Raise unless what a verify statement returned passes. */
static void
judge_verify(const Execution *execution)
{
	const ScriptStatement *stmt = execution->current;
	bool		isnull;
	Datum		value;

	if (SPI_tuptable == NULL || SPI_processed == 0 ||
		SPI_gettypeid(SPI_tuptable->tupdesc, 1) != BOOLOID)
		return;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
		if (isnull || !DatumGetBool(value))
			ereport(ERROR,
					(errcode(ERRCODE_MIG_VERIFY_FAILED),
					 errmsg("verify of migration \"%s\" failed", execution->full_name),
					 errdetail("Statement %d returned %s: %s", stmt->number, isnull ? "NULL" : "false", stmt->sql)));
	}
}

static void
run_verify_statements(Execution *execution)
{
	ListCell   *cell;

	mig_deployer_inside(true);
	foreach(cell, execution->script->statements)
	{
		const ScriptStatement *stmt = lfirst(cell);
		int			code;

		execution->current = stmt;
		CHECK_FOR_INTERRUPTS();
		mig_arm_statement_timeout();
		push_fresh_snapshot();
		if (stmt->copy_data)
			mig_copy_data(stmt);
		else if ((code = SPI_execute(stmt->sql, false, 0)) < 0)
			raise_spi_code(code);
		else
			judge_verify(execution);
		PopActiveSnapshot();
		mig_disarm_statement_timeout();
	}
	mig_deployer_inside(false);
}

static void
verify(void *arg)
{
	ErrorContextCallback callback = {error_context_stack, mig_execution_context, arg};

	error_context_stack = &callback;
	SPI_connect();
	run_verify_statements(arg);
	SPI_finish();
	error_context_stack = callback.previous;
}

/*
 * Run a verify script in a subtransaction that is always rolled back.  Raises
 * MG011 for a check that fails, with what an error of the script said; one that
 * has not got a lock, or enough memory, has checked nothing.
 */
void
mig_execute_verify(Execution *execution)
{
	ErrorData  *error = mig_attempt_statements(verify, execution, false);

	if (error == NULL)
	{
		execution->current = NULL;
		return;
	}
	/* Neither says that what is to be verified is wrong. */
	if (mig_locks_is_about(error) || error->sqlerrcode == ERRCODE_UNSAFE_NEW_ENUM_VALUE_USAGE)
		ReThrowError(error);
	ereport(ERROR,
			(errcode(ERRCODE_MIG_VERIFY_FAILED),
			 error->sqlerrcode == ERRCODE_MIG_VERIFY_FAILED ? errmsg_internal("%s", error->message) :
			 errmsg("verify of migration \"%s\" failed: %s", execution->full_name, error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0,
			 errcontext("%s", error->context ? error->context : "")));
}
