/*
 * properties.c
 *		Definitions, read again: the parts of an object, and the lines of them.
 */
#include "postgres.h"

#include "preview/propose_private.h"
#include "schema/state.h"

const StoredPart *
find_part(const ObjectState *state, const char *kind, const char *name)
{
	return state ? mig_state_part(state->parts, kind, name) : NULL;
}

List *
properties_of(const StoredPart *part)
{
	return part ? mig_schema_properties(part->text) : NIL;
}

List *
values_of(const StoredPart *part, const char *key)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, properties_of(part))
	{
		const Property *property = lfirst(cell);

		if (strcmp(property->key, key) == 0)
			result = lappend(result, property->value);
	}
	return result;
}

char *
value_of(const StoredPart *part, const char *key)
{
	List	   *values = values_of(part, key);

	return values ? linitial(values) : NULL;
}

bool
same_parts(const StoredPart *a, const StoredPart *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a->text, b->text) == 0;
}

bool
same_value(const StoredPart *a, const StoredPart *b, const char *key)
{
	const char *one = value_of(a, key);
	const char *other = value_of(b, key);

	return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

char *
defined(const ObjectState *state, const char *key)
{
	return value_of(find_part(state, "definition", ""), key);
}

/* Of what every such object has. */
char *
needed(const ObjectState *state, const char *key)
{
	char	   *value = defined(state, key);

	if (value == NULL)
		cannot(state, "Its definition does not say its %s.", key);
	return value;
}

bool
same_defined(const ObjectState *a, const ObjectState *b, const char *key)
{
	return same_value(find_part(a, "definition", ""), find_part(b, "definition", ""), key);
}
