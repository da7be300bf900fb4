/*
 * sections.c
 *		Take files apart that keep up and down between marks.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/lines.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "script/layouts/layouts_private.h"
#include "script/layouts/sections.h"
#include "script/script.h"

/* One stretch between two marks. */
typedef struct Section
{
	MarkKind	kind;
	int			mark;			/* offset of the mark in the file */
	int			start;			/* offsets of the text */
	int			end;
	int			line;			/* on which it starts */
} Section;

static Mark
read_mark(const MarkStyle *style, const Line *line)
{
	Mark		mark = {MARK_NONE};

	style->read(line, &mark);
	return mark;
}

/* Does a file that belongs to this style have an up or a down by marks? */
static bool
is_marked(const SourceFile *file, const MarkStyle *style)
{
	Line		line;

	if ((style->with_endings && layout_ending(file->path) >= 0) || strcasestr(file->content, style->word) == NULL)
		return false;
	line_begin(&line, file->content);
	while (line_next(&line))
	{
		Mark		mark = read_mark(style, &line);

		if (mark.kind == MARK_UP || mark.kind == MARK_DOWN)
			return true;
	}
	return false;
}

bool
sections_any(const SourceSet *set, const MarkStyle *style)
{
	for (int i = 0; i < set->n; i++)
		if (is_marked(&set->files[i], style))
			return true;
	return false;
}

/* Is a mark of this kind not one, since only the first counts? */
static bool
is_repeated(const MarkStyle *style, List *sections, MarkKind kind)
{
	ListCell   *cell;

	if (style->order == ORDER_FIRST_MARKS)
		foreach(cell, sections)
			if (((Section *) lfirst(cell))->kind == kind)
				return true;
	return false;
}

/* Refuse a mark where the tool itself would not take it. */
static void
check_order(const MarkStyle *style, List *sections, MarkKind kind, const SourceFile *file, int line)
{
	MarkKind	previous = sections ? ((Section *) llast(sections))->kind : MARK_NONE;

	if (style->order != ORDER_ONE_PAIR && style->order != ORDER_PAIRS)
		return;
	if (kind == MARK_DOWN && previous != MARK_UP)
		layout_cannot(psprintf("a down has no \"%s\" before it", style->up), file->path, line,
					  "Each down stands below its up.");
	if (kind == MARK_UP && sections && style->order == ORDER_ONE_PAIR)
		layout_cannot(psprintf("\"%s\" is there a second time", style->up), file->path, line,
					  "Put the second migration into a file of its own.");
}

static Section *
new_section(MarkKind kind, const Line *line)
{
	Section    *section = palloc(sizeof(Section));

	section->kind = kind;
	section->mark = line->start;
	section->start = section->end = line->next;
	section->line = line->number + 1;
	return section;
}

static List *
read_sections(SourceMigration *m, const SourceFile *file, const MarkStyle *style)
{
	List	   *sections = NIL;
	Line		line;

	line_begin(&line, file->content);
	while (line_next(&line))
	{
		Mark		mark = read_mark(style, &line);

		if (mark.kind == MARK_NONE || is_repeated(style, sections, mark.kind))
			continue;
		if (mark.kind == MARK_REFUSED)
			layout_cannot(mark.message, file->path, line.number, mark.hint);
		if (mark.kind == MARK_NO_TRANSACTION || mark.no_transaction)
			layout_no_transaction(m);
		if (mark.kind != MARK_UP && mark.kind != MARK_DOWN)
			continue;
		check_order(style, sections, mark.kind, file, line.number);
		if (sections)
			((Section *) llast(sections))->end = line.start;
		sections = lappend(sections, new_section(mark.kind, &line));
	}
	if (sections)
		((Section *) llast(sections))->end = strlen(file->content);
	return sections;
}

/* All sections of a kind. */
static List *
sections_of(List *sections, MarkKind kind)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, sections)
		if (((Section *) lfirst(cell))->kind == kind)
			result = lappend(result, lfirst(cell));
	return result;
}

/*
 * Sections as one text that keeps their lines: what stands between them
 * becomes empty lines.
 */
static void
join(SourceText *text, const SourceFile *file, List *sections)
{
	StringInfoData body;
	const Section *first;
	ListCell   *cell;
	int			line;

	if (sections == NIL)
		return;
	first = linitial(sections);
	line = first->line;
	initStringInfo(&body);
	foreach(cell, sections)
	{
		const Section *section = lfirst(cell);

		for (; line < section->line; line++)
			appendStringInfoChar(&body, '\n');
		appendBinaryStringInfo(&body, file->content + section->start, section->end - section->start);
		line += mig_line_of(file->content + section->start, section->end - section->start) - 1;
	}
	layout_set_text(text, body.data, file->path, first->line);
}

/* Sections as one text, the last one first; line numbers are right in that. */
static void
join_backwards(SourceText *text, const SourceFile *file, List *sections)
{
	StringInfoData body;

	if (sections == NIL)
		return;
	initStringInfo(&body);
	for (int i = list_length(sections) - 1; i >= 0; i--)
	{
		const Section *section = list_nth(sections, i);

		/* The end of the file may have no newline. */
		if (body.len > 0 && body.data[body.len - 1] != '\n')
			appendStringInfoChar(&body, '\n');
		appendBinaryStringInfo(&body, file->content + section->start, section->end - section->start);
	}
	layout_set_text(text, body.data, file->path, ((Section *) llast(sections))->line);
}

/* Only comments may stand above the first mark. */
static void
refuse_stray(const SourceFile *file, List *sections)
{
	int			first = mig_skip_blank(file->content, 0);

	if (sections && first < ((Section *) linitial(sections))->mark)
		layout_cannot("a statement stands above the first mark and belongs to nothing", file->path,
					  mig_line_of(file->content, first), "Move it below the mark of the up.");
}

static SourceMigration *
read_file(const SourceFile *file, const MarkStyle *style)
{
	SourceMigration *m = layout_new(layout_stem(file->path));
	List	   *sections = read_sections(m, file, style);
	List	   *ups = sections_of(sections, MARK_UP);
	List	   *downs = sections_of(sections, MARK_DOWN);

	if (ups || !style->unmarked_up)
		refuse_stray(file, sections);
	join(&m->up, file, ups);
	if (style->order == ORDER_PAIRS)
		join_backwards(&m->down, file, downs);
	else
		join(&m->down, file, downs);
	if (ups == NIL && style->unmarked_up)
	{
		int			end = downs ? ((Section *) linitial(downs))->mark : (int) strlen(file->content);

		layout_set_text(&m->up, pnstrdup(file->content, end), file->path, 1);
	}
	return m;
}

/* Files that are an up or a down as a whole. */
static List *
read_pairs(const SourceSet *set)
{
	Piece	   *pieces = palloc(Max(set->n, 1) * sizeof(Piece));
	int			n = 0;

	for (int i = 0; i < set->n; i++)
	{
		char	   *stem = layout_stem(set->files[i].path);

		pieces[n].part = layout_ending(set->files[i].path);
		if (pieces[n].part < 0)
			continue;
		pieces[n].name = pnstrdup(stem, strrchr(stem, '.') - stem);
		pieces[n++].file = &set->files[i];
	}
	return layout_pair(pieces, n);
}

List *
sections_read_set(const SourceSet *set, const MarkStyle *style)
{
	List	   *migrations = style->with_endings ? read_pairs(set) : NIL;
	List	   *culprits = NIL;

	for (int i = 0; i < set->n; i++)
	{
		const SourceFile *file = &set->files[i];
		SourceMigration *m;

		CHECK_FOR_INTERRUPTS();
		if (style->with_endings && layout_ending(file->path) >= 0)
			continue;
		m = read_file(file, style);
		if (m->up.body == NULL)
			culprits = lappend(culprits, unconstify(char *, file->path));
		migrations = lappend(migrations, m);
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, psprintf("files have no \"%s\"", style->up), culprits,
						"Mark what is to be run, or leave these files out.");
	return migrations;
}
