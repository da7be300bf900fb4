/*
 * prune.c
 *		migrate.prune_ddl_log(): how long what was captured is kept.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/readonly.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "plan/see.h"
#include "utils/timestamp.h"

MIG_FUNCTION(mig_prune_ddl_log);

/* migrate.prune_ddl_log(before, reason) */
static Datum
mig_prune_ddl_log_body(PG_FUNCTION_ARGS)
{
	Decision	decision = {.decision = "pruned"};
	char	   *detail = NULL;
	int64		rows;

	mig_refuse_read_only("migrate.prune_ddl_log");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"before\" cannot be NULL")));
	decision.reason = mig_reason(fcinfo, 1);
	ledger_require("administrator", NULL);
	rows = ledger_prune_ddl(PG_GETARG_TIMESTAMPTZ(0), &detail);
	if (rows > 0)
	{
		decision.detail = detail;
		ledger_write_decision(&decision);
	}
	PG_RETURN_INT64(rows);
}
