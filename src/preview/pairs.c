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

/* The one that a column is taken to have been before: at the same place, and but for its name the same. */
static const Column *
former_self(const List *from, const List *to, int place)
{
	const Column *is = list_nth(from, place);
	const Column *was = list_length(from) == list_length(to) ? list_nth(to, place) : NULL;

	if (was == NULL || column_named(to, is->name) || column_named(from, was->name))
		return NULL;
	return same_otherwise(is, was) ? was : NULL;
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
 * A column keeps its place until one before it is dropped.  Behind that it is told by
 * its name, and else by what it is like, which one that came instead may be as well.
 */
List *
pair_columns(Proposal *p, const ObjectState *from_state, const ObjectState *to_state, const List *to)
{
	List	   *from = columns_of(from_state);
	List	   *pairs = NIL;

	for (int i = 0; i < list_length(from); i++)
	{
		const Column *is = list_nth(from, i);
		const Column *was = i < from_state->n_in_place ? (i < list_length(to) ? list_nth(to, i) : NULL) : column_named(to, is->name);

		if (was == NULL && i >= from_state->n_in_place && (was = former_self(from, to, i)) != NULL)
			doubt(p, "Column %s of %s is taken to be %s under another name. If that was dropped, its values are lost, and those of %s are in its place.",
				  is->name, to_state->identity, was->name, is->name);
		pairs = add_pair(pairs, is, was && paired_with(pairs, was) == NULL ? was : NULL);
	}
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
