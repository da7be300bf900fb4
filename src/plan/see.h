/*
 * see.h
 *		What the functions that only look have in common.
 */
#ifndef MIG_SEE_H
#define MIG_SEE_H

#include "fmgr.h"
#include "plan/model.h"
#include "common/options.h"

extern char *mig_optional_text(FunctionCallInfo fcinfo, int n);
extern char *mig_required_text(FunctionCallInfo fcinfo, int n, const char *argument);
/* A reason that says something, or an error. */
extern char *mig_reason(FunctionCallInfo fcinfo, int n);
extern void mig_require_monitor(const char *project);

#endif							/* MIG_SEE_H */
