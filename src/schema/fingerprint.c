/*
 * fingerprint.c
 *		Hash parts and objects.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "ledger/rowhash.h"
#include "schema/schema.h"

static void
hash_begin(pg_cryptohash_ctx *hash)
{
	if (pg_cryptohash_init(hash) < 0)
		elog(ERROR, "could not initialize SHA-256");
	mig_hash_text(hash, FINGERPRINT_FORMAT);
}

static void
hash_end(pg_cryptohash_ctx *hash, uint8 *fingerprint)
{
	if (pg_cryptohash_final(hash, fingerprint, FINGERPRINT_BYTES) < 0)
		elog(ERROR, "could not finalize SHA-256");
}

/* A part's fingerprint is that of the same part of any object; the object's has its name in it. */
void
mig_schema_fingerprint(SchemaObject *object)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	ListCell   *cell;

	foreach(cell, object->parts)
	{
		SchemaPart *part = lfirst(cell);

		hash_begin(hash);
		mig_hash_text(hash, part->kind);
		mig_hash_text(hash, part->name);
		mig_hash_text(hash, part->text);
		hash_end(hash, part->fingerprint);
	}
	hash_begin(hash);
	mig_hash_text(hash, object->object_type);
	mig_hash_text(hash, object->identity);
	foreach(cell, object->parts)
		mig_hash_bytes(hash, ((const SchemaPart *) lfirst(cell))->fingerprint, FINGERPRINT_BYTES);
	hash_end(hash, object->fingerprint);
	pg_cryptohash_free(hash);
}
