/*
 * renames.h
 *		Columns that a migration gives other names.
 */
#ifndef MIG_RENAMES_H
#define MIG_RENAMES_H

#include "catalog/objectaddress.h"
#include "nodes/parsenodes.h"

extern void mig_renames_init(void);

/* A column has got another name just now; it counts until all is forgotten, or until it is rolled back. */
extern void mig_renames_note(const RenameStmt *stmt);
extern void mig_renames_forget(void);

/* Parts of an object (StoredPart) under the names that its columns have got. */
extern List *mig_renames_apply(const ObjectAddress *address, const List *parts);

#endif							/* MIG_RENAMES_H */
