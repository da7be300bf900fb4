/*
 * options.c
 *		Options of a run and of a migration: read them, refuse what is not
 *		served.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/options.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

int			mig_lock_wait = 600000;

/* One key of an options object, by the callback that knows the keys. */
typedef bool (*OptionReader) (const char *key, JsonbValue *value, void *result);

static char *
string_of(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static void
raise_value(const char *key, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("value of option \"%s\" must be %s", key, wanted)));
}

static void
read_object(Jsonb *options, OptionReader reader, void *result, const char *known)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *key = NULL;

	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be a JSON object")));
	iterator = JsonbIteratorInit(&options->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = string_of(&value);
		else if (token == WJB_VALUE && !reader(key, &value, result))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is not known", key),
					 errhint("Known options are %s.", known)));
	}
}

/* A time in ms, as a number or as settings spell it ("2s"). */
static int
milliseconds(const char *key, const JsonbValue *value)
{
	int			result = -1;
	bool		fits = value->type == jbvNumeric || value->type == jbvString;
	char	   *text = NULL;

	if (value->type == jbvNumeric)
		text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	else if (value->type == jbvString)
		text = string_of(value);
	if (!fits || !parse_int(text, &result, GUC_UNIT_MS, NULL) || result < -1)
		raise_value(key, "a number of milliseconds, or a time with its unit (\"5s\")");
	return result;
}

static const char *
text_value(const char *key, const JsonbValue *value)
{
	if (value->type != jbvString)
		raise_value(key, "a string");
	return string_of(value);
}

/* An array of strings, as a list of char *. */
static List *
text_list(const char *key, const JsonbValue *value)
{
	List	   *result = NIL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		raise_value(key, "an array of strings");
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM && element.type == jbvString)
			result = lappend(result, string_of(&element));
		else if (token == WJB_ELEM)
			raise_value(key, "an array of strings");
	}
	return result;
}

static void
check_rules(List *rules)
{
	ListCell   *cell;

	foreach(cell, rules)
		if (strcmp(lfirst(cell), "drift") != 0 && strcmp(lfirst(cell), "held") != 0 &&
			strcmp(lfirst(cell), "out_of_order") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rule \"%s\" cannot be overridden", (char *) lfirst(cell)),
					 errhint("Rules are \"drift\", \"held\" and \"out_of_order\".")));
}

static bool
read_run_option(const char *key, JsonbValue *value, void *result)
{
	RunOptions *options = result;

	if (strcmp(key, "names") == 0)
		options->names = text_list(key, value);
	else if (strcmp(key, "lock_wait") == 0)
		options->lock_wait = milliseconds(key, value);
	else if (strcmp(key, "steps") == 0)
	{
		if (value->type != jbvNumeric ||
			(options->steps = DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value->val.numeric)))) < 1)
			raise_value(key, "a number from 1");
	}
	else if (strcmp(key, "override") == 0)
		check_rules(options->override = text_list(key, value));
	else if (strcmp(key, "labels") == 0)
	{
		if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
			raise_value(key, "an object");
	}
	else
		return false;
	return true;
}

void
mig_run_options_read(Jsonb *options, RunOptions *result)
{
	memset(result, 0, sizeof(RunOptions));
	result->lock_wait = mig_lock_wait;
	result->all = options;
	read_object(options, read_run_option, result,
				"\"labels\", \"lock_wait\", \"names\", \"override\", \"steps\"");
}

static void
read_transaction(MigrationOptions *options, const char *value)
{
	if (strcmp(value, "auto") != 0 && strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		raise_value("transaction", "\"auto\", \"on\" or \"off\"");
	options->transaction = value;
}

static bool
read_migration_option(const char *key, JsonbValue *value, void *result)
{
	MigrationOptions *options = result;

	if (strcmp(key, "transaction") == 0)
		read_transaction(options, text_value(key, value));
	else if (strcmp(key, "lock_timeout") == 0)
		options->lock_timeout = milliseconds(key, value);
	else if (strcmp(key, "lock_total") == 0)
		options->lock_total = milliseconds(key, value);
	else if (strcmp(key, "statement_timeout") == 0)
		options->statement_timeout = milliseconds(key, value);
	else if (strcmp(key, "search_path") == 0)
		options->search_path = unconstify(char *, text_value(key, value));
	else if (strcmp(key, "run_as") == 0)
		options->run_as = unconstify(char *, text_value(key, value));
	else if (strcmp(key, "force") == 0)
	{
		if (value->type != jbvBool)
			raise_value(key, "true or false");
	}
	else
		return false;
	return true;
}

void
mig_migration_options_read(Jsonb *options, MigrationOptions *result)
{
	memset(result, 0, sizeof(MigrationOptions));
	result->lock_timeout = result->statement_timeout = -1;
	result->lock_total = LOCK_TOTAL_NOT_GIVEN;
	result->transaction = "auto";
	read_object(options, read_migration_option, result,
				"\"force\", \"lock_timeout\", \"lock_total\", \"run_as\", \"search_path\", \"statement_timeout\", \"transaction\"");
}
