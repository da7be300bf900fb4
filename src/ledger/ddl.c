/*
 * ddl.c
 *		The log of schema changes, when it was kept, and who may go around it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

static void
put_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	*value = text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
put_role(Datum *value, Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	*value = DirectFunctionCall1(namein, CStringGetDatum(name ? name : ""));
}

/* The columns of log_ddl, in order; other versions end earlier or go on. */
static const Oid column_types[] = {
	INT8OID, TIMESTAMPTZOID, XID8OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID,
	INT8OID, NAMEOID, NAMEOID, TEXTOID, INETOID, INT4OID, TEXTOID
};

static bool
takes_ddl(TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (i < lengthof(column_types) ? column->atttypid != column_types[i] : column->attnotnull)
			return false;
	}
	return true;
}

bool
ledger_takes_ddl(void)
{
	Relation	relation = table_open(ledger_relation("log_ddl"), AccessShareLock);
	bool		takes = takes_ddl(RelationGetDescr(relation));

	table_close(relation, AccessShareLock);
	return takes;
}

static HeapTuple
ddl_tuple(DdlRecord *record, TupleDesc desc)
{
	int			n = Max(desc->natts, (int) lengthof(column_types));
	Datum	   *values = palloc0(n * sizeof(Datum));
	bool	   *nulls = palloc0(n * sizeof(bool));
	FullTransactionId xid = GetTopFullTransactionId();

	memset(nulls + lengthof(column_types), true, n - lengthof(column_types));
	/* The transaction has its id before that: see looks.c. */
	record->id = ledger_next_id("log_ddl_id_seq");
	values[0] = Int64GetDatum(record->id);
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[2] = FullTransactionIdGetDatum(xid);
	put_text(&values[3], &nulls[3], record->command_tag);
	put_text(&values[4], &nulls[4], record->statement);
	put_text(&values[5], &nulls[5], record->text_source);
	values[6] = JsonbPGetDatum(record->objects);
	put_text(&values[7], &nulls[7], record->origin);
	values[8] = Int64GetDatum(record->history_id);
	nulls[8] = record->history_id == 0;
	put_role(&values[9], GetUserId());
	put_role(&values[10], GetSessionUserId());
	put_text(&values[11], &nulls[11], application_name);
	values[12] = client_addr(&nulls[12]);
	values[13] = Int32GetDatum(MyProcPid);
	put_text(&values[14], &nulls[14], record->reason);
	return heap_form_tuple(desc, values, nulls);
}

/*
 * Straight into the table: no SQL runs, so nothing of the session's can be in
 * its way, and it costs as little as a row can.
 */
bool
ledger_write_ddl(DdlRecord *record)
{
	Relation	relation = table_open(ledger_relation("log_ddl"), RowExclusiveLock);
	bool		takes = takes_ddl(RelationGetDescr(relation));

	if (takes)
		CatalogTupleInsert(relation, ddl_tuple(record, RelationGetDescr(relation)));
	table_close(relation, RowExclusiveLock);
	return takes;
}

bool
ledger_capture_has_begun(void)
{
	static LedgerQuery query = {
		"SELECT 1 FROM migrate.log_coverage_id_seq WHERE is_called"
	};
	LedgerScope scope;
	bool		begun;

	if (ledger_is_empty("log_coverage"))
		return false;
	ledger_enter(&scope);
	begun = ledger_run(&query, NULL) > 0;
	ledger_leave(&scope);
	return begun;
}

/* The level that was noted last, or NULL. */
char *
ledger_coverage(void)
{
	static LedgerQuery query = {
		"SELECT level FROM migrate.log_coverage ORDER BY id DESC LIMIT 1"
	};
	LedgerScope scope;
	char	   *level = NULL;

	ledger_enter(&scope);
	if (ledger_run(&query, NULL) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		level = row_text(&row);
	}
	ledger_leave(&scope);
	return level;
}

bool
ledger_was_covered_since(TimestampTz since)
{
	static LedgerQuery query = {
		"SELECT FROM (SELECT from_at, level, pg_catalog.lead(from_at) OVER (ORDER BY id) AS to_at FROM migrate.log_coverage) c"
		" WHERE level OPERATOR(pg_catalog.<>) 'full' AND COALESCE(to_at, 'infinity') OPERATOR(pg_catalog.>) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		covered;

	ledger_enter(&scope);
	arg_moment(&args, since);
	covered = ledger_run(&query, &args) == 0;
	ledger_leave(&scope);
	return covered;
}

void
ledger_note_coverage(const char *level, const char *reason)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.log_coverage (from_at, level, changed_by, session_role, reason, transaction_id)"
		" VALUES (pg_catalog.clock_timestamp(), $1, $2, SESSION_USER, $3, pg_catalog.pg_current_xact_id())"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, level);
	arg_name(&args, scope.role_name);
	arg_text(&args, reason);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

/* ids of direct changes among those given; each is locked against nothing, since rows never change. */
List *
ledger_direct_ddl(ArrayType *ids)
{
	static LedgerQuery query = {
		"SELECT id FROM migrate.log_ddl WHERE id OPERATOR(pg_catalog.=) ANY ($1) AND origin OPERATOR(pg_catalog.=) 'direct' ORDER BY id"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	List	   *found;

	ledger_enter(&scope);
	arg_array(&args, INT8ARRAYOID, ids);
	found = ledger_run_ids(&query, &args);
	ledger_leave(&scope);
	return found;
}

List *
ledger_captured(ArrayType *ids)
{
	static LedgerQuery query = {
		"SELECT l.id, l.statement, l.text_source, l.origin, l.role_name,"
		" (SELECT d.decision FROM migrate.log_decisions d WHERE d.ddl_id OPERATOR(pg_catalog.=) l.id ORDER BY d.id LIMIT 1)"
		" FROM migrate.log_ddl l WHERE l.id OPERATOR(pg_catalog.=) ANY ($1) ORDER BY l.id"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	List	   *found = NIL;
	uint64		n;

	ledger_enter(&scope);
	arg_array(&args, INT8ARRAYOID, ids);
	n = ledger_run(&query, &args);
	for (uint64 i = 0; i < n; i++)
	{
		CapturedStatement *captured = palloc(sizeof(CapturedStatement));
		LedgerRow	row;

		row_begin(&row, i);
		captured->id = row_int8(&row);
		captured->statement = row_text(&row);
		captured->text_source = row_text(&row);
		captured->origin = row_text(&row);
		captured->role_name = row_name(&row);
		captured->decision = row_text(&row);
		found = lappend(found, captured);
	}
	ledger_leave(&scope);
	return found;
}

/* No glass was open at the last look, and none has been broken since. */
static Oid	unbroken = InvalidOid;

static void
forget_unbroken(Datum arg, Oid relation)
{
	if (relation == unbroken || !OidIsValid(relation))
		unbroken = InvalidOid;
}

/* Asked at each change of the schema, and hardly ever is one open. */
static bool
none_is_broken(void)
{
	static bool registered = false;

	if (OidIsValid(unbroken))
		return true;
	if (!registered)
		CacheRegisterRelcacheCallback(forget_unbroken, (Datum) 0);
	registered = true;
	/* Set first: what comes in while it looks takes it back. */
	unbroken = ledger_relation("glasses");
	if (!ledger_is_empty("glasses"))
		unbroken = InvalidOid;
	return OidIsValid(unbroken);
}

/* Open the glass for the session's user, in all of his sessions, which are told so. */
void
ledger_break_glass(const char *reason, Interval *duration)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.glasses (session_role, open_until, reason)"
		" VALUES (SESSION_USER, pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) $1, $2)"
		" ON CONFLICT (session_role) DO UPDATE SET open_until = excluded.open_until, reason = excluded.reason"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_interval_value(&args, duration);
	arg_text(&args, reason);
	ledger_run(&query, &args);
	CacheInvalidateRelcacheByRelid(ledger_relation("glasses"));
	ledger_leave(&scope);
}

/* Why the session's user may change the schema at present, or NULL. */
char *
ledger_open_glass(void)
{
	static LedgerQuery query = {
		"SELECT reason FROM migrate.glasses WHERE session_role OPERATOR(pg_catalog.=) SESSION_USER"
		" AND open_until OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()"
	};
	LedgerScope scope;
	char	   *reason = NULL;

	if (none_is_broken())
		return NULL;
	ledger_enter(&scope);
	if (ledger_run(&query, NULL) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		reason = row_text(&row);
	}
	ledger_leave(&scope);
	return reason;
}
