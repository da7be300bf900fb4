/*
 * routines.c
 *		Functions, procedures, aggregates; the languages they are written in.
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_language.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

static const char *
volatility(char value)
{
	return value == PROVOLATILE_IMMUTABLE ? "immutable" : value == PROVOLATILE_STABLE ? "stable" : NULL;
}

static const char *
parallel(char value)
{
	return value == PROPARALLEL_SAFE ? "safe" : value == PROPARALLEL_RESTRICTED ? "restricted" : NULL;
}

static void
put_transforms(Description *d)
{
	ListCell   *cell;

	foreach(cell, field_oids(&d->row, "protrftypes"))
		put_line(d, "transform", type_of(lfirst_oid(cell), -1));
}

/* What the planner is told, where it is not what it assumes by itself. */
static void
put_estimates(Description *d, Oid language)
{
	float4		cost = field_float(&d->row, "procost");
	float4		rows = field_float(&d->row, "prorows");
	bool		compiled = language == INTERNALlanguageId || language == ClanguageId;

	if (cost != (compiled ? 1 : 100))
		put_line(d, "cost", psprintf("%g", cost));
	if (field_bool(&d->row, "proretset") && rows != 1000)
		put_line(d, "rows", psprintf("%g", rows));
	put_line(d, "support", identity_of(ProcedureRelationId, field_oid(&d->row, "prosupport")));
}

static void
put_body(Description *d, Oid function, Oid language)
{
	char	   *body = deparse(pg_get_function_sqlbody, function);

	if (body)
		put_block(d, "body", body);
	else if (language == ClanguageId)
	{
		put_line(d, "library", field_text(&d->row, "probin"));
		put_line(d, "symbol", field_text(&d->row, "prosrc"));
	}
	else
		put_block(d, "body", field_text(&d->row, "prosrc"));
}

static void
describe_function(Description *d, Oid function)
{
	Oid			language = field_oid(&d->row, "prolang");
	ListCell   *cell;

	put_line(d, "arguments", deparse(pg_get_function_arguments, function));
	put_line(d, "returns", deparse(pg_get_function_result, function));
	put_line(d, "language", identity_of(LanguageRelationId, language));
	put_transforms(d);
	put_flag(d, "window", field_char(&d->row, "prokind") == PROKIND_WINDOW);
	put_line(d, "volatility", volatility(field_char(&d->row, "provolatile")));
	put_line(d, "parallel", parallel(field_char(&d->row, "proparallel")));
	put_flag(d, "leakproof", field_bool(&d->row, "proleakproof"));
	put_flag(d, "strict", field_bool(&d->row, "proisstrict"));
	put_flag(d, "security definer", field_bool(&d->row, "prosecdef"));
	put_estimates(d, language);
	foreach(cell, sorted(field_texts(&d->row, "proconfig")))
	{
		char	   *name;
		char	   *value = setting_text(lfirst(cell), &name);

		put_line(d, "set", psprintf("%s=%s", name, value));
	}
	put_body(d, function, language);
}

/* ---- aggregates ---- */

static const char *
kind_name(char kind)
{
	return kind == AGGKIND_ORDERED_SET ? "ordered set" : kind == AGGKIND_HYPOTHETICAL ? "hypothetical set" : NULL;
}

static const char *
modify_name(char value)
{
	return value == AGGMODIFY_READ_ONLY ? "read only" : value == AGGMODIFY_SHAREABLE ? "shareable" : "read write";
}

/* The functions of it or of its moving form, which are called alike. */
static void
put_stages(Description *d, const CatalogRow *row, const char *prefix, const char *columns)
{
	static const char *const stages[][2] = {
		{"transition", "transfn"}, {"final", "finalfn"}, {"combine", "combinefn"}, {"serialize", "serialfn"},
		{"deserialize", "deserialfn"}, {"inverse", "invtransfn"}
	};
	int			space = field_int(row, psprintf("%stransspace", columns), 0);
	bool		has_final = OidIsValid(field_oid(row, psprintf("%sfinalfn", columns)));

	for (int i = 0; i < lengthof(stages); i++)
		put_line(d, psprintf("%s%s", prefix, stages[i][0]),
				 identity_of(ProcedureRelationId, field_oid(row, psprintf("%s%s", columns, stages[i][1]))));
	put_flag(d, psprintf("%sfinal with all arguments", prefix), field_bool(row, psprintf("%sfinalextra", columns)));
	if (has_final)
		put_line(d, psprintf("%sfinal modifies", prefix), modify_name(field_char(row, psprintf("%sfinalmodify", columns))));
	put_line(d, psprintf("%sstate", prefix), type_of(field_oid(row, psprintf("%stranstype", columns)), -1));
	if (space != 0)
		put_line(d, psprintf("%sstate size", prefix), psprintf("%d", space));
}

static void
describe_aggregate(Description *d, Oid aggregate)
{
	CatalogScan scan;

	put_line(d, "arguments", deparse(pg_get_function_arguments, aggregate));
	put_line(d, "returns", deparse(pg_get_function_result, aggregate));
	catalog_scan(&scan, AggregateRelationId, AggregateFnoidIndexId, Anum_pg_aggregate_aggfnoid, aggregate);
	while (catalog_next(&scan))
	{
		put_line(d, "kind", kind_name(field_char(&scan.row, "aggkind")));
		put_stages(d, &scan.row, "", "agg");
		put_line(d, "initial", field_text(&scan.row, "agginitval"));
		if (OidIsValid(field_oid(&scan.row, "aggmtransfn")))
			put_stages(d, &scan.row, "moving ", "aggm");
		put_line(d, "moving initial", field_text(&scan.row, "aggminitval"));
		put_line(d, "sort operator", identity_of(OperatorRelationId, field_oid(&scan.row, "aggsortop")));
	}
	put_line(d, "parallel", parallel(field_char(&d->row, "proparallel")));
}

static void
describe_routine(Description *d)
{
	Oid			routine = d->object->address.objectId;

	put_part(d, "definition", "");
	if (field_char(&d->row, "prokind") == PROKIND_AGGREGATE)
		describe_aggregate(d, routine);
	else
		describe_function(d, routine);
}

/* What makes a range out of its bounds comes and goes with its type. */
static bool
has_row(const CatalogRow *row)
{
	return field_oid(row, "prolang") != INTERNALlanguageId || !schema_makes_range(ProcedureRelationId, field_oid(row, "oid"));
}

const SchemaClass class_routines = {
	ProcedureRelationId, ProcedureOidIndexId, "pronamespace", "proowner", "proacl", OBJECT_FUNCTION,
	has_row, NULL, describe_routine
};

/* ---- languages ---- */

static void
describe_language(Description *d)
{
	put_part(d, "definition", "");
	put_flag(d, "trusted", field_bool(&d->row, "lanpltrusted"));
	put_line(d, "handler", identity_of(ProcedureRelationId, field_oid(&d->row, "lanplcallfoid")));
	put_line(d, "inline", identity_of(ProcedureRelationId, field_oid(&d->row, "laninline")));
	put_line(d, "validator", identity_of(ProcedureRelationId, field_oid(&d->row, "lanvalidator")));
}

const SchemaClass class_languages = {
	LanguageRelationId, LanguageOidIndexId, NULL, "lanowner", "lanacl", OBJECT_LANGUAGE,
	NULL, NULL, describe_language
};
