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
	ObjectAddress address;
	char	   *project;		/* of the migration that moved it last; NULL: taken over */
	char	   *name;
	int64		ddl_id;			/* the last captured statement before that */
} ExpectedRow;

typedef void (*StateRowFunction) (const StateRow *row, void *arg);

/* Is any object expected?  False as long as nobody has taken over a schema. */
extern bool ledger_expects(void);

/* Rows of key, object_type, identity, fingerprint: for files of this room. */
extern void ledger_each_state(LedgerQuery *query, LedgerArgs *args, StateRowFunction function, void *arg);

extern void ledger_each_expected(StateRowFunction function, void *arg);
extern ExpectedRow *ledger_expected(const uint8 *key);

/* All, and those of a list of ObjectAddress, each of which is there once, as a list of ExpectedRow in no order. */
extern List *ledger_all_expected(void);
extern List *ledger_expected_at(const List *addresses);

/* How many objects another major version has described, and which. */
extern int	ledger_expected_of_other_server(int *major);

/* A list of ExpectedRow. */
extern void ledger_put_expected(const List *rows);
extern void ledger_remove_expected(const uint8 *key);

/* All of it is from now on as this server says it. */
extern void ledger_expected_is_of_this_server(void);

/* Addresses that were read in another database, of which this one is a copy, and those of here (of ExpectedRow). */
extern void ledger_forget_addresses(void);
extern void ledger_put_addresses(const List *rows);

/* An object is at another address from now on; and that of a key. */
extern void ledger_readdress(const ObjectAddress *was, const ObjectAddress *is);
extern void ledger_readdress_key(const uint8 *key, const ObjectAddress *is);

/* What is known not to be as expected. */
extern StateRow *ledger_adrift(const uint8 *key);
/* Whatever an object was called then. */
extern StateRow *ledger_adrift_at(const ObjectAddress *address);
/* Was it so already when the whole of a copy was looked at first?  What is at its place has not been as expected there. */
extern bool ledger_adrift_from_first(const uint8 *key);
/* address: NULL where it is not there; no fingerprint but zeros: it could not be read; ignored: it is not counted; what is there already stays so or not. */
extern void ledger_put_adrift(const StateRow *row, const ObjectAddress *address, bool ignored);
extern void ledger_remove_adrift(const uint8 *key);

/* Around noting again all that is: what is not noted or kept in between no longer is. */
extern void ledger_begin_adrift(void);
extern void ledger_keep_adrift(const uint8 *key);
extern void ledger_end_adrift(void);

/*
 * How many objects, and what became of the first of them.  Not those that a
 * migration is at which was stopped: what became of them the next run finds out.
 */
extern int	ledger_count_adrift(char **first);

/* ---- how much of what was captured is known (looks.c) ---- */

typedef struct LedgerLook
{
	char	   *seen;			/* transactions, as a pg_snapshot */
	int64		bound_id;		/* what others have not committed then has a higher number */
	bool		is_certain;		/* of that; else only what has begun since may be missed */
	int64		next_bound_id;	/* so has what a transaction of next_horizon or later does */
	int64		next_horizon;
	int64		own_id;			/* the last number that was seen, also of this transaction */
	int64		coverage_id;	/* of the last change of what capture sees */
	int64		decisions;		/* how many there were on what counts as adrift and what is kept of the log */
	uint8		globals[LEDGER_HASH_BYTES]; /* what is not captured here */
} LedgerLook;

/* The last look at this database; false if nobody has had one. */
extern bool ledger_read_look(LedgerLook *look);
extern void ledger_write_look(const LedgerLook *look);

/* One that knows what there is now, and of nothing before. */
extern void ledger_begin_look(LedgerLook *look);

/* An object that a captured statement was about; all NULL where it is not known what that was. */
typedef struct LedgerChange
{
	char	   *action;
	char	   *object_type;
	char	   *identity;
	bool		may_rename;		/* or give it another schema */
} LedgerChange;

/*
 * Go on from a look to what is known now.  Returns what others have changed
 * meanwhile, as a list of LedgerChange.
 */
extern List *ledger_look_again(LedgerLook *look);

/* Does capture see everything, has it done so since, and has nobody decided otherwise meanwhile? */
extern bool ledger_look_holds(LedgerLook *look);

/* ---- what is not called adrift (ignored.c) ---- */

/* Objects for which all of it holds; what is NULL holds for every one. */
typedef struct IgnoreRule
{
	int64		id;
	char	   *schema_name;
	char	   *object_type;
	char	   *identity_like;
	char	   *role_name;		/* of the owner */
} IgnoreRule;

/* Returns its id. */
extern int64 ledger_ignore(const IgnoreRule *rule, const char *reason);

/* Take it back; NULL: there is none with this id. */
extern IgnoreRule *ledger_unignore(int64 id);

/* All of them, as a list of IgnoreRule. */
extern List *ledger_ignore_rules(void);

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

typedef struct SnapshotHead
{
	const char *label;
	TimestampTz taken_at;
	int			server_major;
	bool		imported;
} SnapshotHead;

/* False: the label is taken. */
extern bool ledger_put_snapshot(const SnapshotHead *head);

/* A list of StateRow. */
extern void ledger_put_snapshot_objects(const char *label, const List *rows);

/* The numbers of what was captured outside of migrations and is not in a snapshot. */
extern List *ledger_ddl_since_snapshot(const char *label);

/* False: there is none with this label. */
extern bool ledger_find_snapshot(const char *label, SnapshotHead *head);
extern void ledger_each_in_snapshot(const char *label, StateRowFunction function, void *arg);

/* ---- what explains a drift (explain.c) ---- */

/* What an object whose name was captured has to do with one that is adrift. */
typedef enum DriftTie
{
	TIE_OWN,					/* it is that one */
	TIE_ALL,					/* all in its schema */
	TIE_ROLE,					/* a role that owns it or has privileges */
	TIE_RENAMED_ROLE,			/* such a role by its present name, where it is not expected to have that */
	TIE_WHOLE,					/* on a partition it is what that one is on the whole table */
	TIE_TRIGGERS,				/* it has triggers on that one */
	TIE_PART,					/* that one is a part of it */
	TIE_MENTIONED				/* that one mentions it; counts if it is adrift as well */
} DriftTie;

typedef struct DriftName
{
	DriftTie	tie;
	const char *object_type;	/* NULL: the name is enough */
	char	   *identity;
} DriftName;

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
	uint8		key[LEDGER_KEY_BYTES];
	bool		is_gone;		/* only a DROP does that */
	bool		is_in_part;		/* only what is said of it, or who may use it and what of it, differs: all there is of objects of others */
	int			lines;			/* kinds of lines that differ, as schema/differs.h counts them */
	List	   *columns;		/* names of the columns that they are of */
	List	   *keys;			/* their keys, behind a column and a newline where they are of one */
	char	   *differing;		/* their values, and its name where all of it does */
	char	   *core;			/* the same without what lines of one key begin and end with in both */
	ObjectAddress address;		/* of what is there */
	bool		has_place;		/* it is known where what is expected was */
	bool		stays;			/* it is at the place where it was when it was expected, maybe under another name */
	List	   *names;			/* of DriftName: what a statement that explains it was about */
} Drift;

#define DRIFT_IS_ADDED(drift) (strcmp((drift)->change, "added") == 0)
#define DRIFT_IS_REMOVED(drift) (strcmp((drift)->change, "removed") == 0)
#define DRIFT_IS_CHANGED(drift) (strcmp((drift)->change, "changed") == 0)
#define DRIFT_IS_A(drift, type) (strcmp((drift)->object_type, (type)) == 0)

typedef struct Explanation
{
	ArrayType  *ids;			/* of ddl_log; NULL: nothing explains it */
	char	   *changed_by;		/* of the last of them */
	TimestampTz changed_at;
} Explanation;

/*
 * May a statement explain a drift, if it was about something with this tie to it?
 * And can it be why that is there, or is not?  Does it change nothing if it was the
 * last one as well?  It is read once, however many drifts it was about.  (schema/reach.c)
 */
typedef struct StatementReader
{
	List	   *(*read) (const char *statement);
	bool		(*may_have) (const Drift *drift, DriftTie tie, const List *statements);
	bool		(*may_make) (const Drift *drift, const List *statements);
	bool		(*repeats_nothing) (const Drift *drift, const char *text, const List *statements);
} StatementReader;

/* An array, for each of a list of Drift. */
extern Explanation *ledger_explain(const List *drifts, const StatementReader *reader);

/* The last number that a captured statement has had. */
extern int64 ledger_last_ddl(void);

#endif							/* MIG_EXPECTED_LEDGER_H */
