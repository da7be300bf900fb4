/*
 * names.c
 *		What migrations and projects may be called.
 */
#include "postgres.h"

#include "common/names.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#define MAX_PROJECT_BYTES 63

/*
 * Length of the character at c if none may see it in a name, else 0: control
 * characters, and in UTF-8 those of C1 and the ones that turn the direction of
 * what stands around them, so that a name is not what it looks like.
 */
static int
unseen_length(const unsigned char *c)
{
	if (*c != '\0' && (*c < ' ' || *c == 0x7f))
		return 1;
	if (GetDatabaseEncoding() != PG_UTF8)
		return 0;
	if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
		return 2;				/* U+0080 to U+009F */
	if (c[0] == 0xe2 &&
		((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||	/* U+202A to U+202E */
		 (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)))	/* U+2066 to U+2069 */
		return 3;
	return 0;
}

static bool
has_unseen(const char *name)
{
	for (const unsigned char *c = (const unsigned char *) name; *c; c++)
		if (unseen_length(c) > 0)
			return true;
	return false;
}

char *
mig_clipped(const char *name)
{
	int			length = pg_mbcliplen(name, strlen(name), 60);
	StringInfoData clipped;
	int			unseen;

	initStringInfo(&clipped);
	for (const unsigned char *c = (const unsigned char *) name; c < (const unsigned char *) name + length; c++)
	{
		unseen = unseen_length(c);
		if (unseen == 0)
			appendStringInfoChar(&clipped, *c);
		else if (unseen == 1)
			appendStringInfo(&clipped, "\\x%02x", *c);
		else
			appendStringInfo(&clipped, "\\u%04x", (unsigned int) utf8_to_unicode(c));
		c += Max(unseen, 1) - 1;
	}
	if (name[length] != '\0')
		appendStringInfoString(&clipped, "...");
	return clipped.data;
}

static const char *
name_fault(const char *name)
{
	size_t		length = strlen(name);

	if (length == 0)
		return "A name cannot be empty.";
	if (length > MIG_MAX_NAME_BYTES)
		return "A name has at most 255 bytes.";
	if (has_unseen(name))
		return "A name cannot contain control characters.";
	if (name[0] == ' ' || name[length - 1] == ' ')
		return "A name cannot begin or end with a space.";
	if (name[0] == '@')
		return "A name cannot begin with \"@\".";
	if (strcmp(name, "zero") == 0 || strcmp(name, "latest") == 0)
		return "\"zero\" and \"latest\" mean something else as a target.";
	return NULL;
}

void
mig_check_name(const char *name)
{
	const char *fault = name_fault(name);

	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name for a migration: \"%s\"", mig_clipped(name)),
				 errdetail("%s", fault)));
}

void
mig_check_project(const char *project)
{
	size_t		length = strlen(project);

	if (length == 0 || length > MAX_PROJECT_BYTES ||
		strspn(project, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") != length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name for a project: \"%s\"", mig_clipped(project)),
				 errdetail("A project has 1 to 63 letters, digits, \"_\", \".\" or \"-\".")));
}

void
mig_check_path(const char *path)
{
	if (has_unseen(path))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid path of a file: \"%s\"", mig_clipped(path)),
				 errdetail("A path cannot contain control characters.")));
}

void
mig_list_name(StringInfo list, const char *name)
{
	appendStringInfo(list, "%s\"%s\"", list->len > 0 ? ", " : "", name);
}
