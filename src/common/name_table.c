/*
 * name_table.c
 *		Hash tables whose keys are strings of any length.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/name_table.h"

static uint32
hash_name(const void *key, Size size)
{
	const char *name = *(const char *const *) key;

	return hash_bytes((const unsigned char *) name, strlen(name));
}

static int
match_names(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

HTAB *
mig_name_table(const char *title, long size, Size entry_size)
{
	HASHCTL		control = {
		.keysize = sizeof(char *), .entrysize = entry_size, .hash = hash_name, .match = match_names, .hcxt = CurrentMemoryContext
	};

	return hash_create(title, Max(size, 16), &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}
