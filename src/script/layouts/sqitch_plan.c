/*
 * sqitch_plan.c
 *		Read a Sqitch plan: pragmas, changes, tags.
 */
#include "postgres.h"

#include "script/layouts/layouts_private.h"
#include "script/layouts/sqitch.h"

/* The value of "%project=value", with blanks around the sign or not, or NULL. */
static char *
project_of(const char *text)
{
	const char *at;

	if (*text != '%')
		return NULL;
	at = text + 1 + strspn(text + 1, " \t");
	if (strncmp(at, "project", 7) != 0)
		return NULL;
	at += 7 + strspn(at + 7, " \t");
	if (*at != '=')
		return NULL;
	at += 1 + strspn(at + 1, " \t");
	return pnstrdup(at, strcspn(at, " \t#"));
}

/* A line without the blanks before it. */
static char *
line_text(const Line *line)
{
	int			at = line_skip_blanks(line, 0);

	return pnstrdup(line->text + line->start + at, line->length - at);
}

bool
sqitch_is_plan(const SourceFile *file)
{
	Line		line;

	if (!layout_ends_with(file->path, ".plan"))
		return false;
	line_begin(&line, file->content);
	while (line_next(&line))
		if (project_of(line_text(&line)))
			return true;
	return false;
}

SqitchChange *
sqitch_find(const SqitchPlan *plan, const char *name, int position)
{
	SqitchChange *change = names_find(plan->by_name, name);

	if (change == NULL || change->position > position)
		return NULL;
	while (change->later && change->later->position <= position)
		change = change->later;
	return change;
}

/* A note without its escapes. */
static char *
unescape(const char *note)
{
	char	   *result = pstrdup(note + strspn(note, " \t"));
	char	   *out = result;

	for (const char *in = result; *in != '\0'; in++)
	{
		if (*in == '\\' && in[1] != '\0' && strchr("\\nr", in[1]))
		{
			in++;
			*out++ = *in == 'n' ? '\n' : *in == 'r' ? '\r' : '\\';
		}
		else
			*out++ = *in;
	}
	while (out > result && strchr(" \t", out[-1]))
		out--;
	*out = '\0';
	return *result != '\0' ? result : NULL;
}

static List *
split_words(char *text)
{
	List	   *words = NIL;
	char	   *save = NULL;

	for (char *word = strtok_r(text, " \t", &save); word; word = strtok_r(NULL, " \t", &save))
		words = lappend(words, word);
	return words;
}

/* Put a change into its plan; one of a name that is there is its rework. */
static void
add_change(SqitchPlan *plan, SqitchChange *change)
{
	SqitchChange *earlier = names_find(plan->by_name, change->name);

	plan->changes = lappend(plan->changes, change);
	if (earlier == NULL)
	{
		names_add(plan->by_name, change->name, change);
		return;
	}
	while (earlier->later)
		earlier = earlier->later;
	if (earlier->tags_before == change->tags_before)
		layout_cannot(psprintf("change \"%s\" is there a second time without a tag in between", change->name),
					  plan->file->path, change->line, psprintf("The first one is on line %d.", earlier->line));
	change->earlier = earlier;
	earlier->later = change;
}

static void
read_change(SqitchPlan *plan, char *text, int line)
{
	SqitchChange *change = palloc0(sizeof(SqitchChange));
	char	   *note = strchr(text, '#');
	char	   *close;
	int			length;

	if (*text == '-')
		layout_cannot("reverts cannot be part of a plan", plan->file->path, line, NULL);
	if (*text == '+')
		text += 1 + strspn(text + 1, " \t");
	if (note)
		*note++ = '\0';
	length = strcspn(text, " \t");
	if (length == 0)
		layout_cannot("a change has no name", plan->file->path, line, NULL);
	change->name = pnstrdup(text, length);
	change->position = list_length(plan->changes);
	change->tags_before = list_length(plan->tags);
	change->line = line;
	text += length + strspn(text + length, " \t");
	if (*text == '[' && (close = strchr(text, ']')) != NULL)
		change->dependencies = split_words(pnstrdup(text + 1, close - text - 1));
	change->migration = layout_new(change->name);
	change->migration->unversioned = change->migration->has_requires = true;
	change->migration->project = plan->project;
	change->migration->description = note ? unescape(note) : NULL;
	add_change(plan, change);
}

static void
read_tag(SqitchPlan *plan, const char *text, int line)
{
	SqitchTag  *tag = palloc(sizeof(SqitchTag));

	tag->name = pnstrdup(text + 1, strcspn(text + 1, " \t#"));
	if (plan->changes == NIL)
		layout_cannot(psprintf("tag \"@%s\" has no change before it", tag->name), plan->file->path, line, NULL);
	tag->change = llast(plan->changes);
	if (!names_add(plan->by_tag, tag->name, tag))
		layout_cannot(psprintf("tag \"@%s\" is there a second time", tag->name), plan->file->path, line, NULL);
	plan->tags = lappend(plan->tags, tag);
}

SqitchPlan *
sqitch_read_plan(const SourceFile *file)
{
	SqitchPlan *plan = palloc0(sizeof(SqitchPlan));
	Line		line;

	plan->file = file;
	plan->directory = layout_directory(file->path);
	plan->by_name = names_create(64);
	plan->by_tag = names_create(16);
	line_begin(&line, file->content);
	while (line_next(&line))
	{
		char	   *text = line_text(&line);

		if (*text == '%')
		{
			char	   *project = project_of(text);

			if (project)
				plan->project = project;
		}
		else if (*text == '@')
			read_tag(plan, text, line.number);
		else if (*text != '\0' && *text != '#')
			read_change(plan, text, line.number);
	}
	return plan;
}
