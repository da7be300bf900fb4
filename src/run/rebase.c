/*
 * rebase.c
 *		migrate.rebase_expected(): another major version of the server says the same
 *		schema in other words.
 *
 * That it is the same is known only from before: a snapshot of the older server
 * that is what is expected, and nothing that was captured since.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/readonly.h"
#include "ledger/entry.h"
#include "lib/stringinfo.h"
#include "plan/see.h"
#include "run/deployer.h"
#include "schema/drift.h"
#include "schema/state.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* So many of what is in the way are named. */
#define NAMED 5

/* It must be of this database, and of an older server. */
static void
check_snapshot(const SnapshotHead *head)
{
	if (head->imported)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("snapshot \"%s\" was not taken in this database", head->label),
				 errdetail("It was imported, and does not say what was captured before it.")));
	if (head->server_major >= MIG_SERVER_MAJOR)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("snapshot \"%s\" was not taken on an older major version of PostgreSQL", head->label),
				 errdetail("It was taken on %d, and this server is %d.", head->server_major, MIG_SERVER_MAJOR),
				 errhint("What is adrift is taken over by SELECT migrate.accept_drift('*', '<why>');")));
}

typedef struct Differences
{
	int			n;
	StringInfoData names;
} Differences;

static void
note(const Difference *difference, void *arg)
{
	Differences *differences = arg;
	const StateRow *row = difference->to ? difference->to : difference->from;

	if (differences->n++ < NAMED)
		appendStringInfo(&differences->names, "%s%s %s was %s", differences->names.len ? ", " : "",
						 row->object_type, row->identity, difference->change);
}

static void
check_is_expected(const char *label)
{
	Differences differences = {0};

	initStringInfo(&differences.names);
	mig_state_compare(label, "expected", note, NULL, &differences);
	if (differences.n == 0)
		return;
	if (differences.n > NAMED)
		appendStringInfo(&differences.names, ", and %d others", differences.n - NAMED);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("snapshot \"%s\" is not what is expected", label),
			 errdetail("From it to what is expected %s.", differences.names.data),
			 errhint("SELECT * FROM migrate.compare(%s, 'expected');", quote_literal_cstr(label))));
}

static void
check_nothing_since(const char *label)
{
	List	   *ids = ledger_ddl_since_snapshot(label);
	StringInfoData numbers;
	ListCell   *cell;

	if (ids == NIL)
		return;
	initStringInfo(&numbers);
	foreach(cell, ids)
		if (foreach_current_index(cell) < NAMED)
			appendStringInfo(&numbers, "%s" INT64_FORMAT, numbers.len ? ", " : "", *(int64 *) lfirst(cell));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the schema was changed outside of migrations since snapshot \"%s\" was taken", label),
			 errdetail_plural("%d statement was captured.", "%d statements were captured.", list_length(ids), list_length(ids)),
			 errhint("SELECT id, session_role, statement FROM migrate.ddl_log WHERE id IN (%s);\n"
					 "If all that is adrift may stay: SELECT migrate.accept_drift('*', '<why>');", numbers.data)));
}

static void
decide(const SnapshotHead *head, int changed, const char *reason)
{
	Decision	decision = {.decision = "expected_rebased", .reason = reason};
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"from_label\": ");
	escape_json(&detail, head->label);
	appendStringInfo(&detail, ", \"from_major\": %d, \"to_major\": %d, \"objects\": %d}",
					 head->server_major, MIG_SERVER_MAJOR, changed);
	decision.detail = detail.data;
	ledger_write_decision(&decision);
}

MIG_FUNCTION(mig_rebase_expected);

/* migrate.rebase_expected(reason, from_label) */
static Datum
mig_rebase_expected_body(PG_FUNCTION_ARGS)
{
	SnapshotHead *head;
	char	   *reason;
	char	   *label;
	int			changed;

	mig_deployer_refuse_inside("migrate.rebase_expected");
	mig_refuse_read_only("migrate.rebase_expected");
	reason = mig_reason(fcinfo, 0);
	label = mig_required_text(fcinfo, 1, "from_label");
	ledger_require("administrator", NULL);
	(void) mig_deployer_enter(false, mig_lock_wait);
	head = mig_state_find_snapshot(label);
	check_snapshot(head);
	check_is_expected(label);
	check_nothing_since(label);
	if (!ledger_was_covered_since(head->taken_at))
		ereport(WARNING,
				(errmsg("capture has not seen everything since snapshot \"%s\" was taken", label),
				 errdetail("What was changed meanwhile is taken over as well."),
				 errhint("SELECT * FROM migrate.compare(%s, 'expected');", quote_literal_cstr(label))));
	changed = list_length(mig_drift_accept_all());
	ledger_expected_is_of_this_server();
	decide(head, changed, reason);
	PG_RETURN_INT32(changed);
}
