/*
 * touched.c
 *		Note which objects statements change: rather too many, since each is
 *		compared with what it was.
 *
 * The server tells of most objects that are made, altered or dropped.  Of those
 * that it says nothing of, or not in every version, statements have the names:
 * what gets other privileges, comments or labels, and what ALTER TABLE is for.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "capture/capture.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_transform.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "common/level.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "schema/called.h"
#include "schema/rebuilt.h"
#include "schema/renames.h"
#include "schema/schema_private.h"
#include "schema/touched.h"
#include "tcop/utility.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

typedef struct Touched
{
	ObjectAddress address;
	bool		is_new;
	bool		is_rebuilt;
	ObjectAddress was;			/* where it was before it was rebuilt */
	CalledName *name;			/* NULL: unknown */
} Touched;

/* NULL: nobody wants to know. */
static HTAB *touched = NULL;
static MemoryContext names = NULL;
static bool touches_all = false;

/* The transaction level it began on; 0 where a statement ends transactions itself. */
static int	began_on_level = 0;

static object_access_hook_type next_access_hook = NULL;
static ProcessUtility_hook_type next_utility_hook = NULL;
static ExecutorFinish_hook_type next_finish_hook = NULL;

/*
 * What CREATE OR REPLACE has changed is told like what it has made.  Only the
 * former is there before the command counter goes on.
 */
static bool
is_replaced(Oid class_id, Oid object_id)
{
	const SchemaClass *class;
	CatalogScan scan;

	if (class_id != ProcedureRelationId && class_id != TriggerRelationId && class_id != RewriteRelationId &&
		class_id != LanguageRelationId && class_id != TransformRelationId && class_id != TypeRelationId)
		return false;
	class = schema_class(class_id);
	catalog_find(&scan, class_id, class->index_id, object_id);
	if (!catalog_next(&scan))
		return false;
	catalog_end(&scan);
	return true;
}

static void
note(Oid class_id, Oid object_id, bool is_new)
{
	ObjectAddress address;
	Touched    *entry;
	bool		found;

	ObjectAddressSet(address, class_id, object_id);
	entry = hash_search(touched, &address, HASH_ENTER, &found);
	if (!found)
	{
		entry->is_rebuilt = false;
		entry->name = NULL;
	}
	if (!found || is_new)
		entry->is_new = is_new;
}

/* Operators that have this one as their commutator or negator, and will have none. */
static void
note_partners(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_operator) GETSTRUCT(tuple);
	if (OidIsValid(form->oprcom))
		note(OperatorRelationId, form->oprcom, false);
	if (OidIsValid(form->oprnegate))
		note(OperatorRelationId, form->oprnegate, false);
	ReleaseSysCache(tuple);
}

/* ---- what the server tells ---- */

/* Rows of these catalogs are told of by the relation that they are about. */
static Oid
class_told_of(Oid class_id)
{
	switch (class_id)
	{
		case AttrDefaultRelationId:
		case ForeignTableRelationId:
		case IndexRelationId:
		case InheritsRelationId:
			return RelationRelationId;
		default:
			return class_id;
	}
}

static void
note_name(Oid class_id, Oid object_id, bool is_dropped)
{
	ObjectAddress address;
	Touched    *entry;
	MemoryContext before;

	ObjectAddressSet(address, class_id, object_id);
	entry = hash_search(touched, &address, HASH_FIND, NULL);
	if (entry == NULL || entry->is_new || entry->name)
		return;
	before = MemoryContextSwitchTo(names);
	entry->name = mig_called(&address, is_dropped);
	MemoryContextSwitchTo(before);
}

static void
note_told(Oid class_id, Oid object_id, bool is_new)
{
	/* Nothing mentions a new role. */
	if (class_id == AuthIdRelationId && is_new)
		return;
	if (class_id == AuthIdRelationId || class_id == DatabaseRelationId || class_id == DbRoleSettingRelationId)
		touches_all = true;
	else
		note(class_id, object_id, is_new);
}

static void
note_made(Oid class_id, Oid object_id, int sub_id)
{
	ObjectAddress address;

	ObjectAddressSubSet(address, class_id, object_id, sub_id);
	mig_rebuilt_note_made(&address);
}

static void
note_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (next_access_hook)
		next_access_hook(access, class_id, object_id, sub_id, arg);
	if (touched == NULL)
		return;
	switch (access)
	{
		case OAT_DROP:
			{
				/* What it belongs to is known as long as it is there. */
				ObjectAddress address;

				ObjectAddressSubSet(address, class_id, object_id, sub_id);
				mig_rebuilt_note_dropped(&address);
				address.objectSubId = 0;
				address = schema_shown_by(address);
				if (OidIsValid(address.objectId))
					note(address.classId, address.objectId, false);
				if (class_id == OperatorRelationId)
					note_partners(object_id);
			}
			note_told(class_id, object_id, false);
			note_name(class_id, object_id, true);
			break;
		case OAT_POST_CREATE:
			note_made(class_id, object_id, sub_id);
			note_told(class_told_of(class_id), object_id, sub_id == 0 && !is_replaced(class_id, object_id));
			break;
		case OAT_POST_ALTER:
			note_told(class_told_of(class_id), object_id, false);
			note_name(class_told_of(class_id), object_id, false);
			break;
		default:
			break;
	}
}

/* ---- what it does not tell ---- */

static void
note_relation(RangeVar *name)
{
	Oid			relation = RangeVarGetRelid(name, NoLock, true);

	if (OidIsValid(relation))
		note(RelationRelationId, relation, false);
}

/* What was looked up by its name, and the relation that was opened for that. */
static void
note_found(ObjectAddress address, Relation relation)
{
	if (relation)
		relation_close(relation, NoLock);
	if (OidIsValid(address.objectId))
		note(address.classId, address.objectId, false);
}

/* Whatever a statement names. */
static void
note_object(ObjectType type, Node *node)
{
	Relation	relation = NULL;
	ObjectAddress address = get_object_address(type, node, &relation, AccessShareLock, true);

	note_found(address, relation);
}

/* GRANT has names of its own for some of them. */
static void
note_granted(ObjectType type, Node *node)
{
	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_SEQUENCE:
			note_relation(castNode(RangeVar, node));
			break;
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			note_object(type, (Node *) makeTypeNameFromNameList(castNode(List, node)));
			break;
		case OBJECT_DATABASE:
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
		case OBJECT_SCHEMA:
		case OBJECT_LANGUAGE:
		case OBJECT_FDW:
		case OBJECT_FOREIGN_SERVER:
			note_object(type, node);
			break;
		default:
			break;				/* no part of the schema */
	}
}

/* What depends on a schema is what is in it. */
static void
note_all_in_schema(const char *name)
{
	Oid			schema = get_namespace_oid(name, true);
	CatalogScan scan;

	if (!OidIsValid(schema))
		return;
	catalog_scan2(&scan, DependRelationId, DependReferenceIndexId, Anum_pg_depend_refclassid, NamespaceRelationId,
				  Anum_pg_depend_refobjid, schema);
	while (catalog_next(&scan))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(scan.row.tuple);

		note(depend->classid, depend->objid, false);
	}
}

static void
note_grant(const GrantStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->objects)
	{
		if (stmt->targtype == ACL_TARGET_OBJECT)
			note_granted(stmt->objtype, lfirst(cell));
		else if (stmt->targtype == ACL_TARGET_ALL_IN_SCHEMA)
			note_all_in_schema(strVal(lfirst(cell)));
	}
}

/* An index or the like that from now on goes with an extension, or no longer. */
static void
note_depends(const AlterObjectDependsStmt *stmt)
{
	Relation	relation = NULL;
	/* Whatever the object is, the server has it as a list; of a trigger's name it makes a longer one. */
	ObjectAddress address = get_object_address_rv(stmt->objectType, stmt->relation, (List *) copyObject(stmt->object), &relation,
												  AccessShareLock, true);

	note_found(address, relation);
}

static void
note_statement(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_GrantStmt:
			note_grant((const GrantStmt *) stmt);
			break;
		case T_CommentStmt:
			note_object(((const CommentStmt *) stmt)->objtype, ((const CommentStmt *) stmt)->object);
			break;
		case T_SecLabelStmt:
			note_object(((const SecLabelStmt *) stmt)->objtype, ((const SecLabelStmt *) stmt)->object);
			break;
		case T_AlterTableStmt:
			note_relation(((const AlterTableStmt *) stmt)->relation);
			break;
		case T_AlterObjectDependsStmt:
			note_depends((const AlterObjectDependsStmt *) stmt);
			break;
		case T_DropOwnedStmt:
			touches_all = true;
			break;
		default:
			break;
	}
}

/* It is what it was before, be it made in this migration or not. */
static void
note_rebuilt(const Rebuilt *rebuilt)
{
	const Touched *was = OidIsValid(rebuilt->was.objectId) ? hash_search(touched, &rebuilt->was, HASH_FIND, NULL) : NULL;
	Touched    *entry = hash_search(touched, &rebuilt->is, HASH_FIND, NULL);

	if (entry == NULL || (was && was->is_new))
		return;
	entry->is_new = false;
	entry->is_rebuilt = true;
	entry->was = was && was->is_rebuilt ? was->was : rebuilt->was;
}

static void
run_utility(PlannedStmt *pstmt, const char *source, bool read_only_tree, ProcessUtilityContext context,
			ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	if (next_utility_hook)
		next_utility_hook(pstmt, source, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, source, read_only_tree, context, params, environment, dest, completion);
}

static void
run_rebuilding(PlannedStmt *pstmt, const char *source, bool read_only_tree, ProcessUtilityContext context,
			   ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Rebuilding	rebuilding;
	ListCell   *cell;

	mig_rebuilt_begin(&rebuilding, pstmt->utilityStmt);
	PG_TRY();
	{
		run_utility(pstmt, source, read_only_tree, context, params, environment, dest, completion);
	}
	PG_FINALLY();
	{
		mig_rebuilt_end(&rebuilding);
	}
	PG_END_TRY();
	/* What it calls may have ended the transaction, or a run of its own. */
	if (touched == NULL)
		return;
	foreach(cell, mig_rebuilt(&rebuilding))
		note_rebuilt(lfirst(cell));
}

static void
note_utility(PlannedStmt *pstmt, const char *source, bool read_only_tree, ProcessUtilityContext context,
			 ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	if (touched)
		note_statement(pstmt->utilityStmt);
	if (touched && mig_rebuilds(pstmt->utilityStmt))
		run_rebuilding(pstmt, source, read_only_tree, context, params, environment, dest, completion);
	else
		run_utility(pstmt, source, read_only_tree, context, params, environment, dest, completion);
	if (touched && IsA(pstmt->utilityStmt, RenameStmt))
		mig_renames_note((const RenameStmt *) pstmt->utilityStmt);
}

static void
note_query(QueryDesc *query)
{
	if (next_finish_hook)
		next_finish_hook(query);
	else
		standard_ExecutorFinish(query);
	if (touched && mig_changes_catalogs(query))
		touches_all = true;
}

/* ---- from here to there ---- */

void
mig_touched_end(void)
{
	if (touched)
	{
		hash_destroy(touched);
		MemoryContextDelete(names);
	}
	touched = NULL;
	names = NULL;
	touches_all = false;
	mig_renames_forget();
}

void
mig_touched_begin(void)
{
	HASHCTL		control = {.keysize = sizeof(ObjectAddress), .entrysize = sizeof(Touched), .hcxt = TopMemoryContext};

	mig_touched_end();
	touched = hash_create("touched objects", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	names = AllocSetContextCreate(TopMemoryContext, "names of touched objects", ALLOCSET_SMALL_SIZES);
	began_on_level = GetCurrentTransactionNestLevel();
}

void
mig_touched_note(Oid class_id, Oid object_id, bool is_new)
{
	note(class_id, object_id, is_new);
}

/* As a list of Touched, which stay where they are. */
static List *
entries(void)
{
	HASH_SEQ_STATUS status;
	Touched    *entry;
	List	   *result = NIL;

	if (touched == NULL)
		return NIL;
	hash_seq_init(&status, touched);
	while ((entry = hash_seq_search(&status)) != NULL)
		result = lappend(result, entry);
	return result;
}

List *
mig_touched(bool *all)
{
	List	   *result = NIL;
	ListCell   *cell;

	*all = touches_all;
	foreach(cell, entries())
	{
		ObjectAddress *copy = palloc(sizeof(ObjectAddress));

		*copy = ((const Touched *) lfirst(cell))->address;
		result = lappend(result, copy);
	}
	return result;
}

List *
mig_touched_names(void)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, entries())
	{
		const Touched *entry = lfirst(cell);

		if (entry->name && !entry->is_new && !entry->is_rebuilt)
			result = lappend(result, entry->name);
	}
	return result;
}

List *
mig_touched_rebuilt(void)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, entries())
	{
		const Touched *entry = lfirst(cell);
		Rebuilt    *rebuilt;

		if (!entry->is_rebuilt)
			continue;
		rebuilt = palloc(sizeof(Rebuilt));
		rebuilt->was = entry->was;
		rebuilt->is = entry->address;
		result = lappend(result, rebuilt);
	}
	return result;
}

bool
mig_touched_is_new(const ObjectAddress *address)
{
	const Touched *entry = touched ? hash_search(touched, address, HASH_FIND, NULL) : NULL;

	return entry && entry->is_new;
}

/* What such a statement rolls back itself is noted still, which does no harm. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (mig_level_undone(&began_on_level, event))
		mig_touched_end();
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (mig_level_undone_within(&began_on_level, event))
		mig_touched_end();
}

void
mig_touched_init(void)
{
	next_access_hook = object_access_hook;
	object_access_hook = note_access;
	next_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = note_utility;
	next_finish_hook = ExecutorFinish_hook;
	ExecutorFinish_hook = note_query;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	mig_renames_init();
}
