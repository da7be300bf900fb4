/*
 * rows.h
 *		Rows of set-returning functions, column by column.
 */
#ifndef MIG_ROWS_H
#define MIG_ROWS_H

#include "funcapi.h"
#include "datatype/timestamp.h"

#define MIG_MAX_COLUMNS 16

typedef struct MigRow
{
	int			n;
	Datum		values[MIG_MAX_COLUMNS];
	bool		nulls[MIG_MAX_COLUMNS];
} MigRow;

extern ReturnSetInfo *mig_rows_begin(FunctionCallInfo fcinfo);
extern void mig_row_begin(MigRow *row);
extern void mig_row_text(MigRow *row, const char *value);	/* NULL is NULL */
extern void mig_row_int4(MigRow *row, int32 value);
extern void mig_row_int8(MigRow *row, int64 value);
extern void mig_row_bool(MigRow *row, bool value);
extern void mig_row_time(MigRow *row, TimestampTz value);	/* 0 is NULL */
extern void mig_row_name(MigRow *row, const char *value);
extern void mig_row_null(MigRow *row);
extern void mig_row_datum(MigRow *row, Datum value);
extern void mig_row_put(MigRow *row, ReturnSetInfo *result);

#endif							/* MIG_ROWS_H */
