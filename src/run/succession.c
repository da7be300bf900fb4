/*
 * succession.c
 *		Who takes whose place: those that a migration replaces, and its project's
 *		baseline, once it counts as applied or does not any more.
 */
#include "postgres.h"

#include "plan/model.h"
#include "run/run.h"

/* What is replaced counts as applied through its heir, and comes back with none. */
static void
write_replaced(const Migration *heir, const Migration *replaced, const Attempt *by, bool applied)
{
	Attempt		attempt = *by;

	if (!applied && !(replaced->state && mig_counts_as_applied(replaced->state)))
		return;
	if (replaced->kind == KIND_BASELINE && applied)
		ledger_pass_baseline(replaced->project, replaced->history_id, by->id);
	else if (replaced->kind == KIND_BASELINE)
		ledger_clear_baseline(replaced->project, heir->project, heir->name);
	if (applied && ledger_unfinished(replaced->project, replaced->name))
		ledger_end_unfinished(replaced->project, replaced->name);
	attempt.checksum = replaced->up;
	ledger_set_state(replaced->project, replaced->name, applied ? "superseded" : "reverted",
					 &attempt, NULL, psprintf("replaced by %s", heir->name));
}

static void
write_all_replaced(const Migration *heir, const Attempt *by, bool applied)
{
	for (int i = 0; i < heir->replaces.n; i++)
	{
		FullName	full = mig_full_reference(heir->project, heir->replaces.names[i]);
		Migration  *replaced;

		if (strcmp(full.project, heir->project) == 0 && strcmp(full.name, heir->name) == 0)
			continue;
		replaced = ledger_read_migration(&full);
		if (replaced)
			write_replaced(heir, replaced, by, applied);
	}
}

void
mig_succession(const Migration *migration, const Attempt *attempt, bool applied)
{
	if (migration->replaces.n > 0)
		write_all_replaced(migration, attempt, applied);
	if (migration->kind == KIND_BASELINE && applied)
		ledger_set_baseline(migration->project, migration->version, attempt->id);
	else if (migration->kind == KIND_BASELINE)
		ledger_clear_baseline(migration->project, migration->project, migration->name);
}
