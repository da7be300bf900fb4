/*
 * snapshot.c
 *		migrate.snapshot() and migrate.compare(): states that are kept under a
 *		label, and what is different between two.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/readonly.h"
#include "common/rows.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "schema/keep.h"
#include "schema/state.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static void
keep_object(const SchemaObject *object, void *arg)
{
	mig_state_require_readable(object);
	mig_keep_object(arg, object);
}

MIG_FUNCTION(mig_snapshot);

/* migrate.snapshot(label) */
static Datum
mig_snapshot_body(PG_FUNCTION_ARGS)
{
	SnapshotHead head = {.server_major = MIG_SERVER_MAJOR, .taken_at = GetCurrentTimestamp()};
	Keep		keep;

	head.label = mig_required_text(fcinfo, 0, "label");
	mig_refuse_read_only("migrate.snapshot");
	ledger_require("deployer", NULL);
	mig_keep_begin(&keep, &head);
	mig_schema_read_all(keep_object, &keep);
	mig_keep_end(&keep);
	PG_RETURN_TEXT_P(cstring_to_text(head.label));
}

/* ---- comparing ---- */

typedef struct Compared
{
	const char *change;
	char	   *object_type;
	char	   *identity;
	char	   *from;			/* definitions, or NULL */
	char	   *to;
} Compared;

typedef struct Comparing
{
	MemoryContext context;
	List	   *differences;	/* of Compared */
} Comparing;

static void
add_difference(const Difference *difference, void *arg)
{
	Comparing  *comparing = arg;
	MemoryContext before = MemoryContextSwitchTo(comparing->context);
	const StateRow *row = difference->to ? difference->to : difference->from;
	Compared   *compared = palloc(sizeof(Compared));

	compared->change = difference->change;
	compared->object_type = pstrdup(row->object_type);
	compared->identity = pstrdup(row->identity);
	compared->from = difference->from_definition ? pstrdup(difference->from_definition) : NULL;
	compared->to = difference->to_definition ? pstrdup(difference->to_definition) : NULL;
	comparing->differences = lappend(comparing->differences, compared);
	MemoryContextSwitchTo(before);
}

static int
by_identity(const ListCell *a, const ListCell *b)
{
	const Compared *one = lfirst(a);
	const Compared *other = lfirst(b);

	return mig_state_order(one->object_type, one->identity, other->object_type, other->identity);
}

static void
put_difference(ReturnSetInfo *result, const Compared *compared)
{
	MigRow		row;

	mig_row_begin(&row);
	mig_row_text(&row, compared->change);
	mig_row_text(&row, compared->object_type);
	mig_row_text(&row, compared->identity);
	mig_row_text(&row, compared->from);
	mig_row_text(&row, compared->to);
	mig_row_put(&row, result);
}

MIG_FUNCTION(mig_compare);

/* migrate.compare(from_label, to_label) */
static Datum
mig_compare_body(PG_FUNCTION_ARGS)
{
	char	   *from = mig_required_text(fcinfo, 0, "from_label");
	char	   *to = mig_required_text(fcinfo, 1, "to_label");
	ReturnSetInfo *result = mig_rows_begin(fcinfo);
	Comparing	comparing = {CurrentMemoryContext, NIL};
	ListCell   *cell;

	mig_require_monitor(NULL);
	mig_state_compare(from, to, add_difference, NULL, &comparing);
	list_sort(comparing.differences, by_identity);
	foreach(cell, comparing.differences)
		put_difference(result, lfirst(cell));
	return (Datum) 0;
}
