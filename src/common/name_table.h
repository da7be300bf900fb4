/*
 * name_table.h
 *		Hash tables whose keys are strings of any length.
 */
#ifndef MIG_NAME_TABLE_H
#define MIG_NAME_TABLE_H

#include "utils/hsearch.h"

/*
 * An empty table in the current context, of entries that begin with a pointer to
 * their name.  The strings are not copied.
 */
extern HTAB *mig_name_table(const char *title, long size, Size entry_size);

#endif							/* MIG_NAME_TABLE_H */
