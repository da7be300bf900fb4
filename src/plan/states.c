/*
 * states.c
 *		The state each migration is in, and why the next apply would leave it
 *		out.
 */
#include "postgres.h"

#include "common/errors.h"
#include "miscadmin.h"
#include "plan/model_private.h"
#include "script/checksum.h"
#include "utils/builtins.h"

const char *const STATE_FAILED = "failed";
const char *const STATE_INTERRUPTED = "interrupted";
const char *const STATE_HELD = "held";
const char *const STATE_BLOCKED = "blocked";
const char *const STATE_OUTDATED = "outdated";
const char *const STATE_SUPERSEDED = "superseded";
const char *const STATE_OUT_OF_ORDER = "out_of_order";
const char *const STATE_RUNNING = "running";

static const char *const applied_states[] = {
	"applied", "marked", "adopted", "baseline", "superseded"
};

/* Our own copy of a state's name, so that states compare as pointers. */
static const char *
known_state(const char *state)
{
	for (int i = 0; i < lengthof(applied_states) - 1; i++)
		if (strcmp(state, applied_states[i]) == 0)
			return applied_states[i];
	if (strcmp(state, STATE_SUPERSEDED) == 0)
		return STATE_SUPERSEDED;
	if (strcmp(state, STATE_FAILED) == 0)
		return STATE_FAILED;
	if (strcmp(state, STATE_INTERRUPTED) == 0)
		return STATE_INTERRUPTED;
	return strcmp(state, "reverted") == 0 ? "reverted" : "pending";
}

bool
mig_counts_as_applied(const char *state)
{
	for (int i = 0; i < lengthof(applied_states); i++)
		if (strcmp(state, applied_states[i]) == 0)
			return true;
	return false;
}

/* How far those are that stopped half-way. */
static void
find_unfinished(Model *model)
{
	ListCell   *cell;

	foreach(cell, ledger_all_unfinished(false))
	{
		const Unfinished *unfinished = lfirst(cell);
		int			node = mig_model_find(model, unfinished->project, unfinished->name);

		if (node < 0)
			continue;
		model->nodes[node].unfinished = unfinished;
		/* Nobody has written how it stopped: what ran it was killed. */
		if (model->nodes[node].migration->detail == NULL)
			model->nodes[node].migration->detail =
				psprintf("%s stopped behind statement %d", mig_part_name(unfinished->part), unfinished->done);
	}
}

/* What the history says. */
void
mig_states_applied(Model *model)
{
	find_unfinished(model);
	for (int i = 0; i < model->n; i++)
	{
		PlanNode   *node = &model->nodes[i];
		Migration  *migration = node->migration;

		node->state = migration->state ? known_state(migration->state) : "pending";
		node->detail = migration->detail;
		node->is_applied = mig_counts_as_applied(node->state);
		if (node->is_applied && migration->kind == KIND_REPEATABLE && node->state != STATE_SUPERSEDED &&
			!mig_same_checksum(migration->applied, migration->up))
			node->state = STATE_OUTDATED;
	}
}

bool
mig_node_is_held(const Model *model, const PlanNode *node)
{
	return node->migration->hold_reason && !mig_model_overrides(model, "held");
}

bool
mig_node_left_held(const PlanNode *node)
{
	return node->left_out && strcmp(node->left_out, "held") == 0;
}

/* The way round that begins and ends with a node, whose nodes are put into cycle. */
Problem *
mig_cycle_problem(const Model *model, const int *component, int node, int *cycle, int *length)
{
	StringInfoData path;

	*length = mig_graph_cycle(model->graph, component, node, cycle);
	initStringInfo(&path);
	for (int k = 0; k < *length; k++)
		appendStringInfo(&path, "%s -> ", mig_full_name(model->nodes[cycle[k]].migration));
	appendStringInfoString(&path, mig_full_name(model->nodes[node].migration));
	return mig_problem(ERRCODE_MIG_CYCLE, "cycle",
					   psprintf("migrations require each other: %s", path.data), NULL,
					   pstrdup("Register one of them again without the requirement that closes the cycle."));
}

/* Give every migration in a cycle, which are not among the n in order, the cycle as its problem. */
static void
find_cycles(Model *model, int n)
{
	int		   *component = palloc(Max(model->n, 1) * sizeof(int));
	int		   *cycle = palloc(Max(model->n, 1) * sizeof(int));

	if (n == model->n)
		return;
	mig_graph_components(model->graph, component);
	for (int i = 0; i < model->n; i++)
	{
		Problem    *problem;
		int			length;

		if (component[i] < 0 || model->nodes[i].is_applied || model->nodes[i].problem)
			continue;
		problem = mig_cycle_problem(model, component, i, cycle, &length);
		for (int k = 0; k < length; k++)
			if (!model->nodes[cycle[k]].is_applied && model->nodes[cycle[k]].problem == NULL)
				model->nodes[cycle[k]].problem = problem;
	}
}

/* Does any of it stand? */
static bool
stands(const PlanNode *node)
{
	return node->is_applied || node->unfinished;
}

/* A conflict of a migration that is to come with one that is there. */
static void
find_conflicts(Model *model)
{
	for (int i = 0; i < model->n; i++)
	{
		const Migration *migration = model->nodes[i].migration;

		for (int c = 0; c < migration->conflicts.n; c++)
		{
			int			other = mig_model_find_reference(model, migration->project, migration->conflicts.names[c]);
			int			there;
			int			coming;

			if (other < 0 || other == i || stands(&model->nodes[i]) == stands(&model->nodes[other]))
				continue;
			there = stands(&model->nodes[i]) ? i : other;
			coming = there == i ? other : i;
			if (model->nodes[coming].problem || model->nodes[coming].state == STATE_SUPERSEDED)
				continue;
			model->nodes[coming].problem =
				mig_problem(ERRCODE_MIG_CONFLICT, "conflict",
							psprintf("migration \"%s\" conflicts with \"%s\", which is %s",
									 mig_full_name(model->nodes[coming].migration),
									 mig_full_name(model->nodes[there].migration),
									 model->nodes[there].is_applied ? "applied" : "half done"),
							NULL,
							psprintf("Revert the one, or hold the other: SELECT migrate.hold(%s, 'conflict');",
									 quote_literal_cstr(mig_full_name(model->nodes[coming].migration))));
		}
	}
}

/* Is one that follows its predecessor late: is a later one applied already? */
static void
find_late(Model *model)
{
	bool		later_applied = false;

	for (int i = model->n - 1; i >= 0; i--)
	{
		PlanNode	   *node = &model->nodes[i];

		if (i + 1 < model->n && strcmp(node->migration->project, model->nodes[i + 1].migration->project) != 0)
			later_applied = false;
		if (node->migration->kind == KIND_REPEATABLE || node->stands_for >= 0)
			continue;
		node->late = later_applied && !node->is_applied && !node->mark_only && node->migration->linear &&
			node->state != STATE_SUPERSEDED && node->state != STATE_HELD;
		if (node->is_applied && node->migration->version)
			later_applied = true;
	}
}

bool
mig_model_overrides(const Model *model, const char *rule)
{
	ListCell   *cell;

	foreach(cell, model->override)
		if (strcmp(lfirst(cell), rule) == 0)
			return true;
	return false;
}

/* Why what has not run yet will not, as far as that follows from itself alone. */
static void
judge_alone(const Model *model, PlanNode *node, const char *out_of_order)
{
	if (node->problem)
	{
		node->state = STATE_BLOCKED;
		node->detail = node->problem->message;
		node->left_out = psprintf("blocked: %s", node->problem->code);
	}
	if (mig_node_is_held(model, node))
	{
		const char *held = psprintf("held by %s: \"%s\"", node->migration->held_by, node->migration->hold_reason);

		/* What is half done is so all the same. */
		node->detail = node->unfinished && node->detail ? psprintf("%s; %s", node->detail, held) : pstrdup(held);
		if (node->unfinished == NULL)
			node->state = STATE_HELD;
		node->left_out = pstrdup("held");
		node->problem = NULL;
	}
	/* What has begun is to come to its end. */
	else if (node->late && node->left_out == NULL && node->unfinished == NULL)
	{
		if (node->state != STATE_FAILED)
			node->state = STATE_OUT_OF_ORDER;
		if (strcmp(out_of_order, "skip") == 0)
			node->left_out = pstrdup("skipped: out_of_order");
		else if (strcmp(out_of_order, "refuse") == 0)
			node->left_out = pstrdup("refused: out_of_order");
	}
}

/* One whose requirement is left out is left out as well. */
static void
judge_by_requirements(const Model *model, int i)
{
	PlanNode	   *node = &model->nodes[i];

	for (int e = 0; e < model->graph->nedges[i] && node->left_out == NULL; e++)
	{
		const PlanNode *before = &model->nodes[model->graph->edges[i][e]];

		if (before->is_applied || before->left_out == NULL || before == node)
			continue;
		node->left_out = psprintf("blocked by %s", mig_full_name(before->migration));
		/* What is half done is so all the same. */
		if (node->unfinished && node->detail)
			node->detail = psprintf("%s; %s", node->detail, node->left_out);
		else if (node->state != STATE_HELD)
		{
			node->state = STATE_BLOCKED;
			node->detail = node->left_out;
		}
	}
}

/* The policy out_of_order of a node's project; asked of the ledger once per project. */
static const char *
out_of_order_policy(const Model *model, int i, const char *previous)
{
	char	   *value;

	if (mig_model_overrides(model, "out_of_order"))
		return "apply";
	if (i > 0 && previous && strcmp(model->nodes[i - 1].migration->project, model->nodes[i].migration->project) == 0)
		return previous;
	value = ledger_policy("out_of_order", model->nodes[i].migration->project);
	return value ? value : "apply";
}

void
mig_states_pending(Model *model)
{
	int		   *order = palloc(Max(model->n, 1) * sizeof(int));
	bool	   *waits = palloc(Max(model->n, 1) * sizeof(bool));
	const char *policy = NULL;
	int			n = mig_graph_order(model->graph, NULL, order);

	find_cycles(model, n);
	find_conflicts(model);
	find_late(model);
	for (int i = 0; i < model->n; i++)
	{
		PlanNode	   *node = &model->nodes[i];

		policy = out_of_order_policy(model, i, policy);
		if (!node->is_applied || node->state == STATE_OUTDATED)
			if (node->state != STATE_SUPERSEDED)
				judge_alone(model, node, policy);
		waits[i] = !node->is_applied && node->state != STATE_SUPERSEDED && node->left_out == NULL;
	}

	/* In order without those in cycles, which would keep all behind them out of it. */
	n = mig_graph_order(model->graph, waits, order);
	for (int k = 0; k < n; k++)
		judge_by_requirements(model, order[k]);
	for (int i = 0; i < model->n; i++)
	{
		PlanNode	   *node = &model->nodes[i];

		node->is_pending = (!node->is_applied || node->state == STATE_OUTDATED) &&
			node->state != STATE_SUPERSEDED && node->left_out == NULL;
	}
}
