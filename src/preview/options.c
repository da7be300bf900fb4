/*
 * options.c
 *		Lists of options as definitions have them: name=value, name='a value', secret;
 *		and settings.
 */
#include "postgres.h"

#include "commands/tablespace.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "preview/propose_private.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

typedef struct Option
{
	char	   *name;
	char	   *value;			/* as a literal; NULL: it is a secret */
} Option;

static int
value_length(const char *text)
{
	const char *p = text;

	if (*p != '\'' && strncmp(p, "E'", 2) != 0 && strncmp(p, " E'", 3) != 0)
		return strcspn(text, ",");
	p = strchr(p, '\'') + 1;
	for (; *p; p++)
	{
		if (*p != '\'')
			continue;
		if (p[1] != '\'')
			return p + 1 - text;
		p++;
	}
	return p - text;
}

static List *
read_options(const char *text)
{
	List	   *result = NIL;

	while (text && *text)
	{
		Option	   *option = palloc0(sizeof(Option));
		int			length = strcspn(text, "=,");

		option->name = pnstrdup(text, length);
		text += length;
		if (*text == '=')
		{
			length = value_length(++text);
			option->value = pnstrdup(text, length);
			if (strchr(option->value, '\'') == NULL)
				option->value = quote_literal_cstr(option->value);
			text += length;
		}
		text += strspn(text, ", ");
		result = lappend(result, option);
	}
	return result;
}

static const Option *
option_named(const List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
		if (strcmp(((const Option *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

static bool
same_option(const Option *a, const Option *b)
{
	return a && b && a->value && b->value && strcmp(a->value, b->value) == 0;
}

/* Those of a relation are checked words, numbers and names. */
char *
with_options(const char *options, const char *prefix)
{
	StringInfoData result;
	ListCell   *cell;

	initStringInfo(&result);
	foreach(cell, read_options(options))
	{
		const Option *option = lfirst(cell);

		appendStringInfo(&result, "%s%s%s", result.len ? ", " : "", prefix, quote_identifier(option->name));
		if (option->value)
			appendStringInfo(&result, "=%s", option->value);
	}
	return result.len ? result.data : NULL;
}

void
change_options(Proposal *p, const char *alter, const char *prefix, const char *from, const char *to)
{
	List	   *before = read_options(from);
	List	   *after = read_options(to);
	ListCell   *cell;

	foreach(cell, before)
		if (option_named(after, ((Option *) lfirst(cell))->name) == NULL)
			put(p, "%s RESET (%s%s)", alter, prefix, quote_identifier(((Option *) lfirst(cell))->name));
	foreach(cell, after)
	{
		const Option *option = lfirst(cell);

		if (!same_option(option_named(before, option->name), option))
			put(p, "%s SET (%s%s=%s)", alter, prefix, quote_identifier(option->name), option->value ? option->value : "''");
	}
}

static const char *
foreign_value(const ObjectState *state, const Option *option)
{
	if (option->value == NULL)
		cannot(state, "The value of option \"%s\" is a secret, which is not kept.", option->name);
	return option->value;
}

char *
foreign_options(const ObjectState *state, const char *options)
{
	StringInfoData result;
	ListCell   *cell;

	initStringInfo(&result);
	foreach(cell, read_options(options))
	{
		const Option *option = lfirst(cell);

		appendStringInfo(&result, "%s%s %s", result.len ? ", " : " OPTIONS (", quote_identifier(option->name),
						 foreign_value(state, option));
	}
	if (result.len)
		appendStringInfoChar(&result, ')');
	return result.data;
}

const char *
tablespace_of_database(void)
{
	return quote_identifier(get_tablespace_name(MyDatabaseTableSpace));
}

void
lose_secrets(Proposal *p, const ObjectState *from, const char *options)
{
	ListCell   *cell;

	foreach(cell, read_options(options))
	{
		const Option *option = lfirst(cell);

		if (option->value == NULL)
			lose(p, "The value of option %s of %s %s.", option->name, from->object_type, from->identity);
	}
}

void
change_foreign_options(Proposal *p, const ObjectState *to, const char *alter, const char *from, const char *to_options)
{
	List	   *before = read_options(from);
	List	   *after = read_options(to_options);
	ListCell   *cell;

	foreach(cell, before)
	{
		const Option *option = lfirst(cell);

		if (option_named(after, option->name))
			continue;
		put(p, "%s OPTIONS (DROP %s)", alter, quote_identifier(option->name));
		if (option->value == NULL)
			lose(p, "The value of option %s of %s %s.", option->name, to->object_type, to->identity);
	}
	foreach(cell, after)
	{
		const Option *option = lfirst(cell);
		const Option *old = option_named(before, option->name);

		/* That a secret is there on both sides is all that is known of it. */
		if (old && old->value == NULL && option->value == NULL)
			continue;
		if (!same_option(old, option))
			put(p, "%s OPTIONS (%s %s %s)", alter, old ? "SET" : "ADD", quote_identifier(option->name), foreign_value(to, option));
	}
}

/* ---- settings ---- */

/*
 * A list of names is kept with each in the quotes that it needs.  As names they
 * could not be empty, as strings they can: search_path is so often "".
 */
char *
setting_clause(const char *name, const char *value)
{
	StringInfoData values;
	List	   *elements = NIL;
	ListCell   *cell;

	initStringInfo(&values);
	if ((GetConfigOptionFlags(name, true) & GUC_LIST_QUOTE) != 0 &&
		SplitGUCList(pstrdup(value), ',', &elements))
		foreach(cell, elements)
			appendStringInfo(&values, "%s%s", values.len > 0 ? ", " : "", quote_literal_cstr(lfirst(cell)));
	return psprintf("SET %s TO %s", quote_identifier(name), elements ? values.data : quote_literal_cstr(value));
}
