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

#endif							/* MIG_VERSION_H */
