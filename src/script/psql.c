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
	bool		copy;			/* the statement began with COPY */
	bool		from;			/* the token before this one was FROM */
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

/*
 * The present token is the semicolon of COPY ... FROM stdin: what follows its
 * line is data, up to a line "\." or the end of the text, as in psql.
 */
static void
take_copy_data(Strip *strip)
{
	const char *text = strip->lexer.text;
	CopyData   *copy = palloc(sizeof(CopyData));
	int			start = end_of_line(text, strip->lexer.end);
	int			line,
				next;

	if (text[start] == '\n')
		start++;
	copy->statement_end = strip->lexer.start;
	copy->start = start;
	for (line = start; text[line] != '\0'; line = next)
	{
		int			end = end_of_line(text, line);

		next = text[end] == '\n' ? end + 1 : end;
		if (is_end_of_data(text, line, end))
		{
			copy->length = line - start;
			blank(strip, start, end);
			strip->copies = lappend(strip->copies, copy);
			return;
		}
	}
	copy->length = line - start;
	if (line > start)
		blank(strip, start, line);
	strip->copies = lappend(strip->copies, copy);
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

	if (strcmp(command, "\\restrict") != 0 && strcmp(command, "\\unrestrict") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("psql meta-command \"%s\" cannot be run by the server", command),
				 errdetail("%s", mig_place(strip->path,
										   strip->first_line + mig_line_of(text, start) - 1)),
				 strncmp(command, "\\connect", 8) == 0 ?
				 errhint("Make the dump without \"-C\", or remove the line.") :
				 errhint("Remove the line, or write what it does in SQL.")));

	/* The lexer stands just behind the backslash; one byte there is its own. */
	memset(strip->clean + start, ' ', end - start);
	if (end > strip->lexer.end + 1)
		mig_lexer_blank(&strip->lexer, strip->lexer.end + 1, end);
}

/* Forget the present statement: the next token begins another one. */
static void
next_statement(Strip *strip)
{
	strip->tokens = 0;
	strip->depth = 0;
	strip->copy = strip->from = strip->stdin_seen = false;
}

static void
take_token(Strip *strip)
{
	Lexer	   *lexer = &strip->lexer;

	if (lexer->token == ';' && strip->depth == 0)
	{
		if (strip->stdin_seen)
			take_copy_data(strip);
		next_statement(strip);
		return;
	}
	if (strip->tokens++ == 0)
		strip->copy = mig_lexer_is(lexer, "copy");
	if (lexer->token == '(')
		strip->depth++;
	else if (lexer->token == ')' && strip->depth > 0)
		strip->depth--;
	else if (strip->copy && strip->depth == 0)
	{
		if (strip->from && mig_lexer_is(lexer, "stdin"))
			strip->stdin_seen = true;
		strip->from = mig_lexer_is(lexer, "from");
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
		if (strip.lexer.token == '\\')
			take_meta_command(&strip);
		else
			take_token(&strip);
	}
	mig_lexer_end(&strip.lexer);
	*copies = strip.copies;
}
