/*
 * reach.c
 *		Whether a captured statement can have changed an object, from its kind.
 */
#include "postgres.h"

#include "capture/capture.h"
#include "common/attempt.h"
#include "common/compat.h"
#include "common/notices.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "schema/alters.h"
#include "schema/amends.h"
#include "schema/author.h"
#include "schema/repeats.h"
#include "schema/role_reach.h"
#include "schema/state.h"
#include "script/script.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* ---- others ---- */

static bool
is_type(const Drift *drift, const char *const *types, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(drift->object_type, types[i]) == 0)
			return true;
	return false;
}

/* Does it stand in what differs? */
static bool
is_named(const Drift *drift, const char *name)
{
	return name && mig_differs_has_name(drift->differing, name);
}

/*
 * Was it there before under another name?  Its place tells, or what is expected
 * where places do not count.
 */
static bool
was_there(const RenameStmt *stmt, const char *before, const Drift *drift)
{
	uint8		key[LEDGER_KEY_BYTES];

	if (drift->stays || drift->has_place || before == NULL)
		return drift->stays;
	mig_state_key(drift->object_type, mig_differs_with_name(drift->identity, stmt->newname, before), key);
	return ledger_expected(key) != NULL;
}

/*
 * What mentions an object is printed with its new name, and was with its old one.
 * What is not expected, or is not there, is so for that only if it is called so, and
 * if it was there before.
 */
static bool
names_renamed(const RenameStmt *stmt, const Drift *drift)
{
	const char *before = mig_name_before(stmt);

	if (DRIFT_IS_CHANGED(drift))
		return before == NULL || mig_differs_has_name(drift->core, before) || mig_differs_has_name(drift->core, stmt->newname);
	if (DRIFT_IS_ADDED(drift))
		return mig_differs_has_name(drift->identity, stmt->newname) && was_there(stmt, before, drift);
	return before == NULL || mig_differs_has_name(drift->identity, before);
}

static bool
names_moved(const AlterObjectSchemaStmt *stmt, const Drift *drift)
{
	const char *name = stmt->relation ? stmt->relation->relname : mig_last_name(stmt->object);

	/* Members of an extension have other names than that. */
	return stmt->objectType == OBJECT_EXTENSION || name == NULL || is_named(drift, name);
}

/* A new value changes nothing that there is. */
static bool
names_value(const AlterEnumStmt *stmt, const Drift *drift)
{
	return !DRIFT_IS_ADDED(drift) && stmt->oldVal && (is_named(drift, stmt->oldVal) || is_named(drift, stmt->newVal));
}

/* Of a condition: ADD, DROP and VALIDATE CONSTRAINT. */
static bool
names_condition(const AlterDomainStmt *stmt, const Drift *drift)
{
	const char *name = stmt->subtype == 'C' ? castNode(Constraint, stmt->def)->conname : stmt->name;

	if (strchr("CXV", stmt->subtype) == NULL || !DRIFT_IS_A(drift, "domain constraint"))
		return false;
	return name ? mig_differs_has_name(drift->identity, name) : DRIFT_IS_ADDED(drift);
}

/* What goes without CASCADE are parts. */
static bool
may_drop(const DropStmt *stmt, const Drift *drift)
{
	static const char *const parts[] = {
		"index", "trigger", "rule", "policy", "table constraint", "domain constraint", "sequence", "statistics object",
		"publication relation", "publication namespace", "default acl", "table", "foreign table", "type"
	};

	return !DRIFT_IS_REMOVED(drift) || stmt->behavior == DROP_CASCADE || is_type(drift, parts, lengthof(parts));
}

/* Of its own, of a column, of another table. */
static bool
may_have_constraint(const CreateStmt *stmt, const Drift *drift)
{
	ListCell   *cell;

	foreach(cell, stmt->tableElts)
		if (mig_added_may_be(lfirst(cell), drift))
			return true;
	return stmt->inhRelations != NIL;
}

/* With a table come its constraints and what they need, and on a partition what is on the whole table. */
static bool
may_come_with(const CreateStmt *stmt, const Drift *drift)
{
	ListCell   *cell;

	if (stmt->partbound || DRIFT_IS_A(drift, "sequence"))
		return true;
	foreach(cell, stmt->tableElts)
		if (IsA(lfirst(cell), TableLikeClause))
			return !DRIFT_IS_A(drift, "trigger");
	if (DRIFT_IS_A(drift, "table constraint"))
		return may_have_constraint(stmt, drift);
	return DRIFT_IS_A(drift, "index") && mig_differs_has_constraint(drift) && may_have_constraint(stmt, drift);
}

/* What is made changes nothing that there is, and brings along only what is a part of it. */
static bool
may_bring(const Node *stmt, const Drift *drift, DriftTie tie)
{
	return DRIFT_IS_ADDED(drift) && tie != TIE_MENTIONED && (!IsA(stmt, CreateStmt) || may_come_with((const CreateStmt *) stmt, drift));
}

/* Of all tables, or of what is named; SET leaves out what is not. */
static bool
names_published(const List *objects, const Drift *drift)
{
	const ListCell *cell;

	foreach(cell, objects)
	{
		const PublicationObjSpec *object = lfirst_node(PublicationObjSpec, cell);
		const char *name = object->pubtable ? object->pubtable->relation->relname : object->name;

		if (name == NULL || mig_differs_has_name(drift->identity, name))
			return true;
	}
	return false;
}

static bool
changes_published(const AlterPublicationStmt *stmt, const Drift *drift)
{
	return names_published(stmt->pubobjects, drift) || (stmt->pubobjects && stmt->action == AP_SetObjects && !DRIFT_IS_ADDED(drift));
}

/* May it change what is a part of its object, or mentions it? */
static bool
reaches_others(const Node *stmt, const Drift *drift, DriftTie tie)
{
	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			return (tie != TIE_MENTIONED || !DRIFT_IS_ADDED(drift)) && mig_alters_other((const AlterTableStmt *) stmt, drift, tie);
		case T_RenameStmt:
			return names_renamed((const RenameStmt *) stmt, drift);
		case T_AlterObjectSchemaStmt:
			return names_moved((const AlterObjectSchemaStmt *) stmt, drift);
		case T_AlterEnumStmt:
			return names_value((const AlterEnumStmt *) stmt, drift);
		case T_AlterDomainStmt:
			return names_condition((const AlterDomainStmt *) stmt, drift);
		case T_DropStmt:
			return !DRIFT_IS_ADDED(drift) && may_drop((const DropStmt *) stmt, drift);
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
		case T_CreateTableAsStmt:
		case T_CreateSchemaStmt:
		case T_CreateSeqStmt:
		case T_CreateStatsStmt:
		case T_CreateFunctionStmt:
		case T_CreateDomainStmt:
		case T_CreateEnumStmt:
		case T_CreateRangeStmt:
		case T_CompositeTypeStmt:
		case T_ViewStmt:
		case T_DefineStmt:
		case T_CreateFdwStmt:
		case T_CreateForeignServerStmt:
			return may_bring(stmt, drift, tie);
		case T_DropOwnedStmt:
		case T_ReassignOwnedStmt:
		case T_CreateExtensionStmt:
		case T_AlterExtensionStmt:
		case T_AlterExtensionContentsStmt:
		case T_ImportForeignSchemaStmt:
		case T_CreateOpClassStmt:
		case T_AlterOpFamilyStmt:
			return true;
		case T_CreatePublicationStmt:
			return names_published(((const CreatePublicationStmt *) stmt)->pubobjects, drift);
		case T_AlterPublicationStmt:
			return changes_published((const AlterPublicationStmt *) stmt, drift);
		case T_AlterDefaultPrivilegesStmt:
			return mig_amends_grants(((const AlterDefaultPrivilegesStmt *) stmt)->action, drift);
		default:
			return false;
	}
}

/* May it have made or changed on partitions what it did to the whole table? */
static bool
reaches_partitions(const Node *stmt, const Drift *drift)
{
	switch (nodeTag(stmt))
	{
		case T_IndexStmt:
			return DRIFT_IS_ADDED(drift);
		case T_CreateTrigStmt:
			return DRIFT_IS_ADDED(drift) || (drift->lines & LINES_MENTIONING);
		case T_RenameStmt:
			return !DRIFT_IS_ADDED(drift) || ((const RenameStmt *) stmt)->renameType == OBJECT_TRIGGER ||
				((const RenameStmt *) stmt)->renameType == OBJECT_TABCONSTRAINT;
		default:
			return !DRIFT_IS_ADDED(drift) && reaches_others(stmt, drift, TIE_WHOLE);
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
	/* It is called otherwise itself. */
	if (!DRIFT_IS_CHANGED(drift))
		return names_renamed(rename, drift);
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
is_about(const Node *stmt, const Drift *drift)
{
	if (DRIFT_IS_A(drift, "database"))
		return !IsA(stmt, AlterDatabaseSetStmt) && !IsA(stmt, AlterRoleSetStmt);
	if (DRIFT_IS_A(drift, "database setting"))
		return mig_is_about_settings(stmt, drift->identity);
	return true;
}

/* GRANT ... ON ALL TABLES and the like. */
static bool
grants_on_all(const Node *stmt, const Drift *drift)
{
	static const char *const tables[] = {"table", "view", "materialized view", "foreign table"};
	static const char *const sequences[] = {"sequence"};
	static const char *const functions[] = {"function", "aggregate"};
	static const char *const routines[] = {"function", "aggregate", "procedure"};
	static const char *const procedures[] = {"procedure"};

	if (!IsA(stmt, GrantStmt) || !mig_amends_grants((const GrantStmt *) stmt, drift))
		return false;
	switch (((const GrantStmt *) stmt)->objtype)
	{
		case OBJECT_TABLE:
			return is_type(drift, tables, lengthof(tables));
		case OBJECT_SEQUENCE:
			return is_type(drift, sequences, lengthof(sequences));
		case OBJECT_FUNCTION:
			return is_type(drift, functions, lengthof(functions));
		case OBJECT_PROCEDURE:
			return is_type(drift, procedures, lengthof(procedures));
		default:
			return is_type(drift, routines, lengthof(routines));
	}
}

/* The names that a statement has for what it is about, as a list or in a RangeVar. */
static bool
stands_in(const RangeVar *relation, Node *object, const char *identity)
{
	const char *schema = relation ? relation->schemaname : mig_schema_of_name(object);
	const char *name = relation ? relation->relname : mig_last_name(object);

	return (schema == NULL || mig_differs_has_name(identity, schema)) && (name == NULL || mig_differs_has_name(identity, name));
}

/* What is gone under a name had that before; it may have got another one, and been renamed again. */
static bool
had_other_name(const Node *stmt, const Drift *drift)
{
	const RenameStmt *rename = (const RenameStmt *) stmt;
	const AlterObjectSchemaStmt *move = (const AlterObjectSchemaStmt *) stmt;

	if (!DRIFT_IS_REMOVED(drift))
		return false;
	if (IsA(stmt, AlterObjectSchemaStmt))
		return move->objectType != OBJECT_EXTENSION && !stands_in(move->relation, move->object, drift->identity);
	return IsA(stmt, RenameStmt) &&
		!(stands_in(rename->relation, rename->object, drift->identity) && (rename->subname == NULL || mig_differs_has_name(drift->identity, rename->subname)));
}

static bool
may_have(const Node *stmt, const Drift *drift, DriftTie tie)
{
	bool		is_changed = DRIFT_IS_CHANGED(drift);
	bool		changes_it = !is_changed || mig_amends(stmt, drift);

	/* Captured, but no change of the schema. */
	if (IsA(stmt, TruncateStmt))
		return false;
	switch (tie)
	{
		case TIE_OWN:
			return changes_it && is_about(stmt, drift) && !had_other_name(stmt, drift);
		case TIE_ALL:
			return grants_on_all(stmt, drift);
		case TIE_ROLE:
			return mig_takes_from_role(stmt, drift);
		case TIE_RENAMED_ROLE:
			return renames_role(stmt, drift);
		case TIE_WHOLE:
			return reaches_partitions(stmt, drift);
		case TIE_TRIGGERS:
			return switches_key_triggers(stmt);
		case TIE_MENTIONED:
			return (!is_changed || (drift->lines & LINES_MENTIONING)) && reaches_others(stmt, drift, tie);
		default:
			return reaches_others(stmt, drift, tie);
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

static bool
secures_rows(const AlterTableStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
		switch (lfirst_node(AlterTableCmd, cell)->subtype)
		{
			case AT_EnableRowSecurity:
			case AT_DisableRowSecurity:
			case AT_ForceRowSecurity:
			case AT_NoForceRowSecurity:
				return true;
			default:
				break;
		}
	return false;
}

/* Is that why it is there, or not there any more?  Most statements change what there is. */
static bool
may_make(const Node *stmt, const Drift *drift)
{
	switch (nodeTag(stmt))
	{
		case T_GrantStmt:
		case T_CommentStmt:
		case T_SecLabelStmt:
			return drift->is_in_part;
		case T_AlterTableStmt:
			return drift->is_in_part && secures_rows((const AlterTableStmt *) stmt);
		case T_AlterPublicationStmt:
			return !DRIFT_IS_A(drift, "publication");
		/* With a part of it. */
		case T_RenameStmt:
			return ((const RenameStmt *) stmt)->renameType != OBJECT_COLUMN && ((const RenameStmt *) stmt)->renameType != OBJECT_ATTRIBUTE;
		case T_AlterOwnerStmt:
		case T_AlterFunctionStmt:
		case T_AlterOperatorStmt:
		case T_AlterSeqStmt:
		case T_AlterStatsStmt:
		case T_AlterPolicyStmt:
		case T_AlterEnumStmt:
		case T_AlterDomainStmt:
		case T_AlterTypeStmt:
		case T_AlterCollationStmt:
		case T_AlterTSDictionaryStmt:
		case T_AlterTSConfigurationStmt:
		case T_AlterOpFamilyStmt:
		case T_AlterFdwStmt:
		case T_AlterForeignServerStmt:
		case T_AlterUserMappingStmt:
		case T_AlterEventTrigStmt:
		case T_AlterSubscriptionStmt:
		case T_AlterObjectDependsStmt:
		case T_ReassignOwnedStmt:
			return false;
		default:
			return true;
	}
}

static bool
any_may_make(const Drift *drift, const List *statements)
{
	ListCell   *cell;

	foreach(cell, statements)
		if (may_make(lfirst_node(RawStmt, cell)->stmt, drift))
			return true;
	return statements == NIL;
}

static bool
all_repeat_nothing(const Drift *drift, const char *text, const List *statements)
{
	ListCell   *cell;

	/* Two secrets read the same in the log. */
	if (mig_is_redacted(text))
		return false;
	foreach(cell, statements)
		if (!mig_repeats_nothing(lfirst_node(RawStmt, cell)->stmt, drift))
			return false;
	return statements != NIL;
}

const StatementReader mig_author_reader = {statements_of, any_may_have, any_may_make, all_repeat_nothing};
