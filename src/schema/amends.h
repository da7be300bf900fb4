/*
 * amends.h
 *		What a statement can have changed of the object that it is about.
 */
#ifndef MIG_AMENDS_H
#define MIG_AMENDS_H

#include "nodes/parsenodes.h"
#include "schema/differs.h"

/* May a statement about the object itself have changed what differs? */
extern bool mig_amends(const Node *stmt, const Drift *drift);

/* Has a GRANT or REVOKE to do with the privileges that differ? */
extern bool mig_amends_grants(const GrantStmt *stmt, const Drift *drift);
extern bool mig_amends_grants_of(const List *roles, const Drift *drift);

/* The name that a RenameStmt begins with; NULL: it has none that is a word. */
extern const char *mig_name_before(const RenameStmt *stmt);

/* The last word of the name of an object; NULL likewise. */
extern const char *mig_last_name(Node *object);

/* The one before it, of its schema; NULL: it has none. */
extern const char *mig_schema_of_name(Node *object);

#endif							/* MIG_AMENDS_H */
