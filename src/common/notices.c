/*
 * notices.c
 *		Keep from the client what it did not cause: the server's lexer says of long
 *		names that they will be truncated whenever it reads them.
 */
#include "postgres.h"

#include "common/notices.h"
#include "utils/elog.h"
#include "utils/guc.h"

int
mig_notices_off(void)
{
	int			level = NewGUCNestLevel();

	if (client_min_messages < WARNING)
		(void) set_config_option("client_min_messages", "warning",
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}
