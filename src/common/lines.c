/*
 * lines.c
 *		Find places in a text and name them.
 */
#include "postgres.h"

#include "common/lines.h"
#include "mb/pg_wchar.h"
#include "parser/scansup.h"

#define EXCERPT_BYTES 200		/* to either side of the place */

char *
mig_without_mark(char *text)
{
	return text && strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? text + 3 : text;
}

int
mig_line_of(const char *text, int offset)
{
	int			line = 1;
	const char *end = text + offset;
	const char *newline = text;

	while ((newline = memchr(newline, '\n', end - newline)) != NULL)
	{
		line++;
		newline++;
	}
	return line;
}

char *
mig_place(const char *path, int line)
{
	if (path)
		return psprintf("It is on line %d of %s.", line, path);
	return psprintf("It is on line %d.", line);
}

/* Offset behind the comment that begins at offset; comments of the second kind nest. */
static int
skip_block_comment(const char *text, int offset)
{
	int			depth = 0;

	do
	{
		if (text[offset] == '/' && text[offset + 1] == '*')
		{
			depth++;
			offset += 2;
		}
		else if (text[offset] == '*' && text[offset + 1] == '/')
		{
			depth--;
			offset += 2;
		}
		else if (text[offset] != '\0')
			offset++;
		else
			break;
	} while (depth > 0);
	return offset;
}

int
mig_skip_blank(const char *text, int offset)
{
	for (;;)
	{
		if (scanner_isspace(text[offset]) || text[offset] == '\v')
			offset++;
		else if (text[offset] == '-' && text[offset + 1] == '-')
			offset += strcspn(text + offset, "\r\n");
		else if (text[offset] == '/' && text[offset + 1] == '*')
			offset = skip_block_comment(text, offset);
		else
			return offset;
	}
}

/*
 * The result is palloc'd; *position is the place in it, in characters from 1,
 * as internalerrposition wants it.
 */
char *
mig_excerpt(const char *text, int offset, int *position)
{
	int			start = offset;
	int			end = offset;

	while (start > 0 && text[start - 1] != '\n' && offset - start < EXCERPT_BYTES)
		start--;
	while (start > 0 && IS_HIGHBIT_SET(text[start]) && start < offset &&
		   pg_encoding_verifymbstr(GetDatabaseEncoding(), text + start, offset - start) < offset - start)
		start++;
	while (text[end] != '\0' && text[end] != '\n' && text[end] != '\r' && end - offset < EXCERPT_BYTES)
		end += pg_mblen(text + end);
	*position = pg_mbstrlen_with_len(text + start, offset - start) + 1;
	return pnstrdup(text + start, end - start);
}
