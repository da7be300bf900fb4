/*
 * unfinished.c
 *		How far migrations are that commit in between.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_type.h"
#include "common/faults.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "utils/builtins.h"
#include "utils/rel.h"

static Unfinished *
decode(uint64 number)
{
	Unfinished *unfinished = palloc0(sizeof(Unfinished));
	LedgerRow	row;

	row_begin(&row, number);
	unfinished->project = row_text(&row);
	unfinished->name = row_text(&row);
	unfinished->part = strcmp(row_text(&row), "down") == 0 ? PART_DOWN : PART_UP;
	unfinished->checksum = row_bytea(&row);
	unfinished->attempt_id = row_int8(&row);
	unfinished->done = row_int4(&row);
	unfinished->under_way = row_int8(&row);
	unfinished->object = row_int8(&row);
	unfinished->table = row_int8(&row);
	unfinished->place = row_int8(&row);
	unfinished->session.search_path = row_text(&row);
	unfinished->session.role = row_text(&row);
	unfinished->session.temporary = row_text(&row);
	return unfinished;
}

#define COLUMNS "project, name, part, checksum, attempt_id, done, under_way::pg_catalog.int8, object_oid::pg_catalog.int8, table_oid::pg_catalog.int8, place, search_path, role, temporary"

static Unfinished *
read_one(LedgerQuery *query, const char *project, const char *name)
{
	LedgerArgs	args = {0};
	LedgerScope scope;
	Unfinished *result = NULL;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	if (ledger_run(query, &args) > 0)
		result = decode(0);
	ledger_leave(&scope);
	return result;
}

Unfinished *
ledger_unfinished(const char *project, const char *name)
{
	static LedgerQuery query = {
		"SELECT " COLUMNS " FROM migrate.unfinished"
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};

	return read_one(&query, project, name);
}

Unfinished *
ledger_take_unfinished(const char *project, const char *name)
{
	static LedgerQuery query = {
		"SELECT " COLUMNS " FROM migrate.unfinished"
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2 FOR UPDATE"
	};

	return read_one(&query, project, name);
}

List *
ledger_all_unfinished(bool covered)
{
	static LedgerQuery query = {
		"SELECT " COLUMNS " FROM migrate.unfinished"
		" WHERE CASE WHEN (project, name) OPERATOR(pg_catalog.=) ANY (SELECT s.project, s.name FROM migrate.state s"
		" WHERE s.state OPERATOR(pg_catalog.=) ANY ('{superseded,baseline}')) THEN $1"
		" ELSE NOT $1 AND (done OPERATOR(pg_catalog.>) 0 OR under_way IS NOT NULL"
		" OR (project, name) OPERATOR(pg_catalog.=) ANY (SELECT s.project, s.name FROM migrate.state s"
		" WHERE s.state OPERATOR(pg_catalog.=) 'interrupted')) END"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	List	   *result = NIL;
	uint64		n;

	/* Asked for each plan, and hardly ever is there one. */
	if (ledger_is_empty("unfinished"))
		return NIL;
	ledger_enter(&scope);
	arg_bool(&args, covered);
	n = ledger_run(&query, &args);
	for (uint64 i = 0; i < n; i++)
		result = lappend(result, decode(i));
	ledger_leave(&scope);
	return result;
}

/* Run a statement about one migration. */
static void
run_for(LedgerQuery *query, const char *project, const char *name)
{
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	ledger_run(query, &args);
	ledger_leave(&scope);
}

#define NOTE_SESSION ", search_path = COALESCE($8, search_path), role = COALESCE($9, role), temporary = COALESCE($10, temporary)"

/* Note how far it is, and the text to which that number belongs. */
static void
note(LedgerQuery *query, const char *project, const char *name, const bytea *checksum, int statement, Oid object, Oid table, const SessionNote *session)
{
	SessionNote none = {0};
	LedgerArgs	args = {0};
	LedgerScope scope;

	if (session == NULL)
		session = &none;
	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	arg_bytea(&args, checksum);
	arg_int4(&args, statement);
	arg_oid(&args, object);
	arg_oid(&args, table);
	arg_int8(&args, ledger_place());
	arg_text(&args, session->search_path);
	arg_text(&args, session->role);
	arg_text(&args, session->temporary);
	ledger_run(query, &args);
	ledger_leave(&scope);
}

void
ledger_begin_unfinished(const Migration *migration, ScriptPart part, const bytea *checksum, int64 attempt_id, int64 run_id)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.unfinished (project, name, part, checksum, attempt_id, run_id, kind, replaces, done)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)"
		" ON CONFLICT (project, name) DO UPDATE SET part = excluded.part,"
		" checksum = CASE WHEN unfinished.under_way IS NULL AND unfinished.done OPERATOR(pg_catalog.=) 0"
		" THEN excluded.checksum ELSE unfinished.checksum END,"
		" attempt_id = excluded.attempt_id, run_id = excluded.run_id, kind = excluded.kind, replaces = excluded.replaces"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, migration->project);
	arg_text(&args, migration->name);
	arg_text(&args, mig_part_name(part));
	arg_bytea(&args, checksum);
	arg_int8(&args, attempt_id);
	arg_int8(&args, run_id);
	arg_text(&args, ledger_kind_name(migration->kind));
	arg_array(&args, TEXTARRAYOID, ledger_array_of(&migration->replaces));
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_forget_session(const char *project, const char *name)
{
	static LedgerQuery query = {
		"UPDATE migrate.unfinished SET search_path = NULL, role = NULL, temporary = NULL"
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};

	run_for(&query, project, name);
}

static void
forget_objects(const char *project, const char *name)
{
	static LedgerQuery query = {
		"DELETE FROM migrate.unfinished_objects"
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};

	if (!ledger_is_empty("unfinished_objects"))
		run_for(&query, project, name);
}

void
ledger_note_under_way(const char *project, const char *name, const bytea *checksum, int statement, Oid object, Oid table, const SessionNote *session)
{
	static LedgerQuery query = {
		"UPDATE migrate.unfinished SET checksum = $3, under_way = $4, object_oid = $5, table_oid = $6, place = $7" NOTE_SESSION
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};

	forget_objects(project, name);
	note(&query, project, name, checksum, statement, object, table, session);
}

/*
 * What it will change besides what it makes, but for what is not as expected
 * already: an object, and of a table all that belongs to it.
 */
void
ledger_note_changed(const char *project, const char *name, Oid class_id, Oid object_id)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.unfinished_objects (class_id, object_id, project, name)"
		" SELECT o.class_id, o.object_id, $1, $2"
		" FROM (SELECT $3, $4"
		" UNION ALL SELECT $3, i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) $4"
		" UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid FROM pg_catalog.pg_constraint c WHERE c.conrelid OPERATOR(pg_catalog.=) $4"
		" UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_trigger t WHERE t.tgrelid OPERATOR(pg_catalog.=) $4"
		" AND NOT t.tgisinternal) o(class_id, object_id)"
		" WHERE NOT EXISTS (SELECT FROM migrate.adrift a WHERE a.class_id OPERATOR(pg_catalog.=) o.class_id"
		" AND a.object_id OPERATOR(pg_catalog.=) o.object_id)"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	arg_oid(&args, class_id);
	arg_oid(&args, object_id);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

/*
 * In the transaction that makes the object, so that both are there or neither;
 * in the middle of a command, where no SQL can run.
 */
void
ledger_note_object(const char *project, const char *name, Oid class_id, Oid object_id)
{
	Relation	relation = table_open(ledger_relation("unfinished_objects"), RowExclusiveLock);
	Datum		values[4];
	bool		nulls[4] = {0};
	HeapTuple	tuple;

	values[0] = ObjectIdGetDatum(class_id);
	values[1] = ObjectIdGetDatum(object_id);
	values[2] = CStringGetTextDatum(project);
	values[3] = CStringGetTextDatum(name);
	tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);
	CatalogTupleInsert(relation, tuple);
	heap_freetuple(tuple);
	table_close(relation, RowExclusiveLock);
}

List *
ledger_noted_objects(const char *project, const char *name)
{
	static LedgerQuery query = {
		"SELECT class_id::pg_catalog.int8, object_id::pg_catalog.int8 FROM migrate.unfinished_objects"
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	List	   *result = NIL;
	uint64		n;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	n = ledger_run(&query, &args);
	for (uint64 i = 0; i < n; i++)
	{
		ObjectAddress *object = palloc0(sizeof(ObjectAddress));
		LedgerRow	row;

		row_begin(&row, i);
		object->classId = row_int8(&row);
		object->objectId = row_int8(&row);
		result = lappend(result, object);
	}
	ledger_leave(&scope);
	return result;
}

void
ledger_note_done(const char *project, const char *name, const bytea *checksum, int statement, const SessionNote *session)
{
	static LedgerQuery query = {
		"UPDATE migrate.unfinished SET checksum = $3, done = $4, under_way = NULL, object_oid = NULL, table_oid = NULL, place = NULL" NOTE_SESSION
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};

	forget_objects(project, name);
	note(&query, project, name, checksum, statement, InvalidOid, InvalidOid, session);
}

void
ledger_end_unfinished(const char *project, const char *name)
{
	static LedgerQuery query = {
		"DELETE FROM migrate.unfinished"
		" WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};

	if (ledger_is_empty("unfinished"))
		return;
	forget_objects(project, name);
	MIG_FAULT("ledger_objects_forgotten");
	run_for(&query, project, name);
}
