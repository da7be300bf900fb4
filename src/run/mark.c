/*
 * mark.c
 *		What people decide about migrations: recorded, never run.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/faults.h"
#include "common/readonly.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "run/call.h"
#include "run/mark_private.h"
#include "run/deployer.h"
#include "run/run.h"
#include "script/version.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

void
mark_begin(Mark *mark, FunctionCallInfo fcinfo, const char *function, const char *capability,
		   bool deploys, int reason_arg)
{
	char	   *name = mig_required_text(fcinfo, 0, "name");

	mark->function = function;
	mig_deployer_refuse_inside(function);
	mig_refuse_read_only(function);
	mark->reason = mig_reason(fcinfo, reason_arg);
	mark->full = mig_resolve(name, mig_optional_text(fcinfo, reason_arg + 1));
	ledger_require(capability, mark->full->project);
	if (!deploys)
		return;
	(void) mig_deployer_enter(false, mig_lock_wait);
	mark->plan.model = mig_model_read(NIL, NULL, NULL);
	mark->node = &mark->plan.model->nodes[mig_model_need(mark->plan.model, mark->full)];
}

static void
decide(const char *decision, const FullName *full, const bytea *checksum, const char *reason)
{
	Decision	row = {0};

	row.decision = decision;
	row.project = full->project;
	row.name = full->name;
	row.checksum = unconstify(bytea *, checksum);
	row.reason = reason;
	ledger_write_decision(&row);
}

void
mark_write(Attempt *attempt, const FullName *full, const char *action, const char *outcome,
		   bytea *checksum, const char *reason)
{
	memset(attempt, 0, sizeof(Attempt));
	attempt->project = full->project;
	attempt->name = full->name;
	attempt->action = action;
	attempt->outcome = outcome;
	attempt->started_at = attempt->finished_at = GetCurrentTimestamp();
	attempt->start_lsn = attempt->end_lsn = GetXLogInsertRecPtr();
	attempt->reason = reason;
	attempt->checksum = checksum;
	ledger_write_attempt(attempt);
}

void
mark_settle(Mark *mark, const char *state, const char *said)
{
	const Migration *migration = mark->node->migration;
	bool		applied = strcmp(state, "marked") == 0;
	bool		undone = strcmp(state, "reverted") == 0 ||
		(mark->node->unfinished && mark->node->unfinished->part == PART_DOWN);
	Succession	succession = applied ? SUCCESSION_APPLIED : undone ? SUCCESSION_UNDONE : SUCCESSION_NEVER;
	Attempt		attempt;

	mig_succession_require(migration, "administrator", succession);
	mark_write(&attempt, mark->full, "mark", applied ? "marked" : "reverted", migration->up, mark->reason);
	ledger_set_state(mark->full->project, mark->full->name, state, &attempt,
					 applied ? mig_model_followed(mark->plan.model, mark->node - mark->plan.model->nodes) : NULL,
					 psprintf("%s: \"%s\"", said, mark->reason));
	mig_succession(migration, &attempt, succession);
	/* Also of one that does not count as half done, since another one has taken its place. */
	ledger_end_unfinished(mark->full->project, mark->full->name);
	MIG_FAULT("mark_settled");
}

/* Whoever decides about one that is half done need not know that. */
static void
tell_half_done(const Mark *mark)
{
	const Unfinished *unfinished = mark->node->unfinished;

	if (unfinished == NULL)
		return;
	ereport(NOTICE,
			(errmsg("migration \"%s\" was half %s", mig_full_name(mark->node->migration),
					unfinished->part == PART_DOWN ? "reverted" : "applied"),
			 errdetail("It stopped behind statement %d.  What of it stands does so still.", unfinished->done)));
	mark_tell_left(mark);
}

MIG_FUNCTION(mig_mark_applied);

/* migrate.mark_applied(name, reason, project) */
static Datum
mig_mark_applied_body(PG_FUNCTION_ARGS)
{
	Mark		mark = {0};

	mark_begin(&mark, fcinfo, "migrate.mark_applied", "administrator", true, 1);
	if (mark.node->is_applied && mark.node->state != STATE_OUTDATED)
	{
		ereport(NOTICE,
				(errmsg("migration \"%s\" is %s already", mig_full_name(mark.node->migration), mark.node->state)));
		PG_RETURN_VOID();
	}
	tell_half_done(&mark);
	mark_settle(&mark, "marked", "marked");
	decide("marked", mark.full, mark.node->migration->up, mark.reason);
	PG_RETURN_VOID();
}

/* What another one stands for does not run. */
static void
tell_heir(const Mark *mark)
{
	const Model *model = mark->plan.model;
	int			heir = mig_model_heir(model, mark->node - model->nodes);
	const char *name;

	if (heir < 0 || !model->nodes[heir].is_applied)
		return;
	name = mig_full_name(model->nodes[heir].migration);
	ereport(NOTICE,
			(errmsg("migration \"%s\" does not run, since \"%s\" stands for it", mig_full_name(mark->node->migration), name),
			 errhint("SELECT migrate.mark_pending(%s, '<why>');", quote_literal_cstr(name))));
}

MIG_FUNCTION(mig_mark_pending);

/* migrate.mark_pending(name, reason, project) */
static Datum
mig_mark_pending_body(PG_FUNCTION_ARGS)
{
	Mark		mark = {0};

	mark_begin(&mark, fcinfo, "migrate.mark_pending", "administrator", true, 1);
	if (!mark.node->is_applied && mark.node->unfinished == NULL)
	{
		ereport(NOTICE,
				(errmsg("migration \"%s\" is %s already", mig_full_name(mark.node->migration), mark.node->state)));
		PG_RETURN_VOID();
	}
	tell_half_done(&mark);
	tell_heir(&mark);
	mark_settle(&mark, "pending", "marked pending");
	decide("marked", mark.full, mark.node->migration->up, mark.reason);
	PG_RETURN_VOID();
}

/* ---- baseline ---- */

/* Is it a version and nothing else? */
static bool
is_version(const char *name)
{
	const char *version = mig_version_from_name(name);

	return version && strcmp(version, name) == 0;
}

/*
 * A version that no migration has to have.  Without a project it is that of the
 * migration whose version is equal, if there is one.
 */
static FullName *
mere_version(const char *version, const char *project)
{
	FullName   *full = palloc(sizeof(FullName));
	FullName   *equal = project ? NULL : mig_find_equal_version(version, NULL);

	full->project = pstrdup(project ? project : equal ? equal->project : "default");
	full->name = pstrdup(version);
	return full;
}

/* The migration of a name or a version.  Where the project is said a mere version is not the beginning of a longer one. */
static FullName *
registered_target(const char *name, const char *project)
{
	if (!is_version(name))
		return mig_resolve(name, project);
	if (project && ledger_find_exact(project, name) == NIL && ledger_find_version(project, name) == NIL)
		return NULL;
	return mig_find(name, project);
}

/* The project and version that a name, or a mere version, stands for. */
static FullName *
baseline_target(const char *name, const char *project, const char **version)
{
	FullName   *full = registered_target(name, project);
	Registered *registered;
	int			n;

	if (full == NULL)
	{
		full = mere_version(name, project);
		*version = full->name;
		return full;
	}
	registered = ledger_read_registered(full->project, full->name, &n);
	*version = n ? registered->version : NULL;
	if (*version == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("migration \"%s:%s\" has no version to make a baseline of", full->project, full->name),
				 errhint("Mark each migration: SELECT migrate.mark_applied(name, '<why>') FROM migrate.migrations WHERE ...;")));
	return full;
}

/* Mark what is registered up to a version; returns how many. */
static int
mark_up_to(const char *project, const char *version, const char *reason)
{
	Model	   *model = mig_model_read(NIL, NULL, NULL);
	int			marked = 0;

	for (int i = 0; i < model->n; i++)
	{
		PlanNode   *node = &model->nodes[i];
		FullName	full = {node->migration->project, node->migration->name};
		Attempt		attempt;

		if (node->is_applied || node->migration->kind == KIND_REPEATABLE || node->migration->version == NULL ||
			strcmp(full.project, project) != 0 ||
			mig_version_compare(node->migration->version, version) > 0)
			continue;
		/* Whoever names the last of many need not know of it. */
		if (node->unfinished)
			mig_raise_problem(mig_half_done_problem(node));
		mark_write(&attempt, &full, "baseline", "marked", node->migration->up, reason);
		ledger_set_state(full.project, full.name, "baseline", &attempt,
						 mig_model_followed(model, i), psprintf("baseline %s: \"%s\"", version, reason));
		marked++;
	}
	return marked;
}

MIG_FUNCTION(mig_baseline);

/* migrate.baseline(name, reason, project) */
static Datum
mig_baseline_body(PG_FUNCTION_ARGS)
{
	char	   *name = mig_required_text(fcinfo, 0, "name");
	char	   *project = mig_optional_text(fcinfo, 2);
	char	   *reason;
	const char *version;
	FullName   *full;
	const Baseline *present;
	Attempt		attempt;
	int			marked;

	mig_deployer_refuse_inside("migrate.baseline");
	mig_refuse_read_only("migrate.baseline");
	reason = mig_reason(fcinfo, 1);
	full = baseline_target(name, project, &version);
	ledger_require("administrator", full->project);
	(void) mig_deployer_enter(false, mig_lock_wait);
	present = mig_baseline_of(ledger_read_baselines(), full->project);
	if (present && mig_version_compare(present->version, version) > 0 && !ledger_baseline_is_peoples(full->project))
	{
		ereport(NOTICE,
				(errmsg("project \"%s\" is at baseline %s already, by a migration", full->project, present->version)));
		PG_RETURN_INT32(0);
	}
	marked = mark_up_to(full->project, version, reason);
	mark_write(&attempt, full, "baseline", "marked", NULL, reason);
	ledger_set_baseline(full->project, version, attempt.id);
	decide("baselined", full, NULL, reason);
	PG_RETURN_INT32(marked);
}

/* ---- hold and release ---- */

/* What is held is left out by apply, which has nothing to do with one that is applied. */
static void
notice_if_applied(const FullName *full)
{
	int			n;
	Registered *registered = ledger_read_registered(full->project, full->name, &n);

	if (n > 0 && registered->state && mig_counts_as_applied(registered->state))
		ereport(NOTICE,
				(errmsg("migration \"%s:%s\" is %s: the hold takes effect when it is reverted",
						full->project, full->name, registered->state)));
}

MIG_FUNCTION(mig_hold);

/* migrate.hold(name, reason, project) */
static Datum
mig_hold_body(PG_FUNCTION_ARGS)
{
	Mark		mark = {0};

	mark_begin(&mark, fcinfo, "migrate.hold", "deployer", false, 1);
	if (ledger_hold(mark.full->project, mark.full->name, mark.reason))
	{
		decide("held", mark.full, NULL, mark.reason);
		notice_if_applied(mark.full);
	}
	else
		ereport(NOTICE,
				(errmsg("migration \"%s:%s\" is held already", mark.full->project, mark.full->name)));
	PG_RETURN_VOID();
}

MIG_FUNCTION(mig_release);

/* migrate.release(name, reason, project) */
static Datum
mig_release_body(PG_FUNCTION_ARGS)
{
	Mark		mark = {0};

	mark_begin(&mark, fcinfo, "migrate.release", "deployer", false, 1);
	if (ledger_release(mark.full->project, mark.full->name))
		decide("released", mark.full, NULL, mark.reason);
	else
		ereport(NOTICE,
				(errmsg("migration \"%s:%s\" is not held", mark.full->project, mark.full->name)));
	PG_RETURN_VOID();
}
