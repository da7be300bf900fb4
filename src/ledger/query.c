/*
 * query.c
 *		Work on our tables as their owner: switch, pin, run, put back.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "jit/jit.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* Are we running one of our own statements?  Only then may our tables change. */
static bool writing = false;

/* And one of those that change the schema? */
static bool changing = false;

Oid
ledger_relation(const char *name)
{
	Oid			schema = get_namespace_oid("migrate", true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

Oid
ledger_identity(void)
{
	return ledger_relation("log_history");
}

int64
ledger_place(void)
{
	return (int64) (GetSystemIdentifier() ^ ((uint64) MyDatabaseId << 32));
}

void
ledger_not_installed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("extension \"pg_migrations\" is not installed in this database"),
			 errhint("CREATE EXTENSION pg_migrations;")));
}

/* Whoever owns our tables owns what is written there. */
Oid
ledger_owner(void)
{
	Oid			relation = ledger_relation("log_history");
	HeapTuple	tuple;
	Oid			owner;

	if (!OidIsValid(relation))
		ledger_not_installed();
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Whoever calls, by name. */
static const char *
caller_name(void)
{
	const char *name = GetUserNameFromId(GetUserId(), true);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("the role of this session has been dropped"),
				 errhint("Connect as another one.")));
	return name;
}

/*
 * After an error nothing need be put back here: the abort of the transaction
 * or subtransaction restores user, settings and snapshots.
 */
void
ledger_enter(LedgerScope *scope)
{
	Oid			owner = ledger_owner();

	scope->caller = CurrentMemoryContext;
	scope->role_name = caller_name();
	GetUserIdAndSecContext(&scope->user, &scope->security_context);
	SetUserIdAndSecContext(owner, scope->security_context | SECURITY_LOCAL_USERID_CHANGE);
	scope->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	/* Our tables are long at most, and what is asked of them is not: to compile it takes longer than to run it. */
	if (jit_enabled)
		(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	scope->snapshot = !ActiveSnapshotSet();
	if (scope->snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	MemoryContextSwitchTo(scope->caller);
}

void
ledger_leave(LedgerScope *scope)
{
	SPI_finish();
	if (scope->snapshot)
		PopActiveSnapshot();
	AtEOXact_GUC(false, scope->guc_level);
	SetUserIdAndSecContext(scope->user, scope->security_context);
	MemoryContextSwitchTo(scope->caller);
}

static void
add_arg(LedgerArgs *args, Oid type, Datum value, bool isnull)
{
	Assert(args->n < LEDGER_MAX_ARGS);
	args->types[args->n] = type;
	args->values[args->n] = value;
	args->nulls[args->n] = isnull ? 'n' : ' ';
	args->n++;
}

void
arg_text(LedgerArgs *args, const char *value)
{
	add_arg(args, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

void
arg_name(LedgerArgs *args, const char *value)
{
	add_arg(args, NAMEOID, value ? DirectFunctionCall1(namein, CStringGetDatum(value)) : (Datum) 0, value == NULL);
}

void
arg_int4(LedgerArgs *args, int32 value)
{
	add_arg(args, INT4OID, Int32GetDatum(value), false);
}

void
arg_int8(LedgerArgs *args, int64 value)
{
	add_arg(args, INT8OID, Int64GetDatum(value), false);
}

void
arg_id(LedgerArgs *args, int64 value)
{
	add_arg(args, INT8OID, Int64GetDatum(value), value == 0);
}

void
arg_bool(LedgerArgs *args, bool value)
{
	add_arg(args, BOOLOID, BoolGetDatum(value), false);
}

void
arg_oid(LedgerArgs *args, Oid value)
{
	add_arg(args, OIDOID, ObjectIdGetDatum(value), false);
}

void
arg_bytea(LedgerArgs *args, const bytea *value)
{
	add_arg(args, BYTEAOID, PointerGetDatum(value), value == NULL);
}

bytea *
hash_bytea(const uint8 *value)
{
	bytea	   *result = palloc(VARHDRSZ + LEDGER_HASH_BYTES);

	SET_VARSIZE(result, VARHDRSZ + LEDGER_HASH_BYTES);
	memcpy(VARDATA(result), value, LEDGER_HASH_BYTES);
	return result;
}

void
arg_hash(LedgerArgs *args, const uint8 *value)
{
	arg_bytea(args, value ? hash_bytea(value) : NULL);
}

void
arg_jsonb(LedgerArgs *args, const Jsonb *value)
{
	add_arg(args, JSONBOID, PointerGetDatum(value), value == NULL);
}

void
arg_time(LedgerArgs *args, TimestampTz value)
{
	add_arg(args, TIMESTAMPTZOID, TimestampTzGetDatum(value), value == 0);
}

void
arg_moment(LedgerArgs *args, TimestampTz value)
{
	add_arg(args, TIMESTAMPTZOID, TimestampTzGetDatum(value), false);
}

void
arg_interval_value(LedgerArgs *args, const Interval *value)
{
	add_arg(args, INTERVALOID, IntervalPGetDatum(value), value == NULL);
}

void
arg_interval(LedgerArgs *args, int64 microseconds)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = microseconds;
	arg_interval_value(args, interval);
}

void
arg_lsn(LedgerArgs *args, uint64 value)
{
	add_arg(args, PG_LSNOID, LSNGetDatum(value), value == 0);
}

void
arg_array(LedgerArgs *args, Oid type, ArrayType *value)
{
	add_arg(args, type, PointerGetDatum(value), value == NULL);
}

void
arg_client(LedgerArgs *args)
{
	bool		isnull;
	Datum		address = client_addr(&isnull);

	add_arg(args, INETOID, address, isnull);
}

static void
prepare(LedgerQuery *query, LedgerArgs *args)
{
	SPIPlanPtr	plan;

	if (query->plan)
		return;
	plan = SPI_prepare(query->sql, args ? args->n : 0, args ? args->types : NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query->sql,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	query->plan = plan;
}

uint64
ledger_run(LedgerQuery *query, LedgerArgs *args)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int code = 0;

	prepare(query, args);
	writing = true;
	PG_TRY();
	{
		code = SPI_execute_plan(query->plan, args ? args->values : NULL,
								args ? args->nulls : NULL, false, 0);
	}
	PG_FINALLY();
	{
		writing = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);	/* SPI leaves its own */
	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s", query->sql, SPI_result_code_string(code));
	return SPI_processed;
}

bool
ledger_changes_schema(void)
{
	return changing;
}

void
ledger_execute(const char *sql)
{
	volatile int code = 0;

	changing = true;
	PG_TRY();
	{
		code = SPI_execute(sql, false, 0);
	}
	PG_FINALLY();
	{
		changing = false;
	}
	PG_END_TRY();
	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(code));
}

void
ledger_change_schema(const char *sql)
{
	SPI_connect();
	ledger_execute(sql);
	SPI_finish();
}

/* A receiver that keeps no row, but hands it on. */
typedef struct RowReceiver
{
	DestReceiver receiver;
	LedgerRowFunction function;
	void	   *arg;
	MemoryContext context;
} RowReceiver;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;
	MemoryContext before = MemoryContextSwitchTo(receiver->context);
	int			n = slot->tts_tupleDescriptor->natts;
	LedgerRow	row;

	slot_getallattrs(slot);
	memcpy(row.values, slot->tts_values, n * sizeof(Datum));
	memcpy(row.nulls, slot->tts_isnull, n * sizeof(bool));
	row.column = 0;
	receiver->function(&row, receiver->arg);
	MemoryContextSwitchTo(before);
	return true;
}

static void
receive_start(DestReceiver *self, int operation, TupleDesc desc)
{
	Assert(desc->natts <= LEDGER_MAX_ARGS);
}

static void
receive_end(DestReceiver *self)
{
}

/* As SPI's plans with a receiver want them. */
static ParamListInfo
params_of(const LedgerArgs *args)
{
	ParamListInfo params = makeParamList(args->n);

	for (int i = 0; i < args->n; i++)
	{
		params->params[i].value = args->values[i];
		params->params[i].isnull = args->nulls[i] == 'n';
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = args->types[i];
	}
	return params;
}

void
ledger_run_each(LedgerQuery *query, LedgerArgs *args, LedgerRowFunction function, void *arg)
{
	RowReceiver receiver = {
		{receive_row, receive_start, receive_end, receive_end, DestNone}, function, arg, CurrentMemoryContext
	};
	SPIExecuteOptions options = {0};
	int			code;

	prepare(query, args);
	options.params = args ? params_of(args) : NULL;
	options.dest = &receiver.receiver;
	options.read_only = true;
	code = SPI_execute_plan_extended(query->plan, &options);
	MemoryContextSwitchTo(receiver.context);
	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s", query->sql, SPI_result_code_string(code));
}

void
row_begin(LedgerRow *row, uint64 number)
{
	Assert(SPI_tuptable->tupdesc->natts <= LEDGER_MAX_ARGS);
	heap_deform_tuple(SPI_tuptable->vals[number], SPI_tuptable->tupdesc, row->values, row->nulls);
	row->column = 0;
}

Datum
row_next(LedgerRow *row, bool *isnull)
{
	*isnull = row->nulls[row->column];
	return row->values[row->column++];
}

char *
row_text(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

char *
row_name(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? NULL : pstrdup(NameStr(*DatumGetName(value)));
}

Oid
row_oid(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

int64
row_int8(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

int32
row_int4(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

List *
row_ids(uint64 n)
{
	List	   *ids = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		int64	   *id = palloc(sizeof(int64));
		LedgerRow	row;

		row_begin(&row, i);
		*id = row_int8(&row);
		ids = lappend(ids, id);
	}
	return ids;
}

List *
ledger_run_ids(LedgerQuery *query, LedgerArgs *args)
{
	return row_ids(ledger_run(query, args));
}

bool
row_bool(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? false : DatumGetBool(value);
}

TimestampTz
row_time(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(value);
}

bytea *
row_bytea(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? NULL : DatumGetByteaPCopy(value);
}

bool
row_hash(LedgerRow *row, uint8 *value)
{
	bytea	   *bytes = row_bytea(row);

	if (bytes == NULL)
		return false;
	if (VARSIZE_ANY_EXHDR(bytes) != LEDGER_HASH_BYTES)
		elog(ERROR, "hash in the ledger has %d bytes", (int) VARSIZE_ANY_EXHDR(bytes));
	memcpy(value, VARDATA_ANY(bytes), LEDGER_HASH_BYTES);
	return true;
}

Jsonb *
row_jsonb(LedgerRow *row)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(value);
}

bool
ledger_is_empty(const char *name)
{
	Relation	relation = table_open(ledger_relation(name), AccessShareLock);
	bool		empty = RelationGetNumberOfBlocks(relation) == 0;

	table_close(relation, AccessShareLock);
	return empty;
}

int64
ledger_next_id(const char *sequence)
{
	return nextval_internal(ledger_relation(sequence), false);
}

MIG_ANY_VERSION_FUNCTION(mig_guard_write);

/*
 * Trigger on each of our tables, fired ALWAYS: nobody but this file changes
 * them, whatever privileges he has.  A superuser may insert, as a restore
 * does.  Rows that logical replication brings belong to another server's
 * history and are skipped.
 */
Datum
mig_guard_write(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	bool		insert;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"guard_write\" was not called by a trigger")));
	insert = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
	if (writing || (insert && superuser() && !IsLogicalWorker()))
		return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
							   trigger->tg_newtuple : trigger->tg_trigtuple);
	/* A row can be skipped; a TRUNCATE that is not refused happens. */
	if (IsLogicalWorker() && !TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		return PointerGetDatum(NULL);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("table \"migrate.%s\" is written by pg_migrations only",
					RelationGetRelationName(trigger->tg_relation)),
			 errhint("The functions of schema migrate change what may be changed: see \\df migrate.*")));
}
