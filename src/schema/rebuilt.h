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

/*
 * A statement that does it, while it runs: on the C stack, since a trigger may run
 * another one within.
 */
typedef struct Rebuilding
{
	struct Rebuilding *outer;
	MemoryContext context;
	bool		all_made;		/* the old ones are called otherwise when they are dropped */
	List	   *dropped;
	List	   *made;
} Rebuilding;

/* The second one also where it has failed. */
extern void mig_rebuilt_begin(Rebuilding *rebuilding, const Node *stmt);
extern void mig_rebuilt_end(const Rebuilding *rebuilding);
extern void mig_rebuilt_note_dropped(const ObjectAddress *address);
extern void mig_rebuilt_note_made(const ObjectAddress *address);

/* What it has rebuilt, as a list of Rebuilt. */
extern List *mig_rebuilt(Rebuilding *rebuilding);

#endif							/* MIG_REBUILT_H */
