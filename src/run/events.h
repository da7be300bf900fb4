/*
 * events.h
 *		NOTIFY migrate: what happens, for whoever listens.
 */
#ifndef MIG_EVENTS_H
#define MIG_EVENTS_H

#include "ledger/ledger.h"

/* Each is sent when the present transaction commits, with what it tells of. */
extern void mig_event_run_started(int64 run_id, const RunStart *start);
extern void mig_event_migration(const Attempt *attempt, const char *event);
extern void mig_event_run_ended(const RunEnd *end);

#endif							/* MIG_EVENTS_H */
