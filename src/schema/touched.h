/*
 * touched.h
 *		Which objects a migration may have changed.
 */
#ifndef MIG_TOUCHED_H
#define MIG_TOUCHED_H

#include "catalog/objectaddress.h"
#include "nodes/pg_list.h"

extern void mig_touched_init(void);

/*
 * From here on what statements of this session do to objects is noted, until the
 * end, or until it is rolled back that it began.
 */
extern void mig_touched_begin(void);

/*
 * The addresses, as a list of ObjectAddress; some may not be there any more, or
 * not have changed.  all: that cannot be told, and it may be anything.
 */
extern List *mig_touched(bool *all);

extern void mig_touched_note(Oid class_id, Oid object_id, bool is_new);

/* What they were called before, as far as the server told of it, as a list of CalledName. */
extern List *mig_touched_names(void);

/* What was dropped and made anew since, as a list of Rebuilt, and may be again or be rolled back. */
extern List *mig_touched_rebuilt(void);

/* Was it made since then? */
extern bool mig_touched_is_new(const ObjectAddress *address);

extern void mig_touched_end(void);

#endif							/* MIG_TOUCHED_H */
