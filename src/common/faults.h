/*
 * faults.h
 *		Places where a crash would matter: a test can have one happen there.
 *
 * Nothing of it is in a library that was not built with FAULTS=1.
 */
#ifndef MIG_FAULTS_H
#define MIG_FAULTS_H

#ifdef MIG_FAULT_POINTS

extern void mig_fault_init(void);
extern void mig_fault(const char *point);

#define MIG_FAULT(point) mig_fault(point)

#else

#define mig_fault_init() ((void) 0)
#define MIG_FAULT(point) ((void) 0)

#endif

#endif							/* MIG_FAULTS_H */
