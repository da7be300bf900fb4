/*
 * operators.c
 *		Operators, operator classes and families, access methods, casts, transforms.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "preview/propose_private.h"

static void
put_item(StringInfo text, const char *key, const char *value)
{
	if (value)
		appendStringInfo(text, "%s%s = %s", text->len ? ", " : "", key, value);
}

static char *
function_name(const char *identity)
{
	return identity ? without_arguments(identity) : NULL;
}

static char *
operator_or_null(const char *identity)
{
	return identity ? operator_name(identity) : NULL;
}

/* ---- operators ---- */

/* The comma between the operands, which may be types with parentheses and quotes. */
static int
first_operand(const char *operands)
{
	bool		quoted = false;
	int			depth = 0;
	int			i;

	for (i = 0; operands[i]; i++)
	{
		if (operands[i] == '"')
			quoted = !quoted;
		else if (!quoted && operands[i] == '(')
			depth++;
		else if (!quoted && operands[i] == ')')
			depth--;
		else if (!quoted && depth == 0 && operands[i] == ',')
			break;
	}
	return i;
}

static void
create_operator(Proposal *p, const ObjectState *to)
{
	StringInfoData text;
	char	   *operands = arguments_of(to->identity);
	int			comma = first_operand(operands);
	char	   *left = pnstrdup(operands, comma);

	if (defined(to, "operator"))
		cannot(to, "It is but mentioned by another operator.");
	initStringInfo(&text);
	put_item(&text, "FUNCTION", function_name(defined(to, "function")));
	put_item(&text, "LEFTARG", strcmp(left, "NONE") == 0 ? NULL : left);
	put_item(&text, "RIGHTARG", operands[comma] ? operands + comma + 1 : NULL);
	put_item(&text, "COMMUTATOR", operator_or_null(defined(to, "commutator")));
	put_item(&text, "NEGATOR", operator_or_null(defined(to, "negator")));
	put_item(&text, "RESTRICT", function_name(defined(to, "restrict")));
	put_item(&text, "JOIN", function_name(defined(to, "join")));
	if (defined(to, "hashes"))
		appendStringInfoString(&text, ", HASHES");
	if (defined(to, "merges"))
		appendStringInfoString(&text, ", MERGES");
	put(p, "CREATE OPERATOR %s (%s)", without_arguments(to->identity), text.data);
}

static void
change_operator(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	static const char *const keys[] = {"restrict", "join"};

	if (!same_defined(from, to, "function") || !same_defined(from, to, "commutator") || !same_defined(from, to, "negator") ||
		!same_defined(from, to, "merges") || !same_defined(from, to, "hashes"))
		cannot(to, "This of an operator cannot be changed.");
	for (int i = 0; i < lengthof(keys); i++)
	{
		const char *value = function_name(defined(to, keys[i]));

		if (!same_defined(from, to, keys[i]))
			put(p, "ALTER OPERATOR %s SET (%s = %s)", to->identity, keys[i], value ? value : "NONE");
	}
}

/* ---- classes and families ---- */

/* "operator 1 (a, b): schema.op(a,b) for order by family", as a class and ALTER OPERATOR FAMILY have it. */
static char *
member_item(const char *member)
{
	bool		is_operator = strncmp(member, "operator ", 9) == 0;
	const char *operands = strchr(member, '(');
	const char *colon = strstr(member, "): ");
	char	   *number;
	char	   *what;
	char	   *order;

	number = pnstrdup(strchr(member, ' ') + 1, operands - strchr(member, ' ') - 2);
	what = pstrdup(colon + 3);
	if (!is_operator)
		return psprintf("FUNCTION %s %.*s %s", number, (int) (colon + 1 - operands), operands, what);
	order = strstr(what, " for order by ");
	if (order)
	{
		*order = '\0';
		order += strlen(" for order by ");
		if (strstr(order, " USING "))
			*strstr(order, " USING ") = '\0';
	}
	return psprintf("OPERATOR %s %s %.*s%s%s", number, without_arguments(what), (int) (colon + 1 - operands), operands,
					order ? " FOR ORDER BY " : "", order ? order : "");
}

static char *
members_of(const ObjectState *state)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, values_of(find_part(state, "definition", ""), "member"))
		appendStringInfo(&text, "%s%s", text.len ? ",\n    " : "", member_item(lfirst(cell)));
	return text.data;
}

/* Name and method of "schema.name USING method". */
static char *
using_of(const char *identity, char **method)
{
	char	   *name;

	split_at(identity, " USING ", &name, method);
	return name;
}

static void
create_class(Proposal *p, const ObjectState *to)
{
	char	   *method;
	char	   *family_method;
	char	   *name = using_of(to->identity, &method);
	char	   *family = using_of(needed(to, "family"), &family_method);
	char	   *members = members_of(to);
	const char *storage = defined(to, "storage");

	put(p, "CREATE OPERATOR CLASS %s%s FOR TYPE %s USING %s FAMILY %s AS\n    %s%s%s%s", name,
		defined(to, "default") ? " DEFAULT" : "", defined(to, "type"), method, family,
		storage ? "STORAGE " : "", storage ? storage : "", storage && *members ? ",\n    " : "", members);
}

static void
create_family(Proposal *p, const ObjectState *to)
{
	char	   *members = members_of(to);

	put(p, "CREATE OPERATOR FAMILY %s", to->identity);
	if (*members)
		put(p, "ALTER OPERATOR FAMILY %s ADD\n    %s", to->identity, members);
}

static bool
has_member(const List *members, const char *member)
{
	ListCell   *cell;

	foreach(cell, members)
		if (strcmp(lfirst(cell), member) == 0)
			return true;
	return false;
}

static void
change_family(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	List	   *before = values_of(find_part(from, "definition", ""), "member");
	List	   *after = values_of(find_part(to, "definition", ""), "member");
	ListCell   *cell;

	foreach(cell, before)
	{
		char	   *member = lfirst(cell);

		if (!has_member(after, member))
			put(p, "ALTER OPERATOR FAMILY %s DROP %.*s", to->identity, (int) (strstr(member, "): ") + 1 - member), member);
	}
	foreach(cell, after)
		if (!has_member(before, lfirst(cell)))
			put(p, "ALTER OPERATOR FAMILY %s ADD %s", to->identity, member_item(lfirst(cell)));
}

/* ---- access methods, casts, transforms ---- */

static void
create_access_method(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE ACCESS METHOD %s TYPE %s HANDLER %s", to->identity, defined(to, "type"), function_name(defined(to, "handler")));
}

static void
create_cast(Proposal *p, const ObjectState *to)
{
	const char *method = needed(to, "method");
	const char *context = needed(to, "context");

	put(p, "CREATE CAST %s %s%s%s", to->identity,
		strcmp(method, "inout") == 0 ? "WITH INOUT" : strcmp(method, "binary") == 0 ? "WITHOUT FUNCTION" : "WITH FUNCTION ",
		strcmp(method, "function") == 0 ? defined(to, "function") : "",
		strcmp(context, "implicit") == 0 ? " AS IMPLICIT" : strcmp(context, "assignment") == 0 ? " AS ASSIGNMENT" : "");
}

/* "for type on language name", since 17 without the "on". */
static char *
transform_name(const char *identity)
{
	char	   *type;
	char	   *language;

	split_at(identity + strlen("for "), " language ", &type, &language);
	if (strlen(type) > 3 && strcmp(type + strlen(type) - 3, " on") == 0)
		type[strlen(type) - 3] = '\0';
	return psprintf("FOR %s LANGUAGE %s", type, language);
}

static void
create_transform(Proposal *p, const ObjectState *to)
{
	const char *from_sql = defined(to, "from sql");
	const char *to_sql = defined(to, "to sql");

	put(p, "CREATE TRANSFORM %s (%s)", transform_name(to->identity),
		list_of(from_sql ? psprintf("FROM SQL WITH FUNCTION %s", from_sql) : NULL,
				to_sql ? psprintf("TO SQL WITH FUNCTION %s", to_sql) : NULL, (char *) -1));
}

static const ProposalClass
			operator = {"operator", "OPERATOR", NULL, NULL, NULL, create_operator, change_operator, NULL},
			operator_class = {"operator class", "OPERATOR CLASS", NULL, NULL, NULL, create_class, NULL, NULL},
			operator_family = {"operator family", "OPERATOR FAMILY", NULL, NULL, NULL, create_family, change_family, NULL},
			access_method = {"access method", "ACCESS METHOD", NULL, NULL, NULL, create_access_method, NULL, NULL},
			cast = {"cast", "CAST", NULL, NULL, NULL, create_cast, NULL, NULL},
			transform = {"transform", "TRANSFORM", NULL, NULL, transform_name, create_transform, NULL, NULL};

const ProposalClass *const operator_classes[] = {
	&operator, &operator_class, &operator_family, &access_method, &cast, &transform, NULL
};
