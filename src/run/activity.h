/*
 * activity.h
 *		What a run is at, for whoever looks at pg_stat_activity or migrate.progress.
 */
#ifndef MIG_ACTIVITY_H
#define MIG_ACTIVITY_H

/* A statement of a migration begins. */
extern void mig_activity_statement(const char *full_name, int number, int statements, const char *sql);

/* What runs now is again what the client, or whoever started this worker, has sent. */
extern void mig_activity_call(void);

#endif							/* MIG_ACTIVITY_H */
