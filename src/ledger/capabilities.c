/*
 * capabilities.c
 *		Who may do what: EXECUTE on a marker function, or for one project a row.
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "common/compat.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* Each capability, and in which others it is contained. */
static const char *const names[] = {
	"monitor", "author", "deployer", "approver", "break_glass", "administrator"
};

static bool
contains(const char *granted, const char *wanted)
{
	if (strcmp(granted, wanted) == 0 || strcmp(granted, "administrator") == 0)
		return true;
	if (strcmp(wanted, "monitor") == 0)
		return strcmp(granted, "break_glass") != 0;
	return strcmp(wanted, "author") == 0 && strcmp(granted, "deployer") == 0;
}

const char *const *
ledger_capabilities(int *n)
{
	*n = lengthof(names);
	return names;
}

/* Does this role have the capability for all projects? */
static bool
allowed_everywhere(Oid role, const char *capability)
{
	for (int i = 0; i < lengthof(names); i++)
	{
		Oid			marker;

		if (!contains(names[i], capability))
			continue;
		marker = LookupFuncName(list_make2(makeString("migrate"), makeString(psprintf("capability_%s", names[i]))),
								0, NULL, true);
		if (OidIsValid(marker) &&
			mig_object_aclcheck(ProcedureRelationId, marker, role, ACL_EXECUTE) == ACLCHECK_OK)
			return true;
	}
	return false;
}

/* project NULL: for any project at all. */
static bool
allowed_in(Oid role, const char *capability, const char *project)
{
	static LedgerQuery query = {
		"SELECT c.role, c.capability FROM migrate.project_capabilities c"
		" WHERE $1 IS NULL OR c.project OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		allowed = false;
	uint64		n;

	ledger_enter(&scope);
	arg_text(&args, project);
	n = ledger_run(&query, &args);
	for (uint64 i = 0; i < n && !allowed; i++)
	{
		LedgerRow	row;
		Oid			grantee;

		row_begin(&row, i);
		grantee = row_oid(&row);
		allowed = contains(row_text(&row), capability) &&
			SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(grantee)) &&
			has_privs_of_role(role, grantee);
	}
	ledger_leave(&scope);
	return allowed;
}

/* project NULL: for all projects. */
static bool
allowed(Oid role, const char *capability, const char *project)
{
	return allowed_everywhere(role, capability) ||
		(project != NULL && allowed_in(role, capability, project));
}

bool
ledger_allows(const char *capability, const char *project)
{
	(void) ledger_owner();
	return allowed(GetUserId(), capability, project);
}

/* For all projects, to the session's user, whatever role he has set? */
bool
ledger_allows_session(const char *capability)
{
	(void) ledger_owner();
	return allowed_everywhere(GetSessionUserId(), capability);
}

/* For at least one project? */
bool
ledger_allows_any(const char *capability)
{
	Oid			role = GetUserId();

	return ledger_allows(capability, NULL) || allowed_in(role, capability, NULL);
}

/* A role that has it, which the user does not inherit from, and may become; NULL: there is none. */
static char *
role_to_set(const char *capability, const char *project)
{
	static LedgerQuery query = {
		"SELECT oid, rolname FROM pg_catalog.pg_roles"
		" WHERE pg_catalog.pg_has_role($1, oid, 'MEMBER') AND NOT pg_catalog.pg_has_role($1, oid, 'USAGE') ORDER BY rolname"
	};
	Oid			user = GetUserId();
	LedgerArgs	args = {0};
	LedgerScope scope;
	char	   *found = NULL;
	uint64		n;

	/* SET ROLE asks what the session's user may. */
	if (user != GetSessionUserId())
		return NULL;
	ledger_enter(&scope);
	arg_oid(&args, user);
	n = ledger_run(&query, &args);
	for (uint64 i = 0; i < n && !found; i++)
	{
		LedgerRow	row;
		Oid			role;

		row_begin(&row, i);
		role = row_oid(&row);
		if (mig_member_can_set_role(user, role) && allowed(role, capability, project))
			found = row_name(&row);
	}
	ledger_leave(&scope);
	return found;
}

/* How the user comes to a capability that he has not. */
static int
hint_of_missing(const char *capability, const char *project)
{
	char	   *user = quote_literal_cstr(GetUserNameFromId(GetUserId(), false));
	char	   *role = role_to_set(capability, project);

	if (role)
		return errhint("You may become a role that has it: SET ROLE %s;", quote_identifier(role));
	if (allowed_in(GetUserId(), capability, NULL))
		return errhint("You have it for another project: name that one, or have it granted for all of them: SELECT migrate.grant_capability(%s, '%s');",
					   user, capability);
	return errhint("An administrator can grant it: SELECT migrate.grant_capability(%s, '%s'%s);",
				   user, capability, project ? psprintf(", %s", quote_literal_cstr(project)) : "");
}

void
ledger_require(const char *capability, const char *project)
{
	if (ledger_allows(capability, project))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 project ?
			 errmsg("permission denied: this needs the capability \"%s\" for project \"%s\"", capability, project) :
			 errmsg("permission denied: this needs the capability \"%s\"", capability),
			 hint_of_missing(capability, project)));
}

/* Grant or take back a capability for one project. */
void
ledger_grant_project(Oid role, const char *capability, const char *project, bool grant)
{
	static LedgerQuery insert = {
		"INSERT INTO migrate.project_capabilities (role, capability, project, granted_by)"
		" VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
	};
	static LedgerQuery delete = {
		"DELETE FROM migrate.project_capabilities WHERE role OPERATOR(pg_catalog.=) $1"
		" AND capability OPERATOR(pg_catalog.=) $2 AND project OPERATOR(pg_catalog.=) $3"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_oid(&args, role);
	arg_text(&args, capability);
	arg_text(&args, project);
	if (grant)
		arg_name(&args, scope.role_name);
	ledger_run(grant ? &insert : &delete, &args);
	ledger_leave(&scope);
}

/* Run a GRANT or REVOKE, which takes no parameters, as the owner. */
static void
run_grant(const char *sql)
{
	LedgerScope scope;

	ledger_enter(&scope);
	ledger_execute(sql);
	ledger_leave(&scope);
}

/* Grant or take back a capability for all projects. */
void
ledger_grant_marker(const char *role_name, const char *capability, bool grant)
{
	run_grant(psprintf("%s EXECUTE ON FUNCTION migrate.capability_%s() %s %s",
					   grant ? "GRANT" : "REVOKE", capability, grant ? "TO" : "FROM",
					   quote_identifier(role_name)));
}

/* Give a role the views, or take them away, by whether any of its capabilities lets it look. */
void
ledger_grant_views(Oid role, const char *role_name)
{
	bool		sees;

	CommandCounterIncrement();
	sees = allowed_everywhere(role, "monitor") || allowed_in(role, "monitor", NULL);
	run_grant(psprintf("%s SELECT ON migrate.history, migrate.statement_log, migrate.decisions, migrate.runs,"
					   " migrate.progress, migrate.texts, migrate.migrations, migrate.capabilities,"
					   " migrate.settings, migrate.seals, migrate.ddl_log, migrate.out_of_band, migrate.out_of_band_history,"
					   " migrate.coverage, migrate.ignored, migrate.snapshots %s %s",
					   sees ? "GRANT" : "REVOKE", sees ? "TO" : "FROM", quote_identifier(role_name)));
}
