/*
 * header.c
 *		Read the comment header "-- migrate: key value" at the top of a file.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/lines.h"
#include "fmgr.h"
#include "script/header.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

static const char mark[] = "migrate: ";

/* The keys, and what each may be. */
typedef enum HeaderKey
{
	KEY_NAME,
	KEY_PROJECT,
	KEY_VERSION,
	KEY_KIND,
	KEY_DESCRIPTION,
	KEY_REQUIRES,
	KEY_CONFLICTS,
	KEY_REPLACES,
	KEY_TAGS,
	KEY_OPTIONS
} HeaderKey;

static const char *const keys[] = {
	"name", "project", "version", "kind", "description", "requires", "conflicts", "replaces", "tags", "options"
};

/* One header while it is read. */
typedef struct Header
{
	SourceMigration *m;
	const char *path;
	int			line;
	bool		seen[lengthof(keys)];
} Header;

pg_noreturn static void
refuse(const Header *header, const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_internal("%s", message),
			 errdetail("%s", mig_place(header->path, header->line)),
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

static HeaderKey
find_key(const Header *header, const char *name)
{
	for (int i = 0; i < lengthof(keys); i++)
		if (strcmp(keys[i], name) == 0)
			return i;
	refuse(header, psprintf("header key \"%s\" is not known", name),
		   "Keys are name, project, version, kind, description, requires, conflicts, replaces, tags and options.");
}

/* Add names between commas, without the blanks around them. */
static List *
add_names(List *names, const char *value)
{
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

static void
options_context(void *arg)
{
	const Header *header = arg;

	errcontext("header, line %d of %s", header->line, header->path);
}

/* The server's own check and words for what is no JSON. */
static void
check_options(Header *header, const char *value)
{
	ErrorContextCallback callback = {error_context_stack, options_context, header};

	error_context_stack = &callback;
	(void) DirectFunctionCall1(json_in, CStringGetDatum(value));
	error_context_stack = callback.previous;
	if (*value != '{')
		refuse(header, "options must be a JSON object", "Write them as {\"lock_timeout\": 500}.");
}

static bool
is_list(HeaderKey key)
{
	return key == KEY_REQUIRES || key == KEY_CONFLICTS || key == KEY_REPLACES || key == KEY_TAGS;
}

static void
store(Header *header, HeaderKey key, char *value)
{
	SourceMigration *m = header->m;

	switch (key)
	{
		case KEY_NAME:
			m->name = value;
			break;
		case KEY_PROJECT:
			m->project = value;
			break;
		case KEY_VERSION:
			m->version = value;
			break;
		case KEY_KIND:
			m->kind = value;
			break;
		case KEY_DESCRIPTION:
			m->description = value;
			break;
		case KEY_REQUIRES:
			m->has_requires = true;
			m->requires = add_names(m->requires, value);
			break;
		case KEY_CONFLICTS:
			m->conflicts = add_names(m->conflicts, value);
			break;
		case KEY_REPLACES:
			m->replaces = add_names(m->replaces, value);
			break;
		case KEY_TAGS:
			m->tags = add_names(m->tags, value);
			break;
		case KEY_OPTIONS:
			check_options(header, value);
			m->options = value;
			break;
	}
}

/* One comment line, from behind its dashes to its end. */
static void
read_line(Header *header, const char *line, int length)
{
	char	   *at = pnstrdup(line, length);
	HeaderKey	key;
	int			end;

	at += strspn(at, " \t");
	if (strncmp(at, mark, strlen(mark)) != 0)
		return;
	at += strlen(mark);
	at += strspn(at, " \t");
	for (end = strlen(at); end > 0 && strchr(" \t\r", at[end - 1]); end--)
		;
	at[end] = '\0';
	end = strcspn(at, " \t");
	key = find_key(header, pnstrdup(at, end));
	at += end;
	at += strspn(at, " \t");
	/* Several lines of a list add up, and an empty one is an empty list. */
	if (!is_list(key) && header->seen[key])
		refuse(header, psprintf("header key \"%s\" is there a second time", keys[key]), NULL);
	if (!is_list(key) && *at == '\0')
		refuse(header, psprintf("header key \"%s\" has no value", keys[key]), NULL);
	header->seen[key] = true;
	store(header, key, at);
}

/* Length of a comment that begins with slash and star; such comments nest. */
static int
block_comment_length(const char *text)
{
	int			depth = 0;
	int			at = 0;

	do
	{
		if (text[at] == '/' && text[at + 1] == '*')
		{
			depth++;
			at += 2;
		}
		else if (text[at] == '*' && text[at + 1] == '/')
		{
			depth--;
			at += 2;
		}
		else if (text[at] != '\0')
			at++;
	} while (depth > 0 && text[at] != '\0');
	return at;
}

void
mig_header_read(SourceMigration *m, const char *text, const char *path, int first_line)
{
	Header		header = {m, path, first_line};
	const char *at = text;

	/* Most files have none. */
	if (strstr(text, mark) == NULL)
		return;
	for (;;)
	{
		int			length;

		for (; *at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'; at++)
			if (*at == '\n')
				header.line++;
		if (at[0] == '/' && at[1] == '*')
		{
			int			behind = block_comment_length(at);

			header.line += mig_line_of(at, behind) - 1;
			at += behind;
			continue;
		}
		if (at[0] != '-' || at[1] != '-')
			return;
		length = strcspn(at, "\n");
		read_line(&header, at + 2, length - 2);
		at += length;
	}
}
