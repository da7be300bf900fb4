/*
 * reconcile_index.c
 *		What a statement that was under way has made, rebuilt or dropped of indexes.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "run/reconcile_private.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

RangeVar *
reconcile_dropped_index(const ScriptStatement *stmt)
{
	return makeRangeVarFromNameList(linitial(castNode(DropStmt, stmt->raw->stmt)->objects));
}

static Oid
table_of_index(Oid index)
{
	return OidIsValid(index) ? IndexGetRelation(index, true) : InvalidOid;
}

Oid
reconcile_table(const ScriptStatement *stmt)
{
	const Node *node = stmt->raw->stmt;
	const ReindexStmt *reindex = (const ReindexStmt *) node;

	switch (nodeTag(node))
	{
		case T_IndexStmt:
			return RangeVarGetRelid(((const IndexStmt *) node)->relation, NoLock, true);
		case T_DropStmt:
			return table_of_index(RangeVarGetRelid(reconcile_dropped_index(stmt), NoLock, true));
		case T_ReindexStmt:
			if (reindex->kind == REINDEX_OBJECT_INDEX)
				return table_of_index(RangeVarGetRelid(reindex->relation, NoLock, true));
			return reindex->kind == REINDEX_OBJECT_TABLE ? RangeVarGetRelid(reindex->relation, NoLock, true) : InvalidOid;
		default:
			return InvalidOid;
	}
}

static bool
index_is_valid(Oid index, bool *exists)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	bool		valid;

	*exists = HeapTupleIsValid(tuple);
	if (!*exists)
		return false;
	valid = ((Form_pg_index) GETSTRUCT(tuple))->indisvalid;
	ReleaseSysCache(tuple);
	return valid;
}

/* What REINDEX CONCURRENTLY calls the old one of an index: clipped to fit, and numbered where that is taken. */
static bool
is_old_name(const char *name, const char *index)
{
	const char *label = name + strlen(name);

	while (label > name && isdigit((unsigned char) label[-1]))
		label--;
	if (label - name < (ptrdiff_t) strlen("_ccold"))
		return false;
	label -= strlen("ccold");
	return strncmp(label, "ccold", strlen("ccold")) == 0 &&
		strcmp(name, makeObjectName(index, NULL, label)) == 0;
}

/* Without opening the table, which somebody may have locked. */
static List *
indexes_of(Oid table)
{
	Relation	pg_index = table_open(IndexRelationId, AccessShareLock);
	List	   *result = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
	scan = systable_beginscan(pg_index, IndexIndrelidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend_oid(result, ((Form_pg_index) GETSTRUCT(tuple))->indexrelid);
	systable_endscan(scan);
	table_close(pg_index, AccessShareLock);
	return result;
}

/*
 * The old one of an index that was rebuilt, if it is left between swapping and
 * dropping.  What an earlier rebuild has left is older still.
 */
static Oid
old_index_left(Oid index)
{
	const char *name = get_rel_name(index);
	Oid			result = InvalidOid;
	ListCell   *cell;

	/* Both may be dropped at any time. */
	foreach(cell, indexes_of(IndexGetRelation(index, true)))
	{
		Oid			other = lfirst_oid(cell);
		const char *other_name = get_rel_name(other);
		bool		exists;

		if (name && other_name && !index_is_valid(other, &exists) && exists && other < index && other > result &&
			is_old_name(other_name, name))
			result = other;
	}
	return result;
}

char *
mig_reconcile_drop(Oid index)
{
	bool		exists;

	return index_is_valid(index, &exists) || !exists ? NULL : psprintf("DROP INDEX CONCURRENTLY %s", reconcile_name(index));
}

void
mig_refuse_invalid_index(const ScriptStatement *stmt)
{
	const IndexStmt *makes = (const IndexStmt *) stmt->raw->stmt;
	Oid			table;
	Oid			index;
	char	   *drop;

	if (!IsA(makes, IndexStmt) || !makes->if_not_exists || makes->idxname == NULL)
		return;
	table = RangeVarGetRelid(makes->relation, NoLock, true);
	index = OidIsValid(table) ? get_relname_relid(makes->idxname, get_rel_namespace(table)) : InvalidOid;
	/* That of a partitioned table is valid once each partition has one. */
	if (!OidIsValid(index) || get_rel_relkind(index) != RELKIND_INDEX || (drop = mig_reconcile_drop(index)) == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("index \"%s\" is there, but is not valid", makes->idxname),
			 errdetail("Somebody builds it at present, or a build of it has failed; IF NOT EXISTS would leave it so."),
			 errhint("%s;  then call again.", drop)));
}

/* REINDEX rebuilds the index of what is stored out of line as well, in a schema that is closed to most. */
static void
drop_first(Reconciliation *result, Oid index)
{
	reconcile_run_first(result, mig_reconcile_drop(index), index, get_rel_namespace(index) == PG_TOAST_NAMESPACE);
}

static const char *
column_of(const IndexElem *element)
{
	Node	   *last;

	if (element->name || !IsA(element->expr, ColumnRef))
		return element->name;
	last = llast(((const ColumnRef *) element->expr)->fields);
	return IsA(last, String) ? strVal(last) : NULL;
}

/* Could an index be what CREATE INDEX makes, by its columns as far as they have names? */
static bool
is_like(Oid index, const IndexStmt *stmt)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	const int2vector *keys;
	bool		same;

	if (!HeapTupleIsValid(tuple))
		return false;
	keys = &((Form_pg_index) GETSTRUCT(tuple))->indkey;
	same = ((Form_pg_index) GETSTRUCT(tuple))->indisvalid && ((Form_pg_index) GETSTRUCT(tuple))->indisunique == stmt->unique &&
		((Form_pg_index) GETSTRUCT(tuple))->indnkeyatts == list_length(stmt->indexParams);
	for (int i = 0; same && i < list_length(stmt->indexParams); i++)
	{
		const char *name = column_of(list_nth_node(IndexElem, stmt->indexParams, i));
		const char *column = get_attname(((Form_pg_index) GETSTRUCT(tuple))->indrelid, keys->values[i], true);

		same = name && column ? strcmp(name, column) == 0 : name == NULL && keys->values[i] == 0;
	}
	ReleaseSysCache(tuple);
	return same;
}

void
reconcile_gone(Reconciliation *result, const ScriptStatement *stmt, const Unfinished *unfinished, Oid gone)
{
	const IndexStmt *makes = IsA(stmt->raw->stmt, IndexStmt) ? (const IndexStmt *) stmt->raw->stmt : NULL;
	const char *name = makes ? makes->idxname : reconcile_dropped_index(stmt)->relname;
	ListCell   *cell;

	foreach(cell, indexes_of(unfinished->table))
	{
		Oid			index = lfirst_oid(cell);
		const char *index_name = get_rel_name(index);

		if (index_name == NULL || !(name ? strcmp(index_name, name) == 0 : index > gone && is_like(index, makes)))
			continue;
		result->left = mig_reconcile_drop(index);
		reconcile_unknown(result, psprintf(result->left ? "Its index has gone, and %s is there and is not valid." :
										   "Its index has gone, and %s is there, perhaps made out of it.", reconcile_name(index)));
	}
}

/* Would the statement work on another table than the one that it was begun on? */
static void
judge_place(Reconciliation *result, const ScriptStatement *stmt, Oid table)
{
	const Node *node = stmt->raw->stmt;
	const RangeVar *name = IsA(node, IndexStmt) ? ((const IndexStmt *) node)->relation : ((const ReindexStmt *) node)->relation;

	if (!OidIsValid(table) || !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table)))
		return;
	if (IsA(node, ReindexStmt) && ((const ReindexStmt *) node)->kind == REINDEX_OBJECT_INDEX ?
		name->schemaname || reconcile_table(stmt) == table : reconcile_means(name, table))
		return;
	reconcile_elsewhere(result, psprintf("It was begun on what is called %s now, and would go on on something else, or nothing.",
									 reconcile_name(table)));
}

void
reconcile_indexes(Reconciliation *result, const ScriptStatement *stmt, const Unfinished *unfinished)
{
	bool		rebuilds = IsA(stmt->raw->stmt, ReindexStmt);
	ListCell   *cell;

	foreach(cell, ledger_noted_objects(unfinished->project, unfinished->name))
	{
		Oid			index = ((ObjectAddress *) lfirst(cell))->objectId;
		Oid			old;
		bool		exists;

		if (index_is_valid(index, &exists))
		{
			result->verdict = VERDICT_DONE;
			old = rebuilds ? old_index_left(index) : InvalidOid;
			if (OidIsValid(old))
				drop_first(result, old);
		}
		else if (exists)
			drop_first(result, index);
		else if (!rebuilds)
			reconcile_gone(result, stmt, unfinished, index);
	}
	/* Rebuilding what is built does no harm, and others may be left to do. */
	if (result->before != NIL || rebuilds)
		result->verdict = VERDICT_AGAIN;
	if (result->verdict == VERDICT_AGAIN)
		judge_place(result, stmt, unfinished->table);
}
