/*
 * grant.c
 *		Objects of GRANT and REVOKE, which event triggers only know the type of.
 */
#include "postgres.h"

#include "capture/capture_private.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parse_func.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

/* Types of objects as pg_event_trigger_ddl_commands() spells them otherwise. */
static const char *
type_name(ObjectType type)
{
	switch (type)
	{
		case OBJECT_TABLE:
			return "table";
		case OBJECT_SEQUENCE:
			return "sequence";
		case OBJECT_FUNCTION:
		case OBJECT_ROUTINE:
			return "function";
		case OBJECT_PROCEDURE:
			return "procedure";
		case OBJECT_SCHEMA:
			return "schema";
		case OBJECT_LANGUAGE:
			return "language";
		case OBJECT_FDW:
			return "foreign-data wrapper";
		case OBJECT_FOREIGN_SERVER:
			return "server";
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			return "type";
		default:
			return "large object";
	}
}

static const char *
relation_type(Oid oid)
{
	switch (get_rel_relkind(oid))
	{
		case RELKIND_VIEW:
			return "view";
		case RELKIND_MATVIEW:
			return "materialized view";
		case RELKIND_FOREIGN_TABLE:
			return "foreign table";
		case RELKIND_SEQUENCE:
			return "sequence";
		default:
			return "table";
	}
}

static List *
add_relation(List *objects, const char *action, const RangeVar *relation)
{
	Oid			oid = RangeVarGetRelid(relation, NoLock, true);

	if (!OidIsValid(oid) || get_rel_persistence(oid) == RELPERSISTENCE_TEMP)
		return objects;
	return mig_touched_add_table(objects, action, relation_type(oid), oid);
}

static List *
add_function(List *objects, const char *action, ObjectType type, ObjectWithArgs *function)
{
	Oid			oid = LookupFuncWithArgs(type, function, true);

	if (!OidIsValid(oid) || isAnyTempNamespace(get_func_namespace(oid)))
		return objects;
	return mig_touched_add(objects, action, get_func_prokind(oid) == PROKIND_PROCEDURE ? "procedure" :
						   get_func_prokind(oid) == PROKIND_AGGREGATE ? "aggregate" : "function",
						   get_namespace_name(get_func_namespace(oid)), format_procedure_qualified(oid));
}

static Oid
get_typ_namespace(Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(oid));
	Oid			result;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	result = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
	ReleaseSysCache(tuple);
	return result;
}

static List *
add_type(List *objects, const char *action, List *names)
{
	Oid			oid = typenameTypeId(NULL, makeTypeNameFromNameList(names));

	if (isAnyTempNamespace(get_typ_namespace(oid)))
		return objects;
	return mig_touched_add(objects, action, "type", NULL, format_type_be_qualified(oid));
}

static List *
add_object(List *objects, const char *action, ObjectType type, Node *object)
{
	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_SEQUENCE:
			return add_relation(objects, action, (RangeVar *) object);
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
			return add_function(objects, action, type, (ObjectWithArgs *) object);
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			return add_type(objects, action, (List *) object);
		case OBJECT_LARGEOBJECT:
			return mig_touched_add(objects, action, type_name(type), NULL,
								   IsA(object, Integer) ? psprintf("%d", intVal(object)) : castNode(Float, object)->fval);
		default:
			return mig_touched_add(objects, action, type_name(type), NULL, quote_identifier(strVal(object)));
	}
}

List *
mig_grant_objects(const GrantStmt *stmt)
{
	const char *action = stmt->is_grant ? "grant" : "revoke";
	List	   *objects = NIL;
	ListCell   *cell;

	foreach(cell, stmt->objects)
	{
		if (stmt->targtype == ACL_TARGET_OBJECT)
			objects = add_object(objects, action, stmt->objtype, lfirst(cell));
		else
			objects = mig_touched_add(objects, action, type_name(stmt->objtype), strVal(lfirst(cell)),
									  psprintf("ALL IN SCHEMA %s", quote_identifier(strVal(lfirst(cell)))));
	}
	return objects;
}

/* As the server calls it: "for role r in schema s on tables". */
static List *
default_privileges_objects(const AlterDefaultPrivilegesStmt *stmt)
{
	static const char *const kinds[] = {"tables", "sequences", "functions", "types", "schemas"};
	static const ObjectType types[] = {OBJECT_TABLE, OBJECT_SEQUENCE, OBJECT_FUNCTION, OBJECT_TYPE, OBJECT_SCHEMA};
	List	   *roles = list_make1(NULL);
	List	   *schemas = list_make1(NULL);
	const char *kind = "large objects";
	List	   *objects = NIL;
	ListCell   *cell;
	ListCell   *schema;

	foreach(cell, stmt->options)
	{
		DefElem    *option = lfirst(cell);

		if (strcmp(option->defname, "roles") == 0)
			roles = (List *) option->arg;
		else if (strcmp(option->defname, "schemas") == 0)
			schemas = (List *) option->arg;
	}
	for (int i = 0; i < lengthof(types); i++)
		if (stmt->action->objtype == types[i])
			kind = kinds[i];
	foreach(cell, roles)
		foreach(schema, schemas)
		{
			const char *name = lfirst(schema) ? strVal(lfirst(schema)) : NULL;

			objects = mig_touched_add(objects, "alter", "default acl", name,
									  psprintf("for role %s%s%s on %s",
											   lfirst(cell) ? mig_role_text(lfirst(cell)) :
											   quote_identifier(GetUserNameFromId(GetUserId(), false)),
											   name ? " in schema " : "", name ? quote_identifier(name) : "", kind));
		}
	return objects;
}

bool
mig_changes_privileges(const Node *stmt)
{
	return IsA(stmt, GrantStmt) || IsA(stmt, AlterDefaultPrivilegesStmt);
}

List *
mig_privilege_objects(const Node *stmt)
{
	return IsA(stmt, GrantStmt) ? mig_grant_objects((const GrantStmt *) stmt) :
		default_privileges_objects((const AlterDefaultPrivilegesStmt *) stmt);
}
