/*
 * expected.h
 *		What the schema should be, and states of it that were kept.
 */
#ifndef MIG_EXPECTED_LEDGER_H
#define MIG_EXPECTED_LEDGER_H

#include "catalog/objectaddress.h"
#include "ledger/query.h"

#define LEDGER_KEY_BYTES LEDGER_HASH_BYTES

/* An object of a state. */
typedef struct StateRow
{
	uint8		key[LEDGER_KEY_BYTES];
	uint8		fingerprint[LEDGER_KEY_BYTES];
	bool		exists;			/* false: no fingerprint */
	char	   *object_type;
	char	   *identity;
} StateRow;

/* An object that is expected. */
typedef struct ExpectedRow
{
	StateRow	state;
	ObjectAddress address;		/* in this cluster; invalid if it was read in another */
	char	   *project;		/* of the migration that moved it last; NULL: taken over */
	char	   *name;
	int64		ddl_id;			/* the last captured statement before that */
} ExpectedRow;

typedef void (*StateRowFunction) (const StateRow *row, void *arg);

/* Is any object expected?  False as long as nobody has taken over a schema. */
extern bool ledger_expects(void);

extern void ledger_each_expected(StateRowFunction function, void *arg);
extern ExpectedRow *ledger_expected(const uint8 *key);

/* Those of a list of ObjectAddress, each of which is there once, as a list of ExpectedRow in no order. */
extern List *ledger_expected_at(const List *addresses);

/* A list of ExpectedRow. */
extern void ledger_put_expected(const List *rows);
extern void ledger_remove_expected(const uint8 *key);

/* Were addresses read in another database, of which this one is a copy? */
extern bool ledger_expected_is_elsewhere(void);
extern void ledger_set_expected_address(const uint8 *key, const ObjectAddress *address);

/* What is known not to be as expected. */
extern StateRow *ledger_adrift(const uint8 *key);
extern void ledger_put_adrift(const StateRow *row);
extern void ledger_remove_adrift(const uint8 *key);
extern void ledger_clear_adrift(void);

/* ---- definitions, by fingerprint ---- */

typedef struct StoredPart
{
	char	   *kind;
	char	   *name;
	char	   *text;
} StoredPart;

typedef struct StoredDefinition
{
	uint8		fingerprint[LEDGER_KEY_BYTES];
	List	   *parts;			/* of StoredPart */
} StoredDefinition;

/* A list of StoredDefinition; does nothing for those that are there. */
extern void ledger_put_definitions(const List *definitions);

/* A list of StoredPart. */
extern List *ledger_definition(const uint8 *fingerprint);

/* ---- snapshots ---- */

/* False: the label is taken. */
extern bool ledger_put_snapshot(const char *label);
extern void ledger_put_snapshot_object(const char *label, const StateRow *row);
extern bool ledger_has_snapshot(const char *label);
extern void ledger_each_in_snapshot(const char *label, StateRowFunction function, void *arg);

/* ---- what explains a drift (explain.c) ---- */

typedef struct Drift
{
	const char *change;			/* "added", "removed", "changed" */
	char	   *object_type;
	char	   *identity;
	char	   *expected;		/* definitions; NULL: not there */
	char	   *actual;
	char	   *project;		/* of the migration that moved it last, or NULL */
	char	   *last_migration;
	int64		since;			/* statements up to this one are in what is expected */
	List	   *names;			/* identities that a statement which explains it has touched */
} Drift;

typedef struct Explanation
{
	ArrayType  *ids;			/* of ddl_log; NULL: nothing explains it */
	char	   *changed_by;		/* of the last of them */
	TimestampTz changed_at;
} Explanation;

/* An array, for each of a list of Drift. */
extern Explanation *ledger_explain(const List *drifts);

/* The last number that a captured statement has had. */
extern int64 ledger_last_ddl(void);

#endif							/* MIG_EXPECTED_LEDGER_H */
