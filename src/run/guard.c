/*
 * guard.c
 *		What a migration may set, it sets for itself only.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "common/compat.h"
#include "miscadmin.h"
#include "run/run.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#define LONGEST_DEADLOCK_TIMEOUT_MS 100

int			mig_lock_timeout = 1000;

static void
set(const char *name, const char *value, GucAction action)
{
	(void) set_config_option(name, value, superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION,
							 action, true, 0, false);
}

/*
 * The role a migration starts with: one that the session may SET ROLE to, as
 * SET ROLE itself would check.
 */
static void
become(const char *role, GucAction action)
{
	Oid			oid = get_role_oid(role, false);

	if (!mig_member_can_set_role(GetSessionUserId(), oid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to run as role \"%s\"", role),
				 errhint("GRANT \"%s\" TO \"%s\";", role, GetUserNameFromId(GetSessionUserId(), false))));
	set("role", role, action);
}

/*
 * Whoever waits for an autovacuum is let pass when he looks for deadlocks, so
 * that must be before his time is up, whoever he is.
 */
static void
set_lock_timeouts(int lock_timeout, GucAction action)
{
	int			deadlock_timeout = Max(Min(lock_timeout / 2, LONGEST_DEADLOCK_TIMEOUT_MS), 1);

	set("lock_timeout", psprintf("%d", lock_timeout), action);
	if (lock_timeout > 0 && DeadlockTimeout > deadlock_timeout)
		(void) set_config_option("deadlock_timeout", psprintf("%d", deadlock_timeout), PGC_SUSET, PGC_S_SESSION,
								 action, true, 0, false);
}

static void
set_all(const MigrationOptions *options, GucAction action)
{
	mig_script_pin_settings(action);
	set_lock_timeouts(options->lock_timeout >= 0 ? options->lock_timeout : mig_lock_timeout, action);
	if (options->statement_timeout >= 0)
		set("statement_timeout", psprintf("%d", options->statement_timeout), action);
	if (options->search_path)
		set("search_path", options->search_path, action);
	if (options->run_as)
		become(options->run_as, action);
}

/*
 * Begin a migration's own settings.  Returns the level to leave with; an error
 * leaves it as well, with the transaction.
 */
int
mig_guard_enter(const MigrationOptions *options)
{
	int			level = NewGUCNestLevel();

	set_all(options, GUC_ACTION_SAVE);
	return level;
}

void
mig_guard_session(const MigrationOptions *options)
{
	set_all(options, GUC_ACTION_SET);
}

/* Not as a commit: what the migration set for the session ends here, too. */
void
mig_guard_leave(int level)
{
	AtEOXact_GUC(false, level);
}
