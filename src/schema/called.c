/*
 * called.c
 *		What objects are called that are altered or dropped just now.
 *
 * The catalogs still have them as they were, since the command counter has not
 * gone on.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "schema/called.h"
#include "schema/schema_private.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static bool
are_types(const Oid *types, int count)
{
	for (int i = 0; i < count; i++)
		if (OidIsValid(types[i]) && !SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(types[i])))
			return false;
	return true;
}

static bool
has_types_of_operator(Oid operator)
{
	Oid			types[2];

	op_input_types(operator, &types[0], &types[1]);
	return are_types(types, 2);
}

static bool
has_types_of_routine(Oid routine)
{
	Oid		   *types;
	int			count;

	(void) get_func_signature(routine, &types, &count);
	return are_types(types, count);
}

/*
 * What is being dropped is still there, and the table that is in its name is dropped
 * behind it; but types may go before the functions that they need themselves.
 */
static bool
has_name_still(Oid class_id, Oid object_id)
{
	switch (class_id)
	{
		case ConstraintRelationId:
		case PolicyRelationId:
		case RelationRelationId:
		case RewriteRelationId:
		case TriggerRelationId:
		case TypeRelationId:
			return true;
		case OperatorRelationId:
			return has_types_of_operator(object_id);
		case ProcedureRelationId:
			return has_types_of_routine(object_id);
		default:
			return false;
	}
}

CalledName *
mig_called(const ObjectAddress *address, bool is_dropped)
{
	CalledName *name;
	char	   *identity;

	if (schema_class(address->classId) == NULL || (is_dropped && !has_name_still(address->classId, address->objectId)))
		return NULL;
	identity = getObjectIdentity(address, true);
	if (identity == NULL)
		return NULL;
	name = palloc(sizeof(CalledName));
	name->address = *address;
	name->object_type = getObjectTypeDescription(address, true);
	name->identity = identity;
	return name;
}
