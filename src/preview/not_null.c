/*
 * not_null.c
 *		NOT NULL of a column, which may have a name and properties of its own.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "preview/columns.h"
#include "utils/builtins.h"

/* An identifier as it is kept. */
static char *
unquoted(const char *identifier)
{
	char	   *result = pstrdup(identifier);
	char	   *out = result;

	if (*identifier != '"')
		return result;
	for (const char *p = identifier + 1; *p; p++)
	{
		if (*p == '"' && *++p != '"')
			break;
		*out++ = *p;
	}
	*out = '\0';
	return result;
}

/* Where nobody has given one it is made of the names that table and column had then. */
static const char *
name_of(const ObjectState *table, const Column *column)
{
	char	   *schema;
	char	   *name;
	char	   *rest;

	if (column->constraint)
		return column->constraint;
	split_qualified(table->former ? table->former : table->identity, &schema, &name, &rest);
	return quote_identifier(makeObjectName(unquoted(name), unquoted(column->name), "not_null"));
}

static bool
same_comment(const Column *a, const Column *b)
{
	return a->comment == NULL || b->comment == NULL ? a->comment == b->comment : strcmp(a->comment, b->comment) == 0;
}

static void
comment_on(const Work *w)
{
	put(w->p, "COMMENT ON CONSTRAINT %s ON %s IS %s", name_of(w->table, w->to), w->table->identity,
		w->to->comment ? w->to->comment : "NULL");
}

void
add_not_null(const Work *w)
{
	const Column *to = w->to;

	if (to->constraint == NULL && !to->not_valid && !to->no_inherit)
		put_alter(w, "SET NOT NULL");
	else
		put(w->p, "%s ADD %s%s NOT NULL %s%s%s", w->alter, to->constraint ? "CONSTRAINT " : "",
			to->constraint ? to->constraint : "", to->name, to->no_inherit ? " NO INHERIT" : "", to->not_valid ? " NOT VALID" : "");
	if (to->comment)
		comment_on(w);
}

/* One that stays. */
static void
change_properties(const Work *w)
{
	const char *before = name_of(w->was, w->from);
	const char *after = name_of(w->table, w->to);

	if (strcmp(before, after) != 0)
		put(w->p, "%s RENAME CONSTRAINT %s TO %s", w->alter, before, after);
	if (w->from->not_valid && !w->to->not_valid)
		put(w->p, "%s VALIDATE CONSTRAINT %s", w->alter, after);
	if (!same_comment(w->from, w->to))
		comment_on(w);
}

void
change_not_null(const Work *w)
{
	const Column *from = w->from;
	const Column *to = w->to;

	if (from->not_null && to->not_null && from->no_inherit == to->no_inherit && (from->not_valid || !to->not_valid))
	{
		if (MIG_NOT_NULL_HAS_ROW && strcmp(w->word, "COLUMN") == 0)
			change_properties(w);
		return;
	}
	if (from->not_null)
		put_alter(w, "DROP NOT NULL");
	if (to->not_null)
		add_not_null(w);
}
