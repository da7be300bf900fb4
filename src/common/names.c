/*
 * names.c
 *		What migrations and projects may be called.
 */
#include "postgres.h"

#include "common/names.h"
#include "mb/pg_wchar.h"

#define MAX_NAME_BYTES 255
#define MAX_PROJECT_BYTES 63

/* As much of a name as a message can hold. */
char *
mig_clipped(const char *name)
{
	int			length = pg_mbcliplen(name, strlen(name), 60);

	return name[length] == '\0' ? pstrdup(name) : psprintf("%.*s...", length, name);
}

static const char *
name_fault(const char *name)
{
	size_t		length = strlen(name);

	if (length == 0)
		return "A name cannot be empty.";
	if (length > MAX_NAME_BYTES)
		return "A name has at most 255 bytes.";
	for (const unsigned char *c = (const unsigned char *) name; *c; c++)
		if (*c < ' ' || *c == 0x7f)
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
