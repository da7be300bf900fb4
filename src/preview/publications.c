/*
 * publications.c
 *		Logical replication: publications, what is in them, subscriptions.
 */
#include "postgres.h"

#include "preview/propose_private.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

static char *
publish_options(const ObjectState *to)
{
	const char *publish = needed(to, "publish");
	const char *generated = defined(to, "generated columns");

	return psprintf("publish = %s, publish_via_partition_root = %s%s",
					quote_literal_cstr(strcmp(publish, "nothing") == 0 ? "" : publish),
					defined(to, "via partition root") ? "true" : "false",
					generated ? psprintf(", publish_generated_columns = %s", generated) : "");
}

static void
create_publication(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE PUBLICATION %s%s WITH (%s)", to->identity, defined(to, "all tables") ? " FOR ALL TABLES" : "", publish_options(to));
}

static void
change_publication(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	if (!same_defined(from, to, "all tables"))
		cannot(to, "Whether a publication is one for all tables cannot be changed.");
	if (defined(from, "generated columns") && defined(to, "generated columns") == NULL)
		put(p, "ALTER PUBLICATION %s SET (publish_generated_columns = none)", to->identity);
	if (!same_defined(from, to, "publish") || !same_defined(from, to, "via partition root") || !same_defined(from, to, "generated columns"))
		put(p, "ALTER PUBLICATION %s SET (%s)", to->identity, publish_options(to));
}

/* "what in publication name", where the server quotes neither a schema nor the publication. */
static const char *
publication_of(const ObjectState *state, const char *what)
{
	return quote_identifier(state->identity + strlen(what) + strlen(" in publication "));
}

static const char *
table_publication(const ObjectState *state)
{
	return publication_of(state, needed(state, "table"));
}

static const char *
schema_publication(const ObjectState *state)
{
	return publication_of(state, strVal(linitial(textToQualifiedNameList(cstring_to_text(needed(state, "schema"))))));
}

static void
create_published_table(Proposal *p, const ObjectState *to)
{
	const char *columns = defined(to, "columns");
	const char *where = defined(to, "where");

	put(p, "ALTER PUBLICATION %s ADD TABLE ONLY %s%s%s", table_publication(to), needed(to, "table"),
		columns ? psprintf(" (%s)", columns) : "", where ? psprintf(" WHERE (%s)", where) : "");
}

static void
drop_published_table(Proposal *p, const ObjectState *from)
{
	put(p, "ALTER PUBLICATION %s DROP TABLE ONLY %s", table_publication(from), needed(from, "table"));
}

static void
create_published_schema(Proposal *p, const ObjectState *to)
{
	put(p, "ALTER PUBLICATION %s ADD TABLES IN SCHEMA %s", schema_publication(to), needed(to, "schema"));
}

static void
drop_published_schema(Proposal *p, const ObjectState *from)
{
	put(p, "ALTER PUBLICATION %s DROP TABLES IN SCHEMA %s", schema_publication(from), needed(from, "schema"));
}

/* Nothing of them but this can be changed in a transaction and without its secrets. */
static void
change_subscription(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const char *enabled = value_of(find_part(to, "enabled", ""), "enabled");

	if (!same_parts(find_part(from, "definition", ""), find_part(to, "definition", "")))
		cannot(to, "How a subscription works is changed by hand, with ALTER SUBSCRIPTION.");
	if (!same_value(find_part(from, "enabled", ""), find_part(to, "enabled", ""), "enabled"))
		put(p, "ALTER SUBSCRIPTION %s %s", to->identity, enabled && strcmp(enabled, "yes") == 0 ? "ENABLE" : "DISABLE");
}

static void
create_subscription(Proposal *p, const ObjectState *to)
{
	cannot(to, "Where it connects to is a secret, which is not kept.");
}

static void
drop_subscription(Proposal *p, const ObjectState *from)
{
	cannot(from, "A subscription is dropped by hand, with its slot on the other server.");
}

static const ProposalClass
			publication = {"publication", "PUBLICATION", NULL, NULL, NULL, create_publication, change_publication, NULL},
			published_table = {"publication relation", "", NULL, NULL, NULL, create_published_table, NULL, drop_published_table},
			published_schema = {"publication namespace", "", NULL, NULL, NULL, create_published_schema, NULL, drop_published_schema},
			subscription = {"subscription", "SUBSCRIPTION", NULL, NULL, NULL, create_subscription, change_subscription, drop_subscription};

const ProposalClass *const publication_classes[] = {&publication, &published_table, &published_schema, &subscription, NULL};
