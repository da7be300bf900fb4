/*
 * plain_names.c
 *		Names without needless quotes, whatever the session asks for.
 */
#include "postgres.h"

#include "common/plain_names.h"
#include "utils/builtins.h"
#include "utils/guc.h"

int
mig_plain_names_begin(void)
{
	int			level;

	if (!quote_all_identifiers)
		return 0;
	level = NewGUCNestLevel();
	(void) set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

void
mig_plain_names_end(int level)
{
	if (level > 0)
		AtEOXact_GUC(false, level);
}
