/*
 * propose.h
 *		SQL that makes one definition of an object into another.
 */
#ifndef MIG_PROPOSE_H
#define MIG_PROPOSE_H

#include "nodes/pg_list.h"

/* An object as a state of the schema has it. */
typedef struct ObjectState
{
	const char *object_type;
	const char *identity;
	List	   *parts;			/* of StoredPart */
	const char *former;			/* identity that it has before it is renamed, or NULL */
	int			n_in_place;		/* of what is there, and where it was expected: how many of its columns have none before them that was dropped */
	bool		keeps_places;	/* likewise: these are all that it ever had */
	bool		has_children;	/* likewise: other tables have its columns, and are no partitions */
	bool		is_another;		/* of what is there: it is not that which was expected under this name */
	const char *called;			/* of what is to be there: what has its name is another one, and it has this one; or NULL */
	bool		exists;			/* of another one that a proposal may bring along: it is there, if not as it shall be */
} ObjectState;

typedef struct Proposal
{
	const List *others;			/* of ObjectState: what else is to be as it is not yet */
	bool		anew;			/* drop it and make it anew, instead of changing it */
	List	   *statements;		/* of char *, without semicolons */
	List	   *losses;			/* of char *: what data that loses, or may have lost, a sentence each */
} Proposal;

/*
 * Add what leads from one state of an object to another; NULL: it is not there.
 * Where both have it under different names it is renamed.  0A000 with the reason
 * for what no SQL can do.
 */
extern void mig_propose(Proposal *proposal, const ObjectState *from, const ObjectState *to);

/* All of it as one text, with what it loses above. */
extern char *mig_proposal_text(const Proposal *proposal, const char *title);

#endif							/* MIG_PROPOSE_H */
