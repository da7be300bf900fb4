/*
 * migrations.c
 *		Migrations, all at once or one: definitions, states and holds, put together and found by name.
 *
 * A plan reads all of them, a hundred thousand perhaps.  Three scans and an
 * index of our own take half the time of a join, whose hash table would spill
 * to disk and shuffle what lies in order.
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "common/names.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* ---- found by name ---- */

typedef struct NameEntry
{
	const Migration *migration;	/* of which project and name are the key */
	uint32		hash;
	char		status;
} NameEntry;

static uint32
hash_name(const Migration *migration)
{
	return hash_combine(string_hash(migration->project, SIZE_MAX), string_hash(migration->name, SIZE_MAX));
}

static bool
same_name(const Migration *a, const Migration *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->project, b->project) == 0;
}

#define SH_PREFIX names
#define SH_ELEMENT_TYPE NameEntry
#define SH_KEY_TYPE const Migration *
#define SH_KEY migration
#define SH_HASH_KEY(table, key) hash_name(key)
#define SH_EQUAL(table, a, b) same_name(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct MigrationSet
{
	Migration **migrations;
	int			n;
	int			size;
	names_hash *by_name;
};

Migration *
ledger_find_migration(const MigrationSet *set, const char *project, const char *name)
{
	Migration	key;
	NameEntry  *entry;

	key.project = unconstify(char *, project);
	key.name = unconstify(char *, name);
	entry = names_lookup(set->by_name, &key);
	return entry ? unconstify(Migration *, entry->migration) : NULL;
}

/* ---- decoding ---- */

/* '{}', as nearly all of them are, told without unpacking it. */
static bool
is_empty_array(Datum value)
{
	struct varlena *packed = (struct varlena *) DatumGetPointer(value);

	return (!VARATT_IS_EXTENDED(packed) || VARATT_IS_SHORT(packed)) &&
		VARSIZE_ANY_EXHDR(packed) == sizeof(ArrayType) - VARHDRSZ;
}

/*
 * A text that is often the same from row to row: the one before serves again.
 */
static char *
row_repeated(LedgerRow *row, char **last)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);
	text	   *packed;
	int			length;

	if (isnull)
		return NULL;
	packed = DatumGetTextPP(value);
	length = VARSIZE_ANY_EXHDR(packed);
	if (*last == NULL || strncmp(*last, VARDATA_ANY(packed), length) != 0 || (*last)[length] != '\0')
		*last = pnstrdup(VARDATA_ANY(packed), length);
	return *last;
}

static char *
row_repeated_name(LedgerRow *row, char **last)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);

	if (isnull)
		return NULL;
	if (*last == NULL || strcmp(*last, NameStr(*DatumGetName(value))) != 0)
		*last = pstrdup(NameStr(*DatumGetName(value)));
	return *last;
}

/* Elements of a text[] without NULLs, in one piece of memory. */
static NameArray
unpack_names(ArrayType *array)
{
	NameArray	result;
	char	   *element = ARR_DATA_PTR(array);
	char	   *end = (char *) array + VARSIZE(array);
	char	   *copy;

	result.n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (array_contains_nulls(array) || result.n == 0)
		elog(ERROR, "unexpected array of names");
	/* Headers are at least as long as the NUL that ends a copy. */
	result.names = palloc(result.n * sizeof(char *) + (end - element));
	copy = (char *) (result.names + result.n);
	for (int i = 0; i < result.n; i++)
	{
		int			length = VARSIZE_ANY_EXHDR(element);

		result.names[i] = memcpy(copy, VARDATA_ANY(element), length);
		copy[length] = '\0';
		copy += length + 1;
		element = att_addlength_pointer(element, -1, element);
		element = (char *) att_align_nominal(element, TYPALIGN_INT);
	}
	return result;
}

NameArray
ledger_names_of(ArrayType *array)
{
	NameArray	none = {0, NULL};

	return is_empty_array(PointerGetDatum(array)) ? none : unpack_names(array);
}

ArrayType *
ledger_array_of(const NameArray *names)
{
	Datum	   *elements = palloc(Max(names->n, 1) * sizeof(Datum));

	for (int i = 0; i < names->n; i++)
		elements[i] = CStringGetTextDatum(names->names[i]);
	return construct_array(elements, names->n, TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * A text[] as names; *isnull tells a NULL from an empty one.  Nearly all are
 * short, and a short one needs no memory to be read.
 */
static NameArray
row_names(LedgerRow *row, bool *isnull)
{
	NameArray	none = {0, NULL};
	Datum		value = row_next(row, isnull);
	struct varlena *packed = (struct varlena *) DatumGetPointer(value);
	union
	{
		ArrayType	array;
		char		bytes[VARATT_SHORT_MAX + VARHDRSZ];
	}			aligned;

	if (*isnull || is_empty_array(value))
		return none;
	if (!VARATT_IS_SHORT(packed))
		return unpack_names(DatumGetArrayTypeP(value));
	SET_VARSIZE(&aligned, VARSIZE_SHORT(packed) - VARHDRSZ_SHORT + VARHDRSZ);
	memcpy(aligned.bytes + VARHDRSZ, VARDATA_SHORT(packed), VARSIZE_SHORT(packed) - VARHDRSZ_SHORT);
	return unpack_names(&aligned.array);
}

/* A checksum that mostly is the same as another one of the row. */
static bytea *
row_bytea_or(LedgerRow *row, bytea *other)
{
	bool		isnull;
	Datum		value = row_next(row, &isnull);
	struct varlena *packed;

	if (isnull)
		return NULL;
	packed = PG_DETOAST_DATUM_PACKED(value);
	if (other && VARSIZE_ANY_EXHDR(packed) == VARSIZE(other) - VARHDRSZ &&
		memcmp(VARDATA_ANY(packed), VARDATA(other), VARSIZE(other) - VARHDRSZ) == 0)
		return other;
	return DatumGetByteaPCopy(value);
}

static MigrationKind
kind_of(const char *kind)
{
	switch (kind[0])
	{
		case 'r':
			return KIND_REPEATABLE;
		case 'b':
			return KIND_BASELINE;
		default:
			return KIND_VERSIONED;
	}
}

const char *
ledger_kind_name(MigrationKind kind)
{
	static const char *const names[] = {"versioned", "repeatable", "baseline"};

	return names[kind];
}

/* Values of the row before, which the next one mostly has as well. */
typedef struct Repeated
{
	char	   *project;
	char	   *kind;
	char	   *registered_by;
	char	   *state;
	char	   *changed_by;
} Repeated;

static void
decode_definition(LedgerRow *row, Migration *migration, Repeated *repeated)
{
	bool		isnull;

	migration->project = row_repeated(row, &repeated->project);
	migration->name = row_text(row);
	migration->version = row_text(row);
	migration->kind = kind_of(row_repeated(row, &repeated->kind));
	migration->requires = row_names(row, &migration->linear);
	migration->conflicts = row_names(row, &isnull);
	migration->replaces = row_names(row, &isnull);
	migration->up = row_bytea(row);
	migration->down = row_bytea(row);
	migration->verify = row_bytea(row);
	migration->down_problem = row_text(row);
	migration->verify_problem = row_text(row);
	migration->ordinal = row_int8(row);
	migration->registered_at = row_time(row);
	migration->registered_by = row_repeated_name(row, &repeated->registered_by);
}

static Interval *
copy_interval(const Interval *interval)
{
	Interval   *copy = palloc(sizeof(Interval));

	*copy = *interval;
	return copy;
}

static void
decode_state(LedgerRow *row, Migration *migration, Repeated *repeated)
{
	bool		isnull;
	Datum		duration;

	migration->state = row_repeated(row, &repeated->state);
	migration->history_id = row_int8(row);
	migration->applied = row_bytea_or(row, migration->up);
	migration->followed = row_names(row, &isnull);
	migration->has_followed = !isnull;
	migration->detail = row_text(row);
	migration->changed_at = row_time(row);
	migration->changed_by = row_repeated_name(row, &repeated->changed_by);
	migration->applied_at = row_time(row);
	duration = row_next(row, &isnull);
	if (!isnull)
		migration->duration = copy_interval(DatumGetIntervalP(duration));
}

static void
decode_hold(LedgerRow *row, Migration *migration)
{
	migration->hold_reason = row_text(row);
	migration->held_by = row_name(row);
	migration->held_at = row_time(row);
}

/* ---- reading ---- */

/* What the functions for rows share. */
typedef struct Reading
{
	MigrationSet *set;
	Repeated	repeated;
} Reading;

static void
add_definition(LedgerRow *row, void *arg)
{
	Reading    *reading = arg;
	MigrationSet *set = reading->set;
	Migration  *migration = palloc0(sizeof(Migration));

	if (set->n == set->size)
	{
		set->size *= 2;
		set->migrations = repalloc_huge(set->migrations, set->size * sizeof(Migration *));
	}
	set->migrations[set->n++] = migration;
	decode_definition(row, migration, &reading->repeated);
}

/* The migration whose name a row begins with; NULL if it is not registered. */
static Migration *
row_migration(LedgerRow *row, Reading *reading)
{
	char	   *project = row_repeated(row, &reading->repeated.project);
	bool		isnull;
	text	   *name = DatumGetTextPP(row_next(row, &isnull));
	char		copy[MIG_MAX_NAME_BYTES + 1];

	text_to_cstring_buffer(name, copy, sizeof(copy));
	return ledger_find_migration(reading->set, project, copy);
}

static void
add_state(LedgerRow *row, void *arg)
{
	Reading    *reading = arg;
	Migration  *migration = row_migration(row, reading);

	if (migration)
		decode_state(row, migration, &reading->repeated);
}

static void
add_hold(LedgerRow *row, void *arg)
{
	Migration  *migration = row_migration(row, arg);

	if (migration)
		decode_hold(row, migration);
}

/* Until it is at its end one that is half done is what it was, and stands for those for whom it stood. */
static void
add_kept(LedgerRow *row, void *arg)
{
	Reading    *reading = arg;
	Migration  *migration = row_migration(row, reading);
	bool		isnull;

	if (migration == NULL)
		return;
	migration->kind = kind_of(row_repeated(row, &reading->repeated.kind));
	migration->replaces = row_names(row, &isnull);
}

static void
index_by_name(MigrationSet *set)
{
	bool		found;

	set->by_name = names_create(CurrentMemoryContext, Max(set->n, 16), NULL);
	for (int i = 0; i < set->n; i++)
		(void) names_insert(set->by_name, set->migrations[i], &found);
}

/* Definitions, states and holds, of all migrations or of one. */
typedef struct Queries
{
	LedgerQuery registered;
	LedgerQuery state;
	LedgerQuery holds;
	LedgerQuery kept;
} Queries;

#define REGISTERED "SELECT project, name, version, kind, requires, conflicts, replaces," \
	" up, down, verify, down_problem, verify_problem, ordinal, registered_at, registered_by" \
	" FROM migrate.registered"
#define STATE "SELECT project, name, state, history_id, checksum, requires, detail, changed_at, changed_by, applied_at, duration" \
	" FROM migrate.state"
#define HOLDS "SELECT project, name, reason, held_by, held_at FROM migrate.holds"
#define KEPT "SELECT project, name, kind, replaces FROM migrate.unfinished" \
	" WHERE kind IS NOT NULL AND (done OPERATOR(pg_catalog.>) 0 OR under_way IS NOT NULL)"
#define ONE "project OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
#define OF_ONE " WHERE " ONE

static MigrationSet *
read_set(Queries *queries, LedgerArgs *args)
{
	MigrationSet *set = palloc0(sizeof(MigrationSet));
	Reading		reading = {set};
	LedgerScope scope;
	MemoryContext outer;

	/* Without the rounding of an AllocSet: new memory is what a plan waits for most. */
	outer = MemoryContextSwitchTo(GenerationContextCreate(CurrentMemoryContext, "migrations",
														  ALLOCSET_DEFAULT_SIZES));
	set->size = 64;
	set->migrations = palloc(set->size * sizeof(Migration *));
	ledger_enter(&scope);
	/* One snapshot for all of them, as new as one for each would be. */
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	ledger_run_each(&queries->registered, args, add_definition, &reading);
	index_by_name(set);
	ledger_run_each(&queries->state, args, add_state, &reading);
	ledger_run_each(&queries->holds, args, add_hold, &reading);
	if (!ledger_is_empty("unfinished"))
		ledger_run_each(&queries->kept, args, add_kept, &reading);
	PopActiveSnapshot();
	ledger_leave(&scope);
	MemoryContextSwitchTo(outer);
	return set;
}

/* All there are, in no order. */
MigrationSet *
ledger_read_migrations(Migration ***migrations, int *n)
{
	static Queries queries = {{REGISTERED}, {STATE}, {HOLDS}, {KEPT}};
	MigrationSet *set = read_set(&queries, NULL);

	*migrations = set->migrations;
	*n = set->n;
	return set;
}

Migration *
ledger_read_migration(const FullName *full)
{
	static Queries queries = {{REGISTERED OF_ONE}, {STATE OF_ONE}, {HOLDS OF_ONE}, {KEPT " AND " ONE}};
	LedgerArgs	args = {0};

	arg_text(&args, full->project);
	arg_text(&args, full->name);
	return ledger_find_migration(read_set(&queries, &args), full->project, full->name);
}
