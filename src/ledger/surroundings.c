/*
 * surroundings.c
 *		What is wrong around our tables: strangers in the schema, triggers that
 *		do not fire, publications, runs without an end.
 */
#include "postgres.h"

#include "ledger/ledger.h"
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

List *
ledger_surroundings(void)
{
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
			" 'CALL migrate.apply();'"
			" FROM migrate.log_runs s WHERE s.run_id OPERATOR(pg_catalog.=) (SELECT pg_catalog.max(run_id) FROM migrate.log_runs)"
			" AND NOT EXISTS (SELECT FROM migrate.log_run_ends e WHERE e.run_id OPERATOR(pg_catalog.=) s.run_id)"
			" AND NOT EXISTS (SELECT FROM migrate.deployer() d WHERE d.run_id OPERATOR(pg_catalog.=) s.run_id)"
		" AND s.action OPERATOR(pg_catalog.=) 'apply'"},
		{"SELECT 'error', 'sequence_behind', q.name, 'sequence ' || q.name || ' is behind the rows that it numbers: nothing more can be recorded',"
			" 'SELECT setval(''' || q.name || ''', ' || q.highest || ');'"
			" FROM (SELECT 'migrate.log_runs_run_id_seq' AS name, (SELECT last_value FROM migrate.log_runs_run_id_seq) AS at,"
			" (SELECT pg_catalog.max(run_id) FROM migrate.log_runs) AS highest"
			" UNION ALL SELECT 'migrate.log_history_id_seq', (SELECT last_value FROM migrate.log_history_id_seq), (SELECT pg_catalog.max(id) FROM migrate.log_history)"
			" UNION ALL SELECT 'migrate.log_statements_id_seq', (SELECT last_value FROM migrate.log_statements_id_seq), (SELECT pg_catalog.max(id) FROM migrate.log_statements)"
			" UNION ALL SELECT 'migrate.log_decisions_id_seq', (SELECT last_value FROM migrate.log_decisions_id_seq), (SELECT pg_catalog.max(id) FROM migrate.log_decisions)"
			" UNION ALL SELECT 'migrate.seals_seal_seq', (SELECT last_value FROM migrate.seals_seal_seq), (SELECT pg_catalog.max(seal) FROM migrate.seals)) q"
		" WHERE q.at OPERATOR(pg_catalog.<) q.highest"}
	};
	List	   *faults = NIL;

	for (int i = 0; i < lengthof(queries); i++)
		faults = find_faults(&queries[i], faults);
	return faults;
}
