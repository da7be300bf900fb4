/*
 * apart.h
 *		A migration that cannot run in one transaction: apart from its caller, in
 *		a background worker, step by step.
 */
#ifndef MIG_APART_H
#define MIG_APART_H

#include "run/run.h"
#include "run/toplevel.h"
#include "run/worker.h"

/* What the worker is to do, and how far it is; how it ended for certain, the ledger says. */
typedef struct ApartJob
{
	WorkerJob	worker;			/* its data: what the migration requires and replaces, and the run's reason */
	int64		run_id;
	int64		attempt_id;
	bool		revert;
	char		project[64];
	char		name[256];
	uint8		checksum[32];	/* of the text that the plan has seen */
	MigrationKind kind;
	bool		is_applied;		/* what else the plan says of it, see StepOrder */
	char		detail[64];		/* empty: none */
	bool		has_reason;
	bool		succeeded;
	bool		cancelled;		/* somebody's wish ended it, which the error does not say any more */
	int			statements;		/* done, of so many */
	int			total;
	bool		half_done;		/* so it is noted: of one that is under way something stands, or may */
	int			in_doubt;		/* the statement that has committed and not come to its end; 0: none */
} ApartJob;

/* ---- the caller's side (handover.c) ---- */

/*
 * Have a worker run the step of run, and wait for it without a snapshot.  The
 * present transaction must not have one.  Raises what the worker raised;
 * job: what it did, also then.
 */
extern void mig_apart_launch(StepRun *run, ApartJob *job);

/* ---- the worker's side (handover.c, apart.c) ---- */

/* The same step as its caller has it; only what is written of the migrations it is about is read. */
extern void mig_apart_take_over(const ApartJob *job, StepRun *run);

extern void mig_apart_main(ApartJob *job);

/* The first statement of what stands that another text of it has not, or 0; MG012 where there is one. */
extern int	mig_apart_first_change(const Unfinished *unfinished, const char *body);
extern void mig_apart_check_text(const Unfinished *unfinished, const char *body);

/* ---- what a statement that was under way has done (reconcile.c) ---- */

typedef enum Verdict
{
	VERDICT_AGAIN,				/* it has not happened: run it, once what is listed has been */
	VERDICT_DONE,				/* it has happened */
	VERDICT_UNKNOWN				/* people must decide */
} Verdict;

/* What clears up after an earlier attempt, at top level. */
typedef struct Remedy
{
	char	   *sql;			/* as what it is about was called when that was looked at */
	Oid			index;			/* the invalid one that it drops; invalid: it does something else */
	bool		as_superuser;	/* whoever owns the object cannot name it */
} Remedy;

typedef struct Reconciliation
{
	Verdict		verdict;
	List	   *before;			/* of Remedy *, to run first */
	char	   *left;			/* SQL that removes what a statement left out would leave, or NULL */
	List	   *objects;		/* of ObjectAddress *: what it has made, changed or dropped, where it is done */
	char	   *evidence;		/* what is known, where people must decide */
	bool		is_others;		/* unknown since what it was to make is there, and not its own */
	bool		has_gone;		/* the object is gone, and nobody knows who dropped it */
	bool		is_changed;		/* unknown since the text has another statement in its place */
	bool		is_moved;		/* and has it behind that, where it would run again */
	bool		is_elsewhere;	/* unknown since its name means something else here: as it is, it cannot run again here */
} Reconciliation;

/* What became of the statement under way, of which this is the text now (resume.c). */
extern Reconciliation mig_apart_judge(const Unfinished *unfinished, const StoredText *text);

/* What people can do where that is not known, as a hint. */
extern char *mig_apart_ways(const Migration *migration, const Reconciliation *result);

/* Note, before the statement runs, that it does, and what it is about; returns the table whose indexes it is about. */
extern Oid	mig_reconcile_note(const Migration *migration, const bytea *checksum, const ScriptStatement *stmt, const SessionNote *session);

/* unfinished: what was noted when the statement began */
extern Reconciliation mig_reconcile(const ScriptStatement *stmt, const Unfinished *unfinished);

/* Does anything stand of one that has failed? */
extern bool mig_reconcile_left(const ScriptStatement *stmt, const Unfinished *unfinished);

/* What drops an index, as it is called now; NULL: it is valid by now, or has gone. */
extern char *mig_reconcile_drop(Oid index);

/* Add a hint to the error of a statement that has also to do with files, or, begun before, with another server. */
extern void mig_reconcile_explain(const ScriptStatement *stmt, ErrorData *error, bool begun_before);

#endif							/* MIG_APART_H */
