/*
 * plan_private.h
 *		Between plan.c, which makes the plan of a run, and revert.c, which makes
 *		that of one that goes back.
 */
#ifndef MIG_PLAN_PRIVATE_H
#define MIG_PLAN_PRIVATE_H

#include "plan/plan.h"

extern void mig_plan_add_step(RunPlan *plan, int node, StepAction action, const char *reason);

/* target NULL: to zero where the request says so, or the last ones. */
extern void mig_plan_revert(RunPlan *plan, const PlanRequest *request, const FullName *target);

#endif							/* MIG_PLAN_PRIVATE_H */
