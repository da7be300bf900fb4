/*
 * verify.c
 *		Follow the chain of seals, and say which rows are not as they were sealed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "common/compat.h"
#include "common/rows.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "ledger/ledger.h"
#include "ledger/seals.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Whoever wants to know, and of which rows: written from one time on, before another. */
typedef struct Report
{
	SealProblemFunction function;
	void	   *arg;
	TimestampTz since;
	TimestampTz until;
} Report;

static void
problem(const Report *report, const char *source, int64 id, const char *text)
{
	report->function(source, id, text, report->arg);
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

/* The rows whose numbers a query has found. */
static void
report_rows(const Report *report, const Source *source, uint64 n, const char *text)
{
	ListCell   *cell;

	foreach(cell, row_ids(n))
		problem(report, source->name, *(const int64 *) lfirst(cell), text);
}

/* Name the sealed rows that are gone, unless the seal itself is not to be believed. */
static void
report_missing(const Report *report, const Source *source, const Seal *seal)
{
	uint64		n;

	if (!covers_as_many_as_it_says(seal))
	{
		problem(report, "seals", seal->number,
				psprintf("changed: it speaks of " INT64_FORMAT " rows and covers other ones", seal->rows));
		return;
	}
	n = run_text(psprintf("SELECT g FROM pg_catalog.unnest($1::pg_catalog.int8multirange) r,"
						  " LATERAL pg_catalog.generate_series(pg_catalog.lower(r), pg_catalog.upper(r) OPERATOR(pg_catalog.-) 1) g"
						  " WHERE NOT EXISTS (SELECT FROM migrate.%s t WHERE t.%s OPERATOR(pg_catalog.=) g)",
						  source->table, source->key), seal->ids);
	report_rows(report, source, n, psprintf("removed: covered by seal " INT64_FORMAT " and no longer there", seal->number));
}

/*
 * Of a source the numbers between which the rows of the time asked for lie.  The
 * rows beside them are in, so that one that was removed at either end is, too.
 */
static void
find_bounds(const Report *report, const Source *source, int64 *first, int64 *last)
{
	LedgerRow	row;

	*first = PG_INT64_MIN;
	*last = PG_INT64_MAX;
	if (report->since != DT_NOBEGIN &&
		run_text(psprintf("SELECT %1$s FROM migrate.%2$s WHERE %3$s OPERATOR(pg_catalog.<) $1::pg_catalog.timestamptz ORDER BY %1$s DESC LIMIT 1",
						  source->key, source->table, source->time), timestamptz_to_str(report->since)) > 0)
	{
		row_begin(&row, 0);
		*first = row_int8(&row);
	}
	if (report->until != DT_NOEND &&
		run_text(psprintf("SELECT %1$s FROM migrate.%2$s WHERE %3$s OPERATOR(pg_catalog.>=) $1::pg_catalog.timestamptz ORDER BY %1$s LIMIT 1",
						  source->key, source->table, source->time), timestamptz_to_str(report->until)) > 0)
	{
		row_begin(&row, 0);
		*last = row_int8(&row);
	}
}

/* Has prune_ddl_log taken all of these away? */
static bool
are_pruned(const Source *source, const char *ids)
{
	LedgerRow	row;

	if (strcmp(source->name, "ddl_log") != 0)
		return false;
	run_text("SELECT $1::pg_catalog.int8multirange OPERATOR(pg_catalog.<@) " PRUNED_IDS, ids);
	row_begin(&row, 0);
	return row_bool(&row);
}

static void
verify_rows(const Report *report, const Source *source, const Seal *seal)
{
	int64		rows;
	bytea	   *hash;

	if (source->table == NULL)
	{
		if (!covers_as_many_as_it_says(seal))
			problem(report, "seals", seal->number, "changed: it stands for another number of rows than it says");
		return;
	}
	hash = hash_of_rows(source, seal->ids, &rows);
	if (rows == seal->rows)
	{
		if (!same_hash(hash, seal->rows_hash))
			problem(report, source->name, seal->number,
					psprintf("changed: rows %s are not as seal " INT64_FORMAT " has them", seal->ids, seal->number));
	}
	else if (rows > 0 || !are_pruned(source, seal->ids))
		report_missing(report, source, seal);
}

/* Follow the chain; *head is set to the hash of the seal with this number. */
static void
verify_chain(const Report *report, List *seals, int64 wanted, bytea **head)
{
	bytea	   *previous = NULL;
	ListCell   *cell;

	foreach(cell, seals)
	{
		Seal	   *seal = lfirst(cell);

		if (find_source(seal->source) == NULL)
			problem(report, seal->source, seal->number, "seal of a log that does not exist");
		else if (!same_hash(hash_of_seal(seal, previous), seal->hash))
			problem(report, "seals", seal->number,
					psprintf("changed: seal " INT64_FORMAT " is not as it was made, or the one before it was removed", seal->number));
		previous = seal->hash;
		if (seal->number == wanted)
			*head = seal->hash;
	}
}

/* The rows of the seals, where they may be of the time asked for. */
static void
verify_sealed(const Report *report, List *seals)
{
	int64	   *first = palloc(seal_nsources * sizeof(int64));
	int64	   *last = palloc(seal_nsources * sizeof(int64));
	ListCell   *cell;

	for (int i = 0; i < seal_nsources; i++)
		find_bounds(report, &seal_sources[i], &first[i], &last[i]);
	foreach(cell, seals)
	{
		const Seal *seal = lfirst(cell);
		const Source *source = find_source(seal->source);
		int			i = source ? source - seal_sources : -1;

		if (source && (source->table == NULL || (seal->last_id >= first[i] && seal->first_id <= last[i])))
			verify_rows(report, source, seal);
	}
}

/*
 * A row with a lower number than rows that were sealed before it came late, or
 * was put in.  One that came late belongs to a transaction that was under way
 * when those were sealed, as row and seal say themselves.
 */
static void
report_inserted(const Report *report, const Source *source)
{
	uint64		n;

	n = run_text(psprintf("WITH s AS MATERIALIZED (SELECT seal, first_id, last_id, ids, oldest_running,"
						  " pg_catalog.max(last_id) OVER (ORDER BY seal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
						  " FROM migrate.seals WHERE source OPERATOR(pg_catalog.=) $1),"
						  " late AS (SELECT s.seal, t.%1$s AS id, t.transaction_id FROM s JOIN migrate.%2$s t"
						  " ON t.%1$s OPERATOR(pg_catalog.>=) s.first_id AND t.%1$s OPERATOR(pg_catalog.<=) s.last_id AND t.%1$s OPERATOR(pg_catalog.<@) s.ids"
						  " WHERE s.first_id OPERATOR(pg_catalog.<) s.before"
						  " UNION ALL SELECT NULL, t.id, t.transaction_id"
						  " FROM " UNSEALED_ROWS("(SELECT COALESCE(pg_catalog.range_agg(ids), '{}') FROM s)") " t)"
						  " SELECT DISTINCT l.id FROM late l WHERE l.id OPERATOR(pg_catalog.<=) 0"
						  " OR EXISTS (SELECT FROM s WHERE s.last_id OPERATOR(pg_catalog.>) l.id"
						  " AND (l.seal IS NULL OR s.seal OPERATOR(pg_catalog.<) l.seal)"
						  " AND l.transaction_id OPERATOR(pg_catalog.<) s.oldest_running)",
						  source->key, source->table, ""), source->name);
	report_rows(report, source, n, "inserted: its transaction had ended before rows behind it were sealed");
}

static void
verify_all(const Report *report, bool has_head, int64 wanted, const bytea *hash)
{
	LedgerScope scope;
	bytea	   *head = NULL;
	List	   *seals;

	ledger_enter(&scope);
	seals = read_seals("true", NULL);
	verify_chain(report, seals, wanted, &head);
	verify_sealed(report, seals);
	for (int i = 0; i < seal_nsources; i++)
		report_inserted(report, &seal_sources[i]);
	if (has_head && head == NULL)
		problem(report, "seals", wanted, "removed: there is no such seal any more");
	else if (has_head && hash && !same_hash(head, hash))
		problem(report, "seals", wanted, "changed: the seal has another hash than the one that was kept");
	ledger_leave(&scope);
}

void
ledger_verify_between(TimestampTz since, TimestampTz until, SealProblemFunction function, void *arg)
{
	Report		report = {function, arg, since, until};

	verify_all(&report, false, 0, NULL);
}

static void
put_problem(const char *source, int64 id, const char *text, void *arg)
{
	MigRow		row;

	mig_row_begin(&row);
	mig_row_text(&row, source);
	mig_row_int8(&row, id);
	mig_row_text(&row, text);
	mig_row_put(&row, arg);
}

MIG_FUNCTION(mig_verify_history);

/* migrate.verify_history(seal, hash) */
static Datum
mig_verify_history_body(PG_FUNCTION_ARGS)
{
	Report		report = {.function = put_problem, .since = DT_NOBEGIN, .until = DT_NOEND};

	ledger_require("monitor", NULL);
	if (PG_ARGISNULL(0) && !PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a hash proves nothing without the number of its seal"),
				 errhint("SELECT * FROM migrate.verify_history(<seal>, <hash>);")));
	report.arg = mig_rows_begin(fcinfo);
	if (!RecoveryInProgress() && !XactReadOnly)
		(void) ledger_seal();
	verify_all(&report, !PG_ARGISNULL(0), PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
			   PG_ARGISNULL(1) ? NULL : PG_GETARG_BYTEA_PP(1));
	return (Datum) 0;
}
