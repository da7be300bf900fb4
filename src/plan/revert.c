/*
 * revert.c
 *		Which migrations a run takes back, and in which order.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/names.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "plan/model_private.h"
#include "plan/plan_private.h"
#include "utils/builtins.h"

/*
 * Has it anything to be taken back: did it run here, does it at least count so,
 * or is it half done?  What one that is half applied rests on cannot go before it.
 */
static bool
can_go_back(const PlanNode *node)
{
	return node->unfinished || (node->is_applied && node->state != STATE_SUPERSEDED && !node->covered);
}

static bool
is_half_reverted(const PlanNode *node)
{
	return node->unfinished && node->unfinished->part == PART_DOWN;
}

/*
 * All nodes in order, last those in cycles and behind them: what people mark as
 * applied may be in one.
 */
static void
order_all(const Model *model, int *order)
{
	int			n = mig_graph_order(model->graph, NULL, order);
	bool	   *ordered;

	if (n == model->n)
		return;
	ordered = palloc0(model->n * sizeof(bool));
	for (int k = 0; k < n; k++)
		ordered[order[k]] = true;
	for (int i = 0; i < model->n; i++)
		if (!ordered[i])
			order[n++] = i;
	pfree(ordered);
}

/* What requires what, as it is asked for again and again. */
typedef struct Dependants
{
	const Model *model;
	int		   *start;
	int		   *behind;
	int		   *stack;
} Dependants;

static Dependants
dependants_of(const Model *model)
{
	Dependants	dependants = {model};

	dependants.start = palloc((model->n + 1) * sizeof(int));
	dependants.behind = mig_graph_behind(model->graph, dependants.start);
	dependants.stack = palloc(Max(model->n, 1) * sizeof(int));
	return dependants;
}

/* Choose what is applied and requires one that is chosen, over and over. */
static void
choose_dependants(const Dependants *dependants, int chosen_one, bool *chosen)
{
	int			depth = 0;

	CHECK_FOR_INTERRUPTS();
	dependants->stack[depth++] = chosen_one;
	while (depth > 0)
	{
		int			node = dependants->stack[--depth];

		for (int e = dependants->start[node]; e < dependants->start[node + 1]; e++)
		{
			int			i = dependants->behind[e];

			if (chosen[i] || !can_go_back(&dependants->model->nodes[i]))
				continue;
			chosen[i] = true;
			dependants->stack[depth++] = i;
		}
	}
}

/* The same for all that are chosen. */
static void
choose_all_dependants(const Model *model, bool *chosen)
{
	Dependants	dependants = dependants_of(model);

	for (int i = 0; i < model->n; i++)
		if (chosen[i])
			choose_dependants(&dependants, i, chosen);
}

/* The one project with history; several are an error that lists them. */
static const char *
project_with_history(const Model *model)
{
	const char *project = NULL;
	StringInfoData names;
	int			n = 0;

	initStringInfo(&names);
	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (!can_go_back(node) || !(node->is_applied || is_half_reverted(node)) ||
			strstr(names.data, psprintf("\"%s\"", node->migration->project)))
			continue;
		project = node->migration->project;
		mig_list_name(&names, project);
		n++;
	}
	if (n > 1)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_AMBIGUOUS),
				 errmsg("several projects have history: say which to revert in"),
				 errdetail("They are %s.", names.data),
				 errhint("CALL migrate.revert(project => '...');")));
	return project;
}

/* One that is half reverted comes first, then the one that was applied last. */
static int
compare_applied(const void *a, const void *b, void *arg)
{
	const Model *model = arg;
	int			left = *(const int *) a;
	int			right = *(const int *) b;
	int64		left_id = model->nodes[left].migration->history_id;
	int64		right_id = model->nodes[right].migration->history_id;

	if (is_half_reverted(&model->nodes[left]) != is_half_reverted(&model->nodes[right]))
		return is_half_reverted(&model->nodes[left]) ? -1 : 1;
	if (left_id != right_id)
		return left_id > right_id ? -1 : 1;
	return left > right ? -1 : left < right;
}

/* The last ones applied of a project, as many as asked for. */
static void
choose_last(const Model *model, const char *project, int steps, bool *chosen)
{
	Dependants	dependants = dependants_of(model);
	int		   *applied = palloc(Max(model->n, 1) * sizeof(int));
	int			n = 0;

	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (can_go_back(node) && mig_node_in(node, project) &&
			(node->migration->kind != KIND_REPEATABLE || is_half_reverted(node)))
			applied[n++] = i;
	}
	qsort_arg(applied, n, sizeof(int), compare_applied, unconstify(Model *, model));
	for (int k = 0; k < n && steps > 0; k++)
	{
		if (chosen[applied[k]])
			continue;
		steps--;
		chosen[applied[k]] = true;
		choose_dependants(&dependants, applied[k], chosen);
	}
}

/* All that comes behind the target in its project, which itself stays. */
static void
choose_behind(RunPlan *plan, const FullName *target, bool *chosen)
{
	Model	   *model = plan->model;
	int			t = mig_model_need(model, target);
	int		   *order = palloc(Max(model->n, 1) * sizeof(int));
	bool		behind = false;

	if (!model->nodes[t].is_applied)
	{
		plan->problem = mig_problem(ERRCODE_MIG_NO_SUCH_MIGRATION, "not_applied",
									psprintf("migration \"%s:%s\" is not applied, so there is no going back to it",
											 target->project, target->name), NULL,
									psprintf("SELECT * FROM migrate.show('%s');", target->project));
		return;
	}
	if (model->nodes[t].covered)
	{
		plan->problem = mig_problem(ERRCODE_MIG_NO_DOWN, "no_down",
									psprintf("migration \"%s:%s\" is part of the baseline, so there is no going back to it",
											 target->project, target->name), NULL,
									pstrdup("Go back to the baseline itself, or behind it."));
		return;
	}
	order_all(model, order);
	for (int k = 0; k < model->n; k++)
	{
		PlanNode	   *node = &model->nodes[order[k]];

		if (behind && can_go_back(node) && mig_node_in(node, target->project) &&
			node->migration->kind != KIND_REPEATABLE)
			chosen[order[k]] = true;
		if (order[k] == t)
			behind = true;
	}
	choose_all_dependants(model, chosen);
	chosen[t] = false;
}

/* The first cycle of what is to be taken back, where there is no order to do that in; or NULL. */
static Problem *
cycle_applied(const Model *model, const bool *chosen)
{
	int		   *component = palloc(Max(model->n, 1) * sizeof(int));
	int		   *cycle = palloc(Max(model->n, 1) * sizeof(int));
	Problem    *problem;
	int			length;

	mig_graph_components(model->graph, component);
	for (int i = 0; i < model->n; i++)
	{
		if (!chosen[i] || component[i] < 0)
			continue;
		problem = mig_cycle_problem(model, component, i, cycle, &length);
		problem->hint = psprintf("Record that one of them is not applied: SELECT migrate.mark_pending(%s, '<why>');",
								 quote_literal_cstr(mig_full_name(model->nodes[i].migration)));
		return problem;
	}
	return NULL;
}

/* Why a migration cannot be taken back, or NULL. */
static Problem *
irreversible(const Model *model, int i)
{
	const PlanNode *node = &model->nodes[i];
	char	   *name = mig_full_name(node->migration);

	if (node->unfinished && !is_half_reverted(node))
		return mig_half_done_problem(node);
	if (strcmp(node->state, "baseline") == 0)
		return mig_problem(ERRCODE_MIG_NO_DOWN, "no_down",
						   psprintf("migration \"%s\" is part of the baseline and cannot be reverted", name), NULL,
						   pstrdup("Go back to a migration behind the baseline."));
	if (node->migration->down_problem)
		return mig_problem(ERRCODE_MIG_NO_DOWN, "broken_down",
						   psprintf("the down of migration \"%s\" cannot be run", name),
						   psprintf("%s.", node->migration->down_problem),
						   psprintf("Register it again with a down that can."));
	if (node->migration->down == NULL)
		return mig_problem(ERRCODE_MIG_NO_DOWN, "no_down",
						   psprintf("migration \"%s\" has no down", name), NULL,
						   psprintf("Register it again with one, or record that it is undone: SELECT migrate.mark_pending(%s, '<why>');",
									quote_literal_cstr(name)));
	return NULL;
}

/*
 * Going back to zero stops at the baseline, and leaves repeatables that cannot
 * be undone where they are.
 */
static bool
belongs_to_zero(RunPlan *plan, int i, const char *project)
{
	PlanNode   *node = &plan->model->nodes[i];

	if (!can_go_back(node) || !mig_node_in(node, project) || strcmp(node->state, "baseline") == 0)
		return false;
	if (node->migration->kind != KIND_REPEATABLE || node->migration->down)
		return true;
	node->left_out = pstrdup("a repeatable without a down");
	plan->left_out = lappend_int(plan->left_out, i);
	return false;
}

static int
count_chosen(const Model *model, const bool *chosen)
{
	int			n = 0;

	for (int i = 0; i < model->n; i++)
		n += chosen[i];
	return n;
}

void
mig_plan_revert(RunPlan *plan, const PlanRequest *request, const FullName *target)
{
	Model	   *model = plan->model;
	bool	   *chosen = palloc0(Max(model->n, 1) * sizeof(bool));
	int		   *order = palloc(Max(model->n, 1) * sizeof(int));
	int			n;

	if (target)
		choose_behind(plan, target, chosen);
	else if (request->target)
	{
		for (int i = 0; i < model->n; i++)
			chosen[i] = belongs_to_zero(plan, i, request->project);
		choose_all_dependants(model, chosen);
	}
	else
		choose_last(model, request->project ? request->project : project_with_history(model),
					request->steps ? request->steps : 1, chosen);
	n = mig_graph_order(model->graph, chosen, order);
	if (n < count_chosen(model, chosen))
	{
		plan->problem = cycle_applied(model, chosen);
		order_all(model, order);
		n = model->n;
	}
	for (int k = n - 1; k >= 0 && plan->problem == NULL; k--)
		plan->problem = irreversible(model, order[k]);
	for (int k = n - 1; k >= 0; k--)
	{
		if (!chosen[order[k]])
			continue;
		if (plan->problem)
			plan->left_out = lappend_int(plan->left_out, order[k]);
		else
			mig_plan_add_step(plan, order[k], STEP_REVERT, NULL);
	}
}
