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
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_ts_parser.h"
#include "catalog/pg_ts_template.h"
#include "catalog/pg_type.h"
#include "common/identity.h"
#include "ledger/expected.h"
#include "schema/others.h"
#include "schema/schema_private.h"
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

static void
add_relation_or_type(Others *others, const char *identity)
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

/* Others that texts have the names of. */
static const struct
{
	const char *object_type;
	Oid			class_id;
}			other_types[] =
{
	{"aggregate", ProcedureRelationId},
	{"collation", CollationRelationId},
	{"foreign-data wrapper", ForeignDataWrapperRelationId},
	{"function", ProcedureRelationId},
	{"language", LanguageRelationId},
	{"operator", OperatorRelationId},
	{"operator class", OperatorClassRelationId},
	{"operator family", OperatorFamilyRelationId},
	{"procedure", ProcedureRelationId},
	{"role", AuthIdRelationId},
	{"server", ForeignServerRelationId},
	{"text search configuration", TSConfigRelationId},
	{"text search dictionary", TSDictionaryRelationId},
	{"text search parser", TSParserRelationId},
	{"text search template", TSTemplateRelationId}
};

/* The names at the beginning of an identity, without arguments and the like. */
static List *
names_of(const char *identity)
{
	char	   *text = pstrdup(identity);
	List	   *names;
	bool		quoted = false;

	for (char *end = text; *end; end++)
		if (*end == '"')
			quoted = !quoted;
		else if (!quoted && (*end == '(' || *end == ' '))
		{
			*end = '\0';
			break;
		}
	return SplitIdentifierString(text, '.', &names) ? names : NIL;
}

/* All that have this name, whatever their arguments. */
static void
add_all_named(Others *others, Oid class_id, const char *identity)
{
	const List *names = names_of(identity);
	AttrNumber	name = get_object_attnum_name(class_id);
	AttrNumber	schema = get_object_attnum_namespace(class_id);
	CatalogScan scan;
	bool		isnull;

	if (list_length(names) != (schema == InvalidAttrNumber ? 1 : 2))
		return;
	catalog_scan_all(&scan, class_id);
	while (catalog_next(&scan))
		if (strcmp(NameStr(*DatumGetName(heap_getattr(scan.row.tuple, name, scan.row.desc, &isnull))), llast(names)) == 0 &&
			(schema == InvalidAttrNumber ||
			 DatumGetObjectId(heap_getattr(scan.row.tuple, schema, scan.row.desc, &isnull)) == get_namespace_oid(linitial(names), true)))
			add_address(others, class_id, field_oid(&scan.row, "oid"));
}

static void
add_renamed(Others *others, const LedgerChange *change)
{
	for (int i = 0; i < lengthof(other_types); i++)
		if (strcmp(other_types[i].object_type, change->object_type) == 0)
			add_all_named(others, other_types[i].class_id, change->identity);
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
	add_relation_or_type(others, on ? on : identity);
	if (change->may_rename)
		add_renamed(others, change);
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
