/*
 * markers.c
 *		Layouts that keep up and down in one file, between comments that mark
 *		them: dbmate, goose, sql-migrate, node-pg-migrate, numbered sections.
 */
#include "postgres.h"

#include <ctype.h>

#include "common/errors.h"
#include "common/lines.h"
#include "miscadmin.h"
#include "script/layouts/layouts_private.h"
#include "script/script.h"

/* What a line of a file with markers is. */
typedef enum MarkerKind
{
	MARKER_NONE,
	MARKER_UP,
	MARKER_DOWN,
	MARKER_NO_TRANSACTION,		/* for the whole file */
	MARKER_COMMENT,				/* nothing to us */
	MARKER_REFUSED				/* asks for what we cannot do */
} MarkerKind;

typedef MarkerKind (*MarkerReader) (const Line *line, bool *no_transaction);

/* One stretch between two markers. */
typedef struct Section
{
	MarkerKind	kind;
	int			start;
	int			end;
	int			line;
} Section;

/* ---- the marks of each tool ---- */

static MarkerKind
dbmate_marker(const Line *line, bool *no_transaction)
{
	MarkerKind	kind = MARKER_NONE;
	int			at = 0;

	while (at < line->length && isspace((unsigned char) line->text[line->start + at]))
		at++;
	if (line_has(line, at, "-- migrate:up") || line_has(line, at, "--migrate:up"))
		kind = MARKER_UP;
	else if (line_has(line, at, "-- migrate:down") || line_has(line, at, "--migrate:down"))
		kind = MARKER_DOWN;
	if (kind != MARKER_NONE)
	{
		char	   *rest = pnstrdup(line->text + line->start, line->length);

		*no_transaction = strstr(rest, "transaction:false") != NULL;
		pfree(rest);
	}
	return kind;
}

static MarkerKind
goose_marker(const Line *line, bool *no_transaction)
{
	if (!line_has(line, 0, "-- +goose") && !line_has(line, 0, "--+goose"))
		return MARKER_NONE;
	if (line_has(line, 0, "-- +goose up"))
		return MARKER_UP;
	if (line_has(line, 0, "-- +goose down"))
		return MARKER_DOWN;
	if (line_has(line, 0, "-- +goose no transaction"))
		return MARKER_NO_TRANSACTION;
	if (line_has(line, 0, "-- +goose envsub on"))
		return MARKER_REFUSED;
	return MARKER_COMMENT;
}

static MarkerKind
sql_migrate_marker(const Line *line, bool *no_transaction)
{
	MarkerKind	kind;

	if (line_has(line, 0, "-- +migrate up"))
		kind = MARKER_UP;
	else if (line_has(line, 0, "-- +migrate down"))
		kind = MARKER_DOWN;
	else
		return line_has(line, 0, "-- +migrate") ? MARKER_COMMENT : MARKER_NONE;
	*no_transaction = line_has(line, 0, "-- +migrate up notransaction") ||
		line_has(line, 0, "-- +migrate down notransaction");
	return kind;
}

/* "-- Up Migration", with as many dashes and blanks before it as one likes. */
static MarkerKind
node_pg_migrate_marker(const Line *line, bool *no_transaction)
{
	int			at = 0;
	int			dashes = 0;

	while (at < line->length && strchr(" \t-", line->text[line->start + at]))
		dashes += line->text[line->start + at++] == '-';
	if (dashes < 2)
		return MARKER_NONE;
	if (line_has(line, at, "up migration"))
		return MARKER_UP;
	return line_has(line, at, "down migration") ? MARKER_DOWN : MARKER_NONE;
}

/* ---- files into sections ---- */

/* Does any line of the file carry a mark of this tool? */
static bool
has_marker(const char *content, MarkerReader reader)
{
	Line		line;
	bool		no_transaction = false;

	line_begin(&line, content);
	while (line_next(&line))
	{
		MarkerKind	kind = reader(&line, &no_transaction);

		if (kind == MARKER_UP || kind == MARKER_DOWN)
			return true;
	}
	return false;
}

static void
end_section(List *sections, int end)
{
	if (sections != NIL)
		((Section *) llast(sections))->end = end;
}

static List *
read_sections(SourceMigration *m, const SourceFile *file, MarkerReader reader)
{
	List	   *sections = NIL;
	Line		line;

	line_begin(&line, file->content);
	while (line_next(&line))
	{
		bool		no_transaction = false;
		MarkerKind	kind = reader(&line, &no_transaction);
		Section    *section;

		if (kind == MARKER_REFUSED)
			layout_cannot("variables of the environment cannot be put into a migration", file->path, line.number,
						  "Write what they stand for.");
		if (kind == MARKER_NO_TRANSACTION || no_transaction)
			layout_no_transaction(m, file->path, line.number);
		if (kind != MARKER_UP && kind != MARKER_DOWN)
			continue;
		end_section(sections, line.start);
		section = palloc(sizeof(Section));
		section->kind = kind;
		section->start = section->end = line.next;
		section->line = line.number + 1;
		sections = lappend(sections, section);
	}
	end_section(sections, strlen(file->content));
	return sections;
}

/*
 * All up sections as one text that keeps its lines: what stands between them
 * becomes empty lines.
 */
static void
join_ups(SourceMigration *m, const SourceFile *file, List *sections)
{
	StringInfoData body;
	int			covered = -1;
	ListCell   *cell;

	initStringInfo(&body);
	foreach(cell, sections)
	{
		Section    *section = lfirst(cell);

		if (section->kind != MARKER_UP)
			continue;
		if (covered < 0)
			m->up.line = section->line;
		else
			for (int i = covered; i < section->start; i++)
				if (file->content[i] == '\n')
					appendStringInfoChar(&body, '\n');
		appendBinaryStringInfo(&body, file->content + section->start, section->end - section->start);
		covered = section->end;
	}
	if (covered >= 0)
		layout_set_text(&m->up, body.data, file->path, m->up.line);
}

/* The down sections, the last one first. */
static void
join_downs(SourceMigration *m, const SourceFile *file, List *sections)
{
	StringInfoData body;
	int			line = 0;

	initStringInfo(&body);
	for (int i = list_length(sections) - 1; i >= 0; i--)
	{
		Section    *section = list_nth(sections, i);

		if (section->kind != MARKER_DOWN)
			continue;
		if (line == 0)
			line = section->line;
		appendBinaryStringInfo(&body, file->content + section->start, section->end - section->start);
		appendStringInfoChar(&body, '\n');
	}
	if (line > 0)
		layout_set_text(&m->down, pnstrdup(body.data, body.len - 1), file->path, line);
}

/* Only comments may stand above the first mark. */
static void
refuse_stray(const SourceFile *file, List *sections)
{
	Line		line;
	int			first = mig_skip_blank(file->content, 0);

	if (sections == NIL || first >= ((Section *) linitial(sections))->start)
		return;
	line_begin(&line, file->content);
	while (line_next(&line) && line.next <= first)
		;
	layout_cannot("a statement stands above the first mark and belongs to nothing", file->path, line.number,
				  "Move it below the mark of the up.");
}

/* unmarked_up: a file without marks, or what stands above a down, is an up. */
static SourceMigration *
read_file(const SourceFile *file, MarkerReader reader, bool unmarked_up)
{
	SourceMigration *m = layout_new(layout_stem(file->path));
	List	   *sections = read_sections(m, file, reader);

	if (!unmarked_up)
		refuse_stray(file, sections);
	join_ups(m, file, sections);
	join_downs(m, file, sections);
	if (m->up.body == NULL && unmarked_up)
	{
		int			end = sections ? ((Section *) linitial(sections))->start : (int) strlen(file->content);

		layout_set_text(&m->up, pnstrdup(file->content, end), file->path, 1);
	}
	return m;
}

static bool
any_marked(const SourceSet *set, MarkerReader reader, const char *word)
{
	for (int i = 0; i < set->n; i++)
		if (layout_is_sql(set->files[i].path) && strcasestr(set->files[i].content, word) &&
			has_marker(set->files[i].content, reader))
			return true;
	return false;
}

static List *
read_marked(const SourceSet *set, MarkerReader reader, const char *mark, bool unmarked_up)
{
	List	   *migrations = NIL;
	List	   *culprits = NIL;

	for (int i = 0; i < set->n; i++)
	{
		SourceMigration *m;

		CHECK_FOR_INTERRUPTS();
		if (!layout_is_sql(set->files[i].path))
			continue;
		m = read_file(&set->files[i], reader, unmarked_up);
		if (m->up.body == NULL)
			culprits = lappend(culprits, unconstify(char *, set->files[i].path));
		migrations = lappend(migrations, m);
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, psprintf("files have no \"%s\"", mark), culprits,
						"Mark what is to be run, or leave these files out.");
	return migrations;
}

bool
layout_is_dbmate(const SourceSet *set)
{
	return any_marked(set, dbmate_marker, "migrate:");
}

List *
layout_dbmate(const SourceSet *set)
{
	return read_marked(set, dbmate_marker, "-- migrate:up", false);
}

bool
layout_is_goose(const SourceSet *set)
{
	return any_marked(set, goose_marker, "+goose");
}

List *
layout_goose(const SourceSet *set)
{
	return read_marked(set, goose_marker, "-- +goose Up", false);
}

bool
layout_is_sql_migrate(const SourceSet *set)
{
	return any_marked(set, sql_migrate_marker, "+migrate");
}

List *
layout_sql_migrate(const SourceSet *set)
{
	return read_marked(set, sql_migrate_marker, "-- +migrate Up", false);
}

bool
layout_is_node_pg_migrate(const SourceSet *set)
{
	return any_marked(set, node_pg_migrate_marker, "migration");
}

List *
layout_node_pg_migrate(const SourceSet *set)
{
	return read_marked(set, node_pg_migrate_marker, "-- Up Migration", true);
}

/* ---- "-- 18 up": many versions in one file ---- */

/* The number of such a mark, or NULL; *part is which text it begins. */
static char *
numbered_marker(const Line *line, ScriptPart *part)
{
	const char *text = line->text + line->start;
	int			at;
	int			digits;

	if (line->length < 5 || strncmp(text, "--", 2) != 0)
		return NULL;
	at = 2 + strspn(text + 2, " \t");
	digits = strspn(text + at, "0123456789");
	if (digits == 0)
		return NULL;
	if (line_has(line, at + digits, " up"))
		*part = PART_UP;
	else if (line_has(line, at + digits, " down"))
		*part = PART_DOWN;
	else
		return NULL;
	return pnstrdup(text + at, digits);
}

bool
layout_is_numbered(const SourceSet *set)
{
	ScriptPart	part;
	bool		found = false;

	for (int i = 0; i < set->n; i++)
	{
		Line		line;
		bool		marked = false;

		if (!layout_is_sql(set->files[i].path))
			continue;
		line_begin(&line, set->files[i].content);
		while (!marked && line_next(&line))
			marked = numbered_marker(&line, &part) != NULL;
		if (!marked)
			return false;
		found = true;
	}
	return found;
}

static SourceMigration *
find_number(List **migrations, const char *number)
{
	SourceMigration *m;
	ListCell   *cell;

	foreach(cell, *migrations)
	{
		m = lfirst(cell);
		if (strcmp(m->name, number) == 0)
			return m;
	}
	m = layout_new(number);
	*migrations = lappend(*migrations, m);
	return m;
}

static void
read_numbered_file(const SourceFile *file, List **migrations)
{
	SourceText *text = NULL;
	int			start = 0;
	ScriptPart	part;
	Line		line;

	line_begin(&line, file->content);
	while (line_next(&line))
	{
		char	   *number = numbered_marker(&line, &part);

		if (number == NULL)
			continue;
		if (text)
			text->body = pnstrdup(file->content + start, line.start - start);
		text = part == PART_UP ? &find_number(migrations, number)->up : &find_number(migrations, number)->down;
		if (text->path)
			layout_cannot(psprintf("version %s is given twice", number), file->path, line.number, NULL);
		layout_set_text(text, "", file->path, line.number + 1);
		start = line.next;
	}
	if (text)
		text->body = pstrdup(file->content + start);
}

List *
layout_numbered(const SourceSet *set)
{
	List	   *migrations = NIL;

	for (int i = 0; i < set->n; i++)
		if (layout_is_sql(set->files[i].path))
			read_numbered_file(&set->files[i], &migrations);
	return migrations;
}
