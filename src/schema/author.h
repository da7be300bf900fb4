/*
 * author.h
 *		Who has made a difference.
 */
#ifndef MIG_AUTHOR_H
#define MIG_AUTHOR_H

#include "ledger/expected.h"
#include "schema/state.h"

/*
 * The names of what a statement that has made this difference was about, as a
 * list of DriftName.  known: where the object was when it was expected, or NULL.
 */
extern List *mig_author_names(const Difference *difference, const ObjectAddress *known);

/* May a statement that was about something with such a tie to the object have changed it? */
extern bool mig_author_may_have(const Drift *drift, DriftTie tie, const char *statement);

#endif							/* MIG_AUTHOR_H */
