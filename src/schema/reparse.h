/*
 * reparse.h
 *		Texts that are the same once the server has read them.
 */
#ifndef MIG_REPARSE_H
#define MIG_REPARSE_H

#include "nodes/pg_list.h"
#include "schema/schema.h"

/*
 * Does an object that is there differ from a stored definition, a list of
 * StoredPart, only in how the server prints expressions and queries?
 */
extern bool mig_reparse_same(const SchemaObject *object, const List *parts);

#endif							/* MIG_REPARSE_H */
