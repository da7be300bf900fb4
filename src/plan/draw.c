/*
 * draw.c
 *		The graph of migrations as text, for Graphviz, for Mermaid.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/errors.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "lib/stringinfo.h"
#include "plan/plan.h"
#include "plan/see.h"
#include "utils/builtins.h"

/* A name inside double quotes; quotes and backslashes as the format wants them. */
static void
append_label(StringInfo out, const char *label, bool mermaid)
{
	for (const char *c = label; *c; c++)
	{
		if (*c == '"' && mermaid)
			appendStringInfoString(out, "#quot;");
		else if (*c == '"' || (*c == '\\' && !mermaid))
			appendStringInfo(out, "\\%c", *c);
		else
			appendStringInfoChar(out, *c);
	}
}

static const char *
color(const PlanNode *node)
{
	if (node->is_applied)
		return "palegreen";
	if (node->state == STATE_FAILED || node->state == STATE_BLOCKED)
		return "lightcoral";
	return node->state == STATE_HELD ? "khaki" : "white";
}

static void
draw_text(StringInfo out, const Model *model, const char *project)
{
	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (!mig_node_in(node, project))
			continue;
		appendStringInfo(out, "%s (%s)", mig_full_name(node->migration), node->state);
		for (int e = 0; e < model->graph->nedges[i]; e++)
			appendStringInfo(out, "%s %s", e ? "," : " <-",
							 mig_full_name(model->nodes[model->graph->edges[i][e]].migration));
		appendStringInfoChar(out, '\n');
	}
}

static void
draw_dot(StringInfo out, const Model *model, const char *project)
{
	appendStringInfoString(out, "digraph migrations {\n  rankdir=LR;\n  node [shape=box, style=filled];\n");
	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (!mig_node_in(node, project))
			continue;
		appendStringInfo(out, "  n%d [label=\"", i);
		append_label(out, mig_full_name(node->migration), false);
		appendStringInfo(out, "\", fillcolor=%s];\n", color(node));
		for (int e = 0; e < model->graph->nedges[i]; e++)
			appendStringInfo(out, "  n%d -> n%d;\n", model->graph->edges[i][e], i);
	}
	appendStringInfoString(out, "}\n");
}

static void
draw_mermaid(StringInfo out, const Model *model, const char *project)
{
	appendStringInfoString(out, "flowchart LR\n");
	for (int i = 0; i < model->n; i++)
	{
		const PlanNode *node = &model->nodes[i];

		if (!mig_node_in(node, project))
			continue;
		appendStringInfo(out, "  n%d[\"", i);
		append_label(out, mig_full_name(node->migration), true);
		appendStringInfo(out, " (%s)\"]\n", node->state);
		for (int e = 0; e < model->graph->nedges[i]; e++)
			appendStringInfo(out, "  n%d --> n%d\n", model->graph->edges[i][e], i);
	}
}

MIG_FUNCTION(mig_graph);

/* migrate.graph(project, format) */
static Datum
mig_graph_body(PG_FUNCTION_ARGS)
{
	char	   *project = mig_optional_text(fcinfo, 0);
	char	   *format = PG_ARGISNULL(1) ? "text" : text_to_cstring(PG_GETARG_TEXT_PP(1));
	Model	   *model;
	StringInfoData out;

	mig_require_monitor(project);
	mig_require_project(project);
	model = mig_model_read(NIL, NULL, NULL);
	initStringInfo(&out);
	if (strcmp(format, "text") == 0)
		draw_text(&out, model, project);
	else if (strcmp(format, "dot") == 0)
		draw_dot(&out, model, project);
	else if (strcmp(format, "mermaid") == 0)
		draw_mermaid(&out, model, project);
	else if (strcmp(format, "svg") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format \"svg\" is not supported in this version"),
				 errhint("Draw the format \"dot\" with Graphviz.")));
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("format \"%s\" is not known", format),
				 errhint("Formats are \"text\", \"dot\" and \"mermaid\".")));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
