/*
 * activity.h
 *		What a run is at, for whoever looks at pg_stat_activity or migrate.progress.
 */
#ifndef MIG_ACTIVITY_H
#define MIG_ACTIVITY_H

/* A statement of a migration begins. */
extern void mig_activity_statement(const char *full_name, int number, int statements, const char *sql);

/* The same one waits to be tried again, with nothing held. */
extern void mig_activity_waiting(const char *held_by);

/* What runs now is again what the client, or whoever started this worker, has sent. */
extern void mig_activity_call(void);

#endif							/* MIG_ACTIVITY_H */
