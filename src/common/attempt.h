/*
 * attempt.h
 *		Try something that may fail.
 */
#ifndef MIG_ATTEMPT_H
#define MIG_ATTEMPT_H

/*
 * Call a function in a subtransaction; keep: what it did stays if it went well, else
 * it is rolled back whatever came of it, and no lock stays.  Returns what went wrong,
 * or NULL; what is no answer is raised: a cancel, or no memory.
 */
extern ErrorData *mig_attempt(void (*function) (void *arg), void *arg, bool keep);

/* Does an error say nothing of what was tried: a cancel, or no memory? */
extern bool mig_is_error_of_others(int sqlstate);

#endif							/* MIG_ATTEMPT_H */
