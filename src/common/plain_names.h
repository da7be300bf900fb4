/*
 * plain_names.h
 *		Names without needless quotes, whatever the session asks for.
 */
#ifndef MIG_PLAIN_NAMES_H
#define MIG_PLAIN_NAMES_H

/*
 * Between these quote_all_identifiers is off.  The first returns what the other
 * takes; an abort puts back what is not ended.
 */
extern int	mig_plain_names_begin(void);
extern void mig_plain_names_end(int level);

#endif							/* MIG_PLAIN_NAMES_H */
