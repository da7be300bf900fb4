/*
 * apart_private.h
 *		What the worker's files share: the migration it works on, and how far it is.
 */
#ifndef MIG_APART_PRIVATE_H
#define MIG_APART_PRIVATE_H

#include "run/apart.h"

/* What the worker works on, all of it in its own memory. */
typedef struct Apart
{
	ApartJob   *job;
	StepRun		run;
	const Migration *migration;
	Script	   *script;
	StoredText *text;
	MigrationOptions options;
	LockWait   *locks;
	bool		every;			/* each statement is a step */
	int			done;			/* statements that stand, of this attempt and those before */
	Oid			role;			/* that it begins as */
	Oid			user;			/* to be again, after a superuser */
	Oid			ledger;			/* ledger_identity() before anything has run */
	int			began;			/* number of the last statement begun at top level */
	bool		note_again;		/* what the session has is not to be told before the commit */
	Unfinished *before;			/* where another attempt stopped, or NULL */
	MemoryContext context;
} Apart;

/* By its number, from 1. */
extern ScriptStatement *apart_statement(const Apart *apart, int number);

/* A transaction; memory stays the worker's. */
extern void apart_begin(Apart *apart);
extern void apart_commit(Apart *apart);

/* Nothing of what was under way stands, as far as a transaction can see to it. */
extern void apart_abort(Apart *apart);

/* A migration writes, and so do we of it, whatever it has set for the transactions behind. */
extern void apart_allow_writing(void);

/* How far the migration is, or MG012 unless it is still this attempt's: then nobody takes it over before the transaction ends. */
extern Unfinished *apart_require_own(const Apart *apart);

/* All statements up to this one are done: write it, and once that is committed, know it. */
extern void apart_note_done(Apart *apart, int last);
extern void apart_count_done(Apart *apart, int last);

/* From when something of it stands, or may stand, until all does; how this attempt ends is not known yet. */
extern void apart_note_half_done(Apart *apart);

extern void apart_describe(StatementRecord *record, const ScriptStatement *stmt);
extern void apart_set_lock_timeout(int ms);

/* ---- apart_step.c ---- */

/*
 * Try the next step.  If the transaction around a statement is why it fails,
 * nothing of the step stands, and it is divided; if a lock is, it waits.
 */
extern void apart_run_step(Apart *apart, ScriptStep step);

/* What ends with its transaction, for people. */
extern const char *apart_held_name(const ScriptStatement *held);

/* Some lock was not to be had: wait until it may be, with nothing held. */
extern void apart_wait_for_locks(Apart *apart);

/* Is a statement a procedure or block, of which nobody knows how far it is? */
extern bool apart_commits_itself(const Apart *apart, int number);

/* Has the statement under way left anything, as far as can be known? */
extern bool apart_has_left_something(const Apart *apart, const Unfinished *now);

/* ---- session.c ---- */

/* What statements behind this transaction find in the session. */
extern SessionNote *apart_session(Apart *apart);

/* Once a step is committed: note again what may be another thing behind its transaction. */
extern void apart_note_behind(Apart *apart, int done);

/* The rest of a migration is not to be run in a session that has not what it relies on: MG012. */
extern void apart_require_session(Apart *apart);

/* ---- resume.c ---- */

/* What people can do where it cannot go on, as a hint. */
extern char *apart_ways_by_hand(const Apart *apart);

/* From what stands of an earlier attempt. */
extern void apart_go_on(Apart *apart);

/* A statement was under way: find out what became of it, and clear up what it left. */
extern void apart_reconcile(Apart *apart);

#endif							/* MIG_APART_PRIVATE_H */
