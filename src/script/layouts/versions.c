/*
 * versions.c
 *		Versions of the migrations of a set: from their names, their order, and
 *		two of the same.
 */
#include "postgres.h"

#include "common/errors.h"
#include "lib/stringinfo.h"
#include "script/layouts/layouts_private.h"
#include "script/version.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* How much of the letters and digits glued to a version belongs to it: 1.2.1a, 4.0.0rc4. */
static int
suffix_length(const char *text)
{
	static const char *const words[] = {"rc", "alpha", "beta", "pre", "dev", "post"};
	int			letters = strspn(text, LETTERS);
	int			length = letters + strspn(text + letters, DIGITS);
	bool		known = letters == 1;

	for (int i = 0; i < lengthof(words); i++)
		known |= layout_segment_is(text, letters, words[i]);
	return known && strchr("._- ~", text[length]) ? length : 0;
}

/* Version in one segment of a path; extended: with its suffix, and both of FROM--TO. */
static void
add_segment_version(StringInfo version, const char *segment, bool extended)
{
	char	   *own = mig_version_from_name(segment);
	const char *behind;

	if (own == NULL)
		return;
	appendStringInfo(version, "%s%s", version->len > 0 ? "." : "", own);
	if (!extended)
		return;
	behind = segment + strcspn(segment, DIGITS) + strlen(own);
	appendBinaryStringInfo(version, behind, suffix_length(behind));
	behind += suffix_length(behind);
	if (strncmp(behind, "--", 2) == 0 && strspn(behind + 2, DIGITS) > 0)
		appendStringInfo(version, "-%s", mig_version_from_name(behind));
}

char *
layout_path_version(const char *path, bool extended)
{
	StringInfoData version;
	const char *segment;
	int			length;

	initStringInfo(&version);
	while (layout_next_segment(&path, &segment, &length))
		add_segment_version(&version, pnstrdup(segment, length), extended);
	add_segment_version(&version, path, extended);
	return version.len > 0 ? version.data : NULL;
}

static int
compare_strings(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/*
 * Repeatables last, by name; projects together, by version, what has none
 * behind, by name.
 */
static int
compare_migrations(const ListCell *a, const ListCell *b)
{
	const SourceMigration *left = lfirst(a);
	const SourceMigration *right = lfirst(b);
	bool		left_last = strcmp(left->kind, "repeatable") == 0;
	bool		right_last = strcmp(right->kind, "repeatable") == 0;
	int			result;

	if (left_last != right_last)
		return left_last ? 1 : -1;
	if ((result = compare_strings(left->project, right->project)) != 0)
		return result;
	if (left_last)
		return strcmp(left->name, right->name);
	if ((left->version == NULL) != (right->version == NULL))
		return left->version == NULL ? 1 : -1;
	if (left->version && (result = mig_version_compare(left->version, right->version)) != 0)
		return result;
	result = left->version ? 0 : mig_version_compare(left->name, right->name);
	return result ? result : strcmp(left->name, right->name);
}

void
layout_sort(List *migrations)
{
	list_sort(migrations, compare_migrations);
}

/* ---- dates among times ---- */

#define DATE_DIGITS 8
#define STAMP_DIGITS 17			/* down to the millisecond */

/*
 * How many digits has the date that a version begins with, with what it has of
 * a time?  0: it is none, or not from the name.
 */
static int
stamp_digits(const SourceMigration *m)
{
	const char *version = m->version;
	int			digits = version ? strspn(version, DIGITS) : 0;
	int			date;

	if (digits < DATE_DIGITS || digits > STAMP_DIGITS ||
		compare_strings(version, mig_version_from_name(m->name)) != 0)
		return 0;
	date = atoi(pnstrdup(version, DATE_DIGITS));
	if (date < 19000000 || date >= 21000000 || date / 100 % 100 < 1 || date / 100 % 100 > 12 ||
		date % 100 < 1 || date % 100 > 31)
		return 0;
	return digits;
}

/*
 * By name 20240131_b stands behind all of its day, 20240131235959_a, and
 * 20240131-b before it: with the time of the end or of the beginning of the
 * day numbers and names say the same.
 */
static void
complete_stamp(SourceMigration *m, int digits, int all)
{
	const char *times = strstr(m->name, m->version)[digits] > '9' ? "235959999" : "000000000";

	m->version = psprintf("%.*s%.*s%s", digits, m->version, all - digits, times + digits - DATE_DIGITS,
						  m->version + digits);
}

void
layout_complete_stamps(List *migrations)
{
	int			all = 0;
	ListCell   *cell;

	foreach(cell, migrations)
		all = Max(all, stamp_digits(lfirst(cell)));
	foreach(cell, migrations)
	{
		SourceMigration *m = lfirst(cell);
		int			digits = stamp_digits(m);

		if (digits > 0 && digits < all)
			complete_stamp(m, digits, all);
	}
}

/* ---- two of the same ---- */

char *
layout_version_without_zeros(const char *version)
{
	char	   *key = mig_version_canonical(version);

	while (layout_ends_with(key, ".0"))
		key[strlen(key) - 2] = '\0';
	return key;
}

static bool
equal_versions(const char *a, const char *b, VersionRule rule)
{
	if (rule == VERSION_WITHOUT_ZEROS)
		return strcmp(layout_version_without_zeros(a), layout_version_without_zeros(b)) == 0;
	return mig_version_compare(a, b) == 0 &&
		(rule == VERSION_EQUAL || !mig_version_is_stamp(a));
}

/*
 * Do two neighbours in order have one version in one project, so that nothing
 * says which comes first?
 */
static bool
same_version(const SourceMigration *a, const SourceMigration *b, VersionRule rule)
{
	return a->version && b->version && compare_strings(a->project, b->project) == 0 &&
		strcmp(a->kind, "repeatable") != 0 && strcmp(b->kind, "repeatable") != 0 &&
		equal_versions(a->version, b->version, rule);
}

/* Where several have one version, give them those with suffixes. */
static bool
extend_versions(List *migrations, VersionRule rule)
{
	SourceMigration *previous = NULL;
	List	   *shared = NIL;
	ListCell   *cell;
	bool		changed = false;

	foreach(cell, migrations)
	{
		SourceMigration *m = lfirst(cell);

		if (previous && same_version(previous, m, rule))
		{
			if (shared == NIL || llast(shared) != previous)
				shared = lappend(shared, previous);
			shared = lappend(shared, m);
		}
		previous = m;
	}
	foreach(cell, shared)
	{
		SourceMigration *m = lfirst(cell);
		char	   *extended = layout_path_version(m->name, true);

		if (compare_strings(m->version, layout_path_version(m->name, false)) != 0 ||
			compare_strings(m->version, extended) == 0)
			continue;
		m->version = extended;
		changed = true;
	}
	return changed;
}

/* Of the linear ones of a kind the last seen, and who shares its version. */
static List *
collect_culprit(List *culprits, const SourceMigration **last, const SourceMigration *m, VersionRule rule)
{
	if (*last && same_version(*last, m, rule))
	{
		if (culprits == NIL || llast(culprits) != (*last)->up.path)
			culprits = lappend(culprits, unconstify(char *, (*last)->up.path));
		culprits = lappend(culprits, unconstify(char *, m->up.path));
	}
	*last = m;
	return culprits;
}

/*
 * Two files of one version say nothing of their order, unless they say what
 * they require.
 */
void
layout_refuse_same_version(List *migrations, VersionRule rule)
{
	const SourceMigration *last_versioned = NULL;
	const SourceMigration *last_baseline = NULL;
	List	   *culprits = NIL;
	ListCell   *cell;

	if (extend_versions(migrations, rule))
		layout_sort(migrations);
	foreach(cell, migrations)
	{
		const SourceMigration *m = lfirst(cell);

		if (!m->has_requires)
			culprits = collect_culprit(culprits, strcmp(m->kind, "baseline") == 0 ? &last_baseline :
									   &last_versioned, m, rule);
	}
	if (culprits)
		layout_culprits(ERRCODE_MIG_CONFLICT, "files have the same version", culprits,
						"Give them different versions, or say what each comes after: \"-- migrate: requires NAME\".");
}
