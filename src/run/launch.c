/*
 * launch.c
 *		Start a worker, wait for it, and pass on what it says.
 *
 * The wait holds no snapshot: what the worker runs may wait for every snapshot
 * there is, and nothing in the server would see that both wait for each other.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "common/compat.h"
#include "common/errors.h"
#include "common/faults.h"
#include "libpq/pqformat.h"
#include "libpq/pqmq.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "run/call.h"
#include "run/deployer.h"
#include "run/worker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#define QUEUE_SIZE 65536
#define LOOK_AGAIN_MS 1000

/* How long to wait for a place for a worker, and how often to look for one. */
#define WAIT_FOR_PLACE_MS 5000
#define LOOK_FOR_PLACE_MS 10

/* A worker under way, as its caller sees it. */
typedef struct Launch
{
	dsm_segment *segment;
	WorkerJob  *job;
	shm_mq_handle *queue;
	BackgroundWorkerHandle *handle;
	const char *what;			/* that it does, for errors */
	ErrorData  *error;			/* that the worker has sent, or NULL */
	bool		cancelled;		/* the caller is, and has passed it on */
} Launch;

/* Settings that are not the caller's to pass on, or mean another thing there. */
static bool
stays_here(const char *name)
{
	static const char *const names[] = {
		"client_encoding", "is_superuser", "role", "session_authorization",
		"transaction_deferrable", "transaction_isolation", "transaction_read_only"
	};

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/*
 * What a session can set, as it is in this one: what every new one begins with
 * may have changed since.
 */
static void
collect_settings(StringInfo out)
{
	int			n;
	struct config_generic **settings = mig_all_settings(&n);

	for (int i = 0; i < n; i++)
	{
		const SettingAuthor author = {settings[i]->scontext, settings[i]->srole, settings[i]->source >= PGC_S_CLIENT};
		const char *value;

		if (settings[i]->context < PGC_SUSET || stays_here(settings[i]->name))
			continue;
		value = GetConfigOption(settings[i]->name, true, false);
		if (value == NULL)
			continue;
		appendBinaryStringInfo(out, settings[i]->name, strlen(settings[i]->name) + 1);
		appendBinaryStringInfo(out, value, strlen(value) + 1);
		appendBinaryStringInfo(out, (const char *) &author, sizeof(author));
	}
	appendStringInfoChar(out, '\0');
}

static void
fill_job(WorkerJob *job)
{
	const char *client = ledger_client_address();

	job->database = MyDatabaseId;
	job->session_user = GetSessionUserId();
	job->role[0] = '\0';
	if (GetUserId() != GetSessionUserId())
		strlcpy(job->role, GetUserNameFromId(GetUserId(), false), sizeof(job->role));
	strlcpy(job->client, client ? client : "", sizeof(job->client));
	job->connected = job->cancelled = false;
	pg_atomic_init_u32(&job->caller_gone, 0);
}

/* What this session waits for, or NULL. */
static WorkerJob *waits_for = NULL;

/*
 * However the caller ends, the worker is to know, and before somebody else can
 * have the deployers' lock: the server releases that later in the session's end.
 */
static void
say_gone(int code, Datum arg)
{
	if (waits_for)
		pg_atomic_write_u32(&waits_for->caller_gone, 1);
}

/* Nothing that is registered here can be taken back, so it is once a session. */
static void
say_when_gone(WorkerJob *job)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(say_gone, (Datum) 0);
	registered = true;
	waits_for = job;
}

/* Nobody waits for the worker any more. */
static void
detach(Launch *launch)
{
	say_gone(0, (Datum) 0);
	waits_for = NULL;
	dsm_detach(launch->segment);
}

static void
share(Launch *launch, WorkerJob *job, Size size, const StringInfoData *data)
{
	StringInfoData settings;
	char	   *base;

	initStringInfo(&settings);
	collect_settings(&settings);
	fill_job(job);
	job->data = MAXALIGN(size);
	job->settings = job->data + data->len;
	job->queue = MAXALIGN(job->settings + settings.len);
	launch->segment = dsm_create(job->queue + QUEUE_SIZE, 0);
	dsm_pin_mapping(launch->segment);
	base = dsm_segment_address(launch->segment);
	launch->job = (WorkerJob *) base;
	memcpy(base, job, size);
	memcpy(base + job->data, data->data, data->len);
	memcpy(base + job->settings, settings.data, settings.len);
	shm_mq_create(base + job->queue, QUEUE_SIZE);
	shm_mq_set_receiver((shm_mq *) (base + job->queue), MyProc);
	launch->queue = shm_mq_attach((shm_mq *) (base + job->queue), launch->segment, NULL);
	say_when_gone(launch->job);
}

static void
raise_not_started(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("could not start a worker for %s", what),
			 errdetail("It has ended before it could begin, and the server's log says why."),
			 errhint("See to that, then call it again.")));
}

/* What lets a worker connect that was not let, or NULL. */
static char *
connection_hint(int sqlstate)
{
	const char *database = quote_identifier(get_database_name(MyDatabaseId));
	const char *role = GetUserNameFromId(GetSessionUserId(), true);

	if (role == NULL)
		return pstrdup("A worker connects as the role of the session, which was dropped: connect as another one.");
	role = quote_identifier(role);
	switch (sqlstate)
	{
		case ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION:
			return psprintf("A worker connects as the role of the session: ALTER ROLE %s LOGIN;", role);
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
			return psprintf("A worker connects to the database: ALTER DATABASE %s ALLOW_CONNECTIONS true;", database);
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return psprintf("A worker connects as the role of the session: GRANT CONNECT ON DATABASE %s TO %s;", database, role);
		default:
			return NULL;
	}
}

/* Workers come and go: one that has done its work keeps its place until its process is gone. */
static bool
register_worker(BackgroundWorker *worker, BackgroundWorkerHandle **handle)
{
	for (int waited = 0; waited < WAIT_FOR_PLACE_MS; waited += LOOK_FOR_PLACE_MS)
	{
		if (RegisterDynamicBackgroundWorker(worker, handle))
			return true;
		mig_pause(LOOK_FOR_PLACE_MS);
	}
	return false;
}

static void
start_worker(Launch *launch)
{
	BackgroundWorker worker = {0};
	pid_t		pid;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "pg_migrations", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "mig_worker_main", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "pg_migrations %s", launch->what);
	strlcpy(worker.bgw_type, "pg_migrations worker", sizeof(worker.bgw_type));
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(launch->segment));
	worker.bgw_notify_pid = MyProcPid;
	if (!register_worker(&worker, &launch->handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no worker is free for %s", launch->what),
				 errdetail("max_worker_processes is %s, and parallel queries take of them as well.",
						   GetConfigOption("max_worker_processes", false, false)),
				 errhint("%sALTER SYSTEM SET max_worker_processes = %d; and restart the server, on standbys before.",
						 max_worker_processes > 0 ? "Try again, or " : "", max_worker_processes + 4)));
	shm_mq_set_handle(launch->queue, launch->handle);
	MIG_FAULT("launch_registered");
	if (WaitForBackgroundWorkerStartup(launch->handle, &pid) != BGWH_STARTED &&
		shm_mq_get_sender(shm_mq_get_queue(launch->queue)) == NULL)
		raise_not_started(launch->what);
}

/* A notice that cannot be told does not end the migration. */
static void
fit_to_client(ErrorData *notice)
{
	char	  **texts[] = {
		&notice->message, &notice->detail, &notice->hint, &notice->context, &notice->internalquery, &notice->schema_name,
		&notice->table_name, &notice->column_name, &notice->datatype_name, &notice->constraint_name
	};

	for (int i = 0; i < lengthof(texts); i++)
		if (*texts[i])
			*texts[i] = unconstify(char *, mig_for_client(*texts[i]));
}

/* An error is kept until the worker has ended, anything else passed on. */
static void
take_message(Launch *launch, void *data, Size length)
{
	StringInfoData message;
	ErrorData	error;
	char		type;

	MIG_FAULT("launch_message");
	initStringInfo(&message);
	appendBinaryStringInfo(&message, data, length);
	type = pq_getmsgbyte(&message);
	if (type != 'E' && type != 'N')
		return;
	pq_parse_errornotice(&message, &error);
	if (type == 'E')
	{
		error.elevel = ERROR;	/* a worker that is terminated does not terminate its caller */
		launch->error = palloc(sizeof(ErrorData));
		*launch->error = error;
	}
	else
	{
		ErrorContextCallback *around = error_context_stack;

		error_context_stack = NULL;
		fit_to_client(&error);
		ThrowErrorData(&error);
		error_context_stack = around;
	}
}

/* The worker may wait for every snapshot: then it would wait for ours. */
static void
check_no_snapshot(void)
{
	InvalidateCatalogSnapshot();
	if (TransactionIdIsValid(MyProc->xmin))
		elog(ERROR, "waiting for a worker with a snapshot");
}

/* Whoever cancels the caller means the statement: the worker says what came of it. */
static void
pass_on_cancel(Launch *launch)
{
	pid_t		pid;

	if (!QueryCancelPending || ProcDiePending)
		return;
	QueryCancelPending = false;
	launch->cancelled = true;
	if (GetBackgroundWorkerPid(launch->handle, &pid) == BGWH_STARTED)
		kill(pid, SIGINT);
}

/* It was too late for this migration, but not for the next. */
static void
take_back_cancel(void)
{
	QueryCancelPending = true;
	InterruptPending = true;
}

/*
 * Until the worker has detached from the queue.  One that ends does so when it
 * has given back all that it had but its place; that it is gone, which takes as
 * long as to start it, nobody needs to wait for.
 */
static void
listen(Launch *launch)
{
	for (;;)
	{
		void	   *data;
		Size		length;

		check_no_snapshot();
		switch (shm_mq_receive(launch->queue, &length, &data, true))
		{
			case SHM_MQ_SUCCESS:
				take_message(launch, data, length);
				continue;
			case SHM_MQ_DETACHED:
				return;
			case SHM_MQ_WOULD_BLOCK:
				break;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_AGAIN_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		pass_on_cancel(launch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* It has been told to end, or has nothing more to do. */
static void
await_end(Launch *launch)
{
	HOLD_INTERRUPTS();
	(void) WaitForBackgroundWorkerShutdown(launch->handle);
	RESUME_INTERRUPTS();
}

/*
 * The caller cannot wait any longer: the statement is cancelled, and the worker
 * writes what stands.  One that has yet to start finds that nobody waits for it.
 */
static void
cancel_worker(Launch *launch)
{
	pid_t		pid;

	pg_atomic_write_u32(&launch->job->caller_gone, 1);
	/* Nobody listens any more: it must not wait until somebody does. */
	shm_mq_detach(launch->queue);
	if (GetBackgroundWorkerPid(launch->handle, &pid) == BGWH_STARTED)
		kill(pid, SIGINT);
	await_end(launch);
}

/* What the error of a worker that may not connect lacks. */
static ErrorData *
with_hint(ErrorData *error, const WorkerJob *job)
{
	if (error && !job->connected && error->hint == NULL)
		error->hint = connection_hint(error->sqlerrcode);
	return error;
}

ErrorData *
mig_launch(WorkerJob *job, Size size, const StringInfoData *data, const char *what)
{
	Launch		launch = {.what = what};

	share(&launch, job, size, data);
	PG_TRY();
	{
		start_worker(&launch);
		MIG_FAULT("launch_started");
		listen(&launch);
		MIG_FAULT("launch_detached");
	}
	PG_CATCH();
	{
		if (launch.handle)
			cancel_worker(&launch);
		MIG_FAULT("launch_cancelled");
		memcpy(job, launch.job, size);
		detach(&launch);
		PG_RE_THROW();
	}
	PG_END_TRY();
	memcpy(job, launch.job, size);
	detach(&launch);
	if (launch.error == NULL && !job->connected)
		raise_not_started(what);
	job->cancelled = launch.cancelled && launch.error && launch.error->sqlerrcode == ERRCODE_QUERY_CANCELED;
	if (launch.cancelled && launch.error == NULL)
		take_back_cancel();
	return with_hint(launch.error, job);
}
