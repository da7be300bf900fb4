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

	while (!every && !step.top_level && step.last < script->nstatements &&
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

/* Why it has to be at top level, as its failure in a transaction shows; NULL: it does not. */
static const char *
top_level_reason(const ScriptStatement *stmt, int sqlstate)
{
	switch (nodeTag(stmt->raw->stmt))
	{
		case T_CallStmt:
		case T_DoStmt:
			return sqlstate == ERRCODE_INVALID_TRANSACTION_TERMINATION ? "it commits while it works" : NULL;
		case T_ClusterStmt:
		case T_ReindexStmt:
			return sqlstate == ERRCODE_ACTIVE_SQL_TRANSACTION ? "it commits after each partition" : NULL;
		default:
			return NULL;
	}
}

bool
mig_script_failed_for_transaction(const ScriptStatement *stmt, int sqlstate)
{
	return sqlstate == ERRCODE_UNSAFE_NEW_ENUM_VALUE_USAGE || top_level_reason(stmt, sqlstate) != NULL;
}

bool
mig_script_divide(Script *script, ScriptStep step, int failed, int sqlstate)
{
	ScriptStatement *stmt = statement(script, failed);
	const char *reason = top_level_reason(stmt, sqlstate);
	bool		divided = false;

	if (reason && stmt->mode != MODE_TOP_LEVEL)
	{
		stmt->mode = MODE_TOP_LEVEL;
		stmt->mode_reason = reason;
		return true;
	}
	if (sqlstate != ERRCODE_UNSAFE_NEW_ENUM_VALUE_USAGE)
		return false;
	for (int number = step.first; number < failed; number++)
		if (adds_value(statement(script, number)) && !statement(script, number)->ends_step)
			divided = statement(script, number)->ends_step = true;
	return divided;
}

int
mig_script_first_change(const Script *before, const Script *now, int n)
{
	for (int number = 1; number <= n; number++)
		if (number > now->nstatements || number > before->nstatements ||
			strcmp(statement(before, number)->sql, statement(now, number)->sql) != 0)
			return number;
	return 0;
}
