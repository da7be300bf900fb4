/*
 * lines.h
 *		Places in a text as people name them: file and line.
 */
#ifndef MIG_LINES_H
#define MIG_LINES_H

/* A text without the byte order mark that some editors put before it; NULL stays NULL. */
extern char *mig_without_mark(char *text);

/* Line, from 1, on which the byte at offset stands. */
extern int	mig_line_of(const char *text, int offset);

/* 'It is on line 7 of V1__a.sql.', or 'It is on line 7.' without a path. */
extern char *mig_place(const char *path, int line);

/* Offset of the first byte at or behind offset that is neither white space nor in a comment. */
extern int	mig_skip_blank(const char *text, int offset);

/* The line around offset, at most a screen's width of it, for a message. */
extern char *mig_excerpt(const char *text, int offset, int *position);

#endif							/* MIG_LINES_H */
