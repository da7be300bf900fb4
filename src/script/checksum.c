/*
 * checksum.c
 *		Checksums of a text, byte by byte and by what it says.
 */
#include "postgres.h"

#include "common/compat.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "common/string.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "script/checksum.h"
#include "script/lexer.h"
#include "script/psql.h"

StaticAssertDecl(MIG_CHECKSUM_LENGTH == PG_SHA256_DIGEST_LENGTH, "checksums are SHA-256");

static pg_cryptohash_ctx *
hash_begin(void)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (hash == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (pg_cryptohash_init(hash) < 0)
		elog(ERROR, "could not initialize SHA-256: %s", pg_cryptohash_error(hash));
	return hash;
}

static void
hash_add(pg_cryptohash_ctx *hash, const void *data, size_t length)
{
	if (pg_cryptohash_update(hash, data, length) < 0)
		elog(ERROR, "could not update SHA-256: %s", pg_cryptohash_error(hash));
}

static void
hash_end(pg_cryptohash_ctx *hash, uint8 *result)
{
	if (pg_cryptohash_final(hash, result, MIG_CHECKSUM_LENGTH) < 0)
		elog(ERROR, "could not finish SHA-256: %s", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);
}

/* Text in UTF-8; SQL_ASCII says nothing of what its bytes mean, and MULE_INTERNAL has ASCII in common with it. */
static const char *
as_utf8(const char *text)
{
	if (GetDatabaseEncoding() == PG_SQL_ASCII || pg_is_ascii(text))
		return text;
	return pg_server_to_any(text, strlen(text), PG_UTF8);
}

void
mig_checksum(const char *text, uint8 *result)
{
	const char *utf8 = as_utf8(text);

	mig_checksum_bytes(utf8, strlen(utf8), result);
}

void
mig_checksum_bytes(const void *data, size_t length, uint8 *result)
{
	pg_cryptohash_ctx *hash = hash_begin();

	hash_add(hash, data, length);
	hash_end(hash, result);
}

/*
 * Add a stretch of text with \r\n as \n, and what ends it.  It stays in the
 * database's encoding: normal forms are compared within one database only.
 */
static void
hash_piece(pg_cryptohash_ctx *hash, const char *piece, int length)
{
	const char *end = piece + length;

	while (piece < end)
	{
		const char *cr = memchr(piece, '\r', end - piece);

		if (cr == NULL)
			cr = end;
		hash_add(hash, piece, cr - piece);
		if (cr < end && (cr + 1 == end || cr[1] != '\n'))
			hash_add(hash, "\r", 1);
		piece = cr + 1;
	}
	hash_add(hash, "", 1);
}

void
mig_checksum_normal(const char *text, uint8 *result)
{
	pg_cryptohash_ctx *hash;
	List	   *copies;
	ListCell   *cell;
	Lexer		lexer;
	const char *clean;

	mig_psql_strip(text, NULL, 1, &clean, &copies);
	mig_lexer_begin(&lexer, clean);
	hash = hash_begin();
	PG_TRY();
	{
		while (mig_lexer_next(&lexer))
		{
			CHECK_FOR_INTERRUPTS();
			hash_piece(hash, lexer.text + lexer.start, lexer.end - lexer.start);
		}
	}
	PG_CATCH();
	{
		pg_cryptohash_free(hash);
		PG_RE_THROW();
	}
	PG_END_TRY();
	mig_lexer_end(&lexer);
	foreach(cell, copies)
	{
		CopyData   *copy = lfirst(cell);

		hash_piece(hash, text + copy->start, copy->length);
	}
	hash_end(hash, result);
}

bool
mig_same_meaning(const char *a, const char *b)
{
	uint8		left[MIG_CHECKSUM_LENGTH];
	uint8		right[MIG_CHECKSUM_LENGTH];

	if (a == NULL || b == NULL)
		return false;
	mig_checksum_normal(a, left);
	mig_checksum_normal(b, right);
	return memcmp(left, right, MIG_CHECKSUM_LENGTH) == 0;
}

struct varlena *
mig_checksum_bytea(const uint8 *checksum)
{
	bytea	   *result = palloc(VARHDRSZ + MIG_CHECKSUM_LENGTH);

	SET_VARSIZE(result, VARHDRSZ + MIG_CHECKSUM_LENGTH);
	memcpy(VARDATA(result), checksum, MIG_CHECKSUM_LENGTH);
	return result;
}

bool
mig_same_checksum(const struct varlena *a, const struct varlena *b)
{
	return a && b && VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

int
mig_first_difference(const char *a, const char *b)
{
	int			line = 1;

	while (*a != '\0' && *a == *b)
	{
		if (*b == '\n')
			line++;
		a++;
		b++;
	}
	return line;
}
