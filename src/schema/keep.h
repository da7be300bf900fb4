/*
 * keep.h
 *		Write a snapshot, many objects at a time; and the text that one travels as.
 */
#ifndef MIG_KEEP_H
#define MIG_KEEP_H

#include "ledger/expected.h"
#include "schema/schema.h"

typedef struct Keep
{
	const char *label;
	MemoryContext context;		/* of what is not written yet */
	List	   *rows;
	List	   *definitions;
} Keep;

/* 22023 for a label that cannot be, 42710 for one that is taken. */
extern void mig_keep_begin(Keep *keep, const SnapshotHead *head);
extern void mig_keep_object(Keep *keep, const SchemaObject *object);
extern void mig_keep_end(Keep *keep);

/*
 * A snapshot as text: these lines, each with a word and a value, then the objects.
 * An object is a line "type: identity"; a part of it, one space further in, a line
 * "kind" or "kind: name"; its text is two spaces further in.  In names and
 * identities a newline is \n and a backslash \\.  The checksum is SHA-256, in
 * UTF-8, of all that follows its line, without newlines at the end.
 */
#define SNAPSHOT_MAGIC "pg_migrations snapshot 1"
#define SNAPSHOT_INVENTORY "inventory"
#define SNAPSHOT_LABEL "label"
#define SNAPSHOT_SERVER "server"
#define SNAPSHOT_TAKEN_AT "taken_at"
#define SNAPSHOT_OBJECTS "objects"
#define SNAPSHOT_CHECKSUM "sha256"

/* The same wherever it is printed, and back. */
extern char *mig_snapshot_time_text(TimestampTz time);
extern bool mig_snapshot_time(const char *text, TimestampTz *time);

#endif							/* MIG_KEEP_H */
