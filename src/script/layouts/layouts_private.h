/*
 * layouts_private.h
 *		What the files of this folder share.
 */
#ifndef MIG_LAYOUTS_PRIVATE_H
#define MIG_LAYOUTS_PRIVATE_H

#include "common/compat.h"
#include "lib/stringinfo.h"
#include "script/layouts/layouts.h"

/* The files of a set. */
typedef struct SourceSet
{
	const SourceFile *files;
	int			n;
	const char *common;			/* the directory that all are in, with its slash */
} SourceSet;

/* ---- names and places (layouts.c) ---- */

extern const char *layout_base(const char *path);
extern char *layout_stem(const char *path);
extern char *layout_directory(const char *path);
extern const char *layout_relative(const SourceSet *set, const char *path);
extern bool layout_is_sql(const char *path);
extern bool layout_ends_with(const char *string, const char *end);
extern const SourceFile *layout_find(const SourceSet *set, const char *path);

extern SourceMigration *layout_new(const char *name);
extern void layout_set_text(SourceText *text, const char *body, const char *path, int line);
extern void layout_no_transaction(SourceMigration *m, const char *path, int line);

pg_noreturn extern void layout_culprits(int code, const char *message, List *paths, const char *hint);
pg_noreturn extern void layout_cannot(const char *message, const char *path, int line, const char *hint);

/* ---- pairs (pairs.c) ---- */

/* One text of a migration that is spread over files. */
typedef struct Piece
{
	char	   *name;			/* of the migration */
	int			part;			/* a ScriptPart */
	const SourceFile *file;
} Piece;

/* Make migrations of pieces; two for one part are an error. */
extern List *layout_pair(Piece *pieces, int n);

/* ---- lines ---- */

typedef struct Line
{
	const char *text;			/* of the whole file */
	int			start;			/* offset of the line */
	int			length;			/* without its line end */
	int			next;			/* offset of the next one */
	int			number;			/* from 1 */
} Line;

extern void line_begin(Line *line, const char *text);
extern bool line_next(Line *line);

/* Does the line, from offset at on, begin with these words in any case, blanks being as many as there are? */
extern bool line_has(const Line *line, int at, const char *words);

/* ---- one layout each; NIL where the set has another ---- */

extern bool layout_is_flyway(const SourceSet *set);
extern List *layout_flyway(const SourceSet *set);
extern bool layout_is_sqitch(const SourceSet *set);
extern List *layout_sqitch(const SourceSet *set);
extern bool layout_is_diesel(const SourceSet *set);
extern List *layout_diesel(const SourceSet *set);
extern bool layout_is_prisma(const SourceSet *set);
extern List *layout_prisma(const SourceSet *set);
extern bool layout_is_updown(const SourceSet *set);
extern List *layout_updown(const SourceSet *set);
extern bool layout_is_directories(const SourceSet *set);
extern List *layout_directories(const SourceSet *set);
extern bool layout_is_dbmate(const SourceSet *set);
extern List *layout_dbmate(const SourceSet *set);
extern bool layout_is_goose(const SourceSet *set);
extern List *layout_goose(const SourceSet *set);
extern bool layout_is_sql_migrate(const SourceSet *set);
extern List *layout_sql_migrate(const SourceSet *set);
extern bool layout_is_node_pg_migrate(const SourceSet *set);
extern List *layout_node_pg_migrate(const SourceSet *set);
extern bool layout_is_numbered(const SourceSet *set);
extern List *layout_numbered(const SourceSet *set);
extern bool layout_is_plain(const SourceSet *set);
extern List *layout_plain(const SourceSet *set);

#endif							/* MIG_LAYOUTS_PRIVATE_H */
