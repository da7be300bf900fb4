/*
 * version.h
 *		Versions of migrations: derived from a name, compared as people read
 *		them.
 */
#ifndef MIG_VERSION_H
#define MIG_VERSION_H

/*
 * The version in a migration's name: the first run of digits, with '.', '_'
 * or '-' between digits, after an optional V, U or B; NULL if it has none.
 * Result is palloc'd.
 */
extern char *mig_version_from_name(const char *name);

/* Compare like strcmp; runs of digits as numbers of any size (2 < 10, 1.2 < 1.10). */
extern int	mig_version_compare(const char *a, const char *b);

/* Is it a date or time, eight digits or more? Two migrations may be made at one time. */
extern bool mig_version_is_stamp(const char *version);

/* The version in a form that is the same for all that compare equal.  Palloc'd. */
extern char *mig_version_canonical(const char *version);

#endif							/* MIG_VERSION_H */
