/*
 * catalog.c
 *		Rows of the catalogs, field by field.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_type.h"
#include "schema/schema_private.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

char *
there(char *name)
{
	if (name == NULL)
		elog(ERROR, "what is mentioned in the catalogs is not there");
	return name;
}

static bool
is_called(const CatalogRow *row, int i, const char *column)
{
	return i < row->desc->natts && strcmp(NameStr(TupleDescAttr(row->desc, i)->attname), column) == 0;
}

/* It is asked for every field of every row: where the same name was the last time it is most often again. */
static AttrNumber
column_number(const CatalogRow *row, const char *column)
{
	static int	places[256];
	int		   *place = &places[((uintptr_t) column / 4 + row->desc->tdtypeid) % lengthof(places)];

	if (is_called(row, *place, column))
		return *place + 1;
	for (int i = 0; i < row->desc->natts; i++)
		if (is_called(row, i, column))
		{
			*place = i;
			return i + 1;
		}
	return InvalidAttrNumber;
}

Datum
field(const CatalogRow *row, const char *column, bool *isnull)
{
	AttrNumber	number = column_number(row, column);

	*isnull = true;
	return number == InvalidAttrNumber ? (Datum) 0 : heap_getattr(row->tuple, number, row->desc, isnull);
}

Oid
field_oid(const CatalogRow *row, const char *column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

bool
field_bool(const CatalogRow *row, const char *column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? false : DatumGetBool(value);
}

char
field_char(const CatalogRow *row, const char *column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? '\0' : DatumGetChar(value);
}

int
field_int(const CatalogRow *row, const char *column, int otherwise)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	if (isnull)
		return otherwise;
	return TupleDescAttr(row->desc, column_number(row, column) - 1)->attlen == sizeof(int16) ?
		DatumGetInt16(value) : DatumGetInt32(value);
}

float4
field_float(const CatalogRow *row, const char *column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? 0 : DatumGetFloat4(value);
}

const char *
field_name(const CatalogRow *row, const char *column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? NULL : NameStr(*DatumGetName(value));
}

char *
field_text(const CatalogRow *row, const char *column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

List *
field_oids(const CatalogRow *row, const char *column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);
	ArrayType  *array;
	List	   *oids = NIL;

	if (isnull)
		return NIL;
	array = DatumGetArrayTypeP(value);
	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)); i++)
		oids = lappend_oid(oids, ((Oid *) ARR_DATA_PTR(array))[i]);
	return oids;
}

List *
field_texts(const CatalogRow *row, const char *column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);
	ArrayType  *array;
	int16		length;
	bool		byval;
	char		align;
	Datum	   *values;
	bool	   *nulls;
	int			n;
	List	   *texts = NIL;

	if (isnull)
		return NIL;
	array = DatumGetArrayTypeP(value);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, byval, align, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			texts = lappend(texts, ARR_ELEMTYPE(array) == NAMEOID ? pstrdup(NameStr(*DatumGetName(values[i]))) :
							TextDatumGetCString(values[i]));
	return texts;
}

static void
scan_begin(CatalogScan *scan, Oid catalog, Oid index, int nkeys, ScanKeyData *keys)
{
	scan->catalog = table_open(catalog, AccessShareLock);
	scan->row.desc = RelationGetDescr(scan->catalog);
	scan->scan = systable_beginscan(scan->catalog, index, OidIsValid(index), NULL, nkeys, keys);
	scan->cached = NULL;
}

void
catalog_scan(CatalogScan *scan, Oid catalog, Oid index, AttrNumber column, Oid value)
{
	ScanKeyData key;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
	scan_begin(scan, catalog, index, 1, &key);
}

void
catalog_scan2(CatalogScan *scan, Oid catalog, Oid index, AttrNumber column1, Oid value1,
			  AttrNumber column2, Oid value2)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], column1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value1));
	ScanKeyInit(&keys[1], column2, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value2));
	scan_begin(scan, catalog, index, 2, keys);
}

/* Through the cache, where there is one: what prints an object looks there, too. */
void
catalog_find(CatalogScan *scan, Oid catalog, Oid index, Oid object_id)
{
	if (is_objectclass_supported(catalog) && get_object_catcache_oid(catalog) >= 0)
	{
		scan->catalog = table_open(catalog, AccessShareLock);
		scan->row.desc = RelationGetDescr(scan->catalog);
		scan->row.tuple = NULL;
		scan->scan = NULL;
		scan->cached = SearchSysCache1(get_object_catcache_oid(catalog), ObjectIdGetDatum(object_id));
	}
	else
		catalog_scan(scan, catalog, index, 1, object_id);
}

void
catalog_scan_all(CatalogScan *scan, Oid catalog)
{
	scan_begin(scan, catalog, InvalidOid, 0, NULL);
}

void
catalog_end(CatalogScan *scan)
{
	if (scan->scan)
		systable_endscan(scan->scan);
	if (scan->cached)
		ReleaseSysCache(scan->cached);
	table_close(scan->catalog, AccessShareLock);
}

bool
catalog_next(CatalogScan *scan)
{
	if (scan->scan)
		scan->row.tuple = systable_getnext(scan->scan);
	else
		scan->row.tuple = scan->row.tuple ? NULL : scan->cached;
	if (HeapTupleIsValid(scan->row.tuple))
		return true;
	catalog_end(scan);
	return false;
}
