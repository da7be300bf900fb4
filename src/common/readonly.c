/*
 * readonly.c
 *		What writes is refused where nothing can be written.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "common/compat.h"
#include "common/readonly.h"

/* Commands for whoever may write here after all. */
static const char *
way_out(void)
{
	if (!DefaultXactReadOnly)
		return "ROLLBACK;  BEGIN READ WRITE;  and call it again.";
	if (IsTransactionBlock())
		return "ROLLBACK;  SET default_transaction_read_only = off;  and begin again.";
	return "SET default_transaction_read_only = off;  and call it again.";
}

static void
raise_read_only(const char *what)
{
	const char *source = GucSource_Names[mig_find_setting("default_transaction_read_only")->source];

	ereport(ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("cannot execute %s in a read-only transaction", what),
			 DefaultXactReadOnly ? errdetail("Setting default_transaction_read_only is on; it comes from: %s.", source) : 0,
			 errhint("%s", way_out())));
}

void
mig_refuse_read_only(const char *what)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s on a standby", what),
				 errhint("Call it on the primary.  SELECT sender_host, sender_port FROM pg_stat_wal_receiver;  says where that is.")));
	if (XactReadOnly)
		raise_read_only(what);
}

void
mig_refuse_read_only_session(const char *what)
{
	mig_refuse_read_only(what);
	if (DefaultXactReadOnly)
		raise_read_only(what);
}
