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
#include "run/apart.h"
#include "run/call.h"
#include "run/deployer.h"
#include "run/run.h"
#include "script/version.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* A decision about one migration, as the functions below take it. */
typedef struct Mark
{
	const char *function;
	const char *reason;
	FullName   *full;
	RunPlan		plan;
	PlanNode   *node;
} Mark;

/* Their arguments begin with a name and end with a reason and a project. */
static void
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

/* A history row of something that did not run. */
static void
write_mark(Attempt *attempt, const FullName *full, const char *action, const char *outcome,
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

/* Give a migration a state that people know it has; whatever was half done of it is settled with that. */
static void
settle(Mark *mark, const char *state, const char *said)
{
	const Migration *migration = mark->node->migration;
	bool		applied = strcmp(state, "marked") == 0;
	bool		undone = strcmp(state, "reverted") == 0 ||
		(mark->node->unfinished && mark->node->unfinished->part == PART_DOWN);
	Succession	succession = applied ? SUCCESSION_APPLIED : undone ? SUCCESSION_UNDONE : SUCCESSION_NEVER;
	Attempt		attempt;

	mig_succession_require(migration, "administrator", succession);
	write_mark(&attempt, mark->full, "mark", applied ? "marked" : "reverted", migration->up, mark->reason);
	ledger_set_state(mark->full->project, mark->full->name, state, &attempt,
					 applied ? mig_model_followed(mark->plan.model, mark->node - mark->plan.model->nodes) : NULL,
					 psprintf("%s: \"%s\"", said, mark->reason));
	mig_succession(migration, &attempt, succession);
	/* Also of one that does not count as half done, since another one has taken its place. */
	ledger_end_unfinished(mark->full->project, mark->full->name);
	MIG_FAULT("mark_settled");
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
	settle(&mark, "marked", "marked");
	decide("marked", mark.full, mark.node->migration->up, mark.reason);
	PG_RETURN_VOID();
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
	settle(&mark, "pending", "marked pending");
	decide("marked", mark.full, mark.node->migration->up, mark.reason);
	PG_RETURN_VOID();
}

/* ---- what was interrupted ---- */

/* What became of the statement that was under way, as far as the catalog shows it. */
static Reconciliation
judge_under_way(const Mark *mark)
{
	const Unfinished *unfinished = mark->node->unfinished;

	return mig_apart_judge(unfinished, mig_step_text(mark->node->migration, unfinished->part));
}

/* An invalid index would stay, and nobody would clear it up. */
static void
refuse_leaving(const Mark *mark)
{
	Reconciliation result = judge_under_way(mark);

	if (result.left == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("statement %d of migration \"%s\" was stopped in the middle, and has left something",
					mark->node->unfinished->under_way, mig_full_name(mark->node->migration)),
			 errdetail("To be run: %s", result.left),
			 result.verdict == VERDICT_UNKNOWN ?
			 errhint("Run that, then say it again.") :
			 errhint("%s  clears that up and goes on.  To leave the statement out all the same, run that yourself before.",
					 mig_call_to_go_on(mark->node))));
}

/* How often does a script have a statement from a number on? */
static int
copies(const Script *script, const ScriptStatement *stmt, int from)
{
	int			result = 0;

	for (int number = from; number <= script->nstatements; number++)
		result += mig_script_is_same(list_nth(script->statements, number - 1), stmt);
	return result;
}

/* What is skipped is what was under way, not what the text has instead of it now. */
static void
refuse_changed(const Mark *mark, bool is_moved)
{
	const Migration *migration = mark->node->migration;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("statement %d of migration \"%s\" is another one than was begun", mark->node->unfinished->under_way, mig_full_name(migration)),
			 is_moved ?
			 errhint("What was begun is still in the text.  Register it with that in its place, or without it, and skip it then.") :
			 errhint("%s", mig_apart_ways_of_changed(migration))));
}

/* How much of the text as it is now stands once the statement that was under way is skipped. */
static int
done_without(const Mark *mark, const Script *then, const Script *now, int under_way)
{
	const ScriptStatement *begun = list_nth(then->statements, under_way - 1);
	const ScriptStatement *next = under_way < then->nstatements ? list_nth(then->statements, under_way) : NULL;
	const ScriptStatement *present = under_way <= now->nstatements ? list_nth(now->statements, under_way - 1) : NULL;
	bool		is_moved = copies(now, begun, under_way) > copies(then, begun, under_way + 1);

	if (mig_script_first_change(then, now, under_way - 1) > 0)
		refuse_changed(mark, false);
	if (present && mig_script_is_same(present, begun))
		return under_way;
	if (is_moved || (present && !(next && mig_script_is_same(present, next))))
		refuse_changed(mark, is_moved);
	return under_way - 1;
}

static void
note_skipped(const Mark *mark)
{
	const Unfinished *unfinished = mark->node->unfinished;
	const StoredText *text = mig_step_text(mark->node->migration, unfinished->part);
	char	   *body = ledger_text_by_checksum(unfinished->project, unfinished->checksum, unfinished->part);
	int			done = unfinished->under_way;

	if (text == NULL)
		done--;
	else if (body)
		done = done_without(mark, mig_script_read(body, unfinished->part, NULL, 1), mig_script_read(text->body, unfinished->part, NULL, 1), done);
	ledger_note_done(mark->full->project, mark->full->name, text ? text->checksum : unfinished->checksum, done, NULL);
}

/*
 * The statement that was under way counts as done.  Behind what stands, with
 * none under way, is one that has not begun, as for whoever says it twice.
 */
static void
skip_statement(const Mark *mark)
{
	const Unfinished *unfinished = mark->node->unfinished;

	if (unfinished->under_way == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no statement of migration \"%s\" is in doubt, so that there is none to skip",
						mig_full_name(mark->node->migration)),
				 errdetail_plural("Its first %d statement stands, and no other does.",
								  "Its first %d statements stand, and no other does.", unfinished->done, unfinished->done),
				 errhint("%s  goes on behind that.  To leave out what was done by hand, register the text without it.",
						 mig_call_to_go_on(mark->node))));
	refuse_leaving(mark);
	note_skipped(mark);
}

/*
 * The statement that was under way counts as not done.  Where the catalog shows
 * what became of it, the next run sees that, and clears up what it has left.  With
 * whatever search_path that comes.
 */
static void
run_again(const Mark *mark)
{
	const Unfinished *unfinished = mark->node->unfinished;
	Reconciliation result;

	ledger_forget_search_path(mark->full->project, mark->full->name);
	if (unfinished->under_way == 0)
		return;
	result = judge_under_way(mark);
	if (result.is_elsewhere)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("statement %d of migration \"%s\" cannot go on here", unfinished->under_way, mig_full_name(mark->node->migration)),
				 errdetail("%s", result.evidence),
				 errhint("%s", mig_apart_ways(mark->node->migration, &result))));
	if (result.verdict != VERDICT_UNKNOWN)
		return;
	/* Another one, which would leave what this one has left. */
	refuse_leaving(mark);
	ledger_note_done(mark->full->project, mark->full->name, unfinished->checksum, unfinished->done, NULL);
}

/* Nothing stands of its way back, or of its new text: it is what it was before that. */
static const char *
give_back(const Mark *mark)
{
	Attempt		attempt;
	const Migration *now;

	ledger_end_unfinished(mark->full->project, mark->full->name);
	ledger_restore_state(mark->full->project, mark->full->name);
	now = ledger_read_migration(mark->full);
	write_mark(&attempt, mark->full, "mark", now->state && mig_counts_as_applied(now->state) ? "marked" : "reverted", now->applied, mark->reason);
	return now->state ? now->state : "pending";
}

/* Whatever is decided besides: what is left is to be known. */
static void
tell_left(const Mark *mark)
{
	Reconciliation result = judge_under_way(mark);

	if (result.left)
		ereport(NOTICE,
				(errmsg("statement %d of migration \"%s\" was stopped in the middle, and has left something",
						mark->node->unfinished->under_way, mig_full_name(mark->node->migration)),
				 errhint("If it is not needed: %s", result.left)));
}

/* Do what was decided; returns the state that follows. */
static const char *
resolve(Mark *mark, const char *decision)
{
	const Unfinished *unfinished = mark->node->unfinished;
	const char *state = NULL;

	if (strcmp(decision, "continue") == 0)
		run_again(mark);
	else if (strcmp(decision, "skip_statement") == 0)
		skip_statement(mark);
	else if (strcmp(decision, "restart") == 0)
		state = "pending";
	else if (strcmp(decision, "applied") == 0)
		state = "marked";
	else if (strcmp(decision, "reverted") == 0)
		state = "reverted";
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("decision \"%s\" is not known", decision),
				 errhint("Decisions are \"continue\", \"skip_statement\", \"restart\", \"applied\" and \"reverted\".")));
	if (state == NULL)
		return "interrupted";
	if (unfinished->under_way > 0)
		tell_left(mark);
	if (strcmp(state, "pending") == 0 && (unfinished->part == PART_DOWN || mark->node->migration->kind == KIND_REPEATABLE))
		return give_back(mark);
	settle(mark, state, "resolved");
	return state;
}

MIG_FUNCTION(mig_resolve_sql);

/* migrate.resolve(name, decision, reason, project) */
static Datum
mig_resolve_sql_body(PG_FUNCTION_ARGS)
{
	Mark		mark = {0};
	Decision	row = {0};
	char	   *decision;
	const char *state;

	decision = mig_required_text(fcinfo, 1, "decision");
	mark_begin(&mark, fcinfo, "migrate.resolve", "administrator", true, 2);
	if (mark.node->unfinished == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("migration \"%s\" is %s, not half done", mig_full_name(mark.node->migration), mark.node->state),
				 errhint("SELECT migrate.mark_applied(name, '<why>');  and  migrate.mark_pending  are for those that are not.")));
	state = resolve(&mark, decision);
	MIG_FAULT("mark_resolved");
	row.decision = "resolved";
	row.project = mark.full->project;
	row.name = mark.full->name;
	row.checksum = mark.node->migration->up;
	row.reason = mark.reason;
	row.detail = psprintf("{\"decision\": \"%s\"}", decision);
	ledger_write_decision(&row);
	PG_RETURN_TEXT_P(cstring_to_text(state));
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
		write_mark(&attempt, &full, "baseline", "marked", node->migration->up, reason);
		ledger_set_state(full.project, full.name, "baseline", &attempt,
						 mig_model_followed(model, i), psprintf("baseline %s: \"%s\"", version, reason));
		if (node->unfinished)
			ledger_end_unfinished(full.project, full.name);
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
	write_mark(&attempt, full, "baseline", "marked", NULL, reason);
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
