/*
 * explain.c
 *		Captured statements that explain a difference.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/plain_names.h"
#include "ledger/expected.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* ---- what is looked for ---- */

/* One element of each array for each name that a statement may have been about. */
typedef struct Wanted
{
	Datum	   *drifts;
	Datum	   *ties;
	Datum	   *types;
	bool	   *any_type;
	Datum	   *names;
	Datum	   *since;
	Datum	   *keys;
	int			n;
} Wanted;

/* Longer identities are compared as far as this. */
#define IDENTITY_BYTES 512

/* An entry for the identity of what is adrift. */
typedef struct Adrift
{
	char		identity[IDENTITY_BYTES];
	int			number;
} Adrift;

static HTAB *
table_of(const List *drifts)
{
	HASHCTL		control = {.keysize = IDENTITY_BYTES, .entrysize = sizeof(Adrift), .hcxt = CurrentMemoryContext};
	HTAB	   *result = hash_create("what is adrift", list_length(drifts) + 1, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);

	for (int i = 0; i < list_length(drifts); i++)
	{
		Adrift	   *entry = hash_search(result, ((const Drift *) list_nth(drifts, i))->identity, HASH_ENTER, NULL);

		entry->number = i;
	}
	return result;
}

static void
want(Wanted *wanted, int number, const Drift *drift, const DriftName *name)
{
	int			n = wanted->n++;

	wanted->drifts[n] = Int32GetDatum(number);
	wanted->ties[n] = Int32GetDatum(name->tie);
	wanted->any_type[n] = name->object_type == NULL;
	wanted->types[n] = name->object_type ? CStringGetTextDatum(name->object_type) : (Datum) 0;
	wanted->names[n] = CStringGetTextDatum(name->identity);
	wanted->since[n] = Int64GetDatum(drift->since);
	wanted->keys[n] = PointerGetDatum(hash_bytea(drift->key));
}

static Wanted
wanted_of(const List *drifts, HTAB *adrift)
{
	Wanted		result = {0};
	int			size = 1;
	int			number = 0;
	ListCell   *cell;
	ListCell   *name_cell;

	foreach(cell, drifts)
		size += list_length(((const Drift *) lfirst(cell))->names);
	result.drifts = palloc(size * sizeof(Datum));
	result.ties = palloc(size * sizeof(Datum));
	result.types = palloc(size * sizeof(Datum));
	result.any_type = palloc(size * sizeof(bool));
	result.names = palloc(size * sizeof(Datum));
	result.since = palloc(size * sizeof(Datum));
	result.keys = palloc(size * sizeof(Datum));
	foreach(cell, drifts)
	{
		foreach(name_cell, ((const Drift *) lfirst(cell))->names)
		{
			const DriftName *name = lfirst(name_cell);

			/* What is as it should be has not changed what mentions it. */
			if (name->tie != TIE_MENTIONED || hash_search(adrift, name->identity, HASH_FIND, NULL))
				want(&result, number, lfirst(cell), name);
		}
		number++;
	}
	return result;
}

static ArrayType *
text_array(Datum *values, bool *nulls, int n)
{
	int			lower = 1;

	return construct_md_array(values, nulls, 1, &n, &lower, TEXTOID, -1, false, TYPALIGN_INT);
}

/* ---- what is found ---- */

/* A captured statement; those it was about follow each other. */
typedef struct Captured
{
	int64		id;
	char	   *role;
	TimestampTz at;
	char	   *text;
} Captured;

typedef struct Found
{
	bool		closely;		/* by what was done to it itself */
	bool		made;			/* that has made it, or removed it */
	const Captured *last;
	Datum	   *ids;
	int			n;
} Found;

typedef struct Explaining
{
	const List *drifts;
	HTAB	   *adrift;			/* of Adrift */
	Found	   *founds;			/* of each drift */
	const StatementReader *reader;
	MemoryContext context;		/* of what was read last */
	const Captured *read;
	List	   *statements;		/* that are in it */
} Explaining;

static const Drift *
drift_at(const Explaining *explaining, int number)
{
	return list_nth(explaining->drifts, number);
}

static const List *
statements_in(Explaining *explaining, const Captured *captured)
{
	if (explaining->read != captured)
	{
		MemoryContext before;

		MemoryContextReset(explaining->context);
		before = MemoryContextSwitchTo(explaining->context);
		explaining->statements = explaining->reader->read(captured->text);
		explaining->read = captured;
		MemoryContextSwitchTo(before);
	}
	return explaining->statements;
}

static bool
may_explain(Explaining *explaining, int number, DriftTie tie, const Captured *captured)
{
	return explaining->reader->may_have(drift_at(explaining, number), tie, statements_in(explaining, captured));
}

/* What was done to it otherwise explains what it is, and not why it is there, or not. */
static bool
is_beside(Explaining *explaining, int number, const char *action, const Captured *captured)
{
	const Drift *drift = drift_at(explaining, number);
	Found	   *found = &explaining->founds[number];

	if (DRIFT_IS_CHANGED(drift) || (found->made && DRIFT_IS_ADDED(drift) && !drift->is_in_part))
		return false;
	found->made = strcmp(action, "create") == 0 || strcmp(action, "drop") == 0 || explaining->reader->may_make(drift, statements_in(explaining, captured));
	return !found->made;
}

/* Rows come in the order of their numbers: the last is the latest. */
static void
add_statement(Found *found, bool closely, const Captured *captured)
{
	if (closely && !found->closely)
		found->n = 0;
	found->closely = closely;
	if (found->n > 0 && DatumGetInt64(found->ids[found->n - 1]) == captured->id)
		return;
	found->last = captured;
	found->ids = found->ids ? repalloc(found->ids, (found->n + 1) * sizeof(Datum)) : palloc(sizeof(Datum));
	found->ids[found->n++] = Int64GetDatum(captured->id);
}

/*
 * What was done before an object was made is not why it is there, and what was
 * done to it otherwise not why it is gone.
 */
static bool
may_be_why(const Drift *drift, const char *action, Found *found)
{
	bool		made = strcmp(action, "create") == 0;
	bool		dropped = strcmp(action, "drop") == 0;

	if (DRIFT_IS_CHANGED(drift) || !(made || dropped))
		return !drift->is_gone;
	found->n = 0;
	found->closely = false;
	found->made = false;
	return DRIFT_IS_ADDED(drift) ? made : dropped;
}

/* The same again, with nothing between that may have undone it. */
static bool
is_repeated(Explaining *explaining, int number, bool closely, const Captured *captured)
{
	const Found *found = &explaining->founds[number];

	return found->n > 0 && found->closely == closely && found->last != captured && strcmp(found->last->text, captured->text) == 0 &&
		explaining->reader->repeats_nothing(drift_at(explaining, number), captured->text, statements_in(explaining, captured));
}

/* That which a row is of: the last one, or the next. */
static const Captured *
captured_in(LedgerRow *row, const Captured *last)
{
	int64		id = row_int8(row);
	Captured   *captured;

	if (last && last->id == id)
		return last;
	captured = palloc(sizeof(Captured));
	captured->id = id;
	captured->role = row_name(row);
	captured->at = row_time(row);
	captured->text = row_text(row);
	return captured;
}

/* A row of the query below. */
static const Captured *
take_row(LedgerRow *row, Explaining *explaining, const Captured *last)
{
	int			number = row_int4(row);
	DriftTie	tie = row_int4(row);
	char	   *name = row_text(row);
	char	   *action = row_text(row);
	const Captured *captured = captured_in(row, last);
	const Drift *drift = drift_at(explaining, number);
	Found	   *found = &explaining->founds[number];
	bool		closely = tie <= TIE_RENAMED_ROLE;

	if (tie == TIE_OWN && strcmp(name, drift->identity) == 0 && !may_be_why(drift, action, found))
		return captured;
	if ((found->closely && !closely) || (closely && is_beside(explaining, number, action, captured)))
		return captured;
	if (may_explain(explaining, number, tie, captured) && !is_repeated(explaining, number, closely, captured))
		add_statement(found, closely, captured);
	return captured;
}

/* Something that it is a part of, or mentions, has been removed by a statement that is known. */
static bool
take_over(Explaining *explaining, int number)
{
	ListCell   *cell;

	foreach(cell, drift_at(explaining, number)->names)
	{
		const Adrift *entry = hash_search(explaining->adrift, ((const DriftName *) lfirst(cell))->identity, HASH_FIND, NULL);
		const Found *other = entry ? &explaining->founds[entry->number] : NULL;

		if (other && other->n > 0 && DRIFT_IS_REMOVED(drift_at(explaining, entry->number)) &&
			may_explain(explaining, number, TIE_MENTIONED, other->last))
		{
			add_statement(&explaining->founds[number], false, other->last);
			return true;
		}
	}
	return false;
}

/* DROP ... CASCADE names only some of what goes: from one to the next, until nothing more is explained. */
static void
take_over_all(Explaining *explaining)
{
	bool		more = true;

	while (more)
	{
		more = false;
		for (int i = 0; i < list_length(explaining->drifts); i++)
			if (explaining->founds[i].n == 0 && take_over(explaining, i))
				more = true;
	}
}

static Explanation *
explanations_of(const Explaining *explaining)
{
	int			n = list_length(explaining->drifts);
	Explanation *result = palloc0((n + 1) * sizeof(Explanation));

	for (int i = 0; i < n; i++)
	{
		const Found *found = &explaining->founds[i];

		if (found->n == 0)
			continue;
		result[i].changed_by = found->last->role;
		result[i].changed_at = found->last->at;
		result[i].ids = construct_array(found->ids, found->n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	}
	return result;
}

/*
 * The statements that were about an object itself, or if there are none those
 * that may have changed it by changing another one.  One pass over what was
 * captured since the oldest of what is expected here.  Statements of migrations
 * explain nothing, nor do our own: what they did is expected.  Neither do those that had been seen
 * when the object was as expected: by the last look before a run, or in a copy of
 * the database, which has had none, when a run began.  A column stands for its
 * table.
 */
Explanation *
ledger_explain(const List *drifts, const StatementReader *reader)
{
	static LedgerQuery query = {
		"SELECT DISTINCT ON (d.id, w.drift, w.tie, w.name, o.action)"
		" w.drift, w.tie, w.name, o.action, d.id, d.session_role, d.logged_at, d.statement"
		" FROM migrate.log_ddl d CROSS JOIN LATERAL (SELECT o OPERATOR(pg_catalog.->>) 'object_type' AS object_type,"
		" CASE WHEN (o OPERATOR(pg_catalog.->>) 'object_type') OPERATOR(pg_catalog.~~) '%column'"
		" THEN 'alter' ELSE o OPERATOR(pg_catalog.->>) 'action' END AS action,"
		" CASE WHEN (o OPERATOR(pg_catalog.->>) 'object_type') OPERATOR(pg_catalog.~~) '%column'"
		" THEN pg_catalog.regexp_replace(o OPERATOR(pg_catalog.->>) 'identity', '[.](\"([^\"]|\"\")*\"|[^.\"]*)$', '')"
		" ELSE o OPERATOR(pg_catalog.->>) 'identity' END AS identity"
		" FROM pg_catalog.jsonb_array_elements(d.objects) o) o"
		" JOIN ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5),"
		" pg_catalog.unnest($6)) w (drift, tie, object_type, name, since, key)"
		" ON w.name OPERATOR(pg_catalog.=) o.identity AND d.id OPERATOR(pg_catalog.>) w.since"
		" AND (w.object_type IS NULL OR w.object_type OPERATOR(pg_catalog.=) o.object_type)"
		" LEFT JOIN migrate.adrift a ON a.key OPERATOR(pg_catalog.=) w.key LEFT JOIN migrate.looks l ON l.place OPERATOR(pg_catalog.=) $7"
		" WHERE d.origin OPERATOR(pg_catalog.<>) ALL (ARRAY['migration', 'extension'])"
		" AND d.id OPERATOR(pg_catalog.>) (SELECT pg_catalog.min(s) FROM pg_catalog.unnest($5) s)"
		" AND COALESCE(pg_catalog.pg_visible_in_snapshot(d.transaction_id, CASE WHEN l.place IS NULL THEN NULL WHEN a.key IS NULL THEN l.seen ELSE a.seen END),"
		" d.logged_at OPERATOR(pg_catalog.<) CASE WHEN a.key IS NULL THEN (SELECT pg_catalog.max(r.started_at) FROM migrate.log_runs r) ELSE a.looked_at END)"
		" IS NOT TRUE"
		" ORDER BY d.id, w.drift, w.tie, w.name, o.action"
	};
	Explaining	explaining = {.drifts = drifts, .adrift = table_of(drifts), .reader = reader};
	Wanted		wanted = wanted_of(drifts, explaining.adrift);
	const Captured *last = NULL;
	LedgerArgs	args = {0};
	LedgerScope scope;
	int			names;
	uint64		n;

	explaining.founds = palloc0((list_length(drifts) + 1) * sizeof(Found));
	if (wanted.n == 0)
		return explanations_of(&explaining);
	ledger_enter(&scope);
	names = mig_plain_names_begin();
	explaining.context = AllocSetContextCreate(CurrentMemoryContext, "captured statement", ALLOCSET_DEFAULT_SIZES);
	arg_array(&args, INT4ARRAYOID, construct_array(wanted.drifts, wanted.n, INT4OID, 4, true, TYPALIGN_INT));
	arg_array(&args, INT4ARRAYOID, construct_array(wanted.ties, wanted.n, INT4OID, 4, true, TYPALIGN_INT));
	arg_array(&args, TEXTARRAYOID, text_array(wanted.types, wanted.any_type, wanted.n));
	arg_array(&args, TEXTARRAYOID, text_array(wanted.names, NULL, wanted.n));
	arg_array(&args, INT8ARRAYOID, construct_array(wanted.since, wanted.n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arg_array(&args, BYTEAARRAYOID, construct_array(wanted.keys, wanted.n, BYTEAOID, -1, false, TYPALIGN_INT));
	arg_int8(&args, ledger_place());
	n = ledger_run(&query, &args);
	for (uint64 i = 0; i < n; i++)
	{
		LedgerRow	row;

		CHECK_FOR_INTERRUPTS();
		row_begin(&row, i);
		last = take_row(&row, &explaining, last);
	}
	take_over_all(&explaining);
	MemoryContextDelete(explaining.context);
	mig_plain_names_end(names);
	ledger_leave(&scope);
	return explanations_of(&explaining);
}
