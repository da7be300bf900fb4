/*
 * names.c
 *		How a description calls what it mentions, and what the server deparses.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/tablespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "schema/schema_private.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/varlena.h"

/* Stands for what is mentioned and not there; such a schema is broken, and shown nevertheless. */
#define MISSING "(missing)"

char *
identity_of(Oid class_id, Oid object_id)
{
	ObjectAddress address;
	char	   *identity;

	if (!OidIsValid(object_id))
		return NULL;
	ObjectAddressSet(address, class_id, object_id);
	identity = getObjectIdentity(&address, true);
	return identity ? identity : MISSING;
}

char *
role_of(Oid role)
{
	char	   *name;

	if (!OidIsValid(role))
		return "PUBLIC";
	name = GetUserNameFromId(role, true);
	return name ? (char *) quote_identifier(name) : MISSING;
}

char *
tablespace_of(Oid tablespace)
{
	char	   *name = get_tablespace_name(tablespace);

	return name ? (char *) quote_identifier(name) : MISSING;
}

char *
type_of(Oid type, int32 typmod)
{
	if (!OidIsValid(type))
		return NULL;
	return format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_ALLOW_INVALID);
}

char *
joined(const List *texts, const char *separator)
{
	StringInfoData result;
	ListCell   *cell;

	if (texts == NIL)
		return NULL;
	initStringInfo(&result);
	foreach(cell, texts)
		appendStringInfo(&result, "%s%s", result.len ? separator : "", (const char *) lfirst(cell));
	return result.data;
}

static int
compare_texts(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* By their bytes, which is the same order everywhere. */
List *
sorted(List *texts)
{
	list_sort(texts, compare_texts);
	return texts;
}

static char *
called(PGFunction function, int n, Datum *values)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, n, InvalidOid, NULL, NULL);
	for (int i = 0; i < n; i++)
	{
		fcinfo->args[i].value = values[i];
		fcinfo->args[i].isnull = false;
	}
	result = function(fcinfo);
	return fcinfo->isnull ? NULL : TextDatumGetCString(result);
}

char *
deparse(PGFunction function, Oid object_id)
{
	Datum		value = ObjectIdGetDatum(object_id);

	return called(function, 1, &value);
}

char *
field_expression(const CatalogRow *row, const char *column, Oid relation)
{
	bool		isnull;
	Datum		values[2];

	values[0] = field(row, column, &isnull);
	values[1] = ObjectIdGetDatum(relation);
	return isnull ? NULL : called(pg_get_expr, 2, values);
}

/*
 * A setting as it is stored, "name=value", in one form: some are lists of names,
 * with the quotes that the session wanted that has set it.
 */
char *
setting_text(const char *stored, char **name)
{
	const char *value = strchr(stored, '=');
	List	   *names = NIL;
	List	   *quoted = NIL;
	ListCell   *cell;

	*name = pnstrdup(stored, value - stored);
	value++;
	if ((GetConfigOptionFlags(*name, true) & GUC_LIST_QUOTE) == 0 || !SplitGUCList(pstrdup(value), ',', &names))
		return pstrdup(value);
	foreach(cell, names)
		quoted = lappend(quoted, (char *) quote_identifier(lfirst(cell)));
	return quoted ? joined(quoted, ", ") : "";
}
