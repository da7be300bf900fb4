/*
 * role_reach.h
 *		What statements about roles do to objects.
 */
#ifndef MIG_ROLE_REACH_H
#define MIG_ROLE_REACH_H

#include "ledger/expected.h"

/* REASSIGN and DROP OWNED: of a role that owned it, or had privileges on it. */
extern bool mig_takes_from_role(const Node *stmt, const Drift *drift);

/* Is it about what a "database setting" has, of a role or of all? */
extern bool mig_is_about_settings(const Node *stmt, const char *identity);

#endif							/* MIG_ROLE_REACH_H */
