/*
 * succession.c
 *		Who takes whose place: those that a migration replaces, and its project's
 *		baseline with what it covers, once it counts as applied or does not any more.
 */
#include "postgres.h"

#include "plan/model.h"
#include "run/run.h"
#include "script/version.h"
#include "utils/builtins.h"

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

static bool
is_among(const List *migrations, const FullName *full)
{
	ListCell   *cell;

	foreach(cell, migrations)
	{
		const Migration *migration = lfirst(cell);

		if (strcmp(migration->project, full->project) == 0 && strcmp(migration->name, full->name) == 0)
			return true;
	}
	return false;
}

/* Those as well whose place it has taken, whatever it is registered with by now. */
static List *
stands_for(const Migration *heir)
{
	List	   *result = replaced_by(heir);
	ListCell   *cell;

	foreach(cell, ledger_superseded_by(heir))
	{
		Migration  *replaced = is_among(result, lfirst(cell)) ? NULL : ledger_read_migration(lfirst(cell));

		if (replaced)
			result = lappend(result, replaced);
	}
	return result;
}

/* Those as well for which they stand themselves, which go with them. */
static List *
stands_for_in_the_end(const Migration *heir)
{
	List	   *result = stands_for(heir);

	for (int i = 0; i < list_length(result); i++)
	{
		const Migration *heir_itself = list_nth(result, i);
		ListCell   *cell;

		/* Any other is not taken back. */
		if (heir_itself->state == NULL || strcmp(heir_itself->state, "superseded") != 0)
			continue;
		foreach(cell, stands_for(heir_itself))
		{
			Migration  *replaced = lfirst(cell);
			FullName	full = {replaced->project, replaced->name};

			if (!is_among(result, &full))
				result = lappend(result, replaced);
		}
	}
	return result;
}

void
mig_succession_require(const Migration *migration, const char *capability, Succession succession)
{
	ListCell   *cell;

	foreach(cell, succession == SUCCESSION_UNDONE ? stands_for_in_the_end(migration) :
			succession == SUCCESSION_NEVER ? stands_for(migration) : replaced_by(migration))
		ledger_require(capability, ((const Migration *) lfirst(cell))->project);
}

/* What it was before stays noted; one that has a heir already keeps that. */
static void
supersede(const Migration *heir, const Migration *replaced, const Attempt *by)
{
	Attempt		attempt = *by;

	if (replaced->kind == KIND_BASELINE)
		ledger_pass_baseline(replaced->project, replaced->history_id, by->id);
	if (replaced->state && strcmp(replaced->state, "superseded") == 0)
		return;
	attempt.checksum = replaced->up;
	ledger_set_state(replaced->project, replaced->name, "superseded", &attempt, NULL, mig_replaced_by(heir, replaced));
}

/* Nothing of it stands any more. */
static void
revert_state(const Migration *migration, const Attempt *by, const char *detail)
{
	Attempt		attempt = *by;

	attempt.checksum = migration->up;
	ledger_end_unfinished(migration->project, migration->name);
	ledger_set_state(migration->project, migration->name, "reverted", &attempt, NULL, detail);
}

static void
warn_of_other(const Migration *replaced, const char *heir)
{
	ereport(WARNING,
			(errmsg("migration \"%s\", which replaces \"%s\" as well, counts as applied still", heir, mig_full_name(replaced)),
			 errhint("If what it stands for has gone: SELECT migrate.mark_pending(%s, '<why>');", quote_literal_cstr(heir))));
}

/* What they had done is taken back, and of those whose place they took themselves. */
static void
take_back(const Migration *heir, const Migration *replaced, const Attempt *by)
{
	FullName   *other;
	ListCell   *cell;

	if (replaced->state == NULL || strcmp(replaced->state, "superseded") != 0)
		return;
	revert_state(replaced, by, mig_replaced_by(heir, replaced));
	other = ledger_other_heir(replaced, heir);
	if (other)
		warn_of_other(replaced, mig_join_name(other->project, other->name));
	foreach(cell, stands_for(replaced))
		take_back(replaced, lfirst(cell), by);
}

/* Nothing was done to them: each is what it was before this heir took its place, unless another one stands. */
static void
bring_back(const Migration *heir, const Migration *replaced)
{
	const char *name = mig_full_name(replaced);
	FullName	full = {replaced->project, replaced->name};
	const Migration *now;
	FullName   *other;

	if (replaced->state == NULL || strcmp(replaced->state, "superseded") != 0 ||
		replaced->detail == NULL || strcmp(replaced->detail, mig_replaced_by(heir, replaced)) != 0)
		return;
	other = ledger_other_heir(replaced, heir);
	if (other)
	{
		now = ledger_read_migration(other);
		ledger_set_detail(replaced->project, replaced->name, mig_replaced_by(now, replaced));
		return;
	}
	ledger_restore_state(replaced->project, replaced->name);
	now = ledger_read_migration(&full);
	if (now->state && mig_counts_as_applied(now->state))
		ereport(NOTICE,
				(errmsg("migration \"%s\", which it had replaced, is %s again", name, now->state),
				 errhint("If that was undone as well: SELECT migrate.mark_pending(%s, '<why>');", quote_literal_cstr(name))));
}

/* ---- baselines ---- */

static bool
is_covered(const Migration *migration, const char *project, const char *version)
{
	return migration && migration->kind == KIND_VERSIONED && strcmp(migration->project, project) == 0 &&
		migration->version && mig_version_compare(migration->version, version) <= 0;
}

/* Those that it covers do not count as half done any more, as long as it stands. */
static void
cover(const Migration *baseline, const Attempt *by)
{
	ListCell   *cell;

	foreach(cell, ledger_all_unfinished(false))
	{
		const Unfinished *unfinished = lfirst(cell);
		FullName	full = {unfinished->project, unfinished->name};
		const Migration *covered = ledger_read_migration(&full);
		Attempt		attempt = *by;

		if (!is_covered(covered, baseline->project, baseline->version))
			continue;
		attempt.checksum = covered->up;
		ledger_set_state(full.project, full.name, "baseline", &attempt, NULL, psprintf("baseline %s", baseline->version));
	}
}

/* Those that the present baseline, if there is one, does not cover; undone: nothing of them stands any more. */
static void
uncover(const char *project, const Attempt *by, bool undone)
{
	const Baseline *present = mig_baseline_of(ledger_read_baselines(), project);
	ListCell   *cell;

	foreach(cell, ledger_all_unfinished(true))
	{
		const Unfinished *unfinished = lfirst(cell);
		FullName	full = {unfinished->project, unfinished->name};
		const Migration *covered = ledger_read_migration(&full);

		if (strcmp(full.project, project) != 0 || covered == NULL || strcmp(covered->state, "baseline") != 0 ||
			(present && is_covered(covered, project, present->version)))
			continue;
		if (undone)
			revert_state(covered, by, covered->detail);
		else
			ledger_restore_state(full.project, full.name);
	}
}

/* A lower one takes nothing away from that which the project has. */
static void
begin_baseline(const Migration *baseline, const Attempt *by)
{
	const Baseline *present = mig_baseline_of(ledger_read_baselines(), baseline->project);

	if (present == NULL || mig_version_compare(present->version, baseline->version) <= 0)
		ledger_set_baseline(baseline->project, baseline->version, by->id);
	cover(baseline, by);
}

/* What it has set, or taken over of another one; then what was one before it is again. */
static void
end_baseline(const char *project, const Migration *setter, const Attempt *by, bool undone)
{
	const Baseline *before;

	if (!ledger_clear_baseline(project, setter->project, setter->name))
		return;
	before = mig_baseline_of(ledger_other_baselines(project), project);
	if (before)
		ledger_set_baseline(project, before->version, before->history_id);
	uncover(project, by, undone);
}

/* ---- */

void
mig_succession(const Migration *migration, const Attempt *attempt, Succession succession)
{
	List	   *replaced = succession == SUCCESSION_APPLIED ? replaced_by(migration) : stands_for(migration);
	ListCell   *cell;

	foreach(cell, replaced)
		switch (succession)
		{
			case SUCCESSION_APPLIED:
				supersede(migration, lfirst(cell), attempt);
				break;
			case SUCCESSION_UNDONE:
				take_back(migration, lfirst(cell), attempt);
				break;
			case SUCCESSION_NEVER:
				bring_back(migration, lfirst(cell));
				break;
		}
	if (migration->kind == KIND_BASELINE && succession == SUCCESSION_APPLIED)
		begin_baseline(migration, attempt);
	else if (succession != SUCCESSION_APPLIED)
		end_baseline(migration->project, migration, attempt, succession == SUCCESSION_UNDONE);
	foreach(cell, replaced)
		if (((Migration *) lfirst(cell))->kind == KIND_BASELINE && succession != SUCCESSION_APPLIED)
			end_baseline(((Migration *) lfirst(cell))->project, migration, attempt, succession == SUCCESSION_UNDONE);
}
