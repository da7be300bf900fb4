/*
 * capture.h
 *		Recording of schema changes, in the backend that executes them.
 */
#ifndef MIG_CAPTURE_H
#define MIG_CAPTURE_H

#include "ledger/ledger.h"

/* Install the hook; define the settings. */
extern void mig_capture_init(void);

/*
 * What is executed from here on, down to the next call with 0, belongs to a
 * migration's attempt.  An error ends it as well.
 */
extern void mig_capture_migration(int64 history_id);

/* The same for a statement that ends transactions itself. */
extern void mig_capture_session(int64 history_id);

/*
 * What is executed from here on, down to the next call with NULL, is done by one
 * of our own functions for this reason.  An error ends it as well.
 */
extern void mig_capture_own(const char *reason);

/* The same for another tool's transaction, as it says; 0: ends, or none (origin.c). */
extern void mig_origin_external(int64 history_id);
extern int64 mig_origin_external_id(void);

/* Write into coverage what has changed since somebody last looked. */
extern void mig_capture_notice(void);

/* A statement's text without its secrets (redact.c). */
extern char *mig_redact(const char *text);

/* Is a text one from which secrets were taken? */
extern bool mig_is_redacted(const char *text);

/* Is capture on in this database, as its event triggers say? */
extern bool mig_capture_is_on(void);

/* Does a list of libraries have ours, and what is it without?  NULL if it is none. */
extern bool mig_has_library(const char *list, char **without);

/* May an option or setting of this name, in lower case, have a secret as its value? */
extern bool mig_is_secret_name(const char *name);

/* Is a text nothing but what one connects with, or is such a thing in it?  One with a secret: user:secret@host, password=secret. */
extern bool mig_is_connection_string(const char *text);
extern bool mig_has_connection_string(const char *text);

/* Does it call a program of PostgreSQL's with a password, PGPASSWORD=secret, among whatever commands? */
extern bool mig_has_environment(const char *text);

/* Has a query, which is at its end, written to the catalogs? */
struct QueryDesc;
extern bool mig_changes_catalogs(const struct QueryDesc *query);

/* Called by migrate.watch: what exists is to be taken over. */
extern void (*mig_capture_at_watch) (void);

#endif							/* MIG_CAPTURE_H */
