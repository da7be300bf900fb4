/*
 * readonly.h
 *		What writes is refused where nothing can be written.
 */
#ifndef MIG_READONLY_H
#define MIG_READONLY_H

/* 25006 in a read-only transaction or on a standby, with the way out. */
extern void mig_refuse_read_only(const char *what);

/* The same for what goes on in transactions of its own, which begin as the session's do. */
extern void mig_refuse_read_only_session(const char *what);

#endif							/* MIG_READONLY_H */
