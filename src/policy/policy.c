/*
 * policy.c
 *		Policies and capabilities: set, granted, taken back, recorded.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/errors.h"
#include "common/names.h"
#include "common/readonly.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "ledger/ledger.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"

/* A policy and the words it may be; without any it is a number from 0. */
typedef struct Policy
{
	const char *name;
	const char *values[4];
} Policy;

static const Policy policies[] = {
	{"blockers", {"wait", "cancel", "terminate"}},
	{"blockers_min_age", {NULL}},	/* s */
	{"drift", {"warn", "ignore", "refuse"}},
	{"heads", {"many", "one"}},
	{"out_of_order", {"apply", "refuse", "skip"}}
};

static char *
policy_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < lengthof(policies); i++)
		mig_list_name(&names, policies[i].name);
	return names.data;
}

static const Policy *
find_policy(const char *name)
{
	for (int i = 0; i < lengthof(policies); i++)
		if (strcmp(policies[i].name, name) == 0)
			return &policies[i];
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("policy \"%s\" is not known", name),
			 errhint("Policies are %s.", policy_names())));
}

static void
check_number(const Policy *policy, const char *value)
{
	int			number;

	if (!parse_int(value, &number, 0, NULL) || number < 0 || strspn(value, "0123456789") != strlen(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("policy \"%s\" cannot be \"%s\"", policy->name, value),
				 errhint("It is a number of seconds.")));
}

static void
check_value(const Policy *policy, const char *value)
{
	StringInfoData known;

	if (policy->values[0] == NULL)
	{
		check_number(policy, value);
		return;
	}

	initStringInfo(&known);
	for (int i = 0; policy->values[i]; i++)
	{
		if (strcmp(policy->values[i], value) == 0)
			return;
		mig_list_name(&known, policy->values[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("policy \"%s\" cannot be \"%s\"", policy->name, value),
			 errhint("Values are %s.", known.data)));
}

static char *
json_pair(const char *key, const char *value)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	escape_json(&json, key);
	appendStringInfoString(&json, ": ");
	if (value)
		escape_json(&json, value);
	else
		appendStringInfoString(&json, "null");
	appendStringInfoChar(&json, '}');
	return json.data;
}

MIG_FUNCTION(mig_configure);

/* migrate.configure(setting, value, reason, project) */
static Datum
mig_configure_body(PG_FUNCTION_ARGS)
{
	char	   *setting = mig_required_text(fcinfo, 0, "setting");
	char	   *value = mig_optional_text(fcinfo, 1);
	char	   *project = mig_optional_text(fcinfo, 3);
	Decision	decision = {0};
	const Policy *policy;

	mig_refuse_read_only("migrate.configure");
	decision.reason = mig_reason(fcinfo, 2);
	if (project)
		mig_check_project(project);
	ledger_require("administrator", project);
	policy = find_policy(setting);
	if (value)
		check_value(policy, value);
	ledger_set_policy(setting, project, value);
	decision.decision = "setting_changed";
	decision.project = project;
	decision.detail = json_pair(setting, value);
	ledger_write_decision(&decision);
	PG_RETURN_VOID();
}

static const char *
check_capability(const char *capability)
{
	int			n;
	const char *const *names = ledger_capabilities(&n);
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < n; i++)
	{
		if (strcmp(names[i], capability) == 0)
			return names[i];
		mig_list_name(&known, names[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("capability \"%s\" is not known", capability),
			 errhint("Capabilities are %s.", known.data)));
}

static Datum
change_capability(FunctionCallInfo fcinfo, bool grant)
{
	char	   *role_name = mig_required_text(fcinfo, 0, "role_name");
	char	   *capability = mig_required_text(fcinfo, 1, "capability");
	char	   *project = mig_optional_text(fcinfo, 2);
	Decision	decision = {0};
	Oid			role;

	mig_refuse_read_only(grant ? "migrate.grant_capability" : "migrate.revoke_capability");
	ledger_require("administrator", project);
	role = get_role_oid(role_name, false);
	check_capability(capability);
	if (project)
		mig_check_project(project);
	if (project)
		ledger_grant_project(role, capability, project, grant);
	else
		ledger_grant_marker(role_name, capability, grant);
	ledger_grant_views(role, role_name);
	decision.decision = grant ? "capability_granted" : "capability_revoked";
	decision.project = project;
	decision.detail = json_pair(role_name, capability);
	ledger_write_decision(&decision);
	PG_RETURN_VOID();
}

MIG_FUNCTION(mig_grant_capability);

/* migrate.grant_capability(role_name, capability, project) */
static Datum
mig_grant_capability_body(PG_FUNCTION_ARGS)
{
	return change_capability(fcinfo, true);
}

MIG_FUNCTION(mig_revoke_capability);

/* migrate.revoke_capability(role_name, capability, project) */
static Datum
mig_revoke_capability_body(PG_FUNCTION_ARGS)
{
	return change_capability(fcinfo, false);
}
