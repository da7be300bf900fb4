/*
 * resolve.c
 *		What people decide about a migration that is half done.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/errors.h"
#include "common/faults.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "plan/see.h"
#include "run/apart.h"
#include "run/mark_private.h"
#include "run/run.h"
#include "utils/builtins.h"

/* What became of the statement that was under way, as far as the catalog shows it; of none, nothing is left. */
static Reconciliation
judge_under_way(const Mark *mark)
{
	const Unfinished *unfinished = mark->node->unfinished;

	if (unfinished->under_way == 0)
		return (Reconciliation) {0};
	return mig_apart_judge(unfinished, mig_step_text(mark->node->migration, unfinished->part));
}

/* What both a refusal and a notice say. */
static int
say_left(const Mark *mark)
{
	return errmsg("statement %d of migration \"%s\" was stopped in the middle, and has left something",
				  mark->node->unfinished->under_way, mig_full_name(mark->node->migration));
}

/* An invalid index would stay, and nobody would clear it up. */
static void
refuse_leaving(const Mark *mark, const Reconciliation *result)
{
	if (result->left == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 say_left(mark),
			 errdetail("To be run: %s", result->left),
			 result->verdict == VERDICT_UNKNOWN ?
			 errhint("Run that, then say it again.") :
			 errhint("%s  clears that up and goes on.  To leave the statement out all the same, run that yourself before.",
					 mig_call_to_go_on(mark->node))));
}

/* Whatever is decided besides: what is left is to be known. */
static void
tell_left(const Mark *mark, const Reconciliation *result)
{
	if (result->left)
		ereport(NOTICE,
				(say_left(mark), errhint("If it is not needed: %s", result->left)));
}

void
mark_tell_left(const Mark *mark)
{
	Reconciliation result = judge_under_way(mark);

	tell_left(mark, &result);
}

/* What is decided is about what was under way, not about what the text has instead of it now. */
static void
refuse_changed(const Mark *mark, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("statement %d of migration \"%s\" is another one than was begun", mark->node->unfinished->under_way, mig_full_name(mark->node->migration)),
			 errhint("%s", hint)));
}

/* How much of the text as it is now stands once the statement that was under way is skipped. */
static int
done_without(const Mark *mark, const Script *then, const Script *now, int under_way)
{
	const ScriptStatement *begun = list_nth(then->statements, under_way - 1);
	const ScriptStatement *next = under_way < then->nstatements ? list_nth(then->statements, under_way) : NULL;
	const ScriptStatement *present = under_way <= now->nstatements ? list_nth(now->statements, under_way - 1) : NULL;
	int			before = mig_script_copies(then, begun, under_way + 1);
	int			copies = mig_script_copies(now, begun, under_way);
	bool		is_there = present && mig_script_is_same(present, begun);
	Reconciliation changed = {.is_changed = true};

	if (is_there && copies <= before)
		refuse_changed(mark, "The text had it more often, and nobody knows which was taken out.  Register it with all of them, skip it, then leave one out.");
	changed.is_moved = !is_there && copies > before;
	if (mig_script_first_change(then, now, under_way - 1) > 0 || changed.is_moved ||
		(present && !is_there && !(next && mig_script_is_same(present, next))))
		refuse_changed(mark, mig_apart_ways(mark->node->migration, &changed));
	return is_there ? under_way : under_way - 1;
}

static void
note_skipped(const Mark *mark)
{
	const Unfinished *unfinished = mark->node->unfinished;
	const StoredText *text = mig_step_text(mark->node->migration, unfinished->part);
	char	   *body = ledger_text_by_checksum(unfinished->project, unfinished->checksum, unfinished->part);
	int			done = unfinished->under_way;

	if (body)
		done = done_without(mark, mig_script_read(body, unfinished->part, NULL, 1), mig_script_read(text->body, unfinished->part, NULL, 1), done);
	ledger_note_done(mark->full->project, mark->full->name, text->checksum, done, NULL);
}

/*
 * The statement that was under way counts as done.  Behind what stands, with
 * none under way, is one that has not begun, as for whoever says it twice.
 */
static void
skip_statement(const Mark *mark, const Reconciliation *result)
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
	refuse_leaving(mark, result);
	note_skipped(mark);
}

/*
 * The statement that was under way counts as not done.  Where the catalog shows
 * what became of it, the next run sees that, and clears up what it has left; so
 * it does where the name means something else here, which it may not there.
 * In whatever session that is.
 */
static void
run_again(const Mark *mark, const Reconciliation *result)
{
	const Unfinished *unfinished = mark->node->unfinished;

	ledger_forget_session(mark->full->project, mark->full->name);
	if (unfinished->under_way == 0 || result->verdict != VERDICT_UNKNOWN || result->is_elsewhere)
		return;
	if (result->is_moved)
		refuse_changed(mark, mig_apart_ways(mark->node->migration, result));
	/* Another one, which would leave what this one has left. */
	refuse_leaving(mark, result);
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
	mark_write(&attempt, mark->full, "mark", now->state && mig_counts_as_applied(now->state) ? "marked" : "reverted", now->applied, mark->reason);
	return now->state ? now->state : "pending";
}

/* What the last attempt said is settled. */
static void
describe_decided(const Mark *mark)
{
	const Unfinished *now = ledger_unfinished(mark->full->project, mark->full->name);

	ledger_set_detail(mark->full->project, mark->full->name,
					  psprintf("resolved: \"%s\"; it goes on behind statement %d", mark->reason, now->done));
}

/* Do what was decided; returns the state that follows. */
static const char *
resolve(Mark *mark, const char *decision)
{
	const Unfinished *unfinished = mark->node->unfinished;
	Reconciliation result = judge_under_way(mark);
	const char *state = NULL;

	if (strcmp(decision, "continue") == 0)
		run_again(mark, &result);
	else if (strcmp(decision, "skip_statement") == 0)
		skip_statement(mark, &result);
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
	{
		describe_decided(mark);
		return "interrupted";
	}
	tell_left(mark, &result);
	if (strcmp(state, "pending") == 0 && (unfinished->part == PART_DOWN || mark->node->migration->kind == KIND_REPEATABLE))
		return give_back(mark);
	mark_settle(mark, state, "resolved");
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
