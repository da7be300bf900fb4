/*
 * layouts.c
 *		Recognise the layout of a migration set, read it, put it in order.
 */
#include "postgres.h"

#include "common/errors.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "script/header.h"
#include "script/layouts/layouts_private.h"
#include "script/version.h"

/* One layout, and how its files say what belongs to a migration. */
typedef struct Layout
{
	const char *name;
	bool		(*is) (const SourceSet *set);
	List	   *(*read) (const SourceSet *set);
	bool		strict;			/* nothing can be read in it unless is() says so */
	bool		planned;		/* the list comes in order, with all that files say */
	bool		marked;			/* an up is part of its file: header and switches stand above it */
	bool		by_name;		/* its tools go by names, where a date stands among times */
	VersionRule rule;			/* which versions it takes for one */
} Layout;

/* In the order in which they are looked for. */
static const Layout layouts[] = {
	{"sqitch", layout_is_sqitch, layout_sqitch, .strict = true, .planned = true},
	{"flyway", layout_is_flyway, layout_flyway, .strict = true, .rule = VERSION_WITHOUT_ZEROS},
	{"prisma", layout_is_prisma, layout_prisma, .strict = true, .by_name = true},
	{"diesel", layout_is_diesel, layout_diesel, .strict = true, .by_name = true, .rule = VERSION_EQUAL},
	{"goose", layout_is_goose, layout_goose, .marked = true, .rule = VERSION_EQUAL},
	{"sql-migrate", layout_is_sql_migrate, layout_sql_migrate, .marked = true},
	{"dbmate", layout_is_dbmate, layout_dbmate, .marked = true, .by_name = true, .rule = VERSION_EQUAL},
	{"numbered", layout_is_numbered, layout_numbered, .strict = true, .rule = VERSION_EQUAL},
	{"node-pg-migrate", layout_is_node_pg_migrate, layout_node_pg_migrate, .marked = true},
	{"directories", layout_is_directories, layout_directories, .strict = true},
	{"updown", layout_is_updown, layout_plain},
	{"plain", layout_is_plain, layout_plain, .by_name = true}
};

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
layout_no_transaction(SourceMigration *m)
{
	m->transaction = "off";
}

/* ---- which layout ---- */

static const Layout *
named_layout(const char *name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < lengthof(layouts); i++)
	{
		appendStringInfo(&known, ", \"%s\"", layouts[i].name);
		if (strcmp(name, layouts[i].name) == 0)
			return &layouts[i];
	}
	if (strcmp(name, "auto") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("layout \"%s\" is not known", name),
				 errhint("Layouts are \"auto\"%s.", known.data)));
	return NULL;
}

static const Layout *
recognised_layout(const SourceSet *set)
{
	for (int i = 0; i < lengthof(layouts); i++)
		if (layouts[i].is(set))
			return &layouts[i];
	return NULL;
}

pg_noreturn static void
refuse_unknown(const SourceSet *set)
{
	List	   *paths = NIL;

	for (int i = 0; i < set->nothers; i++)
		paths = lappend(paths, unconstify(char *, set->others[i].path));
	layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE,
					paths ? "none of the files is a migration of a known layout" : "there are no files to load",
					paths, "Migrations are files that end in \".sql\"; others are read with layout => 'plain'.");
}

pg_noreturn static void
refuse_other_layout(const SourceSet *set, const Layout *named)
{
	const Layout *real = recognised_layout(set);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the files are not of layout \"%s\"", named->name),
			 real ? errhint("Name no layout: they will be read as \"%s\".", real->name) : 0));
	pg_unreachable();
}

static const Layout *
choose_layout(const SourceSet *set, const char *name)
{
	const Layout *named = named_layout(name);
	const Layout *layout = named ? named : recognised_layout(set);

	if (layout == NULL || (set->n == 0 && !layout->planned))
		refuse_unknown(set);
	if (named && named->strict && !named->is(set))
		refuse_other_layout(set, named);
	return layout;
}

/* ---- what all layouts have in common ---- */

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

static void
refuse_same_name(List *migrations)
{
	HTAB	   *names = names_create(list_length(migrations));
	HTAB	   *listed = names_create(16);
	List	   *culprits = NIL;
	ListCell   *cell;

	foreach(cell, migrations)
	{
		SourceMigration *m = lfirst(cell);
		char	   *full = psprintf("%s:%s", m->project ? m->project : "", m->name);
		SourceMigration *first = names_find(names, full);

		names_add(names, full, m);
		if (first && names_add(listed, full, m))
			culprits = lappend(culprits, unconstify(char *, first->up.path));
		if (first)
			culprits = lappend(culprits, unconstify(char *, m->up.path));
	}
	if (culprits)
		layout_culprits(ERRCODE_MIG_CONFLICT, "files give the same migration", culprits,
						"Load one of the directories, or give the migrations different names.");
}

/* What a file says of its migration, and the version that its name says. */
static void
complete(const SourceSet *set, const Layout *layout, SourceMigration *m)
{
	const char *text = layout->marked ? layout_find(set, m->up.path)->content : m->up.body;
	int			line = layout->marked ? 1 : m->up.line;

	mig_header_read(m, text, m->up.path, line);
	layout_read_switches(m, text, line);
	if (m->version == NULL && !m->unversioned && strcmp(m->kind, "repeatable") != 0)
		m->version = mig_version_from_name(m->name);
}

List *
mig_layout_read(const SourceFile *files, int nfiles, const char *name, const char **used)
{
	SourceSet		set;
	const Layout *layout;
	List	   *migrations;
	ListCell   *cell;

	layout_open(&set, files, nfiles, strcmp(name, "plain") == 0);
	layout = choose_layout(&set, name);
	*used = layout->name;
	layout_refuse_databases(&set);
	for (int i = 0; i < set.n; i++)
		layout_refuse_foreign(&set.files[i]);
	migrations = layout->read(&set);
	refuse_missing_up(migrations);
	if (!layout->planned)
	{
		foreach(cell, migrations)
		{
			CHECK_FOR_INTERRUPTS();
			complete(&set, layout, lfirst(cell));
		}
		if (layout->by_name)
			layout_complete_stamps(migrations);
		layout_sort(migrations);
		layout_refuse_same_version(migrations, layout->rule);
	}
	refuse_same_name(migrations);
	return migrations;
}
