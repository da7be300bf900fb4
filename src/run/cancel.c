/*
 * cancel.c
 *		migrate.cancel_run: end a run that is under way, whoever called it.
 *
 * The request is a row, which the run reads before each migration and when its
 * statement was cancelled; so the statement is cancelled when the row can be
 * read, at the commit of whoever asks.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "common/errors.h"
#include "common/level.h"
#include "common/readonly.h"
#include "ledger/entry.h"
#include "ledger/ledger.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "run/cancel.h"
#include "run/wait.h"

/* A run that this transaction has asked to end. */
typedef struct Asked
{
	int64		run_id;
	int			level;			/* as in level.h */
} Asked;

/* Of Asked *, in the transaction's memory. */
static List *asked = NIL;

/* The backend whose statement is to be cancelled when it has committed, or 0. */
static int	to_cancel = 0;

#define BY_USER "canceling statement due to user request"
#define CANCELLED_BY "run " INT64_FORMAT " was cancelled by \"%s\": %s"

void
mig_cancel_check(int64 run_id)
{
	CancelRequest *request = ledger_cancel_request(run_id);

	if (request)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg(CANCELLED_BY, run_id, request->by, request->reason)));
}

void
mig_cancel_mark(ErrorData *error)
{
	error->message_id = BY_USER;
}

/*
 * A timeout has the same SQLSTATE; ProcessInterrupts() tells them apart by
 * nothing but the message, of which this is the one before translation.
 */
bool
mig_was_cancelled(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && error->message_id &&
		(strcmp(error->message_id, BY_USER) == 0 ||
		 strcmp(error->message_id, CANCELLED_BY) == 0);
}

void
mig_cancel_explain(int64 run_id, ErrorData *error)
{
	CancelRequest *request = mig_was_cancelled(error) ? ledger_cancel_request(run_id) : NULL;

	if (request)
		error->message = psprintf(CANCELLED_BY, run_id, request->by, request->reason);
}

static void
ask(int64 run_id)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);
	Asked	   *request = palloc(sizeof(Asked));

	request->run_id = run_id;
	request->level = GetCurrentTransactionNestLevel();
	asked = lappend(asked, request);
	MemoryContextSwitchTo(before);
}

MIG_FUNCTION(mig_cancel_run);

/* migrate.cancel_run(run_id, reason): false: it is not under way */
static Datum
mig_cancel_run_body(PG_FUNCTION_ARGS)
{
	Decision	decision = {0};
	Holder	   *holder;
	RunSeen    *run;
	int64		run_id;

	mig_refuse_read_only("migrate.cancel_run");
	run_id = mig_run_arg(fcinfo, 0);
	decision.reason = mig_reason(fcinfo, 1);
	run = mig_need_run(run_id);
	if (strcmp(run->role_name, GetUserNameFromId(GetUserId(), false)) != 0)
		ledger_require("deployer", run->project);
	holder = ledger_deployer();
	if (run->outcome || holder == NULL || holder->run_id != run_id)
		PG_RETURN_BOOL(false);
	ledger_request_cancel(run_id, decision.reason);
	decision.decision = "run_cancelled";
	decision.project = run->project;
	decision.run_id = run_id;
	ledger_write_decision(&decision);
	ask(run_id);
	PG_RETURN_BOOL(true);
}

/* The deployer whose run was asked to end, or 0: it may have come to its end since, and do something else. */
static int
deployer_asked(void)
{
	const Holder *holder = ledger_deployer();
	ListCell   *cell;

	foreach(cell, asked)
		if (holder && holder->run_id == ((const Asked *) lfirst(cell))->run_id)
			return holder->pid;
	return 0;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	int			pid = to_cancel;

	if (asked == NIL)
		return;
	if (event == XACT_EVENT_PRE_COMMIT)
		to_cancel = deployer_asked();
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	to_cancel = 0;
	asked = NIL;
	if (event == XACT_EVENT_COMMIT && pid != 0 && ledger_is_deployer(pid))
		(void) kill(pid, SIGINT);
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	ListCell   *cell;

	foreach(cell, asked)
		if (mig_level_undone_within(&((Asked *) lfirst(cell))->level, event))
			asked = foreach_delete_current(asked, cell);
}

void
mig_cancel_init(void)
{
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	RegisterXactCallback(at_transaction_end, NULL);
}
