/*
 * alters.h
 *		What an ALTER TABLE can have changed, and what not.
 */
#ifndef MIG_ALTERS_H
#define MIG_ALTERS_H

#include "nodes/parsenodes.h"
#include "schema/differs.h"

/* What it was about. */
extern bool mig_alters_own(const AlterTableStmt *stmt, const Drift *drift);

/* What is a part of that, or mentions it. */
extern bool mig_alters_other(const AlterTableStmt *stmt, const Drift *drift, DriftTie tie);

/* ---- constraints that a statement adds (added.c) ---- */

/* Without a name of its own it can be any of its kind. */
extern bool mig_added_is_of_kind(const Constraint *constraint, const Drift *drift);

/* Can an element of a CREATE TABLE have made it? */
extern bool mig_added_may_be(const Node *element, const Drift *drift);

#endif							/* MIG_ALTERS_H */
