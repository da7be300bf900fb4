/*
 * locks.c
 *		Before a statement: look who holds the locks that it will take, and get
 *		them, or leave it be.
 *
 * Whoever queues for a strong lock makes all wait who come after him.  So a
 * migration queues only where those in its way are about to end, and for no
 * longer than its budget; where one of them is older than the longest budget it
 * does not queue at all, but gives up all it has, and looks now and then whether
 * he is still there.
 */
#include "postgres.h"

#include "common/faults.h"
#include "common/options.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "run/locks.h"
#include "run/locks_private.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define MAX_BLOCKERS 100		/* of one statement that are recorded */

int			mig_lock_total = 600000;

LockWait *
mig_locks_create(int64 run_id, bool retries, void (*check) (void *), void *arg)
{
	LockWait   *wait = palloc0(sizeof(LockWait));

	wait->run_id = run_id;
	wait->retries = retries;
	wait->check = check;
	wait->check_arg = arg;
	wait->role = GetUserId();
	wait->owner = CurrentMemoryContext;
	mig_locks_begin(wait);
	return wait;
}

void
mig_locks_begin(LockWait *wait)
{
	(void) mig_awaited_end(NULL);
	if (wait->context)
		MemoryContextDelete(wait->context);
	wait->context = NULL;
	wait->began = wait->queued_at = 0;
	wait->tries = wait->backoffs = 0;
	wait->budget = LOCK_FIRST_BUDGET_MS;
	wait->statements = wait->wanted = wait->blockers = NIL;
	wait->waited_in_try = 0;
	wait->stopped = wait->told = wait->may_not_evict = false;
	wait->wants = "a lock";
	wait->error = NULL;
}

void
mig_locks_migration(LockWait *wait, const char *project, const char *name, int total)
{
	wait->project = project;
	wait->name = name;
	wait->number = 0;
	wait->total_is_its_own = total != LOCK_TOTAL_NOT_GIVEN;
	wait->total = total == LOCK_TOTAL_NOT_GIVEN ? mig_lock_total : total;
}

bool
mig_wait_tries_again(const LockWait *wait)
{
	return wait->retries && wait->total != 0;
}

/* ---- what is kept ---- */

MemoryContext
mig_wait_enter(LockWait *wait)
{
	if (wait->context == NULL)
		wait->context = AllocSetContextCreate(wait->owner, "lock wait", ALLOCSET_SMALL_SIZES);
	return MemoryContextSwitchTo(wait->context);
}

StatementWait *
mig_wait_find_statement(const LockWait *wait)
{
	ListCell   *cell;

	foreach(cell, wait->statements)
	{
		StatementWait *statement = lfirst(cell);

		if (statement->number == wait->number && strcmp(statement->name, wait->name) == 0 &&
			strcmp(statement->project, wait->project) == 0)
			return statement;
	}
	return NULL;
}

StatementWait *
mig_wait_statement(LockWait *wait)
{
	StatementWait *statement = mig_wait_find_statement(wait);
	MemoryContext before;

	if (statement)
		return statement;
	before = mig_wait_enter(wait);
	statement = palloc0(sizeof(StatementWait));
	statement->project = pstrdup(wait->project);
	statement->name = pstrdup(wait->name);
	statement->number = wait->number;
	wait->statements = lappend(wait->statements, statement);
	MemoryContextSwitchTo(before);
	return statement;
}

Blocker *
mig_wait_find_blocker(List *blockers, const Blocker *blocker)
{
	ListCell   *cell;

	foreach(cell, blockers)
		if (mig_blockers_same(lfirst(cell), blocker))
			return lfirst(cell);
	return NULL;
}

static bool
wants(const LockWait *wait, const WantedLock *lock)
{
	ListCell   *cell;

	foreach(cell, wait->wanted)
	{
		const WantedLock *other = lfirst(cell);

		if (memcmp(&other->tag, &lock->tag, sizeof(LOCKTAG)) == 0 && other->mode == lock->mode)
			return true;
	}
	return false;
}

/* Remember a lock that was not free. */
void
mig_wait_want(LockWait *wait, const WantedLock *lock)
{
	MemoryContext before = mig_wait_enter(wait);

	if (!wants(wait, lock))
	{
		WantedLock *copy = palloc(sizeof(WantedLock));

		*copy = *lock;
		wait->wanted = lappend(wait->wanted, copy);
	}
	wait->last = *lock;
	wait->wants = mig_lock_mode_name(lock->mode);
	MemoryContextSwitchTo(before);
}

/* Find out what the last one is on. */
void
mig_wait_name_wanted(LockWait *wait)
{
	MemoryContext before = mig_wait_enter(wait);
	const char *object = wait->wanted ? mig_lock_object(&wait->last.tag) : NULL;

	if (object)
		wait->wants = psprintf("%s on %s", mig_lock_mode_name(wait->last.mode), object);
	MemoryContextSwitchTo(before);
}

/* Those that somebody who is told of this may know; each of the statement's own is kept. */
List *
mig_wait_describe(LockWait *wait, List *blockers)
{
	StatementWait *statement = mig_wait_statement(wait);
	MemoryContext before = mig_wait_enter(wait);
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, blockers)
	{
		Blocker    *known = mig_wait_find_blocker(statement->blockers, lfirst(cell));
		Blocker    *blocker;

		mig_blocker_describe(lfirst(cell), wait->role);
		blocker = mig_blocker_copy(lfirst(cell));
		if (known)
			blocker->action = known->action;
		else if (list_length(statement->blockers) < MAX_BLOCKERS)
			statement->blockers = lappend(statement->blockers, blocker);
		result = lappend(result, blocker);
	}
	MemoryContextSwitchTo(before);
	return result;
}

/* ---- before a statement ---- */

static bool
any_is_old(List *blockers, int limit)
{
	ListCell   *cell;

	foreach(cell, blockers)
		if (limit > 0 && mig_blocker_is_old(lfirst(cell), limit))
			return true;
	return false;
}

static void
stop(LockWait *wait)
{
	wait->stopped = true;
	MIG_FAULT("lock_not_queued");
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("could not obtain %s", wait->wants)));
}

/* Queue for it, for so many ms; 0: for as long as lock_timeout says. */
static void
queue_for(LockWait *wait, const WantedLock *lock, int ms)
{
	int			level = NewGUCNestLevel();
	int64		waited;

	if (ms > 0)
		(void) set_config_option("lock_timeout", psprintf("%d", ms), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	wait->queued_at = GetCurrentTimestamp();
	MIG_FAULT("lock_queues");
	LockRelationOid(lock->tag.locktag_field2, lock->mode);
	MIG_FAULT("lock_obtained");
	waited = GetCurrentTimestamp() - wait->queued_at;
	wait->queued_at = 0;
	wait->waited_in_try += waited;
	mig_wait_statement(wait)->waited += waited;
	AtEOXact_GUC(false, level);
}

/* It is not free: queue for it if that is of use, or end the try. */
static void
obtain(LockWait *wait, const WantedLock *lock)
{
	List	   *blockers = mig_blockers_of(lock);
	int			left = wait->limit - wait->waited_in_try / 1000;

	if (blockers == NIL && !lock->may_take)
		return;
	mig_wait_want(wait, lock);
	mig_wait_name_wanted(wait);
	wait->blockers = mig_wait_describe(wait, blockers);
	if (mig_wait_tries_again(wait) && wait->limit > 0 && (left <= 0 || any_is_old(blockers, wait->limit)))
		stop(wait);
	if (lock->may_take)
		queue_for(wait, lock, mig_wait_tries_again(wait) && wait->limit > 0 ? Min(wait->budget, left) : 0);
}

static bool
waits_for_nothing(const ScriptStatement *stmt)
{
	return IsA(stmt->raw->stmt, LockStmt) && ((const LockStmt *) stmt->raw->stmt)->nowait;
}

void
mig_locks_at(LockWait *wait, const ScriptStatement *stmt)
{
	wait->number = stmt->number;
	wait->limit = LockTimeout;
	wait->concurrent = stmt->concurrent;
	mig_awaited_begin();
}

void
mig_locks_before(LockWait *wait, const ScriptStatement *stmt)
{
	ListCell   *cell;

	wait->number = stmt->number;
	wait->limit = LockTimeout;
	wait->concurrent = false;
	foreach(cell, mig_locks_of(stmt->raw->stmt))
	{
		WantedLock *lock = lfirst(cell);

		lock->may_take &= !waits_for_nothing(stmt);
		if (!lock->may_take || !ConditionalLockRelationOid(lock->tag.locktag_field2, lock->mode))
			obtain(wait, lock);
	}
	mig_awaited_begin();
}

static char *
blockers_json(List *blockers)
{
	StringInfoData json;
	ListCell   *cell;

	initStringInfo(&json);
	foreach(cell, blockers)
	{
		appendStringInfoString(&json, json.len ? ", " : "[");
		mig_blocker_json(&json, lfirst(cell));
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

void
mig_locks_after(LockWait *wait, StatementRecord *record)
{
	int64		waited = mig_awaited_end(NULL);
	const StatementWait *statement;

	if (waited > 0)
	{
		mig_wait_statement(wait)->waited += waited;
		wait->waited_in_try += waited;
	}
	statement = mig_wait_find_statement(wait);
	if (statement == NULL)
		return;
	record->waited = statement->waited;
	if (statement->blockers)
		record->waited_for = blockers_json(statement->blockers);
}
