/*
 * heirs.c
 *		Who replaces a migration, and whose place one has taken.
 */
#include "postgres.h"

#include "ledger/ledger.h"
#include "ledger/query.h"

List *
ledger_superseded_by(const Migration *heir)
{
	static LedgerQuery query = {
		"SELECT project, name FROM migrate.state WHERE state OPERATOR(pg_catalog.=) 'superseded'"
		" AND (detail OPERATOR(pg_catalog.=) ('replaced by ' OPERATOR(pg_catalog.||) $1 OPERATOR(pg_catalog.||) ':' OPERATOR(pg_catalog.||) $2)"
		" OR (detail OPERATOR(pg_catalog.=) ('replaced by ' OPERATOR(pg_catalog.||) $2) AND project OPERATOR(pg_catalog.=) $1"
		" AND pg_catalog.strpos($2, ':') OPERATOR(pg_catalog.=) 0)) ORDER BY 1, 2"
	};
	LedgerArgs	args = {0};

	arg_text(&args, heir->project);
	arg_text(&args, heir->name);
	return ledger_run_names(&query, &args);
}

FullName *
ledger_other_heir(const Migration *replaced, const Migration *heir)
{
	static LedgerQuery query = {
		"SELECT r.project, r.name FROM migrate.registered r JOIN migrate.state s USING (project, name)"
		" WHERE s.state OPERATOR(pg_catalog.=) ANY ('{applied,marked,adopted,baseline,superseded}')"
		" AND ((r.project OPERATOR(pg_catalog.=) $1 AND $2 OPERATOR(pg_catalog.=) ANY (r.replaces))"
		" OR ($1 OPERATOR(pg_catalog.||) ':' OPERATOR(pg_catalog.||) $2) OPERATOR(pg_catalog.=) ANY (r.replaces))"
		" AND (r.project, r.name) OPERATOR(pg_catalog.<>) ($3, $4) ORDER BY 1, 2 LIMIT 1"
	};
	LedgerArgs	args = {0};
	List	   *result;

	arg_text(&args, replaced->project);
	arg_text(&args, replaced->name);
	arg_text(&args, heir->project);
	arg_text(&args, heir->name);
	result = ledger_run_names(&query, &args);
	return result ? linitial(result) : NULL;
}
