/*
 * indexes.c
 *		Indexes and extended statistics.
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic_ext.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"

/* How often the values of an expression are sampled; it is set by the number of the column. */
static void
put_statistics_targets(Description *d, Oid index)
{
	CatalogScan scan;

	catalog_scan(&scan, AttributeRelationId, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid, index);
	while (catalog_next(&scan))
	{
		int			target = field_int(&scan.row, "attstattarget", -1);

		if (target >= 0)
			put_line(d, psprintf("statistics of column %d", ((Form_pg_attribute) GETSTRUCT(scan.row.tuple))->attnum),
					 psprintf("%d", target));
	}
}

static void
put_parent(Description *d, Oid index)
{
	CatalogScan scan;

	if (!field_bool(&d->row, "relispartition"))
		return;
	catalog_scan(&scan, InheritsRelationId, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid, index);
	while (catalog_next(&scan))
		put_line(d, "partition of", identity_of(RelationRelationId, field_oid(&scan.row, "inhparent")));
}

void
describe_index(Description *d)
{
	Oid			index = d->object->address.objectId;
	Oid			tablespace = field_oid(&d->row, "reltablespace");
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	HTAB	   *operator_classes = marks_operator_classes(d->marks);
	char	   *text = NULL;
	Form_pg_index form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", index);
	form = (Form_pg_index) GETSTRUCT(tuple);
	put_part(d, "definition", "");
	if (operator_classes)
		text = index_text(operator_classes, &d->row, tuple);
	put_line(d, "definition", text ? text : deparse(pg_get_indexdef, index));
	if (OidIsValid(tablespace))
		put_line(d, "tablespace", tablespace_of(tablespace));
	put_parent(d, index);
	if (!form->indisvalid || !form->indisready || !form->indislive)
		put_line(d, "valid", "no");
	put_part(d, "clustered", "");
	put_flag(d, "clustered", form->indisclustered);
	put_part(d, "replica identity", "");
	put_flag(d, "replica identity", form->indisreplident);
	put_part(d, "statistics", "");
	if (!heap_attisnull(tuple, Anum_pg_index_indexprs, NULL))
		put_statistics_targets(d, index);
	ReleaseSysCache(tuple);
}

static ObjectAddress
statistics_part_of(const CatalogRow *row)
{
	ObjectAddress address;

	ObjectAddressSet(address, RelationRelationId, field_oid(row, "stxrelid"));
	return address;
}

static void
describe_statistics(Description *d)
{
	int			target = field_int(&d->row, "stxstattarget", -1);

	put_part(d, "definition", "");
	put_line(d, "definition", deparse(pg_get_statisticsobjdef, d->object->address.objectId));
	put_part(d, "statistics", "");
	if (target >= 0)
		put_line(d, "statistics", psprintf("%d", target));
}

const SchemaClass class_statistics = {
	StatisticExtRelationId, StatisticExtOidIndexId, "stxnamespace", "stxowner", NULL, OBJECT_STATISTIC_EXT,
	NULL, statistics_part_of, describe_statistics
};
