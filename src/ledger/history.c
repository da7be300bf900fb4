/*
 * history.c
 *		Attempts, their statements, and the state of a migration that follows
 *		from them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/faults.h"
#include "ledger/entry.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

int64
ledger_next_attempt(void)
{
	return ledger_next_id("log_history_id_seq");
}

static const char *
role_of(const LedgerScope *scope, const Attempt *attempt)
{
	return attempt->role_name ? attempt->role_name : scope->role_name;
}

static void
insert_attempt(const LedgerScope *scope, const Attempt *attempt)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.log_history (id, attempt_id, run_id, project, name, action, outcome, started_at, finished_at,"
		" duration, role_name, reason, checksum, statements, rows, wal_bytes, start_lsn, end_lsn,"
		" error_code, error_message, error_detail, error_hint, error_context, error_statement, error_statement_no, error_line,"
		" session_role, application_name, client_addr, pid, transaction_id, server_version_num, extension_version)"
		" VALUES ($1, $27, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
		" $18, $19, $20, $21, $22, $23, $24, $25,"
		" COALESCE($29, SESSION_USER), pg_catalog.current_setting('application_name'), $28,"
		" pg_catalog.pg_backend_pid(), pg_catalog.pg_current_xact_id(), pg_catalog.current_setting('server_version_num')::pg_catalog.int4, $26)"
	};
	const ErrorData *error = attempt->error;
	LedgerArgs	args = {0};

	arg_int8(&args, attempt->id);
	arg_id(&args, attempt->run_id);
	arg_text(&args, attempt->project);
	arg_text(&args, attempt->name);
	arg_text(&args, attempt->action);
	arg_text(&args, attempt->outcome);
	arg_time(&args, attempt->started_at);
	arg_time(&args, attempt->finished_at);
	if (attempt->finished_at)
		arg_interval(&args, attempt->finished_at - attempt->started_at);
	else
		arg_interval_value(&args, NULL);
	arg_name(&args, role_of(scope, attempt));
	arg_text(&args, attempt->reason);
	arg_bytea(&args, attempt->checksum);
	arg_int4(&args, attempt->statements);
	arg_int8(&args, attempt->rows);
	arg_int8(&args, attempt->wal_bytes);
	arg_lsn(&args, attempt->start_lsn);
	arg_lsn(&args, attempt->end_lsn);
	arg_text(&args, error ? unpack_sql_state(error->sqlerrcode) : NULL);
	arg_text(&args, error ? error->message : NULL);
	arg_text(&args, error ? error->detail : NULL);
	arg_text(&args, error ? error->hint : NULL);
	arg_text(&args, error ? error->context : NULL);
	arg_text(&args, attempt->error_statement);
	arg_id(&args, attempt->error_statement_no);
	arg_id(&args, attempt->error_line);
	arg_text(&args, ledger_library_version);
	arg_int8(&args, attempt->attempt_id ? attempt->attempt_id : attempt->id);
	arg_client(&args);
	arg_name(&args, attempt->session_role);
	ledger_run(&query, &args);
}

/* One column of the statements, as an array. */
static ArrayType *
column(const Datum *values, int n, Oid type, int16 length, bool by_value, char align)
{
	return construct_array(unconstify(Datum *, values), n, type, length, by_value, align);
}

/* Text of a text[], or NULL, to pass a list of lists as a flat array. */
static Datum
array_text(ArrayType *array)
{
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(TEXTARRAYOID, &output, &varlena);
	return CStringGetTextDatum(OidOutputFunctionCall(output, PointerGetDatum(array)));
}

static ArrayType *
lists_column(const StatementRecord *records, int n, bool locks)
{
	Datum	   *values = palloc0(n * sizeof(Datum));
	bool	   *nulls = palloc0(n * sizeof(bool));
	int			lower = 1;

	for (int i = 0; i < n; i++)
	{
		ArrayType  *list = locks ? records[i].locks : records[i].rewritten;

		nulls[i] = list == NULL;
		if (list)
			values[i] = array_text(list);
	}
	return construct_md_array(values, nulls, 1, &n, &lower, TEXTOID, -1, false, TYPALIGN_INT);
}

static bool
any_has_waited(const StatementRecord *records, int n)
{
	for (int i = 0; i < n; i++)
		if (records[i].waited > 0 || records[i].waited_for)
			return true;
	return false;
}

/* How long each has waited, and for whom; hardly ever has any, and then the columns are NULL. */
static void
arg_waits(LedgerArgs *args, const StatementRecord *records, int n)
{
	Datum	   *waited;
	Datum	   *waited_for;
	bool	   *no_time;
	bool	   *nobody;
	int			lower = 1;

	if (!any_has_waited(records, n))
	{
		arg_array(args, INT8ARRAYOID, NULL);
		arg_array(args, TEXTARRAYOID, NULL);
		return;
	}
	waited = palloc0(n * sizeof(Datum));
	waited_for = palloc0(n * sizeof(Datum));
	no_time = palloc0(n * sizeof(bool));
	nobody = palloc0(n * sizeof(bool));
	for (int i = 0; i < n; i++)
	{
		no_time[i] = records[i].waited == 0;
		waited[i] = Int64GetDatum(records[i].waited);
		nobody[i] = records[i].waited_for == NULL;
		if (!nobody[i])
			waited_for[i] = CStringGetTextDatum(records[i].waited_for);
	}
	arg_array(args, INT8ARRAYOID,
			  construct_md_array(waited, no_time, 1, &n, &lower, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arg_array(args, TEXTARRAYOID,
			  construct_md_array(waited_for, nobody, 1, &n, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}

/* All statements of an attempt at once. */
static void
insert_statements(int64 history_id, const StatementRecord *records, int n)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.log_statements (history_id, statement_no, line, command_tag, started_at, duration, rows,"
		" wal_bytes, locks, rewritten, waited, waited_for, transaction_id)"
		" SELECT $1, number, line, tag, started_at, pg_catalog.make_interval(secs => duration / 1000000.0::pg_catalog.float8),"
		" rows, wal_bytes, locks::pg_catalog.text[], rewritten::pg_catalog.text[],"
		" pg_catalog.make_interval(secs => waited / 1000000.0::pg_catalog.float8), waited_for::pg_catalog.jsonb,"
		" pg_catalog.pg_current_xact_id()"
		" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5),"
		" pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9), pg_catalog.unnest($10),"
		" pg_catalog.unnest($11), pg_catalog.unnest($12))"
		" AS s (number, line, tag, started_at, duration, rows, wal_bytes, locks, rewritten, waited, waited_for)"
	};
	Datum	   *columns[7];
	LedgerArgs	args = {0};

	if (n == 0)
		return;
	for (int c = 0; c < lengthof(columns); c++)
		columns[c] = palloc(n * sizeof(Datum));
	for (int i = 0; i < n; i++)
	{
		columns[0][i] = Int32GetDatum(records[i].number);
		columns[1][i] = Int32GetDatum(records[i].line);
		columns[2][i] = CStringGetTextDatum(records[i].tag);
		columns[3][i] = TimestampTzGetDatum(records[i].started_at);
		columns[4][i] = Int64GetDatum(records[i].duration);
		columns[5][i] = Int64GetDatum(records[i].rows);
		columns[6][i] = Int64GetDatum(records[i].wal_bytes);
	}
	arg_int8(&args, history_id);
	arg_array(&args, INT4ARRAYOID, column(columns[0], n, INT4OID, 4, true, TYPALIGN_INT));
	arg_array(&args, INT4ARRAYOID, column(columns[1], n, INT4OID, 4, true, TYPALIGN_INT));
	arg_array(&args, TEXTARRAYOID, column(columns[2], n, TEXTOID, -1, false, TYPALIGN_INT));
	arg_array(&args, TIMESTAMPTZARRAYOID, column(columns[3], n, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arg_array(&args, INT8ARRAYOID, column(columns[4], n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arg_array(&args, INT8ARRAYOID, column(columns[5], n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arg_array(&args, INT8ARRAYOID, column(columns[6], n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arg_array(&args, TEXTARRAYOID, lists_column(records, n, true));
	arg_array(&args, TEXTARRAYOID, lists_column(records, n, false));
	arg_waits(&args, records, n);
	ledger_run(&query, &args);
}

static void
upsert_state(const LedgerScope *scope, const char *project, const char *name, const char *state,
			 const Attempt *attempt, ArrayType *requires, const char *detail)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.state AS s (project, name, state, history_id, checksum, requires, detail, changed_at, changed_by,"
		" applied_at, applied_by, duration)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN $10 THEN $8 END, CASE WHEN $10 THEN $9 END, $11)"
		" ON CONFLICT (project, name) DO UPDATE SET state = excluded.state, history_id = excluded.history_id,"
		" checksum = excluded.checksum, requires = excluded.requires, detail = excluded.detail,"
		" changed_at = excluded.changed_at, changed_by = excluded.changed_by, applied_at = excluded.applied_at,"
		" applied_by = excluded.applied_by, duration = excluded.duration,"
		" own = CASE WHEN excluded.state OPERATOR(pg_catalog.=) ANY ('{superseded,baseline}')"
		" THEN CASE WHEN s.state OPERATOR(pg_catalog.=) ANY ('{superseded,baseline}') THEN s.own ELSE pg_catalog.to_jsonb(s) END"
		" WHEN excluded.state OPERATOR(pg_catalog.=) 'interrupted'"
		" THEN CASE WHEN s.state OPERATOR(pg_catalog.=) 'interrupted' THEN s.own ELSE pg_catalog.to_jsonb(s) END END"
	};
	bool		applied = strcmp(state, "failed") != 0 && strcmp(state, "reverted") != 0 &&
		strcmp(state, "pending") != 0 && strcmp(state, "interrupted") != 0;
	LedgerArgs	args = {0};

	arg_text(&args, project);
	arg_text(&args, name);
	arg_text(&args, state);
	arg_id(&args, attempt->id);
	arg_bytea(&args, applied ? attempt->checksum : NULL);
	arg_array(&args, TEXTARRAYOID, requires);
	arg_text(&args, detail);
	arg_time(&args, attempt->finished_at);
	arg_name(&args, role_of(scope, attempt));
	arg_bool(&args, applied);
	arg_interval(&args, attempt->finished_at - attempt->started_at);
	ledger_run(&query, &args);
}

int64
ledger_write_attempt(Attempt *attempt)
{
	LedgerScope scope;

	ledger_enter(&scope);
	if (attempt->id == 0)
		attempt->id = ledger_next_attempt();
	insert_attempt(&scope, attempt);
	ledger_leave(&scope);
	return attempt->id;
}

char *
ledger_attempt_outcome(int64 attempt_id)
{
	static LedgerQuery query = {
		"SELECT outcome FROM migrate.log_history WHERE id OPERATOR(pg_catalog.>=) $1"
		" AND attempt_id OPERATOR(pg_catalog.=) $1 ORDER BY id DESC LIMIT 1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	char	   *outcome = NULL;

	ledger_enter(&scope);
	arg_int8(&args, attempt_id);
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		outcome = row_text(&row);
	}
	ledger_leave(&scope);
	return outcome;
}

void
ledger_write_statements(int64 history_id, const StatementRecord *records, int n)
{
	LedgerScope scope;

	ledger_enter(&scope);
	insert_statements(history_id, records, n);
	ledger_leave(&scope);
}

void
ledger_set_state(const char *project, const char *name, const char *state,
				 const Attempt *attempt, ArrayType *requires, const char *detail)
{
	LedgerScope scope;

	ledger_enter(&scope);
	upsert_state(&scope, project, name, state, attempt, requires, detail);
	ledger_leave(&scope);
}

void
ledger_write_outcome(const Attempt *attempt, const StatementRecord *records, int n,
					 const char *state, ArrayType *requires, const char *detail)
{
	LedgerScope scope;

	ledger_enter(&scope);
	insert_attempt(&scope, attempt);
	MIG_FAULT("ledger_attempt_inserted");
	insert_statements(attempt->id, records, n);
	MIG_FAULT("ledger_statements_inserted");
	upsert_state(&scope, attempt->project, attempt->name, state, attempt, requires, detail);
	ledger_leave(&scope);
}

void
ledger_set_detail(const char *project, const char *name, const char *detail)
{
	static LedgerQuery query = {
		"UPDATE migrate.state SET detail = $3 WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	arg_text(&args, detail);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

void
ledger_restore_state(const char *project, const char *name)
{
	static LedgerQuery restore = {
		"UPDATE migrate.state s SET (state, history_id, checksum, requires, detail, changed_at, changed_by, applied_at, applied_by, duration, own) ="
		" (SELECT r.state, r.history_id, r.checksum, r.requires, r.detail, r.changed_at, r.changed_by, r.applied_at, r.applied_by, r.duration, r.own"
		" FROM pg_catalog.jsonb_populate_record(NULL::migrate.state, s.own) r)"
		" WHERE s.project OPERATOR(pg_catalog.=) $1 AND s.name OPERATOR(pg_catalog.=) $2 AND s.own IS NOT NULL RETURNING 1"
	};
	static LedgerQuery forget = {
		"DELETE FROM migrate.state WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	if (ledger_run(&restore, &args) == 0)
		ledger_run(&forget, &args);
	ledger_leave(&scope);
}
