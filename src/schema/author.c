/*
 * author.c
 *		Which captured statements may have made an object what it is.
 *
 * A statement was captured with the names of what it did something to.  What else
 * it changes by that, since it is a part of that or mentions it, must be told from
 * the catalogs and from the kind of statement: rather no author than a wrong one.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "common/attempt.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "schema/author.h"
#include "schema/properties.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/* ---- names ---- */

static List *
add_name(List *names, DriftTie tie, const char *object_type, char *identity)
{
	DriftName  *name;

	if (identity == NULL)
		return names;
	name = palloc(sizeof(DriftName));
	name->tie = tie;
	name->object_type = object_type ? pstrdup(object_type) : NULL;
	name->identity = pstrdup(identity);
	return lappend(names, name);
}

/* The names of these are unlike those of others, and what a statement calls them varies. */
static bool
is_told_by_name(Oid class_id)
{
	return class_id == RelationRelationId || class_id == TypeRelationId || class_id == ProcedureRelationId;
}

static List *
add_object(List *names, DriftTie tie, const ObjectAddress *address)
{
	return add_name(names, tie, is_told_by_name(address->classId) ? NULL : getObjectTypeDescription(address, true),
					identity_of(address->classId, address->objectId));
}

/* GRANT ... ON ALL TABLES IN SCHEMA and the like. */
static List *
add_all_in_schema(List *names, const ObjectAddress *address)
{
	if (address->classId != RelationRelationId && address->classId != ProcedureRelationId)
		return names;
	return add_name(names, TIE_ALL, NULL, psprintf("ALL IN SCHEMA %s", identity_of(NamespaceRelationId, get_object_namespace(address))));
}

/* An edge on which what is at the other end is more than mentioned. */
static bool
is_part_of(Form_pg_depend depend)
{
	if (depend->refclassid == NamespaceRelationId || depend->refclassid == ExtensionRelationId)
		return false;
	return depend->deptype == DEPENDENCY_AUTO || depend->deptype == DEPENDENCY_INTERNAL ||
		depend->deptype == DEPENDENCY_PARTITION_PRI || depend->deptype == DEPENDENCY_PARTITION_SEC ||
		(depend->refclassid == RelationRelationId && depend->classid == RelationRelationId);
}

typedef struct Around
{
	List	   *addresses;		/* of ObjectAddress, as they were found */
	List	   *ties;			/* likewise */
} Around;

static void
found(Around *around, Oid class_id, Oid object_id, DriftTie tie)
{
	ObjectAddress *address = palloc(sizeof(ObjectAddress));
	ListCell   *cell;

	ObjectAddressSet(*address, class_id, object_id);
	foreach(cell, around->addresses)
	{
		const ObjectAddress *known = lfirst(cell);

		if (known->classId == class_id && known->objectId == object_id)
			return;
	}
	around->addresses = lappend(around->addresses, address);
	around->ties = lappend_int(around->ties, tie);
}

/* What was there before the whole was not made with it: oids are given in order. */
static bool
is_made_by_whole(Form_pg_depend depend)
{
	return depend->deptype == DEPENDENCY_PARTITION_PRI && depend->classid == depend->refclassid && depend->objid > depend->refobjid;
}

static DriftTie
tie_over(Form_pg_depend depend, DriftTie tie)
{
	if (tie == TIE_MENTIONED || !is_part_of(depend))
		return TIE_MENTIONED;
	return (tie == TIE_OWN || tie == TIE_WHOLE) && is_made_by_whole(depend) ? TIE_WHOLE : TIE_PART;
}

/* What an object depends on, and so on: what it mentions, and what that is a part of. */
static void
look_down(Around *around, const ObjectAddress *address, DriftTie tie)
{
	CatalogScan scan;

	catalog_scan2(&scan, DependRelationId, DependDependerIndexId, Anum_pg_depend_classid, address->classId,
				  Anum_pg_depend_objid, address->objectId);
	while (catalog_next(&scan))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(scan.row.tuple);

		if (tie != TIE_MENTIONED || is_part_of(depend) || depend->refclassid == NamespaceRelationId)
			found(around, depend->refclassid, depend->refobjid, tie_over(depend, tie));
	}
}

/* Its own parts that have no description themselves: rules, defaults, a range's multirange. */
static void
look_up(Around *around, const ObjectAddress *address)
{
	CatalogScan scan;

	catalog_scan2(&scan, DependRelationId, DependReferenceIndexId, Anum_pg_depend_refclassid, address->classId,
				  Anum_pg_depend_refobjid, address->objectId);
	while (catalog_next(&scan))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(scan.row.tuple);
		ObjectAddress part;
		ObjectAddress shown;

		if (depend->deptype != DEPENDENCY_AUTO && depend->deptype != DEPENDENCY_INTERNAL)
			continue;
		ObjectAddressSet(part, depend->classid, depend->objid);
		shown = schema_shown_by(part);
		if (shown.classId == address->classId && shown.objectId == address->objectId)
			found(around, part.classId, part.objectId, TIE_OWN);
	}
}

/* More than that is not looked at of an object. */
#define MAX_AROUND 1000

static List *
names_around(List *names, const ObjectAddress *address)
{
	Around		around = {NIL, NIL};

	found(&around, address->classId, address->objectId, TIE_OWN);
	look_up(&around, address);
	/* The list grows while it is read. */
	for (int i = 0; i < Min(list_length(around.addresses), MAX_AROUND); i++)
		look_down(&around, list_nth(around.addresses, i), list_nth_int(around.ties, i));
	for (int i = 0; i < list_length(around.addresses); i++)
		names = add_object(names, list_nth_int(around.ties, i), list_nth(around.addresses, i));
	return add_all_in_schema(names, address);
}

/* ---- names in a description ---- */

static bool
may_begin_name(char c)
{
	return c == '"' || c == '_' || isalpha((unsigned char) c) || IS_HIGHBIT_SET(c);
}

/* The end of a name, with its quotes. */
static const char *
end_of_name(const char *p)
{
	bool		quoted = false;

	for (; *p; p++)
	{
		if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p != '.' && *p != '$' && !isdigit((unsigned char) *p) && !may_begin_name(*p))
			break;
	}
	return p;
}

/* The next word of a text that may be a qualified name; NULL: there is none. */
static char *
next_name(const char **text)
{
	const char *start = *text;

	while (*start && !may_begin_name(*start))
		start++;
	*text = end_of_name(start);
	return *text > start ? pnstrdup(start, *text - start) : NULL;
}

/* Qualified names, of functions with their arguments, and the tables of columns. */
static List *
add_words(List *names, DriftTie tie, const char *text)
{
	char	   *name;

	while ((name = next_name(&text)) != NULL)
	{
		const char *end = *text == '(' ? strchr(text, ')') : NULL;
		const char *dot = strrchr(name, '.');

		if (dot == NULL)
			continue;
		names = add_name(names, tie, NULL, name);
		if (dot != strchr(name, '.'))
			names = add_name(names, tie, NULL, pnstrdup(name, dot - name));
		if (end)
			names = add_name(names, tie, NULL, psprintf("%s%s", name, pnstrdup(text, end + 1 - text)));
	}
	return names;
}

/* What the key of a line says of the kind of what it names. */
static const char *
type_of_value(const char *key)
{
	if (strcmp(key, "depends on extension") == 0)
		return "extension";
	return strcmp(key, "wrapper") == 0 ? "foreign-data wrapper" : key;
}

/* A whole value may name something, too; a name has a newline between quotes only. */
static List *
add_value(List *names, DriftTie tie, const Property *property)
{
	const char *value = property->value;

	if (*value == '\0' || (strchr(value, '\n') && strchr(value, '"') == NULL))
		return names;
	return add_name(names, tie, strchr(value, '.') ? NULL : type_of_value(property->key), property->value);
}

/*
 * Roles that are its owner, have privileges, or are those that a policy is for: they
 * may have been renamed, or have lost all.
 */
static List *
add_role(List *names, DriftTie tie, const Property *property)
{
	const char *value = property->value;
	char	   *name;

	if (strcmp(property->key, "owner") == 0 || strncmp(property->key, "grant", 5) == 0)
		return add_name(names, tie, "role", next_name(&value));
	if (strcmp(property->key, "to") == 0)
		while ((name = next_name(&value)) != NULL)
			names = add_name(names, tie, "role", name);
	return names;
}

static List *
add_roles(List *names, DriftTie tie, const char *definition)
{
	ListCell   *cell;

	foreach(cell, mig_schema_properties(definition))
		names = add_role(names, tie, lfirst(cell));
	return names;
}

/* The tables on which a key is not enforced, which need not be its own. */
static List *
add_triggers(List *names, const char *definition)
{
	ListCell   *cell;

	foreach(cell, mig_schema_properties(definition))
	{
		const Property *property = lfirst(cell);

		if (strcmp(property->key, "not enforced") == 0)
			names = add_words(names, TIE_TRIGGERS, property->value);
	}
	return names;
}

static List *
names_in(List *names, DriftTie tie, const char *definition)
{
	ListCell   *cell;

	if (definition == NULL)
		return names;
	foreach(cell, mig_schema_properties(definition))
	{
		names = add_role(names, TIE_ROLE, lfirst(cell));
		names = add_value(names, tie, lfirst(cell));
	}
	return add_words(names, tie, definition);
}

/* ---- what is gone ---- */

/* One of the same name on a table that this table is a part of. */
static List *
names_on_parents(List *names, const char *object_type, const char *identity, const char *on)
{
	List	   *parts = textToQualifiedNameList(cstring_to_text(on + 4));
	Around		around = {NIL, NIL};
	Oid			table = RangeVarGetRelid(makeRangeVarFromNameList(parts), NoLock, true);
	ListCell   *cell;

	if (!OidIsValid(table))
		return names;
	found(&around, RelationRelationId, table, TIE_OWN);
	for (int i = 0; i < list_length(around.addresses); i++)
		look_down(&around, list_nth(around.addresses, i), TIE_OWN);
	foreach(cell, around.addresses)
	{
		const ObjectAddress *address = lfirst(cell);

		if (address->classId == RelationRelationId)
			names = add_name(names, TIE_PART, object_type,
							 psprintf("%s on %s", pnstrdup(identity, on - identity), identity_of(RelationRelationId, address->objectId)));
	}
	return names;
}

/* Of what is gone the catalogs know nothing any more; but its description has mentioned it. */
static List *
names_of_gone(List *names, const char *object_type, const char *identity, const char *definition)
{
	const char *on = strstr(identity, " on ");
	const char *in = strstr(identity, " in publication ");
	const char *schema = strstr(identity, " in schema ");
	const char *dot = strchr(identity, '.');

	if (schema)
	{
		schema += 11;
		names = add_name(names, TIE_PART, "schema", next_name(&schema));
	}
	else if (dot)
		names = add_name(names, TIE_PART, "schema", pnstrdup(identity, dot - identity));
	names = add_words(names, TIE_PART, identity);
	names = names_in(names, TIE_PART, definition);
	if (in)
		return add_name(names, TIE_PART, "publication", unconstify(char *, quote_identifier(in + 16)));
	if (strcmp(object_type, "user mapping") == 0 && (on = strstr(identity, " on server ")) != NULL)
		return add_name(names, TIE_PART, "server", pstrdup(on + 11));
	if (on == NULL || (strcmp(object_type, "trigger") != 0 && strcmp(object_type, "table constraint") != 0))
		return names;
	/* A key's index is called like it. */
	dot = strrchr(on, '.');
	if (dot)
		names = add_name(names, TIE_PART, NULL, psprintf("%s.%s", pnstrdup(on + 4, dot - on - 4), pnstrdup(identity, on - identity)));
	return names_on_parents(names, object_type, identity, on);
}

/* The database's own settings and properties go by its name, or by that of a role. */
static List *
names_of_database(List *names, const char *object_type, const char *identity)
{
	char	   *database = get_database_name(MyDatabaseId);

	if (strcmp(object_type, "database setting") == 0 && strncmp(identity, "role ", 5) == 0)
	{
		const char *role = identity + 5;

		names = add_name(names, TIE_OWN, "role", next_name(&role));
	}
	return add_name(names, TIE_OWN, "database", database ? (char *) quote_identifier(database) : NULL);
}

/* Whose privileges by default, or whose mapping it is, as that role is called now. */
static List *
add_role_of(List *names, const char *object_type, const ObjectAddress *address)
{
	const char *identity = getObjectIdentity(address, true);

	if (strcmp(object_type, "default acl") == 0)
		identity += strlen("for role ");
	else if (strcmp(object_type, "user mapping") != 0)
		return names;
	return add_name(names, TIE_RENAMED_ROLE, "role", next_name(&identity));
}

static List *
names_of(List *names, const Difference *difference, const ObjectAddress *address)
{
	const StateRow *row = difference->to ? difference->to : difference->from;

	if (strncmp(row->object_type, "database", 8) == 0)
		return names_of_database(names, row->object_type, row->identity);
	if (address == NULL || !OidIsValid(address->objectId) || getObjectIdentity(address, true) == NULL)
		return names_of_gone(names, row->object_type, row->identity, difference->from_definition);
	names = names_in(names, TIE_MENTIONED, difference->from_definition);
	if (difference->from && difference->to)
	{
		names = add_roles(names, TIE_RENAMED_ROLE, difference->to_definition);
		names = add_triggers(names, difference->from_definition);
		names = add_triggers(names, difference->to_definition);
	}
	names = add_role_of(names, row->object_type, address);
	return names_around(names, address);
}

typedef struct Naming
{
	const Difference *difference;
	const ObjectAddress *address;
	Drift	   *drift;
} Naming;

/* Is it not in the catalogs any more, at least not where it was, and does that take a statement about itself? */
static bool
is_gone(const Difference *difference, const ObjectAddress *address)
{
	static const char *const others[] = {
		"database setting", "default acl", "publication relation", "publication namespace"
	};

	if (difference->to)
		return false;
	for (int i = 0; i < lengthof(others); i++)
		if (strcmp(difference->from->object_type, others[i]) == 0)
			return false;
	return address == NULL || !OidIsValid(address->objectId) || getObjectIdentity(address, true) == NULL;
}

/* It is no part of itself, and does not mention itself, though its description may have its name. */
static List *
without_itself(List *names, const char *identity)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, names)
	{
		const DriftName *name = lfirst(cell);

		if (name->object_type || strcmp(name->identity, identity) != 0 || (name->tie != TIE_PART && name->tie != TIE_MENTIONED))
			result = lappend(result, lfirst(cell));
	}
	return result;
}

static void
name_all(void *arg)
{
	Naming	   *naming = arg;

	naming->drift->names = without_itself(names_of(naming->drift->names, naming->difference, naming->address), naming->drift->identity);
	naming->drift->is_gone = is_gone(naming->difference, naming->address);
}

void
mig_author_names(const Difference *difference, const ObjectAddress *known, Drift *drift)
{
	const StateRow *row = difference->to ? difference->to : difference->from;
	const ObjectAddress *address = difference->object ? &difference->object->address : known;
	bool		by_name = address && is_told_by_name(address->classId);
	List	   *own = add_name(NIL, TIE_OWN, by_name ? NULL : row->object_type, row->identity);
	Naming		naming = {difference, address, drift};

	drift->stays = known && difference->object && known->classId == difference->object->address.classId &&
		known->objectId == difference->object->address.objectId;
	drift->names = list_copy(own);
	if (mig_attempt(name_all, &naming, false) != NULL)
		drift->names = own;
}
