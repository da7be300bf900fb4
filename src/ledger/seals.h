/*
 * seals.h
 *		Seals, for the files that make, verify and prune them; used inside a
 *		ledger scope.
 */
#ifndef MIG_SEALS_H
#define MIG_SEALS_H

#include "datatype/timestamp.h"
#include "ledger/query.h"
#include "nodes/pg_list.h"

/* The logs that are sealed. */
typedef struct Source
{
	const char *name;			/* as seals.source has it */
	const char *table;			/* NULL: seals of this source stand for rows that are not there any more */
	const char *key;
	const char *time;			/* column; grows with the key, more or less */
} Source;

extern const Source seal_sources[];
extern const int seal_nsources;

/* One seal, as it is stored. */
typedef struct Seal
{
	int64		number;
	char	   *source;
	int64		rows;
	bytea	   *hash;
	bytea	   *rows_hash;
	char	   *ids;			/* text of the multirange */
	int64		first_id;
	int64		last_id;
	TimestampTz sealed_at;
	int64		oldest_running;
} Seal;

/*
 * Of a table the rows that no seal covers, where ids are those that one does, and
 * what %3$s says holds.  There are few gaps among them, and many rows.
 */
#define UNSEALED_ROWS(ids) \
	"(SELECT t.id, t.transaction_id FROM pg_catalog.unnest('{(,)}'::pg_catalog.int8multirange OPERATOR(pg_catalog.-) " ids ") gap" \
	" CROSS JOIN LATERAL (SELECT r.%1$s AS id, r.transaction_id FROM migrate.%2$s r" \
	" WHERE r.%1$s OPERATOR(pg_catalog.>=) COALESCE(pg_catalog.lower(gap), '-9223372036854775808'::pg_catalog.int8)" \
	" AND r.%1$s OPERATOR(pg_catalog.<=) COALESCE(pg_catalog.upper(gap) OPERATOR(pg_catalog.-) 1, 9223372036854775807)" \
	" %3$s OFFSET 0) t)"

/* Run a statement with one text as its argument, or none. */
extern uint64 run_text(const char *sql, const char *arg);

/* Source of the seals that prune_ddl_log leaves, and the numbers that they stand for. */
#define PRUNED_SOURCE "pruned_ddl_log"
#define PRUNED_IDS \
	"(SELECT COALESCE(pg_catalog.range_agg(ids), '{}') FROM migrate.seals WHERE source OPERATOR(pg_catalog.=) '" PRUNED_SOURCE "')"

extern const Source *find_source(const char *name);

/* Over the rows with these ids, in order; *rows is how many there are. */
extern bytea *hash_of_rows(const Source *source, const char *ids, int64 *rows);

/* Over all that a seal says, its rows' hash too, and the hash of the seal before it. */
extern bytea *hash_of_seal(const Seal *seal, const bytea *previous);

extern bool same_hash(const bytea *a, const bytea *b);

/* Wait to be the only session that makes seals, until the end of the transaction; or not. */
extern bool seals_lock(bool wait);

/* Put a seal behind the last one: hash, rows' hash and time are filled in.  Returns the new last one. */
extern Seal *add_seal(Seal *seal, const Seal *previous);

/* Seal what can be sealed of a source; with a time only rows that are older.  Returns the last seal. */
extern Seal *seal_source(const Source *source, TimestampTz before, Seal *last);

/* Those for which something holds, with one text as its argument, in order. */
extern List *read_seals(const char *where, const char *arg);

/* NULL if there is none. */
extern Seal *last_seal(void);

#endif							/* MIG_SEALS_H */
