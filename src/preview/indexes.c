/*
 * indexes.c
 *		Indexes, constraints, extended statistics.
 */
#include "postgres.h"

#include "preview/propose_private.h"

/* ---- indexes ---- */

/* The table in "CREATE UNIQUE INDEX name ON ONLY schema.table USING ...". */
static char *
table_of(const ObjectState *index)
{
	const char *name = strstr(needed(index, "definition"), " INDEX ");
	const char *end;

	if (name == NULL)
		cannot(index, "Its definition is not that of an index.");
	name += strlen(" INDEX ");
	name += identifier_length(name) + strlen(" ON ");
	if (strncmp(name, "ONLY ", 5) == 0)
		name += 5;
	end = name + identifier_length(name);
	if (*end == '.')
		end += 1 + identifier_length(end + 1);
	return pnstrdup(name, end - name);
}

/* Of a partitioned table it is made with those of the partitions. */
static char *
with_partitions(const char *definition)
{
	const char *name = strstr(definition, " INDEX ");
	int			length;

	name += strlen(" INDEX ");
	length = name - definition + identifier_length(name);
	if (strncmp(definition + length, " ON ONLY ", 9) != 0)
		return pstrdup(definition);
	return psprintf("%.*s ON %s", length, definition, definition + length + 9);
}

/* The constraint, not there yet, that an index comes with, or NULL. */
static const ObjectState *
constraint_of(const Proposal *p, const ObjectState *index)
{
	char	   *schema;
	char	   *name;
	char	   *rest;
	const ObjectState *constraint;

	split_qualified(index->identity, &schema, &name, &rest);
	constraint = find_other(p, "table constraint", psprintf("%s on %s", name, table_of(index)));
	if (constraint && !constraint->exists && strncmp(needed(constraint, "definition"), "CHECK", 5) != 0 &&
		strncmp(needed(constraint, "definition"), "FOREIGN", 7) != 0)
		return constraint;
	return NULL;
}

static void
set_statistics(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const StoredPart *before = find_part(from, "statistics", "");
	const StoredPart *after = find_part(to, "statistics", "");
	ListCell   *cell;

	foreach(cell, properties_of(before))
	{
		const Property *property = lfirst(cell);

		if (value_of(after, property->key) == NULL)
			put(p, "ALTER INDEX %s ALTER COLUMN %s SET STATISTICS -1", to->identity, strrchr(property->key, ' ') + 1);
	}
	foreach(cell, properties_of(after))
	{
		const Property *property = lfirst(cell);

		if (!same_value(before, after, property->key))
			put(p, "ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s", to->identity, strrchr(property->key, ' ') + 1, property->value);
	}
}

static void
set_marks(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	char	   *schema;
	char	   *name;
	char	   *rest;
	char	   *table = table_of(to);
	bool		clustered = find_part(to, "clustered", "") != NULL;
	bool		identifies = find_part(to, "replica identity", "") != NULL;

	split_qualified(to->identity, &schema, &name, &rest);
	if (clustered != (find_part(from, "clustered", "") != NULL))
		put(p, clustered ? "ALTER TABLE %s CLUSTER ON %s" : "ALTER TABLE %s SET WITHOUT CLUSTER", table, name);
	if (identifies == (find_part(from, "replica identity", "") != NULL))
		return;
	if (identifies)
		put(p, "ALTER TABLE %s REPLICA IDENTITY USING INDEX %s", table, name);
	else
	{
		const ObjectState *whole = find_other(p, "table", table);
		const char *how = value_of(find_part(whole, "replica identity", ""), "replica identity");

		put(p, "ALTER TABLE %s REPLICA IDENTITY %s", table, how == NULL ? "DEFAULT" : strcmp(how, "full") == 0 ? "FULL" : "NOTHING");
	}
}

static void
create_index(Proposal *p, const ObjectState *to)
{
	const char *parent = defined(to, "partition of");
	const char *tablespace = defined(to, "tablespace");

	if (constraint_of(p, to))
		cannot(to, "It comes with the table constraint %s.", constraint_of(p, to)->identity);
	if (defined(to, "valid"))
		cannot(to, "It is not valid, as only a failed command leaves one.");
	put(p, "%s", with_partitions(needed(to, "definition")));
	if (tablespace)
		put(p, "ALTER INDEX %s SET TABLESPACE %s", to->identity, tablespace);
	if (parent)
		put(p, "ALTER INDEX %s ATTACH PARTITION %s", parent, to->identity);
	set_statistics(p, NULL, to);
	set_marks(p, NULL, to);
}

/* What is in WITH (...) of a definition, as options have it; "" for none. */
static char *
index_options(const char *definition, char **otherwise)
{
	const char *with = strstr(definition, " WITH (");
	const char *end = with ? strchr(with, ')') : NULL;

	if (end == NULL)
	{
		*otherwise = pstrdup(definition);
		return "";
	}
	*otherwise = psprintf("%.*s%s", (int) (with - definition), definition, end + 1);
	return pnstrdup(with + strlen(" WITH ("), end - with - strlen(" WITH ("));
}

static void
change_index(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	char	   *before;
	char	   *after;
	char	   *options = index_options(needed(from, "definition"), &before);
	char	   *wanted = index_options(needed(to, "definition"), &after);

	if (defined(to, "valid"))
		cannot(to, "It was not valid.");
	/* It has its name, and that of its table; whether more is different is seen when it is renamed. */
	if (strcmp(before, after) != 0 && strcmp(from->former, to->identity) == 0)
		cannot(to, "The definition of an index cannot be changed.");
	if (strcmp(options, wanted) != 0)
		change_options(p, psprintf("ALTER INDEX %s", to->identity), "", options, wanted);
	if (defined(from, "valid"))
		put(p, "REINDEX INDEX %s", to->identity);
	if (!same_defined(from, to, "tablespace"))
		put(p, "ALTER INDEX %s SET TABLESPACE %s", to->identity, defined(to, "tablespace") ? defined(to, "tablespace") : tablespace_of_database());
	if (!same_defined(from, to, "partition of"))
	{
		if (defined(to, "partition of") == NULL || defined(from, "partition of"))
			cannot(to, "An index cannot be detached from that of the partitioned table.");
		put(p, "ALTER INDEX %s ATTACH PARTITION %s", defined(to, "partition of"), to->identity);
	}
	set_statistics(p, from, to);
	set_marks(p, from, to);
}

/* ---- constraints ---- */

static char *
alter_whole(const ObjectState *constraint, char **name)
{
	char	   *whole;

	split_on(constraint->identity, name, &whole);
	return psprintf("ALTER %s %s", strcmp(constraint->object_type, "domain constraint") == 0 ? "DOMAIN" : "TABLE", whole);
}

static void
create_constraint(Proposal *p, const ObjectState *to)
{
	const char *inherited = defined(to, "inherited");
	char	   *name;
	char	   *alter = alter_whole(to, &name);

	if (inherited && strcmp(inherited, "yes") == 0)
		cannot(to, "It comes with that of the parent table.");
	if (find_part(to, "enforcement", ""))
		cannot(to, "Triggers of the server that enforce it were disabled, each by itself.");
	put(p, "%s ADD CONSTRAINT %s %s", alter, name, defined(to, "definition"));
}

static void
drop_constraint(Proposal *p, const ObjectState *from)
{
	char	   *name;
	char	   *alter = alter_whole(from, &name);

	put(p, "%s DROP CONSTRAINT %s", alter, name);
}

/* What is left of a definition that was said to be not yet valid. */
static char *
as_valid(const char *definition)
{
	int			length = strlen(definition) - strlen(" NOT VALID");

	if (length > 0 && strcmp(definition + length, " NOT VALID") == 0)
		return pnstrdup(definition, length);
	return pstrdup(definition);
}

static void
change_constraint(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const char *before = needed(from, "definition");
	const char *after = needed(to, "definition");
	const StoredPart *enforcement = find_part(to, "enforcement", "");
	const StoredPart *was = find_part(from, "enforcement", "");
	char	   *name;
	char	   *alter = alter_whole(to, &name);

	if (enforcement || was)
		if (enforcement == NULL || was == NULL || strcmp(enforcement->text, was->text) != 0)
			cannot(to, "Triggers of the server that enforce it are enabled or disabled, each by itself.");
	if (strcmp(before, after) == 0)
		return;
	if (strcmp(as_valid(before), after) != 0)
		cannot(to, "The definition of a constraint cannot be changed.");
	put(p, "%s VALIDATE CONSTRAINT %s", alter, name);
}

/* ---- statistics ---- */

static void
set_target(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const char *target = value_of(find_part(to, "statistics", ""), "statistics");

	if (!same_value(find_part(from, "statistics", ""), find_part(to, "statistics", ""), "statistics"))
		put(p, "ALTER STATISTICS %s SET STATISTICS %s", to->identity, target ? target : "-1");
}

static void
create_statistics(Proposal *p, const ObjectState *to)
{
	put(p, "%s", defined(to, "definition"));
	set_target(p, NULL, to);
}

static void
change_statistics(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	if (!same_defined(from, to, "definition") && strcmp(from->former, to->identity) == 0)
		cannot(to, "The definition of statistics cannot be changed.");
	set_target(p, from, to);
}

static const ProposalClass
			index_class = {"index", "INDEX", NULL, NULL, NULL, create_index, change_index, NULL},
			table_constraint = {"table constraint", "CONSTRAINT", NULL, NULL, name_on, create_constraint, change_constraint, drop_constraint},
			domain_constraint = {"domain constraint", "CONSTRAINT", NULL, NULL, name_on, create_constraint, change_constraint, drop_constraint},
			statistics = {"statistics object", "STATISTICS", NULL, NULL, NULL, create_statistics, change_statistics, NULL};

/* Tables tell by the marks of an index what it is for them. */
void
create_marked_index(Proposal *p, const ObjectState *to)
{
	const ObjectState *constraint = constraint_of(p, to);

	if (to->exists)
		return;
	if (constraint == NULL)
		create_index(p, to);
	else
	{
		create_constraint(p, constraint);
		change_remarks(p, &table_constraint, name_on(constraint->identity), NULL, constraint);
		set_marks(p, NULL, to);
	}
	change_remarks(p, &index_class, to->identity, NULL, to);
}

const ProposalClass *const index_classes[] = {&index_class, &table_constraint, &domain_constraint, &statistics, NULL};
