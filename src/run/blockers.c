/*
 * blockers.c
 *		Who holds a lock that somebody else wants, and what is known of him.
 *
 * First what shared memory says, so that it can be asked again and again
 * without a snapshot; what needs the catalog is added for those that are told
 * of.  The same is shown of a session as pg_stat_activity would show.
 */
#include "postgres.h"

#include "access/twophase.h"
#include "capture/capture.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "common/ip.h"
#include "ledger/ledger.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "run/locks_private.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#define LONGEST_QUERY 200

static PgBackendStatus *
status_of(int pid)
{
	int			n = pgstat_fetch_stat_numbackends();

	for (int i = 1; i <= n; i++)
	{
		LocalPgBackendStatus *local = mig_backend_status(i);

		if (local && local->backendStatus.st_procpid == pid)
			return &local->backendStatus;
	}
	return NULL;
}

/* One that is under way in a process. */
static void
fill_running(Blocker *blocker, const PGPROC *proc)
{
	PgBackendStatus *status = status_of(proc->pid);

	blocker->pid = proc->pid;
	blocker->role = proc->roleId;
	if (proc->statusFlags & PROC_IS_AUTOVACUUM)
		blocker->kind = proc->statusFlags & PROC_VACUUM_FOR_WRAPAROUND ? BLOCKER_WRAPAROUND : BLOCKER_AUTOVACUUM;
	else
		blocker->kind = status && status->st_backendType == B_BACKEND ? BLOCKER_SESSION : BLOCKER_OTHER;
	if (status == NULL)
		return;
	blocker->since = status->st_xact_start_timestamp;
	blocker->is_active = status->st_state == STATE_RUNNING || status->st_state == STATE_FASTPATH;
}

/* False: it has ended meanwhile. */
static bool
fill(Blocker *blocker)
{
	const PGPROC *proc = mig_process_of(blocker->vxid);
	bool		more;

	if (proc)
	{
		fill_running(blocker, proc);
		return blocker->pid != 0;
	}
	blocker->kind = BLOCKER_PREPARED;
	if (VirtualTransactionIdIsRecoveredPreparedXact(blocker->vxid))
		blocker->xid = blocker->vxid.localTransactionId;
	else
		blocker->xid = TwoPhaseGetXidByVirtualXID(blocker->vxid, &more);
	return TransactionIdIsValid(blocker->xid);
}

List *
mig_blockers_of(const WantedLock *lock)
{
	List	   *blockers = NIL;
	int			n;
	VirtualTransactionId *vxids = GetLockConflicts(&lock->tag, lock->mode, &n);

	if (n > 0)
		pgstat_clear_backend_activity_snapshot();
	for (int i = 0; i < n; i++)
	{
		Blocker    *blocker = palloc0(sizeof(Blocker));

		blocker->vxid = vxids[i];
		blocker->tag = lock->tag;
		blocker->mode = lock->mode;
		if (fill(blocker))
			blockers = lappend(blockers, blocker);
	}
	return blockers;
}

/* Somebody whose age is not known (track_activities is off) counts as young. */
bool
mig_blocker_is_old(const Blocker *blocker, int ms)
{
	switch (blocker->kind)
	{
		case BLOCKER_AUTOVACUUM:
			return false;
		case BLOCKER_WRAPAROUND:
		case BLOCKER_PREPARED:
			return true;
		default:
			return blocker->since != 0 && TimestampDifferenceExceeds(blocker->since, GetCurrentTimestamp(), ms);
	}
}

bool
mig_blockers_same(const Blocker *a, const Blocker *b)
{
	return VirtualTransactionIdEquals(a->vxid, b->vxid) && memcmp(&a->tag, &b->tag, sizeof(LOCKTAG)) == 0 && a->mode == b->mode;
}

/* ---- for people ---- */

static const char *
state_name(BackendState state)
{
	switch (state)
	{
		case STATE_IDLE:
			return "idle";
		case STATE_RUNNING:
			return "active";
		case STATE_IDLEINTRANSACTION:
			return "idle in transaction";
		case STATE_IDLEINTRANSACTION_ABORTED:
			return "idle in transaction (aborted)";
		case STATE_FASTPATH:
			return "fastpath function call";
		default:
			return NULL;
	}
}

static char *
address_text(const SockAddr *address)
{
	char		host[NI_MAXHOST];

	if (address->addr.ss_family != AF_INET && address->addr.ss_family != AF_INET6)
		return NULL;
	if (pg_getnameinfo_all(&address->addr, address->salen, host, sizeof(host), NULL, 0, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return NULL;
	host[strcspn(host, "%")] = '\0';	/* a zone is no part of an inet */
	return pstrdup(host);
}

/* Without secrets, on one line, and cut short. */
static char *
query_text(const char *activity)
{
	char	   *whole = pgstat_clip_activity(activity);
	char	   *text = mig_redact(whole);
	int			length;

	for (length = strlen(text); length > 0 && strchr(" \t\r\n;", text[length - 1]); length--)
		text[length - 1] = '\0';
	length = pg_mbcliplen(text, length, LONGEST_QUERY);
	if (text[length] != '\0')
		text = psprintf("%s...", pnstrdup(text, length));
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char) *c < ' ')
			*c = ' ';
	return text;
}

static bool
may_see(Oid viewer, Oid role)
{
	return has_privs_of_role(viewer, ROLE_PG_READ_ALL_STATS) || has_privs_of_role(viewer, role);
}

static void
describe_prepared(Blocker *blocker)
{
	PreparedTransaction *prepared = ledger_find_prepared(blocker->xid);

	if (prepared == NULL)
		return;
	blocker->gid = prepared->gid;
	blocker->role_name = prepared->owner;
	blocker->since = prepared->prepared_at;
	blocker->state = pstrdup("prepared");
	blocker->visible = true;
}

void
mig_blocker_describe(Blocker *blocker, Oid viewer)
{
	PgBackendStatus *status;
	const char *state;

	blocker->object = mig_lock_object(&blocker->tag);
	if (blocker->kind == BLOCKER_PREPARED)
	{
		describe_prepared(blocker);
		return;
	}
	status = status_of(blocker->pid);
	if (OidIsValid(blocker->role))
		blocker->role_name = GetUserNameFromId(blocker->role, true);
	if (status == NULL)
		return;
	blocker->application_name = pstrdup(status->st_appname);
	blocker->visible = may_see(viewer, blocker->role);
	if (!blocker->visible)
		return;
	state = state_name(status->st_state);
	blocker->state = state ? pstrdup(state) : NULL;
	blocker->client_addr = address_text(&status->st_clientaddr);
	if (status->st_activity_raw && *status->st_activity_raw)
		blocker->query = query_text(status->st_activity_raw);
}

static char *
copy_text(const char *text)
{
	return text ? pstrdup(text) : NULL;
}

Blocker *
mig_blocker_copy(const Blocker *blocker)
{
	Blocker    *copy = palloc(sizeof(Blocker));

	*copy = *blocker;
	copy->role_name = copy_text(blocker->role_name);
	copy->application_name = copy_text(blocker->application_name);
	copy->client_addr = copy_text(blocker->client_addr);
	copy->state = copy_text(blocker->state);
	copy->query = copy_text(blocker->query);
	copy->gid = copy_text(blocker->gid);
	copy->object = copy_text(blocker->object);
	return copy;
}

void
mig_blocker_text(StringInfo out, const Blocker *blocker)
{
	if (blocker->kind == BLOCKER_PREPARED)
		appendStringInfo(out, "prepared transaction '%s'", blocker->gid ? blocker->gid : "?");
	else
		appendStringInfo(out, "pid %d", blocker->pid);
	if (blocker->kind == BLOCKER_AUTOVACUUM)
		appendStringInfoString(out, ", autovacuum");
	else if (blocker->kind == BLOCKER_WRAPAROUND)
		appendStringInfoString(out, ", autovacuum to prevent wraparound, which does not give way");
	if (blocker->role_name)
		appendStringInfo(out, ", role %s", blocker->role_name);
	if (blocker->application_name && *blocker->application_name)
		appendStringInfo(out, ", \"%s\"", blocker->application_name);
	if (blocker->client_addr)
		appendStringInfo(out, ", from %s", blocker->client_addr);
	if (blocker->state && blocker->kind != BLOCKER_PREPARED)
		appendStringInfo(out, ", %s", blocker->state);
	if (blocker->visible && blocker->since)
		appendStringInfo(out, ", for %.1f s", (GetCurrentTimestamp() - blocker->since) / 1000000.0);
	if (blocker->action)
		appendStringInfo(out, ", %s", blocker->action);
	if (blocker->query)
		appendStringInfo(out, ": %s", blocker->query);
}

static void
json_text(StringInfo out, const char *key, const char *value)
{
	appendStringInfo(out, ", \"%s\": ", key);
	if (value)
		escape_json(out, value);
	else
		appendStringInfoString(out, "null");
}

void
mig_blocker_json(StringInfo out, const Blocker *blocker)
{
	char		since[MAXDATELEN + 1];

	if (blocker->pid)
		appendStringInfo(out, "{\"pid\": %d", blocker->pid);
	else
		appendStringInfoString(out, "{\"pid\": null");
	json_text(out, "role_name", blocker->role_name);
	json_text(out, "application_name", blocker->application_name);
	json_text(out, "client_addr", blocker->client_addr);
	json_text(out, "state", blocker->state);
	json_text(out, "xact_start", blocker->visible && blocker->since ?
			  JsonEncodeDateTime(since, TimestampTzGetDatum(blocker->since), TIMESTAMPTZOID, NULL) : NULL);
	json_text(out, "query", blocker->query);
	if (blocker->gid)
		json_text(out, "gid", blocker->gid);
	json_text(out, "lock_mode", mig_lock_mode_name(blocker->mode));
	json_text(out, "relation", blocker->object);
	json_text(out, "action", blocker->action);
	appendStringInfoChar(out, '}');
}
