/*
 * endings.c
 *		What the name of a file says of it: of which migration it is, and
 *		whether the up, the down or the verify.
 */
#include "postgres.h"

#include "common/errors.h"
#include "miscadmin.h"
#include "script/layouts/layouts_private.h"
#include "script/script.h"

#define PARTS 3

/*
 * How names end.  The first row counts in any set.  With the others people end
 * names of plain files as well: a set has one if it has both files of a
 * migration in it.
 */
static const char *const endings[][PARTS] = {
	{".up", ".down", ".verify"},
	{"-up", "-down"},			/* db-migrate */
	{"_up", "_down"},
	{"", ".rollback"}			/* yoyo */
};

/* How names that are no such pair say that they are downs. */
static const char *const downs[] = {"down", "downs", "downgrade", "revert", "rollback", "rollbacks", "undo"};

/* Part that such an ending of a stem tells, or -1. */
static int
part_by_ending(const char *const *ending, const char *stem)
{
	for (int part = 0; part < PARTS; part++)
		if (ending[part] && ending[part][0] && layout_ends_with(stem, ending[part]) &&
			strlen(stem) > strlen(ending[part]))
			return part;
	return -1;
}

int
layout_ending(const char *path)
{
	return part_by_ending(endings[0], layout_stem(path));
}

static char *
without_end(const char *stem, int length)
{
	return pnstrdup(stem, strlen(stem) - length);
}

/* ---- which pieces ---- */

/* A stem without its ending of a row that tells this part, with the row before it; NULL if it has another. */
static char *
key_by_ending(int row, int part, const char *stem)
{
	const char *ending = endings[row][part];

	if (ending[0] != '\0' && part_by_ending(endings[row], stem) != part)
		return NULL;
	return psprintf("%d %s", row, without_end(stem, strlen(ending)));
}

/* Which rows of endings does a set have? */
static void
find_endings(const SourceSet *set, bool *has)
{
	HTAB	   *ups = names_create(set->n * lengthof(endings));

	has[0] = true;
	for (int part = PART_UP; part <= PART_DOWN; part++)
		for (int i = 0; i < set->n; i++)
			for (int row = 1; row < lengthof(endings); row++)
			{
				char	   *key = key_by_ending(row, part, layout_stem(set->files[i].path));

				if (key && part == PART_UP)
					names_add(ups, key, key);
				else if (key && names_find(ups, key))
					has[row] = true;
			}
}

/*
 * postgrator has the part behind the number, as in 001.do.what and 001.undo.
 * Returns it, and the stem without it, or -1.
 */
static int
part_behind_number(const char *stem, char **name)
{
	static const char *const words[] = {".do", ".undo"};
	int			digits = strspn(stem, "0123456789");

	for (int part = 0; digits > 0 && part < lengthof(words); part++)
	{
		const char *behind = stem + digits + strlen(words[part]);

		if (pg_strncasecmp(stem + digits, words[part], strlen(words[part])) != 0 ||
			(*behind != '.' && *behind != '\0'))
			continue;
		*name = psprintf("%.*s%s", digits, stem, behind);
		return part;
	}
	return -1;
}

/* Does the name tell the part?  What it tells none of is an up. */
static bool
read_name(const char *path, const bool *has, Piece *piece)
{
	char	   *stem = layout_stem(path);

	piece->part = part_behind_number(stem, &piece->name);
	for (int row = 0; piece->part < 0 && row < lengthof(endings); row++)
		if (has[row] && (piece->part = part_by_ending(endings[row], stem)) >= 0)
			piece->name = without_end(stem, strlen(endings[row][piece->part]));
	if (piece->part >= 0)
		return true;
	piece->part = PART_UP;
	piece->name = stem;
	return false;
}

/* ---- what would run a down as an up ---- */

/* Does a directory of the path, or its name, say that it is a down? */
static bool
is_called_down(const char *path)
{
	const char *segment;
	int			length;
	bool		more;

	do
	{
		more = layout_next_segment(&path, &segment, &length);
		if (!more)
		{
			segment = path;
			length = strlen(layout_stem(path));
		}
		for (int i = 0; i < lengthof(downs); i++)
			if (layout_segment_is(segment, length, downs[i]))
				return true;
	} while (more);
	return false;
}

static void
refuse_downs(const SourceSet *set)
{
	List	   *culprits = NIL;

	for (int i = 0; i < set->n; i++)
	{
		const char *path = set->files[i].path;

		if (is_called_down(layout_relative(set, path)) || is_called_down(layout_folder(path)))
			culprits = lappend(culprits, unconstify(char *, path));
	}
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files seem to be downs, and their ups are not beside them",
						culprits,
						"Put the ups into a directory \"up\" and the downs into \"down\", or leave these files out.");
}

static bool
is_separator(char c)
{
	return c == '.' || c == '_' || c == '-';
}

/* Is the stem the name of an up with a word for a down before or behind it? */
static bool
is_down_of(HTAB *ups, const char *stem)
{
	for (int i = 0; i < lengthof(downs); i++)
	{
		int			length = strlen(downs[i]);
		int			rest = strlen(stem) - length - 1;

		if (rest <= 0)
			continue;
		if (is_separator(stem[rest]) && pg_strcasecmp(stem + rest + 1, downs[i]) == 0 &&
			names_find(ups, pnstrdup(stem, rest)))
			return true;
		if (is_separator(stem[length]) && pg_strncasecmp(stem, downs[i], length) == 0 &&
			names_find(ups, stem + length + 1))
			return true;
	}
	return false;
}

/* Does the stem add to the name of an up that its ending tells? */
static bool
adds_to(HTAB *told, const char *stem)
{
	static const char *const suffixes[] = {"_down", "-down", "_up", "-up"};

	for (const char *dot = strchr(stem, '.'); dot; dot = strchr(dot + 1, '.'))
		if (names_find(told, pnstrdup(stem, dot - stem)))
			return true;
	for (int i = 0; i < lengthof(suffixes); i++)
		if (layout_ends_with(stem, suffixes[i]) && names_find(told, without_end(stem, strlen(suffixes[i]))))
			return true;
	return false;
}

/* Beside NAME.up.sql, NAME.dwon.sql is a slip, and beside NAME.sql NAME_undo.sql. */
static void
refuse_slips(const SourceSet *set, const Piece *pieces, const bool *told)
{
	HTAB	   *ups = names_create(set->n);
	HTAB	   *told_ups = names_create(set->n);
	List	   *culprits = NIL;

	for (int i = 0; i < set->n; i++)
	{
		if (pieces[i].part != PART_UP)
			continue;
		names_add(ups, pieces[i].name, &pieces[i]);
		if (told[i])
			names_add(told_ups, pieces[i].name, &pieces[i]);
	}
	for (int i = 0; i < set->n; i++)
		if (!told[i] && (adds_to(told_ups, pieces[i].name) || is_down_of(ups, pieces[i].name)))
			culprits = lappend(culprits, unconstify(char *, set->files[i].path));
	if (culprits)
		layout_culprits(ERRCODE_INVALID_PARAMETER_VALUE, "files are beside an up, and neither its down nor its verify",
						culprits, "Rename them to NAME.down.sql or NAME.verify.sql, or leave them out.");
}

void
layout_read_names(const SourceSet *set, Piece *pieces)
{
	bool		has[lengthof(endings)] = {0};
	bool	   *told = palloc(Max(set->n, 1) * sizeof(bool));

	refuse_downs(set);
	find_endings(set, has);
	for (int i = 0; i < set->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		pieces[i].file = &set->files[i];
		told[i] = read_name(set->files[i].path, has, &pieces[i]);
	}
	refuse_slips(set, pieces, told);
}
