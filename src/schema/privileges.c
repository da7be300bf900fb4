/*
 * privileges.c
 *		Access control lists as lines: a set, whatever the order of the grants.
 */
#include "postgres.h"

#include "catalog/pg_init_privs.h"
#include "schema/properties.h"
#include "schema/schema_private.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* Each privilege's bit and its word in a GRANT. */
static const struct
{
	AclMode		bit;
	const char *word;
}			words[] =
{
	{ACL_SELECT, "SELECT"}, {ACL_INSERT, "INSERT"}, {ACL_UPDATE, "UPDATE"}, {ACL_DELETE, "DELETE"},
	{ACL_TRUNCATE, "TRUNCATE"}, {ACL_REFERENCES, "REFERENCES"}, {ACL_TRIGGER, "TRIGGER"},
	{ACL_EXECUTE, "EXECUTE"}, {ACL_USAGE, "USAGE"}, {ACL_CREATE, "CREATE"}, {ACL_CREATE_TEMP, "TEMPORARY"},
	{ACL_CONNECT, "CONNECT"}, {ACL_SET, "SET"}, {ACL_ALTER_SYSTEM, "ALTER SYSTEM"}, {ACL_MAINTAIN, "MAINTAIN"}
};

/* All of several are "ALL", which is one more on a newer server. */
static char *
words_of(AclMode mode, AclMode all)
{
	List	   *list = NIL;

	if (mode == all && (all & (all - 1)) != 0)
		return "ALL";
	for (int i = 0; i < lengthof(words); i++)
		if (mode & words[i].bit)
			list = lappend(list, (char *) words[i].word);
	return joined(list, ", ");
}

static List *
add_grant(List *grants, const AclItem *item, AclMode mode, bool option, Oid owner, AclMode all)
{
	StringInfoData text;

	if (mode == 0)
		return grants;
	initStringInfo(&text);
	appendStringInfo(&text, "%s %s%s", role_of(item->ai_grantee), words_of(mode, all),
					 option ? " with grant option" : "");
	if (item->ai_grantor != owner)
		appendStringInfo(&text, " by %s", role_of(item->ai_grantor));
	return lappend(grants, text.data);
}

/* One line for what one role has from another, with and without grant option. */
static List *
grants_of(const Acl *acl, Oid owner, AclMode all)
{
	List	   *grants = NIL;

	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		const AclItem *item = &ACL_DAT(acl)[i];
		AclMode		options = ACLITEM_GET_GOPTIONS(*item);
		AclMode		rights = ACLITEM_GET_PRIVS(*item);

		grants = add_grant(grants, item, rights & ~options, false, owner, all);
		grants = add_grant(grants, item, options, true, owner, all);
	}
	return sorted(grants);
}

/* The whole set that an object of this type can grant. */
static AclMode
all_of(ObjectType type, Oid owner)
{
	const Acl  *acl;

	if (type == OBJECT_COLUMN)
		return ACL_ALL_RIGHTS_COLUMN;
	acl = acldefault(type, owner);
	for (int i = 0; i < ACL_NUM(acl); i++)
		if (ACL_DAT(acl)[i].ai_grantee == owner)
			return ACLITEM_GET_PRIVS(ACL_DAT(acl)[i]);
	return 0;
}

static void
put_grants_of(Description *d, const List *grants, const char *key)
{
	ListCell   *cell;

	if (grants == NIL)
		put_line(d, key, "nobody");
	foreach(cell, grants)
		put_line(d, key, lfirst(cell));
}

void
put_grants(Description *d, const Acl *acl, ObjectType type)
{
	put_grants_of(d, grants_of(acl, d->owner, all_of(type, d->owner)), "grant");
}

static const Acl *
acl_of(const CatalogRow *row, const char *column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? NULL : DatumGetAclP(value);
}

/* Are two ACLs the same set?  aclequal() compares their order, too. */
static bool
same_grants(List *a, List *b)
{
	ListCell   *cell;
	ListCell   *other;

	if (list_length(a) != list_length(b))
		return false;
	forboth(cell, a, other, b)
		if (strcmp(lfirst(cell), lfirst(other)) != 0)
			return false;
	return true;
}

static void
put_if_other(Description *d, const char *kind, const char *name, const char *key,
			 const Acl *acl, const Acl *usual, ObjectType type)
{
	AclMode		all = all_of(type, d->owner);
	List	   *grants = grants_of(acl, d->owner, all);

	if (same_grants(grants, grants_of(usual, d->owner, all)))
		return;
	put_part(d, kind, name);
	put_grants_of(d, grants, key);
}

void
put_privileges(Description *d, const char *kind, const char *name, const CatalogRow *row,
			   const char *column, ObjectType type)
{
	const Acl  *acl = acl_of(row, column);

	if (acl)
		put_if_other(d, kind, name, type == OBJECT_COLUMN ? "  grant" : "grant", acl, acldefault(type, d->owner), type);
}

const char *
mig_schema_usual_privileges(const char *object_type, bool everybody)
{
	static const struct
	{
		const char *object_type;
		const char *owner;
		const char *everybody;
	}			usual[] =
	{
		{"function", "EXECUTE", "EXECUTE"}, {"procedure", "EXECUTE", "EXECUTE"}, {"aggregate", "EXECUTE", "EXECUTE"},
		{"type", "USAGE", "USAGE"}, {"language", "USAGE", "USAGE"}, {"database", "ALL", "TEMPORARY, CONNECT"},
		{"foreign-data wrapper", "USAGE", NULL}, {"server", "USAGE", NULL}
	};

	for (int i = 0; i < lengthof(usual); i++)
		if (strcmp(object_type, usual[i].object_type) == 0)
			return everybody ? usual[i].everybody : usual[i].owner;
	return everybody ? NULL : "ALL";
}

/* The privileges an object was made with by initdb or its extension, or NULL. */
static const Acl *
initial_acl(const ObjectAddress *address, int subid)
{
	CatalogScan scan;
	const Acl  *acl = NULL;

	catalog_scan2(&scan, InitPrivsRelationId, InitPrivsObjIndexId, Anum_pg_init_privs_objoid, address->objectId,
				  Anum_pg_init_privs_classoid, address->classId);
	while (catalog_next(&scan))
		if (field_int(&scan.row, "objsubid", 0) == subid)
			acl = DatumGetAclPCopy(PointerGetDatum(acl_of(&scan.row, "initprivs")));
	return acl;
}

void
put_changed_privileges(Description *d, int subid, const char *name, const CatalogRow *row,
					   const char *column, ObjectType type)
{
	const Acl  *acl = acl_of(row, column);
	const Acl  *usual;

	if (acl == NULL)
		return;
	usual = initial_acl(&d->object->address, subid);
	put_if_other(d, subid ? "column privileges" : "privileges", name,
				 subid ? psprintf("grant on %s", quote_identifier(name)) : "grant",
				 acl, usual ? usual : acldefault(type, d->owner), type);
}
