/*
 * pairs.c
 *		Layouts that keep the up, down and verify of a migration in files of
 *		their own, told by name or by directory; and plain files.
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

		CHECK_FOR_INTERRUPTS();
		if (m == NULL || strcmp(m->name, pieces[i].name) != 0)
			migrations = lappend(migrations, m = layout_new(pieces[i].name));
		text = part_of(m, pieces[i].part);
		if (text->body)
		{
			if (culprits == NIL || strcmp(pieces[i - 1].file->path, llast(culprits)) != 0)
				culprits = lappend(culprits, unconstify(char *, pieces[i - 1].file->path));
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

/* ---- NAME.sql; NAME.up.sql, NAME.down.sql, NAME.verify.sql ---- */

bool
layout_is_updown(const SourceSet *set)
{
	for (int i = 0; i < set->n; i++)
		if (layout_ending(set->files[i].path) >= 0)
			return true;
	return false;
}

bool
layout_is_plain(const SourceSet *set)
{
	return set->n > 0;
}

/*
 * Do directories stand for versions, each with migrations of its own?  So it
 * is where two files of different directories have one name or one version,
 * or where only directories have versions.
 */
static bool
directories_count(const SourceSet *set, const Piece *pieces)
{
	HTAB	   *seen = names_create(2 * set->n);
	bool		names_have_versions = false;
	bool		directories_have_versions = false;

	for (int i = 0; i < set->n; i++)
	{
		char	   *version = mig_version_from_name(pieces[i].name);
		char	   *directory = layout_directory(layout_relative(set, pieces[i].file->path));
		char	   *keys[2] = {NULL, NULL};

		keys[0] = psprintf("%d %s", pieces[i].part, pieces[i].name);
		if (version)
			keys[1] = psprintf("%d/%s", pieces[i].part, mig_version_canonical(version));
		for (int j = 0; j < 2 && keys[j]; j++)
			if (!names_add(seen, keys[j], directory) && strcmp(names_find(seen, keys[j]), directory) != 0)
				return true;
		names_have_versions |= version != NULL;
		directories_have_versions |= mig_version_from_name(directory) != NULL;
	}
	return directories_have_versions && !names_have_versions;
}

/*
 * Some number their downs as the ups and name them differently: a down of its
 * own goes with the one up of its version.
 */
static void
pair_by_version(List **migrations)
{
	HTAB	   *ups = names_create(list_length(*migrations));
	HTAB	   *shared = names_create(16);
	List	   *kept = NIL;
	ListCell   *cell;

	foreach(cell, *migrations)
	{
		SourceMigration *m = lfirst(cell);
		char	   *version = mig_version_from_name(m->name);

		if (m->up.body && m->down.body == NULL && version && !names_add(ups, mig_version_canonical(version), m))
			names_add(shared, mig_version_canonical(version), m);
	}
	foreach(cell, *migrations)
	{
		SourceMigration *m = lfirst(cell);
		char	   *version = mig_version_from_name(m->name);
		SourceMigration *up = version && m->up.body == NULL && m->down.body ?
			names_find(ups, mig_version_canonical(version)) : NULL;

		if (up && up->down.body == NULL && m->verify.body == NULL && !names_find(shared, mig_version_canonical(version)))
			up->down = m->down;
		else
			kept = lappend(kept, m);
	}
	*migrations = kept;
}

List *
layout_plain(const SourceSet *set)
{
	Piece	   *pieces = palloc(Max(set->n, 1) * sizeof(Piece));
	bool		by_path;
	List	   *migrations;
	ListCell   *cell;

	layout_read_names(set, pieces);
	by_path = directories_count(set, pieces);
	for (int i = 0; by_path && i < set->n; i++)
		pieces[i].name = psprintf("%s%s", layout_directory(layout_relative(set, pieces[i].file->path)),
								  pieces[i].name);
	migrations = layout_pair(pieces, set->n);
	pair_by_version(&migrations);
	if (by_path)
		foreach(cell, migrations)
		{
			SourceMigration *m = lfirst(cell);

			m->version = layout_path_version(m->name, false);
		}
	return migrations;
}

/* ---- up/NAME.sql, down/NAME.sql, verify/NAME.sql ---- */

static const char *const directories[][2] = {
	{"up", "deploy"}, {"down", "revert"}, {"verify", "verify"}
};

static int
part_by_segment(const char *segment, int length)
{
	for (int part = 0; part < lengthof(directories); part++)
		if (layout_segment_is(segment, length, directories[part][0]) ||
			layout_segment_is(segment, length, directories[part][1]))
			return part;
	return -1;
}

/*
 * Part that a directory of a path tells, or -1, and *name, the path below it.
 * Among the directories that tell one set from another the first decides,
 * above them the last.
 */
static int
part_by_directory(const SourceSet *set, const char *path, const char **name)
{
	const char *relative = layout_relative(set, path);
	const char *at = path;
	const char *segment;
	int			length;
	int			part = -1;

	while (layout_next_segment(&at, &segment, &length))
	{
		int			own = part_by_segment(segment, length);

		if (own < 0)
			continue;
		part = own;
		*name = at;
		if (segment >= relative)
			break;
	}
	return part;
}

/* All files are in such directories, or some are in one of ups and some in one of downs. */
bool
layout_is_directories(const SourceSet *set)
{
	int			counts[3] = {0};
	int			n = 0;
	const char *name;

	for (int i = 0; i < set->n; i++)
	{
		int			part = part_by_directory(set, set->files[i].path, &name);

		if (part >= 0)
			counts[part]++;
		n += part >= 0;
	}
	return n > 0 && counts[PART_UP] > 0 && (n == set->n || counts[PART_DOWN] > 0);
}

List *
layout_directories(const SourceSet *set)
{
	Piece	   *pieces = palloc(Max(set->n, 1) * sizeof(Piece));
	List	   *culprits = NIL;

	for (int i = 0; i < set->n; i++)
	{
		const char *path = set->files[i].path;
		const char *name = path;

		pieces[i].part = part_by_directory(set, path, &name);
		pieces[i].name = pnstrdup(name, layout_base(name) - name + strlen(layout_stem(name)));
		pieces[i].file = &set->files[i];
		if (pieces[i].part < 0)
			culprits = lappend(culprits, unconstify(char *, path));
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files are in no directory \"up\", \"down\" or \"verify\"",
						culprits, "Leave them out.");
	return layout_pair(pieces, set->n);
}
