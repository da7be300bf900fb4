/*
 * folders.c
 *		Layouts where each migration is a folder: Prisma and Diesel.
 */
#include "postgres.h"

#include "common/errors.h"
#include "script/layouts/layouts_private.h"
#include "script/script.h"

/* Which part of a migration a file of such a folder is, or -1. */
static int
part_by_name(const char *path, const char *up)
{
	const char *base = layout_base(path);

	if (base == path)
		return -1;
	if (strcmp(base, up) == 0)
		return PART_UP;
	if (strcmp(base, "down.sql") == 0)
		return PART_DOWN;
	return strcmp(base, "verify.sql") == 0 ? PART_VERIFY : -1;
}

static bool
is_folders(const SourceSet *set, const char *up)
{
	for (int i = 0; i < set->n; i++)
		if (part_by_name(set->files[i].path, up) == PART_UP)
			return true;
	return false;
}

static List *
read_folders(const SourceSet *set, const char *up)
{
	Piece	   *pieces = palloc(Max(set->n, 1) * sizeof(Piece));
	List	   *culprits = NIL;

	for (int i = 0; i < set->n; i++)
	{
		pieces[i].name = layout_folder(set->files[i].path);
		pieces[i].part = part_by_name(set->files[i].path, up);
		pieces[i].file = &set->files[i];
		if (pieces[i].part < 0)
			culprits = lappend(culprits, unconstify(char *, set->files[i].path));
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE,
						psprintf("files beside those of a folder for each migration are not \"%s\" or \"down.sql\"", up),
						culprits, "Load the directory of the migrations alone, or leave these out.");
	return layout_pair(pieces, set->n);
}

/* ---- Prisma ---- */

bool
layout_is_prisma(const SourceSet *set)
{
	return is_folders(set, "migration.sql");
}

/* The lock file says which database the migrations are for. */
static void
refuse_provider(const SourceFile *file)
{
	int			line;
	char	   *provider = line_setting(file->content, "provider", &line);

	if (provider && strcmp(provider, "postgresql") != 0 && strcmp(provider, "cockroachdb") != 0)
		layout_cannot(psprintf("the migrations are for \"%s\"", provider), file->path, line,
					  "Load those for \"postgresql\".");
}

List *
layout_prisma(const SourceSet *set)
{
	for (int i = 0; i < set->nothers; i++)
		if (strcmp(layout_base(set->others[i].path), "migration_lock.toml") == 0)
			refuse_provider(&set->others[i]);
	return read_folders(set, "migration.sql");
}

/* ---- Diesel ---- */

bool
layout_is_diesel(const SourceSet *set)
{
	return is_folders(set, "up.sql");
}

/* Part of the name before the first underscore, without its dashes. */
static char *
diesel_version(const char *name)
{
	int			length = strcspn(name, "_");
	char	   *version = palloc(length + 1);
	int			n = 0;

	for (int i = 0; i < length; i++)
		if (name[i] != '-')
			version[n++] = name[i];
	version[n] = '\0';
	return n > 0 ? version : NULL;
}

List *
layout_diesel(const SourceSet *set)
{
	List	   *migrations = read_folders(set, "up.sql");
	ListCell   *cell;

	foreach(cell, migrations)
	{
		SourceMigration *m = lfirst(cell);
		const SourceFile *metadata;
		char	   *value;
		int			line;

		m->version = diesel_version(m->name);
		if (m->up.path == NULL)
			continue;
		metadata = layout_find(set, psprintf("%smetadata.toml", layout_directory(m->up.path)));
		value = metadata ? line_setting(metadata->content, "run_in_transaction", &line) : NULL;
		if (value && strcmp(value, "false") == 0)
			layout_no_transaction(m);
	}
	return migrations;
}
