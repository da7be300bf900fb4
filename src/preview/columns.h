/*
 * columns.h
 *		A column as a definition describes it.
 */
#ifndef MIG_COLUMNS_H
#define MIG_COLUMNS_H

#include "preview/propose_private.h"

typedef struct Column
{
	const StoredPart *part;
	const char *name;			/* quoted */
	char	   *type;
	char	   *collation;		/* or NULL */
	bool		not_null;

	/* Of a NOT NULL with a row of its own. */
	char	   *constraint;		/* its name, where somebody gave it */
	bool		not_valid;
	bool		no_inherit;
	char	   *comment;		/* as a literal, or NULL */
} Column;

/* Those of a state, in their order; a list of Column. */
extern List *columns_of(const ObjectState *state);
extern const Column *column_named(const List *columns, const char *name);

extern bool columns_same_type(const Column *a, const Column *b);

/* "name type COLLATE collation". */
extern char *column_base(const Column *column);

/* One column, or attribute, of a relation on the way. */
typedef struct Work
{
	Proposal   *p;
	const char *alter;			/* ALTER TABLE name */
	const ObjectState *was;		/* the table as it is, or NULL */
	const ObjectState *table;	/* as it is to be */
	const char *word;			/* COLUMN or ATTRIBUTE */
	const Column *from;
	const Column *to;
} Work;

/* ---- which is which (pairs.c) ---- */

typedef struct ColumnPair
{
	const Column *from;
	const Column *to;			/* NULL: it is to go */
} ColumnPair;

/* Each that is there, in order, with what it is to be; says where that is not certain. */
extern List *pair_columns(Proposal *p, const ObjectState *from_state, const ObjectState *to_state, const List *to);

/* Place by place, as far as both go. */
extern List *pair_places(const List *from, const List *to);

/* NULL: there is none. */
extern const Column *paired_with(const List *pairs, const Column *to);

/* prefix: ALTER TABLE name RENAME COLUMN. */
extern void put_renames(Proposal *p, const char *prefix, const List *pairs);

/* ---- changing one ---- */

extern void put_alter(const Work *w, const char *what);

/* NOT NULL (not_null.c). */
extern void add_not_null(const Work *w);
extern void change_not_null(const Work *w);

#endif							/* MIG_COLUMNS_H */
