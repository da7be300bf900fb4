/*
 * verify.c
 *		Run verify scripts at any time, and roll them back.
 */
#include "postgres.h"

#include "common/attempt.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/rows.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "run/deployer.h"
#include "run/run.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/timeout.h"

/* Run the script of one. */
static void
verify_one(void *arg)
{
	const Migration *migration = arg;
	StoredText *text = mig_step_text(migration, PART_VERIFY);
	Execution	execution = {0};
	MigrationOptions options;
	int			level;

	execution.full_name = mig_full_name(migration);
	if (text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_NO_SUCH_MIGRATION),
				 errmsg("migration \"%s\" has been unregistered meanwhile", execution.full_name)));
	execution.path = text->path;
	execution.script = mig_script_read(text->body, PART_VERIFY, text->path, text->line);
	mig_migration_options_read(text->options, &options);
	level = mig_guard_enter(&options);
	mig_execute_verify(&execution);
	mig_guard_leave(level);
}

static void
put_row(ReturnSetInfo *result, const Migration *migration, const ErrorData *error)
{
	MigRow		row;

	mig_row_begin(&row);
	mig_row_text(&row, migration->project);
	mig_row_text(&row, migration->name);
	mig_row_bool(&row, error == NULL);
	mig_row_text(&row, error ? unpack_sql_state(error->sqlerrcode) : NULL);
	mig_row_text(&row, error ? error->message : NULL);
	mig_row_put(&row, result);
}

MIG_FUNCTION(mig_verify);

/* migrate.verify(name, project) */
static Datum
mig_verify_body(PG_FUNCTION_ARGS)
{
	char	   *project = mig_optional_text(fcinfo, 1);
	FullName   *full = NULL;
	ReturnSetInfo *result;
	Model	   *model;
	bool		timed = get_timeout_active(STATEMENT_TIMEOUT);

	mig_deployer_refuse_inside("migrate.verify");
	if (!PG_ARGISNULL(0))
		full = mig_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)), project);
	ledger_require("deployer", full ? full->project : project);
	mig_require_project(full ? full->project : project);
	result = mig_rows_begin(fcinfo);
	model = mig_model_read(NIL, NULL, NULL);
	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];
		const Migration *migration = node->migration;

		if (full ? strcmp(full->project, migration->project) != 0 || strcmp(full->name, migration->name) != 0 :
			!node->is_applied || !mig_node_in(node, project))
			continue;
		if (migration->verify && migration->verify_problem == NULL)
			put_row(result, migration, mig_attempt(verify_one, unconstify(Migration *, migration), false));
		else if (full || migration->verify_problem)
			ereport(NOTICE, (errmsg("migration \"%s\" has no verify that can be run", mig_full_name(migration))));
	}
	if (timed)	/* the scripts have used the timer */
		mig_arm_statement_timeout();
	return (Datum) 0;
}
