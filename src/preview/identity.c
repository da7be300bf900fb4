/*
 * identity.c
 *		Names as they stand in identities of objects, taken apart.
 */
#include "postgres.h"

#include "preview/propose_private.h"

int
identifier_length(const char *text)
{
	const char *p = text;

	if (*p != '"')
		return strcspn(text, " .(,");
	for (p++; *p; p++)
	{
		if (*p != '"')
			continue;
		if (p[1] != '"')
			return p + 1 - text;
		p++;
	}
	return p - text;
}

/* An operator has any signs in its name. */
static int
name_length(const char *text)
{
	if (*text != '"' && strchr("+-*/<>=~!@#%^&|`?", *text))
		return strspn(text, "+-*/<>=~!@#%^&|`?");
	return identifier_length(text);
}

void
split_qualified(const char *identity, char **schema, char **name, char **rest)
{
	int			length = identifier_length(identity);

	*schema = NULL;
	if (identity[length] == '.')
	{
		*schema = pnstrdup(identity, length);
		identity += length + 1;
	}
	length = name_length(identity);
	*name = pnstrdup(identity, length);
	*rest = pstrdup(identity + length);
}

/* What is before and behind the last place where a word stands; nothing is behind one that does not. */
void
split_at(const char *text, const char *word, char **before, char **behind)
{
	const char *at = NULL;

	for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
		at = p;
	*before = at ? pnstrdup(text, at - text) : pstrdup(text);
	*behind = pstrdup(at ? at + strlen(word) : "");
}

void
split_on(const char *identity, char **name, char **whole)
{
	const char *on = identity + (*identity == '"' ? identifier_length(identity) : strcspn(identity, " "));

	*name = pnstrdup(identity, on - identity);
	*whole = pstrdup(on + Min(strlen(on), strlen(" on ")));
}

char *
name_on(const char *identity)
{
	char	   *name;
	char	   *whole;

	split_on(identity, &name, &whole);
	return psprintf("%s ON %s", name, whole);
}

char *
without_arguments(const char *identity)
{
	char	   *schema;
	char	   *name;
	char	   *rest;

	split_qualified(identity, &schema, &name, &rest);
	return schema ? psprintf("%s.%s", schema, name) : name;
}

char *
arguments_of(const char *identity)
{
	char	   *schema;
	char	   *name;
	char	   *rest;

	split_qualified(identity, &schema, &name, &rest);
	if (*rest == '(' && rest[strlen(rest) - 1] == ')')
		return pnstrdup(rest + 1, strlen(rest) - 2);
	return pstrdup("");
}

char *
operator_name(const char *identity)
{
	return psprintf("OPERATOR(%s)", without_arguments(identity));
}

void
split_column(const char *identity, char **relation, char **column)
{
	const char *p = identity;

	for (;;)
	{
		int			length = identifier_length(p);

		if (p[length] != '.')
			break;
		p += length + 1;
	}
	*column = pstrdup(p);
	*relation = p > identity ? pnstrdup(identity, p - identity - 1) : pstrdup("");
}
