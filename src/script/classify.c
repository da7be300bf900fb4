/*
 * classify.c
 *		What kind of statement each one is: whether it can be part of a
 *		migration, whether it can run inside a transaction, what it locks.
 *
 * All of it is told from the parse tree alone, so a statement whose effect
 * depends on the catalog (REINDEX of a partitioned index, a DO block) counts
 * as what its words say.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "nodes/parsenodes.h"
#include "script/script.h"
#include "storage/lockdefs.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* Settings that a text cannot change while it is being read or run. */
static const char *
forbidden_set(const VariableSetStmt *set)
{
	if (set->name == NULL)
		return NULL;
	if (set->kind == VAR_SET_MULTI && strcmp(set->name, "TRANSACTION") == 0)
		return "The transaction has begun before the migration does.";
	if (pg_strcasecmp(set->name, "transaction_isolation") == 0 ||
		pg_strcasecmp(set->name, "transaction_read_only") == 0 ||
		pg_strcasecmp(set->name, "transaction_deferrable") == 0)
		return "The transaction has begun before the migration does.";
	if (set->kind == VAR_SET_VALUE &&
		pg_strcasecmp(set->name, "standard_conforming_strings") == 0)
	{
		A_Const    *value = linitial(set->args);
		bool		on;

		if (IsA(value, A_Const) && !value->isnull && IsA(&value->val, String) &&
			parse_bool(strVal(&value->val), &on) && on)
			return NULL;
		return "The text has been read with standard_conforming_strings = on.";
	}
	return NULL;
}

static const char our_dump[] =
	"It comes from a dump of a database that has pg_migrations: make the dump with \"pg_dump -N migrate\", and remove this line.";

/* Statements that a dump has for our extension and its tables. */
static const char *
forbidden_of_ours(const Node *node)
{
	const char *extension = NULL;
	const char *trigger = NULL;
	const RangeVar *relation = NULL;

	if (IsA(node, CreateExtensionStmt))
		extension = ((const CreateExtensionStmt *) node)->extname;
	else if (IsA(node, CommentStmt) && ((const CommentStmt *) node)->objtype == OBJECT_EXTENSION)
		extension = strVal(((const CommentStmt *) node)->object);
	else if (IsA(node, CopyStmt))
		relation = ((const CopyStmt *) node)->relation;
	else if (IsA(node, CreateEventTrigStmt))
		trigger = ((const CreateEventTrigStmt *) node)->trigname;
	else if (IsA(node, AlterEventTrigStmt))
		trigger = ((const AlterEventTrigStmt *) node)->trigname;
	if (trigger && strncmp(trigger, "zz_", 3) == 0)
		trigger += 3;
	if ((trigger && strncmp(trigger, "pg_migrations_", strlen("pg_migrations_")) == 0) ||
		(extension && strcmp(extension, "pg_migrations") == 0) ||
		(relation && relation->schemaname && strcmp(relation->schemaname, "migrate") == 0))
		return our_dump;
	return NULL;
}

const char *
mig_forbidden(const RawStmt *raw)
{
	const Node *node = raw->stmt;

	switch (nodeTag(node))
	{
		case T_TransactionStmt:
			switch (((const TransactionStmt *) node)->kind)
			{
				case TRANS_STMT_COMMIT_PREPARED:
				case TRANS_STMT_ROLLBACK_PREPARED:
					return NULL;
				default:
					return "Each migration is one transaction; only a BEGIN and a COMMIT around the whole text are accepted.";
			}
		case T_VariableSetStmt:
			return forbidden_set((const VariableSetStmt *) node);
		case T_CopyStmt:
			{
				const CopyStmt *copy = (const CopyStmt *) node;

				if (!copy->is_from && copy->filename == NULL)
					return "There is nobody to read what COPY TO stdout writes.";
				return forbidden_of_ours(node);
			}
		default:
			return forbidden_of_ours(node);
	}
}

/* Value of a boolean option in a list of DefElem, or what it is without it. */
static bool
option_is_on(List *options, const char *name, bool otherwise)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			return defGetBoolean(option);
	}
	return otherwise;
}

static bool
has_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return true;
	}
	return false;
}

static const char *
reindex_reason(const ReindexStmt *reindex)
{
	if (option_is_on(reindex->params, "concurrently", false))
		return "CONCURRENTLY commits while it works";
	if (reindex->relation == NULL)
		return "of a schema or a database it commits after each index";
	return NULL;
}

/* Subscription commands need top level where they work on a replication slot. */
static const char *
subscription_reason(const Node *node)
{
	const char *reason = "it works on a replication slot of another server";

	if (IsA(node, CreateSubscriptionStmt))
	{
		List	   *options = ((const CreateSubscriptionStmt *) node)->options;

		return option_is_on(options, "connect", true) &&
			option_is_on(options, "create_slot", true) ? reason : NULL;
	}
	if (IsA(node, AlterSubscriptionStmt))
	{
		const AlterSubscriptionStmt *alter = (const AlterSubscriptionStmt *) node;

		switch (alter->kind)
		{
			case ALTER_SUBSCRIPTION_REFRESH:
				return reason;
			case ALTER_SUBSCRIPTION_SET_PUBLICATION:
			case ALTER_SUBSCRIPTION_ADD_PUBLICATION:
			case ALTER_SUBSCRIPTION_DROP_PUBLICATION:
				return option_is_on(alter->options, "refresh", true) ? reason : NULL;
			case ALTER_SUBSCRIPTION_OPTIONS:
				return has_option(alter->options, "failover") || has_option(alter->options, "two_phase") ? reason : NULL;
			default:
				return NULL;
		}
	}
	return IsA(node, DropSubscriptionStmt) ? reason : NULL;
}

static bool
detaches_concurrently(const AlterTableStmt *alter)
{
	ListCell   *cell;

	foreach(cell, alter->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		if (cmd->subtype == AT_DetachPartition &&
			((PartitionCmd *) cmd->def)->concurrent)
			return true;
	}
	return false;
}

/*
 * Why a statement cannot run inside a transaction block, or NULL: what calls
 * PreventInTransactionBlock in the server, as far as the parse tree tells.
 */
static const char *
top_level_reason(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_IndexStmt:
			return ((const IndexStmt *) node)->concurrent ?
				"CONCURRENTLY commits while it works" : NULL;
		case T_DropStmt:
			return ((const DropStmt *) node)->concurrent ?
				"CONCURRENTLY commits while it works" : NULL;
		case T_AlterTableStmt:
			return detaches_concurrently((const AlterTableStmt *) node) ?
				"DETACH PARTITION CONCURRENTLY commits while it works" : NULL;
		case T_ReindexStmt:
			return reindex_reason((const ReindexStmt *) node);
		case T_VacuumStmt:
			return ((const VacuumStmt *) node)->is_vacuumcmd ?
				"it commits while it works" : NULL;
		case T_ClusterStmt:
			return ((const ClusterStmt *) node)->relation == NULL ?
				"of all tables it commits after each" : NULL;
		case T_CreatedbStmt:
		case T_DropdbStmt:
			return "a database is made or removed outside of transactions";
		case T_AlterDatabaseStmt:
			return has_option(((const AlterDatabaseStmt *) node)->options, "tablespace") ?
				"a database is moved outside of transactions" : NULL;
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
			return "a tablespace is made or removed outside of transactions";
		case T_AlterSystemStmt:
			return "it cannot be rolled back";
		case T_CreateSubscriptionStmt:
		case T_AlterSubscriptionStmt:
		case T_DropSubscriptionStmt:
			return subscription_reason(node);
		case T_DiscardStmt:
			return ((const DiscardStmt *) node)->target == DISCARD_ALL ?
				"it resets the whole session" : NULL;
		case T_TransactionStmt:
			return "it cannot be rolled back";
		default:
			return NULL;
	}
}

/* Each statement that needs top level has one of these words in it. */
bool
mig_may_need_top_level(const char *text)
{
	static const char *const words[] = {
		"concurrently", "reindex", "vacuum", "cluster", "database", "tablespace",
		"system", "subscription", "discard", "prepared"
	};

	for (int i = 0; i < lengthof(words); i++)
		if (strcasestr(text, words[i]) != NULL)
			return true;
	return false;
}

static bool
is_concurrent(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_IndexStmt:
			return ((const IndexStmt *) node)->concurrent;
		case T_DropStmt:
			return ((const DropStmt *) node)->concurrent;
		case T_AlterTableStmt:
			return detaches_concurrently((const AlterTableStmt *) node);
		case T_ReindexStmt:
			return option_is_on(((const ReindexStmt *) node)->params, "concurrently", false);
		default:
			return false;
	}
}

void
mig_classify(ScriptStatement *stmt)
{
	stmt->concurrent = is_concurrent(stmt->raw->stmt);
	stmt->tag = CreateCommandTag(stmt->raw->stmt);
	stmt->mode_reason = top_level_reason(stmt->raw->stmt);
	stmt->mode = stmt->mode_reason ? MODE_TOP_LEVEL : MODE_TRANSACTION;
}

/* Does the definition of a table refer to another one? */
static LOCKMODE
create_table_lock(const CreateStmt *create)
{
	ListCell   *cell;

	if (create->partbound)
		return AccessExclusiveLock;
	foreach(cell, create->tableElts)
	{
		Node	   *element = lfirst(cell);
		ListCell   *constraint;

		if (IsA(element, Constraint) && ((Constraint *) element)->contype == CONSTR_FOREIGN)
			return ShareRowExclusiveLock;
		if (!IsA(element, ColumnDef))
			continue;
		foreach(constraint, ((ColumnDef *) element)->constraints)
			if (lfirst_node(Constraint, constraint)->contype == CONSTR_FOREIGN)
				return ShareRowExclusiveLock;
	}
	return create->inhRelations ? ShareUpdateExclusiveLock : NoLock;
}

static LOCKMODE
drop_lock(const DropStmt *drop)
{
	switch (drop->removeType)
	{
		case OBJECT_INDEX:
			return drop->concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock;
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_TRIGGER:
		case OBJECT_POLICY:
		case OBJECT_RULE:
			return AccessExclusiveLock;
		default:
			return NoLock;
	}
}

static LOCKMODE
rename_lock(const RenameStmt *rename)
{
	switch (rename->renameType)
	{
		case OBJECT_INDEX:
			return ShareUpdateExclusiveLock;
		default:
			return rename->relation ? AccessExclusiveLock : NoLock;
	}
}

#define UNKNOWN_LOCK (-1)

/* The strongest lock on an existing relation that a statement takes, or UNKNOWN_LOCK. */
static LOCKMODE
statement_lock(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_AlterTableStmt:
			return AlterTableGetLockLevel(((const AlterTableStmt *) node)->cmds);
		case T_CreateStmt:
			return create_table_lock((const CreateStmt *) node);
		case T_IndexStmt:
			return ((const IndexStmt *) node)->concurrent ? ShareUpdateExclusiveLock : ShareLock;
		case T_DropStmt:
			return drop_lock((const DropStmt *) node);
		case T_RenameStmt:
			return rename_lock((const RenameStmt *) node);
		case T_LockStmt:
			return ((const LockStmt *) node)->mode;
		case T_TruncateStmt:
		case T_RuleStmt:
		case T_CreatePolicyStmt:
		case T_AlterPolicyStmt:
		case T_ClusterStmt:
		case T_ReindexStmt:
			return AccessExclusiveLock;
		case T_RefreshMatViewStmt:
			return ((const RefreshMatViewStmt *) node)->concurrent ? ExclusiveLock : AccessExclusiveLock;
		case T_VacuumStmt:
			return option_is_on(((const VacuumStmt *) node)->options, "full", false) ?
				AccessExclusiveLock : ShareUpdateExclusiveLock;
		case T_CreateTrigStmt:
			return ShareRowExclusiveLock;
		case T_CommentStmt:
		case T_SecLabelStmt:
		case T_CreateStatsStmt:
			return ShareUpdateExclusiveLock;
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			return RowExclusiveLock;
		case T_CopyStmt:
			return ((const CopyStmt *) node)->is_from ? RowExclusiveLock : AccessShareLock;
		case T_SelectStmt:
		case T_ViewStmt:
		case T_CreateTableAsStmt:
			return AccessShareLock;
		case T_DoStmt:
		case T_CallStmt:
		case T_ExecuteStmt:
		case T_CreateExtensionStmt:
		case T_AlterExtensionStmt:
		case T_AlterExtensionContentsStmt:
		case T_DropOwnedStmt:
		case T_ReassignOwnedStmt:
			return UNKNOWN_LOCK;
		default:
			return NoLock;
	}
}

/*
 * Name of the strongest lock as in pg_locks.mode.  NULL where none is taken,
 * and where a statement does what its words do not say, unless the others
 * already take the strongest there is.
 */
const char *
mig_strongest_lock(const Script *script)
{
	static const char *const names[] = {
		NULL, "AccessShareLock", "RowShareLock", "RowExclusiveLock",
		"ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock",
		"ExclusiveLock", "AccessExclusiveLock"
	};
	LOCKMODE	strongest = NoLock;
	bool		unknown = false;
	ListCell   *cell;

	foreach(cell, script->statements)
	{
		LOCKMODE	mode = statement_lock(((ScriptStatement *) lfirst(cell))->raw->stmt);

		if (mode == UNKNOWN_LOCK)
			unknown = true;
		else
			strongest = Max(strongest, mode);
	}
	return unknown && strongest < AccessExclusiveLock ? NULL : names[strongest];
}
