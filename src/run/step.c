/*
 * step.c
 *		One step of a run: prepare it, run its script, write what came of it.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "capture/capture.h"
#include "common/errors.h"
#include "common/faults.h"
#include "miscadmin.h"
#include "run/cancel.h"
#include "run/deployer.h"
#include "run/events.h"
#include "run/run.h"
#include "schema/expected.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* The text that the plan has seen, whatever has been registered since. */
StoredText *
mig_step_text(const Migration *migration, ScriptPart part)
{
	const bytea *checksum = part == PART_UP ? migration->up :
		part == PART_DOWN ? migration->down : migration->verify;

	return ledger_read_text(migration->project, migration->name, part, checksum);
}

/* Read the text of a step as it is registered, and split it. */
static StoredText *
read_script(StepRun *run, const Migration *migration, ScriptPart part)
{
	StoredText *text = mig_step_text(migration, part);

	if (text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_NO_SUCH_MIGRATION),
				 errmsg("migration \"%s\" has been unregistered during the run", run->execution.full_name)));
	run->execution.path = text->path;
	run->execution.script = mig_script_read(text->body, part, text->path, text->line);
	run->execution.records = palloc0(Max(run->execution.script->nstatements, 1) * sizeof(StatementRecord));
	run->attempt.checksum = text->checksum;
	return text;
}

/* A verify script stands for what its migration has to have done. */
void
mig_step_verify(StepRun *run, const Migration *migration)
{
	StoredText *text;

	if (migration->verify_problem)
		ereport(WARNING,
				(errmsg("the verify of migration \"%s\" cannot be run, and says nothing", mig_full_name(migration)),
				 errdetail_internal("%s.", migration->verify_problem),
				 errhint("Register it again with one that can.")));
	if (migration->verify == NULL || migration->verify_problem)
		return;
	text = mig_step_text(migration, PART_VERIFY);
	if (text == NULL)
		return;
	run->verify.full_name = run->execution.full_name;
	run->verify.path = text->path;
	run->verify.script = mig_script_read(text->body, PART_VERIFY, text->path, text->line);
	mig_execute_verify(&run->verify);
}

void
mig_step_check_ledger(const Execution *execution, Oid ledger)
{
	if (ledger_identity() != ledger)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("migration \"%s\" removes pg_migrations itself", execution->full_name),
				 errhint("Drop the extension outside of migrations: DROP EXTENSION pg_migrations;")));
}

static void
run_script(StepRun *run, const Migration *migration, ScriptPart part)
{
	StoredText *text = read_script(run, migration, part);
	MigrationOptions options;
	Oid			ledger = ledger_identity();
	int			level;

	mig_migration_options_read(text->options, &options);
	run->execution.in_transaction = true;
	run->indivisible = strcmp(options.transaction, "on") == 0;
	if (run->locks)
		mig_locks_migration(run->locks, migration->project, migration->name, options.lock_total);
	level = mig_guard_enter(&options);
	mig_capture_migration(run->attempt.id);
	mig_expected_begin();
	mig_execute(&run->execution);
	MIG_FAULT("step_executed");
	if (run->check_deferred)
		mig_step_check_deferred(&run->execution, run->defer_again);
	if (part == PART_UP)
		mig_step_verify(run, migration);
	mig_capture_migration(0);
	mig_guard_leave(level);
	mig_step_check_ledger(&run->execution, ledger);
	mig_expected_move(migration->project, migration->name);
}

void
mig_step_succeeded(StepRun *run)
{
	bool		revert = run->order.action == STEP_REVERT;
	const char *state = revert ? "reverted" : run->order.action == STEP_MARK ? "marked" : "applied";

	run->attempt.outcome = state;
	run->attempt.finished_at = GetCurrentTimestamp();
	run->attempt.end_lsn = RecoveryInProgress() ? 0 : GetXLogInsertRecPtr();
	run->attempt.statements = run->execution.done;
	run->attempt.rows = run->execution.rows;
	run->attempt.wal_bytes = run->execution.wal_bytes;
	ledger_write_outcome(&run->attempt, run->execution.records,
						 run->execution.records ? run->execution.done : 0, state,
						 revert ? NULL : run->order.followed, run->order.detail);
	MIG_FAULT("step_outcome_written");
	if (run->tells)
		mig_event_migration(&run->attempt, "step");
	mig_succession(run->order.migration, &run->attempt, revert ? SUCCESSION_UNDONE : SUCCESSION_APPLIED);
}

void
mig_step_prepare(StepRun *run, int64 attempt_id)
{
	const Migration *migration = run->order.migration;

	memset(&run->attempt, 0, sizeof(Attempt));
	memset(&run->execution, 0, sizeof(Execution));
	memset(&run->verify, 0, sizeof(Execution));
	run->attempt.id = attempt_id;
	run->attempt.run_id = run->run_id;
	run->attempt.project = migration->project;
	run->attempt.name = migration->name;
	run->attempt.action = run->order.action == STEP_REVERT ? "revert" :
		run->order.action == STEP_MARK ? "mark" : "apply";
	run->attempt.started_at = GetCurrentTimestamp();
	run->attempt.start_lsn = GetXLogInsertRecPtr();
	run->attempt.reason = run->reason;
	run->attempt.checksum = migration->up;
	run->execution.full_name = mig_full_name(migration);
	run->execution.locks = run->locks;
}

void
mig_step_begin(StepRun *run)
{
	run->attempt.id = ledger_next_attempt();
	MIG_FAULT("step_begun");
}

void
mig_step_run(StepRun *run)
{
	switch (run->order.action)
	{
		case STEP_APPLY:
			run_script(run, run->order.migration, PART_UP);
			break;
		case STEP_REVERT:
			run_script(run, run->order.migration, PART_DOWN);
			break;
		case STEP_MARK:
			break;
	}
	mig_step_succeeded(run);
}

static void
write_failure(StepRun *run, const ErrorData *error, const char *outcome)
{
	const ScriptStatement *stmt = run->verify.current ? run->verify.current : run->execution.current;

	run->attempt.outcome = outcome;
	run->attempt.finished_at = GetCurrentTimestamp();
	run->attempt.statements = run->execution.done;
	run->attempt.rows = run->execution.rows;
	run->attempt.wal_bytes = run->execution.wal_bytes;
	run->attempt.error = error;
	if (stmt)
	{
		run->attempt.error_statement = stmt->sql;
		run->attempt.error_statement_no = stmt->number;
		run->attempt.error_line = stmt->line;
	}
	ledger_write_attempt(&run->attempt);
	MIG_FAULT("step_failure_written");
	if (run->tells)
		mig_event_migration(&run->attempt, "failure");
}

/* "42P07 at statement 3, line 7" */
static char *
failure_place(const StepRun *run, const ErrorData *error)
{
	if (run->attempt.error_statement_no == 0)
		return pstrdup(unpack_sql_state(error->sqlerrcode));
	return psprintf("%s at statement %d, line %d%s", unpack_sql_state(error->sqlerrcode),
					run->attempt.error_statement_no, run->attempt.error_line, run->verify.current ? " of its verify" : "");
}

/* Does some of it stand, from an attempt before this one? */
static bool
was_half_done(const StepRun *run)
{
	const Unfinished *unfinished = ledger_unfinished(run->attempt.project, run->attempt.name);

	return unfinished && (unfinished->done > 0 || unfinished->under_way > 0);
}

void
mig_step_failed(StepRun *run, const ErrorData *error)
{
	write_failure(run, error, mig_was_cancelled(error) ? "cancelled" : "failed");
	if (run->order.action == STEP_REVERT || run->order.is_applied || was_half_done(run))
		return;
	ledger_set_state(run->attempt.project, run->attempt.name, "failed", &run->attempt, NULL,
					 failure_place(run, error));
}

const char *
mig_step_in_doubt(int number)
{
	return number ? psprintf(", and some of statement %d may", number) : "";
}

void
mig_step_interrupted(StepRun *run, const ErrorData *error, const char *outcome, int done, int total, int in_doubt)
{
	write_failure(run, error, outcome);
	ledger_set_state(run->attempt.project, run->attempt.name, "interrupted", &run->attempt, NULL,
					 psprintf("%s; %d of %d statements stand%s", failure_place(run, error), done, total, mig_step_in_doubt(in_doubt)));
}
