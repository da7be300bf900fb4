/*
 * read.c
 *		Read objects of the catalogs, all of them or some, and describe them.
 *
 * Objects are read in small batches, each in a subtransaction that is rolled
 * back: what the server's deparsing functions lock is not kept until the end of
 * the transaction, and an object that cannot be read, since somebody holds a
 * lock on it or the catalogs are damaged, is a problem of that object alone.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "ledger/query.h"
#include "ledger/rowhash.h"
#include "miscadmin.h"
#include "schema/schema_private.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#define BATCH 64

/* What deparsed text depends on, as far as it is not in the ledger's own scope. */
static const char *const pinned[][2] = {
	{"quote_all_identifiers", "off"}, {"DateStyle", "ISO, YMD"}, {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
	{"extra_float_digits", "3"}, {"bytea_output", "hex"}, {"standard_conforming_strings", "on"},
	{"lc_monetary", "C"}, {"lc_numeric", "C"}, {"lc_time", "C"}, {"xmloption", "content"}, {"xmlbinary", "base64"},
	{"array_nulls", "on"},
	/* An object that is locked is not waited for. */
	{"lock_timeout", "100"}
};

typedef struct Reader
{
	SchemaObjectFunction function;
	void	   *arg;
	MemoryContext batch;
	List	   *objects;		/* of the batch */
	pg_cryptohash_ctx *hash;
	LedgerScope scope;
} Reader;

/* ---- one object ---- */

/* A setting has no oid; there is one row for each role, or for all of them. */
static void
fetch(CatalogScan *scan, const SchemaClass *class, Oid object_id)
{
	if (class == &class_settings)
		catalog_scan2(scan, class->class_id, class->index_id, Anum_pg_db_role_setting_setdatabase, MyDatabaseId,
					  Anum_pg_db_role_setting_setrole, object_id);
	else
		catalog_scan(scan, class->class_id, class->index_id, 1, object_id);
}

/* What belongs to this database is called the same in whatever database it is. */
static void
name_object(SchemaObject *object)
{
	const ObjectAddress *address = &object->address;

	switch (address->classId)
	{
		case DatabaseRelationId:
			object->object_type = "database";
			object->identity = "this database";
			break;
		case DbRoleSettingRelationId:
			object->object_type = "database setting";
			object->identity = OidIsValid(address->objectId) ?
				psprintf("role %s in this database", role_of(address->objectId)) : "this database";
			break;
		default:
			object->object_type = getObjectTypeDescription(address, false);
			object->identity = getObjectIdentity(address, false);
	}
}

static void
describe_all(Description *d, const SchemaClass *class)
{
	Oid			owner = d->owner;

	remarks_read(d, d->object->address.classId, d->object->address.objectId);
	class->describe(d);
	if (OidIsValid(owner) && owner == d->owner)
	{
		put_part(d, "owner", "");
		put_line(d, "owner", role_of(owner));
	}
	if (class->acl)
		put_privileges(d, "privileges", "", &d->row, class->acl, d->acl_type);
	put_remarks(d, 0, "");
}

static void
describe_privileges(Description *d, const SchemaClass *class)
{
	if (class->acl)
		put_changed_privileges(d, 0, "", &d->row, class->acl, d->acl_type);
	if (class == &class_relations)
		put_changed_columns(d);
}

static void
read_row(Reader *reader, const SchemaClass *class, Oid object_id, const CatalogRow *row, SchemaScope scope)
{
	SchemaObject *object = palloc0(sizeof(SchemaObject));
	Description d;

	ObjectAddressSet(object->address, class->class_id, object_id);
	description_begin(&d, object);
	d.row = *row;
	d.owner = class->owner ? field_oid(row, class->owner) : InvalidOid;
	d.acl_type = class->acl_type;
	if (class == &class_relations && field_char(row, "relkind") == RELKIND_SEQUENCE)
		d.acl_type = OBJECT_SEQUENCE;
	if (scope == SCOPE_ALL)
		describe_all(&d, class);
	else
		describe_privileges(&d, class);
	description_end(&d);
	if (scope == SCOPE_PRIVILEGES && object->parts == NIL)
		return;
	name_object(object);
	reader->objects = lappend(reader->objects, object);
}

static void
read_object(Reader *reader, const SchemaClass *class, Oid object_id)
{
	CatalogScan scan;

	CHECK_FOR_INTERRUPTS();
	fetch(&scan, class, object_id);
	while (catalog_next(&scan))
	{
		SchemaScope scope = schema_scope(class, &scan.row);

		if (scope != SCOPE_NONE)
			read_row(reader, class, object_id, &scan.row, scope);
	}
}

/* ---- batches ---- */

/* Is it nobody's fault that an object could not be read? */
static bool
is_error_of_others(int code)
{
	return code != ERRCODE_LOCK_NOT_AVAILABLE &&
		(ERRCODE_TO_CATEGORY(code) == ERRCODE_OPERATOR_INTERVENTION ||
		 ERRCODE_TO_CATEGORY(code) == ERRCODE_INSUFFICIENT_RESOURCES);
}

/* Returns what went wrong, or NULL. */
static ErrorData *
try_to_read(Reader *reader, const SchemaClass *class, const Oid *object_ids, int n)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	reader->objects = NIL;
	MemoryContextReset(reader->batch);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(reader->batch);
	PG_TRY();
	{
		for (int i = 0; i < n; i++)
			read_object(reader, class, object_ids[i]);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error && is_error_of_others(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

static void
hash_begin(Reader *reader)
{
	if (pg_cryptohash_init(reader->hash) < 0)
		elog(ERROR, "could not initialize SHA-256");
	mig_hash_text(reader->hash, FINGERPRINT_FORMAT);
}

static void
hash_end(Reader *reader, uint8 *fingerprint)
{
	if (pg_cryptohash_final(reader->hash, fingerprint, FINGERPRINT_BYTES) < 0)
		elog(ERROR, "could not finalize SHA-256");
}

/* A part's fingerprint is that of the same part of any object; the object's has its name in it. */
static void
add_fingerprints(Reader *reader, SchemaObject *object)
{
	ListCell   *cell;

	foreach(cell, object->parts)
	{
		SchemaPart *part = lfirst(cell);

		hash_begin(reader);
		mig_hash_text(reader->hash, part->kind);
		mig_hash_text(reader->hash, part->name);
		mig_hash_text(reader->hash, part->text);
		hash_end(reader, part->fingerprint);
	}
	hash_begin(reader);
	mig_hash_text(reader->hash, object->object_type);
	mig_hash_text(reader->hash, object->identity);
	foreach(cell, object->parts)
		mig_hash_bytes(reader->hash, ((const SchemaPart *) lfirst(cell))->fingerprint, FINGERPRINT_BYTES);
	hash_end(reader, object->fingerprint);
}

static void
hand_over(Reader *reader)
{
	ListCell   *cell;

	foreach(cell, reader->objects)
	{
		SchemaObject *object = lfirst(cell);

		if (object->problem == NULL)
			add_fingerprints(reader, object);
		reader->function(object, reader->arg);
	}
	reader->objects = NIL;
}

/* The name of what cannot be read, if even that can be told. */
static void
try_to_name(SchemaObject *object)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		name_object(object);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (is_error_of_others(geterrcode()))
			PG_RE_THROW();
		FlushErrorState();
		object->object_type = get_rel_name(object->address.classId);
		object->identity = psprintf("oid %u", object->address.objectId);
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

static void
hand_over_problem(Reader *reader, const SchemaClass *class, Oid object_id, const ErrorData *error)
{
	SchemaObject object = {0};

	ObjectAddressSet(object.address, class->class_id, object_id);
	object.problem = error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ? "locked by another transaction" : error->message;
	try_to_name(&object);
	reader->function(&object, reader->arg);
}

static void
read_objects(Reader *reader, const SchemaClass *class, const Oid *object_ids, int n)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(outer, "schema batch", ALLOCSET_DEFAULT_SIZES);

	for (int from = 0; from < n; from += BATCH)
	{
		int			size = Min(BATCH, n - from);

		MemoryContextSwitchTo(context);
		if (try_to_read(reader, class, object_ids + from, size) == NULL)
			hand_over(reader);
		else
			for (int i = from; i < from + size; i++)
			{
				ErrorData  *error = try_to_read(reader, class, object_ids + i, 1);

				if (error)
					hand_over_problem(reader, class, object_ids[i], error);
				else
					hand_over(reader);
			}
		MemoryContextSwitchTo(outer);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

/* ---- all, or some ---- */

static void
reader_begin(Reader *reader, SchemaObjectFunction function, void *arg)
{
	memset(reader, 0, sizeof(Reader));
	reader->function = function;
	reader->arg = arg;
	reader->batch = AllocSetContextCreate(CurrentMemoryContext, "schema objects", ALLOCSET_DEFAULT_SIZES);
	ledger_enter(&reader->scope);
	for (int i = 0; i < lengthof(pinned); i++)
		(void) set_config_option(pinned[i][0], pinned[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	reader->hash = pg_cryptohash_create(PG_SHA256);
}

static void
reader_end(Reader *reader)
{
	pg_cryptohash_free(reader->hash);
	ledger_leave(&reader->scope);
	MemoryContextDelete(reader->batch);
}

/*
 * Of the server's own objects only some can be of interest: those with
 * privileges, and relations for those of their columns.
 */
static bool
may_be_shown(const SchemaClass *class, const CatalogRow *row)
{
	bool		isnull = true;

	if (class->has_row && !class->has_row(row))
		return false;
	if (class == &class_settings || class == &class_extensions || class == &class_databases ||
		class == &class_relations || field_oid(row, "oid") >= FirstNormalObjectId)
		return true;
	if (class->acl)
		(void) field(row, class->acl, &isnull);
	return !isnull;
}

/* The oids of all objects of a class that may be shown. */
static Oid *
list_objects(const SchemaClass *class, int *n)
{
	int			size = 64;
	Oid		   *object_ids = palloc(size * sizeof(Oid));
	const char *key = class == &class_settings ? "setrole" : "oid";
	CatalogScan scan;

	*n = 0;
	catalog_scan_all(&scan, class->class_id);
	while (catalog_next(&scan))
	{
		if (!may_be_shown(class, &scan.row))
			continue;
		if (*n == size)
			object_ids = repalloc_huge(object_ids, (size *= 2) * sizeof(Oid));
		object_ids[(*n)++] = field_oid(&scan.row, key);
	}
	return object_ids;
}

void
mig_schema_read_all(SchemaObjectFunction function, void *arg)
{
	Reader		reader;

	reader_begin(&reader, function, arg);
	for (int i = 0; i < schema_nclasses; i++)
	{
		int			n;
		Oid		   *object_ids = list_objects(schema_classes[i], &n);

		read_objects(&reader, schema_classes[i], object_ids, n);
		pfree(object_ids);
	}
	reader_end(&reader);
}

/* Each only once, by class. */
static HTAB *
shown_objects(const List *addresses)
{
	HASHCTL		control = {.keysize = sizeof(ObjectAddress), .entrysize = sizeof(ObjectAddress), .hcxt = CurrentMemoryContext};
	HTAB	   *table = hash_create("schema addresses", list_length(addresses) + 1, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *cell;

	foreach(cell, addresses)
	{
		ObjectAddress address = schema_shown_by(*(const ObjectAddress *) lfirst(cell));

		if (schema_class(address.classId))
			(void) hash_search(table, &address, HASH_ENTER, NULL);
	}
	return table;
}

void
mig_schema_read(const List *addresses, SchemaObjectFunction function, void *arg)
{
	HTAB	   *table = shown_objects(addresses);
	Oid		   *object_ids = palloc((hash_get_num_entries(table) + 1) * sizeof(Oid));
	Reader		reader;

	reader_begin(&reader, function, arg);
	for (int i = 0; i < schema_nclasses; i++)
	{
		HASH_SEQ_STATUS status;
		const ObjectAddress *address;
		int			n = 0;

		hash_seq_init(&status, table);
		while ((address = hash_seq_search(&status)) != NULL)
			if (address->classId == schema_classes[i]->class_id)
				object_ids[n++] = address->objectId;
		read_objects(&reader, schema_classes[i], object_ids, n);
	}
	reader_end(&reader);
	hash_destroy(table);
}
