/*
 * repeats.h
 *		Statements that change nothing when they are given a second time.
 */
#ifndef MIG_REPEATS_H
#define MIG_REPEATS_H

#include "ledger/expected.h"

/* Once it was done, does the same text change nothing, whoever gives it, with whatever settings? */
extern bool mig_repeats_nothing(const Node *stmt, const Drift *drift);

#endif							/* MIG_REPEATS_H */
