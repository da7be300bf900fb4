/*
 * operators.c
 *		Operators, operator classes and families, access methods, casts, transforms.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_transform.h"
#include "schema/schema_private.h"

/* ---- operators ---- */

static void
describe_operator(Description *d)
{
	put_part(d, "definition", "");
	if (!OidIsValid(field_oid(&d->row, "oprcode")))
		put_line(d, "operator", "shell");
	put_line(d, "function", identity_of(ProcedureRelationId, field_oid(&d->row, "oprcode")));
	put_line(d, "commutator", identity_of(OperatorRelationId, field_oid(&d->row, "oprcom")));
	put_line(d, "negator", identity_of(OperatorRelationId, field_oid(&d->row, "oprnegate")));
	put_line(d, "restrict", identity_of(ProcedureRelationId, field_oid(&d->row, "oprrest")));
	put_line(d, "join", identity_of(ProcedureRelationId, field_oid(&d->row, "oprjoin")));
	put_flag(d, "merges", field_bool(&d->row, "oprcanmerge"));
	put_flag(d, "hashes", field_bool(&d->row, "oprcanhash"));
}

const SchemaClass class_operators = {
	OperatorRelationId, OperatorOidIndexId, "oprnamespace", "oprowner", NULL, OBJECT_OPERATOR,
	NULL, NULL, describe_operator
};

/* ---- operator classes and families ---- */

static char *
operator_member(const CatalogRow *row)
{
	char	   *text = psprintf("operator %d (%s, %s): %s", field_int(row, "amopstrategy", 0),
								type_of(field_oid(row, "amoplefttype"), -1), type_of(field_oid(row, "amoprighttype"), -1),
								identity_of(OperatorRelationId, field_oid(row, "amopopr")));

	if (OidIsValid(field_oid(row, "amopsortfamily")))
		text = psprintf("%s for order by %s", text,
						identity_of(OperatorFamilyRelationId, field_oid(row, "amopsortfamily")));
	return text;
}

static char *
function_member(const CatalogRow *row)
{
	return psprintf("function %d (%s, %s): %s", field_int(row, "amprocnum", 0),
					type_of(field_oid(row, "amproclefttype"), -1), type_of(field_oid(row, "amprocrighttype"), -1),
					identity_of(ProcedureRelationId, field_oid(row, "amproc")));
}

/* The operators or functions that depend in this way on a class or family. */
static List *
add_members(List *members, Oid class_id, Oid object_id, char type, Oid catalog, Oid index, char *(*text) (const CatalogRow *))
{
	CatalogScan depends;

	catalog_scan2(&depends, DependRelationId, DependReferenceIndexId, Anum_pg_depend_refclassid, class_id,
				  Anum_pg_depend_refobjid, object_id);
	while (catalog_next(&depends))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(depends.row.tuple);
		CatalogScan scan;

		if (depend->classid != catalog || depend->deptype != type)
			continue;
		catalog_scan(&scan, catalog, index, 1, depend->objid);
		while (catalog_next(&scan))
			members = lappend(members, text(&scan.row));
	}
	return members;
}

/* Those of a class belong to it, those added to a family by themselves to that. */
static void
put_members(Description *d, char type)
{
	const ObjectAddress *address = &d->object->address;
	List	   *members = NIL;
	ListCell   *cell;

	members = add_members(members, address->classId, address->objectId, type,
						  AccessMethodOperatorRelationId, AccessMethodOperatorOidIndexId, operator_member);
	members = add_members(members, address->classId, address->objectId, type,
						  AccessMethodProcedureRelationId, AccessMethodProcedureOidIndexId, function_member);
	foreach(cell, sorted(members))
		put_line(d, "member", lfirst(cell));
}

static void
describe_operator_class(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "type", type_of(field_oid(&d->row, "opcintype"), -1));
	put_flag(d, "default", field_bool(&d->row, "opcdefault"));
	put_line(d, "family", identity_of(OperatorFamilyRelationId, field_oid(&d->row, "opcfamily")));
	put_line(d, "storage", type_of(field_oid(&d->row, "opckeytype"), -1));
	put_members(d, DEPENDENCY_INTERNAL);
}

const SchemaClass class_operator_classes = {
	OperatorClassRelationId, OpclassOidIndexId, "opcnamespace", "opcowner", NULL, OBJECT_OPCLASS,
	NULL, NULL, describe_operator_class
};

static void
describe_operator_family(Description *d)
{
	put_part(d, "definition", "");
	put_members(d, DEPENDENCY_AUTO);
}

const SchemaClass class_operator_families = {
	OperatorFamilyRelationId, OpfamilyOidIndexId, "opfnamespace", "opfowner", NULL, OBJECT_OPFAMILY,
	NULL, NULL, describe_operator_family
};

/* ---- access methods ---- */

static void
describe_access_method(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "type", field_char(&d->row, "amtype") == AMTYPE_TABLE ? "table" : "index");
	put_line(d, "handler", identity_of(ProcedureRelationId, field_oid(&d->row, "amhandler")));
}

const SchemaClass class_access_methods = {
	AccessMethodRelationId, AmOidIndexId, NULL, NULL, NULL, OBJECT_ACCESS_METHOD,
	NULL, NULL, describe_access_method
};

/* ---- casts ---- */

/* The one from a range to its multirange goes with them. */
static bool
cast_has_row(const CatalogRow *row)
{
	return !schema_makes_range(CastRelationId, field_oid(row, "oid"));
}

static void
describe_cast(Description *d)
{
	char		method = field_char(&d->row, "castmethod");
	char		context = field_char(&d->row, "castcontext");

	put_part(d, "definition", "");
	put_line(d, "method", method == COERCION_METHOD_FUNCTION ? "function" : method == COERCION_METHOD_INOUT ? "inout" : "binary");
	put_line(d, "function", identity_of(ProcedureRelationId, field_oid(&d->row, "castfunc")));
	put_line(d, "context", context == COERCION_CODE_IMPLICIT ? "implicit" : context == COERCION_CODE_ASSIGNMENT ? "assignment" : "explicit");
}

const SchemaClass class_casts = {
	CastRelationId, CastOidIndexId, NULL, NULL, NULL, OBJECT_CAST,
	cast_has_row, NULL, describe_cast
};

/* ---- transforms ---- */

static void
describe_transform(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "from sql", identity_of(ProcedureRelationId, field_oid(&d->row, "trffromsql")));
	put_line(d, "to sql", identity_of(ProcedureRelationId, field_oid(&d->row, "trftosql")));
}

const SchemaClass class_transforms = {
	TransformRelationId, TransformOidIndexId, NULL, NULL, NULL, OBJECT_TRANSFORM,
	NULL, NULL, describe_transform
};
