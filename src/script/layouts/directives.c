/*
 * directives.c
 *		Comments by which single files tell a tool what to do: those that take
 *		a migration out of its transaction, and those that nobody here can
 *		follow, marks of a down among them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "script/layouts/layouts_private.h"

/* A comment that we cannot follow. */
typedef struct Directive
{
	const char *words;			/* behind the dashes */
	const char *message;
	const char *hint;
} Directive;

static const Directive foreign[] = {
	{"liquibase formatted sql", "formatted SQL of Liquibase cannot be read",
	"Write each changeset as a file of its own: NAME.up.sql, its rollback as NAME.down.sql."},
	{"atlas:txtar", "archives of Atlas cannot be read",
	"Write each part as a file of its own: NAME.up.sql, NAME.down.sql."},
	{"atlas:delimiter", "delimiters other than the semicolon cannot be read",
	"End the statements with semicolons and take the line away."}
};

/* How tools that nobody here can follow mark the down behind the up of a file. */
static const struct
{
	const char *words;			/* behind dashes and the like */
	const char *tool;
}			downs[] = {
	{"create above / drop below", "tern"},
	{"//@undo", "MyBatis"},
	{"rambler down", "rambler"},
	{"down ====", "shmig"},
	{"!downs", "Play"}
};

/* Offset of what a comment says, or -1 for a line that is none. */
static int
comment_start(const Line *line)
{
	int			at = line_skip_blanks(line, 0);

	if (at + 1 >= line->length || strncmp(line->text + line->start + at, "--", 2) != 0)
		return -1;
	return line_skip_blanks(line, at + 2);
}

/* Is the line a comment or blank? */
static bool
is_no_statement(const Line *line)
{
	return comment_start(line) >= 0 || line_skip_blanks(line, 0) == line->length;
}

/* Graphile-migrate puts another file where a line says so, wherever that is. */
static void
refuse_include(const SourceFile *file)
{
	Line		line;

	if (strstr(file->content, "--!") == NULL)
		return;
	line_begin(&line, file->content);
	while (line_next(&line))
		if (line_has(&line, 0, "--! include") >= 0 || line_has(&line, 0, "--!include") >= 0)
			layout_cannot("files cannot be included in a migration", file->path, line.number,
						  "Write the text of the included file in its place.");
}

/* The down would run behind the up, and leave nothing. */
static void
refuse_downs(const SourceFile *file)
{
	Line		line;

	line_begin(&line, file->content);
	while (line_next(&line))
	{
		const char *text = line.text + line.start;
		int			at = 0;

		if (line.length < 2 || (text[0] != '#' && strncmp(text, "--", 2) != 0))
			continue;
		while (at < line.length && strchr("-#= \t", text[at]))
			at++;
		for (int i = 0; i < lengthof(downs); i++)
			if (line_has(&line, at, downs[i].words) >= 0)
				layout_cannot(psprintf("an up and a down in one file of %s cannot be read", downs[i].tool),
							  file->path, line.number,
							  "Write each as a file of its own: NAME.up.sql, NAME.down.sql.");
	}
}

/* Refuse what comments ask for and we cannot do. */
void
layout_refuse_foreign(const SourceFile *file)
{
	Line		line;

	line_begin(&line, file->content);
	while (line_next(&line) && is_no_statement(&line))
	{
		int			at = comment_start(&line);

		for (int i = 0; at >= 0 && i < lengthof(foreign); i++)
			if (line_has(&line, at, foreign[i].words) >= 0)
				layout_cannot(foreign[i].message, file->path, line.number, foreign[i].hint);
	}
	refuse_include(file);
	refuse_downs(file);
}

/* The words of Atlas, graphile-migrate and sqlx for "not in a transaction". */
void
layout_read_switches(SourceMigration *m, const char *text, int first_line)
{
	static const char *const switches[] = {"atlas:txmode none", "! no-transaction", "no-transaction"};
	Line		line;

	line_begin(&line, text);
	while (line_next(&line) && is_no_statement(&line))
	{
		int			at = comment_start(&line);

		for (int i = 0; at >= 0 && i < lengthof(switches); i++)
			if (line_has(&line, at, switches[i]) >= 0)
				layout_no_transaction(m);
	}
}
