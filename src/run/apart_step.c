/*
 * apart_step.c
 *		One step in the worker: a transaction, or a statement at top level between
 *		the records that it begins and that it is done.
 */
#include "postgres.h"

#include "capture/capture.h"
#include "common/faults.h"
#include "executor/instrument.h"
#include "run/activity.h"
#include "run/apart_private.h"
#include "run/call.h"
#include "run/deployer.h"
#include "schema/expected.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

/* One transaction: the statements, their records, and that they are done. */
static void
run_transaction(Apart *apart, ScriptStep step)
{
	Execution  *execution = &apart->run.execution;

	apart_begin(apart);
	execution->first = step.first;
	execution->last = step.last;
	execution->records = palloc0((step.last - step.first + 1) * sizeof(StatementRecord));
	execution->done = 0;
	mig_capture_migration(apart->job->attempt_id);
	mig_expected_begin();
	mig_execute(execution);
	MIG_FAULT("apart_executed");
	mig_step_check_deferred(execution, false);
	mig_capture_migration(0);
	mig_step_check_ledger(execution, apart->ledger);
	mig_expected_move(apart->migration->project, apart->migration->name);
	if (!apart->job->half_done)
		apart_note_half_done(apart);
	ledger_write_statements(apart->job->attempt_id, execution->records, execution->done);
	MIG_FAULT("apart_statements_written");
	apart_note_done(apart, step.last);
	MIG_FAULT("apart_step_written");
	/* What the commit runs, as cursors and deferred triggers do, is the migration's. */
	mig_deployer_inside_worker(true);
	apart_commit(apart);
	mig_deployer_inside_worker(false);
	apart->job->half_done = true;
	/* Whatever fails from here on, it is not to run again. */
	apart_count_done(apart, step.last);
	apart_note_behind(apart, step.last);
	MIG_FAULT("apart_step_committed");
}

/*
 * What works concurrently waits for other transactions without anybody waiting
 * for it: the lock timeout of migrations, which is there for those behind, is
 * not for it, unless the migration says so.
 */
static bool
waits_for_as_long_as_it_takes(const Apart *apart, const ScriptStatement *stmt)
{
	return stmt->concurrent && apart->options.lock_timeout < 0 && LockTimeout == mig_lock_timeout;
}

/* A statement at top level, as it is recorded. */
typedef struct TopLevel
{
	Apart	   *apart;
	StatementRecord record;
	uint64		wal;			/* written before it */
} TopLevel;

static void
write_done(uint64 rows, void *arg)
{
	TopLevel   *top = arg;
	Apart	   *apart = top->apart;
	StatementRecord *record = &top->record;

	apart_allow_writing();
	record->rows = rows;
	record->duration = GetCurrentTimestamp() - record->started_at;
	record->wal_bytes = pgWalUsage.wal_bytes - top->wal;
	mig_locks_after(apart->locks, record);
	mig_step_check_ledger(&apart->run.execution, apart->ledger);
	mig_expected_move(apart->migration->project, apart->migration->name);
	ledger_write_statements(apart->job->attempt_id, record, 1);
	apart_note_done(apart, record->number);
}

/*
 * What the catalog does not show is written in the statement's own last
 * transaction.  What makes or removes files is not to wait for that with its
 * commit.
 */
static bool
is_recorded_within(const ScriptStatement *stmt)
{
	return IsA(stmt->raw->stmt, CallStmt) || IsA(stmt->raw->stmt, DoStmt) || IsA(stmt->raw->stmt, AlterSubscriptionStmt);
}

/* A statement at top level, between the records that it begins and that it is done. */
static void
run_top_level(Apart *apart, int number)
{
	ScriptStatement *stmt = apart_statement(apart, number);
	Execution  *execution = &apart->run.execution;
	TopLevel	top = {apart};
	ErrorContextCallback callback = {error_context_stack, mig_execution_context, execution};
	bool		waits = waits_for_as_long_as_it_takes(apart, stmt);
	bool		within = is_recorded_within(stmt);
	Oid			table;
	uint64		rows;

	execution->current = stmt;
	error_context_stack = &callback;
	apart_begin(apart);
	if (!apart->job->half_done)
		apart_note_half_done(apart);
	apart_require_own(apart);
	mig_refuse_invalid_index(stmt);
	table = mig_reconcile_note(apart->migration, apart->text->checksum, stmt, apart_session(apart));
	mig_expected_begin();
	MIG_FAULT("apart_intent_written");
	apart->began = number;
	apart_commit(apart);
	mig_top_level_not_begun();
	MIG_FAULT("apart_intent_committed");
	apart->job->half_done = true;
	apart_describe(&top.record, stmt);
	top.record.started_at = GetCurrentTimestamp();
	top.wal = pgWalUsage.wal_bytes;
	mig_locks_at(apart->locks, stmt);
	mig_deployer_inside_worker(true);
	mig_capture_session(apart->job->attempt_id);
	if (waits)
		apart_set_lock_timeout(0);
	mig_worker_keep_encoding();
	mig_activity_statement(execution->full_name, number, apart->script->nstatements, stmt->sql);
	rows = mig_top_level_run(apart->migration, stmt, table, within ? write_done : NULL, &top);
	MIG_FAULT("apart_statement_ended");
	if (waits)
		apart_set_lock_timeout(mig_lock_timeout);
	mig_capture_session(0);
	mig_deployer_inside_worker(false);
	error_context_stack = callback.previous;
	if (!within)
	{
		apart_begin(apart);
		write_done(rows, &top);
		MIG_FAULT("apart_statement_written");
		apart_commit(apart);
	}
	execution->current = NULL;
	execution->rows += top.record.rows;
	execution->wal_bytes += top.record.wal_bytes;
	apart_count_done(apart, number);
	apart_note_behind(apart, number);
	MIG_FAULT("apart_statement_committed");
}

void
apart_wait_for_locks(Apart *apart)
{
	bool		again = true;

	while (again)
	{
		apart_begin(apart);
		mig_locks_look(apart->locks);
		apart_commit(apart);
		apart_begin(apart);
		again = mig_locks_sleep(apart->locks);
		apart_commit(apart);
	}
}

/* Run a step; the error, if it failed for what can be changed, is taken, and nothing of it stands. */
static ErrorData *
try_step(Apart *apart, ScriptStep step)
{
	Execution  *execution = &apart->run.execution;
	int64		rows = execution->rows;
	int64		wal_bytes = execution->wal_bytes;
	List	   *held = mig_session_locks();
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		if (step.top_level)
			run_top_level(apart, step.first);
		else
			run_transaction(apart, step);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(apart->context);
		error = CopyErrorData();
		FlushErrorState();
		apart_abort(apart);
		mig_session_locks_give_back(held);
		execution->rows = rows;
		execution->wal_bytes = wal_bytes;
	}
	PG_END_TRY();
	return error;
}

/* ---- what makes a step worth another try ---- */

bool
apart_commits_itself(const Apart *apart, int number)
{
	const Node *stmt = apart_statement(apart, number)->raw->stmt;

	return IsA(stmt, CallStmt) || IsA(stmt, DoStmt);
}

bool
apart_has_left_something(const Apart *apart, const Unfinished *now)
{
	if (now->under_way != apart->began)
		return true;
	if (apart_commits_itself(apart, now->under_way))
		return mig_top_level_has_committed();
	return mig_reconcile_left(apart_statement(apart, now->under_way), now);
}

/*
 * Can a statement at top level that failed run again?  What it has left is
 * cleared up.  What works concurrently had as long as it takes, unless others
 * and it waited for each other.
 */
static bool
can_run_again(Apart *apart, ScriptStep step, const ErrorData *error)
{
	const ScriptStatement *stmt = apart_statement(apart, step.first);
	bool		left;
	bool		known;

	if (!step.top_level)
		return true;
	apart_begin(apart);
	apart->before = apart_require_own(apart);
	if (apart->before->under_way == 0)
	{
		/* It has not begun: there was no lock to write that it does. */
		apart_commit(apart);
		return true;
	}
	if (stmt->concurrent && error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
	{
		apart_commit(apart);
		return false;
	}
	left = apart_has_left_something(apart, apart->before);
	known = !left || mig_reconcile(stmt, apart->before).verdict != VERDICT_UNKNOWN;
	if (!left)
		apart_note_done(apart, apart->before->done);
	apart_commit(apart);
	if (left && known)
		apart_reconcile(apart);
	return known;
}

const char *
apart_held_name(const ScriptStatement *held)
{
	return IsA(held->raw->stmt, VariableSetStmt) ? "SET LOCAL" : GetCommandTagName(held->tag);
}

/* The step could be divided, but for something that ends with its transaction. */
static void
explain_held(const Apart *apart, const ScriptStatement *held, ErrorData *error)
{
	MemoryContext before = MemoryContextSwitchTo(apart->context);
	bool		is_value = error->sqlerrcode == ERRCODE_UNSAFE_NEW_ENUM_VALUE_USAGE;

	error->detail = psprintf("%s, but statement %d, %s, holds to the end of its transaction only.",
							 is_value ? "The value would be committed before it is used" : "It would run behind the end of a transaction",
							 held->number, apart_held_name(held));
	error->hint = is_value ? "Put what adds the value into a migration of its own, before this one." :
		"SET without LOCAL holds to the end of the migration, and no longer.  What else is to hold cannot.";
	MemoryContextSwitchTo(before);
}

void
apart_run_step(Apart *apart, ScriptStep step)
{
	ErrorData  *error = try_step(apart, step);
	const ScriptStatement *failed = apart->run.execution.current;
	const ScriptStatement *held = NULL;

	if (error == NULL)
		mig_locks_begin(apart->locks);
	else if (!step.top_level && failed && mig_script_divide(apart->script, step, failed->number, error->sqlerrcode, &held))
		MIG_FAULT("apart_step_divided");
	else if (held)
	{
		explain_held(apart, held, error);
		ReThrowError(error);
	}
	else if (!mig_locks_failed(apart->locks, error) || !can_run_again(apart, step, error))
		ReThrowError(error);
	else if (apart->done < step.first)
		apart_wait_for_locks(apart);
}
