/*
 * texts.c
 *		Texts by their checksum, and finding migrations by what people call
 *		them.
 */
#include "postgres.h"

#include "ledger/ledger.h"
#include "ledger/query.h"
#include "mb/pg_wchar.h"
#include "script/checksum.h"
#include "script/version.h"
#include "utils/builtins.h"

/*
 * Keep a text; one that is there already stays as it is.  Each project has its
 * own, so that projects do not wait for each other.
 */
void
ledger_store_text(const char *project, const char *body, ScriptPart part, bytea *checksum, bool parses)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.text_bodies (project, checksum, part, normal, body, registered_by, registered_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, pg_catalog.clock_timestamp()) ON CONFLICT DO NOTHING"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	uint8		normal[MIG_CHECKSUM_LENGTH];

	if (parses)
		mig_checksum_normal(body, normal);
	ledger_enter(&scope);
	arg_text(&args, project);
	arg_bytea(&args, checksum);
	arg_text(&args, mig_part_name(part));
	arg_bytea(&args, parses ? mig_checksum_bytea(normal) : NULL);
	arg_text(&args, body);
	arg_name(&args, scope.role_name);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

/*
 * One of a migration's texts: the registered one, or with a checksum the one
 * that has it.  NULL if there is none.
 */
StoredText *
ledger_read_text(const char *project, const char *name, ScriptPart part, const bytea *checksum)
{
	/*
	 * OFFSET 0 has all three columns looked up in the index: left to join, the
	 * planner may compare the checksum only afterwards, with every text.
	 */
	static LedgerQuery query = {
		"SELECT t.body, t.checksum, r.path, r.line, r.options FROM (SELECT options,"
		" CASE $3 WHEN 'up' THEN up_path WHEN 'down' THEN down_path ELSE verify_path END AS path,"
		" CASE $3 WHEN 'up' THEN up_line WHEN 'down' THEN down_line ELSE verify_line END AS line,"
		" COALESCE($4, CASE $3 WHEN 'up' THEN up WHEN 'down' THEN down ELSE verify END) AS wanted"
		" FROM migrate.registered WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2) r"
		" CROSS JOIN LATERAL (SELECT body, checksum FROM migrate.text_bodies WHERE project OPERATOR(pg_catalog.=) $1"
		" AND part OPERATOR(pg_catalog.=) $3 AND checksum OPERATOR(pg_catalog.=) r.wanted OFFSET 0) t"
	};
	StoredText *result = NULL;
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	arg_text(&args, mig_part_name(part));
	arg_bytea(&args, checksum);
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		result = palloc(sizeof(StoredText));
		row_begin(&row, 0);
		result->body = row_text(&row);
		result->checksum = row_bytea(&row);
		result->path = row_text(&row);
		result->line = row_int4(&row);
		result->options = row_jsonb(&row);
	}
	ledger_leave(&scope);
	return result;
}

char *
ledger_text_by_checksum(const char *project, bytea *checksum, ScriptPart part)
{
	static LedgerQuery query = {
		"SELECT body FROM migrate.text_bodies WHERE project OPERATOR(pg_catalog.=) $1"
		" AND checksum OPERATOR(pg_catalog.=) $2 AND part OPERATOR(pg_catalog.=) $3"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	char	   *body = NULL;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_bytea(&args, checksum);
	arg_text(&args, mig_part_name(part));
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		body = row_text(&row);
	}
	ledger_leave(&scope);
	return body;
}

/* Project NULL means all of them in each of these. */
static List *
find(LedgerQuery *query, const char *project, const char *what)
{
	LedgerArgs	args = {0};

	arg_text(&args, project);
	if (what)
		arg_text(&args, what);
	return ledger_run_names(query, &args);
}

List *
ledger_find_exact(const char *project, const char *name)
{
	static LedgerQuery query = {
		"SELECT project, name FROM migrate.registered WHERE name OPERATOR(pg_catalog.=) $2"
		" AND ($1 IS NULL OR project OPERATOR(pg_catalog.=) $1) ORDER BY project"
	};

	return find(&query, project, name);
}

List *
ledger_find_version(const char *project, const char *version)
{
	static LedgerQuery query = {
		"SELECT project, name FROM migrate.registered WHERE version OPERATOR(pg_catalog.=) $2"
		" AND ($1 IS NULL OR project OPERATOR(pg_catalog.=) $1) ORDER BY project, name"
	};

	return find(&query, project, version);
}

/* Those whose version compares equal, whatever zeros and separators it is written with. */
List *
ledger_find_equal_version(const char *project, const char *version)
{
	/*
	 * OFFSET 0: planned while the table is empty, the primary key would look as
	 * good, and then read the whole project for each migration.
	 */
	static LedgerQuery query = {
		"SELECT project, name FROM (SELECT project, name FROM migrate.registered"
		" WHERE version_key OPERATOR(pg_catalog.=) $2 OFFSET 0) v"
		" WHERE $1 IS NULL OR project OPERATOR(pg_catalog.=) $1 ORDER BY project, name"
	};

	return find(&query, project, mig_version_canonical(version));
}

List *
ledger_find_prefix(const char *project, const char *prefix)
{
	static LedgerQuery query = {
		"SELECT project, name FROM migrate.registered WHERE name OPERATOR(pg_catalog.>=) $2"
		" AND pg_catalog.starts_with(name, $2)"
		" AND ($1 IS NULL OR project OPERATOR(pg_catalog.=) $1) ORDER BY project, name"
	};

	return find(&query, project, prefix);
}

List *
ledger_all_names(const char *project)
{
	static LedgerQuery query = {
		"SELECT project, name FROM migrate.registered"
		" WHERE $1 IS NULL OR project OPERATOR(pg_catalog.=) $1 ORDER BY project, name"
	};

	return find(&query, project, NULL);
}

/* The first projects by name, as many as a message can hold. */
List *
ledger_projects(void)
{
	static LedgerQuery query = {
		"SELECT DISTINCT project FROM migrate.registered ORDER BY 1 LIMIT 10"
	};
	LedgerScope scope;
	List	   *projects = NIL;
	uint64		n;

	ledger_enter(&scope);
	n = ledger_run(&query, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		LedgerRow	row;

		row_begin(&row, i);
		projects = lappend(projects, row_text(&row));
	}
	ledger_leave(&scope);
	return projects;
}

/* Has anything been registered, or recorded, under this project? */
bool
ledger_has_project(const char *project)
{
	static LedgerQuery query = {
		"SELECT 1 FROM migrate.registered WHERE project OPERATOR(pg_catalog.=) $1"
		" UNION ALL SELECT 1 FROM migrate.baselines WHERE project OPERATOR(pg_catalog.=) $1 LIMIT 1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		found;

	ledger_enter(&scope);
	arg_text(&args, project);
	found = ledger_run(&query, &args) > 0;
	ledger_leave(&scope);
	return found;
}
