/*
 * ignored.c
 *		Does an object belong to what is ignored?  Told from what is known of it,
 *		since it may not be there any more.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "common/identity.h"
#include "lib/stringinfo.h"
#include "schema/ignored.h"
#include "schema/properties.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* The identifier that a text begins with, without its quotes; *end is what follows. */
static char *
first_identifier(const char *text, const char **end)
{
	StringInfoData name;
	bool		quoted = *text == '"';

	initStringInfo(&name);
	for (text += quoted; *text; text++)
	{
		if (quoted && *text == '"' && *++text != '"')
			break;
		if (!quoted && strchr(" .(", *text))
			break;
		appendStringInfoChar(&name, *text);
	}
	*end = text;
	return name.data;
}

/* Of an object as its identity says it, or NULL. */
static char *
schema_of(const char *object_type, const char *identity)
{
	const char *end;
	const char *on;
	char	   *name;

	if (strcmp(object_type, "schema") == 0)
		return first_identifier(identity, &end);
	if (strcmp(object_type, "default acl") == 0)
	{
		on = mig_behind_word(identity, " in schema ");
		return on ? first_identifier(on, &end) : NULL;
	}
	on = mig_behind_word(identity, " on ");
	name = first_identifier(on ? on : identity, &end);
	return *end == '.' ? name : NULL;
}

static bool
is_like(const char *text, const char *pattern)
{
	return DatumGetBool(DirectFunctionCall2Coll(textlike, C_COLLATION_OID,
												CStringGetTextDatum(text), CStringGetTextDatum(pattern)));
}

static bool
holds(const IgnoreRule *rule, const Difference *difference)
{
	const StateRow *row = difference->to ? difference->to : difference->from;
	const char *schema;

	if (rule->object_type && strcmp(rule->object_type, row->object_type) != 0)
		return false;
	if (rule->identity_like && !is_like(row->identity, rule->identity_like))
		return false;
	if (rule->schema_name &&
		((schema = schema_of(row->object_type, row->identity)) == NULL || strcmp(schema, rule->schema_name) != 0))
		return false;
	/* On both sides: nobody hides what he has done by giving it away. */
	if (rule->role_name &&
		((difference->from && !mig_schema_says(difference->from_definition, "owner", quote_identifier(rule->role_name))) ||
		 (difference->to && !mig_schema_says(difference->to_definition, "owner", quote_identifier(rule->role_name)))))
		return false;
	return true;
}

bool
mig_is_ignored(const List *rules, const Difference *difference)
{
	ListCell   *cell;

	foreach(cell, rules)
		if (holds(lfirst(cell), difference))
			return true;
	return false;
}
