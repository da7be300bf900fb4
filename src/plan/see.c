/*
 * see.c
 *		What the model says, as rows: status, plan, is_applied, is_current, sql.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/lines.h"
#include "common/rows.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "plan/plan.h"
#include "plan/see.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

char *
mig_optional_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

char *
mig_required_text(FunctionCallInfo fcinfo, int n, const char *argument)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" cannot be NULL", argument)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

char *
mig_reason(FunctionCallInfo fcinfo, int n)
{
	char	   *reason = mig_required_text(fcinfo, n, "reason");

	if (reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reason cannot be empty"),
				 errhint("Say why, for whoever reads the record later.")));
	return reason;
}

void
mig_require_monitor(const char *project)
{
	ledger_require("monitor", project);
}

MIG_FUNCTION(mig_status);

/* migrate.status(project) */
static Datum
mig_status_body(PG_FUNCTION_ARGS)
{
	char	   *project = mig_optional_text(fcinfo, 0);
	ReturnSetInfo *result;
	MemoryContext context;
	MemoryContext outer;
	Model	   *model;

	mig_require_monitor(project);
	mig_require_project(project);
	result = mig_rows_begin(fcinfo);
	model = mig_model_look();
	context = AllocSetContextCreate(CurrentMemoryContext, "status row", ALLOCSET_DEFAULT_SIZES);
	outer = MemoryContextSwitchTo(context);
	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];
		const Migration *migration = node->migration;
		bool		held = node->state == STATE_HELD;
		MigRow		row;

		if (!mig_node_in(node, project))
			continue;
		mig_row_begin(&row);
		mig_row_text(&row, migration->project);
		mig_row_text(&row, migration->name);
		mig_row_text(&row, node->state);
		mig_row_time(&row, held ? migration->held_at : migration->changed_at ? migration->changed_at : migration->registered_at);
		mig_row_name(&row, held ? migration->held_by : migration->changed_by ? migration->changed_by : migration->registered_by);
		mig_row_text(&row, node->detail);
		mig_row_put(&row, result);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(context);
	return (Datum) 0;
}

MIG_FUNCTION(mig_migration_states);

/* migrate.migration_states(): for the view, of the projects the reader may see. */
static Datum
mig_migration_states_body(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = mig_rows_begin(fcinfo);
	Model	   *model = mig_model_look();
	bool		all = ledger_allows("monitor", NULL);
	const char *previous = NULL;
	bool		visible = all;

	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];
		MigRow		row;

		if (!all && (previous == NULL || strcmp(previous, node->migration->project) != 0))
			visible = ledger_allows("monitor", node->migration->project);
		previous = node->migration->project;
		if (!visible)
			continue;
		mig_row_begin(&row);
		mig_row_text(&row, node->migration->project);
		mig_row_text(&row, node->migration->name);
		mig_row_text(&row, node->state);
		mig_row_bool(&row, node->is_applied);
		mig_row_bool(&row, node->is_pending);
		mig_row_put(&row, result);
	}
	return (Datum) 0;
}

/* ---- plan ---- */

static const char *
action_name(StepAction action)
{
	static const char *const names[] = {"apply", "mark", "revert"};

	return names[action];
}

static const char *
mode_of(const Script *script, const StoredText *text, bool half_done)
{
	MigrationOptions options;
	bool		every;
	int			steps = 0;

	mig_migration_options_read(text->options, &options);
	every = strcmp(options.transaction, "off") == 0;
	if (!every && !half_done && script->top_level == NULL)
		return "transaction";
	for (int next = 1; next <= script->nstatements; steps++)
		next = mig_script_step(script, next, every).last + 1;
	return steps == 1 ? "1 step" : psprintf("%d steps", steps);
}

/* How a step would run, told from its text. */
static void
add_script_columns(MigRow *row, const PlanNode *node, StepAction action)
{
	const Migration *migration = node->migration;
	ScriptPart	part = action == STEP_REVERT ? PART_DOWN : PART_UP;
	StoredText *text = action == STEP_MARK ? NULL : ledger_read_text(migration->project, migration->name, part, NULL);
	Script	   *script;

	if (text == NULL)
	{
		mig_row_null(row);
		mig_row_null(row);
		mig_row_null(row);
		return;
	}
	script = mig_script_read(text->body, part, text->path, text->line);
	mig_row_text(row, mode_of(script, text, node->unfinished != NULL));
	mig_row_int4(row, script->nstatements);
	mig_row_text(row, mig_strongest_lock(script));
}

static void
put_plan_row(ReturnSetInfo *result, int step, const PlanNode *node, StepAction action,
			 bool read_script, const char *reason)
{
	MigRow		row;

	mig_row_begin(&row);
	if (step > 0)
		mig_row_int4(&row, step);
	else
		mig_row_null(&row);
	mig_row_text(&row, node->migration->project);
	mig_row_text(&row, node->migration->name);
	mig_row_text(&row, action_name(action));
	if (read_script)
		add_script_columns(&row, node, action);
	else
		for (int i = 0; i < 3; i++)
			mig_row_null(&row);
	for (int i = 0; i < 3; i++)
		mig_row_null(&row);		/* rewritten, destructive, warnings */
	mig_row_text(&row, reason);
	mig_row_put(&row, result);
}

/* Why one that is left out is. */
static const char *
left_out_reason(const RunPlan *plan, const PlanNode *node)
{
	if (node->left_out)
		return node->left_out;
	if (plan->problem && plan->problem->rule)
		return psprintf("refused: %s", plan->problem->rule);
	return plan->problem ? psprintf("refused: %s", plan->problem->message) : NULL;
}

static void
put_plan(ReturnSetInfo *result, const RunPlan *plan, bool revert)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "plan row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(context);
	ListCell   *cell;
	int			n = 0;

	foreach(cell, plan->steps)
	{
		const PlanStep *step = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		put_plan_row(result, ++n, &plan->model->nodes[step->node], step->action, true, step->reason);
		MemoryContextReset(context);
	}
	foreach(cell, plan->left_out)
	{
		const PlanNode *node = &plan->model->nodes[lfirst_int(cell)];

		put_plan_row(result, 0, node, revert ? STEP_REVERT : STEP_APPLY, false, left_out_reason(plan, node));
	}
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(context);
}

MIG_FUNCTION(mig_plan);

/* migrate.plan(target, project, direction, options) */
static Datum
mig_plan_body(PG_FUNCTION_ARGS)
{
	PlanRequest request = {0};
	RunOptions	options;
	char	   *direction = PG_ARGISNULL(2) ? "up" : text_to_cstring(PG_GETARG_TEXT_PP(2));
	ReturnSetInfo *result;

	request.target = mig_optional_text(fcinfo, 0);
	request.project = mig_optional_text(fcinfo, 1);
	mig_require_monitor(request.project);
	request.revert = strcmp(direction, "down") == 0;
	if (!request.revert && strcmp(direction, "up") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("direction must be \"up\" or \"down\"")));
	if (!PG_ARGISNULL(3))
	{
		mig_run_options_read(PG_GETARG_JSONB_P(3), &options);
		request.names = options.names;
		request.override = options.override;
		request.steps = options.steps;
	}
	result = mig_rows_begin(fcinfo);
	put_plan(result, mig_plan_make(&request), request.revert);
	return (Datum) 0;
}

/* ---- one migration ---- */

MIG_FUNCTION(mig_sql);

/* migrate.sql(name, project, direction) */
static Datum
mig_sql_body(PG_FUNCTION_ARGS)
{
	char	   *direction = PG_ARGISNULL(2) ? "up" : text_to_cstring(PG_GETARG_TEXT_PP(2));
	ScriptPart	part;
	FullName   *full;
	StoredText *text;

	if (strcmp(direction, "up") == 0)
		part = PART_UP;
	else if (strcmp(direction, "down") == 0)
		part = PART_DOWN;
	else if (strcmp(direction, "verify") == 0)
		part = PART_VERIFY;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("direction must be \"up\", \"down\" or \"verify\"")));
	full = mig_resolve(mig_required_text(fcinfo, 0, "name"), mig_optional_text(fcinfo, 1));
	mig_require_monitor(full->project);
	text = ledger_read_text(full->project, full->name, part, NULL);
	if (text == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(text->body));
}

MIG_FUNCTION(mig_is_applied);

/* migrate.is_applied(name, project) */
static Datum
mig_is_applied_body(PG_FUNCTION_ARGS)
{
	FullName   *full = mig_resolve(mig_required_text(fcinfo, 0, "name"), mig_optional_text(fcinfo, 1));
	Registered *registered;
	const Baseline *baseline;
	int			n;

	registered = ledger_read_registered(full->project, full->name, &n);
	if (n == 0)
		PG_RETURN_BOOL(false);
	if (registered->state && mig_counts_as_applied(registered->state))
		PG_RETURN_BOOL(true);
	baseline = mig_baseline_of(ledger_read_baselines(), full->project);
	PG_RETURN_BOOL(baseline && strcmp(registered->kind, "versioned") == 0 &&
				   mig_baseline_covers(baseline, registered->version, registered->state, registered->history_id));
}

MIG_FUNCTION(mig_is_current);

/* migrate.is_current(project) */
static Datum
mig_is_current_body(PG_FUNCTION_ARGS)
{
	char	   *project = mig_optional_text(fcinfo, 0);
	Model	   *model;

	if (project && !ledger_has_project(project))
		PG_RETURN_BOOL(false);
	model = mig_model_read(NIL, NULL, NULL);
	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (mig_node_in(node, project) &&
			(node->is_pending || node->state == STATE_BLOCKED || node->state == STATE_FAILED ||
			 node->state == STATE_INTERRUPTED))
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

MIG_ANY_VERSION_FUNCTION(mig_may_see);

/* migrate.may_see(project): for the views */
Datum
mig_may_see(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(ledger_allows("monitor", mig_optional_text(fcinfo, 0)));
}

MIG_FUNCTION(mig_deployer);

/* migrate.deployer(): who holds the lock, who runs the statements, and which run it is; for the views */
static Datum
mig_deployer_body(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = mig_rows_begin(fcinfo);
	Holder	   *holder = ledger_deployer();
	MigRow		row;

	if (holder == NULL)
		return (Datum) 0;
	mig_row_begin(&row);
	mig_row_int4(&row, holder->pid);
	mig_row_int4(&row, holder->worker);
	if (holder->run_id)
		mig_row_int8(&row, holder->run_id);
	else
		mig_row_null(&row);
	mig_row_put(&row, result);
	return (Datum) 0;
}
