/*
 * ledger.h
 *		Our tables: the only way to them, for every room.
 *
 * Readers and writers call these functions as whoever they are; the functions
 * work as the owner of the tables, with a pinned search_path, and put
 * everything back before they return.  Results are palloc'd in the caller's
 * memory context.
 */
#ifndef MIG_LEDGER_H
#define MIG_LEDGER_H

#include "common/compat.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "script/layouts/layouts.h"
#include "script/script.h"
#include "utils/elog.h"
#include "utils/jsonb.h"

/* ---- what is registered (registry.c, migrations.c, texts.c) ---- */

typedef enum MigrationKind
{
	KIND_VERSIONED,
	KIND_REPEATABLE,
	KIND_BASELINE
} MigrationKind;

/* A list of names as it stands in a text[]. */
typedef struct NameArray
{
	int			n;
	char	  **names;
} NameArray;

typedef struct FullName
{
	char	   *project;
	char	   *name;
} FullName;

/* What the ledger knows of a migration: its definition, its state, its hold. */
typedef struct Migration
{
	char	   *project;
	char	   *name;
	char	   *version;		/* or NULL */
	MigrationKind kind;
	bool		linear;			/* requires was NULL */
	NameArray	requires;
	NameArray	conflicts;
	NameArray	replaces;
	bytea	   *up;				/* checksums */
	bytea	   *down;
	bytea	   *verify;
	char	   *down_problem;	/* why the text cannot be run, or NULL */
	char	   *verify_problem;
	int64		ordinal;
	TimestampTz registered_at;
	char	   *registered_by;

	char	   *state;			/* what the history says, or NULL */
	int64		history_id;
	bytea	   *applied;		/* checksum of up when it was applied */
	bool		has_followed;	/* followed is what it required when applied */
	NameArray	followed;
	char	   *detail;
	TimestampTz changed_at;
	char	   *changed_by;
	TimestampTz applied_at;		/* 0: not applied */
	Interval   *duration;

	char	   *hold_reason;	/* NULL: not held */
	char	   *held_by;
	TimestampTz held_at;

	int			node;			/* its place in a plan's model */
} Migration;

/* The version up to which a project counts as applied. */
typedef struct Baseline
{
	char	   *project;
	char	   *version;
	int64		history_id;
} Baseline;

/* All of them, as one snapshot sees them; one can be found by its name. */
typedef struct MigrationSet MigrationSet;

extern MigrationSet *ledger_read_migrations(Migration ***migrations, int *n);
extern Migration *ledger_find_migration(const MigrationSet *set, const char *project, const char *name);

/* One, without the others; NULL: it is not registered. */
extern Migration *ledger_read_migration(const FullName *full);

extern const char *ledger_kind_name(MigrationKind kind);

/* Names as a text[], and those of one. */
extern ArrayType *ledger_array_of(const NameArray *names);
extern NameArray ledger_names_of(ArrayType *array);

/* A registered definition in full, as register compares and writes it. */
typedef struct Definition
{
	const char *project;
	const char *name;
	const char *version;
	const char *kind;
	const char *description;
	ArrayType  *tags;
	ArrayType  *requires;		/* NULL: linear */
	ArrayType  *conflicts;
	ArrayType  *replaces;
	Jsonb	   *options;
	bool		force;			/* of this call, not of the definition */
	SourceText	up;
	SourceText	down;
	SourceText	verify;
	bytea	   *up_checksum;
	bytea	   *down_checksum;	/* NULL: none */
	bytea	   *verify_checksum;
	const char *down_problem;
	const char *verify_problem;
	bytea	   *hash;			/* over all of it */
} Definition;

extern void ledger_lock_project(const char *project);
extern void ledger_insert_definition(const Definition *definition);
extern void ledger_update_definition(const Definition *definition);
extern Definition *ledger_read_definition(const char *project, const char *name);
extern void ledger_replace_up(const char *project, const char *name, bytea *checksum, bytea *hash);
extern void ledger_delete_definition(const char *project, const char *name);
extern bool ledger_knows_definition(const Definition *definition);
extern void ledger_note_definition(const Definition *definition);
extern void ledger_store_text(const char *project, const char *body, ScriptPart part, bytea *checksum, bool parses);

/* What register must know of a migration that is there already. */
typedef struct Registered
{
	char	   *name;
	char	   *version;
	char	   *kind;
	bool		linear;
	bytea	   *up;
	bytea	   *hash;
	char	   *state;
	bytea	   *applied;
	int64		history_id;
} Registered;

extern Registered *ledger_read_registered(const char *project, const char *name, int *n);

/* One of a migration's texts, where it came from and how to run it. */
typedef struct StoredText
{
	char	   *body;
	bytea	   *checksum;
	char	   *path;
	int			line;
	Jsonb	   *options;
} StoredText;

extern StoredText *ledger_read_text(const char *project, const char *name, ScriptPart part, const bytea *checksum);
extern char *ledger_text_by_checksum(const char *project, bytea *checksum, ScriptPart part);

/* Names that match, each as project and name (resolve.c in plan/ knows the rules). */
extern List *ledger_find_exact(const char *project, const char *name);
extern List *ledger_find_version(const char *project, const char *version);
extern List *ledger_find_equal_version(const char *project, const char *version);
extern List *ledger_find_prefix(const char *project, const char *prefix);
extern List *ledger_all_names(const char *project);
extern bool ledger_has_project(const char *project);
extern List *ledger_projects(void);

/* ---- what was done (history.c) ---- */

/* An attempt, as history keeps it. */
typedef struct Attempt
{
	int64		id;				/* 0: not drawn yet */
	int64		attempt_id;		/* the row that began it; 0: this one */
	int64		run_id;			/* 0: none */
	const char *project;
	const char *name;
	const char *action;
	const char *outcome;
	TimestampTz started_at;
	TimestampTz finished_at;
	const char *role_name;		/* whose it is; NULL: of whoever writes it */
	const char *session_role;	/* likewise */
	const char *reason;
	bytea	   *checksum;
	int			statements;		/* that went through */
	int64		rows;
	int64		wal_bytes;
	uint64		start_lsn;
	uint64		end_lsn;
	const ErrorData *error;		/* NULL: none */
	const char *error_statement;
	int			error_statement_no;
	int			error_line;
} Attempt;

/* One executed statement, as statement_log keeps it. */
typedef struct StatementRecord
{
	int			number;
	int			line;
	const char *tag;
	TimestampTz started_at;
	int64		duration;		/* microseconds */
	int64		rows;
	int64		wal_bytes;
	ArrayType  *locks;			/* or NULL */
	ArrayType  *rewritten;		/* or NULL */
	int64		waited;			/* microseconds, over all tries; 0: not at all */
	const char *waited_for;		/* JSON, or NULL */
} StatementRecord;

extern int64 ledger_next_attempt(void);
/* Write one attempt; its id, drawn here if it has none, is returned and kept in it. */
extern int64 ledger_write_attempt(Attempt *attempt);

/* The last outcome that is written of an attempt, in whatever session; NULL: none. */
extern char *ledger_attempt_outcome(int64 attempt_id);

extern void ledger_write_statements(int64 history_id, const StatementRecord *records, int n);

/*
 * What the history says of a migration now.  attempt is the row that says so;
 * requires is kept only where the migration now counts as applied.
 */
extern void ledger_set_state(const char *project, const char *name, const char *state,
							 const Attempt *attempt, ArrayType *requires, const char *detail);
/* An attempt that has an id, its statements, and the state that follows from it. */
extern void ledger_write_outcome(const Attempt *attempt, const StatementRecord *records, int n,
								 const char *state, ArrayType *requires, const char *detail);

/* It is again what it was before another one took its place, or before it was half done. */
extern void ledger_restore_state(const char *project, const char *name);

extern void ledger_set_detail(const char *project, const char *name, const char *detail);

/* ---- baselines (baselines.c) ---- */

/* As a list of Baseline, of which a project has one at most. */
extern List *ledger_read_baselines(void);

/* Was the present one of the project set by people? */
extern bool ledger_baseline_is_peoples(const char *project);

/* What else makes one of the project, whether it is the present one or not. */
extern List *ledger_other_baselines(const char *project);
extern void ledger_set_baseline(const char *project, const char *version, int64 history_id);

/* The baseline that one history row set is from now on another's. */
extern void ledger_pass_baseline(const char *project, int64 from, int64 to);

/* Only one that this migration has set or taken over: one that people have set stays. */
extern bool ledger_clear_baseline(const char *project, const char *setter_project, const char *setter);

/* ---- who stands for others (heirs.c) ---- */

/* Those whose place it has taken, as that was written, of FullName *. */
extern List *ledger_superseded_by(const Migration *heir);

/* One that counts as applied and replaces a migration, besides that heir of it, or NULL. */
extern FullName *ledger_other_heir(const Migration *replaced, const Migration *heir);

/* ---- has it moved on (moved.c) ---- */

/* Has more been done and decided by now than the snapshot of this transaction shows? */
extern bool ledger_has_moved(void);

/* ---- runs (runs.c) ---- */

typedef struct RunStart
{
	const char *action;
	const char *project;
	const char *target;
	TimestampTz started_at;
	int64		waited;			/* microseconds */
	int			planned;
	ArrayType  *steps;			/* full names, in order */
	int64		database_bytes; /* -1: not measured */
	const char *reason;
	Jsonb	   *options;
	bool		in_block;
} RunStart;

typedef struct RunEnd
{
	int64		run_id;
	const char *outcome;
	TimestampTz started_at;
	int			migrations;
	const char *failed_name;
	const ErrorData *error;
	int64		database_bytes;
} RunEnd;

/*
 * Our advisory locks, as pg_locks shows them: the key of those of deployers, and
 * the class of each (the fourth field, of which the server itself uses 1 and 2).
 */
#define LEDGER_DEPLOYER_KEY 0x4D494752
#define LEDGER_DEPLOYER_LOCK 0x4D44
#define LEDGER_WORKER_LOCK 0x4D57	/* of the worker that works for it */
#define LEDGER_RUN_LOCK 0x4D52	/* the worker's as well; its key is the run */
#define LEDGER_WAITS_LOCK 0x4D42	/* of a run that waits without queueing; its key is whom for */
#define LEDGER_PROJECT_LOCK 0x4D50	/* of whoever registers; its key is the project */
#define LEDGER_SEAL_LOCK 0x4D53

/* Whoever holds the deployers' lock. */
typedef struct Holder
{
	int			pid;
	int			worker;			/* the backend that runs the statements: its own, or a worker's */
	int64		run_id;			/* 0: no run */
	char	   *description;	/* 'run 56 of deploy_ci (pid 4711, "ci", since 23:13:58)' */
} Holder;

extern Holder *ledger_deployer(void);
/* The migration that the run under way is at, or NULL. */
extern char *ledger_running_migration(void);

extern bool ledger_deployer_waits_for(int blocker);

/* The transaction that is prepared under this name, if there is one. */
extern TransactionId ledger_prepared_transaction(const char *gid);

/* The prepared transaction with this number, or NULL. */
typedef struct PreparedTransaction
{
	char	   *gid;
	char	   *owner;
	TimestampTz prepared_at;
} PreparedTransaction;

extern PreparedTransaction *ledger_find_prepared(TransactionId xid);

/* Locks this backend holds on relations of users, as in pg_locks. */
extern ArrayType *ledger_own_locks(void);

/* Size of the database; -1 where measuring it would take long. */
extern int64 ledger_database_bytes(void);

extern int64 ledger_start_run(const RunStart *start);
extern void ledger_end_run(const RunEnd *end);

/* ---- runs seen from outside (cancels.c) ---- */

typedef struct CancelRequest
{
	char	   *by;
	char	   *reason;
} CancelRequest;

extern void ledger_request_cancel(int64 run_id, const char *reason);

/* That the run shall end, or NULL. */
extern CancelRequest *ledger_cancel_request(int64 run_id);

typedef struct RunSeen
{
	char	   *action;
	char	   *project;		/* NULL: all */
	char	   *target;			/* NULL: none */
	char	   *role_name;
	int			pid;
	char	   *outcome;		/* NULL: it has not come to its end; so are the others without an error */
	char	   *error_code;
	char	   *error_message;
	char	   *error_detail;
	char	   *error_hint;
	char	   *error_context;
} RunSeen;

extern RunSeen *ledger_see_run(int64 run_id);

/* Is this backend the deployer of the database, or its worker?  Without any SQL. */
extern bool ledger_is_deployer(int pid);

/* ---- what is half done (unfinished.c) ---- */

/* What the session of a migration has that commits in between; each of them NULL: not known, or people say that it does not matter. */
typedef struct SessionNote
{
	char	   *search_path;	/* the schemas that it finds, as SET takes them */
	char	   *role;			/* that it has become; empty: the one that it began as */
	char	   *temporary;		/* names of its temporary tables, views and functions; empty: none */
} SessionNote;

/* How far a migration is that commits in between. */
typedef struct Unfinished
{
	char	   *project;
	char	   *name;
	ScriptPart	part;
	bytea	   *checksum;		/* of the text that has these */
	int64		attempt_id;		/* which is at it, or was the last to be */
	int			done;			/* the last statement that stands; 0: none */
	int			under_way;		/* one that was begun and cannot be rolled back; 0: none */
	Oid			object;			/* what that names, as it was before; invalid: nothing */
	Oid			table;			/* whose index that makes, rebuilds or drops; invalid: no one table's */
	int64		place;			/* ledger_place() where it was begun: of that are the oids; 0: none was */
	SessionNote session;		/* behind what stands */
} Unfinished;

extern Unfinished *ledger_unfinished(const char *project, const char *name);

/* The same, for whoever goes on with it: nobody writes it before the transaction ends. */
extern Unfinished *ledger_take_unfinished(const char *project, const char *name);

/* Those that count as half done; covered: those that do not, since a baseline or a heir has taken their place. */
extern List *ledger_all_unfinished(bool covered);

/* Note that an attempt at a text begins, or goes on where another one stopped. */
extern void ledger_begin_unfinished(const Migration *migration, ScriptPart part, const bytea *checksum, int64 attempt_id, int64 run_id);

/* Whatever session it goes on in is right. */
extern void ledger_forget_session(const char *project, const char *name);

/* Note that a statement begins that cannot be rolled back; what it makes is noted as it is made. */
extern void ledger_note_under_way(const char *project, const char *name, const bytea *checksum, int statement, Oid object, Oid table, const SessionNote *session);
extern void ledger_note_changed(const char *project, const char *name, Oid class_id, Oid object_id);
extern void ledger_note_object(const char *project, const char *name, Oid class_id, Oid object_id);

/* As a list of ObjectAddress. */
extern List *ledger_noted_objects(const char *project, const char *name);

/* Note that all up to this statement stands; session: NULL: what was noted. */
extern void ledger_note_done(const char *project, const char *name, const bytea *checksum, int statement, const SessionNote *session);
extern void ledger_end_unfinished(const char *project, const char *name);

/* ---- what was decided (decisions.c) ---- */

typedef struct Decision
{
	const char *decision;
	const char *project;
	const char *name;
	int64		ddl_id;			/* 0: none */
	const char *object_type;
	const char *identity;
	bytea	   *checksum;
	int64		run_id;
	const char *reason;
	const char *detail;			/* JSON, or NULL */
	const char *role_name;		/* whose it is, or NULL: the current role's */
} Decision;

extern void ledger_write_decision(const Decision *decision);
extern bool ledger_hold(const char *project, const char *name, const char *reason);
extern bool ledger_release(const char *project, const char *name);
extern bool ledger_is_held(const char *project, const char *name);
extern char *ledger_policy(const char *setting, const char *project);
extern void ledger_set_policy(const char *setting, const char *project, const char *value);

/* ---- changes of the schema (ddl.c) ---- */

typedef struct DdlRecord
{
	const char *command_tag;
	const char *statement;
	const char *text_source;
	Jsonb	   *objects;
	const char *origin;
	int64		history_id;		/* 0: none */
	const char *reason;			/* or NULL */
	int64		id;				/* of its row, once that is written */
} DdlRecord;

/* Can a row be written, though the tables be of another version than the library? */
extern bool ledger_takes_ddl(void);

/* Write the row of a statement that the current user has executed; false: the table cannot take it. */
extern bool ledger_write_ddl(DdlRecord *record);

/* Those of the ids that are of changes outside of migrations, as int64 pointers. */
extern List *ledger_direct_ddl(ArrayType *ids);

/* A captured statement that is to become a migration. */
typedef struct CapturedStatement
{
	int64		id;
	char	   *statement;
	char	   *text_source;
	char	   *origin;
	char	   *role_name;		/* whose rights it had */
	char	   *decision;		/* about it, or NULL */
} CapturedStatement;

/* Those of the ids that there are, in the order of their numbers. */
extern List *ledger_captured(ArrayType *ids);

/*
 * Was capture ever turned on here, as coverage and its sequence say?  A dump
 * restores the sequences behind all rows.
 */
extern bool ledger_capture_has_begun(void);

extern char *ledger_coverage(void);

/* Has capture seen all since then? */
extern bool ledger_was_covered_since(TimestampTz since);
extern void ledger_note_coverage(const char *level, const char *reason);
extern void ledger_break_glass(const char *reason, Interval *duration);
extern char *ledger_open_glass(void);

/* ---- what sessions load (libraries.c) ---- */

/* This database's own setting of session_preload_libraries, or NULL. */
extern char *ledger_database_libraries(void);

/* What it is where the database says nothing. */
extern char *ledger_server_libraries(void);


/* Change the schema with a statement of our own, as the current user; for superusers. */
extern void ledger_change_schema(const char *sql);

/* Does one of our own statements change the schema right now? */
extern bool ledger_changes_schema(void);

/* ---- where the client is (client.c) ---- */

#define LEDGER_ADDRESS_BYTES 64

/* NULL: on this machine, or there is none. */
extern char *ledger_client_address(void);

/* This session is a worker, for a client that is there; empty: as NULL above. */
extern void ledger_hand_over_client(const char *address);

/* ---- who may do what (capabilities.c) ---- */

extern void ledger_require(const char *capability, const char *project);
extern bool ledger_allows(const char *capability, const char *project);
extern bool ledger_allows_any(const char *capability);
extern bool ledger_allows_session(const char *capability);
extern void ledger_grant_project(Oid role, const char *capability, const char *project, bool grant);
extern void ledger_grant_marker(const char *role_name, const char *capability, bool grant);
extern void ledger_grant_views(Oid role, const char *role_name);
extern const char *const *ledger_capabilities(int *n);

/* ---- tamper evidence (seals.c) ---- */

extern int64 ledger_seal(void);
extern char *ledger_head_text(void);

/* What is wrong with a row of a log, or a seal. */
typedef void (*SealProblemFunction) (const char *source, int64 id, const char *text, void *arg);

/* What verify_history finds in the chain, and in rows written from one time on and before another. */
extern void ledger_verify_between(TimestampTz since, TimestampTz until, SealProblemFunction function, void *arg);

/*
 * Take out rows of ddl_log that are older, as far as whole seals are.  Returns how
 * many, and what is to be recorded of them.
 */
extern int64 ledger_prune_ddl(TimestampTz before, char **detail);

/* The last seal; false if there is none. */
extern bool ledger_head(int64 *number, bytea **hash, TimestampTz *sealed_at);
extern char *ledger_hash_text(const bytea *hash);

/* ---- what is wrong around our tables (surroundings.c) ---- */

typedef struct SurroundingFault
{
	char	   *severity;
	char	   *code;
	char	   *object;
	char	   *message;
	char	   *hint;
} SurroundingFault;

extern List *ledger_surroundings(void);

/* ---- is it there at all ---- */

/* Another one once the extension was made anew; invalid where there is none. */
extern Oid	ledger_identity(void);

/* This database of this cluster: oids mean something here, and nothing in a copy of it. */
extern int64 ledger_place(void);
extern Oid	ledger_owner(void);
pg_noreturn extern void ledger_not_installed(void);

#endif							/* MIG_LEDGER_H */
