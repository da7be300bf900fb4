/*
 * session_locks.c
 *		Advisory locks of the session, of which an abort gives none back: what a
 *		try has locked would be in the way of the next one, in a worker, or stay.
 */
#include "postgres.h"

#include "common/compat.h"
#include "miscadmin.h"
#include "run/call.h"
#include "storage/lock.h"

/* What pg_advisory_lock() and its like take: with one number, or with two. */
static bool
is_own_of_user(const LockInstanceData *lock)
{
	return lock->pid == MyProcPid && lock->holdMask != 0 && lock->locktag.locktag_type == LOCKTAG_ADVISORY &&
		(lock->locktag.locktag_field4 == 1 || lock->locktag.locktag_field4 == 2);
}

List *
mig_session_locks(void)
{
	LockData   *locks = GetLockStatusData();
	List	   *result = NIL;

	for (int i = 0; i < locks->nelements; i++)
		if (is_own_of_user(&locks->locks[i]))
			result = lappend(result, &locks->locks[i]);
	return result;
}

bool
mig_locks_session(const char *text)
{
	return strcasestr(text, "pg_advisory_lock") || strcasestr(text, "pg_try_advisory_lock");
}

/* Was it held so before?  How often, shared memory does not say. */
static bool
was_held(const List *before, const LOCKTAG *tag, LOCKMODE mode)
{
	ListCell   *cell;

	foreach(cell, before)
	{
		const LockInstanceData *lock = lfirst(cell);

		if (memcmp(&lock->locktag, tag, sizeof(LOCKTAG)) == 0 && (lock->holdMask & LOCKBIT_ON(mode)))
			return true;
	}
	return false;
}

void
mig_session_locks_give_back(const List *before)
{
	static const LOCKMODE modes[] = {ShareLock, ExclusiveLock};
	ListCell   *cell;

	foreach(cell, mig_session_locks())
	{
		const LOCKTAG *tag = &((const LockInstanceData *) lfirst(cell))->locktag;

		for (int i = 0; i < lengthof(modes); i++)
			while (!was_held(before, tag, modes[i]) && mig_lock_held_by_me(tag, modes[i]) && LockRelease(tag, modes[i], true))
				;
	}
}
