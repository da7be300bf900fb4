/*
 * remarks.c
 *		What every object may have: comments, security labels, the extensions it depends on.
 */
#include "postgres.h"

#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/pg_description.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_seclabel.h"
#include "catalog/pg_shdescription.h"
#include "catalog/pg_shseclabel.h"
#include "schema/schema_private.h"

typedef struct Remark
{
	int			column;			/* 0: of the object itself */
	char	   *provider;		/* of a label; NULL: it is a comment */
	char	   *text;
} Remark;

static void
read_from(Description *d, Oid class_id, Oid object_id, Oid catalog, Oid index, const char *text)
{
	CatalogScan scan;

	catalog_scan2(&scan, catalog, index, 1, object_id, 2, class_id);
	while (catalog_next(&scan))
	{
		Remark	   *remark = palloc(sizeof(Remark));

		remark->column = field_int(&scan.row, "objsubid", 0);
		remark->provider = field_text(&scan.row, "provider");
		remark->text = field_text(&scan.row, text);
		d->remarks = lappend(d->remarks, remark);
	}
}

/* All at once, since a table's columns are many and their comments few. */
void
remarks_read(Description *d, Oid class_id, Oid object_id)
{
	ObjectAddress address;

	ObjectAddressSet(address, class_id, object_id);
	if (!may_have_mark(d->marks, &address, MARK_REMARK) && !IsSharedRelation(class_id))
		return;
	read_from(d, class_id, object_id, DescriptionRelationId, DescriptionObjIndexId, "description");
	read_from(d, class_id, object_id, SecLabelRelationId, SecLabelObjectIndexId, "label");
	if (IsSharedRelation(class_id))
	{
		read_from(d, class_id, object_id, SharedDescriptionRelationId, SharedDescriptionObjIndexId, "description");
		read_from(d, class_id, object_id, SharedSecLabelRelationId, SharedSecLabelObjectIndexId, "label");
	}
}

static void
put_extensions(Description *d)
{
	const ObjectAddress *address = &d->object->address;
	List	   *names = NIL;
	ListCell   *cell;

	if (!may_have_mark(d->marks, address, MARK_DEPENDS_ON_EXTENSION))
		return;
	foreach(cell, getAutoExtensionsOfObject(address->classId, address->objectId))
		names = lappend(names, identity_of(ExtensionRelationId, lfirst_oid(cell)));
	put_part(d, "depends on extension", "");
	put_line(d, "depends on extension", joined(sorted(names), ", "));
}

/* The kind says whose it is, and so does a line's key. */
void
put_remarks(Description *d, int column, const char *name)
{
	ListCell   *cell;

	foreach(cell, d->remarks)
	{
		const Remark *remark = lfirst(cell);

		if (remark->column != column)
			continue;
		if (remark->provider == NULL)
		{
			put_part(d, column ? "column comment" : "comment", name);
			put_line(d, column ? "  comment" : "comment", remark->text);
			continue;
		}
		put_part(d, column ? "column security label" : "security label",
				 column ? psprintf("%s %s", name, remark->provider) : remark->provider);
		put_line(d, psprintf("%ssecurity label %s", column ? "  " : "", remark->provider), remark->text);
	}
	if (column == 0)
		put_extensions(d);
}
