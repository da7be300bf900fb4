/*
 * compat.h
 *		Every difference between the supported server versions (15 to 18), with
 *		the newest signatures; PG_VERSION_NUM appears nowhere else.
 */
#ifndef MIG_COMPAT_H
#define MIG_COMPAT_H

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/event_trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "parser/parse_node.h"
#include "postmaster/bgworker.h"
#include "storage/proc.h"
#include "storage/lock.h"
#include "tcop/pquery.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"

#if PG_VERSION_NUM >= 170000
#include "storage/procarray.h"
#else
#include "storage/sinvaladt.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "nodes/queryjumble.h"
#include "varatt.h"
#else
#include "utils/queryjumble.h"
#endif

#if PG_VERSION_NUM < 150000
#error "pg_migrations needs PostgreSQL 15 or later"
#endif

/* What the server prints of a definition may be another text in another major version. */
#define MIG_SERVER_MAJOR (PG_VERSION_NUM / 10000)

/* Before the declaration of a function that does not return (18). */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

/*
 * A function that SQL can call, be the extension of the library's version or
 * not.  The library hides what it does not say is to be seen; before 16
 * PG_FUNCTION_INFO_V1 does not say so of the function.
 */
#define MIG_ANY_VERSION_FUNCTION(name) \
extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
PG_FUNCTION_INFO_V1(name)

/* May roleid do what mode says with an object of catalog classid? (16) */
static inline AclResult
mig_object_aclcheck(Oid classid, Oid objectid, Oid roleid, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(classid, objectid, roleid, mode);
#else
	Assert(classid == ProcedureRelationId || classid == DatabaseRelationId || classid == NamespaceRelationId);
	if (classid == ProcedureRelationId)
		return pg_proc_aclcheck(objectid, roleid, mode);
	if (classid == NamespaceRelationId)
		return pg_namespace_aclcheck(objectid, roleid, mode);
	return pg_database_aclcheck(objectid, roleid, mode);
#endif
}

/* Does a role own a relation? (16) */
static inline bool
mig_owns_relation(Oid relation, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relation, role);
#else
	return pg_class_ownercheck(relation, role);
#endif
}

/* Can this role become that one with SET ROLE? (16: a grant may exclude it) */
static inline bool
mig_member_can_set_role(Oid member, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return member_can_set_role(member, role);
#else
	return is_member_of_role(member, role);
#endif
}

/*
 * Of the range table entry behind nsitem INSERT on the given columns is needed,
 * and not SELECT as yet. (16 moved permissions out of the range table.)
 */
static inline void
mig_need_insert_permission(ParseNamespaceItem *nsitem, Bitmapset *columns)
{
#if PG_VERSION_NUM >= 160000
	nsitem->p_perminfo->requiredPerms = ACL_INSERT;
	nsitem->p_perminfo->insertedCols = columns;
#else
	nsitem->p_rte->requiredPerms = ACL_INSERT;
	nsitem->p_rte->insertedCols = columns;
#endif
}

/* Check what is needed of it by now. */
static inline void
mig_check_needed_permissions(ParseState *pstate, ParseNamespaceItem *nsitem)
{
#if PG_VERSION_NUM >= 160000
	ExecCheckPermissions(pstate->p_rtable, list_make1(nsitem->p_perminfo), true);
#else
	ExecCheckRTPerms(pstate->p_rtable, true);
#endif
}

/* Is a message of a pipeline under way whose effects a commit would keep? */
static inline bool
mig_in_pipeline(void)
{
	return (MyXactFlags & XACT_FLAGS_PIPELINING) != 0;
}

/* Number of the transaction in this backend. (17: moved) */
static inline LocalTransactionId
mig_local_transaction(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProc->vxid.lxid;
#else
	return MyProc->lxid;
#endif
}

/* The process in which a transaction is under way, or NULL: it is prepared, or has ended. (17: renamed) */
static inline PGPROC *
mig_process_of(VirtualTransactionId vxid)
{
	PGPROC	   *proc;

#if PG_VERSION_NUM >= 170000
	if (vxid.procNumber == INVALID_PROC_NUMBER)
		return NULL;
	proc = ProcNumberGetProc(vxid.procNumber);
	return proc && proc->vxid.lxid == vxid.localTransactionId ? proc : NULL;
#else
	if (vxid.backendId == InvalidBackendId)
		return NULL;
	proc = BackendIdGetProc(vxid.backendId);
	return proc && proc->lxid == vxid.localTransactionId ? proc : NULL;
#endif
}

/* What a process says of itself, in the present snapshot of that; n from 1. (16: renamed) */
#if PG_VERSION_NUM >= 160000
#define mig_backend_status(n) pgstat_get_local_beentry_by_index(n)
#else
#define mig_backend_status(n) pgstat_fetch_stat_local_beentry(n)
#endif

/* Memory that a check hook hands to the server; NULL when there is none. (16: of the server's own) */
static inline void *
mig_guc_malloc(size_t size)
{
#if PG_VERSION_NUM >= 160000
	return guc_malloc(LOG, size);
#else
	return malloc(size);
#endif
}

/* A setting as the server keeps it, or NULL. (16) */
static inline struct config_generic *
mig_find_setting(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, LOG);
#else
	for (int i = 0; i < GetNumConfigOptions(); i++)
		if (pg_strcasecmp(get_guc_variables()[i]->name, name) == 0)
			return get_guc_variables()[i];
	return NULL;
#endif
}

/* Do event triggers fire at all? (17: a setting) */
static inline bool
mig_event_triggers_enabled(void)
{
#if PG_VERSION_NUM >= 170000
	return event_triggers;
#else
	return true;
#endif
}

/* Run a portal to its end, once. (18 dropped an argument) */
static inline void
mig_portal_run(Portal portal, DestReceiver *receiver, QueryCompletion *completion)
{
#if PG_VERSION_NUM >= 180000
	(void) PortalRun(portal, FETCH_ALL, true, receiver, receiver, completion);
#else
	(void) PortalRun(portal, FETCH_ALL, true, true, receiver, receiver, completion);
#endif
}

/* All settings, and how many. (16) */
static inline struct config_generic **
mig_all_settings(int *n)
{
#if PG_VERSION_NUM >= 160000
	return get_guc_variables(n);
#else
	*n = GetNumConfigOptions();
	return get_guc_variables();
#endif
}

/* Has a column's NOT NULL a row in pg_constraint? (18) */
#define MIG_NOT_NULL_HAS_ROW (PG_VERSION_NUM >= 180000)

/* Which constraint does ALTER CONSTRAINT name? (18) */
static inline const char *
mig_altered_constraint(const AlterTableCmd *command)
{
#if PG_VERSION_NUM >= 180000
	return castNode(ATAlterConstraint, command->def)->conname;
#else
	return castNode(Constraint, command->def)->conname;
#endif
}

/* Does a command have what depends on a column dropped and made anew? (17) */
static inline bool
mig_rebuilds_dependants(const AlterTableCmd *command)
{
#if PG_VERSION_NUM >= 170000
	if (command->subtype == AT_SetExpression)
		return true;
#endif
	return command->subtype == AT_AlterColumnType;
}

/* Can the expression of a generated column be changed? (17) */
#define MIG_CAN_SET_EXPRESSION (PG_VERSION_NUM >= 170000)

/* A privilege that there is since 17. */
#ifndef ACL_MAINTAIN
#define ACL_MAINTAIN 0
#endif

/* Does this backend hold just this lock? (17: or a stronger one) */
static inline bool
mig_lock_held_by_me(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/* Lock for the session once more what this backend has locked. (18: more arguments) */
static inline LOCALLOCK *
mig_lock_again(const LOCKTAG *tag, LOCKMODE mode)
{
	LOCALLOCK  *local;

#if PG_VERSION_NUM >= 180000
	(void) LockAcquireExtended(tag, mode, true, true, true, &local, false);
#else
	(void) LockAcquireExtended(tag, mode, true, true, true, &local);
#endif
	return local;
}

/* Of the locks of this backend in a partition, the one behind another, which is NULL for the first. (16: another list) */
static inline PROCLOCK *
mig_next_own_lock(int partition, PROCLOCK *lock)
{
#if PG_VERSION_NUM >= 160000
	dlist_head *locks = &MyProc->myProcLocks[partition];

	if (lock ? !dlist_has_next(locks, &lock->procLink) : dlist_is_empty(locks))
		return NULL;
	return dlist_container(PROCLOCK, procLink, lock ? dlist_next_node(locks, &lock->procLink) : dlist_head_node(locks));
#else
	SHM_QUEUE  *locks = &MyProc->myProcLocks[partition];

	return (PROCLOCK *) SHMQueueNext(locks, lock ? &lock->procLink : locks, offsetof(PROCLOCK, procLink));
#endif
}

/* Transactions older than this one have left no trace. (17: renamed) */
static inline TransactionId
mig_oldest_transaction(void)
{
#if PG_VERSION_NUM >= 170000
	return TransamVariables->oldestXid;
#else
	return ShmemVariableCache->oldestXid;
#endif
}

/* Let a worker connect as a role that may not log in? (17) */
#if PG_VERSION_NUM >= 170000
#define MIG_WORKER_FLAGS BGWORKER_BYPASS_ROLELOGINCHECK
#else
#define MIG_WORKER_FLAGS 0
#endif

#endif							/* MIG_COMPAT_H */
