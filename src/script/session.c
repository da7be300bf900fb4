/*
 * session.c
 *		What a statement sets for those behind it, in the session or in its
 *		transaction, as far as its words say.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "script/script.h"

/* ---- for the session ---- */

/* Functions of the server that only say something: called again they do no harm. */
static const char *const harmless[] = {
	"array_agg", "array_to_string", "btrim", "concat", "concat_ws", "count", "current_database", "current_schema",
	"current_schemas", "current_setting", "format", "has_schema_privilege", "left", "lower", "max", "min", "now",
	"quote_ident", "quote_literal", "replace", "set_config", "split_part", "string_agg", "to_char", "upper"
};

static bool
is_boolean(const Node *node, bool value)
{
	if (IsA(node, TypeCast))
		node = ((const TypeCast *) node)->arg;
	return IsA(node, A_Const) && IsA(&((const A_Const *) node)->val, Boolean) &&
		((const A_Const *) node)->val.boolval.boolval == value;
}

/* The name of a function if it is one of the server's, as far as that can be told, or NULL. */
static const char *
server_function(const FuncCall *call)
{
	const List *name = call->funcname;

	return list_length(name) == 1 || strcmp(strVal(linitial(name)), "pg_catalog") == 0 ? strVal(llast(name)) : NULL;
}

static bool
calls_set_config(const FuncCall *call)
{
	const char *name = server_function(call);

	return name && strcmp(name, "set_config") == 0 && list_length(call->args) == 3;
}

/* What a table says may be another thing the next time; the names in a catalog rarely are, or what the query says itself. */
static bool
says_the_same(const RangeVar *relation, const WithClause *with)
{
	ListCell   *cell;

	foreach(cell, relation->schemaname == NULL && with ? with->ctes : NIL)
		if (strcmp(lfirst_node(CommonTableExpr, cell)->ctename, relation->relname) == 0)
			return true;
	if (relation->schemaname)
		return strcmp(relation->schemaname, "pg_catalog") == 0 || strcmp(relation->schemaname, "information_schema") == 0;
	return strncmp(relation->relname, "pg_", 3) == 0;
}

/* What a query does with the settings of the session. */
typedef struct SettingsOf
{
	bool		sets;			/* it calls set_config */
	bool		does_more;		/* what must not be done twice, or may say another thing then, as far as is known */
	const WithClause *with;
} SettingsOf;

static bool
look_for_settings(Node *node, void *arg)
{
	SettingsOf *settings = arg;
	const char *name;
	bool		known = false;

	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
	{
		name = server_function((FuncCall *) node);
		for (int i = 0; name && i < lengthof(harmless) && !known; i++)
			known = strcmp(name, harmless[i]) == 0;
		settings->sets |= calls_set_config((FuncCall *) node) && !is_boolean(llast(((FuncCall *) node)->args), true);
		settings->does_more |= !known;
	}
	else if (IsA(node, RangeVar))
		settings->does_more |= !says_the_same((RangeVar *) node, settings->with);
	else if (IsA(node, IntoClause) || IsA(node, InsertStmt) || IsA(node, UpdateStmt) || IsA(node, DeleteStmt) || IsA(node, MergeStmt))
		settings->does_more = true;
	return raw_expression_tree_walker(node, look_for_settings, arg);
}

static SettingsOf
settings_of(const ScriptStatement *stmt)
{
	SettingsOf	settings = {false, false, NULL};

	if (IsA(stmt->raw->stmt, SelectStmt))
	{
		settings.with = ((const SelectStmt *) stmt->raw->stmt)->withClause;
		(void) look_for_settings(stmt->raw->stmt, &settings);
	}
	return settings;
}

bool
mig_script_sets_session(const ScriptStatement *stmt)
{
	const Node *node = stmt->raw->stmt;
	SettingsOf	settings;

	switch (nodeTag(node))
	{
		case T_VariableSetStmt:
			return !((const VariableSetStmt *) node)->is_local;
		case T_DiscardStmt:
			return ((const DiscardStmt *) node)->target == DISCARD_ALL;
		case T_SelectStmt:
			settings = settings_of(stmt);
			return settings.sets && !settings.does_more;
		default:
			return false;
	}
}

bool
mig_script_sets_and_does_more(const ScriptStatement *stmt)
{
	SettingsOf	settings = settings_of(stmt);

	return settings.sets && settings.does_more;
}

/* Is what one has set of no account once the next one has been run? */
bool
mig_script_sets_the_same(const ScriptStatement *stmt, const ScriptStatement *next)
{
	const VariableSetStmt *one = (const VariableSetStmt *) stmt->raw->stmt;
	const VariableSetStmt *other = (const VariableSetStmt *) next->raw->stmt;

	return IsA(one, VariableSetStmt) && IsA(other, VariableSetStmt) && one->name && other->name &&
		one->kind != VAR_SET_MULTI && other->kind != VAR_SET_MULTI && other->kind != VAR_SET_CURRENT &&
		pg_strcasecmp(one->name, other->name) == 0;
}

/* ---- for the transaction ---- */

/* Functions of the server whose effect ends with the transaction. */
static const char *const for_transaction[] = {
	"pg_advisory_xact_lock", "pg_advisory_xact_lock_shared", "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared"
};

static bool
calls_for_transaction(Node *node, void *arg)
{
	const char *name;

	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
	{
		if (calls_set_config((FuncCall *) node) && !is_boolean(llast(((FuncCall *) node)->args), false))
			return true;
		name = server_function((FuncCall *) node);
		for (int i = 0; name && i < lengthof(for_transaction); i++)
			if (strcmp(name, for_transaction[i]) == 0)
				return true;
	}
	return raw_expression_tree_walker(node, calls_for_transaction, arg);
}

/* How long to wait for a lock is no matter of what is done, and what does not get one is tried again. */
static bool
is_of_no_matter(const VariableSetStmt *set)
{
	return set->name && pg_strcasecmp(set->name, "lock_timeout") == 0;
}

bool
mig_script_ends_with_transaction(const ScriptStatement *stmt)
{
	Node	   *node = stmt->raw->stmt;

	switch (nodeTag(node))
	{
		case T_VariableSetStmt:
			return ((VariableSetStmt *) node)->is_local && !is_of_no_matter((VariableSetStmt *) node);
		case T_ConstraintsSetStmt:
		case T_LockStmt:
			return true;
		case T_DeclareCursorStmt:
			return (((DeclareCursorStmt *) node)->options & CURSOR_OPT_HOLD) == 0;
		case T_CreateStmt:
			return ((CreateStmt *) node)->oncommit > ONCOMMIT_PRESERVE_ROWS;
		case T_CreateTableAsStmt:
			return ((CreateTableAsStmt *) node)->into->onCommit > ONCOMMIT_PRESERVE_ROWS;
		case T_SelectStmt:
			return calls_for_transaction(node, NULL);
		default:
			return false;
	}
}
