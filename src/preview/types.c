/*
 * types.c
 *		Enums, domains, composite and range types.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "preview/columns.h"

static bool
is_a(const ObjectState *state, const char *kind)
{
	const char *type = defined(state, "type");

	return type && strcmp(type, kind) == 0;
}

/* ---- enums ---- */

static List *
labels_of(const ObjectState *state)
{
	return values_of(find_part(state, "definition", ""), "label");
}

static void
create_enum(Proposal *p, const ObjectState *to)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, labels_of(to))
		appendStringInfo(&text, "%s%s", text.len ? ", " : "", (char *) lfirst(cell));
	put(p, "CREATE TYPE %s AS ENUM (%s)", to->identity, text.data);
}

static bool
has_label(const List *labels, const char *label)
{
	ListCell   *cell;

	foreach(cell, labels)
		if (strcmp(lfirst(cell), label) == 0)
			return true;
	return false;
}

static void
change_enum(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	List	   *before = labels_of(from);
	List	   *after = labels_of(to);
	int			place = 0;
	bool		renamed = list_length(before) == list_length(after);
	ListCell   *cell;

	foreach(cell, before)
		if (!has_label(after, lfirst(cell)) && !renamed)
			cannot(to, "Label %s cannot be taken from an enum.", (char *) lfirst(cell));
	foreach(cell, after)
	{
		const char *label = lfirst(cell);
		const char *other = renamed ? list_nth(before, place) : NULL;

		if (!has_label(before, label))
		{
			if (renamed)
				put(p, "ALTER TYPE %s RENAME VALUE %s TO %s", to->identity, other, label);
			else if (place == 0)
				put(p, "ALTER TYPE %s ADD VALUE %s%s%s", to->identity, label, before ? " BEFORE " : "", before ? (char *) linitial(before) : "");
			else
				put(p, "ALTER TYPE %s ADD VALUE %s AFTER %s", to->identity, label, (char *) list_nth(after, place - 1));
		}
		place++;
	}
}

/* ---- domains ---- */

/* The server gives it the name of the domain where it has none of its own. */
static char *
not_null_name(const ObjectState *to)
{
	char	   *schema;
	char	   *name;
	char	   *rest;

	if (defined(to, "not null constraint"))
		return pstrdup(defined(to, "not null constraint"));
	split_qualified(to->identity, &schema, &name, &rest);
	if (*name == '"')
		return psprintf("%.*s_not_null\"", (int) strlen(name) - 1, name);
	return psprintf("%s_not_null", name);
}

static void
comment_not_null(Proposal *p, const ObjectState *to, const char *comment)
{
	put(p, "COMMENT ON CONSTRAINT %s ON DOMAIN %s IS %s", not_null_name(to), to->identity, comment ? comment : "NULL");
}

static void
create_domain(Proposal *p, const ObjectState *to)
{
	const char *collation = defined(to, "collation");
	const char *value = defined(to, "default");
	const char *constraint = defined(to, "not null constraint");

	put(p, "CREATE DOMAIN %s AS %s%s%s%s%s%s%s%s", to->identity, defined(to, "domain over"), collation ? " COLLATE " : "",
		collation ? collation : "", value ? " DEFAULT " : "", value ? value : "", constraint ? " CONSTRAINT " : "",
		constraint ? constraint : "", defined(to, "not null") ? " NOT NULL" : "");
	if (defined(to, "not null comment"))
		comment_not_null(p, to, defined(to, "not null comment"));
}

static void
change_domain(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const char *value = defined(to, "default");

	if (!same_defined(from, to, "domain over") || !same_defined(from, to, "collation") || !same_defined(from, to, "not null constraint"))
		cannot(to, "What a domain is made of cannot be changed.");
	if (!same_defined(from, to, "default"))
		put(p, "ALTER DOMAIN %s %s%s", to->identity, value ? "SET DEFAULT " : "DROP DEFAULT", value ? value : "");
	if (!same_defined(from, to, "not null"))
		put(p, "ALTER DOMAIN %s %s NOT NULL", to->identity, defined(to, "not null") ? "SET" : "DROP");
	if (defined(to, "not null") && !same_defined(from, to, "not null comment"))
		comment_not_null(p, to, defined(to, "not null comment"));
}

/* ---- composite types ---- */

static void
create_composite(Proposal *p, const ObjectState *to)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, columns_of(to))
		appendStringInfo(&text, "%s%s", text.len ? ", " : "", column_base(lfirst(cell)));
	put(p, "CREATE TYPE %s AS (%s)", to->identity, text.data);
}

/* ---- ranges ---- */

/* "schema.class USING btree" is without the method here. */
static char *
class_name(const char *identity)
{
	const char *using = identity ? strstr(identity, " USING ") : NULL;

	return using ? pnstrdup(identity, using - identity) : NULL;
}

static char *
item(const char *key, const char *value)
{
	return value ? psprintf("%s = %s", key, value) : NULL;
}

static void
create_range(Proposal *p, const ObjectState *to)
{
	const char *difference = defined(to, "difference");

	if (defined(to, "canonical"))
		cannot(to, "Its function \"canonical\" needs the type before it is there.");
	put(p, "CREATE TYPE %s AS RANGE (%s)", to->identity,
		list_of(item("subtype", defined(to, "range over")),
				item("subtype_opclass", class_name(defined(to, "operator class"))),
				item("collation", defined(to, "collation")),
				item("subtype_diff", difference ? without_arguments(difference) : NULL),
				item("multirange_type_name", defined(to, "multirange")), (char *) -1));
}

/* ---- all of them ---- */

static void
create_type(Proposal *p, const ObjectState *to)
{
	if (defined(to, "domain over"))
		create_domain(p, to);
	else if (defined(to, "range over"))
		create_range(p, to);
	else if (is_a(to, "enum"))
		create_enum(p, to);
	else if (is_a(to, "composite"))
		create_composite(p, to);
	else if (is_a(to, "shell"))
		put(p, "CREATE TYPE %s", to->identity);
	else
		cannot(to, "It is a base type, which comes with its functions.");
}

/* The multirange of a range is a type as well. */
static void
change_type(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	if (is_a(from, "composite") && is_a(to, "composite"))
	{
		change_columns(p, psprintf("ALTER TYPE %s", to->identity), from, to);
		return;
	}
	if (same_parts(find_part(from, "definition", ""), find_part(to, "definition", "")))
		return;
	if (is_a(from, "enum") && is_a(to, "enum"))
		change_enum(p, from, to);
	else if (defined(from, "domain over") && defined(to, "domain over"))
		change_domain(p, from, to);
	else
		cannot(to, "What such a type is made of cannot be changed.");
}

static const ProposalClass
			type = {"type", "TYPE", "TYPE", NULL, NULL, create_type, change_type, NULL};

const ProposalClass *const type_classes[] = {&type, NULL};
