/*
 * session_locks.c
 *		Advisory locks of the session, which no end of a transaction gives back: a
 *		migration's own would be in the way of its next try, or of the next
 *		migration, in a worker, or stay with the caller.
 */
#include "postgres.h"

#include "common/compat.h"
#include "run/call.h"
#include "storage/lock.h"
#include "storage/proc.h"

/* What those functions take. */
static const LOCKMODE modes[] = {ShareLock, ExclusiveLock};

/* One that this session holds, and how often in each mode. */
typedef struct OwnLock
{
	LOCKTAG		tag;
	LOCKMASK	held;
	int			times[lengthof(modes)];
} OwnLock;

/* What pg_advisory_lock() and its like take: with one number, or with two. */
static bool
is_of_user(const LOCKTAG *tag)
{
	return tag->locktag_type == LOCKTAG_ADVISORY && (tag->locktag_field4 == 1 || tag->locktag_field4 == 2);
}

/* How often the session itself, and no transaction of it, holds what this backend has locked. */
static int
times_held(const LOCKTAG *tag, LOCKMODE mode)
{
	const LOCALLOCK *local = mig_lock_again(tag, mode);
	int			times = 0;

	for (int i = 0; i < local->numLockOwners; i++)
		if (local->lockOwners[i].owner == NULL)
			times = local->lockOwners[i].nLocks - 1;
	LockRelease(tag, mode, true);
	return times;
}

static void
count(OwnLock *lock)
{
	for (int i = 0; i < lengthof(modes); i++)
		lock->times[i] = lock->held & LOCKBIT_ON(modes[i]) ? times_held(&lock->tag, modes[i]) : 0;
}

/* Nobody but this backend adds such a lock to its own, or takes one away. */
List *
mig_session_locks(void)
{
	List	   *result = NIL;
	ListCell   *cell;

	for (int i = 0; i < NUM_LOCK_PARTITIONS; i++)
	{
		if (mig_next_own_lock(i, NULL) == NULL)
			continue;
		LWLockAcquire(LockHashPartitionLockByIndex(i), LW_SHARED);
		for (PROCLOCK *lock = mig_next_own_lock(i, NULL); lock; lock = mig_next_own_lock(i, lock))
			if (lock->holdMask != 0 && is_of_user(&lock->tag.myLock->tag))
			{
				OwnLock    *own = palloc(sizeof(OwnLock));

				own->tag = lock->tag.myLock->tag;
				own->held = lock->holdMask;
				result = lappend(result, own);
			}
		LWLockRelease(LockHashPartitionLockByIndex(i));
	}
	foreach(cell, result)
		count(lfirst(cell));
	return result;
}

/* How often was it held in the i-th mode? */
static int
times_before(const List *before, const LOCKTAG *tag, int i)
{
	ListCell   *cell;

	foreach(cell, before)
	{
		const OwnLock *own = lfirst(cell);

		if (memcmp(&own->tag, tag, sizeof(LOCKTAG)) == 0)
			return own->times[i];
	}
	return 0;
}

void
mig_session_locks_give_back(const List *before)
{
	ListCell   *cell;

	foreach(cell, mig_session_locks())
	{
		const OwnLock *own = lfirst(cell);

		for (int i = 0; i < lengthof(modes); i++)
			for (int times = times_before(before, &own->tag, i); times < own->times[i]; times++)
				LockRelease(&own->tag, modes[i], true);
	}
}
