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

static int
compare_parts(const ListCell *a, const ListCell *b)
{
	return memcmp(((const SchemaPart *) lfirst(a))->fingerprint, ((const SchemaPart *) lfirst(b))->fingerprint, FINGERPRINT_BYTES);
}

/*
 * A part's fingerprint is that of the same part of any object; the object's has
 * its name in it.  The order of parts does not count: where that of what they
 * describe does, it is a part itself.
 */
void
mig_schema_fingerprint(SchemaObject *object)
{
	pg_cryptohash_ctx *hash;
	List	   *parts = list_copy(object->parts);
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
	list_sort(parts, compare_parts);
	foreach(cell, parts)
		mig_hash_bytes(hash, ((const SchemaPart *) lfirst(cell))->fingerprint, FINGERPRINT_BYTES);
	mig_hash_end(hash, object->fingerprint);
}
