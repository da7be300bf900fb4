/*
 * steps.c
 *		Which statements of a script that commits in between share a transaction.
 */
#include "postgres.h"

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

/* Commit what adds a value before the statement that uses it; *held: what has to be of one transaction with that. */
static bool
divide_behind(Script *script, ScriptStep step, int failed, bool (*adds) (const ScriptStatement *), const ScriptStatement **held)
{
	const ScriptStatement *before = NULL;
	bool		divided = false;

	for (int number = step.first; number < failed; number++)
	{
		ScriptStatement *stmt = statement(script, number);

		if (before == NULL && mig_script_ends_with_transaction(stmt))
			before = stmt;
		if (!adds(stmt) || stmt->ends_step)
			continue;
		if (before)
		{
			if (!divided)
				*held = before;
			break;
		}
		divided = stmt->ends_step = true;
	}
	return divided;
}

const ScriptStatement *
mig_script_held(const Script *script, int first, int last)
{
	for (int number = first; number <= last; number++)
		if (mig_script_ends_with_transaction(statement(script, number)))
			return statement(script, number);
	return NULL;
}

bool
mig_script_divide(Script *script, ScriptStep step, int failed, int sqlstate, const ScriptStatement **held)
{
	ScriptStatement *stmt = statement(script, failed);

	*held = NULL;
	if (stmt->mode != MODE_TOP_LEVEL && mig_script_wants_top_level(stmt, sqlstate))
	{
		*held = mig_script_held(script, step.first, failed - 1);
		if (*held)
			return false;
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
mig_script_copies(const Script *script, const ScriptStatement *stmt, int from)
{
	int			result = 0;

	for (int number = from; number <= script->nstatements; number++)
		result += mig_script_is_same(statement(script, number), stmt);
	return result;
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
