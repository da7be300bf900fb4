/*
 * evict.c
 *		Ending a session that is in the way, where the policy says so.
 *
 * By the server's own functions and with the caller's own rights: a superuser's
 * session is ended by superusers only.  Never a replication connection, a
 * process of the server's, or whoever deploys.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "common/faults.h"
#include "ledger/ledger.h"
#include "miscadmin.h"
#include "run/locks_private.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

BlockersPolicy
mig_blockers_policy(const char *project)
{
	BlockersPolicy policy = {.min_age = 60};
	const char *value = ledger_policy("blockers", project);
	const char *age = ledger_policy("blockers_min_age", project);

	policy.cancel = value && strcmp(value, "cancel") == 0;
	policy.terminate = value && strcmp(value, "terminate") == 0;
	if (age)
		policy.min_age = pg_strtoint32(age);
	return policy;
}

bool
mig_blocker_is_due(const Blocker *blocker, const BlockersPolicy *policy)
{
	if (blocker->kind != BLOCKER_SESSION || blocker->action || blocker->since == 0 || blocker->pid == MyProcPid)
		return false;
	/* There is nothing to cancel in a transaction that is idle. */
	if (!policy->terminate && !(policy->cancel && blocker->is_active))
		return false;
	return GetCurrentTimestamp() - blocker->since >= policy->min_age * USECS_PER_SEC;
}

static bool
holds_advisory(const Blocker *blocker, uint16 class)
{
	WantedLock	lock = {.mode = ExclusiveLock};
	ListCell   *cell;

	SET_LOCKTAG_ADVISORY(lock.tag, MyDatabaseId, 0, LEDGER_DEPLOYER_KEY, class);
	foreach(cell, mig_blockers_of(&lock))
		if (((Blocker *) lfirst(cell))->pid == blocker->pid)
			return true;
	return false;
}

static bool
deploys(const Blocker *blocker)
{
	return holds_advisory(blocker, LEDGER_DEPLOYER_LOCK) || holds_advisory(blocker, LEDGER_WORKER_LOCK);
}

/* 42501 if the current user may not. */
static void
send_signal(int pid, bool terminate)
{
	if (terminate)
		(void) DirectFunctionCall2(pg_terminate_backend, Int32GetDatum(pid), Int64GetDatum(0));
	else
		(void) DirectFunctionCall1(pg_cancel_backend, Int32GetDatum(pid));
}

/* False: the role may not. */
static bool
signal_as(Oid role, int pid, bool terminate)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool sent = true;
	Oid			user;
	int			security;

	if (mig_object_aclcheck(ProcedureRelationId, terminate ? F_PG_TERMINATE_BACKEND : F_PG_CANCEL_BACKEND, role,
							ACL_EXECUTE) != ACLCHECK_OK)
		return false;
	BeginInternalSubTransaction(NULL);
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(role, security | SECURITY_LOCAL_USERID_CHANGE);
	PG_TRY();
	{
		MIG_FAULT("blocker_chosen");
		send_signal(pid, terminate);
		SetUserIdAndSecContext(user, security);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_INSUFFICIENT_PRIVILEGE)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		sent = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return sent;
}

static void
record(const Blocker *blocker, const BlockersPolicy *policy, Oid role, int64 run_id, const char *project, const char *name)
{
	Decision	decision = {0};
	StringInfoData detail;

	initStringInfo(&detail);
	mig_blocker_json(&detail, blocker);
	decision.decision = policy->terminate ? "blocker_terminated" : "blocker_cancelled";
	decision.project = project;
	decision.name = name;
	decision.run_id = run_id;
	decision.reason = psprintf("policy blockers is %s, blockers_min_age %d s", policy->terminate ? "terminate" : "cancel",
							   policy->min_age);
	decision.detail = detail.data;
	decision.role_name = GetUserNameFromId(role, false);
	ledger_write_decision(&decision);
	resetStringInfo(&detail);
	mig_blocker_text(&detail, blocker);
	ereport(LOG_SERVER_ONLY,
			(errmsg("run " INT64_FORMAT ": migration \"%s:%s\" was blocked by %s", run_id, project, name, detail.data)));
}

bool
mig_blocker_evict(Blocker *blocker, const BlockersPolicy *policy, Oid role, int64 run_id,
				  const char *project, const char *name)
{
	if (mig_process_of(blocker->vxid) == NULL || deploys(blocker))
		return true;
	if (!signal_as(role, blocker->pid, policy->terminate))
		return false;
	MIG_FAULT("blocker_signalled");
	blocker->action = policy->terminate ? "terminated" : "cancelled";
	record(blocker, policy, role, run_id, project, name);
	MIG_FAULT("blocker_recorded");
	return true;
}
