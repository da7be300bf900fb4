/*
 * state.h
 *		States of the schema, and what is different between two of them.
 */
#ifndef MIG_STATE_H
#define MIG_STATE_H

#include "ledger/expected.h"
#include "lib/stringinfo.h"
#include "schema/schema.h"
#include "utils/hsearch.h"

/* An object that two states do not have alike. */
typedef struct Difference
{
	const char *change;			/* "added", "removed", "changed" */
	const StateRow *from;		/* NULL where it was added */
	const StateRow *to;			/* NULL where it was removed */
	const SchemaObject *object; /* where "to" is the current state */
	char	   *from_definition;
	char	   *to_definition;
} Difference;

typedef void (*DifferenceFunction) (const Difference *difference, void *arg);

/*
 * "current", "expected", or the label of a snapshot; 42704 if there is none.
 * unreadable: gets what "to" has and could not be read, and no difference is; or NULL.
 */
extern void mig_state_compare(const char *from, const char *to, DifferenceFunction function, SchemaObjectFunction unreadable, void *arg);

/* 42704 if there is none. */
extern SnapshotHead *mig_state_find_snapshot(const char *label);

extern void mig_state_row(const SchemaObject *object, StateRow *row);

/* In what order objects are shown: below 0 where the one comes before the other. */
extern int	mig_state_order(const char *object_type, const char *identity, const char *other_type, const char *other_identity);

/* A hash of type and identity, of LEDGER_KEY_BYTES. */
extern void mig_state_key(const char *object_type, const char *identity, uint8 *key);

/* The definition that a state has of an object. */
extern char *mig_state_definition(const uint8 *fingerprint);

/* A part among those of a stored definition, or NULL. */
extern const StoredPart *mig_state_part(const List *parts, const char *kind, const char *name);

/* As the ledger keeps it. */
extern StoredDefinition *mig_state_stored(const SchemaObject *object);

/* One that lasts as long as the present memory context. */
extern SchemaObject *mig_state_copy(const SchemaObject *object);

/* Where it was not possible to look. */
extern void mig_state_warn(const SchemaObject *object);
extern void mig_state_require_readable(const SchemaObject *object);

/* Those of the addresses at which something is expected, as a set of ObjectAddress. */
extern HTAB *mig_state_addresses(const List *addresses);

/* Unified diff of two definitions, either of which may be NULL, with so many lines around. */
extern void mig_diff(StringInfo out, const char *from_name, const char *from, const char *to_name, const char *to);

#endif							/* MIG_STATE_H */
