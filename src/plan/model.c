/*
 * model.c
 *		Build the graph of all migrations from the ledger: sort, index, connect.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/errors.h"
#include "common/names.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "plan/model.h"
#include "plan/model_private.h"
#include "script/checksum.h"
#include "script/version.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* project:name, for tens of thousands of names. */
char *
mig_join_name(const char *project, const char *name)
{
	size_t		project_length = strlen(project);
	size_t		name_length = strlen(name);
	char	   *full = palloc(project_length + name_length + 2);

	memcpy(full, project, project_length);
	full[project_length] = ':';
	memcpy(full + project_length + 1, name, name_length + 1);
	return full;
}

char *
mig_full_name(const Migration *migration)
{
	return mig_join_name(migration->project, migration->name);
}

bool
mig_node_in(const PlanNode *node, const char *project)
{
	return project == NULL || strcmp(node->migration->project, project) == 0;
}

bool
mig_node_undecided(const PlanNode *node)
{
	if (node->state != STATE_INTERRUPTED || node->unfinished == NULL || node->detail == NULL)
		return false;
	return strncmp(node->detail, "MG012", 5) == 0 ||
		(node->unfinished->under_way > 0 && strstr(node->detail, ", and some of statement "));
}

char *
mig_ways_out(const PlanNode *node)
{
	if (node->unfinished->under_way > 0)
		return mig_resolve_calls(node->migration);
	return psprintf("SELECT * FROM migrate.history WHERE id = " INT64_FORMAT ";  says what it needs to go on with: %s",
					node->migration->history_id, mig_call_to_go_on(node));
}

char *
mig_resolve_calls(const Migration *migration)
{
	const char *literal = quote_literal_cstr(mig_full_name(migration));

	return psprintf("SELECT migrate.resolve(%s, 'skip_statement', '<it was done>');"
					" or SELECT migrate.resolve(%s, 'continue', '<it was not done>');", literal, literal);
}

char *
mig_call_to_go_on(const PlanNode *node)
{
	const Migration *migration = node->migration;
	const char *literal = quote_literal_cstr(mig_full_name(migration));

	if (node->unfinished && node->unfinished->part == PART_DOWN)
		return psprintf("CALL migrate.revert(project => %s);", quote_literal_cstr(migration->project));
	return psprintf("%s%sCALL migrate.apply(%s);", node->heir_in_way ? psprintf("%s  ", mig_hold_meanwhile(node->heir_in_way)) : "",
					migration->hold_reason ? psprintf("SELECT migrate.release(%s, '<why>');  ", literal) : "", literal);
}

/*
 * Order among equals: repeatables last, projects together, versions as people
 * read them, what has none in order of registration.
 */
static int
compare_migrations(const void *a, const void *b)
{
	const Migration *left = *(Migration *const *) a;
	const Migration *right = *(Migration *const *) b;
	bool		left_last = left->kind == KIND_REPEATABLE;
	bool		right_last = right->kind == KIND_REPEATABLE;
	int			result;

	if (left_last != right_last)
		return left_last ? 1 : -1;
	if ((result = strcmp(left->project, right->project)) != 0)
		return result;
	if (left_last)
		return strcmp(left->name, right->name);
	if ((left->version == NULL) != (right->version == NULL))
		return left->version == NULL ? 1 : -1;
	if (left->version && (result = mig_version_compare(left->version, right->version)) != 0)
		return result;
	if (left->ordinal != right->ordinal)
		return left->ordinal < right->ordinal ? -1 : 1;
	return strcmp(left->name, right->name);
}

int
mig_model_find(const Model *model, const char *project, const char *name)
{
	Migration  *migration = ledger_find_migration(model->set, project, name);

	return migration ? migration->node : -1;
}

void
mig_raise_unregistered(const FullName *full)
{
	ereport(ERROR,
			(errcode(ERRCODE_MIG_NO_SUCH_MIGRATION),
			 errmsg("migration \"%s:%s\" has been unregistered meanwhile", full->project, full->name)));
	pg_unreachable();
}

int
mig_model_need(const Model *model, const FullName *full)
{
	int			node = mig_model_find(model, full->project, full->name);

	if (node < 0)
		mig_raise_unregistered(full);
	return node;
}

/* The first colon separates project and name. */
FullName
mig_full_reference(const char *own_project, const char *reference)
{
	const char *colon = strchr(reference, ':');
	FullName	full;

	full.project = colon ? pnstrdup(reference, colon - reference) : unconstify(char *, own_project);
	full.name = unconstify(char *, colon ? colon + 1 : reference);
	return full;
}

int
mig_model_find_reference(const Model *model, const char *own_project, const char *reference)
{
	FullName	full = mig_full_reference(own_project, reference);

	return mig_model_find(model, full.project, full.name);
}

/* A baseline that nothing runs instead of: its project came the long way. */
static bool
is_skipped(const PlanNode *node)
{
	return node->migration->kind == KIND_BASELINE && node->state == STATE_SUPERSEDED &&
		!node->is_applied && node->stands_for < 0;
}

/* Is this one of those that a baseline would have run instead of? */
static bool
is_up_to(const PlanNode *node, const Migration *baseline)
{
	return node->migration != baseline && node->migration->kind != KIND_REPEATABLE &&
		node->migration->version && !is_skipped(node) &&
		strcmp(node->migration->project, baseline->project) == 0 &&
		mig_version_compare(node->migration->version, baseline->version) <= 0;
}

/*
 * Who requires a baseline that is skipped requires what it would have run
 * instead of: all up to its version, or where the one who requires is among
 * those, all of them before it.  Edges to the last of them do, unless one of
 * those is applied without what it requires.
 */
static void
connect_covered(Model *model, int node, int b)
{
	const Graph *graph = model->graph;
	bool	   *last = palloc0(model->n * sizeof(bool));
	bool		inside = is_up_to(&model->nodes[node], model->nodes[b].migration);

	for (int i = 0; i < (inside ? node : model->n); i++)
		if (is_up_to(&model->nodes[i], model->nodes[b].migration))
			last[model->nodes[i].stands_for >= 0 ? model->nodes[i].stands_for : i] = true;
	last[node] = false;
	for (int i = 0; i < model->n; i++)
		for (int e = 0; last[i] && e < graph->nedges[i]; e++)
			if (graph->edges[i][e] < i &&
				(!model->nodes[i].is_applied || model->nodes[graph->edges[i][e]].is_applied))
				last[graph->edges[i][e]] = false;
	for (int i = 0; i < model->n; i++)
		if (last[i])
			mig_graph_add_edge(model->graph, node, i);
	pfree(last);
}

int
mig_model_heir(const Model *model, int node)
{
	int			heir = model->nodes[node].stands_for;

	for (int i = 0; i < MOST_GENERATIONS && heir >= 0 && model->nodes[heir].stands_for >= 0; i++)
		heir = model->nodes[heir].stands_for;
	return heir;
}

/*
 * An edge to what a name stands for, or to what runs instead of it.  Only what
 * names itself requires itself, not what names something it stands for.
 */
static void
connect(Model *model, int node, int before)
{
	int			instead = mig_model_heir(model, before);

	if (is_skipped(&model->nodes[before]) && before != node)
		connect_covered(model, node, before);
	else if (instead != node)
		mig_graph_add_edge(model->graph, node, instead >= 0 ? instead : before);
}

/* Requirements given by name; those that are not registered are the node's problem. */
static void
connect_names(Model *model, int node, const NameArray *names, bool must_exist)
{
	Migration  *migration = model->nodes[node].migration;
	StringInfoData missing;

	missing.len = 0;
	for (int i = 0; i < names->n; i++)
	{
		int			before = mig_model_find_reference(model, migration->project, names->names[i]);

		if (before >= 0)
		{
			connect(model, node, before);
			continue;
		}
		if (missing.len == 0)
			initStringInfo(&missing);
		mig_list_name(&missing, names->names[i]);
	}
	if (missing.len > 0 && must_exist && model->nodes[node].problem == NULL)
		model->nodes[node].problem =
			mig_problem(ERRCODE_MIG_NOT_REGISTERED, "missing",
						psprintf("migration \"%s\" requires %s, not registered",
								 mig_full_name(migration), missing.data),
						NULL, psprintf("Register what is missing, or \"%s\" again with other requirements.",
									   migration->name));
}

/*
 * Does this migration have a place in the line of its project's versions?  One
 * without a baseline that is held goes on past it, as the project then does.
 * What cannot take the place of those that it replaces has none.
 */
static bool
in_line(const PlanNode *node)
{
	if (node->migration->kind == KIND_REPEATABLE || node->stands_for >= 0)
		return false;
	if (node->migration->kind == KIND_BASELINE && node->state == STATE_HELD && node->unfinished == NULL)
		return false;
	if (node->problem && strcmp(node->problem->code, "replaces") == 0)
		return false;
	return node->state != STATE_SUPERSEDED || node->is_applied;
}

/*
 * Connect each migration with what it requires: what it followed when it was
 * applied, what its definition names, or its predecessor in its project.
 */
static void
connect_all(Model *model)
{
	int			previous = -1;

	for (int i = 0; i < model->n; i++)
	{
		PlanNode	   *node = &model->nodes[i];
		Migration  *migration = node->migration;

		if (previous >= 0 &&
			strcmp(model->nodes[previous].migration->project, migration->project) != 0)
			previous = -1;
		if (node->is_applied && migration->has_followed)
			connect_names(model, i, &migration->followed, false);
		else if (!migration->linear)
			connect_names(model, i, &migration->requires, !node->is_applied);
		else if (previous >= 0 && in_line(node))
			connect(model, i, previous);
		if (in_line(node))
			previous = i;
	}
}

/* Where a migration stands that takes the place of others: at the first of them. */
static int
place_of(const Model *model, Migration *const *sorted, const Migration *migration)
{
	int			place = migration->node;

	if (!migration->linear || migration->kind != KIND_VERSIONED)
		return place;
	for (int i = 0; i < migration->replaces.n; i++)
	{
		int			replaced = mig_model_find_reference(model, migration->project, migration->replaces.names[i]);

		if (replaced >= 0 && replaced < place && strcmp(sorted[replaced]->project, migration->project) == 0)
			place = replaced;
	}
	return place;
}

/* Number the migrations in their order. */
static void
put_in_order(const Model *model, Migration **sorted)
{
	qsort(sorted, model->n, sizeof(Migration *), compare_migrations);
	for (int i = 0; i < model->n; i++)
		sorted[i]->node = i;
	for (int i = 0; i < model->n; i++)
	{
		Migration  *migration = sorted[i];
		int			place = place_of(model, sorted, migration);

		for (int k = i; k > place; k--)
		{
			sorted[k] = sorted[k - 1];
			sorted[k]->node = k;
		}
		sorted[place] = migration;
		migration->node = place;
	}
}

Model *
mig_model_read(List *override, const char *limit_project, const char *limit)
{
	Model	   *model = palloc0(sizeof(Model));
	Migration **sorted;

	model->set = ledger_read_migrations(&sorted, &model->n);
	model->override = override;
	model->baselines = ledger_read_baselines();
	put_in_order(model, sorted);
	model->nodes = MemoryContextAllocExtended(CurrentMemoryContext, Max(model->n, 1) * sizeof(PlanNode),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < model->n; i++)
	{
		model->nodes[i].migration = sorted[i];
		model->nodes[i].stands_for = -1;
	}
	model->graph = mig_graph_create(model->n);
	mig_states_applied(model);
	mig_states_covered(model);
	mig_states_replaced(model);
	mig_states_baselined(model, limit_project, limit);
	mig_states_rivals(model);
	connect_all(model);
	mig_states_pending(model);
	return model;
}

Model *
mig_model_look(void)
{
	Model	   *model = mig_model_read(NIL, NULL, NULL);
	char	   *running = ledger_running_migration();
	int			node = running ? mig_model_find_reference(model, NULL, running) : -1;

	if (node >= 0)
	{
		model->nodes[node].state = STATE_RUNNING;
		model->nodes[node].detail = NULL;
	}
	return model;
}

Problem *
mig_problem(int sqlstate, const char *code, char *message, char *detail, char *hint)
{
	Problem    *problem = palloc0(sizeof(Problem));

	problem->sqlstate = sqlstate;
	problem->code = code;
	problem->message = message;
	problem->detail = detail;
	problem->hint = hint;
	return problem;
}

Problem *
mig_half_done_problem(const PlanNode *node)
{
	bool		back = node->unfinished->part == PART_DOWN;
	const char *name = mig_full_name(node->migration);
	const char *way = mig_node_undecided(node) ? mig_ways_out(node) : psprintf("%s  goes on.", mig_call_to_go_on(node));

	return mig_problem(ERRCODE_MIG_INTERRUPTED, "half_done",
					   psprintf("migration \"%s\" is half %s", name, back ? "reverted" : "applied"),
					   psprintf("It stopped behind statement %d.", node->unfinished->done),
					   psprintf("%s  Or say what it is, 'applied' or 'reverted': SELECT migrate.resolve(%s, '%s', '<why>');",
								way, quote_literal_cstr(name), back ? "reverted" : "applied"));
}

Problem *
mig_changed_problem(const PlanNode *node)
{
	const Migration *migration = node->migration;
	const char *name;
	const char *literal;
	bool		ran;

	/* Asked of each migration for each plan: what is cheap and tells most apart comes first. */
	if (!node->is_applied || migration->kind == KIND_REPEATABLE || migration->applied == NULL ||
		mig_same_checksum(migration->applied, migration->up))
		return NULL;
	/* What stands for another one counts for it. */
	if (strcmp(node->state, STATE_SUPERSEDED) == 0 ||
		mig_same_meaning(ledger_text_by_checksum(migration->project, migration->applied, PART_UP),
						 ledger_text_by_checksum(migration->project, migration->up, PART_UP)))
		return NULL;
	ran = strcmp(node->state, "marked") != 0 && strcmp(node->state, "baseline") != 0;
	name = mig_full_name(migration);
	literal = quote_literal_cstr(name);
	return mig_problem(ERRCODE_MIG_TEXT_CHANGED, "text_changed",
					   psprintf("the registered up of \"%s\" is not the one that was %s", name, ran ? "applied" : "marked as applied"), NULL,
					   ran ?
					   psprintf("SELECT migrate.accept_text(%s, migrate.sql(%s), '<why>');  if both do the same; if not, register the one that was applied again, and put the difference into a new migration", literal, literal) :
					   psprintf("SELECT migrate.accept_text(%s, migrate.sql(%s), '<why>');  if that is there as well; if it is to run: SELECT migrate.mark_pending(%s, '<why>');", literal, literal, literal));
}

void
mig_raise_problem(const Problem *problem)
{
	ereport(ERROR,
			(errcode(problem->sqlstate),
			 errmsg_internal("%s", problem->message),
			 problem->detail ? errdetail_internal("%s", problem->detail) : 0,
			 problem->hint ? errhint("%s", problem->hint) : 0,
			 problem->rule ? err_generic_string(PG_DIAG_CONSTRAINT_NAME, problem->rule) : 0));
	pg_unreachable();
}

ArrayType *
mig_model_followed(const Model *model, int node)
{
	const Graph *graph = model->graph;
	int			n = graph->nedges[node];
	Datum	   *names = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		names[i] = CStringGetTextDatum(mig_full_name(model->nodes[graph->edges[node][i]].migration));
	return construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Those of a project that none of its others requires. */
static List *
heads_of(const Model *model, const char *project)
{
	bool	   *required = palloc0(Max(model->n, 1) * sizeof(bool));
	List	   *heads = NIL;

	for (int i = 0; i < model->n; i++)
		for (int e = 0; e < model->graph->nedges[i]; e++)
		{
			int			before = model->graph->edges[i][e];

			if (strcmp(model->nodes[i].migration->project,
					   model->nodes[before].migration->project) == 0)
				required[before] = true;
		}
	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (!required[i] && in_line(node) && strcmp(node->migration->project, project) == 0)
			heads = lappend_int(heads, i);
	}
	return heads;
}

char *
mig_model_heads_refused(const Model *model, const char *project, int *n)
{
	char	   *policy = ledger_policy("heads", project);
	List	   *heads;
	ListCell   *cell;
	StringInfoData names;

	if (policy == NULL || strcmp(policy, "one") != 0)
		return NULL;
	heads = heads_of(model, project);
	*n = list_length(heads);
	if (*n < 2)
		return NULL;
	initStringInfo(&names);
	foreach(cell, heads)
		mig_list_name(&names, model->nodes[lfirst_int(cell)].migration->name);
	return names.data;
}
