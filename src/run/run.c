/*
 * run.c
 *		A whole run: take the lock, plan, run step after step, report, record.
 *
 * Outside a transaction block each migration is committed with its history.
 * Inside one, everything stays in the caller's transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "capture/capture.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/faults.h"
#include "ledger/ledger.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "run/background.h"
#include "run/call.h"
#include "run/cancel.h"
#include "run/deployer.h"
#include "run/run.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* ---- steps ---- */

/* What a migration that is planned requires and this run has left out, or -1. */
static int
left_out_before(const Run *run, int node)
{
	const Model *model = run->plan->model;

	for (int i = 0; run->left_out > 0 && i < model->graph->nedges[node]; i++)
		if (model->nodes[model->graph->edges[node][i]].left_out)
			return model->graph->edges[node][i];
	return -1;
}

/* Held by somebody since the plan was made, or behind one that is? */
static bool
held_meanwhile(Run *run, int number)
{
	const Model *model = run->plan->model;
	const Migration *migration = model->nodes[number].migration;
	const char *why;
	int			before;

	if (run->request.revert)
		return false;
	before = left_out_before(run, number);
	if (before >= 0)
		why = psprintf("blocked by %s", mig_full_name(model->nodes[before].migration));
	else if (!mig_model_overrides(model, "held") && ledger_is_held(migration->project, migration->name))
		why = "held meanwhile";
	else
		return false;
	model->nodes[number].left_out = MemoryContextStrdup(run->context, why);
	return true;
}

/* What an earlier attempt has left of it stands, whatever becomes of this one. */
static void
fill_job(ApartJob *job, const Unfinished *unfinished)
{
	memset(job, 0, sizeof(ApartJob));
	job->half_done = unfinished != NULL;
	job->statements = unfinished ? unfinished->done : 0;
}

/* From here on what happens is this step's. */
static void
take_up_step(Run *run, int number)
{
	const PlanStep *step = list_nth(run->plan->steps, number);

	mig_record_require(run);
	run->current = mig_full_name(run->plan->model->nodes[step->node].migration);
	run->under_way = step;
	run->number = number + 1;
	fill_job(&run->job, run->plan->model->nodes[step->node].unfinished);
	run->step.run_id = run->run_id;
	run->step.reason = run->reason;
	mig_plan_order(run->plan, step, &run->step.order);
	run->step.check_deferred = run->commits;
	run->step.defer_again = run->commits && run->atomic;
	run->step.tells = run->commits;
	run->step.locks = run->locks;
	mig_step_prepare(&run->step, 0);
	MIG_FAULT("run_step_taken_up");
}

/* False: it is left out. */
static bool
begin_step(Run *run)
{
	mig_step_begin(&run->step);
	mig_cancel_check(run->run_id);
	return !held_meanwhile(run, run->under_way->node);
}

/* Run the step in the present transaction; false: it is left out. */
static bool
run_step(Run *run)
{
	if (!begin_step(run))
		return false;
	mig_step_run(&run->step);
	return true;
}

/* Some lock was not to be had: wait until it may be, with nothing held. */
static void
wait_for_locks(Run *run)
{
	int			level = GetCurrentTransactionNestLevel();
	ErrorData  *error = NULL;

	PG_TRY();
	{
		bool		again = true;

		while (again)
		{
			ResourceOwner owner = mig_run_begin_subtransaction();

			mig_locks_look(run->locks);
			mig_run_end_subtransaction(run, owner);
			mig_run_commit(run);
			owner = mig_run_begin_subtransaction();
			again = mig_locks_sleep(run->locks);
			mig_run_end_subtransaction(run, owner);
		}
	}
	PG_CATCH();
	{
		error = mig_run_take_error(run, level);
	}
	PG_END_TRY();
	if (error)
		mig_run_give_up(run, error);
}

/* A step that a worker runs; it commits more than once. */
static int
run_apart(Run *run, int number)
{
	int			level = GetCurrentTransactionNestLevel();
	volatile bool ran = true;

	PG_TRY();
	{
		ResourceOwner owner;

		take_up_step(run, number);
		owner = mig_run_begin_subtransaction();
		ran = begin_step(run);
		mig_run_end_subtransaction(run, owner);
		mig_run_commit(run);
		MIG_FAULT("run_apart_begun");
		if (ran)
			mig_apart_launch(&run->step, &run->job);
		MIG_FAULT("run_apart_ended");
	}
	PG_CATCH();
	{
		mig_run_give_up(run, mig_run_take_error(run, level));
	}
	PG_END_TRY();
	run->step.attempt.outcome = mig_run_verb(run);
	run->step.attempt.finished_at = GetCurrentTimestamp();
	run->step.attempt.statements = run->job.statements;
	mig_run_step_done(run, ran);
	return number + 1;
}

/* Did the step fail for nothing but the transaction around it? */
static bool
failed_for_transaction(const Run *run)
{
	const ScriptStatement *stmt = run->step.execution.current;
	bool		unsafe = geterrcode() == ERRCODE_UNSAFE_NEW_ENUM_VALUE_USAGE;

	if (run->atomic || run->step.indivisible)
		return false;
	if (run->step.verify.current)
		return unsafe;
	return stmt && (unsafe || mig_script_wants_top_level(stmt, geterrcode()));
}

/* Nothing of the steps from first on stands: as if they had not been begun. */
static void
forget_unit(Run *run, int first, int done, int left_out)
{
	run->done = done;
	run->left_out = left_out;
	for (int i = first; i < (run->atomic ? mig_run_planned(run) : first + 1); i++)
		run->plan->model->nodes[((PlanStep *) list_nth(run->plan->steps, i))->node].left_out = NULL;
}

/* Until the next try has begun the step is that of the last one. */
static void
keep_failed(Run *run, MemoryContext context)
{
	if (run->failed_try)
		MemoryContextDelete(run->failed_try);
	run->failed_try = context;
}

/* Steps that stand or fall together: one, or with atomic all of them. */
typedef struct Unit
{
	int			next;			/* number of the step behind those that were begun */
	bool		ran;			/* the last of them was not left out */
	bool		apart;			/* it has failed for nothing but its transaction */
} Unit;

/* Run it in one subtransaction, and commit that.  The error, if there is one, is taken, and nothing of it stands. */
static ErrorData *
try_unit(Run *run, Unit *unit, MemoryContext context)
{
	int			level = GetCurrentTransactionNestLevel();
	int			last_ran = -1;
	ErrorData  *volatile error = NULL;
	List	   *held;

	MemoryContextSwitchTo(context);
	held = mig_session_locks();
	PG_TRY();
	{
		ResourceOwner owner;

		take_up_step(run, unit->next++);
		mig_deployer_hold();
		owner = mig_run_begin_subtransaction();
		unit->ran = run_step(run);
		while (run->atomic)
		{
			if (unit->ran)
				last_ran = unit->next - 1;
			mig_run_step_done(run, unit->ran);
			if (unit->next == mig_run_planned(run))
				break;
			take_up_step(run, unit->next++);
			unit->ran = run_step(run);
		}
		/* What fails from here on is not the failure of one that was left out. */
		if (last_ran >= 0 && !unit->ran)
			take_up_step(run, last_ran);
		if (run->atomic)
			mig_record_end(run, mig_run_outcome(run), NULL);
		mig_run_end_subtransaction(run, owner);
		MIG_FAULT("run_unit_ended");
		/* What still fires at the commit, a cursor's query, say, is a migration's. */
		mig_deployer_inside(true);
		mig_run_commit(run);
	}
	PG_CATCH();
	{
		unit->apart = failed_for_transaction(run);
		error = mig_run_take_error(run, level);
	}
	PG_END_TRY();
	mig_session_locks_give_back(held);
	return error;
}

/*
 * Run the unit that begins with a step.  Returns the number of the next step: the
 * first one again if it has not got a lock.
 */
static int
run_unit(Run *run, int first)
{
	MemoryContext context = AllocSetContextCreate(run->context, "migration", ALLOCSET_DEFAULT_SIZES);
	int			done = run->done;
	int			left_out = run->left_out;
	Unit		unit = {.next = first};
	ErrorData  *error = try_unit(run, &unit, context);

	if (unit.apart)
	{
		MIG_FAULT("run_unit_moved_apart");
		mig_locks_begin(run->locks);
		return run_apart(run, first);
	}
	if (error)
	{
		bool		waits = mig_locks_failed(run->locks, error);

		forget_unit(run, first, done, left_out);
		if (!waits)
			mig_run_give_up(run, error);
		wait_for_locks(run);
		keep_failed(run, context);
		return first;
	}
	MIG_FAULT("run_unit_committed");
	mig_locks_begin(run->locks);
	mig_deployer_keep();
	if (!run->atomic)
		mig_run_step_done(run, unit.ran);
	MemoryContextDelete(context);
	return unit.next;
}

static void
run_committing(Run *run)
{
	int			next = 0;

	run->locks = mig_locks_create(run->run_id, true, NULL, NULL);
	mig_run_commit(run);
	MIG_FAULT("run_start_committed");
	mig_background_started(run->run_id);
	while (next < mig_run_planned(run))
		next = ((PlanStep *) list_nth(run->plan->steps, next))->apart ? run_apart(run, next) : run_unit(run, next);
	HOLD_CANCEL_INTERRUPTS();	/* it is done, and that is to be written */
	mig_report_end(run, false);
	if (!run->atomic)
	{
		mig_record_end(run, mig_run_outcome(run), NULL);
		mig_run_commit(run);
		MIG_FAULT("run_end_committed");
	}
	RESUME_CANCEL_INTERRUPTS();
	mig_run_seal_end(run);
}

static void
run_in_block(Run *run)
{
	ErrorContextCallback callback = {error_context_stack, mig_report_context, run};

	run->locks = mig_locks_create(run->run_id, false, NULL, NULL);
	error_context_stack = &callback;
	for (int i = 0; i < mig_run_planned(run); i++)
	{
		take_up_step(run, i);
		mig_run_step_done(run, run_step(run));
	}
	error_context_stack = callback.previous;
	mig_report_end(run, false);
	mig_record_end(run, mig_run_outcome(run), NULL);
	ereport(LOG_SERVER_ONLY,
			(errmsg("run " INT64_FORMAT " ended inside its caller's transaction: %d of %d %s",
					run->run_id, run->done, mig_run_planned(run), mig_run_verb(run))));
}

/* With the lock in hand: decide what there is to do, and do it. */
static void
plan_and_run(Run *run)
{
	ListCell   *cell;

	if (run->commits)
		mig_run_commit(run);
	run->plan = mig_plan_make(&run->request);
	if (run->plan->problem)
		mig_raise_problem(run->plan->problem);
	if (run->plan->notice)
		ereport(NOTICE, (errmsg_internal("%s", run->plan->notice)));
	foreach(cell, run->plan->left_out)
		mig_report_left_out(run->plan->model, lfirst_int(cell));
	if (mig_run_planned(run) == 0)
		return;
	mig_admit_capabilities(run);
	mig_admit_scripts(run);
	mig_capture_notice();
	mig_admit_drift(run);
	mig_report_late(run);
	MIG_FAULT("run_planned");
	mig_record_start(run);
	if (run->commits)
		run_committing(run);
	else
		run_in_block(run);
}

/* An error on its way to somebody else: say of it what was waited for. */
static void
explain_in_block(Run *run)
{
	ErrorData  *error;

	if (run->locks == NULL)
		return;
	MemoryContextSwitchTo(run->context);
	error = CopyErrorData();
	(void) mig_locks_failed(run->locks, error);
	if (!mig_locks_explain(run->locks, error))
		return;
	FlushErrorState();
	ReThrowError(error);
}

/* The statement timer of the call counts for each statement, not for the call. */
void
mig_run(Run *run)
{
	bool		timed = get_timeout_active(STATEMENT_TIMEOUT);
	int			timeout = StatementTimeout;

	if (timed)
		disable_timeout(STATEMENT_TIMEOUT, false);
	if (run->call)
	{
		mig_run_commit(run);
		run->run_id = mig_background_launch(run->call);
	}
	else
		run->waited = mig_deployer_enter(run->commits, run->options.lock_wait);
	if (run->call)
		mig_report_background(run);
	else if (run->commits)
	{
		PG_TRY();
		{
			plan_and_run(run);
		}
		PG_FINALLY();
		{
			mig_deployer_leave();
		}
		PG_END_TRY();
	}
	else
	{
		PG_TRY();
		{
			plan_and_run(run);
		}
		PG_CATCH();
		{
			/* Somebody may catch this: the timer of the statement is not his. */
			mig_disarm_statement_timeout();
			if (timed && timeout > 0)
				enable_timeout_after(STATEMENT_TIMEOUT, timeout);
			explain_in_block(run);
			PG_RE_THROW();
		}
		PG_END_TRY();
	}
	if (timed)
		mig_arm_statement_timeout();
}
