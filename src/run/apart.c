/*
 * apart.c
 *		Run a migration step by step, in the worker: each step is committed with
 *		the record of it, and the next attempt goes on behind the last one.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "capture/capture.h"
#include "catalog/pg_authid.h"
#include "common/errors.h"
#include "common/faults.h"
#include "common/lines.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "run/activity.h"
#include "run/apart.h"
#include "run/cancel.h"
#include "run/deployer.h"
#include "schema/expected.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* What the worker works on, all of it in its own memory. */
typedef struct Apart
{
	ApartJob   *job;
	StepRun		run;
	RunPlan		plan;
	const Migration *migration;
	Script	   *script;
	StoredText *text;
	MigrationOptions options;
	LockWait   *locks;
	bool		every;			/* each statement is a step */
	int			done;			/* statements that stand, of this attempt and those before */
	Oid			user;			/* to be again, after a superuser */
	int			began;			/* number of the last statement begun at top level */
	bool		noted;			/* that the migration is half done */
	Unfinished *before;			/* where another attempt stopped, or NULL */
	MemoryContext context;
} Apart;

static ScriptStatement *
statement(const Apart *apart, int number)
{
	return list_nth(apart->script->statements, number - 1);
}

static void
begin(Apart *apart)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	MemoryContextSwitchTo(apart->context);
}

static void
commit(Apart *apart)
{
	CommitTransactionCommand();
	MemoryContextSwitchTo(apart->context);
}

/* ---- where to begin ---- */

/* Make the step that the caller asks for of what is registered now. */
static void
read_migration(Apart *apart, const char *reason)
{
	ApartJob   *job = apart->job;
	FullName	full = {job->project, job->name};
	PlanStep   *step = palloc0(sizeof(PlanStep));
	ScriptPart	part = job->revert ? PART_DOWN : PART_UP;

	apart->plan.model = mig_model_read(NIL, NULL, NULL);
	step->node = mig_model_need(apart->plan.model, &full);
	step->action = job->revert ? STEP_REVERT : STEP_APPLY;
	apart->run.locks = apart->locks;
	apart->migration = apart->plan.model->nodes[step->node].migration;
	apart->run.run_id = job->run_id;
	apart->run.reason = reason;
	apart->run.plan = &apart->plan;
	apart->run.step = step;
	apart->run.tells = true;
	mig_step_prepare(&apart->run, job->attempt_id);
	apart->text = mig_step_text(apart->migration, part);
	if (apart->text == NULL || memcmp(VARDATA(apart->text->checksum), job->checksum, sizeof(job->checksum)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_TEXT_CHANGED),
				 errmsg("the text of migration \"%s\" has changed meanwhile", mig_full_name(apart->migration)),
				 errhint("CALL migrate.apply();")));
	apart->script = mig_script_read(apart->text->body, part, apart->text->path, apart->text->line);
	mig_migration_options_read(apart->text->options, &apart->options);
	mig_locks_migration(apart->locks, job->project, job->name, apart->options.lock_total);
	apart->every = strcmp(apart->options.transaction, "off") == 0;
	apart->run.execution.path = apart->text->path;
	apart->run.execution.script = apart->script;
	apart->run.attempt.checksum = apart->text->checksum;
	job->total = apart->script->nstatements;
}

/* Write that it begins, before anything does. */
static void
write_start(Apart *apart)
{
	Unfinished	unfinished = {0};

	apart->before = ledger_unfinished(apart->migration->project, apart->migration->name);
	unfinished.project = apart->migration->project;
	unfinished.name = apart->migration->name;
	unfinished.part = apart->job->revert ? PART_DOWN : PART_UP;
	unfinished.checksum = apart->text->checksum;
	ledger_begin_unfinished(&unfinished, apart->job->attempt_id, apart->job->run_id);
	MIG_FAULT("apart_start_noted");
	apart->run.attempt.outcome = "started";
	ledger_write_attempt(&apart->run.attempt);
	if (apart->before)
	{
		apart->done = apart->job->statements = apart->before->done;
		apart->noted = apart->before->done > 0 || apart->before->under_way > 0;
	}
}

/* From when something of it stands, or may stand, until all does. */
static void
note_half_done(Apart *apart)
{
	if (apart->noted)
		return;
	apart->run.attempt.finished_at = GetCurrentTimestamp();
	ledger_set_state(apart->migration->project, apart->migration->name, "interrupted", &apart->run.attempt, NULL, NULL);
}

/* ---- steps ---- */

static void
note_done(const Apart *apart, int last)
{
	ledger_note_done(apart->migration->project, apart->migration->name, apart->text->checksum, last);
}

static void
count_done(Apart *apart, int last)
{
	apart->done = last;
	apart->job->statements = last;
}

/* One transaction: the statements, their records, and that they are done. */
static void
run_transaction(Apart *apart, ScriptStep step)
{
	Execution  *execution = &apart->run.execution;

	begin(apart);
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
	mig_expected_move(apart->migration->project, apart->migration->name);
	note_half_done(apart);
	ledger_write_statements(apart->job->attempt_id, execution->records, execution->done);
	MIG_FAULT("apart_statements_written");
	note_done(apart, step.last);
	MIG_FAULT("apart_step_written");
	commit(apart);
	MIG_FAULT("apart_step_committed");
	apart->noted = true;
	count_done(apart, step.last);
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

static void
set_lock_timeout(int ms)
{
	(void) set_config_option("lock_timeout", psprintf("%d", ms), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
}

static void
describe(StatementRecord *record, const ScriptStatement *stmt)
{
	record->number = stmt->number;
	record->line = stmt->line;
	record->tag = GetCommandTagName(stmt->tag);
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

	record->rows = rows;
	record->duration = GetCurrentTimestamp() - record->started_at;
	record->wal_bytes = pgWalUsage.wal_bytes - top->wal;
	mig_locks_after(apart->locks, record);
	mig_expected_move(apart->migration->project, apart->migration->name);
	ledger_write_statements(apart->job->attempt_id, record, 1);
	note_done(apart, record->number);
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
	ScriptStatement *stmt = statement(apart, number);
	Execution  *execution = &apart->run.execution;
	TopLevel	top = {apart};
	ErrorContextCallback callback = {error_context_stack, mig_execution_context, execution};
	bool		waits = waits_for_as_long_as_it_takes(apart, stmt);
	bool		within = is_recorded_within(stmt);
	uint64		rows;

	begin(apart);
	note_half_done(apart);
	ledger_note_under_way(apart->migration->project, apart->migration->name, apart->text->checksum, number,
						  mig_reconcile_object(stmt));
	mig_expected_begin();
	MIG_FAULT("apart_intent_written");
	commit(apart);
	MIG_FAULT("apart_intent_committed");
	apart->noted = true;
	apart->began = number;
	execution->current = stmt;
	describe(&top.record, stmt);
	top.record.started_at = GetCurrentTimestamp();
	top.wal = pgWalUsage.wal_bytes;
	error_context_stack = &callback;
	mig_locks_at(apart->locks, stmt);
	mig_deployer_inside_worker(true);
	mig_capture_session(apart->job->attempt_id);
	if (waits)
		set_lock_timeout(0);
	mig_activity_statement(execution->full_name, number, apart->script->nstatements, stmt->sql);
	rows = mig_top_level_run(apart->migration, stmt, within ? write_done : NULL, &top);
	MIG_FAULT("apart_statement_ended");
	if (waits)
		set_lock_timeout(mig_lock_timeout);
	mig_capture_session(0);
	mig_deployer_inside_worker(false);
	error_context_stack = callback.previous;
	if (!within)
	{
		begin(apart);
		write_done(rows, &top);
		MIG_FAULT("apart_statement_written");
		commit(apart);
		MIG_FAULT("apart_statement_committed");
	}
	execution->rows += top.record.rows;
	execution->wal_bytes += top.record.wal_bytes;
	count_done(apart, number);
}

/* Nothing of what was under way stands, as far as a transaction can see to it. */
static void
abort_all(Apart *apart)
{
	mig_disarm_statement_timeout();
	mig_capture_session(0);
	mig_deployer_inside_worker(false);
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(apart->context);
}

/* Some lock was not to be had: wait until it may be, with nothing held. */
static void
wait_for_locks(Apart *apart)
{
	bool		again = true;

	while (again)
	{
		begin(apart);
		mig_locks_look(apart->locks);
		commit(apart);
		begin(apart);
		again = mig_locks_sleep(apart->locks);
		commit(apart);
	}
}

/* Run a step; the error, if it failed for what can be changed, is taken, and nothing of it stands. */
static ErrorData *
try_step(Apart *apart, ScriptStep step)
{
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
		abort_all(apart);
	}
	PG_END_TRY();
	return error;
}

/* ---- going on where another attempt stopped ---- */

void
mig_apart_check_text(const Unfinished *unfinished, const char *body)
{
	char	   *before = ledger_text_by_checksum(unfinished->project, unfinished->checksum, unfinished->part);
	const char *name = psprintf("%s:%s", unfinished->project, unfinished->name);
	int			changed = 0;

	if (before && strcmp(before, body) != 0)
		changed = mig_script_first_change(mig_script_read(before, unfinished->part, NULL, 1),
										  mig_script_read(body, unfinished->part, NULL, 1), unfinished->done);
	if (changed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_INTERRUPTED),
				 errmsg("migration \"%s\" is half done, and statement %d of it, which stands, was changed", name, changed),
				 errdetail_plural("Its first %d statement stands.", "Its first %d statements stand.",
							  unfinished->done, unfinished->done),
				 errhint("Leave those as they were.  If they were undone by hand: SELECT migrate.resolve('%s', 'restart', '<why>');", name)));
}

/* What the script had set for its session holds for what comes behind it, too. */
static void
set_again(Apart *apart)
{
	for (int number = 1; number <= apart->done; number++)
		if (mig_script_sets_session(statement(apart, number)))
			mig_top_level_sql(statement(apart, number)->sql);
}

static void
raise_unknown(const Apart *apart, const ScriptStatement *stmt, const char *evidence)
{
	const char *name = mig_full_name(apart->migration);

	ereport(ERROR,
			(errcode(ERRCODE_MIG_INTERRUPTED),
			 errmsg("migration \"%s\" was interrupted in statement %d, and nobody knows whether it was done", name, stmt->number),
			 errdetail("%s  %s: %s", mig_place(apart->text->path, stmt->line), GetCommandTagName(stmt->tag), evidence),
			 errhint("Look, then say which: SELECT migrate.resolve('%s', 'skip_statement', '<it was done>');"
					 " or SELECT migrate.resolve('%s', 'continue', '<it was not done>');", name, name)));
}

/* The statement that was under way, as it was then. */
static const ScriptStatement *
statement_before(const Apart *apart)
{
	const Unfinished *before = apart->before;
	char	   *body = ledger_text_by_checksum(before->project, before->checksum, before->part);

	if (body == NULL)
		body = apart->text->body;
	return list_nth(mig_script_read(body, before->part, NULL, 1)->statements, before->under_way - 1);
}

static void
clear_up(Apart *apart, const Remedy *remedy)
{
	bool		waits = apart->options.lock_timeout < 0;

	ereport(NOTICE,
			(errmsg("an earlier attempt has left something: %s", remedy->sql)));
	mig_capture_session(apart->job->attempt_id);
	if (waits)
		set_lock_timeout(0);
	apart->user = GetUserId();
	if (remedy->as_superuser)
		SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, 0);
	mig_top_level_sql(remedy->sql);
	MIG_FAULT("apart_cleared_up");
	SetUserIdAndSecContext(apart->user, 0);
	apart->user = InvalidOid;
	if (waits)
		set_lock_timeout(mig_lock_timeout);
	mig_capture_session(0);
}

/* A statement was under way: find out what became of it, and clear up what it left. */
static void
reconcile(Apart *apart)
{
	int			number = apart->before->under_way;
	const ScriptStatement *stmt;
	StatementRecord record = {0};
	Reconciliation result;
	ListCell   *cell;

	record.started_at = GetCurrentTimestamp();
	begin(apart);
	stmt = statement_before(apart);
	result = mig_reconcile(apart->migration, stmt, apart->before->object);
	commit(apart);
	MIG_FAULT("apart_judged");
	if (number <= apart->script->nstatements && strcmp(stmt->sql, statement(apart, number)->sql) == 0)
		stmt = statement(apart, number);
	else if (result.verdict == VERDICT_DONE)
	{
		result.verdict = VERDICT_UNKNOWN;
		result.evidence = psprintf("It was done as it was before the text was changed: %s", stmt->sql);
	}
	apart->run.execution.current = stmt;
	describe(&record, stmt);
	if (result.verdict == VERDICT_UNKNOWN)
		raise_unknown(apart, stmt, result.evidence);
	foreach(cell, result.before)
		clear_up(apart, lfirst(cell));
	if (result.verdict != VERDICT_DONE)
		return;
	record.duration = GetCurrentTimestamp() - record.started_at;
	begin(apart);
	mig_expected_claim(apart->migration->project, apart->migration->name, mig_reconcile_object(stmt));
	ledger_write_statements(apart->job->attempt_id, &record, 1);
	note_done(apart, number);
	MIG_FAULT("apart_done_already_written");
	commit(apart);
	MIG_FAULT("apart_done_already_committed");
	count_done(apart, number);
}

static void
go_on(Apart *apart)
{
	if (apart->before == NULL || apart->before->done + apart->before->under_way == 0)
		return;
	begin(apart);
	mig_apart_check_text(apart->before, apart->text->body);
	commit(apart);
	ereport(NOTICE,
			(errmsg("migration \"%s\" goes on behind statement %d of %d", mig_full_name(apart->migration),
					apart->done, apart->script->nstatements)));
	set_again(apart);
	MIG_FAULT("apart_set_again");
	if (apart->before->under_way > 0)
		reconcile(apart);
}

/* ---- from the beginning to the end ---- */

/* The outcome is a row of its own, of the same attempt. */
static void
begin_outcome(Apart *apart)
{
	begin(apart);
	apart->run.attempt.attempt_id = apart->job->attempt_id;
	apart->run.attempt.id = ledger_next_attempt();
}

static void
finish(Apart *apart)
{
	begin_outcome(apart);
	mig_capture_migration(0);
	mig_step_verify(&apart->run, apart->migration);
	apart->run.execution.records = NULL;
	apart->run.execution.done = apart->done;
	ledger_end_unfinished(apart->migration->project, apart->migration->name);
	mig_step_succeeded(&apart->run);
	MIG_FAULT("apart_outcome_written");
	commit(apart);
	apart->job->succeeded = true;
}

/* Has the statement under way left anything, as far as can be known? */
static bool
has_left_something(const Apart *apart, const Unfinished *now)
{
	const ScriptStatement *stmt;

	if (now->under_way != apart->began)
		return true;
	stmt = statement(apart, now->under_way);
	if (IsA(stmt->raw->stmt, CallStmt) || IsA(stmt->raw->stmt, DoStmt))
		return mig_top_level_has_committed();
	return mig_reconcile_left(apart->migration, stmt, now->object);
}

/* Does anything of the migration stand?  One that was applied does until all of it is reverted. */
static bool
is_half_done(const Apart *apart)
{
	const Unfinished *now = ledger_unfinished(apart->migration->project, apart->migration->name);

	if (now == NULL)
		return false;
	if (now->under_way > 0)
	{
		if (has_left_something(apart, now))
			return true;
		note_done(apart, now->done);
	}
	return now->done > 0 || (apart->job->revert && apart->noted);
}

static void
write_failure(Apart *apart, ErrorData *error)
{
	abort_all(apart);
	if (OidIsValid(apart->user))
		SetUserIdAndSecContext(apart->user, 0);
	begin_outcome(apart);
	(void) mig_locks_explain(apart->locks, error);
	apart->job->cancelled = mig_was_cancelled(error);
	apart->run.execution.done = apart->done;
	if (is_half_done(apart))
		mig_step_interrupted(&apart->run, error, apart->job->cancelled ? "interrupted" : "failed",
							 apart->done, apart->script->nstatements);
	else
	{
		ledger_end_unfinished(apart->migration->project, apart->migration->name);
		mig_step_failed(&apart->run, error);
	}
	MIG_FAULT("apart_failure_written");
	commit(apart);
	MIG_FAULT("apart_failure_committed");
}

/* The present statement is done; the next ones must not begin if nobody waits. */
static void
check_caller(ApartJob *job)
{
	if (pg_atomic_read_u32(&job->worker.caller_gone))
		ereport(ERROR,
				(errcode(ERRCODE_MIG_INTERRUPTED),
				 errmsg("whoever waited for migration \"%s:%s\" has gone", job->project, job->name),
				 errhint("CALL migrate.apply();  goes on where it stopped.")));
}

/* ---- a step, and what makes it worth another try ---- */

/*
 * Can a statement at top level that failed run again?  What it has left is
 * cleared up.  What works concurrently had as long as it takes.
 */
static bool
can_run_again(Apart *apart, ScriptStep step)
{
	const ScriptStatement *stmt = statement(apart, step.first);
	bool		left;
	bool		known;

	if (!step.top_level)
		return true;
	if (stmt->concurrent)
		return false;
	begin(apart);
	apart->before = ledger_unfinished(apart->migration->project, apart->migration->name);
	left = has_left_something(apart, apart->before);
	known = !left || mig_reconcile(apart->migration, stmt, apart->before->object).verdict != VERDICT_UNKNOWN;
	if (!left)
		note_done(apart, apart->before->done);
	commit(apart);
	if (left && known)
		reconcile(apart);
	return known;
}

/*
 * Try the next step.  If the transaction around a statement is why it fails,
 * nothing of the step stands, and it is divided; if a lock is, it waits.
 */
static void
run_step(Apart *apart, ScriptStep step)
{
	ErrorData  *error = try_step(apart, step);
	const ScriptStatement *failed = apart->run.execution.current;

	if (error == NULL)
		mig_locks_begin(apart->locks);
	else if (!step.top_level && failed && mig_script_divide(apart->script, step, failed->number, error->sqlerrcode))
		MIG_FAULT("apart_step_divided");
	else if (!mig_locks_failed(apart->locks, error) || !can_run_again(apart, step))
		ReThrowError(error);
	else if (apart->done < step.first)
		wait_for_locks(apart);
}

static void
run_all(Apart *apart)
{
	begin(apart);
	mig_guard_session(&apart->options);
	commit(apart);
	go_on(apart);
	while (apart->done < apart->script->nstatements)
	{
		CHECK_FOR_INTERRUPTS();
		/* A statement may have unlocked and reset all that the session has. */
		mig_deployer_work(apart->job->run_id);
		mig_script_pin_settings(GUC_ACTION_SET);
		check_caller(apart->job);
		run_step(apart, mig_script_step(apart->script, apart->done + 1, apart->every));
	}
	finish(apart);
}

static void
check_waiting(void *job)
{
	check_caller(job);
}

void
mig_apart_main(ApartJob *job)
{
	Apart	   *apart;
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "migration apart", ALLOCSET_DEFAULT_SIZES);

	mig_deployer_work(job->run_id);
	MIG_FAULT("apart_locked");
	check_caller(job);
	MemoryContextSwitchTo(context);
	apart = palloc0(sizeof(Apart));
	apart->job = job;
	apart->context = context;
	apart->locks = mig_locks_create(job->run_id, true, check_waiting, job);
	begin(apart);
	read_migration(apart, mig_worker_text(&job->worker));
	write_start(apart);
	MIG_FAULT("apart_start_written");
	commit(apart);
	MIG_FAULT("apart_start_committed");
	PG_TRY();
	{
		run_all(apart);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		HOLD_INTERRUPTS();
		write_failure(apart, error);
		RESUME_INTERRUPTS();
		ReThrowError(error);
	}
	PG_END_TRY();
	MIG_FAULT("apart_outcome_committed");
}
