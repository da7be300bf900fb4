/*
 * folders.c
 *		Layouts where each migration is a folder: Prisma and Diesel.
 */
#include "postgres.h"

#include "script/layouts/layouts_private.h"
#include "script/script.h"

/* Name of the folder that a file is in. */
static char *
folder_name(const char *path)
{
	char	   *directory = layout_directory(path);
	int			length = strlen(directory);

	if (length == 0)
		return directory;
	directory[length - 1] = '\0';
	return pstrdup(layout_base(directory));
}

/* Which part of a migration a file of such a folder is, or -1. */
static int
part_by_name(const char *path, const char *up)
{
	const char *base = layout_base(path);

	if (strcmp(base, up) == 0)
		return PART_UP;
	if (strcmp(base, "down.sql") == 0)
		return PART_DOWN;
	return strcmp(base, "verify.sql") == 0 ? PART_VERIFY : -1;
}

/* Are all SQL files in folders, with an up among them? */
static bool
is_folders(const SourceSet *set, const char *up)
{
	bool		found = false;

	for (int i = 0; i < set->n; i++)
	{
		const char *path = set->files[i].path;

		if (!layout_is_sql(path))
			continue;
		if (part_by_name(path, up) < 0 || strchr(path, '/') == NULL)
			return false;
		found |= part_by_name(path, up) == PART_UP;
	}
	return found;
}

static List *
read_folders(const SourceSet *set, const char *up)
{
	Piece	   *pieces = palloc(Max(set->n, 1) * sizeof(Piece));
	int			n = 0;

	for (int i = 0; i < set->n; i++)
	{
		int			part = part_by_name(set->files[i].path, up);

		if (part < 0)
			continue;
		pieces[n].name = folder_name(set->files[i].path);
		pieces[n].part = part;
		pieces[n++].file = &set->files[i];
	}
	return layout_pair(pieces, n);
}

bool
layout_is_prisma(const SourceSet *set)
{
	return is_folders(set, "migration.sql");
}

List *
layout_prisma(const SourceSet *set)
{
	return read_folders(set, "migration.sql");
}

bool
layout_is_diesel(const SourceSet *set)
{
	return is_folders(set, "up.sql");
}

static char *
without_blanks(const Line *line)
{
	char	   *result = palloc(line->length + 1);
	int			n = 0;

	for (int i = 0; i < line->length; i++)
		if (line->text[line->start + i] != ' ' && line->text[line->start + i] != '\t')
			result[n++] = line->text[line->start + i];
	result[n] = '\0';
	return result;
}

/* The line of a metadata.toml that takes the migration out of its transaction, or 0. */
static int
transaction_off_line(const char *content)
{
	Line		line;

	line_begin(&line, content);
	while (line_next(&line))
		if (strncmp(without_blanks(&line), "run_in_transaction=false", 24) == 0)
			return line.number;
	return 0;
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

static SourceMigration *
find_by_folder(List *migrations, const char *name)
{
	ListCell   *cell;

	foreach(cell, migrations)
		if (strcmp(((SourceMigration *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

List *
layout_diesel(const SourceSet *set)
{
	List	   *migrations = read_folders(set, "up.sql");
	ListCell   *cell;

	foreach(cell, migrations)
	{
		SourceMigration *m = lfirst(cell);

		m->version = diesel_version(m->name);
	}
	for (int i = 0; i < set->n; i++)
	{
		const SourceFile *file = &set->files[i];
		int			line;
		SourceMigration *m;

		if (strcmp(layout_base(file->path), "metadata.toml") != 0 ||
			(line = transaction_off_line(file->content)) == 0)
			continue;
		m = find_by_folder(migrations, folder_name(file->path));
		if (m)
			layout_no_transaction(m, file->path, line);
	}
	return migrations;
}
