/*
 * sqitch.h
 *		A Sqitch plan in memory.
 */
#ifndef MIG_SQITCH_H
#define MIG_SQITCH_H

#include "script/layouts/layouts_private.h"

/* One change of a plan; a reworked one has several. */
typedef struct SqitchChange
{
	SourceMigration *migration;
	const char *name;			/* in the plan */
	int			position;		/* how many changes stand before it */
	int			line;
	int			tags_before;	/* how many tags stand before it */
	List	   *dependencies;	/* of char *, as the plan has them */
	struct SqitchChange *earlier;	/* what it is a rework of */
	struct SqitchChange *later; /* its rework */
} SqitchChange;

/* A tag stands behind a change. */
typedef struct SqitchTag
{
	const char *name;
	SqitchChange *change;		/* the last one before it */
} SqitchTag;

typedef struct SqitchPlan
{
	const SourceFile *file;
	const char *directory;		/* of the file, with its slash */
	char	   *project;
	List	   *changes;		/* of SqitchChange *, in order */
	List	   *tags;			/* of SqitchTag *, in order */
	HTAB	   *by_name;		/* the first change of each name */
	HTAB	   *by_tag;
	bool		visited;		/* has its place in the order of the plans */
} SqitchPlan;

/* Read a plan file (sqitch_plan.c). */
extern SqitchPlan *sqitch_read_plan(const SourceFile *file);

/* Is the file a plan at all? */
extern bool sqitch_is_plan(const SourceFile *file);

/* The last change of that name at or before a position, or NULL. */
extern SqitchChange *sqitch_find(const SqitchPlan *plan, const char *name, int position);

#endif							/* MIG_SQITCH_H */
