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
	if (object->problem)
		mig_state_warn(object);
	else
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

static void
put_difference(const Difference *difference, void *arg)
{
	const StateRow *row = difference->to ? difference->to : difference->from;
	MigRow		out;

	mig_row_begin(&out);
	mig_row_text(&out, difference->change);
	mig_row_text(&out, row->object_type);
	mig_row_text(&out, row->identity);
	mig_row_text(&out, difference->from_definition);
	mig_row_text(&out, difference->to_definition);
	mig_row_put(&out, arg);
}

MIG_FUNCTION(mig_compare);

/* migrate.compare(from_label, to_label) */
static Datum
mig_compare_body(PG_FUNCTION_ARGS)
{
	char	   *from = mig_required_text(fcinfo, 0, "from_label");
	char	   *to = mig_required_text(fcinfo, 1, "to_label");

	mig_require_monitor(NULL);
	mig_state_compare(from, to, put_difference, mig_rows_begin(fcinfo));
	return (Datum) 0;
}
