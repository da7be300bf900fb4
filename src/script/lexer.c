/*
 * lexer.c
 *		Walk over the tokens of a text with the server's own lexer.
 */
#include "postgres.h"

#include "common/keywords.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "script/lexer.h"

/* Begin at the start of text, which must stay while the lexer is used. */
void
mig_lexer_begin(Lexer *lexer, const char *text)
{
	lexer->text = text;
	lexer->start = lexer->end = 0;
	lexer->token = 0;
	lexer->scanner = scanner_init(text, &lexer->extra,
								  &ScanKeywords, ScanKeywordTokens);

	/* As mig_script_pin_settings has it: the session's settings do not count. */
	lexer->extra.standard_conforming_strings = true;
	lexer->extra.backslash_quote = BACKSLASH_QUOTE_SAFE_ENCODING;
	lexer->extra.escape_string_warning = true;
}

/*
 * Step to the next token; false at the end of the text.  Raises what the
 * server's lexer raises: an unterminated string, a bad escape.
 *
 * While flex holds a token it keeps a NUL behind it in its own buffer, which
 * is where pg_stat_statements, too, learns how long a token is.
 */
bool
mig_lexer_next(Lexer *lexer)
{
	core_YYSTYPE value;
	YYLTYPE		location;

	lexer->token = core_yylex(&value, &location, lexer->scanner);
	if (lexer->token == 0)
		return false;
	lexer->start = location;
	lexer->end = location + strlen(lexer->extra.scanbuf + location);
	return true;
}

void
mig_lexer_end(Lexer *lexer)
{
	scanner_finish(lexer->scanner);
}

/*
 * flex scans a buffer of its own that is whole in memory, so what it has not
 * reached yet can still be changed; the byte behind the current token is the
 * one that flex has replaced and will put back.
 */
void
mig_lexer_blank(Lexer *lexer, int from, int to)
{
	Assert(from > lexer->end);
	memset(lexer->extra.scanbuf + from, ' ', to - from);
}

bool
mig_lexer_is(const Lexer *lexer, const char *word)
{
	int			length = lexer->end - lexer->start;

	return strlen(word) == (size_t) length &&
		pg_strncasecmp(lexer->text + lexer->start, word, length) == 0;
}
