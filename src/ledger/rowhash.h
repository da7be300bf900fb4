/*
 * rowhash.h
 *		Feed a hash with values in one form.
 */
#ifndef MIG_ROWHASH_H
#define MIG_ROWHASH_H

#include "common/cryptohash.h"
#include "executor/spi.h"

/* SHA-256; digest has PG_SHA256_DIGEST_LENGTH bytes. */
extern pg_cryptohash_ctx *mig_hash_begin(void);
extern void mig_hash_end(pg_cryptohash_ctx *hash, uint8 *digest);

/* Each is preceded by its length, so that no two sequences give the same bytes. */
extern void mig_hash_bytes(pg_cryptohash_ctx *hash, const void *data, uint32 length);
extern void mig_hash_int8(pg_cryptohash_ctx *hash, int64 value);
extern void mig_hash_text(pg_cryptohash_ctx *hash, const char *text);
extern void mig_hash_row(pg_cryptohash_ctx *hash, HeapTuple tuple, TupleDesc desc);

#endif							/* MIG_ROWHASH_H */
