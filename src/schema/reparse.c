/*
 * reparse.c
 *		Are two texts of the same expression or query the same once the server has
 *		read them?
 *
 * The server prints some of what it has read in other words than it prints that
 * again after a restore: email IN ('a', 'b') over varchar.  A third time changes
 * nothing more.  So both texts are analyzed, as a statement with them would be,
 * and printed; where the tables are named, they are those that are there.
 *
 * Nothing is executed, nor are literals read, which could call what a domain in
 * them checks: each becomes a parameter, and they are compared as they stand.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/attempt.h"
#include "funcapi.h"
#include "ledger/expected.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "schema/reparse.h"
#include "schema/schema_private.h"
#include "schema/state.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* Parameters: a literal's number follows on these, each of which stands for a name. */
#define OLD_COLUMNS		10000
#define NEW_COLUMNS		20000
#define DOMAIN_VALUE	30000
#define LITERALS		40000

/* What names in a text refer to. */
typedef struct Reading
{
	Oid			relation;		/* whose columns they are, or invalid */
	Oid			domain;			/* whose VALUE it is, or invalid */
	Oid			function;		/* whose arguments they are, or invalid */
	const char *source;			/* the text */
	int			literals;		/* so far */
	StringInfoData seen;		/* these literals */
} Reading;

/* ---- literals ---- */

static void
replace_literal(Reading *reading, A_Const *literal)
{
	ParamRef   *param = (ParamRef *) literal;

	appendStringInfo(&reading->seen, "%s\n", quote_literal_cstr(strVal(&literal->val)));
	/* In its place, which is as large: the tree has no other way to put a node there. */
	StaticAssertStmt(sizeof(ParamRef) <= sizeof(A_Const), "a parameter fits where a literal was");
	param->type = T_ParamRef;
	param->number = LITERALS + reading->literals++;
	param->location = -1;
}

static bool
replace_literals(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, A_Const))
	{
		A_Const    *literal = (A_Const *) node;

		if (!literal->isnull && IsA(&literal->val, String))
			replace_literal(context, literal);
		return false;
	}
	return raw_expression_tree_walker(node, replace_literals, context);
}

/* ---- names ---- */

static Node *
param(int number, Oid type, int32 typmod, Oid collation, int location)
{
	Param	   *result = makeNode(Param);

	result->paramkind = PARAM_EXTERN;
	result->paramid = number;
	result->paramtype = type;
	result->paramtypmod = typmod;
	result->paramcollid = collation;
	result->location = location;
	return (Node *) result;
}

/* An argument of the function, by its name or number from 1. */
static Node *
argument_param(const Reading *reading, const char *name, int number, int location)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(reading->function));
	Node	   *result = NULL;
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			n;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	n = get_func_arg_info(tuple, &types, &names, &modes);
	for (int i = 0; i < n && result == NULL; i++)
		if (number == i + 1 || (name && names && strcmp(names[i], name) == 0))
			result = param(i + 1, types[i], -1, get_typcollation(types[i]), location);
	ReleaseSysCache(tuple);
	return result;
}

/* A literal is of no type until one is wanted. */
static Node *
read_param(ParseState *pstate, ParamRef *ref)
{
	if (ref->number < LITERALS)
		return argument_param(pstate->p_ref_hook_state, NULL, ref->number, ref->location);
	return param(ref->number, UNKNOWNOID, -1, InvalidOid, ref->location);
}

static Node *
coerce_param(ParseState *pstate, Param *literal, Oid type, int32 typmod, int location)
{
	Reading    *reading = pstate->p_ref_hook_state;

	if (literal->paramtype != UNKNOWNOID)
		return NULL;
	/* It is printed as a parameter, which says nothing of its type. */
	appendStringInfo(&reading->seen, "%d: %s\n", literal->paramid, format_type_be_qualified(type));
	return param(literal->paramid, type, -1, get_typcollation(type), literal->location);
}

static Node *
column_param(int number, Oid relation, const char *name, int location)
{
	AttrNumber	column = get_attnum(relation, name);
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (column == InvalidAttrNumber)
		return NULL;
	get_atttypetypmodcoll(relation, column, &type, &typmod, &collation);
	return param(number + column, type, typmod, collation, location);
}

/* An argument is one only where no column is called so. */
static Node *
read_argument(ParseState *pstate, ColumnRef *ref, Node *column)
{
	Reading    *reading = pstate->p_ref_hook_state;
	Node	   *name = llast(ref->fields);

	if (column || !OidIsValid(reading->function) || !IsA(name, String) || list_length(ref->fields) > 2)
		return NULL;
	return argument_param(reading, strVal(name), 0, ref->location);
}

/* The rows of a trigger or rule, and the value that a domain checks, are no columns of a table. */
static Node *
read_name(ParseState *pstate, ColumnRef *ref)
{
	Reading    *reading = pstate->p_ref_hook_state;
	const char *first = IsA(linitial(ref->fields), String) ? strVal(linitial(ref->fields)) : "";
	int32		typmod = -1;
	Oid			base;

	if (OidIsValid(reading->domain) && list_length(ref->fields) == 1 && strcmp(first, "value") == 0)
	{
		base = getBaseTypeAndTypmod(reading->domain, &typmod);
		return param(DOMAIN_VALUE, base, typmod, get_typcollation(reading->domain), ref->location);
	}
	if (!OidIsValid(reading->relation) || list_length(ref->fields) != 2 || !IsA(lsecond(ref->fields), String))
		return NULL;
	if (strcmp(first, "old") == 0)
		return column_param(OLD_COLUMNS, reading->relation, strVal(lsecond(ref->fields)), ref->location);
	if (strcmp(first, "new") == 0)
		return column_param(NEW_COLUMNS, reading->relation, strVal(lsecond(ref->fields)), ref->location);
	return NULL;
}

/* ---- printing again ---- */

static char *
print_query(Reading *reading, Node *stmt)
{
	ParseState *pstate = make_parsestate(NULL);
	RawStmt    *raw = makeNode(RawStmt);
	Query	   *query;

	if (!IsA(stmt, SelectStmt) && !IsA(stmt, InsertStmt) && !IsA(stmt, UpdateStmt) && !IsA(stmt, DeleteStmt))
		return nodeToString(stmt);
	(void) replace_literals(stmt, reading);
	raw->stmt = stmt;
	pstate->p_sourcetext = reading->source;
	pstate->p_ref_hook_state = reading;
	pstate->p_pre_columnref_hook = read_name;
	pstate->p_post_columnref_hook = read_argument;
	pstate->p_paramref_hook = read_param;
	pstate->p_coerce_param_hook = coerce_param;
	query = transformTopLevelStmt(pstate, raw);
	free_parsestate(pstate);
	return pg_get_querydef(query, false);
}

/* As what is selected from the table that it belongs to. */
static char *
print_expression(Reading *reading, Node *expression, bool with_columns)
{
	SelectStmt *select = makeNode(SelectStmt);
	ResTarget  *target = makeNode(ResTarget);

	target->val = expression;
	target->location = -1;
	select->targetList = list_make1(target);
	if (with_columns && OidIsValid(reading->relation))
	{
		RangeVar   *relation = makeRangeVar(there(get_namespace_name(get_rel_namespace(reading->relation))),
											there(get_rel_name(reading->relation)), -1);

		relation->inh = false;
		select->fromClause = list_make1(relation);
	}
	return print_query(reading, (Node *) select);
}

static void
reprint(Reading *reading, Node **expression, bool with_columns)
{
	if (*expression)
		*expression = (Node *) makeString(print_expression(reading, *expression, with_columns));
}

static void
reprint_elements(Reading *reading, List *elements)
{
	ListCell   *cell;

	foreach(cell, elements)
	{
		Node	   *element = lfirst(cell);

		/* Of an exclusion constraint: with its operator. */
		if (IsA(element, List))
			element = linitial((List *) element);
		if (IsA(element, IndexElem))
			reprint(reading, &((IndexElem *) element)->expr, true);
		else if (IsA(element, StatsElem))
			reprint(reading, &((StatsElem *) element)->expr, true);
		else if (IsA(element, PartitionElem))
			reprint(reading, &((PartitionElem *) element)->expr, true);
	}
}

/* What else is added or altered is compared as it is. */
static void
reprint_constraint(Reading *reading, Node *def)
{
	Constraint *constraint = (Constraint *) def;

	if (def == NULL || !IsA(def, Constraint))
		return;
	reprint(reading, &constraint->raw_expr, true);
	reprint(reading, &constraint->where_clause, true);
	reprint_elements(reading, constraint->exclusions);
}

static void
reprint_statements(Reading *reading, List *statements)
{
	ListCell   *cell;

	foreach(cell, statements)
		lfirst(cell) = makeString(print_query(reading, lfirst(cell)));
}

static void
reprint_function(Reading *reading, CreateFunctionStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->parameters)
		reprint(reading, &lfirst_node(FunctionParameter, cell)->defexpr, false);
	if (stmt->sql_body && IsA(stmt->sql_body, ReturnStmt))
		reprint(reading, &castNode(ReturnStmt, stmt->sql_body)->returnval, false);
	else if (stmt->sql_body)
		reprint_statements(reading, linitial_node(List, castNode(List, stmt->sql_body)));
}

/* In the tree of a statement, put what the server prints of each expression in its place. */
static void
reprint_statement(Reading *reading, Node *stmt)
{
	ListCell   *cell;

	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			foreach(cell, ((AlterTableStmt *) stmt)->cmds)
				reprint_constraint(reading, lfirst_node(AlterTableCmd, cell)->def);
			break;
		case T_AlterDomainStmt:
			reprint_constraint(reading, ((AlterDomainStmt *) stmt)->def);
			break;
		case T_IndexStmt:
			reprint_elements(reading, ((IndexStmt *) stmt)->indexParams);
			reprint(reading, &((IndexStmt *) stmt)->whereClause, true);
			break;
		case T_CreateStatsStmt:
			reprint_elements(reading, ((CreateStatsStmt *) stmt)->exprs);
			break;
		case T_CreateTrigStmt:
			reprint(reading, &((CreateTrigStmt *) stmt)->whenClause, false);
			break;
		case T_CreateStmt:
			if (((CreateStmt *) stmt)->partspec)
				reprint_elements(reading, ((CreateStmt *) stmt)->partspec->partParams);
			break;
		case T_CreateFunctionStmt:
			reprint_function(reading, (CreateFunctionStmt *) stmt);
			break;
		case T_RuleStmt:
			reprint(reading, &((RuleStmt *) stmt)->whereClause, false);
			reprint_statements(reading, ((RuleStmt *) stmt)->actions);
			break;
		default:
			break;
	}
}

/* ---- properties ---- */

/* What stands before a value to make a statement of it; NULL: it is no such text. */
static const char *
statement_before(const Reading *reading, const char *key)
{
	if (strcmp(key, "query") == 0)
		return "";
	if (strcmp(key, "default") == 0 || strcmp(key, "generated stored") == 0 || strcmp(key, "generated virtual") == 0 ||
		strcmp(key, "using") == 0 || strcmp(key, "with check") == 0 || strcmp(key, "where") == 0)
		return "SELECT ";
	if (strcmp(key, "arguments") == 0)
		return "CREATE PROCEDURE x (";
	/* Others' bodies are what they are. */
	if (strcmp(key, "body") == 0 && OidIsValid(reading->function))
		return "CREATE FUNCTION x () RETURNS void ";
	if (strcmp(key, "partition by") == 0)
		return "CREATE TABLE x () PARTITION BY ";
	return NULL;
}

static const char *
definition_before(const Reading *reading, Oid class_id)
{
	if (class_id != ConstraintRelationId)
		return "";
	return OidIsValid(reading->domain) ? "ALTER DOMAIN x ADD " : "ALTER TABLE x ADD ";
}

/* The expression that is selected, or NULL: an imported text may be anything. */
static Node *
selected(Node *stmt)
{
	const SelectStmt *select = castNode(SelectStmt, stmt);

	return list_length(select->targetList) == 1 ? linitial_node(ResTarget, select->targetList)->val : NULL;
}

/* One form of a value for both texts that mean the same. */
static Node *
canonical(const Reading *names, Oid class_id, const char *key, const char *value)
{
	Reading		reading = *names;
	const char *before = strcmp(key, "definition") == 0 ? definition_before(names, class_id) : statement_before(names, key);
	Node	   *stmt;
	List	   *parsed;

	if (before == NULL)
		return NULL;
	initStringInfo(&reading.seen);
	reading.source = psprintf("%s%s%s", before, value, strcmp(key, "arguments") == 0 ? ")" : "");
	parsed = raw_parser(reading.source, RAW_PARSE_DEFAULT);
	if (list_length(parsed) != 1)
		return NULL;
	stmt = linitial_node(RawStmt, parsed)->stmt;
	if (strcmp(before, "SELECT ") == 0)
	{
		Node	   *expression = selected(stmt);

		if (expression == NULL)
			return NULL;
		stmt = (Node *) makeString(print_expression(&reading, expression, strcmp(key, "default") != 0));
	}
	else if (*key == 'q')
		stmt = (Node *) makeString(print_query(&reading, stmt));
	else
		reprint_statement(&reading, stmt);
	return (Node *) list_make2(stmt, makeString(reading.seen.data));
}

/* A line with those below it that belong to it; returns the key, without what it is indented by. */
static char *
next_property(const char **text, char **value)
{
	const char *start = *text + strspn(*text, " ");
	const char *colon = strchr(start, ':');
	const char *end = colon;

	if (colon == NULL)
		return NULL;
	do
	{
		const char *newline = strchr(end, '\n');

		end = newline ? newline + 1 : end + strlen(end);
	} while (*end == '\n' || strncmp(end, "    ", 4) == 0);
	*value = pnstrdup(colon + 1, end - colon - 1);
	*text = end;
	return pnstrdup(start, colon - start);
}

static bool
same_text(const Reading *names, Oid class_id, const char *a, const char *b)
{
	while (*a && *b)
	{
		char	   *value_a;
		char	   *value_b;
		char	   *key_a = next_property(&a, &value_a);
		char	   *key_b = next_property(&b, &value_b);
		Node	   *canonical_a;

		if (key_a == NULL || key_b == NULL || strcmp(key_a, key_b) != 0)
			return false;
		if (strcmp(value_a, value_b) == 0)
			continue;
		canonical_a = canonical(names, class_id, key_a, value_a);
		if (canonical_a == NULL || !equal(canonical_a, canonical(names, class_id, key_b, value_b)))
			return false;
	}
	return *a == *b;
}

/* ---- objects ---- */

/* One that the server has parsed. */
static bool
has_sql_body(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		isnull = true;

	if (HeapTupleIsValid(tuple))
	{
		(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
		ReleaseSysCache(tuple);
	}
	return !isnull;
}

static Reading
names_of(const SchemaObject *object)
{
	const ObjectAddress *address = &object->address;
	const SchemaClass *class = schema_class(address->classId);
	Reading		reading = {0};
	ObjectAddress whole = *address;
	CatalogScan scan;

	if (class->part_of || class == &class_publication_relations)
	{
		catalog_scan(&scan, class->class_id, class->index_id, 1, address->objectId);
		while (catalog_next(&scan))
		{
			if (class->part_of)
				whole = class->part_of(&scan.row);
			if (!OidIsValid(whole.objectId))
				whole = *address;
			if (class == &class_publication_relations)
				reading.relation = field_oid(&scan.row, "prrelid");
		}
	}
	if (class == &class_routines && has_sql_body(address->objectId))
		reading.function = address->objectId;
	if (whole.classId == RelationRelationId)
		reading.relation = whole.objectId;
	else if (whole.classId == TypeRelationId)
		reading.domain = whole.objectId;
	return reading;
}

typedef struct Sameness
{
	const SchemaObject *object;
	const List *parts;
	bool		same;
} Sameness;

static void
compare_parts(void *arg)
{
	Sameness   *sameness = arg;
	const ObjectAddress *address = &sameness->object->address;
	Reading		names;
	ListCell   *cell;

	schema_wait_for_no_lock();
	names = names_of(sameness->object);
	foreach(cell, sameness->object->parts)
	{
		const SchemaPart *part = lfirst(cell);
		const StoredPart *stored = mig_state_part(sameness->parts, part->kind, part->name);

		if (stored == NULL ||
			(strcmp(stored->text, part->text) != 0 && !same_text(&names, address->classId, stored->text, part->text)))
			return;
	}
	sameness->same = true;
}

bool
mig_reparse_same(const SchemaObject *object, const List *parts)
{
	Sameness	sameness = {object, parts, false};
	LedgerScope scope;
	ErrorData  *error;

	if (list_length(object->parts) != list_length(parts))
		return false;
	ledger_enter(&scope);
	schema_pin_settings();
	error = mig_attempt(compare_parts, &sameness, false);
	ledger_leave(&scope);
	/* What the server cannot read is not the same as what is there. */
	return error == NULL && sameness.same;
}
