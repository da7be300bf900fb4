/*
 * header.c
 *		Read the comment header "-- migrate: key value" at the top of a file.
 */
#include "postgres.h"

#include "common/lines.h"
#include "script/header.h"

#define KNOWN_KEYS "name, project, version, kind, description, requires, conflicts, replaces, tags, options"

/* Names between commas, without the blanks around them. */
static List *
split_names(const char *value)
{
	List	   *names = NIL;

	while (*value != '\0')
	{
		int			length = strcspn(value, ",");
		int			start = strspn(value, " \t");
		int			end = length;

		while (end > start && strchr(" \t", value[end - 1]))
			end--;
		if (end > start)
			names = lappend(names, pnstrdup(value + start, end - start));
		value += length + (value[length] == ',');
	}
	return names;
}

/* Store one value; false for a key that is not known. */
static bool
store(SourceMigration *m, const char *key, char *value)
{
	if (strcmp(key, "name") == 0)
		m->name = value;
	else if (strcmp(key, "project") == 0)
		m->project = value;
	else if (strcmp(key, "version") == 0)
		m->version = value;
	else if (strcmp(key, "kind") == 0)
		m->kind = value;
	else if (strcmp(key, "description") == 0)
		m->description = value;
	else if (strcmp(key, "requires") == 0)
	{
		m->has_requires = true;
		m->requires = split_names(value);
	}
	else if (strcmp(key, "conflicts") == 0)
		m->conflicts = split_names(value);
	else if (strcmp(key, "replaces") == 0)
		m->replaces = split_names(value);
	else if (strcmp(key, "tags") == 0)
		m->tags = split_names(value);
	else if (strcmp(key, "options") == 0)
		m->options = value;
	else
		return false;
	return true;
}

/* One comment line, from its first dash to its end. */
static void
read_line(SourceMigration *m, const char *line, int length, const char *path, int number)
{
	static const char mark[] = "migrate: ";
	char	   *copy = pnstrdup(line + 2, length - 2);
	char	   *at = copy + strspn(copy, " \t");
	char	   *key;
	int			key_length;
	int			end;

	if (strncmp(at, mark, strlen(mark)) != 0)
		return;
	at += strlen(mark);
	at += strspn(at, " \t");
	key_length = strcspn(at, " \t");
	key = pnstrdup(at, key_length);
	at += key_length;
	at += strspn(at, " \t");
	for (end = strlen(at); end > 0 && strchr(" \t\r", at[end - 1]); end--)
		;
	if (!store(m, key, pnstrdup(at, end)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("header key \"%s\" is not known", key),
				 errdetail("%s", mig_place(path, number)),
				 errhint("Known keys are " KNOWN_KEYS ".")));
}

void
mig_header_read(SourceMigration *m, const char *text, const char *path, int first_line)
{
	int			number = first_line;
	const char *at = text;

	for (;;)
	{
		int			length;

		for (; *at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'; at++)
			if (*at == '\n')
				number++;
		if (at[0] == '/' && at[1] == '*')
		{
			int			behind = mig_skip_blank(at, 0);
			const char *close = strstr(at, "*/");

			if (close == NULL || close + 2 - at > behind)
				return;
			number += mig_line_of(at, close + 2 - at) - 1;
			at = close + 2;
			continue;
		}
		if (at[0] != '-' || at[1] != '-')
			return;
		length = strcspn(at, "\n");
		read_line(m, at, length, path, number);
		at += length;
	}
}
