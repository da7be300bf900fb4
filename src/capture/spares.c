/*
 * spares.c
 *		Statements that change nothing that counts: about temporary objects
 *		alone, or an IF [NOT] EXISTS that finds it so.
 */
#include "postgres.h"

#include "capture/capture_private.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_enum.h"
#include "commands/dbcommands.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/policy.h"
#include "commands/tablespace.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "parser/parse_type.h"
#include "rewrite/rewriteSupport.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static bool
is_temporary(const RangeVar *relation)
{
	Oid			oid;

	if (relation == NULL)
		return false;
	if (relation->relpersistence == RELPERSISTENCE_TEMP ||
		(relation->schemaname && strcmp(relation->schemaname, "pg_temp") == 0))
		return true;
	oid = RangeVarGetRelid(relation, NoLock, true);
	return OidIsValid(oid) && get_rel_persistence(oid) == RELPERSISTENCE_TEMP;
}

/* Where a new relation will be; what is wrong with its name the statement itself would say. */
static bool
becomes_temporary(const RangeVar *relation)
{
	return relation->relpersistence == RELPERSISTENCE_TEMP ||
		isAnyTempNamespace(RangeVarGetCreationNamespace(relation));
}

static bool
all_temporary(List *relations)
{
	ListCell   *cell;

	/* CREATE STATISTICS would take, and then refuse, whatever can stand behind FROM. */
	foreach(cell, relations)
		if (!IsA(lfirst(cell), RangeVar) || !is_temporary(lfirst(cell)))
			return false;
	return relations != NIL;
}

/* The relation that a statement makes, or NULL. */
static const RangeVar *
made_relation(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			return ((const CreateStmt *) stmt)->relation;
		case T_CreateTableAsStmt:
			return ((const CreateTableAsStmt *) stmt)->into->rel;
		case T_CreateSeqStmt:
			return ((const CreateSeqStmt *) stmt)->sequence;
		case T_ViewStmt:
			return ((const ViewStmt *) stmt)->view;
		case T_ExplainStmt:
			return mig_explained_create((const ExplainStmt *) stmt)->into->rel;
		case T_CompositeTypeStmt:
			return ((const CompositeTypeStmt *) stmt)->typevar;
		default:
			return NULL;
	}
}

/* Does a query read from a temporary relation?  Then its view is temporary. */
static bool
reads_temporary(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
		return is_temporary((RangeVar *) node);
	return raw_expression_tree_walker(node, reads_temporary, context);
}

/* A qualified name, as a list of Strings, in the schema for temporary objects. */
static bool
in_temporary_schema(List *names)
{
	/* Casts and constraints of domains have types in their lists. */
	return list_length(names) > 1 && IsA(linitial(names), String) && strcmp(strVal(linitial(names)), "pg_temp") == 0;
}

/* The name by which a statement calls an object that is no relation. */
static List *
names_of(Node *object)
{
	if (object == NULL)
		return NIL;
	switch (nodeTag(object))
	{
		case T_List:
			return (List *) object;
		case T_ObjectWithArgs:
			return ((ObjectWithArgs *) object)->objname;
		case T_TypeName:
			return ((TypeName *) object)->names;
		default:
			return NIL;
	}
}

/* The relation that an object is, or is part of, or NULL. */
static RangeVar *
relation_of(ObjectType type, Node *object)
{
	List	   *names = names_of(object);

	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_SEQUENCE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_INDEX:
		case OBJECT_FOREIGN_TABLE:
			return IsA(object, RangeVar) ? (RangeVar *) object : makeRangeVarFromNameList(names);
		case OBJECT_COLUMN:
		case OBJECT_TABCONSTRAINT:
		case OBJECT_TRIGGER:
		case OBJECT_RULE:
		case OBJECT_POLICY:
			return list_length(names) > 1 ?
				makeRangeVarFromNameList(list_copy_head(names, list_length(names) - 1)) : NULL;
		default:
			return NULL;
	}
}

static bool
is_temporary_object(ObjectType type, Node *object)
{
	RangeVar   *relation = relation_of(type, object);

	return relation ? is_temporary(relation) : in_temporary_schema(names_of(object));
}

static bool
all_temporary_objects(ObjectType type, List *objects)
{
	ListCell   *cell;

	foreach(cell, objects)
		if (!is_temporary_object(type, lfirst(cell)))
			return false;
	return objects != NIL;
}

/* The part of a relation that DROP names last. */
static bool
is_missing_part(ObjectType type, const RangeVar *relation, const char *name)
{
	Oid			oid = RangeVarGetRelid(relation, NoLock, true);

	if (!OidIsValid(oid))
		return true;
	switch (type)
	{
		case OBJECT_TRIGGER:
			return !OidIsValid(get_trigger_oid(oid, name, true));
		case OBJECT_RULE:
			return !OidIsValid(get_rewrite_oid(oid, name, true));
		case OBJECT_POLICY:
			return !OidIsValid(get_relation_policy_oid(oid, name, true));
		default:
			return false;
	}
}

/* Is there nothing for DROP ... IF EXISTS?  Of the kinds that are dropped so most. */
static bool
is_missing_object(ObjectType type, Node *object)
{
	RangeVar   *relation = relation_of(type, object);

	switch (type)
	{
		case OBJECT_TRIGGER:
		case OBJECT_RULE:
		case OBJECT_POLICY:
			return relation && is_missing_part(type, relation, strVal(llast((List *) object)));
		case OBJECT_SCHEMA:
			return !OidIsValid(get_namespace_oid(strVal(object), true));
		case OBJECT_EXTENSION:
			return !OidIsValid(get_extension_oid(strVal(object), true));
		case OBJECT_EVENT_TRIGGER:
			return !OidIsValid(get_event_trigger_oid(strVal(object), true));
		case OBJECT_AGGREGATE:
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
			return !OidIsValid(LookupFuncWithArgs(type, (ObjectWithArgs *) object, true));
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			return !OidIsValid(LookupTypeNameOid(NULL, (TypeName *) object, true));
		default:
			return relation && !OidIsValid(RangeVarGetRelid(relation, NoLock, true));
	}
}

static bool
drops_nothing_lasting(const DropStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->objects)
		if (!is_temporary_object(stmt->removeType, lfirst(cell)) &&
			!(stmt->missing_ok && is_missing_object(stmt->removeType, lfirst(cell))))
			return false;
	return true;
}

/* Objects of a statement of a general form that are no new ones. */
static bool
changes_temporary(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CommentStmt:
			return is_temporary_object(((const CommentStmt *) stmt)->objtype, ((const CommentStmt *) stmt)->object);
		case T_AlterOwnerStmt:
			return is_temporary_object(((const AlterOwnerStmt *) stmt)->objectType, ((const AlterOwnerStmt *) stmt)->object);
		case T_RenameStmt:
			return ((const RenameStmt *) stmt)->object &&
				is_temporary_object(((const RenameStmt *) stmt)->renameType, ((const RenameStmt *) stmt)->object);
		case T_AlterFunctionStmt:
			return in_temporary_schema(((const AlterFunctionStmt *) stmt)->func->objname);
		case T_AlterEnumStmt:
			return in_temporary_schema(((const AlterEnumStmt *) stmt)->typeName);
		case T_AlterDomainStmt:
			return in_temporary_schema(((const AlterDomainStmt *) stmt)->typeName);
		case T_GrantStmt:
			return ((const GrantStmt *) stmt)->targtype == ACL_TARGET_OBJECT &&
				all_temporary_objects(((const GrantStmt *) stmt)->objtype, ((const GrantStmt *) stmt)->objects);
		default:
			return false;
	}
}

/* Relations that the commonest statements are about; NIL: of none, or of another kind. */
static List *
relations_of(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_AlterSeqStmt:
			return list_make1(((const AlterSeqStmt *) stmt)->sequence);
		case T_IndexStmt:
			return list_make1(((const IndexStmt *) stmt)->relation);
		case T_AlterTableStmt:
			return list_make1(((const AlterTableStmt *) stmt)->relation);
		case T_RenameStmt:
			return ((const RenameStmt *) stmt)->relation ? list_make1(((const RenameStmt *) stmt)->relation) : NIL;
		case T_AlterObjectSchemaStmt:
			return ((const AlterObjectSchemaStmt *) stmt)->relation ?
				list_make1(((const AlterObjectSchemaStmt *) stmt)->relation) : NIL;
		case T_CreateTrigStmt:
			return list_make1(((const CreateTrigStmt *) stmt)->relation);
		case T_RuleStmt:
			return list_make1(((const RuleStmt *) stmt)->relation);
		case T_CreatePolicyStmt:
			return list_make1(((const CreatePolicyStmt *) stmt)->table);
		case T_AlterPolicyStmt:
			return list_make1(((const AlterPolicyStmt *) stmt)->table);
		case T_CreateStatsStmt:
			return ((const CreateStatsStmt *) stmt)->relations;
		case T_TruncateStmt:
			return ((const TruncateStmt *) stmt)->relations;
		default:
			return NIL;
	}
}

/* A new object. */
static bool
makes_temporary(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateFunctionStmt:
			return in_temporary_schema(((const CreateFunctionStmt *) stmt)->funcname);
		case T_CreateDomainStmt:
			return in_temporary_schema(((const CreateDomainStmt *) stmt)->domainname);
		case T_CreateEnumStmt:
			return in_temporary_schema(((const CreateEnumStmt *) stmt)->typeName);
		case T_CreateRangeStmt:
			return in_temporary_schema(((const CreateRangeStmt *) stmt)->typeName);
		case T_DefineStmt:
			return in_temporary_schema(((const DefineStmt *) stmt)->defnames);
		case T_ViewStmt:
			return becomes_temporary(((const ViewStmt *) stmt)->view) || reads_temporary(((const ViewStmt *) stmt)->query, NULL);
		default:
			return made_relation(stmt) && becomes_temporary(made_relation(stmt));
	}
}

static bool
is_there(const RangeVar *relation)
{
	return OidIsValid(RangeVarGetRelid(relation, NoLock, true));
}

/* Is there one already where a new one would be? */
static bool
is_taken(const RangeVar *relation)
{
	return OidIsValid(get_relname_relid(relation->relname, RangeVarGetCreationNamespace(relation)));
}

Oid
mig_enum_value(const AlterEnumStmt *stmt)
{
	Oid			type = stmt->newVal ? LookupTypeNameOid(NULL, makeTypeNameFromNameList(stmt->typeName), true) : InvalidOid;

	return OidIsValid(type) ?
		GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type), CStringGetDatum(stmt->newVal)) : InvalidOid;
}

static bool
has_index(const IndexStmt *stmt)
{
	Oid			table = RangeVarGetRelid(stmt->relation, NoLock, true);

	return OidIsValid(table) && OidIsValid(get_relname_relid(stmt->idxname, get_rel_namespace(table)));
}

/* IF NOT EXISTS, and it does. */
static bool
exists_already(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			return ((const CreateStmt *) stmt)->if_not_exists && is_taken(((const CreateStmt *) stmt)->relation);
		case T_CreateTableAsStmt:
			return ((const CreateTableAsStmt *) stmt)->if_not_exists &&
				is_taken(((const CreateTableAsStmt *) stmt)->into->rel);
		case T_ExplainStmt:
			return exists_already((const Node *) mig_explained_create((const ExplainStmt *) stmt));
		case T_CreateSeqStmt:
			return ((const CreateSeqStmt *) stmt)->if_not_exists && is_taken(((const CreateSeqStmt *) stmt)->sequence);
		case T_IndexStmt:
			return ((const IndexStmt *) stmt)->if_not_exists && has_index((const IndexStmt *) stmt);
		case T_AlterEnumStmt:
			return ((const AlterEnumStmt *) stmt)->skipIfNewValExists && OidIsValid(mig_enum_value((const AlterEnumStmt *) stmt));
		case T_CreateSchemaStmt:
			return ((const CreateSchemaStmt *) stmt)->if_not_exists && ((const CreateSchemaStmt *) stmt)->schemaname &&
				OidIsValid(get_namespace_oid(((const CreateSchemaStmt *) stmt)->schemaname, true));
		case T_CreateExtensionStmt:
			return ((const CreateExtensionStmt *) stmt)->if_not_exists &&
				OidIsValid(get_extension_oid(((const CreateExtensionStmt *) stmt)->extname, true));
		default:
			return false;
	}
}

static bool
has_none_of(List *roles)
{
	ListCell   *cell;

	foreach(cell, roles)
	{
		RoleSpec   *role = lfirst(cell);

		if (role->roletype != ROLESPEC_CSTRING || OidIsValid(get_role_oid(role->rolename, true)))
			return false;
	}
	return true;
}

/* ADD COLUMN IF NOT EXISTS, or DROP ... IF EXISTS, in vain. */
static bool
changes_nothing(const AlterTableCmd *alter, Oid relation)
{
	if (!alter->missing_ok)
		return false;
	switch (alter->subtype)
	{
		case AT_AddColumn:
			return get_attnum(relation, castNode(ColumnDef, alter->def)->colname) != InvalidAttrNumber;
		case AT_DropColumn:
			return get_attnum(relation, alter->name) == InvalidAttrNumber;
		case AT_DropConstraint:
			return !OidIsValid(get_relation_constraint_oid(relation, alter->name, true));
		default:
			return false;
	}
}

/* ALTER TABLE IF EXISTS without a table, or each of its parts finds it so. */
static bool
alters_nothing(const AlterTableStmt *stmt)
{
	Oid			relation = RangeVarGetRelid(stmt->relation, NoLock, true);
	ListCell   *cell;

	if (!OidIsValid(relation))
		return stmt->missing_ok;
	foreach(cell, stmt->cmds)
		if (!changes_nothing(castNode(AlterTableCmd, lfirst(cell)), relation))
			return false;
	return true;
}

static bool
drops_no_constraint(const AlterDomainStmt *stmt)
{
	Oid			domain = stmt->missing_ok ? LookupTypeNameOid(NULL, makeTypeNameFromNameList(stmt->typeName), true) : InvalidOid;

	return OidIsValid(domain) && !OidIsValid(get_domain_constraint_oid(domain, stmt->name, true));
}

/* IF EXISTS, and it does not. */
static bool
is_missing(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			return alters_nothing((const AlterTableStmt *) stmt);
		case T_AlterDomainStmt:
			return drops_no_constraint((const AlterDomainStmt *) stmt);
		case T_RenameStmt:
			return ((const RenameStmt *) stmt)->missing_ok && ((const RenameStmt *) stmt)->relation &&
				!is_there(((const RenameStmt *) stmt)->relation);
		case T_DropRoleStmt:
			return ((const DropRoleStmt *) stmt)->missing_ok && has_none_of(((const DropRoleStmt *) stmt)->roles);
		case T_DropdbStmt:
			return ((const DropdbStmt *) stmt)->missing_ok &&
				!OidIsValid(get_database_oid(((const DropdbStmt *) stmt)->dbname, true));
		case T_DropTableSpaceStmt:
			return ((const DropTableSpaceStmt *) stmt)->missing_ok &&
				!OidIsValid(get_tablespace_oid(((const DropTableSpaceStmt *) stmt)->tablespacename, true));
		default:
			return false;
	}
}

/* The last statement of a dump that has our event triggers, when capture is on already. */
static bool
ends_dump(const Node *stmt)
{
	return IsA(stmt, AlterOwnerStmt) && ((const AlterOwnerStmt *) stmt)->objectType == OBJECT_EVENT_TRIGGER &&
		mig_is_our_event_trigger(strVal(((const AlterOwnerStmt *) stmt)->object));
}

bool
mig_statement_spares_schema(const Node *stmt)
{
	if (IsA(stmt, DropStmt))
		return drops_nothing_lasting((const DropStmt *) stmt);
	return all_temporary(relations_of(stmt)) || makes_temporary(stmt) || changes_temporary(stmt) || exists_already(stmt) ||
		is_missing(stmt) || ends_dump(stmt);
}
