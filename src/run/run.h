/*
 * run.h
 *		Running migrations: scripts, steps, whole runs.
 */
#ifndef MIG_RUN_H
#define MIG_RUN_H

#include "common/options.h"
#include "ledger/ledger.h"
#include "plan/plan.h"
#include "run/locks.h"
#include "script/script.h"

/* ---- session state around a migration (guard.c) ---- */

extern int	mig_lock_timeout;	/* setting pg_migrations.lock_timeout, in ms */

extern int	mig_guard_enter(const MigrationOptions *options);
extern void mig_guard_leave(int level);

/* The same for what is left of a session that runs nothing but one migration. */
extern void mig_guard_session(const MigrationOptions *options);

/* ---- one script (execute.c) ---- */

typedef struct Execution
{
	const char *full_name;
	const char *path;			/* file it came from, or NULL */
	const Script *script;
	int			first;			/* numbers of the statements to run; 0: all */
	int			last;
	bool		in_transaction; /* all of it in one */
	const ScriptStatement *current; /* what runs now, or failed */
	LockWait   *locks;			/* NULL: locks are not waited for in any special way */
	MemoryContext context;		/* where what is recorded lives */
	StatementRecord *records;	/* NULL: not recorded */
	int			done;
	int64		rows;
	int64		wal_bytes;
} Execution;

extern bool mig_track_locks;	/* setting pg_migrations.track = locks */

/* Error context: says which statement of which migration. */
extern void mig_execution_context(void *arg);

extern void mig_execute(Execution *execution);

/* Around a PREPARE: what an earlier try, or migration, has prepared under this name goes (prepared.c). */
extern void mig_prepare_before(const PrepareStmt *stmt);
extern void mig_prepare_after(const PrepareStmt *stmt);
/* Raise where CREATE INDEX IF NOT EXISTS would take for its index one that is not valid (reconcile_index.c). */
extern void mig_refuse_invalid_index(const ScriptStatement *stmt);
extern void mig_execute_verify(Execution *execution);

/* Start the statement timer anew; forget one that is running. */
extern void mig_arm_statement_timeout(void);
extern void mig_disarm_statement_timeout(void);

/* mig_attempt() of a function that runs statements, each with a timer of its own. */
extern ErrorData *mig_attempt_statements(void (*function) (void *arg), void *arg, bool keep);

/* COPY ... FROM stdin with its data (copy.c); returns the rows. */
extern uint64 mig_copy_data(const ScriptStatement *stmt);

/* ---- one step (step.c) ---- */

extern StoredText *mig_step_text(const Migration *migration, ScriptPart part);

typedef struct StepRun
{
	int64		run_id;
	const char *reason;
	StepOrder	order;
	Attempt		attempt;
	Execution	execution;
	Execution	verify;			/* of its verify script, once that runs */
	LockWait   *locks;			/* or NULL */
	bool		check_deferred; /* the transaction is ours, up to here */
	bool		defer_again;	/* and others will run in it */
	bool		tells;			/* whoever listens of its outcome */
	bool		indivisible;	/* it is to be one transaction or none */
} StepRun;

/* From here on a failure is that of the step of this order; its attempt has a number already, or 0. */
extern void mig_step_prepare(StepRun *run, int64 attempt_id);
extern void mig_step_begin(StepRun *run);

/* Run one step in the present transaction and write what came of it. */
extern void mig_step_run(StepRun *run);

/* Write that it failed, in a transaction that can commit. */
extern void mig_step_failed(StepRun *run, const ErrorData *error);

/* The parts of it, for a step that is not one transaction. */

/* Constraints that were put off to the commit count against this migration. */
extern void mig_step_check_deferred(Execution *execution, bool again);

/* The extension is still the one whose ledger_identity() this was. */
extern void mig_step_check_ledger(const Execution *execution, Oid ledger);
extern void mig_step_verify(StepRun *run, const Migration *migration);
extern void mig_step_succeeded(StepRun *run);

/* Write that it stopped while some of it stands. */
extern void mig_step_interrupted(StepRun *run, const ErrorData *error, const char *outcome, int done, int total, int in_doubt);

/* Behind how many stand: what may besides, of a statement with this number; 0: nothing. */
extern const char *mig_step_in_doubt(int number);

/* ---- what else follows from it (succession.c) ---- */

/* What becomes of a migration, for those whose place it has or takes. */
typedef enum Succession
{
	SUCCESSION_APPLIED,
	SUCCESSION_UNDONE,			/* what it had done is taken back */
	SUCCESSION_NEVER			/* it was not applied after all */
} Succession;

/* 42501 unless the caller may, in the projects of those that it replaces. */
extern void mig_succession_require(const Migration *migration, const char *capability, Succession succession);

/* By an attempt that is written. */
extern void mig_succession(const Migration *migration, const Attempt *attempt, Succession succession);

#endif							/* MIG_RUN_H */
