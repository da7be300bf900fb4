/*
 * expected.c
 *		What the schema should be, object by object, and where it is known not
 *		to be so.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/compat.h"
#include "ledger/expected.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "utils/array.h"
#include "utils/builtins.h"

static void
decode_state(LedgerRow *row, StateRow *state)
{
	(void) row_hash(row, state->key);
	state->object_type = row_text(row);
	state->identity = row_text(row);
	state->exists = row_hash(row, state->fingerprint);
}

static void
arg_state(LedgerArgs *args, const StateRow *state)
{
	arg_hash(args, state->key);
	arg_text(args, state->object_type);
	arg_text(args, state->identity);
	arg_hash(args, state->exists ? state->fingerprint : NULL);
}

/* Run a statement about one key, or about all. */
static void
run_by_key(LedgerQuery *query, const uint8 *key)
{
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	if (key)
		arg_hash(&args, key);
	ledger_run(query, &args);
	ledger_leave(&scope);
}

/* ---- what is expected ---- */

bool
ledger_expects(void)
{
	return !ledger_is_empty("expected");
}

typedef struct Each
{
	StateRowFunction function;
	void	   *arg;
	MemoryContext context;		/* of one row */
} Each;

static void
hand_over(LedgerRow *row, void *arg)
{
	const Each *each = arg;
	StateRow	state;

	MemoryContextSwitchTo(each->context);
	decode_state(row, &state);
	each->function(&state, each->arg);
	MemoryContextReset(each->context);
}

void
ledger_each_state(LedgerQuery *query, LedgerArgs *args, StateRowFunction function, void *arg)
{
	Each		each = {function, arg};
	LedgerScope scope;

	ledger_enter(&scope);
	each.context = AllocSetContextCreate(CurrentMemoryContext, "state of an object", ALLOCSET_DEFAULT_SIZES);
	ledger_run_each(query, args, hand_over, &each);
	ledger_leave(&scope);
}

void
ledger_each_expected(StateRowFunction function, void *arg)
{
	static LedgerQuery query = {
		"SELECT key, object_type, identity, fingerprint FROM migrate.expected"
	};

	ledger_each_state(&query, NULL, function, arg);
}

#define EXPECTED_COLUMNS "key, object_type, identity, fingerprint, class_id::pg_catalog.int8, object_id::pg_catalog.int8," \
	" project, name, ddl_id"

/* A list of ExpectedRow. */
static List *
read_expected(LedgerQuery *query, LedgerArgs *args)
{
	List	   *result = NIL;
	LedgerScope scope;
	uint64		n;

	ledger_enter(&scope);
	n = ledger_run(query, args);
	for (uint64 i = 0; i < n; i++)
	{
		ExpectedRow *expected = palloc0(sizeof(ExpectedRow));
		LedgerRow	row;

		row_begin(&row, i);
		decode_state(&row, &expected->state);
		expected->address.classId = row_int8(&row);
		expected->address.objectId = row_int8(&row);
		expected->project = row_text(&row);
		expected->name = row_text(&row);
		expected->ddl_id = row_int8(&row);
		result = lappend(result, expected);
	}
	ledger_leave(&scope);
	return result;
}

List *
ledger_all_expected(void)
{
	static LedgerQuery query = {
		"SELECT " EXPECTED_COLUMNS " FROM migrate.expected"
	};

	return read_expected(&query, NULL);
}

ExpectedRow *
ledger_expected(const uint8 *key)
{
	static LedgerQuery query = {
		"SELECT " EXPECTED_COLUMNS " FROM migrate.expected WHERE key OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	List	   *rows;

	arg_hash(&args, key);
	rows = read_expected(&query, &args);
	return rows ? linitial(rows) : NULL;
}

/* By the index, however few rows there were when it was planned: hence the OFFSET. */
List *
ledger_expected_at(const List *addresses)
{
	static LedgerQuery query = {
		"SELECT e.* FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) a (class_id, object_id)"
		" CROSS JOIN LATERAL (SELECT " EXPECTED_COLUMNS " FROM migrate.expected x WHERE x.class_id OPERATOR(pg_catalog.=) a.class_id"
		" AND x.object_id OPERATOR(pg_catalog.=) a.object_id OFFSET 0) e"
	};
	int			n = list_length(addresses);
	Datum	   *classes = palloc(n * sizeof(Datum));
	Datum	   *objects = palloc(n * sizeof(Datum));
	LedgerArgs	args = {0};
	ListCell   *cell;

	if (n == 0)
		return NIL;
	foreach(cell, addresses)
	{
		const ObjectAddress *address = lfirst(cell);

		classes[foreach_current_index(cell)] = ObjectIdGetDatum(address->classId);
		objects[foreach_current_index(cell)] = ObjectIdGetDatum(address->objectId);
	}
	arg_array(&args, OIDARRAYOID, construct_array(classes, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	arg_array(&args, OIDARRAYOID, construct_array(objects, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	return read_expected(&query, &args);
}

static Datum
optional_text(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
arg_column(LedgerArgs *args, Datum *values, bool *nulls, int n, Oid type, Oid array_type, int length, bool by_value, char align)
{
	int			lower = 1;

	arg_array(args, array_type, construct_md_array(values, nulls, 1, &n, &lower, type, length, by_value, align));
}

/* A column of all rows at a time. */
#define COLUMNS 9

void
ledger_put_expected(const List *rows)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.expected (key, object_type, identity, fingerprint, class_id, object_id, project, name, ddl_id,"
		" server_major, moved_at)"
		" SELECT u.*, $10, pg_catalog.clock_timestamp() FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2),"
		" pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7),"
		" pg_catalog.unnest($8), pg_catalog.unnest($9)) u"
		" ON CONFLICT (key) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,"
		" class_id = EXCLUDED.class_id, object_id = EXCLUDED.object_id, server_major = EXCLUDED.server_major,"
		" project = EXCLUDED.project, name = EXCLUDED.name, ddl_id = EXCLUDED.ddl_id, moved_at = EXCLUDED.moved_at"
	};
	int			n = list_length(rows);
	Datum	   *values[COLUMNS];
	bool	   *nulls[COLUMNS];
	LedgerArgs	args = {0};
	LedgerScope scope;
	ListCell   *cell;

	if (n == 0)
		return;
	for (int i = 0; i < COLUMNS; i++)
	{
		values[i] = palloc(n * sizeof(Datum));
		nulls[i] = palloc0(n * sizeof(bool));
	}
	foreach(cell, rows)
	{
		const ExpectedRow *row = lfirst(cell);
		int			i = foreach_current_index(cell);

		values[0][i] = PointerGetDatum(hash_bytea(row->state.key));
		values[1][i] = CStringGetTextDatum(row->state.object_type);
		values[2][i] = CStringGetTextDatum(row->state.identity);
		values[3][i] = PointerGetDatum(hash_bytea(row->state.fingerprint));
		values[4][i] = ObjectIdGetDatum(row->address.classId);
		values[5][i] = ObjectIdGetDatum(row->address.objectId);
		values[6][i] = optional_text(row->project, &nulls[6][i]);
		values[7][i] = optional_text(row->name, &nulls[7][i]);
		values[8][i] = Int64GetDatum(row->ddl_id);
	}
	ledger_enter(&scope);
	for (int i = 0; i < COLUMNS; i++)
	{
		if (i == 0 || i == 3)
			arg_column(&args, values[i], nulls[i], n, BYTEAOID, BYTEAARRAYOID, -1, false, TYPALIGN_INT);
		else if (i == 4 || i == 5)
			arg_column(&args, values[i], nulls[i], n, OIDOID, OIDARRAYOID, sizeof(Oid), true, TYPALIGN_INT);
		else if (i == 8)
			arg_column(&args, values[i], nulls[i], n, INT8OID, INT8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
		else
			arg_column(&args, values[i], nulls[i], n, TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT);
	}
	arg_int4(&args, MIG_SERVER_MAJOR);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_expected_is_of_this_server(void)
{
	static LedgerQuery query = {
		"UPDATE migrate.expected SET server_major = $1 WHERE server_major OPERATOR(pg_catalog.<>) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_int4(&args, MIG_SERVER_MAJOR);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_forget_addresses(void)
{
	static LedgerQuery query = {
		"UPDATE migrate.expected SET class_id = 0, object_id = 0 WHERE object_id OPERATOR(pg_catalog.<>) 0"
	};

	run_by_key(&query, NULL);
}

void
ledger_put_addresses(const List *rows)
{
	static LedgerQuery query = {
		"UPDATE migrate.expected e SET class_id = u.class_id, object_id = u.object_id"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) u (key, class_id, object_id)"
		" WHERE e.key OPERATOR(pg_catalog.=) u.key"
	};
	int			n = list_length(rows);
	Datum	   *keys = palloc((n + 1) * sizeof(Datum));
	Datum	   *classes = palloc((n + 1) * sizeof(Datum));
	Datum	   *objects = palloc((n + 1) * sizeof(Datum));
	LedgerArgs	args = {0};
	LedgerScope scope;
	ListCell   *cell;

	foreach(cell, rows)
	{
		const ExpectedRow *row = lfirst(cell);
		int			i = foreach_current_index(cell);

		keys[i] = PointerGetDatum(hash_bytea(row->state.key));
		classes[i] = ObjectIdGetDatum(row->address.classId);
		objects[i] = ObjectIdGetDatum(row->address.objectId);
	}
	ledger_enter(&scope);
	arg_array(&args, BYTEAARRAYOID, construct_array(keys, n, BYTEAOID, -1, false, TYPALIGN_INT));
	arg_array(&args, OIDARRAYOID, construct_array(classes, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	arg_array(&args, OIDARRAYOID, construct_array(objects, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_readdress(const ObjectAddress *was, const ObjectAddress *is)
{
	static LedgerQuery query = {
		"WITH e AS (UPDATE migrate.expected SET object_id = $3 WHERE class_id OPERATOR(pg_catalog.=) $1 AND object_id OPERATOR(pg_catalog.=) $2)"
		" UPDATE migrate.adrift SET object_id = $3 WHERE class_id OPERATOR(pg_catalog.=) $1 AND object_id OPERATOR(pg_catalog.=) $2"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_oid(&args, was->classId);
	arg_oid(&args, was->objectId);
	arg_oid(&args, is->objectId);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_readdress_key(const uint8 *key, const ObjectAddress *is)
{
	static LedgerQuery query = {
		"WITH e AS (UPDATE migrate.expected SET object_id = $2 WHERE key OPERATOR(pg_catalog.=) $1)"
		" UPDATE migrate.adrift SET object_id = $2 WHERE key OPERATOR(pg_catalog.=) $1 AND object_id OPERATOR(pg_catalog.<>) 0"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_hash(&args, key);
	arg_oid(&args, is->objectId);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_remove_expected(const uint8 *key)
{
	static LedgerQuery query = {
		"DELETE FROM migrate.expected WHERE key OPERATOR(pg_catalog.=) $1"
	};

	run_by_key(&query, key);
}

/* ---- what is adrift ---- */

static bool
any_adrift(void)
{
	return !ledger_is_empty("adrift");
}

#define ADRIFT "SELECT key, object_type, identity, fingerprint FROM migrate.adrift"

static StateRow *
find_adrift(LedgerQuery *query, LedgerArgs *args)
{
	LedgerScope scope;
	StateRow   *state = NULL;

	ledger_enter(&scope);
	if (ledger_run(query, args) > 0)
	{
		LedgerRow	row;

		state = palloc(sizeof(StateRow));
		row_begin(&row, 0);
		decode_state(&row, state);
	}
	ledger_leave(&scope);
	return state;
}

StateRow *
ledger_adrift(const uint8 *key)
{
	static LedgerQuery query = {
		ADRIFT " WHERE key OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};

	if (!any_adrift())
		return NULL;
	arg_hash(&args, key);
	return find_adrift(&query, &args);
}

StateRow *
ledger_adrift_at(const ObjectAddress *address)
{
	static LedgerQuery query = {
		ADRIFT " WHERE class_id OPERATOR(pg_catalog.=) $1 AND object_id OPERATOR(pg_catalog.=) $2"
	};
	LedgerArgs	args = {0};

	if (!any_adrift())
		return NULL;
	arg_oid(&args, address->classId);
	arg_oid(&args, address->objectId);
	return find_adrift(&query, &args);
}

bool
ledger_adrift_from_first(const uint8 *key)
{
	static LedgerQuery query = {
		ADRIFT " WHERE key OPERATOR(pg_catalog.=) $1 AND seen IS NULL"
	};
	LedgerArgs	args = {0};

	if (!any_adrift())
		return false;
	arg_hash(&args, key);
	return find_adrift(&query, &args) != NULL;
}

void
ledger_put_adrift(const StateRow *state, const ObjectAddress *address, bool ignored)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.adrift (key, object_type, identity, fingerprint, class_id, object_id, is_ignored, seen, looked_at)"
		" SELECT $1, $2, $3, $4, $5, $6, $7, l.seen, l.looked_at"
		" FROM (SELECT) x LEFT JOIN migrate.looks l ON l.place OPERATOR(pg_catalog.=) $8"
		" ON CONFLICT (key) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, class_id = EXCLUDED.class_id,"
		" object_id = EXCLUDED.object_id, is_stale = false,"
		" is_ignored = CASE WHEN adrift.is_stale THEN EXCLUDED.is_ignored ELSE adrift.is_ignored END"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_state(&args, state);
	arg_oid(&args, address ? address->classId : InvalidOid);
	arg_oid(&args, address ? address->objectId : InvalidOid);
	arg_bool(&args, ignored);
	arg_int8(&args, ledger_place());
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_remove_adrift(const uint8 *key)
{
	static LedgerQuery query = {
		"DELETE FROM migrate.adrift WHERE key OPERATOR(pg_catalog.=) $1"
	};

	if (any_adrift())
		run_by_key(&query, key);
}

void
ledger_begin_adrift(void)
{
	/* Transactions of another cluster say nothing here. */
	static LedgerQuery query = {
		"UPDATE migrate.adrift SET is_stale = true,"
		" seen = (SELECT adrift.seen FROM migrate.looks l WHERE l.place OPERATOR(pg_catalog.=) $1)"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	if (!any_adrift())
		return;
	ledger_enter(&scope);
	arg_int8(&args, ledger_place());
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_keep_adrift(const uint8 *key)
{
	static LedgerQuery query = {
		"UPDATE migrate.adrift SET is_stale = false WHERE key OPERATOR(pg_catalog.=) $1"
	};

	if (any_adrift())
		run_by_key(&query, key);
}

void
ledger_end_adrift(void)
{
	static LedgerQuery query = {
		"DELETE FROM migrate.adrift WHERE is_stale"
	};

	if (any_adrift())
		run_by_key(&query, NULL);
}

int
ledger_count_adrift(char **first)
{
	static LedgerQuery query = {
		"SELECT pg_catalog.count(*) OVER ()::pg_catalog.int4, a.object_type, a.identity,"
		" CASE WHEN a.fingerprint IS NULL THEN 'removed' WHEN e.key IS NULL THEN 'added' ELSE 'changed' END"
		" FROM migrate.adrift a LEFT JOIN migrate.expected e USING (key) WHERE NOT a.is_ignored"
		" AND (CASE WHEN a.fingerprint IS NULL THEN e.class_id ELSE a.class_id END,"
		" CASE WHEN a.fingerprint IS NULL THEN e.object_id ELSE a.object_id END)"
		" OPERATOR(pg_catalog.<>) ALL (SELECT o.class_id, o.object_id FROM migrate.unfinished_objects o"
		" JOIN migrate.unfinished w USING (project, name) WHERE w.place OPERATOR(pg_catalog.=) $1)"
		" ORDER BY a.identity, a.object_type LIMIT 1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	int			n = 0;

	if (!any_adrift())
		return 0;
	ledger_enter(&scope);
	arg_int8(&args, ledger_place());
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;
		char	   *type;
		char	   *identity;

		row_begin(&row, 0);
		n = row_int4(&row);
		type = row_text(&row);
		identity = row_text(&row);
		*first = psprintf("%s %s was %s", type, identity, row_text(&row));
	}
	ledger_leave(&scope);
	return n;
}

int
ledger_expected_of_other_server(int *major)
{
	static LedgerQuery query = {
		"SELECT pg_catalog.count(*)::pg_catalog.int4, pg_catalog.max(server_major) FROM migrate.expected"
		" WHERE server_major OPERATOR(pg_catalog.<>) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	LedgerRow	row;
	int			n;

	ledger_enter(&scope);
	arg_int4(&args, MIG_SERVER_MAJOR);
	(void) ledger_run(&query, &args);
	row_begin(&row, 0);
	n = row_int4(&row);
	*major = row_int4(&row);
	ledger_leave(&scope);
	return n;
}

int64
ledger_last_ddl(void)
{
	static LedgerQuery query = {
		"SELECT id FROM migrate.log_ddl ORDER BY id DESC LIMIT 1"
	};
	LedgerScope scope;
	int64		id = 0;

	ledger_enter(&scope);
	if (ledger_run(&query, NULL) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		id = row_int8(&row);
	}
	ledger_leave(&scope);
	return id;
}
