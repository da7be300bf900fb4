/*
 * lines.c
 *		Walk over the lines of a file and recognise words in them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "script/layouts/layouts_private.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
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
	const char *newline;

	CHECK_FOR_INTERRUPTS();
	if (line->text[line->next] == '\0')
		return false;
	line->start = line->next;
	newline = strchr(line->text + line->start, '\n');
	line->length = newline ? (int) (newline - line->text) - line->start : (int) strlen(line->text + line->start);
	line->next = line->start + line->length + (newline != NULL);
	if (line->length > 0 && line->text[line->start + line->length - 1] == '\r')
		line->length--;
	line->number++;
	return true;
}

int
line_skip_blanks(const Line *line, int at)
{
	while (at < line->length && is_blank(line->text[line->start + at]))
		at++;
	return at;
}

int
line_has(const Line *line, int at, const char *words)
{
	const char *text = line->text + line->start;

	for (; *words != '\0'; words++)
	{
		if (at >= line->length)
			return -1;
		if (*words == ' ')
		{
			if (!is_blank(text[at]))
				return -1;
			at = line_skip_blanks(line, at);
		}
		else if (pg_tolower((unsigned char) text[at]) != pg_tolower((unsigned char) *words))
			return -1;
		else
			at++;
	}
	return at == line->length || !is_word(text[at]) ? at : -1;
}

/* Without the quotes, blanks and comment around it. */
static char *
bare_value(const char *text, int length)
{
	int			start = 0;

	while (start < length && is_blank(text[start]))
		start++;
	if (start < length && (text[start] == '"' || text[start] == '\''))
	{
		const char *close = memchr(text + start + 1, text[start], length - start - 1);

		if (close)
			return pnstrdup(text + start + 1, close - text - start - 1);
	}
	for (int i = start; i < length; i++)
		if (text[i] == '#')
			length = i;
	while (length > start && is_blank(text[length - 1]))
		length--;
	return pnstrdup(text + start, length - start);
}

char *
line_setting(const char *content, const char *key, int *number)
{
	char	   *value = NULL;
	Line		line;

	line_begin(&line, content);
	while (line_next(&line))
	{
		int			at = line_has(&line, line_skip_blanks(&line, 0), key);

		if (at < 0)
			continue;
		at = line_skip_blanks(&line, at);
		if (at >= line.length || line.text[line.start + at] != '=')
			continue;
		value = bare_value(line.text + line.start + at + 1, line.length - at - 1);
		*number = line.number;
	}
	return value;
}
