/*
 * differs.c
 *		What is different about an object that is adrift.
 */
#include "postgres.h"

#include "common/identity.h"
#include "lib/stringinfo.h"
#include "schema/differs.h"
#include "schema/properties.h"

/* ---- kinds of lines ---- */

typedef struct KindOfKey
{
	const char *key;			/* or its beginning, if it ends in "*" */
	int			lines;
} KindOfKey;

static const KindOfKey kinds[] = {
	{"grant*", LINES_GRANTS},
	{"comment", LINES_COMMENTS},
	{"security label *", LINES_LABELS},
	{"owner", LINES_OWNER},
	{"options", LINES_OPTIONS},
	{"toast options", LINES_OPTIONS},
	{"foreign options", LINES_OPTIONS},
	{"unlogged", LINES_PLACE},
	{"tablespace", LINES_PLACE},
	{"row security*", LINES_SECURITY},
	{"replica identity", LINES_REPLICA},
	{"clustered", LINES_CLUSTERED},
	{"enabled", LINES_ENABLED},
	{"statistics*", LINES_STATISTICS},
	{"column", LINES_COLUMN},
	{"column order", LINES_COLUMN},
	{"inherits", LINES_PARENTS},
	{"partition of", LINES_PARENTS},
	{"bound", LINES_PARENTS},
	{"detach pending", LINES_PARENTS},
	{"inherited", LINES_PARENTS}
};

/* Below the line of a column. */
static const KindOfKey nested_kinds[] = {
	{"grant*", LINES_GRANTS},
	{"comment", LINES_COLUMN_REMARKS},
	{"security label *", LINES_LABELS},
	{"storage", LINES_COLUMN_PLAIN},
	{"compression", LINES_COLUMN_PLAIN},
	{"statistics", LINES_COLUMN_PLAIN},
	{"options", LINES_COLUMN_PLAIN},
	{"foreign options", LINES_COLUMN_PLAIN},
	/* With its comment, since the constraint has no description of its own. */
	{"not null", LINES_COLUMN | LINES_COLUMN_REMARKS},
	{"inherited", LINES_PARENTS}
};

static int
kind_of_key(const char *key, const KindOfKey *table, int n, int otherwise)
{
	for (int i = 0; i < n; i++)
	{
		size_t		length = strlen(table[i].key);

		if (table[i].key[length - 1] == '*' ? strncmp(key, table[i].key, length - 1) == 0 : strcmp(key, table[i].key) == 0)
			return table[i].lines;
	}
	return otherwise;
}

static int
kind_of_line(const Property *property)
{
	if (property->nested)
		return kind_of_key(property->key, nested_kinds, lengthof(nested_kinds), LINES_COLUMN_VALUE);
	return kind_of_key(property->key, kinds, lengthof(kinds), LINES_OTHERS);
}

/* ---- names ---- */

static bool
is_of_name(char c)
{
	return c == '_' || c == '$' || isalnum((unsigned char) c) || IS_HIGHBIT_SET(c);
}

/* As it stands between quotes. */
static const char *
with_doubled_quotes(const char *name)
{
	StringInfoData text;

	if (strchr(name, '"') == NULL)
		return name;
	initStringInfo(&text);
	for (; *name; name++)
		appendStringInfo(&text, *name == '"' ? "%c\"" : "%c", *name);
	return text.data;
}

bool
mig_differs_has_name(const char *text, const char *plain_name)
{
	const char *name = with_doubled_quotes(plain_name);
	size_t		length = strlen(name);

	if (length == 0)
		return false;
	for (const char *p = strstr(text, name); p; p = strstr(p + 1, name))
		if ((p == text || !is_of_name(p[-1])) && !is_of_name(p[length]))
			return true;
	return false;
}

/* The name that a value begins with, without its quotes. */
static char *
first_name(const char *value)
{
	StringInfoData name;
	bool		quoted = *value == '"';

	initStringInfo(&name);
	for (const char *p = value + quoted; *p && (quoted || *p != ' '); p++)
	{
		if (quoted && *p == '"' && *++p != '"')
			break;
		appendStringInfoChar(&name, *p);
	}
	return name.data;
}

bool
mig_differs_column(const Drift *drift, const char *column)
{
	ListCell   *cell;

	foreach(cell, drift->columns)
		if (strcmp(lfirst(cell), column) == 0)
			return true;
	return false;
}

bool
mig_differs_has_constraint(const Drift *drift)
{
	ListCell   *cell;

	foreach(cell, drift->names)
	{
		const DriftName *name = lfirst(cell);

		if (name->object_type && strcmp(name->object_type, "table constraint") == 0)
			return true;
	}
	return false;
}

/* ---- comparing ---- */

/* A line, and of which column; that of none is an empty name. */
typedef struct Line
{
	const Property *property;
	const char *column;
} Line;

static int
compare_lines(const Line *one, const Line *other)
{
	int			order = strcmp(one->column, other->column);

	order = order ? order : strcmp(one->property->key, other->property->key);
	return order ? order : strcmp(one->property->value, other->property->value);
}

static int
compare_cells(const ListCell *a, const ListCell *b)
{
	return compare_lines(lfirst(a), lfirst(b));
}

static List *
sorted_lines(const char *definition)
{
	const char *column = "";
	List	   *lines = NIL;
	ListCell   *cell;

	foreach(cell, mig_schema_properties(definition ? definition : ""))
	{
		Line	   *line = palloc(sizeof(Line));

		line->property = lfirst(cell);
		if (!line->property->nested)
			column = strcmp(line->property->key, "column") == 0 ? first_name(line->property->value) : "";
		line->column = column;
		lines = lappend(lines, line);
	}
	list_sort(lines, compare_cells);
	return lines;
}

/* An identity sequence does not say its column's name where its column's type has changed it. */
static void
note_line(Drift *drift, StringInfo text, const Line *line, bool differs)
{
	if (differs || strcmp(line->property->key, "identity of") == 0)
		appendStringInfo(text, "%s\n", line->property->value);
	if (!differs)
		return;
	drift->lines |= kind_of_line(line->property);
	if (*line->column && !mig_differs_column(drift, line->column))
		drift->columns = lappend(drift->columns, unconstify(char *, line->column));
}

void
mig_differs_note(Drift *drift)
{
	List	   *one = sorted_lines(drift->expected);
	List	   *other = sorted_lines(drift->actual);
	StringInfoData text;
	int			i = 0;
	int			j = 0;

	initStringInfo(&text);
	if (drift->expected == NULL || drift->actual == NULL)
		appendStringInfo(&text, "%s\n", drift->identity);
	while (i < list_length(one) || j < list_length(other))
	{
		int			order = i == list_length(one) ? 1 : j == list_length(other) ? -1 :
			compare_lines(list_nth(one, i), list_nth(other, j));

		note_line(drift, &text, order <= 0 ? list_nth(one, i) : list_nth(other, j), order != 0);
		i += order <= 0;
		j += order >= 0;
	}
	drift->differing = text.data;
}
