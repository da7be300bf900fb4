/*
 * deployer.c
 *		The lock that makes deployers of one database take turns.
 *
 * It is an advisory lock of a class of our own, so it ends with whoever holds
 * it, in whatever way he ends.  Nobody waits for it in the lock manager: a
 * waiter with a snapshot would hang what the holder may be running (CREATE
 * INDEX CONCURRENTLY waits for snapshots), so waiters poll.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/errors.h"
#include "common/faults.h"
#include "executor/spi.h"
#include "ledger/ledger.h"
#include "miscadmin.h"
#include "run/deployer.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/backend_status.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define FIRST_PAUSE_MS 20
#define LONGEST_PAUSE_MS 500

/* Transaction nesting level on which a migration's statements run, or 0. */
static int	inside_level = 0;

/* Does one run that ends transactions itself? */
static bool inside_worker = false;

static bool forbid_prepare = false;

static void
deployer_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, LEDGER_DEPLOYER_KEY, LEDGER_DEPLOYER_LOCK);
}

static void
worker_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, LEDGER_DEPLOYER_KEY, LEDGER_WORKER_LOCK);
}

static bool
is_free(const LOCKTAG *tag, bool session)
{
	return LockAcquire(tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Does a worker go on whose caller is gone? */
static bool
worker_is_left(void)
{
	LOCKTAG		tag;

	worker_tag(&tag);
	MIG_FAULT("deployer_looked");
	if (!is_free(&tag, true))
		return true;
	(void) LockRelease(&tag, ExclusiveLock, true);
	return false;
}

static bool
try_lock(bool session)
{
	LOCKTAG		tag;
	bool		left;

	deployer_tag(&tag);
	if (!is_free(&tag, session))
		return false;
	PG_TRY();
	{
		left = worker_is_left();
	}
	PG_CATCH();
	{
		(void) LockRelease(&tag, ExclusiveLock, session);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (left)
		(void) LockRelease(&tag, ExclusiveLock, session);
	return !left;
}

void
mig_deployer_leave(void)
{
	LOCKTAG		tag;

	deployer_tag(&tag);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

/* By the session, once. */
static void
have(const LOCKTAG *tag)
{
	if (LockAcquire(tag, ExclusiveLock, true, false) == LOCKACQUIRE_ALREADY_HELD)
		(void) LockRelease(tag, ExclusiveLock, true);
}

/* Others hold it for no longer than it takes to see that it is free. */
void
mig_deployer_work(int64 run_id)
{
	LOCKTAG		tag;

	worker_tag(&tag);
	have(&tag);
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (run_id >> 32), (uint32) run_id, LEDGER_RUN_LOCK);
	have(&tag);
}

void
mig_deployer_refuse_inside(const char *what)
{
	if (inside_level > 0 || inside_worker)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("%s cannot be called from inside a migration", what),
				 errhint("Remove the call from the migration's text.")));
}

char *
mig_wait_limit_text(int wait)
{
	if (wait < 0)
		return pstrdup("without limit");
	if (wait < 120000)
		return psprintf("at most %d s", (wait + 999) / 1000);
	return psprintf("at most %d min", wait / 60000);
}

static void
raise_held(const Holder *holder, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_MIG_LOCK_HELD),
			 errmsg("another run is under way in this database"),
			 holder ?
			 errdetail("%s  It is %s.", why, holder->description) :
			 errdetail("%s", why),
			 holder && holder->run_id == 0 ?
			 errhint("Try again when it has ended: SELECT * FROM pg_stat_activity WHERE pid = %d;", holder->pid) :
			 errhint("Try again when it has ended: SELECT * FROM migrate.runs WHERE outcome = 'running';")));
}

void
mig_deployer_hold(void)
{
	LOCKTAG		tag;

	deployer_tag(&tag);
	(void) is_free(&tag, false);
}

void
mig_deployer_keep(void)
{
	LOCKTAG		tag;

	deployer_tag(&tag);
	switch (LockAcquire(&tag, ExclusiveLock, true, true))
	{
		case LOCKACQUIRE_OK:
			return;
		case LOCKACQUIRE_NOT_AVAIL:
			raise_held(NULL, "This run's migration has released the lock, and another run has taken it.");
			break;
		default:
			(void) LockRelease(&tag, ExclusiveLock, true);
	}
}

/* Awake for interrupts, which do not make it shorter. */
void
mig_pause(int ms)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
	long		left;

	while ((left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end)) > 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Inside a transaction waiting is not always of use: the holder may be waiting
 * for us, and with a snapshot for all of the transaction we would not see what
 * it has done.
 */
static void
refuse_useless_wait(const Holder *holder)
{
	if (IsolationUsesXactSnapshot())
		raise_held(holder, "A transaction that is REPEATABLE READ or SERIALIZABLE does not wait for it.");
	if (ledger_deployer_waits_for(MyProcPid))
		raise_held(holder, "It waits for a lock of this transaction.");
}

static void
poll(bool commits, int wait, TimestampTz start)
{
	int			pause = FIRST_PAUSE_MS;
	bool		told = false;

	for (;;)
	{
		Holder	   *holder = ledger_deployer();

		if (wait == 0 ||
			(wait > 0 && TimestampDifferenceExceeds(start, GetCurrentTimestamp(), wait)))
			raise_held(holder, wait == 0 ? "Waiting for it was not asked for." : "The time to wait for it is over.");
		if (!commits)
			refuse_useless_wait(holder);
		if (!told && holder)
			ereport(NOTICE,
					(errmsg("waiting for %s, %s", holder->description, mig_wait_limit_text(wait))));
		told |= holder != NULL;
		if (commits)
			SPI_commit();
		mig_pause(pause);
		pause = Min(pause * 2, LONGEST_PAUSE_MS);
		if (try_lock(commits))
			return;
	}
}

/* What is planned or marked by a snapshot that is older than the last run undoes it, or runs it again. */
void
mig_deployer_refuse_stale(void)
{
	if (ledger_has_moved())
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access: migrations have been run or decided about since this transaction began to look"),
				 errhint("The transaction might succeed if retried.")));
}

int64
mig_deployer_enter(bool commits, int wait)
{
	TimestampTz start = GetCurrentTimestamp();

	if (!commits)
		forbid_prepare = true;
	if (try_lock(commits))
	{
		if (!commits)
			mig_deployer_refuse_stale();
		return 0;
	}
	poll(commits, wait, start);
	return GetCurrentTimestamp() - start;
}

bool
mig_deployer_try(void)
{
	forbid_prepare = true;
	if (!try_lock(false))
		return false;
	mig_deployer_refuse_stale();
	return true;
}

/* A prepared run would keep the lock, and its outcome open, for as long as it likes. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			if (forbid_prepare)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has run migrations"),
						 errhint("COMMIT it, or ROLLBACK.")));
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
			forbid_prepare = false;
			inside_level = 0;
			break;
		default:
			break;
	}
}

/* A rollback to before the migration began ends it; one within it does not. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && GetCurrentTransactionNestLevel() <= inside_level)
		inside_level = 0;
}

void
mig_deployer_inside(bool inside)
{
	inside_level = inside ? GetCurrentTransactionNestLevel() : 0;
}

void
mig_deployer_inside_worker(bool inside)
{
	inside_worker = inside;
}

void
mig_deployer_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
