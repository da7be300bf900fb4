/*
 * psql.c
 *		Find and hide what only psql understands in a script.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/lines.h"
#include "miscadmin.h"
#include "script/lexer.h"
#include "script/psql.h"

/* Progress of one walk over a script. */
typedef struct Strip
{
	Lexer		lexer;
	char	   *clean;			/* what the parser will read */
	const char *path;
	int			first_line;
	List	   *copies;
	int			tokens;			/* tokens of the present statement so far */
	int			depth;			/* open parentheses */
	bool		create;			/* the statement began with CREATE */
	bool		routine;		/* and of a function or procedure */
	bool		begin;			/* the token before this one was BEGIN */
	int			blocks;			/* of a routine's body: its BEGIN ATOMIC, and CASE */
	int			data_start;		/* of the data behind the last line with COPYs */
	int			data_end;		/* and where the lines after it begin */
	bool		rest;			/* the next token is what flex has kept of a meta-command */
	bool		copy;			/* the statement began with COPY, and its FROM is yet to come */
	bool		from;			/* the token before this one was that FROM */
	bool		stdin_seen;		/* COPY ... FROM STDIN */
} Strip;

static void
blank(Strip *strip, int from, int to)
{
	memset(strip->clean + from, ' ', to - from);
	mig_lexer_blank(&strip->lexer, from, to);
}

/* Offset of the end of the line that position is on (its newline or the NUL). */
static int
end_of_line(const char *text, int position)
{
	const char *newline = strchr(text + position, '\n');

	return newline ? newline - text : position + strlen(text + position);
}

/* Is the line from start to end, without its line end, just "\."? */
static bool
is_end_of_data(const char *text, int start, int end)
{
	if (end > start && text[end - 1] == '\r')
		end--;
	return end - start == 2 && text[start] == '\\' && text[start + 1] == '.';
}

/* Offset of the line "\." that ends the data at start, or of the text's end; *behind: of what follows. */
static int
find_end_of_data(const char *text, int start, int *behind)
{
	int			line = start;

	while (text[line] != '\0')
	{
		int			end = end_of_line(text, line);

		*behind = text[end] == '\n' ? end + 1 : end;
		if (is_end_of_data(text, line, end))
			return line;
		line = *behind;
	}
	*behind = line;
	return line;
}

/*
 * The present token is the semicolon of COPY ... FROM stdin: what follows its
 * line is data, up to a line "\." or the end of the text, as in psql.  Where a
 * line has several COPYs, the data of each follows that of the one before.
 */
static void
take_copy_data(Strip *strip)
{
	const char *text = strip->lexer.text;
	CopyData   *copy = palloc(sizeof(CopyData));
	int			start = end_of_line(text, strip->lexer.end);

	if (text[start] == '\n')
		start++;
	if (start > strip->data_end)
		strip->data_start = start;
	else
		start = strip->data_end;
	copy->statement_end = strip->lexer.start;
	copy->start = start;
	copy->length = find_end_of_data(text, start, &strip->data_end) - start;
	strip->copies = lappend(strip->copies, copy);
	if (strip->data_end > start)
		blank(strip, start, strip->data_end);
}

/*
 * psql takes the data out of the middle of a string that begins on COPY's line
 * and ends behind the data; what is only blanked would leave blanks in it.
 */
static void
refuse_token_around_data(const Strip *strip)
{
	const Lexer *lexer = &strip->lexer;

	if (lexer->start < strip->data_start && lexer->end > strip->data_start)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("the data of COPY is inside of a string or a name that begins before it"),
				 errdetail("%s", mig_place(strip->path,
										   strip->first_line + mig_line_of(lexer->text, lexer->start) - 1)),
				 errhint("Begin a new line behind \"COPY ... FROM stdin;\".")));
}

/* psql would run what stands behind the command's one argument and "\\". */
static void
refuse_behind_command(const Strip *strip, int at, int end, const char *command)
{
	const char *text = strip->lexer.text;

	at += strspn(text + at, " \t\r");
	at += strcspn(text + at, " \t\r\n\\");
	at += strspn(text + at, " \t\r");
	if (at < end)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("something follows \"%s\" and its key on their line", command),
				 errdetail("%s", mig_place(strip->path,
										   strip->first_line + mig_line_of(text, at) - 1)),
				 errhint("Begin a new line behind the key.")));
}

/* "\set ON_ERROR_STOP on" and nothing else on its line asks for what is done anyway. */
static bool
is_stop_at_error(const char *line)
{
	static const char *const words[] = {"\\set", "ON_ERROR_STOP"};
	static const char *const values[] = {"on", "true", "yes", "1", ""};
	int			length;

	for (int i = 0; i < lengthof(words); i++)
	{
		if (strncmp(line, words[i], strlen(words[i])) != 0)
			return false;
		line += strlen(words[i]);
		line += strspn(line, " \t\r");
	}
	length = strcspn(line, " \t\r\n");
	for (int i = 0; i < lengthof(values); i++)
		if (length == strlen(values[i]) && pg_strncasecmp(line, values[i], length) == 0)
			return strchr("\n", line[length + strspn(line + length, " \t\r")]) != NULL;
	return false;
}

/* A backslash where a token begins: a meta-command, to the end of its line. */
static void
take_meta_command(Strip *strip)
{
	const char *text = strip->lexer.text;
	int			start = strip->lexer.start;
	int			end = end_of_line(text, start);
	int			length = strcspn(text + start, " \t\r\n;");
	char	   *command = pnstrdup(text + start, length);
	bool		stop = is_stop_at_error(text + start);

	if (!stop && strcmp(command, "\\restrict") != 0 && strcmp(command, "\\unrestrict") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("psql meta-command \"%s\" cannot be run by the server", command),
				 errdetail("%s", mig_place(strip->path,
										   strip->first_line + mig_line_of(text, start) - 1)),
				 strncmp(command, "\\connect", 8) == 0 ?
				 errhint("Make the dump without \"-C\", or remove the line.") :
				 errhint("Remove the line, or write what it does in SQL.")));

	if (!stop)
		refuse_behind_command(strip, start + length, end, command);

	/*
	 * The lexer stands just behind the backslash; one byte there is its own,
	 * and comes as the next token.
	 */
	memset(strip->clean + start, ' ', end - start);
	if (end > strip->lexer.end + 1)
		mig_lexer_blank(&strip->lexer, strip->lexer.end + 1, end);
	strip->rest = true;
}

/* Forget the present statement: the next token begins another one. */
static void
next_statement(Strip *strip)
{
	strip->tokens = 0;
	strip->depth = 0;
	strip->create = strip->routine = strip->begin = false;
	strip->blocks = 0;
	strip->copy = strip->from = strip->stdin_seen = false;
}

/* The statements in BEGIN ATOMIC ... END have semicolons, which end none of ours. */
static void
follow_routine(Strip *strip)
{
	const Lexer *lexer = &strip->lexer;

	if (strip->tokens == 0)
		strip->create = mig_lexer_is(lexer, "create");
	else if (strip->create && (strip->tokens == 1 || strip->tokens == 3))	/* OR REPLACE */
		strip->routine |= mig_lexer_is(lexer, "function") || mig_lexer_is(lexer, "procedure");
	if (!strip->routine)
		return;
	if (strip->blocks == 0)
		strip->blocks = strip->begin && mig_lexer_is(lexer, "atomic");
	else if (mig_lexer_is(lexer, "case"))
		strip->blocks++;
	else if (mig_lexer_is(lexer, "end"))
		strip->blocks--;
	strip->begin = mig_lexer_is(lexer, "begin");
}

static void
take_token(Strip *strip)
{
	Lexer	   *lexer = &strip->lexer;

	refuse_token_around_data(strip);
	if (lexer->token == ';' && strip->depth == 0 && strip->blocks == 0)
	{
		if (strip->stdin_seen)
			take_copy_data(strip);
		next_statement(strip);
		return;
	}
	follow_routine(strip);
	if (strip->tokens++ == 0)
		strip->copy = mig_lexer_is(lexer, "copy");
	if (lexer->token == '(')
		strip->depth++;
	else if (lexer->token == ')' && strip->depth > 0)
		strip->depth--;
	else if (strip->from)
	{
		strip->stdin_seen = mig_lexer_is(lexer, "stdin");
		strip->from = false;
	}
	else if (strip->copy && strip->depth == 0 && mig_lexer_is(lexer, "from"))
	{
		/* Another FROM is part of an expression, and stdin a column there. */
		strip->from = true;
		strip->copy = false;
	}
}

void
mig_psql_strip(const char *text, const char *path, int first_line, const char **clean, List **copies)
{
	Strip		strip = {0};

	*clean = text;
	*copies = NIL;

	/* Without a backslash there is no meta-command, and no data either ends. */
	if (strchr(text, '\\') == NULL && strcasestr(text, "stdin") == NULL)
		return;

	*clean = strip.clean = pstrdup(text);
	strip.path = path;
	strip.first_line = first_line;
	mig_lexer_begin(&strip.lexer, text);
	while (mig_lexer_next(&strip.lexer))
	{
		CHECK_FOR_INTERRUPTS();
		if (strip.rest)
			strip.rest = false;
		else if (strip.lexer.token == '\\')
			take_meta_command(&strip);
		else
			take_token(&strip);
	}
	mig_lexer_end(&strip.lexer);
	*copies = strip.copies;
}
