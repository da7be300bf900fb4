/*
 * ending.c
 *		How a piece of a run's work ends: committed, or rolled back with its error,
 *		which goes to the ledger and to the caller.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/errors.h"
#include "common/faults.h"
#include "executor/spi.h"
#include "ledger/ledger.h"
#include "miscadmin.h"
#include "run/activity.h"
#include "run/call.h"
#include "run/cancel.h"
#include "run/deployer.h"
#include "run/run.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* In a transaction of our own each step commits; the next begins with nothing held. */
void
mig_run_commit(Run *run)
{
	SPI_commit();
	MemoryContextSwitchTo(run->context);
}

/*
 * What fails in the middle of the ledger's SQL leaves its connection and its snapshot,
 * which only the end of a subtransaction clears up: SPI_rollback() could not.
 */
ResourceOwner
mig_run_begin_subtransaction(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	return owner;
}

void
mig_run_end_subtransaction(Run *run, ResourceOwner owner)
{
	ReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(run->context);
	CurrentResourceOwner = owner;
}

/* A cancel now belongs to the next step. */
void
mig_run_step_done(Run *run, bool ran)
{
	HOLD_CANCEL_INTERRUPTS();
	if (ran)
	{
		run->done++;
		mig_report_step(run, run->step.attempt.outcome,
					run->step.attempt.finished_at - run->step.attempt.started_at);
	}
	else
	{
		run->left_out++;
		mig_report_left_out(run->plan->model, run->under_way->node);
	}
	RESUME_CANCEL_INTERRUPTS();
}

const char *
mig_run_outcome(const Run *run)
{
	return run->left_out > 0 ? "partial" : "succeeded";
}

/* Chain what is written, and leave the head where the database's writers cannot reach it. */
static void
seal(Run *run)
{
	ResourceOwner owner = mig_run_begin_subtransaction();
	char	   *head;

	(void) ledger_seal();
	MIG_FAULT("run_sealed");
	mig_run_end_subtransaction(run, owner);
	mig_run_commit(run);
	MIG_FAULT("run_seal_committed");
	owner = mig_run_begin_subtransaction();
	head = ledger_head_text();
	mig_run_end_subtransaction(run, owner);
	ereport(LOG_SERVER_ONLY,
			(errmsg("run " INT64_FORMAT " ended: %d of %d %s; history head %s", run->run_id, run->done,
					mig_run_planned(run), mig_run_verb(run), head ? head : "none")));
}

/* The error has rolled back the step; write so, and let it go on to the caller. */
static void
failed(Run *run, ErrorData *error)
{
	bool		failure;

	if (run->job.cancelled)
		mig_cancel_mark(error);
	mig_cancel_explain(run->run_id, error);
	mig_report_add_context(run, error);
	failure = mig_record_failure(run, error);
	if (!failure)
	{
		mig_run_step_done(run, true);
		run->current = NULL;	/* it is not this one that has failed */
	}
	mig_record_end(run, mig_was_cancelled(error) ? "cancelled" : run->done > 0 ? "partial" : "failed", error);
	mig_run_commit(run);
	MIG_FAULT("run_failure_committed");
	if (failure)
		mig_report_step(run, run->step.attempt.outcome,
						run->step.attempt.finished_at - run->step.attempt.started_at);
	mig_report_end(run, failure);
}

/* Roll back to where the run's own transaction began. */
static void
roll_back(Run *run, int level)
{
	mig_disarm_statement_timeout();
	mig_activity_call();
	mig_deployer_inside(false);
	while (GetCurrentTransactionNestLevel() > level)
		RollbackAndReleaseCurrentSubTransaction();
	SPI_rollback();
	MemoryContextSwitchTo(run->context);
}

ErrorData *
mig_run_take_error(Run *run, int level)
{
	ErrorData  *error;

	MemoryContextSwitchTo(run->context);
	error = CopyErrorData();
	FlushErrorState();
	HOLD_CANCEL_INTERRUPTS();
	roll_back(run, level);
	mig_deployer_keep();
	MIG_FAULT("run_rolled_back");
	RESUME_CANCEL_INTERRUPTS();
	return error;
}

/* The end is written, and the next run seals it as well: what goes wrong now does not hide what came of the run. */
void
mig_run_seal_end(Run *run)
{
	int			level = GetCurrentTransactionNestLevel();
	ErrorData  *error = NULL;

	PG_TRY();
	{
		seal(run);
	}
	PG_CATCH();
	{
		error = mig_run_take_error(run, level);
	}
	PG_END_TRY();
	if (error)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("the history of run " INT64_FORMAT " is not sealed: %s", run->run_id, mig_for_client(error->message)),
				 errhint("SELECT migrate.seal();")));
}

/* What stands in the ledger's way does not hide the error from the caller. */
static void
tell_unrecorded(Run *run)
{
	ErrorData  *error;

	MemoryContextSwitchTo(run->context);
	error = CopyErrorData();
	FlushErrorState();
	HOLD_CANCEL_INTERRUPTS();
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("the failure of run " INT64_FORMAT " is not recorded: %s", run->run_id, error->message)));
	RESUME_CANCEL_INTERRUPTS();
}

/*
 * Take the error of a step that was rolled back to the ledger and to the caller.
 * Another cancel would hide it, and is held off; whoever ends the session is not.
 */
void
mig_run_give_up(Run *run, ErrorData *error)
{
	PG_TRY();
	{
		HOLD_CANCEL_INTERRUPTS();
		mig_locks_explain(run->locks, error);
		failed(run, error);
		RESUME_CANCEL_INTERRUPTS();
	}
	PG_CATCH();
	{
		tell_unrecorded(run);
		ReThrowError(error);
	}
	PG_END_TRY();
	mig_run_seal_end(run);
	ReThrowError(error);
}

