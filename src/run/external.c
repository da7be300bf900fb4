/*
 * external.c
 *		begin and finish: what another tool, or a program's own code, does in a
 *		transaction of its own is attributed to a name.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "capture/capture.h"
#include "common/errors.h"
#include "common/names.h"
#include "common/options.h"
#include "common/readonly.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "plan/model.h"
#include "plan/plan.h"
#include "plan/see.h"
#include "run/deployer.h"
#include "run/run.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* A registered name becomes applied with the transaction; what it followed stays. */
static void
apply_registered(const Attempt *attempt)
{
	Model	   *model = mig_model_read(NIL, NULL, NULL);
	int			node = mig_model_find(model, attempt->project, attempt->name);

	if (node < 0)
		return;
	if (model->nodes[node].unfinished)
		mig_raise_problem(mig_half_done_problem(&model->nodes[node]));
	mig_succession_require(model->nodes[node].migration, "deployer", SUCCESSION_APPLIED);
	/* Of one that does not count as half done, since another one has taken its place. */
	ledger_end_unfinished(attempt->project, attempt->name);
	ledger_set_state(attempt->project, attempt->name, "applied", attempt,
					 mig_model_followed(model, node), attempt->reason);
	mig_succession(model->nodes[node].migration, attempt, SUCCESSION_APPLIED);
}

static bytea *
read_checksum(const Attempt *attempt)
{
	int			n;
	Registered *registered = ledger_read_registered(attempt->project, attempt->name, &n);

	return n > 0 ? registered->up : NULL;
}

/* The registered migration that a name stands for, or just the name as a label. */
static void
find_name(Attempt *attempt, const char *name, const char *project)
{
	attempt->project = project ? project : "default";
	attempt->name = name;
	if (project == NULL && strchr(name, ':'))
	{
		attempt->project = pnstrdup(name, strchr(name, ':') - name);
		attempt->name = strchr(name, ':') + 1;
	}
	mig_check_name(attempt->name);
	mig_check_project(attempt->project);
	attempt->checksum = read_checksum(attempt);
}

/* Whoever applies it is a deployer, up to the end of the transaction: a run would not know of it, and apply it as well. */
static void
deploy_registered(Attempt *attempt)
{
	(void) mig_deployer_enter(false, mig_lock_wait);
	attempt->checksum = read_checksum(attempt);
}

MIG_FUNCTION(mig_begin);

/* migrate.begin(name, project, tool, labels) */
static Datum
mig_begin_body(PG_FUNCTION_ARGS)
{
	char	   *name = mig_required_text(fcinfo, 0, "name");
	char	   *tool = mig_optional_text(fcinfo, 2);
	Attempt		attempt = {0};

	mig_refuse_read_only("migrate.begin");
	mig_deployer_refuse_inside("migrate.begin");
	RequireTransactionBlock(true, "migrate.begin");
	find_name(&attempt, name, mig_optional_text(fcinfo, 1));
	ledger_require("deployer", attempt.project);
	if (mig_origin_external_id() != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this transaction is attributed already"),
				 errhint("SELECT migrate.finish();")));
	if (attempt.checksum)
		deploy_registered(&attempt);
	attempt.action = "external";
	attempt.outcome = "applied";
	attempt.started_at = attempt.finished_at = GetCurrentTimestamp();
	attempt.start_lsn = GetXLogInsertRecPtr();
	attempt.reason = tool ? psprintf("by %s", tool) : NULL;
	if (!PG_ARGISNULL(3))
		attempt.reason = psprintf("%s%s%s", attempt.reason ? attempt.reason : "", attempt.reason ? " " : "",
								  DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(3))));
	(void) ledger_write_attempt(&attempt);
	if (attempt.checksum)
		apply_registered(&attempt);
	mig_origin_external(attempt.id);
	PG_RETURN_INT64(attempt.id);
}

MIG_FUNCTION(mig_finish);

/* migrate.finish() */
static Datum
mig_finish_body(PG_FUNCTION_ARGS)
{
	mig_refuse_read_only("migrate.finish");
	if (mig_origin_external_id() == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this transaction is not attributed to anything"),
				 errhint("SELECT migrate.begin('<name>');")));
	mig_origin_external(0);
	PG_RETURN_VOID();
}
