/*
 * triggers.c
 *		What happens when a table is used: triggers, rules, policies; event triggers.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "rewrite/rewriteDefine.h"
#include "rewrite/rewriteSupport.h"
#include "schema/schema_private.h"
#include "utils/fmgrprotos.h"

/* When it fires, unless as usual. */
static void
put_enabled(Description *d, char enabled)
{
	put_part(d, "enabled", "");
	switch (enabled)
	{
		case TRIGGER_FIRES_ON_ORIGIN:
			break;
		case TRIGGER_FIRES_ALWAYS:
			put_line(d, "enabled", "always");
			break;
		case TRIGGER_FIRES_ON_REPLICA:
			put_line(d, "enabled", "replica");
			break;
		default:
			put_line(d, "enabled", "no");
	}
}

static ObjectAddress
relation_in(const CatalogRow *row, const char *column)
{
	ObjectAddress address;

	ObjectAddressSet(address, RelationRelationId, field_oid(row, column));
	return address;
}

/* ---- triggers ---- */

/* The server's own are part of their constraints. */
static bool
trigger_has_row(const CatalogRow *row)
{
	return !field_bool(row, "tgisinternal");
}

static ObjectAddress
trigger_part_of(const CatalogRow *row)
{
	return relation_in(row, "tgrelid");
}

static void
describe_trigger(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "definition", deparse(pg_get_triggerdef, d->object->address.objectId));
	put_flag(d, "inherited", OidIsValid(field_oid(&d->row, "tgparentid")));
	put_enabled(d, field_char(&d->row, "tgenabled"));
}

const SchemaClass class_triggers = {
	TriggerRelationId, TriggerOidIndexId, NULL, NULL, NULL, OBJECT_TRIGGER,
	trigger_has_row, trigger_part_of, describe_trigger
};

/* ---- rules ---- */

/* The one that makes a view is the view. */
static bool
rule_has_row(const CatalogRow *row)
{
	return strcmp(field_name(row, "rulename"), ViewSelectRuleName) != 0;
}

static ObjectAddress
rule_part_of(const CatalogRow *row)
{
	return relation_in(row, "ev_class");
}

static void
describe_rule(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "definition", deparse(pg_get_ruledef, d->object->address.objectId));
	put_enabled(d, field_char(&d->row, "ev_enabled"));
}

const SchemaClass class_rules = {
	RewriteRelationId, RewriteOidIndexId, NULL, NULL, NULL, OBJECT_RULE,
	rule_has_row, rule_part_of, describe_rule
};

/* ---- policies ---- */

static ObjectAddress
policy_part_of(const CatalogRow *row)
{
	return relation_in(row, "polrelid");
}

static const char *
command_name(char command)
{
	switch (command)
	{
		case ACL_SELECT_CHR:
			return "SELECT";
		case ACL_INSERT_CHR:
			return "INSERT";
		case ACL_UPDATE_CHR:
			return "UPDATE";
		case ACL_DELETE_CHR:
			return "DELETE";
		default:
			return "ALL";
	}
}

static void
describe_policy(Description *d)
{
	Oid			relation = field_oid(&d->row, "polrelid");
	List	   *roles = NIL;
	ListCell   *cell;

	foreach(cell, field_oids(&d->row, "polroles"))
		roles = lappend(roles, role_of(lfirst_oid(cell)));
	put_part(d, "definition", "");
	put_line(d, "for", command_name(field_char(&d->row, "polcmd")));
	put_flag(d, "restrictive", !field_bool(&d->row, "polpermissive"));
	put_line(d, "to", joined(sorted(roles), ", "));
	put_line(d, "using", field_expression(&d->row, "polqual", relation));
	put_line(d, "with check", field_expression(&d->row, "polwithcheck", relation));
}

const SchemaClass class_policies = {
	PolicyRelationId, PolicyOidIndexId, NULL, NULL, NULL, OBJECT_POLICY,
	NULL, policy_part_of, describe_policy
};

/* ---- event triggers ---- */

/* Those of capture are ours, though no members. */
static bool
event_trigger_has_row(const CatalogRow *row)
{
	return !is_ours(ProcedureRelationId, field_oid(row, "evtfoid"));
}

static void
describe_event_trigger(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "on", field_name(&d->row, "evtevent"));
	put_line(d, "function", identity_of(ProcedureRelationId, field_oid(&d->row, "evtfoid")));
	put_line(d, "tags", joined(sorted(field_texts(&d->row, "evttags")), ", "));
	put_enabled(d, field_char(&d->row, "evtenabled"));
}

const SchemaClass class_event_triggers = {
	EventTriggerRelationId, EventTriggerOidIndexId, NULL, "evtowner", NULL, OBJECT_EVENT_TRIGGER,
	event_trigger_has_row, NULL, describe_event_trigger
};
