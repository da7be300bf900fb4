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

/* Can an element of a CREATE TABLE have made a constraint, or the index of one? */
extern bool mig_alters_makes_constraint(const Node *element, const Drift *drift);

#endif							/* MIG_ALTERS_H */
