/*
 * names.h
 *		What migrations and projects may be called.
 */
#ifndef MIG_NAMES_H
#define MIG_NAMES_H

#include "lib/stringinfo.h"

#define MIG_MAX_NAME_BYTES 255

/* Errors 22023 for a name that cannot be. */
extern void mig_check_name(const char *name);
extern void mig_check_project(const char *project);

/* The same for a path, which becomes part of messages and of error contexts. */
extern void mig_check_path(const char *path);

/* As much of a name as a message can hold, with what nobody would see spelled out. */
extern char *mig_clipped(const char *name);

/* One more of those that a message names, in quotes and behind a comma. */
extern void mig_list_name(StringInfo list, const char *name);

#endif							/* MIG_NAMES_H */
