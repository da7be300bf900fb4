/*
 * called.h
 *		What objects are called that are altered or dropped just now.
 */
#ifndef MIG_CALLED_H
#define MIG_CALLED_H

#include "catalog/objectaddress.h"

typedef struct CalledName
{
	ObjectAddress address;
	const char *object_type;
	const char *identity;
} CalledName;

/*
 * What it was called before that, from within the server's hook for it; NULL: that
 * cannot be told, or it is no part of the inventory.
 */
extern CalledName *mig_called(const ObjectAddress *address, bool is_dropped);

#endif							/* MIG_CALLED_H */
