/*
 * watch.c
 *		Turn capture on and off, and note since when it has been so.
 *
 * The event triggers are no members of the extension, so that pg_dump puts them
 * behind everything else and a restore is neither recorded nor disturbed.
 */
#include "postgres.h"

#include "capture/capture_private.h"
#include "commands/dbcommands.h"
#include "commands/event_trigger.h"
#include "common/readonly.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#define LIBRARY "pg_migrations"

static void
require_superuser(const char *what)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: only a superuser can make event triggers"),
				 errhint("As a superuser: SELECT %s('<why>');", what)));
}

bool
mig_has_library(const char *list, char **without)
{
	char	   *copy = pstrdup(list);
	List	   *names;
	ListCell   *cell;
	StringInfoData rest;
	bool		found = false;

	initStringInfo(&rest);
	*without = NULL;
	if (!SplitDirectoriesString(copy, ',', &names))
		return false;
	foreach(cell, names)
	{
		const char *name = lfirst(cell);

		if (strcmp(name, LIBRARY) == 0 || strcmp(name, "$libdir/" LIBRARY) == 0)
			found = true;
		else
			appendStringInfo(&rest, "%s%s", rest.len ? ", " : "", quote_identifier(name));
	}
	*without = rest.data;
	return found;
}

/* Load the library in every session of this database from now on. */
static void
preload(bool on)
{
	const char *database = quote_identifier(get_database_name(MyDatabaseId));
	char	   *list = ledger_database_libraries();
	char	   *rest;
	bool		found;

	if (on && mig_has_library(GetConfigOption("shared_preload_libraries", true, false), &rest))
		return;
	if (on && list == NULL)
		list = ledger_server_libraries();
	if (list == NULL)
		return;
	found = mig_has_library(list, &rest);
	if (rest == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid list of libraries: \"%s\"", list),
				 errhint("ALTER DATABASE %s RESET session_preload_libraries;", database)));
	if (found == on)
		return;
	if (on)
		ledger_change_schema(psprintf("ALTER DATABASE %s SET session_preload_libraries = %s%s'" LIBRARY "'",
						 database, rest, rest[0] ? ", " : ""));
	else if (rest[0] == '\0')
		ledger_change_schema(psprintf("ALTER DATABASE %s RESET session_preload_libraries", database));
	else
		ledger_change_schema(psprintf("ALTER DATABASE %s SET session_preload_libraries = %s", database, rest));
}

/* Will every session to come have the library, as far as no role has a setting of its own? */
static bool
library_is_preloaded(void)
{
	char	   *list = ledger_database_libraries();
	char	   *rest;

	return mig_has_library(GetConfigOption("shared_preload_libraries", true, false), &rest) ||
		mig_has_library(list ? list : ledger_server_libraries(), &rest);
}

/* What capture sees at present, in words of the view coverage. */
static const char *
present_level(void)
{
	if (!mig_event_triggers_fire() || !ledger_takes_ddl())
		return "none";
	return library_is_preloaded() ? "full" : "triggers_only";
}

void
mig_coverage_changed(const char *reason)
{
	const char *level = present_level();
	char	   *noted = ledger_coverage();

	if (strcmp(noted ? noted : "none", level) != 0)
		ledger_note_coverage(level, reason);
}

void
mig_capture_notice(void)
{
	mig_coverage_changed("noticed by a run");
}

void		(*mig_capture_at_watch) (void) = NULL;

static void
decide(const char *decision, const char *reason)
{
	Decision	row = {0};

	row.decision = decision;
	row.reason = reason;
	ledger_write_decision(&row);
}

MIG_FUNCTION(mig_watch);

/* migrate.watch(reason) */
static Datum
mig_watch_body(PG_FUNCTION_ARGS)
{
	char	   *reason = mig_optional_text(fcinfo, 0);

	mig_refuse_read_only("migrate.watch");
	require_superuser("migrate.watch");
	/* What was lost without our seeing it shows as a gap. */
	if (!mig_event_triggers_fire())
		mig_coverage_changed("noticed by migrate.watch");
	for (int i = 0; i < MIG_EVENT_TRIGGERS; i++)
	{
		const EventTriggerName *trigger = &mig_event_triggers[i];

		if (!OidIsValid(get_event_trigger_oid(trigger->name, true)))
			ledger_change_schema(psprintf("CREATE EVENT TRIGGER %s ON %s EXECUTE FUNCTION migrate.%s()",
							 trigger->name, trigger->event, trigger->function));
		if (!mig_fires_always(trigger->name))
			ledger_change_schema(psprintf("ALTER EVENT TRIGGER %s ENABLE ALWAYS", trigger->name));
	}
	preload(true);
	if (mig_capture_at_watch)
		mig_capture_at_watch();
	decide("watch_on", reason);
	mig_coverage_changed(reason ? reason : "migrate.watch");
	PG_RETURN_VOID();
}

MIG_FUNCTION(mig_unwatch);

/* migrate.unwatch(reason) */
static Datum
mig_unwatch_body(PG_FUNCTION_ARGS)
{
	char	   *reason;

	mig_refuse_read_only("migrate.unwatch");
	reason = mig_reason(fcinfo, 0);
	require_superuser("migrate.unwatch");
	for (int i = 0; i < MIG_EVENT_TRIGGERS; i++)
		if (OidIsValid(get_event_trigger_oid(mig_event_triggers[i].name, true)))
			ledger_change_schema(psprintf("DROP EVENT TRIGGER %s", mig_event_triggers[i].name));
	preload(false);
	decide("watch_off", reason);
	mig_coverage_changed(reason);
	PG_RETURN_VOID();
}

MIG_FUNCTION(mig_acknowledge);

/* migrate.acknowledge(ddl_ids, reason) */
static Datum
mig_acknowledge_body(PG_FUNCTION_ARGS)
{
	List	   *ids;
	ListCell   *cell;
	char	   *reason;

	mig_refuse_read_only("migrate.acknowledge");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("ddl_ids must not be null")));
	reason = mig_reason(fcinfo, 1);
	ledger_require("administrator", NULL);
	ids = ledger_direct_ddl(PG_GETARG_ARRAYTYPE_P(0));
	if (ids == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("none of these is the id of a change outside of migrations"),
				 errhint("SELECT id, statement FROM migrate.out_of_band;")));
	foreach(cell, ids)
	{
		Decision	row = {0};

		row.decision = "acknowledged";
		row.ddl_id = *(int64 *) lfirst(cell);
		row.reason = reason;
		ledger_write_decision(&row);
	}
	PG_RETURN_INT32(list_length(ids));
}
