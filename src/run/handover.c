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
	job->kind = migration->kind;
	job->has_reason = run->reason != NULL;
}

/* Arrays stand one behind the other, each aligned. */
static void
add_array(StringInfo data, const ArrayType *array)
{
	appendBinaryStringInfo(data, (const char *) array, VARSIZE(array));
	while (data->len != MAXALIGN(data->len))
		appendStringInfoChar(data, '\0');
}

static ArrayType *
next_array(const char **data)
{
	ArrayType  *array = (ArrayType *) *data;

	*data += MAXALIGN(VARSIZE(array));
	return array;
}

static void
fill_data(StringInfo data, const StepRun *run)
{
	initStringInfo(data);
	add_array(data, run->order.followed);
	add_array(data, ledger_array_of(&run->order.migration->replaces));
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
	Migration  *migration;
	const FullName full = {pstrdup(job->project), pstrdup(job->name)};
	const char *data = mig_worker_data(&job->worker);

	order->action = job->revert ? STEP_REVERT : STEP_APPLY;
	migration = ledger_read_migration(&full);
	if (migration == NULL)
		mig_raise_unregistered(&full);
	order->migration = migration;
	order->followed = next_array(&data);
	/* As the plan has it, whatever has been registered since. */
	migration->kind = job->kind;
	migration->replaces = ledger_names_of(next_array(&data));
	order->is_applied = job->is_applied;
	order->detail = job->detail[0] ? job->detail : NULL;
	run->run_id = job->run_id;
	run->reason = job->has_reason ? data : NULL;
}
