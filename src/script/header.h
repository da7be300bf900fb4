/*
 * header.h
 *		The comment header "-- migrate: key value" at the top of a file.
 */
#ifndef MIG_HEADER_H
#define MIG_HEADER_H

#include "script/layouts/layouts.h"

/*
 * Read the header lines of text (those above its first statement) into m.
 * first_line is the line of m's file on which text begins.
 */
extern void mig_header_read(SourceMigration *m, const char *text,
							const char *path, int first_line);

#endif							/* MIG_HEADER_H */
