/*
 * attempt.c
 *		Look at what may be damaged, locked, or just on its way.
 */
#include "postgres.h"

#include "access/xact.h"
#include "schema/schema_private.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* An error that says nothing of what was looked at. */
static bool
is_error_of_others(int code)
{
	return ERRCODE_TO_CATEGORY(code) == ERRCODE_OPERATOR_INTERVENTION ||
		ERRCODE_TO_CATEGORY(code) == ERRCODE_INSUFFICIENT_RESOURCES;
}

ErrorData *
schema_attempt(void (*function) (void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
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
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error && is_error_of_others(error->sqlerrcode))
		ReThrowError(error);
	return error;
}
