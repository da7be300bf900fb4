/*
 * states.c
 *		The state each migration is in, and why the next apply would leave it
 *		out.
 */
#include "postgres.h"

#include "common/errors.h"
#include "miscadmin.h"
#include "plan/model_private.h"
#include "script/version.h"
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

static bool
same_checksum(const bytea *a, const bytea *b)
{
	return a && b && VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

/* Up to where a project counts as applied, or NULL. */
static const Baseline *
baseline_of(const Model *model, const char *project)
{
	ListCell   *cell;

	foreach(cell, model->baselines)
	{
		Baseline   *baseline = lfirst(cell);

		if (strcmp(baseline->project, project) == 0)
			return baseline;
	}
	return NULL;
}

/*
 * What failed or was reverted before the baseline came is covered by it like
 * what never ran; what became of it afterwards counts for more.
 */
bool
mig_baseline_covers(const Baseline *baseline, const char *version, const char *state, int64 history_id)
{
	if (state && (mig_counts_as_applied(state) || history_id > baseline->history_id))
		return false;
	return version && mig_version_compare(version, baseline->version) <= 0;
}

/* The migration that set its project's baseline, or -1 for one that people set. */
static int
baseline_setter(const Model *model, const Baseline *baseline)
{
	for (int i = 0; baseline && i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (node->migration->kind == KIND_BASELINE && node->is_applied &&
			node->migration->history_id == baseline->history_id &&
			strcmp(node->migration->project, baseline->project) == 0)
			return i;
	}
	return -1;
}

/* Who requires what a baseline migration covers requires the baseline, also to be reverted first. */
static void
tie_to_setters(Model *model)
{
	ListCell   *cell;

	foreach(cell, model->baselines)
	{
		const Baseline *baseline = lfirst(cell);
		int			setter = baseline_setter(model, baseline);

		for (int i = 0; setter >= 0 && i < model->n; i++)
		{
			PlanNode   *node = &model->nodes[i];

			if (!node->covered || strcmp(node->migration->project, baseline->project) != 0)
				continue;
			node->stands_for = setter;
		}
	}
	for (int i = 0; i < model->n; i++)
		model->nodes[i].covered &= model->nodes[i].stands_for >= 0;
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

/* What the history says, and what a baseline says of those it does not know. */
void
mig_states_applied(Model *model)
{
	find_unfinished(model);
	for (int i = 0; i < model->n; i++)
	{
		PlanNode	   *node = &model->nodes[i];
		Migration  *migration = node->migration;
		const Baseline *baseline;

		node->state = migration->state ? known_state(migration->state) : "pending";
		node->detail = migration->detail;
		node->is_applied = mig_counts_as_applied(node->state);
		if (node->is_applied && migration->kind == KIND_REPEATABLE &&
			!same_checksum(migration->applied, migration->up))
			node->state = STATE_OUTDATED;
		if (migration->kind == KIND_VERSIONED &&
			(baseline = baseline_of(model, migration->project)) != NULL &&
			mig_baseline_covers(baseline, migration->version, migration->state, migration->history_id))
		{
			node->state = "baseline";
			node->is_applied = node->covered = true;
			node->detail = psprintf("baseline %s", baseline->version);
		}
	}
	tie_to_setters(model);
}

/* Itself, or all whose place it would take. */
static bool
is_there(const Model *model, int number, int generations)
{
	const PlanNode *node = &model->nodes[number];
	const NameArray *replaces = &node->migration->replaces;

	for (int i = 0; i < replaces->n && !node->is_applied; i++)
	{
		int			replaced = mig_model_find_reference(model, node->migration->project, replaces->names[i]);

		if (replaced < 0 || generations == 0 || !is_there(model, replaced, generations - 1))
			return false;
	}
	return node->is_applied || replaces->n > 0;
}

/* How many of the migrations that node replaces are applied. */
static int
replaced_applied(const Model *model, const PlanNode *node)
{
	const NameArray *replaces = &node->migration->replaces;
	int			applied = 0;

	for (int i = 0; i < replaces->n; i++)
	{
		int			replaced = mig_model_find_reference(model, node->migration->project, replaces->names[i]);

		if (replaced >= 0 && is_there(model, replaced, MOST_GENERATIONS))
			applied++;
	}
	return applied;
}

/* The name of the first that is, or NULL. */
static const char *
replaced_half_done(const Model *model, const PlanNode *node, int generations)
{
	const NameArray *replaces = &node->migration->replaces;
	const char *name = NULL;

	for (int i = 0; i < replaces->n && name == NULL; i++)
	{
		int			replaced = mig_model_find_reference(model, node->migration->project, replaces->names[i]);

		if (replaced >= 0 && model->nodes[replaced].unfinished)
			name = mig_full_name(model->nodes[replaced].migration);
		else if (replaced >= 0 && generations > 0 && !model->nodes[replaced].is_applied)
			name = replaced_half_done(model, &model->nodes[replaced], generations - 1);
	}
	return name;
}

static char *
replaced_names(const Model *model, const PlanNode *node, bool applied)
{
	const NameArray *replaces = &node->migration->replaces;
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < replaces->n; i++)
	{
		int			replaced = mig_model_find_reference(model, node->migration->project, replaces->names[i]);

		if ((replaced >= 0 && is_there(model, replaced, MOST_GENERATIONS)) == applied)
			appendStringInfo(&names, "%s\"%s\"", names.len ? ", " : "", replaces->names[i]);
	}
	return names.data;
}

/* What is replaced takes no part any more; who requires it requires its heir. */
static void
supersede(Model *model, int heir)
{
	const PlanNode *node = &model->nodes[heir];
	const NameArray *replaces = &node->migration->replaces;

	for (int i = 0; i < replaces->n; i++)
	{
		int			replaced = mig_model_find_reference(model, node->migration->project, replaces->names[i]);

		if (replaced < 0 || replaced == heir)
			continue;
		model->nodes[replaced].stands_for = heir;
		if (!model->nodes[replaced].is_applied)
		{
			model->nodes[replaced].state = STATE_SUPERSEDED;
			model->nodes[replaced].detail = psprintf("replaced by %s", node->migration->name);
		}
	}
}

static bool
has_history(const Model *model, const char *project)
{
	if (baseline_of(model, project))
		return true;
	for (int i = 0; i < model->n; i++)
		if ((model->nodes[i].is_applied || model->nodes[i].unfinished) &&
			model->nodes[i].migration->kind != KIND_REPEATABLE &&
			strcmp(model->nodes[i].migration->project, project) == 0)
			return true;
	return false;
}

/* What replaces others while only some of what they do is there. */
static Problem *
replaces_in_part(const Model *model, const PlanNode *node, int applied)
{
	const char *name = mig_full_name(node->migration);
	char	   *hint = psprintf("Hold it while the others are applied: SELECT migrate.hold(%s, 'until what it replaces is applied'); CALL migrate.apply();",
								quote_literal_cstr(name));
	const char *half_done = replaced_half_done(model, node, MOST_GENERATIONS);

	if (half_done)
		return mig_problem(ERRCODE_MIG_CONFLICT, "replaces",
						   psprintf("migration \"%s\" replaces a migration that is half done", name),
						   psprintf("It is \"%s\".", half_done), hint);
	if (applied == 0 || applied == node->migration->replaces.n)
		return NULL;
	return mig_problem(ERRCODE_MIG_CONFLICT, "replaces",
					   psprintf("migration \"%s\" replaces migrations of which only some are applied", name),
					   psprintf("Applied: %s.  Not applied: %s.",
								replaced_names(model, node, true), replaced_names(model, node, false)), hint);
}

/*
 * A migration that replaces others: all of them applied, it is only to be
 * recorded; none, it runs in their place; some, people must decide.  One that is
 * half done itself has taken their place already.
 */
void
mig_states_replaced(Model *model)
{
	for (int i = 0; i < model->n; i++)
	{
		PlanNode	   *node = &model->nodes[i];
		int			n = node->migration->replaces.n;
		int			applied;

		/* A baseline that is skipped takes nobody's place. */
		if (n == 0 || (node->migration->kind == KIND_BASELINE && !node->is_applied && node->unfinished == NULL &&
					   has_history(model, node->migration->project)))
			continue;
		if (!node->is_applied && node->unfinished == NULL)
		{
			applied = replaced_applied(model, node);
			node->problem = replaces_in_part(model, node, applied);
			node->mark_only = node->problem == NULL && applied == n;
		}
		if (node->problem == NULL)
			supersede(model, i);
	}
}

static bool
is_held(const Model *model, const PlanNode *node)
{
	return node->migration->hold_reason && !mig_model_overrides(model, "held");
}

/* The newest baseline migration of a project not beyond the limit, or -1. */
static int
newest_baseline(const Model *model, const char *project, const char *limit)
{
	int			newest = -1;

	for (int i = 0; i < model->n; i++)
	{
		const Migration *migration = model->nodes[i].migration;

		if (migration->kind == KIND_BASELINE && migration->version && !is_held(model, &model->nodes[i]) &&
			strcmp(migration->project, project) == 0 &&
			(limit == NULL || mig_version_compare(migration->version, limit) <= 0))
			newest = i;
	}
	return newest;
}

/* Take a migration out of the line: something else has taken its place. */
static void
put_aside(PlanNode *node, int instead, char *detail)
{
	node->state = STATE_SUPERSEDED;
	node->detail = detail;
	node->stands_for = instead;
	node->problem = NULL;
}

/* Take out of the line all that a baseline is about to run instead of. */
static void
put_aside_covered(Model *model, int b)
{
	const Migration *baseline = model->nodes[b].migration;

	for (int i = 0; i < model->n; i++)
	{
		PlanNode   *node = &model->nodes[i];

		if (i != b && node->migration->kind == KIND_VERSIONED && node->migration->version &&
			!node->is_applied && strcmp(node->migration->project, baseline->project) == 0 &&
			mig_version_compare(node->migration->version, baseline->version) <= 0)
			put_aside(node, b, psprintf("baseline %s runs instead", baseline->name));
	}
}

/*
 * In a project without history the newest baseline runs and all up to its
 * version do not; in one with history no baseline runs.  One that is held is
 * held, needed or not: what names it waits until somebody releases it.  One that
 * is half done is to come to its end.
 */
void
mig_states_baselined(Model *model, const char *limit_project, const char *limit)
{
	for (int b = 0; b < model->n; b++)
	{
		PlanNode   *node = &model->nodes[b];
		const char *project = node->migration->project;
		int			instead;

		if (node->migration->kind != KIND_BASELINE || node->is_applied || node->state == STATE_SUPERSEDED)
			continue;
		if (node->unfinished)
			put_aside_covered(model, b);
		if (is_held(model, node))
			node->state = STATE_HELD;
		else if (node->unfinished)
			continue;
		else if (has_history(model, project))
		{
			instead = baseline_setter(model, baseline_of(model, project));
			put_aside(node, instead > b ? instead : -1, pstrdup("not needed: the project has history"));
		}
		else if ((instead = newest_baseline(model, project, limit_project && strcmp(limit_project, project) == 0 ?
											limit : NULL)) != b)
			put_aside(node, instead > b ? instead : -1, pstrdup("not needed: another baseline starts the project"));
		else
			put_aside_covered(model, b);
	}
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

			if (other < 0 || other == i || model->nodes[i].is_applied == model->nodes[other].is_applied)
				continue;
			there = model->nodes[i].is_applied ? i : other;
			coming = there == i ? other : i;
			if (model->nodes[coming].problem || model->nodes[coming].state == STATE_SUPERSEDED)
				continue;
			model->nodes[coming].problem =
				mig_problem(ERRCODE_MIG_CONFLICT, "conflict",
							psprintf("migration \"%s\" conflicts with \"%s\", which is applied",
									 mig_full_name(model->nodes[coming].migration),
									 mig_full_name(model->nodes[there].migration)),
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
	if (is_held(model, node))
	{
		node->state = STATE_HELD;
		node->detail = psprintf("held by %s: \"%s\"", node->migration->held_by, node->migration->hold_reason);
		node->left_out = pstrdup("held");
		node->problem = NULL;
	}
	else if (node->late && node->left_out == NULL)
	{
		if (node->state != STATE_FAILED && node->state != STATE_INTERRUPTED)
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
		if (node->state != STATE_HELD)
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
