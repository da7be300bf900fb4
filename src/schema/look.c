/*
 * look.c
 *		What is not as expected is found before a run, so that the run does not
 *		take it over.
 *
 * To compare everything takes seconds where there are many tables.  Capture says
 * whether anybody has changed anything since that was done last: if nobody has,
 * what was found then is what there is.
 */
#include "postgres.h"

#include "access/transam.h"
#include "capture/capture.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_shdescription.h"
#include "catalog/pg_shseclabel.h"
#include "catalog/pg_tablespace.h"
#include "common/compat.h"
#include "common/level.h"
#include "ledger/expected.h"
#include "ledger/rowhash.h"
#include "miscadmin.h"
#include "schema/expected.h"
#include "schema/ignored.h"
#include "schema/schema_private.h"
#include "schema/state.h"
#include "utils/memutils.h"

/* Of this session's run: how much of what was captured it knows. */
static LedgerLook present;
static bool has_present = false;

/* Others have changed something meanwhile, and it is not noted what. */
static bool changed_by_others = false;

/* The transaction level that what is noted belongs to. */
static int	noted_level = 0;

/* ---- what is seen in no log of this database ---- */

/* Names as they are stored, since other databases' encodings are among them; no other server compares them. */
static void
hash_catalog(pg_cryptohash_ctx *hash, Oid catalog, const char *id, const char *name)
{
	CatalogScan scan;

	catalog_scan_all(&scan, catalog);
	while (catalog_next(&scan))
	{
		mig_hash_int8(hash, field_oid(&scan.row, id));
		mig_hash_bytes(hash, field_name(&scan.row, name), strlen(field_name(&scan.row, name)));
	}
}

/* Versions of rows, since what is in them is compared with what is expected anyway. */
static void
hash_versions(pg_cryptohash_ctx *hash, CatalogScan *scan)
{
	while (catalog_next(scan))
		mig_hash_int8(hash, HeapTupleHeaderGetRawXmin(scan->row.tuple->t_data));
}

/* Roles and the like may be renamed, and databases be changed, from elsewhere. */
static void
hash_globals(uint8 *result)
{
	pg_cryptohash_ctx *hash = mig_hash_begin();
	CatalogScan scan;

	hash_catalog(hash, AuthIdRelationId, "oid", "rolname");
	hash_catalog(hash, TableSpaceRelationId, "oid", "spcname");
	catalog_scan(&scan, DatabaseRelationId, DatabaseOidIndexId, Anum_pg_database_oid, MyDatabaseId);
	hash_versions(hash, &scan);
	catalog_scan(&scan, DbRoleSettingRelationId, DbRoleSettingDatidRolidIndexId, Anum_pg_db_role_setting_setdatabase, MyDatabaseId);
	hash_versions(hash, &scan);
	catalog_scan2(&scan, SharedDescriptionRelationId, SharedDescriptionObjIndexId, Anum_pg_shdescription_objoid, MyDatabaseId,
				  Anum_pg_shdescription_classoid, DatabaseRelationId);
	hash_versions(hash, &scan);
	catalog_scan2(&scan, SharedSecLabelRelationId, SharedSecLabelObjectIndexId, Anum_pg_shseclabel_objoid, MyDatabaseId,
				  Anum_pg_shseclabel_classoid, DatabaseRelationId);
	hash_versions(hash, &scan);
	mig_hash_end(hash, result);
}

/* ---- looking at everything ---- */

typedef struct Looking
{
	List	   *rules;			/* of what is ignored */
	bool		at_all;			/* nothing was unreadable */
} Looking;

static void
note_adrift(const Difference *difference, void *arg)
{
	const Looking *looking = arg;
	StateRow	row = difference->to ? *difference->to : *difference->from;

	row.exists = difference->to != NULL;
	if (difference->object)
		ledger_put_definitions(list_make1(mig_state_stored(difference->object)));
	/* A run does not take over what is ignored, but says nothing of it. */
	ledger_put_adrift(&row, difference->object ? &difference->object->address : NULL, mig_is_ignored(looking->rules, difference));
}

/*
 * What may have been done to it no run takes over.  Whether it is adrift nobody
 * knows, so nothing is said of it unless it was.
 */
static void
note_unreadable(const SchemaObject *object, void *arg)
{
	Looking    *looking = arg;
	StateRow	row;

	mig_state_row(object, &row);
	ledger_keep_adrift(row.key);
	ledger_put_adrift(&row, &object->address, true);
	looking->at_all = false;
}

/* Returns false if some of it could not be read. */
static bool
look_at_all(void)
{
	Looking		looking = {ledger_ignore_rules(), true};

	ledger_begin_adrift();
	mig_state_compare("expected", "current", note_adrift, note_unreadable, &looking);
	ledger_end_adrift();
	return looking.at_all;
}

/* Written together, so many at a time. */
#define BATCH 200

typedef struct Found
{
	MemoryContext context;
	List	   *rows;			/* of ExpectedRow: keys and addresses */
} Found;

static void
write_found(Found *found)
{
	ledger_put_addresses(found->rows);
	found->rows = NIL;
	MemoryContextReset(found->context);
}

static void
find_again(const SchemaObject *object, void *arg)
{
	Found	   *found = arg;
	MemoryContext before = MemoryContextSwitchTo(found->context);
	ExpectedRow *row = palloc0(sizeof(ExpectedRow));

	mig_state_key(object->object_type, object->identity, row->state.key);
	row->address = object->address;
	found->rows = lappend(found->rows, row);
	if (list_length(found->rows) == BATCH)
		write_found(found);
	MemoryContextSwitchTo(before);
}

/* In a copy of the database that these addresses were read in. */
static void
find_all_again(void)
{
	Found		found = {0};

	found.context = AllocSetContextCreate(CurrentMemoryContext, "addresses", ALLOCSET_DEFAULT_SIZES);
	ledger_forget_addresses();
	mig_schema_read_all(find_again, &found);
	write_found(&found);
	MemoryContextDelete(found.context);
}

/* ---- before a run ---- */

/*
 * Go on from the last look to now.  Is what was not as expected then what is not
 * so now?
 */
static bool
nothing_new(LedgerLook *look)
{
	LedgerLook	before = *look;
	bool		same;

	same = ledger_look_again(look) == NIL && before.is_certain;
	hash_globals(look->globals);
	return same && memcmp(before.globals, look->globals, sizeof(look->globals)) == 0;
}

/* There is none before it, or what happened in between was not captured. */
static void
begin_anew(LedgerLook *look)
{
	ledger_begin_look(look);
	(void) ledger_look_holds(look);
	hash_globals(look->globals);
}

void
mig_expected_begin_looks(void)
{
	LedgerLook	look;

	begin_anew(&look);
	ledger_write_look(&look);
}

/* For the rest of the run. */
static void
keep(const LedgerLook *look)
{
	char	   *seen = MemoryContextStrdup(TopMemoryContext, look->seen);

	if (has_present)
		pfree(present.seen);
	present = *look;
	present.seen = seen;
	has_present = true;
	noted_level = GetCurrentTransactionNestLevel();
}

int
mig_expected_look(bool at_everything, char **first)
{
	LedgerLook	look;
	bool		known;
	bool		same = false;

	if (!ledger_expects())
		return 0;
	known = ledger_read_look(&look);
	if (!known)
		find_all_again();
	if (known && ledger_look_holds(&look))
		same = nothing_new(&look);
	else
		begin_anew(&look);
	if (!same || at_everything)
		look.is_certain &= look_at_all();
	ledger_write_look(&look);
	keep(&look);
	changed_by_others = false;
	return ledger_count_adrift(first);
}

/* ---- in a run ---- */

void
mig_expected_look_after_others(void)
{
	char	   *first;

	if (changed_by_others)
		(void) mig_expected_look(true, &first);
}

List *
mig_expected_of_others(void)
{
	LedgerLook	look = present;
	List	   *changes;

	/* A worker goes on from what its caller has written. */
	if (!has_present && !ledger_read_look(&look))
		ledger_begin_look(&look);
	changes = ledger_look_again(&look);
	keep(&look);
	if (changes == NIL)
		return NIL;
	changed_by_others = true;
	ereport(WARNING,
			(errmsg("others changed the schema while this run was under way"),
			 errdetail("What they did is not taken over as expected."),
			 errhint("SELECT change, object_type, identity, changed_by, ddl_ids FROM migrate.drift();")));
	return changes;
}

int64
mig_expected_seen_ddl(void)
{
	return present.own_id;
}

/* ---- what is rolled back is not noted ---- */

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (mig_level_undone(&noted_level, event))
		changed_by_others = true;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (mig_level_undone_within(&noted_level, event))
		changed_by_others = true;
}

void
mig_look_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
