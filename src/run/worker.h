/*
 * worker.h
 *		Background workers that do something as the caller, with his settings.
 */
#ifndef MIG_WORKER_H
#define MIG_WORKER_H

#include "ledger/ledger.h"
#include "lib/stringinfo.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/shm_mq.h"
#include "utils/guc.h"

typedef enum WorkerTask
{
	TASK_APART,					/* one migration, in steps (apart.c) */
	TASK_BACKGROUND				/* a whole run (background.c) */
} WorkerTask;

/* What decides whether a setting may have its value; as bytes, wherever they are. */
typedef struct SettingAuthor
{
	GucContext	context;
	Oid			role;
	bool		chosen;			/* by the session itself, and not what every one began with */
} SettingAuthor;

/* In memory that caller and worker share; a task's own struct begins with it. */
typedef struct WorkerJob
{
	WorkerTask	task;
	Oid			database;
	Oid			session_user;
	char		role[NAMEDATALEN];	/* of SET ROLE, or empty */
	char		client[LEDGER_ADDRESS_BYTES];	/* where the caller's client is, or empty */
	Size		data;			/* offset of what the task is told besides; aligned */
	Size		settings;		/* offset of "name\0value\0" and a SettingAuthor each, and "\0" */
	Size		queue;			/* offset of the queue */
	bool		connected;		/* the worker is a session of the role's */
	bool		cancelled;		/* the caller was, and the worker has ended with that */
	pg_atomic_uint32 caller_gone;
} WorkerJob;

/* ---- the caller's side (launch.c) ---- */

/*
 * Have a worker do the job (of size bytes; its task's part is filled in) with the
 * data that the task is told besides, and wait without a snapshot until it has
 * ended or lets us go.  The present transaction must not have one.  what: that it
 * does, for errors.  Passes on what the worker reports but an error, which it
 * returns: NULL if there is none.
 * The job then has what the worker has written into it, also when waiting has
 * raised an error, as a cancel does; then the worker has been cancelled as well.
 */
extern ErrorData *mig_launch(WorkerJob *job, Size size, const StringInfoData *data, const char *what);

/* ---- the worker's side (worker.c) ---- */

extern PGDLLEXPORT void mig_worker_main(Datum arg);

/* What the task is told besides its job. */
extern const char *mig_worker_data(const WorkerJob *job);

/*
 * Whatever a script has set, the caller takes what is reported for text of the
 * server's.  Nothing in a session that is no worker.
 */
extern void mig_worker_keep_encoding(void);

/* Let the caller go: he waits no longer, and is told nothing more. */
extern void mig_worker_release(void);

#endif							/* MIG_WORKER_H */
