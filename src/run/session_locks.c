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
	const LockData *locks = GetLockStatusData();
	List	   *result = NIL;

	for (int i = 0; i < locks->nelements; i++)
		if (is_own_of_user(&locks->locks[i]))
			result = lappend(result, &locks->locks[i].locktag);
	return result;
}

bool
mig_locks_session(const char *text)
{
	return strcasestr(text, "pg_advisory_lock") || strcasestr(text, "pg_try_advisory_lock");
}

static bool
is_among(const List *tags, const LOCKTAG *tag)
{
	ListCell   *cell;

	foreach(cell, tags)
		if (memcmp(lfirst(cell), tag, sizeof(LOCKTAG)) == 0)
			return true;
	return false;
}

void
mig_session_locks_give_back(const List *before)
{
	static const LOCKMODE modes[] = {ShareLock, ExclusiveLock};
	ListCell   *cell;

	foreach(cell, mig_session_locks())
		for (int i = 0; i < lengthof(modes) && !is_among(before, lfirst(cell)); i++)
			while (mig_lock_held_by_me(lfirst(cell), modes[i]) && LockRelease(lfirst(cell), modes[i], true))
				;
}
