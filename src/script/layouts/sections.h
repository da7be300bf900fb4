/*
 * sections.h
 *		Files that keep up and down between marks: what a mark is, and the
 *		texts between them.
 */
#ifndef MIG_SECTIONS_H
#define MIG_SECTIONS_H

#include "script/layouts/layouts_private.h"

typedef enum MarkKind
{
	MARK_NONE,
	MARK_UP,
	MARK_DOWN,
	MARK_NO_TRANSACTION,		/* for the whole file */
	MARK_COMMENT,				/* a mark that means nothing to us */
	MARK_REFUSED				/* asks for what we cannot do */
} MarkKind;

/* What one line says. */
typedef struct Mark
{
	MarkKind	kind;
	bool		no_transaction;
	const char *message;		/* for MARK_REFUSED */
	const char *hint;
} Mark;

/* Which marks may follow each other, and what several of one kind make. */
typedef enum MarkOrder
{
	ORDER_ONE_PAIR,				/* an up, a down or none */
	ORDER_PAIRS,				/* that, several times; the downs run from last to first */
	ORDER_AS_WRITTEN,			/* any; joined as they stand */
	ORDER_FIRST_MARKS			/* any; only the first of each kind is a mark */
} MarkOrder;

/* How one tool marks its files. */
typedef struct MarkStyle
{
	const char *word;			/* occurs in every mark */
	const char *up;				/* the mark of the up, for messages */
	void		(*read) (const Line *line, Mark *mark);
	MarkOrder	order;
	bool		unmarked_up;	/* what has no mark is an up */
	bool		with_endings;	/* the set may have files NAME.up.sql, too */
} MarkStyle;

/* Has a file of the set such a mark? */
extern bool sections_any(const SourceSet *set, const MarkStyle *style);

extern List *sections_read_set(const SourceSet *set, const MarkStyle *style);

#endif							/* MIG_SECTIONS_H */
