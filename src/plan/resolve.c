/*
 * resolve.c
 *		Find a migration by what people call it.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/names.h"
#include "lib/stringinfo.h"
#include "plan/plan.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#define MAX_SUGGESTIONS 3
#define MAX_NAME_COMPARED 255	/* longest that the server's distance takes */

/* Order names by how much must be changed to make them the one asked for. */
typedef struct Suggestion
{
	const FullName *full;
	int			distance;
} Suggestion;

static int
compare_suggestions(const void *a, const void *b)
{
	const Suggestion *left = a;
	const Suggestion *right = b;

	if (left->distance != right->distance)
		return left->distance < right->distance ? -1 : 1;
	return strcmp(left->full->name, right->full->name);
}

static char *
quoted_names(List *found, int most)
{
	StringInfoData names;
	ListCell   *cell;
	int			n = 0;

	initStringInfo(&names);
	foreach(cell, found)
	{
		FullName   *full = lfirst(cell);

		if (n++ == most)
		{
			appendStringInfo(&names, " and %d more", list_length(found) - most);
			break;
		}
		mig_list_name(&names, psprintf("%s:%s", full->project, full->name));
	}
	return names.data;
}

/* The names nearest to one that is not there, or NULL. */
static char *
nearest_names(const char *name, const char *project)
{
	List	   *all = ledger_all_names(project);
	Suggestion *suggestions = palloc(Max(list_length(all), 1) * sizeof(Suggestion));
	int			length = strlen(name);
	int			limit = Max(3, length / 2);
	List	   *best = NIL;
	ListCell   *cell;
	int			n = 0;

	if (length > MAX_NAME_COMPARED)
		return NULL;
	foreach(cell, all)
	{
		FullName   *full = lfirst(cell);
		int			distance;

		if (strlen(full->name) > MAX_NAME_COMPARED)
			continue;
		distance = varstr_levenshtein_less_equal(name, length, full->name, strlen(full->name),
												 1, 1, 1, limit, true);
		if (distance > limit && strstr(full->name, name) == NULL)
			continue;
		suggestions[n].full = full;
		suggestions[n++].distance = distance;
	}
	qsort(suggestions, n, sizeof(Suggestion), compare_suggestions);
	for (int i = 0; i < Min(n, MAX_SUGGESTIONS); i++)
		best = lappend(best, unconstify(FullName *, suggestions[i].full));
	return best ? quoted_names(best, MAX_SUGGESTIONS) : NULL;
}

static void
raise_not_found(const char *name, const char *project)
{
	char	   *nearest = nearest_names(name, project);

	ereport(ERROR,
			(errcode(ERRCODE_MIG_NO_SUCH_MIGRATION),
			 strlen(name) > MAX_NAME_COMPARED ?
			 errmsg("no migration has a name of %zu bytes", strlen(name)) :
			 project ?
			 errmsg("migration \"%s\" is not registered in project \"%s\"", name, project) :
			 errmsg("migration \"%s\" is not registered", name),
			 nearest ? errhint("Did you mean %s?", nearest) :
			 errhint("SELECT project, name FROM migrate.migrations;  -- all there are")));
}

/* The one that was found, NULL for none; several are an error. */
static FullName *
only_one(List *found, const char *name)
{
	if (list_length(found) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_AMBIGUOUS),
				 errmsg("\"%s\" is not unique: %d migrations match", name, list_length(found)),
				 errdetail("They are %s.", quoted_names(found, 20)),
				 errhint("Give the full name, project:name.")));
	return found ? linitial(found) : NULL;
}

void
mig_require_project(const char *project)
{
	List	   *projects;
	ListCell   *cell;
	StringInfoData names;

	if (project == NULL || ledger_has_project(project))
		return;
	projects = ledger_projects();
	initStringInfo(&names);
	foreach(cell, projects)
		mig_list_name(&names, lfirst(cell));
	ereport(ERROR,
			(errcode(ERRCODE_MIG_NO_SUCH_MIGRATION),
			 errmsg("nothing is registered in project \"%s\"", mig_clipped(project)),
			 projects ? errhint("Projects are %s.", names.data) :
			 errhint("Load migrations first: SELECT * FROM migrate.load_directory('<directory>', project => '<project>');")));
}

FullName *
mig_find(const char *name, const char *project)
{
	const char *colon = strchr(name, ':');
	FullName   *found;

	if (colon)
	{
		char	   *own = pnstrdup(name, colon - name);

		if (project == NULL || strcmp(own, project) == 0)
		{
			found = only_one(ledger_find_exact(own, colon + 1), name);
			if (found == NULL && colon[1] != '\0' && ledger_has_project(own))
			{
				found = only_one(ledger_find_version(own, colon + 1), name);
				if (found == NULL)
					found = only_one(ledger_find_prefix(own, colon + 1), name);
			}
			if (found)
				return found;
		}
	}
	if ((found = only_one(ledger_find_exact(project, name), name)) == NULL &&
		(found = only_one(ledger_find_version(project, name), name)) == NULL &&
		name[0] != '\0')
		found = only_one(ledger_find_prefix(project, name), name);
	return found;
}

FullName *
mig_resolve(const char *name, const char *project)
{
	FullName   *found = mig_find(name, project);

	if (found == NULL)
		raise_not_found(name, project);
	return found;
}

FullName *
mig_find_equal_version(const char *version, const char *project)
{
	return only_one(ledger_find_equal_version(project, version), version);
}
