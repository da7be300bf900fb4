/*
 * pg_migrations.c
 *		Module entry: settings, and what each room starts with.
 */
#include "postgres.h"

#include <limits.h>

#include "capture/capture.h"
#include "common/options.h"
#include "fmgr.h"
#include "run/deployer.h"
#include "run/run.h"
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

void
_PG_init(void)
{
	DefineCustomIntVariable("pg_migrations.lock_wait",
							"How long a run waits for another one to end.",
							"0 does not wait, -1 waits for ever.",
							&mig_lock_wait, 600000, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_migrations.lock_timeout",
							"The longest that a statement of a migration waits for a lock.",
							"0 waits for ever.",
							&mig_lock_timeout, 1000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomEnumVariable("pg_migrations.track",
							 "What is recorded of each statement of a migration.",
							 "\"locks\" adds the locks held after it.",
							 &track, 0, track_values,
							 PGC_SUSET, 0, NULL, assign_track, NULL);
	mig_deployer_init();
	mig_capture_init();
	MarkGUCPrefixReserved("pg_migrations");
}
