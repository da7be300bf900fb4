/*
 * keep.c
 *		Write a snapshot, many objects at a time.
 */
#include "postgres.h"

#include "schema/keep.h"
#include "schema/state.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Written together, so many at a time. */
#define BATCH 200

static void
check_label(const char *label)
{
	if (label[0] == '\0' || strlen(label) > 255)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a label has 1 to 255 bytes")));
	if (strcmp(label, "current") == 0 || strcmp(label, "expected") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is a state that always is there", label),
				 errhint("Give the snapshot another label.")));
}

void
mig_keep_begin(Keep *keep, const SnapshotHead *head)
{
	check_label(head->label);
	if (!ledger_put_snapshot(head))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("there is a snapshot \"%s\" already", head->label),
				 errhint("Give it another label.")));
	memset(keep, 0, sizeof(Keep));
	keep->label = head->label;
	keep->context = AllocSetContextCreate(CurrentMemoryContext, "schema snapshot", ALLOCSET_DEFAULT_SIZES);
}

static void
write_batch(Keep *keep)
{
	ledger_put_definitions(keep->definitions);
	ledger_put_snapshot_objects(keep->label, keep->rows);
	keep->rows = NIL;
	keep->definitions = NIL;
	MemoryContextReset(keep->context);
}

void
mig_keep_object(Keep *keep, const SchemaObject *object)
{
	MemoryContext before = MemoryContextSwitchTo(keep->context);
	StateRow   *row = palloc(sizeof(StateRow));
	SchemaObject *copy = mig_state_copy(object);

	mig_state_row(copy, row);
	keep->rows = lappend(keep->rows, row);
	keep->definitions = lappend(keep->definitions, mig_state_stored(copy));
	if (list_length(keep->rows) == BATCH)
		write_batch(keep);
	MemoryContextSwitchTo(before);
}

void
mig_keep_end(Keep *keep)
{
	MemoryContext before = MemoryContextSwitchTo(keep->context);

	write_batch(keep);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(keep->context);
}

/* ---- times in a snapshot's text ---- */

char *
mig_snapshot_time_text(TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fraction;

	if (timestamp2tm(time, NULL, &tm, &fraction, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return psprintf("%04d-%02d-%02d %02d:%02d:%02d.%06d+00", tm.tm_year, tm.tm_mon, tm.tm_mday,
					tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
}

bool
mig_snapshot_time(const char *text, TimestampTz *time)
{
	struct pg_tm tm = {0};
	int			fraction;

	/* Whatever else it reads does not come out again as it was. */
	return sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d.%6d+00", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
				  &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &fraction) == 7 &&
		tm2timestamp(&tm, fraction, NULL, time) == 0 && strcmp(mig_snapshot_time_text(*time), text) == 0;
}
