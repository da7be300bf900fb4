/*
 * reconcile_private.h
 *		What the files share that judge a statement that was under way.
 */
#ifndef MIG_RECONCILE_PRIVATE_H
#define MIG_RECONCILE_PRIVATE_H

#include "nodes/primnodes.h"
#include "run/apart.h"

/* ---- reconcile.c ---- */

/* Of a relation that may have been dropped meanwhile, which is an error. */
extern char *reconcile_name(Oid relation);

/* Does a name mean the same relation as then?  Without looking it up in a schema that whoever asks may not use. */
extern bool reconcile_means(const RangeVar *name, Oid relation);

/* sql clears up; index: the invalid one that it drops, or none */
extern void reconcile_run_first(Reconciliation *result, char *sql, Oid index, bool as_superuser);

extern void reconcile_unknown(Reconciliation *result, const char *evidence);

/* Its name means something else here. */
extern void reconcile_elsewhere(Reconciliation *result, const char *evidence);

/* ---- reconcile_index.c ---- */

/* The index that a DROP INDEX CONCURRENTLY names: it takes one only. */
extern RangeVar *reconcile_dropped_index(const ScriptStatement *stmt);

/* The one table whose indexes the statement makes, rebuilds or drops, by the names that it has; invalid: none. */
extern Oid	reconcile_table(const ScriptStatement *stmt);

/* Of CREATE INDEX and REINDEX: all that it has made is noted, and nothing noted is anybody else's. */
extern void reconcile_indexes(Reconciliation *result, const ScriptStatement *stmt, const Unfinished *unfinished);

/*
 * What a statement made or was to drop has gone: REINDEX CONCURRENTLY, and a new
 * type of a column, make an index anew, with its name.  Is there one that may be it?
 */
extern void reconcile_gone(Reconciliation *result, const ScriptStatement *stmt, const Unfinished *unfinished, Oid gone);

#endif							/* MIG_RECONCILE_PRIVATE_H */
