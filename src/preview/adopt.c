/*
 * adopt.c
 *		migrate.adopt(): captured statements become a migration that is applied
 *		already.
 *
 * That is proven: what they changed is brought back to what is expected, they are
 * run again, and the schema is what it was before all of that, which is rolled
 * back.  What is not as expected in between, and is afterwards no other than it
 * was, has nothing to do with them and stays adrift.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/readonly.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "plan/model.h"
#include "plan/see.h"
#include "preview/prove.h"
#include "register/register.h"
#include "run/deployer.h"
#include "run/run.h"
#include "schema/author.h"
#include "schema/drift.h"
#include "schema/state.h"
#include "script/script.h"
#include "script/version.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/timestamp.h"

typedef struct Adoption
{
	Definition	definition;
	const char *full_name;
	const char *reason;
	ArrayType  *ids;
	List	   *captured;		/* of CapturedStatement, in order */
	const char *run_as;			/* who ran all of them, if not the caller; else NULL */
	const char *options;		/* of the migration, as JSON */
	List	   *touched;		/* of Drift: what any of them has made, by itself or with others */
	bool		wide;			/* what other statements have touched, too, is theirs */
	AllAdrift  *before;			/* as it is */
	AllAdrift  *base;			/* as it is without them */
} Adoption;

/* ---- the statements ---- */

/* 22023 for what is not one of a change outside of migrations that nobody has decided about. */
static void
check_captured(const CapturedStatement *captured)
{
	if (strcmp(captured->origin, "direct") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("statement " INT64_FORMAT " cannot be adopted: its origin is \"%s\"", captured->id, captured->origin),
				 errhint("SELECT id, statement FROM migrate.out_of_band;")));
	if (captured->decision)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("statement " INT64_FORMAT " cannot be adopted: it is %s already", captured->id, captured->decision),
				 errhint("SELECT id, statement FROM migrate.out_of_band;")));
	if (mig_is_redacted(captured->statement))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("statement " INT64_FORMAT " cannot be adopted: secrets were taken out of its text", captured->id),
				 errhint("SELECT migrate.accept_drift('<identity>', '<why>');  takes over what it did.")));
}

/* SELECT INTO makes a table. */
static bool
writes_rows(const ScriptStatement *statement)
{
	const Node *stmt = statement->raw->stmt;

	return IsA(stmt, InsertStmt) || IsA(stmt, UpdateStmt) || IsA(stmt, DeleteStmt) || IsA(stmt, MergeStmt) ||
		(IsA(stmt, SelectStmt) && ((const SelectStmt *) stmt)->intoClause == NULL);
}

/* Only the hook knows where in what a client sent a statement begins and ends. */
static void
check_text(const CapturedStatement *captured)
{
	const Script *script = mig_script_read(captured->statement, PART_UP, NULL, 1);

	if (script->nstatements != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("statement " INT64_FORMAT " cannot be adopted: its text is all of what the client sent, %d statements",
						captured->id, script->nstatements),
				 errhint("SELECT migrate.accept_drift('<identity>', '<why>');  takes over what it did.")));
	if (script->top_level)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("statement " INT64_FORMAT " cannot be adopted: %s cannot run inside a transaction, and so not be tried",
						captured->id, GetCommandTagName(script->top_level->tag)),
				 errhint("SELECT migrate.accept_drift('<identity>', '<why>');  takes over what it did.")));
	/* It would be proven by doing nothing. */
	if (writes_rows(linitial(script->statements)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("statement " INT64_FORMAT " cannot be adopted: which objects it has changed in the catalogs is not known", captured->id),
				 errhint("SELECT migrate.accept_drift('<identity>', '<why>');  takes over what it did.")));
}

static void
read_captured(Adoption *adoption)
{
	int			n = ArrayGetNItems(ARR_NDIM(adoption->ids), ARR_DIMS(adoption->ids));
	ListCell   *cell;

	adoption->captured = ledger_captured(adoption->ids);
	if (n == 0 || array_contains_nulls(adoption->ids) || list_length(adoption->captured) != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ddl_ids must be ids of captured statements, each once"),
				 errhint("SELECT id, statement FROM migrate.out_of_band;")));
	foreach(cell, adoption->captured)
	{
		check_captured(lfirst(cell));
		check_text(lfirst(cell));
	}
}

/* Each with a semicolon, behind a comment that it may end in. */
static char *
text_of(const List *captured)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, captured)
	{
		const char *statement = ((const CapturedStatement *) lfirst(cell))->statement;
		int			length = strlen(statement);

		while (length > 0 && strchr(" \t\r\n;", statement[length - 1]))
			length--;
		appendBinaryStringInfo(&text, statement, length);
		appendStringInfoString(&text, strstr(statement, "--") ? "\n;\n" : ";\n");
	}
	return text.data;
}

/* What one made is his, so he has to make it again. */
static const char *
role_of_all(const List *captured)
{
	const char *role = ((const CapturedStatement *) linitial(captured))->role_name;
	ListCell   *cell;

	foreach(cell, captured)
		if (strcmp(((const CapturedStatement *) lfirst(cell))->role_name, role) != 0)
			return NULL;
	return strcmp(role, GetUserNameFromId(GetUserId(), false)) == 0 ? NULL : role;
}

/* ---- the proof ---- */

/* Is it one of them?  They are in the order of their numbers. */
static bool
has_captured(const List *captured, int64 id)
{
	int			low = 0;
	int			high = list_length(captured);

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (((const CapturedStatement *) list_nth(captured, middle))->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list_length(captured) && ((const CapturedStatement *) list_nth(captured, low))->id == id;
}

/* How many of them are known to have made a drift. */
static int
count_common(const Adoption *adoption, const Explanation *explanation)
{
	int			n = explanation->ids ? ArrayGetNItems(ARR_NDIM(explanation->ids), ARR_DIMS(explanation->ids)) : 0;
	int			common = 0;

	for (int i = 0; i < n; i++)
		common += has_captured(adoption->captured, ((const int64 *) ARR_DATA_PTR(explanation->ids))[i]);
	return common;
}

/* Some of a drift, or as much as is known of it. */
static bool
explains(const Adoption *adoption, const Explanation *explanation)
{
	int			common = count_common(adoption, explanation);

	return common > 0 && (adoption->wide || common == ArrayGetNItems(ARR_NDIM(explanation->ids), ARR_DIMS(explanation->ids)));
}

/* The keys of what the statements have touched, under both names of what was renamed. */
static HTAB *
touched_keys(Adoption *adoption)
{
	List	   *drifts = mig_drift_collect_all();
	Explanation *explanations = ledger_explain(drifts, &mig_author_reader);
	HASHCTL		control = {.keysize = LEDGER_KEY_BYTES, .entrysize = LEDGER_KEY_BYTES, .hcxt = CurrentMemoryContext};
	HTAB	   *keys = hash_create("touched objects", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *cell;

	foreach(cell, drifts)
	{
		const Drift *drift = lfirst(cell);
		const Adrift *adrift;

		if (count_common(adoption, &explanations[foreach_current_index(cell)]) > 0)
			adoption->touched = lappend(adoption->touched, unconstify(Drift *, drift));
		if (!explains(adoption, &explanations[foreach_current_index(cell)]))
			continue;
		(void) hash_search(keys, drift->key, HASH_ENTER, NULL);
		adrift = mig_adrift_find(adoption->before, drift->key);
		if (adrift && adrift->moved)
			(void) hash_search(keys, adrift->moved->key, HASH_ENTER, NULL);
	}
	return keys;
}

/* As a migration runs, in this very transaction. */
static void
run_again(const Adoption *adoption)
{
	MigrationOptions options;
	Execution	execution = {0};
	int			level;

	mig_migration_options_read(adoption->definition.options, &options);
	level = mig_guard_enter(&options);
	execution.full_name = adoption->full_name;
	execution.script = mig_script_read(adoption->definition.up.body, PART_UP, NULL, 1);
	execution.in_transaction = true;
	mig_execute(&execution);
	mig_guard_leave(level);
}

static bool
same_adrift(const Adrift *a, const Adrift *b)
{
	return a && b && a->problem == NULL && b->problem == NULL && (a->is == NULL) == (b->is == NULL) &&
		memcmp(a->fingerprint, b->fingerprint, LEDGER_KEY_BYTES) == 0;
}

pg_noreturn static void
refuse_other(const ObjectState *name, const ObjectState *is, const ObjectState *becomes)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("run again on what is expected, they do not lead to %s %s as it is", name->object_type, name->identity),
			 errdetail_internal("%s", mig_state_diff("actual", is, "run again", becomes)),
			 errhint("SELECT * FROM migrate.drift() WHERE identity = %s;  tells which statements have touched it.",
					 quote_literal_cstr(name->identity))));
}

/* What is there of one that is as expected. */
static const ObjectState *
state_there(const Adrift *adrift, const Adrift *otherwise)
{
	return adrift ? adrift->is : otherwise->should;
}

static void
compare(const AllAdrift *before, const AllAdrift *after)
{
	ListCell   *cell;

	foreach(cell, before->list)
	{
		const Adrift *was = lfirst(cell);
		const Adrift *now = mig_adrift_find(after, was->key);

		if (!same_adrift(was, now))
			refuse_other(mig_adrift_name(was), was->is, state_there(now, was));
	}
	foreach(cell, after->list)
	{
		const Adrift *now = lfirst(cell);

		if (mig_adrift_find(before, now->key) == NULL)
			refuse_other(mig_adrift_name(now), now->should, now->is);
	}
}

pg_noreturn static void
refuse_shared(const ObjectState *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s %s was changed by others, too", name->object_type, name->identity),
			 errhint("Undo or adopt first what others did to it: SELECT * FROM migrate.drift() WHERE identity = %s;",
					 quote_literal_cstr(name->identity))));
}

/* Run again on what they have made already, many statements do nothing, which proves nothing. */
static void
require_back(const Adoption *adoption)
{
	ListCell   *cell;

	foreach(cell, adoption->touched)
	{
		const Adrift *was = mig_adrift_find(adoption->before, ((const Drift *) lfirst(cell))->key);

		if (was && same_adrift(was, mig_adrift_find(adoption->base, was->key)))
			refuse_shared(mig_adrift_name(was));
	}
}

static void
prove(void *arg)
{
	Adoption   *adoption = arg;

	adoption->touched = NIL;
	mig_bring_back(touched_keys(adoption));
	adoption->base = mig_adrift_read();
	require_back(adoption);
	run_again(adoption);
	compare(adoption->before, mig_adrift_read());
}

static void
require_proof(Adoption *adoption)
{
	ErrorData  *error;

	mig_capture_own(adoption->reason);
	error = mig_attempt_statements(prove, adoption, false);
	if (error)
	{
		adoption->wide = true;
		error = mig_attempt_statements(prove, adoption, false);
	}
	mig_capture_own(NULL);
	if (error)
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("the statements cannot be adopted: %s", error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0,
				 error->hint ? errhint("%s", error->hint) : 0,
				 error->context ? errcontext("%s", error->context) : 0));
}

/* ---- what is expected from then on ---- */

static void
take(const Adoption *adoption, const Adrift *adrift)
{
	if (adrift->is)
	{
		ExpectedRow row = {0};

		mig_state_row(adrift->object, &row.state);
		row.address = adrift->object->address;
		row.project = unconstify(char *, adoption->definition.project);
		row.name = unconstify(char *, adoption->definition.name);
		row.ddl_id = ledger_last_ddl();
		ledger_put_definitions(list_make1(mig_state_stored(adrift->object)));
		ledger_put_expected(list_make1(&row));
	}
	else
		ledger_remove_expected(adrift->key);
	ledger_remove_adrift(adrift->key);
}

/* What they have changed; what was adrift without them and is other by them is half somebody else's. */
static void
take_all(const Adoption *adoption)
{
	ListCell   *cell;

	foreach(cell, adoption->before->list)
	{
		const Adrift *adrift = lfirst(cell);
		const Adrift *base = mig_adrift_find(adoption->base, adrift->key);

		if (base == NULL)
			take(adoption, adrift);
		else if (!same_adrift(adrift, base))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the statements cannot be adopted: %s %s was changed by others, too",
							mig_adrift_name(adrift)->object_type, mig_adrift_name(adrift)->identity),
					 errhint("Undo or adopt first what others did to it: SELECT * FROM migrate.drift() WHERE identity = %s;",
							 quote_literal_cstr(mig_adrift_name(adrift)->identity))));
	}
}

/* ---- the migration ---- */

static void
register_adopted(Adoption *adoption)
{
	Definition *definition = &adoption->definition;
	Registered *existing;
	int			n;

	ledger_lock_project(definition->project);
	existing = ledger_read_registered(definition->project, definition->name, &n);
	if (n > 0 && existing->state && mig_counts_as_applied(existing->state))
		ereport(ERROR,
				(errcode(ERRCODE_MIG_TEXT_CHANGED),
				 errmsg("migration \"%s\" is %s already", adoption->full_name, existing->state),
				 errhint("Adopt the statements under another name.")));
	if (n > 0 && memcmp(VARDATA_ANY(existing->up), VARDATA_ANY(definition->up_checksum), VARSIZE_ANY_EXHDR(existing->up)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("migration \"%s\" is registered with another text", adoption->full_name),
				 errhint("Adopt the statements under another name, or SELECT migrate.unregister(%s);",
						 quote_literal_cstr(adoption->full_name))));
	(void) mig_register(definition, n > 0 ? existing : NULL);
}

static void
write_history(const Adoption *adoption)
{
	const Definition *definition = &adoption->definition;
	Model	   *model = mig_model_read(NIL, NULL, NULL);
	int			node = mig_model_find(model, definition->project, definition->name);
	Attempt		attempt = {0};

	attempt.project = definition->project;
	attempt.name = definition->name;
	attempt.action = "adopt";
	attempt.outcome = "adopted";
	attempt.started_at = attempt.finished_at = GetCurrentTimestamp();
	attempt.start_lsn = attempt.end_lsn = GetXLogInsertRecPtr();
	attempt.reason = adoption->reason;
	attempt.checksum = definition->up_checksum;
	attempt.statements = list_length(adoption->captured);
	ledger_write_attempt(&attempt);
	ledger_set_state(definition->project, definition->name, "adopted", &attempt, mig_model_followed(model, node),
					 psprintf("adopted: \"%s\"", adoption->reason));
}

static void
decide(const Adoption *adoption)
{
	ListCell   *cell;

	foreach(cell, adoption->captured)
	{
		Decision	row = {0};

		row.decision = "adopted";
		row.project = adoption->definition.project;
		row.name = adoption->definition.name;
		row.ddl_id = ((const CapturedStatement *) lfirst(cell))->id;
		row.checksum = adoption->definition.up_checksum;
		row.reason = adoption->reason;
		ledger_write_decision(&row);
	}
}

/* What a session starts with unless somebody has set something else. */
#define USUAL_SEARCH_PATH "\"$user\", public"

static void
add_option(StringInfo options, const char *key, const char *value)
{
	appendStringInfo(options, "%s\"%s\": ", options->len > 1 ? ", " : "", key);
	escape_json(options, value);
}

/* That with which it was proven, and makes the same elsewhere. */
static char *
options_of(const Adoption *adoption)
{
	const char *search_path = GetConfigOption("search_path", false, false);
	StringInfoData options;

	initStringInfo(&options);
	appendStringInfoChar(&options, '{');
	if (adoption->run_as)
		add_option(&options, "run_as", adoption->run_as);
	if (strcmp(search_path, USUAL_SEARCH_PATH) != 0)
		add_option(&options, "search_path", search_path);
	appendStringInfoChar(&options, '}');
	return options.data;
}

static void
define(Adoption *adoption, char *name, char *project, char *down)
{
	Definition *definition = &adoption->definition;

	definition->name = name;
	definition->project = project;
	definition->version = mig_version_from_name(name);
	definition->kind = "versioned";
	definition->tags = definition->conflicts = definition->replaces = construct_empty_array(TEXTOID);
	definition->up.body = text_of(adoption->captured);
	definition->down.body = down;
	definition->up.line = definition->down.line = definition->verify.line = 1;
	adoption->run_as = role_of_all(adoption->captured);
	adoption->options = options_of(adoption);
	definition->options = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(adoption->options)));
	adoption->full_name = psprintf("%s:%s", project, name);
	mig_definition_complete(definition);
}

/* As a file has it. */
static char *
file_text(const Adoption *adoption)
{
	if (strcmp(adoption->options, "{}") == 0)
		return adoption->definition.up.body;
	return psprintf("-- migrate: options %s\n%s", adoption->options, adoption->definition.up.body);
}

MIG_FUNCTION(mig_adopt);

/* migrate.adopt(name, ddl_ids, reason, project, down) */
static Datum
mig_adopt_body(PG_FUNCTION_ARGS)
{
	Adoption	adoption = {0};
	char	   *name = mig_required_text(fcinfo, 0, "name");
	char	   *project = mig_required_text(fcinfo, 3, "project");

	mig_deployer_refuse_inside("migrate.adopt");
	mig_refuse_read_only("migrate.adopt");
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("ddl_ids must not be null")));
	adoption.ids = PG_GETARG_ARRAYTYPE_P(1);
	adoption.reason = mig_reason(fcinfo, 2);
	ledger_require("administrator", NULL);
	(void) mig_deployer_enter(false, mig_lock_wait);
	read_captured(&adoption);
	define(&adoption, name, project, mig_optional_text(fcinfo, 4));
	adoption.before = mig_adrift_read();
	require_proof(&adoption);
	register_adopted(&adoption);
	take_all(&adoption);
	write_history(&adoption);
	decide(&adoption);
	PG_RETURN_TEXT_P(cstring_to_text(file_text(&adoption)));
}
