/*
 * properties.h
 *		Definitions, read again.
 */
#ifndef MIG_PROPERTIES_H
#define MIG_PROPERTIES_H

#include "nodes/pg_list.h"

/* A line of a definition, with the lines that belong to it. */
typedef struct Property
{
	char	   *key;
	char	   *value;
	bool		nested;			/* it says more of the column above it */
} Property;

/* Those of a part, or of all parts of an object, as a list of Property. */
extern List *mig_schema_properties(const char *text);

/* Is there a line of an object's own, not of a column, with this key and value?  NULL: with any.  A definition that is NULL has none. */
extern bool mig_schema_says(const char *definition, const char *key, const char *value);

/*
 * What the owner of an object of this type, or everybody, has where nobody has
 * granted anything, as lines of privileges say it; NULL: nothing.  (privileges.c)
 */
extern const char *mig_schema_usual_privileges(const char *object_type, bool everybody);

#endif							/* MIG_PROPERTIES_H */
