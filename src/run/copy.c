/*
 * copy.c
 *		COPY ... FROM stdin with the data that follows it in the text.
 *
 * The server's DoCopy reads from the client only, so what it checks before it
 * copies is asked for here in the same order: WHERE, INSERT on the columns and
 * SELECT on those of WHERE, row security, read-only transactions.  The copying
 * itself is the server's.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "commands/copy.h"
#include "common/compat.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "run/run.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

/* What is left to read; COPY's callback has no argument of its own. */
static const char *data_at;
static int	data_left;

static int
read_data(void *buffer, int least, int most)
{
	int			n = Min(most, data_left);

	memcpy(buffer, data_at, n);
	data_at += n;
	data_left -= n;
	return n;
}

/* Columns that get a value from the data. */
static Bitmapset *
target_columns(Relation relation, List *names)
{
	Bitmapset  *columns = NULL;
	ListCell   *cell;

	foreach(cell, names)
	{
		AttrNumber	number = get_attnum(RelationGetRelid(relation), strVal(lfirst(cell)));

		/* COPY itself complains about a name that is no column. */
		if (number != InvalidAttrNumber)
			columns = bms_add_member(columns, number - FirstLowInvalidHeapAttributeNumber);
	}
	for (int i = 0; names == NIL && i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (!attribute->attisdropped && !attribute->attgenerated)
			columns = bms_add_member(columns, attribute->attnum - FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

/* What is generated is not computed yet when WHERE is asked. */
static void
refuse_generated_columns(Relation relation, Node *where)
{
	TupleDesc	columns = RelationGetDescr(relation);
	Bitmapset  *used = NULL;
	bool		whole_row;

	pull_varattnos(where, 1, &used);
	whole_row = bms_is_member(InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber, used);
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);

		if (attribute->attgenerated &&
			(whole_row || bms_is_member(attribute->attnum - FirstLowInvalidHeapAttributeNumber, used)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("generated columns are not supported in COPY FROM WHERE conditions"),
					 errdetail("Column \"%s\" is a generated column.", NameStr(attribute->attname))));
	}
}

/* The WHERE clause as COPY wants it: an implicitly ANDed list. */
static Node *
where_clause(ParseState *pstate, ParseNamespaceItem *item, Relation relation, Node *raw)
{
	Node	   *clause;

	if (raw == NULL)
		return NULL;
	addNSItemToQuery(pstate, item, false, true, true);
	clause = transformExpr(pstate, copyObject(raw), EXPR_KIND_COPY_WHERE);
	clause = coerce_to_boolean(pstate, clause, "WHERE");
	assign_expr_collations(pstate, clause);
	refuse_generated_columns(relation, clause);
	clause = eval_const_expressions(NULL, clause);
	clause = (Node *) canonicalize_qual((Expr *) clause, false);
	return (Node *) make_ands_implicit((Expr *) clause);
}

static void
refuse_row_security(Relation relation)
{
	if (check_enable_rls(RelationGetRelid(relation), InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY FROM not supported with row-level security"),
				 errhint("Use INSERT statements instead.")));
}

/* The options of the statement, but for the encoding: a stored text is in the database's. */
static List *
copy_options(const CopyStmt *copy)
{
	List	   *options = NIL;
	ListCell   *cell;

	foreach(cell, copy->options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, "encoding") != 0)
			options = lappend(options, lfirst(cell));
	return lappend(options, makeDefElem("encoding", (Node *) makeString(pstrdup(GetDatabaseEncodingName())), -1));
}

static uint64
copy_into(ParseState *pstate, Relation relation, ParseNamespaceItem *item,
		  const CopyStmt *copy)
{
	Node	   *where;
	CopyFromState state;
	uint64		rows;

	mig_need_insert_permission(item, target_columns(relation, copy->attlist));
	where = where_clause(pstate, item, relation, copy->whereClause);
	mig_check_needed_permissions(pstate, item);
	refuse_row_security(relation);
	if (XactReadOnly && !relation->rd_islocaltemp)
		PreventCommandIfReadOnly("COPY FROM");
	state = BeginCopyFrom(pstate, relation, where, NULL, false, read_data, copy->attlist, copy_options(copy));
	rows = CopyFrom(state);
	EndCopyFrom(state);
	return rows;
}

/* Run it; stmt->copy_data is the data. */
uint64
mig_copy_data(const ScriptStatement *stmt)
{
	const CopyStmt *copy = castNode(CopyStmt, stmt->raw->stmt);
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Relation	relation;
	uint64		rows;

	pstate->p_sourcetext = stmt->sql;
	data_at = stmt->copy_data;
	data_left = stmt->copy_length;
	PushActiveSnapshot(GetTransactionSnapshot());
	relation = table_openrv(copy->relation, RowExclusiveLock);
	item = addRangeTableEntryForRelation(pstate, relation, RowExclusiveLock, NULL, false, false);
	rows = copy_into(pstate, relation, item, copy);
	table_close(relation, NoLock);
	PopActiveSnapshot();
	free_parsestate(pstate);
	return rows;
}
