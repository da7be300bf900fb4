/*
 * marks.c
 *		What few objects have, noted beforehand when all of them are read: to look
 *		for it object by object would take most of the time.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_description.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_seclabel.h"
#include "schema/schema_private.h"
#include "utils/hsearch.h"

typedef struct MarkKey
{
	Oid			class_id;
	Oid			object_id;
} MarkKey;

typedef struct MarkEntry
{
	MarkKey		key;
	Oid			extension;		/* that it is a member of, or invalid */
	int			marks;
} MarkEntry;

/* An index, and the table that it is of. */
typedef struct IndexOf
{
	Oid			index;
	Oid			table;
} IndexOf;

struct Marks
{
	HTAB	   *table;
	IndexOf    *indexes;		/* all of them, by their oids */
	int			nindexes;
	HTAB	   *operator_classes;
};

static MarkEntry *
entry_of(Marks *marks, Oid class_id, Oid object_id)
{
	MarkKey		key = {class_id, object_id};
	bool		found;
	MarkEntry  *entry = hash_search(marks->table, &key, HASH_ENTER, &found);

	if (!found)
	{
		entry->extension = InvalidOid;
		entry->marks = 0;
	}
	return entry;
}

static void
note_extensions(Marks *marks)
{
	CatalogScan scan;

	catalog_scan_all(&scan, DependRelationId);
	while (catalog_next(&scan))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(scan.row.tuple);

		if (depend->deptype == DEPENDENCY_EXTENSION)
			entry_of(marks, depend->classid, depend->objid)->extension = depend->refobjid;
		else if (depend->deptype == DEPENDENCY_AUTO_EXTENSION)
			entry_of(marks, depend->classid, depend->objid)->marks |= MARK_DEPENDS_ON_EXTENSION;
	}
}

static void
note_remarks(Marks *marks, Oid catalog)
{
	CatalogScan scan;

	catalog_scan_all(&scan, catalog);
	while (catalog_next(&scan))
		entry_of(marks, field_oid(&scan.row, "classoid"), field_oid(&scan.row, "objoid"))->marks |= MARK_REMARK;
}

static void
note_children(Marks *marks)
{
	CatalogScan scan;

	catalog_scan_all(&scan, InheritsRelationId);
	while (catalog_next(&scan))
		entry_of(marks, RelationRelationId, ((Form_pg_inherits) GETSTRUCT(scan.row.tuple))->inhrelid)->marks |= MARK_CHILD;
}

static void
note_toast_options(Marks *marks)
{
	CatalogScan scan;

	catalog_scan_all(&scan, RelationRelationId);
	while (catalog_next(&scan))
		if (((Form_pg_class) GETSTRUCT(scan.row.tuple))->relkind == RELKIND_TOASTVALUE &&
			!heap_attisnull(scan.row.tuple, Anum_pg_class_reloptions, scan.row.desc))
			entry_of(marks, RelationRelationId, ((Form_pg_class) GETSTRUCT(scan.row.tuple))->oid)->marks |= MARK_TOAST_OPTIONS;
}

static int
compare_indexes(const void *a, const void *b)
{
	Oid			one = ((const IndexOf *) a)->index;
	Oid			other = ((const IndexOf *) b)->index;

	return one < other ? -1 : one > other ? 1 : 0;
}

static void
note_indexes(Marks *marks)
{
	CatalogScan scan;
	int			size = 1024;

	marks->indexes = palloc(size * sizeof(IndexOf));
	marks->nindexes = 0;
	catalog_scan_all(&scan, IndexRelationId);
	while (catalog_next(&scan))
	{
		Form_pg_index index = (Form_pg_index) GETSTRUCT(scan.row.tuple);

		if (marks->nindexes == size)
			marks->indexes = repalloc_huge(marks->indexes, (size *= 2) * sizeof(IndexOf));
		marks->indexes[marks->nindexes].index = index->indexrelid;
		marks->indexes[marks->nindexes++].table = index->indrelid;
	}
	qsort(marks->indexes, marks->nindexes, sizeof(IndexOf), compare_indexes);
}

Oid
table_of_index(const Marks *marks, Oid index)
{
	IndexOf		key = {index, InvalidOid};
	const IndexOf *found = bsearch(&key, marks->indexes, marks->nindexes, sizeof(IndexOf), compare_indexes);

	return found ? found->table : IndexGetRelation(index, true);
}

Marks *
marks_read(void)
{
	HASHCTL		control = {.keysize = sizeof(MarkKey), .entrysize = sizeof(MarkEntry), .hcxt = CurrentMemoryContext};
	Marks	   *marks = palloc(sizeof(Marks));

	marks->table = hash_create("schema marks", 8192, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	marks->operator_classes = operator_classes_create();
	note_indexes(marks);
	note_extensions(marks);
	note_remarks(marks, DescriptionRelationId);
	note_remarks(marks, SecLabelRelationId);
	note_children(marks);
	note_toast_options(marks);
	return marks;
}

bool
may_have_mark(const Marks *marks, const ObjectAddress *address, int mark)
{
	MarkKey		key = {address->classId, address->objectId};
	const MarkEntry *entry;

	if (marks == NULL)
		return true;
	entry = hash_search(marks->table, &key, HASH_FIND, NULL);
	return entry && (entry->marks & mark) != 0;
}

Oid
extension_of(const Marks *marks, const ObjectAddress *address)
{
	MarkKey		key = {address->classId, address->objectId};
	const MarkEntry *entry;

	if (marks == NULL)
		return getExtensionOfObject(address->classId, address->objectId);
	entry = hash_search(marks->table, &key, HASH_FIND, NULL);
	return entry ? entry->extension : InvalidOid;
}

HTAB *
marks_operator_classes(const Marks *marks)
{
	return marks ? marks->operator_classes : NULL;
}
