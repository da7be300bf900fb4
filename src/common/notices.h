/*
 * notices.h
 *		Keep from the client what it did not cause.
 */
#ifndef MIG_NOTICES_H
#define MIG_NOTICES_H

/* No notices from here to AtEOXact_GUC(true, the level returned), or to the error that ends it. */
extern int	mig_notices_off(void);

#endif							/* MIG_NOTICES_H */
