/*
 * show.c
 *		The state of each project for people: short, and with the call that
 *		cures each problem.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/rows.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "plan/plan.h"
#include "plan/see.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define MAX_COLUMNS 100			/* of a line that is not a call to be pasted */
#define SHOWN_APPLIED 5			/* the last ones; earlier ones are folded */
#define SHOWN_PENDING 20

/* What is counted by the name of its state. */
static const char *const *const counted_states[] = {
	&STATE_RUNNING, &STATE_FAILED, &STATE_INTERRUPTED, &STATE_HELD, &STATE_BLOCKED
};

/* What one project's lines are made from. */
typedef struct Show
{
	ReturnSetInfo *result;
	const Model *model;
	const char *project;
	int			total;
	int			applied;
	int			pending;		/* the next apply begins it, or tries it again */
	int			counted[lengthof(counted_states)];
	bool		refused;		/* a problem keeps apply from running anything */
	const char *head;			/* name of the last applied, or NULL */
	const char *coverage;		/* what capture sees, NULL: it was never on */
} Show;

static void
put_line(Show *show, const char *line, bool clip)
{
	MigRow		row;
	int			length = strlen(line);
	char	   *copy = pstrdup(line);

	/* What people have written must not look like another line. */
	for (char *p = copy; *p; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			*p = ' ';
	line = copy;
	while (length > 0 && line[length - 1] == ' ')
		length--;
	if (clip && pg_mbstrlen_with_len(line, length) > MAX_COLUMNS)
		line = psprintf("%.*s...", pg_mbcharcliplen(line, length, MAX_COLUMNS - 3), line);
	else
		line = pnstrdup(line, length);
	mig_row_begin(&row);
	mig_row_text(&row, line);
	mig_row_put(&row, show->result);
}

/* A call is never clipped: it is there to be pasted. */
static void
put_call(Show *show, const char *call)
{
	MigRow		row;

	mig_row_begin(&row);
	mig_row_text(&row, psprintf("        -> %s", call));
	mig_row_put(&row, show->result);
}

/* A moment; of today only the time, unless it is to be in full. */
static char *
when(TimestampTz at, bool full)
{
	struct pg_tm tm;
	struct pg_tm now;
	fsec_t		fsec;
	int			tz;

	if (timestamp2tm(at, &tz, &tm, &fsec, NULL, NULL) != 0)
		return pstrdup("");
	if (timestamp2tm(GetCurrentTimestamp(), &tz, &now, &fsec, NULL, NULL) == 0 &&
		now.tm_year == tm.tm_year && now.tm_mon == tm.tm_mon && now.tm_mday == tm.tm_mday && !full)
		return psprintf("%02d:%02d", tm.tm_hour, tm.tm_min);
	return psprintf("%04d-%02d-%02d %02d:%02d", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

static const char *
sign(const PlanNode *node)
{
	if (strcmp(node->state, "marked") == 0)
		return "M";
	if (strcmp(node->state, "baseline") == 0)
		return "B";
	if (node->state == STATE_SUPERSEDED)
		return "S";
	if (node->state == STATE_OUTDATED)
		return "~";
	if (node->is_applied)
		return "X";
	if (node->state == STATE_FAILED || node->state == STATE_BLOCKED || node->state == STATE_INTERRUPTED)
		return "!";
	return node->state == STATE_HELD ? "H" : " ";
}

/* What stands behind the name. */
static char *
describe(const PlanNode *node)
{
	const Migration *migration = node->migration;

	if (node->is_applied && migration->changed_at)
		return psprintf("%s   %-12s %6.1f s   %s", when(migration->changed_at, true), migration->changed_by,
						migration->duration ? migration->duration->time / 1000000.0 : 0.0,
						strcmp(node->state, "applied") == 0 && node->detail == NULL ? "" :
						node->detail ? node->detail : node->state);
	if (node->state == STATE_FAILED)
		return psprintf("failed %s: %s; nothing of it stands", when(migration->changed_at, false),
						node->detail ? node->detail : "");
	if (node->state == STATE_INTERRUPTED)
		return psprintf("stopped half-way %s: %s", when(migration->changed_at, false),
						node->detail ? node->detail : "");
	return psprintf("%s", node->detail ? node->detail : node->state);
}

/* What to do about an error, by its SQLSTATE, which detail begins with. */
static const char *
remedy(const char *detail)
{
	static const char *const outside[] = {"28", "53400", "55000"};
	static const char *const passing[] = {"57", "55P", "53", "40", "28", "2D", "25001", "08"};

	/* Its first statement was not reached. */
	for (int i = 0; i < lengthof(outside) && strstr(detail, " at statement ") == NULL; i++)
		if (strncmp(detail, outside[i], strlen(outside[i])) == 0)
			return "do what its error_hint says";
	for (int i = 0; i < lengthof(passing); i++)
		if (strncmp(detail, passing[i], strlen(passing[i])) == 0)
			return "try again";
	if (strncmp(detail, "42501", 5) == 0)
		return "grant what is missing";
	return "correct it, register it";
}

/* The call that cures what keeps a migration from being applied. */
static char *
cure(const PlanNode *node)
{
	const Migration *migration = node->migration;
	const char *again = psprintf("CALL migrate.apply(project => %s);", quote_literal_cstr(migration->project));

	if (node->state == STATE_FAILED)
		return psprintf("SELECT * FROM migrate.history WHERE id = " INT64_FORMAT ";   %s, %s",
						migration->history_id, remedy(node->detail ? node->detail : ""), again);
	if (mig_node_undecided(node))
		return mig_ways_out(node);
	if (node->state == STATE_INTERRUPTED)
		return psprintf("%s   goes on where it stopped", mig_call_to_go_on(node));
	if (node->state == STATE_HELD)
		return psprintf("SELECT migrate.release(%s, '<why>');", quote_literal_cstr(mig_full_name(migration)));
	if (node->state == STATE_OUTDATED)
		return pstrdup(again);
	if (node->problem)
		return psprintf("SELECT * FROM migrate.check(%s);", quote_literal_cstr(migration->project));
	return NULL;
}

static void
count(Show *show)
{
	for (int i = 0; i < show->model->n; i++)
	{
		const PlanNode *node = &show->model->nodes[i];

		if (!mig_node_in(node, show->project) || (node->state == STATE_SUPERSEDED && !node->is_applied))
			continue;
		show->total++;
		show->applied += node->is_applied;
		show->refused |= node->problem != NULL;
		show->pending += node->is_pending && node->state != STATE_RUNNING && node->state != STATE_INTERRUPTED;
		for (int s = 0; s < lengthof(counted_states); s++)
			show->counted[s] += node->state == *counted_states[s];
		if (node->is_applied && node->migration->kind != KIND_REPEATABLE)
			show->head = node->migration->name;
	}
}

static void
put_sums(Show *show)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfo(&line, "%s: %d of %d applied", show->project, show->applied, show->total);
	if (show->head)
		appendStringInfo(&line, ", head %s", show->head);
	if (show->pending)
		appendStringInfo(&line, "; %d pending", show->pending);
	for (int s = 0; s < lengthof(counted_states); s++)
		if (show->counted[s])
			appendStringInfo(&line, "; %d %s", show->counted[s], *counted_states[s]);
	if (show->coverage)
		appendStringInfo(&line, "; capture %s", strcmp(show->coverage, "none") == 0 ? "off" : "on");
	put_line(show, line.data, true);
}

/* The widest name among those shown, up to half a line. */
static int
name_width(const Show *show, int skipped)
{
	int			width = 8;

	for (int i = 0; i < show->model->n; i++)
	{
		const PlanNode *node = &show->model->nodes[i];

		if (mig_node_in(node, show->project) && !(node->is_applied && node->state != STATE_OUTDATED && skipped-- > 0))
			width = Max(width, pg_mbstrlen(node->migration->name));
	}
	return Min(width, 40);
}

static void
put_node(Show *show, const PlanNode *node, int width)
{
	char	   *call = cure(node);

	/* What is half done may have to be decided upon by what stands at its end. */
	put_line(show, psprintf("[%s]  %-*s  %s", sign(node), width, node->migration->name, describe(node)), node->state != STATE_INTERRUPTED);
	if (call)
		put_call(show, call);
}

static void
show_project(Show *show)
{
	int			skipped;
	int			left;
	int			width;
	int			waiting = 0;

	count(show);
	put_sums(show);
	left = skipped = Max(show->applied - SHOWN_APPLIED, 0);
	width = name_width(show, skipped);
	if (skipped > 0)
		put_line(show, psprintf("     (%d applied before these)", skipped), true);
	for (int i = 0; i < show->model->n; i++)
	{
		const PlanNode *node = &show->model->nodes[i];

		if (!mig_node_in(node, show->project) || (node->state == STATE_SUPERSEDED && !node->is_applied) ||
			(node->is_applied && node->state != STATE_OUTDATED && left-- > 0))
			continue;
		if (node->is_pending && node->state != STATE_FAILED && ++waiting > SHOWN_PENDING)
			continue;
		put_node(show, node, width);
	}
	if (waiting > SHOWN_PENDING)
		put_line(show, psprintf("     (%d more pending)", waiting - SHOWN_PENDING), true);
	if (show->pending && !show->refused)
		put_call(show, psprintf("CALL migrate.apply(project => %s);", quote_literal_cstr(show->project)));
}

/* Projects come one behind the other, but for their repeatables. */
static bool
is_among(const List *projects, const char *project, MigrationKind kind)
{
	ListCell   *cell;

	if (projects && strcmp(llast(projects), project) == 0)
		return true;
	foreach(cell, kind == KIND_REPEATABLE ? projects : NIL)
		if (strcmp(lfirst(cell), project) == 0)
			return true;
	return false;
}

MIG_FUNCTION(mig_show);

/* migrate.show(project) */
static Datum
mig_show_body(PG_FUNCTION_ARGS)
{
	char	   *project = mig_optional_text(fcinfo, 0);
	Model	   *model;
	ReturnSetInfo *result;
	List	   *projects = NIL;
	ListCell   *cell;
	char	   *coverage = ledger_coverage();

	mig_require_project(project);
	model = mig_model_look();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	/* Repeatables come behind the others of all projects. */
	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (mig_node_in(node, project) && !is_among(projects, node->migration->project, node->migration->kind))
			projects = lappend(projects, node->migration->project);
	}
	foreach(cell, projects)
	{
		Show		show = {0};

		show.result = result;
		show.model = model;
		show.project = lfirst(cell);
		show.coverage = coverage;
		show_project(&show);
	}
	return (Datum) 0;
}
