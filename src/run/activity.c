/*
 * activity.c
 *		Show the statement under way as the session's query.
 *
 * pg_stat_activity is shared memory that every server has, that goes with its
 * backend, and that people look at first.  migrate.progress reads the comment
 * that stands before the statement, and takes the time of the last change of
 * state for the statement's start.  A run that waits for another try says so
 * before the statement that it waits with.
 */
#include "postgres.h"

#include "pgstat.h"
#include "run/activity.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

/* The statement shown last, behind the beginning of its comment; as much as is shown. */
static char *statement = NULL;

static void
show(const char *before)
{
	char	   *text = psprintf("/* %s%s", before, statement);

	pgstat_report_activity(STATE_RUNNING, text);
	pfree(text);
}

void
mig_activity_statement(const char *full_name, int number, int statements, const char *sql)
{
	if (!pgstat_track_activities)
		return;
	if (statement == NULL)
		statement = MemoryContextAlloc(TopMemoryContext, pgstat_track_activity_query_size);
	snprintf(statement, pgstat_track_activity_query_size, "statement %d of %d of migration %s */ %s", number, statements, full_name, sql);
	show("");
}

void
mig_activity_waiting(const char *held_by)
{
	if (pgstat_track_activities && statement)
		show(psprintf("waiting for a lock, held by %s: ", held_by));
}

void
mig_activity_call(void)
{
	pgstat_report_activity(STATE_RUNNING, debug_query_string ? debug_query_string : "");
}
