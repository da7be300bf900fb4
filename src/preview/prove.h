/*
 * prove.h
 *		Run a proposal and look whether it does what it should.
 */
#ifndef MIG_PROVE_H
#define MIG_PROVE_H

#include "preview/adrift.h"

/* What came of it. */
typedef struct Proof
{
	Proposal   *proposal;
	AllAdrift  *after;			/* what was adrift after it */
} Proof;

/*
 * Make a proposal for one of what is adrift and run it, as the caller: the object
 * is as expected then, and nothing is adrift that was not before.  keep: it stays
 * so; otherwise it is rolled back.  Raises the reason where that is not possible.
 */
extern void mig_prove(const AllAdrift *adrift, const Adrift *target, bool keep, Proof *proof);

/* Definitions as a diff; either may be NULL. */
extern char *mig_state_diff(const char *from_name, const ObjectState *from, const char *to_name, const ObjectState *to);

/*
 * Bring all of these back, in whatever order is possible, and keep it; keys are
 * those of what is adrift.  Raises for what cannot be brought back.
 */
extern void mig_bring_back(HTAB *keys);

#endif							/* MIG_PROVE_H */
