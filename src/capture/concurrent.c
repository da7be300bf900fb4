/*
 * concurrent.c
 *		Rows of commands that commit on their way: CREATE and DROP INDEX
 *		CONCURRENTLY, DETACH PARTITION CONCURRENTLY and the like.
 *
 * What such a command has committed stays when it fails later, so that its row
 * goes with the first of its transactions.  Not before: some must be the first
 * in theirs.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "capture/capture_private.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "common/plain_names.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

List *
mig_touched_add_relation(List *objects, const char *action, Oid oid)
{
	ObjectAddress address;

	if (!OidIsValid(oid))
		return objects;
	ObjectAddressSet(address, RelationRelationId, oid);
	return mig_touched_add(objects, action, getObjectTypeDescription(&address, false),
						   get_namespace_name(get_rel_namespace(oid)), getObjectIdentity(&address, false));
}

static bool
is_of_this_transaction(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
	ReleaseSysCache(tuple);
	return result;
}

/* The index that has just been made; the statement need not name it. */
static List *
made_indexes(const IndexStmt *stmt)
{
	Oid			oid = RangeVarGetRelid(stmt->relation, NoLock, true);
	Relation	table = OidIsValid(oid) ? try_table_open(oid, AccessShareLock) : NULL;
	List	   *objects = NIL;
	ListCell   *cell;

	if (table == NULL)
		return NIL;
	foreach(cell, RelationGetIndexList(table))
		if (is_of_this_transaction(lfirst_oid(cell)))
			objects = mig_touched_add_relation(objects, "create", lfirst_oid(cell));
	table_close(table, AccessShareLock);
	return objects;
}

/* What the event triggers, which fire at its end, will say. */
static List *
objects_so_far(const Node *stmt)
{
	List	   *objects = NIL;
	ListCell   *cell;

	if (IsA(stmt, IndexStmt))
		return made_indexes((const IndexStmt *) stmt);
	if (IsA(stmt, DropStmt))
	{
		foreach(cell, ((const DropStmt *) stmt)->objects)
			objects = mig_touched_add_relation(objects, "drop", RangeVarGetRelid(makeRangeVarFromNameList(lfirst(cell)), NoLock, true));
		return objects;
	}
	if (!IsA(stmt, AlterTableStmt))
		return NIL;
	objects = mig_touched_add_relation(NIL, "alter", RangeVarGetRelid(((const AlterTableStmt *) stmt)->relation, NoLock, true));
	foreach(cell, ((const AlterTableStmt *) stmt)->cmds)
	{
		const AlterTableCmd *alter = lfirst(cell);

		if (alter->subtype == AT_DetachPartition)
			objects = mig_touched_add_relation(objects, "alter", RangeVarGetRelid(castNode(PartitionCmd, alter->def)->name, NoLock, true));
	}
	return objects;
}

static void
at_commit(XactEvent event, void *arg)
{
	Frame	   *frame = mig_innermost_frame();
	MemoryContext before;

	if (event != XACT_EVENT_PRE_COMMIT || frame == NULL || frame->recorded || frame->undecided || mig_record_is_lenient())
		return;
	before = MemoryContextSwitchTo(frame->context);
	if (frame->kind == STATEMENT_EVENT)
	{
		int			names = mig_plain_names_begin();

		frame->objects = objects_so_far(frame->stmt);
		mig_plain_names_end(names);
	}
	frame->recorded = true;
	mig_record(frame->tag, frame->text, true, frame->objects);
	MemoryContextSwitchTo(before);
}

void
mig_concurrent_init(void)
{
	RegisterXactCallback(at_commit, NULL);
}
