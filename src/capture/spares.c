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

	foreach(cell, relations)
		if (!is_temporary(lfirst(cell)))
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
			{
				const CommentStmt *comment = (const CommentStmt *) stmt;

				switch (comment->objtype)
				{
					case OBJECT_TABLE:
					case OBJECT_VIEW:
					case OBJECT_INDEX:
					case OBJECT_SEQUENCE:
						return list_make1(makeRangeVarFromNameList((List *) comment->object));
					case OBJECT_COLUMN:
						return list_make1(makeRangeVarFromNameList(list_copy_head((List *) comment->object,
																				 list_length((List *) comment->object) - 1)));
					default:
						return NIL;
				}
			}
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

/* IF [NOT] EXISTS that finds it so. */
static bool
finds_it_so(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			return ((const CreateStmt *) stmt)->if_not_exists &&
				OidIsValid(RangeVarGetRelid(((const CreateStmt *) stmt)->relation, NoLock, true));
		case T_CreateTableAsStmt:
			return ((const CreateTableAsStmt *) stmt)->if_not_exists &&
				OidIsValid(RangeVarGetRelid(((const CreateTableAsStmt *) stmt)->into->rel, NoLock, true));
		case T_ExplainStmt:
			return finds_it_so((const Node *) mig_explained_create((const ExplainStmt *) stmt));
		case T_CreateSeqStmt:
			return ((const CreateSeqStmt *) stmt)->if_not_exists &&
				OidIsValid(RangeVarGetRelid(((const CreateSeqStmt *) stmt)->sequence, NoLock, true));
		case T_IndexStmt:
			{
				const IndexStmt *index = (const IndexStmt *) stmt;
				Oid			table = index->if_not_exists ? RangeVarGetRelid(index->relation, NoLock, true) : InvalidOid;

				return OidIsValid(table) && OidIsValid(get_relname_relid(index->idxname, get_rel_namespace(table)));
			}
		case T_AlterEnumStmt:
			{
				const AlterEnumStmt *alter = (const AlterEnumStmt *) stmt;
				Oid			type = alter->skipIfNewValExists && alter->newVal ?
					LookupTypeNameOid(NULL, makeTypeNameFromNameList(alter->typeName), true) : InvalidOid;

				return OidIsValid(type) &&
					SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(alter->newVal));
			}
		case T_CreateSchemaStmt:
			return ((const CreateSchemaStmt *) stmt)->if_not_exists && ((const CreateSchemaStmt *) stmt)->schemaname &&
				OidIsValid(get_namespace_oid(((const CreateSchemaStmt *) stmt)->schemaname, true));
		case T_CreateExtensionStmt:
			return ((const CreateExtensionStmt *) stmt)->if_not_exists &&
				OidIsValid(get_extension_oid(((const CreateExtensionStmt *) stmt)->extname, true));
		case T_AlterTableStmt:
			return ((const AlterTableStmt *) stmt)->missing_ok &&
				!OidIsValid(RangeVarGetRelid(((const AlterTableStmt *) stmt)->relation, NoLock, true));
		case T_RenameStmt:
			return ((const RenameStmt *) stmt)->missing_ok && ((const RenameStmt *) stmt)->relation &&
				!OidIsValid(RangeVarGetRelid(((const RenameStmt *) stmt)->relation, NoLock, true));
		case T_AlterOwnerStmt:
			/* The last statement of a dump, when capture is on already. */
			return ((const AlterOwnerStmt *) stmt)->objectType == OBJECT_EVENT_TRIGGER &&
				mig_is_our_event_trigger(strVal(((const AlterOwnerStmt *) stmt)->object));
		case T_DropRoleStmt:
			{
				ListCell   *cell;

				foreach(cell, ((const DropRoleStmt *) stmt)->roles)
				{
					RoleSpec   *role = lfirst(cell);

					if (role->roletype != ROLESPEC_CSTRING || OidIsValid(get_role_oid(role->rolename, true)))
						return false;
				}
				return ((const DropRoleStmt *) stmt)->missing_ok;
			}
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

bool
mig_statement_spares_schema(const Node *stmt)
{
	if (IsA(stmt, DropStmt))
		return drops_nothing_lasting((const DropStmt *) stmt);
	return all_temporary(relations_of(stmt)) || makes_temporary(stmt) || finds_it_so(stmt);
}
