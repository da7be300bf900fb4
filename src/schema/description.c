/*
 * description.c
 *		Put a description together: parts, and lines in them.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "schema/schema_private.h"

/* A part without a line is left out. */
static void
end_part(Description *d)
{
	if (d->part == NULL || d->text.len == 0)
		return;
	d->part->text = pnstrdup(d->text.data, d->text.len);
	d->object->parts = lappend(d->object->parts, d->part);
	d->part = NULL;
}

void
put_part(Description *d, const char *kind, const char *name)
{
	end_part(d);
	resetStringInfo(&d->text);
	d->part = palloc0(sizeof(SchemaPart));
	d->part->kind = kind;
	d->part->name = pstrdup(name);
}

/* With its lines behind the first indented, so that none can be taken for another property. */
static void
append_indented(StringInfo text, const char *value)
{
	for (const char *p = value; *p; p++)
	{
		appendStringInfoChar(text, *p);
		if (*p == '\n' && p[1] != '\n' && p[1] != '\0')
			appendStringInfoString(text, "    ");
	}
	appendStringInfoChar(text, '\n');
}

void
put_line(Description *d, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(&d->text, "%s: ", key);
	append_indented(&d->text, value);
}

void
put_flag(Description *d, const char *key, bool shown)
{
	if (shown)
		put_line(d, key, "yes");
}

void
put_block(Description *d, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(&d->text, *value && *value != '\n' ? "%s:\n    " : "%s:\n", key);
	append_indented(&d->text, value);
}

void
description_begin(Description *d, SchemaObject *object)
{
	memset(d, 0, sizeof(Description));
	d->object = object;
	initStringInfo(&d->text);
}

void
description_end(Description *d)
{
	end_part(d);
	pfree(d->text.data);
}

char *
mig_schema_definition(const SchemaObject *object)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	if (object->problem)
		appendStringInfo(&text, "unreadable: %s\n", object->problem);
	foreach(cell, object->parts)
		appendStringInfoString(&text, ((const SchemaPart *) lfirst(cell))->text);
	if (text.len > 0)
		text.data[--text.len] = '\0';
	return text.data;
}
