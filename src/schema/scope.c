/*
 * scope.c
 *		Whose an object is, and which object shows another one.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "commands/extension.h"
#include "schema/schema_private.h"

static Oid
our_extension(void)
{
	return get_extension_oid("pg_migrations", true);
}

bool
is_ours(Oid class_id, Oid object_id)
{
	Oid			extension = getExtensionOfObject(class_id, object_id);

	return OidIsValid(extension) && extension == our_extension();
}

static bool
is_hidden(Oid namespace)
{
	return OidIsValid(namespace) && (isAnyTempNamespace(namespace) || IsToastNamespace(namespace));
}

/* Nobody has noted with which privileges the server made what is in it. */
static bool
is_information_schema(Oid namespace)
{
	return namespace < FirstNormalObjectId && namespace == get_namespace_oid("information_schema", true);
}

SchemaScope
schema_scope(const SchemaClass *class, const CatalogRow *row, Oid relation, const Marks *marks)
{
	Oid			object_id = field_oid(row, "oid");
	ObjectAddress whole;
	Oid			namespace;
	Oid			extension;

	if (class->has_row && !class->has_row(row))
		return SCOPE_NONE;
	if (class == &class_databases || class == &class_settings)
		return SCOPE_ALL;
	if (class == &class_extensions)
		return object_id == our_extension() ? SCOPE_NONE : SCOPE_ALL;
	ObjectAddressSet(whole, class->class_id, object_id);
	namespace = class->namespace ? field_oid(row, class->namespace) : InvalidOid;
	if (class->part_of)
	{
		ObjectAddress other = {RelationRelationId, relation, 0};

		if (!OidIsValid(relation))
			other = class->part_of(row);
		if (OidIsValid(other.objectId))
		{
			whole = other;
			namespace = get_object_namespace(&whole);
		}
	}
	if (is_hidden(namespace))
		return SCOPE_NONE;
	extension = extension_of(marks, &whole);
	if (OidIsValid(extension) && extension == our_extension())
		return SCOPE_NONE;
	/* Policies are never members, and are dumped. */
	if (OidIsValid(extension) && class != &class_policies)
		return SCOPE_PRIVILEGES;
	if (object_id >= FirstNormalObjectId)
		return SCOPE_ALL;
	if (class == &class_schemas && object_id == PG_PUBLIC_NAMESPACE)
		return SCOPE_ALL;
	return is_information_schema(namespace) ? SCOPE_NONE : SCOPE_PRIVILEGES;
}

/* ---- which object shows another ---- */

static bool
has_own_row(ObjectAddress address)
{
	const SchemaClass *class = schema_class(address.classId);
	CatalogScan scan;
	bool		result = true;

	if (class == NULL)
		return false;
	if (class->has_row == NULL || class == &class_settings)
		return true;
	catalog_find(&scan, class->class_id, class->index_id, address.objectId);
	while (catalog_next(&scan))
		result = class->has_row(&scan.row);
	return result;
}

/* How closely what depends in this way belongs to the other one; 0: not at all. */
static int
closeness(Oid class_id, Form_pg_depend depend)
{
	if ((class_id == AccessMethodOperatorRelationId || class_id == AccessMethodProcedureRelationId) &&
		depend->refclassid != OperatorClassRelationId && depend->refclassid != OperatorFamilyRelationId)
		return 0;
	switch (depend->deptype)
	{
		case DEPENDENCY_INTERNAL:
			return 3;
		case DEPENDENCY_PARTITION_PRI:
			return 2;
		case DEPENDENCY_AUTO:
			return 1;
		default:
			return 0;
	}
}

/*
 * A default, an array type, a rule that makes a view, a member of an operator
 * class: each depends on what it is a part of.
 */
ObjectAddress
schema_shown_by(ObjectAddress address)
{
	address.objectSubId = 0;
	while (OidIsValid(address.objectId) && !has_own_row(address))
	{
		ObjectAddress whole = InvalidObjectAddress;
		int			closest = 0;
		CatalogScan scan;

		catalog_scan2(&scan, DependRelationId, DependDependerIndexId, Anum_pg_depend_classid, address.classId,
					  Anum_pg_depend_objid, address.objectId);
		while (catalog_next(&scan))
		{
			Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(scan.row.tuple);

			if (closeness(address.classId, depend) <= closest)
				continue;
			closest = closeness(address.classId, depend);
			ObjectAddressSet(whole, depend->refclassid, depend->refobjid);
		}
		address = whole;
	}
	return address;
}
