/*
 * again.h
 *		What has been dropped and made again, and is the same.
 */
#ifndef MIG_AGAIN_H
#define MIG_AGAIN_H

/* Have what is expected, and what is adrift, be where it is now. */
extern void mig_again_follow(void);

#endif							/* MIG_AGAIN_H */
