/*
 * snapshots.c
 *		Definitions of objects, kept once, and states of the schema made of them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "ledger/expected.h"
#include "ledger/query.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* ---- definitions ---- */

/* "kind, length of the name, length of the text", in characters, then both. */
static char *
encode(const List *parts)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, parts)
	{
		const StoredPart *part = lfirst(cell);

		appendStringInfo(&text, "%s, %d, %d\n%s%s", part->kind, pg_mbstrlen(part->name), pg_mbstrlen(part->text),
						 part->name, part->text);
	}
	return text.data;
}

/* So many characters of a text, which then is what follows. */
static char *
take(const char **text, const char *end, int characters)
{
	int			bytes = pg_mbcharcliplen(*text, end - *text, characters);
	char	   *result = pnstrdup(*text, bytes);

	*text += bytes;
	return result;
}

/* ", n", which then is what follows; not sscanf, which measures all that does. */
static int
take_number(const char **text)
{
	char	   *end;
	long		number;

	if (strncmp(*text, ", ", 2) != 0)
		elog(ERROR, "definition in the ledger cannot be read");
	number = strtol(*text + 2, &end, 10);
	*text = end;
	return number;
}

static List *
decode(const char *text)
{
	const char *end = text + strlen(text);
	List	   *parts = NIL;

	while (text < end)
	{
		StoredPart *part = palloc(sizeof(StoredPart));
		size_t		length = strcspn(text, ",");
		int			name_length;
		int			text_length;

		part->kind = pnstrdup(text, length);
		text += length;
		name_length = take_number(&text);
		text_length = take_number(&text);
		if (*text++ != '\n')
			elog(ERROR, "definition in the ledger cannot be read");
		part->name = take(&text, end, name_length);
		part->text = take(&text, end, text_length);
		parts = lappend(parts, part);
	}
	return parts;
}

#define Anum_object_definitions_fingerprint 1

static bool
is_kept(Relation relation, Oid index, bytea *fingerprint)
{
	ScanKeyData key;
	SysScanDesc scan;
	bool		result;

	ScanKeyInit(&key, Anum_object_definitions_fingerprint, BTEqualStrategyNumber, F_BYTEAEQ, PointerGetDatum(fingerprint));
	scan = systable_beginscan(relation, index, true, GetActiveSnapshot(), 1, &key);
	result = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return result;
}

/* Those that nobody has committed yet are new to everybody but him: nobody waits to see. */
static List *
new_definitions(const List *definitions)
{
	Relation	relation = table_open(ledger_relation("object_definitions"), AccessShareLock);
	Oid			index = ledger_relation("object_definitions_fingerprint");
	List	   *result = NIL;
	const ListCell *cell;

	/* What is not seen when it is read again, in a transaction that sees an older state, is new. */
	CommandCounterIncrement();
	PushCopiedSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	foreach(cell, definitions)
		if (!is_kept(relation, index, hash_bytea(((const StoredDefinition *) lfirst(cell))->fingerprint)))
			result = lappend(result, lfirst(cell));
	PopActiveSnapshot();
	table_close(relation, AccessShareLock);
	return result;
}

/* Several objects may have one definition. */
static void
insert_definitions(const List *definitions)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.object_definitions (fingerprint, parts)"
		" SELECT DISTINCT ON (u.fingerprint) u.* FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) u (fingerprint, parts)"
	};
	int			n = list_length(definitions);
	Datum	   *fingerprints = palloc(n * sizeof(Datum));
	Datum	   *texts = palloc(n * sizeof(Datum));
	LedgerArgs	args = {0};
	const ListCell *cell;

	foreach(cell, definitions)
	{
		const StoredDefinition *definition = lfirst(cell);

		fingerprints[foreach_current_index(cell)] = PointerGetDatum(hash_bytea(definition->fingerprint));
		texts[foreach_current_index(cell)] = CStringGetTextDatum(encode(definition->parts));
	}
	arg_array(&args, BYTEAARRAYOID, construct_array(fingerprints, n, BYTEAOID, -1, false, TYPALIGN_INT));
	arg_array(&args, TEXTARRAYOID, construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
	ledger_run(&query, &args);
}

void
ledger_put_definitions(const List *definitions)
{
	LedgerScope scope;
	List	   *new;

	if (definitions == NIL)
		return;
	ledger_enter(&scope);
	new = new_definitions(definitions);
	if (new != NIL)
		insert_definitions(new);
	ledger_leave(&scope);
}

List *
ledger_definition(const uint8 *fingerprint)
{
	static LedgerQuery query = {
		"SELECT parts FROM migrate.object_definitions WHERE fingerprint OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	LedgerRow	row;
	List	   *parts;

	ledger_enter(&scope);
	arg_hash(&args, fingerprint);
	if (ledger_run(&query, &args) == 0)
		elog(ERROR, "definition is not in the ledger");
	row_begin(&row, 0);
	parts = decode(row_text(&row));
	ledger_leave(&scope);
	return parts;
}

/* ---- snapshots ---- */

bool
ledger_put_snapshot(const SnapshotHead *head)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.snapshots (label, server_major, taken_by, taken_at, seen, ddl_id)"
		" VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN NULL ELSE pg_catalog.pg_current_snapshot() END,"
		" CASE WHEN $5 THEN NULL ELSE (SELECT COALESCE(pg_catalog.max(id), 0) FROM migrate.log_ddl) END) ON CONFLICT DO NOTHING"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		new;

	ledger_enter(&scope);
	arg_text(&args, head->label);
	arg_int4(&args, head->server_major);
	arg_name(&args, scope.role_name);
	arg_moment(&args, head->taken_at);
	arg_bool(&args, head->imported);
	new = ledger_run(&query, &args) > 0;
	ledger_leave(&scope);
	return new;
}

/* A column of all rows at a time. */
void
ledger_put_snapshot_objects(const char *label, const List *rows)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.snapshot_objects (label, key, object_type, identity, fingerprint)"
		" SELECT $1, u.* FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5)) u"
	};
	static const Oid types[] = {BYTEAOID, TEXTOID, TEXTOID, BYTEAOID};
	static const Oid array_types[] = {BYTEAARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BYTEAARRAYOID};
	int			n = list_length(rows);
	Datum	   *values[lengthof(types)];
	LedgerArgs	args = {0};
	LedgerScope scope;
	ListCell   *cell;

	if (n == 0)
		return;
	for (int i = 0; i < lengthof(types); i++)
		values[i] = palloc(n * sizeof(Datum));
	foreach(cell, rows)
	{
		const StateRow *row = lfirst(cell);
		int			i = foreach_current_index(cell);

		values[0][i] = PointerGetDatum(hash_bytea(row->key));
		values[1][i] = CStringGetTextDatum(row->object_type);
		values[2][i] = CStringGetTextDatum(row->identity);
		values[3][i] = PointerGetDatum(hash_bytea(row->fingerprint));
	}
	ledger_enter(&scope);
	arg_text(&args, label);
	for (int i = 0; i < lengthof(types); i++)
		arg_array(&args, array_types[i], construct_array(values[i], n, types[i], -1, false, TYPALIGN_INT));
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

bool
ledger_find_snapshot(const char *label, SnapshotHead *head)
{
	static LedgerQuery query = {
		"SELECT taken_at, server_major, seen IS NULL FROM migrate.snapshots WHERE label OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		found;

	ledger_enter(&scope);
	arg_text(&args, label);
	found = ledger_run(&query, &args) > 0;
	if (found)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		head->label = label;
		head->taken_at = row_time(&row);
		head->server_major = row_int4(&row);
		head->imported = row_bool(&row);
	}
	ledger_leave(&scope);
	return found;
}

void
ledger_each_in_snapshot(const char *label, StateRowFunction function, void *arg)
{
	static LedgerQuery query = {
		"SELECT key, object_type, identity, fingerprint FROM migrate.snapshot_objects WHERE label OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};

	arg_text(&args, label);
	ledger_each_state(&query, &args, function, arg);
}

/*
 * Numbers go on after a restore, and transaction ids may not: they are compared
 * only where both are of the server that the snapshot was taken on.
 */
List *
ledger_ddl_since_snapshot(const char *label)
{
	static LedgerQuery query = {
		"SELECT l.id FROM migrate.snapshots s JOIN migrate.log_ddl l ON l.origin OPERATOR(pg_catalog.=) ANY ('{direct,external}')"
		" AND (l.id OPERATOR(pg_catalog.>) s.ddl_id OR NOT pg_catalog.pg_visible_in_snapshot(l.transaction_id, s.seen))"
		" WHERE s.label OPERATOR(pg_catalog.=) $1 ORDER BY l.id"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	List	   *ids;

	ledger_enter(&scope);
	arg_text(&args, label);
	ids = ledger_run_ids(&query, &args);
	ledger_leave(&scope);
	return ids;
}
