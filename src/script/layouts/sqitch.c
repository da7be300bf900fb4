/*
 * sqitch.c
 *		Sqitch: plan files, and beside each its deploy, revert and verify
 *		scripts.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/lines.h"
#include "miscadmin.h"
#include "script/layouts/layouts_private.h"
#include "script/layouts/sqitch.h"

/* All plans of a set. */
typedef struct SqitchSet
{
	const SourceSet *files;
	List	   *plans;			/* of SqitchPlan * */
	HTAB	   *by_project;
} SqitchSet;

/* A dependency, taken apart. */
typedef struct Dependency
{
	bool		conflict;
	const char *project;		/* NULL: that of the plan */
	const char *name;			/* empty: the change with the tag */
	const char *tag;			/* or NULL */
} Dependency;

bool
layout_is_sqitch(const SourceSet *set)
{
	for (int i = 0; i < set->nothers; i++)
		if (sqitch_is_plan(&set->others[i]))
			return true;
	return false;
}

/* [!][project:][name][@tag] */
static Dependency
parse_dependency(const SqitchPlan *plan, const char *text)
{
	Dependency	result = {0};
	const char *colon;
	const char *at;

	result.conflict = *text == '!';
	text += result.conflict;
	if ((colon = strchr(text, ':')) != NULL)
	{
		result.project = pnstrdup(text, colon - text);
		text = colon + 1;
		if (strcmp(result.project, plan->project) == 0)
			result.project = NULL;
	}
	at = strchr(text, '@');
	result.name = pnstrdup(text, at ? at - text : (int) strlen(text));
	result.tag = at ? at + 1 : NULL;
	return result;
}

static bool
is_identifier(const char *name)
{
	return strlen(name) == 40 && strspn(name, "0123456789abcdef") == 40;
}

/*
 * The name in its project of what a dependency of the change at a position
 * means, or NULL for one that nothing here knows: a tag of a project that is
 * not in the set.
 */
static const char *
resolve(const SqitchPlan *plan, const Dependency *dependency, int position,
		const SqitchPlan *from, int line)
{
	const char *name = dependency->name;
	SqitchChange *change;
	SqitchTag  *tag = NULL;

	if (is_identifier(name))
		layout_cannot("changes cannot be named by their identifiers", from->file->path, line,
					  "Write the name of the change.");
	if (plan == NULL || (dependency->project && dependency->tag == NULL))
		return *name != '\0' ? name : NULL;
	if (dependency->tag)
	{
		tag = names_find(plan->by_tag, dependency->tag);
		if (tag == NULL)
			layout_cannot(psprintf("tag \"@%s\" is not in the plan of project \"%s\"", dependency->tag, plan->project),
						  from->file->path, line, NULL);
		if (*name == '\0')
			return tag->change->migration->name;
		position = tag->change->position;
	}
	else
		position--;
	change = sqitch_find(plan, name, position);
	return change ? change->migration->name : name;
}

/* Two dependencies may mean one change. */
static List *
append_new(List *names, char *name)
{
	ListCell   *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return names;
	return lappend(names, name);
}

/* Turn what stands between the brackets of a change into names. */
static void
resolve_dependencies(const SqitchSet *set, SqitchPlan *plan, SqitchChange *change)
{
	SourceMigration *m = change->migration;
	ListCell   *cell;

	foreach(cell, change->dependencies)
	{
		Dependency	dependency = parse_dependency(plan, lfirst(cell));
		const SqitchPlan *other = dependency.project ? names_find(set->by_project, dependency.project) : plan;
		const char *name = resolve(other, &dependency, change->position, plan, change->line);
		char	   *full;

		if (name == NULL)
		{
			ereport(NOTICE,
					(errmsg("dependency \"%s\" of change \"%s\" is not kept: the plan of that project is not among the files",
							(char *) lfirst(cell), change->name),
					 errdetail("%s", mig_place(plan->file->path, change->line))));
			continue;
		}
		full = dependency.project ? psprintf("%s:%s", dependency.project, name) : pstrdup(name);
		if (dependency.conflict)
			m->conflicts = append_new(m->conflicts, full);
		else
			m->requires = append_new(m->requires, full);
	}
}

/*
 * The name of a change in the registry.  What was applied before a rework
 * keeps its name, so the reworks get names of their own.
 */
static void
name_reworks(SqitchPlan *plan)
{
	ListCell   *cell;

	foreach(cell, plan->changes)
	{
		SqitchChange *change = lfirst(cell);
		int			count = 1;

		if (change->earlier)
			continue;
		for (SqitchChange *rework = change->later; rework; rework = rework->later)
			rework->migration->name = psprintf("%s#%d", change->name, ++count);
	}
}

static const SourceFile *
script(const SqitchSet *set, const SqitchPlan *plan, const char *folder, const char *name)
{
	return layout_find(set->files, psprintf("%s%s/%s.sql", plan->directory, folder, name));
}

/*
 * The base name of a change's scripts: its own, or for one that was reworked
 * the name with a tag that stands between it and the rework.
 */
static const char *
script_name(const SqitchSet *set, const SqitchPlan *plan, const SqitchChange *change)
{
	const char *first = NULL;

	if (change->later == NULL)
		return change->name;
	for (int i = change->later->tags_before - 1; i >= change->tags_before; i--)
	{
		const SqitchTag *tag = list_nth(plan->tags, i);
		const char *name = psprintf("%s@%s", change->name, tag->name);

		if (script(set, plan, "deploy", name))
			return name;
		if (first == NULL)
			first = name;
	}
	return first;
}

static void
add_script(SourceText *text, const SourceFile *file)
{
	if (file)
		layout_set_text(text, file->content, file->path, 1);
}

/*
 * Sqitch deploys in the order of the plan, and changes count on it: each one
 * follows the one before it, besides what it names.
 */
static void
follow_plan(const SqitchPlan *plan)
{
	SourceMigration *before = NULL;
	ListCell   *cell;

	foreach(cell, plan->changes)
	{
		SqitchChange *change = lfirst(cell);

		if (before)
			change->migration->requires = append_new(change->migration->requires, before->name);
		before = change->migration;
	}
}

/* The scripts of the changes; each must have its deploy. */
static List *
add_scripts(const SqitchSet *set, const SqitchPlan *plan, List *culprits)
{
	ListCell   *cell;

	foreach(cell, plan->changes)
	{
		SqitchChange *change = lfirst(cell);
		const char *name = script_name(set, plan, change);

		CHECK_FOR_INTERRUPTS();
		add_script(&change->migration->up, script(set, plan, "deploy", name));
		add_script(&change->migration->down, script(set, plan, "revert", name));
		add_script(&change->migration->verify, script(set, plan, "verify", name));
		if (change->migration->up.body == NULL)
			culprits = lappend(culprits, psprintf("%sdeploy/%s.sql", plan->directory, name));
	}
	return culprits;
}

/* The changes of a plan, behind those of the projects that it needs. */
static void
append_plan(const SqitchSet *set, SqitchPlan *plan, List **migrations)
{
	ListCell   *cell;

	check_stack_depth();
	if (plan->visited)
		return;
	plan->visited = true;
	foreach(cell, plan->changes)
	{
		SqitchChange *change = lfirst(cell);
		ListCell   *inner;

		foreach(inner, change->dependencies)
		{
			Dependency	dependency = parse_dependency(plan, lfirst(inner));
			SqitchPlan *other = dependency.project ? names_find(set->by_project, dependency.project) : NULL;

			if (other)
				append_plan(set, other, migrations);
		}
	}
	foreach(cell, plan->changes)
		*migrations = lappend(*migrations, ((SqitchChange *) lfirst(cell))->migration);
}

static void
read_plans(SqitchSet *set)
{
	for (int i = 0; i < set->files->nothers; i++)
	{
		SqitchPlan *plan;

		if (!sqitch_is_plan(&set->files->others[i]))
			continue;
		plan = sqitch_read_plan(&set->files->others[i]);
		name_reworks(plan);
		set->plans = lappend(set->plans, plan);
		if (!names_add(set->by_project, plan->project, plan))
			layout_culprits(ERRCODE_MIG_CONFLICT, psprintf("two plans are of project \"%s\"", plan->project),
							list_make2(unconstify(char *, ((SqitchPlan *) names_find(set->by_project, plan->project))->file->path),
									   unconstify(char *, plan->file->path)),
							"Load one of them.");
	}
}

List *
layout_sqitch(const SourceSet *files)
{
	SqitchSet	set = {files, NIL, names_create(16)};
	List	   *migrations = NIL;
	List	   *culprits = NIL;
	ListCell   *cell;

	read_plans(&set);
	foreach(cell, set.plans)
	{
		SqitchPlan *plan = lfirst(cell);
		ListCell   *inner;

		foreach(inner, plan->changes)
			resolve_dependencies(&set, plan, lfirst(inner));
		follow_plan(plan);
		culprits = add_scripts(&set, plan, culprits);
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "scripts of changes in the plan are missing", culprits,
						"Add them, or take the changes out of the plan.");
	foreach(cell, set.plans)
		append_plan(&set, lfirst(cell), &migrations);
	return migrations;
}
