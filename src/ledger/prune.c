/*
 * prune.c
 *		Take old rows out of ddl_log, so that what is left can be verified.
 *
 * Whole seals go, and stay where they are in the chain, which can be followed
 * without rows.  A seal of its own says behind them which rows are not to be
 * missed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "ledger/expected.h"
#include "ledger/ledger.h"
#include "ledger/seals.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

static void
take_number(LedgerRow *row, void *arg)
{
	*(int64 *) arg = row_int8(row);
}

/*
 * A seal that this transaction cannot see would be followed by one that does not
 * know of it.
 */
static void
require_last_seal(const Seal *last)
{
	static LedgerQuery query = {
		"SELECT COALESCE(pg_catalog.max(seal), 0) FROM migrate.seals"
	};
	int64		number;

	PushActiveSnapshot(GetLatestSnapshot());
	ledger_run_each(&query, NULL, take_number, &number);
	PopActiveSnapshot();
	if (number != (last ? last->number : 0))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent sealing"),
				 errhint("Try again.")));
}

/* Rows that somebody has changed are evidence. */
static void
require_intact(const Source *source, const Seal *seal)
{
	int64		rows;
	bytea	   *hash = hash_of_rows(source, seal->ids, &rows);

	if (rows != seal->rows || !same_hash(hash, seal->rows_hash))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of seal " INT64_FORMAT " are not as they were sealed, and stay", seal->number),
				 errdetail("Nothing is removed."),
				 errhint("SELECT * FROM migrate.verify_history();")));
}

/* The seals of rows that are all older, and still there. */
static List *
old_seals(const Source *source, TimestampTz before)
{
	return read_seals(psprintf("s.source OPERATOR(pg_catalog.=) '%s' AND NOT (s.ids OPERATOR(pg_catalog.<@) " PRUNED_IDS ")"
							   " AND NOT EXISTS (SELECT FROM migrate.%s t WHERE t.id OPERATOR(pg_catalog.>=) s.first_id"
							   " AND t.id OPERATOR(pg_catalog.<=) s.last_id AND t.id OPERATOR(pg_catalog.<@) s.ids"
							   " AND t.logged_at OPERATOR(pg_catalog.>=) $1::pg_catalog.timestamptz)",
							   source->name, source->table), timestamptz_to_str(before));
}

/* One seal for all of them. */
static Seal *
seal_instead(List *seals)
{
	static LedgerQuery query = {
		"SELECT ids::pg_catalog.text, pg_catalog.lower(ids), pg_catalog.upper(ids) OPERATOR(pg_catalog.-) 1, rows::pg_catalog.int8,"
		" pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())"
		" FROM (SELECT pg_catalog.range_agg(ids) AS ids, pg_catalog.sum(rows) AS rows FROM migrate.seals"
		" WHERE seal OPERATOR(pg_catalog.=) ANY ($1)) s"
	};
	Seal	   *seal = palloc0(sizeof(Seal));
	Datum	   *numbers = palloc(list_length(seals) * sizeof(Datum));
	LedgerArgs	args = {0};
	LedgerRow	row;
	ListCell   *cell;
	int64		none;

	foreach(cell, seals)
		numbers[foreach_current_index(cell)] = Int64GetDatum(((const Seal *) lfirst(cell))->number);
	arg_array(&args, INT8ARRAYOID, construct_array(numbers, list_length(seals), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	ledger_run(&query, &args);
	row_begin(&row, 0);
	seal->source = PRUNED_SOURCE;
	seal->ids = row_text(&row);
	seal->first_id = row_int8(&row);
	seal->last_id = row_int8(&row);
	seal->rows = row_int8(&row);
	seal->oldest_running = row_int8(&row);
	seal->rows_hash = hash_of_rows(find_source(PRUNED_SOURCE), seal->ids, &none);
	return seal;
}

/* Returns how many of them nobody had explained. */
static int64
delete_rows(const Seal *seal)
{
	static LedgerQuery query = {
		"WITH gone AS (DELETE FROM migrate.log_ddl WHERE id OPERATOR(pg_catalog.>=) $2 AND id OPERATOR(pg_catalog.<=) $3"
		" AND id OPERATOR(pg_catalog.<@) $1::pg_catalog.int8multirange RETURNING id, origin)"
		" SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE origin OPERATOR(pg_catalog.=) 'direct'"
		" AND NOT EXISTS (SELECT FROM migrate.log_decisions d WHERE d.ddl_id OPERATOR(pg_catalog.=) gone.id)) FROM gone"
	};
	LedgerArgs	args = {0};
	LedgerRow	row;

	arg_text(&args, seal->ids);
	arg_int8(&args, seal->first_id);
	arg_int8(&args, seal->last_id);
	ledger_run(&query, &args);
	row_begin(&row, 0);
	if (row_int8(&row) != seal->rows)
		elog(ERROR, "other rows were removed than those that were sealed");
	return row_int8(&row);
}

int64
ledger_prune_ddl(TimestampTz before, char **detail)
{
	const Source *source = find_source("ddl_log");
	LedgerScope scope;
	Seal	   *last;
	List	   *seals;
	ListCell   *cell;
	int64		rows = 0;

	(void) seals_lock(true);
	ledger_enter(&scope);
	last = last_seal();
	require_last_seal(last);
	last = seal_source(source, before, last);
	seals = old_seals(source, before);
	foreach(cell, seals)
		require_intact(source, lfirst(cell));
	if (seals != NIL)
	{
		Seal	   *instead = seal_instead(seals);
		int64		unexplained = delete_rows(instead);

		rows = instead->rows;
		last = add_seal(instead, last);
		*detail = psprintf("{\"rows\": " INT64_FORMAT ", \"unexplained\": " INT64_FORMAT ", \"first_id\": " INT64_FORMAT
						   ", \"last_id\": " INT64_FORMAT ", \"before\": \"%s\", \"seal\": " INT64_FORMAT "}",
						   rows, unexplained, instead->first_id, instead->last_id, timestamptz_to_str(before), last->number);
	}
	ledger_leave(&scope);
	return rows;
}
