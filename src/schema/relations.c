/*
 * relations.c
 *		Tables, views, materialized views, foreign tables, sequences.
 */
#include "postgres.h"

#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_sequence.h"
#include "catalog/pg_type.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* TOAST tables are part of their tables, composite types are types. */
static bool
has_row(const CatalogRow *row)
{
	return strchr("rpfvmSiI", field_char(row, "relkind")) != NULL;
}

static ObjectAddress
part_of(const CatalogRow *row)
{
	ObjectAddress address = InvalidObjectAddress;

	if (strchr("iI", field_char(row, "relkind")))
		ObjectAddressSet(address, RelationRelationId, IndexGetRelation(field_oid(row, "oid"), true));
	return address;
}

static void
put_storage(Description *d)
{
	Oid			method = field_oid(&d->row, "relam");
	Oid			tablespace = field_oid(&d->row, "reltablespace");

	put_flag(d, "unlogged", field_char(&d->row, "relpersistence") == RELPERSISTENCE_UNLOGGED);
	if (OidIsValid(method) && method != HEAP_TABLE_AM_OID)
		put_line(d, "access method", identity_of(AccessMethodRelationId, method));
	if (OidIsValid(tablespace))
		put_line(d, "tablespace", tablespace_of(tablespace));
}

/* What it inherits from, in order: the columns of one parent come before those of the next. */
static void
put_parents(Description *d, Oid relation)
{
	bool		partition = field_bool(&d->row, "relispartition");
	CatalogScan scan;

	if (!may_have_mark(d->marks, &d->object->address, MARK_CHILD))
		return;
	catalog_scan(&scan, InheritsRelationId, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid, relation);
	while (catalog_next(&scan))
	{
		put_line(d, partition ? "partition of" : "inherits",
				 identity_of(RelationRelationId, field_oid(&scan.row, "inhparent")));
		put_flag(d, "detach pending", field_bool(&scan.row, "inhdetachpending"));
	}
	if (partition)
		put_line(d, "bound", field_expression(&d->row, "relpartbound", relation));
}

static void
put_foreign(Description *d, Oid relation)
{
	CatalogScan scan;

	catalog_scan(&scan, ForeignTableRelationId, ForeignTableRelidIndexId, Anum_pg_foreign_table_ftrelid, relation);
	while (catalog_next(&scan))
	{
		put_line(d, "server", identity_of(ForeignServerRelationId, field_oid(&scan.row, "ftserver")));
		put_part(d, "foreign options", "");
		put_line(d, "foreign options", options_text(&scan.row, "ftoptions", false));
	}
}

static void
put_toast_options(Description *d)
{
	ObjectAddress toast;
	CatalogScan scan;

	ObjectAddressSet(toast, RelationRelationId, field_oid(&d->row, "reltoastrelid"));
	put_part(d, "toast options", "");
	if (!OidIsValid(toast.objectId) || !may_have_mark(d->marks, &toast, MARK_TOAST_OPTIONS))
		return;
	catalog_scan(&scan, RelationRelationId, ClassOidIndexId, Anum_pg_class_oid, toast.objectId);
	while (catalog_next(&scan))
		put_line(d, "toast options", options_text(&scan.row, "reloptions", false));
}

static void
put_replica_identity(Description *d)
{
	char		identity = field_char(&d->row, "relreplident");

	put_part(d, "replica identity", "");
	if (identity == REPLICA_IDENTITY_FULL)
		put_line(d, "replica identity", "full");
	else if (identity == REPLICA_IDENTITY_NOTHING)
		put_line(d, "replica identity", "nothing");
	else if (identity == REPLICA_IDENTITY_INDEX)
		put_line(d, "replica identity", "index");
}

void
put_row_security(Description *d)
{
	put_part(d, "row security", "");
	put_flag(d, "row security", field_bool(&d->row, "relrowsecurity"));
	put_flag(d, "row security forced", field_bool(&d->row, "relforcerowsecurity"));
}

static void
describe_table(Description *d, Oid relation)
{
	char		kind = field_char(&d->row, "relkind");

	put_part(d, "definition", "");
	put_storage(d);
	put_line(d, "of type", identity_of(TypeRelationId, field_oid(&d->row, "reloftype")));
	put_parents(d, relation);
	if (kind == RELKIND_PARTITIONED_TABLE)
		put_line(d, "partition by", deparse(pg_get_partkeydef, relation));
	if (kind == RELKIND_FOREIGN_TABLE)
		put_foreign(d, relation);
	put_part(d, "options", "");
	put_line(d, "options", options_text(&d->row, "reloptions", false));
	put_toast_options(d);
	if (kind != RELKIND_FOREIGN_TABLE)
		put_replica_identity(d);
	put_row_security(d);
	describe_columns(d, relation);
}

static void
describe_view(Description *d, Oid relation)
{
	put_part(d, "definition", "");
	put_storage(d);
	put_block(d, "query", deparse(pg_get_viewdef, relation));
	put_part(d, "options", "");
	put_line(d, "options", options_text(&d->row, "reloptions", false));
	put_toast_options(d);
	if (field_char(&d->row, "relkind") == RELKIND_MATVIEW)
		put_replica_identity(d);
	describe_columns(d, relation);
}

/* The column that it goes with, and how. */
static void
put_owning_column(Description *d, Oid sequence)
{
	CatalogScan scan;

	catalog_scan2(&scan, DependRelationId, DependDependerIndexId, Anum_pg_depend_classid, RelationRelationId,
				  Anum_pg_depend_objid, sequence);
	while (catalog_next(&scan))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(scan.row.tuple);
		ObjectAddress column;

		if (depend->refclassid != RelationRelationId || depend->refobjsubid == 0 ||
			(depend->deptype != DEPENDENCY_AUTO && depend->deptype != DEPENDENCY_INTERNAL))
			continue;
		ObjectAddressSubSet(column, RelationRelationId, depend->refobjid, depend->refobjsubid);
		put_line(d, depend->deptype == DEPENDENCY_AUTO ? "owned by" : "identity of", getObjectIdentity(&column, true));
	}
}

/* All but where it stands, which is data. */
static void
describe_sequence(Description *d, Oid relation)
{
	static const char *const numbers[][2] = {
		{"start", "seqstart"}, {"increment", "seqincrement"}, {"minimum", "seqmin"}, {"maximum", "seqmax"}, {"cache", "seqcache"}
	};
	CatalogScan scan;

	put_part(d, "definition", "");
	put_storage(d);
	catalog_scan(&scan, SequenceRelationId, SequenceRelidIndexId, Anum_pg_sequence_seqrelid, relation);
	while (catalog_next(&scan))
	{
		bool		isnull;

		put_line(d, "type", type_of(field_oid(&scan.row, "seqtypid"), -1));
		for (int i = 0; i < lengthof(numbers); i++)
			put_line(d, numbers[i][0], psprintf(INT64_FORMAT, DatumGetInt64(field(&scan.row, numbers[i][1], &isnull))));
		put_flag(d, "cycle", field_bool(&scan.row, "seqcycle"));
	}
	put_part(d, "owned by", "");
	put_owning_column(d, relation);
}

static void
describe_relation(Description *d)
{
	Oid			relation = d->object->address.objectId;

	switch (field_char(&d->row, "relkind"))
	{
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			describe_index(d);
			d->owner = InvalidOid;	/* its table's, always */
			break;
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
			describe_view(d, relation);
			break;
		case RELKIND_SEQUENCE:
			d->acl_type = OBJECT_SEQUENCE;
			describe_sequence(d, relation);
			break;
		default:
			describe_table(d, relation);
	}
}

const SchemaClass class_relations = {
	RelationRelationId, ClassOidIndexId, "relnamespace", "relowner", "relacl", OBJECT_TABLE,
	has_row, part_of, describe_relation
};
