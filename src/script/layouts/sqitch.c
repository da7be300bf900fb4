/*
 * sqitch.c
 *		Sqitch: a plan file, and beside it deploy, revert and verify scripts.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/lines.h"
#include "script/layouts/layouts_private.h"
#include "script/script.h"

/* One plan file while it is read. */
typedef struct SqitchPlan
{
	const SourceSet *set;
	const SourceFile *file;
	const char *directory;
	char	   *project;		/* of %project */
	List	   *changes;		/* of SourceMigration *, in order */
	List	   *tags;			/* of SqitchTag * */
} SqitchPlan;

/* A tag stands behind a change. */
typedef struct SqitchTag
{
	char	   *name;
	SourceMigration *change;	/* the last one before it, or NULL */
	int			position;		/* how many changes stand before it */
} SqitchTag;

bool
layout_is_sqitch(const SourceSet *set)
{
	for (int i = 0; i < set->n; i++)
		if (layout_ends_with(set->files[i].path, ".plan"))
			return true;
	return false;
}

static SourceMigration *
find_change(const SqitchPlan *plan, const char *name, int before)
{
	for (int i = Min(before, list_length(plan->changes)) - 1; i >= 0; i--)
	{
		SourceMigration *m = list_nth(plan->changes, i);

		if (strcmp(m->name, name) == 0)
			return m;
	}
	return NULL;
}

static const SqitchTag *
find_tag(const SqitchPlan *plan, const char *name)
{
	ListCell   *cell;

	foreach(cell, plan->tags)
		if (strcmp(((SqitchTag *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

/*
 * The full name that a dependency means, or NULL for one that cannot be told
 * from this plan: a tag of another project.
 */
static char *
dependency_name(const SqitchPlan *plan, char *dependency, int line)
{
	char	   *colon = strchr(dependency, ':');
	char	   *at = strchr(colon ? colon : dependency, '@');
	const SqitchTag *tag;
	SourceMigration *change;

	if (colon && (plan->project == NULL || strncmp(dependency, plan->project, colon - dependency) != 0 ||
				  plan->project[colon - dependency] != '\0'))
	{
		if (at == colon + 1)
		{
			ereport(NOTICE,
					(errmsg("dependency on tag \"%s\" of another project is not kept", dependency),
					 errdetail("%s", mig_place(plan->file->path, line))));
			return NULL;
		}
		return at ? pnstrdup(dependency, at - dependency) : pstrdup(dependency);
	}
	if (colon)
		dependency = colon + 1;
	if (at == NULL)
		return pstrdup(dependency);
	tag = find_tag(plan, at + 1);
	if (tag == NULL)
		layout_cannot(psprintf("tag \"%s\" is not in the plan", at), plan->file->path, line, NULL);
	if (at == dependency)
		return tag->change ? tag->change->name : NULL;
	change = find_change(plan, pnstrdup(dependency, at - dependency), tag->position);
	return change ? change->name : pnstrdup(dependency, at - dependency);
}

/* What stands between the brackets of a change. */
static void
read_dependencies(SqitchPlan *plan, SourceMigration *m, char *text, int line)
{
	char	   *save = NULL;

	for (char *word = strtok_r(text, " \t", &save); word; word = strtok_r(NULL, " \t", &save))
	{
		bool		conflict = word[0] == '!';
		char	   *name = dependency_name(plan, conflict ? word + 1 : word, line);

		if (name == NULL)
			continue;
		if (conflict)
			m->conflicts = lappend(m->conflicts, name);
		else
			m->requires = lappend(m->requires, name);
	}
}

/*
 * A change that stands in the plan again was reworked: the one before keeps
 * its name with the tag that came after it.
 */
static void
rename_reworked(SqitchPlan *plan, const char *name)
{
	SourceMigration *before = find_change(plan, name, list_length(plan->changes));
	ListCell   *cell;

	if (before == NULL)
		return;
	foreach(cell, plan->tags)
	{
		SqitchTag  *tag = lfirst(cell);

		if (tag->position > list_length(plan->changes) ||
			find_change(plan, name, tag->position) != before)
			continue;
		before->name = psprintf("%s@%s", name, tag->name);
		return;
	}
}

static void
read_change(SqitchPlan *plan, char *text, int line)
{
	int			length;
	SourceMigration *m;
	char	   *open;
	char	   *close;

	if (*text == '+')
		text += 1 + strspn(text + 1, " \t");
	else if (*text == '-')
		layout_cannot("reverts cannot be part of a plan", plan->file->path, line, NULL);
	length = strcspn(text, " \t");
	m = layout_new(pnstrdup(text, length));
	m->unversioned = m->has_requires = true;
	m->project = plan->project;
	rename_reworked(plan, m->name);
	if (strchr(text, '#'))
	{
		char	   *note = strchr(text, '#');

		m->description = pstrdup(note + 1 + strspn(note + 1, " \t"));
		*note = '\0';
	}
	open = text + length + strspn(text + length, " \t");
	if (*open == '[' && (close = strchr(open, ']')) != NULL)
		read_dependencies(plan, m, pnstrdup(open + 1, close - open - 1), line);
	plan->changes = lappend(plan->changes, m);
}

static void
read_tag(SqitchPlan *plan, const char *text)
{
	SqitchTag  *tag = palloc(sizeof(SqitchTag));

	tag->name = pnstrdup(text + 1, strcspn(text + 1, " \t"));
	tag->position = list_length(plan->changes);
	tag->change = plan->changes ? llast(plan->changes) : NULL;
	plan->tags = lappend(plan->tags, tag);
}

static void
read_line(SqitchPlan *plan, const Line *line)
{
	char	   *text = pnstrdup(line->text + line->start, line->length);

	text += strspn(text, " \t");
	if (strncmp(text, "%project=", 9) == 0)
		plan->project = pnstrdup(text + 9, strcspn(text + 9, " \t"));
	else if (*text == '@')
		read_tag(plan, text);
	else if (*text != '\0' && *text != '%' && *text != '#')
		read_change(plan, text, line->number);
}

static void
add_script(const SqitchPlan *plan, SourceText *text, const char *folder, const char *name)
{
	const SourceFile *file = layout_find(plan->set, psprintf("%s%s/%s.sql", plan->directory, folder, name));

	if (file)
		layout_set_text(text, file->content, file->path, 1);
}

/* The scripts of the changes; each must have its deploy. */
static void
add_scripts(const SqitchPlan *plan)
{
	List	   *culprits = NIL;
	ListCell   *cell;

	foreach(cell, plan->changes)
	{
		SourceMigration *m = lfirst(cell);

		add_script(plan, &m->up, "deploy", m->name);
		add_script(plan, &m->down, "revert", m->name);
		add_script(plan, &m->verify, "verify", m->name);
		if (m->up.body == NULL)
			culprits = lappend(culprits, psprintf("%sdeploy/%s.sql", plan->directory, m->name));
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files that the plan names are missing", culprits, NULL);
}

List *
layout_sqitch(const SourceSet *set)
{
	List	   *migrations = NIL;

	for (int i = 0; i < set->n; i++)
	{
		SqitchPlan	plan = {set, &set->files[i]};
		Line		line;

		if (!layout_ends_with(set->files[i].path, ".plan"))
			continue;
		plan.directory = layout_directory(set->files[i].path);
		line_begin(&line, set->files[i].content);
		while (line_next(&line))
			read_line(&plan, &line);
		add_scripts(&plan);
		migrations = list_concat(migrations, plan.changes);
	}
	return migrations;
}
