/*
 * faults.c
 *		What happens at a fault point, in a library that was built with FAULTS=1.
 *
 * The setting pg_migrations.fault is 'point:action' or 'point:action:nth', or
 * more of these with commas between, the point * being all of them.  A test
 * makes the directory below in the data directory; each time that a point is
 * reached whose turn it may be, a file there, of the database and the point,
 * grows by a byte.  Thus it is counted over all sessions and crashes, and the
 * test sees what was reached.
 */
#include "postgres.h"

#ifdef MIG_FAULT_POINTS

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "common/faults.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

#define FAULT_DIRECTORY "pg_migrations_faults"
#define HOLD_FILE FAULT_DIRECTORY "/hold"
#define LOOK_AGAIN_MS 10

static char *fault = NULL;

/* The how-manieth time is it that a session in this database is here? 0: nobody counts. */
static int
count_time(const char *point)
{
	char		path[MAXPGPATH];
	int			file;
	int			times = 0;

	snprintf(path, sizeof(path), FAULT_DIRECTORY "/%u.%s", MyDatabaseId, point);
	file = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	if (file < 0)
		return 0;
	if (write(file, ".", 1) == 1)
		times = lseek(file, 0, SEEK_END);
	close(file);
	return times;
}

/* Stay here for as long as the test has a file there. */
static void
hold(void)
{
	while (access(HOLD_FILE, F_OK) == 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_AGAIN_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
act(const char *point, const char *action)
{
	if (strcmp(action, "error") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DISK_FULL),
				 errmsg("no space is left at fault point \"%s\"", point)));
	else if (strcmp(action, "kill") == 0)
		kill(MyProcPid, SIGKILL);
	else if (strcmp(action, "cancel") == 0)
		kill(MyProcPid, SIGINT);
	else if (strcmp(action, "exit") == 0)
		kill(MyProcPid, SIGTERM);
	else if (strcmp(action, "hold") == 0)
		hold();
	/* A signal to oneself has arrived; what it asks for happens here, where that is allowed. */
	CHECK_FOR_INTERRUPTS();
}

void
mig_fault(const char *point)
{
	int			save_errno = errno;

	for (const char *at = fault; at && *at != '\0'; at += strcspn(at, ","), at += *at == ',')
	{
		char		wanted[NAMEDATALEN];
		char		action[NAMEDATALEN];
		int			nth = 1;

		if (sscanf(at, "%63[^:]:%63[^:,]:%d", wanted, action, &nth) < 2 ||
			(strcmp(wanted, "*") != 0 && strcmp(wanted, point) != 0))
			continue;
		if (count_time(point) == nth)
			act(point, action);
		break;
	}
	errno = save_errno;
}

void
mig_fault_init(void)
{
	DefineCustomStringVariable("pg_migrations.fault",
							   "What is to go wrong, and where: 'point:action' or 'point:action:nth'.",
							   "Actions are error, cancel, exit, kill, hold, and note, which does nothing.",
							   &fault, NULL, PGC_SUSET, 0, NULL, NULL, NULL);
}

#endif							/* MIG_FAULT_POINTS */
