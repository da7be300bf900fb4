/*
 * origin.c
 *		Whose change it is: a migration's, another tool's, our own, or nobody's.
 *
 * All of it is state of this backend that no setting can forge.  What a
 * migration or a tool began ends with the transaction level it began on.
 */
#include "postgres.h"

#include "access/xact.h"
#include "capture/capture_private.h"
#include "common/level.h"
#include "common/names.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* An attribution and the transaction level that it belongs to; 0: none. */
typedef struct Attribution
{
	int64		history_id;
	int			level;
} Attribution;

static Attribution migration = {0};

/* What another tool does: from one level on until it was finished at another, 0 if it was not. */
typedef struct Declared
{
	struct Declared *before;
	Attribution attribution;
	int			finished;
} Declared;

/* The last one, and those before it whose end may still be undone. */
static Declared *declared = NULL;

/* What one of our own functions does, and why. */
static Attribution own = {0};
static char *own_reason = NULL;

/* A migration whose statement ends transactions itself; only a worker has one. */
static int64 session_migration = 0;

/* The setting reason, and the transaction in which it was set. */
static char *reason_setting = NULL;
static LocalTransactionId reason_set_in = InvalidLocalTransactionId;

void
mig_capture_migration(int64 history_id)
{
	migration.history_id = history_id;
	migration.level = history_id ? GetCurrentTransactionNestLevel() : 0;
}

void
mig_capture_own(const char *reason)
{
	own.level = reason ? GetCurrentTransactionNestLevel() : 0;
	own_reason = reason ? MemoryContextStrdup(TopTransactionContext, reason) : NULL;
}

void
mig_capture_session(int64 history_id)
{
	session_migration = history_id;
}

/* Behind a pooler what one client has set reaches the next: it counts in its transaction only. */
static const char *
reason_of_this_transaction(void)
{
	if (reason_setting == NULL || reason_setting[strspn(reason_setting, " \t\r\n")] == '\0' ||
		!LocalTransactionIdIsValid(reason_set_in) || reason_set_in != mig_local_transaction())
		return NULL;
	return reason_setting;
}

Origin
mig_origin(void)
{
	Origin		result = {"direct", 0, reason_of_this_transaction(), false};

	if (ledger_changes_schema())
		result.origin = "extension";
	else if (own.level > 0)
	{
		result.origin = "extension";
		result.reason = own_reason;
	}
	else if (migration.level > 0 || session_migration)
	{
		result.origin = "migration";
		result.history_id = migration.level > 0 ? migration.history_id : session_migration;
	}
	else if (mig_origin_external_id() != 0)
	{
		result.origin = "external";
		result.history_id = mig_origin_external_id();
	}
	else if (result.reason == NULL)
	{
		result.reason = ledger_open_glass();
		result.glass = result.reason != NULL;
	}
	return result;
}

void
mig_origin_external(int64 history_id)
{
	Declared   *new;

	if (history_id == 0)
	{
		declared->finished = GetCurrentTransactionNestLevel();
		return;
	}
	new = MemoryContextAllocZero(TopTransactionContext, sizeof(Declared));
	new->attribution.history_id = history_id;
	new->attribution.level = GetCurrentTransactionNestLevel();
	/* What was finished outside of any savepoint ends with the transaction at the latest. */
	new->before = declared && declared->finished == 1 ? NULL : declared;
	declared = new;
}

int64
mig_origin_external_id(void)
{
	return declared && declared->finished == 0 ? declared->attribution.history_id : 0;
}

/* ---- the setting, and what ends with a transaction ---- */

/*
 * The server keeps what this returns beside the value and hands both back when
 * a value comes back, so that an old one is never taken for a new one.
 */
static bool
check_reason(char **value, void **extra, GucSource source)
{
	LocalTransactionId *set_in = mig_guc_malloc(sizeof(LocalTransactionId));

	if (set_in == NULL)
		return false;
	*set_in = MyProc && IsTransactionState() ? mig_local_transaction() : InvalidLocalTransactionId;
	*extra = set_in;
	return true;
}

static void
assign_reason(const char *value, void *extra)
{
	reason_set_in = extra ? *(LocalTransactionId *) extra : InvalidLocalTransactionId;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		memset(&own, 0, sizeof(Attribution));
		declared = NULL;
		memset(&migration, 0, sizeof(Attribution));
	}
}

/* A rollback to before it began ends it; a release makes it the outer level's. */
static void
end_level(Attribution *attribution, SubXactEvent event)
{
	if (mig_level_undone_within(&attribution->level, event))
		memset(attribution, 0, sizeof(Attribution));
}

/* With the savepoint behind which it was finished goes its end, and it goes on. */
static void
end_declared(SubXactEvent event)
{
	for (Declared **at = &declared; *at;)
	{
		end_level(&(*at)->attribution, event);
		if ((*at)->attribution.level == 0)
			*at = (*at)->before;
		else
		{
			(void) mig_level_undone_within(&(*at)->finished, event);
			at = &(*at)->before;
		}
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	end_level(&own, event);
	end_declared(event);
	end_level(&migration, event);
}

/* Was the reason, which is older than the library, set in this transaction?  Only then can it be rolled back. */
static bool
is_of_this_transaction(const char *setting)
{
	struct config_generic *option = mig_find_setting(setting);

	return option && option->stack;
}

void
mig_origin_init(void)
{
	DefineCustomStringVariable("pg_migrations.reason",
							   "Why the schema is changed outside of a migration.",
							   "It counts only in the transaction in which it was set.",
							   &reason_setting, "",
							   PGC_USERSET, 0, check_reason, assign_reason, NULL);
	if (!is_of_this_transaction("pg_migrations.reason"))
		reason_set_in = InvalidLocalTransactionId;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
