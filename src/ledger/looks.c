/*
 * looks.c
 *		How much of what was captured was known when somebody last compared the
 *		schema with what is expected.
 *
 * Statements commit in another order than they get their numbers.  What a look
 * has seen is kept as a snapshot; and from where the log is to be read next time
 * as a number.  For that a transaction gets its id before its first number, so
 * that one that is not under way yet will draw numbers behind the last one that
 * is seen: as soon as all transactions of then have ended, this is the bound, and
 * what they may have done without its being captured is there to be seen.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "ledger/expected.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Oids mean something in this database of this cluster, and nothing in a copy of it. */
static int64
this_place(void)
{
	return (int64) (GetSystemIdentifier() ^ ((uint64) MyDatabaseId << 32));
}

bool
ledger_read_look(LedgerLook *look)
{
	static LedgerQuery query = {
		"SELECT seen::pg_catalog.text, bound_id, is_certain, next_bound_id, next_horizon, coverage_id, globals FROM migrate.looks"
		" WHERE place OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		found;

	memset(look, 0, sizeof(LedgerLook));
	if (ledger_is_empty("looks"))
		return false;
	ledger_enter(&scope);
	arg_int8(&args, this_place());
	found = ledger_run(&query, &args) > 0;
	if (found)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		look->seen = row_text(&row);
		look->bound_id = row_int8(&row);
		look->is_certain = row_bool(&row);
		look->next_bound_id = row_int8(&row);
		look->next_horizon = row_int8(&row);
		look->coverage_id = row_int8(&row);
		(void) row_hash(&row, look->globals);
	}
	ledger_leave(&scope);
	return found;
}

void
ledger_write_look(const LedgerLook *look)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.looks (place, looked_at, seen, bound_id, is_certain, next_bound_id, next_horizon, coverage_id, globals)"
		" VALUES ($1, pg_catalog.clock_timestamp(), $2::pg_catalog.pg_snapshot, $3, $4, $5, $6::pg_catalog.text::pg_catalog.xid8, $7, $8)"
		" ON CONFLICT (place) DO UPDATE SET looked_at = EXCLUDED.looked_at, seen = EXCLUDED.seen, bound_id = EXCLUDED.bound_id,"
		" is_certain = EXCLUDED.is_certain, next_bound_id = EXCLUDED.next_bound_id, next_horizon = EXCLUDED.next_horizon,"
		" coverage_id = EXCLUDED.coverage_id, globals = EXCLUDED.globals"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_int8(&args, this_place());
	arg_text(&args, look->seen);
	arg_int8(&args, look->bound_id);
	arg_bool(&args, look->is_certain);
	arg_int8(&args, look->next_bound_id);
	arg_int8(&args, look->next_horizon);
	arg_int8(&args, look->coverage_id);
	arg_hash(&args, look->globals);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

/* What one statement has found out, on one snapshot. */
static List *
take_row(LedgerLook *look)
{
	LedgerRow	row;
	int64		xmin;
	int64		xmax;
	List	   *identities = NIL;
	bool		isnull;
	Datum	   *values;
	int			n;

	row_begin(&row, 0);
	look->seen = row_text(&row);
	xmin = row_int8(&row);
	xmax = row_int8(&row);
	look->own_id = row_int8(&row);
	look->coverage_id = row_int8(&row);
	look->captures = row_bool(&row);
	deconstruct_array(DatumGetArrayTypeP(row_next(&row, &isnull)), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
		identities = lappend(identities, TextDatumGetCString(values[i]));
	if (look->next_horizon == 0)
		look->bound_id = look->own_id;
	else if (look->next_horizon <= xmin)
	{
		look->bound_id = look->next_bound_id;
		look->is_certain = true;
	}
	else
		return identities;
	look->next_bound_id = look->own_id;
	look->next_horizon = xmax;
	return identities;
}

List *
ledger_look_again(LedgerLook *look)
{
	static LedgerQuery query = {
		"SELECT s.now::pg_catalog.text, pg_catalog.pg_snapshot_xmin(s.now), pg_catalog.pg_snapshot_xmax(s.now),"
		" COALESCE((SELECT id FROM migrate.log_ddl ORDER BY id DESC LIMIT 1), 0), c.id, c.level OPERATOR(pg_catalog.=) 'full',"
		" ARRAY(SELECT DISTINCT COALESCE(o OPERATOR(pg_catalog.->>) 'identity', '') FROM migrate.log_ddl d"
		" LEFT JOIN LATERAL pg_catalog.jsonb_array_elements(d.objects) o ON true"
		" WHERE d.id OPERATOR(pg_catalog.>) $2 AND d.origin OPERATOR(pg_catalog.<>) 'migration'"
		" AND NOT pg_catalog.pg_visible_in_snapshot(d.transaction_id, $1::pg_catalog.pg_snapshot)"
		" AND (d.id OPERATOR(pg_catalog.>) $3 OR d.transaction_id OPERATOR(pg_catalog.<>)"
		" COALESCE(pg_catalog.pg_current_xact_id_if_assigned(), '0'::pg_catalog.xid8)))"
		" FROM pg_catalog.pg_current_snapshot() s (now)"
		" LEFT JOIN LATERAL (SELECT id, level FROM migrate.log_coverage ORDER BY id DESC LIMIT 1) c ON true"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	List	   *identities;

	ledger_enter(&scope);
	arg_text(&args, look->seen);
	arg_int8(&args, look->seen ? look->bound_id : PG_INT64_MAX);
	arg_int8(&args, look->own_id);
	ledger_run(&query, &args);
	identities = take_row(look);
	ledger_leave(&scope);
	return identities;
}
