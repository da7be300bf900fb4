/*
 * schema_private.h
 *		What the files of this room share: rows of catalogs, and describing an
 *		object from them.
 *
 * The catalogs are read as they are now, like the server's deparsing functions
 * do it, whatever snapshot the caller has: one snapshot for both there is not.
 */
#ifndef MIG_SCHEMA_PRIVATE_H
#define MIG_SCHEMA_PRIVATE_H

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/objectaddress.h"
#include "common/compat.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "schema/schema.h"
#include "utils/hsearch.h"
#include "utils/rel.h"

/* ---- rows of catalogs (catalog.c) ---- */

typedef struct CatalogRow
{
	TupleDesc	desc;
	HeapTuple	tuple;
} CatalogRow;

/*
 * Fields by their names: a server that has no such column has NULL in it, and
 * one that keeps it in another width has the same number.
 */
extern Datum field(const CatalogRow *row, const char *column, bool *isnull);
extern Oid	field_oid(const CatalogRow *row, const char *column);
extern bool field_bool(const CatalogRow *row, const char *column);
extern char field_char(const CatalogRow *row, const char *column);
extern int	field_int(const CatalogRow *row, const char *column, int otherwise);
extern float4 field_float(const CatalogRow *row, const char *column);
extern const char *field_name(const CatalogRow *row, const char *column);
extern char *field_text(const CatalogRow *row, const char *column); /* or NULL */

/* A name that may be NULL: in damaged catalogs, or in those that change just now, what is mentioned may be gone. */
extern char *there(char *name);

/* The elements of an array of oids, of names or of texts. */
extern List *field_oids(const CatalogRow *row, const char *column);
extern List *field_texts(const CatalogRow *row, const char *column);

/* A scan, mostly by an index on one or two oids; it ends with the call of next that returns false. */
typedef struct CatalogScan
{
	CatalogRow	row;
	Relation	catalog;
	SysScanDesc scan;			/* NULL: one row at most, of the cache */
	HeapTuple	cached;
} CatalogScan;

extern void catalog_scan(CatalogScan *scan, Oid catalog, Oid index, AttrNumber column, Oid value);
extern void catalog_scan2(CatalogScan *scan, Oid catalog, Oid index, AttrNumber column1, Oid value1,
						  AttrNumber column2, Oid value2);
extern void catalog_find(CatalogScan *scan, Oid catalog, Oid index, Oid object_id);
extern void catalog_scan_all(CatalogScan *scan, Oid catalog);
extern bool catalog_next(CatalogScan *scan);
extern void catalog_end(CatalogScan *scan);

/* ---- what few objects have (marks.c) ---- */

typedef struct Marks Marks;

#define MARK_REMARK					1	/* a comment or label, of it or of a column */
#define MARK_DEPENDS_ON_EXTENSION	2
#define MARK_CHILD					4	/* it inherits, or is a partition */
#define MARK_TOAST_OPTIONS			8	/* of a TOAST table */

/* Read them; for whoever does not, NULL, each object is looked at. */
extern Marks *marks_read(void);
extern bool may_have_mark(const Marks *marks, const ObjectAddress *address, int mark);
extern Oid	table_of_index(const Marks *marks, Oid index);
extern HTAB *marks_operator_classes(const Marks *marks);
extern Oid	extension_of(const Marks *marks, const ObjectAddress *address);

/* ---- how things are called (names.c) ---- */

/* The identity of an object, NULL for no object. */
extern char *identity_of(Oid class_id, Oid object_id);
extern char *role_of(Oid role);	/* PUBLIC for none */
extern char *tablespace_of(Oid tablespace);
extern char *type_of(Oid type, int32 typmod);
extern char *joined(const List *texts, const char *separator);
extern List *sorted(List *texts);

/* What a function like pg_get_viewdef() returns, or NULL. */
extern char *deparse(PGFunction function, Oid object_id);

/* The value of a setting that is stored with its name. */
extern char *setting_text(const char *stored, char **name);

/* The expression in a field, or NULL. */
extern char *field_expression(const CatalogRow *row, const char *column, Oid relation);

/* ---- an object in the making (description.c) ---- */

typedef struct Description
{
	SchemaObject *object;
	CatalogRow	row;			/* of the object's catalog */
	const Marks *marks;			/* or NULL */
	SchemaPart *part;			/* being written */
	StringInfoData text;		/* of it */
	List	   *remarks;		/* of Remark: comments and labels of it and its columns */
	Oid			owner;			/* or invalid */
	ObjectType	acl_type;
} Description;

/* What follows belongs to another part; a part without a line is none. */
extern void put_part(Description *d, const char *kind, const char *name);

/* A line, none for a NULL; the lines of a value behind its first are indented. */
extern void put_line(Description *d, const char *key, const char *value);
extern void put_flag(Description *d, const char *key, bool shown);

/* A line for the key alone, and below it the value's, indented. */
extern void put_block(Description *d, const char *key, const char *value);

extern void description_begin(Description *d, SchemaObject *object);
extern void description_end(Description *d);

/* ---- what every object may have (remarks.c, privileges.c) ---- */

/* Read those of the object, or what has its columns. */
extern void remarks_read(Description *d, Oid class_id, Oid object_id);

/* Comment and labels of the object itself (0) or of one of its columns, a part each. */
extern void put_remarks(Description *d, int column, const char *name);

/* The privileges in an ACL, where they are not the default. */
extern void put_privileges(Description *d, const char *kind, const char *name, const CatalogRow *row,
					   const char *column, ObjectType type);

/* Those of an object that is not the user's, where they are not as they were made. */
extern void put_changed_privileges(Description *d, int subid, const char *name, const CatalogRow *row,
							   const char *column, ObjectType type);
extern void put_grants(Description *d, const Acl *acl, ObjectType type);

/* Options, sorted; of those that are secret, or of all, the names alone. */
extern char *options_text(const CatalogRow *row, const char *column, bool names_only);

/* Pin what deparsed text depends on, inside of a ledger scope. */
extern void schema_pin_settings(void);

/* In a subtransaction that is rolled back: an object that is locked is not waited for. */
extern void schema_wait_for_no_lock(void);

/* ---- classes of objects (a file for each group) ---- */

typedef struct SchemaClass
{
	Oid			class_id;
	Oid			index_id;		/* on its oid */
	const char *namespace;		/* columns, or NULL */
	const char *owner;
	const char *acl;
	ObjectType	acl_type;
	bool		(*has_row) (const CatalogRow *row); /* NULL: all have */
	ObjectAddress (*part_of) (const CatalogRow *row);	/* NULL: each is on its own */
	void		(*describe) (Description *d);
} SchemaClass;

extern const SchemaClass *const schema_classes[];
extern const int schema_nclasses;
extern const SchemaClass *schema_class(Oid class_id);

extern const SchemaClass class_access_methods, class_casts, class_collations, class_constraints,
			class_conversions, class_databases, class_default_acls, class_event_triggers, class_extensions,
			class_foreign_data_wrappers, class_foreign_servers, class_languages, class_operator_classes,
			class_operator_families, class_operators, class_policies, class_publication_relations,
			class_publication_schemas, class_publications, class_relations, class_routines, class_rules,
			class_schemas, class_settings, class_statistics, class_subscriptions,
			class_text_search_configurations, class_text_search_dictionaries, class_text_search_parsers,
			class_text_search_templates, class_transforms, class_triggers, class_types, class_user_mappings;

/* Parts of relations. */
#define COLUMN_ORDER "column order" /* of two or more */
extern void describe_columns(Description *d, Oid relation);
extern void describe_index(Description *d);

/* Of a row of pg_class and one of pg_index; NULL: it has what is left to the server (index_text.c). */
extern char *index_text(HTAB *operator_classes, const CatalogRow *row, HeapTuple tuple);
extern HTAB *operator_classes_create(void);
extern void put_changed_columns(Description *d);
extern void put_row_security(Description *d);

extern bool schema_makes_range(Oid class_id, Oid object_id);

/* ---- whose it is (scope.c) ---- */

typedef enum SchemaScope
{
	SCOPE_NONE,					/* not shown */
	SCOPE_PRIVILEGES,			/* of the server or an extension: what was granted since */
	SCOPE_ALL
} SchemaScope;

/* relation: of which it is known to be a part, or invalid. */
extern SchemaScope schema_scope(const SchemaClass *class, const CatalogRow *row, Oid relation, const Marks *marks);
extern bool is_ours(Oid class_id, Oid object_id);

/* The object in whose description this one is. */
extern ObjectAddress schema_shown_by(ObjectAddress address);

#endif							/* MIG_SCHEMA_PRIVATE_H */
