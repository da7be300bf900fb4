/*
 * marks.c
 *		What few objects have, noted beforehand when all of them are read: to look
 *		for it object by object would take most of the time.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_description.h"
#include "catalog/pg_extension.h"
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

struct Marks
{
	HTAB	   *table;
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

Marks *
marks_read(void)
{
	HASHCTL		control = {.keysize = sizeof(MarkKey), .entrysize = sizeof(MarkEntry), .hcxt = CurrentMemoryContext};
	Marks	   *marks = palloc(sizeof(Marks));

	marks->table = hash_create("schema marks", 8192, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	marks->operator_classes = operator_classes_create();
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
