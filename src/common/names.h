/*
 * names.h
 *		What migrations and projects may be called.
 */
#ifndef MIG_NAMES_H
#define MIG_NAMES_H

/* Errors 22023 for a name that cannot be. */
extern void mig_check_name(const char *name);
extern void mig_check_project(const char *project);

/* As much of a name as a message can hold. */
extern char *mig_clipped(const char *name);

#endif							/* MIG_NAMES_H */
