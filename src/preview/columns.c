/*
 * columns.c
 *		Columns: read from definitions, written as clauses, changed one by one.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"
#include "preview/columns.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* ---- reading ---- */

/* Where a word stands outside of quotes, or NULL. */
static char *
find_word(char *text, const char *word)
{
	bool		quoted = false;

	for (char *p = text; *p; p++)
	{
		if (*p == '"')
			quoted = !quoted;
		else if (!quoted && strncmp(p, word, strlen(word)) == 0)
			return p;
	}
	return NULL;
}

/* "name, not valid, no inherit, comment '...'". */
static void
read_not_null(Column *column, const char *text)
{
	while (text && *text)
	{
		if (strncmp(text, "comment ", 8) == 0)
		{
			column->comment = pstrdup(text + 8);
			return;
		}
		if (strncmp(text, "not valid", 9) == 0)
			column->not_valid = true;
		else if (strncmp(text, "no inherit", 10) == 0)
			column->no_inherit = true;
		else if (strncmp(text, "inherited and local", 19) != 0)
			column->constraint = pnstrdup(text, identifier_length(text));
		text += *text == '"' ? identifier_length(text) : strcspn(text, ",");
		text += strspn(text, ", ");
	}
}

/* The first line is "name type collate collation not null". */
static Column *
read_column(const StoredPart *part)
{
	Column	   *column = palloc0(sizeof(Column));
	char	   *text = value_of(part, "column");
	int			length = strlen(text);
	char	   *collate;

	column->part = part;
	column->name = quote_identifier(part->name);
	if (length > 9 && strcmp(text + length - 9, " not null") == 0)
	{
		column->not_null = true;
		text[length - 9] = '\0';
	}
	text += strlen(column->name) + 1;
	collate = find_word(text, " collate ");
	if (collate)
	{
		*collate = '\0';
		column->collation = collate + strlen(" collate ");
	}
	column->type = text;
	read_not_null(column, value_of(part, "not null"));
	return column;
}

List *
columns_of(const ObjectState *state)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, state ? state->parts : NIL)
		if (strcmp(((const StoredPart *) lfirst(cell))->kind, "column") == 0)
			result = lappend(result, read_column(lfirst(cell)));
	return result;
}

const Column *
column_named(const List *columns, const char *name)
{
	ListCell   *cell;

	foreach(cell, columns)
		if (strcmp(((const Column *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

/* ---- writing ---- */

char *
column_base(const Column *column)
{
	return psprintf("%s %s%s%s", column->name, column->type, column->collation ? " COLLATE " : "",
					column->collation ? column->collation : "");
}

/* How its values come about. */
static void
append_values(StringInfo text, const Proposal *p, const ObjectState *table, const Column *column)
{
	const char *identity = value_of(column->part, "identity");
	const char *expression;

	if ((expression = value_of(column->part, "generated stored")) != NULL)
		appendStringInfo(text, " GENERATED ALWAYS AS (%s) STORED", expression);
	else if ((expression = value_of(column->part, "generated virtual")) != NULL)
		appendStringInfo(text, " GENERATED ALWAYS AS (%s) VIRTUAL", expression);
	else if ((expression = value_of(column->part, "default")) != NULL)
		appendStringInfo(text, " DEFAULT %s", expression);
	if (identity)
	{
		const ObjectState *sequence = identity_sequence(p, table, column->name);

		appendStringInfo(text, " GENERATED %s AS IDENTITY", strcmp(identity, "always") == 0 ? "ALWAYS" : "BY DEFAULT");
		if (sequence)
			appendStringInfo(text, " (%s)", sequence_options(sequence, true));
	}
}

static char *
column_clause(const Proposal *p, const ObjectState *table, const Column *column)
{
	StringInfoData text;
	const char *compression = value_of(column->part, "compression");
	const char *foreign = value_of(column->part, "foreign options");

	initStringInfo(&text);
	appendStringInfo(&text, "%s %s", column->name, column->type);
	if (compression)
		appendStringInfo(&text, " COMPRESSION %s", compression);
	if (foreign)
		appendStringInfoString(&text, foreign_options(table, foreign));
	if (column->collation)
		appendStringInfo(&text, " COLLATE %s", column->collation);
	append_values(&text, p, table, column);
	if (column->not_null && !column->not_valid)
	{
		if (column->constraint)
			appendStringInfo(&text, " CONSTRAINT %s", column->constraint);
		appendStringInfo(&text, " NOT NULL%s", column->no_inherit ? " NO INHERIT" : "");
	}
	return text.data;
}

/* Those that a table brings with it; what it inherits comes from its parents, but for a partition's. */
char *
column_list(const ObjectState *state, const Proposal *p)
{
	bool		inherits = defined(state, "inherits") != NULL;
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, columns_of(state))
	{
		const Column *column = lfirst(cell);
		const char *inherited = value_of(column->part, "inherited");

		if (!(inherits && inherited && strcmp(inherited, "yes") == 0))
			appendStringInfo(&text, "%s%s", text.len ? ",\n    " : "\n    ", column_clause(p, state, column));
	}
	return text.len ? psprintf("%s\n", text.data) : "";
}

/* ---- changing one ---- */

void
put_alter(const Work *w, const char *what)
{
	put(w->p, "%s ALTER %s %s %s", w->alter, w->word, w->to->name, what);
}

static Oid
type_oid(const char *type)
{
	return DatumGetObjectId(DirectFunctionCall1(regtypein, CStringGetDatum(type)));
}

static const char *
storage_of(const Column *column)
{
	const char *storage = column ? value_of(column->part, "storage") : NULL;

	if (storage || column == NULL)
		return storage;
	switch (get_typstorage(type_oid(column->type)))
	{
		case 'p':
			return "plain";
		case 'e':
			return "external";
		case 'x':
			return "extended";
		default:
			return "main";
	}
}

/* A setting that is there before or after or both, and not the same. */
static bool
is_other(const Work *w, const char *key)
{
	return !same_value(w->from ? w->from->part : NULL, w->to->part, key);
}

/* What no CREATE has. */
static void
change_settings(const Work *w)
{
	const char *value;
	char	   *alter = psprintf("%s ALTER %s %s", w->alter, w->word, w->to->name);

	if (is_other(w, "storage"))
		put_alter(w, psprintf("SET STORAGE %s", storage_of(w->to)));
	if (is_other(w, "statistics"))
	{
		value = value_of(w->to->part, "statistics");
		put_alter(w, psprintf("SET STATISTICS %s", value ? value : "-1"));
	}
	if (is_other(w, "options"))
		change_options(w->p, alter, "", w->from ? value_of(w->from->part, "options") : NULL, value_of(w->to->part, "options"));
}

/* ---- values ---- */

static const char *
generation(const Column *column)
{
	return value_of(column->part, "generated stored") ? "generated stored" :
		value_of(column->part, "generated virtual") ? "generated virtual" : NULL;
}

static void
change_generation(const Work *w)
{
	const char *before = generation(w->from);
	const char *after = generation(w->to);

	if (after == NULL)
		put_alter(w, "DROP EXPRESSION");
	else if (before && strcmp(before, after) == 0 && MIG_CAN_SET_EXPRESSION)
		put_alter(w, psprintf("SET EXPRESSION AS (%s)", value_of(w->to->part, after)));
	else
		cannot(w->table, "Column %s is to be %s as (%s), which only a new column can be.", w->to->name, after, value_of(w->to->part, after));
}

static void
change_identity(const Work *w)
{
	const char *before = value_of(w->from->part, "identity");
	const char *after = value_of(w->to->part, "identity");
	const ObjectState *sequence = identity_sequence(w->p, w->table, w->to->name);

	if (before && after)
		put_alter(w, psprintf("SET GENERATED %s", strcmp(after, "always") == 0 ? "ALWAYS" : "BY DEFAULT"));
	else if (after)
	{
		put_alter(w, psprintf("ADD GENERATED %s AS IDENTITY%s", strcmp(after, "always") == 0 ? "ALWAYS" : "BY DEFAULT",
							  sequence ? psprintf(" (%s)", sequence_options(sequence, true)) : ""));
		miss(w->p, "The position of the sequence of column %s.", w->to->name);
	}
	else
	{
		put_alter(w, "DROP IDENTITY");
		lose(w->p, "The position of the sequence of column %s.", w->to->name);
	}
}

bool
columns_same_type(const Column *a, const Column *b)
{
	return strcmp(a->type, b->type) == 0 &&
		(a->collation == NULL || b->collation == NULL ? a->collation == b->collation : strcmp(a->collation, b->collation) == 0);
}

/* What is done to a column is done to it in each table that has it from there. */
static const char *
whose_values(const Work *w)
{
	return w->was && w->was->has_children ? psprintf("%s, and of the tables that inherit it", w->table->identity) : w->table->identity;
}

/* Values are read, or said, by a setting then. */
static const char *
setting_between(Oid before, Oid after)
{
	bool		timed = TypeCategory(before) == TYPCATEGORY_DATETIME || TypeCategory(after) == TYPCATEGORY_DATETIME;
	bool		zoned = before == TIMESTAMPTZOID || after == TIMESTAMPTZOID || before == TIMETZOID || after == TIMETZOID;

	if (before == after || !timed)
		return NULL;
	if (TypeCategory(before) == TYPCATEGORY_STRING || TypeCategory(after) == TYPCATEGORY_STRING)
		return "DateStyle and TimeZone";
	return zoned ? "TimeZone" : NULL;
}

/* By assignment, which refuses more than a cast, where that is possible. */
static void
change_type(const Work *w)
{
	Oid			before = type_oid(w->from->type);
	Oid			after = type_oid(w->to->type);
	bool		assigned = can_coerce_type(1, &before, &after, COERCION_ASSIGNMENT);
	bool		attribute = strcmp(w->word, "ATTRIBUTE") == 0;
	const char *setting = setting_between(before, after);

	put(w->p, "%s ALTER %s %s TYPE %s%s%s%s", w->alter, w->word, w->to->name, w->to->type,
		w->to->collation ? " COLLATE " : "", w->to->collation ? w->to->collation : "",
		assigned || attribute ? "" : psprintf(" USING %s::%s", w->to->name, w->to->type));
	if (strcmp(w->from->type, w->to->type) != 0)
		lose(w->p, "What %s has and %s cannot hold, in the values of column %s of %s.", w->from->type, w->to->type,
			 w->to->name, whose_values(w));
	if (setting)
		doubt(w->p, "How the values of column %s of %s are read depends on %s, as it did when they were changed.", w->to->name, whose_values(w), setting);
}

static void
change_default(const Work *w, bool dropped)
{
	const char *after = value_of(w->to->part, "default");

	if (after)
		put_alter(w, psprintf("SET DEFAULT %s", after));
	else if (!dropped)
		put_alter(w, "DROP DEFAULT");
}

static void
change_column(const Work *w)
{
	bool		retyped = !columns_same_type(w->from, w->to);
	bool		dropped = retyped && value_of(w->from->part, "default");

	if (dropped)
		put_alter(w, "DROP DEFAULT");
	if (value_of(w->from->part, "identity") && value_of(w->to->part, "identity") == NULL)
		change_identity(w);
	if (retyped)
		change_type(w);
	if (is_other(w, "generated stored") || is_other(w, "generated virtual"))
		change_generation(w);
	if (dropped || is_other(w, "default"))
		change_default(w, dropped);
	change_not_null(w);
	if (value_of(w->to->part, "identity") && is_other(w, "identity"))
		change_identity(w);
	if (is_other(w, "compression"))
		put_alter(w, psprintf("SET COMPRESSION %s", value_of(w->to->part, "compression") ? value_of(w->to->part, "compression") : "default"));
	if (is_other(w, "foreign options"))
		change_foreign_options(w->p, w->table, psprintf("%s ALTER %s %s", w->alter, w->word, w->to->name),
							   value_of(w->from->part, "foreign options"), value_of(w->to->part, "foreign options"));
	change_settings(w);
}

/* ---- all of them ---- */

void
set_columns(Proposal *p, const char *alter, const ObjectState *to)
{
	ListCell   *cell;

	foreach(cell, columns_of(to))
	{
		Work		w = {p, alter, NULL, to, "COLUMN", NULL, lfirst(cell)};

		if (w.to->not_null && (w.to->not_valid || w.to->comment))
		{
			if (w.to->not_valid)
				add_not_null(&w);
			else if (w.to->constraint)
				put(p, "COMMENT ON CONSTRAINT %s ON %s IS %s", w.to->constraint, to->identity, w.to->comment);
		}
		change_settings(&w);
	}
}

static void
check_order(const ObjectState *to, const List *columns, const List *order)
{
	ListCell   *cell;
	ListCell   *other;

	if (list_length(columns) != list_length(order))
		return;
	forboth(cell, columns, other, order)
		if (strcmp(((const Column *) lfirst(cell))->name, lfirst(other)) != 0)
			cannot(to, "Its columns would be in another order, since a column is always added behind the others.");
}

/* Returns the names in the order that they have then. */
static List *
drop_columns(const Work *w, const List *pairs)
{
	List	   *order = NIL;
	ListCell   *cell;

	foreach(cell, pairs)
	{
		const ColumnPair *pair = lfirst(cell);

		if (pair->to)
		{
			order = lappend(order, unconstify(char *, pair->to->name));
			continue;
		}
		put(w->p, "%s DROP %s %s", w->alter, w->word, pair->from->name);
		lose(w->p, "The values of column %s of %s.", pair->from->name, whose_values(w));
	}
	return order;
}

static void
add_column(const Work *w)
{
	bool		attribute = strcmp(w->word, "ATTRIBUTE") == 0;

	put(w->p, "%s ADD %s %s", w->alter, w->word, attribute ? column_base(w->to) : column_clause(w->p, w->table, w->to));
	miss(w->p, "The values of column %s of %s.", w->to->name, whose_values(w));
	if (!attribute)
		change_settings(w);
}

static void
change_all(Work *w, const ObjectState *from_state)
{
	List	   *to = columns_of(w->table);
	List	   *pairs = pair_columns(w->p, from_state, w->table, to);
	List	   *order = drop_columns(w, pairs);
	ListCell   *cell;

	put_renames(w->p, psprintf("%s RENAME %s", w->alter, w->word), pairs);
	foreach(cell, to)
	{
		w->to = lfirst(cell);
		w->from = paired_with(pairs, w->to);
		if (w->from)
			change_column(w);
		else
		{
			order = lappend(order, unconstify(char *, w->to->name));
			add_column(w);
		}
	}
	check_order(w->table, to, order);
}

void
change_columns(Proposal *p, const char *alter, const ObjectState *from, const ObjectState *to)
{
	Work		w = {p, alter, from, to, strcmp(to->object_type, "type") == 0 ? "ATTRIBUTE" : "COLUMN"};

	change_all(&w, from);
}

/* Those of a view do not change places. */
void
rename_columns(Proposal *p, const char *alter, const ObjectState *from, const ObjectState *to)
{
	put_renames(p, psprintf("%s RENAME COLUMN", alter), pair_places(columns_of(from), columns_of(to)));
}

bool
columns_begin_alike(const ObjectState *from, const ObjectState *to)
{
	List	   *before = columns_of(from);
	List	   *after = columns_of(to);

	if (list_length(before) > list_length(after))
		return false;
	for (int i = 0; i < list_length(before); i++)
	{
		const Column *a = list_nth(before, i);
		const Column *b = list_nth(after, i);

		if (!columns_same_type(a, b))
			return false;
	}
	return true;
}
