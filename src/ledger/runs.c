/*
 * runs.c
 *		Start and end of each run.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/faults.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/* Write the start of a run; returns its id. */
int64
ledger_start_run(const RunStart *start)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.log_runs (run_id, action, project, target, started_at, waited, planned, database_bytes,"
		" role_name, reason, options, in_block, steps, session_role, application_name, client_addr, pid, transaction_id)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
		" SESSION_USER, pg_catalog.current_setting('application_name'), $14,"
		" pg_catalog.pg_backend_pid(), pg_catalog.pg_current_xact_id())"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	int64		run_id;

	ledger_enter(&scope);
	run_id = ledger_next_id("log_runs_run_id_seq");
	arg_int8(&args, run_id);
	arg_text(&args, start->action);
	arg_text(&args, start->project);
	arg_text(&args, start->target);
	arg_time(&args, start->started_at);
	arg_interval(&args, start->waited);
	arg_int4(&args, start->planned);
	arg_id(&args, Max(start->database_bytes, 0));
	arg_name(&args, scope.role_name);
	arg_text(&args, start->reason);
	arg_jsonb(&args, start->options);
	arg_bool(&args, start->in_block);
	arg_array(&args, TEXTARRAYOID, start->steps);
	arg_client(&args);
	ledger_run(&query, &args);
	ledger_leave(&scope);
	return run_id;
}

void
ledger_end_run(const RunEnd *end)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.log_run_ends (run_id, outcome, finished_at, duration, migrations, failed_name, error_code,"
		" error_message, database_bytes, transaction_id)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, pg_catalog.pg_current_xact_id())"
	};
	static LedgerQuery clear = {
		"DELETE FROM migrate.cancel_requests WHERE run_id OPERATOR(pg_catalog.=) $1"
	};
	TimestampTz now = GetCurrentTimestamp();
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_int8(&args, end->run_id);
	arg_text(&args, end->outcome);
	arg_time(&args, now);
	arg_interval(&args, now - end->started_at);
	arg_int4(&args, end->migrations);
	arg_text(&args, end->failed_name);
	arg_text(&args, end->error ? unpack_sql_state(end->error->sqlerrcode) : NULL);
	arg_text(&args, end->error ? end->error->message : NULL);
	arg_id(&args, Max(end->database_bytes, 0));
	ledger_run(&query, &args);
	MIG_FAULT("ledger_run_end_inserted");
	if (!ledger_is_empty("cancel_requests"))
	{
		LedgerArgs	run = {0};

		arg_int8(&run, end->run_id);
		ledger_run(&clear, &run);
	}
	ledger_leave(&scope);
}

/* NULL: nobody holds it any more. */
Holder *
ledger_deployer(void)
{
	static LedgerQuery query = {
		"SELECT l.pid, COALESCE((SELECT v.pid FROM pg_catalog.pg_locks v WHERE v.locktype OPERATOR(pg_catalog.=) 'advisory'"
		" AND v.granted AND v.database OPERATOR(pg_catalog.=) l.database AND v.objid OPERATOR(pg_catalog.=) $1"
		" AND v.objsubid OPERATOR(pg_catalog.=) $3 LIMIT 1), l.pid), r.run_id, pg_catalog.concat(COALESCE('run ' || r.run_id, 'a call'), ' of ', COALESCE(r.role_name, a.usename),"
		" ' (pid ', l.pid, CASE WHEN a.application_name OPERATOR(pg_catalog.<>) '' THEN ', \"' || a.application_name || '\"' END,"
		" ', since ', pg_catalog.to_char(COALESCE(r.started_at, a.xact_start), 'HH24:MI:SS'), ')')"
		" FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid"
		" LEFT JOIN pg_catalog.pg_locks w ON w.pid OPERATOR(pg_catalog.=) l.pid AND w.locktype OPERATOR(pg_catalog.=) 'advisory'"
		" AND w.objsubid OPERATOR(pg_catalog.=) $4"
		" LEFT JOIN LATERAL (SELECT s.run_id, s.role_name, s.started_at FROM migrate.log_runs s"
		" WHERE CASE WHEN w.pid IS NULL THEN s.pid OPERATOR(pg_catalog.=) l.pid AND s.started_at OPERATOR(pg_catalog.>=) a.backend_start"
		" ELSE s.run_id OPERATOR(pg_catalog.=) (w.classid::pg_catalog.int8 OPERATOR(pg_catalog.*) 4294967296 OPERATOR(pg_catalog.+) w.objid::pg_catalog.int8) END"
		" AND NOT EXISTS (SELECT FROM migrate.log_run_ends e WHERE e.run_id OPERATOR(pg_catalog.=) s.run_id)"
		" ORDER BY s.run_id DESC LIMIT 1) r ON true"
		" WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted"
		" AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d"
		" WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())"
		" AND l.objid OPERATOR(pg_catalog.=) $1 AND l.objsubid OPERATOR(pg_catalog.=) ANY (ARRAY[$2, $3])"
		" ORDER BY l.objsubid LIMIT 1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	Holder	   *holder = NULL;

	ledger_enter(&scope);
	arg_oid(&args, LEDGER_DEPLOYER_KEY);
	arg_int4(&args, LEDGER_DEPLOYER_LOCK);
	arg_int4(&args, LEDGER_WORKER_LOCK);
	arg_int4(&args, LEDGER_RUN_LOCK);
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		holder = palloc(sizeof(Holder));
		row_begin(&row, 0);
		holder->pid = row_int4(&row);
		holder->worker = row_int4(&row);
		holder->run_id = row_int8(&row);
		holder->description = row_text(&row);
	}
	ledger_leave(&scope);
	return holder;
}

/* Does the deployer, or his worker, wait for this backend, in the queue or beside it? */
bool
ledger_deployer_waits_for(int blocker)
{
	static LedgerQuery query = {
		"SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted"
		" AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d"
		" WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())"
		" AND (l.objid OPERATOR(pg_catalog.=) $1 AND l.objsubid OPERATOR(pg_catalog.=) ANY (ARRAY[$2, $3])"
		" AND $4 OPERATOR(pg_catalog.=) ANY (pg_catalog.pg_blocking_pids(l.pid))"
		" OR l.objid::pg_catalog.int8 OPERATOR(pg_catalog.=) $4 AND l.classid OPERATOR(pg_catalog.=) $1"
		" AND l.objsubid OPERATOR(pg_catalog.=) $5))"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	LedgerRow	row;
	bool		waits;

	ledger_enter(&scope);
	arg_oid(&args, LEDGER_DEPLOYER_KEY);
	arg_int4(&args, LEDGER_DEPLOYER_LOCK);
	arg_int4(&args, LEDGER_WORKER_LOCK);
	arg_int4(&args, blocker);
	arg_int4(&args, LEDGER_WAITS_LOCK);
	ledger_run(&query, &args);
	row_begin(&row, 0);
	waits = row_bool(&row);
	ledger_leave(&scope);
	return waits;
}

TransactionId
ledger_prepared_transaction(const char *gid)
{
	static LedgerQuery query = {
		"SELECT transaction::pg_catalog.text::pg_catalog.int8 FROM pg_catalog.pg_prepared_xacts"
		" WHERE gid OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	TransactionId result = InvalidTransactionId;

	ledger_enter(&scope);
	arg_text(&args, gid);
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		result = (TransactionId) row_int8(&row);
	}
	ledger_leave(&scope);
	return result;
}

PreparedTransaction *
ledger_find_prepared(TransactionId xid)
{
	static LedgerQuery query = {
		"SELECT gid, owner::pg_catalog.text, prepared FROM pg_catalog.pg_prepared_xacts"
		" WHERE transaction::pg_catalog.text OPERATOR(pg_catalog.=) $1"
	};
	PreparedTransaction *prepared = NULL;
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, psprintf("%u", xid));
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		prepared = palloc(sizeof(PreparedTransaction));
		row_begin(&row, 0);
		prepared->gid = row_text(&row);
		prepared->owner = row_text(&row);
		prepared->prepared_at = row_time(&row);
	}
	ledger_leave(&scope);
	return prepared;
}

ArrayType *
ledger_own_locks(void)
{
	static LedgerQuery query = {
		"SELECT pg_catalog.array_agg(l.mode || ' ' || n.nspname || '.' || c.relname ORDER BY n.nspname, c.relname, l.mode)"
		" FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.relation"
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.locktype OPERATOR(pg_catalog.=) 'relation'"
		" AND n.nspname OPERATOR(pg_catalog.<>) ALL ('{pg_catalog,pg_toast,migrate}')"
	};
	LedgerScope scope;
	LedgerRow	row;
	Datum		locks;
	bool		isnull;
	ArrayType  *result;

	ledger_enter(&scope);
	ledger_run(&query, NULL);
	row_begin(&row, 0);
	locks = row_next(&row, &isnull);
	result = isnull ? NULL : DatumGetArrayTypePCopy(locks);
	ledger_leave(&scope);
	return result;
}

int64
ledger_database_bytes(void)
{
	static LedgerQuery query = {
		"SELECT CASE WHEN (SELECT c.reltuples OPERATOR(pg_catalog./) c.relpages OPERATOR(pg_catalog.*) pg_catalog.pg_relation_size(c.oid)"
		" OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int4 FROM pg_catalog.pg_class c"
		" WHERE c.oid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND c.relpages OPERATOR(pg_catalog.>) 0)"
		" OPERATOR(pg_catalog.<=) 20000"
		" THEN pg_catalog.pg_database_size(pg_catalog.current_database()) ELSE -1 END"
	};
	LedgerScope scope;
	LedgerRow	row;
	int64		bytes;

	ledger_enter(&scope);
	ledger_run(&query, NULL);
	row_begin(&row, 0);
	bytes = row_int8(&row);
	ledger_leave(&scope);
	return bytes;
}

char *
ledger_running_migration(void)
{
	static LedgerQuery query = {
		"SELECT step FROM migrate.present_steps WHERE run_id OPERATOR(pg_catalog.=) $1"
	};
	Holder	   *holder = ledger_deployer();
	char	   *name = NULL;
	LedgerArgs	args = {0};
	LedgerScope scope;

	if (holder == NULL || holder->run_id == 0 || holder->pid == MyProcPid)
		return NULL;
	ledger_enter(&scope);
	arg_int8(&args, holder->run_id);
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		name = row_text(&row);
	}
	ledger_leave(&scope);
	return name;
}
