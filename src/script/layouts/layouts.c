/*
 * layouts.c
 *		Recognise the layout of a migration set, read it, put it in order.
 */
#include "postgres.h"

#include <ctype.h>

#include "common/errors.h"
#include "common/lines.h"
#include "miscadmin.h"
#include "script/header.h"
#include "script/layouts/layouts_private.h"
#include "script/version.h"

#define MAX_CULPRITS 10

/* The layouts, in the order in which they are looked for. */
typedef struct Layout
{
	const char *name;
	bool		(*is) (const SourceSet *set);
	List	   *(*read) (const SourceSet *set);
	bool		ordered;		/* the list comes in the order of execution */
	bool		by_version;		/* the tool knows migrations by version, not by name */
} Layout;

static const Layout layouts[] = {
	{"sqitch", layout_is_sqitch, layout_sqitch, true, false},
	{"flyway", layout_is_flyway, layout_flyway, false, true},
	{"prisma", layout_is_prisma, layout_prisma, false, false},
	{"diesel", layout_is_diesel, layout_diesel, false, true},
	{"goose", layout_is_goose, layout_goose, false, true},
	{"sql-migrate", layout_is_sql_migrate, layout_sql_migrate, false, false},
	{"dbmate", layout_is_dbmate, layout_dbmate, false, true},
	{"numbered", layout_is_numbered, layout_numbered, false, true},
	{"updown", layout_is_updown, layout_updown, false, false},
	{"directories", layout_is_directories, layout_directories, false, false},
	{"node-pg-migrate", layout_is_node_pg_migrate, layout_node_pg_migrate, false, false},
	{"plain", layout_is_plain, layout_plain, false, false}
};

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

	return length >= end_length && strcmp(string + length - end_length, end) == 0;
}

bool
layout_is_sql(const char *path)
{
	return layout_ends_with(path, ".sql") || layout_ends_with(path, ".pgsql") || layout_ends_with(path, ".psql");
}

/* Base name without its ending. */
char *
layout_stem(const char *path)
{
	const char *base = layout_base(path);

	return pnstrdup(base, strrchr(base, '.') ? strrchr(base, '.') - base : (int) strlen(base));
}

/* Directory of a path, with its slash; empty if it has none. */
char *
layout_directory(const char *path)
{
	return pnstrdup(path, layout_base(path) - path);
}

const char *
layout_relative(const SourceSet *set, const char *path)
{
	return path + strlen(set->common);
}

const SourceFile *
layout_find(const SourceSet *set, const char *path)
{
	for (int i = 0; i < set->n; i++)
		if (strcmp(set->files[i].path, path) == 0)
			return &set->files[i];
	return NULL;
}

SourceMigration *
layout_new(const char *name)
{
	SourceMigration *m = palloc0(sizeof(SourceMigration));

	m->name = pstrdup(name);
	m->kind = "versioned";
	m->up.line = m->down.line = m->verify.line = 1;
	return m;
}

void
layout_set_text(SourceText *text, const char *body, const char *path, int line)
{
	text->body = unconstify(char *, body);
	text->path = path;
	text->line = line;
}

void
layout_no_transaction(SourceMigration *m, const char *path, int line)
{
	m->transaction = "off";
	m->transaction_path = path;
	m->transaction_line = line;
}

void
layout_culprits(int code, const char *message, List *paths, const char *hint)
{
	StringInfoData list;
	ListCell   *cell;
	int			n = 0;

	initStringInfo(&list);
	foreach(cell, paths)
	{
		if (n++ == MAX_CULPRITS)
		{
			appendStringInfo(&list, " and %d more", list_length(paths) - MAX_CULPRITS);
			break;
		}
		appendStringInfo(&list, "%s\"%s\"", n > 1 ? ", " : "", (const char *) lfirst(cell));
	}
	ereport(ERROR,
			(errcode(code),
			 errmsg_internal("%s", message),
			 list.len ? errdetail("They are %s.", list.data) : 0,
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

void
layout_cannot(const char *message, const char *path, int line, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_MIG_CANNOT_RUN),
			 errmsg_internal("%s", message),
			 errdetail("%s", mig_place(path, line)),
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

void
line_begin(Line *line, const char *text)
{
	line->text = text;
	line->start = line->length = line->next = line->number = 0;
}

bool
line_next(Line *line)
{
	if (line->text[line->next] == '\0')
		return false;
	line->start = line->next;
	line->length = strcspn(line->text + line->start, "\n");
	line->next = line->start + line->length;
	if (line->text[line->next] == '\n')
		line->next++;
	if (line->length > 0 && line->text[line->start + line->length - 1] == '\r')
		line->length--;
	line->number++;
	return true;
}

bool
line_has(const Line *line, int at, const char *words)
{
	const char *text = line->text + line->start;

	while (*words != '\0')
	{
		if (*words == ' ')
		{
			if (at < line->length && text[at] != ' ' && text[at] != '\t')
				return false;
			while (at < line->length && (text[at] == ' ' || text[at] == '\t'))
				at++;
			words++;
			continue;
		}
		if (at >= line->length || pg_tolower((unsigned char) text[at]) != pg_tolower((unsigned char) *words))
			return false;
		at++;
		words++;
	}
	return at >= line->length || text[at] == ' ' || text[at] == '\t' || !isalnum((unsigned char) text[at]);
}

bool
mig_layout_wants_file(const char *path)
{
	const char *base = layout_base(path);

	return layout_is_sql(path) || layout_ends_with(path, ".plan") ||
		layout_ends_with(path, ".sql.conf") || strcmp(base, "metadata.toml") == 0;
}

/* The directory that all files are in, with its slash. */
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

/* Layouts of other tools that we know but do not read. */
static void
refuse_foreign(const SourceSet *set)
{
	for (int i = 0; i < set->n; i++)
	{
		const char *content = set->files[i].content;

		if (pg_strncasecmp(content, "--liquibase formatted sql", 25) == 0 ||
			pg_strncasecmp(content, "-- liquibase formatted sql", 26) == 0)
			layout_cannot("formatted SQL of Liquibase cannot be read", set->files[i].path, 1,
						  "Write each changeset as a file of its own.");
		if (strncmp(content, "-- atlas:txtar", 14) == 0)
			layout_cannot("archives of Atlas cannot be read", set->files[i].path, 1,
						  "Write each part as a file of its own: NAME.up.sql, NAME.down.sql.");
	}
}

static const Layout *
find_layout(const SourceSet *set, const char *name)
{
	StringInfoData known;
	List	   *paths = NIL;

	initStringInfo(&known);
	for (int i = 0; i < lengthof(layouts); i++)
	{
		appendStringInfo(&known, ", \"%s\"", layouts[i].name);
		if (strcmp(name, layouts[i].name) == 0 ||
			(strcmp(name, "auto") == 0 && layouts[i].is(set)))
			return &layouts[i];
	}
	if (strcmp(name, "auto") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("layout \"%s\" is not known", name),
				 errhint("Layouts are \"auto\"%s.", known.data)));
	for (int i = 0; i < set->n; i++)
		paths = lappend(paths, unconstify(char *, set->files[i].path));
	layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE,
					set->n ? "none of the files is a migration of a known layout" : "there are no files to load",
					paths, "Migrations are files that end in \".sql\".");
}

/* What single files say of transactions, each in the words of another tool. */
static void
read_switches(SourceMigration *m)
{
	static const char *const switches[] = {"-- atlas:txmode none", "--! no-transaction", "-- no-transaction"};
	Line		line;

	line_begin(&line, m->up.body);
	while (line_next(&line))
	{
		if (line.length > 0 && strncmp(line.text + line.start, "--", 2) != 0)
			return;
		for (int i = 0; i < lengthof(switches); i++)
			if (line_has(&line, 0, switches[i]))
				layout_no_transaction(m, m->up.path, m->up.line + line.number - 1);
	}
}

static const char *
version_of(const SourceMigration *m)
{
	if (m->version)
		return m->version;
	return m->unversioned || strcmp(m->kind, "repeatable") == 0 ? NULL : mig_version_from_name(m->name);
}

/* As the planner will order them: repeatables last, by version, then by name. */
static int
compare_migrations(const ListCell *a, const ListCell *b)
{
	const SourceMigration *left = lfirst(a);
	const SourceMigration *right = lfirst(b);
	bool		left_last = strcmp(left->kind, "repeatable") == 0;
	bool		right_last = strcmp(right->kind, "repeatable") == 0;
	int			result = left_last - right_last;

	if (result != 0)
		return result;
	if ((left->version == NULL) != (right->version == NULL))
		return left->version == NULL ? 1 : -1;
	if (left->version && (result = mig_version_compare(left->version, right->version)) != 0)
		return result;
	if (left->version)
		return strcmp(left->name, right->name);
	result = mig_version_compare(left->name, right->name);
	return result ? result : strcmp(left->name, right->name);
}

/*
 * Two files of one version say nothing of their order, unless it is a time
 * and the tool goes by the name.
 */
static void
refuse_same_version(List *migrations, bool by_version)
{
	const SourceMigration *previous = NULL;
	List	   *culprits = NIL;
	ListCell   *cell;

	foreach(cell, migrations)
	{
		const SourceMigration *m = lfirst(cell);
		bool		same = previous && m->version && previous->version &&
			!m->has_requires && !previous->has_requires && strcmp(m->kind, previous->kind) == 0 &&
			mig_version_compare(m->version, previous->version) == 0 &&
			(by_version || !mig_version_is_stamp(m->version));

		if (same && (culprits == NIL || llast(culprits) != previous->up.path))
			culprits = lappend(culprits, unconstify(char *, previous->up.path));
		if (same)
			culprits = lappend(culprits, unconstify(char *, m->up.path));
		previous = m;
	}
	if (culprits)
		layout_culprits(ERRCODE_MIG_CONFLICT, "files have the same version", culprits,
						"Rename them, or say what each comes after: \"-- migrate: requires NAME\", or \"-- migrate: version V\".");
}

static void
refuse_missing_up(List *migrations)
{
	List	   *culprits = NIL;
	ListCell   *cell;

	foreach(cell, migrations)
	{
		const SourceMigration *m = lfirst(cell);

		if (m->up.body == NULL)
			culprits = lappend(culprits, unconstify(char *, m->down.body ? m->down.path : m->verify.path));
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files belong to migrations without an up", culprits,
						"Add the file with the up, or leave these out.");
}

List *
mig_layout_read(const SourceFile *files, int nfiles, const char *name, const char **used)
{
	SourceSet		set = {files, nfiles, common_directory(files, nfiles)};
	const Layout *layout;
	List	   *migrations;
	ListCell   *cell;

	refuse_foreign(&set);
	layout = find_layout(&set, name);
	*used = layout->name;
	migrations = layout->read(&set);
	if (migrations == NIL)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE,
						psprintf("the files have no migration of layout \"%s\"", layout->name), NIL, NULL);
	refuse_missing_up(migrations);
	foreach(cell, migrations)
	{
		SourceMigration *m = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (!layout->ordered)
		{
			mig_header_read(m, m->up.body, m->up.path, m->up.line);
			read_switches(m);
			m->version = unconstify(char *, version_of(m));
		}
	}
	if (!layout->ordered)
	{
		list_sort(migrations, compare_migrations);
		refuse_same_version(migrations, layout->by_version);
	}
	return migrations;
}
