/*
 * capture_private.h
 *		What the files of this room share: statements under way and their objects.
 */
#ifndef MIG_CAPTURE_PRIVATE_H
#define MIG_CAPTURE_PRIVATE_H

#include "capture/capture.h"
#include "common/compat.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "tcop/cmdtag.h"

/* How a statement's effects become known (statement.c, spares.c). */
typedef enum StatementKind
{
	STATEMENT_IGNORED,			/* no schema change */
	STATEMENT_EVENT,			/* event triggers tell what it did */
	STATEMENT_HOOK				/* only the hook sees it */
} StatementKind;

extern StatementKind mig_statement_kind(const Node *stmt);
extern CommandTag mig_statement_tag(const Node *stmt);

/* Is it about temporary objects alone, or will it do nothing?  As far as can be told before. */
extern bool mig_statement_spares_schema(const Node *stmt);

/* The value that ALTER TYPE ... ADD VALUE names, or invalid. */
extern Oid	mig_enum_value(const AlterEnumStmt *stmt);

/* The CREATE TABLE AS inside an EXPLAIN ANALYZE, or NULL. */
extern const CreateTableAsStmt *mig_explained_create(const ExplainStmt *stmt);

/* Objects of a statement that only the hook sees. */
extern List *mig_statement_objects(const Node *stmt);

/* Statements about privileges, of which event triggers know but a type (grant.c). */
extern bool mig_changes_privileges(const Node *stmt);
extern List *mig_privilege_objects(const Node *stmt);
extern List *mig_grant_objects(const GrantStmt *stmt);

extern const char *mig_role_text(const RoleSpec *role);

/* An object that a statement touched. */
typedef struct TouchedObject
{
	const char *action;			/* create, alter, drop, grant, ... */
	const char *object_type;
	const char *schema_name;	/* or NULL */
	const char *identity;		/* or NULL: not known */
} TouchedObject;

extern List *mig_touched_add(List *objects, const char *action, const char *object_type,
							 const char *schema_name, const char *identity);

/* A relation, of which nothing is locked: it may be gone by now. */
extern List *mig_touched_add_table(List *objects, const char *action, const char *object_type, Oid oid);

/* A relation, as the event triggers call it (concurrent.c); none if it is not there. */
extern List *mig_touched_add_relation(List *objects, const char *action, Oid oid);

/* Commands that commit on their way have their row with their first transaction (concurrent.c). */
extern void mig_concurrent_init(void);

/* Those that have a name; if none has, what the statement itself says. */
extern List *mig_touched_known(List *objects, const Node *stmt);

/* A copy in lower case (secrets.c). */
extern char *mig_lowered(const char *text, int length);

/* Is there anything in it that could be a secret?  Most statements have none. */
extern bool mig_may_have_secrets(const char *text);

/* A statement under way, on the C stack of the hook (hook.c). */
typedef struct Frame
{
	struct Frame *outer;
	const Node *stmt;
	CommandTag	tag;
	StatementKind kind;
	MemoryContext context;		/* where its objects live */
	bool		events;			/* event triggers have fired for it */
	bool		undecided;		/* it seems to change nothing that counts: what it does decides */
	Oid			enum_value;		/* that is there already, by ADD VALUE IF NOT EXISTS */
	const char *text;			/* without secrets */
	bool		recorded;		/* it has its row already */
	List	   *objects;
} Frame;

/* The innermost frame, if it is one of this statement; else NULL. */
extern Frame *mig_frame_of(CommandTag tag);
extern Frame *mig_innermost_frame(void);	/* NULL: there is none */

/* The part of a source that is this statement (hook.c). */
extern char *mig_statement_text(const PlannedStmt *pstmt, const char *source);

/* Write the row of a statement, whose text has no secrets any more (record.c). */
extern void mig_record_init(void);
extern bool mig_record_is_lenient(void);
extern void mig_record(CommandTag tag, const char *statement, bool exact, List *objects);

/* Changes of the catalogs themselves (by_hand.c). */
extern void mig_by_hand_init(void);

/* Refuse or announce a direct change, as the setting out_of_band says; the text has no secrets any more (gate.c). */
extern void mig_gate_before(CommandTag tag, const char *text, bool undecided);
extern bool mig_gate_rejects(void);
extern void mig_gate_after(CommandTag tag);
pg_noreturn extern void mig_gate_reject(CommandTag tag, const char *text);
extern void mig_gate_init(void);

/* Whose change it is (origin.c). */
typedef struct Origin
{
	const char *origin;			/* as ddl_log.origin */
	int64		history_id;		/* 0: none */
	const char *reason;			/* or NULL */
	bool		glass;				/* the session's user gave it when he broke the glass */
} Origin;

extern Origin mig_origin(void);
extern void mig_origin_init(void);

/* The event triggers that watch() makes (hook.c). */
typedef struct EventTriggerName
{
	const char *name;
	const char *event;
	const char *function;
} EventTriggerName;

#define MIG_EVENT_TRIGGERS 3
extern const EventTriggerName mig_event_triggers[MIG_EVENT_TRIGGERS];
extern bool mig_fires_always(const char *name);
extern bool mig_event_triggers_fire(void);
extern bool mig_is_our_event_trigger(const char *name);

/* Note in coverage what has changed since the last note (watch.c). */
extern void mig_coverage_changed(const char *reason);

#endif							/* MIG_CAPTURE_PRIVATE_H */
