/*
 * explain.c
 *		Captured statements that explain a difference.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "ledger/expected.h"
#include "ledger/query.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* One element of each array for each name that a statement may have touched. */
typedef struct Wanted
{
	Datum	   *drifts;
	Datum	   *names;
	Datum	   *ranks;			/* 0: its own, 1: of what it depends on */
	Datum	   *since;
	int			n;
} Wanted;

static Wanted
wanted(const List *drifts)
{
	Wanted		result = {0};
	int			size = 0;
	int			number = 0;
	ListCell   *cell;
	ListCell   *name;

	foreach(cell, drifts)
		size += list_length(((const Drift *) lfirst(cell))->names);
	result.drifts = palloc((size + 1) * sizeof(Datum));
	result.names = palloc((size + 1) * sizeof(Datum));
	result.ranks = palloc((size + 1) * sizeof(Datum));
	result.since = palloc((size + 1) * sizeof(Datum));
	foreach(cell, drifts)
	{
		const Drift *drift = lfirst(cell);

		foreach(name, drift->names)
		{
			result.drifts[result.n] = Int32GetDatum(number);
			result.ranks[result.n] = Int32GetDatum(name == list_head(drift->names) ? 0 : 1);
			result.names[result.n] = CStringGetTextDatum(lfirst(name));
			result.since[result.n++] = Int64GetDatum(drift->since);
		}
		number++;
	}
	return result;
}

/*
 * The statements that touched an object itself, or if there are none those that
 * touched what it depends on.  One pass over what was captured since the oldest
 * of what is expected here.  Statements of migrations explain nothing: what they
 * did is expected.
 */
Explanation *
ledger_explain(const List *drifts)
{
	static LedgerQuery query = {
		"SELECT DISTINCT ON (x.drift) x.drift, pg_catalog.array_agg(x.id ORDER BY x.id),"
		" (pg_catalog.array_agg(x.session_role ORDER BY x.id DESC))[1], pg_catalog.max(x.logged_at)"
		" FROM (SELECT DISTINCT w.drift, w.rank, d.id, d.session_role, d.logged_at"
		" FROM migrate.log_ddl d CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(d.objects) o"
		" JOIN ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))"
		" w (drift, name, since, rank)"
		" ON w.name OPERATOR(pg_catalog.=) (o OPERATOR(pg_catalog.->>) 'identity') AND d.id OPERATOR(pg_catalog.>) w.since"
		" WHERE d.origin OPERATOR(pg_catalog.<>) 'migration'"
		" AND d.id OPERATOR(pg_catalog.>) (SELECT pg_catalog.min(s) FROM pg_catalog.unnest($3) s)) x"
		" GROUP BY x.drift, x.rank ORDER BY x.drift, x.rank"
	};
	Explanation *result = palloc0((list_length(drifts) + 1) * sizeof(Explanation));
	Wanted		names = wanted(drifts);
	LedgerArgs	args = {0};
	LedgerScope scope;
	uint64		n;

	if (names.n == 0)
		return result;
	ledger_enter(&scope);
	arg_array(&args, INT4ARRAYOID, construct_array(names.drifts, names.n, INT4OID, 4, true, TYPALIGN_INT));
	arg_array(&args, TEXTARRAYOID, construct_array(names.names, names.n, TEXTOID, -1, false, TYPALIGN_INT));
	arg_array(&args, INT8ARRAYOID, construct_array(names.since, names.n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arg_array(&args, INT4ARRAYOID, construct_array(names.ranks, names.n, INT4OID, 4, true, TYPALIGN_INT));
	n = ledger_run(&query, &args);
	for (uint64 i = 0; i < n; i++)
	{
		LedgerRow	row;
		Explanation *explanation;
		bool		isnull;

		row_begin(&row, i);
		explanation = &result[row_int4(&row)];
		explanation->ids = DatumGetArrayTypePCopy(row_next(&row, &isnull));
		explanation->changed_by = row_name(&row);
		explanation->changed_at = row_time(&row);
	}
	ledger_leave(&scope);
	return result;
}
