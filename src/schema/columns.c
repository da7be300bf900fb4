/*
 * columns.c
 *		Columns of relations and attributes of composite types.
 */
#include "postgres.h"

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

/*
 * A NOT NULL that has a row of its own, as since 18.  It counts as a property
 * of its column, and its name only where somebody has given it.
 */
typedef struct NotNull
{
	int			column;
	char	   *text;
} NotNull;

static char *
not_null_text(const CatalogRow *row, Oid relation, int column)
{
	const char *name = field_name(row, "conname");
	char	   *usual = makeObjectName(get_rel_name(relation), get_attname(relation, column, false), "not_null");
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
	List	   *result = NIL;

	catalog_scan(&scan, ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, relation);
	while (catalog_next(&scan))
	{
		bool		isnull;
		Datum		keys;
		NotNull    *notnull;

		if (field_char(&scan.row, "contype") != 'n')
			continue;
		keys = field(&scan.row, "conkey", &isnull);
		notnull = palloc(sizeof(NotNull));
		notnull->column = ((int16 *) ARR_DATA_PTR(DatumGetArrayTypeP(keys)))[0];
		notnull->text = not_null_text(&scan.row, relation, notnull->column);
		result = lappend(result, notnull);
	}
	return result;
}

/* Its value where none is given, or how it is made. */
static void
put_default(Description *d, Form_pg_attribute column)
{
	CatalogScan scan;

	catalog_scan_column(&scan, AttrDefaultRelationId, AttrDefaultIndexId, Anum_pg_attrdef_adrelid, column->attrelid,
						Anum_pg_attrdef_adnum, column->attnum);
	while (catalog_next(&scan))
	{
		const char *expression = field_expression(&scan.row, "adbin", column->attrelid);

		if (column->attgenerated == '\0')
			put_line(d, "  default", expression);
		else
			put_line(d, column->attgenerated == ATTRIBUTE_GENERATED_STORED ? "  generated stored" : "  generated virtual", expression);
	}
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
put_column(Description *d, const CatalogRow *row, const List *not_nulls)
{
	Form_pg_attribute column = (Form_pg_attribute) GETSTRUCT(row->tuple);
	int			target = field_int(row, "attstattarget", -1);
	ListCell   *cell;

	put_part(d, "column", NameStr(column->attname));
	put_first_line(d, row, column);
	foreach(cell, not_nulls)
		if (((const NotNull *) lfirst(cell))->column == column->attnum)
			put_line(d, "  not null", ((const NotNull *) lfirst(cell))->text);
	if (column->atthasdef)
		put_default(d, column);
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

void
describe_columns(Description *d, Oid relation)
{
	List	   *not_nulls = not_nulls_of(relation);
	List	   *names = NIL;
	CatalogScan scan;

	if (d->object->address.classId != RelationRelationId)
		remarks_read(d, RelationRelationId, relation);
	catalog_scan(&scan, AttributeRelationId, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid, relation);
	while (catalog_next(&scan))
	{
		Form_pg_attribute column = (Form_pg_attribute) GETSTRUCT(scan.row.tuple);

		if (column->attnum <= 0 || column->attisdropped)
			continue;
		names = lappend(names, pstrdup(quote_identifier(NameStr(column->attname))));
		put_column(d, &scan.row, not_nulls);
	}
	if (list_length(names) > 1)
	{
		put_part(d, "column order", "");
		put_line(d, "column order", joined(names, ", "));
	}
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
