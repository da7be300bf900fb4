/*
 * ignored.h
 *		Differences that are not called drift.
 */
#ifndef MIG_IGNORED_H
#define MIG_IGNORED_H

#include "schema/state.h"

/* Does one of these rules, as ledger_ignore_rules() gives them, hold for the object? */
extern bool mig_is_ignored(const List *rules, const Difference *difference);

#endif							/* MIG_IGNORED_H */
