/*
 * handover.c
 *		Hand a step over to a worker, and take what came of it.
 *
 * The worker is told what the plan has decided, and reads the rows of the
 * migrations that the step is about.  Building the model of all of them, which
 * the plan was made from, costs more than a small step does.
 */
#include "postgres.h"

#include "common/errors.h"
#include "run/call.h"

/* ---- the caller's side ---- */

static void
fill_job(ApartJob *job, const StepRun *run)
{
	const StepOrder *order = &run->order;
	const Migration *migration = order->migration;
	const bytea *checksum = order->action == STEP_REVERT ? migration->down : migration->up;

	job->worker.task = TASK_APART;
	job->run_id = run->run_id;
	job->attempt_id = run->attempt.id;
	job->revert = order->action == STEP_REVERT;
	strlcpy(job->project, migration->project, sizeof(job->project));
	strlcpy(job->name, migration->name, sizeof(job->name));
	memcpy(job->checksum, VARDATA_ANY(checksum), sizeof(job->checksum));
	job->is_applied = order->is_applied;
	strlcpy(job->detail, order->detail ? order->detail : "", sizeof(job->detail));
	job->has_reason = run->reason != NULL;
}

static void
fill_data(StringInfo data, const StepRun *run)
{
	initStringInfo(data);
	appendBinaryStringInfo(data, (const char *) run->order.followed, VARSIZE(run->order.followed));
	if (run->reason)
		appendBinaryStringInfo(data, run->reason, strlen(run->reason) + 1);
}

void
mig_apart_launch(StepRun *run, ApartJob *job)
{
	StringInfoData data;
	ErrorData  *error;
	char	   *what;

	fill_job(job, run);
	fill_data(&data, run);
	what = psprintf("migration \"%s:%s\", which cannot run in one transaction", job->project, job->name);
	error = mig_launch(&job->worker, sizeof(ApartJob), &data, what);
	/* Before the worker could say so itself. */
	job->cancelled |= job->worker.cancelled;
	if (error)
		ThrowErrorData(error);
	if (!job->succeeded)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_INTERRUPTED),
				 errmsg("the worker that ran migration \"%s:%s\" has gone", job->project, job->name),
				 errhint("The server's log says why.  To go on where it stopped: %s",
						 mig_call_again(job->revert, job->project, NULL))));
}

/* ---- the worker's side ---- */

void
mig_apart_take_over(const ApartJob *job, StepRun *run)
{
	StepOrder  *order = &run->order;
	const FullName full = {pstrdup(job->project), pstrdup(job->name)};
	const char *data = mig_worker_data(&job->worker);

	order->action = job->revert ? STEP_REVERT : STEP_APPLY;
	order->migration = ledger_read_migration(&full);
	if (order->migration == NULL)
		mig_raise_unregistered(&full);
	order->followed = (ArrayType *) data;
	order->is_applied = job->is_applied;
	order->detail = job->detail[0] ? job->detail : NULL;
	run->run_id = job->run_id;
	run->reason = job->has_reason ? data + VARSIZE(data) : NULL;
}
