/*
 * numbered.c
 *		Files that hold many versions, each between "-- 18 up" and
 *		"-- 18 down" or the next.
 */
#include "postgres.h"

#include "common/lines.h"
#include "miscadmin.h"
#include "script/layouts/layouts_private.h"
#include "script/script.h"

/* The migrations read so far. */
typedef struct Numbered
{
	List	   *migrations;
	HTAB	   *by_number;
} Numbered;

/* The number of such a mark, or NULL; *part is which text it begins. */
static char *
read_mark(const Line *line, ScriptPart *part)
{
	const char *text = line->text + line->start;
	int			at = line_skip_blanks(line, 0);
	int			digits = 0;
	int			behind;

	if (line->length - at < 5 || strncmp(text + at, "--", 2) != 0)
		return NULL;
	at = line_skip_blanks(line, at + 2);
	while (at + digits < line->length && text[at + digits] >= '0' && text[at + digits] <= '9')
		digits++;
	if (digits == 0)
		return NULL;
	behind = line_skip_blanks(line, at + digits);
	if (line_has(line, behind, "up") >= 0)
		*part = PART_UP;
	else if (line_has(line, behind, "down") >= 0)
		*part = PART_DOWN;
	else
		return NULL;
	return pnstrdup(text + at, digits);
}

static bool
is_marked(const SourceFile *file)
{
	ScriptPart	part;
	Line		line;

	line_begin(&line, file->content);
	while (line_next(&line))
		if (read_mark(&line, &part))
			return true;
	return false;
}

bool
layout_is_numbered(const SourceSet *set)
{
	for (int i = 0; i < set->n; i++)
		if (!is_marked(&set->files[i]))
			return false;
	return set->n > 0;
}

static SourceMigration *
migration_of(Numbered *set, char *number)
{
	SourceMigration *m = names_find(set->by_number, number);

	if (m == NULL)
	{
		m = layout_new(number);
		names_add(set->by_number, number, m);
		set->migrations = lappend(set->migrations, m);
	}
	return m;
}

static void
refuse_stray(const SourceFile *file, int first_mark)
{
	int			first = mig_skip_blank(file->content, 0);

	if (first < first_mark)
		layout_cannot("a statement stands above the first mark and belongs to nothing", file->path,
					  mig_line_of(file->content, first), "Move it below a mark.");
}

static void
read_file(const SourceFile *file, Numbered *set)
{
	SourceText *text = NULL;
	int			start = 0;
	ScriptPart	part;
	Line		line;

	line_begin(&line, file->content);
	while (line_next(&line))
	{
		char	   *number = read_mark(&line, &part);
		SourceMigration *m;

		if (number == NULL)
			continue;
		if (text)
			text->body = pnstrdup(file->content + start, line.start - start);
		else
			refuse_stray(file, line.start);
		m = migration_of(set, number);
		text = part == PART_UP ? &m->up : &m->down;
		if (text->path)
			layout_cannot(psprintf("the %s of version %s is there a second time",
								   part == PART_UP ? "up" : "down", number), file->path, line.number,
						  psprintf("The first one is on line %d of %s.", text->line - 1, text->path));
		layout_set_text(text, "", file->path, line.number + 1);
		start = line.next;
	}
	if (text)
		text->body = pstrdup(file->content + start);
}

List *
layout_numbered(const SourceSet *set)
{
	Numbered	numbered = {NIL, names_create(64)};

	for (int i = 0; i < set->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_file(&set->files[i], &numbered);
	}
	return numbered.migrations;
}
