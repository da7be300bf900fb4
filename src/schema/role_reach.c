/*
 * role_reach.c
 *		What statements about roles do to objects: to their owners and privileges,
 *		and to the settings of roles in this database.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "common/identity.h"
#include "miscadmin.h"
#include "schema/amends.h"
#include "schema/properties.h"
#include "schema/role_reach.h"

static bool
is_role(const Node *spec, const char *name)
{
	const RoleSpec *role = (const RoleSpec *) spec;

	return role->roletype != ROLESPEC_CSTRING || mig_differs_has_name(name, role->rolename);
}

static bool
is_among_roles(const List *specs, const char *name)
{
	const ListCell *cell;

	foreach(cell, specs)
		if (is_role(lfirst(cell), name))
			return true;
	return false;
}

/* REASSIGN OWNED: what one of them owned has another owner. */
static bool
owner_is_among(const List *roles, const Drift *drift)
{
	ListCell   *cell;

	foreach(cell, mig_schema_properties(drift->expected))
	{
		const Property *property = lfirst(cell);

		if (strcmp(property->key, "owner") == 0)
			return (drift->lines & LINES_OWNER) && is_among_roles(roles, property->value);
	}
	return false;
}

/*
 * DROP OWNED: what is left of an object has no privileges of theirs any more, and a
 * policy is for the others.
 */
static bool
loses_roles(const List *roles, const Drift *drift)
{
	if (DRIFT_IS_CHANGED(drift) && DRIFT_IS_A(drift, "policy"))
		return mig_differs_key(drift, NULL, "to") && is_among_roles(roles, drift->core);
	return (DRIFT_IS_CHANGED(drift) || drift->is_in_part) && mig_amends_grants_of(roles, drift);
}

bool
mig_takes_from_role(const Node *stmt, const Drift *drift)
{
	switch (nodeTag(stmt))
	{
		case T_ReassignOwnedStmt:
			return DRIFT_IS_CHANGED(drift) && owner_is_among(((const ReassignOwnedStmt *) stmt)->roles, drift);
		case T_DropOwnedStmt:
			return !drift->is_gone && loses_roles(((const DropOwnedStmt *) stmt)->roles, drift);
		default:
			return false;
	}
}

/* "role NAME in this database"; NULL: it is "this database". */
static const char *
role_of_settings(const char *identity)
{
	const char *end = mig_behind_word(identity, " in this database");

	return end ? pnstrdup(identity + strlen("role "), end - strlen(" in this database") - identity - strlen("role ")) : NULL;
}

static bool
sets_for_role(const AlterRoleSetStmt *stmt, const char *name)
{
	if (stmt->database == NULL || strcmp(stmt->database, get_database_name(MyDatabaseId)) != 0)
		return false;
	return stmt->role && name ? is_role((const Node *) stmt->role, name) : stmt->role == NULL && name == NULL;
}

bool
mig_is_about_settings(const Node *stmt, const char *identity)
{
	const char *name = role_of_settings(identity);
	const RenameStmt *rename = (const RenameStmt *) stmt;

	switch (nodeTag(stmt))
	{
		case T_AlterDatabaseSetStmt:
			return name == NULL;
		case T_AlterRoleSetStmt:
			return sets_for_role((const AlterRoleSetStmt *) stmt, name);
		case T_DropRoleStmt:
			return name && is_among_roles(((const DropRoleStmt *) stmt)->roles, name);
		case T_RenameStmt:
			return name && rename->renameType == OBJECT_ROLE &&
				(mig_differs_has_name(name, rename->subname) || mig_differs_has_name(name, rename->newname));
		default:
			return false;
	}
}
