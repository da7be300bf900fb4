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

static List *
read_below(const char *root, const char *below, int depth, List *files)
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
		if (stat(path, &st) != 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not stat file \"%s\": %m", path)));
		if (S_ISDIR(st.st_mode))
			files = read_below(root, relative, depth + 1, files);
		else if (S_ISREG(st.st_mode) && mig_layout_wants_file(relative))
		{
			SourceFile *file = palloc(sizeof(SourceFile));

			file->path = to_database_encoding(relative, directory);
			file->content = to_database_encoding(read_file(path), path);
			files = lappend(files, file);
		}
	}
	FreeDir(dir);
	return files;
}

SourceFile *
mig_read_directory(const char *directory, int *n)
{
	SourceFile *result;
	List	   *files;
	ListCell   *cell;

	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read files of the server"),
				 errhint("GRANT pg_read_server_files TO \"%s\";  -- or send the files: migrate.load(paths, contents)",
						 GetUserNameFromId(GetUserId(), false))));
	files = read_below(directory, "", 0, NIL);
	*n = 0;
	result = palloc(Max(list_length(files), 1) * sizeof(SourceFile));
	foreach(cell, files)
		result[(*n)++] = *(SourceFile *) lfirst(cell);
	return result;
}
