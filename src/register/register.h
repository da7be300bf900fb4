/*
 * register.h
 *		Taking migrations in: what is said of one becomes its definition.
 */
#ifndef MIG_REGISTER_H
#define MIG_REGISTER_H

#include "fmgr.h"
#include "ledger/ledger.h"

/* ---- what is said of a migration (definition.c) ---- */

/*
 * Check and complete a definition: names, kind, version, options; split its
 * texts; compute its checksums.  The up must be one that can be run; a down or
 * verify that cannot is kept, with a warning.
 */
extern void mig_definition_complete(Definition *definition);

/* The checksum over all that a definition says. */
extern bytea *mig_definition_hash(const Definition *definition);

/* An array of names without NULLs, or an error that names the argument; that argument, or NULL, as a plain array. */
extern void mig_check_names(ArrayType *names, const char *argument);
extern ArrayType *mig_names_arg(FunctionCallInfo fcinfo, int arg, const char *argument);

/* ---- into the ledger (register.c) ---- */

/*
 * Register a complete definition; existing is what there is of it, or NULL.
 * The project must be locked.  Returns the action, as migrate.register does.
 */
extern const char *mig_register(Definition *definition, const Registered *existing);

#endif							/* MIG_REGISTER_H */
