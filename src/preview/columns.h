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

/* "name type COLLATE collation". */
extern char *column_base(const Column *column);

#endif							/* MIG_COLUMNS_H */
