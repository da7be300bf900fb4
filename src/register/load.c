/*
 * load.c
 *		Register a whole set of files.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/lines.h"
#include "common/name_table.h"
#include "common/names.h"
#include "common/readonly.h"
#include "common/rows.h"
#include "fmgr.h"
#include "funcapi.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "register/files.h"
#include "register/register.h"
#include "run/deployer.h"
#include "script/layouts/layouts.h"
#include "script/version.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* The migrations of one project that are registered already, by name. */
typedef struct Shelf
{
	char		project[64];	/* hash key */
	HTAB	   *by_name;
	int			n;
	Registered *registered;
	bool		used;			/* the set has migrations of this project */
} Shelf;

typedef struct ShelfEntry
{
	const char *name;			/* hash key */
	Registered *registered;
	bool		seen;			/* in the set that is loaded */
} ShelfEntry;

/* One call of load. */
typedef struct Load
{
	ReturnSetInfo *result;
	const char *project;
	bool		prune;
	bool		asked_to_deploy;	/* whether to prune was tried */
	bool		deploys;		/* and no run is under way */
	HTAB	   *shelves;
} Load;

static HTAB *
names_table(const Shelf *shelf)
{
	HTAB	   *table = mig_name_table("registered migrations", shelf->n, sizeof(ShelfEntry));

	for (int i = 0; i < shelf->n; i++)
	{
		char	   *name = shelf->registered[i].name;
		ShelfEntry *entry = hash_search(table, &name, HASH_ENTER, NULL);

		entry->registered = &shelf->registered[i];
		entry->seen = false;
	}
	return table;
}

/* Lock a project and read what it has, once. */
static Shelf *
shelf_of(Load *load, const char *project)
{
	char		key[64] = {0};
	bool		found;
	Shelf	   *shelf;

	mig_check_project(project);
	strlcpy(key, project, sizeof(key));
	shelf = hash_search(load->shelves, key, HASH_ENTER, &found);
	if (found)
		return shelf;
	ledger_require("author", project);
	mig_deployer_refuse_stale();
	ledger_lock_project(project);
	shelf->registered = ledger_read_registered(project, NULL, &shelf->n);
	shelf->by_name = names_table(shelf);
	shelf->used = false;
	return shelf;
}

static ArrayType *
names_of(List *names)
{
	Datum	   *elements = palloc(Max(list_length(names), 1) * sizeof(Datum));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, names)
		elements[n++] = CStringGetTextDatum((char *) lfirst(cell));
	return construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Options that the files give in their own ways, as one object. */
static Jsonb *
options_of(const SourceMigration *source)
{
	const char *given = source->options ? source->options : "{}";
	Jsonb	   *options = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(given)));
	Datum		transaction;

	if (source->transaction == NULL)
		return options;
	transaction = DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{\"transaction\": \"%s\"}", source->transaction)));
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, transaction, JsonbPGetDatum(options)));
}

static void
define(const Load *load, const SourceMigration *source, Definition *definition)
{
	memset(definition, 0, sizeof(Definition));
	definition->project = source->project ? source->project : load->project;
	definition->name = source->name;
	definition->version = source->version ? source->version :
		source->unversioned || strcmp(source->kind, "repeatable") == 0 ? NULL : mig_version_from_name(source->name);
	definition->kind = source->kind;
	definition->description = source->description;
	definition->tags = names_of(source->tags);
	definition->requires = source->has_requires ? names_of(source->requires) : NULL;
	definition->conflicts = names_of(source->conflicts);
	definition->replaces = names_of(source->replaces);
	definition->options = options_of(source);
	definition->up = source->up;
	definition->down = source->down;
	definition->verify = source->verify;
}

static void
add_row(Load *load, const char *name, const char *action, const char *version, const char *path)
{
	MigRow		row;

	mig_row_begin(&row);
	mig_row_text(&row, name);
	mig_row_text(&row, action);
	mig_row_text(&row, version);
	mig_row_text(&row, path);
	mig_row_put(&row, load->result);
}

/* Errors name the file, whatever they are about. */
static void
file_context(void *arg)
{
	const SourceMigration *source = arg;

	errcontext("file \"%s\"", source->up.path ? source->up.path : source->name);
}

static void
load_one(Load *load, SourceMigration *source)
{
	ErrorContextCallback callback = {error_context_stack, file_context, source};
	Definition	definition;
	Shelf	   *shelf;
	ShelfEntry *entry;
	const char *action;
	bool		found;

	error_context_stack = &callback;
	define(load, source, &definition);
	shelf = shelf_of(load, definition.project);
	shelf->used = true;
	mig_definition_complete(&definition);
	entry = hash_search(shelf->by_name, &definition.name, HASH_ENTER, &found);
	if (found && entry->seen)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CONFLICT),
				 errmsg("two files give migration \"%s\"", definition.name)));
	action = mig_register(&definition, found ? entry->registered : NULL);
	entry->name = definition.name;
	entry->seen = true;
	error_context_stack = callback.previous;
	add_row(load, definition.name, action, definition.version, source->up.path);
}

/* As it is now, with no run under way that could apply it. */
static bool
never_applied(const char *project, const char *name)
{
	int			n;
	Registered *registered = ledger_read_registered(project, name, &n);

	return n > 0 && (registered->state == NULL || strcmp(registered->state, "failed") == 0 ||
					 strcmp(registered->state, "pending") == 0);
}

/* Not while a run is under way: it may be about to apply what is absent. */
static bool
may_prune(Load *load)
{
	if (!load->asked_to_deploy)
	{
		load->asked_to_deploy = true;
		load->deploys = mig_deployer_try();
		if (!load->deploys)
			ereport(NOTICE,
					(errmsg("nothing is pruned while a run is under way"),
					 errhint("Load the set again when it has ended.")));
	}
	return load->deploys;
}

/* What is registered and not in the set: told, and with prune taken away. */
static void
report_absent_of(Load *load, const Shelf *shelf)
{
	for (int i = 0; i < shelf->n; i++)
	{
		Registered *registered = &shelf->registered[i];
		ShelfEntry *entry = hash_search(shelf->by_name, &registered->name, HASH_FIND, NULL);
		bool		pruned;

		if (entry->seen)
			continue;
		pruned = load->prune && may_prune(load) && never_applied(shelf->project, registered->name);
		if (pruned)
		{
			Decision	decision = {0};

			decision.decision = "unregistered";
			decision.project = shelf->project;
			decision.name = registered->name;
			decision.checksum = registered->up;
			decision.reason = "absent from the set that was loaded";
			ledger_write_decision(&decision);
			ledger_delete_definition(shelf->project, registered->name);
		}
		add_row(load, registered->name, pruned ? "pruned" : "absent", registered->version, NULL);
	}
}

/* In each project that the set is about. */
static void
report_absent(Load *load)
{
	HASH_SEQ_STATUS shelves;
	Shelf	   *shelf;

	hash_seq_init(&shelves, load->shelves);
	while ((shelf = hash_seq_search(&shelves)) != NULL)
		if (shelf->used)
			report_absent_of(load, shelf);
}

static void
load_files(FunctionCallInfo fcinfo, SourceFile *files, int n, int layout_arg)
{
	Load		load = {0};
	HASHCTL		control = {0};
	const char *layout = PG_ARGISNULL(layout_arg) ? "auto" : text_to_cstring(PG_GETARG_TEXT_PP(layout_arg));
	const char *used;
	MemoryContext context;
	MemoryContext outer;
	List	   *migrations;
	ListCell   *cell;

	load.project = PG_ARGISNULL(layout_arg + 1) ? "default" : text_to_cstring(PG_GETARG_TEXT_PP(layout_arg + 1));
	load.prune = !PG_ARGISNULL(layout_arg + 2) && PG_GETARG_BOOL(layout_arg + 2);
	mig_deployer_refuse_inside("migrate.load");
	mig_refuse_read_only("migrate.load");
	ledger_require("author", load.project);
	load.result = mig_rows_begin(fcinfo);
	for (int i = 0; i < n; i++)
		mig_check_path(files[i].path);
	control.keysize = 64;
	control.entrysize = sizeof(Shelf);
	control.hcxt = CurrentMemoryContext;
	load.shelves = hash_create("projects", 8, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	migrations = mig_layout_read(files, n, layout, &used);
	context = AllocSetContextCreate(CurrentMemoryContext, "migration file", ALLOCSET_DEFAULT_SIZES);
	foreach(cell, migrations)
	{
		CHECK_FOR_INTERRUPTS();
		(void) shelf_of(&load, ((SourceMigration *) lfirst(cell))->project ?
						((SourceMigration *) lfirst(cell))->project : load.project);
		outer = MemoryContextSwitchTo(context);
		load_one(&load, lfirst(cell));
		MemoryContextSwitchTo(outer);
		MemoryContextReset(context);
	}
	report_absent(&load);
}

static Datum *
text_elements(FunctionCallInfo fcinfo, int arg, const char *name, int *n)
{
	ArrayType  *array;
	Datum	   *elements;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" cannot be NULL", name)));
	array = PG_GETARG_ARRAYTYPE_P(arg);
	mig_check_names(array, name);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, n);
	return elements;
}

MIG_FUNCTION(mig_load);

/* migrate.load(paths, contents, layout, project, prune) */
static Datum
mig_load_body(PG_FUNCTION_ARGS)
{
	int			npaths;
	int			ncontents;
	Datum	   *paths = text_elements(fcinfo, 0, "paths", &npaths);
	Datum	   *contents = text_elements(fcinfo, 1, "contents", &ncontents);
	SourceFile *files;

	if (npaths != ncontents)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("there are %d paths and %d contents", npaths, ncontents)));
	files = palloc(Max(npaths, 1) * sizeof(SourceFile));
	for (int i = 0; i < npaths; i++)
	{
		files[i].path = TextDatumGetCString(paths[i]);
		files[i].content = mig_without_mark(TextDatumGetCString(contents[i]));
	}
	load_files(fcinfo, files, npaths, 2);
	return (Datum) 0;
}

/* Add one key and its value of the object that load_json takes. */
static void
add_json_file(SourceFile *file, const JsonbValue *key, const JsonbValue *value)
{
	file->path = pnstrdup(key->val.string.val, key->val.string.len);
	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("content of file \"%s\" must be a string", file->path)));
	file->content = mig_without_mark(pnstrdup(value->val.string.val, value->val.string.len));
}

MIG_FUNCTION(mig_load_json);

/* migrate.load_json(files, layout, project, prune) */
static Datum
mig_load_json_body(PG_FUNCTION_ARGS)
{
	Jsonb	   *object;
	SourceFile *files;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	JsonbValue	key = {0};
	int			n = 0;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"files\" cannot be NULL")));
	object = PG_GETARG_JSONB_P(0);
	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("files must be an object of paths and contents"),
				 errhint("SELECT * FROM migrate.load_json('{\"0001_a.sql\": \"CREATE TABLE a ()\"}');")));
	files = palloc(Max(JB_ROOT_COUNT(object), 1) * sizeof(SourceFile));
	iterator = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = value;
		else if (token == WJB_VALUE)
			add_json_file(&files[n++], &key, &value);
	}
	load_files(fcinfo, files, n, 1);
	return (Datum) 0;
}

MIG_FUNCTION(mig_load_directory);

/* migrate.load_directory(directory, layout, project, prune) */
static Datum
mig_load_directory_body(PG_FUNCTION_ARGS)
{
	SourceFile *files;
	int			n;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"directory\" cannot be NULL")));
	files = mig_read_directory(text_to_cstring(PG_GETARG_TEXT_PP(0)),
							   PG_ARGISNULL(1) ? "auto" : text_to_cstring(PG_GETARG_TEXT_PP(1)), &n);
	for (int i = 0; i < n; i++)
		files[i].content = mig_without_mark(unconstify(char *, files[i].content));
	load_files(fcinfo, files, n, 1);
	return (Datum) 0;
}
