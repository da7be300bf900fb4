/*
 * import.c
 *		migrate.import_snapshot(): a state that was exported elsewhere.
 *
 * What is wrong with the text is 22P02, with its line.  Fingerprints are computed
 * here, so that no text can give one a meaning that it does not have.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/readonly.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "schema/keep.h"
#include "schema/state.h"
#include "script/checksum.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef struct Reader
{
	char	   *rest;			/* what follows the present line */
	int			number;			/* of the present line */
	Keep		keep;
	MemoryContext context;		/* of the object that is being read */
	HTAB	   *keys;			/* of those that were read */
	SchemaObject *object;
	SchemaPart *part;
	StringInfoData text;		/* of the part */
	int			objects;
} Reader;

pg_attribute_printf(2, 3)
pg_noreturn static void wrong(const Reader *reader, const char *format,...);

static void
wrong(const Reader *reader, const char *format,...)
{
	char		text[200];
	va_list		args;

	va_start(args, format);
	(void) vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid snapshot: %s", text),
			 errdetail("It is wrong in line %d.", reader->number),
			 errhint("Import the text as migrate.export_snapshot() has given it.")));
}

/* The next line without its end, or NULL. */
static char *
next_line(Reader *reader)
{
	char	   *line = reader->rest;
	char	   *end;

	if (line == NULL)
		return NULL;
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	reader->rest = end ? end + 1 : NULL;
	reader->number++;
	return line;
}

/* ---- the lines at the top ---- */

static char *
value_of(Reader *reader, const char *word)
{
	char	   *line = next_line(reader);
	size_t		length = strlen(word);

	if (line == NULL || strncmp(line, word, length) != 0 || strncmp(line + length, ": ", 2) != 0)
		wrong(reader, "a line that begins with \"%s: \" is missing", word);
	return line + length + 2;
}

static int
number_of(Reader *reader, const char *word)
{
	char	   *value = value_of(reader, word);
	char	   *end;
	long		number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || number < 0 || number > PG_INT32_MAX)
		wrong(reader, "\"%s\" is not a number", word);
	return number;
}

static void
check_checksum(Reader *reader)
{
	char	   *given = value_of(reader, SNAPSHOT_CHECKSUM);
	uint8		checksum[MIG_CHECKSUM_LENGTH];
	char		hex[2 * MIG_CHECKSUM_LENGTH + 1];

	mig_checksum(reader->rest ? reader->rest : "", checksum);
	for (int i = 0; i < MIG_CHECKSUM_LENGTH; i++)
		sprintf(hex + 2 * i, "%02x", checksum[i]);
	if (strcmp(given, hex) != 0)
		wrong(reader, "what follows does not have this checksum");
}

/* Returns how many objects there are to be. */
static int
read_head(Reader *reader, SnapshotHead *head)
{
	char	   *line = next_line(reader);
	int			objects;

	if (line == NULL || strcmp(line, SNAPSHOT_MAGIC) != 0)
		wrong(reader, "it does not begin with \"%s\"", SNAPSHOT_MAGIC);
	if (strcmp(value_of(reader, SNAPSHOT_INVENTORY), FINGERPRINT_FORMAT) != 0)
		wrong(reader, "it is of another inventory than \"%s\"", FINGERPRINT_FORMAT);
	(void) value_of(reader, SNAPSHOT_LABEL);
	head->server_major = number_of(reader, SNAPSHOT_SERVER);
	if (!mig_snapshot_time(value_of(reader, SNAPSHOT_TAKEN_AT), &head->taken_at))
		wrong(reader, "\"%s\" is not a time", SNAPSHOT_TAKEN_AT);
	objects = number_of(reader, SNAPSHOT_OBJECTS);
	check_checksum(reader);
	return objects;
}

/* ---- objects ---- */

/* In its place: it does not get longer. */
static char *
unescaped(const Reader *reader, char *value)
{
	char	   *to = value;

	for (const char *p = value; *p; p++)
	{
		if (*p != '\\')
			*to++ = *p;
		else if (*++p == 'n')
			*to++ = '\n';
		else if (*p == '\\')
			*to++ = '\\';
		else
			wrong(reader, "a backslash has no meaning there");
	}
	*to = '\0';
	return value;
}

/* "word: value", or "word" alone, which leaves the value empty. */
static char *
split(const Reader *reader, char *line, bool alone)
{
	char	   *colon = strstr(line, ": ");

	if ((colon == NULL && !alone) || colon == line || line[0] == '\0')
		wrong(reader, "this line has no meaning there");
	if (colon == NULL)
		return "";
	*colon = '\0';
	return unescaped(reader, colon + 2);
}

static void
end_part(Reader *reader)
{
	if (reader->part == NULL)
		return;
	if (reader->text.len == 0)
		wrong(reader, "the part before it is empty");
	reader->part->text = reader->text.data;
	reader->object->parts = lappend(reader->object->parts, reader->part);
	reader->part = NULL;
}

static void
end_object(Reader *reader)
{
	StateRow	row;
	bool		again;

	end_part(reader);
	if (reader->object == NULL)
		return;
	mig_schema_fingerprint(reader->object);
	mig_state_row(reader->object, &row);
	(void) hash_search(reader->keys, row.key, HASH_ENTER, &again);
	if (again)
		wrong(reader, "the object before it is there twice");
	mig_keep_object(&reader->keep, reader->object);
	reader->object = NULL;
	reader->objects++;
	MemoryContextReset(reader->context);
}

static void
read_line(Reader *reader, char *line)
{
	MemoryContext before = MemoryContextSwitchTo(reader->context);

	if (strncmp(line, "  ", 2) == 0)
	{
		if (reader->part == NULL)
			wrong(reader, "it belongs to no part");
		appendStringInfo(&reader->text, "%s\n", line + 2);
	}
	else if (line[0] == ' ')
	{
		if (reader->object == NULL)
			wrong(reader, "it belongs to no object");
		end_part(reader);
		reader->part = palloc0(sizeof(SchemaPart));
		reader->part->name = split(reader, line + 1, true);
		reader->part->kind = line + 1;
		/* The ledger keeps it up to one. */
		if (strchr(reader->part->kind, ','))
			wrong(reader, "this line has no meaning there");
		initStringInfo(&reader->text);
	}
	else
	{
		end_object(reader);
		reader->object = palloc0(sizeof(SchemaObject));
		reader->object->identity = split(reader, line, false);
		reader->object->object_type = line;
	}
	MemoryContextSwitchTo(before);
}

static void
read_objects(Reader *reader, int objects)
{
	HASHCTL		control = {.keysize = LEDGER_KEY_BYTES, .entrysize = LEDGER_KEY_BYTES, .hcxt = CurrentMemoryContext};
	char	   *line;

	reader->context = AllocSetContextCreate(CurrentMemoryContext, "schema import", ALLOCSET_DEFAULT_SIZES);
	reader->keys = hash_create("schema import", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	while ((line = next_line(reader)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		read_line(reader, line);
	}
	end_object(reader);
	if (reader->objects != objects)
		wrong(reader, "there are %d objects instead of %d", reader->objects, objects);
}

MIG_FUNCTION(mig_import_snapshot);

/* migrate.import_snapshot(label, content) */
static Datum
mig_import_snapshot_body(PG_FUNCTION_ARGS)
{
	SnapshotHead head = {.imported = true};
	Reader		reader = {0};
	int			objects;

	mig_refuse_read_only("migrate.import_snapshot");
	head.label = mig_required_text(fcinfo, 0, "label");
	reader.rest = mig_required_text(fcinfo, 1, "content");
	ledger_require("deployer", NULL);
	/* Editors and shells add or take away the last ones. */
	for (size_t n = strlen(reader.rest); n > 0 && reader.rest[n - 1] == '\n'; n--)
		reader.rest[n - 1] = '\0';
	objects = read_head(&reader, &head);
	mig_keep_begin(&reader.keep, &head);
	read_objects(&reader, objects);
	mig_keep_end(&reader.keep);
	PG_RETURN_VOID();
}
