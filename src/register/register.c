/*
 * register.c
 *		Register one migration, or take one back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/lines.h"
#include "common/names.h"
#include "common/readonly.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "plan/plan.h"
#include "plan/see.h"
#include "register/register.h"
#include "run/apart.h"
#include "run/deployer.h"
#include "script/checksum.h"
#include "script/version.h"
#include "utils/array.h"
#include "utils/builtins.h"

/*
 * Is the up of this migration, which is to be of a kind, frozen?  What is half
 * applied can be mended where it does not stand.
 */
static bool
is_frozen(const Registered *existing, const Unfinished *unfinished, const char *kind)
{
	if (unfinished)
		return unfinished->part == PART_DOWN;
	return existing->state && (strcmp(existing->kind, "repeatable") != 0 || strcmp(kind, "repeatable") != 0) &&
		strcmp(existing->state, "failed") != 0 && strcmp(existing->state, "reverted") != 0 &&
		strcmp(existing->state, "pending") != 0;
}

/* The up that a frozen migration keeps: what ran, while another one was registered, is not that. */
static bytea *
frozen_up(const Registered *existing)
{
	return existing->applied ? existing->applied : existing->up;
}

/* Does the registered text not go with what stands, since it came while that ran? */
static bool
is_astray(const Definition *definition, const Registered *existing, const Unfinished *unfinished)
{
	const StoredText *text;

	if (unfinished == NULL)
		return is_frozen(existing, NULL, existing->kind) && !mig_same_checksum(existing->up, frozen_up(existing));
	text = ledger_read_text(definition->project, definition->name, unfinished->part, NULL);
	return mig_apart_first_change(unfinished, text ? text->body : "") > 0;
}

/*
 * An applied up never changes.  One that says the same in other blanks is
 * taken for the one there is; any other is an error.
 */
static void
keep_frozen_up(Definition *definition, bytea *up)
{
	char	   *body = ledger_text_by_checksum(definition->project, up, PART_UP);

	if (mig_same_meaning(body, definition->up.body))
	{
		ereport(NOTICE,
				(errmsg("migration \"%s\" differs from the applied text in white space or comments only; the applied text is kept",
						definition->name)));
		definition->up_checksum = up;
		definition->up.body = body;
		definition->hash = mig_definition_hash(definition);
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_MIG_TEXT_CHANGED),
			 errmsg("the up of migration \"%s\" was changed after it had been applied", definition->name),
			 body ? errdetail("The first difference is in line %d.", mig_first_difference(body, definition->up.body)) : 0,
			 errhint("Put the change into a new migration.  If both texts do the same: SELECT migrate.accept_text(%s, '<the new text>', '<why>', '%s');",
					 quote_literal_cstr(definition->name), definition->project)));
}

/* How far it is, if it stopped half-way. */
static Unfinished *
half_done(const Definition *definition, const Registered *existing)
{
	if (existing->state == NULL || strcmp(existing->state, "interrupted") != 0)
		return NULL;
	return ledger_unfinished(definition->project, definition->name);
}

/* A full name for each, as a list of String. */
static List *
full_names(const char *project, const NameArray *names)
{
	List	   *result = NIL;

	for (int i = 0; i < names->n; i++)
	{
		FullName	full = mig_full_reference(project, names->names[i]);

		result = lappend(result, makeString(mig_join_name(full.project, full.name)));
	}
	return result;
}

/* In whatever order, and however each is written. */
static bool
same_names(const char *project, const NameArray *names, ArrayType *array)
{
	NameArray	given = ledger_names_of(array);
	List	   *before = full_names(project, names);
	List	   *now = full_names(project, &given);

	return list_difference(before, now) == NIL && list_difference(now, before) == NIL;
}

static const char *
listed(const NameArray *names)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < names->n; i++)
		mig_list_name(&list, names->names[i]);
	return names->n ? list.data : "nothing";
}

/* The rest of a way back that stands in part has to be there. */
static void
keep_down(const Definition *definition, const Unfinished *unfinished)
{
	const char *literal = quote_literal_cstr(psprintf("%s:%s", definition->project, definition->name));

	if (unfinished->part != PART_DOWN || definition->down.body || unfinished->done + unfinished->under_way == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_MIG_INTERRUPTED),
			 errmsg("migration \"%s:%s\" is half reverted, and has no down any more", definition->project, definition->name),
			 errhint("Leave its down as it was.  If the rest was undone by hand: SELECT migrate.resolve(%s, 'reverted', '<why>');  "
					 "if what was undone is there again: SELECT migrate.resolve(%s, 'restart', '<why>');", literal, literal)));
}

/* What stands stays as it was, and stands for whom it stood. */
static void
keep_what_stands(const Definition *definition, const Unfinished *unfinished)
{
	const char *body = unfinished->part == PART_DOWN ? definition->down.body : definition->up.body;
	FullName	full = {unconstify(char *, definition->project), unconstify(char *, definition->name)};
	const Migration *migration = ledger_read_migration(&full);

	keep_down(definition, unfinished);
	mig_apart_check_text(unfinished, body ? body : "");
	if (strcmp(ledger_kind_name(migration->kind), definition->kind) == 0 &&
		same_names(definition->project, &migration->replaces, definition->replaces))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_MIG_INTERRUPTED),
			 errmsg("migration \"%s:%s\" is half done, and its kind or what it replaces was changed",
					definition->project, definition->name),
			 errdetail("It is of kind \"%s\" and replaces %s.", ledger_kind_name(migration->kind), listed(&migration->replaces)),
			 errhint("Leave kind and replaces as they were.  If what stands was undone by hand: SELECT migrate.resolve(%s, 'restart', '<why>');",
					 quote_literal_cstr(psprintf("%s:%s", definition->project, definition->name)))));
}

static void
refuse_same_version(const Definition *definition)
{
	ListCell   *cell;

	if (definition->version == NULL || definition->requires != NULL ||
		mig_version_is_stamp(definition->version))
		return;
	foreach(cell, ledger_find_equal_version(definition->project, definition->version))
	{
		FullName   *full = lfirst(cell);
		Registered *other;
		int			n;

		if (strcmp(full->name, definition->name) == 0)
			continue;
		other = ledger_read_registered(full->project, full->name, &n);
		if (n == 0 || !other->linear || strcmp(other->kind, definition->kind) != 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CONFLICT),
				 errmsg("migrations \"%s\" and \"%s\" have the same version, %s", full->name,
						definition->name, definition->version),
				 errhint("Give one of them another version, or say what each requires.")));
	}
}

static void
store_texts(const Definition *definition)
{
	ledger_store_text(definition->project, definition->up.body, PART_UP, definition->up_checksum, true);
	if (definition->down.body)
		ledger_store_text(definition->project, definition->down.body, PART_DOWN, definition->down_checksum,
						  definition->down_problem == NULL);
	if (definition->verify.body)
		ledger_store_text(definition->project, definition->verify.body, PART_VERIFY, definition->verify_checksum,
						  definition->verify_problem == NULL);
}

/* Whoever blocks or replaces migrations of another project has to be an author there. */
static void
require_author_of(ArrayType *names)
{
	Datum	   *elements;
	int			n;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name = TextDatumGetCString(elements[i]);
		char	   *colon = strchr(name, ':');

		if (colon == NULL)
			continue;
		*colon = '\0';
		ledger_require("author", name);
	}
}

static void
write_registration(const Definition *definition, bool update)
{
	Decision	decision = {0};

	require_author_of(definition->conflicts);
	require_author_of(definition->replaces);
	store_texts(definition);
	if (update)
		ledger_update_definition(definition);
	else
		ledger_insert_definition(definition);
	ledger_note_definition(definition);
	decision.decision = update ? "updated" : "registered";
	decision.project = definition->project;
	decision.name = definition->name;
	decision.checksum = definition->up_checksum;
	ledger_write_decision(&decision);
}

const char *
mig_register(Definition *definition, const Registered *existing)
{
	Unfinished *unfinished;
	bool		astray;

	if (existing == NULL)
	{
		refuse_same_version(definition);
		write_registration(definition, false);
		return "registered";
	}
	unfinished = half_done(definition, existing);
	astray = is_astray(definition, existing, unfinished);
	if (!astray && mig_same_checksum(existing->hash, definition->hash))
		return "unchanged";
	if (!astray && !definition->force && ledger_knows_definition(definition))
		return "stale";
	if (is_frozen(existing, unfinished, definition->kind) && !mig_same_checksum(frozen_up(existing), definition->up_checksum))
	{
		keep_frozen_up(definition, frozen_up(existing));
		if (mig_same_checksum(existing->hash, definition->hash))
			return "unchanged";
	}
	if (unfinished)
		keep_what_stands(definition, unfinished);
	refuse_same_version(definition);
	write_registration(definition, true);
	return "updated";
}

static ArrayType *
names_or_empty(FunctionCallInfo fcinfo, int n, const char *name)
{
	return PG_ARGISNULL(n) ? construct_empty_array(TEXTOID) : mig_names_arg(fcinfo, n, name);
}

MIG_FUNCTION(mig_register_sql);

/*
 * migrate.register(name, up, down, verify, requires, conflicts, replaces,
 * project, version, kind, description, tags, options)
 */
static Datum
mig_register_sql_body(PG_FUNCTION_ARGS)
{
	Definition	definition = {0};
	Registered *existing;
	int			n;

	definition.name = mig_required_text(fcinfo, 0, "name");
	definition.up.body = mig_without_mark(mig_required_text(fcinfo, 1, "up"));
	definition.down.body = mig_without_mark(mig_optional_text(fcinfo, 2));
	definition.verify.body = mig_without_mark(mig_optional_text(fcinfo, 3));
	definition.up.line = definition.down.line = definition.verify.line = 1;
	definition.requires = mig_names_arg(fcinfo, 4, "requires");
	definition.conflicts = names_or_empty(fcinfo, 5, "conflicts");
	definition.replaces = names_or_empty(fcinfo, 6, "replaces");
	definition.project = mig_required_text(fcinfo, 7, "project");
	definition.version = mig_optional_text(fcinfo, 8);
	definition.kind = mig_required_text(fcinfo, 9, "kind");
	definition.description = mig_optional_text(fcinfo, 10);
	definition.tags = names_or_empty(fcinfo, 11, "tags");
	definition.options = PG_ARGISNULL(12) ?
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"))) : PG_GETARG_JSONB_P(12);
	if (definition.version == NULL && strcmp(definition.kind, "repeatable") != 0)
		definition.version = mig_version_from_name(definition.name);

	mig_deployer_refuse_inside("migrate.register");
	mig_refuse_read_only("migrate.register");
	ledger_require("author", definition.project);
	mig_definition_complete(&definition);
	mig_deployer_refuse_stale();
	ledger_lock_project(definition.project);
	existing = ledger_read_registered(definition.project, definition.name, &n);
	PG_RETURN_TEXT_P(cstring_to_text(mig_register(&definition, n ? existing : NULL)));
}

/* Raise unless the migration has never been applied. */
static void
refuse_applied(const Registered *registered, const FullName *full)
{
	const char *name = psprintf("%s:%s", full->project, full->name);
	const char *literal = quote_literal_cstr(name);

	if (registered->state && strcmp(registered->state, "interrupted") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("migration \"%s\" is half done and cannot be unregistered", name),
				 errhint("If nothing of it stands any more: SELECT migrate.resolve(%s, 'restart', '<why>');", literal)));
	if (registered->state && strcmp(registered->state, "failed") != 0 &&
		strcmp(registered->state, "pending") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("migration \"%s\" has been applied and cannot be unregistered", name),
				 errhint("Its history needs it.  To leave it out in future: SELECT migrate.hold(%s, '<why>');", literal)));
}

MIG_FUNCTION(mig_unregister);

/* migrate.unregister(name, project) */
static Datum
mig_unregister_body(PG_FUNCTION_ARGS)
{
	char	   *name = mig_required_text(fcinfo, 0, "name");
	FullName   *full;
	Registered *registered;
	Decision	decision = {0};
	int			n;

	mig_deployer_refuse_inside("migrate.unregister");
	mig_refuse_read_only("migrate.unregister");
	full = mig_resolve(name, mig_optional_text(fcinfo, 1));
	ledger_require("author", full->project);
	(void) mig_deployer_enter(false, mig_lock_wait);
	ledger_lock_project(full->project);
	registered = ledger_read_registered(full->project, full->name, &n);
	if (n == 0)
		PG_RETURN_VOID();
	refuse_applied(registered, full);
	decision.decision = "unregistered";
	decision.project = full->project;
	decision.name = full->name;
	decision.checksum = registered->up;
	ledger_write_decision(&decision);
	ledger_end_unfinished(full->project, full->name);
	ledger_delete_definition(full->project, full->name);
	PG_RETURN_VOID();
}

/* Registered definitions take the accepted text as if it had been there at first. */
static void
accept(const FullName *full, const char *up, const char *reason)
{
	SourceText	text = {unconstify(char *, up), NULL, 1};
	uint8		checksum[MIG_CHECKSUM_LENGTH];
	Decision	decision = {0};
	Definition *definition;

	(void) mig_script_read(up, PART_UP, NULL, 1);
	mig_checksum(up, checksum);
	decision.decision = "text_accepted";
	decision.project = full->project;
	decision.name = full->name;
	decision.checksum = mig_checksum_bytea(checksum);
	decision.reason = reason;
	ledger_store_text(full->project, text.body, PART_UP, decision.checksum, true);
	definition = ledger_read_definition(full->project, full->name);
	definition->up_checksum = decision.checksum;
	definition->hash = mig_definition_hash(definition);
	ledger_replace_up(full->project, full->name, decision.checksum, definition->hash);
	ledger_note_definition(definition);
	ledger_write_decision(&decision);
}

MIG_FUNCTION(mig_accept_text);

/* migrate.accept_text(name, up, reason, project) */
static Datum
mig_accept_text_body(PG_FUNCTION_ARGS)
{
	char	   *name = mig_required_text(fcinfo, 0, "name");
	char	   *up = mig_without_mark(mig_required_text(fcinfo, 1, "up"));
	char	   *reason = mig_reason(fcinfo, 2);
	FullName   *full;
	Registered *registered;
	Unfinished *unfinished;
	int			n;

	mig_deployer_refuse_inside("migrate.accept_text");
	mig_refuse_read_only("migrate.accept_text");
	full = mig_resolve(name, mig_optional_text(fcinfo, 3));
	ledger_require("administrator", full->project);
	(void) mig_deployer_enter(false, mig_lock_wait);
	ledger_lock_project(full->project);
	registered = ledger_read_registered(full->project, full->name, &n);
	if (n == 0 || !is_frozen(registered, NULL, registered->kind))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("migration \"%s\" is not applied, so its text may change", full->name),
				 errhint("SELECT migrate.register(%s, '<the new text>', project => '%s');",
						 quote_literal_cstr(full->name), full->project)));
	unfinished = ledger_unfinished(full->project, full->name);
	if (unfinished && unfinished->part == PART_UP)
		mig_apart_check_text(unfinished, up);
	accept(full, up, reason);
	PG_RETURN_VOID();
}
