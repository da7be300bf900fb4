/*
 * complain.c
 *		Errors about files: those that list the culprits, those that name a
 *		line.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/lines.h"
#include "common/names.h"
#include "lib/stringinfo.h"
#include "script/layouts/layouts_private.h"

#define MAX_CULPRITS 10

void
layout_culprits(int code, const char *message, List *paths, const char *hint)
{
	StringInfoData list;
	ListCell   *cell;
	int			n = 0;

	initStringInfo(&list);
	foreach(cell, paths)
	{
		if (n == MAX_CULPRITS)
		{
			appendStringInfo(&list, " and %d more", list_length(paths) - n);
			break;
		}
		mig_list_name(&list, lfirst(cell));
		n++;
	}
	ereport(ERROR,
			(errcode(code),
			 errmsg_internal("%s", message),
			 n == 1 ? errdetail("It is %s.", list.data) : n > 1 ? errdetail("They are %s.", list.data) : 0,
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

void
layout_cannot(const char *message, const char *path, int line, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_MIG_CANNOT_RUN),
			 errmsg_internal("%s", message),
			 errdetail("%s", mig_place(path, line)),
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}
