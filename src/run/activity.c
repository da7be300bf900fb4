/*
 * activity.c
 *		Show the statement under way as the session's query.
 *
 * pg_stat_activity is shared memory that every server has, that goes with its
 * backend, and that people look at first.  migrate.progress reads the comment
 * that stands before the statement, and takes the time of the last change of
 * state for the statement's start.
 */
#include "postgres.h"

#include "pgstat.h"
#include "run/activity.h"
#include "tcop/tcopprot.h"

void
mig_activity_statement(const char *full_name, int number, int statements, const char *sql)
{
	StringInfoData text;

	if (!pgstat_track_activities)
		return;
	initStringInfo(&text);
	appendStringInfo(&text, "/* statement %d of %d of migration %s */ %s", number, statements, full_name, sql);
	pgstat_report_activity(STATE_RUNNING, text.data);
	pfree(text.data);
}

void
mig_activity_call(void)
{
	pgstat_report_activity(STATE_RUNNING, debug_query_string ? debug_query_string : "");
}
