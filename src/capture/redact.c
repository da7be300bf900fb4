/*
 * redact.c
 *		A statement's text without passwords and connection secrets.
 *
 * Works on the tokens of the server's own lexer, whatever the statement: a
 * string behind PASSWORD or CONNECTION, and the value of an option or setting
 * whose name says that it is secret.
 */
#include "postgres.h"

#include <ctype.h>

#include "capture/capture_private.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "script/lexer.h"
#include "utils/memutils.h"

#define REDACTED "<redacted>"

/* Quotes within quotes that are looked into; each costs a copy of what is in them. */
#define MAX_DEPTH 6

/* Parts of names of options and settings whose values are not for a log. */
static const char *const secret_words[] = {
	"pass", "secret", "token", "conninfo", "credential", "apikey", "api_key", "access_key", "private_key", "_key"
};

/* By its text: the numbers of the tokens are not installed since 16.  $1 is none, nor is the $ of %1$I. */
static bool
is_string(const Lexer *lexer)
{
	const char *start = lexer->text + lexer->start;

	if (*start == 'e' || *start == 'E')
		return start[1] == '\'';
	if (*start == 'u' || *start == 'U')
		return start[1] == '&' && start[2] == '\'';
	return *start == '\'' || (*start == '$' && lexer->end - lexer->start > 1 && !isdigit((unsigned char) start[1]));
}

bool
mig_is_redacted(const char *text)
{
	return strstr(text, REDACTED) != NULL;
}

bool
mig_is_secret_name(const char *name)
{
	for (int i = 0; i < lengthof(secret_words); i++)
		if (strstr(name, secret_words[i]))
			return true;
	return false;
}

/* A copy in lower case. */
static char *
lowered(const char *text, int length)
{
	char	   *lower = pnstrdup(text, length);

	for (char *p = lower; *p; p++)
		*p = pg_tolower((unsigned char) *p);
	return lower;
}

/* Tokens between a name and its value. */
static bool
may_stand_between(const Lexer *lexer)
{
	return lexer->token == '=' || mig_lexer_is(lexer, "to");
}

static void redact_into(StringInfo result, const char *text, const char *instead, int depth);
static bool may_have_secrets(const char *text);

/* A string in quotes may be a statement, or a body, too: take one level of quotes off, and put it back. */
static void
add_quoted(StringInfo result, const char *start, int length, int depth)
{
	char	   *text = pnstrdup(start, length);
	StringInfoData inner;
	StringInfoData redacted;
	bool		plain = *start == '\'';

	initStringInfo(&inner);
	for (const char *p = text + 1; plain && p < text + length - 1; p++)
	{
		if (*p == '\'' && *++p != '\'')
			plain = false;		/* continued on the next line */
		appendStringInfoChar(&inner, *p);
	}
	if (!may_have_secrets(text) || strpbrk(pnstrdup(text + 1, length - 2), "'$") == NULL)
		appendBinaryStringInfo(result, start, length);
	else if (!plain || depth > MAX_DEPTH)
		appendStringInfoString(result, "'" REDACTED "'");
	else
	{
		initStringInfo(&redacted);
		redact_into(&redacted, inner.data, inner.data, depth);
		appendStringInfoChar(result, '\'');
		for (const char *p = redacted.data; *p; p++)
		{
			if (*p == '\'')
				appendStringInfoChar(result, '\'');
			appendStringInfoChar(result, *p);
		}
		appendStringInfoChar(result, '\'');
	}
}

/* Something like 'host=... password=...'? */
static bool
has_password_value(const char *text)
{
	for (const char *p = strstr(text, "password"); p; p = strstr(p, "password"))
	{
		p += strlen("password");
		if (p[strspn(p, " \t")] == '=')
			return true;
	}
	return false;
}

/* Is there an address like 'postgresql://user:secret@host'? */
static bool
has_secret_address(const char *text)
{
	for (const char *p = strstr(text, "://"); p; p = strstr(p, "://"))
	{
		const char *end;
		const char *colon;

		p += strlen("://");
		end = p + strcspn(p, " \t\n'\"");
		colon = memchr(p, ':', end - p);
		if (colon && memchr(colon, '@', end - colon))
			return true;
	}
	return false;
}

static bool
is_connection_string(const char *start, int length)
{
	char	   *text = lowered(start, length);

	return (has_password_value(text) && strpbrk(text, ";\n") == NULL) || has_secret_address(text);
}

/* A body in dollar quotes may hold statements of its own; one in another language is left alone. */
static void
add_string(StringInfo result, const Lexer *lexer, int depth)
{
	const char *start = lexer->text + lexer->start;
	int			length = lexer->end - lexer->start;
	const char *body;
	char	   *inner;
	int			delimiter;

	if (*start != '$')
	{
		if (is_connection_string(start, length))
			appendStringInfoString(result, "'" REDACTED "'");
		else
			add_quoted(result, start, length, depth);
		return;
	}
	body = strchr(start + 1, '$') + 1;
	delimiter = body - start;
	appendBinaryStringInfo(result, start, delimiter);
	inner = pnstrdup(body, length - 2 * delimiter);
	if (!may_have_secrets(inner))
		appendStringInfoString(result, inner);
	else if (depth > MAX_DEPTH || (strchr(inner, '\'') == NULL && is_connection_string(inner, strlen(inner))))
		appendStringInfoString(result, REDACTED);
	else
		redact_into(result, inner, inner, depth);
	pfree(inner);
	appendBinaryStringInfo(result, start + length - delimiter, delimiter);
}

static void
redact_tokens(StringInfo result, const char *text, int depth)
{
	Lexer		lexer;
	int			copied = 0;
	bool		expects = false;	/* a string here is a secret */

	mig_lexer_begin(&lexer, text);
	lexer.extra.standard_conforming_strings = standard_conforming_strings;
	lexer.extra.escape_string_warning = false;
	while (mig_lexer_next(&lexer))
	{
		CHECK_FOR_INTERRUPTS();
		appendBinaryStringInfo(result, text + copied, lexer.start - copied);
		copied = lexer.end;
		if (is_string(&lexer) && expects)
			appendStringInfoString(result, "'" REDACTED "'");
		else if (is_string(&lexer))
			add_string(result, &lexer, depth);
		else
			appendBinaryStringInfo(result, text + lexer.start, lexer.end - lexer.start);
		if (may_stand_between(&lexer))
			continue;
		expects = mig_lexer_is(&lexer, "password") || mig_lexer_is(&lexer, "connection") ||
			(!is_string(&lexer) && mig_is_secret_name(lowered(text + lexer.start, lexer.end - lexer.start)));
	}
	mig_lexer_end(&lexer);
	appendStringInfoString(result, text + copied);
}

/* Nothing that is wrong with the text: a cancel, or no memory. */
static bool
is_error_of_others(int code)
{
	return ERRCODE_TO_CATEGORY(code) == ERRCODE_OPERATOR_INTERVENTION ||
		ERRCODE_TO_CATEGORY(code) == ERRCODE_INSUFFICIENT_RESOURCES;
}

/* instead: what stands for a text that cannot be read as tokens. */
static void
redact_into(StringInfo result, const char *text, const char *instead, int depth)
{
	MemoryContext context = CurrentMemoryContext;
	uint32		held_off = InterruptHoldoffCount;
	int			length = result->len;

	PG_TRY();
	{
		redact_tokens(result, text, depth + 1);
	}
	PG_CATCH();
	{
		if (is_error_of_others(geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		InterruptHoldoffCount = held_off;	/* an error clears it */
		result->len = length;
		result->data[length] = '\0';
		appendStringInfoString(result, instead);
	}
	PG_END_TRY();
}

/* Is there anything in it that could be a secret?  Most statements have none. */
static bool
may_have_secrets(const char *text)
{
	char	   *lower = lowered(text, strlen(text));
	bool		result;

	result = strstr(lower, "connection") || mig_is_secret_name(lower) || strstr(lower, "://");
	pfree(lower);
	return result;
}

char *
mig_redact(const char *text)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	StringInfoData result;

	if (!may_have_secrets(text))
		return pstrdup(text);
	initStringInfo(&result);
	context = AllocSetContextCreate(caller, "pg_migrations redaction", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	redact_into(&result, text, REDACTED, 0);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return result.data;
}
