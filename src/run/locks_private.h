/*
 * locks_private.h
 *		What the files about locks share.
 */
#ifndef MIG_LOCKS_PRIVATE_H
#define MIG_LOCKS_PRIVATE_H

#include "common/compat.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "run/locks.h"
#include "storage/lock.h"

/* ---- what is wanted (lockset.c) ---- */

typedef struct WantedLock
{
	LOCKTAG		tag;
	LOCKMODE	mode;
	bool		may_take;		/* the current role could take it by itself */
} WantedLock;

/*
 * The locks on existing relations that a statement takes, as far as its words
 * and a few looks into caches tell, in the order in which it takes them.
 */
extern List *mig_locks_of(const Node *stmt);

extern const char *mig_lock_mode_name(LOCKMODE mode);

/* What it is on, for people; NULL where nobody could say. */
extern char *mig_lock_object(const LOCKTAG *tag);

/* ---- who is in the way (blockers.c) ---- */

typedef enum BlockerKind
{
	BLOCKER_SESSION,
	BLOCKER_AUTOVACUUM,			/* gives way to whoever waits for it */
	BLOCKER_WRAPAROUND,			/* an autovacuum that does not */
	BLOCKER_PREPARED,			/* a prepared transaction */
	BLOCKER_OTHER				/* a process of the server's own */
} BlockerKind;

typedef struct Blocker
{
	VirtualTransactionId vxid;
	BlockerKind kind;
	int			pid;			/* 0: prepared */
	TimestampTz since;			/* its transaction; 0: not known */
	bool		is_active;		/* it runs a statement */
	Oid			role;
	TransactionId xid;			/* of a prepared one */
	LOCKTAG		tag;			/* what it is in the way of */
	LOCKMODE	mode;

	bool		visible;		/* the role may see its state, age and statement */

	/* for people, by mig_blocker_describe(); NULL where the role may not see it */
	char	   *role_name;
	char	   *application_name;
	char	   *client_addr;
	char	   *state;
	char	   *query;
	char	   *gid;
	char	   *object;
	const char *action;			/* what was done to it, or NULL */
} Blocker;

/*
 * Who holds what conflicts with a lock, as shared memory says: needs no
 * transaction and takes no snapshot.
 */
extern List *mig_blockers_of(const WantedLock *lock);

/* Would queueing behind it make others wait for more than so many ms? */
extern bool mig_blocker_is_old(const Blocker *blocker, int ms);

extern bool mig_blockers_same(const Blocker *a, const Blocker *b);

/* Find out what the role may know of it; role_name and so on are set. */
extern void mig_blocker_describe(Blocker *blocker, Oid viewer);

/* A copy of it, and of all that it says. */
extern Blocker *mig_blocker_copy(const Blocker *blocker);

/* 'pid 4711, role anna, "psql", idle in transaction for 42 s: SELECT ...' */
extern void mig_blocker_text(StringInfo out, const Blocker *blocker);
extern void mig_blocker_json(StringInfo out, const Blocker *blocker);

/* ---- what a statement waits for by itself (awaited.c) ---- */

extern void mig_awaited_begin(void);

/* How long it has waited, in microseconds, and for which lock last, where it has. */
extern int64 mig_awaited_end(WantedLock *last);

/* ---- ending those who are (evict.c) ---- */

/* What the policies of a project say. */
typedef struct BlockersPolicy
{
	bool		cancel;
	bool		terminate;
	int			min_age;		/* s */
} BlockersPolicy;

extern BlockersPolicy mig_blockers_policy(const char *project);

/* Does the policy say that it is to be ended by now? */
extern bool mig_blocker_is_due(const Blocker *blocker, const BlockersPolicy *policy);

/*
 * End it, with the rights of the role, and record that; false: the role has
 * not got them.
 */
extern bool mig_blocker_evict(Blocker *blocker, const BlockersPolicy *policy, Oid role, int64 run_id,
							  const char *project, const char *name);

/* ---- the wait (locks.c, retry.c) ---- */

#define LOCK_FIRST_BUDGET_MS 200

/* What a statement has waited, over all tries. */
typedef struct StatementWait
{
	const char *project;
	const char *name;
	int			number;
	int64		waited;			/* microseconds */
	List	   *blockers;		/* of Blocker *, each once */
} StatementWait;

struct LockWait
{
	int64		run_id;
	bool		retries;
	void		(*check) (void *);
	void	   *check_arg;
	Oid			role;			/* whose rights count, and what he may see */
	MemoryContext owner;		/* it lives here, */
	MemoryContext context;		/* and what it finds out here; NULL: nothing yet */

	/* the statement at hand */
	const char *project;
	const char *name;
	int			total;			/* ms */
	bool		total_is_its_own;	/* an option of it, not the setting */
	bool		concurrent;
	int			number;
	int			limit;			/* ms; the longest that others may wait behind it; 0: for ever */

	/* all tries */
	TimestampTz began;			/* to be tried again; 0: not yet */
	int			tries;
	int			backoffs;
	int			budget;			/* ms */
	List	   *statements;		/* of StatementWait * */
	List	   *wanted;			/* of WantedLock *: what was not to be had */
	WantedLock	last;			/* of them, */
	const char *wants;			/* for people */
	List	   *blockers;		/* of Blocker *, as last seen */
	BlockersPolicy policy;
	bool		told;
	bool		may_not_evict;

	/* the present try */
	int64		waited_in_try;	/* microseconds, while others may have waited behind us */
	TimestampTz queued_at;		/* 0: does not queue */
	bool		stopped;		/* ended rather than queue */

	/* between two */
	ErrorData  *error;
	TimestampTz failed_at;
	TimestampTz pause_until;
};

/* Would it be tried again, if its time is not up? */
extern bool mig_wait_tries_again(const LockWait *wait);

/* Switch to the memory that lasts as long as the wait. */
extern MemoryContext mig_wait_enter(LockWait *wait);

/* Of the statement at hand: NULL if it has not waited yet, or made if so. */
extern StatementWait *mig_wait_find_statement(const LockWait *wait);
extern StatementWait *mig_wait_statement(LockWait *wait);

extern Blocker *mig_wait_find_blocker(List *blockers, const Blocker *blocker);

/* Remember a lock that was not free; find out what the last one is on. */
extern void mig_wait_want(LockWait *wait, const WantedLock *lock);
extern void mig_wait_name_wanted(LockWait *wait);

/* Find out what may be told of blockers, and keep that. */
extern List *mig_wait_describe(LockWait *wait, List *blockers);

#endif							/* MIG_LOCKS_PRIVATE_H */
