/*
 * toplevel.h
 *		One statement at top level, in a background worker.
 */
#ifndef MIG_TOPLEVEL_H
#define MIG_TOPLEVEL_H

#include "ledger/ledger.h"
#include "script/script.h"

extern void mig_top_level_init(void);

/* What is to be done in the last of a statement's transactions. */
typedef void (*TopLevelEnd) (uint64 rows, void *arg);

/* Runs it in transactions of its own, none of which is open after it. */
extern void mig_top_level_sql(const char *sql);

/* The same for a migration's statement; notes the indexes that it makes, of the table that it names; returns the rows. */
extern uint64 mig_top_level_run(const Migration *migration, const ScriptStatement *stmt, Oid table, TopLevelEnd at_end, void *arg);

/* Has the statement that ran last, or failed, committed anything? */
extern bool mig_top_level_has_committed(void);

/* It has not begun yet: what was committed was none of it. */
extern void mig_top_level_not_begun(void);

#endif							/* MIG_TOPLEVEL_H */
