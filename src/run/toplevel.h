/*
 * toplevel.h
 *		One statement at top level, in a background worker.
 */
#ifndef MIG_TOPLEVEL_H
#define MIG_TOPLEVEL_H

#include "ledger/ledger.h"
#include "script/script.h"

extern void mig_top_level_init(void);

/* Runs it in transactions of its own, none of which is open after it; returns the rows. */
extern uint64 mig_top_level_sql(const char *sql);

/* The same for a migration's statement; notes the indexes that it makes. */
extern uint64 mig_top_level_run(const Migration *migration, const ScriptStatement *stmt);

#endif							/* MIG_TOPLEVEL_H */
