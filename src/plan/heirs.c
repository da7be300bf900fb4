/*
 * heirs.c
 *		Which migrations stand for others: the baseline that a project starts
 *		from, and those that replace others.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/names.h"
#include "miscadmin.h"
#include "plan/model_private.h"
#include "script/version.h"
#include "utils/builtins.h"

/* ---- the baseline that a project has ---- */

const Baseline *
mig_baseline_of(const List *baselines, const char *project)
{
	const Baseline *result = NULL;
	ListCell   *cell;

	foreach(cell, baselines)
	{
		const Baseline *baseline = lfirst(cell);

		if (strcmp(baseline->project, project) == 0 &&
			(result == NULL || mig_version_compare(baseline->version, result->version) > 0))
			result = baseline;
	}
	return result;
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

/* What a project's baseline says of those that the history does not know. */
void
mig_states_covered(Model *model)
{
	for (int i = 0; i < model->n; i++)
	{
		PlanNode   *node = &model->nodes[i];
		const Migration *migration = node->migration;
		const Baseline *baseline = mig_baseline_of(model->baselines, migration->project);

		if (baseline == NULL || migration->kind != KIND_VERSIONED ||
			!mig_baseline_covers(baseline, migration->version, migration->state, migration->history_id))
			continue;
		node->state = "baseline";
		node->is_applied = node->covered = true;
		node->detail = psprintf("baseline %s", baseline->version);
	}
	tie_to_setters(model);
}

static bool
has_history(const Model *model, const char *project)
{
	if (mig_baseline_of(model->baselines, project))
		return true;
	for (int i = 0; i < model->n; i++)
		if ((model->nodes[i].is_applied || model->nodes[i].unfinished) &&
			model->nodes[i].migration->kind != KIND_REPEATABLE &&
			strcmp(model->nodes[i].migration->project, project) == 0)
			return true;
	return false;
}

/* ---- those that replace others ---- */

/* The i-th of those that a migration replaces, or -1: it is not registered. */
static int
nth_replaced(const Model *model, const Migration *heir, int i)
{
	return mig_model_find_reference(model, heir->project, heir->replaces.names[i]);
}

/* Each one on the way from a migration back to it, which it replaces itself. */
static void
note_circle(PlanNode *last, PlanNode *first)
{
	List	   *names = list_make1(mig_full_name(first->migration));
	StringInfoData way;
	ListCell   *cell;

	for (const PlanNode *node = last; node != first; node = node->from)
		names = lcons(mig_full_name(node->migration), names);
	initStringInfo(&way);
	appendStringInfoString(&way, mig_full_name(first->migration));
	foreach(cell, names)
		appendStringInfo(&way, " -> %s", (char *) lfirst(cell));
	for (PlanNode *node = last; node != first; node = node->from)
		node->circle = way.data;
	first->circle = way.data;
}

/*
 * Find what is there of what a migration replaces, and of what that replaces,
 * each looked at once: squashes may all name all before them.  One that comes to
 * replace itself is not there for that.
 */
static void
look_behind(Model *model, PlanNode *node)
{
	const NameArray *replaces = &node->migration->replaces;
	bool		all = replaces->n > 0;

	check_stack_depth();
	node->behind = LOOKING;
	node->is_there = node->is_applied || node->place_taken;
	for (int i = 0; i < replaces->n; i++)
	{
		int			number = nth_replaced(model, node->migration, i);
		PlanNode   *replaced = number < 0 ? NULL : &model->nodes[number];

		if (replaced && replaced->behind == NOT_LOOKED)
		{
			replaced->from = node;
			look_behind(model, replaced);
		}
		if (replaced && replaced->behind == LOOKING && replaced != node && node->circle == NULL)
			note_circle(node, replaced);
		all = all && replaced && replaced->is_there;
		if (replaced && node->half_done == NULL)
			node->half_done = replaced->unfinished ? replaced->migration : replaced->is_applied ? NULL : replaced->half_done;
	}
	node->is_there |= all;
	node->behind = LOOKED;
}

static bool
replaced_is_there(const Model *model, const PlanNode *node, int i)
{
	int			replaced = nth_replaced(model, node->migration, i);

	return replaced >= 0 && model->nodes[replaced].is_there;
}

/* How many of the migrations that node replaces are applied. */
static int
replaced_applied(const Model *model, const PlanNode *node)
{
	int			applied = 0;

	for (int i = 0; i < node->migration->replaces.n; i++)
		if (replaced_is_there(model, node, i))
			applied++;
	return applied;
}

static char *
replaced_names(const Model *model, const PlanNode *node, bool applied)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < node->migration->replaces.n; i++)
		if (replaced_is_there(model, node, i) == applied)
			mig_list_name(&names, node->migration->replaces.names[i]);
	return names.data;
}

char *
mig_replaced_by(const Migration *heir, const Migration *replaced)
{
	bool		full = strcmp(heir->project, replaced->project) != 0 || strchr(heir->name, ':');

	return psprintf("replaced by %s", full ? mig_full_name(heir) : heir->name);
}

/* What is replaced takes no part any more; who requires it requires its heir. */
static void
supersede(Model *model, int heir)
{
	const PlanNode *node = &model->nodes[heir];

	for (int i = 0; i < node->migration->replaces.n; i++)
	{
		int			replaced = nth_replaced(model, node->migration, i);

		if (replaced < 0 || replaced == heir)
			continue;
		/* Who requires it does not wait for one that is held where another one has its place. */
		if (model->nodes[replaced].stands_for >= 0 && mig_node_is_held(model, node))
			continue;
		model->nodes[replaced].stands_for = heir;
		if (!model->nodes[replaced].is_applied)
		{
			model->nodes[replaced].state = STATE_SUPERSEDED;
			model->nodes[replaced].detail = mig_replaced_by(node->migration, model->nodes[replaced].migration);
		}
	}
}

char *
mig_hold_meanwhile(const Migration *heir)
{
	return psprintf("SELECT migrate.hold(%s, 'until what it replaces is applied');", quote_literal_cstr(mig_full_name(heir)));
}

/* project: of those that are to be applied meanwhile */
static char *
hold_and_apply(const Migration *heir, const char *project)
{
	return psprintf("Hold it while the others are applied: %s CALL migrate.apply(project => %s);",
					mig_hold_meanwhile(heir), quote_literal_cstr(project));
}

/* The project of the first that is not there. */
static const char *
project_missing(const Model *model, const PlanNode *node)
{
	for (int i = 0; i < node->migration->replaces.n; i++)
	{
		int			replaced = nth_replaced(model, node->migration, i);

		if (replaced >= 0 && !model->nodes[replaced].is_there)
			return model->nodes[replaced].migration->project;
	}
	return node->migration->project;
}

/* What replaces others while only some of what they do is there. */
static Problem *
replaces_in_part(const Model *model, const PlanNode *node, int applied)
{
	const char *name = mig_full_name(node->migration);

	if (node->circle)
		return mig_problem(ERRCODE_MIG_CONFLICT, "replaces",
						   psprintf("migration \"%s\" replaces itself: %s", name, node->circle), NULL,
						   "Register one of them without the next among what it replaces; if it was so before, with the option \"force\".");
	if (node->half_done)
		return mig_problem(ERRCODE_MIG_CONFLICT, "replaces",
						   psprintf("migration \"%s\" replaces a migration that is half done", name),
						   psprintf("It is \"%s\".", mig_full_name(node->half_done)),
						   model->nodes[node->half_done->node].unfinished->part == PART_DOWN ?
						   mig_call_to_go_on(&model->nodes[node->half_done->node]) :
						   hold_and_apply(node->migration, node->half_done->project));
	if (applied == 0 || applied == node->migration->replaces.n)
		return NULL;
	return mig_problem(ERRCODE_MIG_CONFLICT, "replaces",
					   psprintf("migration \"%s\" replaces migrations of which only some are applied", name),
					   psprintf("Applied: %s.  Not applied: %s.",
								replaced_names(model, node, true), replaced_names(model, node, false)),
					   hold_and_apply(node->migration, project_missing(model, node)));
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
		for (int k = 0; model->nodes[i].covered && k < model->nodes[i].migration->replaces.n; k++)
		{
			int			replaced = nth_replaced(model, model->nodes[i].migration, k);

			if (replaced >= 0)
				model->nodes[replaced].place_taken = true;
		}
	/* An heir comes before what it replaces: from behind, none is far from what is known. */
	for (int i = model->n - 1; i >= 0; i--)
		if (model->nodes[i].behind == NOT_LOOKED)
			look_behind(model, &model->nodes[i]);
	for (int i = 0; i < model->n; i++)
	{
		PlanNode   *node = &model->nodes[i];
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
			if (node->half_done)
				model->nodes[node->half_done->node].heir_in_way = node->migration;
		}
		if (node->problem == NULL)
			supersede(model, i);
	}
}

/* ---- the baseline that a project is to start from ---- */

/* The newest baseline migration of a project not beyond the limit, or -1. */
static int
newest_baseline(const Model *model, const char *project, const char *limit)
{
	int			newest = -1;

	for (int i = 0; i < model->n; i++)
	{
		const Migration *migration = model->nodes[i].migration;

		if (migration->kind == KIND_BASELINE && migration->version && !mig_node_is_held(model, &model->nodes[i]) &&
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

/* Is all that a migration replaces put aside for a baseline, or what that replaces itself? */
static bool
is_heir_of_covered(Model *model, PlanNode *node, int b)
{
	const Migration *migration = node->migration;
	bool		all = migration->replaces.n > 0 && !node->is_applied && node->unfinished == NULL;

	check_stack_depth();
	if (node->asked_of == b + 1)
		return node->heir_of_covered;
	node->asked_of = b + 1;
	node->heir_of_covered = false;
	for (int i = 0; i < migration->replaces.n && all; i++)
	{
		int			number = nth_replaced(model, migration, i);
		PlanNode   *replaced = number < 0 ? NULL : &model->nodes[number];

		all = replaced && ((replaced->stands_for == b && replaced->state == STATE_SUPERSEDED) ||
						   is_heir_of_covered(model, replaced, b));
	}
	return node->heir_of_covered = all;
}

/* Take out of the line all that a baseline is about to run instead of, and what would only be recorded then. */
static void
put_aside_covered(Model *model, int b)
{
	const Migration *baseline = model->nodes[b].migration;
	char	   *detail = psprintf("baseline %s runs instead", baseline->name);

	for (int i = 0; i < model->n; i++)
	{
		PlanNode   *node = &model->nodes[i];

		if (i != b && node->migration->kind == KIND_VERSIONED && node->migration->version &&
			!node->is_applied && strcmp(node->migration->project, baseline->project) == 0 &&
			mig_version_compare(node->migration->version, baseline->version) <= 0)
			put_aside(node, b, detail);
	}
	for (int i = model->n - 1; i >= 0; i--)
		if (i != b && model->nodes[i].state != STATE_SUPERSEDED && is_heir_of_covered(model, &model->nodes[i], b))
			put_aside(&model->nodes[i], b, detail);
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
		else if (mig_node_is_held(model, node))
			node->state = STATE_HELD;
		else if (has_history(model, project))
		{
			instead = baseline_setter(model, mig_baseline_of(model->baselines, project));
			put_aside(node, instead > b ? instead : -1, pstrdup("not needed: the project has history"));
		}
		else if ((instead = newest_baseline(model, project, limit_project && strcmp(limit_project, project) == 0 ?
											limit : NULL)) != b)
			put_aside(node, instead > b ? instead : -1, pstrdup("not needed: another baseline starts the project"));
		else
			put_aside_covered(model, b);
	}
}

/* ---- two that would do the same ---- */

/* Is it to run in the place of others? */
static bool
is_to_run(const Model *model, const PlanNode *node)
{
	return !node->is_applied && !node->mark_only && node->problem == NULL && node->state != STATE_SUPERSEDED &&
		(node->unfinished || !mig_node_is_held(model, node));
}

/*
 * Take the places of all that a migration replaces, and of what those would
 * replace; -1, or one of them whose place another one takes already.
 */
static int
claim(const Model *model, int heir, int number, int *taken_by, int generations)
{
	const Migration *migration = model->nodes[number].migration;
	int			contested = -1;

	for (int i = 0; i < migration->replaces.n && contested < 0; i++)
	{
		int			replaced = nth_replaced(model, migration, i);

		if (replaced < 0 || replaced == heir || taken_by[replaced] == heir)
			continue;
		if (taken_by[replaced] >= 0)
			return replaced;
		taken_by[replaced] = heir;
		if (generations > 0 && !model->nodes[replaced].is_applied)
			contested = claim(model, heir, replaced, taken_by, generations - 1);
	}
	return contested;
}

/* What a baseline runs instead of is taken as well, and what that would replace. */
static void
claim_covered(const Model *model, int *taken_by)
{
	for (int i = 0; i < model->n; i++)
	{
		int			instead = model->nodes[i].stands_for;

		taken_by[i] = instead >= 0 && model->nodes[i].state == STATE_SUPERSEDED &&
			model->nodes[instead].migration->kind == KIND_BASELINE && is_to_run(model, &model->nodes[instead]) ? instead : -1;
	}
	for (int i = 0; i < model->n; i++)
		if (taken_by[i] >= 0)
			(void) claim(model, taken_by[i], i, taken_by, MOST_GENERATIONS);
}

/* Where two would run in the place of one migration, one of them must wait, and is only recorded then. */
static void
refuse_rival(Model *model, int heir, int *taken_by)
{
	PlanNode   *node = &model->nodes[heir];
	int			contested = claim(model, heir, heir, taken_by, MOST_GENERATIONS);
	PlanNode   *other;
	PlanNode   *refused;
	const char *name;
	char	   *hint;

	if (contested < 0)
		return;
	other = &model->nodes[taken_by[contested]];
	name = mig_full_name(node->migration);
	/* What replaces a baseline does not replace what that covers. */
	if (other->migration->kind == KIND_BASELINE)
		hint = hold_and_apply(other->migration, node->migration->project);
	else
		hint = psprintf("%s  Or write what the other does into the text of one, and register that with the other among what it replaces.",
						hold_and_apply(node->migration, other->migration->project));
	/* What is half done has its place already. */
	refused = node->unfinished && other->unfinished == NULL ? other : node;
	refused->problem = mig_problem(ERRCODE_MIG_CONFLICT, "replaces",
								   psprintf("migrations \"%s\" and \"%s\" would both run in the place of another one",
											mig_full_name(other->migration), name),
								   psprintf("It is \"%s\".", mig_full_name(model->nodes[contested].migration)),
								   hint);
	if (other->migration->kind != KIND_BASELINE)
		supersede(model, taken_by[contested]);
}

void
mig_states_rivals(Model *model)
{
	int		   *taken_by = NULL;

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < model->n; i++)
		{
			const PlanNode *node = &model->nodes[i];

			if (node->migration->replaces.n == 0 || (pass == 0) != (node->unfinished != NULL) || !is_to_run(model, node))
				continue;
			if (taken_by == NULL)
			{
				taken_by = palloc(model->n * sizeof(int));
				claim_covered(model, taken_by);
			}
			refuse_rival(model, i, taken_by);
		}
}
