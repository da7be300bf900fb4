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

/* Where the property ends that text is in: before a line that is neither empty nor indented. */
static const char *
end_of_property(const char *text)
{
	const char *p = text;

	for (;;)
	{
		const char *end = strchr(p, '\n');

		if (end == NULL)
			return p + strlen(p);
		p = end + 1;
		if (*p == '\0')
			return end;
		if (*p != '\n' && strncmp(p, "    ", 4) != 0)
			return end;
	}
}

/* A value without the indentation of its lines. */
static char *
unindented(const char *start, const char *end)
{
	char	   *result = palloc(end - start + 1);
	char	   *out = result;

	for (const char *p = start; p < end; p++)
	{
		*out++ = *p;
		if (*p == '\n' && end - p > 4 && strncmp(p + 1, "    ", 4) == 0)
			p += 4;
	}
	*out = '\0';
	return result;
}

/* A key ends in ": " and its value, or in ":" and has the value in the lines below. */
static Property *
property_at(const char *text, const char *end)
{
	Property   *property = palloc(sizeof(Property));
	const char *key = text + strspn(text, " ");
	const char *colon = key;

	while (colon < end && !(*colon == ':' && (colon[1] == ' ' || colon[1] == '\n' || colon[1] == '\0')))
		colon++;
	property->key = pnstrdup(key, colon - key);
	if (colon + 1 < end && colon[1] == '\n')
	{
		const char *value = colon + 2;

		property->value = unindented(end - value >= 4 && strncmp(value, "    ", 4) == 0 ? value + 4 : value, end);
	}
	else
		property->value = colon + 2 <= end ? unindented(colon + 2, end) : pstrdup("");
	return property;
}

List *
properties_of(const StoredPart *part)
{
	List	   *result = NIL;
	const char *text = part ? part->text : "";

	while (*text)
	{
		const char *end = end_of_property(text);

		result = lappend(result, property_at(text, end));
		text = *end ? end + 1 : end;
	}
	return result;
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
