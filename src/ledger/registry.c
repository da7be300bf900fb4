/*
 * registry.c
 *		What is registered: definitions of migrations, and their names.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "script/version.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/*
 * Registrations of one project wait for each other, until the end of the
 * transaction; two names that fall on one number wait in vain, no more.
 */
void
ledger_lock_project(const char *project)
{
	LOCKTAG		tag;
	uint32		key = string_hash(project, NAMEDATALEN * 4);

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, key, LEDGER_PROJECT_LOCK);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* Definitions of one project; with a name only that one. */
Registered *
ledger_read_registered(const char *project, const char *name, int *n)
{
	static LedgerQuery one = {
		"SELECT r.name, r.version, r.kind, r.requires IS NULL, r.up, r.definition, s.state, s.checksum, s.history_id"
		" FROM migrate.registered r"
		" LEFT JOIN migrate.state s ON s.project OPERATOR(pg_catalog.=) r.project AND s.name OPERATOR(pg_catalog.=) r.name"
		" WHERE r.project OPERATOR(pg_catalog.=) $1 AND r.name OPERATOR(pg_catalog.=) $2"
	};
	static LedgerQuery all = {
		"SELECT r.name, r.version, r.kind, r.requires IS NULL, r.up, r.definition, s.state, s.checksum, s.history_id"
		" FROM migrate.registered r"
		" LEFT JOIN migrate.state s ON s.project OPERATOR(pg_catalog.=) r.project AND s.name OPERATOR(pg_catalog.=) r.name"
		" WHERE r.project OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	Registered *result;

	ledger_enter(&scope);
	arg_text(&args, project);
	if (name)
		arg_text(&args, name);
	*n = ledger_run(name ? &one : &all, &args);
	result = palloc0(Max(*n, 1) * sizeof(Registered));
	for (int i = 0; i < *n; i++)
	{
		LedgerRow	row;

		row_begin(&row, i);
		result[i].name = row_text(&row);
		result[i].version = row_text(&row);
		result[i].kind = row_text(&row);
		result[i].linear = row_bool(&row);
		result[i].up = row_bytea(&row);
		result[i].hash = row_bytea(&row);
		result[i].state = row_text(&row);
		result[i].applied = row_bytea(&row);
		result[i].history_id = row_int8(&row);
	}
	ledger_leave(&scope);
	return result;
}

/* The columns of a definition, as insert and update write them. */
static void
add_definition(LedgerArgs *args, const Definition *d, const char *role_name)
{
	arg_text(args, d->project);
	arg_text(args, d->name);
	arg_text(args, d->version);
	arg_text(args, d->kind);
	arg_text(args, d->description);
	arg_array(args, TEXTARRAYOID, d->tags);
	arg_array(args, TEXTARRAYOID, d->requires);
	arg_array(args, TEXTARRAYOID, d->conflicts);
	arg_array(args, TEXTARRAYOID, d->replaces);
	arg_jsonb(args, d->options);
	arg_bytea(args, d->up_checksum);
	arg_bytea(args, d->down_checksum);
	arg_bytea(args, d->verify_checksum);
	arg_text(args, d->down_problem);
	arg_text(args, d->verify_problem);
	arg_text(args, d->up.path);
	arg_int4(args, d->up.line);
	arg_text(args, d->down.path);
	arg_int4(args, d->down.line);
	arg_text(args, d->verify.path);
	arg_int4(args, d->verify.line);
	arg_bytea(args, d->hash);
	arg_name(args, role_name);
	arg_text(args, d->version ? mig_version_canonical(d->version) : NULL);
}

void
ledger_insert_definition(const Definition *definition)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.registered (project, name, version, kind, description, tags, requires, conflicts, replaces,"
		" options, up, down, verify, down_problem, verify_problem, up_path, up_line, down_path, down_line,"
		" verify_path, verify_line, definition, registered_by, version_key, registered_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,"
		" $20, $21, $22, $23, $24, pg_catalog.clock_timestamp())"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	add_definition(&args, definition, scope.role_name);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_update_definition(const Definition *definition)
{
	static LedgerQuery query = {
		"UPDATE migrate.registered SET version = $3, kind = $4, description = $5, tags = $6, requires = $7,"
		" conflicts = $8, replaces = $9, options = $10, up = $11, down = $12, verify = $13, down_problem = $14,"
		" verify_problem = $15, up_path = $16, up_line = $17, down_path = $18, down_line = $19, verify_path = $20,"
		" verify_line = $21, definition = $22, registered_by = $23, version_key = $24, registered_at = pg_catalog.clock_timestamp()"
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	add_definition(&args, definition, scope.role_name);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

static ArrayType *
row_array(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? NULL : DatumGetArrayTypePCopy(value);
}

/* What is hashed of a registered definition; it must be there. */
Definition *
ledger_read_definition(const char *project, const char *name)
{
	static LedgerQuery query = {
		"SELECT version, kind, description, tags, requires, conflicts, replaces, options, up, down, verify"
		" FROM migrate.registered WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	Definition *definition = palloc0(sizeof(Definition));
	LedgerArgs	args = {0};
	LedgerScope scope;
	LedgerRow	row;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	if (ledger_run(&query, &args) == 0)
		elog(ERROR, "migration \"%s:%s\" is not registered", project, name);
	row_begin(&row, 0);
	definition->project = unconstify(char *, project);
	definition->name = unconstify(char *, name);
	definition->version = row_text(&row);
	definition->kind = row_text(&row);
	definition->description = row_text(&row);
	definition->tags = row_array(&row);
	definition->requires = row_array(&row);
	definition->conflicts = row_array(&row);
	definition->replaces = row_array(&row);
	definition->options = row_jsonb(&row);
	definition->up_checksum = row_bytea(&row);
	definition->down_checksum = row_bytea(&row);
	definition->verify_checksum = row_bytea(&row);
	ledger_leave(&scope);
	return definition;
}

/*
 * Another up counts as the one that was applied, also once a way back is given
 * up, or what has taken its place; hash is that of the definition with it.
 */
void
ledger_replace_up(const char *project, const char *name, bytea *checksum, bytea *hash)
{
	static LedgerQuery registered = {
		"UPDATE migrate.registered SET up = $3, definition = $4, up_path = NULL, up_line = 1"
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	static LedgerQuery state = {
		"UPDATE migrate.state s SET checksum = CASE WHEN s.checksum IS NOT NULL THEN $3 END, own ="
		" (SELECT CASE WHEN o.own OPERATOR(pg_catalog.#>>) '{own,checksum}' IS NULL THEN o.own"
		" ELSE pg_catalog.jsonb_set(o.own, '{own,checksum}', pg_catalog.to_jsonb($3)) END"
		" FROM (SELECT CASE WHEN s.own OPERATOR(pg_catalog.#>>) '{checksum}' IS NULL THEN s.own"
		" ELSE pg_catalog.jsonb_set(s.own, '{checksum}', pg_catalog.to_jsonb($3)) END) o(own))"
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	arg_bytea(&args, checksum);
	arg_bytea(&args, hash);
	ledger_run(&registered, &args);
	args.n--;
	ledger_run(&state, &args);
	ledger_leave(&scope);
}

void
ledger_delete_definition(const char *project, const char *name)
{
	static LedgerQuery registered = {
		"DELETE FROM migrate.registered WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	static LedgerQuery state = {
		"DELETE FROM migrate.state WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	static LedgerQuery definitions = {
		"DELETE FROM migrate.definitions WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	static LedgerQuery holds = {
		"DELETE FROM migrate.holds WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	ledger_run(&registered, &args);
	ledger_run(&state, &args);
	ledger_run(&definitions, &args);
	ledger_run(&holds, &args);
	ledger_leave(&scope);
}

/* Has the migration had this definition before? */
bool
ledger_knows_definition(const Definition *definition)
{
	static LedgerQuery query = {
		"SELECT 1 FROM migrate.definitions WHERE project OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) $2 AND definition OPERATOR(pg_catalog.=) $3"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		known;

	ledger_enter(&scope);
	arg_text(&args, definition->project);
	arg_text(&args, definition->name);
	arg_bytea(&args, definition->hash);
	known = ledger_run(&query, &args) > 0;
	ledger_leave(&scope);
	return known;
}

void
ledger_note_definition(const Definition *definition)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.definitions (project, name, definition) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, definition->project);
	arg_text(&args, definition->name);
	arg_bytea(&args, definition->hash);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

List *
ledger_run_names(LedgerQuery *query, LedgerArgs *args)
{
	LedgerScope scope;
	List	   *result = NIL;
	uint64		n;

	ledger_enter(&scope);
	n = ledger_run(query, args);
	for (uint64 i = 0; i < n; i++)
	{
		FullName   *full = palloc(sizeof(FullName));
		LedgerRow	row;

		row_begin(&row, i);
		full->project = row_text(&row);
		full->name = row_text(&row);
		result = lappend(result, full);
	}
	ledger_leave(&scope);
	return result;
}
