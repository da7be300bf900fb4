/*
 * flyway.c
 *		Flyway's files: V1.2__what.sql, U1.2__what.sql, R__what.sql,
 *		B5__what.sql, and a NAME.sql.conf beside them.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/lines.h"
#include "script/layouts/layouts_private.h"
#include "script/version.h"

/* What the name of a file says. */
typedef struct FlywayName
{
	char		prefix;			/* V, U, R or B; 0: none of them */
	char	   *version;		/* NULL for R */
	char	   *description;
} FlywayName;

/* Underscores of a description stand for blanks. */
static char *
words(const char *text)
{
	char	   *result = pstrdup(text);

	for (char *c = result; *c; c++)
		if (*c == '_')
			*c = ' ';
	return result;
}

static FlywayName
parse_name(const char *path)
{
	FlywayName	name = {0};
	char	   *stem = layout_stem(path);
	char	   *separator = strstr(stem, "__");

	if (separator == NULL || strchr("VURB", stem[0]) == NULL)
		return name;
	if (stem[0] == 'R')
	{
		if (separator != stem + 1)
			return name;
	}
	else if (separator == stem + 1 || strspn(stem + 1, "0123456789._") < (size_t) (separator - stem - 1))
		return name;
	else
		name.version = pnstrdup(stem + 1, separator - stem - 1);
	name.prefix = stem[0];
	name.description = words(separator + 2);
	return name;
}

bool
layout_is_flyway(const SourceSet *set)
{
	for (int i = 0; i < set->n; i++)
		if (layout_is_sql(set->files[i].path) && parse_name(set->files[i].path).prefix)
			return true;
	return false;
}

/* The line of a configuration file that says key=value, or 0. */
static int
setting_line(const SourceFile *conf, const char *setting)
{
	Line		line;

	if (conf == NULL)
		return 0;
	line_begin(&line, conf->content);
	while (line_next(&line))
		if (line_has(&line, 0, setting) ||
			(strncmp(line.text + line.start, "flyway.", 7) == 0 && line_has(&line, 7, setting)))
			return line.number;
	return 0;
}

/* Flyway puts values in their place everywhere, inside of quotes as well. */
static void
refuse_placeholders(const SourceFile *file)
{
	const char *placeholder = strstr(file->content, "${");

	if (placeholder)
		layout_cannot("placeholders cannot be replaced", file->path,
					  mig_line_of(file->content, placeholder - file->content),
					  "Write the value, or say placeholderReplacement=false in the file's .conf.");
}

static void
read_configuration(const SourceSet *set, const SourceFile *file, SourceMigration *m)
{
	const SourceFile *conf = layout_find(set, psprintf("%s.conf", file->path));
	int			line = setting_line(conf, "executeInTransaction=false");

	if (line > 0)
		layout_no_transaction(m, conf->path, line);
	if (setting_line(conf, "placeholderReplacement=false") == 0)
		refuse_placeholders(file);
}

static SourceMigration *
read_file(const SourceSet *set, const SourceFile *file, const FlywayName *name)
{
	SourceMigration *m = layout_new(layout_stem(file->path));

	m->version = name->version;
	m->description = name->description;
	if (name->prefix == 'R')
	{
		m->kind = "repeatable";
		m->unversioned = true;
	}
	else if (name->prefix == 'B')
		m->kind = "baseline";
	layout_set_text(&m->up, file->content, file->path, 1);
	read_configuration(set, file, m);
	return m;
}

/* The undo of a version goes with the migration of that version. */
static void
add_undo(List *migrations, const SourceFile *file, const FlywayName *name)
{
	ListCell   *cell;

	foreach(cell, migrations)
	{
		SourceMigration *m = lfirst(cell);

		if (strcmp(m->kind, "versioned") != 0 || mig_version_compare(m->version, name->version) != 0)
			continue;
		if (m->down.body)
			layout_culprits(ERRCODE_MIG_CONFLICT, "files undo the same version",
							list_make2(unconstify(char *, m->down.path), unconstify(char *, file->path)), NULL);
		layout_set_text(&m->down, file->content, file->path, 1);
		return;
	}
	layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files belong to migrations without an up",
					list_make1(unconstify(char *, file->path)), "Add the file with the up, or leave these out.");
}

List *
layout_flyway(const SourceSet *set)
{
	List	   *migrations = NIL;
	List	   *culprits = NIL;

	for (int i = 0; i < set->n; i++)
	{
		const SourceFile *file = &set->files[i];
		FlywayName	name = parse_name(file->path);

		if (!layout_is_sql(file->path))
			continue;
		if (name.prefix == 0)
			culprits = lappend(culprits, unconstify(char *, file->path));
		else if (name.prefix != 'U')
			migrations = lappend(migrations, read_file(set, file, &name));
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files beside Flyway's are named in another way", culprits,
						"Name them as V1__what.sql or R__what.sql, or leave them out; callbacks are not run.");
	for (int i = 0; i < set->n; i++)
	{
		FlywayName	name = parse_name(set->files[i].path);

		if (layout_is_sql(set->files[i].path) && name.prefix == 'U')
			add_undo(migrations, &set->files[i], &name);
	}
	return migrations;
}
