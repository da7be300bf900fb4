/*
 * plan.c
 *		From the states of all migrations and what is asked for to the steps of
 *		a run.
 *
 * plan, apply and revert all get their steps here, so they cannot disagree.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/errors.h"
#include "common/names.h"
#include "miscadmin.h"
#include "plan/model_private.h"
#include "plan/plan_private.h"
#include "script/version.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Choose a node and whatever it requires that is not applied. */
static void
choose_with_requirements(const Model *model, int start, bool *chosen)
{
	int		   *stack;
	int			depth = 0;

	if (chosen[start])
		return;
	stack = palloc(model->n * sizeof(int));
	chosen[start] = true;
	stack[depth++] = start;
	while (depth > 0)
	{
		int			node = stack[--depth];

		for (int e = 0; e < model->graph->nedges[node]; e++)
		{
			int			before = model->graph->edges[node][e];

			if (chosen[before] || model->nodes[before].is_applied)
				continue;
			chosen[before] = true;
			stack[depth++] = before;
		}
	}
	pfree(stack);
}

static bool
wants_to_run(const PlanNode *node)
{
	return (!node->is_applied || node->state == STATE_OUTDATED) && node->state != STATE_SUPERSEDED;
}

/* All of a project, or of all projects, with what they require. */
static void
choose_all(RunPlan *plan, const PlanRequest *request, bool *chosen)
{
	for (int i = 0; i < plan->model->n; i++)
		if (mig_node_in(&plan->model->nodes[i], request->project) && wants_to_run(&plan->model->nodes[i]))
			choose_with_requirements(plan->model, i, chosen);
}

/* The target, what it requires, and the latecomers of the line before it. */
static void
choose_target(RunPlan *plan, const FullName *target, bool *chosen)
{
	Model	   *model = plan->model;
	int			t = mig_model_need(model, target);
	PlanNode	   *node = &model->nodes[t];

	if (node->stands_for >= 0)
		t = mig_model_heir(model, t);
	if (!wants_to_run(&model->nodes[t]))
	{
		plan->notice = psprintf("migration \"%s:%s\" is %s already", target->project, target->name,
								model->nodes[t].state);
		return;
	}
	choose_with_requirements(model, t, chosen);
	if (node->migration->kind == KIND_REPEATABLE || !node->migration->linear)
		return;
	for (int i = 0; i < t; i++)
		if (model->nodes[i].late && mig_node_in(&model->nodes[i], target->project))
			choose_with_requirements(model, i, chosen);
}

static void
choose_names(RunPlan *plan, const PlanRequest *request, bool *chosen)
{
	ListCell   *cell;

	foreach(cell, request->names)
	{
		FullName   *full = mig_resolve(lfirst(cell), request->project);
		int			node = mig_model_need(plan->model, full);

		if (wants_to_run(&plan->model->nodes[node]))
			choose_with_requirements(plan->model, node, chosen);
	}
}

/* The first conflict between two that would both run. */
static Problem *
conflict_within(const Model *model, const bool *chosen)
{
	for (int i = 0; i < model->n; i++)
	{
		const Migration *migration = model->nodes[i].migration;

		if (!chosen[i] || model->nodes[i].left_out)
			continue;
		for (int c = 0; c < migration->conflicts.n; c++)
		{
			int			other = mig_model_find_reference(model, migration->project, migration->conflicts.names[c]);

			if (other >= 0 && other != i && chosen[other] && model->nodes[other].left_out == NULL)
				return mig_problem(ERRCODE_MIG_CONFLICT, "conflict",
								   psprintf("migrations \"%s\" and \"%s\" conflict and both are to be applied",
											mig_full_name(migration), mig_full_name(model->nodes[other].migration)),
								   NULL,
								   psprintf("Hold one of them: SELECT migrate.hold(%s, 'conflict');",
											quote_literal_cstr(mig_full_name(migration))));
		}
	}
	return NULL;
}

/* More than one head in a project that wants one. */
static Problem *
several_heads(const Model *model, const bool *chosen)
{
	const char *previous = NULL;

	for (int i = 0; i < model->n; i++)
	{
		const char *project = model->nodes[i].migration->project;
		char	   *names;
		int			n;

		if (!chosen[i] || (previous && strcmp(previous, project) == 0))
			continue;
		previous = project;
		names = mig_model_heads_refused(model, project, &n);
		if (names == NULL)
			continue;
		return mig_problem(ERRCODE_MIG_CONFLICT, "heads",
						   psprintf("project \"%s\" has %d heads, its policy allows one", project, n),
						   psprintf("They are %s.", names),
						   pstrdup("Register a migration with an empty up that requires them all."));
	}
	return NULL;
}

static Problem *
refused_late(const Model *model, int node)
{
	Problem    *problem = mig_problem(ERRCODE_MIG_REFUSED, "out_of_order",
									  psprintf("migration \"%s\" comes after later ones were applied",
											   mig_full_name(model->nodes[node].migration)),
									  pstrdup("The policy out_of_order is refuse."),
									  psprintf("Give it a later version, or let it through once: CALL migrate.apply(reason => '...', options => '{\"override\": [\"out_of_order\"]}');"));

	problem->rule = "out_of_order";
	return problem;
}

/* The first thing, in order, that keeps the whole run from starting. */
static Problem *
first_problem(const Model *model, const bool *chosen)
{
	Problem    *problem;

	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (!chosen[i])
			continue;
		if (node->problem)
			return node->problem;
		if (node->left_out && strcmp(node->left_out, "refused: out_of_order") == 0)
			return refused_late(model, i);
	}
	problem = conflict_within(model, chosen);
	return problem ? problem : several_heads(model, chosen);
}

/* Is it, or its project, asked for? */
static bool
is_asked_for(const PlanNode *node, const PlanRequest *request, const FullName *target)
{
	ListCell   *cell;

	if (request->names == NIL)
		return mig_node_in(node, target ? target->project : request->project);
	foreach(cell, request->names)
		if (mig_node_in(node, mig_resolve(lfirst(cell), request->project)->project))
			return true;
	return false;
}

/* Refuse the run for the first whose text was registered too late to run: whoever sent that is not to think that it has. */
static void
refuse_changed(RunPlan *plan, const PlanRequest *request, const FullName *target)
{
	for (int i = 0; i < plan->model->n && plan->problem == NULL; i++)
	{
		const PlanNode *node = &plan->model->nodes[i];
		Problem    *problem = mig_changed_problem(node);

		if (problem == NULL || !is_asked_for(node, request, target))
			continue;
		plan->problem = problem;
		plan->left_out = list_make1_int(i);
	}
}

/* A target that was asked for by name and is held, or waits for one that is. */
static Problem *
held_target(const Model *model, int t)
{
	const PlanNode *node = &model->nodes[t];
	bool		held = t >= 0 && mig_node_left_held(node);
	Problem    *problem;

	if (t < 0 || node->left_out == NULL || (!held && strncmp(node->left_out, "blocked by", 10) != 0))
		return NULL;
	problem = mig_problem(ERRCODE_MIG_REFUSED, "held",
						  psprintf("migration \"%s\" is %s", mig_full_name(node->migration), node->left_out),
						  held ? psprintf("It is held by %s: \"%s\".", node->migration->held_by, node->migration->hold_reason) : NULL,
						  held ?
						  psprintf("SELECT migrate.release(%s, '<why>');", quote_literal_cstr(mig_full_name(node->migration))) :
						  psprintf("SELECT * FROM migrate.check('%s');", node->migration->project));
	problem->rule = "held";
	return problem;
}

static const char *
step_reason(const Model *model, int i)
{
	const PlanNode *node = &model->nodes[i];

	if (node->state == STATE_INTERRUPTED)
		return "goes on where it stopped";
	if (node->mark_only)
		return "all it replaces is applied";
	if (node->migration->kind == KIND_BASELINE)
		return "starts the project";
	if (node->late)
		return "out of order";
	if (node->state == STATE_OUTDATED)
		return "text changed";
	if (node->state == STATE_FAILED)
		return "failed before";
	return NULL;
}

void
mig_plan_add_step(RunPlan *plan, int node, StepAction action, const char *reason)
{
	PlanStep   *step = palloc0(sizeof(PlanStep));

	step->node = node;
	step->action = action;
	step->reason = reason;
	plan->steps = lappend(plan->steps, step);
}

static void
plan_apply(RunPlan *plan, const PlanRequest *request, const FullName *target)
{
	Model	   *model = plan->model;
	bool	   *chosen = palloc0(Max(model->n, 1) * sizeof(bool));
	int		   *order = palloc(Max(model->n, 1) * sizeof(int));
	int			n;

	if (request->names)
		choose_names(plan, request, chosen);
	else if (target)
		choose_target(plan, target, chosen);
	else
		choose_all(plan, request, chosen);
	plan->problem = first_problem(model, chosen);
	refuse_changed(plan, request, target);
	if (plan->problem == NULL && target)
		plan->problem = held_target(model, mig_model_need(model, target));
	for (int i = 0; i < model->n; i++)
	{
		if (chosen[i] && (model->nodes[i].left_out || plan->problem))
			plan->left_out = lappend_int(plan->left_out, i);
		chosen[i] &= wants_to_run(&model->nodes[i]) && !model->nodes[i].left_out && !plan->problem;
	}
	n = mig_graph_order(model->graph, chosen, order);
	for (int k = 0; k < n; k++)
		mig_plan_add_step(plan, order[k],
						  model->nodes[order[k]].mark_only ? STEP_MARK : STEP_APPLY, step_reason(model, order[k]));
}

/* 'zero' needs a project; NULL and 'latest' name no migration. */
static FullName *
resolve_target(const PlanRequest *request)
{
	if (request->target == NULL)
		return NULL;
	if (request->revert && strcmp(request->target, "zero") == 0)
	{
		List	   *projects = ledger_projects();

		if (request->project == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("reverting everything needs a project"),
					 errhint("CALL migrate.revert('zero', project => %s);",
							 list_length(projects) == 1 ? quote_literal_cstr(linitial(projects)) : "'<project>'")));
		return NULL;
	}
	if (!request->revert && strcmp(request->target, "latest") == 0)
		return NULL;
	return mig_resolve(request->target, request->project);
}

RunPlan *
mig_plan_make(const PlanRequest *request)
{
	RunPlan	   *plan = palloc0(sizeof(RunPlan));
	FullName   *target;
	char	   *limit = NULL;

	mig_require_project(request->project);
	target = resolve_target(request);
	if (target && !request->revert)
	{
		int			n;
		Registered *registered = ledger_read_registered(target->project, target->name, &n);

		limit = n == 1 ? registered->version : NULL;
	}
	plan->model = mig_model_read(request->override, limit ? target->project : NULL, limit);
	if (request->revert)
		mig_plan_revert(plan, request, target);
	else
		plan_apply(plan, request, target);
	return plan;
}

void
mig_plan_order(const RunPlan *plan, const PlanStep *step, StepOrder *order)
{
	const PlanNode *node = &plan->model->nodes[step->node];

	order->action = step->action;
	order->migration = node->migration;
	order->followed = mig_model_followed(plan->model, step->node);
	order->is_applied = node->is_applied;
	order->detail = node->late || node->mark_only ? step->reason : NULL;
}

ArrayType *
mig_plan_names(const RunPlan *plan)
{
	int			n = list_length(plan->steps);
	Datum	   *names = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
	{
		PlanStep   *step = list_nth(plan->steps, i);

		names[i] = CStringGetTextDatum(mig_full_name(plan->model->nodes[step->node].migration));
	}
	return construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT);
}
