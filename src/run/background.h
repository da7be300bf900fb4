/*
 * background.h
 *		A run in a session of its own, which its caller does not wait for.
 */
#ifndef MIG_BACKGROUND_H
#define MIG_BACKGROUND_H

#include "run/worker.h"

typedef struct BackgroundJob
{
	WorkerJob	worker;			/* its data is the CALL to make */
	int64		run_id;			/* once the run has started */
	bool		finished;		/* the CALL has come to its end */
} BackgroundJob;

/*
 * Have a worker make the call, and wait until its run has started.  Returns the
 * run's id, or 0 if there was nothing to do.  Raises what the call raises before
 * the run has started.
 */
extern int64 mig_background_launch(const char *call);

/* ---- in the worker ---- */

extern void mig_background_main(BackgroundJob *job);

/* Before the run starts: whoever asked for it must still be there. */
extern void mig_background_check(void);

/* It has started, and is committed: let the caller go. */
extern void mig_background_started(int64 run_id);

#endif							/* MIG_BACKGROUND_H */
