/*
 * lockset.c
 *		Which locks a statement will take.
 *
 * Told from the parse tree and caches, without taking any lock, so it may be
 * wrong when somebody changes the schema at the same time; and it does not
 * know what a function does, a trigger, or CASCADE.  It is for looking before
 * queueing, and whoever queues for something else does so with a time limit.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "run/locks_private.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

const char *
mig_lock_mode_name(LOCKMODE mode)
{
	return GetLockmodeName(DEFAULT_LOCKMETHOD, mode);
}

char *
mig_lock_object(const LOCKTAG *tag)
{
	char	   *name;

	switch ((LockTagType) tag->locktag_type)
	{
		case LOCKTAG_RELATION:
		case LOCKTAG_RELATION_EXTEND:
		case LOCKTAG_PAGE:
		case LOCKTAG_TUPLE:
			name = get_rel_name(tag->locktag_field2);
			return name == NULL ? NULL :
				quote_qualified_identifier(get_namespace_name(get_rel_namespace(tag->locktag_field2)), name);
		case LOCKTAG_TRANSACTION:
			return psprintf("transaction %u", tag->locktag_field1);
		default:
			return NULL;
	}
}

static void
add(List **locks, Oid relation, LOCKMODE mode)
{
	WantedLock *lock;

	if (!OidIsValid(relation) || mode == NoLock || !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
		return;
	lock = palloc0(sizeof(WantedLock));
	SET_LOCKTAG_RELATION(lock->tag, IsSharedRelation(relation) ? InvalidOid : MyDatabaseId, relation);
	lock->mode = mode;
	lock->may_take = mig_owns_relation(relation, GetUserId());
	*locks = lappend(*locks, lock);
}

static Oid
add_named(List **locks, const RangeVar *name, LOCKMODE mode)
{
	Oid			relation = name ? RangeVarGetRelid(name, NoLock, true) : InvalidOid;

	add(locks, relation, mode);
	return relation;
}

/* Partitions and other children. */
static void
add_children(List **locks, Oid relation, LOCKMODE mode)
{
	ListCell   *cell;

	if (!OidIsValid(relation) || !has_subclass(relation))
		return;
	foreach(cell, find_all_inheritors(relation, NoLock, NULL))
	{
		if (lfirst_oid(cell) != relation)
			add(locks, lfirst_oid(cell), mode);
	}
}

static void
add_tree(List **locks, const RangeVar *name, LOCKMODE mode)
{
	Oid			relation = add_named(locks, name, mode);

	if (name && name->inh)
		add_children(locks, relation, mode);
}

/* What changes the bounds of a partition changes what the default one may hold. */
static void
add_default_partition(List **locks, Oid parent)
{
	if (OidIsValid(parent) && get_rel_relkind(parent) == RELKIND_PARTITIONED_TABLE)
		add(locks, get_default_partition_oid(parent), AccessExclusiveLock);
}

/* ---- foreign keys ---- */

static void
add_reference(List **locks, const Constraint *constraint)
{
	if (constraint->contype == CONSTR_FOREIGN)
		(void) add_named(locks, constraint->pktable, ShareRowExclusiveLock);
}

static void
add_column_references(List **locks, const ColumnDef *column)
{
	ListCell   *cell;

	foreach(cell, column->constraints)
		add_reference(locks, lfirst_node(Constraint, cell));
}

/* The table at the other end of a foreign key that goes. */
static void
add_dropped_reference(List **locks, Oid relation, const char *name)
{
	Oid			constraint = OidIsValid(relation) ? get_relation_constraint_oid(relation, name, true) : InvalidOid;
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));

	if (!HeapTupleIsValid(tuple))
		return;
	add(locks, ((Form_pg_constraint) GETSTRUCT(tuple))->confrelid, AccessExclusiveLock);
	ReleaseSysCache(tuple);
}

/* All that a table which is dropped refers to. */
static void
add_all_references(List **locks, Oid relation)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
	scan = systable_beginscan(catalog, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			referenced = ((Form_pg_constraint) GETSTRUCT(tuple))->confrelid;

		if (referenced != relation)
			add(locks, referenced, AccessExclusiveLock);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/* ---- statement by statement ---- */

/* Does it do the same to the children? */
static bool
recurses(AlterTableType subtype)
{
	switch (subtype)
	{
		case AT_AddColumn:
		case AT_DropColumn:
		case AT_AlterColumnType:
		case AT_ColumnDefault:
		case AT_SetNotNull:
		case AT_DropNotNull:
		case AT_AddConstraint:
		case AT_DropConstraint:
		case AT_ValidateConstraint:
			return true;
		default:
			return false;
	}
}

static void
add_alter_command(List **locks, Oid relation, const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_AddColumn:
			add_column_references(locks, castNode(ColumnDef, cmd->def));
			break;
		case AT_AddConstraint:
			add_reference(locks, castNode(Constraint, cmd->def));
			break;
		case AT_DropConstraint:
			add_dropped_reference(locks, relation, cmd->name);
			break;
		case AT_AttachPartition:
		case AT_DetachPartition:
			(void) add_named(locks, castNode(PartitionCmd, cmd->def)->name, AccessExclusiveLock);
			add_default_partition(locks, relation);
			break;
		case AT_AddInherit:
			(void) add_named(locks, castNode(RangeVar, cmd->def), ShareUpdateExclusiveLock);
			break;
		default:
			break;
	}
}

static void
add_alter(List **locks, const AlterTableStmt *alter)
{
	LOCKMODE	mode = AlterTableGetLockLevel(alter->cmds);
	Oid			relation = add_named(locks, alter->relation, mode);
	bool		children = false;
	ListCell   *cell;

	foreach(cell, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		add_alter_command(locks, relation, cmd);
		children |= recurses(cmd->subtype);
	}
	if (children && alter->relation->inh)
		add_children(locks, relation, mode);
}

static void
add_create(List **locks, const CreateStmt *create)
{
	ListCell   *cell;

	foreach(cell, create->inhRelations)
	{
		Oid			parent = add_named(locks, lfirst_node(RangeVar, cell),
									   create->partbound ? AccessExclusiveLock : ShareUpdateExclusiveLock);

		if (create->partbound)
			add_default_partition(locks, parent);
	}
	foreach(cell, create->tableElts)
	{
		if (IsA(lfirst(cell), ColumnDef))
			add_column_references(locks, lfirst(cell));
		else if (IsA(lfirst(cell), Constraint))
			add_reference(locks, lfirst(cell));
	}
	foreach(cell, create->constraints)
		add_reference(locks, lfirst_node(Constraint, cell));
}

/* Its table comes before an index, the parent before a partition. */
static void
add_dropped(List **locks, const DropStmt *drop, List *name)
{
	Oid			relation = RangeVarGetRelid(makeRangeVarFromNameList(name), NoLock, true);

	if (!OidIsValid(relation))
		return;
	if (drop->removeType == OBJECT_INDEX)
		add(locks, IndexGetRelation(relation, true), AccessExclusiveLock);
	else if (get_rel_relispartition(relation))
	{
		Oid			parent = get_partition_parent(relation, true);

		add(locks, parent, AccessExclusiveLock);
		add_default_partition(locks, parent);
	}
	add(locks, relation, AccessExclusiveLock);
	if (drop->removeType == OBJECT_TABLE)
	{
		add_children(locks, relation, AccessExclusiveLock);
		add_all_references(locks, relation);
	}
}

static void
add_drop(List **locks, const DropStmt *drop)
{
	ListCell   *cell;

	foreach(cell, drop->objects)
	{
		List	   *name = lfirst(cell);

		switch (drop->removeType)
		{
			case OBJECT_TABLE:
			case OBJECT_FOREIGN_TABLE:
			case OBJECT_VIEW:
			case OBJECT_MATVIEW:
			case OBJECT_SEQUENCE:
			case OBJECT_INDEX:
				add_dropped(locks, drop, name);
				break;
			case OBJECT_TRIGGER:
			case OBJECT_RULE:
			case OBJECT_POLICY:
				name = list_truncate(list_copy(name), list_length(name) - 1);
				(void) add_named(locks, makeRangeVarFromNameList(name), AccessExclusiveLock);
				break;
			default:
				break;
		}
	}
}

static void
add_reindex(List **locks, const ReindexStmt *reindex)
{
	Oid			relation;

	if (reindex->relation == NULL)
		return;
	relation = RangeVarGetRelid(reindex->relation, NoLock, true);
	if (reindex->kind == REINDEX_OBJECT_INDEX && OidIsValid(relation))
	{
		add(locks, IndexGetRelation(relation, true), ShareLock);
		add(locks, relation, AccessExclusiveLock);
	}
	else
		add(locks, relation, ShareLock);
}

static void
add_relations(List **locks, List *relations, LOCKMODE mode)
{
	ListCell   *cell;

	foreach(cell, relations)
		add_tree(locks, lfirst_node(RangeVar, cell), mode);
}

/* Rows are changed through views and rules, too; whether one may is the statement's to find out. */
static void
add_changed(List **locks, const RangeVar *name)
{
	(void) add_named(locks, name, RowExclusiveLock);
	if (*locks)
		((WantedLock *) llast(*locks))->may_take = false;
}

static void
add_comment(List **locks, const CommentStmt *comment)
{
	switch (comment->objtype)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_FOREIGN_TABLE:
			(void) add_named(locks, makeRangeVarFromNameList(castNode(List, comment->object)), ShareUpdateExclusiveLock);
			break;
		case OBJECT_COLUMN:
			{
				List	   *name = castNode(List, comment->object);

				if (list_length(name) > 1)
					(void) add_named(locks, makeRangeVarFromNameList(list_truncate(list_copy(name), list_length(name) - 1)),
									 ShareUpdateExclusiveLock);
				break;
			}
		default:
			break;
	}
}

static void
add_trigger(List **locks, const CreateTrigStmt *trigger)
{
	(void) add_named(locks, trigger->relation, ShareRowExclusiveLock);
	(void) add_named(locks, trigger->constrrel, ShareRowExclusiveLock);
}

static void
add_rename(List **locks, const RenameStmt *rename)
{
	if (rename->relation == NULL)
		return;
	if (rename->renameType == OBJECT_INDEX)
		(void) add_named(locks, rename->relation, ShareUpdateExclusiveLock);
	else if (rename->renameType == OBJECT_COLUMN)
		add_tree(locks, rename->relation, AccessExclusiveLock);
	else
		(void) add_named(locks, rename->relation, AccessExclusiveLock);
}

/* The table of which it changes rows, or NULL. */
static const RangeVar *
table_of_rows(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_InsertStmt:
			return ((const InsertStmt *) node)->relation;
		case T_UpdateStmt:
			return ((const UpdateStmt *) node)->relation;
		case T_DeleteStmt:
			return ((const DeleteStmt *) node)->relation;
		case T_MergeStmt:
			return ((const MergeStmt *) node)->relation;
		case T_CopyStmt:
			return ((const CopyStmt *) node)->is_from ? ((const CopyStmt *) node)->relation : NULL;
		default:
			return NULL;
	}
}

/* The one relation that it is about, and how it locks that; NULL: there is none, or are more. */
static const RangeVar *
single_relation(const Node *node, LOCKMODE *mode)
{
	*mode = AccessExclusiveLock;
	switch (nodeTag(node))
	{
		case T_AlterObjectSchemaStmt:
			return ((const AlterObjectSchemaStmt *) node)->relation;
		case T_RuleStmt:
			return ((const RuleStmt *) node)->relation;
		case T_CreatePolicyStmt:
			return ((const CreatePolicyStmt *) node)->table;
		case T_AlterPolicyStmt:
			return ((const AlterPolicyStmt *) node)->table;
		case T_ViewStmt:
			return ((const ViewStmt *) node)->replace ? ((const ViewStmt *) node)->view : NULL;
		case T_ClusterStmt:
			return ((const ClusterStmt *) node)->relation;
		case T_RefreshMatViewStmt:
			if (((const RefreshMatViewStmt *) node)->concurrent)
				*mode = ExclusiveLock;
			return ((const RefreshMatViewStmt *) node)->relation;
		case T_AlterSeqStmt:
			*mode = ShareRowExclusiveLock;
			return ((const AlterSeqStmt *) node)->sequence;
		default:
			return NULL;
	}
}

List *
mig_locks_of(const Node *node)
{
	List	   *locks = NIL;
	const RangeVar *relation;
	LOCKMODE	mode;

	switch (nodeTag(node))
	{
		case T_AlterTableStmt:
			add_alter(&locks, (const AlterTableStmt *) node);
			break;
		case T_CreateStmt:
			add_create(&locks, (const CreateStmt *) node);
			break;
		case T_IndexStmt:
			add_tree(&locks, ((const IndexStmt *) node)->relation, ShareLock);
			break;
		case T_DropStmt:
			add_drop(&locks, (const DropStmt *) node);
			break;
		case T_RenameStmt:
			add_rename(&locks, (const RenameStmt *) node);
			break;
		case T_LockStmt:
			add_relations(&locks, ((const LockStmt *) node)->relations, ((const LockStmt *) node)->mode);
			break;
		case T_TruncateStmt:
			add_relations(&locks, ((const TruncateStmt *) node)->relations, AccessExclusiveLock);
			break;
		case T_CreateTrigStmt:
			add_trigger(&locks, (const CreateTrigStmt *) node);
			break;
		case T_ReindexStmt:
			add_reindex(&locks, (const ReindexStmt *) node);
			break;
		case T_CommentStmt:
			add_comment(&locks, (const CommentStmt *) node);
			break;
		default:
			if ((relation = table_of_rows(node)) != NULL)
				add_changed(&locks, relation);
			else if ((relation = single_relation(node, &mode)) != NULL)
				(void) add_named(&locks, relation, mode);
			break;
	}
	return locks;
}
