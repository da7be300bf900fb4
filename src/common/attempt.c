/*
 * attempt.c
 *		Try something that may fail, in a subtransaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/attempt.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

bool
mig_is_error_of_others(int sqlstate)
{
	return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_OPERATOR_INTERVENTION ||
		ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INSUFFICIENT_RESOURCES;
}

ErrorData *
mig_attempt(void (*function) (void *arg), void *arg, bool keep)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	HeldOff		held_off = mig_held_off();
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		function(arg);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		mig_hold_off_again(held_off);
	}
	PG_END_TRY();
	if (error == NULL && keep)
		ReleaseCurrentSubTransaction();
	else
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error && mig_is_error_of_others(error->sqlerrcode))
	{
		mig_hold_off_again((HeldOff) {0, 0});	/* as an error does */
		ReThrowError(error);
	}
	return error;
}
