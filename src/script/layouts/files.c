/*
 * files.c
 *		The files of a migration set: which of them count, and what their paths
 *		say.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/name_table.h"
#include "miscadmin.h"
#include "script/layouts/layouts_private.h"

/* What tools and people put beside migrations. */
static const char *const never_sql[] = {
	".plan", ".conf", ".toml", ".json", ".lock", ".sum", ".md", ".txt", ".yml", ".yaml", ".xml",
	".js", ".ts", ".map", ".py", ".pl", ".rb", ".go", ".sh", ".gitkeep", ".keep", "README"
};

/* ---- tables of names ---- */

typedef struct NameEntry
{
	const char *name;			/* hash key */
	const void *value;
} NameEntry;

HTAB *
names_create(int size)
{
	return mig_name_table("names", size, sizeof(NameEntry));
}

/* False, and nothing changed, if the name is there already. */
bool
names_add(HTAB *table, const char *name, const void *value)
{
	bool		found;
	NameEntry  *entry = hash_search(table, &name, HASH_ENTER, &found);

	if (!found)
		entry->value = value;
	return !found;
}

void *
names_find(HTAB *table, const char *name)
{
	NameEntry  *entry = hash_search(table, &name, HASH_FIND, NULL);

	return entry ? unconstify(void *, entry->value) : NULL;
}

/* ---- names ---- */

const char *
layout_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool
layout_ends_with(const char *string, const char *end)
{
	size_t		length = strlen(string);
	size_t		end_length = strlen(end);

	return length >= end_length && pg_strcasecmp(string + length - end_length, end) == 0;
}

static bool
is_sql(const char *path)
{
	return layout_ends_with(path, ".sql") || layout_ends_with(path, ".pgsql") ||
		layout_ends_with(path, ".psql");
}

/* Base name without its ending; what follows the last dot of 9.0.1 is none. */
char *
layout_stem(const char *path)
{
	const char *base = layout_base(path);
	const char *dot = strrchr(base, '.');

	if (dot == NULL || dot[1 + strspn(dot + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0')
		return pstrdup(base);
	return pnstrdup(base, dot - base);
}

/* Directory of a path, with its slash; empty if it has none. */
char *
layout_directory(const char *path)
{
	return pnstrdup(path, layout_base(path) - path);
}

/* Name of the directory that a file is in; empty if it is in none. */
char *
layout_folder(const char *path)
{
	char	   *directory = layout_directory(path);
	int			length = strlen(directory);

	if (length == 0)
		return directory;
	directory[length - 1] = '\0';
	return pstrdup(layout_base(directory));
}

const char *
layout_relative(const SourceSet *set, const char *path)
{
	return path + strlen(set->common);
}

/* The next directory of a path, and step over it; false at the base name. */
bool
layout_next_segment(const char **path, const char **segment, int *length)
{
	const char *slash = strchr(*path, '/');

	if (slash == NULL)
		return false;
	*segment = *path;
	*length = slash - *path;
	*path = slash + 1;
	return true;
}

bool
layout_segment_is(const char *segment, int length, const char *word)
{
	return (int) strlen(word) == length && pg_strncasecmp(segment, word, length) == 0;
}

/* ---- sets ---- */

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(((const SourceFile *) a)->path, ((const SourceFile *) b)->path);
}

static char *
common_directory(const SourceFile *files, int n)
{
	char	   *common = n > 0 ? layout_directory(files[0].path) : pstrdup("");

	for (int i = 1; i < n; i++)
	{
		int			same = 0;

		while (common[same] != '\0' && common[same] == files[i].path[same])
			same++;
		while (same > 0 && common[same - 1] != '/')
			same--;
		common[same] = '\0';
	}
	return common;
}

static bool
may_be_sql(const char *path)
{
	if (layout_base(path)[0] == '.' || layout_base(path)[0] == '\0')
		return false;
	for (int i = 0; i < lengthof(never_sql); i++)
		if (layout_ends_with(path, never_sql[i]))
			return false;
	return true;
}

static bool
is_wanted(const char *path)
{
	const char *base = layout_base(path);

	return is_sql(path) || layout_ends_with(path, ".plan") || layout_ends_with(path, ".sql.conf") ||
		strcmp(base, "metadata.toml") == 0 || strcmp(base, "migration_lock.toml") == 0;
}

List *
mig_layout_wanted(List *paths, const char *layout)
{
	bool		any_ending = strcmp(layout, "plain") == 0;
	List	   *wanted = NIL;
	ListCell   *cell;

	foreach(cell, paths)
		any_ending &= !is_sql(lfirst(cell));
	foreach(cell, paths)
		if (is_wanted(lfirst(cell)) || (any_ending && may_be_sql(lfirst(cell))))
			wanted = lappend(wanted, lfirst(cell));
	return wanted;
}

/* Index the files by their paths; one that is given twice is an error. */
static HTAB *
index_paths(const SourceFile *files, int n)
{
	HTAB	   *table = names_create(n);
	List	   *culprits = NIL;

	for (int i = 0; i < n; i++)
		if (!names_add(table, files[i].path, &files[i]))
			culprits = lappend(culprits, unconstify(char *, files[i].path));
	if (culprits)
		layout_culprits(ERRCODE_MIG_CONFLICT, "files are given twice", culprits, NULL);
	return table;
}

/* any_ending: where no file ends in ".sql", take all that may hold SQL. */
void
layout_open(SourceSet *set, const SourceFile *files, int nfiles, bool any_ending)
{
	SourceFile *sorted = palloc(Max(nfiles, 1) * sizeof(SourceFile));
	SourceFile *sql = palloc(Max(nfiles, 1) * sizeof(SourceFile));
	SourceFile *others = palloc(Max(nfiles, 1) * sizeof(SourceFile));

	memset(set, 0, sizeof(SourceSet));
	memcpy(sorted, files, nfiles * sizeof(SourceFile));
	qsort(sorted, nfiles, sizeof(SourceFile), compare_paths);
	for (int i = 0; i < nfiles; i++)
		any_ending &= !is_sql(sorted[i].path);
	for (int i = 0; i < nfiles; i++)
	{
		if (is_sql(sorted[i].path) || (any_ending && may_be_sql(sorted[i].path)))
			sql[set->n++] = sorted[i];
		else
			others[set->nothers++] = sorted[i];
	}
	set->files = sql;
	set->others = others;
	set->common = common_directory(sql, set->n);
	set->by_path = index_paths(sorted, nfiles);
}

const SourceFile *
layout_find(const SourceSet *set, const char *path)
{
	return names_find(set->by_path, path);
}

/* ---- sets for several databases ---- */

/* Directories named after a database; the first of each line is its name. */
static const char *const databases[][6] = {
	{"postgresql", "postgres", "pg", "pgsql", "psql"},
	{"mysql", "mariadb"},
	{"sqlite", "sqlite3"},
	{"mssql", "sqlserver"},
	{"cockroachdb", "cockroach", "crdb"},
	{"oracle"}, {"clickhouse"}, {"mongodb"}, {"h2"}, {"db2"}
};

/* Index of the database that a path is for, or -1; *length is how much of the path says so. */
static int
database_of(const char *path, int *length)
{
	const char *at = path;
	const char *segment;
	int			segment_length;

	while (layout_next_segment(&at, &segment, &segment_length))
		for (int i = 0; i < lengthof(databases); i++)
			for (int j = 0; j < lengthof(databases[i]) && databases[i][j]; j++)
				if (layout_segment_is(segment, segment_length, databases[i][j]))
				{
					*length = at - path;
					return i;
				}
	return -1;
}

/* The same migrations for several databases are not one set. */
void
layout_refuse_databases(const SourceSet *set)
{
	bool		seen[lengthof(databases)] = {0};
	List	   *culprits = NIL;

	for (int i = 0; i < set->n; i++)
	{
		const char *path = layout_relative(set, set->files[i].path);
		int			length;
		int			database = database_of(path, &length);

		CHECK_FOR_INTERRUPTS();
		if (database < 0 || seen[database])
			continue;
		seen[database] = true;
		culprits = lappend(culprits, pnstrdup(set->files[i].path, path - set->files[i].path + length));
	}
	if (list_length(culprits) > 1)
		layout_culprits(ERRCODE_MIG_CONFLICT, "directories are for different databases", culprits,
						"Load one of them.");
}
