/*
 * events.c
 *		One JSON object for each start, migration, failure and end.
 *
 * Every role of the database can listen, so an event has names and codes; the
 * messages of errors are in the ledger, for those who may read them.
 */
#include "postgres.h"

#include "commands/async.h"
#include "lib/stringinfo.h"
#include "run/events.h"
#include "utils/json.h"

#define CHANNEL "migrate"

static void
event_begin(StringInfo json, const char *event, int64 run_id)
{
	initStringInfo(json);
	appendStringInfo(json, "{\"event\": \"%s\", \"run_id\": " INT64_FORMAT, event, run_id);
}

static void
add_text(StringInfo json, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(json, ", \"%s\": ", key);
	escape_json(json, value);
}

static void
add_number(StringInfo json, const char *key, int64 value)
{
	appendStringInfo(json, ", \"%s\": " INT64_FORMAT, key, value);
}

static void
add_error(StringInfo json, const ErrorData *error)
{
	if (error)
		add_text(json, "error_code", unpack_sql_state(error->sqlerrcode));
}

static void
event_send(StringInfo json)
{
	appendStringInfoChar(json, '}');
	Async_Notify(CHANNEL, json->data);
	pfree(json->data);
}

void
mig_event_run_started(int64 run_id, const RunStart *start)
{
	StringInfoData json;

	event_begin(&json, "start", run_id);
	add_text(&json, "action", start->action);
	add_text(&json, "project", start->project);
	add_text(&json, "target", start->target);
	add_number(&json, "planned", start->planned);
	event_send(&json);
}

/* event: "step" or "failure" */
void
mig_event_migration(const Attempt *attempt, const char *event)
{
	StringInfoData json;

	event_begin(&json, event, attempt->run_id);
	add_text(&json, "project", attempt->project);
	add_text(&json, "name", attempt->name);
	add_text(&json, "action", attempt->action);
	add_text(&json, "outcome", attempt->outcome);
	add_number(&json, "duration_ms", (attempt->finished_at - attempt->started_at) / 1000);
	add_error(&json, attempt->error);
	event_send(&json);
}

void
mig_event_run_ended(const RunEnd *end)
{
	StringInfoData json;

	event_begin(&json, "end", end->run_id);
	add_text(&json, "outcome", end->outcome);
	add_number(&json, "migrations", end->migrations);
	add_text(&json, "failed_name", end->failed_name);
	add_error(&json, end->error);
	event_send(&json);
}
