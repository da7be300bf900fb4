/*
 * record.c
 *		What a run writes of itself: that it starts, how a step failed, how it ends.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/errors.h"
#include "common/faults.h"
#include "ledger/ledger.h"
#include "run/background.h"
#include "run/call.h"
#include "run/events.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Rules are words of ours, so nothing in them needs escaping. */
static char *
rules_json(List *rules)
{
	StringInfoData json;
	ListCell   *cell;

	initStringInfo(&json);
	foreach(cell, rules)
		appendStringInfo(&json, "%s\"%s\"", json.len ? ", " : "{\"rules\": [", (char *) lfirst(cell));
	appendStringInfoString(&json, "]}");
	return json.data;
}

/* Which rules do not count this time. */
static void
write_override(const Run *run)
{
	Decision	decision = {0};

	decision.decision = "overridden";
	decision.project = run->request.project;
	decision.run_id = run->run_id;
	decision.reason = run->reason;
	decision.detail = rules_json(run->options.override);
	ledger_write_decision(&decision);
}

void
mig_record_start(Run *run)
{
	RunStart	start = {0};

	run->started_at = GetCurrentTimestamp();
	start.action = run->request.revert ? "revert" : "apply";
	start.project = run->request.project;
	start.target = run->request.target;
	start.started_at = run->started_at;
	start.waited = run->waited;
	start.planned = mig_run_planned(run);
	start.steps = mig_plan_names(run->plan);
	start.database_bytes = ledger_database_bytes();
	start.reason = run->reason;
	start.options = run->options.all;
	start.in_block = !run->commits;
	mig_background_check();
	run->ledger = ledger_identity();
	run->run_id = ledger_start_run(&start);
	if (run->commits)
		mig_event_run_started(run->run_id, &start);
	MIG_FAULT("run_start_written");
	mig_report_start(run);
	if (run->options.override)
		write_override(run);
}

/* Does anything stand of what a worker that is gone has begun, or did something before it?  *done: how many statements. */
static bool
has_left_something(const Attempt *attempt, int *done)
{
	FullName	full = {unconstify(char *, attempt->project), unconstify(char *, attempt->name)};
	const Unfinished *unfinished = ledger_unfinished(full.project, full.name);
	const Migration *migration = ledger_read_migration(&full);

	if (unfinished)
		*done = unfinished->done;
	return unfinished && (unfinished->done + unfinished->under_way > 0 ||
						  (migration && migration->state && strcmp(migration->state, "interrupted") == 0));
}

void
mig_record_require(const Run *run)
{
	if (ledger_identity() != run->ledger)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("pg_migrations was dropped during run " INT64_FORMAT ", and what is here now knows nothing of it", run->run_id)));
}

bool
mig_record_failure(Run *run, const ErrorData *error)
{
	Attempt    *attempt = &run->step.attempt;
	const char *written;

	mig_record_require(run);
	written = ledger_attempt_outcome(attempt->id);
	attempt->statements = run->job.statements;
	attempt->finished_at = GetCurrentTimestamp();
	if (written == NULL)
		mig_step_failed(&run->step, error);
	else if (strcmp(written, "started") == 0)
	{
		attempt->attempt_id = attempt->id;
		attempt->id = ledger_next_attempt();
		if (has_left_something(attempt, &run->job.statements))
		{
			run->step.execution.done = run->job.statements;
			mig_step_interrupted(&run->step, error, "interrupted", run->job.statements, run->job.total, 0);
		}
		else
		{
			ledger_end_unfinished(attempt->project, attempt->name);
			mig_step_failed(&run->step, error);
		}
	}
	else
	{
		attempt->outcome = MemoryContextStrdup(run->context, written);
		if (strcmp(written, mig_run_verb(run)) == 0)
			return false;
		attempt->error = error;
	}
	MIG_FAULT("run_failure_written");
	return true;
}

void
mig_record_end(const Run *run, const char *outcome, const ErrorData *error)
{
	RunEnd		end = {0};

	mig_record_require(run);
	end.run_id = run->run_id;
	end.outcome = outcome;
	end.started_at = run->started_at;
	end.migrations = run->done;
	end.failed_name = error ? run->current : NULL;
	end.error = error;
	end.database_bytes = ledger_database_bytes();
	ledger_end_run(&end);
	if (run->commits)
		mig_event_run_ended(&end);
	MIG_FAULT("run_end_written");
}
