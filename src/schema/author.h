/*
 * author.h
 *		Who has made a difference.
 */
#ifndef MIG_AUTHOR_H
#define MIG_AUTHOR_H

#include "ledger/expected.h"
#include "schema/state.h"

/*
 * Fill in what tells a statement that has made this difference: the names of what
 * it was about, and whether it was a DROP.  known: where the object was when it
 * was expected, or NULL.
 */
extern void mig_author_names(const Difference *difference, const ObjectAddress *known, Drift *drift);

/* May a statement that was about something with such a tie to the object have changed it? */
extern const StatementReader mig_author_reader;

#endif							/* MIG_AUTHOR_H */
