/*
 * database.c
 *		The database itself and what is directly in it: settings, schemas, extensions,
 *		default privileges, languages, collations, conversions.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "common/compat.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "preview/propose_private.h"
#include "utils/builtins.h"

/* ---- the database ---- */

static char *
this_database(const char *identity)
{
	return pstrdup(quote_identifier(get_database_name(MyDatabaseId)));
}

static void
change_database(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	static const char *const fixed[] = {"encoding", "provider", "collation", "character type", "locale", "rules"};
	char	   *name = this_database(NULL);
	const char *limit = defined(to, "connection limit");

	for (int i = 0; i < lengthof(fixed); i++)
		if (!same_defined(from, to, fixed[i]))
			cannot(to, "The %s of a database cannot be changed.", fixed[i]);
	if (!same_defined(from, to, "connection limit"))
		put(p, "ALTER DATABASE %s CONNECTION LIMIT %s", name, limit ? limit : "-1");
	if (!same_defined(from, to, "template"))
		put(p, "ALTER DATABASE %s IS_TEMPLATE %s", name, defined(to, "template") ? "true" : "false");
	if (!same_defined(from, to, "connections"))
		put(p, "ALTER DATABASE %s ALLOW_CONNECTIONS %s", name, defined(to, "connections") ? "false" : "true");
}

static void
drop_database(Proposal *p, const ObjectState *from)
{
	cannot(from, "The database that you are in cannot be dropped.");
}

/* "role name in this database", or "this database" */
static char *
setting_name(const char *identity)
{
	if (strncmp(identity, "role ", 5) != 0)
		return psprintf("DATABASE %s", this_database(NULL));
	return psprintf("ROLE %s IN DATABASE %s", pnstrdup(identity + 5, identifier_length(identity + 5)), this_database(NULL));
}

static void
put_settings(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	ListCell   *cell;
	char	   *name = setting_name(to->identity);

	foreach(cell, from ? from->parts : NIL)
	{
		const StoredPart *part = lfirst(cell);

		if (find_part(to, part->kind, part->name) == NULL)
			put(p, "ALTER %s RESET %s", name, quote_identifier(part->name));
	}
	foreach(cell, to->parts)
	{
		const StoredPart *part = lfirst(cell);
		const StoredPart *old = find_part(from, part->kind, part->name);

		if (old == NULL || strcmp(old->text, part->text) != 0)
			put(p, "ALTER %s %s", name, setting_clause(part->name, value_of(part, part->name)));
	}
}

static void
create_settings(Proposal *p, const ObjectState *to)
{
	put_settings(p, NULL, to);
}

static void
drop_settings(Proposal *p, const ObjectState *from)
{
	put(p, "ALTER %s RESET ALL", setting_name(from->identity));
}

/* ---- schemas, extensions ---- */

static void
create_schema(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE SCHEMA %s", to->identity);
}

static const char *
version_of(const ObjectState *extension)
{
	const char *version = value_of(find_part(extension, "version", ""), "version");

	if (version == NULL)
		cannot(extension, "Its version is not known.");
	return version;
}

static void
create_extension(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE EXTENSION %s SCHEMA %s VERSION %s", to->identity, defined(to, "schema"),
		quote_literal_cstr(version_of(to)));
}

static void
change_extension(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const StoredPart *version = find_part(to, "version", "");

	if (!same_defined(from, to, "schema"))
		put(p, "ALTER EXTENSION %s SET SCHEMA %s", to->identity, defined(to, "schema"));
	if (!same_value(find_part(from, "version", ""), version, "version"))
		put(p, "ALTER EXTENSION %s UPDATE TO %s", to->identity, quote_literal_cstr(version_of(to)));
}

/* ---- default privileges ---- */

/* "for role owner in schema name on tables" */
static void
change_defaults(Proposal *p, const ObjectState *state, List *from, List *to)
{
	const char *identity = state->identity;
	const char *owner = identity + strlen("for role ");
	const char *on = strrchr(identity, ' ');
	int			length = identifier_length(owner);
	const char *schema = strstr(owner + length, " in schema ");
	Proposal	grants = {0};
	ListCell   *cell;

	change_grants(&grants, state, on + 1, NULL, from, to);
	foreach(cell, grants.statements)
		put(p, "ALTER DEFAULT PRIVILEGES FOR ROLE %.*s%.*s %s", length, owner,
			schema ? (int) (on - strlen(" on") - schema) : 0, schema ? schema : "", (char *) lfirst(cell));
}

static List *
default_lines(const ObjectState *state)
{
	return values_of(find_part(state, "privileges", ""), "grant");
}

/* Where nothing is said of a schema nobody has anything; of the whole, whoever has it usually. */
static List *
usual_lines(const ObjectState *state)
{
	const char *owner = state->identity + strlen("for role ");
	const char *kind = strrchr(state->identity, ' ') + 1;

	if (strstr(owner, " in schema "))
		return NIL;
	return usual_grants(strcmp(kind, "functions") == 0 ? "function" : strcmp(kind, "types") == 0 ? "type" : "table",
						pnstrdup(owner, identifier_length(owner)));
}

static void
create_default_acl(Proposal *p, const ObjectState *to)
{
	change_defaults(p, to, usual_lines(to), default_lines(to));
}

static void
drop_default_acl(Proposal *p, const ObjectState *from)
{
	change_defaults(p, from, default_lines(from), usual_lines(from));
}

static void
change_default_acl(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	change_defaults(p, to, default_lines(from), default_lines(to));
}

/* ---- languages, collations, conversions ---- */

static char *
function_clause(const char *word, const char *identity)
{
	return identity ? psprintf(" %s %s", word, without_arguments(identity)) : "";
}

static void
create_language(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE %sLANGUAGE %s%s%s%s", defined(to, "trusted") ? "TRUSTED " : "", to->identity,
		function_clause("HANDLER", defined(to, "handler")), function_clause("INLINE", defined(to, "inline")),
		function_clause("VALIDATOR", defined(to, "validator")));
}

static char *
string_item(const char *key, const char *value)
{
	return value ? psprintf("%s = %s", key, quote_literal_cstr(value)) : NULL;
}

static void
create_collation(Proposal *p, const ObjectState *to)
{
	const char *provider = needed(to, "provider");

	put(p, "CREATE COLLATION %s (%s)", to->identity,
		list_of(string_item("PROVIDER", *provider == 'i' ? "icu" : *provider == 'b' ? "builtin" : "libc"),
				string_item("LOCALE", defined(to, "locale")), string_item("LC_COLLATE", defined(to, "collation")),
				string_item("LC_CTYPE", defined(to, "character type")), string_item("RULES", defined(to, "rules")),
				defined(to, "deterministic") ? "DETERMINISTIC = false" : NULL, (char *) -1));
}

static void
create_conversion(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE %sCONVERSION %s FOR %s TO %s FROM %s", defined(to, "default") ? "DEFAULT " : "", to->identity,
		quote_literal_cstr(needed(to, "from")), quote_literal_cstr(needed(to, "to")), without_arguments(needed(to, "function")));
}

static const ProposalClass
			database = {"database", "DATABASE", "DATABASE", NULL, this_database, NULL, change_database, drop_database},
			setting = {"database setting", "DATABASE", NULL, NULL, setting_name, create_settings, put_settings, drop_settings},
			schema = {"schema", "SCHEMA", "SCHEMA", NULL, NULL, create_schema, NULL, NULL},
			extension = {"extension", "EXTENSION", NULL, "All that is stored in the tables", NULL, create_extension, change_extension, NULL},
			default_acl = {"default acl", "", NULL, NULL, NULL, create_default_acl, change_default_acl, drop_default_acl},
			language = {"language", "LANGUAGE", "LANGUAGE", NULL, NULL, create_language, NULL, NULL},
			collation = {"collation", "COLLATION", NULL, NULL, NULL, create_collation, NULL, NULL},
			conversion = {"conversion", "CONVERSION", NULL, NULL, NULL, create_conversion, NULL, NULL};

const ProposalClass *const database_classes[] = {
	&database, &setting, &schema, &extension, &default_acl, &language, &collation, &conversion, NULL
};
