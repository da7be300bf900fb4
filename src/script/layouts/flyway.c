/*
 * flyway.c
 *		Flyway's files: V1.2__what.sql, U1.2__what.sql, R__what.sql,
 *		B5__what.sql, and a NAME.sql.conf beside them.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/lines.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "script/layouts/layouts_private.h"

/* What the name of a file says. */
typedef struct FlywayName
{
	char		prefix;			/* V, U, R or B; 0: none of them */
	char	   *version;		/* NULL for R */
	char	   *description;	/* NULL: none */
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

static bool
is_version(const char *text, int length)
{
	return length > 0 && text[0] >= '0' && text[0] <= '9' &&
		text[length - 1] >= '0' && text[length - 1] <= '9' &&
		(int) strspn(text, "0123456789._") >= length;
}

static FlywayName
parse_name(const char *path)
{
	FlywayName	name = {0};
	char	   *stem = layout_stem(path);
	char	   *separator = strstr(stem, "__");
	int			length = separator ? separator - stem - 1 : (int) strlen(stem) - 1;

	if (stem[0] == '\0' || strchr("VURB", stem[0]) == NULL)
		return name;
	if (stem[0] == 'R' ? separator != stem + 1 : !is_version(stem + 1, length))
		return name;
	name.prefix = stem[0];
	if (stem[0] != 'R')
		name.version = pnstrdup(stem + 1, length);
	if (separator && separator[2] != '\0')
		name.description = words(separator + 2);
	return name;
}

/* Names with a description are Flyway's; V1.sql alone may be anybody's. */
bool
layout_is_flyway(const SourceSet *set)
{
	for (int i = 0; i < set->n; i++)
		if (strstr(set->files[i].path, "__") && parse_name(set->files[i].path).prefix)
			return true;
	return false;
}

/*
 * Flyway puts values in their place everywhere, inside of quotes as well.  What
 * is never closed is no placeholder.
 */
static void
refuse_placeholders(const SourceFile *file)
{
	const char *placeholder = strstr(file->content, "${");
	const char *close = placeholder ? strchr(placeholder, '}') : NULL;

	if (close)
		layout_cannot(psprintf("placeholder \"%s\" cannot be replaced",
							   pnstrdup(placeholder, pg_mbcliplen(placeholder, close + 1 - placeholder, 60))),
					  file->path, mig_line_of(file->content, placeholder - file->content),
					  psprintf("Write its value, or \"placeholderReplacement=false\" into \"%s.conf\".", file->path));
}

/* The setting of a file's .conf, with Flyway's prefix or not, and its line; NULL without one. */
static char *
setting(const SourceFile *conf, const char *key, int *line)
{
	char	   *value = conf ? line_setting(conf->content, key, line) : NULL;

	return value || conf == NULL ? value : line_setting(conf->content, psprintf("flyway.%s", key), line);
}

/* What a file and the .conf beside it say of the way it is run. */
static void
read_configuration(const SourceSet *set, const SourceFile *file, SourceMigration *m)
{
	const SourceFile *conf = layout_find(set, psprintf("%s.conf", file->path));
	int			line;
	char	   *value = setting(conf, "executeInTransaction", &line);

	if (value && pg_strcasecmp(value, "false") == 0)
		layout_no_transaction(m);
	value = setting(conf, "shouldExecute", &line);
	if (value && pg_strcasecmp(value, "true") != 0)
		layout_cannot("conditions on a migration cannot be judged", conf->path, line,
					  "Take the line away, or leave the migration out.");
	value = setting(conf, "placeholderReplacement", &line);
	if (value == NULL || pg_strcasecmp(value, "false") != 0)
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

/* All but the undos; *undos gets the numbers of those. */
static List *
read_files(const SourceSet *set, List **undos)
{
	List	   *migrations = NIL;
	List	   *culprits = NIL;

	for (int i = 0; i < set->n; i++)
	{
		FlywayName	name = parse_name(set->files[i].path);

		CHECK_FOR_INTERRUPTS();
		if (name.prefix == 0)
			culprits = lappend(culprits, unconstify(char *, set->files[i].path));
		else if (name.prefix == 'U')
			*undos = lappend_int(*undos, i);
		else
			migrations = lappend(migrations, read_file(set, &set->files[i], &name));
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files beside Flyway's are named in another way", culprits,
						"Name them as V1__what.sql or R__what.sql, or leave them out; callbacks are not run.");
	return migrations;
}

/* The undo of a version goes with the migration of that version. */
static void
add_undos(const SourceSet *set, List *migrations, List *undos)
{
	HTAB	   *versions = names_create(list_length(migrations));
	List	   *orphans = NIL;
	ListCell   *cell;

	foreach(cell, migrations)
	{
		SourceMigration *m = lfirst(cell);

		if (strcmp(m->kind, "versioned") == 0)
			names_add(versions, layout_version_without_zeros(m->version), m);
	}
	foreach(cell, undos)
	{
		const SourceFile *file = &set->files[lfirst_int(cell)];
		FlywayName	name = parse_name(file->path);
		SourceMigration *m = names_find(versions, layout_version_without_zeros(name.version));

		if (m == NULL)
			orphans = lappend(orphans, unconstify(char *, file->path));
		else if (m->down.body)
			layout_culprits(ERRCODE_MIG_CONFLICT, "files undo the same version",
							list_make2(unconstify(char *, m->down.path), unconstify(char *, file->path)), NULL);
		else
		{
			layout_set_text(&m->down, file->content, file->path, 1);
			read_configuration(set, file, m);
		}
	}
	if (orphans)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files undo versions that are not in the set", orphans,
						"Add the files of these versions, or leave these out.");
}

List *
layout_flyway(const SourceSet *set)
{
	List	   *undos = NIL;
	List	   *migrations = read_files(set, &undos);

	add_undos(set, migrations, undos);
	return migrations;
}
