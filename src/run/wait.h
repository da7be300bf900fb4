/*
 * wait.h
 *		Runs that somebody names by their number.
 */
#ifndef MIG_WAIT_H
#define MIG_WAIT_H

#include "fmgr.h"
#include "ledger/ledger.h"

extern int64 mig_run_arg(FunctionCallInfo fcinfo, int n);

/* 42704 if there is none. */
extern RunSeen *mig_need_run(int64 run_id);

#endif							/* MIG_WAIT_H */
