/*
 * triggers.c
 *		Triggers, rules, policies; event triggers.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "preview/propose_private.h"
#include "utils/builtins.h"

/* As the server deparses it, without a semicolon. */
static char *
statement_of(const ObjectState *state)
{
	char	   *text = needed(state, "definition");
	int			length = strlen(text);

	if (length > 0 && text[length - 1] == ';')
		text[length - 1] = '\0';
	return text;
}

static const char *
enabled_words(const ObjectState *state)
{
	const char *enabled = value_of(find_part(state, "enabled", ""), "enabled");

	if (enabled == NULL)
		return "ENABLE";
	if (strcmp(enabled, "no") == 0)
		return "DISABLE";
	return strcmp(enabled, "always") == 0 ? "ENABLE ALWAYS" : "ENABLE REPLICA";
}

static bool
is_enabled_alike(const ObjectState *from, const ObjectState *to)
{
	return same_value(find_part(from, "enabled", ""), find_part(to, "enabled", ""), "enabled");
}

/* Of a trigger or rule of a table: only of this one, not of those of the partitions. */
static void
set_enabled(Proposal *p, const ObjectState *from, const ObjectState *to, const char *keyword)
{
	char	   *name;
	char	   *table;

	if (is_enabled_alike(from, to))
		return;
	split_on(to->identity, &name, &table);
	put(p, "ALTER TABLE %s%s %s %s %s", strcmp(keyword, "TRIGGER") == 0 ? "ONLY " : "", table, enabled_words(to), keyword, name);
}

static void
refuse_change(const ObjectState *from, const ObjectState *to, const char *key)
{
	if (!same_defined(from, to, key) && strcmp(from->identity, to->identity) == 0)
		cannot(to, "Its definition cannot be changed.");
}

static void
create_trigger(Proposal *p, const ObjectState *to)
{
	if (defined(to, "inherited"))
		cannot(to, "It comes with that of the partitioned table.");
	put(p, "%s", statement_of(to));
	set_enabled(p, NULL, to, "TRIGGER");
}

static void
change_trigger(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	refuse_change(from, to, "definition");
	set_enabled(p, from, to, "TRIGGER");
}

static void
create_rule(Proposal *p, const ObjectState *to)
{
	put(p, "%s", statement_of(to));
	set_enabled(p, NULL, to, "RULE");
}

static void
change_rule(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	refuse_change(from, to, "definition");
	set_enabled(p, from, to, "RULE");
}

/* ---- policies ---- */

static void
append_expressions(StringInfo text, const ObjectState *to)
{
	const char *using = defined(to, "using");
	const char *check = defined(to, "with check");

	if (using)
		appendStringInfo(text, " USING (%s)", using);
	if (check)
		appendStringInfo(text, " WITH CHECK (%s)", check);
}

static void
create_policy(Proposal *p, const ObjectState *to)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "CREATE POLICY %s%s FOR %s TO %s", name_on(to->identity),
					 defined(to, "restrictive") ? " AS RESTRICTIVE" : "", defined(to, "for"), defined(to, "to"));
	append_expressions(&text, to);
	put(p, "%s", text.data);
}

static void
change_policy(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	StringInfoData text;

	if (same_defined(from, to, "for") && same_defined(from, to, "restrictive") && same_defined(from, to, "to") &&
		same_defined(from, to, "using") && same_defined(from, to, "with check"))
		return;
	if (!same_defined(from, to, "for") || !same_defined(from, to, "restrictive") ||
		(defined(from, "using") && !defined(to, "using")) || (defined(from, "with check") && !defined(to, "with check")))
		cannot(to, "This of a policy cannot be changed.");
	initStringInfo(&text);
	appendStringInfo(&text, "ALTER POLICY %s TO %s", name_on(to->identity), defined(to, "to"));
	append_expressions(&text, to);
	put(p, "%s", text.data);
}

/* ---- event triggers ---- */

static void
set_event_enabled(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	if (!is_enabled_alike(from, to))
		put(p, "ALTER EVENT TRIGGER %s %s", to->identity, enabled_words(to));
}

/* The tags are words of the server, none with a comma in it. */
static char *
quoted_tags(const char *tags)
{
	StringInfoData text;

	initStringInfo(&text);
	for (const char *p = tags; *p;)
	{
		int			length = strcspn(p, ",");

		appendStringInfo(&text, "%s%s", text.len ? ", " : "", quote_literal_cstr(pnstrdup(p, length)));
		p += length;
		p += strspn(p, ", ");
	}
	return text.data;
}

static void
create_event_trigger(Proposal *p, const ObjectState *to)
{
	const char *tags = defined(to, "tags");

	put(p, "CREATE EVENT TRIGGER %s ON %s%s EXECUTE FUNCTION %s", to->identity, defined(to, "on"),
		tags ? psprintf(" WHEN TAG IN (%s)", quoted_tags(tags)) : "", defined(to, "function"));
	set_event_enabled(p, NULL, to);
}

static void
change_event_trigger(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	refuse_change(from, to, "on");
	refuse_change(from, to, "function");
	refuse_change(from, to, "tags");
	set_event_enabled(p, from, to);
}

static const ProposalClass
			trigger = {"trigger", "TRIGGER", NULL, NULL, name_on, create_trigger, change_trigger, NULL},
			rule = {"rule", "RULE", NULL, NULL, name_on, create_rule, change_rule, NULL},
			policy = {"policy", "POLICY", NULL, NULL, name_on, create_policy, change_policy, NULL},
			event_trigger = {"event trigger", "EVENT TRIGGER", NULL, NULL, NULL, create_event_trigger, change_event_trigger, NULL};

const ProposalClass *const trigger_classes[] = {&trigger, &rule, &policy, &event_trigger, NULL};
