/*
 * model_private.h
 *		Between model.c, which builds the graph, and states.c and heirs.c, which
 *		find the state of each of its nodes.
 */
#ifndef MIG_MODEL_PRIVATE_H
#define MIG_MODEL_PRIVATE_H

#include "plan/model.h"

extern Problem *mig_problem(int sqlstate, const char *code, char *message, char *detail, char *hint);
extern Problem *mig_cycle_problem(const Model *model, const int *component, int node, int *cycle, int *length);

/* Has somebody said that it is not to run, and does that count this time? */
extern bool mig_node_is_held(const Model *model, const PlanNode *node);

/* In this order; the graph has its edges only before the last. */
extern void mig_states_applied(Model *model);
extern void mig_states_covered(Model *model);
extern void mig_states_replaced(Model *model);
extern void mig_states_baselined(Model *model, const char *limit_project, const char *limit);
extern void mig_states_rivals(Model *model);
extern void mig_states_pending(Model *model);

#endif							/* MIG_MODEL_PRIVATE_H */
