/*
 * index_text.c
 *		The statement that makes an index, as pg_get_indexdef() prints it, for
 *		those that have nothing but columns: most have not, and the server opens
 *		the table of each and looks for the default operator class of each column.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opclass.h"
#include "commands/defrem.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

typedef struct OperatorClassKey
{
	Oid			operator_class;
	Oid			type;			/* of the column */
} OperatorClassKey;

typedef struct OperatorClass
{
	OperatorClassKey key;
	bool		is_default;		/* for the type */
	bool		may_have_options;
} OperatorClass;

HTAB *
operator_classes_create(void)
{
	HASHCTL		control = {.keysize = sizeof(OperatorClassKey), .entrysize = sizeof(OperatorClass), .hcxt = CurrentMemoryContext};

	return hash_create("operator classes", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
look_up(OperatorClass *class)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(class->key.operator_class));
	Form_pg_opclass form;
	const IndexAmRoutine *routine;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", class->key.operator_class);
	form = (Form_pg_opclass) GETSTRUCT(tuple);
	routine = GetIndexAmRoutineByAmId(form->opcmethod, false);
	class->is_default = GetDefaultOpClass(class->key.type, form->opcmethod) == class->key.operator_class;
	class->may_have_options = routine->amoptsprocnum > 0 &&
		OidIsValid(get_opfamily_proc(form->opcfamily, form->opcintype, form->opcintype, routine->amoptsprocnum));
	ReleaseSysCache(tuple);
}

static const OperatorClass *
operator_class(HTAB *known, Oid operator_class, Oid type)
{
	OperatorClassKey key = {operator_class, type};
	bool		found;
	OperatorClass *class = hash_search(known, &key, HASH_FIND, &found);

	if (!found)
	{
		OperatorClass new = {key};

		look_up(&new);
		class = hash_search(known, &key, HASH_ENTER, NULL);
		*class = new;
	}
	return class;
}

static void
put_order(StringInfo text, int16 option)
{
	if (option & INDOPTION_DESC)
		appendStringInfoString(text, option & INDOPTION_NULLS_FIRST ? " DESC" : " DESC NULLS LAST");
	else if (option & INDOPTION_NULLS_FIRST)
		appendStringInfoString(text, " NULLS FIRST");
}

/* What a row of a cache is called, with its schema where that must be said. */
static char *
called(int cache, AttrNumber name_column, AttrNumber schema_column, Oid object_id, bool visible)
{
	HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object_id));
	const char *name;
	char	   *result;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "what an index mentions is not there");
	name = NameStr(*DatumGetName(SysCacheGetAttr(cache, tuple, name_column, &isnull)));
	result = visible ? pstrdup(quote_identifier(name)) :
		quote_qualified_identifier(there(get_namespace_name(DatumGetObjectId(SysCacheGetAttr(cache, tuple, schema_column, &isnull)))), name);
	ReleaseSysCache(tuple);
	return result;
}

/* What an index says of its key columns. */
typedef struct IndexColumns
{
	Form_pg_index index;
	oidvector  *collations;
	oidvector  *operator_classes;
	int2vector *options;
} IndexColumns;

/* False: it has options, which are left to the server. */
static bool
put_key(StringInfo text, HTAB *known, const IndexColumns *columns, int i, Form_pg_attribute column)
{
	const OperatorClass *class = operator_class(known, columns->operator_classes->values[i], column->atttypid);
	Oid			collation = columns->collations->values[i];

	if (class->may_have_options)
		return false;
	if (OidIsValid(collation) && collation != column->attcollation)
		appendStringInfo(text, " COLLATE %s", called(COLLOID, Anum_pg_collation_collname, Anum_pg_collation_collnamespace,
															  collation, CollationIsVisible(collation)));
	if (!class->is_default)
		appendStringInfo(text, " %s", called(CLAOID, Anum_pg_opclass_opcname, Anum_pg_opclass_opcnamespace,
													   class->key.operator_class, OpclassIsVisible(class->key.operator_class)));
	put_order(text, columns->options->values[i]);
	return true;
}

static bool
put_column(StringInfo text, HTAB *known, const IndexColumns *columns, int i)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(columns->index->indrelid),
										Int16GetDatum(columns->index->indkey.values[i]));
	Form_pg_attribute column;
	bool		done = true;

	if (!HeapTupleIsValid(tuple))
		return false;
	column = (Form_pg_attribute) GETSTRUCT(tuple);
	if (i == columns->index->indnkeyatts)
		appendStringInfoString(text, ") INCLUDE (");
	else if (i > 0)
		appendStringInfoString(text, ", ");
	appendStringInfoString(text, quote_identifier(NameStr(column->attname)));
	if (i < columns->index->indnkeyatts)
		done = put_key(text, known, columns, i, column);
	ReleaseSysCache(tuple);
	return done;
}

static char *
table_called(Oid table)
{
	return quote_qualified_identifier(there(get_namespace_name(get_rel_namespace(table))), there(get_rel_name(table)));
}

char *
index_text(HTAB *known, const CatalogRow *row, HeapTuple tuple)
{
	Form_pg_class relation = (Form_pg_class) GETSTRUCT(row->tuple);
	IndexColumns columns = {(Form_pg_index) GETSTRUCT(tuple)};
	StringInfoData text;
	bool		isnull;

	if (!heap_attisnull(tuple, Anum_pg_index_indexprs, NULL) || !heap_attisnull(tuple, Anum_pg_index_indpred, NULL) ||
		!heap_attisnull(row->tuple, Anum_pg_class_reloptions, row->desc))
		return NULL;
	columns.collations = (oidvector *) DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indcollation, &isnull));
	columns.operator_classes = (oidvector *) DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indclass, &isnull));
	columns.options = (int2vector *) DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indoption, &isnull));
	initStringInfo(&text);
	appendStringInfo(&text, "CREATE %sINDEX %s ON %s%s USING %s (", columns.index->indisunique ? "UNIQUE " : "",
					 quote_identifier(NameStr(relation->relname)), relation->relkind == RELKIND_PARTITIONED_INDEX ? "ONLY " : "",
					 table_called(columns.index->indrelid), quote_identifier(there(get_am_name(relation->relam))));
	for (int i = 0; i < columns.index->indnatts; i++)
		if (!put_column(&text, known, &columns, i))
			return NULL;
	appendStringInfo(&text, ")%s", columns.index->indnullsnotdistinct ? " NULLS NOT DISTINCT" : "");
	return text.data;
}
