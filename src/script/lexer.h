/*
 * lexer.h
 *		A text as the tokens of the server's own lexer.
 */
#ifndef MIG_LEXER_H
#define MIG_LEXER_H

#include "parser/scanner.h"

typedef struct Lexer
{
	core_yyscan_t scanner;
	core_yy_extra_type extra;
	const char *text;
	int			start;			/* offset of the current token */
	int			end;			/* offset just behind it */
	int			token;			/* 0 at the end; a single character is itself */
} Lexer;

extern void mig_lexer_begin(Lexer *lexer, const char *text);
extern bool mig_lexer_next(Lexer *lexer);
extern void mig_lexer_end(Lexer *lexer);

/*
 * Hide a stretch of the text that is still to come: the lexer will see blanks
 * there.  One byte behind the current token must be left alone.
 */
extern void mig_lexer_blank(Lexer *lexer, int from, int to);

/* Is the current token this word, unquoted, in any case? */
extern bool mig_lexer_is(const Lexer *lexer, const char *word);

#endif							/* MIG_LEXER_H */
