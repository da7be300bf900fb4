/*
 * tables.c
 *		Tables, foreign tables, views, materialized views.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "preview/propose_private.h"

static char *
option_value(const ObjectState *state, const char *kind)
{
	return value_of(find_part(state, kind, ""), kind);
}

/* ---- making a table ---- */

/* WITH (...), with those of the TOAST table. */
static char *
with_clause(const ObjectState *to)
{
	char	   *options = with_options(option_value(to, "options"), "");
	char	   *toast = with_options(option_value(to, "toast options"), "toast.");

	if (options == NULL && toast == NULL)
		return "";
	return psprintf(" WITH (%s%s%s)", options ? options : "", options && toast ? ", " : "", toast ? toast : "");
}

static char *
storage_clause(const ObjectState *to)
{
	const char *method = defined(to, "access method");

	return psprintf("%s%s%s", method ? " USING " : "", method ? method : "", with_clause(to));
}

static char *
tablespace_clause(const ObjectState *to)
{
	const char *tablespace = defined(to, "tablespace");

	return tablespace ? psprintf(" TABLESPACE %s", tablespace) : "";
}

static char *
parents_of(const ObjectState *to)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, values_of(find_part(to, "definition", ""), "inherits"))
		appendStringInfo(&text, "%s%s", text.len ? ", " : "", (char *) lfirst(cell));
	return text.len ? psprintf(" INHERITS (%s)", text.data) : "";
}

/* The index by which rows are told apart says so of itself. */
static const ObjectState *
identity_index(const Proposal *p, const ObjectState *table)
{
	ListCell   *cell;

	foreach(cell, p->others)
	{
		const ObjectState *other = lfirst(cell);
		char	   *on;

		if (strcmp(other->object_type, "index") != 0 || find_part(other, "replica identity", "") == NULL)
			continue;
		on = defined(other, "definition");
		if (on && (strstr(on, psprintf(" ON %s ", table->identity)) || strstr(on, psprintf(" ON ONLY %s ", table->identity))))
			return other;
	}
	return NULL;
}

static void
change_replica_identity(Proposal *p, const char *alter, const ObjectState *from, const ObjectState *to)
{
	const char *before = option_value(from, "replica identity");
	const char *after = option_value(to, "replica identity");
	const ObjectState *index;

	if (before == NULL ? after == NULL : after && strcmp(before, after) == 0)
		return;
	if (after == NULL)
		put(p, "%s REPLICA IDENTITY DEFAULT", alter);
	else if (strcmp(after, "index") != 0)
		put(p, "%s REPLICA IDENTITY %s", alter, strcmp(after, "full") == 0 ? "FULL" : "NOTHING");
	else if ((index = identity_index(p, to)) == NULL)
		cannot(to, "By which index its rows are to be told apart is not known.");
	else if (!index->exists)
		create_marked_index(p, index);
	else
	{
		char	   *schema;
		char	   *name;
		char	   *rest;

		split_qualified(index->identity, &schema, &name, &rest);
		put(p, "%s REPLICA IDENTITY USING INDEX %s", alter, name);
	}
}

static void
change_row_security(Proposal *p, const char *alter, const ObjectState *from, const ObjectState *to)
{
	const StoredPart *before = find_part(from, "row security", "");
	const StoredPart *after = find_part(to, "row security", "");

	if (!same_value(before, after, "row security"))
		put(p, "%s %s ROW LEVEL SECURITY", alter, value_of(after, "row security") ? "ENABLE" : "DISABLE");
	if (!same_value(before, after, "row security forced"))
		put(p, "%s %s ROW LEVEL SECURITY", alter, value_of(after, "row security forced") ? "FORCE" : "NO FORCE");
}

static char *
alter_of(const char *keyword, const ObjectState *state)
{
	return psprintf("ALTER %s %s", keyword, state->identity);
}

static void
create_table(Proposal *p, const ObjectState *to)
{
	const char *by = defined(to, "partition by");
	const char *of = defined(to, "of type");
	const char *parent = defined(to, "partition of");
	char	   *alter = alter_of("TABLE", to);
	char	   *columns = column_list(to, p);

	create_owned_sequences(p, to);
	put(p, "CREATE %sTABLE %s (%s)%s%s%s%s%s", defined(to, "unlogged") ? "UNLOGGED " : "", to->identity, columns,
		parents_of(to), by ? " PARTITION BY " : "", by ? by : "", storage_clause(to), tablespace_clause(to));
	own_sequences(p, to);
	set_columns(p, alter, to);
	if (of)
		put(p, "%s OF %s", alter, of);
	if (parent)
		put(p, "ALTER TABLE %s ATTACH PARTITION %s %s", parent, to->identity, defined(to, "bound"));
	change_replica_identity(p, alter, NULL, to);
	change_row_security(p, alter, NULL, to);
}

static char *
foreign_table_options(const ObjectState *state)
{
	return option_value(state, "foreign options");
}

static void
create_foreign_table(Proposal *p, const ObjectState *to)
{
	const char *parent = defined(to, "partition of");
	char	   *alter = alter_of("FOREIGN TABLE", to);

	put(p, "CREATE FOREIGN TABLE %s (%s)%s SERVER %s%s", to->identity, column_list(to, p), parents_of(to),
		defined(to, "server"), foreign_options(to, foreign_table_options(to)));
	set_columns(p, alter, to);
	if (parent)
		put(p, "ALTER TABLE %s ATTACH PARTITION %s %s", parent, to->identity, defined(to, "bound"));
	change_row_security(p, alter, NULL, to);
}

/* ---- changing one ---- */

static bool
has_text(const List *texts, const char *text)
{
	ListCell   *cell;

	foreach(cell, texts)
		if (strcmp(lfirst(cell), text) == 0)
			return true;
	return false;
}

static void
change_parents(Proposal *p, const char *alter, const ObjectState *from, const ObjectState *to)
{
	List	   *before = values_of(find_part(from, "definition", ""), "inherits");
	List	   *after = values_of(find_part(to, "definition", ""), "inherits");
	ListCell   *cell;

	foreach(cell, before)
		if (!has_text(after, lfirst(cell)))
			put(p, "%s NO INHERIT %s", alter, (char *) lfirst(cell));
	foreach(cell, after)
		if (!has_text(before, lfirst(cell)))
			put(p, "%s INHERIT %s", alter, (char *) lfirst(cell));
}

static void
change_partition(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const char *before = defined(from, "partition of");
	const char *after = defined(to, "partition of");

	if (same_defined(from, to, "partition of") && same_defined(from, to, "bound"))
		return;
	if (before)
		put(p, "ALTER TABLE %s DETACH PARTITION %s%s", before, to->identity, defined(from, "detach pending") ? " FINALIZE" : "");
	if (after)
		put(p, "ALTER TABLE %s ATTACH PARTITION %s %s", after, to->identity, defined(to, "bound"));
}

static const char *
or_default(const char *value, const char *otherwise)
{
	return value ? value : otherwise;
}

static void
change_storage(Proposal *p, const char *alter, const ObjectState *from, const ObjectState *to)
{
	if (!same_defined(from, to, "unlogged"))
		put(p, "%s SET %s", alter, defined(to, "unlogged") ? "UNLOGGED" : "LOGGED");
	if (!same_defined(from, to, "access method"))
		put(p, "%s SET ACCESS METHOD %s", alter, or_default(defined(to, "access method"), "heap"));
	if (!same_defined(from, to, "tablespace"))
		put(p, "%s SET TABLESPACE %s", alter, or_default(defined(to, "tablespace"), tablespace_of_database()));
	change_options(p, alter, "", option_value(from, "options"), option_value(to, "options"));
	change_options(p, alter, "toast.", option_value(from, "toast options"), option_value(to, "toast options"));
}

static void
change_table(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	char	   *alter = alter_of("TABLE", to);

	if (defined(from, "of type") && !same_defined(from, to, "of type"))
		put(p, "%s NOT OF", alter);
	change_columns(p, alter, from, to);
	/* A column may have had another name. */
	if (!same_defined(from, to, "partition by") && p->statements == NIL)
		cannot(to, "How a table is partitioned cannot be changed.");
	if (defined(to, "of type") && !same_defined(from, to, "of type"))
		put(p, "%s OF %s", alter, defined(to, "of type"));
	change_parents(p, alter, from, to);
	change_partition(p, from, to);
	change_storage(p, alter, from, to);
	change_replica_identity(p, alter, from, to);
	change_row_security(p, alter, from, to);
}

static void
change_foreign_table(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	char	   *alter = alter_of("FOREIGN TABLE", to);

	if (!same_defined(from, to, "server"))
		cannot(to, "The server of a foreign table cannot be changed.");
	change_columns(p, alter, from, to);
	change_parents(p, alter, from, to);
	change_partition(p, from, to);
	change_foreign_options(p, to, alter, foreign_table_options(from), foreign_table_options(to));
	change_row_security(p, alter, from, to);
}

/* ---- views ---- */

/* Deparsed, it ends in a semicolon. */
static char *
query_of(const ObjectState *view)
{
	char	   *query = needed(view, "query");
	int			length = strlen(query);

	if (length > 0 && query[length - 1] == ';')
		query[length - 1] = '\0';
	return query;
}

static void
create_view_as(Proposal *p, const ObjectState *to, const char *create)
{
	put(p, "%s VIEW %s%s AS\n%s", create, to->identity, with_clause(to), query_of(to));
}

static void
change_view_columns(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	ListCell   *cell;

	foreach(cell, to->parts)
	{
		const StoredPart *part = lfirst(cell);
		const char *value;
		char	   *name;

		if (strcmp(part->kind, "column") != 0 || same_value(find_part(from, "column", part->name), part, "default"))
			continue;
		name = value_of(part, "column");
		name[identifier_length(name)] = '\0';
		value = value_of(part, "default");
		put(p, "ALTER VIEW %s ALTER COLUMN %s %s%s", to->identity, name, value ? "SET DEFAULT " : "DROP DEFAULT", value ? value : "");
	}
}

static void
create_view(Proposal *p, const ObjectState *to)
{
	create_view_as(p, to, "CREATE");
	change_view_columns(p, NULL, to);
}

/* Replaced, it keeps what depends on it. */
static void
change_view(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	if (!same_defined(from, to, "query"))
	{
		rename_columns(p, alter_of("VIEW", to), from, to);
		if (!columns_begin_alike(from, to))
			cannot(to, "It has other columns.");
		create_view_as(p, to, "CREATE OR REPLACE");
	}
	else
		change_options(p, alter_of("VIEW", to), "", option_value(from, "options"), option_value(to, "options"));
	change_view_columns(p, from, to);
}

static void
create_materialized_view(Proposal *p, const ObjectState *to)
{
	char	   *alter = alter_of("MATERIALIZED VIEW", to);

	put(p, "CREATE MATERIALIZED VIEW %s%s%s AS\n%s", to->identity, storage_clause(to), tablespace_clause(to), query_of(to));
	set_columns(p, alter, to);
	if (find_part(to, "replica identity", ""))
		change_replica_identity(p, psprintf("ALTER TABLE %s", to->identity), NULL, to);
}

/* Its query makes them anew, from what is in the tables by now. */
static void
drop_materialized_view(Proposal *p, const ObjectState *from)
{
	put(p, "DROP MATERIALIZED VIEW %s", from->identity);
	lose(p, "The rows of %s %s as they were when it was refreshed last.", from->object_type, from->identity);
}

static void
change_materialized_view(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	char	   *alter = alter_of("MATERIALIZED VIEW", to);

	if (same_defined(from, to, "query"))
		change_columns(p, alter, from, to);
	else
	{
		/* It mentions its columns by their names. */
		rename_columns(p, alter, from, to);
		if (p->statements == NIL)
			cannot(to, "The query of a materialized view cannot be changed.");
	}
	change_storage(p, alter, from, to);
}

/* ---- the classes ---- */

static const ProposalClass
			table = {"table", "TABLE", "TABLE", "The rows", NULL, create_table, change_table, NULL},
			foreign_table = {"foreign table", "FOREIGN TABLE", "TABLE", NULL, NULL, create_foreign_table, change_foreign_table, NULL, foreign_table_options},
			view = {"view", "VIEW", "TABLE", NULL, NULL, create_view, change_view, NULL},
			materialized_view = {"materialized view", "MATERIALIZED VIEW", "TABLE", NULL, NULL, create_materialized_view, change_materialized_view, drop_materialized_view};

const ProposalClass *const table_classes[] = {&table, &foreign_table, &view, &materialized_view, &sequence_class, NULL};
