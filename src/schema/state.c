/*
 * state.c
 *		Compare two states of the schema: the current one, the expected one,
 *		snapshots.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/plain_names.h"
#include "ledger/rowhash.h"
#include "miscadmin.h"
#include "schema/reparse.h"
#include "schema/state.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* An object of the state that is read first. */
typedef struct StateEntry
{
	uint8		key[LEDGER_KEY_BYTES];
	StateRow	row;
	SchemaObject *object;		/* NULL: the ledger has it */
	bool		seen;			/* the other state has it, too */
} StateEntry;

typedef struct Comparison
{
	MemoryContext context;
	HTAB	   *entries;
	DifferenceFunction function;
	SchemaObjectFunction unreadable;	/* or NULL */
	void	   *arg;
	void		(*take) (struct Comparison *comparison, const StateRow *row, const SchemaObject *object);
} Comparison;

void
mig_state_key(const char *object_type, const char *identity, uint8 *key)
{
	pg_cryptohash_ctx *hash = mig_hash_begin();

	mig_hash_text(hash, object_type);
	mig_hash_text(hash, identity);
	mig_hash_end(hash, key);
}

int
mig_state_order(const char *object_type, const char *identity, const char *other_type, const char *other_identity)
{
	int			order = strcmp(identity, other_identity);

	return order ? order : strcmp(object_type, other_type);
}

void
mig_state_row(const SchemaObject *object, StateRow *row)
{
	mig_state_key(object->object_type, object->identity, row->key);
	memcpy(row->fingerprint, object->fingerprint, LEDGER_KEY_BYTES);
	row->exists = true;
	row->object_type = object->object_type;
	row->identity = object->identity;
}

const StoredPart *
mig_state_part(const List *parts, const char *kind, const char *name)
{
	ListCell   *cell;

	foreach(cell, parts)
	{
		const StoredPart *part = lfirst(cell);

		if (strcmp(part->kind, kind) == 0 && strcmp(part->name, name) == 0)
			return part;
	}
	return NULL;
}

StoredDefinition *
mig_state_stored(const SchemaObject *object)
{
	StoredDefinition *definition = palloc0(sizeof(StoredDefinition));
	ListCell   *cell;

	memcpy(definition->fingerprint, object->fingerprint, LEDGER_KEY_BYTES);
	foreach(cell, object->parts)
	{
		const SchemaPart *part = lfirst(cell);
		StoredPart *stored = palloc(sizeof(StoredPart));

		stored->kind = unconstify(char *, part->kind);
		stored->name = unconstify(char *, part->name);
		stored->text = part->text;
		definition->parts = lappend(definition->parts, stored);
	}
	return definition;
}

SchemaObject *
mig_state_copy(const SchemaObject *object)
{
	SchemaObject *copy = palloc(sizeof(SchemaObject));
	ListCell   *cell;

	*copy = *object;
	copy->object_type = pstrdup(object->object_type);
	copy->identity = pstrdup(object->identity);
	copy->problem = object->problem ? pstrdup(object->problem) : NULL;
	copy->parts = NIL;
	foreach(cell, object->parts)
	{
		SchemaPart *part = palloc(sizeof(SchemaPart));

		*part = *(const SchemaPart *) lfirst(cell);
		part->kind = pstrdup(part->kind);
		part->name = pstrdup(part->name);
		part->text = pstrdup(part->text);
		copy->parts = lappend(copy->parts, part);
	}
	return copy;
}

char *
mig_state_definition(const uint8 *fingerprint)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, ledger_definition(fingerprint))
		appendStringInfoString(&text, ((const StoredPart *) lfirst(cell))->text);
	if (text.len > 0)
		text.data[--text.len] = '\0';
	return text.data;
}

void
mig_state_warn(const SchemaObject *object)
{
	ereport(WARNING,
			(errmsg("could not look at %s %s: %s", object->object_type, object->identity, object->problem)));
}

/* What is kept for later, or elsewhere, without an object says that the object is not there. */
void
mig_state_require_readable(const SchemaObject *object)
{
	if (object->problem)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not look at %s %s: %s", object->object_type, object->identity, object->problem),
				 errdetail("A snapshot has all that is there."),
				 errhint("Try again when it can be read: SELECT object_type, identity, definition FROM migrate.inventory() WHERE fingerprint IS NULL;")));
}

/* ---- reading a state ---- */

static void
take_current(const SchemaObject *object, void *arg)
{
	Comparison *comparison = arg;
	StateRow	row;

	mig_state_row(object, &row);
	comparison->take(comparison, &row, object);
}

static void
take_stored(const StateRow *row, void *arg)
{
	Comparison *comparison = arg;

	comparison->take(comparison, row, NULL);
}

static void
read_state(Comparison *comparison, const char *label)
{
	if (strcmp(label, "current") == 0)
		mig_schema_read_all(take_current, comparison);
	else if (strcmp(label, "expected") == 0)
		ledger_each_expected(take_stored, comparison);
	else
	{
		(void) mig_state_find_snapshot(label);
		ledger_each_in_snapshot(label, take_stored, comparison);
	}
}

SnapshotHead *
mig_state_find_snapshot(const char *label)
{
	SnapshotHead *head = palloc(sizeof(SnapshotHead));

	if (!ledger_find_snapshot(label, head))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no snapshot \"%s\"", label),
				 errhint("SELECT label, taken_at FROM migrate.snapshots;  Besides, compare and export_snapshot know \"current\" and \"expected\".")));
	return head;
}

/* ---- comparing ---- */

/* Nothing is known of it but that it is there. */
static bool
is_unreadable(const SchemaObject *object)
{
	return object && object->problem;
}

static void
take_from(Comparison *comparison, const StateRow *row, const SchemaObject *object)
{
	MemoryContext before = MemoryContextSwitchTo(comparison->context);
	StateEntry *entry = hash_search(comparison->entries, row->key, HASH_ENTER, NULL);

	entry->row = *row;
	entry->row.object_type = pstrdup(row->object_type);
	entry->row.identity = pstrdup(row->identity);
	entry->object = object ? mig_state_copy(object) : NULL;
	entry->seen = false;
	MemoryContextSwitchTo(before);
	if (is_unreadable(object))
		mig_state_warn(object);
}

static char *
definition_of(const StateEntry *entry)
{
	return entry->object ? mig_schema_definition(entry->object) : mig_state_definition(entry->row.fingerprint);
}

/*
 * Alike, as far as the server can tell: a restore changes how some texts are
 * printed.  Where neither state is the current one they are compared as they are.
 */
static bool
is_alike(const StateEntry *entry, const StateRow *row, const SchemaObject *object)
{
	if (memcmp(entry->row.fingerprint, row->fingerprint, LEDGER_KEY_BYTES) == 0)
		return true;
	if (object && entry->object == NULL)
		return mig_reparse_same(object, ledger_definition(entry->row.fingerprint));
	if (entry->object && object == NULL)
		return mig_reparse_same(entry->object, ledger_definition(row->fingerprint));
	return false;
}

static void
take_to(Comparison *comparison, const StateRow *row, const SchemaObject *object)
{
	StateEntry *entry = hash_search(comparison->entries, row->key, HASH_FIND, NULL);
	Difference	difference = {0};

	if (entry)
		entry->seen = true;
	if (is_unreadable(object))
	{
		mig_state_warn(object);
		if (comparison->unreadable)
			comparison->unreadable(object, comparison->arg);
		return;
	}
	if (entry && is_unreadable(entry->object))
		return;
	if (entry && is_alike(entry, row, object))
		return;
	difference.change = entry ? "changed" : "added";
	difference.from = entry ? &entry->row : NULL;
	difference.to = row;
	difference.object = object;
	difference.from_definition = entry ? definition_of(entry) : NULL;
	difference.to_definition = object ? mig_schema_definition(object) : mig_state_definition(row->fingerprint);
	comparison->function(&difference, comparison->arg);
}

static void
hand_over_removed(Comparison *comparison)
{
	HASH_SEQ_STATUS status;
	const StateEntry *entry;

	hash_seq_init(&status, comparison->entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		Difference	difference = {.change = "removed"};

		if (entry->seen || is_unreadable(entry->object))
			continue;
		difference.from = &entry->row;
		difference.from_definition = definition_of(entry);
		comparison->function(&difference, comparison->arg);
	}
}

void
mig_state_compare(const char *from, const char *to, DifferenceFunction function, SchemaObjectFunction unreadable, void *arg)
{
	Comparison	comparison = {.function = function, .unreadable = unreadable, .arg = arg};
	int			names = mig_plain_names_begin();
	HASHCTL		control = {.keysize = LEDGER_KEY_BYTES, .entrysize = sizeof(StateEntry)};

	comparison.context = AllocSetContextCreate(CurrentMemoryContext, "schema state", ALLOCSET_DEFAULT_SIZES);
	control.hcxt = comparison.context;
	comparison.entries = hash_create("schema state", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	comparison.take = take_from;
	read_state(&comparison, from);
	comparison.take = take_to;
	read_state(&comparison, to);
	hand_over_removed(&comparison);
	mig_plain_names_end(names);
	MemoryContextDelete(comparison.context);
}

HTAB *
mig_state_addresses(const List *addresses)
{
	HASHCTL		control = {.keysize = sizeof(ObjectAddress), .entrysize = sizeof(ObjectAddress), .hcxt = CurrentMemoryContext};
	HTAB	   *result = hash_create("expected addresses", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *cell;

	foreach(cell, ledger_expected_at(addresses))
		(void) hash_search(result, &((const ExpectedRow *) lfirst(cell))->address, HASH_ENTER, NULL);
	return result;
}
