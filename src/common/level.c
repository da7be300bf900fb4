/*
 * level.c
 *		Follow what was done at a nest level to the end of its transaction.
 */
#include "postgres.h"

#include "common/level.h"

bool
mig_level_undone(int *level, XactEvent event)
{
	bool		undone = event == XACT_EVENT_ABORT && *level > 0;

	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		*level = 0;
	return undone;
}

bool
mig_level_undone_within(int *level, SubXactEvent event)
{
	int			ending = GetCurrentTransactionNestLevel();
	bool		undone = event == SUBXACT_EVENT_ABORT_SUB && *level >= ending;

	if (undone)
		*level = 0;
	else if (event == SUBXACT_EVENT_COMMIT_SUB && *level == ending)
		*level = ending - 1;
	return undone;
}
