/*
 * text_search.c
 *		Text search: parsers, templates, dictionaries, configurations.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "preview/propose_private.h"

static char *
function_item(const char *key, const char *identity)
{
	return identity ? psprintf("%s = %s", key, without_arguments(identity)) : NULL;
}

static void
create_parser(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE TEXT SEARCH PARSER %s (%s)", to->identity,
		list_of(function_item("START", defined(to, "start")), function_item("GETTOKEN", defined(to, "token")),
				function_item("END", defined(to, "end")), function_item("HEADLINE", defined(to, "headline")),
				function_item("LEXTYPES", defined(to, "token types")), (char *) -1));
}

static void
create_template(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE TEXT SEARCH TEMPLATE %s (%s)", to->identity,
		list_of(function_item("INIT", defined(to, "init")), function_item("LEXIZE", defined(to, "lexize")), (char *) -1));
}

/* Its options are written as a statement has them. */
static void
create_dictionary(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE TEXT SEARCH DICTIONARY %s (TEMPLATE = %s%s%s)", to->identity, defined(to, "template"),
		defined(to, "options") ? ", " : "", defined(to, "options") ? defined(to, "options") : "");
}

/* The names in "name='value', ..." that another list has not. */
static void
put_dictionary_options(Proposal *p, const char *identity, const char *before, const char *after)
{
	StringInfoData text;
	Proposal	all = {0};
	ListCell   *cell;

	/* RESET and SET, one option each, with the words that this statement has for them. */
	change_options(&all, "", "", before, after);
	initStringInfo(&text);
	foreach(cell, all.statements)
	{
		const char *statement = lfirst(cell);
		const char *open = strchr(statement, '(') + 1;

		appendStringInfo(&text, "%s%.*s", text.len ? ", " : "", (int) strlen(open) - 1, open);
	}
	put(p, "ALTER TEXT SEARCH DICTIONARY %s (%s)", identity, text.data);
}

/* Options that are no longer to be there are given without a value. */
static void
change_dictionary(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	if (!same_defined(from, to, "template"))
		cannot(to, "The template of a dictionary cannot be changed.");
	if (!same_defined(from, to, "options"))
		put_dictionary_options(p, to->identity, defined(from, "options"), defined(to, "options"));
}

static const char *
mapped_token(const Property *property)
{
	return strncmp(property->key, "map ", 4) == 0 ? property->key + 4 : NULL;
}

static void
refuse_numbers(const ObjectState *to, const char *token)
{
	if (strncmp(token, "type ", 5) == 0)
		cannot(to, "What its parser calls token %s is not known.", token);
}

static void
change_mappings(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const StoredPart *before = find_part(from, "definition", "");
	const StoredPart *after = find_part(to, "definition", "");
	ListCell   *cell;

	foreach(cell, properties_of(before))
	{
		const char *token = mapped_token(lfirst(cell));

		if (token == NULL || value_of(after, ((Property *) lfirst(cell))->key))
			continue;
		refuse_numbers(to, token);
		put(p, "ALTER TEXT SEARCH CONFIGURATION %s DROP MAPPING FOR %s", to->identity, token);
	}
	foreach(cell, properties_of(after))
	{
		const Property *property = lfirst(cell);
		const char *token = mapped_token(property);

		if (token == NULL || same_value(before, after, property->key))
			continue;
		refuse_numbers(to, token);
		put(p, "ALTER TEXT SEARCH CONFIGURATION %s %s MAPPING FOR %s WITH %s", to->identity,
			value_of(before, property->key) ? "ALTER" : "ADD", token, property->value);
	}
}

static void
create_configuration(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE TEXT SEARCH CONFIGURATION %s (PARSER = %s)", to->identity, defined(to, "parser"));
	change_mappings(p, NULL, to);
}

static void
change_configuration(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	if (!same_defined(from, to, "parser"))
		cannot(to, "The parser of a configuration cannot be changed.");
	change_mappings(p, from, to);
}

static const ProposalClass
			parser = {"text search parser", "TEXT SEARCH PARSER", NULL, NULL, NULL, create_parser, NULL, NULL},
			template = {"text search template", "TEXT SEARCH TEMPLATE", NULL, NULL, NULL, create_template, NULL, NULL},
			dictionary = {"text search dictionary", "TEXT SEARCH DICTIONARY", NULL, NULL, NULL, create_dictionary, change_dictionary, NULL},
			configuration = {"text search configuration", "TEXT SEARCH CONFIGURATION", NULL, NULL, NULL, create_configuration, change_configuration, NULL};

const ProposalClass *const text_search_classes[] = {&parser, &template, &dictionary, &configuration, NULL};
