/*
 * undo.c
 *		migrate.propose_revert() and migrate.undo_drift(): back to what is expected.
 */
#include "postgres.h"

#include "capture/capture.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/readonly.h"
#include "ledger/entry.h"
#include "lib/stringinfo.h"
#include "plan/see.h"
#include "preview/prove.h"
#include "run/deployer.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* ---- which object ---- */

static bool
is_called(const Adrift *adrift, const char *identity, const char *object_type)
{
	const ObjectState *name = mig_adrift_name(adrift);

	return strcmp(name->identity, identity) == 0 && (object_type == NULL || strcmp(name->object_type, object_type) == 0);
}

pg_noreturn static void
refuse_ambiguous(const AllAdrift *adrift, const char *identity)
{
	StringInfoData candidates;
	ListCell   *cell;

	initStringInfo(&candidates);
	foreach(cell, adrift->list)
		if (is_called(lfirst(cell), identity, NULL))
			appendStringInfo(&candidates, "%s%s", candidates.len ? ", " : "", mig_adrift_name(lfirst(cell))->object_type);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("several objects that are not as expected are called %s", identity),
			 errdetail("They are of these types: %s.", candidates.data),
			 errhint("Give the type as object_type.")));
}

/* The drift of the object that is meant. */
static const Adrift *
need(const AllAdrift *adrift, const char *identity, const char *object_type)
{
	const Adrift *found = NULL;
	ListCell   *cell;

	foreach(cell, adrift->list)
	{
		if (!is_called(lfirst(cell), identity, object_type))
			continue;
		if (found)
			refuse_ambiguous(adrift, identity);
		found = lfirst(cell);
	}
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no object called %s is other than expected", object_type ? psprintf("%s %s", object_type, identity) : identity),
				 errhint("SELECT change, object_type, identity FROM migrate.drift();")));
	return found;
}

/* ---- as a text ---- */

/* Is it so whatever it was called? */
static bool
is_as_expected(const Adrift *before, const AllAdrift *after)
{
	return mig_adrift_find(after, before->key) == NULL && (before->object == NULL || mig_adrift_at(after, &before->object->address) == NULL);
}

/* What else is as expected then. */
static char *
title_of(const AllAdrift *before, const Adrift *target, const Proof *proof)
{
	const ObjectState *name = mig_adrift_name(target);
	StringInfoData text;
	int			others = 0;
	ListCell   *cell;

	initStringInfo(&text);
	appendStringInfo(&text, "Brings %s %s back to what is expected", name->object_type, name->identity);
	foreach(cell, before->list)
	{
		const Adrift *other = lfirst(cell);

		if (other == target || !is_as_expected(other, proof->after))
			continue;
		appendStringInfo(&text, "%s%s %s", others++ ? ", " : ", and with it: ", mig_adrift_name(other)->object_type, mig_adrift_name(other)->identity);
	}
	appendStringInfoChar(&text, '.');
	return text.data;
}

MIG_FUNCTION(mig_propose_revert);

/* migrate.propose_revert(identity, object_type) */
static Datum
mig_propose_revert_body(PG_FUNCTION_ARGS)
{
	char	   *identity = mig_required_text(fcinfo, 0, "identity");
	AllAdrift  *adrift;
	const Adrift *target;
	Proof		proof = {0};

	mig_deployer_refuse_inside("migrate.propose_revert");
	mig_refuse_read_only("migrate.propose_revert");
	ledger_require("administrator", NULL);
	adrift = mig_adrift_read();
	target = need(adrift, identity, mig_optional_text(fcinfo, 1));
	mig_capture_own("migrate.propose_revert");
	mig_prove(adrift, target, false, &proof);
	mig_capture_own(NULL);
	PG_RETURN_TEXT_P(cstring_to_text(mig_proposal_text(proof.proposal, title_of(adrift, target, &proof))));
}

static void
decide(const Adrift *target, const char *sql, const char *reason)
{
	Decision	row = {0};
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"sql\": ");
	escape_json(&detail, sql);
	appendStringInfoChar(&detail, '}');
	row.decision = "drift_undone";
	row.object_type = mig_adrift_name(target)->object_type;
	row.identity = mig_adrift_name(target)->identity;
	row.reason = reason;
	row.detail = detail.data;
	ledger_write_decision(&row);
}

MIG_FUNCTION(mig_undo_drift);

/* migrate.undo_drift(identity, reason, object_type) */
static Datum
mig_undo_drift_body(PG_FUNCTION_ARGS)
{
	char	   *identity = mig_required_text(fcinfo, 0, "identity");
	char	   *reason;
	char	   *sql;
	AllAdrift  *adrift;
	const Adrift *target;
	Proof		proof = {0};

	mig_deployer_refuse_inside("migrate.undo_drift");
	mig_refuse_read_only("migrate.undo_drift");
	reason = mig_reason(fcinfo, 1);
	ledger_require("administrator", NULL);
	(void) mig_deployer_enter(false, mig_lock_wait);
	adrift = mig_adrift_read();
	target = need(adrift, identity, mig_optional_text(fcinfo, 2));
	mig_capture_own(reason);
	mig_prove(adrift, target, true, &proof);
	mig_capture_own(NULL);
	mig_adrift_settle(adrift, proof.after);
	sql = mig_proposal_text(proof.proposal, title_of(adrift, target, &proof));
	decide(target, sql, reason);
	PG_RETURN_TEXT_P(cstring_to_text(sql));
}
