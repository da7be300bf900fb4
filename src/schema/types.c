/*
 * types.c
 *		Domains, enums, ranges, composite and base types.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/dependency.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_range.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* Rows of tables, arrays and multiranges come with other types. */
static bool
has_row(const CatalogRow *row)
{
	switch (field_char(row, "typtype"))
	{
		case TYPTYPE_COMPOSITE:
			return get_rel_relkind(field_oid(row, "typrelid")) == RELKIND_COMPOSITE_TYPE;
		case TYPTYPE_MULTIRANGE:
			return false;
		case TYPTYPE_PSEUDO:
			return !field_bool(row, "typisdefined");
		default:
			return !IsTrueArrayType((Form_pg_type) GETSTRUCT(row->tuple));
	}
}

/* Is this function, or cast by it, a part of a range or multirange type? */
bool
schema_makes_range(Oid class_id, Oid object_id)
{
	CatalogScan scan;
	bool		found = false;

	catalog_scan2(&scan, DependRelationId, DependDependerIndexId, Anum_pg_depend_classid, class_id,
				  Anum_pg_depend_objid, object_id);
	while (catalog_next(&scan))
		if (field_char(&scan.row, "deptype") == DEPENDENCY_INTERNAL && field_oid(&scan.row, "refclassid") == TypeRelationId)
			found = true;
	return found;
}

static void
put_collation(Description *d, const CatalogRow *row, const char *column, Oid usual)
{
	Oid			collation = field_oid(row, column);

	if (collation != usual)
		put_line(d, "collation", identity_of(CollationRelationId, collation));
}

/* A NOT NULL has a row of its own since 17; the name of it counts where it was given. */
static void
put_domain_not_null(Description *d, Oid domain)
{
	CatalogScan scan;

	put_flag(d, "not null", field_bool(&d->row, "typnotnull"));
	catalog_scan(&scan, ConstraintRelationId, ConstraintTypidIndexId, Anum_pg_constraint_contypid, domain);
	while (catalog_next(&scan))
	{
		const char *name = field_name(&scan.row, "conname");
		const char *comment;

		if (field_char(&scan.row, "contype") != 'n')
			continue;
		if (strcmp(name, psprintf("%s_not_null", field_name(&d->row, "typname"))) != 0)
			put_line(d, "not null constraint", quote_identifier(name));
		comment = GetComment(field_oid(&scan.row, "oid"), ConstraintRelationId, 0);
		if (comment)
			put_line(d, "not null comment", quote_literal_cstr(comment));
	}
}

static void
describe_domain(Description *d, Oid domain)
{
	Oid			base = field_oid(&d->row, "typbasetype");

	put_line(d, "domain over", type_of(base, field_int(&d->row, "typtypmod", -1)));
	put_collation(d, &d->row, "typcollation", get_typcollation(base));
	put_domain_not_null(d, domain);
	put_line(d, "default", field_expression(&d->row, "typdefaultbin", InvalidOid));
}

static void
describe_enum(Description *d, Oid type)
{
	CatalogScan scan;

	put_line(d, "type", "enum");
	catalog_scan(&scan, EnumRelationId, EnumTypIdSortOrderIndexId, Anum_pg_enum_enumtypid, type);
	while (catalog_next(&scan))
		put_line(d, "label", quote_literal_cstr(field_name(&scan.row, "enumlabel")));
}

static void
describe_range(Description *d, Oid type)
{
	CatalogScan scan;

	catalog_scan(&scan, RangeRelationId, RangeTypidIndexId, Anum_pg_range_rngtypid, type);
	while (catalog_next(&scan))
	{
		Oid			subtype = field_oid(&scan.row, "rngsubtype");

		put_line(d, "range over", type_of(subtype, -1));
		put_line(d, "operator class", identity_of(OperatorClassRelationId, field_oid(&scan.row, "rngsubopc")));
		put_collation(d, &scan.row, "rngcollation", get_typcollation(subtype));
		put_line(d, "canonical", identity_of(ProcedureRelationId, field_oid(&scan.row, "rngcanonical")));
		put_line(d, "difference", identity_of(ProcedureRelationId, field_oid(&scan.row, "rngsubdiff")));
		put_line(d, "multirange", identity_of(TypeRelationId, field_oid(&scan.row, "rngmultitypid")));
	}
}

static void
describe_base(Description *d)
{
	static const char *const functions[][2] = {
		{"input", "typinput"}, {"output", "typoutput"}, {"receive", "typreceive"}, {"send", "typsend"},
		{"modifier input", "typmodin"}, {"modifier output", "typmodout"}, {"analyze", "typanalyze"},
		{"subscript", "typsubscript"}
	};

	put_line(d, "type", "base");
	for (int i = 0; i < lengthof(functions); i++)
		put_line(d, functions[i][0], identity_of(ProcedureRelationId, field_oid(&d->row, functions[i][1])));
	put_line(d, "length", psprintf("%d", field_int(&d->row, "typlen", 0)));
	put_flag(d, "by value", field_bool(&d->row, "typbyval"));
	put_line(d, "alignment", psprintf("%c", field_char(&d->row, "typalign")));
	put_line(d, "storage", psprintf("%c", field_char(&d->row, "typstorage")));
	put_line(d, "category", psprintf("%c", field_char(&d->row, "typcategory")));
	put_flag(d, "preferred", field_bool(&d->row, "typispreferred"));
	put_line(d, "delimiter", psprintf("%c", field_char(&d->row, "typdelim")));
	put_line(d, "element", type_of(field_oid(&d->row, "typelem"), -1));
	put_line(d, "default", field_text(&d->row, "typdefault"));
	put_flag(d, "collatable", OidIsValid(field_oid(&d->row, "typcollation")));
}

static void
describe_type(Description *d)
{
	Oid			type = d->object->address.objectId;

	put_part(d, "definition", "");
	if (!field_bool(&d->row, "typisdefined"))
	{
		put_line(d, "type", "shell");
		return;
	}
	switch (field_char(&d->row, "typtype"))
	{
		case TYPTYPE_DOMAIN:
			describe_domain(d, type);
			break;
		case TYPTYPE_ENUM:
			describe_enum(d, type);
			break;
		case TYPTYPE_RANGE:
			describe_range(d, type);
			break;
		case TYPTYPE_COMPOSITE:
			put_line(d, "type", "composite");
			describe_columns(d, field_oid(&d->row, "typrelid"));
			break;
		default:
			describe_base(d);
	}
}

const SchemaClass class_types = {
	TypeRelationId, TypeOidIndexId, "typnamespace", "typowner", "typacl", OBJECT_TYPE,
	has_row, NULL, describe_type
};
