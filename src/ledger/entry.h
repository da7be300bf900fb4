/*
 * entry.h
 *		How SQL comes in: a library of one version may meet an extension of another.
 *
 * A session keeps the library that it has loaded, and a file that was installed
 * is newer than the extension until ALTER EXTENSION ... UPDATE.
 */
#ifndef MIG_ENTRY_H
#define MIG_ENTRY_H

#include "common/compat.h"
#include "ledger/ledger.h"

extern const char ledger_library_version[];

/* What is wrong where the two versions differ, or NULL. */
extern SurroundingFault *ledger_other_version(void);

/* Raise it. */
extern void ledger_require_version(void);

/*
 * A function that SQL can call; name_body follows.  An extension of another
 * version may pass it other arguments, so not even those are looked at before.
 */
#define MIG_FUNCTION(name) \
static Datum name##_body(PG_FUNCTION_ARGS); \
MIG_ANY_VERSION_FUNCTION(name); \
Datum \
name(PG_FUNCTION_ARGS) \
{ \
	ledger_require_version(); \
	return name##_body(fcinfo); \
} \
extern int	no_such_variable

#endif							/* MIG_ENTRY_H */
