/*
 * constraints.c
 *		Constraints of tables and of domains.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "schema/schema_private.h"
#include "utils/fmgrprotos.h"

/*
 * NOT NULL is a property of a column or domain.  Copies of a foreign key, which
 * the server makes for partitions at either end, are part of the key itself.
 */
static bool
has_row(const CatalogRow *row)
{
	char		type = field_char(row, "contype");

	return type != 'n' && type != CONSTRAINT_TRIGGER &&
		!(type == CONSTRAINT_FOREIGN && OidIsValid(field_oid(row, "conparentid")));
}

static ObjectAddress
part_of(const CatalogRow *row)
{
	ObjectAddress address;
	Oid			table = field_oid(row, "conrelid");

	if (OidIsValid(table))
		ObjectAddressSet(address, RelationRelationId, table);
	else
		ObjectAddressSet(address, TypeRelationId, field_oid(row, "contypid"));
	return address;
}

/* Those of its triggers that do not fire as they should: it is not enforced. */
static List *
add_disabled_triggers(List *list, Oid constraint)
{
	CatalogScan scan;

	catalog_scan(&scan, TriggerRelationId, TriggerConstraintIndexId, Anum_pg_trigger_tgconstraint, constraint);
	while (catalog_next(&scan))
		if (field_char(&scan.row, "tgenabled") != TRIGGER_FIRES_ON_ORIGIN)
			list = lappend(list, psprintf("%s on %s: %c", identity_of(ProcedureRelationId, field_oid(&scan.row, "tgfoid")),
										  identity_of(RelationRelationId, field_oid(&scan.row, "tgrelid")),
										  field_char(&scan.row, "tgenabled")));
	return list;
}

/* A copy that is not valid while the key is, or otherwise not as it. */
static List *
add_other_copies(List *list, Oid constraint, bool valid)
{
	CatalogScan scan;

	catalog_scan(&scan, ConstraintRelationId, ConstraintParentIndexId, Anum_pg_constraint_conparentid, constraint);
	while (catalog_next(&scan))
	{
		Oid			copy = field_oid(&scan.row, "oid");

		if (field_bool(&scan.row, "convalidated") != valid)
			list = lappend(list, psprintf("%s: %s", identity_of(RelationRelationId, field_oid(&scan.row, "conrelid")),
										  valid ? "not valid" : "valid"));
		list = add_disabled_triggers(list, copy);
		list = add_other_copies(list, copy, field_bool(&scan.row, "convalidated"));
	}
	return list;
}

static void
describe_constraint(Description *d)
{
	Oid			constraint = d->object->address.objectId;
	List	   *deviations = NIL;
	ListCell   *cell;

	put_part(d, "definition", "");
	put_line(d, "definition", deparse(pg_get_constraintdef, constraint));
	if (field_int(&d->row, "coninhcount", 0) > 0)
		put_line(d, "inherited", field_bool(&d->row, "conislocal") ? "and local" : "yes");
	if (field_char(&d->row, "contype") == CONSTRAINT_FOREIGN || field_bool(&d->row, "condeferrable"))
		deviations = add_disabled_triggers(NIL, constraint);
	if (field_char(&d->row, "contype") == CONSTRAINT_FOREIGN)
		deviations = add_other_copies(deviations, constraint, field_bool(&d->row, "convalidated"));
	put_part(d, "enforcement", "");
	foreach(cell, sorted(deviations))
		put_line(d, "not enforced", lfirst(cell));
}

const SchemaClass class_constraints = {
	ConstraintRelationId, ConstraintOidIndexId, NULL, NULL, NULL, OBJECT_TABCONSTRAINT,
	has_row, part_of, describe_constraint
};
