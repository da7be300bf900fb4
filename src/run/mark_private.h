/*
 * mark_private.h
 *		What the files share that record what people decide.
 */
#ifndef MIG_MARK_PRIVATE_H
#define MIG_MARK_PRIVATE_H

#include "fmgr.h"
#include "plan/plan.h"

/* A decision about one migration, as the functions take it. */
typedef struct Mark
{
	const char *function;
	const char *reason;
	FullName   *full;
	RunPlan		plan;
	PlanNode   *node;
} Mark;

/* Their arguments begin with a name and end with a reason and a project; deploys: nobody else runs or decides meanwhile. */
extern void mark_begin(Mark *mark, FunctionCallInfo fcinfo, const char *function, const char *capability,
					   bool deploys, int reason_arg);

/* A history row of something that did not run. */
extern void mark_write(Attempt *attempt, const FullName *full, const char *action, const char *outcome,
					   bytea *checksum, const char *reason);

/* Give a migration a state that people know it has; whatever was half done of it is settled with that. */
extern void mark_settle(Mark *mark, const char *state, const char *said);

/* NOTICE of what a statement that was under way has left, if it has (resolve.c). */
extern void mark_tell_left(const Mark *mark);

#endif							/* MIG_MARK_PRIVATE_H */
