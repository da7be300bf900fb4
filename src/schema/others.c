/*
 * others.c
 *		What others have changed while a run was under way, and what may read
 *		otherwise since.
 *
 * Captured is what a statement was about, by name: of a new constraint the
 * table, of a renamed column the column, and of the views that have its name in
 * them nothing.  Rather too much is found than too little.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "common/identity.h"
#include "ledger/expected.h"
#include "schema/others.h"
#include "schema/schema.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

struct Others
{
	bool		anything;		/* nobody can tell what */
	List	   *identities;
	List	   *addresses;		/* of what may have changed more than itself */
	HTAB	   *around;			/* ObjectAddress: those, and what may mention them */
};

/* ---- what has this name now ---- */

static void
add_address(Others *others, Oid class_id, Oid object_id)
{
	ObjectAddress *address = palloc(sizeof(ObjectAddress));

	ObjectAddressSet(*address, class_id, object_id);
	if (OidIsValid(object_id))
		others->addresses = lappend(others->addresses, address);
}

/* A relation or type; of other kinds of objects only the texts change that have their names. */
static void
add_named(Others *others, const char *identity)
{
	List	   *names;
	Oid			schema;

	if (!SplitIdentifierString(pstrdup(identity), '.', &names) || list_length(names) != 2)
		return;
	schema = get_namespace_oid(linitial(names), true);
	if (!OidIsValid(schema))
		return;
	add_address(others, RelationRelationId, get_relname_relid(lsecond(names), schema));
	add_address(others, TypeRelationId,
				GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(lsecond(names)), ObjectIdGetDatum(schema)));
}

static void
add_schema(Others *others, const char *identity)
{
	List	   *names;

	if (SplitIdentifierString(pstrdup(identity), '.', &names) && list_length(names) == 1)
		add_address(others, NamespaceRelationId, get_namespace_oid(linitial(names), true));
}

/* ---- what a statement was about ---- */

#define ALL_IN_SCHEMA "ALL IN SCHEMA "

/* What was done by hand, or to all that somebody owns. */
static bool
is_anything(const LedgerChange *change)
{
	return change->identity == NULL || strstr(change->action, " owned") ||
		(strcmp(change->object_type, "table") == 0 && mig_begins_with(change->identity, "pg_catalog.pg_"));
}

/* A privilege or a comment is in no other description. */
static bool
reaches_others(const LedgerChange *change)
{
	return strcmp(change->action, "grant") != 0 && strcmp(change->action, "revoke") != 0 &&
		strcmp(change->action, "comment") != 0 && !mig_begins_with(change->action, "security");
}

/* The name of its table, of that of a column. */
static void
cut_column(char *identity)
{
	const char *name = identity;

	for (const char *next = identity; (next = mig_behind_word(next, ".")) != NULL;)
		name = next;
	if (name > identity)
		identity[name - identity - 1] = '\0';
}

static void
add_change(Others *others, const LedgerChange *change)
{
	char	   *identity = change->identity ? pstrdup(change->identity) : NULL;
	const char *on;

	if (is_anything(change))
	{
		others->anything = true;
		return;
	}
	if (mig_begins_with(identity, ALL_IN_SCHEMA))
	{
		add_schema(others, identity + strlen(ALL_IN_SCHEMA));
		return;
	}
	if (strstr(change->object_type, "column"))
		cut_column(identity);
	others->identities = lappend(others->identities, strcmp(change->object_type, "database") == 0 ? "this database" : identity);
	if (!reaches_others(change))
		return;
	on = mig_behind_word(identity, " on ");
	add_named(others, on ? on : identity);
	if (strcmp(change->object_type, "schema") == 0)
		add_schema(others, identity);
}

Others *
mig_others_of(const List *changes)
{
	HASHCTL		control = {.keysize = sizeof(ObjectAddress), .entrysize = sizeof(ObjectAddress), .hcxt = CurrentMemoryContext};
	Others	   *others = palloc0(sizeof(Others));
	ListCell   *cell;

	if (changes == NIL)
		return NULL;
	foreach(cell, changes)
		add_change(others, lfirst(cell));
	others->around = hash_create("changed by others", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(cell, mig_schema_dependants(others->addresses))
		(void) hash_search(others->around, lfirst(cell), HASH_ENTER, NULL);
	return others;
}

bool
mig_others_may_have(const Others *others, const char *identity, const ObjectAddress *address)
{
	ListCell   *cell;

	if (others == NULL)
		return false;
	if (others->anything || hash_search(others->around, address, HASH_FIND, NULL))
		return true;
	foreach(cell, others->identities)
		if (strcmp(lfirst(cell), identity) == 0)
			return true;
	return false;
}
