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
#include "common/attempt.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "schema/schema_private.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define BATCH 64

/* What a batch takes, usually: kept for the next one, since to get memory from the system again and again takes its time. */
#define BATCH_SIZES ((Size) 512 * 1024), ALLOCSET_DEFAULT_INITSIZE, ALLOCSET_DEFAULT_MAXSIZE

/*
 * What the server remembers of each table, index and constraint that it prints
 * is forgotten after so many objects: it takes more than all that is kept here.
 */
#define REMEMBERED 8192

/* What deparsed text depends on, as far as it is not in the ledger's own scope. */
static const char *const pinned[][2] = {
	{"quote_all_identifiers", "off"}, {"DateStyle", "ISO, YMD"}, {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
	{"extra_float_digits", "3"}, {"bytea_output", "hex"}, {"standard_conforming_strings", "on"},
	{"lc_monetary", "C"}, {"lc_numeric", "C"}, {"lc_time", "C"}, {"xmloption", "content"}, {"xmlbinary", "base64"},
	{"array_nulls", "on"}
};

/* An object to be read. */
typedef struct Candidate
{
	const SchemaClass *class;
	int			rank;			/* of its class */
	Oid			object_id;
	Oid			relation;		/* that it is, or is a part of; else invalid */
} Candidate;

typedef struct Candidates
{
	Candidate  *items;
	int			n;
	int			size;
} Candidates;

typedef struct Reader
{
	SchemaObjectFunction function;
	void	   *arg;
	MemoryContext batch;
	List	   *objects;		/* of the batch */
	Marks	   *marks;			/* or NULL */
	LedgerScope scope;
} Reader;

/* ---- settings ---- */

static void
set(const char *name, const char *value)
{
	if (strcmp(GetConfigOption(name, false, false), value) != 0)
		(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
schema_pin_settings(void)
{
	for (int i = 0; i < lengthof(pinned); i++)
		set(pinned[i][0], pinned[i][1]);
}

void
schema_wait_for_no_lock(void)
{
	set("lock_timeout", "100");
}

/* ---- one object ---- */

/* A setting has no oid; there is one row for each role, or for all of them. */
static void
fetch(CatalogScan *scan, const SchemaClass *class, Oid object_id)
{
	if (class == &class_settings)
		catalog_scan2(scan, class->class_id, class->index_id, Anum_pg_db_role_setting_setdatabase, MyDatabaseId,
					  Anum_pg_db_role_setting_setrole, object_id);
	else
		catalog_find(scan, class->class_id, class->index_id, object_id);
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
	{
		put_changed_columns(d);
		put_row_security(d);
	}
}

static void
read_row(Reader *reader, const SchemaClass *class, Oid object_id, const CatalogRow *row, SchemaScope scope)
{
	SchemaObject *object = palloc0(sizeof(SchemaObject));
	Description d;

	ObjectAddressSet(object->address, class->class_id, object_id);
	description_begin(&d, object);
	d.row = *row;
	d.marks = reader->marks;
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
read_if_shown(Reader *reader, const Candidate *candidate, const CatalogRow *row)
{
	Oid			relation = candidate->relation == candidate->object_id ? InvalidOid : candidate->relation;
	SchemaScope scope = schema_scope(candidate->class, row, relation, reader->marks);

	if (scope != SCOPE_NONE)
		read_row(reader, candidate->class, candidate->object_id, row, scope);
}

static void
read_object(Reader *reader, const Candidate *candidate)
{
	CatalogScan scan;

	CHECK_FOR_INTERRUPTS();
	fetch(&scan, candidate->class, candidate->object_id);
	while (catalog_next(&scan))
		read_if_shown(reader, candidate, &scan.row);
}

/* ---- batches ---- */

/* Candidates that are tried together. */
typedef struct Try
{
	Reader	   *reader;
	const Candidate *candidates;
	int			n;
} Try;

static void
read_together(void *arg)
{
	Try		   *try = arg;

	schema_wait_for_no_lock();
	MemoryContextSwitchTo(try->reader->batch);
	for (int i = 0; i < try->n; i++)
		read_object(try->reader, try->candidates + i);
}

/* Returns what went wrong, or NULL. */
static ErrorData *
try_to_read(Reader *reader, const Candidate *candidates, int n)
{
	Try			try = {reader, candidates, n};

	reader->objects = NIL;
	MemoryContextReset(reader->batch);
	return mig_attempt(read_together, &try, false);
}

static void
hand_over(Reader *reader)
{
	ListCell   *cell;

	foreach(cell, reader->objects)
	{
		SchemaObject *object = lfirst(cell);

		if (object->problem == NULL)
			mig_schema_fingerprint(object);
		reader->function(object, reader->arg);
	}
	reader->objects = NIL;
}

static void
give_name(void *object)
{
	schema_wait_for_no_lock();
	name_object(object);
}

/* The name of what cannot be read, if even that can be told. */
static void
try_to_name(SchemaObject *object)
{
	if (mig_attempt(give_name, object, false) == NULL)
		return;
	object->object_type = get_rel_name(object->address.classId);
	object->identity = psprintf("oid %u", object->address.objectId);
}

static void
hand_over_problem(Reader *reader, const Candidate *candidate, const ErrorData *error)
{
	SchemaObject object = {0};

	ObjectAddressSet(object.address, candidate->class->class_id, candidate->object_id);
	object.problem = error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ? "locked by another transaction" : error->message;
	try_to_name(&object);
	reader->function(&object, reader->arg);
}

static void
read_one_by_one(Reader *reader, const Candidate *candidates, int n)
{
	for (int i = 0; i < n; i++)
	{
		ErrorData  *error = try_to_read(reader, candidates + i, 1);

		if (error)
			hand_over_problem(reader, candidates + i, error);
		else
			hand_over(reader);
	}
}

static void
read_candidates(Reader *reader, const Candidates *candidates)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(outer, "schema batch", BATCH_SIZES);

	MemoryContextSwitchTo(context);
	for (int from = 0; from < candidates->n; from += BATCH)
	{
		int			n = Min(BATCH, candidates->n - from);

		if (try_to_read(reader, candidates->items + from, n) == NULL)
			hand_over(reader);
		else
			read_one_by_one(reader, candidates->items + from, n);
		MemoryContextReset(context);
		if ((from + BATCH) % REMEMBERED == 0)
			InvalidateSystemCaches();
	}
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(context);
}

/* ---- all, or some ---- */

static void
reader_begin(Reader *reader, SchemaObjectFunction function, void *arg)
{
	memset(reader, 0, sizeof(Reader));
	reader->function = function;
	reader->arg = arg;
	reader->batch = AllocSetContextCreate(CurrentMemoryContext, "schema objects", BATCH_SIZES);
	ledger_enter(&reader->scope);
	/*
	 * Views and rules are deparsed by queries, which see what the snapshot does:
	 * all that was done up to here, by others as well, whatever transaction it is.
	 */
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	UpdateActiveSnapshotCommandId();
	schema_pin_settings();
}

static void
reader_end(Reader *reader)
{
	PopActiveSnapshot();
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

static void
add_candidate(Candidates *candidates, int rank, Oid object_id, Oid relation)
{
	Candidate  *candidate;

	if (candidates->n == candidates->size)
	{
		candidates->size = Max(64, candidates->size * 2);
		candidates->items = candidates->items ?
			repalloc_huge(candidates->items, candidates->size * sizeof(Candidate)) :
			palloc(candidates->size * sizeof(Candidate));
	}
	candidate = &candidates->items[candidates->n++];
	candidate->class = schema_classes[rank];
	candidate->rank = rank;
	candidate->object_id = object_id;
	candidate->relation = relation;
}

static Oid
relation_of(const SchemaClass *class, const CatalogRow *row, Oid object_id, const Marks *marks)
{
	ObjectAddress whole;

	if (class == &class_relations)
		return strchr("iI", field_char(row, "relkind")) ? table_of_index(marks, object_id) : object_id;
	whole = class->part_of ? class->part_of(row) : InvalidObjectAddress;
	return whole.classId == RelationRelationId ? whole.objectId : InvalidOid;
}

static void
list_class(Candidates *candidates, int rank, const Marks *marks)
{
	const SchemaClass *class = schema_classes[rank];
	CatalogScan scan;

	catalog_scan_all(&scan, class->class_id);
	while (catalog_next(&scan))
	{
		Oid			object_id = field_oid(&scan.row, class == &class_settings ? "setrole" : "oid");

		if (may_be_shown(class, &scan.row))
			add_candidate(candidates, rank, object_id, relation_of(class, &scan.row, object_id, marks));
	}
}

/*
 * First what is no part of a relation, class by class; then relation by
 * relation, since the server remembers one while all of its parts are printed.
 */
static int
compare_candidates(const void *a, const void *b)
{
	const Candidate *one = a;
	const Candidate *other = b;

	if (one->relation != other->relation)
		return one->relation < other->relation ? -1 : 1;
	if (one->rank != other->rank)
		return one->rank < other->rank ? -1 : 1;
	return one->object_id < other->object_id ? -1 : one->object_id > other->object_id ? 1 : 0;
}

void
mig_schema_read_all(SchemaObjectFunction function, void *arg)
{
	Candidates	candidates = {0};
	Reader		reader;

	reader_begin(&reader, function, arg);
	reader.marks = marks_read();
	for (int rank = 0; rank < schema_nclasses; rank++)
		list_class(&candidates, rank, reader.marks);
	qsort(candidates.items, candidates.n, sizeof(Candidate), compare_candidates);
	read_candidates(&reader, &candidates);
	reader_end(&reader);
}

static void
list_some(Candidates *candidates, const List *addresses)
{
	ListCell   *cell;

	foreach(cell, addresses)
	{
		const ObjectAddress *address = lfirst(cell);

		for (int rank = 0; rank < schema_nclasses; rank++)
			if (schema_classes[rank]->class_id == address->classId)
				add_candidate(candidates, rank, address->objectId, InvalidOid);
	}
	qsort(candidates->items, candidates->n, sizeof(Candidate), compare_candidates);
}

void
mig_schema_read(const List *addresses, SchemaObjectFunction function, void *arg)
{
	Candidates	candidates = {0};
	Reader		reader;

	reader_begin(&reader, function, arg);
	list_some(&candidates, addresses);
	read_candidates(&reader, &candidates);
	reader_end(&reader);
}
