/*
 * resume.c
 *		Go on where another attempt of a migration stopped.
 */
#include "postgres.h"

#include "capture/capture.h"
#include "catalog/index.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_namespace.h"
#include "common/attempt.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/faults.h"
#include "common/lines.h"
#include "miscadmin.h"
#include "run/apart_private.h"
#include "run/call.h"
#include "run/deployer.h"
#include "schema/expected.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

int
mig_apart_first_change(const Unfinished *unfinished, const char *body)
{
	char	   *before = ledger_text_by_checksum(unfinished->project, unfinished->checksum, unfinished->part);

	if (before == NULL || strcmp(before, body) == 0)
		return 0;
	return mig_script_first_change(mig_script_read(before, unfinished->part, NULL, 1),
								   mig_script_read(body, unfinished->part, NULL, 1), unfinished->done);
}

void
mig_apart_check_text(const Unfinished *unfinished, const char *body)
{
	const char *name = psprintf("%s:%s", unfinished->project, unfinished->name);
	int			changed = mig_apart_first_change(unfinished, body);

	if (changed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_INTERRUPTED),
				 errmsg("migration \"%s\" is half done, and statement %d of it, which stands, was changed", name, changed),
				 errdetail_plural("Its first %d statement stands.", "Its first %d statements stand.",
							  unfinished->done, unfinished->done),
				 errhint("Leave those as they were.  If they were undone by hand: SELECT migrate.resolve(%s, 'restart', '<why>');",
						 quote_literal_cstr(name))));
}

static void
setting_again(void *arg)
{
	errcontext("setting again what statement %d had set for those behind it", ((const ScriptStatement *) arg)->number);
}

char *
apart_ways_by_hand(const Apart *apart)
{
	const char *literal = quote_literal_cstr(mig_full_name(apart->migration));

	return psprintf("Do by hand what is left, then: SELECT migrate.resolve(%s, '%s', '<done by hand>');  "
					"or undo what stands, then: SELECT migrate.resolve(%s, 'restart', '<undone by hand>');",
					literal, apart->job->revert ? "reverted" : "applied", literal);
}

/* False: there is a lock to be waited for. */
static bool
set_one_again(Apart *apart, ScriptStatement *stmt, bool may_fail)
{
	ErrorContextCallback callback = {error_context_stack, setting_again, stmt};
	volatile bool waits = false;
	List	   *held = mig_session_locks();

	error_context_stack = &callback;
	mig_locks_at(apart->locks, stmt);
	PG_TRY();
	{
		mig_top_level_sql(stmt->sql);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(apart->context);
		error = CopyErrorData();
		FlushErrorState();
		waits = mig_locks_failed(apart->locks, error);
		if (!waits && mig_is_error_of_others(error->sqlerrcode))
			ReThrowError(error);
		if (!waits && !may_fail)
		{
			if (error->hint == NULL && !mig_locks_is_about(error))
				error->hint = apart_ways_by_hand(apart);
			ReThrowError(error);
		}
		apart_abort(apart);
		mig_session_locks_give_back(held);
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
	/* DISCARD ALL unlocks what keeps others out. */
	mig_deployer_work(apart->job->run_id);
	return !waits;
}

/* Does another one, of those that stand, set the same, or will whoever needs it say that it is missing? */
static bool
may_fail_again(const Apart *apart, const ScriptStatement *stmt)
{
	if (IsA(stmt->raw->stmt, PrepareStmt) || IsA(stmt->raw->stmt, DeallocateStmt))
		return true;
	for (int number = stmt->number + 1; number <= apart->done; number++)
		if (mig_script_sets_the_same(stmt, apart_statement(apart, number)))
			return true;
	return false;
}

pg_noreturn static void
raise_set_once(const Apart *apart, const ScriptStatement *stmt)
{
	ereport(ERROR,
			(errcode(ERRCODE_MIG_INTERRUPTED),
			 errmsg("migration \"%s\" cannot go on: statement %d of it, which stands, has set something for those behind it and cannot be run again for that",
					mig_full_name(apart->migration), stmt->number),
			 errdetail("%s  It does more than call set_config(), or reads a table for it.", mig_place(apart->text->path, stmt->line)),
			 errhint("%s", apart_ways_by_hand(apart))));
}

/*
 * What the script had set for its session holds for what comes behind it, too.
 * What another one sets after it may not be possible any more, as with a role
 * that has gone since.
 */
static void
set_again(Apart *apart)
{
	for (int number = 1; number <= apart->done; number++)
	{
		ScriptStatement *stmt = apart_statement(apart, number);
		SessionSetting sets = mig_script_sets_session(stmt);

		/* With nothing behind it there is nothing that it holds for. */
		if (sets == SETS_ONCE && apart->done < apart->script->nstatements)
			raise_set_once(apart, stmt);
		if (sets != SETS_AGAIN)
			continue;
		while (!set_one_again(apart, stmt, may_fail_again(apart, stmt)))
			apart_wait_for_locks(apart);
		mig_locks_begin(apart->locks);
	}
	mig_worker_keep_encoding();
}

/* What its name does not mean in this session it may mean in another one. */
char *
mig_apart_ways(const Migration *migration, const Reconciliation *result)
{
	const char *literal = quote_literal_cstr(mig_full_name(migration));

	if (result->is_moved)
		return psprintf("What was begun is still in the text, further on, where it would run again.  "
						"Register it with that in its old place, then say which: %s", mig_resolve_calls(migration));
	if (result->is_changed)
		return psprintf("If what it is now is to be run: SELECT migrate.resolve(%s, 'continue', '<why>');  "
						"If it is not, register the text without it, then: SELECT migrate.resolve(%s, 'skip_statement', '<why>');", literal, literal);
	if (!result->is_elsewhere)
		return psprintf("Look, then say which: %s", mig_resolve_calls(migration));
	return psprintf("Go on in a session with the search_path of then, or after giving it back its name.  "
					"If it is to be left out: %s%sSELECT migrate.resolve(%s, 'skip_statement', '<why>');",
					result->left ? result->left : "", result->left ? ";  " : "", literal);
}

static void
raise_unknown(const Apart *apart, const ScriptStatement *stmt, const Reconciliation *result)
{
	const char *name = mig_full_name(apart->migration);

	ereport(ERROR,
			(errcode(ERRCODE_MIG_INTERRUPTED),
			 errmsg("migration \"%s\" was interrupted in statement %d, and nobody knows whether it was done",
					name, stmt->number),
			 errdetail("%s  %s: %s", mig_place(apart->text->path, stmt->line), GetCommandTagName(stmt->tag), result->evidence),
			 errhint("%s", mig_apart_ways(apart->migration, result))));
}

/* What it was is not what the next run would run. */
static void
judge_changed(Reconciliation *result, const ScriptStatement *begun)
{
	if (result->is_elsewhere)
	{
		/* Another one says what it means. */
		result->verdict = VERDICT_AGAIN;
		result->is_elsewhere = false;
		return;
	}
	if (result->verdict != VERDICT_DONE && result->verdict != VERDICT_UNKNOWN && (result->left == NULL || result->before))
		return;
	result->evidence = psprintf("It was %s as it was before the text was changed: %s",
								result->verdict == VERDICT_DONE ? "done" : result->left ? "stopped in the middle" : "begun", begun->sql);
	result->verdict = VERDICT_UNKNOWN;
	result->is_changed = true;
}

/* What became of the statement that was under way, as it was then; *stmt: the same one, as the text has it now. */
static Reconciliation
judge(const Unfinished *before, const Script *now, const ScriptStatement **stmt)
{
	char	   *body = ledger_text_by_checksum(before->project, before->checksum, before->part);
	const Script *then = body ? mig_script_read(body, before->part, NULL, 1) : now;
	int			number = before->under_way;
	Reconciliation result;

	if (number > then->nstatements)
		elog(ERROR, "the text of which statement %d was begun is not there", number);
	*stmt = list_nth(then->statements, number - 1);
	result = mig_reconcile(*stmt, before);
	if (number <= now->nstatements && mig_script_is_same(*stmt, list_nth(now->statements, number - 1)))
		*stmt = list_nth(now->statements, number - 1);
	else
	{
		judge_changed(&result, *stmt);
		result.is_moved = result.is_changed &&
			mig_script_copies(now, *stmt, number) > mig_script_copies(then, *stmt, number + 1);
	}
	return result;
}

Reconciliation
mig_apart_judge(const Unfinished *unfinished, const StoredText *text)
{
	const ScriptStatement *stmt;

	return judge(unfinished, mig_script_read(text->body, unfinished->part, NULL, 1), &stmt);
}

/* What is left may not be called otherwise, nor its name be another's, until it is dropped: locked as by the DROP. */
typedef struct HeldIndex
{
	LockRelId	table;
	LockRelId	index;
} HeldIndex;

static HeldIndex
hold_index(Oid index)
{
	HeldIndex	held = {{IndexGetRelation(index, true), MyDatabaseId}, {index, MyDatabaseId}};

	LockRelationIdForSession(&held.table, ShareUpdateExclusiveLock);
	LockRelationIdForSession(&held.index, ShareUpdateExclusiveLock);
	AcceptInvalidationMessages();
	return held;
}

static void
let_go(HeldIndex *held)
{
	UnlockRelationIdForSession(&held->index, ShareUpdateExclusiveLock);
	UnlockRelationIdForSession(&held->table, ShareUpdateExclusiveLock);
}

static void
let_go_at_exit(int code, Datum held)
{
	let_go((HeldIndex *) DatumGetPointer(held));
}

static void
run_remedy(Apart *apart, const char *sql, bool as_superuser)
{
	ereport(NOTICE,
			(errmsg("an earlier attempt has left something: %s", sql)));
	apart->user = GetUserId();
	if (as_superuser)
		SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, 0);
	mig_top_level_sql(sql);
	MIG_FAULT("apart_cleared_up");
	SetUserIdAndSecContext(apart->user, 0);
	apart->user = InvalidOid;
}

static void
drop_left(Apart *apart, const Remedy *remedy)
{
	HeldIndex	held;

	apart_begin(apart);
	held = hold_index(remedy->index);
	/* Nothing else gives back a session's lock of who ends between two transactions. */
	PG_ENSURE_ERROR_CLEANUP(let_go_at_exit, PointerGetDatum(&held));
	{
		const char *sql = mig_reconcile_drop(remedy->index);

		apart_commit(apart);
		MIG_FAULT("apart_left_held");
		if (sql)
			run_remedy(apart, sql, remedy->as_superuser);
	}
	PG_END_ENSURE_ERROR_CLEANUP(let_go_at_exit, PointerGetDatum(&held));
	let_go(&held);
}

static void
clear_up(Apart *apart, const Remedy *remedy)
{
	int			before = LockTimeout;

	mig_capture_session(apart->job->attempt_id);
	if (apart->options.lock_timeout < 0)
		apart_set_lock_timeout(0);
	if (OidIsValid(remedy->index))
		drop_left(apart, remedy);
	else
		run_remedy(apart, remedy->sql, false);
	apart_set_lock_timeout(before);
	mig_capture_session(0);
}

/* All that a statement has left; who is in the way of that is in the way of it. */
static void
clear_up_all(Apart *apart, const ScriptStatement *stmt, const List *remedies)
{
	ErrorContextCallback callback = {error_context_stack, mig_execution_context, &apart->run.execution};
	ListCell   *cell;

	error_context_stack = &callback;
	mig_locks_at(apart->locks, stmt);
	PG_TRY();
	{
		foreach(cell, remedies)
			clear_up(apart, lfirst(cell));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(apart->context);
		error = CopyErrorData();
		FlushErrorState();
		(void) mig_locks_failed(apart->locks, error);
		ReThrowError(error);
	}
	PG_END_TRY();
	mig_locks_begin(apart->locks);
	error_context_stack = callback.previous;
}

/* A statement was under way: find out what became of it, and clear up what it left. */
void
apart_reconcile(Apart *apart)
{
	int			number = apart->before->under_way;
	const ScriptStatement *stmt;
	StatementRecord record = {0};
	Reconciliation result;

	record.started_at = GetCurrentTimestamp();
	apart_begin(apart);
	result = judge(apart->before, apart->script, &stmt);
	apart_commit(apart);
	MIG_FAULT("apart_judged");
	apart->run.execution.current = stmt;
	apart_describe(&record, stmt);
	if (result.verdict == VERDICT_UNKNOWN)
		raise_unknown(apart, stmt, &result);
	clear_up_all(apart, stmt, result.before);
	if (result.verdict != VERDICT_DONE)
		return;
	record.duration = GetCurrentTimestamp() - record.started_at;
	apart_begin(apart);
	mig_expected_claim(apart->migration->project, apart->migration->name, result.objects);
	ledger_write_statements(apart->job->attempt_id, &record, 1);
	apart_require_own(apart);
	/* What it was begun with, this session need not have. */
	ledger_note_done(apart->migration->project, apart->migration->name, apart->text->checksum, number, NULL);
	MIG_FAULT("apart_done_already_written");
	apart_commit(apart);
	apart->run.execution.current = NULL;
	MIG_FAULT("apart_done_already_committed");
	apart_count_done(apart, number);
}

/* ---- */

void
apart_go_on(Apart *apart)
{
	if (apart->before == NULL || apart->before->done + apart->before->under_way == 0)
		return;
	apart_begin(apart);
	mig_apart_check_text(apart->before, apart->text->body);
	apart_commit(apart);
	ereport(NOTICE,
			(apart->done > 0 ?
			 errmsg("migration \"%s\" goes on behind statement %d of %d", mig_full_name(apart->migration),
					apart->done, apart->script->nstatements) :
			 errmsg("migration \"%s\" goes on at statement 1 of %d", mig_full_name(apart->migration),
					apart->script->nstatements)));
	set_again(apart);
	MIG_FAULT("apart_set_again");
	if (apart->before->under_way > 0)
		apart_reconcile(apart);
	apart_require_session(apart);
}
