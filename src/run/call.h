/*
 * call.h
 *		One call of apply or revert: what it asks for, and how far it is.
 */
#ifndef MIG_CALL_H
#define MIG_CALL_H

#include "run/apart.h"

/* What the run belongs to, and how far it is. */
typedef struct Run
{
	PlanRequest request;
	RunOptions	options;
	const char *reason;
	bool		atomic;			/* one transaction for all of it */
	bool		commits;		/* we may end transactions */
	MemoryContext context;		/* lives as long as the run */

	RunPlan	   *plan;
	int64		run_id;			/* 0: nothing to do */
	TimestampTz started_at;
	int64		waited;
	int			done;
	int			left_out;		/* planned, but held since */
	StepRun		step;
	ApartJob	job;			/* what a worker has done of the step */
	const char *current;		/* full name of the step under way, or NULL */
} Run;

/* Take the deployers' lock, plan, and run what there is to do. */
extern void mig_run(Run *run);

#endif							/* MIG_CALL_H */
