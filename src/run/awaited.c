/*
 * awaited.c
 *		What a statement waits for by itself: a row, a table that a function
 *		touches, anything that could not be told before.
 *
 * The server forgets what a process has waited for before it raises the error,
 * so a timer looks now and then.  What it reads is our own process's entry; the
 * lock stays in shared memory for as long as that says that we wait for it.
 */
#include "postgres.h"

#include "run/locks_private.h"
#include "storage/proc.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#define PERIOD_MS 20

static TimeoutId timer = MAX_TIMEOUTS;
static bool begun = false;

/* Written by the timer's handler. */
static volatile TimestampTz since;	/* of the last wait; 0: none */
static volatile TimestampTz seen;	/* still waiting then */
static volatile int64 waited_before;	/* by the waits before it */
static LOCKTAG awaited_tag;
static LOCKMODE awaited_mode;

static void
look(void)
{
	const LOCK *lock;			/* to be read once: it may go at any time */
	TimestampTz start;

	if (MyProc == NULL)			/* the process is about to end */
		return;
	lock = *(LOCK *volatile *) &MyProc->waitLock;
	start = (TimestampTz) pg_atomic_read_u64(&MyProc->waitStart);
	if (lock == NULL || start == 0)
		return;
	if (start != since)
	{
		waited_before += seen - since;
		since = start;
		awaited_tag = lock->tag;
		awaited_mode = MyProc->waitLockMode;
	}
	seen = GetCurrentTimestamp();
}

void
mig_awaited_begin(void)
{
	if (timer == MAX_TIMEOUTS)
		timer = RegisterTimeout(USER_TIMEOUT, look);
	since = seen = 0;
	waited_before = 0;
	begun = true;
	enable_timeout_every(timer, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PERIOD_MS), PERIOD_MS);
}

int64
mig_awaited_end(WantedLock *last)
{
	if (!begun)
		return 0;
	disable_timeout(timer, false);
	begun = false;
	if (since == 0)
		return 0;
	if (last)
	{
		memset(last, 0, sizeof(WantedLock));
		last->tag = awaited_tag;
		last->mode = awaited_mode;
	}
	return waited_before + (seen - since);
}
