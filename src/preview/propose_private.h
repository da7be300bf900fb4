/*
 * propose_private.h
 *		What the files of a proposal share: properties of definitions, names, and
 *		the classes of objects.
 */
#ifndef MIG_PROPOSE_PRIVATE_H
#define MIG_PROPOSE_PRIVATE_H

#include "common/compat.h"
#include "ledger/expected.h"
#include "preview/propose.h"
#include "schema/properties.h"

/* ---- definitions (properties.c) ---- */

/* NULL for a part, a property or a whole object that is not there. */
extern const StoredPart *find_part(const ObjectState *state, const char *kind, const char *name);
extern List *properties_of(const StoredPart *part);
extern char *value_of(const StoredPart *part, const char *key);
extern List *values_of(const StoredPart *part, const char *key);
extern bool same_parts(const StoredPart *a, const StoredPart *b);
extern bool same_value(const StoredPart *a, const StoredPart *b, const char *key);

/* Of the part "definition". */
extern char *defined(const ObjectState *state, const char *key);
extern char *needed(const ObjectState *state, const char *key);
extern bool same_defined(const ObjectState *a, const ObjectState *b, const char *key);

/* ---- the proposal (propose.c) ---- */

extern void put(Proposal *p, const char *format,...) pg_attribute_printf(2, 3);
extern void lose(Proposal *p, const char *format,...) pg_attribute_printf(2, 3);	/* data, a sentence */
extern void miss(Proposal *p, const char *format,...) pg_attribute_printf(2, 3);	/* the same of what is gone already */
extern void doubt(Proposal *p, const char *format,...) pg_attribute_printf(2, 3);	/* what of it is not known, a sentence */
pg_noreturn extern void cannot(const ObjectState *state, const char *format,...) pg_attribute_printf(2, 3);

/* What else is to be there, by type and identity, or NULL. */
extern const ObjectState *find_other(const Proposal *p, const char *object_type, const char *identity);

/* A comma and a blank between those that are not NULL. */
extern char *list_of(const char *first,...);

/* ---- names in identities (identity.c) ---- */

/* Length of the quoted or plain identifier that a text begins with. */
extern int	identifier_length(const char *text);

/* schema.name and what is behind it; without a schema that is NULL. */
extern void split_qualified(const char *identity, char **schema, char **name, char **rest);

extern void split_at(const char *text, const char *word, char **before, char **behind);

/* "name on whole". */
extern void split_on(const char *identity, char **name, char **whole);

/* A routine's name without its arguments, and the arguments. */
extern char *without_arguments(const char *identity);
extern char *arguments_of(const char *identity);

/* An operator's identity as OPERATOR(name). */
extern char *operator_name(const char *identity);

/* The last column of a qualified name, and the relation. */
extern void split_column(const char *identity, char **relation, char **column);

/* ---- what many objects have (grants.c, options.c) ---- */

/* From one list of lines of privileges to another, on what GRANT calls so; column: NULL, or whose. */
extern void change_grants(Proposal *p, const ObjectState *to, const char *on, const char *column,
						  const List *from, const List *to_lines);

/* What an object of this type has whose privileges are nowhere written. */
extern List *usual_grants(const char *object_type, const char *owner);

/* name=value, ... of a property: as in WITH (...); NULL for none. */
extern char *with_options(const char *options, const char *prefix);

/* Where what says nothing of it is. */
extern const char *tablespace_of_database(void);

/* ALTER ... SET (...) and RESET (...). */
extern void change_options(Proposal *p, const char *alter, const char *prefix, const char *from, const char *to);

/* The same for OPTIONS (...) of foreign objects; cannot() where a value is secret. */
extern char *foreign_options(const ObjectState *state, const char *options);
extern void lose_secrets(Proposal *p, const ObjectState *from, const char *options);
extern void change_foreign_options(Proposal *p, const ObjectState *to, const char *alter, const char *from, const char *to_options);

/* SET name TO value, which is as the catalogs have it. */
extern char *setting_clause(const char *name, const char *value);

/* ---- classes (a file for each group) ---- */

typedef struct ProposalClass
{
	const char *object_type;
	const char *keyword;		/* in ALTER, DROP and COMMENT ON */
	const char *grants_on;		/* in GRANT; NULL: no privileges */
	const char *rows;			/* what data goes with it, or NULL */

	/* How statements call it; NULL: by its identity. */
	char	   *(*name) (const char *identity);

	/* Make it, all but owner, privileges and remarks. */
	void		(*create) (Proposal *p, const ObjectState *to);

	/* Change the same; NULL: nothing but making it anew can. */
	void		(*change) (Proposal *p, const ObjectState *from, const ObjectState *to);

	/* NULL: DROP with keyword and name. */
	void		(*drop) (Proposal *p, const ObjectState *from);

	/* Its OPTIONS, whose secrets go with it; NULL: it has none. */
	char	   *(*options) (const ObjectState *from);
} ProposalClass;

extern const ProposalClass *const table_classes[];
extern const ProposalClass *const index_classes[];
extern const ProposalClass *const trigger_classes[];
extern const ProposalClass *const type_classes[];
extern const ProposalClass *const routine_classes[];
extern const ProposalClass *const operator_classes[];
extern const ProposalClass *const database_classes[];
extern const ProposalClass *const foreign_classes[];
extern const ProposalClass *const text_search_classes[];
extern const ProposalClass *const publication_classes[];

/* "name ON whole". */
extern char *name_on(const char *identity);

/* With its constraint, if it has one (indexes.c). */
extern void create_marked_index(Proposal *p, const ObjectState *to);

/* Columns of tables, views and composite types (columns.c). */
extern char *column_list(const ObjectState *state, const Proposal *p);
extern void set_columns(Proposal *p, const char *alter, const ObjectState *to);
extern void change_columns(Proposal *p, const char *alter, const ObjectState *from, const ObjectState *to);

/* Of a view: may it be replaced, once its columns are renamed? */
extern void rename_columns(Proposal *p, const char *alter, const ObjectState *from, const ObjectState *to);
extern bool columns_begin_alike(const ObjectState *from, const ObjectState *to);

/* Identity and owned sequences of a column (sequences.c). */
extern const ObjectState *identity_sequence(const Proposal *p, const ObjectState *table, const char *column);
extern char *sequence_options(const ObjectState *sequence, bool with_name);
extern void create_owned_sequences(Proposal *p, const ObjectState *table);
extern void own_sequences(Proposal *p, const ObjectState *table);

extern const ProposalClass sequence_class;

/* Owner, privileges, comments and labels (remarks.c). */
extern void change_remarks(Proposal *p, const ProposalClass *class, const char *name,
						   const ObjectState *from, const ObjectState *to);

#endif							/* MIG_PROPOSE_PRIVATE_H */
