/*
 * statement.c
 *		What a parse tree says of a statement: whether it changes the schema,
 *		who will see what it does, and whether it is about temporary objects.
 */
#include "postgres.h"

#include "access/table.h"
#include "capture/capture_private.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_node.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* The CREATE TABLE AS inside an EXPLAIN ANALYZE, or NULL. */
static const CreateTableAsStmt *
explained_create(const ExplainStmt *stmt)
{
	const Query *query = (const Query *) stmt->query;
	bool		analyze = false;
	ListCell   *cell;

	foreach(cell, stmt->options)
	{
		DefElem    *option = lfirst(cell);

		if (strcmp(option->defname, "analyze") == 0)
			analyze = defGetBoolean(option);
	}
	if (!analyze || !IsA(query, Query) || query->commandType != CMD_UTILITY ||
		!IsA(query->utilityStmt, CreateTableAsStmt))
		return NULL;
	return (const CreateTableAsStmt *) query->utilityStmt;
}

/* The type of object that a statement of a general form is about, or -1. */
static int
object_type_of(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_RenameStmt:
			return ((const RenameStmt *) stmt)->renameType;
		case T_AlterOwnerStmt:
			return ((const AlterOwnerStmt *) stmt)->objectType;
		case T_CommentStmt:
			return ((const CommentStmt *) stmt)->objtype;
		case T_SecLabelStmt:
			return ((const SecLabelStmt *) stmt)->objtype;
		case T_GrantStmt:
			return ((const GrantStmt *) stmt)->objtype;
		case T_DropStmt:
			return ((const DropStmt *) stmt)->removeType;
		default:
			return -1;
	}
}

CommandTag
mig_statement_tag(const Node *stmt)
{
	return IsA(stmt, ExplainStmt) ? CMDTAG_CREATE_TABLE_AS : CreateCommandTag(unconstify(Node *, stmt));
}

StatementKind
mig_statement_kind(const Node *stmt)
{
	int			type;

	switch (nodeTag(stmt))
	{
		case T_RefreshMatViewStmt:
		case T_ReindexStmt:
		case T_ClusterStmt:
		case T_VacuumStmt:
		case T_ExecuteStmt:
		case T_PrepareStmt:
			return STATEMENT_IGNORED;
		case T_TruncateStmt:
		case T_ReassignOwnedStmt:
			return STATEMENT_HOOK;
		case T_ExplainStmt:
			return explained_create((const ExplainStmt *) stmt) ? STATEMENT_HOOK : STATEMENT_IGNORED;
		default:
			break;
	}
	if (GetCommandLogLevel(unconstify(Node *, stmt)) != LOGSTMT_DDL)
		return STATEMENT_IGNORED;
	type = object_type_of(stmt);
	if (type >= 0 && !EventTriggerSupportsObjectType((ObjectType) type))
		return STATEMENT_HOOK;
	return command_tag_event_trigger_ok(mig_statement_tag(stmt)) ? STATEMENT_EVENT : STATEMENT_HOOK;
}

/* ---- objects that only the hook sees ---- */

static const char *
role_text(const RoleSpec *role)
{
	switch (role->roletype)
	{
		case ROLESPEC_CSTRING:
			return quote_identifier(role->rolename);
		case ROLESPEC_PUBLIC:
			return "public";
		case ROLESPEC_SESSION_USER:
			return quote_identifier(GetUserNameFromId(GetSessionUserId(), false));
		default:
			return quote_identifier(GetUserNameFromId(GetUserId(), false));
	}
}

static List *
add_roles(List *objects, const char *action, List *roles)
{
	ListCell   *cell;

	foreach(cell, roles)
		objects = mig_touched_add(objects, action, "role", NULL, role_text(lfirst(cell)));
	return objects;
}

static List *
add_relation(List *objects, const char *action, const RangeVar *relation)
{
	Oid			oid = RangeVarGetRelid(relation, NoLock, true);

	if (!OidIsValid(oid) || get_rel_persistence(oid) == RELPERSISTENCE_TEMP)
		return objects;
	return mig_touched_add(objects, action, get_rel_relkind(oid) == RELKIND_MATVIEW ? "materialized view" : "table",
						   get_namespace_name(get_rel_namespace(oid)),
						   quote_qualified_identifier(get_namespace_name(get_rel_namespace(oid)), get_rel_name(oid)));
}

/* Names of a type of object that has no schema, as Strings. */
static List *
add_names(List *objects, const char *action, const char *type, List *names)
{
	ListCell   *cell;

	foreach(cell, names)
		objects = mig_touched_add(objects, action, type, NULL,
								  quote_identifier(IsA(lfirst(cell), List) ?
												   strVal(llast((List *) lfirst(cell))) : strVal(lfirst(cell))));
	return objects;
}

/* As the server calls the types that event triggers do not support. */
static const char *
type_text(int type)
{
	switch (type)
	{
		case OBJECT_DATABASE:
			return "database";
		case OBJECT_TABLESPACE:
			return "tablespace";
		case OBJECT_ROLE:
			return "role";
		case OBJECT_EVENT_TRIGGER:
			return "event trigger";
		default:
			return "parameter";
	}
}

/* Statements of a general form about such a type. */
static List *
general_objects(const Node *stmt)
{
	const char *type = type_text(object_type_of(stmt));

	switch (nodeTag(stmt))
	{
		case T_RenameStmt:
			return mig_touched_add(NIL, "alter", type, NULL, quote_identifier(((const RenameStmt *) stmt)->newname));
		case T_AlterOwnerStmt:
			return add_names(NIL, "alter", type, list_make1(((const AlterOwnerStmt *) stmt)->object));
		case T_CommentStmt:
			return add_names(NIL, "comment", type, list_make1(((const CommentStmt *) stmt)->object));
		case T_SecLabelStmt:
			return add_names(NIL, "security label", type, list_make1(((const SecLabelStmt *) stmt)->object));
		case T_GrantStmt:
			return add_names(NIL, ((const GrantStmt *) stmt)->is_grant ? "grant" : "revoke", type,
							 ((const GrantStmt *) stmt)->objects);
		case T_DropStmt:
			return add_names(NIL, "drop", type, ((const DropStmt *) stmt)->objects);
		default:
			return NIL;
	}
}

static List *
role_objects(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateRoleStmt:
			return mig_touched_add(NIL, "create", "role", NULL, quote_identifier(((const CreateRoleStmt *) stmt)->role));
		case T_AlterRoleStmt:
			return add_roles(NIL, "alter", list_make1(((const AlterRoleStmt *) stmt)->role));
		case T_AlterRoleSetStmt:
			{
				const AlterRoleSetStmt *set = (const AlterRoleSetStmt *) stmt;

				return set->role ? add_roles(NIL, "alter", list_make1(set->role)) :
					mig_touched_add(NIL, "alter", "role", NULL, "ALL");
			}
		case T_DropRoleStmt:
			return add_roles(NIL, "drop", ((const DropRoleStmt *) stmt)->roles);
		case T_GrantRoleStmt:
			return add_roles(NIL, ((const GrantRoleStmt *) stmt)->is_grant ? "grant" : "revoke",
							 ((const GrantRoleStmt *) stmt)->grantee_roles);
		case T_ReassignOwnedStmt:
			return add_roles(NIL, "reassign owned", ((const ReassignOwnedStmt *) stmt)->roles);
		default:
			return NIL;
	}
}

static List *
shared_objects(const Node *stmt)
{
	const char *action = "alter";
	const char *type = "database";
	const char *name;

	switch (nodeTag(stmt))
	{
		case T_CreatedbStmt:
			action = "create";
			name = ((const CreatedbStmt *) stmt)->dbname;
			break;
		case T_DropdbStmt:
			action = "drop";
			name = ((const DropdbStmt *) stmt)->dbname;
			break;
		case T_AlterDatabaseStmt:
			name = ((const AlterDatabaseStmt *) stmt)->dbname;
			break;
		case T_AlterDatabaseRefreshCollStmt:
			name = ((const AlterDatabaseRefreshCollStmt *) stmt)->dbname;
			break;
		case T_AlterDatabaseSetStmt:
			name = ((const AlterDatabaseSetStmt *) stmt)->dbname;
			break;
		case T_CreateTableSpaceStmt:
			action = "create";
			type = "tablespace";
			name = ((const CreateTableSpaceStmt *) stmt)->tablespacename;
			break;
		case T_DropTableSpaceStmt:
			action = "drop";
			type = "tablespace";
			name = ((const DropTableSpaceStmt *) stmt)->tablespacename;
			break;
		case T_AlterTableSpaceOptionsStmt:
			type = "tablespace";
			name = ((const AlterTableSpaceOptionsStmt *) stmt)->tablespacename;
			break;
		case T_CreateEventTrigStmt:
			action = "create";
			type = "event trigger";
			name = ((const CreateEventTrigStmt *) stmt)->trigname;
			break;
		case T_AlterEventTrigStmt:
			type = "event trigger";
			name = ((const AlterEventTrigStmt *) stmt)->trigname;
			break;
		case T_AlterSystemStmt:
			type = "parameter";
			name = ((const AlterSystemStmt *) stmt)->setstmt->name;
			break;
		default:
			return NIL;
	}
	return mig_touched_add(NIL, action, type, NULL, name ? quote_identifier(name) : "ALL");
}

List *
mig_statement_objects(const Node *stmt)
{
	List	   *objects = NIL;
	ListCell   *cell;

	if (object_type_of(stmt) >= 0)
		return general_objects(stmt);
	if (IsA(stmt, ExplainStmt))
		return add_relation(NIL, "create", explained_create((const ExplainStmt *) stmt)->into->rel);
	if (IsA(stmt, TruncateStmt))
	{
		foreach(cell, ((const TruncateStmt *) stmt)->relations)
			objects = add_relation(objects, "truncate", lfirst(cell));
		return objects;
	}
	objects = role_objects(stmt);
	return objects ? objects : shared_objects(stmt);
}

/* ---- statements that change nothing that counts ---- */

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
			return list_make1(explained_create((const ExplainStmt *) stmt)->into->rel);
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
		case T_CreateSeqStmt:
			return ((const CreateSeqStmt *) stmt)->if_not_exists &&
				OidIsValid(RangeVarGetRelid(((const CreateSeqStmt *) stmt)->sequence, NoLock, true));
		case T_IndexStmt:
			{
				const IndexStmt *index = (const IndexStmt *) stmt;
				Oid			table = index->if_not_exists ? RangeVarGetRelid(index->relation, NoLock, true) : InvalidOid;

				return OidIsValid(table) && OidIsValid(get_relname_relid(index->idxname, get_rel_namespace(table)));
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
