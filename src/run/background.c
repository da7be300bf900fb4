/*
 * background.c
 *		Runs that survive whoever asked for them: a worker makes the same call.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/faults.h"
#include "run/activity.h"
#include "run/background.h"
#include "run/toplevel.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

/* In the worker, until its run has started. */
static BackgroundJob *starting = NULL;

int64
mig_background_launch(const char *call)
{
	BackgroundJob job = {.worker.task = TASK_BACKGROUND};
	StringInfoData data;
	ErrorData  *error;

	initStringInfo(&data);
	appendBinaryStringInfo(&data, call, strlen(call) + 1);
	error = mig_launch(&job.worker, sizeof(job), &data, "a run in the background");
	if (error)
		ThrowErrorData(error);
	if (job.run_id == 0 && !job.finished)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_INTERRUPTED),
				 errmsg("the worker has gone before its run has started"),
				 errhint("The server's log says why.")));
	return job.run_id;
}

void
mig_background_main(BackgroundJob *job)
{
	char	   *call = MemoryContextStrdup(TopMemoryContext, mig_worker_data(&job->worker));

	starting = job;
	mig_background_check();
	MIG_FAULT("background_begun");
	debug_query_string = call;
	mig_activity_call();
	mig_top_level_sql(call);
	if (starting)
		starting->finished = true;
}

void
mig_background_check(void)
{
	if (starting && pg_atomic_read_u32(&starting->worker.caller_gone))
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("whoever asked for this run has gone before it has started")));
}

void
mig_background_started(int64 run_id)
{
	BackgroundJob *job = starting;

	if (job == NULL)
		return;
	starting = NULL;
	job->run_id = run_id;
	mig_worker_release();
	MIG_FAULT("background_released");
}
