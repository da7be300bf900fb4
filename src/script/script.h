/*
 * script.h
 *		From the text of a migration to its statements.
 *
 * Pure text work: nothing here touches the catalog.
 */
#ifndef MIG_SCRIPT_H
#define MIG_SCRIPT_H

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "tcop/cmdtag.h"
#include "utils/guc.h"

/* Which of a migration's texts a script is. */
typedef enum ScriptPart
{
	PART_UP,
	PART_DOWN,
	PART_VERIFY
} ScriptPart;

/* How a statement has to be run. */
typedef enum StatementMode
{
	MODE_TRANSACTION,			/* inside a transaction */
	MODE_TOP_LEVEL				/* cannot run inside a transaction block */
} StatementMode;

/* One statement of a script. */
typedef struct ScriptStatement
{
	RawStmt    *raw;
	const char *sql;			/* its text, without what surrounds it */
	int			number;			/* from 1 */
	int			line;			/* line of the script its text begins on, from 1 */
	CommandTag	tag;
	StatementMode mode;
	const char *mode_reason;	/* why it needs top level, or NULL */
	const char *copy_data;		/* COPY FROM STDIN: its data, or NULL */
	int			copy_length;
	bool		concurrent;		/* works concurrently: nobody waits behind it */
	bool		ends_step;		/* what comes behind it needs it committed */
} ScriptStatement;

/* A script that can be run. */
typedef struct Script
{
	List	   *statements;		/* of ScriptStatement * */
	int			nstatements;
	const ScriptStatement *top_level;	/* the first that needs it, or NULL */
	bool		block;			/* it had a BEGIN ... COMMIT around everything */
} Script;

extern const char *mig_part_name(ScriptPart part);

/* What runs in one transaction, or one statement at top level. */
typedef struct ScriptStep
{
	int			first;			/* numbers of statements */
	int			last;
	bool		top_level;
} ScriptStep;

/* The step that begins with a statement; every: each statement is one, unless they are in a block. */
extern ScriptStep mig_script_step(const Script *script, int first, bool every);

extern bool mig_script_is_same(const ScriptStatement *a, const ScriptStatement *b);

/* How often has a script a statement, from a number on? */
extern int	mig_script_copies(const Script *script, const ScriptStatement *stmt, int from);

/* The first of n statements that is not the same in both, or 0. */
extern int	mig_script_first_change(const Script *before, const Script *now, int n);

/* Does a statement set something for the rest of the session? */
typedef enum SessionSetting
{
	SETS_NOTHING,
	SETS_AGAIN,					/* and can be run again for that */
	SETS_ONCE					/* and cannot: it does what is to be done once, or reads a table */
} SessionSetting;

extern SessionSetting mig_script_sets_session(const ScriptStatement *stmt);

/* Is what one has set of no account once the next one has been run? */
extern bool mig_script_sets_the_same(const ScriptStatement *stmt, const ScriptStatement *next);

/* Does what it does end with its transaction, and may matter to what comes behind it? */
extern bool mig_script_ends_with_transaction(const ScriptStatement *stmt);

/* Does this failure say that the statement cannot run inside a transaction, as nothing in its words did? */
extern bool mig_script_wants_top_level(const ScriptStatement *stmt, int sqlstate);

/* The first of some whose effect does, or NULL. */
extern const ScriptStatement *mig_script_held(const Script *script, int first, int last);

/*
 * A statement of a step failed with this SQLSTATE because of the transaction
 * around it: divide the step so that it need not.  False: that is not why, or
 * *held, which is NULL otherwise, holds to the end of its transaction only, and
 * the author wanted it to hold for what comes behind.
 */
extern bool mig_script_divide(Script *script, ScriptStep step, int failed, int sqlstate, const ScriptStatement **held);

/*
 * Split and classify a text.  Parses under pinned settings (see
 * mig_script_pin_settings), drops a BEGIN ... COMMIT around everything, skips
 * \restrict and \unrestrict.  Errors: what the server's parser says, with the
 * line in the context; MG009 for what cannot be run.  path is for messages
 * (NULL: none) and first_line the line of that file on which the text begins.
 * The result lives in the current memory context and refers to text.
 */
extern Script *mig_script_read(const char *text, ScriptPart part,
							   const char *path, int first_line);

/*
 * Pin what the server's lexer depends on, at the current GUC nest level or for
 * the session: texts mean the same whenever and wherever they are read.
 */
extern void mig_script_pin_settings(GucAction action);

/* Could a text need top level? A quick look that may say yes in vain. */
extern bool mig_may_need_top_level(const char *text);

/* Classification of one statement: sets tag, mode and mode_reason. */
extern void mig_classify(ScriptStatement *stmt);

/* Why a script may not contain this statement, or NULL (classify.c). */
extern const char *mig_forbidden(const RawStmt *raw);

/* The strongest lock the statements take by themselves, or NULL. */
extern const char *mig_strongest_lock(const Script *script);

#endif							/* MIG_SCRIPT_H */
