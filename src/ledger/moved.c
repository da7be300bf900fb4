/*
 * moved.c
 *		Has the record moved on behind a transaction that sees everything as it
 *		was when it began?
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Of the last row that a snapshot shows; 0: none. */
static int64
last_id(const char *table, const char *index, Snapshot snapshot)
{
	Relation	relation = table_open(ledger_relation(table), AccessShareLock);
	Relation	ids = index_open(ledger_relation(index), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(relation, ids, snapshot, 0, NULL);
	HeapTuple	row = systable_getnext_ordered(scan, BackwardScanDirection);
	bool		isnull;
	int64		id = row ? DatumGetInt64(heap_getattr(row, 1, RelationGetDescr(relation), &isnull)) : 0;

	systable_endscan_ordered(scan);
	index_close(ids, AccessShareLock);
	table_close(relation, AccessShareLock);
	return id;
}

bool
ledger_has_moved(void)
{
	static const char *const logs[][2] = {{"log_history", "log_history_pkey"}, {"log_decisions", "log_decisions_pkey"}};
	bool		moved = false;
	Snapshot	latest;

	if (!IsolationUsesXactSnapshot())
		return false;
	latest = RegisterSnapshot(GetLatestSnapshot());
	for (int i = 0; i < lengthof(logs) && !moved; i++)
		moved = last_id(logs[i][0], logs[i][1], latest) != last_id(logs[i][0], logs[i][1], GetTransactionSnapshot());
	UnregisterSnapshot(latest);
	return moved;
}
