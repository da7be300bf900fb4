/*
 * retry.c
 *		A try has not got its locks: wait for when the next one may, with nothing
 *		held, and give up when the time is up.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "common/faults.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "run/activity.h"
#include "run/call.h"
#include "run/deployer.h"
#include "run/locks.h"
#include "run/locks_private.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define POLL_MS 100
#define FIRST_PAUSE_MS 50
#define LONGEST_PAUSE_MS 30000
#define NAMED_HOLDERS 3			/* in what is shown of the session */

static int64
ms_since(TimestampTz start)
{
	return (GetCurrentTimestamp() - start) / 1000;
}

static bool
time_is_up(const LockWait *wait)
{
	return wait->total >= 0 && ms_since(wait->began) >= wait->total;
}

/* ---- after a try ---- */

/* The statement itself has waited in vain, or we for it. */
static void
account(LockWait *wait)
{
	WantedLock	awaited;
	int64		waited = mig_awaited_end(&awaited);

	if (wait->project == NULL)
		return;
	if (waited > 0)
		mig_wait_want(wait, &awaited);
	/* Where nothing was rolled back the catalog cannot be asked. */
	if (waited > 0 && !wait->retries)
		wait->blockers = mig_blockers_of(&awaited);
	if (wait->queued_at)
		waited += GetCurrentTimestamp() - wait->queued_at;
	wait->queued_at = 0;
	mig_wait_statement(wait)->waited += waited;
}

bool
mig_locks_is_about(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* Others who wait for the same should not all come at the same time, nor we too often. */
static void
back_off(LockWait *wait)
{
	int64		longest = Min((int64) FIRST_PAUSE_MS << Min(wait->backoffs, 16), LONGEST_PAUSE_MS);

	wait->backoffs++;
	wait->budget = Min(wait->budget + wait->budget / 2, Max(wait->limit, LOCK_FIRST_BUDGET_MS));
	wait->pause_until = TimestampTzPlusMilliseconds(wait->failed_at, (int64) (pg_prng_double(&pg_global_prng_state) * longest));
}

bool
mig_locks_failed(LockWait *wait, ErrorData *error)
{
	if (!mig_locks_is_about(error) || wait->project == NULL)
	{
		(void) mig_awaited_end(NULL);
		return false;
	}
	account(wait);
	MIG_FAULT("lock_try_failed");
	wait->failed_at = GetCurrentTimestamp();
	if (wait->began == 0)
		wait->began = wait->failed_at;
	wait->tries++;
	wait->waited_in_try = 0;
	wait->error = error;
	if (wait->stopped)
		wait->pause_until = wait->failed_at;
	else
		back_off(wait);
	wait->stopped = false;
	return mig_wait_tries_again(wait) && !time_is_up(wait);
}

/* ---- between two tries ---- */

/* Who holds what was wanted, with what may be told of him. */
static void
look_again(LockWait *wait)
{
	List	   *blockers = NIL;
	ListCell   *cell;

	foreach(cell, wait->wanted)
		blockers = list_concat(blockers, mig_blockers_of(lfirst(cell)));
	wait->blockers = mig_wait_describe(wait, blockers);
	mig_wait_name_wanted(wait);
}

static void
blockers_text(StringInfo out, List *blockers)
{
	ListCell   *cell;

	foreach(cell, blockers)
	{
		appendStringInfoString(out, out->len ? "\n" : "");
		appendStringInfoString(out, "In the way: ");
		mig_blocker_text(out, lfirst(cell));
	}
	if (blockers == NIL)
		appendStringInfo(out, "%sNobody is in the way now.", out->len ? "\n" : "");
}

/* The first time to whoever waits, each time to the log. */
static void
tell(LockWait *wait)
{
	ErrorContextCallback *around = error_context_stack;
	StringInfoData who;

	initStringInfo(&who);
	blockers_text(&who, wait->blockers);
	error_context_stack = NULL;
	if (!wait->told)
		ereport(NOTICE,
				(errmsg("migration \"%s:%s\" waits for %s, %s", mig_for_client(wait->project), mig_for_client(wait->name),
						mig_for_client(wait->wants), mig_wait_limit_text(wait->total)),
				 errdetail_internal("%s", mig_for_client(who.data))));
	ereport(LOG_SERVER_ONLY,
			(errmsg("run " INT64_FORMAT ": migration \"%s:%s\" waits for %s, after try %d, at statement %d", wait->run_id,
					wait->project, wait->name, wait->wants, wait->tries, wait->number),
			 errdetail_internal("%s", who.data)));
	error_context_stack = around;
	wait->told = true;
}

static void
evict(LockWait *wait)
{
	List	   *evicted = mig_wait_find_statement(wait)->blockers;
	ListCell   *cell;

	wait->policy = mig_blockers_policy(wait->project);
	foreach(cell, wait->blockers)
	{
		Blocker    *blocker = lfirst(cell);
		Blocker    *kept = mig_wait_find_blocker(evicted, blocker);

		if (wait->may_not_evict || !mig_blocker_is_due(blocker, &wait->policy))
			continue;
		if (!mig_blocker_evict(blocker, &wait->policy, wait->role, wait->run_id, wait->project, wait->name))
		{
			wait->may_not_evict = true;
			ereport(WARNING,
					(errmsg("policy \"blockers\" cannot be followed: role \"%s\" may not end pid %d",
							GetUserNameFromId(wait->role, false), blocker->pid),
					 superuser_arg(blocker->role) ? errhint("It is a superuser's, and only a superuser ends it.") :
					 errhint("GRANT pg_signal_backend TO %s;", quote_identifier(GetUserNameFromId(wait->role, false)))));
		}
		if (kept)
			kept->action = blocker->action;
	}
}

void
mig_locks_look(LockWait *wait)
{
	look_again(wait);
	MIG_FAULT("lock_looked");
	tell(wait);
	MIG_FAULT("lock_told");
	evict(wait);
}

/* 'pid 4711, pid 4712', in few words. */
static char *
holders_text(List *blockers)
{
	StringInfoData text;
	ListCell   *cell;

	if (blockers == NIL)
		return pstrdup("nobody now");
	initStringInfo(&text);
	foreach(cell, blockers)
	{
		const Blocker *blocker = lfirst(cell);

		if (foreach_current_index(cell) == NAMED_HOLDERS)
		{
			appendStringInfo(&text, " and %d more", list_length(blockers) - NAMED_HOLDERS);
			break;
		}
		appendStringInfoString(&text, text.len ? ", " : "");
		if (blocker->kind == BLOCKER_PREPARED)
			appendStringInfoString(&text, "a prepared transaction");
		else
			appendStringInfo(&text, "pid %d", blocker->pid);
	}
	return text.data;
}

/* Others can see whom we wait for, though we do not queue; for as long as the transaction lasts. */
static void
show(const LockWait *wait, bool waits)
{
	ListCell   *cell;
	LOCKTAG		tag;

	foreach(cell, wait->blockers)
	{
		SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, LEDGER_DEPLOYER_KEY, ((Blocker *) lfirst(cell))->pid, LEDGER_WAITS_LOCK);
		if (waits)
			(void) LockAcquire(&tag, ShareLock, false, true);
		else
			(void) LockRelease(&tag, ShareLock, false);
	}
}

/* Is anybody still in the way for whom it is of no use to queue?  news: more is to be known of it. */
static bool
is_blocked(const LockWait *wait, bool *news)
{
	bool		blocked = false;
	ListCell   *cell;

	foreach(cell, wait->wanted)
	{
		List	   *blockers = mig_blockers_of(lfirst(cell));
		ListCell   *other;

		foreach(other, blockers)
		{
			Blocker    *blocker = lfirst(other);
			const Blocker *known = mig_wait_find_blocker(wait->blockers, blocker);

			if (wait->limit <= 0 || !mig_blocker_is_old(blocker, wait->limit))
				continue;
			blocked = true;
			if (known)
				blocker->action = known->action;
			*news |= known == NULL || (!wait->may_not_evict && mig_blocker_is_due(blocker, &wait->policy));
		}
	}
	return blocked;
}

/* The time between two tries counts for the statement that failed. */
static void
count_wait(LockWait *wait)
{
	mig_wait_find_statement(wait)->waited += GetCurrentTimestamp() - wait->failed_at;
	wait->failed_at = GetCurrentTimestamp();
}

/* Until it is worth a try, or there are news; it may take days, so that nothing of one look is left for the next. */
static bool
poll(LockWait *wait, MemoryContext look)
{
	bool		news = false;

	for (;;)
	{
		TimestampTz now;

		MemoryContextReset(look);
		MIG_FAULT("lock_polls");
		if (wait->check)
			wait->check(wait->check_arg);
		if (!is_blocked(wait, &news))
		{
			now = GetCurrentTimestamp();
			if (now >= wait->pause_until || time_is_up(wait))
				return false;
			mig_pause(Min(POLL_MS, (wait->pause_until - now) / 1000 + 1));
		}
		else if (time_is_up(wait))
		{
			count_wait(wait);
			MIG_FAULT("lock_time_up");
			ReThrowError(wait->error);
		}
		else if (news)
			return true;
		else
			mig_pause(POLL_MS);
	}
}

bool
mig_locks_sleep(LockWait *wait)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "lock poll", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	bool		news;

	InvalidateCatalogSnapshot();
	mig_activity_waiting(holders_text(wait->blockers));
	show(wait, true);
	MIG_FAULT("lock_wait_shown");
	news = poll(wait, context);
	show(wait, false);
	mig_activity_call();
	MIG_FAULT("lock_wait_ended");
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	if (!news)
		count_wait(wait);
	return news;
}

/* ---- when it ends ---- */

/* What gives it more time. */
static const char *
longer(const LockWait *wait, const ErrorData *error)
{
	if (!wait->retries)
		return "On its own, outside of a transaction block, it is tried again by itself.";
	if (wait->concurrent && error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
		return "Longer: its option \"lock_timeout\".";
	return wait->total_is_its_own ? "Longer: its option \"lock_total\"." : "Longer: SET pg_migrations.lock_total = '1h';";
}

static bool
is_idle(const Blocker *blocker)
{
	return blocker->state && strncmp(blocker->state, "idle", strlen("idle")) == 0;
}

/* Who can, where the run's role cannot. */
static const char *
ended_by(const LockWait *wait, const Blocker *blocker)
{
	if (superuser_arg(wait->role))
		return "";
	if (superuser_arg(blocker->role))
		return ", called by a superuser";
	return has_privs_of_role(wait->role, blocker->role) || has_privs_of_role(wait->role, ROLE_PG_SIGNAL_BACKEND) ? "" :
		", called by a role that has pg_signal_backend";
}

static char *
hint(const LockWait *wait, const ErrorData *error)
{
	const Blocker *blocker = wait->blockers ? linitial(wait->blockers) : NULL;
	const char *again = longer(wait, error);

	if (blocker == NULL)
		return pstrdup(again);
	switch (blocker->kind)
	{
		case BLOCKER_PREPARED:
			return psprintf("ROLLBACK PREPARED %s;  or COMMIT PREPARED ends it.", quote_literal_cstr(blocker->gid ? blocker->gid : "?"));
		case BLOCKER_WRAPAROUND:
			return psprintf("Try again when it has ended: SELECT * FROM pg_stat_progress_vacuum WHERE pid = %d;", blocker->pid);
		default:
			if (MyBgworkerEntry && blocker->pid == MyBgworkerEntry->bgw_notify_pid)
				return pstrdup("It is the session of this run, of before:  SELECT pg_advisory_unlock_all();  then call again.");
			return psprintf("SELECT pg_terminate_backend(%d);  ends it%s.  %s%s", blocker->pid, ended_by(wait, blocker),
							wait->policy.cancel && is_idle(blocker) ? "Policy \"blockers\" is cancel, which ends no idle session.  " : "", again);
	}
}

bool
mig_locks_explain(LockWait *wait, ErrorData *error)
{
	StringInfoData detail;
	double		waited;

	if (!mig_locks_is_about(error) || wait->project == NULL || mig_wait_find_statement(wait) == NULL)
		return false;
	if (wait->retries)
		look_again(wait);
	waited = mig_wait_find_statement(wait)->waited / 1000000.0;
	initStringInfo(&detail);
	if (error->detail)
		appendStringInfo(&detail, "%s\n", error->detail);
	appendStringInfo(&detail, wait->tries == 1 ? "Waited %.1f s for %s." : "Waited %.1f s for %s, in %d tries.",
					 waited, wait->wants, wait->tries);
	blockers_text(&detail, wait->blockers);
	error->detail = unconstify(char *, mig_for_client(detail.data));
	error->hint = hint(wait, error);
	MIG_FAULT("lock_explained");
	return true;
}
