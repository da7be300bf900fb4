/*
 * expected.c
 *		What the schema should be is taken over as it is.
 */
#include "postgres.h"

#include "capture/capture.h"
#include "common/compat.h"
#include "common/errors.h"
#include "ledger/expected.h"
#include "schema/expected.h"
#include "schema/state.h"
#include "utils/memutils.h"

/* Written together, so many at a time. */
#define BATCH 200

typedef struct TakeOver
{
	MemoryContext context;
	int64		ddl_id;
	List	   *rows;
	List	   *definitions;
} TakeOver;

static void
write_batch(TakeOver *take)
{
	ledger_put_definitions(take->definitions);
	ledger_put_expected(take->rows);
	take->rows = NIL;
	take->definitions = NIL;
	MemoryContextReset(take->context);
}

static void
take_object(const SchemaObject *object, void *arg)
{
	TakeOver   *take = arg;
	MemoryContext before = MemoryContextSwitchTo(take->context);

	if (object->problem)
		mig_state_warn(object);
	else
	{
		ExpectedRow *row = palloc0(sizeof(ExpectedRow));
		SchemaObject *copy = mig_state_copy(object);

		mig_state_row(copy, &row->state);
		row->address = object->address;
		row->ddl_id = take->ddl_id;
		take->rows = lappend(take->rows, row);
		take->definitions = lappend(take->definitions, mig_state_stored(copy));
		if (list_length(take->rows) == BATCH)
			write_batch(take);
	}
	MemoryContextSwitchTo(before);
}

void
mig_expected_take_over(void)
{
	TakeOver	take = {0};

	if (ledger_expects())
		return;
	take.context = AllocSetContextCreate(CurrentMemoryContext, "expected state", ALLOCSET_DEFAULT_SIZES);
	take.ddl_id = ledger_last_ddl();
	mig_schema_read_all(take_object, &take);
	write_batch(&take);
	MemoryContextDelete(take.context);
	mig_expected_begin_looks();
}

void
mig_expected_init(void)
{
	mig_capture_at_watch = mig_expected_take_over;
}
