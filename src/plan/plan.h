/*
 * plan.h
 *		What a run will do, decided in one place for plan, apply and revert.
 */
#ifndef MIG_PLAN_H
#define MIG_PLAN_H

#include "plan/model.h"

typedef enum StepAction
{
	STEP_APPLY,
	STEP_MARK,					/* record only: all it replaces is applied */
	STEP_REVERT
} StepAction;

typedef struct PlanStep
{
	int			node;
	StepAction	action;
	const char *reason;			/* or NULL */
	bool		apart;			/* commits in between: a worker runs it */
} PlanStep;

/* What a run is asked for. */
typedef struct PlanRequest
{
	bool		revert;
	const char *target;			/* as the user wrote it, or NULL */
	const char *project;		/* or NULL */
	int			steps;			/* revert: how many; 0: not given */
	List	   *names;			/* of char *: only these and what they require */
	List	   *override;		/* policy rules that do not count */
} PlanRequest;

typedef struct RunPlan
{
	Model	   *model;
	List	   *steps;			/* of PlanStep *, in order */
	List	   *left_out;		/* of node numbers */
	Problem    *problem;		/* why nothing of it can be run, or NULL */
	char	   *notice;			/* the target is there already, or NULL */
} RunPlan;

/* All that whoever runs a step has to know of what was planned. */
typedef struct StepOrder
{
	StepAction	action;
	const Migration *migration;
	ArrayType  *followed;		/* full names of what it requires */
	bool		is_applied;		/* it counts as applied before it runs */
	const char *detail;			/* of its state, once it has run, or NULL */
} StepOrder;

/* Raises only for names that are not found or not unique. */
extern RunPlan *mig_plan_make(const PlanRequest *request);

extern void mig_plan_order(const RunPlan *plan, const PlanStep *step, StepOrder *order);

/* Full names of all steps, in order, as a text[]. */
extern ArrayType *mig_plan_names(const RunPlan *plan);

/* ---- names (resolve.c) ---- */

/* MG002 for a project in which nothing is registered; NULL is all of them. */
extern void mig_require_project(const char *project);

/*
 * Find a migration by what people call it: project:name, the exact name, the
 * exact version, or a unique beginning of a name.  MG002 with the nearest
 * names, MG015 with all of them.
 */
extern FullName *mig_resolve(const char *name, const char *project);

/* The same, but NULL if there is none. */
extern FullName *mig_find(const char *name, const char *project);

/* The one whose version compares equal, or NULL; MG015 if several do. */
extern FullName *mig_find_equal_version(const char *version, const char *project);

#endif							/* MIG_PLAN_H */
