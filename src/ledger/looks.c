/*
 * looks.c
 *		How much of what was captured was known when somebody last compared the
 *		schema with what is expected.
 *
 * Statements commit in another order than they get their numbers.  What a look
 * has seen is kept as a snapshot; and from where the log is to be read next time
 * as a number.  For that a transaction gets its id before its first number, so
 * that one that is not under way yet will draw numbers behind the last one that
 * is seen: as soon as all transactions of then have ended, this is the bound, and
 * what they may have done without its being captured is there to be seen.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "ledger/expected.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#define Anum_log_ddl_id				1
#define Anum_log_ddl_transaction_id	3
#define Anum_log_ddl_command_tag	4
#define Anum_log_ddl_statement		5
#define Anum_log_ddl_objects		7
#define Anum_log_ddl_origin			8

bool
ledger_read_look(LedgerLook *look)
{
	static LedgerQuery query = {
		"SELECT seen::pg_catalog.text, bound_id, is_certain, next_bound_id, next_horizon, coverage_id, decisions, globals FROM migrate.looks"
		" WHERE place OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		found;

	memset(look, 0, sizeof(LedgerLook));
	if (ledger_is_empty("looks"))
		return false;
	ledger_enter(&scope);
	arg_int8(&args, ledger_place());
	found = ledger_run(&query, &args) > 0;
	if (found)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		look->seen = row_text(&row);
		look->bound_id = row_int8(&row);
		look->is_certain = row_bool(&row);
		look->next_bound_id = row_int8(&row);
		look->next_horizon = row_int8(&row);
		look->coverage_id = row_int8(&row);
		look->decisions = row_int8(&row);
		(void) row_hash(&row, look->globals);
	}
	ledger_leave(&scope);
	return found;
}

void
ledger_write_look(const LedgerLook *look)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.looks (place, looked_at, seen, bound_id, is_certain, next_bound_id, next_horizon, coverage_id, decisions, globals)"
		" VALUES ($1, pg_catalog.clock_timestamp(), $2::pg_catalog.pg_snapshot, $3, $4, $5, $6::pg_catalog.text::pg_catalog.xid8, $7, $8, $9)"
		" ON CONFLICT (place) DO UPDATE SET looked_at = EXCLUDED.looked_at, seen = EXCLUDED.seen, bound_id = EXCLUDED.bound_id,"
		" is_certain = EXCLUDED.is_certain, next_bound_id = EXCLUDED.next_bound_id, next_horizon = EXCLUDED.next_horizon,"
		" coverage_id = EXCLUDED.coverage_id, decisions = EXCLUDED.decisions, globals = EXCLUDED.globals"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_int8(&args, ledger_place());
	arg_text(&args, look->seen);
	arg_int8(&args, look->bound_id);
	arg_bool(&args, look->is_certain);
	arg_int8(&args, look->next_bound_id);
	arg_int8(&args, look->next_horizon);
	arg_int8(&args, look->coverage_id);
	arg_int8(&args, look->decisions);
	arg_hash(&args, look->globals);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

/* ---- going on ---- */

/* NULL for what is no string. */
static char *
string_of(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(object, key, strlen(key), &value) == NULL || value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* What we do to our own objects changes nothing that is expected: grant_capability() in a migration. */
static bool
is_ours(const LedgerChange *change)
{
	return change->identity && strncmp(change->identity, "migrate.", strlen("migrate.")) == 0;
}

/* The objects of a row; ours: of one of our own functions. */
static List *
add_changes(List *changes, bool ours, bool may_rename, Jsonb *objects)
{
	JsonbIterator *iterator = JsonbIteratorInit(&objects->root);
	JsonbIteratorToken token;
	JsonbValue	value;

	if (JsonContainerSize(&objects->root) == 0)
		return lappend(changes, palloc0(sizeof(LedgerChange)));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		LedgerChange *change;

		if (token != WJB_ELEM || value.type != jbvBinary)
			continue;
		change = palloc(sizeof(LedgerChange));
		change->action = string_of(value.val.binary.data, "action");
		change->object_type = string_of(value.val.binary.data, "object_type");
		change->identity = string_of(value.val.binary.data, "identity");
		change->may_rename = may_rename;
		if (!ours || !is_ours(change))
			changes = lappend(changes, change);
	}
	return changes;
}

static char *
column_text(HeapTuple row, TupleDesc desc, AttrNumber column)
{
	bool		isnull;

	return TextDatumGetCString(heap_getattr(row, column, desc, &isnull));
}

/* ALTER ... RENAME or SET SCHEMA; rather too many than too few. */
static bool
may_rename(HeapTuple row, TupleDesc desc)
{
	char	   *statement;
	bool		result;

	if (strncmp(column_text(row, desc, Anum_log_ddl_command_tag), "ALTER ", 6) != 0)
		return false;
	statement = column_text(row, desc, Anum_log_ddl_statement);
	result = strcasestr(statement, "rename") || strcasestr(statement, "schema");
	pfree(statement);
	return result;
}

static bool
column_is(HeapTuple row, TupleDesc desc, AttrNumber column, const char *value)
{
	return strcmp(column_text(row, desc, column), value) == 0;
}

/* A row of others that was not seen so far, of a change of the schema: TRUNCATE is none. */
static bool
is_new(HeapTuple row, TupleDesc desc, int64 id, const LedgerLook *look, Datum seen)
{
	bool		isnull;
	Datum		xid = heap_getattr(row, Anum_log_ddl_transaction_id, desc, &isnull);

	if (column_is(row, desc, Anum_log_ddl_origin, "migration") || column_is(row, desc, Anum_log_ddl_command_tag, "TRUNCATE TABLE"))
		return false;
	if (FullTransactionIdEquals(DatumGetFullTransactionId(xid), GetTopFullTransactionIdIfAny()))
		return id > look->own_id;
	return !DatumGetBool(DirectFunctionCall2(pg_visible_in_snapshot, xid, seen));
}

/* From the bound on; the number of the last row that is visible is *last. */
static List *
read_new(const LedgerLook *look, int64 *last)
{
	Relation	log = table_open(ledger_relation("log_ddl"), AccessShareLock);
	Datum		seen = DirectFunctionCall1(pg_snapshot_in, CStringGetDatum(look->seen));
	List	   *changes = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;
	bool		isnull;

	ScanKeyInit(&key, Anum_log_ddl_id, BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(look->bound_id));
	scan = systable_beginscan(log, ledger_relation("log_ddl_pkey"), true, GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		int64		id = DatumGetInt64(heap_getattr(row, Anum_log_ddl_id, RelationGetDescr(log), &isnull));

		CHECK_FOR_INTERRUPTS();
		*last = Max(*last, id);
		if (is_new(row, RelationGetDescr(log), id, look, seen))
			changes = add_changes(changes, column_is(row, RelationGetDescr(log), Anum_log_ddl_origin, "extension"),
								  may_rename(row, RelationGetDescr(log)),
								  DatumGetJsonbPCopy(heap_getattr(row, Anum_log_ddl_objects, RelationGetDescr(log), &isnull)));
	}
	systable_endscan(scan);
	table_close(log, AccessShareLock);
	return changes;
}

/*
 * This transaction is not over yet, but a snapshot taken in it has no word of that:
 * what it does from now on is not seen either.
 */
static char *
without_own(char *seen)
{
	FullTransactionId own = GetTopFullTransactionIdIfAny();
	char	   *at = strchr(seen, ':') + 1;
	char	   *end;

	if (!FullTransactionIdIsValid(own) || U64FromFullTransactionId(own) >= strtou64(at, &end, 10))
		return seen;
	at = end + 1;
	while (*at != '\0' && strtou64(at, &end, 10) < U64FromFullTransactionId(own))
		at = *end == ',' ? end + 1 : end;
	return psprintf("%.*s%s" UINT64_FORMAT "%s%s", (int) (at - seen), seen, at[-1] == ':' || at[-1] == ',' ? "" : ",",
					U64FromFullTransactionId(own), *at != '\0' ? "," : "", at);
}

/* All up to here is known. */
static void
advance(LedgerLook *look, int64 last)
{
	Datum		now = OidFunctionCall0(F_PG_CURRENT_SNAPSHOT);
	int64		xmin = U64FromFullTransactionId(DatumGetFullTransactionId(DirectFunctionCall1(pg_snapshot_xmin, now)));

	look->seen = without_own(DatumGetCString(DirectFunctionCall1(pg_snapshot_out, now)));
	look->own_id = last;
	if (look->next_horizon == 0)
		look->bound_id = last;
	else if (look->next_horizon <= xmin)
	{
		look->bound_id = look->next_bound_id;
		look->is_certain = true;
	}
	else
		return;
	look->next_bound_id = last;
	/* The snapshot's end is behind the last one that is over; others may be under way behind it. */
	look->next_horizon = U64FromFullTransactionId(ReadNextFullTransactionId());
}

List *
ledger_look_again(LedgerLook *look)
{
	LedgerScope scope;
	List	   *changes;
	int64		last = Max(look->own_id, look->bound_id);

	ledger_enter(&scope);
	CommandCounterIncrement();
	/* The catalogs are read as they are now, too, however old the caller's snapshot is. */
	PushActiveSnapshot(GetLatestSnapshot());
	changes = read_new(look, &last);
	advance(look, last);
	PopActiveSnapshot();
	ledger_leave(&scope);
	return changes;
}

void
ledger_begin_look(LedgerLook *look)
{
	memset(look, 0, sizeof(LedgerLook));
	look->own_id = ledger_last_ddl();
	PushActiveSnapshot(GetLatestSnapshot());
	advance(look, look->own_id);
	PopActiveSnapshot();
}

bool
ledger_look_holds(LedgerLook *look)
{
	static LedgerQuery query = {
		"SELECT c.id, c.level OPERATOR(pg_catalog.=) 'full', (SELECT pg_catalog.count(*) FROM migrate.log_decisions"
		" WHERE decision OPERATOR(pg_catalog.=) ANY ('{ignored,unignored,pruned}'))"
		" FROM migrate.log_coverage c ORDER BY c.id DESC LIMIT 1"
	};
	LedgerScope scope;
	LedgerLook	before = *look;
	bool		captures = false;

	ledger_enter(&scope);
	look->coverage_id = look->decisions = 0;
	if (ledger_run(&query, NULL) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		look->coverage_id = row_int8(&row);
		captures = row_bool(&row);
		look->decisions = row_int8(&row);
	}
	ledger_leave(&scope);
	return captures && look->coverage_id == before.coverage_id && look->decisions == before.decisions;
}
