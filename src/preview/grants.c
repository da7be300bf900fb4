/*
 * grants.c
 *		Privileges: from one set of lines to another.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "preview/propose_private.h"

#define WITH_OPTION " with grant option"

/* A line taken apart: "role WORDS [with grant option] [by role]". */
typedef struct Grant
{
	char	   *grantee;
	char	   *words;
	bool		option;
	char	   *grantor;		/* NULL: the owner */
} Grant;

static Grant
read_grant(const char *line)
{
	Grant		grant = {0};
	int			length = *line == '"' ? identifier_length(line) : strcspn(line, " ");
	char	   *rest;
	char	   *by;
	int			n;

	grant.grantee = pnstrdup(line, length);
	rest = pstrdup(line[length] ? line + length + 1 : "");
	by = strstr(rest, " by ");
	if (by)
	{
		grant.grantor = by + strlen(" by ");
		*by = '\0';
	}
	n = strlen(rest) - strlen(WITH_OPTION);
	if (n >= 0 && strcmp(rest + n, WITH_OPTION) == 0)
	{
		grant.option = true;
		rest[n] = '\0';
	}
	grant.words = rest;
	return grant;
}

/* SELECT (column), UPDATE (column) */
static char *
words_of_column(const char *words, const char *column)
{
	StringInfoData result;

	initStringInfo(&result);
	for (const char *p = words; *p;)
	{
		int			length = strcspn(p, ",");

		appendStringInfo(&result, "%s%.*s (%s)", result.len ? ", " : "", length, p, column);
		p += length;
		p += strspn(p, ", ");
	}
	return result.data;
}

static bool
has_line(const List *lines, const char *line)
{
	ListCell   *cell;

	foreach(cell, lines)
		if (strcmp(lfirst(cell), line) == 0)
			return true;
	return false;
}

static void
put_grant(Proposal *p, const ObjectState *to, const char *line, const char *on, const char *column, bool revoke)
{
	Grant		grant = read_grant(line);
	char	   *words = column ? words_of_column(grant.words, column) : grant.words;

	if (strcmp(line, "nobody") == 0)
		return;
	if (grant.grantor)
		cannot(to, "The privilege \"%s\" is one that another than the owner gives.", line);
	if (revoke)
		put(p, "REVOKE %s ON %s FROM %s", words, on, grant.grantee);
	else
		put(p, "GRANT %s ON %s TO %s%s", words, on, grant.grantee, grant.option ? " WITH GRANT OPTION" : "");
}

void
change_grants(Proposal *p, const ObjectState *to, const char *on, const char *column,
			  const List *from, const List *to_lines)
{
	ListCell   *cell;

	foreach(cell, from)
		if (!has_line(to_lines, lfirst(cell)))
			put_grant(p, to, lfirst(cell), on, column, true);
	foreach(cell, to_lines)
		if (!has_line(from, lfirst(cell)))
			put_grant(p, to, lfirst(cell), on, column, false);
}

List *
usual_grants(const char *object_type, const char *owner)
{
	const char *everybody = mig_schema_usual_privileges(object_type, true);
	List	   *result = everybody ? list_make1(psprintf("PUBLIC %s", everybody)) : NIL;

	return lappend(result, psprintf("%s %s", owner, mig_schema_usual_privileges(object_type, false)));
}
