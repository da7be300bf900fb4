/*
 * remarks.c
 *		What objects of all classes have: owner, privileges, comments, security
 *		labels, extensions that they depend on.
 */
#include "postgres.h"

#include "preview/propose_private.h"
#include "utils/builtins.h"

static char *
owner_of(const ObjectState *state)
{
	return value_of(find_part(state, "owner", ""), "owner");
}

static void
change_owner(Proposal *p, const ProposalClass *class, const char *name, const ObjectState *from, const ObjectState *to)
{
	const char *before = owner_of(from);
	const char *after = owner_of(to);

	if (after == NULL || (before && strcmp(before, after) == 0))
		return;
	if (strcmp(class->object_type, "extension") == 0)
	{
		if (before)
			cannot(to, "The owner of an extension cannot be changed.");
		return;
	}
	put(p, "ALTER %s %s OWNER TO %s", class->keyword, name, after);
}

/* ---- privileges ---- */

/* What one owner had the next one has. */
static List *
owned_by(const List *lines, const char *before, const char *after)
{
	List	   *result = NIL;
	ListCell   *cell;
	int			length = strlen(before);

	foreach(cell, lines)
	{
		char	   *line = lfirst(cell);

		if (strncmp(line, before, length) == 0 && line[length] == ' ')
			line = psprintf("%s%s", after, line + length);
		result = lappend(result, line);
	}
	return result;
}

/* NULL for the part: as such objects usually have them. */
static List *
lines_of(const StoredPart *part, const char *object_type, const char *owner)
{
	return part ? values_of(part, "grant") : usual_grants(object_type, owner);
}

static void
change_privileges(Proposal *p, const ProposalClass *class, const char *name, const ObjectState *from, const ObjectState *to)
{
	const char *before = owner_of(from);
	const char *after = owner_of(to);
	List	   *have;

	if (class->grants_on == NULL || after == NULL)
		return;
	have = from ? lines_of(find_part(from, "privileges", ""), class->object_type, before ? before : after) :
		usual_grants(class->object_type, after);
	if (before && strcmp(before, after) != 0)
		have = owned_by(have, before, after);
	change_grants(p, to, psprintf("%s %s", class->grants_on, name), NULL, have,
				  lines_of(find_part(to, "privileges", ""), class->object_type, after));
}

static void
change_column_privileges(Proposal *p, const ProposalClass *class, const char *name,
						 const ObjectState *from, const ObjectState *to)
{
	const char *before = owner_of(from);
	const char *after = owner_of(to);
	ListCell   *cell;

	if (class->grants_on == NULL)
		return;
	foreach(cell, to->parts)
	{
		const StoredPart *part = lfirst(cell);
		List	   *have;

		if (strcmp(part->kind, "column") != 0)
			continue;
		have = values_of(find_part(from, "column privileges", part->name), "grant");
		if (before && after && strcmp(before, after) != 0)
			have = owned_by(have, before, after);
		change_grants(p, to, psprintf("%s %s", class->grants_on, name), quote_identifier(part->name), have,
					  values_of(find_part(to, "column privileges", part->name), "grant"));
	}
}

/* ---- comments, labels ---- */

static char *
literal_or_null(const char *text)
{
	return text ? quote_literal_cstr(text) : "NULL";
}

/* Who is meant in COMMENT ON and SECURITY LABEL ON. */
static char *
subject(const ProposalClass *class, const char *name, const ObjectState *to, const char *kind, const char *part)
{
	char	   *own;
	char	   *whole;

	if (strncmp(kind, "column ", strlen("column ")) == 0)
		return psprintf("COLUMN %s.%s", to->identity, quote_identifier(part));
	if (strcmp(class->object_type, "domain constraint") == 0)
	{
		split_on(to->identity, &own, &whole);
		return psprintf("CONSTRAINT %s ON DOMAIN %s", own, whole);
	}
	return psprintf("%s %s", class->keyword, name);
}

static void
change_comment(Proposal *p, const ProposalClass *class, const char *name, const ObjectState *to,
			   const StoredPart *part, bool removed)
{
	put(p, "COMMENT ON %s IS %s", subject(class, name, to, part->kind, part->name),
		removed ? "NULL" : literal_or_null(value_of(part, "comment")));
}

/* The name of the part is that of the provider, behind that of the column. */
static void
change_label(Proposal *p, const ProposalClass *class, const char *name, const ObjectState *to,
			 const StoredPart *part, bool removed)
{
	const char *provider = strrchr(part->name, ' ');
	char	   *column = provider ? pnstrdup(part->name, provider - part->name) : "";

	provider = provider ? provider + 1 : part->name;
	put(p, "SECURITY LABEL FOR %s ON %s IS %s", quote_identifier(provider), subject(class, name, to, part->kind, column),
		removed ? "NULL" : literal_or_null(value_of(part, psprintf("security label %s", provider))));
}

static bool
is_comment(const StoredPart *part)
{
	return strcmp(part->kind, "comment") == 0 || strcmp(part->kind, "column comment") == 0;
}

static bool
is_label(const StoredPart *part)
{
	return strcmp(part->kind, "security label") == 0 || strcmp(part->kind, "column security label") == 0;
}

/* That of a column goes with it. */
static bool
column_is_gone(const StoredPart *part, const ObjectState *to)
{
	char	   *column;

	if (strncmp(part->kind, "column ", strlen("column ")) != 0)
		return false;
	column = pstrdup(part->name);
	if (is_label(part) && strrchr(column, ' '))
		*strrchr(column, ' ') = '\0';
	return find_part(to, "column", column) == NULL;
}

static void
change_words(Proposal *p, const ProposalClass *class, const char *name, const ObjectState *from, const ObjectState *to)
{
	ListCell   *cell;

	foreach(cell, from ? from->parts : NIL)
	{
		const StoredPart *part = lfirst(cell);

		if (find_part(to, part->kind, part->name) || column_is_gone(part, to))
			continue;
		if (is_comment(part))
			change_comment(p, class, name, to, part, true);
		else if (is_label(part))
			change_label(p, class, name, to, part, true);
	}
	foreach(cell, to->parts)
	{
		const StoredPart *part = lfirst(cell);
		const StoredPart *old = find_part(from, part->kind, part->name);

		if (old && strcmp(old->text, part->text) == 0)
			continue;
		if (is_comment(part))
			change_comment(p, class, name, to, part, false);
		else if (is_label(part))
			change_label(p, class, name, to, part, false);
	}
}

/* ---- extensions ---- */

static bool
names_extension(const char *list, const char *extension)
{
	int			length = strlen(extension);

	for (const char *p = list; p && *p;)
	{
		int			n = identifier_length(p);

		if (n == length && strncmp(p, extension, n) == 0)
			return true;
		p += n;
		p += strspn(p, ", ");
	}
	return false;
}

static void
put_extensions(Proposal *p, const char *alter, const char *list, const char *other, const char *no)
{
	for (const char *e = list; e && *e;)
	{
		char	   *extension = pnstrdup(e, identifier_length(e));

		if (!names_extension(other, extension))
			put(p, "%s %sDEPENDS ON EXTENSION %s", alter, no, extension);
		e += strlen(extension);
		e += strspn(e, ", ");
	}
}

static void
change_extensions(Proposal *p, const ProposalClass *class, const char *name, const ObjectState *from, const ObjectState *to)
{
	const char *before = value_of(find_part(from, "depends on extension", ""), "depends on extension");
	const char *after = value_of(find_part(to, "depends on extension", ""), "depends on extension");
	char	   *alter = psprintf("ALTER %s %s", class->keyword, name);

	put_extensions(p, alter, before, after, "NO ");
	put_extensions(p, alter, after, before, "");
}

void
change_remarks(Proposal *p, const ProposalClass *class, const char *name, const ObjectState *from, const ObjectState *to)
{
	change_owner(p, class, name, from, to);
	change_privileges(p, class, name, from, to);
	change_column_privileges(p, class, name, from, to);
	change_words(p, class, name, from, to);
	change_extensions(p, class, name, from, to);
}
