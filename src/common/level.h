/*
 * level.h
 *		What lasts only if the transaction does in which it was done.
 */
#ifndef MIG_LEVEL_H
#define MIG_LEVEL_H

#include "access/xact.h"

/*
 * For callbacks at the end of a (sub)transaction: does it undo what was done at
 * this nest level?  The level goes on to what that belongs to from now on; 0 is
 * nothing that could be undone.
 */
extern bool mig_level_undone(int *level, XactEvent event);
extern bool mig_level_undone_within(int *level, SubXactEvent event);

#endif							/* MIG_LEVEL_H */
