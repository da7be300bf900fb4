/*
 * columns.c
 *		Columns of relations and attributes of composite types.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* What another catalog says of one of the columns. */
typedef struct ColumnNote
{
	int			column;
	char	   *text;
} ColumnNote;

static List *
add_note(List *notes, int column, char *text)
{
	ColumnNote *note = palloc(sizeof(ColumnNote));

	note->column = column;
	note->text = text;
	return lappend(notes, note);
}

static char *
note_of(const List *notes, int column)
{
	ListCell   *cell;

	foreach(cell, notes)
		if (((const ColumnNote *) lfirst(cell))->column == column)
			return ((const ColumnNote *) lfirst(cell))->text;
	return NULL;
}

/*
 * A NOT NULL that has a row of its own counts as a property of its column, and
 * its name only where somebody has given it.
 */
static char *
not_null_text(const CatalogRow *row, Oid relation, int column)
{
	const char *name = field_name(row, "conname");
	char	   *usual = makeObjectName(there(get_rel_name(relation)), get_attname(relation, column, false), "not_null");
	char	   *comment = GetComment(field_oid(row, "oid"), ConstraintRelationId, 0);
	List	   *words = NIL;

	if (field_bool(row, "conislocal") && strcmp(name, usual) != 0)
		words = lappend(words, (char *) quote_identifier(name));
	if (!field_bool(row, "convalidated"))
		words = lappend(words, "not valid");
	if (field_bool(row, "connoinherit"))
		words = lappend(words, "no inherit");
	if (field_bool(row, "conislocal") && field_int(row, "coninhcount", 0) > 0)
		words = lappend(words, "inherited and local");
	if (comment)
		words = lappend(words, psprintf("comment %s", quote_literal_cstr(comment)));
	return joined(words, ", ");
}

static List *
not_nulls_of(Oid relation)
{
	CatalogScan scan;
	List	   *notes = NIL;

	if (!MIG_NOT_NULL_HAS_ROW)
		return NIL;
	catalog_scan(&scan, ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, relation);
	while (catalog_next(&scan))
	{
		bool		isnull;
		Datum		keys;
		int			column;

		if (field_char(&scan.row, "contype") != 'n')
			continue;
		keys = field(&scan.row, "conkey", &isnull);
		column = ((int16 *) ARR_DATA_PTR(DatumGetArrayTypeP(keys)))[0];
		notes = add_note(notes, column, not_null_text(&scan.row, relation, column));
	}
	return notes;
}

/*
 * Values where none is given, and how the generated ones are made.  Only these
 * mention columns, for whose names the server has to open the relation.
 */
static List *
defaults_of(Oid relation, const List *columns)
{
	CatalogScan scan;
	List	   *notes = NIL;
	bool		any = false;
	bool		generated = false;
	ListCell   *cell;

	foreach(cell, columns)
	{
		Form_pg_attribute column = (Form_pg_attribute) GETSTRUCT((HeapTuple) lfirst(cell));

		any = any || column->atthasdef;
		generated = generated || column->attgenerated != '\0';
	}
	if (!any)
		return NIL;
	catalog_scan(&scan, AttrDefaultRelationId, AttrDefaultIndexId, Anum_pg_attrdef_adrelid, relation);
	while (catalog_next(&scan))
		notes = add_note(notes, ((Form_pg_attrdef) GETSTRUCT(scan.row.tuple))->adnum,
						 field_expression(&scan.row, "adbin", generated ? relation : InvalidOid));
	return notes;
}

static void
put_default(Description *d, Form_pg_attribute column, const char *expression)
{
	if (column->attgenerated == '\0')
		put_line(d, "  default", expression);
	else
		put_line(d, column->attgenerated == ATTRIBUTE_GENERATED_STORED ? "  generated stored" : "  generated virtual", expression);
}

static const char *
storage_name(char storage)
{
	switch (storage)
	{
		case TYPSTORAGE_PLAIN:
			return "plain";
		case TYPSTORAGE_EXTERNAL:
			return "external";
		case TYPSTORAGE_EXTENDED:
			return "extended";
		default:
			return "main";
	}
}

/* Of those stored with a column the ones that are options: some servers keep others' notes there. */
static char *
column_options(const CatalogRow *row)
{
	List	   *options = NIL;
	ListCell   *cell;

	foreach(cell, field_texts(row, "attoptions"))
		if (strncmp(lfirst(cell), "n_distinct", strlen("n_distinct")) == 0)
			options = lappend(options, lfirst(cell));
	return joined(sorted(options), ", ");
}

static void
put_first_line(Description *d, const CatalogRow *row, Form_pg_attribute column)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s %s", quote_identifier(NameStr(column->attname)),
					 type_of(column->atttypid, column->atttypmod));
	if (OidIsValid(column->attcollation) && column->attcollation != get_typcollation(column->atttypid))
		appendStringInfo(&text, " collate %s", identity_of(CollationRelationId, column->attcollation));
	if (column->attnotnull)
		appendStringInfoString(&text, " not null");
	put_line(d, "column", text.data);
}

static void
put_column(Description *d, const CatalogRow *row, const List *not_nulls, const List *defaults)
{
	Form_pg_attribute column = (Form_pg_attribute) GETSTRUCT(row->tuple);
	int			target = field_int(row, "attstattarget", -1);

	put_part(d, "column", NameStr(column->attname));
	put_first_line(d, row, column);
	put_line(d, "  not null", note_of(not_nulls, column->attnum));
	put_default(d, column, note_of(defaults, column->attnum));
	if (column->attidentity != '\0')
		put_line(d, "  identity", column->attidentity == ATTRIBUTE_IDENTITY_ALWAYS ? "always" : "by default");
	if (column->attinhcount > 0)
		put_line(d, "  inherited", column->attislocal ? "and local" : "yes");
	if (column->attstorage != get_typstorage(column->atttypid))
		put_line(d, "  storage", storage_name(column->attstorage));
	if (column->attcompression != '\0')
		put_line(d, "  compression", column->attcompression == 'l' ? "lz4" : "pglz");
	if (target >= 0)
		put_line(d, "  statistics", psprintf("%d", target));
	put_line(d, "  options", column_options(row));
	put_line(d, "  foreign options", options_text(row, "attfdwoptions", false));
	put_privileges(d, "column privileges", NameStr(column->attname), row, "attacl", OBJECT_COLUMN);
	put_remarks(d, column->attnum, NameStr(column->attname));
}

/* The rows of all columns that are there, in their order. */
static List *
columns_of(Oid relation)
{
	CatalogScan scan;
	List	   *columns = NIL;

	catalog_scan(&scan, AttributeRelationId, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid, relation);
	while (catalog_next(&scan))
	{
		Form_pg_attribute column = (Form_pg_attribute) GETSTRUCT(scan.row.tuple);

		if (column->attnum > 0 && !column->attisdropped)
			columns = lappend(columns, heap_copytuple(scan.row.tuple));
	}
	return columns;
}

void
describe_columns(Description *d, Oid relation)
{
	Relation	catalog = table_open(AttributeRelationId, AccessShareLock);
	List	   *columns = columns_of(relation);
	List	   *names = NIL;
	List	   *not_nulls = not_nulls_of(relation);
	List	   *defaults = defaults_of(relation, columns);
	ListCell   *cell;

	if (d->object->address.classId != RelationRelationId)
		remarks_read(d, RelationRelationId, relation);
	foreach(cell, columns)
	{
		CatalogRow	row = {RelationGetDescr(catalog), lfirst(cell)};

		names = lappend(names, (char *) quote_identifier(NameStr(((Form_pg_attribute) GETSTRUCT(row.tuple))->attname)));
		put_column(d, &row, not_nulls, defaults);
	}
	if (list_length(names) > 1)
	{
		put_part(d, COLUMN_ORDER, "");
		put_line(d, COLUMN_ORDER, joined(names, ", "));
	}
	table_close(catalog, AccessShareLock);
}

void
put_changed_columns(Description *d)
{
	CatalogScan scan;

	catalog_scan(&scan, AttributeRelationId, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid,
				 d->object->address.objectId);
	while (catalog_next(&scan))
	{
		Form_pg_attribute column = (Form_pg_attribute) GETSTRUCT(scan.row.tuple);

		if (!column->attisdropped)
			put_changed_privileges(d, column->attnum, NameStr(column->attname), &scan.row, "attacl", OBJECT_COLUMN);
	}
}
