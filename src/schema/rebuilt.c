/*
 * rebuilt.c
 *		What the server drops and makes anew under the same name: constraints,
 *		indexes and statistics over a column that gets another type, and indexes
 *		that are built again beside the old ones.
 *
 * They are whose they were, although nothing but the name says so.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_statistic_ext.h"
#include "common/compat.h"
#include "schema/rebuilt.h"

typedef struct Named
{
	ObjectAddress address;
	char	   *identity;		/* NULL: not read yet, or not there any more */
} Named;

/* NULL: no such statement runs. */
static Rebuilding *innermost = NULL;

bool
mig_rebuilds(const Node *stmt)
{
	ListCell   *cell;

	if (!IsA(stmt, AlterTableStmt))
		return IsA(stmt, ReindexStmt);
	foreach(cell, ((const AlterTableStmt *) stmt)->cmds)
		if (mig_rebuilds_dependants(lfirst_node(AlterTableCmd, cell)))
			return true;
	return false;
}

void
mig_rebuilt_begin(Rebuilding *rebuilding, const Node *stmt)
{
	rebuilding->outer = innermost;
	rebuilding->context = CurrentMemoryContext;
	rebuilding->all_made = IsA(stmt, ReindexStmt);
	rebuilding->dropped = rebuilding->made = NIL;
	innermost = rebuilding;
}

void
mig_rebuilt_end(const Rebuilding *rebuilding)
{
	innermost = rebuilding->outer;
}

static bool
may_be_rebuilt(const ObjectAddress *address)
{
	return address->objectSubId == 0 &&
		(address->classId == RelationRelationId || address->classId == ConstraintRelationId || address->classId == StatisticExtRelationId);
}

static List *
with_named(List *list, const ObjectAddress *address, bool with_identity)
{
	MemoryContext before = MemoryContextSwitchTo(innermost->context);
	Named	   *named = palloc(sizeof(Named));

	named->address = *address;
	named->identity = with_identity ? getObjectIdentity(address, true) : NULL;
	list = lappend(list, named);
	MemoryContextSwitchTo(before);
	return list;
}

void
mig_rebuilt_note_dropped(const ObjectAddress *address)
{
	if (innermost && may_be_rebuilt(address))
		innermost->dropped = with_named(innermost->dropped, address, true);
}

/* It can be read once the statement is over. */
void
mig_rebuilt_note_made(const ObjectAddress *address)
{
	if (innermost && may_be_rebuilt(address))
		innermost->made = with_named(innermost->made, address, false);
}

static int
compare_named(const ListCell *a, const ListCell *b)
{
	const Named *one = lfirst(a);
	const Named *other = lfirst(b);

	if (one->address.classId != other->address.classId)
		return one->address.classId < other->address.classId ? -1 : 1;
	return strcmp(one->identity ? one->identity : "", other->identity ? other->identity : "");
}

static List *
with_rebuilt(List *result, const ObjectAddress *was, const ObjectAddress *is)
{
	Rebuilt    *rebuilt = palloc(sizeof(Rebuilt));

	rebuilt->was = *was;
	rebuilt->is = *is;
	return lappend(result, rebuilt);
}

static List *
all_that_were_made(const List *made)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, made)
		result = with_rebuilt(result, &InvalidObjectAddress, &((const Named *) lfirst(cell))->address);
	return result;
}

/* Both in the order of their names. */
static List *
matched(const List *dropped, const List *made)
{
	List	   *result = NIL;
	int			i = 0;
	int			j = 0;

	while (i < list_length(dropped) && j < list_length(made))
	{
		int			order = compare_named(list_nth_cell(dropped, i), list_nth_cell(made, j));
		const Named *was = list_nth(dropped, i);

		if (order == 0 && was->identity)
			result = with_rebuilt(result, &was->address, &((const Named *) list_nth(made, j))->address);
		i += order <= 0;
		j += order >= 0;
	}
	return result;
}

List *
mig_rebuilt(Rebuilding *rebuilding)
{
	ListCell   *cell;

	if (rebuilding->all_made)
		return all_that_were_made(rebuilding->made);
	foreach(cell, rebuilding->made)
	{
		Named	   *named = lfirst(cell);

		named->identity = getObjectIdentity(&named->address, true);
	}
	list_sort(rebuilding->dropped, compare_named);
	list_sort(rebuilding->made, compare_named);
	return matched(rebuilding->dropped, rebuilding->made);
}
