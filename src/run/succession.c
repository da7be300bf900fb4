/*
 * succession.c
 *		Who takes whose place: those that a migration replaces, and its project's
 *		baseline with what it covers, once it counts as applied or does not any more.
 */
#include "postgres.h"

#include "plan/model.h"
#include "run/run.h"
#include "script/version.h"

/* ---- what is replaced ---- */

/* Those that are registered, as a list of Migration *. */
static List *
replaced_by(const Migration *heir)
{
	List	   *result = NIL;

	for (int i = 0; i < heir->replaces.n; i++)
	{
		FullName	full = mig_full_reference(heir->project, heir->replaces.names[i]);
		Migration  *replaced;

		if (strcmp(full.project, heir->project) == 0 && strcmp(full.name, heir->name) == 0)
			continue;
		replaced = ledger_read_migration(&full);
		if (replaced)
			result = lappend(result, replaced);
	}
	return result;
}

void
mig_succession_require(const Migration *migration, const char *capability)
{
	for (int i = 0; i < migration->replaces.n; i++)
		ledger_require(capability, mig_full_reference(migration->project, migration->replaces.names[i]).project);
}

static void
supersede(const Migration *heir, const Migration *replaced, const Attempt *by)
{
	Attempt		attempt = *by;

	if (replaced->kind == KIND_BASELINE)
		ledger_pass_baseline(replaced->project, replaced->history_id, by->id);
	if (ledger_unfinished(replaced->project, replaced->name))
		ledger_end_unfinished(replaced->project, replaced->name);
	attempt.checksum = replaced->up;
	ledger_set_state(replaced->project, replaced->name, "superseded", &attempt, NULL, psprintf("replaced by %s", heir->name));
}

/*
 * A way back that has run has taken back what they had done.  Where nothing ran
 * each is again what it was by itself.
 */
static void
bring_back(const Migration *heir, const Migration *replaced, const Attempt *by)
{
	Attempt		attempt = *by;

	if (replaced->state == NULL || !mig_counts_as_applied(replaced->state))
		return;
	attempt.checksum = replaced->up;
	if (strcmp(by->action, "revert") == 0)
		ledger_set_state(replaced->project, replaced->name, "reverted", &attempt, NULL, psprintf("replaced by %s", heir->name));
	else if (strcmp(replaced->state, "superseded") == 0)
		ledger_restore_state(replaced->project, replaced->name);
}

/* ---- baselines ---- */

/* With its version; NULL: there is none. */
static const Baseline *
highest(const List *baselines, const char *project, const char **version)
{
	const Baseline *result = NULL;
	ListCell   *cell;

	foreach(cell, baselines)
	{
		const Baseline *baseline = lfirst(cell);
		const char *other = mig_version_from_name(baseline->version);

		if (other == NULL || strcmp(baseline->project, project) != 0 ||
			(result && mig_version_compare(other, *version) <= 0))
			continue;
		result = baseline;
		*version = other;
	}
	return result;
}

/* Those that it covers are not half done any more, whatever they were. */
static void
cover(const Migration *baseline, const Attempt *by)
{
	ListCell   *cell;

	foreach(cell, ledger_all_unfinished())
	{
		const Unfinished *unfinished = lfirst(cell);
		FullName	full = {unfinished->project, unfinished->name};
		const Migration *covered = ledger_read_migration(&full);
		Attempt		attempt = *by;

		if (covered == NULL || covered->kind != KIND_VERSIONED || strcmp(covered->project, baseline->project) != 0 ||
			covered->version == NULL || mig_version_compare(covered->version, baseline->version) > 0)
			continue;
		ledger_end_unfinished(full.project, full.name);
		attempt.checksum = covered->up;
		ledger_set_state(full.project, full.name, "baseline", &attempt, NULL, psprintf("baseline %s", baseline->version));
	}
}

/* A lower one takes nothing away from that which the project has. */
static void
begin_baseline(const Migration *baseline, const Attempt *by)
{
	const char *version;

	if (highest(ledger_read_baselines(), baseline->project, &version) == NULL ||
		mig_version_compare(version, baseline->version) <= 0)
		ledger_set_baseline(baseline->project, baseline->version, by->id);
	cover(baseline, by);
}

/* What it has set, or taken over of another one; then what was one before it is again. */
static void
end_baseline(const char *project, const Migration *setter)
{
	const Baseline *before;
	const char *version;

	if (!ledger_clear_baseline(project, setter->project, setter->name))
		return;
	before = highest(ledger_other_baselines(project), project, &version);
	if (before)
		ledger_set_baseline(project, version, before->history_id);
}

/* ---- */

void
mig_succession(const Migration *migration, const Attempt *attempt, bool applied)
{
	List	   *replaced = replaced_by(migration);
	ListCell   *cell;

	foreach(cell, replaced)
		if (applied)
			supersede(migration, lfirst(cell), attempt);
		else
			bring_back(migration, lfirst(cell), attempt);
	if (migration->kind == KIND_BASELINE && applied)
		begin_baseline(migration, attempt);
	else if (migration->kind == KIND_BASELINE)
		end_baseline(migration->project, migration);
	foreach(cell, replaced)
		if (!applied && ((Migration *) lfirst(cell))->kind == KIND_BASELINE)
			end_baseline(((Migration *) lfirst(cell))->project, migration);
}
