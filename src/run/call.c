/*
 * call.c
 *		CALL migrate.apply and CALL migrate.revert: their arguments, and
 *		whether they may commit.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/readonly.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "plan/see.h"
#include "run/call.h"
#include "run/deployer.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/portal.h"

static bool
bool_arg(FunctionCallInfo fcinfo, int n)
{
	return !PG_ARGISNULL(n) && PG_GETARG_BOOL(n);
}

bool
mig_may_commit(FunctionCallInfo fcinfo)
{
	return fcinfo->context && IsA(fcinfo->context, CallContext) &&
		!castNode(CallContext, fcinfo->context)->atomic &&
		!IsSubTransaction() && !mig_in_pipeline();
}

static void
check_overrides(const Run *run)
{
	if (run->options.override == NIL)
		return;
	ledger_require("administrator", run->request.project);
	if (run->reason == NULL || run->reason[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("overriding a policy needs a reason"),
				 errhint("CALL migrate.apply(reason => '<why>', options => '...');")));
}

static void
add_argument(StringInfo call, const char *name, const char *value)
{
	if (value)
		appendStringInfo(call, "%s%s => %s", call->data[call->len - 1] == '(' ? "" : ", ", name, value);
}

static const char *
literal(const char *value)
{
	return value ? quote_literal_cstr(value) : NULL;
}

char *
mig_call_typed(const Run *run, bool atomic, bool background)
{
	Jsonb	   *options = run->options.all;
	StringInfoData call;

	initStringInfo(&call);
	appendStringInfo(&call, "CALL migrate.%s(%s", run->request.revert ? "revert" : "apply",
					 run->request.target ? literal(run->request.target) : "");
	add_argument(&call, "project", literal(run->request.project));
	add_argument(&call, "steps", run->request.steps > 0 ? psprintf("%d", run->request.steps) : NULL);
	add_argument(&call, "atomic", atomic ? "true" : NULL);
	add_argument(&call, "background", background ? "true" : NULL);
	add_argument(&call, "reason", literal(run->reason));
	if (JB_ROOT_COUNT(options) > 0)
		add_argument(&call, "options", literal(JsonbToCString(NULL, &options->root, VARSIZE(options))));
	appendStringInfoString(&call, ");");
	return call.data;
}

/* Nothing is to be committed behind the caller's back. */
static void
refuse_background_in_block(const Run *run)
{
	if (run->commits)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_MIG_NEEDS_TOP_LEVEL),
			 errmsg("a run in the background cannot be started inside a transaction block"),
			 errdetail("It would stand whatever becomes of the transaction."),
			 errhint("%s  on its own, outside of a transaction block.", mig_call_typed(run, run->atomic, true))));
}

static Jsonb *
options_arg(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	return PG_GETARG_JSONB_P_COPY(n);
}

Datum
mig_call_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

static Datum
run_result(FunctionCallInfo fcinfo, const Run *run)
{
	Datum		values[2] = {Int64GetDatum(run->run_id), Int32GetDatum(run->done)};
	bool		nulls[2] = {run->run_id == 0, run->call && run->run_id};

	return mig_call_row(fcinfo, values, nulls);
}

/* Without a project each step's is asked for when the plan is known. */
static void
require_deployer(const Run *run)
{
	if (run->request.project || !ledger_allows_any("deployer"))
		ledger_require("deployer", run->request.project);
}

static Datum
run_procedure(FunctionCallInfo fcinfo, Run *run, int atomic_arg)
{
	const char *what = run->request.revert ? "migrate.revert" : "migrate.apply";
	MemoryContext outer = CurrentMemoryContext;
	Datum		result;

	mig_deployer_refuse_inside(what);
	run->commits = mig_may_commit(fcinfo);
	if (run->commits)
		mig_refuse_read_only_session(what);
	else
		mig_refuse_read_only(what);
	run->context = AllocSetContextCreate(run->commits ? PortalContext : outer,
										 "migration run", ALLOCSET_DEFAULT_SIZES);
	SPI_connect_ext(run->commits ? SPI_OPT_NONATOMIC : 0);
	MemoryContextSwitchTo(run->context);
	run->request.target = mig_optional_text(fcinfo, 0);
	run->request.project = mig_optional_text(fcinfo, 1);
	require_deployer(run);
	run->atomic = bool_arg(fcinfo, atomic_arg);
	run->reason = mig_optional_text(fcinfo, atomic_arg + 2);
	mig_run_options_read(options_arg(fcinfo, atomic_arg + 3), &run->options);
	run->request.names = run->options.names;
	run->request.override = run->options.override;
	check_overrides(run);
	if (bool_arg(fcinfo, atomic_arg + 1))
	{
		refuse_background_in_block(run);
		run->call = mig_call_typed(run, run->atomic, false);
	}
	mig_run(run);
	SPI_finish();
	MemoryContextSwitchTo(outer);
	result = run_result(fcinfo, run);
	MemoryContextDelete(run->context);
	return result;
}

MIG_FUNCTION(mig_apply);

/* CALL migrate.apply(target, project, atomic, background, reason, options, run_id, applied) */
static Datum
mig_apply_body(PG_FUNCTION_ARGS)
{
	Run			run = {0};

	return run_procedure(fcinfo, &run, 2);
}

MIG_FUNCTION(mig_revert);

/* CALL migrate.revert(target, project, steps, atomic, background, reason, options, run_id, reverted) */
static Datum
mig_revert_body(PG_FUNCTION_ARGS)
{
	Run			run = {0};

	run.request.revert = true;
	if (!PG_ARGISNULL(2))
	{
		run.request.steps = PG_GETARG_INT32(2);
		if (run.request.steps < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("steps must be at least 1")));
		if (!PG_ARGISNULL(0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("revert takes a target or a number of steps, not both")));
	}
	return run_procedure(fcinfo, &run, 3);
}
