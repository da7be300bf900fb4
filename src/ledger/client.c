/*
 * client.c
 *		Where the session's client is: a worker's is that of whoever has it work.
 */
#include "postgres.h"

#include "ledger/ledger.h"
#include "ledger/query.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inet.h"

/* In a worker, which has no connection of its own; empty: none, or none that has an address. */
static char handed_over[LEDGER_ADDRESS_BYTES];

void
ledger_hand_over_client(const char *address)
{
	strlcpy(handed_over, address, sizeof(handed_over));
}

Datum
client_addr(bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 0);
	Datum		result;

	*isnull = false;
	if (handed_over[0])
		return DirectFunctionCall1(inet_in, CStringGetDatum(handed_over));
	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	result = inet_client_addr(fcinfo);
	*isnull = fcinfo->isnull;
	return result;
}

char *
ledger_client_address(void)
{
	bool		isnull;
	Datum		address = client_addr(&isnull);

	return isnull ? NULL : DatumGetCString(DirectFunctionCall1(inet_out, address));
}
