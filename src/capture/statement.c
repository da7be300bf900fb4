/*
 * statement.c
 *		What a parse tree says of a statement: whether it changes the schema,
 *		who will see what it does, and what only the hook sees of it.
 */
#include "postgres.h"

#include "capture/capture_private.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* The CREATE TABLE AS inside an EXPLAIN ANALYZE, or NULL. */
const CreateTableAsStmt *
mig_explained_create(const ExplainStmt *stmt)
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
	return CreateCommandTag(IsA(stmt, ExplainStmt) ?
							unconstify(Node *, (const Node *) mig_explained_create((const ExplainStmt *) stmt)) :
							unconstify(Node *, stmt));
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
			return mig_explained_create((const ExplainStmt *) stmt) ? STATEMENT_HOOK : STATEMENT_IGNORED;
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

const char *
mig_role_text(const RoleSpec *role)
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
		objects = mig_touched_add(objects, action, "role", NULL, mig_role_text(lfirst(cell)));
	return objects;
}

static List *
add_relation(List *objects, const char *action, const RangeVar *relation)
{
	Oid			oid = RangeVarGetRelid(relation, NoLock, true);

	if (!OidIsValid(oid) || get_rel_persistence(oid) == RELPERSISTENCE_TEMP)
		return objects;
	return mig_touched_add_table(objects, action, "table", oid);
}

/* A relation that is not there yet. */
static List *
add_made(List *objects, const CreateTableAsStmt *stmt)
{
	const RangeVar *relation = stmt->into->rel;
	char	   *schema = get_namespace_name(RangeVarGetCreationNamespace(relation));

	return mig_touched_add(objects, "create", stmt->objtype == OBJECT_MATVIEW ? "materialized view" : "table",
						   schema, quote_qualified_identifier(schema, relation->relname));
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
		case T_DropOwnedStmt:
			return add_roles(NIL, "drop owned", ((const DropOwnedStmt *) stmt)->roles);
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

/* Tables that TRUNCATE ... CASCADE emptied besides. */
static List *
add_cascaded(List *objects, const TruncateStmt *stmt)
{
	List	   *tables = NIL;
	List	   *more;
	ListCell   *cell;

	if (stmt->behavior != DROP_CASCADE)
		return objects;
	foreach(cell, stmt->relations)
		tables = lappend_oid(tables, RangeVarGetRelid(lfirst(cell), NoLock, false));
	while ((more = heap_truncate_find_FKs(tables)) != NIL)
	{
		foreach(cell, more)
			objects = mig_touched_add_table(objects, "truncate", "table", lfirst_oid(cell));
		tables = list_concat(tables, more);
	}
	return objects;
}

List *
mig_statement_objects(const Node *stmt)
{
	List	   *objects = NIL;
	ListCell   *cell;

	if (object_type_of(stmt) >= 0)
		return general_objects(stmt);
	if (IsA(stmt, ExplainStmt))
		return add_made(NIL, mig_explained_create((const ExplainStmt *) stmt));
	if (IsA(stmt, TruncateStmt))
	{
		foreach(cell, ((const TruncateStmt *) stmt)->relations)
			objects = add_relation(objects, "truncate", lfirst(cell));
		return add_cascaded(objects, (const TruncateStmt *) stmt);
	}
	objects = role_objects(stmt);
	return objects ? objects : shared_objects(stmt);
}
