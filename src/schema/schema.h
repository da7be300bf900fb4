/*
 * schema.h
 *		What the schema is: every object in parts, each with a fingerprint.
 */
#ifndef MIG_SCHEMA_H
#define MIG_SCHEMA_H

#include "catalog/objectaddress.h"
#include "nodes/pg_list.h"

#define FINGERPRINT_BYTES 32

/* Hashed with everything; another number makes all fingerprints others. */
#define FINGERPRINT_FORMAT "pg_migrations inventory 1"

/*
 * A part of an object that changes by itself: a column, its comment, the
 * options, the privileges, ...  A run of migrations moves single parts of what
 * is expected, so what can be changed by separate statements is in separate
 * parts.
 */
typedef struct SchemaPart
{
	const char *kind;			/* "definition", "column", "privileges", ... */
	const char *name;			/* of the column or label provider, or "" */
	char	   *text;			/* a property a line, what belongs to it indented */
	uint8		fingerprint[FINGERPRINT_BYTES];
} SchemaPart;

typedef struct SchemaObject
{
	ObjectAddress address;
	char	   *object_type;	/* as in pg_identify_object */
	char	   *identity;		/* likewise */
	List	   *parts;			/* of SchemaPart, in order */
	char	   *problem;		/* why it could not be read, or NULL */
	uint8		fingerprint[FINGERPRINT_BYTES]; /* nothing where there is a problem */
} SchemaObject;

/* The object lasts until the function returns. */
typedef void (*SchemaObjectFunction) (const SchemaObject *object, void *arg);

/* Every object of this database that is neither the server's, nor temporary, nor ours. */
extern void mig_schema_read_all(SchemaObjectFunction function, void *arg);

/* Those at these addresses, as mig_schema_dependants() gives them.  What is not there is left out. */
extern void mig_schema_read(const List *addresses, SchemaObjectFunction function, void *arg);

/*
 * These, and every object whose description may mention one of them: their parts,
 * and what has their names or columns in its text.  Of ObjectAddress, each once; a
 * column, a default and the like stand for the object that shows them.
 */
extern List *mig_schema_dependants(const List *addresses);

/* Fill in the fingerprints, from the name and the texts of the parts. */
extern void mig_schema_fingerprint(SchemaObject *object);

/* All parts of an object, as one text. */
extern char *mig_schema_definition(const SchemaObject *object);

#endif							/* MIG_SCHEMA_H */
