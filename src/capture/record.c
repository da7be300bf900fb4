/*
 * record.c
 *		From a statement that has run to its row in ddl_log.
 *
 * The row is written behind the command, since one before it would break DROP
 * INDEX CONCURRENTLY, and in its transaction, so that what is rolled back
 * leaves none.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "capture/capture_private.h"
#include "common/attempt.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

/* As much of a statement as goes into the server's log. */
#define LOGGED_BYTES 1000

/* Values of pg_migrations.capture. */
static const struct config_enum_entry capture_values[] = {
	{"strict", 0, false},
	{"lenient", 1, false},
	{NULL, 0, false}
};

static int	lenient = 0;

bool
mig_record_is_lenient(void)
{
	return lenient != 0;
}

static void
push_string(JsonbParseState **state, const char *key, const char *value)
{
	JsonbValue	json;

	json.type = jbvString;
	json.val.string.val = unconstify(char *, key);
	json.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &json);
	json.type = value ? jbvString : jbvNull;
	if (value)
	{
		json.val.string.val = unconstify(char *, value);
		json.val.string.len = strlen(value);
	}
	pushJsonbValue(state, WJB_VALUE, &json);
}

static uint32
hash_object(const void *key, Size size)
{
	const TouchedObject *object = *(const TouchedObject *const *) key;

	return hash_bytes((const unsigned char *) object->identity, strlen(object->identity));
}

static int
compare_objects(const void *left, const void *right, Size size)
{
	const TouchedObject *a = *(const TouchedObject *const *) left;
	const TouchedObject *b = *(const TouchedObject *const *) right;

	return strcmp(a->identity, b->identity) != 0 || strcmp(a->action, b->action) != 0 ||
		strcmp(a->object_type, b->object_type) != 0;
}

/* Objects that have been met; one DROP can have a hundred thousand. */
static HTAB *
make_set(void)
{
	HASHCTL		control = {
		.keysize = sizeof(TouchedObject *), .entrysize = sizeof(TouchedObject *),
		.hash = hash_object, .match = compare_objects, .hcxt = CurrentMemoryContext
	};

	return hash_create("pg_migrations objects", 64, &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

static Jsonb *
objects_json(List *objects)
{
	JsonbParseState *state = NULL;
	HTAB	   *met = list_length(objects) > 1 ? make_set() : NULL;
	ListCell   *cell;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	foreach(cell, objects)
	{
		const TouchedObject *object = lfirst(cell);
		bool		again = false;

		if (met && object->identity)
			(void) hash_search(met, &object, HASH_ENTER, &again);
		if (again)
			continue;
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_string(&state, "action", object->action);
		push_string(&state, "object_type", object->object_type);
		push_string(&state, "schema_name", object->schema_name);
		push_string(&state, "identity", object->identity);
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	if (met)
		hash_destroy(met);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/*
 * Says, should the row fail, what has happened already.  A secret would not be in
 * the server's log if the row had been written; there it has all that the client has
 * sent, which is not read closer here, since that may fail as well.
 */
static void
record_context(void *arg)
{
	const DdlRecord *record = arg;

	if (IsTransactionBlock())
		errcontext("recording %s in migrate.ddl_log", record->command_tag);
	else
		errcontext("recording %s in migrate.ddl_log; what it did outside of transactions stands", record->command_tag);
	if (mig_is_redacted(record->statement) || (debug_query_string && mig_may_have_secrets(debug_query_string)))
	{
		errhidestmt(true);
		errhidecontext(true);
	}
}

/* Returns false if the table cannot take it. */
static bool
write_row(DdlRecord *record, List *objects)
{
	bool		snapshot = !ActiveSnapshotSet();
	bool		taken;

	/* Commands that use several transactions leave none behind. */
	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	record->objects = objects_json(objects);
	taken = ledger_write_ddl(record);
	if (snapshot)
		PopActiveSnapshot();
	return taken;
}

/* What the tables of another version cannot take is a gap. */
static bool
leave_gap(DdlRecord *record, List *objects)
{
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s is not recorded: the tables of pg_migrations are of another version than its library",
					record->command_tag),
			 errhint("SELECT * FROM migrate.check();")));
	mig_coverage_changed(psprintf("not recorded: %s", record->command_tag));
	return true;
}

/* Run one of the two; if it fails that is a warning, and the change stands. */
static bool
leniently(bool (*work) (DdlRecord *, List *), DdlRecord *record, List *objects)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorContextCallback *around = error_context_stack;
	HeldOff		held_off = mig_held_off();
	volatile bool done = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		done = work(record, objects);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		/* Whoever cancels must not decide what is recorded. */
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		FlushErrorState();
		mig_hold_off_again(held_off);
		RollbackAndReleaseCurrentSubTransaction();
		record->id = 0;
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("%s could not be recorded: %s", record->command_tag, error->message)));
	}
	PG_END_TRY();
	error_context_stack = around;
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return done;
}

/* "bob as owner from 192.0.2.1 ("psql")" */
static char *
who(void)
{
	const char *session_role = GetUserNameFromId(GetSessionUserId(), true);
	const char *role = GetUserNameFromId(GetUserId(), true);
	const char *address = ledger_client_address();
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, session_role ? session_role : "a dropped role");
	if (role && session_role && strcmp(role, session_role) != 0)
		appendStringInfo(&text, " as %s", role);
	if (address)
		appendStringInfo(&text, " from %s", address);
	if (application_name[0])
		appendStringInfo(&text, " (\"%s\")", application_name);
	return text.data;
}

/*
 * For whoever watches the server's log, which is not rolled back, nor changed
 * from here.  Each part of an entry costs a translation of its label, and the
 * context is made even where it is hidden; together they would cost more than
 * the row does.
 */
static void
log_direct(const DdlRecord *record)
{
	ErrorContextCallback *around = error_context_stack;
	int			length = pg_mbcliplen(record->statement, strlen(record->statement), LOGGED_BYTES);

	error_context_stack = NULL;
	ereport(LOG_SERVER_ONLY,
			(errmsg_internal("%s outside of a migration, by %s, %s%s%s, statement: %.*s%s", record->command_tag, who(),
							 record->id ? psprintf("ddl_log " INT64_FORMAT, record->id) : "not recorded",
							 record->reason ? ", reason: " : "", record->reason ? record->reason : "",
							 length, record->statement, record->statement[length] ? " ..." : ""),
			 errhidestmt(true), errhidecontext(true)));
	error_context_stack = around;
}

void
mig_record(CommandTag tag, const char *statement, bool exact, List *objects)
{
	Origin		origin = mig_origin();
	DdlRecord	record = {0};
	ErrorContextCallback callback = {error_context_stack, record_context, &record};

	record.command_tag = GetCommandTagName(tag);
	record.statement = statement;
	error_context_stack = &callback;
	record.text_source = exact ? "exact" : "client_string";
	record.origin = origin.origin;
	record.history_id = origin.history_id;
	record.reason = origin.reason;
	/* ALTER SYSTEM may run where nothing can be written. */
	if (RecoveryInProgress() || XactReadOnly)
		ereport(LOG_SERVER_ONLY,
				(errmsg("%s on a server or in a transaction that is read-only, not recorded: %s",
						record.command_tag, record.statement),
				 errhidestmt(true), errhidecontext(true)));
	else if (!(lenient ? leniently(write_row, &record, objects) : write_row(&record, objects)))
		(void) leniently(leave_gap, &record, objects);
	if (strcmp(record.origin, "direct") == 0 && !RecoveryInProgress() && !XactReadOnly)
		log_direct(&record);
	error_context_stack = callback.previous;
}

void
mig_record_init(void)
{
	DefineCustomEnumVariable("pg_migrations.capture",
							 "What happens to a schema change that cannot be recorded.",
							 "\"strict\" rolls it back where that is possible, \"lenient\" lets it stand with a warning.",
							 &lenient, 0, capture_values,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}
