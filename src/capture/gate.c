/*
 * gate.c
 *		Whether a change that belongs to no migration may be made: the setting
 *		out_of_band, and the glass that can be broken.
 */
#include "postgres.h"

#include "capture/capture_private.h"
#include "common/errors.h"
#include "common/names.h"
#include "common/readonly.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "miscadmin.h"
#include "plan/see.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

typedef enum OutOfBand
{
	OUT_OF_BAND_LOG,
	OUT_OF_BAND_WARN,
	OUT_OF_BAND_REJECT
} OutOfBand;

/* Values of pg_migrations.out_of_band. */
static const struct config_enum_entry out_of_band_values[] = {
	{"log", OUT_OF_BAND_LOG, false},
	{"warn", OUT_OF_BAND_WARN, false},
	{"reject", OUT_OF_BAND_REJECT, false},
	{NULL, 0, false}
};

static int	out_of_band = OUT_OF_BAND_LOG;

/* Would a change made now be refused? */
bool
mig_gate_rejects(void)
{
	Origin		origin;

	if (out_of_band != OUT_OF_BAND_REJECT)
		return false;
	origin = mig_origin();
	if (strcmp(origin.origin, "direct") != 0)
		return false;
	if (origin.reason == NULL)
		return true;
	/* He may have become the owner of what he changes since. */
	return !ledger_allows("break_glass", NULL) && !(origin.glass && ledger_allows_session("break_glass"));
}

/* A secret would not be in the server's log if the statement had been let through. */
void
mig_gate_reject(CommandTag tag, const char *text)
{
	/* With it the log has all that the client has sent, and what calls it. */
	bool		redacted = mig_is_redacted(text) || (debug_query_string && mig_is_redacted(mig_redact(debug_query_string)));

	ereport(ERROR,
			(errcode(ERRCODE_MIG_OUT_OF_BAND),
			 errmsg("%s outside of a migration is rejected", GetCommandTagName(tag)),
			 errdetail("pg_migrations.out_of_band is \"reject\" in this database."),
			 redacted ? errdetail_log("The statement: %s", text) : 0,
			 redacted ? errhidestmt(true) : 0,
			 redacted ? errhidecontext(true) : 0,
			 errhint("Write a migration: SELECT migrate.register('<name>', '<sql>'); CALL migrate.apply();\n"
					 "In an emergency, with the capability break_glass: SELECT migrate.break_glass('<why>');")));
}

/* Before a statement runs.  undecided: what it touches will tell. */
void
mig_gate_before(CommandTag tag, const char *text, bool undecided)
{
	if (!undecided && mig_gate_rejects())
		mig_gate_reject(tag, text);
}

/* After it has run and was recorded. */
void
mig_gate_after(CommandTag tag)
{
	if (out_of_band == OUT_OF_BAND_WARN && strcmp(mig_origin().origin, "direct") == 0)
		ereport(WARNING,
				(errmsg("%s was not part of a migration", GetCommandTagName(tag)),
				 errdetail("It is recorded in migrate.out_of_band."),
				 errhint("Explain it: SELECT migrate.acknowledge(ARRAY[<id>], '<why>');")));
}

MIG_FUNCTION(mig_break_glass);

/* migrate.break_glass(reason, duration) */
static Datum
mig_break_glass_body(PG_FUNCTION_ARGS)
{
	Decision	decision = {0};
	Interval   *duration;

	mig_refuse_read_only("migrate.break_glass");
	decision.reason = mig_reason(fcinfo, 0);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("duration must not be null")));
	duration = PG_GETARG_INTERVAL_P(1);
	ledger_require("break_glass", NULL);
	if (duration->month != 0 || duration->day > 1 ||
		duration->day * USECS_PER_DAY + duration->time <= 0 ||
		duration->day * USECS_PER_DAY + duration->time > USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("duration must be more than nothing and at most a day")));
	ledger_break_glass(decision.reason, duration);
	decision.decision = "glass_broken";
	decision.detail = psprintf("{\"duration\": \"%s\"}",
							   DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(duration))));
	ledger_write_decision(&decision);
	PG_RETURN_VOID();
}

void
mig_gate_init(void)
{
	DefineCustomEnumVariable("pg_migrations.out_of_band",
							 "What happens to a schema change that is not part of a migration.",
							 "It is recorded, recorded with a warning, or rejected.",
							 &out_of_band, OUT_OF_BAND_LOG, out_of_band_values,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}
