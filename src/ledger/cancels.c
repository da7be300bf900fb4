/*
 * cancels.c
 *		Runs that somebody wants to end, and what is known of a run from outside.
 */
#include "postgres.h"

#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "storage/lock.h"

/* What a run has to come to know stands here until it ends. */
void
ledger_request_cancel(int64 run_id, const char *reason)
{
	static LedgerQuery clear = {
		"DELETE FROM migrate.cancel_requests q USING migrate.log_run_ends e"
		" WHERE e.run_id OPERATOR(pg_catalog.=) q.run_id"
	};
	static LedgerQuery query = {
		"INSERT INTO migrate.cancel_requests (run_id, requested_by, reason, requested_at)"
		" VALUES ($1, $2, $3, pg_catalog.clock_timestamp()) ON CONFLICT DO NOTHING"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	ledger_run(&clear, NULL);
	arg_int8(&args, run_id);
	arg_name(&args, scope.role_name);
	arg_text(&args, reason);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

CancelRequest *
ledger_cancel_request(int64 run_id)
{
	static LedgerQuery query = {
		"SELECT requested_by, reason FROM migrate.cancel_requests WHERE run_id OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	CancelRequest *request = NULL;

	/* Asked before each migration, and hardly ever is there one. */
	if (ledger_is_empty("cancel_requests"))
		return NULL;
	ledger_enter(&scope);
	arg_int8(&args, run_id);
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		request = palloc(sizeof(CancelRequest));
		row_begin(&row, 0);
		request->by = row_name(&row);
		request->reason = row_text(&row);
	}
	ledger_leave(&scope);
	return request;
}

/* NULL: there is no such run. */
RunSeen *
ledger_see_run(int64 run_id)
{
	static LedgerQuery query = {
		"SELECT s.action, s.project, s.target, s.role_name, s.pid, e.outcome, e.error_code, e.error_message, h.error_detail, h.error_hint, h.error_context"
		" FROM migrate.log_runs s LEFT JOIN migrate.log_run_ends e ON e.run_id OPERATOR(pg_catalog.=) s.run_id"
		" LEFT JOIN LATERAL (SELECT i.error_detail, i.error_hint, i.error_context FROM migrate.log_history i"
		" WHERE i.run_id OPERATOR(pg_catalog.=) s.run_id AND i.error_code OPERATOR(pg_catalog.=) e.error_code"
		" AND e.error_code IS NOT NULL ORDER BY i.id DESC LIMIT 1) h ON true"
		" WHERE s.run_id OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	RunSeen    *run = NULL;

	ledger_enter(&scope);
	arg_int8(&args, run_id);
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		run = palloc(sizeof(RunSeen));
		row_begin(&row, 0);
		run->action = row_text(&row);
		run->project = row_text(&row);
		run->target = row_text(&row);
		run->role_name = row_name(&row);
		run->pid = row_int4(&row);
		run->outcome = row_text(&row);
		run->error_code = row_text(&row);
		run->error_message = row_text(&row);
		run->error_detail = row_text(&row);
		run->error_hint = row_text(&row);
		run->error_context = row_text(&row);
	}
	ledger_leave(&scope);
	return run;
}

bool
ledger_is_deployer(int pid)
{
	LockData   *locks = GetLockStatusData();

	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *lock = &locks->locks[i];
		const LOCKTAG *tag = &lock->locktag;

		if (lock->pid == pid && lock->holdMask != 0 && tag->locktag_type == LOCKTAG_ADVISORY &&
			tag->locktag_field1 == MyDatabaseId && tag->locktag_field3 == LEDGER_DEPLOYER_KEY &&
			(tag->locktag_field4 == LEDGER_DEPLOYER_LOCK || tag->locktag_field4 == LEDGER_WORKER_LOCK))
			return true;
	}
	return false;
}
