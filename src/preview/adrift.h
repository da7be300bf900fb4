/*
 * adrift.h
 *		What is not as expected, part by part.
 */
#ifndef MIG_ADRIFT_H
#define MIG_ADRIFT_H

#include "ledger/expected.h"
#include "preview/propose.h"
#include "schema/schema.h"
#include "utils/hsearch.h"

typedef struct Adrift
{
	uint8		key[LEDGER_KEY_BYTES];
	uint8		fingerprint[LEDGER_KEY_BYTES];	/* of what is there */
	const ObjectState *is;		/* NULL: not there */
	const ObjectState *should;	/* NULL: not expected */
	const SchemaObject *object; /* what is there; NULL: nothing */
	char	   *problem;		/* why it could not be looked at, or NULL */
	const struct Adrift *moved; /* the same object under the name that is expected, or that it has; NULL: none */
	const char *expected_as;	/* the name under which it is expected, which something else has now, or NULL */
} Adrift;

typedef struct AllAdrift
{
	List	   *list;			/* of Adrift, in the order in which they were found */
	List	   *should;			/* of ObjectState: what they should be */
	HTAB	   *by_key;			/* of what is expected, and of what is adrift */
	HTAB	   *by_address;		/* of what is there and adrift */
	LedgerLook	seen;			/* how much of what was captured was known before */
} AllAdrift;

/* In the present memory context; 55000 where nothing is expected. */
extern AllAdrift *mig_adrift_read(void);

/* NULL: it is as expected. */
extern const Adrift *mig_adrift_find(const AllAdrift *adrift, const uint8 *key);

/* Whatever it is called; NULL: it is as expected, or nothing is there. */
extern const Adrift *mig_adrift_at(const AllAdrift *adrift, const ObjectAddress *address);

/* Type and identity, of what is there if it is. */
extern const ObjectState *mig_adrift_name(const Adrift *adrift);

/*
 * Those that are not adrift any more are known where they are now, and what was
 * done to them up to here explains nothing of what is to come.
 */
extern void mig_adrift_settle(const AllAdrift *before, const AllAdrift *after);

#endif							/* MIG_ADRIFT_H */
