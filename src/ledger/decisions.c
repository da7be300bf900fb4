/*
 * decisions.c
 *		What people decided: the log of it, holds and policies.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "ledger/ledger.h"
#include "ledger/query.h"

void
ledger_write_decision(const Decision *decision)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.log_decisions (decision, project, name, checksum, run_id, role_name, reason, detail, ddl_id, object_type, identity,"
		" decided_at, session_role, application_name, client_addr, transaction_id)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8::pg_catalog.jsonb, $9, $10, $11, pg_catalog.clock_timestamp(), SESSION_USER,"
		" pg_catalog.current_setting('application_name'), $12, pg_catalog.pg_current_xact_id())"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, decision->decision);
	arg_text(&args, decision->project);
	arg_text(&args, decision->name);
	arg_bytea(&args, decision->checksum);
	arg_id(&args, decision->run_id);
	arg_name(&args, decision->role_name ? decision->role_name : scope.role_name);
	arg_text(&args, decision->reason);
	arg_text(&args, decision->detail);
	arg_id(&args, decision->ddl_id);
	arg_text(&args, decision->object_type);
	arg_text(&args, decision->identity);
	arg_client(&args);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

/* Run a statement that takes a migration's full name, and a role and a reason where given. */
static uint64
by_name(LedgerQuery *query, const char *project, const char *name, const char *reason)
{
	LedgerArgs	args = {0};
	LedgerScope scope;
	uint64		n;

	ledger_enter(&scope);
	arg_text(&args, project);
	arg_text(&args, name);
	if (reason)
	{
		arg_name(&args, scope.role_name);
		arg_text(&args, reason);
	}
	n = ledger_run(query, &args);
	ledger_leave(&scope);
	return n;
}

/* False: it is held already. */
bool
ledger_hold(const char *project, const char *name, const char *reason)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.holds (project, name, held_by, reason, held_at)"
		" VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp()) ON CONFLICT DO NOTHING"
	};

	return by_name(&query, project, name, reason) > 0;
}

/* False: it was not held. */
bool
ledger_release(const char *project, const char *name)
{
	static LedgerQuery query = {
		"DELETE FROM migrate.holds WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};

	return by_name(&query, project, name, NULL) > 0;
}

bool
ledger_is_held(const char *project, const char *name)
{
	static LedgerQuery query = {
		"SELECT 1 FROM migrate.holds WHERE project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};

	/* Asked before each migration, and hardly ever is anything held. */
	return !ledger_is_empty("holds") && by_name(&query, project, name, NULL) > 0;
}

/* The value set for a project, else the one set for all, else NULL. */
char *
ledger_policy(const char *setting, const char *project)
{
	static LedgerQuery query = {
		"SELECT value FROM migrate.policies WHERE setting OPERATOR(pg_catalog.=) $1"
		" AND (project OPERATOR(pg_catalog.=) $2 OR project OPERATOR(pg_catalog.=) '')"
		" ORDER BY project DESC LIMIT 1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	char	   *value = NULL;

	ledger_enter(&scope);
	arg_text(&args, setting);
	arg_text(&args, project ? project : "");
	if (ledger_run(&query, &args) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		value = row_text(&row);
	}
	ledger_leave(&scope);
	return value;
}

/* value NULL goes back to what holds without it. */
void
ledger_set_policy(const char *setting, const char *project, const char *value)
{
	static LedgerQuery set = {
		"INSERT INTO migrate.policies (setting, project, changed_by, value, changed_at)"
		" VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp())"
		" ON CONFLICT (setting, project) DO UPDATE SET value = excluded.value,"
		" changed_by = excluded.changed_by, changed_at = excluded.changed_at"
	};
	static LedgerQuery reset = {
		"DELETE FROM migrate.policies WHERE setting OPERATOR(pg_catalog.=) $1 AND project OPERATOR(pg_catalog.=) $2"
	};

	by_name(value ? &set : &reset, setting, project ? project : "", value);
}
