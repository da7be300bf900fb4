/*
 * adrift.c
 *		What is not as expected: both states of each object in parts, and which of
 *		them are one object under two names.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "preview/adrift.h"
#include "schema/reparse.h"
#include "schema/state.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

typedef struct Entry
{
	uint8		key[LEDGER_KEY_BYTES];
	bool		is_expected;
	StateRow	row;			/* of what is expected */
	bool		seen;
	ObjectAddress address;		/* of what is there under this name */
	Adrift	   *adrift;			/* NULL: it is as expected */
} Entry;

typedef struct Reading
{
	MemoryContext context;		/* of the result */
	AllAdrift  *all;
} Reading;

/* The entry of a key, which is made if there is none. */
static Entry *
entry_of(const Reading *reading, const uint8 *key)
{
	bool		found;
	Entry	   *entry = hash_search(reading->all->by_key, key, HASH_ENTER, &found);

	if (!found)
		memset((char *) entry + LEDGER_KEY_BYTES, 0, sizeof(Entry) - LEDGER_KEY_BYTES);
	return entry;
}

static void
take_expected(const StateRow *row, void *arg)
{
	Reading    *reading = arg;
	MemoryContext before = MemoryContextSwitchTo(reading->context);
	Entry	   *entry = entry_of(reading, row->key);

	entry->is_expected = true;
	entry->row = *row;
	entry->row.object_type = pstrdup(row->object_type);
	entry->row.identity = pstrdup(row->identity);
	MemoryContextSwitchTo(before);
}

static ObjectState *
state_of(const char *object_type, const char *identity, List *parts)
{
	ObjectState *state = palloc0(sizeof(ObjectState));

	state->object_type = object_type;
	state->identity = identity;
	state->parts = parts;
	return state;
}

/* Whose columns are its own; what partitions have is in the whole table. */
static bool
has_children(const ObjectAddress *address)
{
	char		kind = address->classId == RelationRelationId ? get_rel_relkind(address->objectId) : '\0';

	return (kind == RELKIND_RELATION || kind == RELKIND_FOREIGN_TABLE) && find_inheritance_children(address->objectId, NoLock) != NIL;
}

static void
add(Reading *reading, Entry *entry, const SchemaObject *object)
{
	Adrift	   *adrift = palloc0(sizeof(Adrift));

	memcpy(adrift->key, entry->key, LEDGER_KEY_BYTES);
	if (entry->is_expected)
	{
		ObjectState *should = state_of(entry->row.object_type, entry->row.identity, ledger_definition(entry->row.fingerprint));

		should->exists = object != NULL;
		adrift->should = should;
		reading->all->should = lappend(reading->all->should, should);
	}
	if (object)
	{
		memcpy(adrift->fingerprint, object->fingerprint, LEDGER_KEY_BYTES);
		adrift->object = mig_state_copy(object);
		adrift->is = state_of(adrift->object->object_type, adrift->object->identity, mig_state_stored(adrift->object)->parts);
		unconstify(ObjectState *, adrift->is)->has_children = has_children(&object->address);
		adrift->problem = adrift->object->problem;
	}
	entry->adrift = adrift;
	reading->all->list = lappend(reading->all->list, adrift);
}

static void
take_current(const SchemaObject *object, void *arg)
{
	Reading    *reading = arg;
	MemoryContext before;
	uint8		key[LEDGER_KEY_BYTES];
	Entry	   *entry;

	mig_state_key(object->object_type, object->identity, key);
	entry = entry_of(reading, key);
	entry->seen = true;
	entry->address = object->address;
	if (entry->is_expected && object->problem == NULL &&
		(memcmp(entry->row.fingerprint, object->fingerprint, LEDGER_KEY_BYTES) == 0 ||
		 mig_reparse_same(object, ledger_definition(entry->row.fingerprint))))
		return;
	before = MemoryContextSwitchTo(reading->context);
	add(reading, entry, object);
	MemoryContextSwitchTo(before);
}

typedef struct AdriftAt
{
	ObjectAddress address;
	Adrift	   *adrift;
} AdriftAt;

/* What is there, by its address. */
static HTAB *
list_by_address(const List *list)
{
	HASHCTL		control = {.keysize = sizeof(ObjectAddress), .entrysize = sizeof(AdriftAt), .hcxt = CurrentMemoryContext};
	HTAB	   *table = hash_create("adrift objects", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *cell;

	foreach(cell, list)
	{
		Adrift	   *adrift = lfirst(cell);

		if (adrift->object)
			((AdriftAt *) hash_search(table, &adrift->object->address, HASH_ENTER, NULL))->adrift = adrift;
	}
	return table;
}

const Adrift *
mig_adrift_at(const AllAdrift *adrift, const ObjectAddress *address)
{
	const AdriftAt *at = hash_search(adrift->by_address, address, HASH_FIND, NULL);

	return at ? at->adrift : NULL;
}

/* How many columns, or attributes, it has before the first that was dropped, which is there without a type. */
static void
note_columns(ObjectState *is, const ObjectAddress *address)
{
	Oid			relation = address->classId == TypeRelationId ? get_typ_typrelid(address->objectId) : address->objectId;
	int			n = 0;

	while (OidIsValid(relation) && OidIsValid(get_atttype(relation, n + 1)))
		n++;
	is->n_in_place = n;
	is->keeps_places = n > 0 && !SearchSysCacheExists2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(n + 1));
}

/* Is it the same relation still, and was that as expected once? */
static void
note_place(const Adrift *item, const ExpectedRow *row)
{
	const ObjectAddress *address = item->object ? &item->object->address : NULL;

	if (address && row->address.classId == address->classId && row->address.objectId == address->objectId)
	{
		if (!ledger_adrift_from_first(row->state.key))
			note_columns(unconstify(ObjectState *, item->is), address);
		return;
	}
	if (item->is)
		unconstify(ObjectState *, item->is)->is_another = true;
	unconstify(ObjectState *, item->should)->called = getObjectIdentity(&row->address, true);
}

static void
note_places(const List *adrift)
{
	ListCell   *cell;

	foreach(cell, adrift)
	{
		const Adrift *item = lfirst(cell);
		const ExpectedRow *row = NULL;

		if (item->should ? item->is || item->moved == NULL : item->moved != NULL)
			row = ledger_expected(item->should ? item->key : item->moved->key);
		if (row && OidIsValid(row->address.objectId) && (row->address.classId == RelationRelationId || row->address.classId == TypeRelationId))
			note_place(item, row);
	}
}

/* One that is not there may be that which is at its place under another name. */
static void
pair_names(const AllAdrift *all)
{
	ListCell   *cell;

	foreach(cell, all->list)
	{
		Adrift	   *removed = lfirst(cell);
		const ExpectedRow *row = removed->is ? NULL : ledger_expected(removed->key);
		Adrift	   *added = row && OidIsValid(row->address.objectId) ? unconstify(Adrift *, mig_adrift_at(all, &row->address)) : NULL;

		if (added == NULL || added->should || strcmp(added->is->object_type, removed->should->object_type) != 0)
			continue;
		removed->moved = added;
		added->moved = removed;
		unconstify(ObjectState *, removed->should)->exists = true;
	}
}

/* Something else may have that name meanwhile. */
static void
note_other_names(const AllAdrift *all)
{
	List	   *addresses = NIL;
	ListCell   *cell;

	foreach(cell, all->list)
	{
		const Adrift *item = lfirst(cell);

		if (item->is && item->should == NULL && item->moved == NULL)
			addresses = lappend(addresses, unconstify(ObjectAddress *, &item->object->address));
	}
	foreach(cell, ledger_expected_at(addresses))
	{
		const ExpectedRow *row = lfirst(cell);
		Adrift	   *item = unconstify(Adrift *, mig_adrift_at(all, &row->address));

		if (item && item->should == NULL && item->moved == NULL && strcmp(item->is->object_type, row->state.object_type) == 0)
			item->expected_as = row->state.identity;
	}
}

AllAdrift *
mig_adrift_read(void)
{
	Reading		reading = {CurrentMemoryContext, palloc0(sizeof(AllAdrift))};
	HASHCTL		control = {.keysize = LEDGER_KEY_BYTES, .entrysize = sizeof(Entry), .hcxt = CurrentMemoryContext};
	HASH_SEQ_STATUS status;
	LedgerLook	look;
	Entry	   *entry;

	if (!ledger_expects())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nothing is expected yet"),
				 errhint("SELECT migrate.watch('<why>');  takes what exists as expected.")));
	ledger_begin_look(&reading.all->seen);
	reading.all->by_key = hash_create("expected objects", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ledger_each_expected(take_expected, &reading);
	mig_schema_read_all(take_current, &reading);
	hash_seq_init(&status, reading.all->by_key);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (!entry->seen)
			add(&reading, entry, NULL);
	reading.all->by_address = list_by_address(reading.all->list);
	/* Of a copy of the database it is not known yet where things are. */
	if (ledger_read_look(&look))
	{
		pair_names(reading.all);
		note_places(reading.all->list);
		note_other_names(reading.all);
	}
	return reading.all;
}

const Adrift *
mig_adrift_find(const AllAdrift *adrift, const uint8 *key)
{
	const Entry *entry = hash_search(adrift->by_key, key, HASH_FIND, NULL);

	return entry ? entry->adrift : NULL;
}

const ObjectState *
mig_adrift_name(const Adrift *adrift)
{
	return adrift->is ? adrift->is : adrift->should;
}

void
mig_adrift_settle(const AllAdrift *before, const AllAdrift *after)
{
	int64		ddl_id = ledger_last_ddl();
	List	   *rows = NIL;
	ListCell   *cell;

	foreach(cell, before->list)
	{
		const Adrift *adrift = lfirst(cell);
		const Entry *entry = hash_search(after->by_key, adrift->key, HASH_FIND, NULL);
		ExpectedRow *row;

		if (entry && entry->adrift)
			continue;
		ledger_remove_adrift(adrift->key);
		if (entry == NULL)
			continue;
		row = ledger_expected(adrift->key);
		row->address = entry->address;
		row->ddl_id = ddl_id;
		rows = lappend(rows, row);
	}
	ledger_put_expected(rows);
}
