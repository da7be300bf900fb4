/*
 * properties.c
 *		Definitions, read again: the lines that a description was put together of.
 */
#include "postgres.h"

#include "schema/properties.h"

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
	property->nested = key > text;
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
mig_schema_properties(const char *text)
{
	List	   *result = NIL;

	while (*text)
	{
		const char *end = end_of_property(text);

		result = lappend(result, property_at(text, end));
		text = *end ? end + 1 : end;
	}
	return result;
}

bool
mig_schema_says(const char *definition, const char *key, const char *value)
{
	char	   *line = psprintf("%s: %s", key, value ? value : "");
	size_t		length = strlen(line);

	for (const char *p = definition; p; p = strchr(p, '\n'))
	{
		p += *p == '\n';
		if (strncmp(p, line, length) == 0 && (value == NULL || p[length] == '\n' || p[length] == '\0'))
			return true;
	}
	return false;
}
