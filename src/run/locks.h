/*
 * locks.h
 *		Getting the locks that a migration needs, without making others wait for
 *		longer than they must.
 *
 * What can be rolled back as a whole, one migration, a step of one, or all of
 * an atomic run, is tried until it has all of its locks or its time is up.
 */
#ifndef MIG_LOCKS_H
#define MIG_LOCKS_H

#include "ledger/ledger.h"
#include "script/script.h"

extern int	mig_lock_total;		/* setting pg_migrations.lock_total, in ms */

/* Whom and what is waited for, over all tries. */
typedef struct LockWait LockWait;

/*
 * Lives in the current memory context.  retries: what a try has done can be
 * rolled back, and nothing is held then.  check, if any, is called with arg
 * while waiting, and may raise.
 */
extern LockWait *mig_locks_create(int64 run_id, bool retries, void (*check) (void *), void *arg);

/* Something begins that has not been tried yet. */
extern void mig_locks_begin(LockWait *wait);

/* Its statements are from here on those of this migration; total is its option. */
extern void mig_locks_migration(LockWait *wait, const char *project, const char *name, int total);

/*
 * Before a statement of it: take the locks that it will take, if they can be
 * had soon; raises 55P03 without queueing where somebody holds one for long.
 */
extern void mig_locks_before(LockWait *wait, const ScriptStatement *stmt);

/* The same for one that is to see to its locks by itself. */
extern void mig_locks_at(LockWait *wait, const ScriptStatement *stmt);

/* It has gone well: add to its record how long it waited, and for whom. */
extern void mig_locks_after(LockWait *wait, StatementRecord *record);

/* Is this the error of somebody who did not get a lock? */
extern bool mig_locks_is_about(const ErrorData *error);

/* A try has failed and is rolled back: shall it be tried again? */
extern bool mig_locks_failed(LockWait *wait, ErrorData *error);

/*
 * Wait for when: look who is in the way, say so, and end him where the policy
 * says so, which is to be committed; then sleep without a transaction's snapshot,
 * true: look again.  Raises the error of the last try when the time is up.
 */
extern void mig_locks_look(LockWait *wait);
extern bool mig_locks_sleep(LockWait *wait);

/* The error that ends it all: say what was waited for, and what helps; false: it is about something else. */
extern bool mig_locks_explain(LockWait *wait, ErrorData *error);

#endif							/* MIG_LOCKS_H */
