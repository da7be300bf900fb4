/*
 * seals.c
 *		Tamper evidence: a hash chain over the logs, made afterwards.
 *
 * A row depends on no other row, so nobody waits when it is written.  A seal
 * covers the rows of finished transactions that no earlier seal covers; which
 * ones is kept in its ids, since rows commit in another order than they get
 * their numbers.  Its hash is over the hash before it, its source and ids, and
 * each row field by field.
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
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define SEAL_FORMAT 1			/* of the bytes that are hashed */
#define SEAL_LOCK 0x4D53

/* The logs that are sealed. */
typedef struct Source
{
	const char *name;			/* as seals.source has it */
	const char *table;
	const char *key;
} Source;

static const Source sources[] = {
	{"history", "log_history", "id"},
	{"statement_log", "log_statements", "id"},
	{"decisions", "log_decisions", "id"},
	{"run_starts", "log_runs", "run_id"},
	{"run_ends", "log_run_ends", "run_id"},
	{"ddl_log", "log_ddl", "id"},
	{"coverage", "log_coverage", "id"}
};

/* One seal, as it is stored. */
typedef struct Seal
{
	int64		number;
	char	   *source;
	int64		rows;
	bytea	   *hash;
	char	   *ids;			/* text of the multirange */
	int64		first_id;
	int64		last_id;
	TimestampTz sealed_at;
	int64		oldest_running;
} Seal;

/* ---- seals ---- */

static uint64
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

/*
 * The hash of a seal: over what it says itself but its number and the count of
 * rows, and over the rows with its ids; *rows is how many there are.  Runs
 * inside a ledger scope.
 */
static bytea *
compute_hash(const Source *source, const Seal *seal, const bytea *previous, int64 *rows)
{
	pg_cryptohash_ctx *hash = mig_hash_begin();
	bytea	   *result = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	uint64		n;

	n = run_text(psprintf("SELECT * FROM migrate.%s WHERE %s OPERATOR(pg_catalog.<@) $1::pg_catalog.int8multirange"
						  " AND %s OPERATOR(pg_catalog.>=) pg_catalog.lower($1::pg_catalog.int8multirange)"
						  " AND %s OPERATOR(pg_catalog.<) pg_catalog.upper($1::pg_catalog.int8multirange) ORDER BY %s",
						  source->table, source->key, source->key, source->key, source->key), seal->ids);
	mig_hash_int8(hash, SEAL_FORMAT);
	if (previous)
		mig_hash_bytes(hash, VARDATA_ANY(previous), VARSIZE_ANY_EXHDR(previous));
	mig_hash_text(hash, source->name);
	mig_hash_text(hash, seal->ids);
	mig_hash_int8(hash, seal->first_id);
	mig_hash_int8(hash, seal->last_id);
	mig_hash_int8(hash, seal->sealed_at);
	mig_hash_int8(hash, seal->oldest_running);
	for (uint64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		mig_hash_row(hash, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	}
	mig_hash_end(hash, (uint8 *) VARDATA(result));
	SET_VARSIZE(result, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	*rows = n;
	return result;
}

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
	seal->ids = row_text(&row);
	seal->first_id = row_int8(&row);
	seal->last_id = row_int8(&row);
	seal->sealed_at = row_time(&row);
	seal->oldest_running = row_int8(&row);	/* xid8 is as wide */
	return seal;
}

/* The last seal, or NULL; inside a ledger scope. */
static Seal *
last_seal(void)
{
	static LedgerQuery query = {
		"SELECT seal, source, rows, hash, ids::pg_catalog.text, first_id, last_id, sealed_at, oldest_running"
		" FROM migrate.seals ORDER BY seal DESC LIMIT 1"
	};
	if (ledger_run(&query, NULL) == 0)
		return NULL;
	return read_seal(0);
}

/*
 * The rows of a source that no seal covers yet, as a seal without a hash; NULL
 * if there are none.  What another transaction is still writing cannot be
 * seen, and so is left for later.
 */
static Seal *
unsealed_rows(const Source *source)
{
	Seal	   *seal = palloc0(sizeof(Seal));
	LedgerRow	row;

	run_text(psprintf("WITH s AS MATERIALIZED (SELECT COALESCE(pg_catalog.range_agg(ids), '{}'::pg_catalog.int8multirange) AS ids"
					  " FROM migrate.seals WHERE source OPERATOR(pg_catalog.=) $1),"
					  " u AS (SELECT pg_catalog.range_agg(pg_catalog.int8range(t.%1$s, t.%1$s, '[]')) AS ids"
					  " FROM migrate.%2$s t, s WHERE NOT (t.%1$s OPERATOR(pg_catalog.<@) s.ids)"
					  " AND t.transaction_id OPERATOR(pg_catalog.<>) COALESCE(pg_catalog.pg_current_xact_id_if_assigned(), '0'::pg_catalog.xid8))"
					  " SELECT ids::pg_catalog.text, pg_catalog.lower(ids), pg_catalog.upper(ids) OPERATOR(pg_catalog.-) 1,"
					  " pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) FROM u",
					  source->key, source->table), source->name);
	row_begin(&row, 0);
	seal->ids = row_text(&row);
	seal->first_id = row_int8(&row);
	seal->last_id = row_int8(&row);
	seal->oldest_running = row_int8(&row);
	seal->sealed_at = GetCurrentTimestamp();
	return seal->ids ? seal : NULL;
}

static Seal *
seal_source(const Source *source, const Seal *previous)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.seals (source, first_id, last_id, rows, hash, ids, sealed_at, oldest_running)"
		" VALUES ($1, $2, $3, $4, $5, $6::pg_catalog.int8multirange, $7, $8::pg_catalog.text::pg_catalog.xid8)"
	};
	Seal	   *seal = unsealed_rows(source);
	LedgerArgs	args = {0};
	bytea	   *hash;
	int64		rows;

	if (seal == NULL)
		return NULL;
	hash = compute_hash(source, seal, previous ? previous->hash : NULL, &rows);
	arg_text(&args, source->name);
	arg_int8(&args, seal->first_id);
	arg_int8(&args, seal->last_id);
	arg_int8(&args, rows);
	arg_bytea(&args, hash);
	arg_text(&args, seal->ids);
	arg_time(&args, seal->sealed_at);
	arg_int8(&args, seal->oldest_running);
	ledger_run(&query, &args);
	return last_seal();
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
	LOCKTAG		tag;
	LedgerScope scope;
	Seal	   *last;
	int64		number;
	bool		mine;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, SEAL_LOCK);
	mine = !(IsolationUsesXactSnapshot() && FirstSnapshotSet) &&
		LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
	ledger_enter(&scope);
	last = last_seal();
	if (mine)
	{
		for (int i = 0; i < lengthof(sources); i++)
		{
			Seal	   *seal = seal_source(&sources[i], last);

			if (seal)
				last = seal;
			MIG_FAULT("ledger_source_sealed");
		}
	}
	number = last ? last->number : 0;
	ledger_leave(&scope);
	return number;
}

/* "seal 12 3f2a..." for the server log, or NULL. */
char *
ledger_head_text(void)
{
	LedgerScope scope;
	Seal	   *last;
	char	   *text = NULL;

	ledger_enter(&scope);
	last = last_seal();
	if (last)
	{
		char	   *hex = palloc0(2 * PG_SHA256_DIGEST_LENGTH + 1);

		hex_encode(VARDATA_ANY(last->hash), VARSIZE_ANY_EXHDR(last->hash), hex);
		text = psprintf("seal " INT64_FORMAT " hash %s", last->number, hex);
	}
	ledger_leave(&scope);
	return text;
}

/* ---- verification ---- */

/* Put one problem. */
static void
problem(ReturnSetInfo *result, const char *source, int64 id, const char *text)
{
	MigRow		row;

	mig_row_begin(&row);
	mig_row_text(&row, source);
	mig_row_int8(&row, id);
	mig_row_text(&row, text);
	mig_row_put(&row, result);
}

static const Source *
find_source(const char *name)
{
	for (int i = 0; i < lengthof(sources); i++)
		if (strcmp(sources[i].name, name) == 0)
			return &sources[i];
	return NULL;
}

static bool
same_hash(const bytea *a, const bytea *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static List *
all_seals(void)
{
	static LedgerQuery query = {
		"SELECT seal, source, rows, hash, ids::pg_catalog.text, first_id, last_id, sealed_at, oldest_running"
		" FROM migrate.seals ORDER BY seal"
	};
	List	   *seals = NIL;
	uint64		n = ledger_run(&query, NULL);

	for (uint64 i = 0; i < n; i++)
		seals = lappend(seals, read_seal(i));
	return seals;
}

/* Is the number of rows in a seal that of the numbers it covers? */
static bool
covers_as_many_as_it_says(const Seal *seal)
{
	LedgerRow	row;

	(void) run_text(psprintf("SELECT COALESCE(pg_catalog.sum(pg_catalog.upper(r)::pg_catalog.numeric OPERATOR(pg_catalog.-)"
							 " pg_catalog.lower(r)), 0) OPERATOR(pg_catalog.=) " INT64_FORMAT
							 " FROM pg_catalog.unnest($1::pg_catalog.int8multirange) r", seal->rows), seal->ids);
	row_begin(&row, 0);
	return row_bool(&row);
}

/* Name the sealed rows that are gone, unless the seal itself is not to be believed. */
static void
report_missing(ReturnSetInfo *result, const Source *source, const Seal *seal)
{
	uint64		n;
	int64	   *ids;

	if (!covers_as_many_as_it_says(seal))
	{
		problem(result, "seals", seal->number,
				psprintf("changed: it speaks of " INT64_FORMAT " rows and covers other ones", seal->rows));
		return;
	}
	n = run_text(psprintf("SELECT g FROM pg_catalog.unnest($1::pg_catalog.int8multirange) r,"
						  " LATERAL pg_catalog.generate_series(pg_catalog.lower(r), pg_catalog.upper(r) OPERATOR(pg_catalog.-) 1) g"
						  " WHERE NOT EXISTS (SELECT FROM migrate.%s t WHERE t.%s OPERATOR(pg_catalog.=) g)",
						  source->table, source->key), seal->ids);
	ids = palloc(Max(n, 1) * sizeof(int64));
	for (uint64 i = 0; i < n; i++)
	{
		LedgerRow	row;

		row_begin(&row, i);
		ids[i] = row_int8(&row);
	}
	for (uint64 i = 0; i < n; i++)
		problem(result, source->name, ids[i], psprintf("removed: covered by seal " INT64_FORMAT " and no longer there", seal->number));
}

/* Follow the chain; *head is set to the hash of the seal with this number. */
static void
verify_chain(ReturnSetInfo *result, List *seals, int64 wanted, bytea **head)
{
	bytea	   *previous = NULL;
	ListCell   *cell;

	foreach(cell, seals)
	{
		Seal	   *seal = lfirst(cell);
		const Source *source = find_source(seal->source);
		bytea	   *hash;
		int64		rows;

		if (source == NULL)
		{
			problem(result, seal->source, seal->number, "seal of a log that does not exist");
			continue;
		}
		hash = compute_hash(source, seal, previous, &rows);
		if (rows != seal->rows)
			report_missing(result, source, seal);
		else if (!same_hash(hash, seal->hash))
			problem(result, source->name, seal->number,
					psprintf("changed: rows %s are not as seal " INT64_FORMAT " has them, or an earlier seal was removed", seal->ids, seal->number));
		previous = seal->hash;
		if (seal->number == wanted)
			*head = seal->hash;
	}
}

/*
 * A row with a lower number than rows that were sealed before it came late, or
 * was put in.  One that came late belongs to a transaction that was under way
 * when those were sealed, as row and seal say themselves.
 */
static void
report_inserted(ReturnSetInfo *result, const Source *source)
{
	uint64		n;
	int64	   *ids;

	n = run_text(psprintf("WITH s AS MATERIALIZED (SELECT seal, first_id, last_id, ids, oldest_running,"
						  " pg_catalog.max(last_id) OVER (ORDER BY seal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
						  " FROM migrate.seals WHERE source OPERATOR(pg_catalog.=) $1),"
						  " late AS (SELECT s.seal, t.%1$s AS id, t.transaction_id FROM s JOIN migrate.%2$s t"
						  " ON t.%1$s OPERATOR(pg_catalog.>=) s.first_id AND t.%1$s OPERATOR(pg_catalog.<=) s.last_id AND t.%1$s OPERATOR(pg_catalog.<@) s.ids"
						  " WHERE s.first_id OPERATOR(pg_catalog.<) s.before"
						  " UNION ALL SELECT NULL, t.%1$s, t.transaction_id FROM migrate.%2$s t"
						  " WHERE NOT EXISTS (SELECT FROM s WHERE t.%1$s OPERATOR(pg_catalog.>=) s.first_id"
						  " AND t.%1$s OPERATOR(pg_catalog.<=) s.last_id AND t.%1$s OPERATOR(pg_catalog.<@) s.ids))"
						  " SELECT DISTINCT l.id FROM late l WHERE l.id OPERATOR(pg_catalog.<=) 0"
						  " OR EXISTS (SELECT FROM s WHERE s.last_id OPERATOR(pg_catalog.>) l.id"
						  " AND (l.seal IS NULL OR s.seal OPERATOR(pg_catalog.<) l.seal)"
						  " AND l.transaction_id OPERATOR(pg_catalog.<) s.oldest_running)",
						  source->key, source->table), source->name);
	ids = palloc(Max(n, 1) * sizeof(int64));
	for (uint64 i = 0; i < n; i++)
	{
		LedgerRow	row;

		row_begin(&row, i);
		ids[i] = row_int8(&row);
	}
	for (uint64 i = 0; i < n; i++)
		problem(result, source->name, ids[i], "inserted: its transaction had ended before rows behind it were sealed");
}

static void
verify_all(ReturnSetInfo *result, bool has_head, int64 wanted, const bytea *hash)
{
	LedgerScope scope;
	bytea	   *head = NULL;

	ledger_enter(&scope);
	verify_chain(result, all_seals(), wanted, &head);
	for (int i = 0; i < lengthof(sources); i++)
		report_inserted(result, &sources[i]);
	if (has_head && head == NULL)
		problem(result, "seals", wanted, "removed: there is no such seal any more");
	else if (has_head && hash && !same_hash(head, hash))
		problem(result, "seals", wanted, "changed: the seal has another hash than the one that was kept");
	ledger_leave(&scope);
}

MIG_FUNCTION(mig_verify_history);

/* migrate.verify_history(seal, hash) */
static Datum
mig_verify_history_body(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result;

	ledger_require("monitor", NULL);
	if (PG_ARGISNULL(0) && !PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a hash proves nothing without the number of its seal"),
				 errhint("SELECT * FROM migrate.verify_history(<seal>, <hash>);")));
	result = mig_rows_begin(fcinfo);
	if (!RecoveryInProgress() && !XactReadOnly)
		(void) ledger_seal();
	verify_all(result, !PG_ARGISNULL(0), PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
			   PG_ARGISNULL(1) ? NULL : PG_GETARG_BYTEA_PP(1));
	return (Datum) 0;
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
	static LedgerQuery query = {
		"SELECT seal, hash, sealed_at FROM migrate.seals ORDER BY seal DESC LIMIT 1"
	};
	ReturnSetInfo *result;
	LedgerScope scope;

	ledger_require("monitor", NULL);
	result = mig_rows_begin(fcinfo);
	ledger_enter(&scope);
	if (ledger_run(&query, NULL) > 0)
	{
		LedgerRow	row;
		MigRow		out;

		row_begin(&row, 0);
		mig_row_begin(&out);
		mig_row_int8(&out, row_int8(&row));
		mig_row_datum(&out, PointerGetDatum(row_bytea(&row)));
		mig_row_time(&out, row_time(&row));
		mig_row_put(&out, result);
	}
	ledger_leave(&scope);
	return (Datum) 0;
}
