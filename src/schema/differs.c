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
	{"not null comment", LINES_COLUMN_REMARKS},
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

/* Where a name stands next in a text, as it is written there. */
static const char *
find_name(const char *text, const char *from, const char *name)
{
	size_t		length = strlen(name);

	for (const char *p = length > 0 ? strstr(from, name) : NULL; p; p = strstr(p + 1, name))
		if ((p == text || !is_of_name(p[-1])) && !is_of_name(p[length]))
			return p;
	return NULL;
}

bool
mig_differs_has_name(const char *text, const char *name)
{
	return find_name(text, text, with_doubled_quotes(name)) != NULL;
}

char *
mig_differs_with_name(const char *text, const char *name, const char *other)
{
	const char *written = with_doubled_quotes(name);
	const char *rest = text;
	StringInfoData result;

	initStringInfo(&result);
	for (const char *p = find_name(text, text, written); p; p = find_name(text, rest, written))
	{
		appendBinaryStringInfo(&result, rest, p - rest);
		appendStringInfoString(&result, with_doubled_quotes(other));
		rest = p + strlen(written);
	}
	appendStringInfoString(&result, rest);
	return result.data;
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

static const char *
key_name(const char *column, const char *key)
{
	return column && *column ? psprintf("%s\n%s", column, key) : key;
}

bool
mig_differs_key(const Drift *drift, const char *column, const char *key)
{
	const char *name = key_name(column, key);
	ListCell   *cell;

	foreach(cell, drift->keys)
		if (strcmp(lfirst(cell), name) == 0)
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
compare_keys(const Line *one, const Line *other)
{
	int			order = strcmp(one->column, other->column);

	return order ? order : strcmp(one->property->key, other->property->key);
}

static int
compare_lines(const Line *one, const Line *other)
{
	int			order = compare_keys(one, other);

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
	if (!mig_differs_key(drift, line->column, line->property->key))
		drift->keys = lappend(drift->keys, unconstify(char *, key_name(line->column, line->property->key)));
}

/* ---- what differs within lines ---- */

/* The length of the name that a text begins with, with its quotes, or of a single character. */
static int
token_length(const char *text)
{
	const char *p = text;

	if (*text == '"')
	{
		for (p++; *p && (*p != '"' || p[1] == '"'); p++)
			if (*p == '"')
				p++;
		return p + (*p != '\0') - text;
	}
	while (is_of_name(*p))
		p++;
	return Max(p - text, 1);
}

/* An option goes with its value, and without the comma behind it. */
static int
option_length(const char *text)
{
	const char *comma = strstr(text, ", ");

	return comma == text ? 2 : comma ? comma - text : strlen(text);
}

static List *
tokens_of(const char *text, bool options)
{
	List	   *tokens = NIL;
	int			length;

	for (const char *p = text; *p; p += length)
	{
		length = options ? option_length(p) : token_length(p);
		tokens = lappend(tokens, pnstrdup(p, length));
	}
	return tokens;
}

static bool
same_token(const List *one, int i, const List *other, int j)
{
	return i < list_length(one) && j < list_length(other) && i >= 0 && j >= 0 && strcmp(list_nth(one, i), list_nth(other, j)) == 0;
}

static void
append_tokens(StringInfo text, const List *tokens, int from, int behind)
{
	for (int i = from; i < list_length(tokens) - behind; i++)
		appendStringInfoString(text, list_nth(tokens, i));
	appendStringInfoChar(text, '\n');
}

/* Of two values what is between that which they begin and that which they end with. */
static void
append_core(StringInfo text, const Property *property, const Property *other_property)
{
	bool		options = strstr(property->key, "options") != NULL;
	List	   *one = tokens_of(property->value, options);
	List	   *other = tokens_of(other_property->value, options);
	int			least = Min(list_length(one), list_length(other));
	int			begin = 0;
	int			end = 0;

	while (same_token(one, begin, other, begin))
		begin++;
	while (end < least - begin && same_token(one, list_length(one) - 1 - end, other, list_length(other) - 1 - end))
		end++;
	append_tokens(text, one, begin, end);
	append_tokens(text, other, begin, end);
}

/* How many lines from one on are of its key. */
static int
count_of_key(const List *lines, int from, const Line *line)
{
	int			n = 0;

	while (from + n < list_length(lines) && compare_keys(list_nth(lines, from + n), line) == 0)
		n++;
	return n;
}

static void
append_values(StringInfo text, const List *lines, int from, int n)
{
	for (int i = from; i < from + n; i++)
		appendStringInfo(text, "%s\n", ((const Line *) list_nth(lines, i))->property->value);
}

/* Two lines that are the only ones of their key, one on each side, are compared with each other. */
static void
note_core(StringInfo text, const List *one, const List *other)
{
	int			i = 0;
	int			j = 0;

	while (i < list_length(one) || j < list_length(other))
	{
		const Line *a = i < list_length(one) ? list_nth(one, i) : NULL;
		const Line *b = j < list_length(other) ? list_nth(other, j) : NULL;
		const Line *line = a == NULL ? b : b == NULL || compare_keys(a, b) <= 0 ? a : b;
		int			n = count_of_key(one, i, line);
		int			m = count_of_key(other, j, line);

		if (n == 1 && m == 1)
			append_core(text, a->property, b->property);
		else
		{
			append_values(text, one, i, n);
			append_values(text, other, j, m);
		}
		i += n;
		j += m;
	}
}

void
mig_differs_note(Drift *drift)
{
	List	   *one = sorted_lines(drift->expected);
	List	   *other = sorted_lines(drift->actual);
	List	   *only_one = NIL;
	List	   *only_other = NIL;
	StringInfoData text;
	StringInfoData core;
	int			i = 0;
	int			j = 0;

	initStringInfo(&text);
	initStringInfo(&core);
	if (drift->expected == NULL || drift->actual == NULL)
		appendStringInfo(&text, "%s\n", drift->identity);
	while (i < list_length(one) || j < list_length(other))
	{
		int			order = i == list_length(one) ? 1 : j == list_length(other) ? -1 :
			compare_lines(list_nth(one, i), list_nth(other, j));

		note_line(drift, &text, order <= 0 ? list_nth(one, i) : list_nth(other, j), order != 0);
		if (order < 0)
			only_one = lappend(only_one, list_nth(one, i));
		else if (order > 0)
			only_other = lappend(only_other, list_nth(other, j));
		i += order <= 0;
		j += order >= 0;
	}
	note_core(&core, only_one, only_other);
	drift->differing = text.data;
	drift->core = core.data;
	drift->is_in_part = !(drift->lines & ~(LINES_GRANTS | LINES_COMMENTS | LINES_LABELS | LINES_SECURITY));
}
