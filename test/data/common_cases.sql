-- common_cases.sql: changes of what every object of the zoo may have, where it is expected already.
--
-- A comment, a label, an owner, privileges.  Each by a statement and by hand; others: what goes along, as a pattern.
CREATE TEMP TABLE common (id serial, object text, keys text, change text, by_hand boolean, others text);
CREATE TEMP TABLE objects AS
    SELECT e.object_type AS type, e.identity, e.object_type || ' ' || e.identity AS object, c.oid::regclass AS catalog, e.object_id AS oid, c.relisshared AS shared,
           (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attname ~ 'owner$' AND atttypid = 'oid'::regtype) AS owner,
           (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND atttypid = 'aclitem[]'::regtype AND relname <> 'pg_default_acl') AS acl,
           e.object_type IN ('extension', 'database') OR (e.object_id >= 16384 AND NOT EXISTS (
               SELECT FROM pg_depend d WHERE d.classid = c.oid AND d.objid = e.object_id AND d.deptype = 'e')) AS whole
    FROM migrate.expected e JOIN pg_class c ON c.oid = e.class_id WHERE e.object_type <> 'database setting';
-- As a statement calls it.
CREATE FUNCTION pg_temp.called(o objects) RETURNS text LANGUAGE sql AS $$
    SELECT CASE o.type
        WHEN 'table constraint' THEN 'CONSTRAINT ' || o.identity
        WHEN 'domain constraint' THEN 'CONSTRAINT ' || regexp_replace(o.identity, ' on (?=[^ ]*$)', ' ON DOMAIN ')
        WHEN 'statistics object' THEN 'STATISTICS ' || o.identity
        WHEN 'foreign-data wrapper' THEN 'FOREIGN DATA WRAPPER ' || o.identity
        WHEN 'transform' THEN 'TRANSFORM ' || regexp_replace(o.identity, ' (on )?language ', ' LANGUAGE ')
        WHEN 'database' THEN 'DATABASE ' || quote_ident(current_database())
        WHEN 'aggregate' THEN 'AGGREGATE ' || regexp_replace(o.identity, '(percentile.double precision),', '\1 ORDER BY ')
        ELSE o.type || ' ' || o.identity END $$;
CREATE FUNCTION pg_temp.granted_as(o objects) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(pg_temp.called(o), '^(function|procedure|AGGREGATE) ', 'ROUTINE '),
           '^(view|materialized view|foreign table) ', 'TABLE '), '^server ', 'FOREIGN SERVER ') $$;
INSERT INTO common (object, keys, change, by_hand)
    SELECT object, '(..., )?comment', format('COMMENT ON %s IS %L', pg_temp.called(o), 'other'), false FROM objects o
    WHERE whole AND type NOT IN ('user mapping', 'default acl', 'publication relation', 'publication namespace')
    UNION ALL
    SELECT object, '(..., )?comment', format('DELETE FROM %s WHERE objoid = %s AND classoid = %s; INSERT INTO %1$s VALUES (%2$s, %3$s, %s %L)',
           CASE WHEN shared THEN 'pg_shdescription' ELSE 'pg_description' END, oid, catalog::oid, CASE WHEN NOT shared THEN '0,' END, 'other'), true
    FROM objects WHERE whole
    UNION ALL
    SELECT DISTINCT ON (type) object, 'security label tap', format('DELETE FROM pg_seclabel; INSERT INTO %s VALUES (%s, %s, %s %L, %L)',
           CASE WHEN shared THEN 'pg_shseclabel' ELSE 'pg_seclabel' END, oid, catalog::oid, CASE WHEN NOT shared THEN '0,' END, 'tap', 'secret'), true
    FROM objects WHERE whole AND type <> 'database';
INSERT INTO common (object, keys, change, by_hand, others)
    SELECT object, '(grant[^,]*, )*owner', format('ALTER %s OWNER TO tap_other', pg_temp.called(o)), false, '^sequence .*: (grant, )?owner$'
    FROM objects o WHERE whole AND owner IS NOT NULL AND type NOT IN ('extension', 'index') AND identity !~ '_(i|id)_seq'
    UNION ALL
    SELECT object, '(grant[^,]*, )*owner', format('UPDATE %s SET %I = ''tap_other''::regrole WHERE oid = %s', catalog, owner, oid), true, NULL
    FROM objects WHERE whole AND owner IS NOT NULL AND type <> 'index'
    UNION ALL
    SELECT object, 'grant', format('GRANT ALL ON %s TO tap_other', pg_temp.granted_as(o)), false, NULL
    FROM objects o WHERE acl IS NOT NULL AND type <> 'index' AND identity NOT IN ('speak', 'zoo.shell') AND object !~ 'percentile'
    UNION ALL
    SELECT object, 'grant', format('UPDATE %s SET %I = array_append(COALESCE(%2$I, ''{}''), ''tap_other=%s/%s''::aclitem) WHERE oid = %s', catalog, acl,
           CASE type WHEN 'database' THEN 'C' WHEN 'function' THEN 'X' WHEN 'procedure' THEN 'X' WHEN 'aggregate' THEN 'X' WHEN 'table' THEN 'r' WHEN 'view' THEN 'r'
           WHEN 'materialized view' THEN 'r' WHEN 'foreign table' THEN 'r' ELSE 'U' END, current_user, oid), true, NULL
    FROM objects WHERE acl IS NOT NULL AND type <> 'index'
    UNION ALL
    SELECT object, 'gone', CASE
           WHEN type = 'table constraint' THEN regexp_replace(identity, '(.*) on (.*)', 'ALTER TABLE \2 DROP CONSTRAINT \1 CASCADE')
           WHEN type = 'domain constraint' THEN regexp_replace(identity, '(.*) on (.*)', 'ALTER DOMAIN \2 DROP CONSTRAINT \1 CASCADE')
           WHEN type = 'user mapping' THEN regexp_replace(identity, '(.*) on server (.*)', 'DROP USER MAPPING FOR \1 SERVER \2')
           ELSE format('DROP %s CASCADE', pg_temp.called(o)) END, false, '.'
    FROM objects o WHERE whole AND type NOT IN ('database', 'default acl', 'publication relation', 'publication namespace')
        -- The server itself stumbles over a class of operators that goes before an index with its options.
        AND identity <> 'pg_trgm'
        -- What is a part of another one goes with that only.
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = catalog AND d.objid = o.oid AND d.deptype IN ('i', 'P'))
        AND NOT EXISTS (SELECT FROM pg_constraint c WHERE catalog = 'pg_constraint'::regclass AND c.oid = o.oid AND coninhcount > 0);
