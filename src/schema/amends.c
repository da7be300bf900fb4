/*
 * amends.c
 *		What a statement can have changed of the object that it is about.
 *
 * Who has set the cost of a function has not written its body, and who has renamed
 * a table to and fro has not given it a column.  So a statement counts only where
 * a line differs that it changes, of the role, the column, the option that it
 * names.  Of an ALTER TABLE schema/alters.c knows.
 */
#include "postgres.h"

#include "common/compat.h"
#include "schema/alters.h"
#include "schema/amends.h"
#include "schema/properties.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

/* ---- names ---- */

/* Of what has a name in several words; NIL: it has none, or one that is a single word. */
static const List *
names_of(Node *object)
{
	if (object == NULL)
		return NIL;
	switch (nodeTag(object))
	{
		case T_List:
			return (List *) object;
		case T_TypeName:
			return ((TypeName *) object)->names;
		case T_ObjectWithArgs:
			return ((ObjectWithArgs *) object)->objname;
		default:
			return NIL;
	}
}

const char *
mig_last_name(Node *object)
{
	const List *names = names_of(object);

	if (object && IsA(object, String))
		return strVal(object);
	return names ? strVal(llast(names)) : NULL;
}

const char *
mig_schema_of_name(Node *object)
{
	const List *names = names_of(object);

	return list_length(names) > 1 ? strVal(list_nth(names, list_length(names) - 2)) : NULL;
}

const char *
mig_name_before(const RenameStmt *stmt)
{
	return stmt->subname ? stmt->subname : stmt->relation ? stmt->relation->relname : mig_last_name(stmt->object);
}

/* ---- options ---- */

/* The lines that an option changes; an option that is not here may change any. */
static const struct
{
	NodeTag		tag;
	const char *option;
	const char *keys[3];
}			option_keys[] = {
	{T_AlterFunctionStmt, "volatility", {"volatility"}},
	{T_AlterFunctionStmt, "strict", {"strict"}},
	{T_AlterFunctionStmt, "security", {"security definer"}},
	{T_AlterFunctionStmt, "leakproof", {"leakproof"}},
	{T_AlterFunctionStmt, "set", {"set"}},
	{T_AlterFunctionStmt, "cost", {"cost"}},
	{T_AlterFunctionStmt, "rows", {"rows"}},
	{T_AlterFunctionStmt, "support", {"support"}},
	{T_AlterFunctionStmt, "parallel", {"parallel"}},
	{T_AlterSeqStmt, "as", {"type", "minimum", "maximum"}},
	{T_AlterSeqStmt, "increment", {"increment"}},
	{T_AlterSeqStmt, "minvalue", {"minimum"}},
	{T_AlterSeqStmt, "maxvalue", {"maximum"}},
	{T_AlterSeqStmt, "start", {"start"}},
	{T_AlterSeqStmt, "cache", {"cache"}},
	{T_AlterSeqStmt, "cycle", {"cycle"}},
	{T_AlterSeqStmt, "owned_by", {"owned by"}},
	{T_AlterSeqStmt, "restart", {NULL}},
	{T_AlterOperatorStmt, "restrict", {"restrict"}},
	{T_AlterOperatorStmt, "join", {"join"}},
	{T_AlterOperatorStmt, "commutator", {"commutator"}},
	{T_AlterOperatorStmt, "negator", {"negator"}},
	{T_AlterOperatorStmt, "merges", {"merges"}},
	{T_AlterOperatorStmt, "hashes", {"hashes"}},
	{T_AlterPublicationStmt, "publish", {"publish"}},
	{T_AlterPublicationStmt, "publish_via_partition_root", {"via partition root"}},
	{T_AlterFdwStmt, "handler", {"handler"}},
	{T_AlterFdwStmt, "validator", {"validator"}}
};

static bool
changes_option(NodeTag tag, const char *option, const Drift *drift)
{
	for (int i = 0; i < lengthof(option_keys); i++)
	{
		if (option_keys[i].tag != tag || strcmp(option_keys[i].option, option) != 0)
			continue;
		for (int j = 0; j < lengthof(option_keys[i].keys) && option_keys[i].keys[j]; j++)
			if (mig_differs_key(drift, NULL, option_keys[i].keys[j]))
				return true;
		return false;
	}
	return true;
}

static bool
changes_any_option(const Node *stmt, const List *options, const Drift *drift)
{
	const ListCell *cell;

	foreach(cell, options)
		if (changes_option(nodeTag(stmt), lfirst_node(DefElem, cell)->defname, drift))
			return true;
	return false;
}

/* Options that stand in one line, with their names. */
static bool
names_option(const List *options, const char *key, const Drift *drift)
{
	const ListCell *cell;

	if (!mig_differs_key(drift, NULL, key))
		return false;
	foreach(cell, options)
		if (mig_differs_has_name(drift->core, lfirst_node(DefElem, cell)->defname))
			return true;
	return false;
}

static bool
changes_server(const AlterForeignServerStmt *stmt, const Drift *drift)
{
	return (stmt->has_version && mig_differs_key(drift, NULL, "version")) || names_option(stmt->options, "options", drift);
}

static bool
changes_policy(const AlterPolicyStmt *stmt, const Drift *drift)
{
	return (stmt->roles && mig_differs_key(drift, NULL, "to")) || (stmt->qual && mig_differs_key(drift, NULL, "using")) ||
		(stmt->with_check && mig_differs_key(drift, NULL, "with check"));
}

static bool
has_label(const Drift *drift, const char *label)
{
	return label && strstr(drift->differing, quote_literal_cstr(label));
}

/* Without a type of token it replaces a dictionary wherever it is. */
static bool
changes_mapping(const AlterTSConfigurationStmt *stmt, const Drift *drift)
{
	const ListCell *cell;

	foreach(cell, stmt->tokentype)
		if (mig_differs_key(drift, NULL, psprintf("map %s", strVal(lfirst(cell)))))
			return true;
	return stmt->tokentype == NIL;
}

/* ---- names, and where it is ---- */

/* Something else may have come to be called so; what is at its place and has its name is as it was. */
static bool
changes_name(const RenameStmt *stmt, const Drift *drift)
{
	const char *before = mig_name_before(stmt);
	bool		of_part = stmt->subname && stmt->renameType != OBJECT_TRIGGER && stmt->renameType != OBJECT_POLICY && stmt->renameType != OBJECT_RULE;

	return before == NULL || (!of_part && !drift->stays) ||
		mig_differs_has_name(drift->core, before) || mig_differs_has_name(drift->core, stmt->newname);
}

static bool
changes_schema(const AlterObjectSchemaStmt *stmt, const Drift *drift)
{
	return stmt->objectType == OBJECT_EXTENSION ? mig_differs_key(drift, NULL, "schema") : !drift->stays;
}

/* ---- owners and privileges ---- */

/* As lines of privileges call it, or NULL: that depends on who gave the statement. */
static const char *
grantee_name(const RoleSpec *role)
{
	if (role->roletype == ROLESPEC_PUBLIC)
		return "PUBLIC";
	return role->roletype == ROLESPEC_CSTRING ? quote_identifier(role->rolename) : NULL;
}

/* Where all is as usual nothing is said; and where it is not all is, also what the owner, or everybody, has as usual. */
static bool
is_said_once(const char *name, const Drift *drift)
{
	return mig_schema_says(drift->expected, "grant", NULL) != mig_schema_says(drift->actual, "grant", NULL) &&
		(strcmp(name, "PUBLIC") == 0 ? mig_schema_usual_privileges(drift->object_type, true) != NULL :
		 mig_schema_says(drift->expected, "owner", name) || mig_schema_says(drift->actual, "owner", name));
}

static bool
is_unusual(const char *name, const Drift *drift)
{
	const char *said = mig_schema_says(drift->expected, "grant", NULL) ? drift->expected : drift->actual;
	const char *usual = mig_schema_usual_privileges(drift->object_type, strcmp(name, "PUBLIC") == 0);

	/* Of what is the server's or an extension's it is not known. */
	return !mig_schema_says(said, "owner", NULL) || !mig_schema_says(said, "grant", psprintf("%s %s", name, usual));
}

/* All of them are said in one word. */
static bool
says_privilege(const char *line, const List *privileges)
{
	const ListCell *cell;

	foreach(cell, privileges)
	{
		const AccessPriv *privilege = lfirst_node(AccessPriv, cell);

		if (privilege->priv_name == NULL || strstr(line, asc_toupper(privilege->priv_name, strlen(privilege->priv_name))))
			return true;
	}
	return privileges == NIL || strstr(line, " ALL");
}

/* A line begins with whom it is of. */
static bool
has_line_of(const char *grantee, const List *privileges, const Drift *drift)
{
	const char *name = psprintf("%s ", grantee);
	const char *end;

	for (const char *line = drift->differing; *line; line = end + (*end == '\n'))
	{
		end = line + strcspn(line, "\n");
		if (strncmp(line, name, strlen(name)) == 0 && says_privilege(pnstrdup(line, end - line), privileges))
			return true;
	}
	return false;
}

/* Nothing is said of what has been taken from whoever has it by default. */
static bool
has_by_default(const RoleSpec *role, const Drift *drift)
{
	return strncmp(drift->object_type, "default acl", 11) == 0 &&
		(role->roletype == ROLESPEC_PUBLIC || mig_differs_has_name(drift->identity, role->rolename));
}

static bool
changes_grants_of(const RoleSpec *role, const GrantStmt *stmt, const Drift *drift)
{
	const char *name = grantee_name(role);

	if (name == NULL || has_by_default(role, drift))
		return true;
	return is_said_once(name, drift) ? is_unusual(name, drift) : has_line_of(name, stmt->privileges, drift);
}

static bool
has_grantee(const GrantStmt *stmt, const Drift *drift)
{
	const ListCell *cell;

	foreach(cell, stmt->grantees)
		if (changes_grants_of(lfirst_node(RoleSpec, cell), stmt, drift))
			return true;
	return false;
}

/* On a whole table it is on columns as well. */
static bool
has_granted_column(const List *privileges, const Drift *drift)
{
	const ListCell *cell;
	const ListCell *column_cell;

	foreach(cell, privileges)
	{
		const AccessPriv *privilege = lfirst_node(AccessPriv, cell);

		foreach(column_cell, privilege->cols)
			if (mig_differs_key(drift, strVal(lfirst(column_cell)), "grant") ||
				mig_differs_key(drift, NULL, psprintf("grant on %s", quote_identifier(strVal(lfirst(column_cell))))))
				return true;
		if (privilege->cols == NIL)
			return true;
	}
	return privileges == NIL;
}

bool
mig_amends_grants(const GrantStmt *stmt, const Drift *drift)
{
	return (drift->lines & LINES_GRANTS) && has_grantee(stmt, drift) && has_granted_column(stmt->privileges, drift);
}

/* What roles have lost with all that they had. */
bool
mig_amends_grants_of(const List *roles, const Drift *drift)
{
	const ListCell *cell;

	foreach(cell, roles)
	{
		const char *name = grantee_name(lfirst_node(RoleSpec, cell));

		if ((drift->lines & LINES_GRANTS) && (name == NULL || has_line_of(name, NIL, drift)))
			return true;
	}
	return false;
}

/* ---- all of it ---- */

/* Its conditions are objects of their own; since 18 that it is NOT NULL is a constraint, too. */
static int
lines_of_domain(const AlterDomainStmt *stmt)
{
	return MIG_NOT_NULL_HAS_ROW || strchr("TNO", stmt->subtype) ? LINES_OTHERS : 0;
}

static int
lines_of_comment(const CommentStmt *stmt)
{
	switch (stmt->objtype)
	{
		case OBJECT_COLUMN:
			return LINES_COLUMN_REMARKS;
		case OBJECT_TABCONSTRAINT:
		case OBJECT_DOMCONSTRAINT:
			return LINES_COMMENTS | LINES_COLUMN_REMARKS;
		default:
			return LINES_COMMENTS;
	}
}

/* The kinds of lines that a statement changes of what it is about. */
static int
lines_of(const Node *stmt, const Drift *drift)
{
	switch (nodeTag(stmt))
	{
		case T_CommentStmt:
			return lines_of_comment((const CommentStmt *) stmt);
		case T_SecLabelStmt:
			return LINES_LABELS;
		/* With the owner who has granted what is another one, too. */
		case T_AlterOwnerStmt:
			return LINES_OWNER;
		case T_AlterDomainStmt:
			return lines_of_domain((const AlterDomainStmt *) stmt);
		case T_AlterStatsStmt:
			return LINES_STATISTICS;
		case T_AlterEventTrigStmt:
			return LINES_ENABLED;
		case T_AlterCollationStmt:
			return 0;
		/* What is still where it was has been replaced, and keeps these. */
		case T_ViewStmt:
		case T_CreateFunctionStmt:
		case T_CreateTrigStmt:
		case T_RuleStmt:
		case T_DefineStmt:
			return drift->stays ? LINES_ALL & ~(LINES_GRANTS | LINES_COMMENTS | LINES_LABELS | LINES_OWNER) : LINES_ALL;
		case T_DropStmt:
			return drift->stays ? 0 : LINES_ALL;
		default:
			return LINES_ALL;
	}
}

/* Of the lines of these kinds. */
static bool
changes_lines(const Node *stmt, const Drift *drift)
{
	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			return mig_alters_own((const AlterTableStmt *) stmt, drift);
		case T_GrantStmt:
			return mig_amends_grants((const GrantStmt *) stmt, drift);
		case T_AlterDefaultPrivilegesStmt:
			return mig_amends_grants(((const AlterDefaultPrivilegesStmt *) stmt)->action, drift);
		case T_CommentStmt:
			return ((const CommentStmt *) stmt)->objtype != OBJECT_COLUMN ||
				mig_differs_column(drift, mig_last_name(((const CommentStmt *) stmt)->object));
		case T_RenameStmt:
			return changes_name((const RenameStmt *) stmt, drift);
		case T_AlterObjectSchemaStmt:
			return changes_schema((const AlterObjectSchemaStmt *) stmt, drift);
		case T_AlterObjectDependsStmt:
			return mig_differs_key(drift, NULL, "depends on extension");
		case T_AlterEnumStmt:
			return has_label(drift, ((const AlterEnumStmt *) stmt)->oldVal) || has_label(drift, ((const AlterEnumStmt *) stmt)->newVal);
		case T_AlterPolicyStmt:
			return changes_policy((const AlterPolicyStmt *) stmt, drift);
		case T_AlterFunctionStmt:
			return changes_any_option(stmt, ((const AlterFunctionStmt *) stmt)->actions, drift);
		case T_AlterSeqStmt:
			return changes_any_option(stmt, ((const AlterSeqStmt *) stmt)->options, drift);
		case T_AlterOperatorStmt:
			return changes_any_option(stmt, ((const AlterOperatorStmt *) stmt)->options, drift);
		case T_AlterPublicationStmt:
			return !DRIFT_IS_A(drift, "publication") ||
				changes_any_option(stmt, ((const AlterPublicationStmt *) stmt)->options, drift);
		case T_AlterFdwStmt:
			return changes_any_option(stmt, ((const AlterFdwStmt *) stmt)->func_options, drift) ||
				names_option(((const AlterFdwStmt *) stmt)->options, "options", drift);
		case T_AlterForeignServerStmt:
			return changes_server((const AlterForeignServerStmt *) stmt, drift);
		case T_AlterUserMappingStmt:
			return names_option(((const AlterUserMappingStmt *) stmt)->options, "options without values", drift);
		case T_AlterTSDictionaryStmt:
			return mig_differs_key(drift, NULL, "options");
		case T_AlterTSConfigurationStmt:
			return changes_mapping((const AlterTSConfigurationStmt *) stmt, drift);
		default:
			return true;
	}
}

bool
mig_amends(const Node *stmt, const Drift *drift)
{
	return (lines_of(stmt, drift) & drift->lines) && changes_lines(stmt, drift);
}
