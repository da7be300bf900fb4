/*
 * query.h
 *		How the ledger's own files run SQL.
 */
#ifndef MIG_QUERY_H
#define MIG_QUERY_H

#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/jsonb.h"

/* A stretch of work as the owner of our tables. */
typedef struct LedgerScope
{
	Oid			user;
	int			security_context;
	int			guc_level;
	bool		snapshot;
	const char *role_name;		/* of the caller */
	MemoryContext caller;
} LedgerScope;

extern void ledger_enter(LedgerScope *scope);
extern void ledger_leave(LedgerScope *scope);

/* One statement, prepared at its first use in a session. */
typedef struct LedgerQuery
{
	const char *sql;
	SPIPlanPtr	plan;
} LedgerQuery;

#define LEDGER_MAX_ARGS 40

/* SHA-256, as keys and fingerprints are. */
#define LEDGER_HASH_BYTES 32

extern bytea *hash_bytea(const uint8 *value);

/* The arguments of one call; their types are those of the functions that add them. */
typedef struct LedgerArgs
{
	int			n;
	Oid			types[LEDGER_MAX_ARGS];
	Datum		values[LEDGER_MAX_ARGS];
	char		nulls[LEDGER_MAX_ARGS];
} LedgerArgs;

extern void arg_text(LedgerArgs *args, const char *value);
extern void arg_name(LedgerArgs *args, const char *value);
extern void arg_int4(LedgerArgs *args, int32 value);
extern void arg_int8(LedgerArgs *args, int64 value);
extern void arg_id(LedgerArgs *args, int64 value);	/* 0 is NULL */
extern void arg_bool(LedgerArgs *args, bool value);
extern void arg_oid(LedgerArgs *args, Oid value);
extern void arg_bytea(LedgerArgs *args, const bytea *value);
extern void arg_hash(LedgerArgs *args, const uint8 *value);	/* of LEDGER_HASH_BYTES, or NULL */
extern void arg_jsonb(LedgerArgs *args, const Jsonb *value);
extern void arg_time(LedgerArgs *args, TimestampTz value);	/* 0 is NULL */
extern void arg_moment(LedgerArgs *args, TimestampTz value);	/* any, also 2000-01-01 */
extern void arg_interval(LedgerArgs *args, int64 microseconds);
extern void arg_interval_value(LedgerArgs *args, const Interval *value);
extern void arg_lsn(LedgerArgs *args, uint64 value);	/* 0 is NULL */
extern void arg_array(LedgerArgs *args, Oid type, ArrayType *value);
extern void arg_client(LedgerArgs *args);	/* where the session's client is */

/* Run it; results are in SPI_tuptable and SPI_processed.  Returns the rows. */
extern uint64 ledger_run(LedgerQuery *query, LedgerArgs *args);

/* The same for one that gives ids. */
extern List *ledger_run_ids(LedgerQuery *query, LedgerArgs *args);

/* The same for a query of a project and a name, as a list of FullName * (registry.c). */
extern List *ledger_run_names(LedgerQuery *query, LedgerArgs *args);

/* Run a statement that changes the schema, as one of our own. */
extern void ledger_execute(const char *sql);

/* One row of the result, read from left to right. */
typedef struct LedgerRow
{
	Datum		values[LEDGER_MAX_ARGS];
	bool		nulls[LEDGER_MAX_ARGS];
	int			column;
} LedgerRow;

/*
 * Run a query on the active snapshot and hand each row to a function as it comes,
 * in the caller's memory context: for results of tens of thousands of rows.
 */
typedef void (*LedgerRowFunction) (LedgerRow *row, void *arg);

extern void ledger_run_each(LedgerQuery *query, LedgerArgs *args, LedgerRowFunction function, void *arg);

/* The ids that a query has given in so many rows: of int64 *. */
extern List *row_ids(uint64 n);

extern void row_begin(LedgerRow *row, uint64 number);
extern Datum row_next(LedgerRow *row, bool *isnull);
extern Oid	row_oid(LedgerRow *row);
extern char *row_text(LedgerRow *row);	/* NULL if it is */
extern char *row_name(LedgerRow *row);
extern int64 row_int8(LedgerRow *row);	/* 0 if NULL */
extern int32 row_int4(LedgerRow *row);
extern bool row_bool(LedgerRow *row);
extern TimestampTz row_time(LedgerRow *row);
extern bytea *row_bytea(LedgerRow *row);
extern bool row_hash(LedgerRow *row, uint8 *value);	/* false: it is NULL */
extern Jsonb *row_jsonb(LedgerRow *row);

/* Oid of one of our tables or sequences. */
extern Oid	ledger_relation(const char *name);

/* Has one of our tables no page at all?  False says nothing of its rows. */
extern bool ledger_is_empty(const char *name);

/* Where the session's client is, as an inet (client.c). */
extern Datum client_addr(bool *isnull);

/* Draw the next number of one of our sequences. */
extern int64 ledger_next_id(const char *sequence);

#endif							/* MIG_QUERY_H */
