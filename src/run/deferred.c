/*
 * deferred.c
 *		What a migration has deferred is checked at its end; what runs behind it in
 *		the same transaction finds constraints as if that were its own.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_constraint.h"
#include "commands/trigger.h"
#include "common/attempt.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/name_table.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "run/deployer.h"
#include "run/run.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* How often names are read that others drop meanwhile. */
#define TRIES 5

/* ---- what there is ---- */

/* Constraints that can be deferred and have one name, as SET CONSTRAINTS takes them: all or none. */
typedef struct Deferrable
{
	const char *identity;		/* the key */
	RangeVar   *name;
	bool		deferred;		/* one of them is from the start */
} Deferrable;

/* Those of others' temporary tables come and go, and are none of this transaction's. */
static bool
can_be_deferred_here(Form_pg_constraint constraint)
{
	return constraint->condeferrable && OidIsValid(constraint->conrelid) && !isOtherTempNamespace(constraint->connamespace);
}

static void
add_name(HTAB *names, Form_pg_constraint constraint)
{
	char	   *schema = get_namespace_name(constraint->connamespace);
	char	   *name = pstrdup(NameStr(constraint->conname));
	const char *identity;
	Deferrable *entry;
	bool		found;

	if (schema == NULL)
		return;
	identity = quote_qualified_identifier(schema, name);
	entry = hash_search(names, &identity, HASH_ENTER, &found);
	if (!found)
	{
		entry->name = makeRangeVar(schema, name, -1);
		entry->deferred = false;
	}
	entry->deferred |= constraint->condeferred;
}

/* *relations: oids of their tables, and of those that keys refer to. */
static HTAB *
read_deferrable(List **relations)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HTAB	   *names = mig_name_table("deferrable constraints", 16, sizeof(Deferrable));
	HeapTuple	tuple;

	*relations = NIL;
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);

		if (!can_be_deferred_here(constraint))
			continue;
		*relations = lappend_oid(lappend_oid(*relations, constraint->conrelid), constraint->confrelid);
		add_name(names, constraint);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	list_sort(*relations, list_oid_cmp);
	list_deduplicate_oid(*relations);
	return names;
}

/* Where one of that name is deferred from the start the others stay so, too: they are checked later, but in time. */
static List *
initially_immediate(HTAB *names)
{
	List	   *result = NIL;
	HASH_SEQ_STATUS status;
	Deferrable *entry;

	hash_seq_init(&status, names);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (!entry->deferred)
			result = lappend(result, entry->name);
	return result;
}

/* ---- as from the start ---- */

/*
 * A trigger may have deferred all again, and written: to fire that is its user's,
 * not ours.  What waits to be fired is looked through from its beginning for each
 * table, so only those are asked for that this transaction has written to.
 */
static void
refuse_queued(const Execution *execution, Oid relation)
{
	LOCKTAG		tag;

	CHECK_FOR_INTERRUPTS();
	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
	if (mig_lock_held_by_me(&tag, RowExclusiveLock) && AfterTriggerPendingOnRel(relation))
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("migration \"%s\" leaves constraints to be checked behind its end", execution->full_name),
				 errdetail("A trigger that a deferred constraint has fired has deferred constraints again."),
				 errhint("Put SET CONSTRAINTS ALL IMMEDIATE at the end of what that trigger does.")));
}

/* arg: names of those that are immediate, as a list of RangeVar */
static void
set_as_from_the_start(void *arg)
{
	ConstraintsSetStmt *stmt = makeNode(ConstraintsSetStmt);
	Oid			user;
	int			context;

	stmt->deferred = true;
	AfterTriggerSetState(stmt);
	stmt->deferred = false;
	stmt->constraints = arg;
	if (stmt->constraints == NIL)
		return;

	/* Names are looked up with the right to see their schemas. */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, context | SECURITY_LOCAL_USERID_CHANGE);
	AfterTriggerSetState(stmt);
	SetUserIdAndSecContext(user, context);
}

/*
 * SET CONSTRAINTS lasts as long as the transaction: what runs next in it finds
 * each constraint as it would at the start of its own.  No trigger is left to be
 * fired, so that nothing of a user's runs here, as whoever we are.
 */
static void
defer_again(const Execution *execution)
{
	ErrorData  *error = NULL;

	for (int i = 0; i < TRIES; i++)
	{
		List	   *relations;
		HTAB	   *names = read_deferrable(&relations);
		ListCell   *cell;

		foreach(cell, relations)
			refuse_queued(execution, lfirst_oid(cell));
		error = mig_attempt(set_as_from_the_start, initially_immediate(names), true);
		hash_destroy(names);
		/* Somebody else may have dropped one since its name was read. */
		if (error == NULL || (error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT && error->sqlerrcode != ERRCODE_UNDEFINED_SCHEMA))
			break;
	}
	if (error)
		ReThrowError(error);
}

void
mig_step_check_deferred(Execution *execution, bool again)
{
	ErrorContextCallback callback = {error_context_stack, mig_execution_context, execution};

	execution->current = NULL;
	error_context_stack = &callback;
	mig_deployer_inside(true);
	AfterTriggerSetState(makeNode(ConstraintsSetStmt));
	mig_deployer_inside(false);
	if (again)
		defer_again(execution);
	error_context_stack = callback.previous;
}
