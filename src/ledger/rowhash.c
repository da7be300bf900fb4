/*
 * rowhash.c
 *		What is hashed of a row of the logs: each field with its name, the same
 *		bytes on every machine, in every session and encoding.  A text that has no
 *		UTF-8 is hashed as it is: what is in the catalogs stops nothing.
 */
#include "postgres.h"

#include "catalog/pg_conversion.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "common/sha2.h"
#include "common/string.h"
#include "ledger/rowhash.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

pg_cryptohash_ctx *
mig_hash_begin(void)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (hash == NULL || pg_cryptohash_init(hash) < 0)
		elog(ERROR, "could not initialize SHA-256");
	return hash;
}

void
mig_hash_end(pg_cryptohash_ctx *hash, uint8 *digest)
{
	if (pg_cryptohash_final(hash, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not finish SHA-256");
	pg_cryptohash_free(hash);
}

void
mig_hash_bytes(pg_cryptohash_ctx *hash, const void *data, uint32 length)
{
	uint32		network = pg_hton32(length);

	if (pg_cryptohash_update(hash, (uint8 *) &network, sizeof(network)) < 0 ||
		pg_cryptohash_update(hash, data, length) < 0)
		elog(ERROR, "could not update SHA-256");
}

void
mig_hash_int8(pg_cryptohash_ctx *hash, int64 value)
{
	uint64		network = pg_hton64((uint64) value);

	mig_hash_bytes(hash, &network, sizeof(network));
}

/* In UTF-8, or NULL where its encoding has no conversion or the text is not of it: no error. */
static char *
as_utf8(const char *text, int length)
{
	int			encoding = GetDatabaseEncoding();
	Oid			conversion = FindDefaultConversion(PG_CATALOG_NAMESPACE, encoding, PG_UTF8);
	char	   *result;

	if (!OidIsValid(conversion))
		return NULL;
	result = MemoryContextAllocHuge(CurrentMemoryContext, (Size) length * MAX_CONVERSION_GROWTH + 1);
	if (DatumGetInt32(OidFunctionCall6(conversion, Int32GetDatum(encoding), Int32GetDatum(PG_UTF8), CStringGetDatum(text),
									   CStringGetDatum(result), Int32GetDatum(length), BoolGetDatum(true))) == length)
		return result;
	pfree(result);
	return NULL;
}

/* What is no text in any other encoding: its bytes, behind one that UTF-8 does not have. */
static void
hash_raw(pg_cryptohash_ctx *hash, const char *text)
{
	char	   *marked = psprintf("\xff%s", text);

	mig_hash_bytes(hash, marked, strlen(marked));
	pfree(marked);
}

void
mig_hash_text(pg_cryptohash_ctx *hash, const char *text)
{
	char	   *utf8;

	if (GetDatabaseEncoding() == PG_SQL_ASCII || GetDatabaseEncoding() == PG_UTF8 || pg_is_ascii(text))
	{
		mig_hash_bytes(hash, text, strlen(text));
		return;
	}
	utf8 = as_utf8(text, strlen(text));
	if (utf8 == NULL)
	{
		hash_raw(hash, text);
		return;
	}
	mig_hash_bytes(hash, utf8, strlen(utf8));
	pfree(utf8);
}

static void
add_interval(pg_cryptohash_ctx *hash, const Interval *interval)
{
	mig_hash_int8(hash, interval->time);
	mig_hash_int8(hash, interval->day);
	mig_hash_int8(hash, interval->month);
}

/* A value of one of the types our logs have, never by its text where that depends on the session. */
static void
add_value(pg_cryptohash_ctx *hash, Oid type, Datum value)
{
	Oid			output;
	bool		varlena;

	switch (type)
	{
		case INT8OID:
		case TIMESTAMPTZOID:
		case XID8OID:
		case PG_LSNOID:
			mig_hash_int8(hash, DatumGetInt64(value));
			break;
		case INT4OID:
			mig_hash_int8(hash, DatumGetInt32(value));
			break;
		case BOOLOID:
			mig_hash_int8(hash, DatumGetBool(value));
			break;
		case INTERVALOID:
			add_interval(hash, DatumGetIntervalP(value));
			break;
		case BYTEAOID:
			{
				bytea	   *bytes = DatumGetByteaPP(value);

				mig_hash_bytes(hash, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
				break;
			}
		case TEXTOID:
			mig_hash_text(hash, TextDatumGetCString(value));
			break;
		case NAMEOID:
			mig_hash_text(hash, NameStr(*DatumGetName(value)));
			break;
		default:
			/* text[], jsonb, inet: their output is the same everywhere */
			getTypeOutputInfo(type, &output, &varlena);
			mig_hash_text(hash, OidOutputFunctionCall(output, value));
	}
}

/* Fields that are NULL count for nothing, so that columns to come change no hash. */
void
mig_hash_row(pg_cryptohash_ctx *hash, HeapTuple tuple, TupleDesc desc)
{
	for (int i = 1; i <= desc->natts; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(tuple, desc, i, &isnull);

		if (isnull)
			continue;
		mig_hash_text(hash, NameStr(TupleDescAttr(desc, i - 1)->attname));
		add_value(hash, TupleDescAttr(desc, i - 1)->atttypid, value);
	}
}
