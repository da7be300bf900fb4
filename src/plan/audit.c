/*
 * audit.c
 *		migrate.audit(): what happened, who did it, and whether that can be believed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/compat.h"
#include "common/rows.h"
#include "fmgr.h"
#include "ledger/audit.h"
#include "ledger/entry.h"
#include "plan/see.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define AUDIT_COLUMNS 15
#define DEFAULT_DAYS 90

static void
put_event(LedgerRow *row, void *arg)
{
	MigRow		out;

	mig_row_begin(&out);
	for (int i = 0; i < AUDIT_COLUMNS; i++)
	{
		if (row->nulls[i])
			mig_row_null(&out);
		else
			mig_row_datum(&out, row->values[i]);
	}
	mig_row_put(&out, arg);
}

/* Of the seals as they are now, whatever the time that was asked for. */
static void
put_of_seals(ReturnSetInfo *result, const char *event, const char *object, const char *reason, const char *source, int64 id)
{
	MigRow		out;

	mig_row_begin(&out);
	mig_row_time(&out, GetCurrentTransactionStartTimestamp());
	mig_row_text(&out, event);
	mig_row_null(&out);
	mig_row_null(&out);
	mig_row_text(&out, object);
	for (int i = 0; i < 5; i++)
		mig_row_null(&out);
	mig_row_text(&out, reason);
	mig_row_null(&out);
	mig_row_null(&out);
	mig_row_text(&out, source);
	mig_row_int8(&out, id);
	mig_row_put(&out, result);
}

static void
put_problem(const char *source, int64 id, const char *text, void *arg)
{
	put_of_seals(arg, "seal_problem", NULL, text, source, id);
}

static void
put_head(ReturnSetInfo *result)
{
	int64		number;
	bytea	   *hash;
	TimestampTz sealed_at;

	if (ledger_head(&number, &hash, &sealed_at))
		put_of_seals(result, "history_head", psprintf("\\x%s", ledger_hash_text(hash)), NULL, "seals", number);
}

/* Beginning of the time that is meant where none is given. */
static TimestampTz
default_since(void)
{
	return GetCurrentTransactionStartTimestamp() - DEFAULT_DAYS * USECS_PER_DAY;
}

MIG_FUNCTION(mig_audit);

/* migrate.audit(since, until, project) */
static Datum
mig_audit_body(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = mig_rows_begin(fcinfo);
	TimestampTz since = PG_ARGISNULL(0) ? default_since() : PG_GETARG_TIMESTAMPTZ(0);
	TimestampTz until = PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1);
	char	   *project = mig_optional_text(fcinfo, 2);

	mig_require_monitor(project);
	ledger_each_audited(since, until, project, put_event, result);
	if (project == NULL)
	{
		ledger_verify_between(since, until, put_problem, result);
		put_head(result);
	}
	return (Datum) 0;
}
