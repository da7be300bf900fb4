/*
 * attempt.h
 *		Try something that may fail.
 */
#ifndef MIG_ATTEMPT_H
#define MIG_ATTEMPT_H

#include "miscadmin.h"

/*
 * Call a function in a subtransaction; keep: what it did stays if it went well, else
 * it is rolled back whatever came of it, and no lock stays.  Returns what went wrong,
 * or NULL; what is no answer is raised: a cancel, or no memory.
 */
extern ErrorData *mig_attempt(void (*function) (void *arg), void *arg, bool keep);

/* Does an error say nothing of what was tried: a cancel, or no memory? */
extern bool mig_is_error_of_others(int sqlstate);

/*
 * An error clears that interrupts and cancels are held off, which whoever has
 * taken them off counts on to put back: who catches one keeps both.
 */
typedef struct HeldOff
{
	uint32		interrupts;
	uint32		cancels;
} HeldOff;

static inline HeldOff
mig_held_off(void)
{
	return (HeldOff) {InterruptHoldoffCount, QueryCancelHoldoffCount};
}

static inline void
mig_hold_off_again(HeldOff held_off)
{
	InterruptHoldoffCount = held_off.interrupts;
	QueryCancelHoldoffCount = held_off.cancels;
}

#endif							/* MIG_ATTEMPT_H */
