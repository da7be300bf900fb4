/*
 * drift.c
 *		migrate.drift(): where the schema is not what it should be, and which
 *		captured statements explain it.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/rows.h"
#include "ledger/entry.h"
#include "ledger/expected.h"
#include "plan/see.h"
#include "schema/author.h"
#include "schema/differs.h"
#include "schema/drift.h"
#include "schema/ignored.h"
#include "schema/state.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* ---- collecting ---- */

typedef struct Collect
{
	MemoryContext context;
	const char *project;		/* NULL: all */
	List	   *rules;
	bool		knows_addresses;	/* not so in a copy of the database that no run has looked at */
	List	   *drifts;
} Collect;

/* What is there is as it is now, and a run may have ended since what is expected was read. */
static bool
is_expected_by_now(const Difference *difference, const ExpectedRow *expected)
{
	if (difference->to == NULL)
		return expected == NULL;
	return expected && memcmp(expected->state.fingerprint, difference->to->fingerprint, LEDGER_KEY_BYTES) == 0;
}

static void
add_drift(const Difference *difference, void *arg)
{
	Collect    *collect = arg;
	MemoryContext before = MemoryContextSwitchTo(collect->context);
	const StateRow *row = difference->to ? difference->to : difference->from;
	const ExpectedRow *now = ledger_expected(row->key);
	const ExpectedRow *expected = difference->from ? now : NULL;

	if (!is_expected_by_now(difference, now) &&
		(collect->project == NULL ||
		 (expected && expected->project && strcmp(expected->project, collect->project) == 0)) &&
		!mig_is_ignored(collect->rules, difference))
	{
		Drift	   *drift = palloc0(sizeof(Drift));

		drift->change = difference->change;
		drift->object_type = pstrdup(row->object_type);
		drift->identity = pstrdup(row->identity);
		drift->expected = difference->from_definition ? pstrdup(difference->from_definition) : NULL;
		drift->actual = difference->to_definition ? pstrdup(difference->to_definition) : NULL;
		drift->project = expected ? expected->project : NULL;
		drift->last_migration = expected ? expected->name : NULL;
		drift->since = expected ? expected->ddl_id : 0;
		memcpy(drift->key, row->key, LEDGER_KEY_BYTES);
		drift->has_place = collect->knows_addresses;
		if (difference->object)
			drift->address = difference->object->address;
		mig_differs_note(drift);
		mig_author_names(difference, expected && collect->knows_addresses ? &expected->address : NULL, drift);
		collect->drifts = lappend(collect->drifts, drift);
	}
	MemoryContextSwitchTo(before);
}

/* What has another name now is expected at its place. */
static void
find_renamed(const List *drifts)
{
	List	   *addresses = NIL;
	HTAB	   *expected;
	ListCell   *cell;

	foreach(cell, drifts)
		if (DRIFT_IS_ADDED((Drift *) lfirst(cell)))
			addresses = lappend(addresses, &((Drift *) lfirst(cell))->address);
	if (addresses == NIL)
		return;
	expected = mig_state_addresses(addresses);
	foreach(cell, drifts)
	{
		Drift	   *drift = lfirst(cell);

		drift->stays = drift->stays || (DRIFT_IS_ADDED(drift) && hash_search(expected, &drift->address, HASH_FIND, NULL) != NULL);
	}
	hash_destroy(expected);
}

static int
by_identity(const ListCell *a, const ListCell *b)
{
	const Drift *one = lfirst(a);
	const Drift *other = lfirst(b);

	return mig_state_order(one->object_type, one->identity, other->object_type, other->identity);
}

/* What it says in other words is no change of the schema, and shown as one. */
static void
notice_other_server(void)
{
	int			major;
	int			n = ledger_expected_of_other_server(&major);

	if (n > 0)
		ereport(NOTICE,
				(errmsg("%d objects are expected as PostgreSQL %d describes them", n, major),
				 errdetail("What this version says in other words is shown as changed."),
				 errhint("SELECT migrate.rebase_expected('<why>', '<snapshot that was taken before the upgrade>');  takes over how it is said now.")));
}

static List *
collect_those(const char *project, List *rules)
{
	LedgerLook	look;
	Collect		collect = {CurrentMemoryContext, project, rules, ledger_read_look(&look), NIL};

	if (!ledger_expects())
	{
		ereport(NOTICE,
				(errmsg("nothing is expected yet"),
				 errhint("SELECT migrate.watch('<why>');  takes what exists as expected.")));
		return NIL;
	}
	mig_state_compare("expected", "current", add_drift, NULL, &collect);
	list_sort(collect.drifts, by_identity);
	if (collect.knows_addresses)
		find_renamed(collect.drifts);
	if (collect.drifts != NIL)
		notice_other_server();
	return collect.drifts;
}

List *
mig_drift_collect(const char *project)
{
	return collect_those(project, ledger_ignore_rules());
}

List *
mig_drift_collect_all(void)
{
	return collect_those(NULL, NIL);
}

/* ---- SQL ---- */

static void
put_drift(ReturnSetInfo *result, const Drift *drift, const Explanation *explanation)
{
	MigRow		row;

	mig_row_begin(&row);
	mig_row_text(&row, drift->change);
	mig_row_text(&row, drift->object_type);
	mig_row_text(&row, drift->identity);
	if (explanation->ids)
	{
		mig_row_name(&row, explanation->changed_by);
		mig_row_time(&row, explanation->changed_at);
		mig_row_datum(&row, PointerGetDatum(explanation->ids));
	}
	else
	{
		mig_row_null(&row);
		mig_row_null(&row);
		mig_row_null(&row);
	}
	mig_row_text(&row, drift->project);
	mig_row_text(&row, drift->last_migration);
	mig_row_text(&row, drift->expected);
	mig_row_text(&row, drift->actual);
	mig_row_put(&row, result);
}

MIG_FUNCTION(mig_drift);

/* migrate.drift(project) */
static Datum
mig_drift_body(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = mig_rows_begin(fcinfo);
	char	   *project = mig_optional_text(fcinfo, 0);
	List	   *drifts;
	Explanation *explanations;
	int			i = 0;
	ListCell   *cell;

	mig_require_monitor(project);
	drifts = mig_drift_collect(project);
	explanations = ledger_explain(drifts, &mig_author_reader);
	foreach(cell, drifts)
		put_drift(result, lfirst(cell), &explanations[i++]);
	return (Datum) 0;
}

MIG_FUNCTION(mig_drift_diff);

/* migrate.drift_diff(identity, project) */
static Datum
mig_drift_diff_body(PG_FUNCTION_ARGS)
{
	char	   *identity = mig_optional_text(fcinfo, 0);
	char	   *project = mig_optional_text(fcinfo, 1);
	StringInfoData text;
	ListCell   *cell;

	mig_require_monitor(project);
	initStringInfo(&text);
	foreach(cell, mig_drift_collect(project))
	{
		const Drift *drift = lfirst(cell);

		if (identity == NULL || strcmp(identity, drift->identity) == 0)
			mig_diff(&text, psprintf("expected/%s %s", drift->object_type, drift->identity), drift->expected,
					 psprintf("actual/%s %s", drift->object_type, drift->identity), drift->actual);
	}
	PG_RETURN_TEXT_P(cstring_to_text(text.data));
}

/* ---- accepting ---- */

typedef struct Accept
{
	MemoryContext context;
	const char *identity;
	const char *object_type;	/* NULL: any */
	List	   *rules;			/* for whoever names none */
	int64		ddl_id;
	List	   *accepted;
} Accept;

static void
accept(const Difference *difference, void *arg)
{
	Accept	   *accept = arg;
	const StateRow *row = difference->to ? difference->to : difference->from;
	bool		all = strcmp(accept->identity, "*") == 0;
	MemoryContext before;
	Drift	   *drift;

	if ((all ? mig_is_ignored(accept->rules, difference) : strcmp(accept->identity, row->identity) != 0) ||
		(accept->object_type && strcmp(accept->object_type, row->object_type) != 0))
		return;
	if (difference->object)
	{
		ExpectedRow *old = ledger_expected(row->key);
		ExpectedRow expected = {.state = *row, .address = difference->object->address, .ddl_id = accept->ddl_id};

		expected.project = old ? old->project : NULL;
		expected.name = old ? old->name : NULL;
		ledger_put_definitions(list_make1(mig_state_stored(difference->object)));
		ledger_put_expected(list_make1(&expected));
	}
	else
		ledger_remove_expected(row->key);
	ledger_remove_adrift(row->key);
	before = MemoryContextSwitchTo(accept->context);
	drift = palloc0(sizeof(Drift));
	drift->change = difference->change;
	drift->object_type = pstrdup(row->object_type);
	drift->identity = pstrdup(row->identity);
	accept->accepted = lappend(accept->accepted, drift);
	MemoryContextSwitchTo(before);
}

static List *
accept_those(const char *identity, const char *object_type, List *rules)
{
	Accept		arg = {CurrentMemoryContext, identity, object_type, rules, ledger_last_ddl(), NIL};

	if (ledger_expects())
		mig_state_compare("expected", "current", accept, NULL, &arg);
	return arg.accepted;
}

List *
mig_drift_accept(const char *identity, const char *object_type)
{
	return accept_those(identity, object_type, ledger_ignore_rules());
}

List *
mig_drift_accept_all(void)
{
	return accept_those("*", NULL, NIL);
}
