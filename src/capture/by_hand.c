/*
 * by_hand.c
 *		Record what a superuser changes in the catalogs by INSERT, UPDATE or DELETE,
 *		of which neither the hook nor event triggers hear.
 */
#include "postgres.h"

#include "access/xact.h"
#include "capture/capture_private.h"
#include "catalog/catalog.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext_data.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/formatting.h"
#include "utils/snapmgr.h"

static ExecutorFinish_hook_type next_hook = NULL;

/* Catalogs that say nothing of the schema. */
static bool
has_data(Oid catalog)
{
	return catalog == StatisticRelationId || catalog == StatisticExtDataRelationId ||
		catalog == LargeObjectRelationId || catalog == LargeObjectMetadataRelationId;
}

/* The catalog that a query has written to, or invalid. */
static Oid
changed_catalog(const QueryDesc *query)
{
	ListCell   *cell;

	if (query->plannedstmt->resultRelations == NIL ||
		(query->estate->es_processed == 0 && !query->plannedstmt->hasModifyingCTE))
		return InvalidOid;
	foreach(cell, query->plannedstmt->resultRelations)
	{
		Oid			relation = rt_fetch(lfirst_int(cell), query->plannedstmt->rtable)->relid;

		if (IsCatalogRelationOid(relation) && !has_data(relation))
			return relation;
	}
	return InvalidOid;
}

bool
mig_changes_catalogs(const QueryDesc *query)
{
	return OidIsValid(changed_catalog(query));
}

static void
record(const QueryDesc *query, Oid catalog)
{
	CommandTag	tag = CreateCommandTag((Node *) query->plannedstmt);
	const char *name = GetCommandTagName(tag);

	mig_record(tag, mig_redact(mig_statement_text(query->plannedstmt, query->sourceText)), true,
			   mig_touched_add_relation(NIL, asc_tolower(name, strlen(name)), catalog));
	mig_gate_after(tag);
}

static void
finish(QueryDesc *query)
{
	Oid			catalog;

	if (next_hook)
		next_hook(query);
	else
		standard_ExecutorFinish(query);
	catalog = changed_catalog(query);
	if (OidIsValid(catalog) && !creating_extension && !IsBinaryUpgrade && mig_capture_is_on())
		record(query, catalog);
}

void
mig_by_hand_init(void)
{
	next_hook = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
}
