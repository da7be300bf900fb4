/*
 * call.h
 *		One call of apply or revert: what it asks for, and how far it is.
 */
#ifndef MIG_CALL_H
#define MIG_CALL_H

#include "common/compat.h"
#include "run/apart.h"
#include "utils/resowner.h"

/* What the run belongs to, and how far it is. */
typedef struct Run
{
	PlanRequest request;
	RunOptions	options;
	const char *reason;
	bool		atomic;			/* one transaction for all of it */
	bool		commits;		/* we may end transactions */
	const char *call;			/* in the background: what the worker is to call */
	MemoryContext context;		/* lives as long as the run */

	RunPlan	   *plan;
	int64		run_id;			/* 0: nothing to do */
	Oid			ledger;			/* ledger_identity() where that was written */
	TimestampTz started_at;
	int64		waited;
	int			done;
	int			left_out;		/* planned, but held since */
	const PlanStep *under_way;	/* or the last one that was */
	int			number;			/* of that step, from 1 */
	StepRun		step;
	ApartJob	job;			/* what a worker has done of the step */
	LockWait   *locks;			/* of the step, or all steps if atomic */
	MemoryContext failed_try;	/* memory of the last one that is tried again, or NULL */
	const char *current;		/* full name of that step, or NULL: none */
} Run;

/* Take the deployers' lock, plan, and run what there is to do; or have a worker do it. */
extern void mig_run(Run *run);

/* May a procedure commit?  Only where nothing of the caller's would be committed with it. */
extern bool mig_may_commit(FunctionCallInfo fcinfo);

/* The one row that a procedure with INOUT arguments returns. */
extern Datum mig_call_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

/* ---- how a piece of its work ends (ending.c) ---- */

extern void mig_run_commit(Run *run);

/* Around the ledger's SQL; the end takes what the begin has returned. */
extern ResourceOwner mig_run_begin_subtransaction(void);
extern void mig_run_end_subtransaction(Run *run, ResourceOwner owner);

/* Say what became of the step: it ran, or was left out.  It stands as far as the transaction does. */
extern void mig_run_step_done(Run *run, bool ran);

/* As in migrate.runs, for one that has come to its end. */
extern const char *mig_run_outcome(const Run *run);

/* In PG_CATCH: roll back to the nest level where the run's own transaction began, and take the error. */
extern ErrorData *mig_run_take_error(Run *run, int level);

/* Write the failure, seal, and raise the error. */
pg_noreturn extern void mig_run_give_up(Run *run, ErrorData *error);

/* Chain what the run has written, whose end is written; that it cannot is a WARNING. */
extern void mig_run_seal_end(Run *run);

/* ---- before the first step (admit.c) ---- */

/* 42501 unless the caller may deploy all that is planned, and override what he overrides. */
extern void mig_admit_capabilities(const Run *run);

/* MG008, MG012 for what cannot run in the way it is asked to; marks the steps that run apart. */
extern void mig_admit_scripts(const Run *run);

/* MG007 where the policy "drift" refuses; notes what is adrift already. */
extern void mig_admit_drift(const Run *run);

/* ---- what a run writes of itself (record.c) ---- */

extern void mig_record_start(Run *run);
extern void mig_record_end(const Run *run, const char *outcome, const ErrorData *error);

/*
 * What became of the step, unless its worker has written that.  Only the ledger
 * knows how far that came: it may have ended when the error had come up here.
 * False: the step stands.
 */
extern bool mig_record_failure(Run *run, const ErrorData *error);

/* The advisory locks of the session, and: give back all but those of before (session_locks.c). */
extern List *mig_session_locks(void);
extern void mig_session_locks_give_back(const List *before);

/* MG009 unless the ledger is the one in which the run began. */
extern void mig_record_require(const Run *run);

/* ---- what a run says (report.c) ---- */

extern const char *mig_run_verb(const Run *run);
extern int	mig_run_planned(const Run *run);

/*
 * A name as the client's encoding can have it: a notice that cannot be sent is
 * an error, which would end the run between two of its commits.
 */
extern const char *mig_for_client(const char *name);

/* The call of a run as it would be typed (call.c). */
extern char *mig_call_typed(const Run *run, bool atomic, bool background);

/* The call with which a run that was interrupted goes on, for hints; project and target may be NULL. */
extern const char *mig_call_again(bool revert, const char *project, const char *target);

extern void mig_report_left_out(const Model *model, int number);
extern void mig_report_late(const Run *run);
extern void mig_report_background(const Run *run);

extern void mig_report_start(const Run *run);

/* duration in microseconds */
extern void mig_report_step(Run *run, const char *what, int64 duration);
extern void mig_report_end(const Run *run, bool failed);

/* What stands of the run, as the last line of an error's context. */
extern void mig_report_context(void *arg);
extern void mig_report_add_context(const Run *run, ErrorData *error);

#endif							/* MIG_CALL_H */
