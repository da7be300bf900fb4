/*
 * ignored.c
 *		Which objects are not called adrift, since other tools own them.
 */
#include "postgres.h"

#include "ledger/expected.h"
#include "ledger/query.h"

#define RULE_COLUMNS "id, schema_name, object_type, identity_like, role_name"

static IgnoreRule *
read_rule(uint64 number)
{
	IgnoreRule *rule = palloc(sizeof(IgnoreRule));
	LedgerRow	row;

	row_begin(&row, number);
	rule->id = row_int8(&row);
	rule->schema_name = row_text(&row);
	rule->object_type = row_text(&row);
	rule->identity_like = row_text(&row);
	rule->role_name = row_text(&row);
	return rule;
}

int64
ledger_ignore(const IgnoreRule *rule, const char *reason)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.ignored (schema_name, object_type, identity_like, role_name, reason, ignored_by, ignored_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, pg_catalog.clock_timestamp()) RETURNING " RULE_COLUMNS
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	int64		id;

	ledger_enter(&scope);
	arg_text(&args, rule->schema_name);
	arg_text(&args, rule->object_type);
	arg_text(&args, rule->identity_like);
	arg_text(&args, rule->role_name);
	arg_text(&args, reason);
	arg_name(&args, scope.role_name);
	ledger_run(&query, &args);
	id = read_rule(0)->id;
	ledger_leave(&scope);
	return id;
}

IgnoreRule *
ledger_unignore(int64 id)
{
	static LedgerQuery query = {
		"DELETE FROM migrate.ignored WHERE id OPERATOR(pg_catalog.=) $1 RETURNING " RULE_COLUMNS
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	IgnoreRule *rule;

	ledger_enter(&scope);
	arg_int8(&args, id);
	rule = ledger_run(&query, &args) > 0 ? read_rule(0) : NULL;
	ledger_leave(&scope);
	return rule;
}

List *
ledger_ignore_rules(void)
{
	static LedgerQuery query = {
		"SELECT " RULE_COLUMNS " FROM migrate.ignored ORDER BY id"
	};
	LedgerScope scope;
	List	   *rules = NIL;
	uint64		n;

	if (ledger_is_empty("ignored"))
		return NIL;
	ledger_enter(&scope);
	n = ledger_run(&query, NULL);
	for (uint64 i = 0; i < n; i++)
		rules = lappend(rules, read_rule(i));
	ledger_leave(&scope);
	return rules;
}
