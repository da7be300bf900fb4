/*
 * cancel.h
 *		Runs that end because somebody wanted them to.
 */
#ifndef MIG_CANCEL_H
#define MIG_CANCEL_H

/* 57014 if somebody has asked for it. */
extern void mig_cancel_check(int64 run_id);

/* Was it somebody's wish that ended the statement? */
extern bool mig_was_cancelled(const ErrorData *error);

/* Say so of an error that has come from another process, without what tells it. */
extern void mig_cancel_mark(ErrorData *error);

/* A cancelled statement says nothing of whose wish it was: add that, if it was by migrate.cancel_run. */
extern void mig_cancel_explain(int64 run_id, ErrorData *error);

extern void mig_cancel_init(void);

#endif							/* MIG_CANCEL_H */
