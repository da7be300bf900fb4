/*
 * text_search.c
 *		Text search: parsers, templates, dictionaries, configurations.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_config_map.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_ts_parser.h"
#include "catalog/pg_ts_template.h"
#include "commands/defrem.h"
#include "schema/schema_private.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_public.h"
#include "utils/builtins.h"

/* ---- parsers and templates ---- */

static void
describe_parser(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "start", identity_of(ProcedureRelationId, field_oid(&d->row, "prsstart")));
	put_line(d, "token", identity_of(ProcedureRelationId, field_oid(&d->row, "prstoken")));
	put_line(d, "end", identity_of(ProcedureRelationId, field_oid(&d->row, "prsend")));
	put_line(d, "headline", identity_of(ProcedureRelationId, field_oid(&d->row, "prsheadline")));
	put_line(d, "token types", identity_of(ProcedureRelationId, field_oid(&d->row, "prslextype")));
}

const SchemaClass class_text_search_parsers = {
	TSParserRelationId, TSParserOidIndexId, "prsnamespace", NULL, NULL, OBJECT_TSPARSER,
	NULL, NULL, describe_parser
};

static void
describe_template(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "init", identity_of(ProcedureRelationId, field_oid(&d->row, "tmplinit")));
	put_line(d, "lexize", identity_of(ProcedureRelationId, field_oid(&d->row, "tmpllexize")));
}

const SchemaClass class_text_search_templates = {
	TSTemplateRelationId, TSTemplateOidIndexId, "tmplnamespace", NULL, NULL, OBJECT_TSTEMPLATE,
	NULL, NULL, describe_template
};

/* ---- dictionaries ---- */

/* They are stored with the quotes that a session wanted. */
static char *
dictionary_options(const CatalogRow *row)
{
	bool		isnull;
	Datum		value = field(row, "dictinitoption", &isnull);
	List	   *options = NIL;
	ListCell   *cell;

	foreach(cell, isnull ? NIL : deserialize_deflist(value))
	{
		DefElem    *option = lfirst(cell);

		options = lappend(options, psprintf("%s=%s", quote_identifier(option->defname), quote_literal_cstr(defGetString(option))));
	}
	return joined(options, ", ");
}

static void
describe_dictionary(Description *d)
{
	put_part(d, "definition", "");
	put_line(d, "template", identity_of(TSTemplateRelationId, field_oid(&d->row, "dicttemplate")));
	put_line(d, "options", dictionary_options(&d->row));
}

const SchemaClass class_text_search_dictionaries = {
	TSDictionaryRelationId, TSDictionaryOidIndexId, "dictnamespace", "dictowner", NULL, OBJECT_TSDICTIONARY,
	NULL, NULL, describe_dictionary
};

/* ---- configurations ---- */

/* The server's own parser is asked what its types are called; no one else's code is run for that. */
static const char *
token_name(Oid parser, int type)
{
	const LexDescr *descriptions;

	if (parser >= FirstNormalObjectId)
		return psprintf("type %d", type);
	descriptions = (const LexDescr *) DatumGetPointer(OidFunctionCall1(lookup_ts_parser_cache(parser)->lextypeOid, (Datum) 0));
	for (int i = 0; descriptions[i].lexid > 0; i++)
		if (descriptions[i].lexid == type)
			return descriptions[i].alias;
	return psprintf("type %d", type);
}

static void
put_mappings(Description *d, Oid configuration, Oid parser)
{
	CatalogScan scan;
	int			type = -1;
	List	   *dictionaries = NIL;

	catalog_scan(&scan, TSConfigMapRelationId, TSConfigMapIndexId, Anum_pg_ts_config_map_mapcfg, configuration);
	while (catalog_next(&scan))
	{
		int			next = field_int(&scan.row, "maptokentype", 0);

		if (next != type && dictionaries)
		{
			put_line(d, psprintf("map %s", token_name(parser, type)), joined(dictionaries, ", "));
			dictionaries = NIL;
		}
		type = next;
		dictionaries = lappend(dictionaries, identity_of(TSDictionaryRelationId, field_oid(&scan.row, "mapdict")));
	}
	if (dictionaries)
		put_line(d, psprintf("map %s", token_name(parser, type)), joined(dictionaries, ", "));
}

static void
describe_configuration(Description *d)
{
	Oid			parser = field_oid(&d->row, "cfgparser");

	put_part(d, "definition", "");
	put_line(d, "parser", identity_of(TSParserRelationId, parser));
	put_mappings(d, d->object->address.objectId, parser);
}

const SchemaClass class_text_search_configurations = {
	TSConfigRelationId, TSConfigOidIndexId, "cfgnamespace", "cfgowner", NULL, OBJECT_TSCONFIGURATION,
	NULL, NULL, describe_configuration
};
