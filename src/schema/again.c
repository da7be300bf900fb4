/*
 * again.c
 *		What has been dropped and made again, and is the same: it is as expected,
 *		but not where it was.
 */
#include "postgres.h"

#include "ledger/expected.h"
#include "schema/again.h"
#include "schema/called.h"
#include "schema/rebuilt.h"
#include "schema/state.h"
#include "schema/touched.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* By the migration itself.  It is not there if that was rolled back. */
static void
follow_rebuilt(const Rebuilt *rebuilt)
{
	const char *identity = getObjectIdentity(&rebuilt->is, true);
	uint8		key[LEDGER_KEY_BYTES];

	if (identity == NULL)
		return;
	if (OidIsValid(rebuilt->was.objectId))
	{
		ledger_readdress(&rebuilt->was, &rebuilt->is);
		return;
	}
	mig_state_key(getObjectTypeDescription(&rebuilt->is, true), identity, key);
	ledger_readdress_key(key, &rebuilt->is);
}

/* By others: what was called so is expected elsewhere, and there is nothing any more. */
static void
follow_name(const CalledName *name)
{
	const ExpectedRow *row;
	uint8		key[LEDGER_KEY_BYTES];

	mig_state_key(name->object_type, name->identity, key);
	row = ledger_expected(key);
	if (row && row->address.classId == name->address.classId && getObjectIdentity(&row->address, true) == NULL)
		ledger_readdress_key(key, &name->address);
}

void
mig_again_follow(void)
{
	List	   *names = mig_touched_names();
	List	   *addresses = NIL;
	HTAB	   *known;
	ListCell   *cell;

	foreach(cell, names)
		addresses = lappend(addresses, &((CalledName *) lfirst(cell))->address);
	known = mig_state_addresses(addresses);
	foreach(cell, names)
	{
		const CalledName *name = lfirst(cell);

		if (hash_search(known, &name->address, HASH_FIND, NULL) == NULL)
			follow_name(name);
	}
	foreach(cell, mig_touched_rebuilt())
		follow_rebuilt(lfirst(cell));
}
