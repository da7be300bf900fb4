/*
 * wait.c
 *		migrate.wait: wait for the end of a run, without a snapshot.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "common/compat.h"
#include "common/errors.h"
#include "executor/spi.h"
#include "ledger/entry.h"
#include "ledger/ledger.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "run/call.h"
#include "run/deployer.h"
#include "run/wait.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 1000

int64
mig_run_arg(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("run_id must not be null")));
	return PG_GETARG_INT64(n);
}

RunSeen *
mig_need_run(int64 run_id)
{
	RunSeen    *run = ledger_see_run(run_id);

	if (run == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run " INT64_FORMAT " does not exist", run_id),
				 errhint("SELECT run_id, outcome, started_at FROM migrate.runs ORDER BY run_id DESC LIMIT 5;")));
	return run;
}

static int
error_code(const RunSeen *run)
{
	const char *code = run->error_code;

	return MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
}

/* Details hold values of rows: for whom migrate.history shows them to, and for whoever has run it. */
static bool
may_see_detail(const RunSeen *run)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_DATA) ||
		strcmp(run->role_name, GetUserNameFromId(GetUserId(), false)) == 0;
}

/* What the run's own caller was told. */
static void
raise_own_error(int64 run_id, const RunSeen *run)
{
	ereport(ERROR,
			(errcode(error_code(run)),
			 errmsg_internal("%s", run->error_message),
			 run->error_detail && may_see_detail(run) ? errdetail_internal("%s", run->error_detail) : 0,
			 run->error_hint ? errhint("%s", run->error_hint) :
			 errhint("SELECT * FROM migrate.history WHERE run_id = " INT64_FORMAT ";", run_id),
			 run->error_context ? errcontext_msg("%s", run->error_context) : 0,
			 errcontext_msg("run " INT64_FORMAT " of \"%s\"", run_id, run->role_name)));
}

static void
raise_interrupted(int64 run_id, const RunSeen *run)
{
	ereport(ERROR,
			(errcode(ERRCODE_MIG_INTERRUPTED),
			 errmsg("run " INT64_FORMAT " has gone without coming to its end", run_id),
			 errdetail("Its session or the server was ended; what it had committed stands."),
			 errhint("To go on where it stopped: %s", mig_call_again(strcmp(run->action, "revert") == 0, run->project, run->target))));
}

/* Between its end and that of its call a run seals what it has written, as the deployer. */
static bool
has_ended(int64 run_id, const RunSeen *run, const Holder *holder)
{
	if (run->outcome == NULL)
		return false;
	return holder == NULL || holder->pid != run->pid || holder->pid == MyProcPid ||
		(holder->run_id != 0 && holder->run_id != run_id);
}

static void
refuse_block(int64 run_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_MIG_NEEDS_TOP_LEVEL),
			 errmsg("migrate.wait cannot wait inside a transaction block"),
			 errdetail("The transaction would hold a snapshot, for which the run may be waiting."),
			 errhint("CALL migrate.wait(" INT64_FORMAT ");  on its own, outside of a transaction block.", run_id)));
}

/* Until it ends, or the time is up: then it is "running". */
static RunSeen *
wait_for(int64 run_id, TimestampTz until, bool may_commit)
{
	int			pause = FIRST_PAUSE_MS;

	for (;;)
	{
		Holder	   *holder = ledger_deployer();
		RunSeen    *run = mig_need_run(run_id);

		if (has_ended(run_id, run, holder))
			return run;
		if (run->outcome == NULL && (holder == NULL || holder->run_id != run_id))
			raise_interrupted(run_id, run);
		if (GetCurrentTimestamp() >= until)
		{
			run->outcome = "running";
			return run;
		}
		if (!may_commit)
			refuse_block(run_id);
		SPI_commit();
		mig_pause(Min(pause, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until)));
		pause = Min(pause * 2, LONGEST_PAUSE_MS);
	}
}

/* The end of the time to wait; the interval counts from now. */
static TimestampTz
end_of_wait(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return DT_NOEND;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(GetCurrentTimestamp()),
												   PG_GETARG_DATUM(n)));
}

MIG_FUNCTION(mig_wait);

/* CALL migrate.wait(run_id, timeout, outcome) */
static Datum
mig_wait_body(PG_FUNCTION_ARGS)
{
	MemoryContext outer = CurrentMemoryContext;
	int64		run_id = mig_run_arg(fcinfo, 0);
	TimestampTz until = end_of_wait(fcinfo, 1);
	bool		may_commit = mig_may_commit(fcinfo);
	RunSeen    *run;
	Datum		outcome;
	bool		isnull = false;
	bool		timed = may_commit && get_timeout_active(STATEMENT_TIMEOUT);

	mig_deployer_refuse_inside("migrate.wait");
	/* It has a timeout of its own, and the run is not the statement. */
	if (timed)
		mig_disarm_statement_timeout();
	SPI_connect_ext(may_commit ? SPI_OPT_NONATOMIC : 0);
	ledger_require("monitor", mig_need_run(run_id)->project);
	run = wait_for(run_id, until, may_commit);
	if (run->error_code)
		raise_own_error(run_id, run);
	MemoryContextSwitchTo(outer);
	outcome = CStringGetTextDatum(run->outcome);
	SPI_finish();
	MemoryContextSwitchTo(outer);
	if (timed)
		mig_arm_statement_timeout();
	return mig_call_row(fcinfo, &outcome, &isnull);
}
