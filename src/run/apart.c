/*
 * apart.c
 *		Run a migration step by step, in the worker: each step is committed with
 *		the record of it, and the next attempt goes on behind the last one.
 */
#include "postgres.h"

#include "access/xact.h"
#include "capture/capture.h"
#include "common/errors.h"
#include "common/faults.h"
#include "miscadmin.h"
#include "run/apart_private.h"
#include "run/call.h"
#include "run/cancel.h"
#include "run/deployer.h"
#include "schema/touched.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* ---- what all of it needs ---- */

ScriptStatement *
apart_statement(const Apart *apart, int number)
{
	if (number < 1 || number > apart->script->nstatements)
		elog(ERROR, "there is no statement %d", number);
	return list_nth(apart->script->statements, number - 1);
}

void
apart_allow_writing(void)
{
	XactReadOnly = false;
}

void
apart_begin(Apart *apart)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	apart_allow_writing();
	MemoryContextSwitchTo(apart->context);
}

void
apart_commit(Apart *apart)
{
	CommitTransactionCommand();
	MemoryContextSwitchTo(apart->context);
}

/* How far it is, or NULL if it is another attempt's now: a statement may have unlocked what keeps others out. */
static Unfinished *
take_own(const Apart *apart)
{
	Unfinished *now = ledger_take_unfinished(apart->migration->project, apart->migration->name);

	return now && now->attempt_id == apart->job->attempt_id ? now : NULL;
}

Unfinished *
apart_require_own(const Apart *apart)
{
	Unfinished *now = take_own(apart);

	if (now == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_INTERRUPTED),
				 errmsg("migration \"%s\" has been taken over by somebody else", mig_full_name(apart->migration)),
				 errhint("SELECT * FROM migrate.show(%s);", quote_literal_cstr(apart->migration->project))));
	return now;
}

void
apart_note_done(Apart *apart, int last)
{
	apart_require_own(apart);
	ledger_note_done(apart->migration->project, apart->migration->name, apart->text->checksum, last, apart_session(apart));
}

void
apart_count_done(Apart *apart, int last)
{
	apart->done = last;
	apart->job->statements = last;
}

void
apart_note_half_done(Apart *apart)
{
	apart->run.attempt.finished_at = GetCurrentTimestamp();
	ledger_set_state(apart->migration->project, apart->migration->name, "interrupted", &apart->run.attempt, NULL, NULL);
}

void
apart_set_lock_timeout(int ms)
{
	(void) set_config_option("lock_timeout", psprintf("%d", ms), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
}

void
apart_describe(StatementRecord *record, const ScriptStatement *stmt)
{
	record->number = stmt->number;
	record->line = stmt->line;
	record->tag = GetCommandTagName(stmt->tag);
}

/* Nothing of what was under way stands, as far as a transaction can see to it. */
void
apart_abort(Apart *apart)
{
	mig_disarm_statement_timeout();
	mig_capture_session(0);
	mig_touched_end();
	mig_deployer_inside_worker(false);
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(apart->context);
}

/* ---- where to begin ---- */

/* Make the step that the caller asks for of what is registered now. */
static void
read_migration(Apart *apart)
{
	ApartJob   *job = apart->job;
	ScriptPart	part = job->revert ? PART_DOWN : PART_UP;

	mig_apart_take_over(job, &apart->run);
	apart->migration = apart->run.order.migration;
	apart->run.locks = apart->locks;
	apart->ledger = ledger_identity();
	apart->run.tells = true;
	mig_step_prepare(&apart->run, job->attempt_id);
	/* What the migration becomes lasts, here, until all is written. */
	apart->run.attempt.role_name = GetUserNameFromId(GetUserId(), false);
	apart->run.attempt.session_role = GetUserNameFromId(GetSessionUserId(), false);
	apart->text = mig_step_text(apart->migration, part);
	if (apart->text == NULL || memcmp(VARDATA(apart->text->checksum), job->checksum, sizeof(job->checksum)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_TEXT_CHANGED),
				 errmsg("the text of migration \"%s\" has changed meanwhile", mig_full_name(apart->migration)),
				 errhint("%s", mig_call_again(job->revert, job->project, NULL))));
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
	apart->before = ledger_take_unfinished(apart->migration->project, apart->migration->name);
	ledger_begin_unfinished(apart->migration, apart->job->revert ? PART_DOWN : PART_UP, apart->text->checksum,
							apart->job->attempt_id, apart->job->run_id);
	MIG_FAULT("apart_start_noted");
	apart->run.attempt.outcome = "started";
	ledger_write_attempt(&apart->run.attempt);
	if (apart->before)
		apart->done = apart->job->statements = apart->before->done;
	/* Of one that is on its way back it is noted although none of the statements stands. */
	apart->job->half_done = (apart->before && apart->before->done + apart->before->under_way > 0) ||
		(apart->migration->state && strcmp(apart->migration->state, "interrupted") == 0);
	if (apart->job->half_done)
		apart_note_half_done(apart);
}

/* ---- from the beginning to the end ---- */

/* The outcome is a row of its own, of the same attempt. */
static void
begin_outcome(Apart *apart)
{
	apart_begin(apart);
	apart->run.attempt.attempt_id = apart->job->attempt_id;
	apart->run.attempt.id = ledger_next_attempt();
}

static void
finish(Apart *apart)
{
	begin_outcome(apart);
	apart_require_own(apart);
	mig_capture_migration(0);
	if (!apart->job->revert)
		mig_step_verify(&apart->run, apart->migration);
	apart->run.execution.records = NULL;
	apart->run.execution.done = apart->done;
	ledger_end_unfinished(apart->migration->project, apart->migration->name);
	mig_step_succeeded(&apart->run);
	MIG_FAULT("apart_outcome_written");
	apart_commit(apart);
	apart->job->succeeded = true;
}

/* Does anything stand of the text that was run? */
static bool
is_half_done(Apart *apart, const Unfinished *now)
{
	if (now->under_way > 0)
	{
		if (apart_has_left_something(apart, now))
		{
			if (now->under_way == apart->began && apart_commits_itself(apart, now->under_way))
				apart->job->in_doubt = now->under_way;
			return true;
		}
		apart_note_done(apart, now->done);
	}
	return now->done > 0;
}

static void
write_failure(Apart *apart, ErrorData *error)
{
	const Unfinished *now;
	bool		noted = apart->job->half_done;

	apart_abort(apart);
	if (OidIsValid(apart->user))
		SetUserIdAndSecContext(apart->user, 0);
	begin_outcome(apart);
	(void) mig_locks_explain(apart->locks, error);
	apart->job->cancelled = mig_was_cancelled(error);
	mig_cancel_explain(apart->job->run_id, error);
	now = take_own(apart);
	if (now == NULL)
	{
		/* What became of it is for others to write. */
		apart_commit(apart);
		return;
	}
	/* The last step may have been committed without this attempt having seen that it was. */
	apart_count_done(apart, now->done);
	apart->run.execution.done = apart->done;
	apart->job->half_done = is_half_done(apart, now);
	if (apart->job->half_done)
		mig_step_interrupted(&apart->run, error, apart->job->cancelled ? "interrupted" : "failed",
							 apart->done, apart->script->nstatements, apart->job->in_doubt);
	else
	{
		ledger_end_unfinished(apart->migration->project, apart->migration->name);
		if (noted)
			ledger_restore_state(apart->migration->project, apart->migration->name);
		mig_step_failed(&apart->run, error);
	}
	MIG_FAULT("apart_failure_written");
	apart_commit(apart);
	MIG_FAULT("apart_failure_committed");
}

/* The present statement is done; the next ones must not begin if nobody waits. */
static void
check_caller(ApartJob *job)
{
	if (pg_atomic_read_u32(&job->worker.caller_gone))
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_DOES_NOT_EXIST),
				 errmsg("whoever waited for migration \"%s:%s\" has gone", job->project, job->name),
				 errhint("To go on where it stopped: %s", mig_call_again(job->revert, job->project, NULL))));
}

/* What the words of a step say of its transaction does not hold for the steps behind it. */
static void
warn_of_held(const Apart *apart)
{
	ScriptStep	step = {0, apart->done};

	while (step.last < apart->script->nstatements)
	{
		const ScriptStatement *held;

		step = mig_script_step(apart->script, step.last + 1, apart->every);
		held = step.last < apart->script->nstatements ? mig_script_held(apart->script, step.first, step.last) : NULL;
		if (held)
			ereport(WARNING,
					(errmsg("statement %d of migration \"%s\", %s, holds to the end of its transaction only, which is behind statement %d",
							held->number, mig_full_name(apart->migration), apart_held_name(held), step.last),
					 IsA(held->raw->stmt, VariableSetStmt) ? errhint("SET without LOCAL holds to the end of the migration, and no longer.") : 0));
	}
}

static void
run_all(Apart *apart)
{
	apart_begin(apart);
	mig_guard_session(&apart->options);
	apart->role = GetUserId();
	warn_of_held(apart);
	apart_commit(apart);
	apart_go_on(apart);
	while (apart->done < apart->script->nstatements)
	{
		CHECK_FOR_INTERRUPTS();
		/* A statement may have unlocked and reset all that the session has. */
		mig_deployer_work(apart->job->run_id);
		mig_script_pin_settings(GUC_ACTION_SET);
		check_caller(apart->job);
		apart_run_step(apart, mig_script_step(apart->script, apart->done + 1, apart->every));
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
	apart_begin(apart);
	read_migration(apart);
	write_start(apart);
	MIG_FAULT("apart_start_written");
	apart_commit(apart);
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
		HOLD_CANCEL_INTERRUPTS();
		if (apart->run.execution.current)
			mig_reconcile_explain(apart->run.execution.current, error,
								  apart->before && apart->before->under_way == apart->run.execution.current->number);
		write_failure(apart, error);
		RESUME_CANCEL_INTERRUPTS();
		ReThrowError(error);
	}
	PG_END_TRY();
	MIG_FAULT("apart_outcome_committed");
}
