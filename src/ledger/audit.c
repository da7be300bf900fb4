/*
 * audit.c
 *		Everything that an auditor asks for, from all logs, in order of time.
 */
#include "postgres.h"

#include "ledger/audit.h"
#include "ledger/ledger.h"

/*
 * Each branch has the same columns, and takes $1 and $2, the times from which and
 * before which, and $3, the project or NULL.  What belongs to no project is shown
 * only where all are.
 */
#define COLUMNS \
	"at, event, project, name, object, session_role, role_name, application_name, client_addr, statement, reason," \
	" decision, decided_by, source, source_id"

/* Of a statement that did much, the beginning. */
#define OBJECTS \
	"(SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', o OPERATOR(pg_catalog.->>) 'object_type', o OPERATOR(pg_catalog.->>) 'identity'), ', ' ORDER BY n)" \
	" FROM pg_catalog.jsonb_array_elements(l.objects) WITH ORDINALITY e (o, n) WHERE n OPERATOR(pg_catalog.<=) 10)" \
	" OPERATOR(pg_catalog.||) CASE WHEN pg_catalog.jsonb_array_length(l.objects) OPERATOR(pg_catalog.>) 10" \
	" THEN pg_catalog.format(' and %s more', pg_catalog.jsonb_array_length(l.objects) OPERATOR(pg_catalog.-) 10) ELSE '' END"

/* What no migration did, with the last decision about it. */
#define AROUND \
	"SELECT l.logged_at, CASE l.origin WHEN 'direct' THEN 'out_of_band' ELSE l.origin END, h.project, h.name," \
	" " OBJECTS ", l.session_role, l.role_name, l.application_name, l.client_addr, l.statement," \
	" COALESCE(d.reason, l.reason), d.decision, d.role_name, 'ddl_log', l.id" \
	" FROM migrate.log_ddl l LEFT JOIN migrate.log_history h ON h.id OPERATOR(pg_catalog.=) l.history_id" \
	" LEFT JOIN LATERAL (SELECT x.reason, x.decision, x.role_name FROM migrate.log_decisions x" \
	" WHERE x.ddl_id OPERATOR(pg_catalog.=) l.id ORDER BY x.id DESC LIMIT 1) d ON true" \
	" WHERE l.origin OPERATOR(pg_catalog.<>) 'migration' AND l.logged_at OPERATOR(pg_catalog.>=) $1 AND l.logged_at OPERATOR(pg_catalog.<) $2" \
	" AND ($3 IS NULL OR h.project OPERATOR(pg_catalog.=) $3)"

#define DECISIONS \
	"SELECT d.decided_at, CASE WHEN d.decision OPERATOR(pg_catalog.=) ANY ('{overridden,waived}') THEN 'override' ELSE 'decision' END," \
	" d.project, d.name, NULLIF(pg_catalog.concat_ws(' ', d.object_type, d.identity), '')," \
	" d.session_role, d.role_name, d.application_name, d.client_addr, l.statement, d.reason, d.decision, d.role_name," \
	" 'decisions', d.id" \
	" FROM migrate.log_decisions d LEFT JOIN migrate.log_ddl l ON l.id OPERATOR(pg_catalog.=) d.ddl_id" \
	" WHERE d.decided_at OPERATOR(pg_catalog.>=) $1 AND d.decided_at OPERATOR(pg_catalog.<) $2 AND ($3 IS NULL OR d.project OPERATOR(pg_catalog.=) $3)"

/* The call, as it would have to be made again. */
#define CALL_OF_RUN \
	"pg_catalog.format('CALL migrate.%s(%s)', r.action, pg_catalog.concat_ws(', '," \
	" 'target => ' OPERATOR(pg_catalog.||) pg_catalog.quote_literal(r.target), 'project => ' OPERATOR(pg_catalog.||) pg_catalog.quote_literal(r.project)," \
	" 'options => ' OPERATOR(pg_catalog.||) pg_catalog.quote_literal(NULLIF(r.options, '{}'))))"

#define RUN_STARTS \
	"SELECT r.started_at, 'run_started', r.project, NULL, NULL, r.session_role, r.role_name, r.application_name, r.client_addr," \
	" " CALL_OF_RUN ", r.reason, NULL, NULL, 'run_starts', r.run_id" \
	" FROM migrate.log_runs r" \
	" WHERE r.started_at OPERATOR(pg_catalog.>=) $1 AND r.started_at OPERATOR(pg_catalog.<) $2 AND ($3 IS NULL OR r.project OPERATOR(pg_catalog.=) $3)"

/* One without an end, whose session is gone, ended at a time that nobody knows. */
#define RUN_ENDS \
	"SELECT COALESCE(e.finished_at, r.started_at), 'run_' OPERATOR(pg_catalog.||) COALESCE(e.outcome, 'interrupted'), r.project, e.failed_name, NULL," \
	" r.session_role, r.role_name, r.application_name, r.client_addr, " CALL_OF_RUN "," \
	" COALESCE(e.error_code OPERATOR(pg_catalog.||) ': ' OPERATOR(pg_catalog.||) e.error_message, r.reason), NULL, NULL, 'run_ends', r.run_id" \
	" FROM migrate.log_runs r LEFT JOIN migrate.log_run_ends e ON e.run_id OPERATOR(pg_catalog.=) r.run_id" \
	" WHERE COALESCE(e.finished_at, r.started_at) OPERATOR(pg_catalog.>=) $1 AND COALESCE(e.finished_at, r.started_at) OPERATOR(pg_catalog.<) $2" \
	" AND ($3 IS NULL OR r.project OPERATOR(pg_catalog.=) $3)" \
	" AND (e.run_id IS NOT NULL OR r.run_id OPERATOR(pg_catalog.<>) $4)"

/* Of a run, or of a registered migration that somebody has declared. */
#define ATTEMPTS \
	"SELECT COALESCE(h.finished_at, h.started_at), 'migration_' OPERATOR(pg_catalog.||) h.outcome, h.project, h.name, NULL, h.session_role, h.role_name," \
	" h.application_name, h.client_addr, h.error_statement, COALESCE(h.error_code OPERATOR(pg_catalog.||) ': ' OPERATOR(pg_catalog.||) h.error_message, h.reason)," \
	" NULL, NULL, 'history', h.id" \
	" FROM migrate.log_history h" \
	" WHERE (h.run_id IS NOT NULL OR (h.action OPERATOR(pg_catalog.=) 'external' AND h.checksum IS NOT NULL))" \
	" AND COALESCE(h.finished_at, h.started_at) OPERATOR(pg_catalog.>=) $1" \
	" AND COALESCE(h.finished_at, h.started_at) OPERATOR(pg_catalog.<) $2 AND ($3 IS NULL OR h.project OPERATOR(pg_catalog.=) $3)"

/* What capture saw less than all of, from the beginning of the time asked for. */
#define COVERAGE \
	"SELECT GREATEST(c.from_at, $1), 'capture_' OPERATOR(pg_catalog.||) c.level, NULL, NULL, NULL, c.session_role, c.changed_by, NULL, NULL::pg_catalog.inet, NULL," \
	" c.reason, NULL, NULL, 'coverage', c.id" \
	" FROM (SELECT *, pg_catalog.lead(from_at) OVER (ORDER BY id) AS to_at FROM migrate.log_coverage) c" \
	" WHERE $3 IS NULL AND c.from_at OPERATOR(pg_catalog.<) $2 AND (c.from_at OPERATOR(pg_catalog.>=) $1 OR (c.level OPERATOR(pg_catalog.<>) 'full' AND COALESCE(c.to_at, 'infinity') OPERATOR(pg_catalog.>) $1))"

#define BEFORE_COVERAGE \
	"SELECT $1, 'capture_none', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'coverage', NULL" \
	" WHERE $3 IS NULL AND $1 OPERATOR(pg_catalog.<) $2 AND $1 OPERATOR(pg_catalog.<) COALESCE((SELECT pg_catalog.min(from_at) FROM migrate.log_coverage), 'infinity')"

void
ledger_each_audited(TimestampTz since, TimestampTz until, const char *project, LedgerRowFunction function, void *arg)
{
	static LedgerQuery query = {
		"SELECT " COLUMNS " FROM (" AROUND " UNION ALL " DECISIONS " UNION ALL " RUN_STARTS " UNION ALL " RUN_ENDS
		" UNION ALL " ATTEMPTS " UNION ALL " COVERAGE " UNION ALL " BEFORE_COVERAGE ") a (" COLUMNS ")"
		" ORDER BY at, source OPERATOR(pg_catalog.=) 'run_ends', source_id, source"
	};
	const Holder *holder = ledger_deployer();
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_moment(&args, since);
	arg_moment(&args, until);
	arg_text(&args, project);
	arg_int8(&args, holder ? holder->run_id : 0);
	ledger_run_each(&query, &args, function, arg);
	ledger_leave(&scope);
}
