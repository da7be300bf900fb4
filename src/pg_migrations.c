/*
 * pg_migrations.c
 *		Module entry: settings, and what each room starts with.
 */
#include "postgres.h"

#include <limits.h>

#include "capture/capture.h"
#include "common/compat.h"
#include "common/faults.h"
#include "common/options.h"
#include "fmgr.h"
#include "run/apart.h"
#include "run/cancel.h"
#include "run/deployer.h"
#include "run/locks.h"
#include "run/run.h"
#include "schema/expected.h"
#include "schema/touched.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

/* Values of pg_migrations.track. */
static const struct config_enum_entry track_values[] = {
	{"statements", 0, false},
	{"locks", 1, false},
	{NULL, 0, false}
};

static int	track = 0;

static void
assign_track(int value, void *extra)
{
	mig_track_locks = value != 0;
}

/* Those that are not everybody's to set. */
static const char *const restricted[] = {
	"pg_migrations.track", "pg_migrations.out_of_band", "pg_migrations.capture"
};

/*
 * Until the library is loaded the server lets everybody give a setting of ours
 * a value, which then hides the database's own.  When it learns that he may
 * not, it warns and takes the built-in value, which is nobody's wish.
 */
static void
refuse_settings(void)
{
	for (int i = 0; i < lengthof(restricted); i++)
	{
		struct config_generic *setting = mig_find_setting(restricted[i]);

		if (setting && (setting->flags & GUC_CUSTOM_PLACEHOLDER) &&
			(setting->scontext == PGC_USERSET || setting->scontext == PGC_BACKEND) &&
			pg_parameter_aclcheck(restricted[i], setting->srole, ACL_SET) != ACLCHECK_OK)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set parameter \"%s\"", restricted[i])));
	}
}

void
_PG_init(void)
{
	refuse_settings();
	DefineCustomIntVariable("pg_migrations.lock_wait",
							"How long a run waits for another one to end.",
							"0 does not wait, -1 waits for ever.",
							&mig_lock_wait, 600000, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_migrations.lock_timeout",
							"The longest that others may stall behind a migration that waits for a lock.",
							"0 waits for ever.",
							&mig_lock_timeout, 1000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_migrations.lock_total",
							"How long a migration that does not get a lock is tried again.",
							"0 does not try again, -1 tries for ever.",
							&mig_lock_total, 600000, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomEnumVariable("pg_migrations.track",
							 "What is recorded of each statement of a migration.",
							 "\"locks\" adds the locks held after it.",
							 &track, 0, track_values,
							 PGC_SUSET, 0, NULL, assign_track, NULL);
	mig_fault_init();
	mig_deployer_init();
	mig_capture_init();
	mig_top_level_init();
	mig_cancel_init();
	mig_touched_init();
	mig_expected_init();
	mig_look_init();
	MarkGUCPrefixReserved("pg_migrations");
}
