/*
 * others.h
 *		What others have changed while a run was under way.
 */
#ifndef MIG_OTHERS_H
#define MIG_OTHERS_H

#include "catalog/objectaddress.h"
#include "nodes/pg_list.h"

typedef struct Others Others;

/* Of a list of LedgerChange; NULL for none. */
extern Others *mig_others_of(const List *changes);

/* May they have changed what is at this address and is or was called so? */
extern bool mig_others_may_have(const Others *others, const char *identity, const ObjectAddress *address);

#endif							/* MIG_OTHERS_H */
