/*
 * added.c
 *		Whether a constraint that a statement adds can be the one that differs, or have
 *		brought the index that does.
 */
#include "postgres.h"

#include "common/identity.h"
#include "schema/alters.h"

/* Has a key, or what it refers from, these columns?  They are all named then. */
static bool
has_columns(const Drift *drift, const List *columns)
{
	const ListCell *cell;

	foreach(cell, columns)
		if (!mig_differs_has_name(drift->differing, strVal(lfirst(cell))))
			return false;
	return true;
}

/* What a constraint is printed as begins with its kind. */
bool
mig_added_is_of_kind(const Constraint *constraint, const Drift *drift)
{
	const char *definition = mig_behind_word(drift->actual ? drift->actual : drift->expected, "definition: ");
	bool		index = DRIFT_IS_A(drift, "index");

	switch (constraint->contype)
	{
		case CONSTR_CHECK:
			return !index && definition && mig_begins_with(definition, "CHECK ");
		case CONSTR_FOREIGN:
			return !index && definition && mig_begins_with(definition, "FOREIGN KEY ") && has_columns(drift, constraint->fk_attrs);
		case CONSTR_PRIMARY:
			return (index || (definition && mig_begins_with(definition, "PRIMARY KEY "))) && has_columns(drift, constraint->keys);
		case CONSTR_UNIQUE:
			return (index || (definition && mig_begins_with(definition, "UNIQUE "))) && has_columns(drift, constraint->keys);
		case CONSTR_EXCLUSION:
			return index || (definition && mig_begins_with(definition, "EXCLUDE "));
		default:
			return !index;
	}
}

static bool
is_object(const Constraint *constraint)
{
	switch (constraint->contype)
	{
		case CONSTR_CHECK:
		case CONSTR_PRIMARY:
		case CONSTR_UNIQUE:
		case CONSTR_EXCLUSION:
		case CONSTR_FOREIGN:
			return true;
		default:
			return false;
	}
}

/* Called so, or, without a name of its own, of the kind of what differs. */
static bool
may_be_constraint(const Constraint *constraint, const Drift *drift)
{
	return constraint->conname ? mig_differs_has_name(drift->identity, constraint->conname) : mig_added_is_of_kind(constraint, drift);
}

/* Of a column, which its constraints do not name. */
static bool
makes_of_column(const ColumnDef *column, const Drift *drift)
{
	ListCell   *cell;

	if (!mig_differs_has_name(drift->differing, column->colname))
		return false;
	foreach(cell, column->constraints)
	{
		const Constraint *constraint = lfirst_node(Constraint, cell);

		if (is_object(constraint) && may_be_constraint(constraint, drift))
			return true;
	}
	return false;
}

bool
mig_added_may_be(const Node *element, const Drift *drift)
{
	if (IsA(element, ColumnDef))
		return makes_of_column((const ColumnDef *) element, drift);
	return !IsA(element, Constraint) || may_be_constraint((const Constraint *) element, drift);
}
