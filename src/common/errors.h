/*
 * errors.h
 *		SQLSTATEs of class MG: one code for each kind of failure that clients
 *		may branch on.  Whatever none of them names gets the server's own code.
 */
#ifndef MIG_ERRORS_H
#define MIG_ERRORS_H

#include "utils/elog.h"

#define ERRCODE_MIG_TEXT_CHANGED		MAKE_SQLSTATE('M','G','0','0','1')
#define ERRCODE_MIG_NO_SUCH_MIGRATION	MAKE_SQLSTATE('M','G','0','0','2')
#define ERRCODE_MIG_CYCLE				MAKE_SQLSTATE('M','G','0','0','3')
#define ERRCODE_MIG_NOT_REGISTERED		MAKE_SQLSTATE('M','G','0','0','4')
#define ERRCODE_MIG_CONFLICT			MAKE_SQLSTATE('M','G','0','0','5')
#define ERRCODE_MIG_LOCK_HELD			MAKE_SQLSTATE('M','G','0','0','6')
#define ERRCODE_MIG_REFUSED				MAKE_SQLSTATE('M','G','0','0','7')
#define ERRCODE_MIG_NEEDS_TOP_LEVEL		MAKE_SQLSTATE('M','G','0','0','8')
#define ERRCODE_MIG_CANNOT_RUN			MAKE_SQLSTATE('M','G','0','0','9')
#define ERRCODE_MIG_NO_DOWN				MAKE_SQLSTATE('M','G','0','1','0')
#define ERRCODE_MIG_VERIFY_FAILED		MAKE_SQLSTATE('M','G','0','1','1')
#define ERRCODE_MIG_INTERRUPTED			MAKE_SQLSTATE('M','G','0','1','2')
#define ERRCODE_MIG_OUT_OF_BAND			MAKE_SQLSTATE('M','G','0','1','3')
#define ERRCODE_MIG_NOT_AUTHORISED		MAKE_SQLSTATE('M','G','0','1','4')
#define ERRCODE_MIG_AMBIGUOUS			MAKE_SQLSTATE('M','G','0','1','5')
#define ERRCODE_MIG_CHECK_FAILED		MAKE_SQLSTATE('M','G','0','1','6')

#endif							/* MIG_ERRORS_H */
