/*
 * layouts_private.h
 *		What the files of this folder share.
 */
#ifndef MIG_LAYOUTS_PRIVATE_H
#define MIG_LAYOUTS_PRIVATE_H

#include "common/compat.h"
#include "script/layouts/layouts.h"
#include "utils/hsearch.h"

/* ---- files and their names (files.c) ---- */

/* The files of a set, in the order of their paths. */
typedef struct SourceSet
{
	const SourceFile *files;	/* those with SQL in them */
	int			n;
	const SourceFile *others;	/* the rest */
	int			nothers;
	const char *common;			/* the directory that all SQL files are in, with its slash */
	HTAB	   *by_path;		/* all files, a NameTable */
} SourceSet;

extern void layout_open(SourceSet *set, const SourceFile *files, int nfiles, bool any_ending);
extern const SourceFile *layout_find(const SourceSet *set, const char *path);
extern void layout_refuse_databases(const SourceSet *set);

extern const char *layout_base(const char *path);
extern char *layout_stem(const char *path);
extern char *layout_directory(const char *path);
extern char *layout_folder(const char *path);
extern const char *layout_relative(const SourceSet *set, const char *path);
extern bool layout_ends_with(const char *string, const char *end);
extern bool layout_next_segment(const char **path, const char **segment, int *length);
extern bool layout_segment_is(const char *segment, int length, const char *word);

/* A table of names and what each stands for. */
extern HTAB *names_create(int size);
extern bool names_add(HTAB *table, const char *name, const void *value);
extern void *names_find(HTAB *table, const char *name);

/* ---- lines (lines.c) ---- */

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
extern int	line_skip_blanks(const Line *line, int at);

/*
 * Does the line have these words at offset at, in any case, as words of their
 * own?  A blank in words stands for one or more.  Returns the offset behind
 * them, else -1.
 */
extern int	line_has(const Line *line, int at, const char *words);

/* The value of key in a file of "key = value" lines and its line, or NULL. */
extern char *line_setting(const char *content, const char *key, int *number);

/* ---- versions (versions.c) ---- */

/*
 * The versions in the segments of a path, joined by dots.  extended: with the
 * letters that belong to them, as in 1.2.1a, 4.0.0rc4 and 1.0--1.1.
 */
extern char *layout_path_version(const char *path, bool extended);

/* Where some versions are dates and others times, make times of all. */
extern void layout_complete_stamps(List *migrations);

extern void layout_sort(List *migrations);

/* What a tool takes for one version. */
typedef enum VersionRule
{
	VERSION_OR_NAME,			/* equal ones, but not times: there the names say the order */
	VERSION_EQUAL,				/* all equal ones: it knows migrations by their versions */
	VERSION_WITHOUT_ZEROS		/* those, too, that differ in zeros at the end: 1 and 1.0 */
} VersionRule;

extern void layout_refuse_same_version(List *migrations, VersionRule rule);

/* The same for all versions that differ in zeros at the end only. */
extern char *layout_version_without_zeros(const char *version);

/* ---- errors (complain.c) ---- */

pg_noreturn extern void layout_culprits(int code, const char *message, List *paths, const char *hint);
pg_noreturn extern void layout_cannot(const char *message, const char *path, int line, const char *hint);

/* ---- what single files say (directives.c) ---- */

extern void layout_refuse_foreign(const SourceFile *file);
extern void layout_read_switches(SourceMigration *m, const char *text, int first_line);

/* ---- migrations ---- */

extern SourceMigration *layout_new(const char *name);
extern void layout_set_text(SourceText *text, const char *body, const char *path, int line);
extern void layout_no_transaction(SourceMigration *m);

/* One text of a migration that is spread over files. */
typedef struct Piece
{
	char	   *name;			/* of the migration */
	int			part;			/* a ScriptPart */
	const SourceFile *file;
} Piece;

/* Make migrations of pieces; two for one part are an error (pairs.c). */
extern List *layout_pair(Piece *pieces, int n);

/* ---- what names say (endings.c) ---- */

/* The part that the ending of a file's name tells in any set, or -1. */
extern int	layout_ending(const char *path);

/*
 * A piece for each file of a set, named by its base name.  What seems to be a
 * down, and is none by its name, is an error: to run it would be a disaster.
 */
extern void layout_read_names(const SourceSet *set, Piece *pieces);

/* ---- one layout each: does the set have it, and what is in it ---- */

extern bool layout_is_flyway(const SourceSet *set);
extern List *layout_flyway(const SourceSet *set);
extern bool layout_is_sqitch(const SourceSet *set);
extern List *layout_sqitch(const SourceSet *set);
extern bool layout_is_diesel(const SourceSet *set);
extern List *layout_diesel(const SourceSet *set);
extern bool layout_is_prisma(const SourceSet *set);
extern List *layout_prisma(const SourceSet *set);
extern bool layout_is_updown(const SourceSet *set);
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
