/*
 * files.c
 *		Read a directory of migrations on the server.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "catalog/pg_authid.h"
#include "common/lines.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "register/files.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#define MAX_DEPTH 16

/* Bytes of a file, as a string in the database's encoding. */
static char *
read_file(const char *path)
{
	FILE	   *file = AllocateFile(path, "rb");
	struct stat st;
	char	   *bytes;
	size_t		length;

	if (file == NULL || fstat(fileno(file), &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", path)));
	if (st.st_size > MaxAllocSize - 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("file \"%s\" is too large", path)));
	bytes = palloc(st.st_size + 1);
	length = fread(bytes, 1, st.st_size, file);
	if (ferror(file))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", path)));
	FreeFile(file);
	bytes[length] = '\0';
	if (memchr(bytes, '\0', length) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("file \"%s\" contains a zero byte", path)));
	return bytes;
}

static void
file_context(void *arg)
{
	errcontext("file \"%s\"", (const char *) arg);
}

/* Files and their names are in UTF-8, as every migration tool has them. */
static char *
to_database_encoding(char *bytes, const char *path)
{
	ErrorContextCallback callback = {error_context_stack, file_context, unconstify(char *, path)};
	char	   *text;

	error_context_stack = &callback;
	bytes = mig_without_mark(bytes);
	text = pg_any_to_server(bytes, strlen(bytes), PG_UTF8);
	error_context_stack = callback.previous;
	return text;
}

/* Add the paths of all files below a directory. */
static List *
list_below(const char *root, const char *below, int depth, List *paths)
{
	char	   *directory = below[0] ? psprintf("%s/%s", root, below) : pstrdup(root);
	DIR		   *dir = AllocateDir(directory);
	struct dirent *entry;

	if (depth > MAX_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("directory \"%s\" is nested too deeply", root)));
	while ((entry = ReadDir(dir, directory)) != NULL)
	{
		char	   *relative;
		char	   *path;
		struct stat st;

		CHECK_FOR_INTERRUPTS();
		if (entry->d_name[0] == '.')
			continue;
		relative = below[0] ? psprintf("%s/%s", below, entry->d_name) : pstrdup(entry->d_name);
		path = psprintf("%s/%s", root, relative);
		/* What is wanted and cannot be had is an error when it is read. */
		if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
			paths = lappend(paths, relative);
		else if (S_ISDIR(st.st_mode))
			paths = list_below(root, relative, depth + 1, paths);
	}
	FreeDir(dir);
	return paths;
}

SourceFile *
mig_read_directory(const char *directory, const char *layout, int *n)
{
	SourceFile *result;
	List	   *paths;
	ListCell   *cell;

	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read files of the server"),
				 errhint("GRANT pg_read_server_files TO \"%s\";  -- or send the files: migrate.load(paths, contents)",
						 GetUserNameFromId(GetUserId(), false))));
	paths = mig_layout_wanted(list_below(directory, "", 0, NIL), layout);
	*n = 0;
	result = palloc(Max(list_length(paths), 1) * sizeof(SourceFile));
	foreach(cell, paths)
	{
		char	   *relative = lfirst(cell);
		char	   *path = psprintf("%s/%s", directory, relative);
		SourceFile *file = &result[(*n)++];

		CHECK_FOR_INTERRUPTS();
		file->path = to_database_encoding(relative, path);
		file->content = to_database_encoding(read_file(path), path);
	}
	return result;
}
