/*
 * reach.c
 *		Whether a captured statement can have changed an object, from its kind.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "common/attempt.h"
#include "common/identity.h"
#include "common/notices.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "schema/author.h"
#include "schema/properties.h"
#include "script/script.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* ---- the object itself ---- */

/* Lines of a definition that have statements of their own. */
#define LINES_GRANTS	1
#define LINES_COMMENTS	2
#define LINES_LABELS	4
#define LINES_OWNER		8
#define LINES_PLAIN		16		/* in which no other object is mentioned */
#define LINES_OTHERS	32
#define LINES_ALL		63

static int
kind_of_line(const char *key)
{
	static const char *const plain[] = {
		"options", "toast options", "enabled", "storage", "compression", "unlogged", "tablespace"
	};

	for (int i = 0; i < lengthof(plain); i++)
		if (strcmp(key, plain[i]) == 0)
			return LINES_PLAIN;
	if (mig_begins_with(key, "row security") || mig_begins_with(key, "statistics"))
		return LINES_PLAIN;
	/* Of a constraint that has no description of its own. */
	if (strcmp(key, "not null") == 0)
		return LINES_OTHERS | LINES_COMMENTS;
	if (mig_begins_with(key, "grant"))
		return LINES_GRANTS;
	if (strcmp(key, "comment") == 0)
		return LINES_COMMENTS;
	if (mig_begins_with(key, "security label "))
		return LINES_LABELS;
	return strcmp(key, "owner") == 0 ? LINES_OWNER : LINES_OTHERS;
}

static int
compare_properties(const Property *one, const Property *other)
{
	int			order = strcmp(one->key, other->key);

	return order ? order : strcmp(one->value, other->value);
}

static int
compare_cells(const ListCell *a, const ListCell *b)
{
	return compare_properties(lfirst(a), lfirst(b));
}

static List *
sorted_properties(const char *definition)
{
	List	   *properties = mig_schema_properties(definition ? definition : "");

	list_sort(properties, compare_cells);
	return properties;
}

int
mig_author_lines(const char *expected, const char *actual)
{
	List	   *one = sorted_properties(expected);
	List	   *other = sorted_properties(actual);
	int			i = 0;
	int			j = 0;
	int			result = 0;

	while (i < list_length(one) || j < list_length(other))
	{
		int			order = i == list_length(one) ? 1 : j == list_length(other) ? -1 :
			compare_properties(list_nth(one, i), list_nth(other, j));

		if (order != 0)
			result |= kind_of_line(((const Property *) (order < 0 ? list_nth(one, i) : list_nth(other, j)))->key);
		i += order <= 0;
		j += order >= 0;
	}
	return result;
}

static int
lines_of_command(const AlterTableCmd *command)
{
	switch (command->subtype)
	{
		case AT_ChangeOwner:
			return LINES_OWNER | LINES_GRANTS;
		case AT_AddColumn:
		case AT_DropColumn:
		case AT_AlterColumnType:
			return LINES_ALL;
		default:
			return LINES_OTHERS | LINES_PLAIN;
	}
}

static int
lines_of(const Node *stmt)
{
	int			result = 0;
	ListCell   *cell;

	switch (nodeTag(stmt))
	{
		case T_GrantStmt:
			return LINES_GRANTS;
		case T_CommentStmt:
			return LINES_COMMENTS;
		case T_SecLabelStmt:
			return LINES_LABELS;
		case T_AlterOwnerStmt:
			return LINES_OWNER | LINES_GRANTS;
		case T_AlterTableStmt:
			foreach(cell, ((const AlterTableStmt *) stmt)->cmds)
				result |= lines_of_command(lfirst_node(AlterTableCmd, cell));
			return result;
		default:
			return LINES_ALL;
	}
}

/* ---- others ---- */

/* What of a table an ALTER TABLE changes besides itself. */
#define REACHES_TRIGGERS	1
#define REACHES_RULES		2
#define REACHES_CONSTRAINTS	4
#define REACHES_INDEXES		8
#define REACHES_SEQUENCES	16
#define REACHES_CHILDREN	32
#define REACHES_TEXTS		64
#define REACHES_ALL			127

/* By what it does to the table as a whole. */
static int
reach_of_whole(const AlterTableCmd *command)
{
	switch (command->subtype)
	{
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_DisableTrig:
		case AT_EnableTrigUser:
		case AT_DisableTrigUser:
			return REACHES_TRIGGERS;
		case AT_EnableTrigAll:
		case AT_DisableTrigAll:
			return REACHES_TRIGGERS | REACHES_CONSTRAINTS;
		case AT_EnableRule:
		case AT_EnableAlwaysRule:
		case AT_EnableReplicaRule:
		case AT_DisableRule:
			return REACHES_RULES;
		case AT_AddConstraint:
		case AT_AlterConstraint:
		case AT_ValidateConstraint:
		case AT_DropConstraint:
			return REACHES_CONSTRAINTS | REACHES_INDEXES | REACHES_CHILDREN;
		case AT_ReplicaIdentity:
		case AT_ClusterOn:
		case AT_DropCluster:
			return REACHES_INDEXES;
		case AT_ChangeOwner:
		case AT_SetLogged:
		case AT_SetUnLogged:
			return REACHES_SEQUENCES;
		case AT_AttachPartition:
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
		case AT_AddInherit:
		case AT_DropInherit:
			return REACHES_TRIGGERS | REACHES_CONSTRAINTS | REACHES_INDEXES | REACHES_CHILDREN;
		case AT_SetRelOptions:
		case AT_ResetRelOptions:
		case AT_SetTableSpace:
		case AT_EnableRowSecurity:
		case AT_DisableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_NoForceRowSecurity:
		case AT_GenericOptions:
			return 0;
		default:
			return REACHES_ALL;
	}
}

/* By what it does to a column, or else to the whole. */
static int
reach_of(const AlterTableCmd *command)
{
	switch (command->subtype)
	{
		case AT_AddColumn:
			return REACHES_SEQUENCES | REACHES_CHILDREN | REACHES_TEXTS |
				(castNode(ColumnDef, command->def)->constraints ? REACHES_CONSTRAINTS | REACHES_INDEXES : 0);
		case AT_AlterColumnType:
			return REACHES_ALL & ~(REACHES_TRIGGERS | REACHES_RULES);
		case AT_AddIdentity:
		case AT_SetIdentity:
		case AT_DropIdentity:
			return REACHES_SEQUENCES | REACHES_CHILDREN;
		case AT_SetStatistics:
		case AT_SetStorage:
		case AT_SetCompression:
		case AT_SetOptions:
		case AT_ResetOptions:
		case AT_ColumnDefault:
		case AT_SetNotNull:
		case AT_DropNotNull:
			return REACHES_CHILDREN | REACHES_CONSTRAINTS;
		case AT_AlterColumnGenericOptions:
			return 0;
		default:
			return reach_of_whole(command);
	}
}

static int
reached_as(const char *object_type)
{
	static const struct
	{
		const char *object_type;
		int			reach;
	}			types[] = {
		{"trigger", REACHES_TRIGGERS},
		{"rule", REACHES_RULES | REACHES_TEXTS},
		{"table constraint", REACHES_CONSTRAINTS},
		{"index", REACHES_INDEXES},
		{"sequence", REACHES_SEQUENCES},
		{"table", REACHES_CHILDREN},
		{"foreign table", REACHES_CHILDREN}
	};

	for (int i = 0; i < lengthof(types); i++)
		if (strcmp(types[i].object_type, object_type) == 0)
			return types[i].reach;
	return REACHES_TEXTS;
}

static bool
is_added(const Drift *drift)
{
	return strcmp(drift->change, "added") == 0;
}

static bool
has_constraint(const Drift *drift)
{
	ListCell   *cell;

	foreach(cell, drift->names)
	{
		const DriftName *name = lfirst(cell);

		if (name->object_type && strcmp(name->object_type, "table constraint") == 0)
			return true;
	}
	return false;
}

/* Triggers and indexes have statements that make them; few others do. */
static bool
may_make(const AlterTableCmd *command, const Drift *drift)
{
	bool		is_index = strcmp(drift->object_type, "index") == 0;

	if (!is_index && strcmp(drift->object_type, "trigger") != 0)
		return true;
	switch (command->subtype)
	{
		case AT_AttachPartition:
			return true;
		case AT_AddColumn:
		case AT_AddConstraint:
			return is_index && has_constraint(drift);
		default:
			return false;
	}
}

/* May it change what is a part of its object, or mentions it? */
static bool
reaches_others(const Node *stmt, const Drift *drift)
{
	ListCell   *cell;

	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			foreach(cell, ((const AlterTableStmt *) stmt)->cmds)
			{
				const AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

				if ((reach_of(command) & reached_as(drift->object_type)) && !(is_added(drift) && !may_make(command, drift)))
					return true;
			}
			return false;
		case T_GrantStmt:
		case T_CommentStmt:
		case T_SecLabelStmt:
		case T_AlterOwnerStmt:
		case T_AlterFunctionStmt:
		case T_AlterOperatorStmt:
		case T_AlterSeqStmt:
		case T_AlterStatsStmt:
		case T_AlterPolicyStmt:
		case T_AlterObjectDependsStmt:
		case T_CreateTrigStmt:
		case T_CreatePolicyStmt:
		case T_RuleStmt:
		case T_IndexStmt:
			return false;
		default:
			return true;
	}
}

/* May it have made or changed on partitions what it did to the whole table? */
static bool
reaches_partitions(const Node *stmt, const Drift *drift)
{
	switch (nodeTag(stmt))
	{
		case T_IndexStmt:
			return is_added(drift);
		case T_CreateTrigStmt:
			return is_added(drift) || (drift->lines & LINES_OTHERS);
		case T_RenameStmt:
			return !is_added(drift) || ((const RenameStmt *) stmt)->renameType == OBJECT_TRIGGER ||
				((const RenameStmt *) stmt)->renameType == OBJECT_TABCONSTRAINT;
		default:
			return !is_added(drift) && reaches_others(stmt, drift);
	}
}

/* Has a role that is expected got another name by it? */
static bool
renames_role(const Node *stmt, const Drift *drift)
{
	const RenameStmt *rename = (const RenameStmt *) stmt;
	ListCell   *cell;

	if (!IsA(stmt, RenameStmt) || rename->renameType != OBJECT_ROLE)
		return false;
	foreach(cell, drift->names)
	{
		const DriftName *name = lfirst(cell);

		if (name->tie == TIE_ROLE && strcmp(name->identity, quote_identifier(rename->subname)) == 0)
			return true;
	}
	return false;
}

/* Those of keys go with all others, or by the name that the server has given them. */
static bool
switches_key_triggers(const Node *stmt)
{
	ListCell   *cell;

	if (!IsA(stmt, AlterTableStmt))
		return false;
	foreach(cell, ((const AlterTableStmt *) stmt)->cmds)
	{
		const AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

		if (command->subtype == AT_EnableTrigAll || command->subtype == AT_DisableTrigAll ||
			(command->name && strncmp(command->name, "RI_ConstraintTrigger_", 21) == 0))
			return true;
	}
	return false;
}

/* The settings of a database are another object than the database. */
static bool
is_about(const Node *stmt, const char *object_type)
{
	if (strcmp(object_type, "database") == 0)
		return !IsA(stmt, AlterDatabaseSetStmt) && !IsA(stmt, AlterRoleSetStmt);
	if (strcmp(object_type, "database setting") != 0)
		return true;
	if (IsA(stmt, AlterRoleSetStmt))
	{
		const char *database = ((const AlterRoleSetStmt *) stmt)->database;

		return database && strcmp(database, get_database_name(MyDatabaseId)) == 0;
	}
	return IsA(stmt, AlterDatabaseSetStmt) || IsA(stmt, DropRoleStmt) ||
		(IsA(stmt, RenameStmt) && ((const RenameStmt *) stmt)->renameType == OBJECT_ROLE);
}

static bool
may_have(const Node *stmt, const Drift *drift, DriftTie tie)
{
	const char *object_type = drift->object_type;
	bool		is_changed = strcmp(drift->change, "changed") == 0;
	bool		changes_it = !is_changed || (lines_of(stmt) & drift->lines) != 0;

	/* Captured, but no change of the schema. */
	if (IsA(stmt, TruncateStmt))
		return false;
	switch (tie)
	{
		case TIE_OWN:
			return changes_it && is_about(stmt, object_type);
		case TIE_ALL:
			return changes_it && IsA(stmt, GrantStmt);
		case TIE_ROLE:
			return !drift->is_gone && (!is_changed || (drift->lines & (LINES_OWNER | LINES_GRANTS))) &&
				(IsA(stmt, DropOwnedStmt) || IsA(stmt, ReassignOwnedStmt));
		case TIE_RENAMED_ROLE:
			return renames_role(stmt, drift);
		case TIE_WHOLE:
			return reaches_partitions(stmt, drift);
		case TIE_TRIGGERS:
			return switches_key_triggers(stmt);
		case TIE_MENTIONED:
			return (!is_changed || (drift->lines & LINES_OTHERS)) && reaches_others(stmt, drift);
		default:
			return reaches_others(stmt, drift);
	}
}

/*
 * What was captured could be read then, but maybe not here: secrets have been taken
 * out since, and the settings and the encoding of the client are others.
 */
static List *
statements_of(const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	HeldOff		held_off = mig_held_off();
	List	   *volatile result = NIL;
	int			level = mig_notices_off();

	mig_script_pin_settings(GUC_ACTION_SAVE);
	(void) set_config_option("backslash_quote", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	PG_TRY();
	{
		result = raw_parser(text, RAW_PARSE_DEFAULT);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (mig_is_error_of_others(geterrcode()))
			PG_RE_THROW();
		FlushErrorState();
		mig_hold_off_again(held_off);
	}
	PG_END_TRY();
	AtEOXact_GUC(true, level);
	return result;
}

static bool
any_may_have(const Drift *drift, DriftTie tie, const List *statements)
{
	ListCell   *cell;

	foreach(cell, statements)
		if (may_have(lfirst_node(RawStmt, cell)->stmt, drift, tie))
			return true;
	/* Of what cannot be read it is known what it was about. */
	return statements == NIL && tie == TIE_OWN;
}

const StatementReader mig_author_reader = {statements_of, any_may_have};
