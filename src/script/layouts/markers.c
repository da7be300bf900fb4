/*
 * markers.c
 *		The comments by which dbmate, goose, sql-migrate and node-pg-migrate
 *		mark the up and the down in one file.
 */
#include "postgres.h"

#include "script/layouts/layouts_private.h"
#include "script/layouts/sections.h"

/* Offset behind the dashes and blanks that a line begins with, or -1. */
static int
behind_dashes(const Line *line)
{
	return line->length > 2 && strncmp(line->text + line->start, "--", 2) == 0 ? line_skip_blanks(line, 2) : -1;
}

/* ---- dbmate ---- */

/* Is one of the words of a line, from offset at on, this one? */
static bool
has_word(const Line *line, int at, const char *word)
{
	int			length = strlen(word);

	while ((at = line_skip_blanks(line, at)) < line->length)
	{
		int			start = at;

		while (at < line->length && line->text[line->start + at] != ' ' && line->text[line->start + at] != '\t')
			at++;
		if (at - start == length && strncmp(line->text + line->start + start, word, length) == 0)
			return true;
	}
	return false;
}

static void
dbmate_mark(const Line *line, Mark *mark)
{
	int			at = behind_dashes(line);
	int			behind;

	if (at < 0)
		return;
	if ((behind = line_has(line, at, "migrate:up")) >= 0)
		mark->kind = MARK_UP;
	else if ((behind = line_has(line, at, "migrate:down")) >= 0)
		mark->kind = MARK_DOWN;
	else
		return;
	mark->no_transaction = has_word(line, behind, "transaction:false");
}

static const MarkStyle dbmate = {
	.word = "migrate:",
	.up = "-- migrate:up",
	.read = dbmate_mark,
	.order = ORDER_PAIRS
};

bool
layout_is_dbmate(const SourceSet *set)
{
	return sections_any(set, &dbmate);
}

List *
layout_dbmate(const SourceSet *set)
{
	return sections_read_set(set, &dbmate);
}

/* ---- goose ---- */

static void
goose_mark(const Line *line, Mark *mark)
{
	static const struct
	{
		const char *words;
		MarkKind	kind;
	}			annotations[] = {
		{"up", MARK_UP}, {"down", MARK_DOWN}, {"no transaction", MARK_NO_TRANSACTION},
		{"statementbegin", MARK_COMMENT}, {"statementend", MARK_COMMENT}, {"envsub off", MARK_COMMENT}
	};
	int			at = behind_dashes(line);

	at = at < 0 ? -1 : line_has(line, at, "+goose");
	if (at < 0)
		return;
	at = line_skip_blanks(line, at);
	for (int i = 0; i < lengthof(annotations); i++)
	{
		int			behind = line_has(line, at, annotations[i].words);

		if (behind < 0 || line_skip_blanks(line, behind) < line->length)
			continue;
		mark->kind = annotations[i].kind;
		return;
	}
	mark->kind = MARK_REFUSED;
	if (line_has(line, at, "envsub on") >= 0)
	{
		mark->message = "variables of the environment cannot be put into a migration";
		mark->hint = "Write what they stand for.";
	}
	else
	{
		mark->message = "annotation of goose is not known";
		mark->hint = "Annotations are Up, Down, StatementBegin, StatementEnd, NO TRANSACTION and ENVSUB OFF.";
	}
}

static const MarkStyle goose = {
	.word = "+goose",
	.up = "-- +goose Up",
	.read = goose_mark,
	.order = ORDER_ONE_PAIR
};

bool
layout_is_goose(const SourceSet *set)
{
	return sections_any(set, &goose);
}

List *
layout_goose(const SourceSet *set)
{
	return sections_read_set(set, &goose);
}

/* ---- sql-migrate ---- */

static void
sql_migrate_mark(const Line *line, Mark *mark)
{
	int			behind;

	if ((behind = line_has(line, 0, "-- +migrate up")) >= 0)
		mark->kind = MARK_UP;
	else if ((behind = line_has(line, 0, "-- +migrate down")) >= 0)
		mark->kind = MARK_DOWN;
	else
		return;
	mark->no_transaction = has_word(line, behind, "notransaction");
}

static const MarkStyle sql_migrate = {
	.word = "+migrate",
	.up = "-- +migrate Up",
	.read = sql_migrate_mark,
	.order = ORDER_AS_WRITTEN
};

bool
layout_is_sql_migrate(const SourceSet *set)
{
	return sections_any(set, &sql_migrate);
}

List *
layout_sql_migrate(const SourceSet *set)
{
	return sections_read_set(set, &sql_migrate);
}

/* ---- node-pg-migrate ---- */

/* "-- Up Migration", with as many dashes and blanks before it as one likes. */
static void
node_pg_migrate_mark(const Line *line, Mark *mark)
{
	const char *text = line->text + line->start;
	int			at = line_skip_blanks(line, 0);

	if (line->length - at < 2 || strncmp(text + at, "--", 2) != 0)
		return;
	while (at < line->length && strchr(" \t-", text[at]))
		at++;
	if (line_has(line, at, "up migration") >= 0)
		mark->kind = MARK_UP;
	else if (line_has(line, at, "down migration") >= 0)
		mark->kind = MARK_DOWN;
}

static const MarkStyle node_pg_migrate = {
	.word = "migration",
	.up = "-- Up Migration",
	.read = node_pg_migrate_mark,
	.order = ORDER_FIRST_MARKS,
	.unmarked_up = true,
	.with_endings = true
};

bool
layout_is_node_pg_migrate(const SourceSet *set)
{
	return sections_any(set, &node_pg_migrate);
}

List *
layout_node_pg_migrate(const SourceSet *set)
{
	return sections_read_set(set, &node_pg_migrate);
}
