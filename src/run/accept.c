/*
 * accept.c
 *		migrate.accept_drift(): what is there is what should be there.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/readonly.h"
#include "ledger/entry.h"
#include "ledger/ledger.h"
#include "plan/see.h"
#include "run/deployer.h"
#include "schema/drift.h"

static void
decide(const Drift *drift, const char *reason)
{
	Decision	row = {0};

	row.decision = "drift_accepted";
	row.object_type = drift->object_type;
	row.identity = drift->identity;
	row.reason = reason;
	ledger_write_decision(&row);
}

MIG_FUNCTION(mig_accept_drift);

/* migrate.accept_drift(identity, reason, object_type) */
static Datum
mig_accept_drift_body(PG_FUNCTION_ARGS)
{
	char	   *identity = mig_required_text(fcinfo, 0, "identity");
	char	   *reason;
	char	   *object_type;
	List	   *accepted;
	ListCell   *cell;

	mig_deployer_refuse_inside("migrate.accept_drift");
	mig_refuse_read_only("migrate.accept_drift");
	reason = mig_reason(fcinfo, 1);
	ledger_require("administrator", NULL);
	(void) mig_deployer_enter(false, mig_lock_wait);
	object_type = mig_optional_text(fcinfo, 2);
	accepted = mig_drift_accept(identity, object_type);
	foreach(cell, accepted)
		decide(lfirst(cell), reason);
	if (accepted == NIL && strcmp(identity, "*") != 0)
		ereport(NOTICE,
				(errmsg("no object called %s is other than expected", object_type ? psprintf("%s %s", object_type, identity) : identity),
				 errhint("SELECT change, object_type, identity FROM migrate.drift();")));
	PG_RETURN_INT32(list_length(accepted));
}
