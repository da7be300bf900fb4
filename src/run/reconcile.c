/*
 * reconcile.c
 *		A statement that cannot be rolled back was begun, and nobody knows how it
 *		ended: the catalog does, for most.
 *
 * Names do not count where oids can be had: what stands under a name may be
 * somebody else's.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_subscription.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "common/compat.h"
#include "ledger/expected.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "run/apart.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Whatever it is of, somebody may drop it at any time. */
static char *
still_there(char *name)
{
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("what an interrupted statement was about has been dropped meanwhile")));
	return name;
}

static char *
qualified_name(Oid relation)
{
	char	   *name = still_there(get_rel_name(relation));

	return quote_qualified_identifier(still_there(get_namespace_name(get_rel_namespace(relation))), name);
}

/* The partition that a statement detaches. */
static const RangeVar *
detached(const AlterTableStmt *alter)
{
	return castNode(PartitionCmd, linitial_node(AlterTableCmd, alter->cmds)->def)->name;
}

/* Any other table is not detached, however often that is tried. */
static Oid
if_partition(Oid relation)
{
	return OidIsValid(relation) && get_rel_relispartition(relation) ? relation : InvalidOid;
}

/* The index that a DROP INDEX CONCURRENTLY names: it takes one only. */
static RangeVar *
dropped_index(const ScriptStatement *stmt)
{
	return makeRangeVarFromNameList(linitial(castNode(DropStmt, stmt->raw->stmt)->objects));
}

/* What the object that the statement names is; invalid: nothing. */
static Oid
object_of(const ScriptStatement *stmt)
{
	const Node *node = stmt->raw->stmt;

	switch (nodeTag(node))
	{
		case T_DropStmt:
			return RangeVarGetRelid(dropped_index(stmt), NoLock, true);
		case T_AlterTableStmt:
			return if_partition(RangeVarGetRelid(detached((const AlterTableStmt *) node), NoLock, true));
		case T_CreatedbStmt:
			return get_database_oid(((const CreatedbStmt *) node)->dbname, true);
		case T_DropdbStmt:
			return get_database_oid(((const DropdbStmt *) node)->dbname, true);
		case T_CreateTableSpaceStmt:
			return get_tablespace_oid(((const CreateTableSpaceStmt *) node)->tablespacename, true);
		case T_DropTableSpaceStmt:
			return get_tablespace_oid(((const DropTableSpaceStmt *) node)->tablespacename, true);
		case T_CreateSubscriptionStmt:
			return get_subscription_oid(((const CreateSubscriptionStmt *) node)->subname, true);
		case T_DropSubscriptionStmt:
			return get_subscription_oid(((const DropSubscriptionStmt *) node)->subname, true);
		case T_TransactionStmt:
			return ledger_prepared_transaction(((const TransactionStmt *) node)->gid);
		default:
			return InvalidOid;
	}
}

static Oid
table_of_index(Oid index)
{
	return OidIsValid(index) ? IndexGetRelation(index, true) : InvalidOid;
}

/* The one table whose indexes the statement makes, rebuilds or drops, by the names that it has; invalid: none. */
static Oid
table_of(const ScriptStatement *stmt)
{
	const Node *node = stmt->raw->stmt;
	const ReindexStmt *reindex = (const ReindexStmt *) node;

	switch (nodeTag(node))
	{
		case T_IndexStmt:
			return RangeVarGetRelid(((const IndexStmt *) node)->relation, NoLock, true);
		case T_DropStmt:
			return table_of_index(RangeVarGetRelid(dropped_index(stmt), NoLock, true));
		case T_ReindexStmt:
			if (reindex->kind == REINDEX_OBJECT_INDEX)
				return table_of_index(RangeVarGetRelid(reindex->relation, NoLock, true));
			return reindex->kind == REINDEX_OBJECT_TABLE ? RangeVarGetRelid(reindex->relation, NoLock, true) : InvalidOid;
		default:
			return InvalidOid;
	}
}

/* The catalog of what a statement changes, of what is expected of the schema; invalid: none. */
static Oid
class_changed(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_DropStmt:
		case T_AlterTableStmt:
			return RelationRelationId;
		case T_DropSubscriptionStmt:
			return SubscriptionRelationId;
		default:
			return InvalidOid;
	}
}

Oid
mig_reconcile_note(const Migration *migration, const bytea *checksum, const ScriptStatement *stmt, const SessionNote *session)
{
	Oid			object = object_of(stmt);
	Oid			table = table_of(stmt);
	Oid			class_id = class_changed(stmt->raw->stmt);

	ledger_note_under_way(migration->project, migration->name, checksum, stmt->number, object, table, session);
	if (OidIsValid(class_id) && OidIsValid(object) && ledger_expects())
		ledger_note_changed(migration->project, migration->name, class_id, object);
	return table;
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

	foreach(cell, indexes_of(IndexGetRelation(index, false)))
	{
		Oid			other = lfirst_oid(cell);
		const char *other_name = get_rel_name(other);
		bool		exists;

		if (!index_is_valid(other, &exists) && exists && other < index && other > result && is_old_name(other_name, name))
			result = other;
	}
	return result;
}

char *
mig_reconcile_drop(Oid index)
{
	bool		exists;

	return index_is_valid(index, &exists) || !exists ? NULL : psprintf("DROP INDEX CONCURRENTLY %s", qualified_name(index));
}

static void
run_first(Reconciliation *result, char *sql, Oid index, bool as_superuser)
{
	Remedy	   *remedy = palloc(sizeof(Remedy));

	remedy->sql = result->left = sql;
	remedy->index = index;
	remedy->as_superuser = as_superuser;
	result->before = lappend(result->before, remedy);
}

/* REINDEX rebuilds the index of what is stored out of line as well, in a schema that is closed to most. */
static void
drop_first(Reconciliation *result, Oid index)
{
	run_first(result, mig_reconcile_drop(index), index, get_rel_namespace(index) == PG_TOAST_NAMESPACE);
}

static void
judge_unknown(Reconciliation *result, const char *evidence)
{
	result->verdict = VERDICT_UNKNOWN;
	result->evidence = pstrdup(evidence);
}

/* Its name means something else here. */
static void
judge_elsewhere(Reconciliation *result, const char *evidence)
{
	judge_unknown(result, evidence);
	result->is_elsewhere = true;
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

/*
 * What a statement made or was to drop has gone: REINDEX CONCURRENTLY, and a new
 * type of a column, make an index anew, with its name.  Is there one that may be it?
 */
static void
judge_gone(Reconciliation *result, const ScriptStatement *stmt, const Unfinished *unfinished, Oid gone)
{
	const IndexStmt *makes = IsA(stmt->raw->stmt, IndexStmt) ? (const IndexStmt *) stmt->raw->stmt : NULL;
	const char *name = makes ? makes->idxname : dropped_index(stmt)->relname;
	ListCell   *cell;

	foreach(cell, indexes_of(unfinished->table))
	{
		Oid			index = lfirst_oid(cell);
		const char *index_name = get_rel_name(index);

		if (index_name && (name ? strcmp(index_name, name) == 0 : index > gone && is_like(index, makes)))
			judge_unknown(result, psprintf("Its index has gone, and %s is there, perhaps made out of it.", qualified_name(index)));
	}
}

/* Does a name mean the same as then?  Without looking it up in a schema that whoever asks may not use. */
static bool
means(const RangeVar *name, Oid relation)
{
	if (name->schemaname == NULL)
		return RangeVarGetRelid(name, NoLock, true) == relation;
	return strcmp(name->relname, still_there(get_rel_name(relation))) == 0 &&
		strcmp(name->schemaname, still_there(get_namespace_name(get_rel_namespace(relation)))) == 0;
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
		name->schemaname || table_of(stmt) == table : means(name, table))
		return;
	judge_elsewhere(result, psprintf("It was begun on what is called %s now, and would go on on something else, or nothing.",
									 qualified_name(table)));
}

/* All that the statement has made is noted, and nothing noted is anybody else's. */
static void
judge_indexes(Reconciliation *result, const ScriptStatement *stmt, const Unfinished *unfinished)
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
			judge_gone(result, stmt, unfinished, index);
	}
	/* Rebuilding what is built does no harm, and others may be left to do. */
	if (result->before != NIL || rebuilds)
		result->verdict = VERDICT_AGAIN;
	if (result->verdict == VERDICT_AGAIN)
		judge_place(result, stmt, unfinished->table);
}

static void
judge_detach(Reconciliation *result, const AlterTableStmt *alter, Oid partition)
{
	Oid			whole;

	if (!OidIsValid(partition))
		return;
	/* What has gone is no partition any more; who dropped it nobody knows, and what has its name now is another one. */
	result->has_gone = !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(partition));
	if (result->has_gone || !get_rel_relispartition(partition))
	{
		result->verdict = VERDICT_DONE;
		return;
	}
	whole = get_partition_parent(partition, true);
	if (PartitionHasPendingDetach(partition))
	{
		run_first(result, psprintf("ALTER TABLE %s DETACH PARTITION %s FINALIZE", qualified_name(whole), qualified_name(partition)), InvalidOid, false);
		result->verdict = VERDICT_DONE;
	}
	else if (!means(detached(alter), partition) || !means(alter->relation, whole))
		judge_elsewhere(result, psprintf("It was to detach what is called %s now, of %s, and would detach something else, or nothing.",
										 qualified_name(partition), qualified_name(whole)));
}

static bool
has_made(const Unfinished *unfinished, Oid object)
{
	ListCell   *cell;

	foreach(cell, ledger_noted_objects(unfinished->project, unfinished->name))
		if (((const ObjectAddress *) lfirst(cell))->objectId == object)
			return true;
	return false;
}

/* What is made at one stroke is there now, or is not; what somebody else has made in its place is another one. */
static void
judge_made(Reconciliation *result, const ScriptStatement *stmt, const Unfinished *unfinished)
{
	Oid			now = object_of(stmt);

	if (OidIsValid(unfinished->object) || !OidIsValid(now))
		return;
	if (has_made(unfinished, now))
		result->verdict = VERDICT_DONE;
	else
	{
		judge_unknown(result, "There was nothing of that name when it began, and what there is now is not what it has made.");
		result->is_others = true;
	}
}

static const char *
name_of_dropped(int cache, Oid object)
{
	switch (cache)
	{
		case RELOID:
			return qualified_name(object);
		case DATABASEOID:
			return quote_identifier(still_there(get_database_name(object)));
		case TABLESPACEOID:
			return quote_identifier(still_there(get_tablespace_name(object)));
		default:
			return quote_identifier(still_there(get_subscription_name(object, true)));
	}
}

/* Is one that drops nothing as good as another? */
static bool
may_be_missing(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_DropStmt:
			return ((const DropStmt *) node)->missing_ok;
		case T_DropdbStmt:
			return ((const DropdbStmt *) node)->missing_ok;
		case T_DropTableSpaceStmt:
			return ((const DropTableSpaceStmt *) node)->missing_ok;
		case T_DropSubscriptionStmt:
			return ((const DropSubscriptionStmt *) node)->missing_ok;
		default:
			return false;
	}
}

/*
 * What the statement was to drop is there, or is not, whatever its name means
 * now.  If it is and that means another one, it must not go instead.
 */
static void
judge_dropped(Reconciliation *result, const ScriptStatement *stmt, int cache, const Unfinished *unfinished)
{
	Oid			before = unfinished->object;

	if (!OidIsValid(before))
	{
		if (may_be_missing(stmt->raw->stmt) && OidIsValid(object_of(stmt)))
			judge_unknown(result, "There was nothing of that name to drop when it began, and what there is now would go instead.");
		return;
	}
	/* DROP INDEX CONCURRENTLY makes it invalid first. */
	if (cache == RELOID)
		result->left = mig_reconcile_drop(before);
	if (!SearchSysCacheExists1(cache, ObjectIdGetDatum(before)))
	{
		result->verdict = VERDICT_DONE;
		if (cache == RELOID)
			judge_gone(result, stmt, unfinished, before);
	}
	else if (cache == RELOID ? !means(dropped_index(stmt), before) : object_of(stmt) != before)
		judge_elsewhere(result, psprintf("It was to drop what is called %s now, and would drop something else, or nothing.",
										 name_of_dropped(cache, before)));
}

/* One that has gone was committed or rolled back, by the statement or by somebody else. */
static void
judge_prepared(Reconciliation *result, const ScriptStatement *stmt, TransactionId before)
{
	bool		commits = ((const TransactionStmt *) stmt->raw->stmt)->kind == TRANS_STMT_COMMIT_PREPARED;

	if (!TransactionIdIsValid(before) || object_of(stmt) == before)
		return;
	if (TransactionIdPrecedes(before, mig_oldest_transaction()))
		judge_unknown(result, "It has ended, so long ago that the server does not know how.");
	else if (TransactionIdDidCommit(before) == commits)
		result->verdict = VERDICT_DONE;
}

static void
judge(Reconciliation *result, const ScriptStatement *stmt, const Unfinished *unfinished)
{
	Oid			object = unfinished->object;

	switch (nodeTag(stmt->raw->stmt))
	{
		case T_IndexStmt:
		case T_ReindexStmt:
			judge_indexes(result, stmt, unfinished);
			break;
		case T_AlterTableStmt:
			judge_detach(result, (const AlterTableStmt *) stmt->raw->stmt, object);
			break;
		case T_CreatedbStmt:
		case T_CreateTableSpaceStmt:
		case T_CreateSubscriptionStmt:
			judge_made(result, stmt, unfinished);
			break;
		case T_DropStmt:
			judge_dropped(result, stmt, RELOID, unfinished);
			break;
		case T_DropdbStmt:
			judge_dropped(result, stmt, DATABASEOID, unfinished);
			break;
		case T_DropTableSpaceStmt:
			judge_dropped(result, stmt, TABLESPACEOID, unfinished);
			break;
		case T_DropSubscriptionStmt:
			judge_dropped(result, stmt, SUBSCRIPTIONOID, unfinished);
			break;
		case T_TransactionStmt:
			judge_prepared(result, stmt, object);
			break;
		case T_CallStmt:
		case T_DoStmt:
			judge_unknown(result, "It commits while it works, so that some of what it does may stand.");
			break;
		default:
			/* VACUUM, ALTER SYSTEM and their like do the same when they run again; ALTER SUBSCRIPTION is one transaction. */
			break;
	}
}

Reconciliation
mig_reconcile(const ScriptStatement *stmt, const Unfinished *unfinished)
{
	Reconciliation result = {VERDICT_AGAIN};

	if (unfinished->place == ledger_place())
		judge(&result, stmt, unfinished);
	else
		judge_unknown(&result, "It was begun in the database that this one is a copy of, and what was noted of it then does not say what there is here.");
	if (result.verdict == VERDICT_DONE && !result.has_gone)
		result.objects = ledger_noted_objects(unfinished->project, unfinished->name);
	return result;
}

bool
mig_reconcile_left(const ScriptStatement *stmt, const Unfinished *unfinished)
{
	Reconciliation result = mig_reconcile(stmt, unfinished);

	/* What there is and it has not made, with which it failed, is none of what it has left. */
	if (result.is_others)
		return false;
	return result.verdict != VERDICT_AGAIN || result.left;
}

static char *
slot_of(const CreateSubscriptionStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, "slot_name") == 0)
			return defGetString(lfirst(cell));
	return stmt->subname;
}

/*
 * The slot on the publisher is made before the subscription is committed, and
 * dropped before it has gone: whoever is killed in between finds it there, or not.
 */
void
mig_reconcile_explain(const ScriptStatement *stmt, ErrorData *error)
{
	const Node *node = stmt->raw->stmt;
	const char *name;

	if (error->hint)
		return;
	if (IsA(node, CreateSubscriptionStmt) && error->sqlerrcode == ERRCODE_PROTOCOL_VIOLATION)
		error->hint = psprintf("If an earlier attempt has left it, on the publisher:  SELECT pg_drop_replication_slot(%s);",
							   quote_literal_cstr(slot_of((const CreateSubscriptionStmt *) node)));
	if (IsA(node, DropSubscriptionStmt) && error->sqlerrcode == ERRCODE_CONNECTION_FAILURE)
	{
		name = quote_identifier(((const DropSubscriptionStmt *) node)->subname);
		error->hint = psprintf("If an earlier attempt has dropped it:  ALTER SUBSCRIPTION %s DISABLE;  ALTER SUBSCRIPTION %s SET (slot_name = NONE);",
							   name, name);
	}
}
