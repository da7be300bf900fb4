/*
 * depends.c
 *		Which objects' descriptions may mention an object.
 *
 * Renaming a table changes its indexes, constraints and triggers, foreign keys of
 * others, views, policies and so on, and nothing but pg_depend knows them all.
 * More objects than really change are found, never fewer: the columns that an
 * edge names do not count, since a view prints columns that it does not use.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_shdepend.h"
#include "miscadmin.h"
#include "schema/schema_private.h"
#include "utils/hsearch.h"

typedef struct Reached
{
	ObjectAddress address;		/* key; without column */
	bool		expanded;
	bool		shown;			/* by itself, and not as a part of another */
	bool		by_name;		/* only because its text has a name in it */
} Reached;

typedef struct Closure
{
	HTAB	   *table;
	List	   *queue;			/* of ObjectAddress */
} Closure;

/* Whoever is reached both ways is reached by more than a name. */
static void
reach(Closure *closure, ObjectAddress address, bool by_name)
{
	bool		found;
	Reached    *reached;
	ObjectAddress *queued;

	address.objectSubId = 0;
	if (!OidIsValid(address.objectId))
		return;
	reached = hash_search(closure->table, &address, HASH_ENTER, &found);
	if (found && (reached->by_name <= by_name))
		return;
	reached->by_name = by_name;
	reached->expanded = false;
	queued = palloc(sizeof(ObjectAddress));
	*queued = address;
	closure->queue = lappend(closure->queue, queued);
}

/*
 * Does this edge lead to what is a part of the other one, or shows more of it
 * than its name?  Tables show the columns that they inherit, and everything the
 * name of its schema.
 */
static bool
is_close(Form_pg_depend depend)
{
	return depend->deptype != DEPENDENCY_NORMAL ||
		depend->refclassid == NamespaceRelationId ||
		(depend->refclassid == RelationRelationId && depend->classid == RelationRelationId);
}

/* What has the name of a role in it: its owner, in its privileges, or as whom a policy holds. */
static void
expand_role(Closure *closure, Oid role)
{
	CatalogScan scan;

	catalog_scan2(&scan, SharedDependRelationId, SharedDependReferenceIndexId, Anum_pg_shdepend_refclassid, AuthIdRelationId,
				  Anum_pg_shdepend_refobjid, role);
	while (catalog_next(&scan))
	{
		Form_pg_shdepend depend = (Form_pg_shdepend) GETSTRUCT(scan.row.tuple);
		ObjectAddress dependant;

		if (depend->dbid != MyDatabaseId || depend->classid == LargeObjectRelationId)
			continue;
		ObjectAddressSet(dependant, depend->classid, depend->objid);
		reach(closure, dependant, true);
	}
}

static void
expand(Closure *closure, const ObjectAddress *address)
{
	Reached    *reached = hash_search(closure->table, address, HASH_FIND, NULL);
	bool		by_name = reached->by_name;
	ObjectAddress shown_by;
	CatalogScan scan;

	if (reached->expanded)
		return;
	reached->expanded = true;
	shown_by = schema_shown_by(*address);
	reached->shown = shown_by.classId == address->classId && shown_by.objectId == address->objectId;
	reach(closure, shown_by, by_name);
	if (address->classId == AuthIdRelationId)
		expand_role(closure, address->objectId);
	catalog_scan2(&scan, DependRelationId, DependReferenceIndexId, Anum_pg_depend_refclassid, address->classId,
				  Anum_pg_depend_refobjid, address->objectId);
	while (catalog_next(&scan))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(scan.row.tuple);
		ObjectAddress dependant;

		/* The text of one that only has a name in it has no other names for its own dependants. */
		if (by_name && !is_close(depend))
			continue;
		ObjectAddressSet(dependant, depend->classid, depend->objid);
		reach(closure, dependant, by_name || !is_close(depend));
	}
}

static List *
those_shown(Closure *closure)
{
	List	   *result = NIL;
	HASH_SEQ_STATUS status;
	Reached    *reached;

	hash_seq_init(&status, closure->table);
	while ((reached = hash_seq_search(&status)) != NULL)
		if (reached->shown)
		{
			ObjectAddress *address = palloc(sizeof(ObjectAddress));

			*address = reached->address;
			result = lappend(result, address);
		}
	return result;
}

List *
mig_schema_dependants(const List *addresses)
{
	HASHCTL		control = {.keysize = sizeof(ObjectAddress), .entrysize = sizeof(Reached), .hcxt = CurrentMemoryContext};
	Closure		closure = {hash_create("schema dependants", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT), NIL};
	ListCell   *cell;

	foreach(cell, addresses)
		reach(&closure, *(const ObjectAddress *) lfirst(cell), false);
	/* The list grows while it is read. */
	for (int i = 0; i < list_length(closure.queue); i++)
		expand(&closure, list_nth(closure.queue, i));
	addresses = those_shown(&closure);
	hash_destroy(closure.table);
	return unconstify(List *, addresses);
}
