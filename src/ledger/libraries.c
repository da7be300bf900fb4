/*
 * libraries.c
 *		Which libraries the sessions to come of this database load.
 *
 * What the present session has says little: it may have been told otherwise.
 */
#include "postgres.h"

#include "ledger/ledger.h"
#include "ledger/libraries.h"
#include "ledger/query.h"

/* The one text of a query. */
static char *
ask(LedgerQuery *query)
{
	LedgerScope scope;
	char	   *text = NULL;

	ledger_enter(&scope);
	if (ledger_run(query, NULL) > 0)
	{
		LedgerRow	row;

		row_begin(&row, 0);
		text = row_text(&row);
	}
	ledger_leave(&scope);
	return text;
}

char *
ledger_database_libraries(void)
{
	static LedgerQuery query = {"SELECT " LIBRARIES_OF_DATABASE};

	return ask(&query);
}

char *
ledger_server_libraries(void)
{
	static LedgerQuery query = {"SELECT " LIBRARIES_OF_SERVER};

	return ask(&query);
}
