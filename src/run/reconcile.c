/*
 * reconcile.c
 *		A statement that cannot be rolled back was begun, and nobody knows how it
 *		ended: the catalog does, for most.
 *
 * Names do not count where oids can be had: what stands under a name may be
 * somebody else's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_subscription.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "common/compat.h"
#include "ledger/expected.h"
#include "nodes/parsenodes.h"
#include "run/reconcile_private.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
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

char *
reconcile_name(Oid relation)
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

/* What the object that the statement names is; invalid: nothing. */
static Oid
object_of(const ScriptStatement *stmt)
{
	const Node *node = stmt->raw->stmt;

	switch (nodeTag(node))
	{
		case T_DropStmt:
			return RangeVarGetRelid(reconcile_dropped_index(stmt), NoLock, true);
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
	Oid			table = reconcile_table(stmt);
	Oid			class_id = class_changed(stmt->raw->stmt);

	ledger_note_under_way(migration->project, migration->name, checksum, stmt->number, object, table, session);
	if (OidIsValid(class_id) && OidIsValid(object) && ledger_expects())
		ledger_note_changed(migration->project, migration->name, class_id, object);
	return table;
}

void
reconcile_run_first(Reconciliation *result, char *sql, Oid index, bool as_superuser)
{
	Remedy	   *remedy = palloc(sizeof(Remedy));

	remedy->sql = result->left = sql;
	remedy->index = index;
	remedy->as_superuser = as_superuser;
	result->before = lappend(result->before, remedy);
}

void
reconcile_unknown(Reconciliation *result, const char *evidence)
{
	result->verdict = VERDICT_UNKNOWN;
	result->evidence = pstrdup(evidence);
}

void
reconcile_elsewhere(Reconciliation *result, const char *evidence)
{
	reconcile_unknown(result, evidence);
	result->is_elsewhere = true;
}

bool
reconcile_means(const RangeVar *name, Oid relation)
{
	if (name->schemaname == NULL)
		return RangeVarGetRelid(name, NoLock, true) == relation;
	return strcmp(name->relname, still_there(get_rel_name(relation))) == 0 &&
		strcmp(name->schemaname, still_there(get_namespace_name(get_rel_namespace(relation)))) == 0;
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
		reconcile_run_first(result, psprintf("ALTER TABLE %s DETACH PARTITION %s FINALIZE", reconcile_name(whole), reconcile_name(partition)), InvalidOid, false);
		result->verdict = VERDICT_DONE;
	}
	else if (!reconcile_means(detached(alter), partition) || !reconcile_means(alter->relation, whole))
		reconcile_elsewhere(result, psprintf("It was to detach what is called %s now, of %s, and would detach something else, or nothing.",
										 reconcile_name(partition), reconcile_name(whole)));
}

/* Is what it has made there, whatever it is called now? */
static bool
has_made(const Unfinished *unfinished, int cache)
{
	ListCell   *cell;

	foreach(cell, ledger_noted_objects(unfinished->project, unfinished->name))
		if (SearchSysCacheExists1(cache, ObjectIdGetDatum(((const ObjectAddress *) lfirst(cell))->objectId)))
			return true;
	return false;
}

/* What is made at one stroke is there now, or is not; what somebody else has made in its place is another one. */
static void
judge_made(Reconciliation *result, const ScriptStatement *stmt, int cache, const Unfinished *unfinished)
{
	if (OidIsValid(unfinished->object))
		return;
	if (has_made(unfinished, cache))
		result->verdict = VERDICT_DONE;
	else if (OidIsValid(object_of(stmt)))
	{
		reconcile_unknown(result, "There was nothing of that name when it began, and what there is now is not what it has made.");
		result->is_others = true;
	}
}

static const char *
name_of_dropped(int cache, Oid object)
{
	switch (cache)
	{
		case RELOID:
			return reconcile_name(object);
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
			reconcile_unknown(result, "There was nothing of that name to drop when it began, and what there is now would go instead.");
		return;
	}
	/* DROP INDEX CONCURRENTLY makes it invalid first. */
	if (cache == RELOID)
		result->left = mig_reconcile_drop(before);
	if (!SearchSysCacheExists1(cache, ObjectIdGetDatum(before)))
	{
		result->verdict = VERDICT_DONE;
		if (cache == RELOID)
			reconcile_gone(result, stmt, unfinished, before);
	}
	else if (cache == RELOID ? !reconcile_means(reconcile_dropped_index(stmt), before) : object_of(stmt) != before)
		reconcile_elsewhere(result, psprintf("It was to drop what is called %s now, and would drop something else, or nothing.",
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
		reconcile_unknown(result, "It has ended, so long ago that the server does not know how.");
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
			reconcile_indexes(result, stmt, unfinished);
			break;
		case T_AlterTableStmt:
			judge_detach(result, (const AlterTableStmt *) stmt->raw->stmt, object);
			break;
		case T_CreatedbStmt:
			judge_made(result, stmt, DATABASEOID, unfinished);
			break;
		case T_CreateTableSpaceStmt:
			judge_made(result, stmt, TABLESPACEOID, unfinished);
			break;
		case T_CreateSubscriptionStmt:
			judge_made(result, stmt, SUBSCRIPTIONOID, unfinished);
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
			reconcile_unknown(result, "It commits while it works, so that some of what it does may stand.");
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
		reconcile_unknown(&result, "It was begun in the database that this one is a copy of, and what was noted of it then does not say what there is here.");
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
 * dropped before it has gone: whoever is killed in between finds it there, or
 * not.  The directory of a tablespace is made before that is committed, too.
 */
void
mig_reconcile_explain(const ScriptStatement *stmt, ErrorData *error, bool begun_before)
{
	const Node *node = stmt->raw->stmt;
	const char *name;

	if (error->hint)
		return;
	if (IsA(node, CreateTableSpaceStmt) && error->sqlerrcode == ERRCODE_OBJECT_IN_USE)
		error->hint = pstrdup("If it is no tablespace's, of any server, an attempt that was interrupted may have left it: remove it and call again.");
	if (!begun_before)
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
