/*
 * publications.c
 *		Logical replication: publications, what is in them, subscriptions.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_namespace.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_subscription.h"
#include "miscadmin.h"
#include "schema/schema_private.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static char *
operations(const CatalogRow *row)
{
	static const char *const names[][2] = {
		{"pubinsert", "insert"}, {"pubupdate", "update"}, {"pubdelete", "delete"}, {"pubtruncate", "truncate"}
	};
	List	   *list = NIL;

	for (int i = 0; i < lengthof(names); i++)
		if (field_bool(row, names[i][0]))
			list = lappend(list, (char *) names[i][1]);
	return list ? joined(list, ", ") : "nothing";
}

static void
describe_publication(Description *d)
{
	put_part(d, "definition", "");
	put_flag(d, "all tables", field_bool(&d->row, "puballtables"));
	put_line(d, "publish", operations(&d->row));
	put_flag(d, "via partition root", field_bool(&d->row, "pubviaroot"));
	if (field_char(&d->row, "pubgencols") == 's')
		put_line(d, "generated columns", "stored");
}

const SchemaClass class_publications = {
	PublicationRelationId, PublicationObjectIndexId, NULL, "pubowner", NULL, OBJECT_PUBLICATION,
	NULL, NULL, describe_publication
};

static char *
column_list(const CatalogRow *row, Oid relation)
{
	bool		isnull;
	Datum		value = field(row, "prattrs", &isnull);
	List	   *names = NIL;
	ArrayType  *numbers;

	if (isnull)
		return NULL;
	numbers = DatumGetArrayTypeP(value);
	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(numbers), ARR_DIMS(numbers)); i++)
		names = lappend(names, (char *) quote_identifier(get_attname(relation, ((int16 *) ARR_DATA_PTR(numbers))[i], false)));
	return joined(sorted(names), ", ");
}

static void
describe_publication_relation(Description *d)
{
	Oid			relation = field_oid(&d->row, "prrelid");

	put_part(d, "definition", "");
	put_line(d, "table", identity_of(RelationRelationId, relation));
	put_line(d, "columns", column_list(&d->row, relation));
	put_line(d, "where", field_expression(&d->row, "prqual", relation));
}

const SchemaClass class_publication_relations = {
	PublicationRelRelationId, PublicationRelObjectIndexId, NULL, NULL, NULL, OBJECT_PUBLICATION_REL,
	NULL, NULL, describe_publication_relation
};

static void
describe_publication_schema(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "schema", identity_of(NamespaceRelationId, field_oid(&d->row, "pnnspid")));
}

const SchemaClass class_publication_schemas = {
	PublicationNamespaceRelationId, PublicationNamespaceObjectIndexId, NULL, NULL, NULL, OBJECT_PUBLICATION_NAMESPACE,
	NULL, NULL, describe_publication_schema
};

/* ---- subscriptions ---- */

static bool
subscription_has_row(const CatalogRow *row)
{
	return field_oid(row, "subdbid") == MyDatabaseId;
}

/* A letter since 16, before that yes or no. */
static const char *
streaming(const CatalogRow *row)
{
	switch (field_char(row, "substream"))
	{
		case 't':
		case 1:
			return "on";
		case 'p':
			return "parallel";
		default:
			return "off";
	}
}

/* Since 16. */
static bool
needs_no_password(const CatalogRow *row)
{
	bool		isnull;
	Datum		value = field(row, "subpasswordrequired", &isnull);

	return !isnull && !DatumGetBool(value);
}

/* Where it connects to is a secret, and how far it is does not count. */
static void
describe_subscription(Description *d)
{
	const char *slot = field_name(&d->row, "subslotname");
	char	   *origin = field_text(&d->row, "suborigin");
	char		commit = field_char(&d->row, "subtwophasestate");

	put_part(d, "definition", "");
	put_line(d, "publications", joined(sorted(field_texts(&d->row, "subpublications")), ", "));
	put_line(d, "slot", slot ? slot : "none");
	put_line(d, "synchronous commit", field_text(&d->row, "subsynccommit"));
	put_flag(d, "binary", field_bool(&d->row, "subbinary"));
	put_line(d, "streaming", streaming(&d->row));
	put_flag(d, "two phase", commit != '\0' && commit != 'd');
	put_flag(d, "disable on error", field_bool(&d->row, "subdisableonerr"));
	if (origin && strcmp(origin, "any") != 0)
		put_line(d, "origin", origin);
	put_flag(d, "no password required", needs_no_password(&d->row));
	put_flag(d, "run as owner", field_bool(&d->row, "subrunasowner"));
	put_flag(d, "failover", field_bool(&d->row, "subfailover"));
	put_part(d, "enabled", "");
	put_line(d, "enabled", field_bool(&d->row, "subenabled") ? "yes" : "no");
}

const SchemaClass class_subscriptions = {
	SubscriptionRelationId, SubscriptionObjectIndexId, NULL, "subowner", NULL, OBJECT_SUBSCRIPTION,
	subscription_has_row, NULL, describe_subscription
};
