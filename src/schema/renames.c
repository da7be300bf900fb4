/*
 * renames.c
 *		Columns that a migration gives other names.
 *
 * The parts of a table go by the names of its columns.  A part under a new name
 * would be one that the migration has made, with all that others have done to it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "common/identity.h"
#include "common/level.h"
#include "ledger/expected.h"
#include "schema/renames.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

typedef struct Rename
{
	ObjectAddress address;
	char	   *before;
	char	   *after;
	int			level;			/* of the transaction; 0: it is rolled back */
} Rename;

static List *renames = NIL;

/* ---- noting ---- */

static void
note_rename(Oid class_id, Oid object_id, const RenameStmt *stmt)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
	Rename	   *rename = palloc(sizeof(Rename));

	ObjectAddressSet(rename->address, class_id, object_id);
	rename->before = pstrdup(stmt->subname);
	rename->after = pstrdup(stmt->newname);
	rename->level = GetCurrentTransactionNestLevel();
	renames = lappend(renames, rename);
	MemoryContextSwitchTo(before);
}

/* With the attribute of a type the columns of the tables of that type. */
static void
note_type(Oid type, const RenameStmt *stmt)
{
	CatalogScan scan;

	note_rename(TypeRelationId, type, stmt);
	catalog_scan2(&scan, DependRelationId, DependReferenceIndexId, Anum_pg_depend_refclassid, TypeRelationId,
				  Anum_pg_depend_refobjid, type);
	while (catalog_next(&scan))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(scan.row.tuple);

		if (depend->classid == RelationRelationId && depend->objsubid == 0)
			note_rename(RelationRelationId, depend->objid, stmt);
	}
}

void
mig_renames_note(const RenameStmt *stmt)
{
	Oid			relation;
	ListCell   *cell;

	if (stmt->renameType != OBJECT_COLUMN && stmt->renameType != OBJECT_ATTRIBUTE)
		return;
	relation = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (!OidIsValid(relation))
		return;
	if (get_rel_relkind(relation) == RELKIND_COMPOSITE_TYPE)
		note_type(get_rel_type_id(relation), stmt);
	else
		foreach(cell, find_all_inheritors(relation, NoLock, NULL))
			note_rename(RelationRelationId, lfirst_oid(cell), stmt);
}

void
mig_renames_forget(void)
{
	ListCell   *cell;

	foreach(cell, renames)
	{
		Rename	   *rename = lfirst(cell);

		pfree(rename->before);
		pfree(rename->after);
	}
	list_free_deep(renames);
	renames = NIL;
}

/* ---- applying ---- */

/* The text of a part that begins with the name of the column, or has those of all. */
static char *
renamed_text(const StoredPart *part, const Rename *rename)
{
	const char *first_line = psprintf("column: %s ", quote_identifier(rename->before));
	List	   *names = NIL;
	List	   *quoted = NIL;
	ListCell   *cell;

	if (strcmp(part->kind, COLUMN_ORDER) != 0)
		return mig_begins_with(part->text, first_line) ?
			psprintf("column: %s %s", quote_identifier(rename->after), part->text + strlen(first_line)) : part->text;
	(void) SplitIdentifierString(pstrdup(part->text + strlen(COLUMN_ORDER ": ")), ',', &names);
	foreach(cell, names)
		quoted = lappend(quoted, (char *) quote_identifier(strcmp(lfirst(cell), rename->before) == 0 ? rename->after : lfirst(cell)));
	return psprintf("%s: %s\n", COLUMN_ORDER, joined(quoted, ", "));
}

static StoredPart *
renamed_part(StoredPart *part, const Rename *rename)
{
	StoredPart *result;

	if (!mig_begins_with(part->kind, "column") || (strcmp(part->kind, COLUMN_ORDER) != 0 && strcmp(part->name, rename->before) != 0))
		return part;
	result = palloc(sizeof(StoredPart));
	result->kind = part->kind;
	result->name = *part->name ? rename->after : part->name;
	result->text = renamed_text(part, rename);
	return result;
}

static bool
is_of(const Rename *rename, const ObjectAddress *address)
{
	return rename->level > 0 && rename->address.classId == address->classId && rename->address.objectId == address->objectId;
}

List *
mig_renames_apply(const ObjectAddress *address, const List *parts)
{
	List	   *result = list_copy(parts);
	ListCell   *cell;
	ListCell   *part;

	foreach(cell, renames)
		if (is_of(lfirst(cell), address))
			foreach(part, result)
				lfirst(part) = renamed_part(lfirst(part), lfirst(cell));
	return result;
}

/* ---- what is rolled back ---- */

static void
at_transaction_end(XactEvent event, void *arg)
{
	ListCell   *cell;

	foreach(cell, renames)
		(void) mig_level_undone(&((Rename *) lfirst(cell))->level, event);
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	ListCell   *cell;

	foreach(cell, renames)
		(void) mig_level_undone_within(&((Rename *) lfirst(cell))->level, event);
}

void
mig_renames_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
