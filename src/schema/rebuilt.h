/*
 * rebuilt.h
 *		What the server drops and makes anew under the same name, since a column
 *		has got another type, or to build it again.
 */
#ifndef MIG_REBUILT_H
#define MIG_REBUILT_H

#include "catalog/objectaddress.h"
#include "nodes/pg_list.h"

typedef struct Rebuilt
{
	ObjectAddress was;			/* invalid: where what has its name is known to be */
	ObjectAddress is;
} Rebuilt;

/* Does a statement do such a thing? */
extern bool mig_rebuilds(const Node *stmt);

/* While it runs, and what it has rebuilt, as a list of Rebuilt. */
extern void mig_rebuilt_begin(const Node *stmt);
extern void mig_rebuilt_note_dropped(const ObjectAddress *address);
extern void mig_rebuilt_note_made(const ObjectAddress *address);
extern List *mig_rebuilt_end(void);

#endif							/* MIG_REBUILT_H */
