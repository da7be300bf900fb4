/*
 * deployer.h
 *		One deployer at a time in a database.
 */
#ifndef MIG_DEPLOYER_H
#define MIG_DEPLOYER_H

#include "datatype/timestamp.h"

/*
 * Become the deployer.  commits: the caller may end its transaction, so the
 * lock is the session's, to be given back with mig_deployer_leave, and waiting
 * holds no snapshot; otherwise it is the transaction's and goes with it.
 * wait: how long, in ms (0: not at all, -1: for ever).  Returns how long it
 * took, in microseconds.  MG006 when it cannot be had.
 */
extern int64 mig_deployer_enter(bool commits, int wait);
extern void mig_deployer_leave(void);

/* 40001 in a transaction that does not see what was run or decided last. */
extern void mig_deployer_refuse_stale(void);

/* "at most 10 min", of a time to wait as above. */
extern char *mig_wait_limit_text(int wait);

/* Sleep, awake for interrupts. */
extern void mig_pause(int ms);

/* Become it for the rest of the transaction if nobody else is; never waits. */
extern bool mig_deployer_try(void);

/*
 * pg_advisory_unlock_all() in a migration releases the session's lock, too.
 * hold: have it by the transaction as well; keep: when that has ended, see to
 * it that the session has it.
 */
extern void mig_deployer_hold(void);
extern void mig_deployer_keep(void);

/* Refuse what a migration may not do to the run that it is part of. */
extern void mig_deployer_refuse_inside(const char *what);

/* Say when a migration's own statements begin and end to run. */
extern void mig_deployer_inside(bool inside);

/* The same for a statement that ends transactions itself. */
extern void mig_deployer_inside_worker(bool inside);

/*
 * The worker's own lock, beside that of its caller: nobody else becomes the
 * deployer while it works, also when the caller is gone.
 */
extern void mig_deployer_work(int64 run_id);

extern void mig_deployer_init(void);

#endif							/* MIG_DEPLOYER_H */
