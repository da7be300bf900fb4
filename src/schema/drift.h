/*
 * drift.h
 *		What is not as it should be.
 */
#ifndef MIG_DRIFT_H
#define MIG_DRIFT_H

#include "ledger/expected.h"

/* A list of Drift, by identity. */
extern List *mig_drift_collect(const char *project);

/* Also of what is ignored. */
extern List *mig_drift_collect_all(void);

/* Take over what is there of the objects that are called so; "*": of all.  Returns their drifts. */
extern List *mig_drift_accept(const char *identity, const char *object_type);

/* The same of everything, also of what is ignored. */
extern List *mig_drift_accept_all(void);

#endif							/* MIG_DRIFT_H */
