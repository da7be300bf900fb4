/*
 * propose.c
 *		From one definition of an object to another, class by class.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "preview/propose_private.h"
#include "utils/builtins.h"

/* ---- what classes use ---- */

static char *formatted(const char *prefix, const char *format, va_list args) pg_attribute_printf(2, 0);

static char *
formatted(const char *prefix, const char *format, va_list args)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, prefix);
	for (;;)
	{
		va_list		copy;
		int			more;

		va_copy(copy, args);
		more = appendStringInfoVA(&text, format, copy);
		va_end(copy);
		if (more == 0)
			return text.data;
		enlargeStringInfo(&text, more);
	}
}

void
put(Proposal *p, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	p->statements = lappend(p->statements, formatted("", format, args));
	va_end(args);
}

void
lose(Proposal *p, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	p->losses = lappend(p->losses, formatted("DATA LOST: ", format, args));
	va_end(args);
}

void
miss(Proposal *p, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	p->losses = lappend(p->losses, formatted("NOT BROUGHT BACK: ", format, args));
	va_end(args);
}

void
doubt(Proposal *p, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	p->losses = lappend(p->losses, formatted("NOT CERTAIN: ", format, args));
	va_end(args);
}

void
cannot(const ObjectState *state, const char *format,...)
{
	va_list		args;
	char	   *reason;

	va_start(args, format);
	reason = formatted("", format, args);
	va_end(args);
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("no SQL can be made for %s %s", state->object_type, state->identity),
			 errdetail_internal("%s", reason)));
}

const ObjectState *
find_other(const Proposal *p, const char *object_type, const char *identity)
{
	ListCell   *cell;

	foreach(cell, p->others)
	{
		const ObjectState *other = lfirst(cell);

		if (strcmp(other->object_type, object_type) == 0 && strcmp(other->identity, identity) == 0)
			return other;
	}
	return NULL;
}

/* Ends with (char *) -1, since any may be NULL. */
char *
list_of(const char *first,...)
{
	va_list		args;
	StringInfoData text;

	initStringInfo(&text);
	va_start(args, first);
	for (const char *item = first; item != (const char *) -1; item = va_arg(args, const char *))
		if (item && *item)
			appendStringInfo(&text, "%s%s", text.len ? ", " : "", item);
	va_end(args);
	return text.data;
}

/* ---- classes ---- */

static const ProposalClass *const *const all_classes[] = {
	table_classes, index_classes, trigger_classes, type_classes, routine_classes, operator_classes,
	database_classes, foreign_classes, text_search_classes, publication_classes
};

static const ProposalClass *
class_of(const ObjectState *state)
{
	for (int i = 0; i < lengthof(all_classes); i++)
		for (int j = 0; all_classes[i][j]; j++)
			if (strcmp(all_classes[i][j]->object_type, state->object_type) == 0)
				return all_classes[i][j];
	cannot(state, "Nothing is known of this type of object.");
}

static char *
name_of(const ProposalClass *class, const ObjectState *state)
{
	return class->name ? class->name(state->identity) : pstrdup(state->identity);
}

/* Only what was granted on it is shown of what is the server's or an extension's. */
static bool
is_of_others(const ObjectState *state)
{
	ListCell   *cell;

	foreach(cell, state->parts)
	{
		const StoredPart *part = lfirst(cell);

		if (strcmp(part->kind, "privileges") != 0 && strcmp(part->kind, "column privileges") != 0)
			return false;
	}
	return state->parts != NIL && strncmp(state->object_type, "default acl", 11) != 0;
}

/* ---- to and fro ---- */

static void
drop(Proposal *p, const ProposalClass *class, const ObjectState *from)
{
	if (class->rows)
		lose(p, "%s of %s %s.", class->rows, from->object_type, from->identity);
	if (class->drop)
		class->drop(p, from);
	else
		put(p, "DROP %s %s", class->keyword, name_of(class, from));
	if (class->options)
		lose_secrets(p, from, class->options(from));
}

static void
create(Proposal *p, const ProposalClass *class, const ObjectState *to)
{
	if (class->create == NULL)
		cannot(to, "It cannot be made anew.");
	class->create(p, to);
	change_remarks(p, class, name_of(class, to), NULL, to);
	if (class->rows)
		miss(p, "%s of %s %s%s.", class->rows, to->object_type, to->identity, to->called ? psprintf(", which is called %s now", to->called) : "");
}

/* By the parts of a name, where both have any. */
static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What is a part of a table has its name in its own. */
static void
rename_part(Proposal *p, const ProposalClass *class, const ObjectState *from, const ObjectState *to)
{
	char	   *old_name;
	char	   *old_whole;
	char	   *new_name;
	char	   *new_whole;

	split_on(from->identity, &old_name, &old_whole);
	split_on(to->identity, &new_name, &new_whole);
	if (strcmp(old_whole, new_whole) != 0)
		cannot(to, "It is %s %s now, since %s is called %s.", from->object_type, from->identity, new_whole, old_whole);
	if (strcmp(class->object_type, "table constraint") == 0)
		put(p, "ALTER TABLE %s RENAME CONSTRAINT %s TO %s", new_whole, old_name, new_name);
	else if (strcmp(class->object_type, "domain constraint") == 0)
		put(p, "ALTER DOMAIN %s RENAME CONSTRAINT %s TO %s", new_whole, old_name, new_name);
	else
		put(p, "ALTER %s %s ON %s RENAME TO %s", class->keyword, old_name, old_whole, new_name);
}

static void
rename_object(Proposal *p, const ProposalClass *class, const ObjectState *from, const ObjectState *to)
{
	char	   *old_schema;
	char	   *old_name;
	char	   *old_rest;
	char	   *new_schema;
	char	   *new_name;
	char	   *new_rest;

	if (class->name == name_on)
	{
		rename_part(p, class, from, to);
		return;
	}
	split_qualified(from->identity, &old_schema, &old_name, &old_rest);
	split_qualified(to->identity, &new_schema, &new_name, &new_rest);
	if (class->name || strcmp(old_rest, new_rest) != 0 || (old_schema == NULL) != (new_schema == NULL) ||
		strcmp(class->object_type, "operator") == 0)
		cannot(to, "It is %s %s now.", from->object_type, from->identity);
	if (!same_text(old_schema, new_schema) && strcmp(class->object_type, "index") == 0)
		cannot(to, "It is in schema %s now, as its table is.", old_schema);
	if (!same_text(old_name, new_name))
		put(p, "ALTER %s %s RENAME TO %s", class->keyword, from->identity, new_name);
	if (!same_text(old_schema, new_schema))
		put(p, "ALTER %s %s.%s%s SET SCHEMA %s", class->keyword, old_schema, new_name, new_rest, new_schema);
}

static void
change(Proposal *p, const ProposalClass *class, const ObjectState *from, const ObjectState *to)
{
	ObjectState renamed = *from;

	if (strcmp(from->identity, to->identity) != 0)
		rename_object(p, class, from, to);
	if (class->rows && from->is_another)
		miss(p, "%s of the %s that was expected as %s, which is %s. What is called so is another one.", class->rows, to->object_type, to->identity,
			 to->called ? psprintf("called %s now", to->called) : "gone");
	renamed.former = from->identity;
	renamed.identity = to->identity;
	if (class->change)
		class->change(p, &renamed, to);
	else if (!same_parts(find_part(from, "definition", ""), find_part(to, "definition", "")))
		cannot(to, "Its definition cannot be changed.");
	change_remarks(p, class, name_of(class, to), &renamed, to);
}

void
mig_propose(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const ProposalClass *class = class_of(to ? to : from);

	if (is_of_others(to ? to : from))
		cannot(to ? to : from, "It belongs to the server or to an extension, and with which privileges it was made is not known here.");
	if (from && to && !p->anew)
	{
		change(p, class, from, to);
		return;
	}
	if (from && to && class->rows)
		cannot(to, "What is different cannot be changed, and it is not made anew, since it holds data.");
	if (from)
		drop(p, class, from);
	if (to)
		create(p, class, to);
}

/* ---- as text ---- */

/* A line of a comment; a name may have any characters. */
static void
put_comment(StringInfo text, const char *words)
{
	appendStringInfoString(text, "-- ");
	for (const char *c = words; *c; c++)
		appendStringInfoChar(text, *c == '\n' || *c == '\r' ? ' ' : *c);
	appendStringInfoChar(text, '\n');
}

char *
mig_proposal_text(const Proposal *p, const char *title)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	put_comment(&text, title);
	if (p->losses == NIL)
		put_comment(&text, "It loses no data.");
	foreach(cell, p->losses)
		put_comment(&text, lfirst(cell));
	foreach(cell, p->statements)
		appendStringInfo(&text, "%s;\n", (char *) lfirst(cell));
	return text.data;
}
