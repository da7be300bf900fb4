/*
 * expected.h
 *		What the schema should be: taken over once, moved by migrations.
 */
#ifndef MIG_SCHEMA_EXPECTED_H
#define MIG_SCHEMA_EXPECTED_H

#include "ledger/ledger.h"

/* Take what exists as expected, unless something is already.  */
extern void mig_expected_take_over(void);
extern void mig_expected_init(void);
extern void mig_look_init(void);

/* From now on it is known of this database where things are. */
extern void mig_expected_begin_looks(void);

/*
 * Find out what is not as expected before a run begins, so that the run does not
 * take it over.  Returns how many objects, and the first of them for a message.
 * If capture says that nobody has changed anything the last answer is good
 * enough, unless it is to be certain: then everything is compared.
 */
extern int	mig_expected_look(bool at_everything, char **first);

/* The same once more, if others changed something since. */
extern void mig_expected_look_after_others(void);

/*
 * What others have changed since the last call, or the look before the run, as a
 * list of LedgerChange, with a warning if there is anything.
 */
extern List *mig_expected_of_others(void);

/* The last captured statement that was known by then. */
extern int64 mig_expected_seen_ddl(void);

/* Around the statements of a migration: what they change is expected. */
extern void mig_expected_begin(void);
extern void mig_expected_move(const char *project, const char *name);

/* Objects, by their addresses, are found to have been changed by a migration whose session is gone. */
extern void mig_expected_claim(const char *project, const char *name, const List *objects);

#endif							/* MIG_SCHEMA_EXPECTED_H */
