/*
 * spares.c
 *		Statements that change nothing that counts: about temporary objects
 *		alone, or an IF [NOT] EXISTS that finds it so.
 */
#include "postgres.h"

#include "capture/capture_private.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/dbcommands.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/tablespace.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_type.h"
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
	return list_length(names) > 1 && strcmp(strVal(linitial(names)), "pg_temp") == 0;
}

static bool
drops_nothing_lasting(const DropStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->objects)
	{
		Node	   *object = lfirst(cell);
		RangeVar   *relation;

		switch (stmt->removeType)
		{
			case OBJECT_TABLE:
			case OBJECT_SEQUENCE:
			case OBJECT_VIEW:
			case OBJECT_MATVIEW:
			case OBJECT_INDEX:
			case OBJECT_FOREIGN_TABLE:
				relation = makeRangeVarFromNameList((List *) object);
				if (is_temporary(relation) ||
					(stmt->missing_ok && !OidIsValid(RangeVarGetRelid(relation, NoLock, true))))
					continue;
				return false;
			case OBJECT_SCHEMA:
				if (stmt->missing_ok && !OidIsValid(get_namespace_oid(strVal(object), true)))
					continue;
				return false;
			case OBJECT_EXTENSION:
				if (stmt->missing_ok && !OidIsValid(get_extension_oid(strVal(object), true)))
					continue;
				return false;
			case OBJECT_EVENT_TRIGGER:
				if (stmt->missing_ok && !OidIsValid(get_event_trigger_oid(strVal(object), true)))
					continue;
				return false;
			default:
				return false;
		}
	}
	return true;
}

static List *
relation_of_comment(const CommentStmt *stmt)
{
	List	   *names = (List *) stmt->object;

	switch (stmt->objtype)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_INDEX:
		case OBJECT_SEQUENCE:
			return list_make1(makeRangeVarFromNameList(names));
		case OBJECT_COLUMN:
			return list_length(names) > 1 ?
				list_make1(makeRangeVarFromNameList(list_copy_head(names, list_length(names) - 1))) : NIL;
		default:
			return NIL;
	}
}

/* Relations of the commonest statements; NIL: of none, or of another kind. */
static List *
relations_of(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			return list_make1(((const CreateStmt *) stmt)->relation);
		case T_CreateTableAsStmt:
			return list_make1(((const CreateTableAsStmt *) stmt)->into->rel);
		case T_CreateSeqStmt:
			return list_make1(((const CreateSeqStmt *) stmt)->sequence);
		case T_AlterSeqStmt:
			return list_make1(((const AlterSeqStmt *) stmt)->sequence);
		case T_ViewStmt:
			return list_make1(((const ViewStmt *) stmt)->view);
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
		case T_ExplainStmt:
			return list_make1(mig_explained_create((const ExplainStmt *) stmt)->into->rel);
		case T_CompositeTypeStmt:
			return list_make1(((const CompositeTypeStmt *) stmt)->typevar);
		case T_GrantStmt:
			return ((const GrantStmt *) stmt)->objtype == OBJECT_TABLE &&
				((const GrantStmt *) stmt)->targtype == ACL_TARGET_OBJECT ? ((const GrantStmt *) stmt)->objects : NIL;
		case T_CommentStmt:
			return relation_of_comment((const CommentStmt *) stmt);
		default:
			return NIL;
	}
}

/* A new object of a kind that is not a relation, by its qualified name. */
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
			return reads_temporary(((const ViewStmt *) stmt)->query, NULL);
		default:
			return false;
	}
}

static bool
is_there(const RangeVar *relation)
{
	return OidIsValid(RangeVarGetRelid(relation, NoLock, true));
}

static bool
has_value(const AlterEnumStmt *stmt)
{
	Oid			type = stmt->newVal ? LookupTypeNameOid(NULL, makeTypeNameFromNameList(stmt->typeName), true) : InvalidOid;

	return OidIsValid(type) &&
		SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(stmt->newVal));
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
			return ((const CreateStmt *) stmt)->if_not_exists && is_there(((const CreateStmt *) stmt)->relation);
		case T_CreateTableAsStmt:
			return ((const CreateTableAsStmt *) stmt)->if_not_exists &&
				is_there(((const CreateTableAsStmt *) stmt)->into->rel);
		case T_ExplainStmt:
			return exists_already((const Node *) mig_explained_create((const ExplainStmt *) stmt));
		case T_CreateSeqStmt:
			return ((const CreateSeqStmt *) stmt)->if_not_exists && is_there(((const CreateSeqStmt *) stmt)->sequence);
		case T_IndexStmt:
			return ((const IndexStmt *) stmt)->if_not_exists && has_index((const IndexStmt *) stmt);
		case T_AlterEnumStmt:
			return ((const AlterEnumStmt *) stmt)->skipIfNewValExists && has_value((const AlterEnumStmt *) stmt);
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

/* IF EXISTS, and it does not. */
static bool
is_missing(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			return ((const AlterTableStmt *) stmt)->missing_ok && !is_there(((const AlterTableStmt *) stmt)->relation);
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
	return all_temporary(relations_of(stmt)) || makes_temporary(stmt) || exists_already(stmt) ||
		is_missing(stmt) || ends_dump(stmt);
}
