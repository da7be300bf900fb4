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
#include "schema/state.h"
#include "utils/builtins.h"

static void
keep_object(const SchemaObject *object, void *arg)
{
	StateRow	row;

	if (object->problem)
	{
		mig_state_warn(object);
		return;
	}
	mig_state_row(object, &row);
	ledger_put_definitions(list_make1(mig_state_stored(object)));
	ledger_put_snapshot_object(arg, &row);
}

static void
check_label(const char *label)
{
	if (label[0] == '\0' || strlen(label) > 255)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a label has 1 to 255 bytes")));
	if (strcmp(label, "current") == 0 || strcmp(label, "expected") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is a state that always is there", label),
				 errhint("Give the snapshot another label.")));
}

MIG_FUNCTION(mig_snapshot);

/* migrate.snapshot(label) */
static Datum
mig_snapshot_body(PG_FUNCTION_ARGS)
{
	char	   *label = mig_required_text(fcinfo, 0, "label");

	mig_refuse_read_only("migrate.snapshot");
	ledger_require("deployer", NULL);
	check_label(label);
	if (!ledger_put_snapshot(label))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("there is a snapshot \"%s\" already", label),
				 errhint("Give it another label.")));
	mig_schema_read_all(keep_object, label);
	PG_RETURN_TEXT_P(cstring_to_text(label));
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
