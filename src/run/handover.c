/*
 * handover.c
 *		Hand a step over to a worker, and take what came of it.
 */
#include "postgres.h"

#include "common/errors.h"
#include "run/apart.h"

static void
fill_job(ApartJob *job, const StepRun *run)
{
	const Migration *migration = run->plan->model->nodes[run->step->node].migration;
	const bytea *checksum = run->step->action == STEP_REVERT ? migration->down : migration->up;

	memset(job, 0, sizeof(ApartJob));
	job->worker.task = TASK_APART;
	job->run_id = run->run_id;
	job->attempt_id = run->attempt.id;
	job->revert = run->step->action == STEP_REVERT;
	strlcpy(job->project, migration->project, sizeof(job->project));
	strlcpy(job->name, migration->name, sizeof(job->name));
	memcpy(job->checksum, VARDATA_ANY(checksum), sizeof(job->checksum));
}

void
mig_apart_launch(StepRun *run, ApartJob *job)
{
	ErrorData  *error;
	char	   *what;

	fill_job(job, run);
	what = psprintf("migration \"%s:%s\", which cannot run in one transaction", job->project, job->name);
	error = mig_launch(&job->worker, sizeof(ApartJob), run->reason, what);
	if (error)
		ThrowErrorData(error);
	if (!job->succeeded)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_INTERRUPTED),
				 errmsg("the worker that ran migration \"%s:%s\" has gone", job->project, job->name),
				 errhint("The server's log says why.  CALL migrate.apply();  goes on where it stopped.")));
}
