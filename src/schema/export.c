/*
 * export.c
 *		migrate.export_snapshot(): a state as text, which people can diff.
 */
#include "postgres.h"

#include "common/compat.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "schema/keep.h"
#include "schema/state.h"
#include "script/checksum.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* An object, and its parts where the ledger does not have them. */
typedef struct Exported
{
	StateRow	row;
	List	   *parts;			/* of StoredPart */
} Exported;

typedef struct Export
{
	MemoryContext context;
	List	   *objects;
} Export;

/* ---- collecting ---- */

static void
collect_object(const SchemaObject *object, void *arg)
{
	Export	   *export = arg;
	MemoryContext before = MemoryContextSwitchTo(export->context);
	Exported   *exported = palloc(sizeof(Exported));
	SchemaObject *copy;

	mig_state_require_readable(object);
	copy = mig_state_copy(object);
	mig_state_row(copy, &exported->row);
	exported->parts = mig_state_stored(copy)->parts;
	export->objects = lappend(export->objects, exported);
	MemoryContextSwitchTo(before);
}

static void
collect_row(const StateRow *row, void *arg)
{
	Export	   *export = arg;
	MemoryContext before = MemoryContextSwitchTo(export->context);
	Exported   *exported = palloc0(sizeof(Exported));

	exported->row = *row;
	exported->row.object_type = pstrdup(row->object_type);
	exported->row.identity = pstrdup(row->identity);
	export->objects = lappend(export->objects, exported);
	MemoryContextSwitchTo(before);
}

/* In the same order everywhere. */
static int
by_identity(const ListCell *a, const ListCell *b)
{
	const StateRow *one = &((const Exported *) lfirst(a))->row;
	const StateRow *other = &((const Exported *) lfirst(b))->row;

	return mig_state_order(one->object_type, one->identity, other->object_type, other->identity);
}

/* ---- text ---- */

static void
append_escaped(StringInfo text, const char *value)
{
	for (const char *p = value; *p; p++)
	{
		if (*p == '\n')
			appendStringInfoString(text, "\\n");
		else if (*p == '\\')
			appendStringInfoString(text, "\\\\");
		else
			appendStringInfoChar(text, *p);
	}
}

static void
append_part(StringInfo text, const StoredPart *part)
{
	appendStringInfo(text, "\n %s", part->kind);
	if (part->name[0] != '\0')
	{
		appendStringInfoString(text, ": ");
		append_escaped(text, part->name);
	}
	for (const char *line = part->text; *line;)
	{
		const char *end = strchr(line, '\n');

		if (end == NULL)
			elog(ERROR, "part of a definition does not end with a newline");
		appendStringInfoString(text, "\n  ");
		appendBinaryStringInfo(text, line, end - line);
		line = end + 1;
	}
}

static char *
objects_text(const List *objects)
{
	StringInfoData text;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "schema export", ALLOCSET_DEFAULT_SIZES);
	ListCell   *cell;
	ListCell   *part;

	initStringInfo(&text);
	foreach(cell, objects)
	{
		const Exported *exported = lfirst(cell);
		MemoryContext before = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		appendStringInfo(&text, "%s%s: ", text.len ? "\n" : "", exported->row.object_type);
		append_escaped(&text, exported->row.identity);
		foreach(part, exported->parts ? exported->parts : ledger_definition(exported->row.fingerprint))
			append_part(&text, lfirst(part));
		MemoryContextSwitchTo(before);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	return text.data;
}

static char *
snapshot_text(const SnapshotHead *head, const List *objects)
{
	char	   *body = objects_text(objects);
	uint8		checksum[MIG_CHECKSUM_LENGTH];
	StringInfoData text;

	mig_checksum(body, checksum);
	initStringInfo(&text);
	appendStringInfoString(&text, SNAPSHOT_MAGIC "\n" SNAPSHOT_INVENTORY ": " FINGERPRINT_FORMAT "\n" SNAPSHOT_LABEL ": ");
	append_escaped(&text, head->label);
	appendStringInfo(&text, "\n" SNAPSHOT_SERVER ": %d\n" SNAPSHOT_TAKEN_AT ": %s\n" SNAPSHOT_OBJECTS ": %d\n" SNAPSHOT_CHECKSUM ": ",
					 head->server_major, mig_snapshot_time_text(head->taken_at), list_length(objects));
	for (int i = 0; i < MIG_CHECKSUM_LENGTH; i++)
		appendStringInfo(&text, "%02x", checksum[i]);
	if (body[0] != '\0')
		appendStringInfoChar(&text, '\n');
	appendStringInfoString(&text, body);
	return text.data;
}

MIG_FUNCTION(mig_export_snapshot);

/* migrate.export_snapshot(label) */
static Datum
mig_export_snapshot_body(PG_FUNCTION_ARGS)
{
	char	   *label = mig_required_text(fcinfo, 0, "label");
	SnapshotHead now = {.label = label, .server_major = MIG_SERVER_MAJOR, .taken_at = GetCurrentTimestamp()};
	const SnapshotHead *head = &now;
	Export		export = {CurrentMemoryContext, NIL};

	mig_require_monitor(NULL);
	if (strcmp(label, "current") == 0)
		mig_schema_read_all(collect_object, &export);
	else if (strcmp(label, "expected") == 0)
		ledger_each_expected(collect_row, &export);
	else
	{
		head = mig_state_find_snapshot(label);
		ledger_each_in_snapshot(label, collect_row, &export);
	}
	list_sort(export.objects, by_identity);
	PG_RETURN_TEXT_P(cstring_to_text(snapshot_text(head, export.objects)));
}
