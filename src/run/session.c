/*
 * session.c
 *		What the session of a migration that commits in between has, and the rest
 *		of the migration relies on: where names are looked up, as whom, and what
 *		is temporary.  Another session is not to go on without it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/faults.h"
#include "common/names.h"
#include "miscadmin.h"
#include "run/apart_private.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc_tables.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/* ---- what it has ---- */

/* What a setting is behind the transaction; NULL: what it is now. */
static const char *
behind(const char *setting)
{
	const char *value = NULL;

	for (const GucStack *stack = mig_find_setting(setting)->stack; stack; stack = stack->prev)
		if (stack->state != GUC_SET)
			value = stack->state == GUC_SET_LOCAL ? stack->masked.val.stringval : stack->prior.val.stringval;
	return value;
}

static Oid
role_behind(void)
{
	const char *role = behind("role");

	if (role == NULL)
		return GetUserId();
	return strcmp(role, "none") == 0 ? GetSessionUserId() : get_role_oid(role, true);
}

/* The schemas of a path that there are and that a role may use, each once. */
static char *
effective(const char *path, Oid role)
{
	StringInfoData result;
	List	   *names;
	List	   *schemas = NIL;
	ListCell   *cell;

	initStringInfo(&result);
	if (!SplitIdentifierString(pstrdup(path), ',', &names))
		names = NIL;
	foreach(cell, names)
	{
		const char *name = strcmp(lfirst(cell), "$user") == 0 ? GetUserNameFromId(role, true) : lfirst(cell);
		Oid			schema = name ? get_namespace_oid(name, true) : InvalidOid;

		if (!OidIsValid(schema) || list_member_oid(schemas, schema) ||
			mig_object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) != ACLCHECK_OK)
			continue;
		schemas = lappend_oid(schemas, schema);
		appendStringInfo(&result, "%s%s", result.len > 0 ? ", " : "", quote_identifier(name));
	}
	return result.len > 0 ? result.data : "''";
}

/* What a statement can name, and not only use through something else. */
static char *
temporary_name(Oid class_id, Oid object_id)
{
	char		kind;

	if (class_id == ProcedureRelationId)
		return get_func_name(object_id);
	if (class_id != RelationRelationId)
		return NULL;
	kind = get_rel_relkind(object_id);
	return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE || kind == RELKIND_VIEW || kind == RELKIND_SEQUENCE ? get_rel_name(object_id) : NULL;
}

/* The schema of what is temporary in this session; invalid: nothing ever was. */
static Oid
temporary_schema(void)
{
	Oid			schema;
	Oid			toast;

	GetTempNamespaceState(&schema, &toast);
	return schema;
}

/* All of them are the migration's own: it has a session of its own. */
static char *
temporary_objects(void)
{
	StringInfoData names;
	Oid			schema = temporary_schema();
	Relation	pg_depend;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!OidIsValid(schema))
		return "";
	initStringInfo(&names);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(schema));
	pg_depend = table_open(DependRelationId, AccessShareLock);
	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 2, keys);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);
		char	   *name = temporary_name(depend->classid, depend->objid);

		if (name)
			mig_list_name(&names, name);
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return names.data;
}

SessionNote *
apart_session(Apart *apart)
{
	SessionNote *note = palloc0(sizeof(SessionNote));
	const char *path = behind("search_path");
	Oid			role = role_behind();

	note->temporary = temporary_objects();
	/* Whose rights will hold is not to be told then, and what is temporary may go. */
	apart->note_again = behind("session_authorization") || OidIsValid(temporary_schema());
	if (behind("session_authorization"))
		return note;
	note->search_path = effective(path ? path : namespace_search_path, role);
	note->role = role == apart->role && apart->options.run_as == NULL ? "" : GetUserNameFromId(role, true);
	return note;
}

/*
 * A temporary table ON COMMIT DROP is there until the transaction ends that notes
 * it: whoever is killed in between is asked once too often.
 */
void
apart_note_behind(Apart *apart, int done)
{
	if (!apart->note_again || done == apart->script->nstatements)
		return;
	MIG_FAULT("apart_note_behind");
	apart_begin(apart);
	apart_note_done(apart, done);
	apart_commit(apart);
}

/* ---- what it would go on without ---- */

/* A statement that sets it for the session, or resets it, or NULL. */
static const VariableSetStmt *
path_setting(const Apart *apart, int number)
{
	const VariableSetStmt *set = (const VariableSetStmt *) apart_statement(apart, number)->raw->stmt;

	return IsA(set, VariableSetStmt) && !set->is_local && set->name && strcmp(set->name, "search_path") == 0 ? set : NULL;
}

/* Does what comes next say where, for whoever runs it? */
static bool
is_path_set_next(const Apart *apart)
{
	const VariableSetStmt *set = path_setting(apart, apart->done + 1);
	ListCell   *cell;

	if (set == NULL || set->kind != VAR_SET_VALUE)
		return false;
	foreach(cell, set->args)
	{
		const A_Const *schema = lfirst(cell);

		if (!IsA(schema, A_Const) || !IsA(&schema->val, String) || strcmp(schema->val.sval.sval, "$user") == 0)
			return false;
	}
	return true;
}

/* Has what stands set it? */
static bool
is_path_set_before(const Apart *apart)
{
	for (int number = 1; number <= apart->done; number++)
		if (path_setting(apart, number))
			return true;
	return false;
}

/* What gives it back the search_path of then. */
static const char *
way_to_path(const Apart *apart, const char *then)
{
	List	   *names;
	ListCell   *cell;

	(void) SplitIdentifierString(pstrdup(then), ',', &names);
	foreach(cell, strcmp(then, "''") == 0 ? NIL : names)
	{
		const char *name = quote_identifier(lfirst(cell));
		Oid			schema = get_namespace_oid(lfirst(cell), true);

		if (!OidIsValid(schema))
			return psprintf("There is no schema %s any more: give it back its name.", name);
		if (mig_object_aclcheck(NamespaceRelationId, schema, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
			return psprintf("GRANT USAGE ON SCHEMA %s TO %s;", name, quote_identifier(GetUserNameFromId(GetUserId(), false)));
	}
	if (is_path_set_before(apart))
		return "Its text has set it, to what is something else now.";
	if (apart->options.search_path)
		return psprintf("Register it with the option \"search_path\" of then, %s.", then);
	return psprintf("SET search_path = %s;  before the call.", then);
}

pg_noreturn static void
raise_missing(const Apart *apart, const char *what, const char *detail, const char *way)
{
	const char *name = mig_full_name(apart->migration);

	ereport(ERROR,
			(errcode(ERRCODE_MIG_INTERRUPTED),
			 errmsg("migration \"%s\" was begun %s", name, what),
			 errdetail("%s", detail),
			 errhint("%s  If it is to go on with this one: SELECT migrate.resolve(%s, 'continue', '<why>');", way, quote_literal_cstr(name))));
}

static void
require_temporary(const Apart *apart, const char *then)
{
	if (then && then[0] != '\0')
		raise_missing(apart, "in another session, and what is temporary has gone with that",
					  psprintf("It had %s, which what is left may need.", then), apart_ways_by_hand(apart));
}

static void
require_role(const Apart *apart, const char *then)
{
	const char *now = GetUserNameFromId(GetUserId(), false);

	/* Whoever goes on with what began as its caller may be another one. */
	if (then && then[0] != '\0' && strcmp(then, now) != 0)
		raise_missing(apart, "as another role", psprintf("It was %s then, and is %s now.", then, now),
					  apart->options.run_as ?
					  psprintf("Register it with the option \"run_as\" of then, %s.", then) :
					  psprintf("SET ROLE %s;  before the call, for which it needs the capability \"deployer\".", quote_identifier(then)));
}

static void
require_path(const Apart *apart, const char *then)
{
	const char *now = effective(namespace_search_path, GetUserId());

	if (then && strcmp(then, now) != 0 && !is_path_set_next(apart))
		raise_missing(apart, "with another search_path", psprintf("It was %s then, and is %s now.", then, now), way_to_path(apart, then));
}

void
apart_require_session(Apart *apart)
{
	const SessionNote *then = &apart->before->session;

	if (apart->done == 0 || apart->done == apart->script->nstatements)
		return;
	apart_begin(apart);
	require_temporary(apart, then->temporary);
	require_role(apart, then->role);
	require_path(apart, then->search_path);
	apart_commit(apart);
}
