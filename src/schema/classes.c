/*
 * classes.c
 *		The classes of objects that have rows in the inventory, in its order.
 */
#include "postgres.h"

#include "schema/schema_private.h"

const SchemaClass *const schema_classes[] = {
	&class_databases, &class_settings, &class_extensions, &class_schemas, &class_default_acls,
	&class_languages, &class_access_methods, &class_collations, &class_conversions,
	&class_types, &class_routines, &class_casts, &class_transforms,
	&class_operators, &class_operator_families, &class_operator_classes,
	&class_text_search_parsers, &class_text_search_templates, &class_text_search_dictionaries,
	&class_text_search_configurations,
	&class_foreign_data_wrappers, &class_foreign_servers, &class_user_mappings,
	&class_relations, &class_constraints, &class_statistics, &class_rules, &class_policies, &class_triggers,
	&class_publications, &class_publication_relations, &class_publication_schemas, &class_subscriptions,
	&class_event_triggers
};

const int	schema_nclasses = lengthof(schema_classes);

const SchemaClass *
schema_class(Oid class_id)
{
	for (int i = 0; i < schema_nclasses; i++)
		if (schema_classes[i]->class_id == class_id)
			return schema_classes[i];
	return NULL;
}
