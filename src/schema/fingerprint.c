/*
 * fingerprint.c
 *		Hash parts and objects.
 */
#include "postgres.h"

#include "ledger/rowhash.h"
#include "schema/schema.h"

static pg_cryptohash_ctx *
fingerprint_begin(void)
{
	pg_cryptohash_ctx *hash = mig_hash_begin();

	mig_hash_text(hash, FINGERPRINT_FORMAT);
	return hash;
}

/* A part's fingerprint is that of the same part of any object; the object's has its name in it. */
void
mig_schema_fingerprint(SchemaObject *object)
{
	pg_cryptohash_ctx *hash;
	ListCell   *cell;

	foreach(cell, object->parts)
	{
		SchemaPart *part = lfirst(cell);

		hash = fingerprint_begin();
		mig_hash_text(hash, part->kind);
		mig_hash_text(hash, part->name);
		mig_hash_text(hash, part->text);
		mig_hash_end(hash, part->fingerprint);
	}
	hash = fingerprint_begin();
	mig_hash_text(hash, object->object_type);
	mig_hash_text(hash, object->identity);
	foreach(cell, object->parts)
		mig_hash_bytes(hash, ((const SchemaPart *) lfirst(cell))->fingerprint, FINGERPRINT_BYTES);
	mig_hash_end(hash, object->fingerprint);
}
