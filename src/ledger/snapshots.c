/*
 * snapshots.c
 *		Definitions of objects, kept once, and states of the schema made of them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/compat.h"
#include "ledger/expected.h"
#include "ledger/query.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* ---- definitions ---- */

/* "kind, length of the name, length of the text", in characters, then both. */
static char *
encode(const List *parts)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, parts)
	{
		const StoredPart *part = lfirst(cell);

		appendStringInfo(&text, "%s, %d, %d\n%s%s", part->kind, pg_mbstrlen(part->name), pg_mbstrlen(part->text),
						 part->name, part->text);
	}
	return text.data;
}

/* So many characters of a text, which then is what follows. */
static char *
take(const char **text, int characters)
{
	int			bytes = pg_mbcharcliplen(*text, strlen(*text), characters);
	char	   *result = pnstrdup(*text, bytes);

	*text += bytes;
	return result;
}

static List *
decode(const char *text)
{
	List	   *parts = NIL;

	while (*text != '\0')
	{
		StoredPart *part = palloc(sizeof(StoredPart));
		const char *comma = strchr(text, ',');
		int			name_length;
		int			text_length;
		int			header;

		if (comma == NULL || sscanf(comma, ", %d, %d%n", &name_length, &text_length, &header) != 2)
			elog(ERROR, "definition in the ledger cannot be read");
		part->kind = pnstrdup(text, comma - text);
		text = comma + header + 1;
		part->name = take(&text, name_length);
		part->text = take(&text, text_length);
		parts = lappend(parts, part);
	}
	return parts;
}

void
ledger_put_definitions(const List *definitions)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.object_definitions (fingerprint, parts)"
		" SELECT u.* FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) u ON CONFLICT DO NOTHING"
	};
	int			n = list_length(definitions);
	Datum	   *fingerprints = palloc((n + 1) * sizeof(Datum));
	Datum	   *texts = palloc((n + 1) * sizeof(Datum));
	LedgerArgs	args = {0};
	LedgerScope scope;
	ListCell   *cell;

	if (n == 0)
		return;
	foreach(cell, definitions)
	{
		const StoredDefinition *definition = lfirst(cell);

		fingerprints[foreach_current_index(cell)] = PointerGetDatum(hash_bytea(definition->fingerprint));
		texts[foreach_current_index(cell)] = CStringGetTextDatum(encode(definition->parts));
	}
	ledger_enter(&scope);
	arg_array(&args, BYTEAARRAYOID, construct_array(fingerprints, n, BYTEAOID, -1, false, TYPALIGN_INT));
	arg_array(&args, TEXTARRAYOID, construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

List *
ledger_definition(const uint8 *fingerprint)
{
	static LedgerQuery query = {
		"SELECT parts FROM migrate.object_definitions WHERE fingerprint OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	LedgerRow	row;
	List	   *parts;

	ledger_enter(&scope);
	arg_hash(&args, fingerprint);
	if (ledger_run(&query, &args) == 0)
		elog(ERROR, "definition is not in the ledger");
	row_begin(&row, 0);
	parts = decode(row_text(&row));
	ledger_leave(&scope);
	return parts;
}

/* ---- snapshots ---- */

bool
ledger_put_snapshot(const char *label)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.snapshots (label, server_major, taken_by, taken_at)"
		" VALUES ($1, $2, $3, pg_catalog.clock_timestamp()) ON CONFLICT DO NOTHING"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		new;

	ledger_enter(&scope);
	arg_text(&args, label);
	arg_int4(&args, MIG_SERVER_MAJOR);
	arg_name(&args, scope.role_name);
	new = ledger_run(&query, &args) > 0;
	ledger_leave(&scope);
	return new;
}

void
ledger_put_snapshot_object(const char *label, const StateRow *state)
{
	static LedgerQuery query = {
		"INSERT INTO migrate.snapshot_objects (label, key, object_type, identity, fingerprint) VALUES ($1, $2, $3, $4, $5)"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;

	ledger_enter(&scope);
	arg_text(&args, label);
	arg_hash(&args, state->key);
	arg_text(&args, state->object_type);
	arg_text(&args, state->identity);
	arg_hash(&args, state->fingerprint);
	ledger_run(&query, &args);
	ledger_leave(&scope);
}

bool
ledger_has_snapshot(const char *label)
{
	static LedgerQuery query = {
		"SELECT FROM migrate.snapshots WHERE label OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	bool		found;

	ledger_enter(&scope);
	arg_text(&args, label);
	found = ledger_run(&query, &args) > 0;
	ledger_leave(&scope);
	return found;
}

void
ledger_each_in_snapshot(const char *label, StateRowFunction function, void *arg)
{
	static LedgerQuery query = {
		"SELECT key, object_type, identity, fingerprint FROM migrate.snapshot_objects WHERE label OPERATOR(pg_catalog.=) $1"
	};
	LedgerArgs	args = {0};
	LedgerScope scope;
	uint64		n;

	ledger_enter(&scope);
	arg_text(&args, label);
	n = ledger_run(&query, &args);
	for (uint64 i = 0; i < n; i++)
	{
		LedgerRow	row;
		StateRow	state;

		row_begin(&row, i);
		(void) row_hash(&row, state.key);
		state.object_type = row_text(&row);
		state.identity = row_text(&row);
		state.exists = row_hash(&row, state.fingerprint);
		function(&state, arg);
	}
	ledger_leave(&scope);
}
