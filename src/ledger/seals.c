/*
 * seals.c
 *		Tamper evidence: a hash chain over the logs, made afterwards.
 *
 * A row depends on no other row, so nobody waits when it is written.  A seal
 * covers the rows of finished transactions that no earlier seal covers; which
 * ones is kept in its ids, since rows commit in another order than they get
 * their numbers.  Its hash is over the hash before it, what it says itself, and a
 * hash of its rows field by field, so that the chain can be followed without them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "common/faults.h"
#include "common/readonly.h"
#include "common/rows.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "ledger/rowhash.h"
#include "ledger/seals.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define SEAL_FORMAT 1			/* of the bytes that are hashed */

/* So many rows at most in one seal: whoever wants to know of some need not hash all. */
#define SEAL_ROWS 10000

/* So many rows at most are in memory at one time. */
#define HASHED_AT_ONCE 100

const Source seal_sources[] = {
	{"history", "log_history", "id", "started_at"},
	{"statement_log", "log_statements", "id", "started_at"},
	{"decisions", "log_decisions", "id", "decided_at"},
	{"run_starts", "log_runs", "run_id", "started_at"},
	{"run_ends", "log_run_ends", "run_id", "finished_at"},
	{"ddl_log", "log_ddl", "id", "logged_at"},
	{"coverage", "log_coverage", "id", "from_at"}
};
const int	seal_nsources = lengthof(seal_sources);

static const Source pruned_source = {PRUNED_SOURCE, NULL, NULL, NULL};

const Source *
find_source(const char *name)
{
	for (int i = 0; i < seal_nsources; i++)
		if (strcmp(seal_sources[i].name, name) == 0)
			return &seal_sources[i];
	return strcmp(name, PRUNED_SOURCE) == 0 ? &pruned_source : NULL;
}

bool
same_hash(const bytea *a, const bytea *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

uint64
run_text(const char *sql, const char *arg)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	MemoryContext context = CurrentMemoryContext;
	int			code;

	values[0] = arg ? CStringGetTextDatum(arg) : (Datum) 0;
	code = SPI_execute_with_args(sql, arg ? 1 : 0, types, values, NULL, false, 0);
	MemoryContextSwitchTo(context);
	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(code));
	return SPI_processed;
}

static bytea *
finished(pg_cryptohash_ctx *hash)
{
	bytea	   *result = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);

	mig_hash_end(hash, (uint8 *) VARDATA(result));
	SET_VARSIZE(result, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	return result;
}

/* The rows of a source with these numbers, in their order, with what the transaction has written itself. */
static Portal
open_rows(const Source *source, const char *ids)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(ids)};

	return SPI_cursor_open_with_args(NULL, psprintf("SELECT * FROM migrate.%1$s WHERE %2$s OPERATOR(pg_catalog.<@) $1::pg_catalog.int8multirange"
													" AND %2$s OPERATOR(pg_catalog.>=) pg_catalog.lower($1::pg_catalog.int8multirange)"
													" AND %2$s OPERATOR(pg_catalog.<) pg_catalog.upper($1::pg_catalog.int8multirange) ORDER BY %2$s",
													source->table, source->key), 1, types, values, NULL, false, 0);
}

/* A few rows at a time, and the fields of one: logs are long, and so are their texts. */
static int64
hash_rows(pg_cryptohash_ctx *hash, Portal portal)
{
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "row to hash", ALLOCSET_DEFAULT_SIZES);
	int64		rows = 0;

	for (;;)
	{
		SPI_cursor_fetch(portal, true, HASHED_AT_ONCE);
		if (SPI_processed == 0)
			break;
		rows += SPI_processed;
		MemoryContextSwitchTo(row);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			CHECK_FOR_INTERRUPTS();
			mig_hash_row(hash, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
			MemoryContextReset(row);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freetuptable(SPI_tuptable);
	MemoryContextDelete(row);
	return rows;
}

bytea *
hash_of_rows(const Source *source, const char *ids, int64 *rows)
{
	pg_cryptohash_ctx *hash = mig_hash_begin();
	MemoryContext context = CurrentMemoryContext;

	mig_hash_int8(hash, SEAL_FORMAT);
	*rows = 0;
	if (source->table)
	{
		Portal		portal = open_rows(source, ids);

		MemoryContextSwitchTo(context);
		*rows = hash_rows(hash, portal);
		SPI_cursor_close(portal);
		MemoryContextSwitchTo(context);
	}
	return finished(hash);
}

bytea *
hash_of_seal(const Seal *seal, const bytea *previous)
{
	pg_cryptohash_ctx *hash = mig_hash_begin();

	mig_hash_int8(hash, SEAL_FORMAT);
	if (previous)
		mig_hash_bytes(hash, VARDATA_ANY(previous), VARSIZE_ANY_EXHDR(previous));
	mig_hash_text(hash, seal->source);
	mig_hash_text(hash, seal->ids);
	mig_hash_int8(hash, seal->first_id);
	mig_hash_int8(hash, seal->last_id);
	mig_hash_int8(hash, seal->sealed_at);
	mig_hash_int8(hash, seal->oldest_running);
	mig_hash_int8(hash, seal->rows);
	mig_hash_bytes(hash, VARDATA_ANY(seal->rows_hash), VARSIZE_ANY_EXHDR(seal->rows_hash));
	return finished(hash);
}

#define SEAL_COLUMNS \
	"seal, source, rows, hash, rows_hash, ids::pg_catalog.text, first_id, last_id, sealed_at, oldest_running"

static Seal *
read_seal(uint64 number)
{
	Seal	   *seal = palloc(sizeof(Seal));
	LedgerRow	row;

	row_begin(&row, number);
	seal->number = row_int8(&row);
	seal->source = row_text(&row);
	seal->rows = row_int8(&row);
	seal->hash = row_bytea(&row);
	seal->rows_hash = row_bytea(&row);
	seal->ids = row_text(&row);
	seal->first_id = row_int8(&row);
	seal->last_id = row_int8(&row);
	seal->sealed_at = row_time(&row);
	seal->oldest_running = row_int8(&row);	/* xid8 is as wide */
	return seal;
}

Seal *
last_seal(void)
{
	static LedgerQuery query = {
		"SELECT " SEAL_COLUMNS " FROM migrate.seals ORDER BY seal DESC LIMIT 1"
	};
	if (ledger_run(&query, NULL) == 0)
		return NULL;
	return read_seal(0);
}

List *
read_seals(const char *where, const char *arg)
{
	List	   *seals = NIL;
	uint64		n = run_text(psprintf("SELECT " SEAL_COLUMNS " FROM migrate.seals s WHERE %s ORDER BY seal", where), arg);

	for (uint64 i = 0; i < n; i++)
		seals = lappend(seals, read_seal(i));
	return seals;
}

/*
 * The rows of a source that no seal covers yet, as seals without hashes.  before:
 * only those with lower numbers than the first that is as young.  What another
 * transaction is still writing cannot be seen, and so is left for later.
 */
static List *
unsealed_rows(const Source *source, TimestampTz before)
{
	char	   *older = before == DT_NOEND ? "" :
		psprintf("AND r.%1$s OPERATOR(pg_catalog.<) COALESCE((SELECT y.%1$s FROM migrate.%2$s y"
				 " WHERE y.%3$s OPERATOR(pg_catalog.>=) %4$s ORDER BY y.%1$s LIMIT 1), 9223372036854775807)",
				 source->key, source->table, source->time, quote_literal_cstr(timestamptz_to_str(before)));
	List	   *seals = NIL;
	uint64		n;

	n = run_text(psprintf("WITH s AS MATERIALIZED (SELECT COALESCE(pg_catalog.range_agg(ids), '{}'::pg_catalog.int8multirange) AS ids"
						  " FROM migrate.seals WHERE source OPERATOR(pg_catalog.=) $1)"
						  " SELECT pg_catalog.range_agg(pg_catalog.int8range(id, id, '[]'))::pg_catalog.text, pg_catalog.min(id), pg_catalog.max(id),"
						  " pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())"
						  " FROM (SELECT t.id, (pg_catalog.row_number() OVER (ORDER BY t.id) OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog./) %4$d AS part"
						  " FROM s CROSS JOIN LATERAL " UNSEALED_ROWS("s.ids") " t"
						  " WHERE t.transaction_id OPERATOR(pg_catalog.<>) COALESCE(pg_catalog.pg_current_xact_id_if_assigned(), '0'::pg_catalog.xid8)) t"
						  " GROUP BY part ORDER BY part",
						  source->key, source->table, older, SEAL_ROWS), source->name);
	for (uint64 i = 0; i < n; i++)
	{
		Seal	   *seal = palloc0(sizeof(Seal));
		LedgerRow	row;

		row_begin(&row, i);
		seal->source = unconstify(char *, source->name);
		seal->ids = row_text(&row);
		seal->first_id = row_int8(&row);
		seal->last_id = row_int8(&row);
		seal->oldest_running = row_int8(&row);
		seals = lappend(seals, seal);
	}
	return seals;
}

Seal *
add_seal(Seal *seal, const Seal *previous)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.seals (source, first_id, last_id, rows, hash, rows_hash, ids, sealed_at, oldest_running)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7::pg_catalog.int8multirange, $8, $9::pg_catalog.text::pg_catalog.xid8)"
	};
	LedgerArgs	args = {0};

	seal->sealed_at = GetCurrentTimestamp();
	arg_text(&args, seal->source);
	arg_int8(&args, seal->first_id);
	arg_int8(&args, seal->last_id);
	arg_int8(&args, seal->rows);
	arg_bytea(&args, hash_of_seal(seal, previous ? previous->hash : NULL));
	arg_bytea(&args, seal->rows_hash);
	arg_text(&args, seal->ids);
	arg_time(&args, seal->sealed_at);
	arg_int8(&args, seal->oldest_running);
	ledger_run(&query, &args);
	return last_seal();
}

Seal *
seal_source(const Source *source, TimestampTz before, Seal *last)
{
	ListCell   *cell;

	foreach(cell, unsealed_rows(source, before))
	{
		Seal	   *seal = lfirst(cell);

		seal->rows_hash = hash_of_rows(source, seal->ids, &seal->rows);
		last = add_seal(seal, last);
	}
	return last;
}

bool
seals_lock(bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, LEDGER_SEAL_LOCK);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Seal what can be sealed; returns the last seal, 0 for none.  If another
 * session is at it, it is left to that one.
 *
 * The lock comes before the snapshot: a snapshot of a transaction that is
 * REPEATABLE READ and has begun to look may not show the last seal, and a seal
 * that follows another one would break the chain.
 */
int64
ledger_seal(void)
{
	LedgerScope scope;
	Seal	   *last;
	int64		number;
	bool		mine = !(IsolationUsesXactSnapshot() && FirstSnapshotSet) && seals_lock(false);

	ledger_enter(&scope);
	last = last_seal();
	if (mine)
	{
		for (int i = 0; i < seal_nsources; i++)
		{
			last = seal_source(&seal_sources[i], DT_NOEND, last);
			MIG_FAULT("ledger_source_sealed");
		}
	}
	number = last ? last->number : 0;
	ledger_leave(&scope);
	return number;
}

bool
ledger_head(int64 *number, bytea **hash, TimestampTz *sealed_at)
{
	LedgerScope scope;
	Seal	   *last;

	ledger_enter(&scope);
	last = last_seal();
	ledger_leave(&scope);
	if (last == NULL)
		return false;
	*number = last->number;
	*hash = last->hash;
	*sealed_at = last->sealed_at;
	return true;
}

char *
ledger_hash_text(const bytea *hash)
{
	char	   *hex = palloc0(2 * VARSIZE_ANY_EXHDR(hash) + 1);

	hex_encode(VARDATA_ANY(hash), VARSIZE_ANY_EXHDR(hash), hex);
	return hex;
}

/* "seal 12 hash 3f2a..." for the server log, or NULL. */
char *
ledger_head_text(void)
{
	int64		number;
	bytea	   *hash;
	TimestampTz sealed_at;

	if (!ledger_head(&number, &hash, &sealed_at))
		return NULL;
	return psprintf("seal " INT64_FORMAT " hash %s", number, ledger_hash_text(hash));
}

MIG_FUNCTION(mig_seal);

/* migrate.seal() */
static Datum
mig_seal_body(PG_FUNCTION_ARGS)
{
	int64		number;

	ledger_require("monitor", NULL);
	mig_refuse_read_only("migrate.seal");
	number = ledger_seal();
	if (number == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(number);
}

MIG_FUNCTION(mig_history_head);

/* migrate.history_head() */
static Datum
mig_history_head_body(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result;
	int64		number;
	bytea	   *hash;
	TimestampTz sealed_at;

	ledger_require("monitor", NULL);
	result = mig_rows_begin(fcinfo);
	if (ledger_head(&number, &hash, &sealed_at))
	{
		MigRow		out;

		mig_row_begin(&out);
		mig_row_int8(&out, number);
		mig_row_datum(&out, PointerGetDatum(hash));
		mig_row_time(&out, sealed_at);
		mig_row_put(&out, result);
	}
	return (Datum) 0;
}
