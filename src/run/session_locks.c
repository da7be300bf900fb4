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

/* One that this session holds. */
typedef struct OwnLock
{
	LOCKTAG		tag;
	LOCKMASK	modes;
} OwnLock;

/* What pg_advisory_lock() and its like take: with one number, or with two. */
static bool
is_of_user(const LOCKTAG *tag)
{
	return tag->locktag_type == LOCKTAG_ADVISORY && (tag->locktag_field4 == 1 || tag->locktag_field4 == 2);
}

/* Nobody but this backend adds such a lock to its own, or takes one away. */
List *
mig_session_locks(void)
{
	List	   *result = NIL;

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
				own->modes = lock->holdMask;
				result = lappend(result, own);
			}
		LWLockRelease(LockHashPartitionLockByIndex(i));
	}
	return result;
}

/* Was it held so before?  How often, nobody says. */
static bool
was_held(const List *before, const LOCKTAG *tag, LOCKMODE mode)
{
	ListCell   *cell;

	foreach(cell, before)
	{
		const OwnLock *own = lfirst(cell);

		if (memcmp(&own->tag, tag, sizeof(LOCKTAG)) == 0)
			return (own->modes & LOCKBIT_ON(mode)) != 0;
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
		const LOCKTAG *tag = &((const OwnLock *) lfirst(cell))->tag;

		for (int i = 0; i < lengthof(modes); i++)
			while (!was_held(before, tag, modes[i]) && mig_lock_held_by_me(tag, modes[i]) && LockRelease(tag, modes[i], true))
				;
	}
}
