/*
 * foreign.c
 *		Foreign-data wrappers, servers, user mappings.
 */
#include "postgres.h"

#include "preview/propose_private.h"
#include "utils/builtins.h"

static char *
options_of(const ObjectState *state)
{
	return value_of(find_part(state, "options", ""), "options");
}

static void
put_options(Proposal *p, const ObjectState *from, const ObjectState *to, const char *keyword)
{
	change_foreign_options(p, to, psprintf("ALTER %s %s", keyword, to->identity), options_of(from), options_of(to));
}

static char *
function_clause(const char *word, const char *identity)
{
	return identity ? psprintf(" %s %s", word, without_arguments(identity)) : psprintf(" NO %s", word);
}

static void
create_wrapper(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE FOREIGN DATA WRAPPER %s%s%s%s", to->identity, function_clause("HANDLER", defined(to, "handler")),
		function_clause("VALIDATOR", defined(to, "validator")), foreign_options(to, options_of(to)));
}

static void
change_wrapper(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	char	   *alter = psprintf("ALTER FOREIGN DATA WRAPPER %s", to->identity);

	if (!same_defined(from, to, "handler"))
		put(p, "%s%s", alter, function_clause("HANDLER", defined(to, "handler")));
	if (!same_defined(from, to, "validator"))
		put(p, "%s%s", alter, function_clause("VALIDATOR", defined(to, "validator")));
	put_options(p, from, to, "FOREIGN DATA WRAPPER");
}

static char *
string_clause(const char *word, const char *value)
{
	return value ? psprintf(" %s %s", word, quote_literal_cstr(value)) : "";
}

static void
create_server(Proposal *p, const ObjectState *to)
{
	put(p, "CREATE SERVER %s%s%s FOREIGN DATA WRAPPER %s%s", to->identity, string_clause("TYPE", defined(to, "type")),
		string_clause("VERSION", defined(to, "version")), defined(to, "wrapper"), foreign_options(to, options_of(to)));
}

static void
change_server(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	const char *version = defined(to, "version");

	if (!same_defined(from, to, "wrapper") || !same_defined(from, to, "type"))
		cannot(to, "Type and wrapper of a server cannot be changed.");
	if (!same_defined(from, to, "version"))
		put(p, "ALTER SERVER %s VERSION %s", to->identity, version ? quote_literal_cstr(version) : "NULL");
	put_options(p, from, to, "SERVER");
}

/* ---- user mappings ---- */

/* "role on server name" */
static char *
mapping_name(const char *identity)
{
	char	   *role;
	char	   *server;

	split_at(identity, " on server ", &role, &server);
	return psprintf("FOR %s SERVER %s", role, server);
}

static void
create_mapping(Proposal *p, const ObjectState *to)
{
	if (find_part(to, "options", ""))
		cannot(to, "The values of its options are secrets, which are not kept.");
	put(p, "CREATE USER MAPPING %s", mapping_name(to->identity));
}

static char *
mapping_options(const ObjectState *state)
{
	return value_of(find_part(state, "options", ""), "options without values");
}

static void
change_mapping(Proposal *p, const ObjectState *from, const ObjectState *to)
{
	change_foreign_options(p, to, psprintf("ALTER USER MAPPING %s", mapping_name(to->identity)),
						   mapping_options(from),
						   mapping_options(to));
}

static const ProposalClass
			wrapper = {"foreign-data wrapper", "FOREIGN DATA WRAPPER", "FOREIGN DATA WRAPPER", NULL, NULL, create_wrapper, change_wrapper, NULL, options_of},
			server = {"server", "SERVER", "FOREIGN SERVER", NULL, NULL, create_server, change_server, NULL, options_of},
			mapping = {"user mapping", "USER MAPPING", NULL, NULL, mapping_name, create_mapping, change_mapping, NULL, mapping_options};

const ProposalClass *const foreign_classes[] = {&wrapper, &server, &mapping, NULL};
