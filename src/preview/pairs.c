/*
 * pairs.c
 *		Which column of a table that is adrift is which of those that are expected.
 */
#include "postgres.h"

#include "preview/columns.h"
#include "utils/builtins.h"

/* ---- finding ---- */

/* But for how they are called, and their NOT NULLs. */
static bool
same_otherwise(const Column *a, const Column *b)
{
	static const char *const keys[] = {
		"default", "generated stored", "generated virtual", "identity", "inherited", "storage", "compression", "statistics", "options",
		"foreign options"
	};

	for (int i = 0; i < lengthof(keys); i++)
		if (!same_value(a->part, b->part, keys[i]))
			return false;
	return columns_same_type(a, b) && a->not_null == b->not_null;
}

/* Is there a column of either name on the other side, too? */
static bool
is_known(const List *from, const List *to, const Column *is, const Column *was)
{
	return column_named(to, is->name) != NULL || column_named(from, was->name) != NULL;
}

static List *
add_pair(List *pairs, const Column *from, const Column *to)
{
	ColumnPair *pair = palloc(sizeof(ColumnPair));

	pair->from = from;
	pair->to = to;
	return lappend(pairs, pair);
}

const Column *
paired_with(const List *pairs, const Column *to)
{
	ListCell   *cell;

	foreach(cell, pairs)
		if (((const ColumnPair *) lfirst(cell))->to == to)
			return ((const ColumnPair *) lfirst(cell))->from;
	return NULL;
}

List *
pair_places(const List *from, const List *to)
{
	List	   *pairs = NIL;

	for (int i = 0; i < Min(list_length(from), list_length(to)); i++)
		pairs = add_pair(pairs, list_nth(from, i), list_nth(to, i));
	return pairs;
}

/*
 * No column was dropped, and there are as many as are expected: each is where it was.
 * Another table that somebody has made under this name may look like that as well.
 */
static List *
pair_all(Proposal *p, const ObjectState *table, const List *from, const List *to)
{
	List	   *pairs = pair_places(from, to);
	ListCell   *cell;

	foreach(cell, pairs)
	{
		const ColumnPair *pair = lfirst(cell);

		if (strcmp(pair->from->name, pair->to->name) != 0 && is_known(from, to, pair->from, pair->to))
			doubt(p, "Column %s of %s is taken to be %s under another name, in whose place it is.", pair->from->name, table->identity, pair->to->name);
	}
	return pairs;
}

/*
 * By its name, or else at its place, behind which are those that were added, if it is
 * the same but for its name: one that came instead may be so, too.
 */
static const Column *
guess(Proposal *p, const ObjectState *table, const List *from, const List *to, int place)
{
	const Column *is = list_nth(from, place);
	const Column *named = column_named(to, is->name);
	const Column *was = list_length(from) >= list_length(to) && place < list_length(to) ? list_nth(to, place) : NULL;

	if (named || was == NULL || is_known(from, to, is, was) || !same_otherwise(is, was))
		return named;
	doubt(p, "Column %s of %s is taken to be %s under another name. If that was dropped, its values are lost, and those of %s are in its place.",
		  is->name, table->identity, was->name, is->name);
	return was;
}

static int
place_of(const List *columns, const Column *column)
{
	int			place = 0;

	while (list_nth(columns, place) != column)
		place++;
	return place;
}

/* Do all others stand on the same side of both? */
static bool
in_order(const List *pairs, const ColumnPair *pair, const List *to, const Column *other)
{
	int			place = place_of(to, other);
	bool		behind = false;
	ListCell   *cell;

	foreach(cell, pairs)
	{
		const ColumnPair *with = lfirst(cell);

		if (with == pair)
			behind = true;
		else if (with->to && (place_of(to, with->to) > place) != behind)
			return false;
	}
	return true;
}

/* One that has its name may have got that from the one that is missing now, unless none was dropped before it. */
static void
doubt_names(Proposal *p, const ObjectState *table, const List *pairs, int n_certain, const List *to, const Column *missing)
{
	for (int i = n_certain; i < list_length(pairs); i++)
	{
		const ColumnPair *pair = list_nth(pairs, i);

		if (pair->to && strcmp(pair->from->name, pair->to->name) == 0 && columns_same_type(pair->from, missing) && in_order(pairs, pair, to, missing))
			doubt(p, "Column %s of %s is taken to be the one that is expected under this name. It may be %s, if the other one was dropped.",
				  pair->to->name, table->identity, missing->name);
	}
}

List *
pair_columns(Proposal *p, const ObjectState *from_state, const ObjectState *to_state, const List *to)
{
	List	   *from = columns_of(from_state);
	List	   *pairs = NIL;
	const ListCell *cell;

	if (from_state->keeps_places && list_length(from) == list_length(to))
		return pair_all(p, to_state, from, to);
	for (int i = 0; i < list_length(from); i++)
	{
		const Column *is = list_nth(from, i);
		const Column *was = guess(p, to_state, from, to, i);

		pairs = add_pair(pairs, is, was);
		if (was == NULL && from_state->keeps_places && i < list_length(to))
			doubt(p, "Column %s of %s may be %s under another name, in whose place it is.", is->name, to_state->identity,
				  ((const Column *) list_nth(to, i))->name);
	}
	foreach(cell, to)
		if (paired_with(pairs, lfirst(cell)) == NULL)
			doubt_names(p, to_state, pairs, from_state->n_in_place, to, lfirst(cell));
	return pairs;
}

/* ---- renaming ---- */

typedef struct Renaming
{
	const char *is;
	const char *to;
} Renaming;

static bool
is_taken(const List *renamings, const char *name)
{
	ListCell   *cell;

	foreach(cell, renamings)
		if (strcmp(((const Renaming *) lfirst(cell))->is, name) == 0)
			return true;
	return false;
}

/* A name that no column has now, or is to have. */
static const char *
name_between(const List *pairs)
{
	for (int n = 1;; n++)
	{
		const char *name = psprintf("renamed_%d", n);
		bool		is_free = true;
		ListCell   *cell;

		foreach(cell, pairs)
		{
			const ColumnPair *pair = lfirst(cell);

			is_free = is_free && strcmp(pair->from->name, name) != 0 && (pair->to == NULL || strcmp(pair->to->name, name) != 0);
		}
		if (is_free)
			return name;
	}
}

/* Those whose new name is free; what is left are circles. */
static List *
rename_free(Proposal *p, const char *prefix, List *renamings)
{
	List	   *left = NIL;
	ListCell   *cell;

	foreach(cell, renamings)
	{
		const Renaming *renaming = lfirst(cell);

		if (is_taken(renamings, renaming->to))
			left = lappend(left, lfirst(cell));
		else
			put(p, "%s %s TO %s", prefix, renaming->is, renaming->to);
	}
	return left;
}

void
put_renames(Proposal *p, const char *prefix, const List *pairs)
{
	List	   *renamings = NIL;
	ListCell   *cell;

	foreach(cell, pairs)
	{
		const ColumnPair *pair = lfirst(cell);
		Renaming   *renaming;

		if (pair->to == NULL || strcmp(pair->from->name, pair->to->name) == 0)
			continue;
		renaming = palloc(sizeof(Renaming));
		renaming->is = pair->from->name;
		renaming->to = pair->to->name;
		renamings = lappend(renamings, renaming);
	}
	while (renamings != NIL)
	{
		List	   *left = rename_free(p, prefix, renamings);

		if (list_length(left) == list_length(renamings))
		{
			Renaming   *first = linitial(left);
			const char *between = name_between(pairs);

			put(p, "%s %s TO %s", prefix, first->is, between);
			first->is = between;
		}
		renamings = left;
	}
}
