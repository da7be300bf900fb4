/*
 * sequences.c
 *		Sequences: on their own, of columns, and behind identity columns.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "preview/propose_private.h"
#include "utils/builtins.h"

/* The column that it belongs to, or NULL; how: "owned by" or "identity of". */
static char *
column_of(const ObjectState *sequence, const char *how)
{
	return value_of(find_part(sequence, "owned by", ""), how);
}

const ObjectState *
identity_sequence(const Proposal *p, const ObjectState *table, const char *column)
{
	char	   *identity = psprintf("%s.%s", table->identity, column);
	ListCell   *cell;

	foreach(cell, p->others)
	{
		const ObjectState *other = lfirst(cell);
		const char *of = strcmp(other->object_type, "sequence") == 0 ? column_of(other, "identity of") : NULL;

		if (of && strcmp(of, identity) == 0)
			return other;
	}
	return NULL;
}

char *
sequence_options(const ObjectState *sequence, bool with_name)
{
	StringInfoData text;

	initStringInfo(&text);
	if (with_name)
		appendStringInfo(&text, "SEQUENCE NAME %s ", sequence->identity);
	else
		appendStringInfo(&text, "AS %s ", defined(sequence, "type"));
	appendStringInfo(&text, "START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s",
					 defined(sequence, "start"), defined(sequence, "increment"), defined(sequence, "minimum"),
					 defined(sequence, "maximum"), defined(sequence, "cache"), defined(sequence, "cycle") ? " CYCLE" : " NO CYCLE");
	return text.data;
}

static void
create_bare(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE %sSEQUENCE %s %s", defined(to, "unlogged") ? "UNLOGGED " : "", to->identity, sequence_options(to, false));
}

static void
own(Proposal *p, const ObjectState *to)
{
	const char *column = column_of(to, "owned by");

	put(p, "ALTER SEQUENCE %s OWNED BY %s", to->identity, column ? column : "NONE");
}

static void
refuse_identity(const ObjectState *to)
{
	const char *column = column_of(to, "identity of");
	char	   *relation;
	char	   *name;

	if (column == NULL)
		return;
	split_column(column, &relation, &name);
	cannot(to, "It comes with the identity of column %s of %s.", name, relation);
}

static void
create_sequence(Proposal *p, const ObjectState *to)
{
	refuse_identity(to);
	create_bare(p, to);
	if (column_of(to, "owned by"))
		own(p, to);
}

static void
change_sequence(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	static const char *const options[] = {"type", "start", "increment", "minimum", "maximum", "cache", "cycle"};
	bool		other = false;

	for (int i = 0; i < lengthof(options); i++)
		other = other || !same_defined(from, to, options[i]);
	if (!same_value(find_part(from, "owned by", ""), find_part(to, "owned by", ""), "identity of"))
		cannot(to, "It belongs to an identity column in one state and does not in the other.");
	if (other)
		put(p, "ALTER SEQUENCE %s %s", to->identity, sequence_options(to, false));
	if (!same_defined(from, to, "unlogged"))
		put(p, "ALTER SEQUENCE %s SET %s", to->identity, defined(to, "unlogged") ? "UNLOGGED" : "LOGGED");
	if (!same_value(find_part(from, "owned by", ""), find_part(to, "owned by", ""), "owned by"))
		own(p, to);
}

/* ---- with the table that they belong to ---- */

static List *
owned_sequences(const Proposal *p, const ObjectState *table)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, p->others)
	{
		const ObjectState *other = lfirst(cell);
		const char *column = strcmp(other->object_type, "sequence") == 0 ? column_of(other, "owned by") : NULL;
		char	   *relation;
		char	   *name;

		if (column == NULL)
			continue;
		split_column(column, &relation, &name);
		if (strcmp(relation, table->identity) == 0)
			result = lappend(result, unconstify(ObjectState *, other));
	}
	return result;
}

void
create_owned_sequences(Proposal *p, const ObjectState *table)
{
	ListCell   *cell;

	foreach(cell, owned_sequences(p, table))
	{
		const ObjectState *sequence = lfirst(cell);

		if (sequence->exists)
			continue;
		create_bare(p, sequence);
		change_remarks(p, &sequence_class, sequence->identity, NULL, sequence);
	}
}

void
own_sequences(Proposal *p, const ObjectState *table)
{
	ListCell   *cell;

	foreach(cell, owned_sequences(p, table))
		own(p, lfirst(cell));
}

const ProposalClass sequence_class = {
	"sequence", "SEQUENCE", "SEQUENCE", "The position", NULL, create_sequence, change_sequence, NULL
};
