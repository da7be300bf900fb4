/*
 * rows.c
 *		Put rows into the result of a set-returning function.
 */
#include "postgres.h"

#include "common/rows.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

ReturnSetInfo *
mig_rows_begin(FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, 0);
	return (ReturnSetInfo *) fcinfo->resultinfo;
}

void
mig_row_begin(MigRow *row)
{
	row->n = 0;
}

static void
add(MigRow *row, Datum value, bool isnull)
{
	Assert(row->n < MIG_MAX_COLUMNS);
	row->values[row->n] = value;
	row->nulls[row->n] = isnull;
	row->n++;
}

void
mig_row_text(MigRow *row, const char *value)
{
	add(row, value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

void
mig_row_int4(MigRow *row, int32 value)
{
	add(row, Int32GetDatum(value), false);
}

void
mig_row_int8(MigRow *row, int64 value)
{
	add(row, Int64GetDatum(value), false);
}

void
mig_row_bool(MigRow *row, bool value)
{
	add(row, BoolGetDatum(value), false);
}

void
mig_row_time(MigRow *row, TimestampTz value)
{
	add(row, TimestampTzGetDatum(value), value == 0);
}

void
mig_row_name(MigRow *row, const char *value)
{
	add(row, value ? DirectFunctionCall1(namein, CStringGetDatum(value)) : (Datum) 0, value == NULL);
}

void
mig_row_null(MigRow *row)
{
	add(row, (Datum) 0, true);
}

void
mig_row_datum(MigRow *row, Datum value)
{
	add(row, value, false);
}

void
mig_row_put(MigRow *row, ReturnSetInfo *result)
{
	tuplestore_putvalues(result->setResult, result->setDesc, row->values, row->nulls);
}
