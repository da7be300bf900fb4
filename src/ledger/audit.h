/*
 * audit.h
 *		All logs as one, for auditors.
 */
#ifndef MIG_AUDIT_H
#define MIG_AUDIT_H

#include "ledger/query.h"

/*
 * What happened from one time on and before another, in order, with the columns of
 * migrate.audit(); project NULL: all, and what belongs to none.
 */
extern void ledger_each_audited(TimestampTz since, TimestampTz until, const char *project,
								LedgerRowFunction function, void *arg);

#endif							/* MIG_AUDIT_H */
