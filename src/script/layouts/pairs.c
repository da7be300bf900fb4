/*
 * pairs.c
 *		Layouts that keep the up, down and verify of a migration in files of
 *		their own: by ending, by directory, by folder; and plain files.
 */
#include "postgres.h"

#include "common/errors.h"
#include "miscadmin.h"
#include "script/layouts/layouts_private.h"
#include "script/script.h"
#include "script/version.h"

static int
compare_pieces(const void *a, const void *b)
{
	const Piece *left = a;
	const Piece *right = b;
	int			result = strcmp(left->name, right->name);

	if (result == 0)
		result = left->part - right->part;
	return result ? result : strcmp(left->file->path, right->file->path);
}

static SourceText *
part_of(SourceMigration *m, int part)
{
	return part == PART_UP ? &m->up : part == PART_DOWN ? &m->down : &m->verify;
}

List *
layout_pair(Piece *pieces, int n)
{
	List	   *migrations = NIL;
	List	   *culprits = NIL;
	SourceMigration *m = NULL;

	qsort(pieces, n, sizeof(Piece), compare_pieces);
	for (int i = 0; i < n; i++)
	{
		SourceText *text;

		if (m == NULL || strcmp(m->name, pieces[i].name) != 0)
			migrations = lappend(migrations, m = layout_new(pieces[i].name));
		text = part_of(m, pieces[i].part);
		if (text->body)
		{
			culprits = list_append_unique_ptr(culprits, unconstify(char *, text->path));
			culprits = lappend(culprits, unconstify(char *, pieces[i].file->path));
			continue;
		}
		layout_set_text(text, pieces[i].file->content, pieces[i].file->path, 1);
	}
	if (culprits)
		layout_culprits(ERRCODE_MIG_CONFLICT, "files give the same migration", culprits,
						"Load one of the directories, or give the files different names.");
	return migrations;
}

/* ---- NAME.up.sql, NAME.down.sql, NAME.verify.sql ---- */

static const char *const endings[] = {".up", ".down", ".verify"};

/* Part that the ending of a stem tells, or -1. */
static int
part_by_ending(const char *stem)
{
	for (int part = 0; part < lengthof(endings); part++)
		if (layout_ends_with(stem, endings[part]) && strlen(stem) > strlen(endings[part]))
			return part;
	return -1;
}

bool
layout_is_updown(const SourceSet *set)
{
	for (int i = 0; i < set->n; i++)
		if (layout_is_sql(set->files[i].path) && part_by_ending(layout_stem(set->files[i].path)) >= 0)
			return true;
	return false;
}

/* A file without an ending of its own is an up. */
List *
layout_updown(const SourceSet *set)
{
	Piece	   *pieces = palloc(Max(set->n, 1) * sizeof(Piece));
	int			n = 0;

	for (int i = 0; i < set->n; i++)
	{
		char	   *stem;
		int			part;

		if (!layout_is_sql(set->files[i].path))
			continue;
		stem = layout_stem(set->files[i].path);
		part = part_by_ending(stem);
		pieces[n].name = part < 0 ? stem : pnstrdup(stem, strlen(stem) - strlen(endings[part]));
		pieces[n].part = part < 0 ? PART_UP : part;
		pieces[n++].file = &set->files[i];
	}
	return layout_pair(pieces, n);
}

/* ---- up/NAME.sql, down/NAME.sql ---- */

static const char *const directories[][2] = {
	{"up/", "deploy/"}, {"down/", "revert/"}, {"verify/", "verify/"}
};

/* Part that the directory of a file tells, or -1. */
static int
part_by_directory(const char *path)
{
	char	   *directory = layout_directory(path);

	for (int part = 0; part < lengthof(directories); part++)
		for (int i = 0; i < 2; i++)
		{
			const char *name = directories[part][i];

			if (strcmp(directory, name) == 0 || layout_ends_with(directory, psprintf("/%s", name)))
				return part;
		}
	return -1;
}

bool
layout_is_directories(const SourceSet *set)
{
	bool		found = false;

	for (int i = 0; i < set->n; i++)
	{
		if (!layout_is_sql(set->files[i].path))
			continue;
		if (part_by_directory(set->files[i].path) < 0)
			return false;
		found = true;
	}
	return found;
}

List *
layout_directories(const SourceSet *set)
{
	Piece	   *pieces = palloc(Max(set->n, 1) * sizeof(Piece));
	List	   *culprits = NIL;
	int			n = 0;

	for (int i = 0; i < set->n; i++)
	{
		if (!layout_is_sql(set->files[i].path))
			continue;
		pieces[n].name = layout_stem(set->files[i].path);
		pieces[n].part = part_by_directory(set->files[i].path);
		pieces[n].file = &set->files[i];
		if (pieces[n++].part < 0)
			culprits = lappend(culprits, unconstify(char *, set->files[i].path));
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files are in no directory up, down or verify", culprits, NULL);
	return layout_pair(pieces, n);
}

/* ---- plain files ---- */

bool
layout_is_plain(const SourceSet *set)
{
	for (int i = 0; i < set->n; i++)
		if (layout_is_sql(set->files[i].path))
			return true;
	return false;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Do two of the files have one base name, as in a directory for each version? */
static bool
base_names_repeat(const SourceSet *set)
{
	const char **names = palloc(Max(set->n, 1) * sizeof(char *));
	int			n = 0;

	for (int i = 0; i < set->n; i++)
		if (layout_is_sql(set->files[i].path))
			names[n++] = layout_stem(set->files[i].path);
	qsort(names, n, sizeof(char *), compare_names);
	for (int i = 1; i < n; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return true;
	return false;
}

/* The versions of the parts of a path, one after the other. */
static char *
version_of_path(const char *path)
{
	StringInfoData version;
	char	   *copy = pstrdup(path);
	char	   *save = NULL;

	initStringInfo(&version);
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save))
	{
		char	   *own = mig_version_from_name(part);

		if (own)
			appendStringInfo(&version, "%s%s", version.len ? "." : "", own);
	}
	return version.len ? version.data : NULL;
}

List *
layout_plain(const SourceSet *set)
{
	bool		by_path = base_names_repeat(set);
	List	   *migrations = NIL;

	for (int i = 0; i < set->n; i++)
	{
		const char *path = set->files[i].path;
		const char *relative = layout_relative(set, path);
		SourceMigration *m;

		if (!layout_is_sql(path))
			continue;
		m = layout_new(by_path ? pnstrdup(relative, strrchr(relative, '.') - relative) : layout_stem(path));
		if (by_path)
			m->version = version_of_path(m->name);
		layout_set_text(&m->up, set->files[i].content, path, 1);
		migrations = lappend(migrations, m);
	}
	return migrations;
}
