/*
 * moved.c
 *		Has the record moved on behind a transaction that sees everything as it
 *		was when it began?
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/*
 * Is there a row by now that this transaction's snapshot does not show?  The last
 * number does not say so: who has a lower one may commit later.  As of now, no
 * snapshot is used, nor are locks taken for which others could not be serialized.
 */
static bool
has_newer_row(const char *table, Snapshot own)
{
	Relation	relation = table_open(ledger_relation(table), AccessShareLock);
	TableScanDesc scan = table_beginscan(relation, SnapshotSelf, 0, NULL);
	bool		found = false;
	HeapTuple	row;

	while (!found && (row = heap_getnext(scan, BackwardScanDirection)) != NULL)
	{
		TransactionId writer = HeapTupleHeaderGetXmin(row->t_data);

		CHECK_FOR_INTERRUPTS();
		found = XidInMVCCSnapshot(writer, own) && !TransactionIdIsCurrentTransactionId(writer);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

bool
ledger_has_moved(void)
{
	static const char *const logs[] = {"log_history", "log_decisions"};
	bool		moved = false;

	if (!IsolationUsesXactSnapshot())
		return false;
	for (int i = 0; i < lengthof(logs) && !moved; i++)
		moved = has_newer_row(logs[i], GetTransactionSnapshot());
	return moved;
}
