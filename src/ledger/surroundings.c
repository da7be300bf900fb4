/*
 * surroundings.c
 *		What is wrong around our tables: strangers in the schema, triggers that
 *		do not fire, publications, runs without an end, what failures left.
 */
#include "postgres.h"

#include "ledger/ledger.h"
#include "ledger/libraries.h"
#include "ledger/query.h"

/* Faults that one query finds; all have the columns of SurroundingFault. */
static List *
find_faults(LedgerQuery *query, List *faults)
{
	LedgerScope scope;
	uint64		n;

	ledger_enter(&scope);
	n = ledger_run(query, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		SurroundingFault *fault = palloc(sizeof(SurroundingFault));
		LedgerRow	row;

		row_begin(&row, i);
		fault->severity = row_text(&row);
		fault->code = row_text(&row);
		fault->object = row_text(&row);
		fault->message = row_text(&row);
		fault->hint = row_text(&row);
		faults = lappend(faults, fault);
	}
	ledger_leave(&scope);
	return faults;
}

/* Capture is on, and sessions have to load the library for it. */
#define CAPTURE_BY_SESSION \
	"EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname OPERATOR(pg_catalog.=) 'zz_pg_migrations_end')" \
	" AND pg_catalog.strpos(pg_catalog.current_setting('shared_preload_libraries'), 'pg_migrations') OPERATOR(pg_catalog.=) 0"

/* Each finds one kind of fault. */
static LedgerQuery queries[] = {
	{"SELECT 'error', 'foreign_object', o.identity, 'object ' || o.identity || ' in schema migrate is not part of pg_migrations',"
		" 'Drop it: DROP ' || pg_catalog.upper(o.type) || ' ' || o.identity || ';'"
		" FROM (SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS classid, c.oid FROM pg_catalog.pg_class c"
		" WHERE c.relnamespace OPERATOR(pg_catalog.=) 'migrate'::pg_catalog.regnamespace AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}')"
		" UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid FROM pg_catalog.pg_proc p"
		" WHERE p.pronamespace OPERATOR(pg_catalog.=) 'migrate'::pg_catalog.regnamespace) x"
		" CROSS JOIN LATERAL pg_catalog.pg_identify_object(x.classid, x.oid, 0) o"
		" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) x.classid"
	" AND d.objid OPERATOR(pg_catalog.=) x.oid AND d.deptype OPERATOR(pg_catalog.=) 'e')"},
	{"SELECT 'error', 'guard_off', t.tgrelid::pg_catalog.regclass::pg_catalog.text,"
		" 'trigger ' || t.tgname || ' of ' || t.tgrelid::pg_catalog.regclass::pg_catalog.text || ' does not guard the table always',"
		" 'ALTER TABLE ' || t.tgrelid::pg_catalog.regclass::pg_catalog.text || ' ENABLE ALWAYS TRIGGER ' || t.tgname || ';'"
		" FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid"
		" WHERE c.relnamespace OPERATOR(pg_catalog.=) 'migrate'::pg_catalog.regnamespace"
	" AND pg_catalog.starts_with(t.tgname::pg_catalog.text, 'guard') AND t.tgenabled OPERATOR(pg_catalog.<>) 'A'"},
	{"SELECT 'warning', 'published', p.pubname::pg_catalog.text,"
		" 'publication ' || pg_catalog.quote_ident(p.pubname) || ' includes the tables of pg_migrations; a subscriber skips their rows',"
		" 'Publish other schemas or tables by name.'"
	" FROM pg_catalog.pg_publication p WHERE p.puballtables"
		" OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel x JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) x.prrelid"
		" WHERE x.prpubid OPERATOR(pg_catalog.=) p.oid AND c.relnamespace OPERATOR(pg_catalog.=) 'migrate'::pg_catalog.regnamespace)"
		" OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace x WHERE x.pnpubid OPERATOR(pg_catalog.=) p.oid"
	" AND x.pnnspid OPERATOR(pg_catalog.=) 'migrate'::pg_catalog.regnamespace)"},
	{"SELECT 'warning', 'interrupted_run', s.run_id::pg_catalog.text,"
		" 'run ' || s.run_id || ' of ' || s.role_name || ' has no end: it was interrupted; what it had committed stands',"
		" 'CALL migrate.' || s.action || '(' || pg_catalog.concat_ws(', ', pg_catalog.quote_literal(s.target), 'project => ' || pg_catalog.quote_literal(s.project)) || ');'"
		" FROM migrate.log_runs s WHERE s.run_id OPERATOR(pg_catalog.=) (SELECT pg_catalog.max(run_id) FROM migrate.log_runs)"
		" AND NOT EXISTS (SELECT FROM migrate.log_run_ends e WHERE e.run_id OPERATOR(pg_catalog.=) s.run_id)"
		" AND NOT EXISTS (SELECT FROM migrate.deployer() d WHERE d.run_id OPERATOR(pg_catalog.=) s.run_id)"
		" AND CASE WHEN s.action OPERATOR(pg_catalog.=) 'apply' THEN EXISTS (SELECT FROM migrate.registered r"
		" LEFT JOIN migrate.state t ON t.project OPERATOR(pg_catalog.=) r.project AND t.name OPERATOR(pg_catalog.=) r.name"
		" WHERE (s.project IS NULL OR r.project OPERATOR(pg_catalog.=) s.project)"
		" AND (t.state IS NULL OR t.state OPERATOR(pg_catalog.=) ANY ('{pending,failed,interrupted,reverted}')))"
	" ELSE s.target IS NOT NULL END"},
	{"SELECT 'error', 'sequence_behind', q.name, 'sequence ' || q.name || ' is behind the rows that it numbers, or at its end: nothing more can be recorded',"
		" 'SELECT setval(''' || q.name || ''', ' || q.highest || ');'"
		" FROM (SELECT 'migrate.log_runs_run_id_seq' AS name, (SELECT last_value FROM migrate.log_runs_run_id_seq) AS at,"
		" (SELECT pg_catalog.max(run_id) FROM migrate.log_runs) AS highest"
		" UNION ALL SELECT 'migrate.log_history_id_seq', (SELECT last_value FROM migrate.log_history_id_seq), (SELECT pg_catalog.max(id) FROM migrate.log_history)"
		" UNION ALL SELECT 'migrate.log_statements_id_seq', (SELECT last_value FROM migrate.log_statements_id_seq), (SELECT pg_catalog.max(id) FROM migrate.log_statements)"
		" UNION ALL SELECT 'migrate.log_decisions_id_seq', (SELECT last_value FROM migrate.log_decisions_id_seq), (SELECT pg_catalog.max(id) FROM migrate.log_decisions)"
		" UNION ALL SELECT 'migrate.seals_seal_seq', (SELECT last_value FROM migrate.seals_seal_seq), (SELECT pg_catalog.max(seal) FROM migrate.seals)"
		" UNION ALL SELECT 'migrate.log_ddl_id_seq', (SELECT last_value FROM migrate.log_ddl_id_seq), (SELECT pg_catalog.max(id) FROM migrate.log_ddl)"
		" UNION ALL SELECT 'migrate.log_coverage_id_seq', (SELECT last_value FROM migrate.log_coverage_id_seq), (SELECT pg_catalog.max(id) FROM migrate.log_coverage)) q"
	" WHERE q.at OPERATOR(pg_catalog.<) q.highest OR q.at OPERATOR(pg_catalog.=) 9223372036854775807"},
	/* What capture sees at present is less than what it was told to see. */
	{"SELECT 'error', 'capture_broken', 'event triggers', 'capture was turned on, but its event triggers are missing or do not fire always',"
		" 'SELECT migrate.watch(''<why>'');'"
		" WHERE (SELECT decision FROM migrate.log_decisions WHERE decision OPERATOR(pg_catalog.=) ANY ('{watch_on,watch_off}')"
		" ORDER BY id DESC LIMIT 1) OPERATOR(pg_catalog.=) 'watch_on'"
		" AND (SELECT pg_catalog.count(*) FROM pg_catalog.pg_event_trigger WHERE evtenabled OPERATOR(pg_catalog.=) 'A'"
	" AND evtname OPERATOR(pg_catalog.=) ANY ('{pg_migrations_start,zz_pg_migrations_end,pg_migrations_drop}')) OPERATOR(pg_catalog.<) 3"},
	{"SELECT 'error', 'capture_broken', 'event triggers', 'the event triggers of capture are here, and it was never turned on in this database: nothing is recorded',"
		" 'SELECT migrate.watch(''<why>'');'"
		" WHERE EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname OPERATOR(pg_catalog.=) 'zz_pg_migrations_end')"
		" AND NOT (EXISTS (SELECT FROM migrate.log_coverage)"
	" AND (SELECT is_called FROM migrate.log_coverage_id_seq))"},
	{"SELECT 'warning', 'not_preloaded', pg_catalog.current_database()::pg_catalog.text,"
		" 'sessions do not load pg_migrations: what event triggers cannot see (roles, databases, TRUNCATE, ...) is not recorded',"
		" 'SELECT migrate.watch(''<why>'');'"
		" WHERE " CAPTURE_BY_SESSION
	" AND pg_catalog.strpos(COALESCE(" LIBRARIES_OF_DATABASE ", " LIBRARIES_OF_SERVER "), 'pg_migrations') OPERATOR(pg_catalog.=) 0"},
	{"SELECT 'warning', 'not_preloaded', r.rolname::pg_catalog.text,"
		" 'sessions of ' || r.rolname || ' do not load pg_migrations: what event triggers cannot see (roles, databases, TRUNCATE, ...) is not recorded of them',"
		" 'ALTER ROLE ' || pg_catalog.quote_ident(r.rolname) || ' RESET session_preload_libraries;'"
		" FROM pg_catalog.pg_roles r WHERE " CAPTURE_BY_SESSION
	" AND pg_catalog.strpos(" LIBRARIES_OF_ROLE ", 'pg_migrations') OPERATOR(pg_catalog.=) 0"},
	{"SELECT 'notice', 'never_seen', pg_catalog.current_database()::pg_catalog.text,"
		" 'not recorded: roles, databases and tablespaces changed from another database'"
		" || CASE WHEN " CAPTURE_BY_SESSION " THEN '; what background workers do before they load pg_migrations' ELSE '' END,"
		" CASE WHEN " CAPTURE_BY_SESSION
		" THEN 'Put pg_migrations into shared_preload_libraries; watch the database that roles are managed in.'"
		" ELSE 'Watch the database that roles are managed in.' END"
	" WHERE EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname OPERATOR(pg_catalog.=) 'zz_pg_migrations_end')"},
	{"SELECT 'warning', 'older_session', a.pid::pg_catalog.text,"
		" 'session ' || a.pid || ' of ' || a.usename || ' is older than capture: what event triggers cannot see may be missing of it',"
		" 'SELECT pg_terminate_backend(' || a.pid || ');'"
		" FROM pg_catalog.pg_stat_activity a, (SELECT pg_catalog.max(from_at) AS at FROM migrate.log_coverage"
		" WHERE level OPERATOR(pg_catalog.=) 'full') w"
		" WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND a.backend_type OPERATOR(pg_catalog.=) 'client backend'"
		" AND a.backend_start OPERATOR(pg_catalog.<) w.at AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()"
	" AND " CAPTURE_BY_SESSION},
	{"SELECT 'warning', 'out_of_band', o.n::pg_catalog.text,"
		" o.n || CASE WHEN o.n OPERATOR(pg_catalog.=) 1 THEN ' change' ELSE ' changes' END"
		" || ' outside of migrations nobody has explained, the last by ' || o.session_role"
		" || ' at ' || pg_catalog.to_char(o.logged_at, 'YYYY-MM-DD HH24:MI'),"
		" 'SELECT id, session_role, statement FROM migrate.out_of_band;'"
		" FROM (SELECT l.session_role, l.logged_at, pg_catalog.count(*) OVER () AS n"
		" FROM migrate.log_ddl l WHERE l.origin OPERATOR(pg_catalog.=) 'direct'"
		" AND NOT EXISTS (SELECT FROM migrate.log_decisions d WHERE d.ddl_id OPERATOR(pg_catalog.=) l.id)"
	" ORDER BY l.id DESC LIMIT 1) o"},
	/* What commits on its way and fails leaves this behind; that of a migration its next attempt clears up. */
	{"SELECT 'warning', 'invalid_index', x.name, 'index ' || x.name || ' is invalid: building it failed',"
		" CASE WHEN x.name OPERATOR(pg_catalog.~) '_cc(new|old)[0-9]*\"?$' THEN '' ELSE 'REINDEX INDEX CONCURRENTLY ' || x.name || ';  or, if nothing needs it: ' END"
		" || 'DROP INDEX CONCURRENTLY ' || x.name || ';'"
		" FROM (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.oid FROM pg_catalog.pg_index i"
		" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid"
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE NOT i.indisvalid AND c.relkind OPERATOR(pg_catalog.=) 'i' AND c.relpersistence OPERATOR(pg_catalog.<>) 't') x"
		" WHERE NOT EXISTS (SELECT FROM migrate.unfinished_objects u WHERE u.class_id OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
		" AND u.object_id OPERATOR(pg_catalog.=) x.oid)"
		" AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p"
	" WHERE p.index_relid OPERATOR(pg_catalog.=) x.oid AND p.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())"}
};

/* The log of schema changes was changed itself. */
static SurroundingFault log_ddl_altered = {
	"error", "capture_broken", "migrate.log_ddl", "table migrate.log_ddl was altered: changes of the schema are not recorded",
	"Take back what was done to it."
};

List *
ledger_surroundings(void)
{
	List	   *faults = NIL;

	for (int i = 0; i < lengthof(queries); i++)
		faults = find_faults(&queries[i], faults);
	if (!ledger_takes_ddl())
		faults = lappend(faults, &log_ddl_altered);
	return faults;
}
