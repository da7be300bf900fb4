/*
 * admit.c
 *		What must be right before the first step runs.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/lines.h"
#include "run/call.h"
#include "schema/expected.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Whoever runs a migration may deploy its project, and override what rules there. */
void
mig_admit_capabilities(const Run *run)
{
	const char *capability = run->options.override ? "administrator" : "deployer";
	const Model *model = run->plan->model;
	const char *previous = NULL;
	ListCell   *cell;

	foreach(cell, run->plan->steps)
	{
		const PlanStep *step = lfirst(cell);
		const Migration *migration = model->nodes[step->node].migration;
		const char *project = migration->project;

		if (previous == NULL || strcmp(previous, project) != 0)
			ledger_require(capability, project);
		previous = project;
		/* The states of what it replaces are written as well. */
		mig_succession_require(migration, capability, run->request.revert ? SUCCESSION_UNDONE : SUCCESSION_APPLIED);
	}
}

/* Why a step commits in between, or NULL. */
static const char *
why_apart(const PlanNode *node, const StoredText *text, ScriptPart part)
{
	MigrationOptions options;
	Script	   *script = NULL;

	mig_migration_options_read(text->options, &options);
	if (mig_may_need_top_level(text->body))
		script = mig_script_read(text->body, part, text->path, text->line);
	if (script && script->top_level)
		return psprintf("%s  %s: %s.", mig_place(text->path, script->top_level->line),
						GetCommandTagName(script->top_level->tag), script->top_level->mode_reason);
	if (node->unfinished)
		return "It goes on where it stopped, and commits in between.";
	return strcmp(options.transaction, "off") == 0 ? "Its option \"transaction\" is \"off\"." : NULL;
}

/* Does a step commit in between?  Then it cannot be part of a transaction. */
static bool
runs_apart(const Run *run, const PlanNode *node, const StoredText *text, ScriptPart part)
{
	const char *why = why_apart(node, text, part);

	if (why && (run->atomic || !run->commits))
		ereport(ERROR,
				(errcode(ERRCODE_MIG_NEEDS_TOP_LEVEL),
				 errmsg("migration \"%s\" cannot run inside a transaction", mig_full_name(node->migration)),
				 errdetail_internal("%s", why),
				 errhint("%s  on its own, outside of a transaction block and without \"atomic\".", mig_call_typed(run, false, false))));
	return why != NULL;
}

/* What parsing can tell is told before anything runs. */
void
mig_admit_scripts(const Run *run)
{
	MemoryContext context = AllocSetContextCreate(run->context, "migration scripts", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	ListCell   *cell;

	foreach(cell, run->plan->steps)
	{
		PlanStep   *step = lfirst(cell);
		const PlanNode *node = &run->plan->model->nodes[step->node];
		ScriptPart	part = step->action == STEP_REVERT ? PART_DOWN : PART_UP;
		StoredText *text;

		if (step->action == STEP_MARK)
			continue;
		/* Planned going forward: going back it is a problem of the whole plan. */
		if (node->unfinished && node->unfinished->part != part)
			mig_raise_problem(mig_half_done_problem(node));
		text = mig_step_text(node->migration, part);
		step->apart = text && runs_apart(run, node, text, part);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}

/* What is not as it should be before the run will not be so because of it. */
void
mig_admit_drift(const Run *run)
{
	char	   *policy = ledger_policy("drift", run->request.project);
	bool		refuse = policy && strcmp(policy, "refuse") == 0 && !mig_model_overrides(run->plan->model, "drift");
	char	   *first;
	int			n = mig_expected_look(refuse, &first);

	if (n == 0 || (policy && strcmp(policy, "ignore") == 0))
		return;
	ereport(refuse ? ERROR : WARNING,
			(refuse ? errcode(ERRCODE_MIG_REFUSED) : 0,
			 errmsg_plural("%d object of the schema is not as expected", "%d objects of the schema are not as expected", n, n),
			 n == 1 ? errdetail("%s.", first) : errdetail("%s, for one.", first),
			 errhint("SELECT change, object_type, identity, changed_by, ddl_ids FROM migrate.drift();"),
			 refuse ? err_generic_string(PG_DIAG_CONSTRAINT_NAME, "drift") : 0));
}
