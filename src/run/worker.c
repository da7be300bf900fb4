/*
 * worker.c
 *		The background worker: who it is, what it has set, whom it tells.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/compat.h"
#include "common/faults.h"
#include "libpq/pqmq.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "run/apart.h"
#include "run/background.h"
#include "run/worker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* The memory that is shared with the caller. */
static dsm_segment *segment = NULL;

/* Attach to the memory of the caller, and send him what is reported. */
static WorkerJob *
attach(dsm_handle handle)
{
	WorkerJob  *job;
	shm_mq	   *queue;

	CurrentResourceOwner = ResourceOwnerCreate(NULL, "pg_migrations worker");
	segment = dsm_attach(handle);
	if (segment == NULL)
		proc_exit(0);			/* the caller has not waited */
	dsm_pin_mapping(segment);
	job = dsm_segment_address(segment);
	queue = (shm_mq *) ((char *) job + job->queue);
	shm_mq_set_sender(queue, MyProc);
	pq_redirect_to_shm_mq(segment, shm_mq_attach(queue, segment, NULL));
	return job;
}

/* The role connects that the caller's session connected as; it may have been told since that it may not. */
static void
connect_as_caller(const WorkerJob *job)
{
	BackgroundWorkerInitializeConnectionByOid(job->database, job->session_user, MIG_WORKER_FLAGS);
}

/* Does this session begin with another value? */
static bool
is_different(const char *name, const char *value)
{
	const char *here = GetConfigOption(name, true, false);

	return here && strcmp(here, value) != 0;
}

/*
 * What the caller's session had set, as whoever set it there: a library that is
 * loaded here and not there asks whether he may.  What it began with holds as
 * well, whatever has become of that since.
 */
static void
set_settings(const char *name)
{
	while (*name != '\0')
	{
		const char *value = name + strlen(name) + 1;
		const char *end = value + strlen(value) + 1;
		SettingAuthor author;

		memcpy(&author, end, sizeof(author));
		if (author.chosen || is_different(name, value))
			(void) set_config_option_ext(name, value, author.context, PGC_S_SESSION, author.role, GUC_ACTION_SET, true, DEBUG1, false);
		name = end + sizeof(author);
	}
}

static void
set_as_caller(const WorkerJob *job)
{
	ledger_hand_over_client(job->client);
	StartTransactionCommand();
	set_settings((const char *) job + job->settings);
	/* By default, whatever role or database say. */
	(void) set_config_option("client_encoding", GetDatabaseEncodingName(), PGC_USERSET, PGC_S_OVERRIDE, GUC_ACTION_SET, true, 0, false);
	/* The caller may write, whatever others were told since he came. */
	(void) set_config_option("default_transaction_read_only", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	if (job->role[0] != '\0')
		(void) set_config_option("role", job->role, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	CommitTransactionCommand();
}

const char *
mig_worker_data(const WorkerJob *job)
{
	return (const char *) job + job->data;
}

void
mig_worker_keep_encoding(void)
{
	if (segment)
		SetClientEncoding(GetDatabaseEncoding());
}

void
mig_worker_release(void)
{
	dsm_detach(segment);
	segment = NULL;
}

static void
work(WorkerJob *job)
{
	connect_as_caller(job);
	MIG_FAULT("worker_connected");
	job->connected = true;
	set_as_caller(job);
	switch (job->task)
	{
		case TASK_APART:
			mig_apart_main((ApartJob *) job);
			break;
		case TASK_BACKGROUND:
			mig_background_main((BackgroundJob *) job);
			break;
	}
}

void
mig_worker_main(Datum arg)
{
	WorkerJob  *job;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	job = attach(DatumGetUInt32(arg));
	PG_TRY();
	{
		work(job);
	}
	PG_CATCH();
	{
		/* It is the caller's error as well, and no reason to end with a complaint. */
		MIG_FAULT("worker_failed");
		mig_worker_keep_encoding();
		EmitErrorReport();
		MIG_FAULT("worker_failure_told");
		FlushErrorState();
		AbortOutOfAnyTransaction();
	}
	PG_END_TRY();
	proc_exit(0);
}
