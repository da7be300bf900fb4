/*
 * inventory.c
 *		migrate.inventory(): what is there, for people and for comparing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/compat.h"
#include "common/rows.h"
#include "fmgr.h"
#include "ledger/entry.h"
#include "plan/see.h"
#include "schema/schema.h"
#include "utils/array.h"
#include "utils/builtins.h"

static void
put_object(const SchemaObject *object, void *arg)
{
	MigRow		row;

	mig_row_begin(&row);
	mig_row_text(&row, object->object_type);
	mig_row_text(&row, object->identity);
	mig_row_text(&row, mig_schema_definition(object));
	if (object->problem)
		mig_row_null(&row);
	else
	{
		bytea	   *fingerprint = palloc(VARHDRSZ + FINGERPRINT_BYTES);

		SET_VARSIZE(fingerprint, VARHDRSZ + FINGERPRINT_BYTES);
		memcpy(VARDATA(fingerprint), object->fingerprint, FINGERPRINT_BYTES);
		mig_row_datum(&row, PointerGetDatum(fingerprint));
	}
	mig_row_put(&row, arg);
}

MIG_FUNCTION(mig_inventory);

/* migrate.inventory() */
static Datum
mig_inventory_body(PG_FUNCTION_ARGS)
{
	mig_require_monitor(NULL);
	mig_schema_read_all(put_object, mig_rows_begin(fcinfo));
	return (Datum) 0;
}

MIG_FUNCTION(mig_inventory_of);

/*
 * Not in SQL, for tests: the rows of objects, given by catalog and oid, and of
 * what may mention them.
 */
static Datum
mig_inventory_of_body(PG_FUNCTION_ARGS)
{
	Datum	   *classes;
	Datum	   *objects;
	int			n;
	int			nobjects;
	List	   *addresses = NIL;
	ReturnSetInfo *result = mig_rows_begin(fcinfo);

	mig_require_monitor(NULL);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &classes, NULL, &n);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &objects, NULL, &nobjects);
	for (int i = 0; i < Min(n, nobjects); i++)
	{
		ObjectAddress *address = palloc(sizeof(ObjectAddress));

		ObjectAddressSet(*address, DatumGetObjectId(classes[i]), DatumGetObjectId(objects[i]));
		addresses = lappend(addresses, address);
	}
	mig_schema_read(mig_schema_dependants(addresses), put_object, result);
	return (Datum) 0;
}
