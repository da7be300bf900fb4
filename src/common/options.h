/*
 * options.h
 *		Options of runs and of migrations, from jsonb.
 *
 * A key that is not known is 22023 with the known ones in the hint; a value
 * that this version does not serve is 0A000.
 */
#ifndef MIG_OPTIONS_H
#define MIG_OPTIONS_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* What a run is told beyond its arguments. */
typedef struct RunOptions
{
	List	   *names;			/* of char *, or NIL */
	List	   *override;		/* of char *, or NIL */
	int			lock_wait;		/* ms */
	int			steps;			/* plan of a revert: how many; 0: not given */
	Jsonb	   *all;			/* as given */
} RunOptions;

extern void mig_run_options_read(Jsonb *options, RunOptions *result);

#define LOCK_TOTAL_NOT_GIVEN (-2)

/* Settings a migration itself asks for in its options. */
typedef struct MigrationOptions
{
	int			lock_timeout;	/* ms; -1: not given */
	int			lock_total;		/* ms; -1: for ever; LOCK_TOTAL_NOT_GIVEN */
	int			statement_timeout;	/* ms; -1: not given */
	char	   *search_path;	/* or NULL */
	char	   *run_as;			/* or NULL */
	const char *transaction;	/* "auto", "on" or "off" */
} MigrationOptions;

/* Raises for keys and values that are not served; used by register as well. */
extern void mig_migration_options_read(Jsonb *options, MigrationOptions *result);

extern int	mig_lock_wait;		/* setting pg_migrations.lock_wait, in ms */

#endif							/* MIG_OPTIONS_H */
