/*
 * psql.h
 *		What psql adds to SQL in a script: meta-commands and the data of
 *		COPY FROM stdin.
 */
#ifndef MIG_PSQL_H
#define MIG_PSQL_H

#include "nodes/pg_list.h"

/* The data of one COPY FROM stdin, without the line that ends it. */
typedef struct CopyData
{
	int			statement_end;	/* offset of the statement's semicolon */
	int			start;
	int			length;
} CopyData;

/*
 * Find what only psql understands.  *clean gets the text as the server's parser
 * may read it, with blanks in its place so that offsets in bytes stay (those in
 * characters do not); text itself if there is nothing.  It is set before the
 * first error, whose position is one in it.  *copies gets the CopyData, in
 * order.  MG009 for every meta-command but \restrict and \unrestrict, and for a
 * string around the data of a COPY.
 */
extern void mig_psql_strip(const char *text, const char *path, int first_line,
						   const char **clean, List **copies);

#endif							/* MIG_PSQL_H */
