/*
 * session.c
 *		What a statement sets for those behind it, in the session or in its
 *		transaction, as far as its words say.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "script/script.h"
#include "utils/builtins.h"

/* ---- for the session ---- */

/* Functions of the server that only say something: called again they do no harm. */
static const char *const harmless[] = {
	"array_agg", "array_length", "array_to_string", "btrim", "cardinality", "concat", "concat_ws", "count", "current_database",
	"current_schema", "current_schemas", "current_setting", "format", "generate_series", "has_schema_privilege", "hashtext", "hashtextextended", "json_array_elements",
	"json_array_elements_text", "json_each", "json_each_text", "json_extract_path_text", "jsonb_array_elements",
	"jsonb_array_elements_text", "jsonb_each", "jsonb_each_text", "jsonb_extract_path_text", "left", "length", "lower", "ltrim",
	"max", "md5", "min", "now", "quote_ident", "quote_literal", "regexp_replace", "replace", "right", "rtrim", "set_config", "split_part",
	"string_agg", "string_to_array", "substring", "substr", "to_char", "unnest", "upper"
};

static bool
is_boolean(const Node *node, bool value)
{
	bool		is;

	if (IsA(node, TypeCast))
		node = ((const TypeCast *) node)->arg;
	if (!IsA(node, A_Const))
		return false;
	if (IsA(&((const A_Const *) node)->val, Boolean))
		return ((const A_Const *) node)->val.boolval.boolval == value;
	return IsA(&((const A_Const *) node)->val, String) && parse_bool(((const A_Const *) node)->val.sval.sval, &is) && is == value;
}

/* The name of a function if it is one of the server's, as far as that can be told, or NULL. */
static const char *
server_function(const FuncCall *call)
{
	const List *name = call->funcname;

	return list_length(name) == 1 || strcmp(strVal(linitial(name)), "pg_catalog") == 0 ? strVal(llast(name)) : NULL;
}

/* Functions of the server that lock or unlock something for the session. */
static const char *const locks[] = {
	"pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_unlock", "pg_advisory_unlock_all", "pg_advisory_unlock_shared",
	"pg_try_advisory_lock", "pg_try_advisory_lock_shared"
};

static bool
is_one_of(const char *name, const char *const *names, int n)
{
	for (int i = 0; name && i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
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
	bool		locks;			/* for the session */
	bool		does_more;		/* what must not be done twice, or may say another thing then, as far as is known */
	const WithClause *with;
} SettingsOf;

/* The query that a statement runs, or NULL. */
static Node *
query_of(Node *node)
{
	switch (nodeTag(node))
	{
		case T_SelectStmt:
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			return node;
		case T_CreateTableAsStmt:
			return query_of(((CreateTableAsStmt *) node)->query);
		case T_CopyStmt:
			return ((CopyStmt *) node)->query;
		case T_CallStmt:
			return (Node *) ((CallStmt *) node)->funccall;
		case T_ExecuteStmt:
			return (Node *) ((ExecuteStmt *) node)->params;
		default:
			return NULL;
	}
}

static bool
look_for_settings(Node *node, void *arg)
{
	SettingsOf *settings = arg;
	const char *name;
	bool		is_lock;

	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
	{
		name = server_function((FuncCall *) node);
		is_lock = is_one_of(name, locks, lengthof(locks));
		settings->locks |= is_lock;
		settings->sets |= calls_set_config((FuncCall *) node) && !is_boolean(llast(((FuncCall *) node)->args), true);
		settings->does_more |= !is_lock && !is_one_of(name, harmless, lengthof(harmless));
	}
	else if (IsA(node, RangeVar))
		settings->does_more |= !says_the_same((RangeVar *) node, settings->with);
	else if (IsA(node, IntoClause) || IsA(node, InsertStmt) || IsA(node, UpdateStmt) || IsA(node, DeleteStmt) || IsA(node, MergeStmt))
		settings->does_more = true;
	return raw_expression_tree_walker(node, look_for_settings, arg);
}

/* What is no SELECT does more than that. */
static SessionSetting
set_by_query(Node *stmt)
{
	Node	   *query = query_of(stmt);
	SettingsOf	settings = {.does_more = !IsA(stmt, SelectStmt)};

	if (query == NULL)
		return SETS_NOTHING;
	if (IsA(stmt, SelectStmt))
		settings.with = ((const SelectStmt *) stmt)->withClause;
	(void) look_for_settings(query, &settings);
	/* What is locked for the session keeps others out at most, and need not be had again. */
	if (settings.sets)
		return settings.does_more ? SETS_ONCE : SETS_AGAIN;
	return settings.locks && !settings.does_more ? SETS_AGAIN : SETS_NOTHING;
}

SessionSetting
mig_script_sets_session(const ScriptStatement *stmt)
{
	Node	   *node = stmt->raw->stmt;

	switch (nodeTag(node))
	{
		case T_VariableSetStmt:
			return ((const VariableSetStmt *) node)->is_local ? SETS_NOTHING : SETS_AGAIN;
		case T_DiscardStmt:
			return ((const DiscardStmt *) node)->target == DISCARD_ALL ? SETS_AGAIN : SETS_NOTHING;
		case T_PrepareStmt:
		case T_DeallocateStmt:
			return SETS_AGAIN;
		default:
			return set_by_query(node);
	}
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
	"pg_advisory_xact_lock", "pg_advisory_xact_lock_shared", "pg_export_snapshot", "pg_try_advisory_xact_lock",
	"pg_try_advisory_xact_lock_shared"
};

static bool
calls_for_transaction(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
	{
		if (calls_set_config((FuncCall *) node) && !is_boolean(llast(((FuncCall *) node)->args), false))
			return true;
		if (is_one_of(server_function((FuncCall *) node), for_transaction, lengthof(for_transaction)))
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
			return ((SelectStmt *) node)->lockingClause != NIL || calls_for_transaction(node, NULL);
		default:
			return false;
	}
}
