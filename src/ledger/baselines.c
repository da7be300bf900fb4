/*
 * baselines.c
 *		Up to which version a project counts as applied.
 */
#include "postgres.h"

#include "ledger/ledger.h"
#include "ledger/query.h"
#include "utils/builtins.h"

/* Baselines as a query has them: project, version, history_id. */
static List *
read_all(LedgerQuery *query, LedgerArgs *args)
{
	LedgerScope scope;
	List	   *result = NIL;
	uint64		n;

	ledger_enter(&scope);
	n = ledger_run(query, args);
	for (uint64 i = 0; i < n; i++)
	{
		Baseline   *baseline = palloc(sizeof(Baseline));
		LedgerRow	row;

		row_begin(&row, i);
		baseline->project = row_text(&row);
		baseline->version = row_text(&row);
		baseline->history_id = row_int8(&row);
		result = lappend(result, baseline);
	}
	ledger_leave(&scope);
	return result;
}

List *
ledger_read_baselines(void)
{
	static LedgerQuery query = {
		"SELECT project, version, history_id FROM migrate.baselines"
	};

	return read_all(&query, NULL);
}

List *
ledger_other_baselines(const char *project)
{
	static LedgerQuery query = {
		"SELECT r.project, r.version, s.history_id FROM migrate.registered r JOIN migrate.state s USING (project, name)"
		" WHERE r.project OPERATOR(pg_catalog.=) $1 AND r.kind OPERATOR(pg_catalog.=) 'baseline'"
		" AND s.state OPERATOR(pg_catalog.=) ANY ('{applied,marked,adopted,baseline,superseded}')"
		" UNION ALL (SELECT h.project, COALESCE(r.version, h.name), h.id FROM migrate.log_history h"
		" LEFT JOIN migrate.registered r USING (project, name)"
		" WHERE h.project OPERATOR(pg_catalog.=) $1 AND h.action OPERATOR(pg_catalog.=) 'baseline' ORDER BY h.id DESC LIMIT 1)"
	};
	LedgerArgs	args = {0};

	arg_text(&args, project);
	return read_all(&query, &args);
}

bool
ledger_baseline_is_peoples(const char *project)
{
	static LedgerQuery query = {
		"SELECT FROM migrate.baselines b JOIN migrate.log_history h ON h.id OPERATOR(pg_catalog.=) b.history_id"
		" WHERE b.project OPERATOR(pg_catalog.=) $1 AND h.action OPERATOR(pg_catalog.=) 'baseline'"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		result;

	ledger_enter(&scope);
	arg_text(&args, project);
	result = ledger_run(&query, &args) > 0;
	ledger_leave(&scope);
	return result;
}

void
ledger_set_baseline(const char *project, const char *version, int64 history_id)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.baselines (project, version, history_id) VALUES ($1, $2, $3)"
		" ON CONFLICT (project) DO UPDATE SET version = excluded.version, history_id = excluded.history_id"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, version);
	arg_int8(&args, history_id);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_pass_baseline(const char *project, int64 from, int64 to)
{
	static LedgerQuery query = {
		"UPDATE migrate.baselines SET history_id = $3 WHERE project OPERATOR(pg_catalog.=) $1"
		" AND history_id OPERATOR(pg_catalog.=) $2"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_int8(&args, from);
	arg_int8(&args, to);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

bool
ledger_clear_baseline(const char *project, const char *setter_project, const char *setter)
{
	static LedgerQuery query = {
		"DELETE FROM migrate.baselines b WHERE b.project OPERATOR(pg_catalog.=) $1"
		" AND EXISTS (SELECT FROM migrate.log_history h WHERE h.id OPERATOR(pg_catalog.=) b.history_id"
		" AND h.project OPERATOR(pg_catalog.=) $2 AND h.name OPERATOR(pg_catalog.=) $3"
		" AND h.action OPERATOR(pg_catalog.<>) 'baseline') RETURNING 1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		cleared;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, setter_project);
	arg_text(&args, setter);
	cleared = ledger_run(&query, &args) > 0;
	ledger_leave(&scope);
	return cleared;
}
