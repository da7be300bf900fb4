/*
 * check.c
 *		Everything that is wrong, or will be, all at once, each with the call
 *		that mends it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/names.h"
#include "common/rows.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "lib/stringinfo.h"
#include "plan/plan.h"
#include "plan/see.h"
#include "utils/builtins.h"

/* One thing that is wrong. */
typedef struct Finding
{
	const char *severity;		/* "error", "warning", or "notice", which never fails */
	const char *code;
	const char *project;
	const char *name;
	const char *object;
	const char *message;
	const char *hint;
} Finding;

/* All of them, as they are found. */
typedef struct Check
{
	ReturnSetInfo *result;
	const Model *model;
	const char *project;
	int			errors;
	int			warnings;
	StringInfoData text;		/* for the DETAIL of MG016 */
} Check;

static void
report(Check *check, const Finding *finding)
{
	bool		error = strcmp(finding->severity, "error") == 0;
	bool		warning = strcmp(finding->severity, "warning") == 0;
	MigRow		row;

	mig_row_begin(&row);
	mig_row_text(&row, finding->severity);
	mig_row_text(&row, finding->code);
	mig_row_text(&row, finding->project);
	mig_row_text(&row, finding->name);
	mig_row_text(&row, finding->object);
	mig_row_text(&row, finding->message);
	mig_row_text(&row, finding->hint);
	mig_row_put(&row, check->result);
	if (!error && !warning)
		return;
	if (error)
		check->errors++;
	else
		check->warnings++;
	appendStringInfo(&check->text, "%s%s: %s", check->text.len ? "\n" : "", finding->severity, finding->message);
}

/* A finding about one migration. */
static void
report_node(Check *check, const PlanNode *node, const char *severity, const char *code,
			const char *message, const char *hint)
{
	Finding		finding = {severity, code, node->migration->project, node->migration->name, NULL, message, hint};

	report(check, &finding);
}

static void
check_text(Check *check, const PlanNode *node)
{
	const Migration *migration = node->migration;
	const char *name = mig_full_name(migration);
	const Problem *changed = mig_changed_problem(node);

	if (changed)
		report_node(check, node, "error", changed->code, changed->message, changed->hint);
	if (migration->down_problem)
		report_node(check, node, "error", "broken_down",
					psprintf("the down of \"%s\" cannot be run: %s", name, migration->down_problem),
					"Register it again with a down that can.");
	if (migration->verify_problem)
		report_node(check, node, "error", "broken_verify",
					psprintf("the verify of \"%s\" cannot be run: %s", name, migration->verify_problem),
					"Register it again with a verify that can.");
}

/* The release of the first held one that a blocked one waits for, or NULL. */
static const char *
cure_of_block(const Model *model, const PlanNode *node)
{
	const Graph *graph = model->graph;
	int			i = node - model->nodes;

	for (int e = 0; e < graph->nedges[i]; e++)
	{
		const PlanNode *before = &model->nodes[graph->edges[i][e]];

		if (mig_node_left_held(before))
			return psprintf("SELECT migrate.release(%s, '<why>');", quote_literal_cstr(mig_full_name(before->migration)));
	}
	return NULL;
}

static void
check_state(Check *check, const PlanNode *node)
{
	const Migration *migration = node->migration;
	const char *name = mig_full_name(migration);

	if (node->problem)
		report_node(check, node, "error", node->problem->code, node->problem->message, node->problem->hint);
	else if (node->state == STATE_FAILED)
		report_node(check, node, "error", "failed",
					psprintf("the last attempt at \"%s\" failed: %s", name, node->detail ? node->detail : ""),
					psprintf("SELECT * FROM migrate.history WHERE id = " INT64_FORMAT ";", migration->history_id));
	else if (node->state == STATE_INTERRUPTED)
		report_node(check, node, "error", "interrupted",
					psprintf("\"%s\" is half done: %s", name, node->detail ? node->detail : ""),
					mig_node_undecided(node) ? mig_ways_out(node) : mig_call_to_go_on(node));
	else if (node->state == STATE_OUT_OF_ORDER)
		report_node(check, node, "warning", "out_of_order",
					psprintf("\"%s\" is pending though later ones are applied", name),
					psprintf("CALL migrate.apply(project => %s);", quote_literal_cstr(migration->project)));
	else if (node->state == STATE_BLOCKED)
		report_node(check, node, "warning", "blocked",
					psprintf("\"%s\" is %s", name, node->left_out), cure_of_block(check->model, node));
	else if (node->state == STATE_HELD)
		report_node(check, node, "warning", "held", psprintf("\"%s\" is %s", name, node->detail),
					psprintf("SELECT migrate.release(%s, '<why>');", quote_literal_cstr(name)));
}

/* Several heads where the policy wants one. */
static void
check_heads(Check *check, const char *project)
{
	int			n;
	char	   *names = mig_model_heads_refused(check->model, project, &n);
	Finding		finding = {0};

	if (names == NULL)
		return;
	finding.severity = "error";
	finding.code = "heads";
	finding.project = project;
	finding.message = psprintf("project \"%s\" has %d heads: %s", project, n, names);
	finding.hint = "Register a migration with an empty up that requires them all.";
	report(check, &finding);
}

static void
report_fault(Check *check, const SurroundingFault *fault)
{
	Finding		finding = {fault->severity, fault->code, NULL, NULL, fault->object, fault->message, fault->hint};

	report(check, &finding);
}

/* What stands around the migrations: runs without an end, strangers in our schema, triggers. */
static void
check_surroundings(Check *check)
{
	ListCell   *cell;

	foreach(cell, ledger_surroundings())
		report_fault(check, lfirst(cell));
}

static void
check_all(Check *check)
{
	const char *previous = NULL;

	mig_require_project(check->project);
	check->model = mig_model_look();
	for (int i = 0; i < check->model->n; i++)
	{
		const PlanNode *node = &check->model->nodes[i];

		if (!mig_node_in(node, check->project))
			continue;
		if (node->migration->kind != KIND_REPEATABLE &&
			(previous == NULL || strcmp(previous, node->migration->project) != 0))
			check_heads(check, previous = node->migration->project);
		check_state(check, node);
		check_text(check, node);
	}
	check_surroundings(check);
}

/* Raise what was found, if it is as bad as the caller cares for. */
static void
fail(const Check *check, const char *fail_on)
{
	bool		warnings_count;

	if (fail_on == NULL)
		return;
	warnings_count = strcmp(fail_on, "warning") == 0;
	if (!warnings_count && strcmp(fail_on, "error") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fail_on must be \"error\" or \"warning\"")));
	if (check->errors + (warnings_count ? check->warnings : 0) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_MIG_CHECK_FAILED),
			 errmsg("check found %d %s and %d %s",
					check->errors, check->errors == 1 ? "error" : "errors",
					check->warnings, check->warnings == 1 ? "warning" : "warnings"),
			 errdetail_internal("%s", check->text.data),
			 errhint("SELECT * FROM migrate.check(%s);", check->project ? quote_literal_cstr(check->project) : "")));
}

MIG_ANY_VERSION_FUNCTION(mig_check);

/* migrate.check(project, fail_on) */
Datum
mig_check(PG_FUNCTION_ARGS)
{
	Check		check = {0};
	SurroundingFault *fault;

	check.project = mig_optional_text(fcinfo, 0);
	mig_require_monitor(check.project);
	check.result = mig_rows_begin(fcinfo);
	initStringInfo(&check.text);
	/* Tables of another version tell nothing else. */
	fault = ledger_other_version();
	if (fault)
		report_fault(&check, fault);
	else
		check_all(&check);
	fail(&check, mig_optional_text(fcinfo, 1));
	return (Datum) 0;
}
