/*
 * model.h
 *		All migrations as one graph, each with the state it is in.
 */
#ifndef MIG_MODEL_H
#define MIG_MODEL_H

#include "common/compat.h"
#include "ledger/ledger.h"
#include "plan/graph.h"

/* Why something cannot be done, as an error would say it. */
typedef struct Problem
{
	int			sqlstate;
	const char *code;			/* word for migrate.check */
	char	   *message;
	char	   *detail;			/* or NULL */
	char	   *hint;			/* or NULL */
	const char *rule;			/* of a policy, or NULL */
} Problem;

/* A migration in the graph. */
typedef struct PlanNode
{
	Migration  *migration;
	const char *state;			/* as in migrate.status */
	char	   *detail;			/* or NULL */
	bool		is_applied;		/* what requires it may run */
	bool		is_pending;		/* the next apply runs it */
	bool		mark_only;		/* all it replaces is applied */
	bool		late;			/* pending, while a later one is applied */
	bool		covered;		/* by a baseline migration, and stands and falls with it */
	int			stands_for;		/* node that runs instead of it, or -1 */
	Problem    *problem;		/* of its own, or NULL */
	char	   *left_out;		/* why apply leaves it out, or NULL */
	const Unfinished *unfinished;	/* how far it is, if it stopped half-way */

	/* what was found of those that it replaces (heirs.c) */
	enum
	{
		NOT_LOOKED, LOOKING, LOOKED
	}			behind;
	struct PlanNode *from;		/* the heir from which it was looked at */
	bool		place_taken;	/* by one that a baseline covers */
	bool		is_there;		/* it, or all whose place it would take */
	const Migration *half_done; /* the first of those, or of theirs, that is; or NULL */
	const char *circle;			/* the way by which it replaces itself, or NULL */
	const Migration *heir_in_way;	/* what would run in its place, while it is half done; or NULL */
	int			asked_of;		/* number of the baseline, and one, of which is known: */
	bool		heir_of_covered;	/* all that it replaces is covered by that */
} PlanNode;

typedef struct Model
{
	int			n;
	PlanNode	   *nodes;			/* in order of execution among equals */
	Graph	   *graph;			/* edges to what each one requires */
	MigrationSet *set;
	List	   *baselines;
	List	   *override;		/* policy rules that do not count, of char * */
} Model;

/*
 * Read the ledger.  override: rules that do not count; limit: the version that
 * a run stops at, in limit_project, as far as choosing a baseline goes (NULL:
 * none).
 */
extern Model *mig_model_read(List *override, const char *limit_project, const char *limit);

/* The same for people to look at: says as well what runs at present. */
extern Model *mig_model_look(void);

/* Does a rule not count this time? */
extern bool mig_model_overrides(const Model *model, const char *rule);

/* Number of the node with this full name, or -1. */
extern int	mig_model_find(const Model *model, const char *project, const char *name);

/* As mig_model_find; MG002 for one that was unregistered since its name was resolved. */
extern int	mig_model_need(const Model *model, const FullName *full);

pg_noreturn extern void mig_raise_unregistered(const FullName *full);

/* Does a full name as it stands in requires name this project's own, or another's? */
extern FullName mig_full_reference(const char *own_project, const char *reference);
extern int	mig_model_find_reference(const Model *model, const char *own_project, const char *reference);

extern char *mig_join_name(const char *project, const char *name);
extern char *mig_full_name(const Migration *migration);
/* Of this project?  NULL is every one. */
extern bool mig_node_in(const PlanNode *node, const char *project);
/* Its up was registered anew while the one before ran, as an error; NULL: it was not. */
extern Problem *mig_changed_problem(const PlanNode *node);
/* Does apply leave it out since it is held? */
extern bool mig_node_left_held(const PlanNode *node);
/* Would it not go on by itself, as the last attempt at it has said? */
extern bool mig_node_undecided(const PlanNode *node);
/* What tells how it goes on then. */
extern char *mig_ways_out(const PlanNode *node);
/* The call that keeps what replaces others out of their way. */
extern char *mig_hold_meanwhile(const Migration *heir);
/* Why one that stopped on its way cannot go the other way. */
extern Problem *mig_half_done_problem(const PlanNode *node);
/* The call that goes on with one that is half done. */
extern char *mig_call_to_go_on(const PlanNode *node);
/* The calls of which one decides what became of its statement under way. */
extern char *mig_resolve_calls(const Migration *migration);

/* Does a state as the ledger has it count as applied? */
extern bool mig_counts_as_applied(const char *state);

/* So many generations of heirs are followed; more than that is a circle. */
#define MOST_GENERATIONS 16

/* What stands for a node in the end, or -1. */
extern int	mig_model_heir(const Model *model, int node);

/* Up to where a project counts as applied: the highest of those in a list, or NULL. */
extern const Baseline *mig_baseline_of(const List *baselines, const char *project);

/* Detail of the state of one whose place another one has taken. */
extern char *mig_replaced_by(const Migration *heir, const Migration *replaced);

/* Does a versioned migration count as applied because of its project's baseline? */
extern bool mig_baseline_covers(const Baseline *baseline, const char *version, const char *state, int64 history_id);

/* Raise a problem as the error that it is. */
pg_noreturn extern void mig_raise_problem(const Problem *problem);

/* What a migration requires, as names; what a run records as followed. */
extern ArrayType *mig_model_followed(const Model *model, int node);

/*
 * Heads of a project: what nothing else in it requires.  The names of several,
 * where the policy "heads" wants one, and how many; NULL where that is kept.
 */
extern char *mig_model_heads_refused(const Model *model, const char *project, int *n);

/* States, for rooms that treat one of them specially. */
extern const char *const STATE_FAILED;
extern const char *const STATE_INTERRUPTED;
extern const char *const STATE_HELD;
extern const char *const STATE_BLOCKED;
extern const char *const STATE_OUTDATED;
extern const char *const STATE_SUPERSEDED;
extern const char *const STATE_OUT_OF_ORDER;
extern const char *const STATE_RUNNING;

#endif							/* MIG_MODEL_H */
