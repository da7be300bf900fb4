/*
 * layouts.h
 *		From the files of a migration set to migrations: which of the known file
 *		layouts a set has, and what each of its files says.
 *
 * Pure text work: nothing here touches the catalog.
 */
#ifndef MIG_LAYOUTS_H
#define MIG_LAYOUTS_H

#include "nodes/pg_list.h"

/* One file as the caller sent it, in the database's encoding. */
typedef struct SourceFile
{
	const char *path;
	const char *content;		/* NUL-terminated, no byte order mark */
} SourceFile;

/* One text of a migration (up, down or verify) and where it came from. */
typedef struct SourceText
{
	char	   *body;			/* NULL: the set has none */
	const char *path;			/* file it came from */
	int			line;			/* line of that file on which body begins, from 1 */
} SourceText;

/* What the files say of one migration: the arguments of migrate.register. */
typedef struct SourceMigration
{
	char	   *name;
	char	   *project;		/* NULL: the project given to load */
	char	   *version;		/* NULL: derived from the name */
	bool		unversioned;	/* has no version at all, whatever its name */
	const char *kind;			/* "versioned", "repeatable" or "baseline" */
	char	   *description;	/* or NULL */
	SourceText	up;
	SourceText	down;
	SourceText	verify;
	bool		has_requires;	/* false: linear, follows its predecessor */
	List	   *requires;		/* of char *, as in migrate.register */
	List	   *conflicts;
	List	   *replaces;
	List	   *tags;
	const char *transaction;	/* NULL (not said), "auto", "on" or "off" */
	char	   *options;		/* further options as a JSON object, or NULL */
} SourceMigration;

/*
 * Read a set of files.  layout is "auto" or the name of one layout; *used is
 * set to the name of the layout that was read.  The list is in the order of
 * execution as the layout defines it.  Raises an error that names file and
 * line for what a file says and cannot be done, and one that lists the
 * culprits for two files of one version, a down without an up, files of no
 * known layout.
 */
extern List *mig_layout_read(const SourceFile *files, int nfiles,
							 const char *layout, const char **used);

/*
 * Those of the paths that load_directory has to read, told from their names
 * alone.  Where none ends in ".sql", "plain" takes what may hold SQL.
 */
extern List *mig_layout_wanted(List *paths, const char *layout);

#endif							/* MIG_LAYOUTS_H */
