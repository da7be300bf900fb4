/*
 * prepared.c
 *		What migrations PREPARE, of which an abort takes nothing back: the same
 *		name is the next try's, or the next migration's.
 */
#include "postgres.h"

#include "commands/prepare.h"
#include "run/run.h"
#include "utils/memutils.h"

/* One that a migration has prepared in this session; somebody else's of that name has another time. */
typedef struct Prepared
{
	char		name[NAMEDATALEN];
	TimestampTz at;
} Prepared;

/* Of Prepared *, for as long as the session lasts. */
static List *prepared = NIL;

static Prepared *
find(const char *name)
{
	ListCell   *cell;

	foreach(cell, prepared)
		if (strncmp(((const Prepared *) lfirst(cell))->name, name, NAMEDATALEN - 1) == 0)
			return lfirst(cell);
	return NULL;
}

void
mig_prepare_before(const PrepareStmt *stmt)
{
	const PreparedStatement *there = FetchPreparedStatement(stmt->name, false);
	const Prepared *own = find(stmt->name);

	if (there && own && own->at == there->prepare_time)
		DropPreparedStatement(stmt->name, false);
}

void
mig_prepare_after(const PrepareStmt *stmt)
{
	Prepared   *own = find(stmt->name);

	if (own == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

		own = palloc(sizeof(Prepared));
		strlcpy(own->name, stmt->name, NAMEDATALEN);
		prepared = lappend(prepared, own);
		MemoryContextSwitchTo(before);
	}
	own->at = FetchPreparedStatement(stmt->name, true)->prepare_time;
}
