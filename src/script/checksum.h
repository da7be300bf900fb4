/*
 * checksum.h
 *		What a text is known by.
 */
#ifndef MIG_CHECKSUM_H
#define MIG_CHECKSUM_H

#define MIG_CHECKSUM_LENGTH 32

/* SHA-256 of the text as UTF-8 (in SQL_ASCII, of its bytes as they are). */
extern void mig_checksum(const char *text, uint8 *result);

/* SHA-256 of bytes, whatever they mean. */
extern void mig_checksum_bytes(const void *data, size_t length, uint8 *result);

/*
 * SHA-256 of its tokens and its COPY data: equal for texts that differ in
 * white space, comments and line ends only.  Raises what the lexer raises.
 */
extern void mig_checksum_normal(const char *text, uint8 *result);

/* Do two texts differ in white space, comments and line ends only?  NULL is like no other. */
extern bool mig_same_meaning(const char *a, const char *b);

/* As a bytea, palloc'd. */
extern struct varlena *mig_checksum_bytea(const uint8 *checksum);

/* NULL is no other's. */
extern bool mig_same_checksum(const struct varlena *a, const struct varlena *b);

/* Line, from 1, on which b first differs from a. */
extern int	mig_first_difference(const char *a, const char *b);

#endif							/* MIG_CHECKSUM_H */
