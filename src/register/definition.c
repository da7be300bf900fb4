/*
 * definition.c
 *		Check what is said of a migration, and complete it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/attempt.h"
#include "common/errors.h"
#include "common/lines.h"
#include "common/names.h"
#include "mb/pg_wchar.h"
#include "register/register.h"
#include "common/options.h"
#include "script/checksum.h"
#include "script/version.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

void
mig_check_names(ArrayType *names, const char *argument)
{
	if (ARR_NDIM(names) > 1 || array_contains_nulls(names))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" must be a list of names without NULLs", argument)));
}

ArrayType *
mig_names_arg(FunctionCallInfo fcinfo, int arg, const char *argument)
{
	ArrayType  *array;
	Datum	   *elements;
	int			n;

	if (PG_ARGISNULL(arg))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	mig_check_names(array, argument);
	/* A slice has the bounds, and the bitmap for NULLs, of what it was cut from. */
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	return construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT);
}

static void
check_kind(const Definition *definition)
{
	const char *kind = definition->kind;

	if (strcmp(kind, "batch") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("migrations of kind \"batch\" are not supported in this version")));
	if (strcmp(kind, "versioned") != 0 && strcmp(kind, "repeatable") != 0 && strcmp(kind, "baseline") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("kind \"%s\" is not known", mig_clipped(kind)),
				 errhint("Kinds are \"versioned\", \"repeatable\" and \"baseline\".")));
	if (strcmp(kind, "baseline") == 0 && definition->version == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("baseline \"%s\" has no version", definition->name),
				 errhint("Give it one: version => '...'.")));
}

/* A syntax error belongs to this migration and part. */
typedef struct PartContext
{
	const char *name;
	ScriptPart	part;
} PartContext;

static void
part_context(void *arg)
{
	const PartContext *context = arg;

	errcontext("%s of migration \"%s\"", mig_part_name(context->part), context->name);
}

/* Neither a migration that must be one transaction nor a verify, which is rolled back, may commit in between. */
static void
refuse_top_level(const Definition *definition, const Script *script, const SourceText *text, ScriptPart part)
{
	MigrationOptions options;

	mig_migration_options_read(definition->options, &options);
	if (script->top_level == NULL || (part != PART_VERIFY && strcmp(options.transaction, "on") != 0))
		return;
	ereport(ERROR,
			(errcode(part == PART_VERIFY ? ERRCODE_MIG_CANNOT_RUN : ERRCODE_MIG_NEEDS_TOP_LEVEL),
			 errmsg("%s must run inside a transaction and cannot",
					part == PART_VERIFY ? "verify" : psprintf("migration \"%s\"", definition->name)),
			 errdetail("%s  %s: %s.", mig_place(text->path, script->top_level->line),
					   GetCommandTagName(script->top_level->tag), script->top_level->mode_reason),
			 part == PART_VERIFY ? 0 : errhint("Leave option \"transaction\" at \"auto\".")));
}

static Script *
read_part(const Definition *definition, const SourceText *text, ScriptPart part)
{
	PartContext context = {definition->name, part};
	ErrorContextCallback callback = {error_context_stack, part_context, &context};
	Script	   *script;

	error_context_stack = &callback;
	script = mig_script_read(text->body, part, text->path, text->line);
	error_context_stack = callback.previous;
	refuse_top_level(definition, script, text, part);
	return script;
}

/*
 * Why a down or verify cannot be run, or NULL.  That it cannot be one
 * transaction where its options want it to be is no reason but an error.
 * Reading a text does nothing that an abort would have to undo but change
 * settings, so an error in it can be caught without a subtransaction.
 */
static const char *
problem_of(const Definition *definition, const SourceText *text, ScriptPart part)
{
	MemoryContext context = CurrentMemoryContext;
	int			level = NewGUCNestLevel();
	char	   *volatile problem = NULL;

	PG_TRY();
	{
		(void) read_part(definition, text, part);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_MIG_NEEDS_TOP_LEVEL || mig_is_error_of_others(error->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		problem = error->context ?
			psprintf("%s (%s)", error->message, pnstrdup(error->context, strcspn(error->context, "\n"))) :
			error->message;
	}
	PG_END_TRY();
	AtEOXact_GUC(false, level);
	if (problem)
		ereport(WARNING,
				(errmsg("the %s of migration \"%s\" cannot be run: %s", mig_part_name(part),
						definition->name, problem)));
	return problem;
}

static bytea *
checksum_of(const char *text)
{
	uint8		checksum[MIG_CHECKSUM_LENGTH];

	mig_checksum(text, checksum);
	return mig_checksum_bytea(checksum);
}

/* "force" is asked of one call; what is kept of the options is the rest. */
static void
take_force(Definition *definition)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&definition->options->root, "force", 5, &value) == NULL)
		return;
	definition->force = value.val.boolean;
	definition->options = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(definition->options),
															 CStringGetTextDatum("force")));
}

void
mig_definition_complete(Definition *definition)
{
	mig_check_name(definition->name);
	mig_check_project(definition->project);
	check_kind(definition);
	(void) read_part(definition, &definition->up, PART_UP);
	take_force(definition);
	definition->up_checksum = checksum_of(definition->up.body);
	if (definition->down.body)
	{
		definition->down_problem = problem_of(definition, &definition->down, PART_DOWN);
		definition->down_checksum = checksum_of(definition->down.body);
	}
	if (definition->verify.body)
	{
		definition->verify_problem = problem_of(definition, &definition->verify, PART_VERIFY);
		definition->verify_checksum = checksum_of(definition->verify.body);
	}
	definition->hash = mig_definition_hash(definition);
}

/* Length and bytes of one field; -1 for what is not there. */
static void
add_field(StringInfo buffer, const void *data, int length)
{
	appendBinaryStringInfo(buffer, (char *) &length, sizeof(length));
	if (length > 0)
		appendBinaryStringInfo(buffer, data, length);
}

static void
add_string(StringInfo buffer, const char *string)
{
	add_field(buffer, string, string ? (int) strlen(string) : -1);
}

static void
add_varlena(StringInfo buffer, const void *value)
{
	add_field(buffer, value ? VARDATA_ANY(value) : NULL, value ? (int) VARSIZE_ANY_EXHDR(value) : -1);
}

static void
add_names(StringInfo buffer, ArrayType *names)
{
	Datum	   *elements;
	int			n = -1;

	if (names)
		deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	appendBinaryStringInfo(buffer, (char *) &n, sizeof(n));
	for (int i = 0; i < n; i++)
		add_string(buffer, TextDatumGetCString(elements[i]));
}

bytea *
mig_definition_hash(const Definition *definition)
{
	StringInfoData buffer;
	uint8		checksum[MIG_CHECKSUM_LENGTH];

	initStringInfo(&buffer);
	add_varlena(&buffer, definition->up_checksum);
	add_varlena(&buffer, definition->down_checksum);
	add_varlena(&buffer, definition->verify_checksum);
	add_string(&buffer, definition->version);
	add_string(&buffer, definition->kind);
	add_string(&buffer, definition->description);
	add_names(&buffer, definition->tags);
	add_names(&buffer, definition->requires);
	add_names(&buffer, definition->conflicts);
	add_names(&buffer, definition->replaces);
	add_string(&buffer, JsonbToCString(NULL, &definition->options->root, VARSIZE(definition->options)));
	mig_checksum_bytes(buffer.data, buffer.len, checksum);
	return mig_checksum_bytea(checksum);
}
