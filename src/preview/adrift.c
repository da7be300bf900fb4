/*
 * adrift.c
 *		What is not as expected: both states of each object in parts, and which of
 *		them are one object under two names.
 */
#include "postgres.h"

#include "preview/adrift.h"
#include "schema/reparse.h"
#include "schema/state.h"
#include "utils/memutils.h"

typedef struct Entry
{
	uint8		key[LEDGER_KEY_BYTES];
	StateRow	row;
	bool		seen;
	ObjectAddress address;		/* of what is there under this name */
} Entry;

typedef struct Reading
{
	MemoryContext context;		/* of the result */
	HTAB	   *expected;
	List	   *adrift;
} Reading;

static void
take_expected(const StateRow *row, void *arg)
{
	Reading    *reading = arg;
	MemoryContext before = MemoryContextSwitchTo(reading->context);
	Entry	   *entry = hash_search(reading->expected, row->key, HASH_ENTER, NULL);

	entry->row = *row;
	entry->row.object_type = pstrdup(row->object_type);
	entry->row.identity = pstrdup(row->identity);
	entry->seen = false;
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

static void
add(Reading *reading, const Entry *entry, const SchemaObject *object)
{
	Adrift	   *adrift = palloc0(sizeof(Adrift));

	if (entry)
	{
		memcpy(adrift->key, entry->key, LEDGER_KEY_BYTES);
		adrift->should = state_of(entry->row.object_type, entry->row.identity, ledger_definition(entry->row.fingerprint));
	}
	if (object)
	{
		mig_state_key(object->object_type, object->identity, adrift->key);
		memcpy(adrift->fingerprint, object->fingerprint, LEDGER_KEY_BYTES);
		adrift->object = mig_state_copy(object);
		adrift->is = state_of(adrift->object->object_type, adrift->object->identity, mig_state_stored(adrift->object)->parts);
		adrift->problem = adrift->object->problem;
	}
	reading->adrift = lappend(reading->adrift, adrift);
}

static void
take_current(const SchemaObject *object, void *arg)
{
	Reading    *reading = arg;
	MemoryContext before;
	uint8		key[LEDGER_KEY_BYTES];
	Entry	   *entry;

	mig_state_key(object->object_type, object->identity, key);
	entry = hash_search(reading->expected, key, HASH_FIND, NULL);
	if (entry)
	{
		entry->seen = true;
		entry->address = object->address;
	}
	if (entry && object->problem == NULL &&
		(memcmp(entry->row.fingerprint, object->fingerprint, LEDGER_KEY_BYTES) == 0 ||
		 mig_reparse_same(object, ledger_definition(entry->row.fingerprint))))
		return;
	before = MemoryContextSwitchTo(reading->context);
	add(reading, entry, object);
	MemoryContextSwitchTo(before);
}

/* The one that is where this one is expected to be. */
static Adrift *
find_at(const List *adrift, const ObjectAddress *address)
{
	ListCell   *cell;

	foreach(cell, adrift)
	{
		Adrift	   *other = lfirst(cell);

		if (other->should == NULL && other->object->address.classId == address->classId &&
			other->object->address.objectId == address->objectId)
			return other;
	}
	return NULL;
}

static void
pair_names(List *adrift)
{
	ListCell   *cell;

	foreach(cell, adrift)
	{
		Adrift	   *removed = lfirst(cell);
		ExpectedRow *row = removed->is ? NULL : ledger_expected(removed->key);
		Adrift	   *added = row && OidIsValid(row->address.objectId) ? find_at(adrift, &row->address) : NULL;

		if (added == NULL || strcmp(added->is->object_type, removed->should->object_type) != 0)
			continue;
		removed->moved = added;
		added->moved = removed;
	}
}

List *
mig_adrift_read(HTAB **places)
{
	Reading		reading = {CurrentMemoryContext, NULL, NIL};
	HASHCTL		control = {.keysize = LEDGER_KEY_BYTES, .entrysize = sizeof(Entry), .hcxt = CurrentMemoryContext};
	HASH_SEQ_STATUS status;
	Entry	   *entry;

	if (!ledger_expects())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nothing is expected yet"),
				 errhint("SELECT migrate.watch('<why>');  takes what exists as expected.")));
	reading.expected = hash_create("expected objects", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ledger_each_expected(take_expected, &reading);
	mig_schema_read_all(take_current, &reading);
	hash_seq_init(&status, reading.expected);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (!entry->seen)
			add(&reading, entry, NULL);
	pair_names(reading.adrift);
	if (places)
		*places = reading.expected;
	return reading.adrift;
}

const Adrift *
mig_adrift_find(const List *adrift, const uint8 *key)
{
	ListCell   *cell;

	foreach(cell, adrift)
		if (memcmp(((const Adrift *) lfirst(cell))->key, key, LEDGER_KEY_BYTES) == 0)
			return lfirst(cell);
	return NULL;
}

const ObjectState *
mig_adrift_name(const Adrift *adrift)
{
	return adrift->is ? adrift->is : adrift->should;
}

List *
mig_adrift_others(const List *adrift, const Adrift *but)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, adrift)
	{
		const Adrift *other = lfirst(cell);
		ObjectState *state;

		if (other == but || other->should == NULL)
			continue;
		state = palloc(sizeof(ObjectState));
		*state = *other->should;
		state->exists = other->is != NULL || other->moved != NULL;
		result = lappend(result, state);
	}
	return result;
}

void
mig_adrift_settle(const List *before, const List *after, HTAB *places)
{
	int64		ddl_id = ledger_last_ddl();
	List	   *rows = NIL;
	ListCell   *cell;

	foreach(cell, before)
	{
		const Adrift *adrift = lfirst(cell);
		const Entry *entry = hash_search(places, adrift->key, HASH_FIND, NULL);
		ExpectedRow *row;

		if (mig_adrift_find(after, adrift->key))
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
