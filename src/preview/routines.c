/*
 * routines.c
 *		Functions, procedures, aggregates.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "preview/propose_private.h"
#include "utils/builtins.h"

/* A key of a definition, and how it is said in a statement. */
typedef struct Clause
{
	const char *key;
	const char *format;
} Clause;

/* ---- functions and procedures ---- */

static void
append_routine_settings(StringInfo text, const ObjectState *to)
{
	ListCell   *cell;

	foreach(cell, values_of(find_part(to, "definition", ""), "set"))
	{
		const char *setting = lfirst(cell);
		const char *equals = strchr(setting, '=');

		appendStringInfo(text, "\n    %s", setting_clause(pnstrdup(setting, equals - setting), equals + 1));
	}
}

/* Dollar quotes that are not in the text. */
static char *
dollar_quoted(const char *body)
{
	char	   *quote = pstrdup("$body$");

	for (int i = 1; strstr(body, pnstrdup(quote, strlen(quote) - 1)); i++)
		quote = psprintf("$body%d$", i);
	return psprintf("%s%s%s", quote, body, quote);
}

/* In SQL, a body of the standard's form begins with one of these words. */
static void
append_body(StringInfo text, const ObjectState *to)
{
	const char *library = defined(to, "library");
	const char *body = library ? NULL : needed(to, "body");
	const char *language = needed(to, "language");

	if (library)
		appendStringInfo(text, "\n    AS %s, %s", quote_literal_cstr(library), quote_literal_cstr(defined(to, "symbol")));
	else if (strcmp(language, "sql") == 0 && (strncmp(body, "BEGIN ATOMIC\n", 13) == 0 || strncmp(body, "RETURN ", 7) == 0))
		appendStringInfo(text, "\n%s", body);
	else
		appendStringInfo(text, "\n    AS %s", dollar_quoted(body));
}

static void
append_clauses(StringInfo text, const ObjectState *to)
{
	static const Clause clauses[] = {
		{"window", "WINDOW"}, {"volatility", "%s"}, {"parallel", "PARALLEL %s"}, {"leakproof", "LEAKPROOF"},
		{"strict", "STRICT"}, {"security definer", "SECURITY DEFINER"}, {"cost", "COST %s"}, {"rows", "ROWS %s"}
	};
	const char *support = defined(to, "support");
	bool		first = true;
	ListCell   *cell;

	foreach(cell, values_of(find_part(to, "definition", ""), "transform"))
	{
		appendStringInfo(text, "%s FOR TYPE %s", first ? "\n    TRANSFORM" : ",", (char *) lfirst(cell));
		first = false;
	}
	for (int i = 0; i < lengthof(clauses); i++)
	{
		const char *value = defined(to, clauses[i].key);
		const char *place = strstr(clauses[i].format, "%s");

		if (value == NULL)
			continue;
		if (place)
			appendStringInfo(text, " %.*s%s", (int) (place - clauses[i].format), clauses[i].format, value);
		else
			appendStringInfo(text, " %s", clauses[i].format);
	}
	if (support)
		appendStringInfo(text, " SUPPORT %s", without_arguments(support));
}

static void
put_routine(Proposal *p, const ObjectState *to, const char *create)
{
	StringInfoData text;
	const char *returns = defined(to, "returns");

	initStringInfo(&text);
	appendStringInfo(&text, "%s %s %s(%s)", create, strcmp(to->object_type, "procedure") == 0 ? "PROCEDURE" : "FUNCTION",
					 without_arguments(to->identity), defined(to, "arguments"));
	if (returns)
		appendStringInfo(&text, "\n    RETURNS %s", returns);
	appendStringInfo(&text, "\n    LANGUAGE %s", defined(to, "language"));
	append_clauses(&text, to);
	append_routine_settings(&text, to);
	append_body(&text, to);
	put(p, "%s", text.data);
}

static void
create_routine(Proposal *p, const ObjectState *to)
{
	put_routine(p, to, "CREATE");
}

/* Replaced, it forgets the extensions that it depends on. */
static void
change_routine(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const char *extensions = value_of(find_part(from, "depends on extension", ""), "depends on extension");

	if (same_parts(find_part(from, "definition", ""), find_part(to, "definition", "")))
		return;
	if (!same_defined(from, to, "returns"))
		cannot(to, "What it returns cannot be changed.");
	put_routine(p, to, "CREATE OR REPLACE");
	for (const char *e = extensions; e && *e;)
	{
		int			length = identifier_length(e);

		put(p, "ALTER ROUTINE %s DEPENDS ON EXTENSION %.*s", to->identity, length, e);
		e += length;
		e += strspn(e, ", ");
	}
}

/* ---- aggregates ---- */

static void
append_stages(StringInfo text, const ObjectState *to, const char *prefix, const char *letter)
{
	static const char *const stages[][2] = {
		{"transition", "SFUNC"}, {"inverse", "INVFUNC"}, {"final", "FINALFUNC"}, {"combine", "COMBINEFUNC"},
		{"serialize", "SERIALFUNC"}, {"deserialize", "DESERIALFUNC"}
	};
	static const char *const values[][2] = {{"state", "STYPE"}, {"state size", "SSPACE"}};
	const char *modifies = defined(to, psprintf("%sfinal modifies", prefix));

	for (int i = 0; i < lengthof(stages); i++)
	{
		const char *function = defined(to, psprintf("%s%s", prefix, stages[i][0]));

		if (function)
			appendStringInfo(text, "%s%s%s = %s", text->len ? ", " : "", letter, stages[i][1], without_arguments(function));
	}
	for (int i = 0; i < lengthof(values); i++)
	{
		const char *value = defined(to, psprintf("%s%s", prefix, values[i][0]));

		if (value)
			appendStringInfo(text, ", %s%s = %s", letter, values[i][1], value);
	}
	if (defined(to, psprintf("%sfinal with all arguments", prefix)))
		appendStringInfo(text, ", %sFINALFUNC_EXTRA", letter);
	if (modifies)
		appendStringInfo(text, ", %sFINALFUNC_MODIFY = %s", letter,
						 strcmp(modifies, "read only") == 0 ? "READ_ONLY" : strcmp(modifies, "shareable") == 0 ? "SHAREABLE" : "READ_WRITE");
}

static void
create_aggregate(Proposal *p, const ObjectState *to)
{
	StringInfoData text;
	const char *initial = defined(to, "initial");
	const char *moving = defined(to, "moving initial");
	const char *sort = defined(to, "sort operator");
	const char *parallel = defined(to, "parallel");
	const char *arguments = needed(to, "arguments");
	const char *kind = defined(to, "kind");

	initStringInfo(&text);
	append_stages(&text, to, "", "");
	if (initial)
		appendStringInfo(&text, ", INITCOND = %s", quote_literal_cstr(initial));
	if (defined(to, "moving transition"))
		append_stages(&text, to, "moving ", "M");
	if (moving)
		appendStringInfo(&text, ", MINITCOND = %s", quote_literal_cstr(moving));
	if (sort)
		appendStringInfo(&text, ", SORTOP = %s", operator_name(sort));
	if (parallel)
		appendStringInfo(&text, ", PARALLEL = %s", parallel);
	if (kind && strcmp(kind, "hypothetical set") == 0)
		appendStringInfoString(&text, ", HYPOTHETICAL");
	put(p, "CREATE AGGREGATE %s(%s) (%s)", without_arguments(to->identity), *arguments ? arguments : "*", text.data);
}

/* An operand that is an aggregate has other words than others only where it is made. */
static const ProposalClass
			function = {"function", "ROUTINE", "ROUTINE", NULL, NULL, create_routine, change_routine, NULL},
			procedure = {"procedure", "ROUTINE", "ROUTINE", NULL, NULL, create_routine, change_routine, NULL},
			aggregate = {"aggregate", "ROUTINE", "ROUTINE", NULL, NULL, create_aggregate, NULL, NULL};

const ProposalClass *const routine_classes[] = {&function, &procedure, &aggregate, NULL};
