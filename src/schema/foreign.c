/*
 * foreign.c
 *		Foreign-data wrappers, servers, user mappings; options, without secrets.
 */
#include "postgres.h"

#include "capture/capture.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_user_mapping.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

/* Stored as name=value. */
char *
options_text(const CatalogRow *row, const char *column, bool names_only)
{
	List	   *options = NIL;
	ListCell   *cell;

	foreach(cell, field_texts(row, column))
	{
		char	   *option = lfirst(cell);
		char	   *value = strchr(option, '=');
		char	   *name = value ? pnstrdup(option, value - option) : option;

		if (value == NULL || names_only || mig_is_secret_name(asc_tolower(name, strlen(name))) ||
			mig_has_connection_string(value + 1))
			options = lappend(options, name);
		else
			options = lappend(options, strpbrk(value, ", '\n") ?
							  psprintf("%s=%s", name, quote_literal_cstr(value + 1)) : option);
	}
	return joined(sorted(options), ", ");
}

static void
describe_wrapper(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "handler", identity_of(ProcedureRelationId, field_oid(&d->row, "fdwhandler")));
	put_line(d, "validator", identity_of(ProcedureRelationId, field_oid(&d->row, "fdwvalidator")));
	put_part(d, "options", "");
	put_line(d, "options", options_text(&d->row, "fdwoptions", false));
}

const SchemaClass class_foreign_data_wrappers = {
	ForeignDataWrapperRelationId, ForeignDataWrapperOidIndexId, NULL, "fdwowner", "fdwacl", OBJECT_FDW,
	NULL, NULL, describe_wrapper
};

static void
describe_server(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "wrapper", identity_of(ForeignDataWrapperRelationId, field_oid(&d->row, "srvfdw")));
	put_line(d, "type", field_text(&d->row, "srvtype"));
	put_line(d, "version", field_text(&d->row, "srvversion"));
	put_part(d, "options", "");
	put_line(d, "options", options_text(&d->row, "srvoptions", false));
}

const SchemaClass class_foreign_servers = {
	ForeignServerRelationId, ForeignServerOidIndexId, NULL, "srvowner", "srvacl", OBJECT_FOREIGN_SERVER,
	NULL, NULL, describe_server
};

/* Others cannot read any of these. */
static void
describe_user_mapping(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "server", identity_of(ForeignServerRelationId, field_oid(&d->row, "umserver")));
	put_part(d, "options", "");
	put_line(d, "options without values", options_text(&d->row, "umoptions", true));
}

const SchemaClass class_user_mappings = {
	UserMappingRelationId, UserMappingOidIndexId, NULL, NULL, NULL, OBJECT_USER_MAPPING,
	NULL, NULL, describe_user_mapping
};
