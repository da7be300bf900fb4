/*
 * alters.c
 *		What an ALTER TABLE can have changed, by what it names.
 *
 * Somebody else may have changed the same table before or behind it.  So it counts
 * only where what differs is of the kind that it changes, and of the column, the
 * constraint or the trigger that it names.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/identity.h"
#include "schema/alters.h"

/* ---- what a command names ---- */

/* What a command is about, if it is neither the table nor a column of it. */
typedef enum Subject
{
	SUBJECT_TABLE,
	SUBJECT_CONSTRAINT,
	SUBJECT_TRIGGER,
	SUBJECT_RULE,
	SUBJECT_PARENT
} Subject;

static Subject
subject_of(const AlterTableCmd *command)
{
	switch (command->subtype)
	{
		case AT_AddConstraint:
		case AT_AlterConstraint:
		case AT_ValidateConstraint:
		case AT_DropConstraint:
			return SUBJECT_CONSTRAINT;
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_DisableTrig:
			return SUBJECT_TRIGGER;
		case AT_EnableRule:
		case AT_EnableAlwaysRule:
		case AT_EnableReplicaRule:
		case AT_DisableRule:
			return SUBJECT_RULE;
		case AT_AttachPartition:
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
		case AT_AddInherit:
		case AT_DropInherit:
			return SUBJECT_PARENT;
		default:
			return SUBJECT_TABLE;
	}
}

/* NULL: it is about no column. */
static const char *
column_of(const AlterTableCmd *command)
{
	if (subject_of(command) != SUBJECT_TABLE)
		return NULL;
	switch (command->subtype)
	{
		case AT_AddColumn:
			return castNode(ColumnDef, command->def)->colname;
		case AT_ClusterOn:
		case AT_SetTableSpace:
		case AT_SetAccessMethod:
			return NULL;
		default:
			return command->name;
	}
}

/* NULL: the server has chosen it. */
static const char *
constraint_of(const AlterTableCmd *command)
{
	if (command->subtype == AT_AddConstraint)
		return castNode(Constraint, command->def)->conname;
	return command->subtype == AT_AlterConstraint ? mig_altered_constraint(command) : command->name;
}

/* The table that becomes, or was, a partition or a child. */
static const char *
child_of(const AlterTableStmt *stmt, const AlterTableCmd *command)
{
	switch (command->subtype)
	{
		case AT_AttachPartition:
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			return castNode(PartitionCmd, command->def)->name->relname;
		default:
			return stmt->relation->relname;
	}
}

/* Does its definition, or its name, say so? */
static bool
is_of(const Drift *drift, const char *name)
{
	return mig_differs_has_name(drift->identity, name) ||
		(drift->expected && mig_differs_has_name(drift->expected, name)) ||
		(drift->actual && mig_differs_has_name(drift->actual, name));
}

/* ---- the table itself ---- */

/* Is it that of a NOT NULL, which says its name where it has another one than usual? (18) */
static bool
may_be_not_null(const char *constraint, const Drift *drift)
{
	return MIG_NOT_NULL_HAS_ROW && (strstr(constraint, "_not_null") || mig_differs_has_name(drift->differing, constraint));
}

/* A key has its columns be NOT NULL. */
static int
lines_of_constraint(const AlterTableCmd *command, const Drift *drift)
{
	if (command->subtype != AT_AddConstraint)
		return may_be_not_null(constraint_of(command), drift) ? LINES_COLUMN : 0;
	switch (castNode(Constraint, command->def)->contype)
	{
		case CONSTR_PRIMARY:
		case CONSTR_NOTNULL:
			return LINES_COLUMN;
		default:
			return 0;
	}
}

static int
lines_of_table(const AlterTableCmd *command, const Drift *drift)
{
	switch (command->subtype)
	{
		/* With the owner who has granted what is another one, too. */
		case AT_ChangeOwner:
			return LINES_OWNER;
		case AT_AddColumn:
		case AT_DropColumn:
		case AT_AlterColumnType:
			return LINES_OF_COLUMN | LINES_PARENTS | LINES_GRANTS | LINES_LABELS;
		case AT_EnableTrigUser:
		case AT_DisableTrigUser:
		case AT_EnableTrigAll:
		case AT_DisableTrigAll:
			return LINES_ENABLED;
		case AT_ReplicaIdentity:
			return LINES_REPLICA;
		case AT_ClusterOn:
		case AT_DropCluster:
			return LINES_CLUSTERED;
		case AT_SetLogged:
		case AT_SetUnLogged:
		case AT_SetTableSpace:
			return LINES_PLACE;
		case AT_SetRelOptions:
		case AT_ResetRelOptions:
		case AT_GenericOptions:
			/* Those of an index stand in its definition. */
			return DRIFT_IS_A(drift, "index") ? LINES_OTHERS : LINES_OPTIONS;
		case AT_EnableRowSecurity:
		case AT_DisableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_NoForceRowSecurity:
			return LINES_SECURITY;
		default:
			return column_of(command) ? LINES_OF_COLUMN | LINES_STATISTICS : LINES_ALL & ~LINES_OWNER;
	}
}

static int
lines_of_command(const AlterTableCmd *command, const Drift *drift)
{
	switch (subject_of(command))
	{
		case SUBJECT_CONSTRAINT:
			return lines_of_constraint(command, drift);
		case SUBJECT_TRIGGER:
		case SUBJECT_RULE:
			return LINES_ENABLED;
		case SUBJECT_PARENT:
			return LINES_PARENTS | LINES_COLUMN | LINES_COLUMN_VALUE | LINES_OTHERS;
		default:
			return lines_of_table(command, drift);
	}
}

/* A partition is another table than the whole, and of an index both change. */
static bool
may_be_child(const AlterTableStmt *stmt, const AlterTableCmd *command, const Drift *drift)
{
	return subject_of(command) != SUBJECT_PARENT || stmt->objtype == OBJECT_INDEX ||
		mig_differs_has_name(drift->identity, child_of(stmt, command));
}

/* The keys of the lines of a column that a command changes; NULL: they may be others. */
static const char *const *
keys_of_column(const AlterTableCmd *command)
{
	static const char *const statistics[] = {"statistics", NULL};
	static const char *const storage[] = {"storage", NULL};
	static const char *const compression[] = {"compression", NULL};
	static const char *const options[] = {"options", NULL};
	static const char *const foreign_options[] = {"foreign options", NULL};
	static const char *const value[] = {"default", "generated stored", "generated virtual", NULL};
	static const char *const not_null[] = {"column", "not null", NULL};

	switch (command->subtype)
	{
		case AT_SetStatistics:
			return statistics;
		case AT_SetStorage:
			return storage;
		case AT_SetCompression:
			return compression;
		case AT_SetOptions:
		case AT_ResetOptions:
			return options;
		case AT_AlterColumnGenericOptions:
			return foreign_options;
		case AT_ColumnDefault:
			return value;
		case AT_SetNotNull:
		case AT_DropNotNull:
			return not_null;
		default:
			return NULL;
	}
}

static bool
changes_column(const AlterTableCmd *command, const Drift *drift)
{
	const char *column = column_of(command);
	const char *const *keys = column ? keys_of_column(command) : NULL;

	if (keys == NULL)
		return column == NULL || mig_differs_column(drift, column);
	for (; *keys; keys++)
		if (mig_differs_key(drift, column, *keys))
			return true;
	return false;
}

/* Those that are named; of an index they stand in its definition. */
static bool
changes_options(const AlterTableCmd *command, const Drift *drift)
{
	const char *text = DRIFT_IS_A(drift, "index") ? drift->differing : drift->core;
	ListCell   *cell;

	if (command->subtype != AT_SetRelOptions && command->subtype != AT_ResetRelOptions && command->subtype != AT_GenericOptions)
		return true;
	foreach(cell, castNode(List, command->def))
		if (mig_differs_has_name(text, lfirst_node(DefElem, cell)->defname))
			return true;
	return false;
}

static bool
changes_lines(const AlterTableStmt *stmt, const AlterTableCmd *command, const Drift *drift)
{
	return (lines_of_command(command, drift) & drift->lines) && changes_column(command, drift) && changes_options(command, drift) &&
		may_be_child(stmt, command, drift);
}

bool
mig_alters_own(const AlterTableStmt *stmt, const Drift *drift)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
		if (changes_lines(stmt, lfirst_node(AlterTableCmd, cell), drift))
			return true;
	return false;
}

/* ---- which others ---- */

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
		case AT_EnableTrigUser:
		case AT_DisableTrigUser:
			return REACHES_TRIGGERS;
		case AT_EnableTrigAll:
		case AT_DisableTrigAll:
			return REACHES_TRIGGERS | REACHES_CONSTRAINTS;
		case AT_ReplicaIdentity:
		case AT_ClusterOn:
		case AT_DropCluster:
			return REACHES_INDEXES;
		case AT_ChangeOwner:
		case AT_SetLogged:
		case AT_SetUnLogged:
			return REACHES_SEQUENCES;
		case AT_SetRelOptions:
		case AT_ResetRelOptions:
		case AT_SetTableSpace:
		case AT_EnableRowSecurity:
		case AT_DisableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_NoForceRowSecurity:
		case AT_GenericOptions:
		case AT_SetAccessMethod:
		case AT_AddOf:
		case AT_DropOf:
			return 0;
		default:
			return REACHES_ALL;
	}
}

/* By what it does to a column, or else to the whole. */
static int
reach_of_table(const AlterTableCmd *command)
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
			return REACHES_CHILDREN;
		case AT_AlterColumnGenericOptions:
			return 0;
		default:
			return reach_of_whole(command);
	}
}

static int
reach_of(const AlterTableCmd *command)
{
	switch (subject_of(command))
	{
		case SUBJECT_CONSTRAINT:
			return REACHES_CONSTRAINTS | REACHES_INDEXES | REACHES_CHILDREN;
		case SUBJECT_TRIGGER:
			return REACHES_TRIGGERS;
		case SUBJECT_RULE:
			return REACHES_RULES;
		case SUBJECT_PARENT:
			return REACHES_TRIGGERS | REACHES_CONSTRAINTS | REACHES_INDEXES | REACHES_CHILDREN;
		default:
			return reach_of_table(command);
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

/* ---- others, by what is named ---- */

/* That of a partition may have another name than that of the whole table. */
static bool
names_constraint(const AlterTableStmt *stmt, const AlterTableCmd *command, const Drift *drift)
{
	const char *name = constraint_of(command);
	const Constraint *added = command->subtype == AT_AddConstraint ? castNode(Constraint, command->def) : NULL;

	if (added && added->indexname)
		return mig_differs_has_name(drift->identity, added->indexname) || (name && mig_differs_has_name(drift->identity, name));
	if (name && is_of(drift, stmt->relation->relname))
		return mig_differs_has_name(drift->identity, name);
	return added == NULL || (DRIFT_IS_ADDED(drift) && mig_added_is_of_kind(added, drift));
}

/* What is of the kind that it changes, where it names nothing. */
static bool
may_be_other(const AlterTableCmd *command, const Drift *drift)
{
	switch (command->subtype)
	{
		case AT_ChangeOwner:
		case AT_SetLogged:
		case AT_SetUnLogged:
		case AT_ReplicaIdentity:
		case AT_ClusterOn:
		case AT_DropCluster:
			return (lines_of_command(command, drift) & drift->lines) != 0;
		default:
			return true;
	}
}

/* Of an index it is no more than of which one it is a part, and with that whether it is valid. */
static bool
may_be_of_part(const Drift *drift)
{
	if (drift->lines & LINES_PARENTS)
		return true;
	return DRIFT_IS_A(drift, "index") ? mig_differs_key(drift, NULL, "valid") : (drift->lines & LINES_OTHERS) != 0;
}

static bool
names_other(const AlterTableStmt *stmt, const AlterTableCmd *command, const Drift *drift)
{
	const char *column = column_of(command);

	/* A row of a composite type has another value then, and not the name of it. */
	if (column)
		return mig_differs_has_name(drift->differing, column) ||
			(stmt->objtype == OBJECT_TYPE && mig_differs_has_name(drift->differing, stmt->relation->relname));
	switch (subject_of(command))
	{
		case SUBJECT_CONSTRAINT:
			return names_constraint(stmt, command, drift);
		case SUBJECT_TRIGGER:
		case SUBJECT_RULE:
			return mig_differs_has_name(drift->identity, command->name);
		case SUBJECT_PARENT:
			return is_of(drift, child_of(stmt, command)) && may_be_of_part(drift);
		default:
			return may_be_other(command, drift);
	}
}

/* ---- others ---- */

/* Most have statements of their own that make them. */
static bool
may_make(const AlterTableCmd *command, const Drift *drift)
{
	bool		constraint = DRIFT_IS_A(drift, "table constraint");
	bool		sequence = DRIFT_IS_A(drift, "sequence");

	switch (command->subtype)
	{
		case AT_AttachPartition:
			return constraint || DRIFT_IS_A(drift, "index") || DRIFT_IS_A(drift, "trigger");
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			return constraint;
		case AT_AddConstraint:
			return constraint || (DRIFT_IS_A(drift, "index") && mig_differs_has_constraint(drift));
		case AT_AddColumn:
			return constraint || sequence || (DRIFT_IS_A(drift, "index") && mig_differs_has_constraint(drift));
		case AT_AddIdentity:
			return sequence;
		default:
			return false;
	}
}

/* A child has of its own what its parent has. */
static bool
may_change(const AlterTableStmt *stmt, const AlterTableCmd *command, const Drift *drift, DriftTie tie)
{
	if (tie != TIE_MENTIONED && reached_as(drift->object_type) == REACHES_CHILDREN && DRIFT_IS_CHANGED(drift))
		return changes_lines(stmt, command, drift);
	return names_other(stmt, command, drift);
}

bool
mig_alters_other(const AlterTableStmt *stmt, const Drift *drift, DriftTie tie)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
	{
		const AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

		if ((reach_of(command) & reached_as(drift->object_type)) && !(DRIFT_IS_ADDED(drift) && !may_make(command, drift)) &&
			may_change(stmt, command, drift, tie))
			return true;
	}
	return false;
}
