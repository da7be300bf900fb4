/*
 * prove.c
 *		Run a proposal in a subtransaction, as the caller, and compare what is there
 *		then with what is expected.
 *
 * What is proven is right; what goes wrong on the way is the reason why there is
 * no proposal.
 */
#include "postgres.h"

#include "access/xact.h"
#include "capture/capture.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "preview/prove.h"
#include "run/deployer.h"
#include "run/run.h"
#include "schema/state.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

/* ---- running ---- */

/* As for a statement of a client: with a snapshot that sees what the ones before it did. */
static void
run_statement(const char *sql)
{
	SPIExecuteOptions options = {0};
	int			code;

	CHECK_FOR_INTERRUPTS();
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	code = SPI_execute_extended(sql, &options);
	PopActiveSnapshot();
	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(code));
}

/* SPI says so itself, but for errors that have a place in the statement. */
static void
tell_statement(void *arg)
{
	if (getinternalerrposition() > 0)
		errcontext("SQL statement \"%s\"", *(const char **) arg);
}

static void
run_all(const List *statements)
{
	const char *sql = "";
	ErrorContextCallback callback = {error_context_stack, tell_statement, &sql};
	ListCell   *cell;

	error_context_stack = &callback;
	mig_deployer_inside(true);
	SPI_connect();
	foreach(cell, statements)
	{
		sql = lfirst(cell);
		run_statement(sql);
	}
	SPI_finish();
	mig_deployer_inside(false);
	CommandCounterIncrement();
	error_context_stack = callback.previous;
}

static bool
makes_routine(const char *sql)
{
	return strncmp(sql, "CREATE FUNCTION ", 16) == 0 || strncmp(sql, "CREATE PROCEDURE ", 17) == 0 ||
		strncmp(sql, "CREATE OR REPLACE FUNCTION ", 27) == 0 || strncmp(sql, "CREATE OR REPLACE PROCEDURE ", 28) == 0;
}

/*
 * x IN ('a', 'b') with an x of type varchar is kept as an array that is cast, but
 * when that is read again each of its elements is.  Without the cast, which the
 * operator asks for anyway, it is as it was.
 */
#define CAST_ARRAY " ANY ((ARRAY["
#define ARRAY_CAST "])::text[])"

static char *
without_array_casts(char *sql)
{
	StringInfoData text;
	char	   *begin;
	char	   *end;

	if (makes_routine(sql) || strstr(sql, CAST_ARRAY) == NULL)
		return sql;
	initStringInfo(&text);
	while ((begin = strstr(sql, CAST_ARRAY)) != NULL && (end = strstr(begin, ARRAY_CAST)) != NULL)
	{
		appendBinaryStringInfo(&text, sql, begin - sql);
		begin += strlen(CAST_ARRAY);
		appendStringInfo(&text, " ANY (ARRAY[%.*s])", (int) (end - begin), begin);
		sql = end + strlen(ARRAY_CAST);
	}
	appendStringInfoString(&text, sql);
	return text.data;
}

/* Where the session has others, it would make another thing of the same text. */
static List *
with_settings(List *statements)
{
	static const char *const settings[][3] = {
		{"default_table_access_method", "heap", "heap"}, {"default_tablespace", "", "''"}
	};

	for (int i = 0; i < lengthof(settings); i++)
		if (strcmp(GetConfigOption(settings[i][0], false, false), settings[i][1]) != 0)
			statements = lcons(psprintf("SET LOCAL %s = %s", settings[i][0], settings[i][2]), statements);
	return statements;
}

/* Names are read as they were written, and bodies not before what they need is there. */
static void
finish_proposal(Proposal *p)
{
	bool		only_drops = true;
	bool		has_routine = false;
	ListCell   *cell;

	foreach(cell, p->statements)
	{
		char	   *sql = without_array_casts(lfirst(cell));

		lfirst(cell) = sql;
		only_drops = only_drops && strncmp(sql, "DROP ", 5) == 0;
		has_routine = has_routine || makes_routine(sql);
	}
	if (has_routine)
		p->statements = lcons("SET LOCAL check_function_bodies = off", p->statements);
	if (!only_drops)
		p->statements = lcons("SET LOCAL search_path = ''", with_settings(p->statements));
}

static const ObjectState *
is_of(const Adrift *target)
{
	return target->is ? target->is : target->moved ? target->moved->is : NULL;
}

static const ObjectState *
should_of(const Adrift *target)
{
	return target->should ? target->should : target->moved ? target->moved->should : NULL;
}

static Proposal *
make_proposal(const AllAdrift *adrift, const Adrift *target, bool anew)
{
	Proposal   *p = palloc0(sizeof(Proposal));
	int			level = NewGUCNestLevel();

	p->anew = anew;
	p->others = adrift->should;
	/* Names and types are written and looked up here. */
	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	mig_propose(p, is_of(target), should_of(target));
	AtEOXact_GUC(false, level);
	if (p->statements == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("no SQL can be made for %s %s", mig_adrift_name(target)->object_type, mig_adrift_name(target)->identity),
				 errdetail("No statement changes what is different.")));
	finish_proposal(p);
	return p;
}

/* With the settings that a migration has. */
static void
run_proposal(const Proposal *p)
{
	MigrationOptions options = {-1, LOCK_TOTAL_NOT_GIVEN, -1};
	int			level = mig_guard_enter(&options);

	run_all(p->statements);
	mig_guard_leave(level);
}

/* ---- comparing ---- */

static char *
definition_text(const ObjectState *state)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, state->parts)
		appendStringInfoString(&text, ((const StoredPart *) lfirst(cell))->text);
	return text.data;
}

char *
mig_state_diff(const char *from_name, const ObjectState *from, const char *to_name, const ObjectState *to)
{
	StringInfoData diff;

	initStringInfo(&diff);
	mig_diff(&diff, from_name, from ? definition_text(from) : NULL, to_name, to ? definition_text(to) : NULL);
	return diff.data;
}

pg_noreturn static void
not_the_same(const Adrift *target, const Adrift *still)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the SQL that was made for %s %s does not bring it back", mig_adrift_name(target)->object_type, mig_adrift_name(target)->identity),
			 errdetail_internal("%s", still->problem ? still->problem :
								mig_state_diff("expected", still->should, "after it", still->is))));
}

pg_noreturn static void
not_alone(const Adrift *target, const char *does, const Adrift *other)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the SQL that was made for %s %s %s %s %s, too", mig_adrift_name(target)->object_type,
					mig_adrift_name(target)->identity, does, mig_adrift_name(other)->object_type, mig_adrift_name(other)->identity)));
}

static bool
holds_data(const Adrift *adrift)
{
	const char *type = mig_adrift_name(adrift)->object_type;

	return strcmp(type, "table") == 0 || strcmp(type, "sequence") == 0;
}

/* Of what is expected under a name that something else has nothing is adrift when it is gone. */
static void
check_expected_stay(const AllAdrift *before, const Adrift *target)
{
	ListCell   *cell;

	foreach(cell, before->list)
	{
		const Adrift *was = lfirst(cell);

		if (was->expected_as && holds_data(was) && getObjectIdentity(&was->object->address, true) == NULL)
			not_alone(target, "drops", was);
	}
}

static void
compare(const AllAdrift *before, const Adrift *target, const AllAdrift *after)
{
	const Adrift *still = mig_adrift_find(after, target->key);
	ListCell   *cell;

	if (still == NULL && target->moved)
		still = mig_adrift_find(after, target->moved->key);
	if (still)
		not_the_same(target, still);
	foreach(cell, after->list)
	{
		const Adrift *other = lfirst(cell);
		const Adrift *was = mig_adrift_find(before, other->key);

		/* What was adrift is called otherwise where that in which it is gets its name back. */
		if (was == NULL && other->object)
			was = mig_adrift_at(before, &other->object->address);
		if (was == NULL || (other->problem && was->problem == NULL))
			not_alone(target, "changes", other);
		/* A partition or a sequence goes with what somebody has made it a part of. */
		if (other->is == NULL && (was->should && was->is))
			not_alone(target, "drops", was);
		/* Under another name, too. */
		if (other->is == NULL && other->moved == NULL && was->moved)
			not_alone(target, "drops", was->moved);
	}
	check_expected_stay(before, target);
}

/* ---- one try ---- */

typedef struct Try
{
	const AllAdrift *adrift;
	const Adrift *target;
	bool		anew;
	bool		keep;
	bool		compares;
	Proof	   *proof;
} Try;

static void
propose_and_compare(void *arg)
{
	Try		   *try = arg;

	try->proof->proposal = make_proposal(try->adrift, try->target, try->anew);
	run_proposal(try->proof->proposal);
	if (try->compares)
	{
		try->proof->after = mig_adrift_read();
		compare(try->adrift, try->target, try->proof->after);
	}
}

static ErrorData *
try_proposal(Try *try)
{
	return mig_attempt_statements(propose_and_compare, try, try->keep);
}

/* In place if that is possible, else made anew; anew: the other way round. */
static ErrorData *
try_both(Try *try)
{
	ErrorData  *error = try_proposal(try);
	ErrorData  *second;

	if (error == NULL || is_of(try->target) == NULL || should_of(try->target) == NULL)
		return error;
	try->anew = !try->anew;
	second = try_proposal(try);
	if (second == NULL)
		return NULL;
	/* What the server says tells more than that there is no statement for it. */
	return error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED && second->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED ? second : error;
}

/* ---- what is refused ---- */

static bool
mentions(const ObjectState *state, const char *identity)
{
	ListCell   *cell;

	foreach(cell, state ? state->parts : NIL)
		if (strstr(((const StoredPart *) lfirst(cell))->text, identity))
			return true;
	return state && strstr(state->identity, identity);
}

/* What is adrift as well and has to do with it, at most so many. */
#define MOST_HINTS 5

static char *
hint_of(const AllAdrift *adrift, const Adrift *target)
{
	const ObjectState *name = mig_adrift_name(target);
	StringInfoData text;
	int			n = 0;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, adrift->list)
	{
		const Adrift *other = lfirst(cell);
		const ObjectState *other_name = mig_adrift_name(other);

		if (other == target || n == MOST_HINTS ||
			!(mentions(other->is, name->identity) || mentions(other->should, name->identity) ||
			  mentions(target->is, other_name->identity) || mentions(target->should, other_name->identity)))
			continue;
		appendStringInfo(&text, "%sSELECT migrate.propose_revert(%s, %s);", n++ ? "\n" : "Perhaps one of these comes first:\n",
						 quote_literal_cstr(other_name->identity), quote_literal_cstr(other_name->object_type));
	}
	appendStringInfo(&text, "%sTo take over what is there: SELECT migrate.accept_drift(%s, '<why>', %s);", n ? "\n" : "",
					 quote_literal_cstr(name->identity), quote_literal_cstr(name->object_type));
	return text.data;
}

/* What others have changed since they were read a proof takes for what the SQL has done. */
static void
refuse_for_others(const AllAdrift *adrift, const Adrift *target, const ErrorData *error)
{
	LedgerLook	seen = adrift->seen;

	if (error->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED || ledger_look_again(&seen) == NIL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("%s %s cannot be brought back: others have changed the schema meanwhile",
					mig_adrift_name(target)->object_type, mig_adrift_name(target)->identity),
			 errdetail("Together with what they did %s.", error->message),
			 errhint("Try again.")));
}

static char *
hint_for(const AllAdrift *adrift, const Adrift *target, const ErrorData *error)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return psprintf("It takes the rights that the statements need:  GRANT <owner> TO %s;",
							quote_identifier(GetUserNameFromId(GetUserId(), false)));
		case ERRCODE_LOCK_NOT_AVAILABLE:
			return "Try again when nobody holds it:\n"
				"SELECT pid, relation::regclass, mode FROM pg_locks WHERE granted AND pid <> pg_backend_pid() ORDER BY 2, 1;";
		default:
			return hint_of(adrift, target);
	}
}

pg_noreturn static void
refuse(const AllAdrift *adrift, const Adrift *target, const ErrorData *error)
{
	const ObjectState *name = mig_adrift_name(target);

	refuse_for_others(adrift, target, error);
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg("%s %s cannot be brought back: %s", name->object_type, name->identity, error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 errhint("%s", hint_for(adrift, target, error)),
			 error->context ? errcontext("%s", error->context) : 0));
}

/* What holds data that is expected is not dropped since something else has its name. */
static void
refuse_expected(const Adrift *target)
{
	const ObjectState *name = mig_adrift_name(target);

	if (target->expected_as == NULL || !holds_data(target))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s %s cannot be brought back: it is what is expected as %s, and something else is called that now",
					name->object_type, name->identity, target->expected_as),
			 errhint("Rename both, or drop what is not needed. To take over what is there: SELECT migrate.accept_drift(%s, '<why>', %s);",
					 quote_literal_cstr(name->identity), quote_literal_cstr(name->object_type))));
}

void
mig_prove(const AllAdrift *adrift, const Adrift *target, bool keep, Proof *proof)
{
	Try			try = {adrift, target, false, keep, true, proof};
	ErrorData  *error;

	if (target->problem)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("could not look at %s %s: %s", mig_adrift_name(target)->object_type, mig_adrift_name(target)->identity, target->problem)));
	refuse_expected(target);
	error = try_both(&try);
	if (error)
		refuse(adrift, target, error);
}

/* ---- several ---- */

/* Does one more round of those that are left; how many could be changed. */
static int
bring_back_some(HTAB *keys, bool anew, int *left)
{
	AllAdrift  *adrift = mig_adrift_read();
	const Adrift *failed = NULL;
	ErrorData  *failure = NULL;
	int			done = 0;
	ListCell   *cell;

	*left = 0;
	foreach(cell, adrift->list)
	{
		const Adrift *target = lfirst(cell);
		Proof		proof = {0};
		Try			try = {adrift, target, anew, true, false, &proof};
		ErrorData  *error;

		if (hash_search(keys, target->key, HASH_FIND, NULL) == NULL || (target->should == NULL && target->moved))
			continue;
		(*left)++;
		error = try_both(&try);
		if (error == NULL)
			done++;
		else if (failure == NULL)
		{
			failure = error;
			failed = target;
		}
	}
	if (*left > 0 && done == 0)
		refuse(adrift, failed, failure);
	return done;
}

/*
 * What stands in the way of one goes before it, so whatever can be done is done,
 * until nothing is left.  Something that is changed and is still not as expected
 * is tried a few times, every second one made anew.
 */
void
mig_bring_back(HTAB *keys)
{
	int			left;

	for (int round = 0; round <= hash_get_num_entries(keys) + 1; round++)
	{
		(void) bring_back_some(keys, round % 2 == 1, &left);
		if (left == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("what the statements have changed cannot be brought back to what is expected")));
}
