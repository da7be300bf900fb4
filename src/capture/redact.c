/*
 * redact.c
 *		A statement's text without passwords and connection secrets.
 *
 * Works on the tokens of the server's own lexer, whatever the statement: a
 * string behind PASSWORD or CONNECTION, the value of an option or setting whose
 * name says that it is secret, and what is a secret by itself (secrets.c).
 */
#include "postgres.h"

#include <ctype.h>

#include "capture/capture_private.h"
#include "common/attempt.h"
#include "common/notices.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "script/lexer.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define REDACTED "<redacted>"

/* Quotes within quotes that are looked into; each costs a copy of what is in them. */
#define MAX_DEPTH 6

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

/* Tokens between a name and its value. */
static bool
may_stand_between(const Lexer *lexer)
{
	return lexer->token == '=' || mig_lexer_is(lexer, "to") || mig_lexer_is(lexer, ":=") || mig_lexer_is(lexer, "=>") ||
		mig_lexer_is(lexer, "default");
}

/* What the tokens so far say of a string that comes next. */
typedef struct Before
{
	bool		expects;		/* it is a secret */
	bool		begins;			/* a statement or declaration begins here */
	bool		declares;		/* it began with a secret name, behind which there may be a type */
	bool		sets;			/* in a call of set_config, before the name of the setting */
	bool		sets_secret;	/* behind it, and it is a secret one */
} Before;

/* set_config('app.token', '...'): here the name is a string as well. */
static void
look_at_call(const Lexer *lexer, Before *before)
{
	if (lexer->token == ')' || lexer->token == ';')
		before->sets = before->sets_secret = false;
	else if (mig_lexer_is(lexer, "set_config"))
		before->sets = true;
	else if (before->sets && is_string(lexer))
	{
		before->sets = false;
		before->sets_secret = mig_is_secret_name(mig_lowered(lexer->text + lexer->start, lexer->end - lexer->start));
	}
	before->expects = before->expects || before->sets_secret;
}

static void
look_at(const Lexer *lexer, Before *before)
{
	if (may_stand_between(lexer))
	{
		before->expects = before->expects || before->declares;
		return;
	}
	before->expects = mig_lexer_is(lexer, "password") || mig_lexer_is(lexer, "connection") ||
		(!is_string(lexer) && mig_is_secret_name(mig_lowered(lexer->text + lexer->start, lexer->end - lexer->start)));
	if (before->begins)
		before->declares = before->expects;
	else if (lexer->token == ';')
		before->declares = false;
	before->begins = lexer->token == ';' || mig_lexer_is(lexer, "declare");
	look_at_call(lexer, before);
}

static void redact_into(StringInfo result, const char *text, const char *instead, int depth);

/* What a string in quotes says; escapes stay as they are.  plain: it has none, and is in one piece. */
static char *
unquoted(const char *start, int length, bool *plain)
{
	const char *end = start + length - 1;
	bool		escapes = *start == 'e' || *start == 'E' || !standard_conforming_strings;
	StringInfoData inner;

	initStringInfo(&inner);
	*plain = *start == '\'';
	for (const char *p = strchr(start, '\'') + 1; p < end; p++)
	{
		if (*p == '\'' && p[1] != '\'')
		{
			*plain = false;		/* continued on the next line */
			p = memchr(p + 1, '\'', end - p - 1);
			if (p == NULL)
				break;
			continue;
		}
		if (*p == '\\' && escapes && p + 1 < end)
		{
			*plain = false;
			appendStringInfoChar(&inner, *p++);
		}
		else if (*p == '\'')
			p++;
		appendStringInfoChar(&inner, *p);
	}
	return inner.data;
}

/* A string in quotes may be a statement, or a body, too: take one level of quotes off, and put it back. */
static void
add_quoted(StringInfo result, const char *start, int length, int depth)
{
	bool		plain;
	char	   *inner = unquoted(start, length, &plain);
	bool		nested = strpbrk(inner, "'$") != NULL;
	bool		whole = mig_has_connection_string(inner) || (!nested && mig_has_environment(inner));
	StringInfoData redacted;

	if (!whole && (!nested || !mig_may_have_secrets(inner)))
		appendBinaryStringInfo(result, start, length);
	else if (whole || !plain || depth > MAX_DEPTH)
		appendStringInfoString(result, "'" REDACTED "'");
	else
	{
		initStringInfo(&redacted);
		redact_into(&redacted, inner, NULL, depth);
		if (mig_has_environment(redacted.data))
		{
			resetStringInfo(&redacted);
			appendStringInfoString(&redacted, REDACTED);
		}
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

/* Where it is a note of one line, what one connects with may stand in it without quotes. */
static void
add_body(StringInfo result, const char *body, int depth)
{
	int			length = result->len;

	redact_into(result, body, NULL, depth);
	if (strchr(body, '\n') ||
		!(mig_has_connection_string(result->data + length) || mig_has_environment(result->data + length)))
		return;
	result->len = length;
	appendStringInfoString(result, REDACTED);
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
		add_quoted(result, start, length, depth);
		return;
	}
	body = strchr(start + 1, '$') + 1;
	delimiter = body - start;
	appendBinaryStringInfo(result, start, delimiter);
	inner = pnstrdup(body, length - 2 * delimiter);
	if (!mig_may_have_secrets(inner))
		appendStringInfoString(result, inner);
	else if (depth > MAX_DEPTH || mig_is_connection_string(inner) || (strchr(inner, '\'') == NULL && (mig_has_connection_string(inner) || mig_has_environment(inner))))
		appendStringInfoString(result, REDACTED);
	else
		add_body(result, inner, depth);
	pfree(inner);
	appendBinaryStringInfo(result, start + length - delimiter, delimiter);
}

/* How far redacting has come, for whoever catches the lexer's error. */
typedef struct Progress
{
	int			copied;
	bool		expects;		/* what comes next is a secret */
} Progress;

static void
redact_tokens(StringInfo result, const char *text, int depth, volatile Progress *progress)
{
	Lexer		lexer;
	Before		before = {false, true, false, false, false};

	mig_lexer_begin(&lexer, text);
	lexer.extra.standard_conforming_strings = standard_conforming_strings;
	/* Whoever runs a body may allow them where this session does not. */
	lexer.extra.backslash_quote = BACKSLASH_QUOTE_ON;
	lexer.extra.escape_string_warning = false;
	while (mig_lexer_next(&lexer))
	{
		CHECK_FOR_INTERRUPTS();
		appendBinaryStringInfo(result, text + progress->copied, lexer.start - progress->copied);
		progress->copied = lexer.end;
		if (is_string(&lexer) && before.expects)
			appendStringInfoString(result, "'" REDACTED "'");
		else if (is_string(&lexer))
			add_string(result, &lexer, depth);
		else
			appendBinaryStringInfo(result, text + lexer.start, lexer.end - lexer.start);
		look_at(&lexer, &before);
		progress->expects = before.expects;
	}
	mig_lexer_end(&lexer);
	appendStringInfoString(result, text + progress->copied);
}

/* instead: what stands for a text that cannot be read as tokens; NULL: what could be read of it, and the rest as it is. */
static void
redact_into(StringInfo result, const char *text, const char *instead, int depth)
{
	MemoryContext context = CurrentMemoryContext;
	HeldOff		held_off = mig_held_off();
	int			length = result->len;
	volatile Progress progress = {0, false};

	PG_TRY();
	{
		redact_tokens(result, text, depth + 1, &progress);
	}
	PG_CATCH();
	{
		if (mig_is_error_of_others(geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		mig_hold_off_again(held_off);
		if (instead)
		{
			result->len = length;
			result->data[length] = '\0';
		}
		appendStringInfoString(result, instead ? instead : progress.expects ? " '" REDACTED : text + progress.copied);
	}
	PG_END_TRY();
}

char *
mig_redact(const char *text)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	StringInfoData result;
	int			notices;

	if (!mig_may_have_secrets(text))
		return pstrdup(text);
	initStringInfo(&result);
	context = AllocSetContextCreate(caller, "pg_migrations redaction", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	notices = mig_notices_off();
	redact_into(&result, text, REDACTED, 0);
	AtEOXact_GUC(true, notices);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return result.data;
}
