/*
 * repeats.c
 *		Statements that change nothing when they are given a second time.
 *
 * Those of a job that runs every night are the usual ones: who gave such a
 * statement first has made the difference.  What the same words do must not depend
 * on who says them, nor on his settings.
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "schema/repeats.h"

/* CURRENT_USER is another one for somebody else. */
static bool
is_same_role(const RoleSpec *role)
{
	return role == NULL || role->roletype == ROLESPEC_CSTRING || role->roletype == ROLESPEC_PUBLIC;
}

static bool
are_same_roles(const List *roles)
{
	ListCell   *cell;

	foreach(cell, roles)
		if (!is_same_role(lfirst(cell)))
			return false;
	return true;
}

/* Privileges are of him who gave them where that is not the owner. */
static bool
grants_nothing(const GrantStmt *stmt, const Drift *drift)
{
	return are_same_roles(stmt->grantees) && is_same_role(stmt->grantor) && strstr(drift->differing, " by ") == NULL;
}

/* A string may be read by the settings and the clock: 'now'. */
static bool
is_plain_constant(const Node *node)
{
	const A_Const *constant = (const A_Const *) node;

	return IsA(node, A_Const) && (constant->isnull || !IsA(&constant->val, String));
}

static bool
command_repeats_nothing(const AlterTableCmd *command)
{
	switch (command->subtype)
	{
		case AT_ChangeOwner:
			return is_same_role(command->newowner);
		case AT_SetNotNull:
		case AT_DropNotNull:
		case AT_SetStatistics:
		case AT_SetOptions:
		case AT_ResetOptions:
		case AT_SetRelOptions:
		case AT_ResetRelOptions:
		case AT_SetStorage:
		case AT_SetCompression:
		case AT_SetTableSpace:
		case AT_SetLogged:
		case AT_SetUnLogged:
		case AT_ReplicaIdentity:
		case AT_ClusterOn:
		case AT_DropCluster:
		case AT_EnableRowSecurity:
		case AT_DisableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_NoForceRowSecurity:
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_DisableTrig:
		case AT_EnableTrigAll:
		case AT_DisableTrigAll:
		case AT_EnableTrigUser:
		case AT_DisableTrigUser:
		case AT_EnableRule:
		case AT_EnableAlwaysRule:
		case AT_EnableReplicaRule:
		case AT_DisableRule:
			return true;
		case AT_ColumnDefault:
			return command->def == NULL || is_plain_constant(command->def);
		default:
			return false;
	}
}

static bool
alters_nothing(const AlterTableStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
		if (!command_repeats_nothing(lfirst(cell)))
			return false;
	return true;
}

/* A body as a string is kept as it is; types cannot be replaced by others of the same name. */
static bool
is_kept_as_text(const CreateFunctionStmt *stmt)
{
	ListCell   *cell;

	if (!stmt->replace || stmt->sql_body)
		return false;
	foreach(cell, stmt->parameters)
		if (lfirst_node(FunctionParameter, cell)->defexpr)
			return false;
	foreach(cell, stmt->options)
	{
		const DefElem *option = lfirst(cell);

		if (strcmp(option->defname, "set") == 0 && castNode(VariableSetStmt, option->arg)->kind == VAR_SET_CURRENT)
			return false;
	}
	return true;
}

bool
mig_repeats_nothing(const Node *stmt, const Drift *drift)
{
	switch (nodeTag(stmt))
	{
		case T_GrantStmt:
			return grants_nothing((const GrantStmt *) stmt, drift);
		case T_AlterTableStmt:
			return alters_nothing((const AlterTableStmt *) stmt);
		case T_AlterOwnerStmt:
			return is_same_role(((const AlterOwnerStmt *) stmt)->newowner);
		case T_CreateFunctionStmt:
			return is_kept_as_text((const CreateFunctionStmt *) stmt);
		case T_AlterDatabaseSetStmt:
			return ((const AlterDatabaseSetStmt *) stmt)->setstmt->kind != VAR_SET_CURRENT;
		case T_AlterRoleSetStmt:
			return is_same_role(((const AlterRoleSetStmt *) stmt)->role) && ((const AlterRoleSetStmt *) stmt)->setstmt->kind != VAR_SET_CURRENT;
		case T_CommentStmt:
		case T_SecLabelStmt:
		case T_AlterObjectSchemaStmt:
			return true;
		default:
			return false;
	}
}
