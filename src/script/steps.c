/*
 * steps.c
 *		Which statements of a script that commits in between share a transaction.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "script/script.h"
#include "utils/errcodes.h"

static ScriptStatement *
statement(const Script *script, int number)
{
	return list_nth(script->statements, number - 1);
}

ScriptStep
mig_script_step(const Script *script, int first, bool every)
{
	ScriptStep	step = {first, first, statement(script, first)->mode == MODE_TOP_LEVEL};

	while ((!every || script->block) && !step.top_level && step.last < script->nstatements &&
		   !statement(script, step.last)->ends_step &&
		   statement(script, step.last + 1)->mode != MODE_TOP_LEVEL)
		step.last++;
	return step;
}

/* Functions of the server that only say something: called again they do no harm. */
static const char *const harmless[] = {
	"coalesce", "concat", "concat_ws", "current_database", "current_schema", "current_setting", "format", "lower",
	"quote_ident", "quote_literal", "replace", "set_config", "string_agg", "upper"
};

/* What a query does with the settings of the session. */
typedef struct SettingsOf
{
	bool		sets;			/* it calls set_config */
	bool		does_more;		/* what must not be done twice, as far as is known */
} SettingsOf;

static bool
look_for_settings(Node *node, void *arg)
{
	SettingsOf *settings = arg;
	const List *name;
	bool		known = false;

	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
	{
		name = ((const FuncCall *) node)->funcname;
		for (int i = 0; i < lengthof(harmless) && !known; i++)
			known = strcmp(strVal(llast(name)), harmless[i]) == 0 &&
				(list_length(name) == 1 || strcmp(strVal(linitial(name)), "pg_catalog") == 0);
		settings->sets |= strcmp(strVal(llast(name)), "set_config") == 0;
		settings->does_more |= !known;
	}
	else if (IsA(node, IntoClause) || IsA(node, InsertStmt) || IsA(node, UpdateStmt) || IsA(node, DeleteStmt) || IsA(node, MergeStmt))
		settings->does_more = true;
	return raw_expression_tree_walker(node, look_for_settings, arg);
}

static SettingsOf
settings_of(const ScriptStatement *stmt)
{
	SettingsOf	settings = {false, false};

	if (IsA(stmt->raw->stmt, SelectStmt))
		(void) look_for_settings(stmt->raw->stmt, &settings);
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
		one->kind != VAR_SET_MULTI && other->kind != VAR_SET_MULTI && pg_strcasecmp(one->name, other->name) == 0;
}

/* ALTER TYPE ... ADD VALUE, whose value nobody can use before it is committed. */
static bool
adds_value(const ScriptStatement *stmt)
{
	return IsA(stmt->raw->stmt, AlterEnumStmt) &&
		((const AlterEnumStmt *) stmt->raw->stmt)->oldVal == NULL;
}

/* Could it have added one, in what it runs? */
static bool
may_add_value(const ScriptStatement *stmt)
{
	switch (nodeTag(stmt->raw->stmt))
	{
		case T_DoStmt:
		case T_CallStmt:
		case T_SelectStmt:
		case T_CreateExtensionStmt:
		case T_AlterExtensionStmt:
			return true;
		default:
			return false;
	}
}

bool
mig_script_wants_top_level(const ScriptStatement *stmt, int sqlstate)
{
	switch (nodeTag(stmt->raw->stmt))
	{
		case T_CallStmt:
		case T_DoStmt:
			return sqlstate == ERRCODE_INVALID_TRANSACTION_TERMINATION;
		case T_ReindexStmt:
		case T_ClusterStmt:
			return sqlstate == ERRCODE_ACTIVE_SQL_TRANSACTION;
		default:
			return false;
	}
}

/* Functions of the server whose effect ends with the transaction. */
static const char *const for_transaction[] = {
	"pg_advisory_xact_lock", "pg_advisory_xact_lock_shared", "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared"
};

static bool
is_false(const Node *node)
{
	if (IsA(node, TypeCast))
		node = ((const TypeCast *) node)->arg;
	return IsA(node, A_Const) && IsA(&((const A_Const *) node)->val, Boolean) && !((const A_Const *) node)->val.boolval.boolval;
}

static bool
calls_for_transaction(Node *node, void *arg)
{
	const FuncCall *call = (const FuncCall *) node;
	const char *name;

	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
	{
		name = strVal(llast(call->funcname));
		if (strcmp(name, "set_config") == 0 && !(list_length(call->args) == 3 && is_false(llast(call->args))))
			return true;
		for (int i = 0; i < lengthof(for_transaction); i++)
			if (strcmp(name, for_transaction[i]) == 0)
				return true;
	}
	return raw_expression_tree_walker(node, calls_for_transaction, arg);
}

/* Does what it does end with its transaction? */
static bool
ends_with_transaction(const ScriptStatement *stmt)
{
	Node	   *node = stmt->raw->stmt;

	switch (nodeTag(node))
	{
		case T_VariableSetStmt:
			return ((VariableSetStmt *) node)->is_local;
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

/* Commit what adds a value before the statement that uses it; *held: what has to be of one transaction with that. */
static bool
divide_behind(Script *script, ScriptStep step, int failed, bool (*adds) (const ScriptStatement *), const ScriptStatement **held)
{
	bool		divided = false;

	*held = NULL;
	for (int number = step.first; number < failed; number++)
	{
		ScriptStatement *stmt = statement(script, number);

		if (*held == NULL && ends_with_transaction(stmt))
			*held = stmt;
		if (!adds(stmt) || stmt->ends_step)
			continue;
		if (*held)
			return false;
		divided = stmt->ends_step = true;
	}
	return divided;
}

bool
mig_script_divide(Script *script, ScriptStep step, int failed, int sqlstate, const ScriptStatement **held)
{
	ScriptStatement *stmt = statement(script, failed);

	*held = NULL;
	if (stmt->mode != MODE_TOP_LEVEL && mig_script_wants_top_level(stmt, sqlstate))
	{
		stmt->mode = MODE_TOP_LEVEL;
		stmt->mode_reason = "it commits while it works";
		return true;
	}
	return sqlstate == ERRCODE_UNSAFE_NEW_ENUM_VALUE_USAGE &&
		(divide_behind(script, step, failed, adds_value, held) ||
		 (*held == NULL && divide_behind(script, step, failed, may_add_value, held)));
}

bool
mig_script_is_same(const ScriptStatement *a, const ScriptStatement *b)
{
	return strcmp(a->sql, b->sql) == 0 && a->copy_length == b->copy_length &&
		(a->copy_length == 0 || memcmp(a->copy_data, b->copy_data, a->copy_length) == 0);
}

int
mig_script_first_change(const Script *before, const Script *now, int n)
{
	for (int number = 1; number <= n; number++)
		if (number > now->nstatements || number > before->nstatements ||
			!mig_script_is_same(statement(before, number), statement(now, number)))
			return number;
	return 0;
}
