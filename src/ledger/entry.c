/*
 * entry.c
 *		Are library and extension of one version?
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "ledger/entry.h"
#include "script/version.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

const char	ledger_library_version[] = MIG_VERSION;

/* The version of the extension in this database. */
static char *
installed_version(void)
{
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version;
	bool		isnull;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("pg_migrations"));
	scan = systable_beginscan(catalog, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		ledger_not_installed();
	version = TextDatumGetCString(heap_getattr(tuple, Anum_pg_extension_extversion,
											   RelationGetDescr(catalog), &isnull));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return version;
}

SurroundingFault *
ledger_other_version(void)
{
	char	   *installed = installed_version();
	SurroundingFault *fault;

	if (strcmp(installed, ledger_library_version) == 0)
		return NULL;
	fault = palloc0(sizeof(SurroundingFault));
	fault->severity = "error";
	fault->code = "other_version";
	fault->object = installed;
	fault->message = psprintf("the library of pg_migrations is version %s, and the extension in this database is version %s",
							  ledger_library_version, installed);
	if (mig_version_compare(ledger_library_version, installed) < 0)
		fault->hint = psprintf("Connect again; if that does not help, install the files of version %s.", installed);
	else
		fault->hint = "ALTER EXTENSION pg_migrations UPDATE;";
	return fault;
}

void
ledger_require_version(void)
{
	SurroundingFault *fault = ledger_other_version();

	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg_internal("%s", fault->message),
				 errhint("%s", fault->hint)));
}
