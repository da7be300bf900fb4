/*
 * differs.h
 *		What is different about an object that is adrift: which kinds of lines, of
 *		which columns, and which names are in them.
 */
#ifndef MIG_DIFFERS_H
#define MIG_DIFFERS_H

#include "ledger/expected.h"

/* Lines of a definition that have statements of their own. */
#define LINES_GRANTS			0x001
#define LINES_COMMENTS			0x002
#define LINES_LABELS			0x004
#define LINES_OWNER				0x008
#define LINES_OPTIONS			0x010
#define LINES_PLACE				0x020	/* tablespace, unlogged */
#define LINES_SECURITY			0x040	/* row security */
#define LINES_REPLICA			0x080	/* replica identity */
#define LINES_ENABLED			0x100
#define LINES_STATISTICS		0x200
#define LINES_COLUMN_REMARKS	0x400	/* comments on columns */
#define LINES_COLUMN_PLAIN		0x800	/* how a column is stored */
#define LINES_COLUMN			0x1000	/* name, type, NOT NULL */
#define LINES_COLUMN_VALUE		0x2000	/* default, identity, how it is generated */
#define LINES_PARENTS			0x4000	/* of what it is a partition or a child, and what it has from there */
#define LINES_CLUSTERED			0x8000
#define LINES_OTHERS			0x10000
#define LINES_ALL				0x1ffff

/* Those in which other objects are mentioned. */
#define LINES_MENTIONING (LINES_REPLICA | LINES_CLUSTERED | LINES_COLUMN | LINES_COLUMN_VALUE | LINES_PARENTS | LINES_OTHERS)

/* Of a column. */
#define LINES_OF_COLUMN (LINES_COLUMN_REMARKS | LINES_COLUMN_PLAIN | LINES_COLUMN | LINES_COLUMN_VALUE)

/* Note what differs between its definitions. */
extern void mig_differs_note(Drift *drift);

/* Does a text have this name in it, be it quoted or not? */
extern bool mig_differs_has_name(const char *text, const char *name);

/* The text with another name wherever it has this one; the quotes stay as they are. */
extern char *mig_differs_with_name(const char *text, const char *name, const char *other);

/* May a constraint have been looked for that it goes with? */
extern bool mig_differs_has_constraint(const Drift *drift);

/* Does any line of this column differ? */
extern bool mig_differs_column(const Drift *drift, const char *column);

/* Does a line with this key, of a column or of none (NULL)? */
extern bool mig_differs_key(const Drift *drift, const char *column, const char *key);

#endif							/* MIG_DIFFERS_H */
