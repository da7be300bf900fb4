/*
 * ignore.c
 *		migrate.ignore() and migrate.unignore(): what other tools own is not called
 *		adrift.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/readonly.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "ledger/expected.h"
#include "lib/stringinfo.h"
#include "plan/see.h"
#include "utils/acl.h"
#include "utils/json.h"

static void
add_pair(StringInfo json, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(json, ", \"%s\": ", key);
	escape_json(json, value);
}

static void
decide(const char *what, const IgnoreRule *rule, int64 id, const char *reason)
{
	Decision	decision = {.decision = what, .object_type = rule->object_type, .reason = reason};
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"id\": " INT64_FORMAT, id);
	add_pair(&detail, "schema_name", rule->schema_name);
	add_pair(&detail, "identity_like", rule->identity_like);
	add_pair(&detail, "role_name", rule->role_name);
	appendStringInfoChar(&detail, '}');
	decision.detail = detail.data;
	ledger_write_decision(&decision);
}

/* Matching would say so only when it comes that far. */
static void
check_pattern(const char *pattern)
{
	int			escapes = 0;

	for (size_t n = strlen(pattern); n > 0 && pattern[n - 1] == '\\'; n--)
		escapes++;
	if (escapes % 2 == 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_ESCAPE_SEQUENCE),
				 errmsg("LIKE pattern must not end with escape character")));
}

MIG_FUNCTION(mig_ignore);

/* migrate.ignore(reason, schema_name, object_type, identity_like, role_name) */
static Datum
mig_ignore_body(PG_FUNCTION_ARGS)
{
	IgnoreRule	rule = {0};
	char	   *reason;
	int64		id;

	mig_refuse_read_only("migrate.ignore");
	reason = mig_reason(fcinfo, 0);
	rule.schema_name = mig_optional_text(fcinfo, 1);
	rule.object_type = mig_optional_text(fcinfo, 2);
	rule.identity_like = mig_optional_text(fcinfo, 3);
	rule.role_name = mig_optional_text(fcinfo, 4);
	ledger_require("administrator", NULL);
	if (!rule.schema_name && !rule.object_type && !rule.identity_like && !rule.role_name)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("it must be said what is to be ignored"),
				 errhint("SELECT migrate.ignore('<why>', schema_name => '<schema>');  or object_type, identity_like, role_name.")));
	if (rule.identity_like)
		check_pattern(rule.identity_like);
	if (rule.role_name)
		(void) get_role_oid(rule.role_name, false);
	id = ledger_ignore(&rule, reason);
	decide("ignored", &rule, id, reason);
	PG_RETURN_INT64(id);
}

MIG_FUNCTION(mig_unignore);

/* migrate.unignore(id, reason) */
static Datum
mig_unignore_body(PG_FUNCTION_ARGS)
{
	IgnoreRule *rule;
	char	   *reason;

	mig_refuse_read_only("migrate.unignore");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"id\" cannot be NULL")));
	reason = mig_reason(fcinfo, 1);
	ledger_require("administrator", NULL);
	rule = ledger_unignore(PG_GETARG_INT64(0));
	if (rule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("nothing is ignored under the id " INT64_FORMAT, PG_GETARG_INT64(0)),
				 errhint("SELECT * FROM migrate.ignored;")));
	decide("unignored", rule, rule->id, reason);
	PG_RETURN_VOID();
}
