/*
 * report.c
 *		What a run says, to whoever called it and to the server's log.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "run/call.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

const char *
mig_run_verb(const Run *run)
{
	return run->request.revert ? "reverted" : "applied";
}

int
mig_run_planned(const Run *run)
{
	return list_length(run->plan->steps);
}

const char *
mig_call_again(bool revert, const char *project, const char *target)
{
	/* Without a target it would revert one more where nothing was left half done. */
	if (revert && target == NULL)
		return "SELECT * FROM migrate.check() WHERE code = 'interrupted';";
	return psprintf("CALL migrate.%s(%s%s%s%s);", revert ? "revert" : "apply", target ? quote_literal_cstr(target) : "",
					target && project ? ", " : "", project ? "project => " : "", project ? quote_literal_cstr(project) : "");
}

/* How many of the planned come behind the one under way. */
static int
not_started(const Run *run)
{
	return mig_run_planned(run) - run->number;
}

/* Seconds for people, to a tenth. */
static char *
seconds(int64 microseconds)
{
	return psprintf("%.1f s", microseconds / 1000000.0);
}

/* What stands of the migration under way, for the last line of an error. */
static char *
what_stands(const Run *run)
{
	if (!run->job.half_done)
		return psprintf(run->request.revert ? "%s stands as before" : "nothing of %s stands", run->step.attempt.name);
	if (run->job.total == 0)
		return psprintf("what stood of %s does still", run->step.attempt.name);
	return psprintf("%d of %d statements of %s stand%s", run->job.statements, run->job.total, run->step.attempt.name,
					mig_step_in_doubt(run->job.in_doubt));
}

/* Error context of a run inside its caller's transaction. */
void
mig_report_context(void *arg)
{
	const Run  *run = arg;

	if (run->current)
		errcontext("run " INT64_FORMAT ": one transaction, nothing of it stands; %d not started",
				   run->run_id, not_started(run));
}

/*
 * The last line of a failure's context.  What stands is known once it has been
 * rolled back, which is too late for a callback.
 */
void
mig_report_add_context(const Run *run, ErrorData *error)
{
	StringInfoData context;

	initStringInfo(&context);
	if (error->context)
		appendStringInfo(&context, "%s\n", error->context);
	appendStringInfo(&context, "run " INT64_FORMAT ": ", run->run_id);
	if (run->atomic)
		appendStringInfoString(&context, "one transaction, nothing of it stands");
	else
		appendStringInfo(&context, "%d %s and kept; %s", run->done, mig_run_verb(run), what_stands(run));
	appendStringInfo(&context, "; %d not started", not_started(run));
	error->context = context.data;
}

const char *
mig_for_client(const char *name)
{
	int			client = pg_get_client_encoding();
	int			server = GetDatabaseEncoding();
	int			length = strlen(name);
	int			size = length * MAX_CONVERSION_GROWTH + 1;
	Oid			conversion;
	char	   *copy;

	if (client == server || client == PG_SQL_ASCII || server == PG_SQL_ASCII)
		return name;
	conversion = FindDefaultConversionProc(server, client);
	if (!OidIsValid(conversion) ||
		pg_do_encoding_conversion_buf(conversion, server, client, (unsigned char *) unconstify(char *, name),
									  length, palloc(size), size, true) == length)
		return name;
	copy = pstrdup(name);
	for (char *c = copy; *c != '\0'; c++)
		if (IS_HIGHBIT_SET(*c))
			*c = '?';
	return copy;
}

void
mig_report_left_out(const Model *model, int number)
{
	const PlanNode *node = &model->nodes[number];

	ereport(WARNING,
			(errmsg("migration \"%s\" is left out: %s", mig_for_client(mig_full_name(node->migration)), mig_for_client(node->left_out)),
			 node->state == STATE_HELD && node->detail ? errdetail("It is %s.", mig_for_client(node->detail)) : 0));
}

void
mig_report_late(const Run *run)
{
	ListCell   *cell;

	foreach(cell, run->plan->steps)
	{
		const PlanNode *node = &run->plan->model->nodes[((PlanStep *) lfirst(cell))->node];

		if (node->late)
			ereport(WARNING,
					(errmsg("migration \"%s\" runs out of order: later ones are applied already",
							mig_for_client(mig_full_name(node->migration)))));
	}
}

void
mig_report_background(const Run *run)
{
	if (run->run_id)
		ereport(NOTICE,
				(errmsg("run " INT64_FORMAT " goes on in the background", run->run_id),
				 errhint("CALL migrate.wait(" INT64_FORMAT ");  waits for its end.", run->run_id)));
}

void
mig_report_start(const Run *run)
{
	ereport(LOG_SERVER_ONLY,
			(errmsg_plural("run " INT64_FORMAT " started: %d migration to be %s",
						   "run " INT64_FORMAT " started: %d migrations to be %s",
						   mig_run_planned(run), run->run_id, mig_run_planned(run), mig_run_verb(run))));
	ereport(NOTICE,
			(errmsg("run " INT64_FORMAT ": %d %s to %s%s", run->run_id, mig_run_planned(run),
					mig_run_planned(run) == 1 ? "migration" : "migrations",
					run->request.revert ? "revert" : "apply",
					run->commits ? "" : "; kept only if you COMMIT")));
}

void
mig_report_step(Run *run, const char *what, int64 duration)
{
	ErrorContextCallback *around = error_context_stack;

	/* These are not about the error whose context the callbacks give. */
	error_context_stack = NULL;
	ereport(NOTICE,
			(errmsg("%d/%d  %s  %s  %s", run->number, mig_run_planned(run),
					mig_for_client(run->current), what, seconds(duration))));
	ereport(LOG_SERVER_ONLY,
			(errmsg_plural("run " INT64_FORMAT ": migration \"%s\" %s, %d statement, %s",
						   "run " INT64_FORMAT ": migration \"%s\" %s, %d statements, %s",
						   run->step.attempt.statements, run->run_id,
						   run->current, what, run->step.attempt.statements, seconds(duration))));
	error_context_stack = around;
}

void
mig_report_end(const Run *run, bool failed)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfo(&line, "run " INT64_FORMAT ": %d %s", run->run_id, run->done, mig_run_verb(run));
	if (failed)
		appendStringInfoString(&line, run->job.half_done ? ", 1 stopped half-way" : ", 1 failed and rolled back");
	if (run->left_out > 0)
		appendStringInfo(&line, ", %d left out", run->left_out);
	if (not_started(run) > 0)
		appendStringInfo(&line, ", %d not started", not_started(run));
	appendStringInfo(&line, ", %s", seconds(GetCurrentTimestamp() - run->started_at + run->waited));
	if (run->waited > 100000)
		appendStringInfo(&line, " (%s waiting)", seconds(run->waited));
	ereport(NOTICE, (errmsg_internal("%s", line.data)));
}
