/*
 * database.c
 *		The database itself: its settings, schemas, extensions, default privileges,
 *		collations and conversions.
 */
#include "postgres.h"

#include "capture/capture.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_default_acl.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "schema/schema_private.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* ---- this database ---- */

static bool
database_has_row(const CatalogRow *row)
{
	return field_oid(row, "oid") == MyDatabaseId;
}

static void
describe_database(Description *d)
{
	int			limit = field_int(&d->row, "datconnlimit", -1);
	char	   *locale = field_text(&d->row, "datlocale");

	put_part(d, "definition", "");
	put_line(d, "encoding", pg_encoding_to_char(field_int(&d->row, "encoding", 0)));
	put_line(d, "provider", psprintf("%c", field_char(&d->row, "datlocprovider")));
	put_line(d, "collation", field_text(&d->row, "datcollate"));
	put_line(d, "character type", field_text(&d->row, "datctype"));
	put_line(d, "locale", locale ? locale : field_text(&d->row, "daticulocale"));
	put_line(d, "rules", field_text(&d->row, "daticurules"));
	put_flag(d, "template", field_bool(&d->row, "datistemplate"));
	if (!field_bool(&d->row, "datallowconn"))
		put_line(d, "connections", "not allowed");
	if (limit >= 0)
		put_line(d, "connection limit", psprintf("%d", limit));
}

const SchemaClass class_databases = {
	DatabaseRelationId, DatabaseOidIndexId, NULL, "datdba", "datacl", OBJECT_DATABASE,
	database_has_row, NULL, describe_database
};

/*
 * Our library among those that sessions load is not the schema's, and a
 * restored copy does not load it: check() says so.
 */
static char *
without_ours(char *setting)
{
	const char *name = "session_preload_libraries=";
	char	   *rest;

	if (strncmp(setting, name, strlen(name)) != 0 || !mig_has_library(setting + strlen(name), &rest))
		return setting;
	return rest[0] ? psprintf("%s%s", name, rest) : NULL;
}

/* The settings of this database, or of a role in it, as they are stored. */
static List *
settings_of(const CatalogRow *row)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, sorted(field_texts(row, "setconfig")))
	{
		char	   *setting = OidIsValid(field_oid(row, "setrole")) ? lfirst(cell) : without_ours(lfirst(cell));

		if (setting)
			result = lappend(result, setting);
	}
	return result;
}

static bool
setting_has_row(const CatalogRow *row)
{
	return field_oid(row, "setdatabase") == MyDatabaseId && settings_of(row) != NIL;
}

static void
describe_setting(Description *d)
{
	ListCell   *cell;

	foreach(cell, settings_of(&d->row))
	{
		char	   *name;
		char	   *value = setting_text(lfirst(cell), &name);

		put_part(d, "setting", name);
		put_line(d, name, value);
	}
}

const SchemaClass class_settings = {
	DbRoleSettingRelationId, DbRoleSettingDatidRolidIndexId, NULL, NULL, NULL, OBJECT_DATABASE,
	setting_has_row, NULL, describe_setting
};

/* ---- schemas and extensions ---- */

/* It has nothing but an owner, privileges and remarks. */
static void
describe_schema(Description *d)
{
}

const SchemaClass class_schemas = {
	NamespaceRelationId, NamespaceOidIndexId, "oid", "nspowner", "nspacl", OBJECT_SCHEMA,
	NULL, NULL, describe_schema
};

static void
describe_extension(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "schema", identity_of(NamespaceRelationId, field_oid(&d->row, "extnamespace")));
	put_part(d, "version", "");
	put_line(d, "version", field_text(&d->row, "extversion"));
}

const SchemaClass class_extensions = {
	ExtensionRelationId, ExtensionOidIndexId, NULL, "extowner", NULL, OBJECT_EXTENSION,
	NULL, NULL, describe_extension
};

/* ---- default privileges ---- */

static ObjectType
kind_of_default(char kind)
{
	switch (kind)
	{
		case DEFACLOBJ_SEQUENCE:
			return OBJECT_SEQUENCE;
		case DEFACLOBJ_FUNCTION:
			return OBJECT_FUNCTION;
		case DEFACLOBJ_TYPE:
			return OBJECT_TYPE;
		case DEFACLOBJ_NAMESPACE:
			return OBJECT_SCHEMA;
		case DEFACLOBJ_RELATION:
			return OBJECT_TABLE;
		default:
			return OBJECT_LARGEOBJECT;	/* since 18 */
	}
}

static void
describe_default_acl(Description *d)
{
	bool		isnull;
	Datum		acl = field(&d->row, "defaclacl", &isnull);

	d->owner = field_oid(&d->row, "defaclrole");
	put_part(d, "privileges", "");
	put_grants(d, DatumGetAclP(acl), kind_of_default(field_char(&d->row, "defaclobjtype")));
	d->owner = InvalidOid;
}

const SchemaClass class_default_acls = {
	DefaultAclRelationId, DefaultAclOidIndexId, NULL, NULL, NULL, OBJECT_DEFACL,
	NULL, NULL, describe_default_acl
};

/* ---- collations and conversions ---- */

/*
 * What the operating system had of it when it was made is no property of the
 * schema, and one for any encoding is dumped as one for the database's.
 */
static void
describe_collation(Description *d)
{
	char	   *locale = field_text(&d->row, "colllocale");

	put_part(d, "definition", "");
	put_line(d, "provider", psprintf("%c", field_char(&d->row, "collprovider")));
	put_line(d, "locale", locale ? locale : field_text(&d->row, "colliculocale"));
	put_line(d, "collation", field_text(&d->row, "collcollate"));
	put_line(d, "character type", field_text(&d->row, "collctype"));
	put_line(d, "rules", field_text(&d->row, "collicurules"));
	if (!field_bool(&d->row, "collisdeterministic"))
		put_line(d, "deterministic", "no");
}

const SchemaClass class_collations = {
	CollationRelationId, CollationOidIndexId, "collnamespace", "collowner", NULL, OBJECT_COLLATION,
	NULL, NULL, describe_collation
};

static void
describe_conversion(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "from", pg_encoding_to_char(field_int(&d->row, "conforencoding", 0)));
	put_line(d, "to", pg_encoding_to_char(field_int(&d->row, "contoencoding", 0)));
	put_line(d, "function", identity_of(ProcedureRelationId, field_oid(&d->row, "conproc")));
	put_flag(d, "default", field_bool(&d->row, "condefault"));
}

const SchemaClass class_conversions = {
	ConversionRelationId, ConversionOidIndexId, "connamespace", "conowner", NULL, OBJECT_CONVERSION,
	NULL, NULL, describe_conversion
};
