/*
 * script.c
 *		Split a text into statements with the server's own parser.
 */
#include "postgres.h"

#include "common/errors.h"
#include "common/lines.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "script/psql.h"
#include "script/script.h"
#include "tcop/utility.h"
#include "utils/guc.h"

/* What the error callback needs to say where the parser stopped. */
typedef struct ParsePlace
{
	const char *text;
	const char *clean;			/* the same as the parser reads it, with blanks for COPY's data */
	const char *path;
	int			first_line;
} ParsePlace;

const char *
mig_part_name(ScriptPart part)
{
	static const char *const names[] = {"up", "down", "verify"};

	return names[part];
}

void
mig_script_pin_settings(GucAction action)
{
	static const char *const pins[][2] = {
		{"standard_conforming_strings", "on"},
		{"backslash_quote", "safe_encoding"},
		{"escape_string_warning", "on"}
	};

	for (int i = 0; i < lengthof(pins); i++)
		(void) set_config_option(pins[i][0], pins[i][1],
								 PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
}

/* Byte offset of the character with this number, from 1. */
static int
byte_offset(const char *text, int character)
{
	int			offset = 0;

	while (--character > 0 && text[offset] != '\0')
		offset += pg_mblen(text + offset);
	return offset;
}

/*
 * A position that the parser reports counts the characters of what it reads,
 * which the client has not sent as a statement of its own: turn it into a line
 * of the file and a position within that line.
 */
static void
parse_error_callback(void *arg)
{
	ParsePlace *place = arg;
	int			position = geterrposition();
	int			offset;
	char	   *line;

	if (position <= 0)
		return;
	offset = byte_offset(place->clean, position);
	line = mig_excerpt(place->text, offset, &position);
	errposition(0);
	internalerrposition(position);
	internalerrquery(line);
	if (place->path)
		errcontext("line %d of %s",
				   place->first_line + mig_line_of(place->text, offset) - 1, place->path);
	else
		errcontext("line %d", place->first_line + mig_line_of(place->text, offset) - 1);
}

/* Where the body of a routine only seems to have ended, what follows it may have been taken for data. */
static void
give_data(ScriptStatement *stmt, const ParsePlace *place, const CopyData *data)
{
	const CopyStmt *copy = (const CopyStmt *) stmt->raw->stmt;

	if (!IsA(copy, CopyStmt) || !copy->is_from || copy->is_program || copy->filename)
		ereport(ERROR,
				(errcode(ERRCODE_MIG_CANNOT_RUN),
				 errmsg("data of COPY inside of another statement"),
				 errdetail("%s", mig_place(place->path, stmt->line)),
				 errhint("Make COPY ... FROM stdin a statement of its own.")));
	stmt->copy_data = place->text + data->start;
	stmt->copy_length = data->length;
}

/* The pieces of the whole text, each with its own text, number and line. */
static List *
split(const ParsePlace *place, List *copies)
{
	const char *text = place->text;
	const char *clean = place->clean;
	List	   *result = NIL;
	ListCell   *cell;
	ListCell   *copy_cell = list_head(copies);
	int			counted = 0;
	int			line = place->first_line;

	foreach(cell, raw_parser(clean, RAW_PARSE_DEFAULT))
	{
		RawStmt    *raw = lfirst_node(RawStmt, cell);
		ScriptStatement *stmt = palloc0(sizeof(ScriptStatement));
		int			start = mig_skip_blank(clean, raw->stmt_location);
		int			end = raw->stmt_len ? raw->stmt_location + raw->stmt_len :
			start + strlen(clean + start);

		CHECK_FOR_INTERRUPTS();
		line += mig_line_of(text + counted, start - counted) - 1;
		counted = start;
		stmt->raw = raw;
		stmt->number = list_length(result) + 1;
		stmt->line = line;
		while (copy_cell && ((CopyData *) lfirst(copy_cell))->statement_end < start)
			copy_cell = lnext(copies, copy_cell);
		if (copy_cell && ((CopyData *) lfirst(copy_cell))->statement_end <= end)
			give_data(stmt, place, lfirst(copy_cell));
		while (end > start && strchr(" \t\r\n\f", clean[end - 1]))
			end--;
		stmt->sql = pnstrdup(clean + start, end - start);
		result = lappend(result, stmt);
	}
	return result;
}

/* The transaction command that stmt is, or -1. */
static int
transaction_kind(const ScriptStatement *stmt)
{
	TransactionStmt *transaction = (TransactionStmt *) stmt->raw->stmt;

	return IsA(transaction, TransactionStmt) ? (int) transaction->kind : -1;
}

/* Does a BEGIN ask for what a transaction that has begun cannot give? */
static bool
has_transaction_modes(const ScriptStatement *stmt)
{
	return ((TransactionStmt *) stmt->raw->stmt)->options != NIL;
}

static bool
is_outer_begin(const ScriptStatement *stmt)
{
	int			kind = transaction_kind(stmt);

	return (kind == TRANS_STMT_BEGIN || kind == TRANS_STMT_START) &&
		!has_transaction_modes(stmt);
}

static bool
is_outer_end(const ScriptStatement *stmt, ScriptPart part)
{
	int			kind = transaction_kind(stmt);

	if (kind < 0 || ((TransactionStmt *) stmt->raw->stmt)->chain)
		return false;
	return kind == TRANS_STMT_COMMIT ||
		(kind == TRANS_STMT_ROLLBACK && part == PART_VERIFY);
}

/*
 * Take off a BEGIN ... COMMIT around everything, as many files carry it: the
 * migration is a transaction anyway.  SETs may stand before it, and a ROLLBACK
 * behind the COMMIT (which does nothing there) goes with it.  A verify script
 * may end in ROLLBACK, which is what happens to it.  Was there one?
 */
static bool
strip_outer_transaction(List **stripped, ScriptPart part)
{
	List	   *statements = *stripped;
	int			first = 0;
	int			last = list_length(statements) - 1;

	while (first <= last &&
		   IsA(((ScriptStatement *) list_nth(statements, first))->raw->stmt, VariableSetStmt))
		first++;
	while (last > first &&
		   transaction_kind(list_nth(statements, last)) == TRANS_STMT_ROLLBACK &&
		   transaction_kind(list_nth(statements, last - 1)) == TRANS_STMT_COMMIT)
		last--;
	if (first >= last ||
		!is_outer_begin(list_nth(statements, first)) ||
		!is_outer_end(list_nth(statements, last), part))
		return false;
	*stripped = list_delete_nth_cell(list_truncate(statements, last), first);
	return true;
}

Script *
mig_script_read(const char *text, ScriptPart part, const char *path, int first_line)
{
	Script	   *script = palloc0(sizeof(Script));
	ParsePlace	place = {text, text, path, first_line};
	ErrorContextCallback callback = {error_context_stack, parse_error_callback, &place};
	int			level = NewGUCNestLevel();
	List	   *copies;
	ListCell   *cell;

	mig_script_pin_settings(GUC_ACTION_SAVE);
	error_context_stack = &callback;
	mig_psql_strip(text, path, first_line, &place.clean, &copies);
	script->statements = split(&place, copies);
	script->block = strip_outer_transaction(&script->statements, part);
	error_context_stack = callback.previous;

	foreach(cell, script->statements)
	{
		ScriptStatement *stmt = lfirst(cell);
		const char *reason = mig_forbidden(stmt->raw);

		stmt->number = ++script->nstatements;
		if (reason)
			ereport(ERROR,
					(errcode(ERRCODE_MIG_CANNOT_RUN),
					 errmsg("%s cannot be part of a migration",
							GetCommandTagName(CreateCommandTag(stmt->raw->stmt))),
					 errdetail("%s  %s", mig_place(path, stmt->line), reason),
					 errhint("Remove the statement.")));
		mig_classify(stmt);
		if (stmt->mode == MODE_TOP_LEVEL && script->top_level == NULL)
			script->top_level = stmt;
	}
	AtEOXact_GUC(false, level);
	return script;
}
