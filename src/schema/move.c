/*
 * move.c
 *		What a migration changes is expected from then on, and nothing else is.
 *
 * It moves part by part.  What a part was before the migration is what was
 * expected, or what it was found to be when the run began; if that is not what
 * it is now the migration has changed it.  A part that was adrift already stays
 * so, since nobody knows what the migration would have made of the right one.
 */
#include "postgres.h"

#include "catalog/objectaddress.h"
#include "common/errors.h"
#include "common/plain_names.h"
#include "ledger/expected.h"
#include "schema/again.h"
#include "schema/expected.h"
#include "schema/others.h"
#include "schema/renames.h"
#include "schema/schema_private.h"
#include "schema/state.h"
#include "schema/touched.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

typedef struct Move
{
	const char *project;
	const char *name;
	int64		ddl_id;
	Others	   *others;			/* what they have changed meanwhile */
	MemoryContext context;
	HTAB	   *done;			/* of Done */
	HTAB	   *all;			/* of RowAt: all that is expected, where anything may have changed; else NULL */
	List	   *found;			/* objects of this round */
	List	   *changed;		/* their addresses, those that are not as before */
	List	   *rows;			/* to be written */
	List	   *definitions;
} Move;

/* An address that was looked at. */
typedef struct Done
{
	ObjectAddress address;
	bool		followed;		/* and what depends on it */
} Done;

/* ---- parts ---- */

static const StoredPart *
find_part(const List *parts, const StoredPart *like)
{
	return mig_state_part(parts, like->kind, like->name);
}

static bool
same_part(const StoredPart *a, const StoredPart *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a->text, b->text) == 0;
}

/* What a part is to be, of what was expected, what it was before, and what it is after; NULL: not there. */
static const StoredPart *
moved_part(const StoredPart *expected, const StoredPart *before, const StoredPart *after)
{
	if (same_part(before, after))
		return expected;		/* not touched */
	if (same_part(expected, before) || after == NULL)
		return after;
	return expected;			/* it was adrift */
}

static bool
has_column(const List *parts, const char *name)
{
	StoredPart	column = {.kind = "column", .name = unconstify(char *, name)};

	return find_part(parts, &column) != NULL;
}

static List *
column_names(const List *parts)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, parts)
	{
		const StoredPart *part = lfirst(cell);

		if (strcmp(part->kind, "column") == 0)
			names = lappend(names, part->name);
	}
	return names;
}

static bool
has_name(const List *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* Where the order of columns was adrift: the expected one, and behind it what is new. */
static StoredPart *
moved_order(const StoredPart *expected_order, const List *expected, const List *parts)
{
	StoredPart *order = palloc0(sizeof(StoredPart));
	List	   *expected_names = NIL;
	List	   *names = NIL;
	ListCell   *cell;

	if (expected_order)
		(void) SplitIdentifierString(pstrdup(expected_order->text + strlen(COLUMN_ORDER ": ")), ',', &expected_names);
	else
		expected_names = column_names(expected);
	foreach(cell, expected_names)
		if (has_column(parts, lfirst(cell)))
			names = lappend(names, (char *) quote_identifier(lfirst(cell)));
	foreach(cell, column_names(parts))
		if (!has_name(expected_names, lfirst(cell)))
			names = lappend(names, (char *) quote_identifier(lfirst(cell)));
	order->kind = COLUMN_ORDER;
	order->name = "";
	order->text = psprintf("%s: %s\n", COLUMN_ORDER, joined(names, ", "));
	return list_length(names) > 1 ? order : NULL;
}

/* Have they the same columns, in whatever order? */
static bool
same_columns(const List *one, const List *other)
{
	List	   *names = column_names(one);
	ListCell   *cell;

	foreach(cell, names)
		if (!has_column(other, lfirst(cell)))
			return false;
	return list_length(names) == list_length(column_names(other));
}

/* The order of columns changes with them, so that it is not simply the one or the other. */
static List *
with_moved_order(List *result, const List *expected, const List *before, const List *after)
{
	const StoredPart like = {.kind = COLUMN_ORDER, .name = ""};
	const StoredPart *expected_order = find_part(expected, &like);
	const StoredPart *before_order = find_part(before, &like);
	const StoredPart *present = find_part(result, &like);
	StoredPart *order;

	if (same_part(before_order, find_part(after, &like)) ||
		(same_part(expected_order, before_order) && same_columns(result, after)))
		return result;
	order = moved_order(expected_order, expected, result);
	if (present)
		result = list_delete_ptr(result, unconstify(StoredPart *, present));
	return order ? lappend(result, order) : result;
}

/* In the order of what is there, and behind it what is not. */
static List *
moved_parts(const List *expected, const List *before, const List *after)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, after)
	{
		const StoredPart *moved = moved_part(find_part(expected, lfirst(cell)), find_part(before, lfirst(cell)), lfirst(cell));

		if (moved)
			result = lappend(result, unconstify(StoredPart *, moved));
	}
	foreach(cell, expected)
		if (find_part(after, lfirst(cell)) == NULL &&
			moved_part(lfirst(cell), find_part(before, lfirst(cell)), NULL))
			result = lappend(result, lfirst(cell));
	return with_moved_order(result, expected, before, after);
}

/* ---- objects ---- */

static void
write_adrift(Move *move, const SchemaObject *object, const StateRow *actual)
{
	ledger_put_adrift(actual, &object->address, false);
	move->definitions = lappend(move->definitions, mig_state_stored(object));
	ereport(WARNING,
			(errmsg("%s %s is still not as expected", object->object_type, object->identity),
			 errdetail("What was changed around the migrations before this run is not taken over."),
			 errhint("SELECT migrate.drift_diff(%s);", quote_literal_cstr(object->identity))));
}

/* The object as it is to be, of these parts. */
static SchemaObject *
made_of(const SchemaObject *object, const List *parts)
{
	SchemaObject *target = palloc(sizeof(SchemaObject));
	ListCell   *cell;

	*target = *object;
	target->parts = NIL;
	foreach(cell, parts)
	{
		const StoredPart *stored = lfirst(cell);
		SchemaPart *part = palloc0(sizeof(SchemaPart));

		part->kind = stored->kind;
		part->name = stored->name;
		part->text = stored->text;
		target->parts = lappend(target->parts, part);
	}
	mig_schema_fingerprint(target);
	return target;
}

static void
move_to(Move *move, const SchemaObject *object, const StateRow *actual, const ExpectedRow *expected, const SchemaObject *target)
{
	ExpectedRow *row = palloc0(sizeof(ExpectedRow));
	bool		adrift = memcmp(target->fingerprint, object->fingerprint, LEDGER_KEY_BYTES) != 0;

	mig_state_row(target, &row->state);
	row->address = object->address;
	row->project = unconstify(char *, move->project);
	row->name = unconstify(char *, move->name);
	/* What explains the rest is as old as it was. */
	row->ddl_id = adrift && expected ? expected->ddl_id : move->ddl_id;
	move->rows = lappend(move->rows, row);
	move->definitions = lappend(move->definitions, mig_state_stored(target));
	if (adrift)
		write_adrift(move, object, actual);
	else
		ledger_remove_adrift(actual->key);
}

static bool
same_key(const StateRow *a, const StateRow *b)
{
	return memcmp(a->key, b->key, LEDGER_KEY_BYTES) == 0;
}

/*
 * Nobody knows what an object is to be that others have made, or have given a name
 * that another one should have.  The migration may have brought it back.
 */
static void
leave_adrift(Move *move, const SchemaObject *object, const StateRow *actual, const ExpectedRow *expected, const StateRow *found)
{
	if (found && !same_key(found, actual))
		ledger_remove_adrift(found->key);
	if (expected && same_key(&expected->state, actual) &&
		memcmp(expected->state.fingerprint, actual->fingerprint, LEDGER_KEY_BYTES) == 0)
		ledger_remove_adrift(actual->key);
	else
		write_adrift(move, object, actual);
}

/* It was there when the run began, but could not be read. */
static bool
was_unreadable(const StateRow *found)
{
	static const uint8 none[LEDGER_KEY_BYTES];

	return found && memcmp(found->fingerprint, none, LEDGER_KEY_BYTES) == 0;
}

/* What an object was to be, or was, with the names that its columns have now. */
static List *
parts_then(const SchemaObject *object, const uint8 *fingerprint)
{
	return mig_renames_apply(&object->address, ledger_definition(fingerprint));
}

static void
move_object(Move *move, SchemaObject *object, const ExpectedRow *expected)
{
	bool		is_new = mig_touched_is_new(&object->address);
	StateRow	actual;
	const StateRow *found;
	const StateRow *adrift;
	const uint8 *before;

	mig_state_row(object, &actual);
	found = is_new ? NULL : ledger_adrift_at(&object->address);
	adrift = expected && !is_new ? ledger_adrift(expected->state.key) : found;
	before = found ? found->fingerprint : expected && !adrift ? expected->state.fingerprint : NULL;
	if (before && memcmp(before, actual.fingerprint, LEDGER_KEY_BYTES) == 0 && (found == NULL || same_key(found, &actual)))
		return;
	move->changed = lappend(move->changed, &object->address);
	if ((expected == NULL && found) || was_unreadable(found) ||
		(expected && adrift && (found == NULL || !same_key(found, &expected->state))) ||
		(!is_new && mig_others_may_have(move->others, object->identity, &object->address)))
	{
		leave_adrift(move, object, &actual, expected, found);
		return;
	}
	if (expected && !same_key(&expected->state, &actual))
	{
		ledger_remove_adrift(expected->state.key);
		ledger_remove_expected(expected->state.key);
	}
	if (expected == NULL)
		move_to(move, object, &actual, NULL, object);
	else
		move_to(move, object, &actual, expected,
				made_of(object, moved_parts(parts_then(object, expected->state.fingerprint), before ? parts_then(object, before) : NIL,
											mig_state_stored(object)->parts)));
}

/* ---- rounds ---- */

typedef struct RowAt
{
	ObjectAddress address;
	const ExpectedRow *row;
} RowAt;

/* Of all objects there are, those that are of no interest are most. */
static bool
is_as_expected(const Move *move, const SchemaObject *object)
{
	const RowAt *at = move->all ? hash_search(move->all, &object->address, HASH_FIND, NULL) : NULL;
	StateRow	actual;

	if (at == NULL || mig_touched_is_new(&object->address))
		return false;
	mig_state_row(object, &actual);
	return same_key(&at->row->state, &actual) &&
		memcmp(at->row->state.fingerprint, actual.fingerprint, LEDGER_KEY_BYTES) == 0 &&
		ledger_adrift(actual.key) == NULL && ledger_adrift_at(&object->address) == NULL;
}

static void
note_found(const SchemaObject *object, void *arg)
{
	Move	   *move = arg;
	MemoryContext before = MemoryContextSwitchTo(move->context);
	Done	   *done = hash_search(move->done, &object->address, HASH_ENTER, NULL);

	done->followed = false;
	if (object->problem)
		mig_state_warn(object);
	else if (!is_as_expected(move, object))
		move->found = lappend(move->found, mig_state_copy(object));
	MemoryContextSwitchTo(before);
}

/* Not those that an earlier round has looked at. */
static List *
not_done(const Move *move, const List *addresses)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, addresses)
		if (hash_search(move->done, lfirst(cell), HASH_FIND, NULL) == NULL)
			result = lappend(result, lfirst(cell));
	return result;
}

/* What was looked for and not found has been dropped. */
static void
remove_dropped(const Move *move, const List *addresses, const List *rows)
{
	ListCell   *cell;

	foreach(cell, not_done(move, addresses))
	{
		const StateRow *found = ledger_adrift_at(lfirst(cell));

		if (found)
			ledger_remove_adrift(found->key);
	}
	foreach(cell, rows)
	{
		const ExpectedRow *row = lfirst(cell);

		if (hash_search(move->done, &row->address, HASH_FIND, NULL))
			continue;
		ledger_remove_adrift(row->state.key);
		ledger_remove_expected(row->state.key);
	}
}

static HTAB *
rows_by_address(const List *rows)
{
	HASHCTL		control = {.keysize = sizeof(ObjectAddress), .entrysize = sizeof(RowAt), .hcxt = CurrentMemoryContext};
	HTAB	   *table = hash_create("expected rows", list_length(rows) + 1, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *cell;

	foreach(cell, rows)
	{
		const ExpectedRow *row = lfirst(cell);
		bool		found;
		RowAt	   *at = hash_search(table, &row->address, HASH_ENTER, &found);

		/* Two have it where others have given names around, and one of them was accepted. */
		if (!found || ledger_adrift(row->state.key) == NULL)
			at->row = row;
	}
	return table;
}

/* What was made just now is not expected, whatever had its address before. */
static List *
not_new(const List *addresses)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, addresses)
		if (!mig_touched_is_new(lfirst(cell)))
			result = lappend(result, lfirst(cell));
	return result;
}

/* It is not there any more, and not for the migration. */
static bool
others_dropped(const Move *move, const ExpectedRow *row)
{
	return hash_search(move->done, &row->address, HASH_FIND, NULL) == NULL &&
		mig_others_may_have(move->others, row->state.identity, &row->address);
}

/* All that may have been there before: not what others have dropped, now or earlier. */
static List *
rows_before(const Move *move, const List *expected)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, expected)
	{
		ExpectedRow *row = lfirst(cell);
		const StateRow *adrift = ledger_adrift(row->state.key);

		if (!(adrift && !adrift->exists) && !others_dropped(move, row) && !mig_touched_is_new(&row->address))
			result = lappend(result, row);
	}
	return result;
}

/* With the objects that were found, those that are expected there, and what was looked for and may be gone. */
static void
move_found(Move *move, const List *addresses, const List *rows)
{
	HTAB	   *by_address = rows_by_address(rows);
	ListCell   *cell;

	remove_dropped(move, addresses, rows);
	move->changed = move->rows = move->definitions = NIL;
	foreach(cell, move->found)
	{
		SchemaObject *object = lfirst(cell);

		const RowAt *at = hash_search(by_address, &object->address, HASH_FIND, NULL);

		move_object(move, object, at ? at->row : NULL);
	}
	ledger_put_definitions(move->definitions);
	ledger_put_expected(move->rows);
	move->found = NIL;
}

/* Changed objects, but those from which an earlier round has set out. */
static List *
to_be_followed(const Move *move)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, move->changed)
	{
		Done	   *done = hash_search(move->done, lfirst(cell), HASH_FIND, NULL);

		if (!done->followed)
			result = lappend(result, lfirst(cell));
	}
	return result;
}

static void
set_followed(const Move *move, const List *addresses)
{
	ListCell   *cell;

	foreach(cell, addresses)
	{
		Done	   *done = hash_search(move->done, lfirst(cell), HASH_FIND, NULL);

		if (done)
			done->followed = true;
	}
}

/*
 * What mentions a changed object may read otherwise, and so what mentions that,
 * until nothing more has changed.
 */
static void
move_touched(Move *move, List *addresses)
{
	while (addresses != NIL)
	{
		List	   *looked_for = not_done(move, mig_schema_dependants(addresses));

		mig_schema_read(looked_for, note_found, move);
		set_followed(move, addresses);
		move_found(move, looked_for, ledger_expected_at(not_new(looked_for)));
		addresses = to_be_followed(move);
	}
}

/* It cannot be told what has changed. */
static void
move_all(Move *move)
{
	List	   *expected = ledger_all_expected();

	move->all = rows_by_address(expected);
	mig_schema_read_all(note_found, move);
	move_found(move, NIL, rows_before(move, expected));
	hash_destroy(move->all);
	move->all = NULL;
}

void
mig_expected_begin(void)
{
	if (!ledger_expects())
		return;
	mig_expected_look_after_others();
	mig_touched_begin();
}

void
mig_expected_move(const char *project, const char *name)
{
	MemoryContext before;
	Move		move = {.project = project, .name = name};
	HASHCTL		control = {.keysize = sizeof(ObjectAddress), .entrysize = sizeof(Done)};
	List	   *addresses;
	bool		all;
	int			names;

	if (!ledger_expects())
		return;
	names = mig_plain_names_begin();
	move.context = AllocSetContextCreate(CurrentMemoryContext, "expected state", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(move.context);
	control.hcxt = move.context;
	move.done = hash_create("schema objects done", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	move.others = mig_others_of(mig_expected_of_others());
	move.ddl_id = mig_expected_seen_ddl();
	addresses = mig_touched(&all);
	mig_again_follow();
	if (all)
		move_all(&move);
	move_touched(&move, addresses);
	mig_touched_end();
	mig_plain_names_end(names);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(move.context);
}

/* Nobody else is taken for their author: what of them is not as expected is the migration's. */
void
mig_expected_claim(const char *project, const char *name, const List *objects)
{
	const ListCell *cell;

	if (objects == NIL || !ledger_expects())
		return;
	mig_touched_begin();
	foreach(cell, objects)
	{
		const ObjectAddress *address = lfirst(cell);

		mig_touched_note(address->classId, address->objectId,
						 getObjectIdentity(address, true) != NULL);
	}
	mig_expected_move(project, name);
}
