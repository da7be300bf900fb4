-- 096_drift_cases.sql: each change of each property of each class of objects is found, and so is who made it.

\ir common.psql

CREATE ROLE zoo_owner;
CREATE ROLE zoo_reader;
CREATE ROLE "zoo Röle";
\ir ../data/zoo.sql
SET client_min_messages = error;
SELECT current_setting('server_version_num')::int / 10000 AS major \gset
CREATE TEMP TABLE cases (id serial, since integer, until integer, object text, keys text, change text, back text, others text[]);
\ir ../data/inventory_cases.sql
DELETE FROM cases WHERE NOT :'icu'::boolean AND (object || change) ~ 'german|unaccented|ruled';
DELETE FROM cases WHERE :major NOT BETWEEN since AND until;
UPDATE cases SET change = replace(change, ':db', quote_ident(current_database())), back = replace(back, ':db', quote_ident(current_database()));
-- By whom: a change of the catalogs themselves nobody has seen.
ALTER TABLE cases ADD by_hand boolean;
UPDATE cases SET by_hand = change ~ '^(UPDATE|DELETE)';

SELECT * FROM no_plan();
SELECT migrate.watch('test') \g /dev/null

CREATE TEMP TABLE before (last bigint);
-- What is adrift: changed with its keys, gone or new; as in the cases.
CREATE FUNCTION pg_temp.adrift() RETURNS TABLE (what text, explained boolean) LANGUAGE sql AS $$
    SELECT format('%s %s: %s', object_type, identity, CASE change WHEN 'added' THEN 'new' WHEN 'removed' THEN 'gone' ELSE pg_temp.other_keys(expected, actual) END),
           CASE WHEN ddl_ids IS NOT NULL THEN changed_by = session_user AND NOT EXISTS (SELECT FROM unnest(ddl_ids) d WHERE d <= (SELECT last FROM before)) END
    FROM migrate.drift() $$;
-- Nothing of it stays.
CREATE FUNCTION pg_temp.drifts(change text, back text, OUT all_of_them text[], OUT explained text[], OUT unexplained text[], OUT wrong text[], OUT left_over text[]) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO before SELECT COALESCE(max(id), 0) FROM migrate.ddl_log;
    EXECUTE change;
    SELECT array_agg(what ORDER BY what COLLATE "C"), array_agg(what ORDER BY what COLLATE "C") FILTER (WHERE a.explained),
           array_agg(what ORDER BY what COLLATE "C") FILTER (WHERE a.explained IS NULL), array_agg(what) FILTER (WHERE NOT a.explained)
        INTO all_of_them, explained, unexplained, wrong FROM pg_temp.adrift() a;
    IF back IS NOT NULL THEN
        EXECUTE back;
        SELECT array_agg(what) INTO left_over FROM pg_temp.adrift();
    END IF;
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION WHEN SQLSTATE 'P0101' THEN
    NULL;
WHEN OTHERS THEN
    all_of_them := ARRAY[SQLERRM];
END
$$;

-- What every object may have: a comment, a label, an owner, privileges.  Each by a statement and by hand; others: what goes along, as a pattern.
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

-- Some owners have to be.
CREATE ROLE tap_other SUPERUSER;
CREATE ROLE tap_hand SUPERUSER;
SELECT current_user AS owner \gset
-- The session is another's, and what he makes is not his.
SET SESSION AUTHORIZATION tap_hand;
SET ROLE :"owner";
SET allow_system_table_mods = on;
SELECT unnest(array_remove(ARRAY[
           is(d.all_of_them, (SELECT array_agg(e ORDER BY e COLLATE "C") FROM unnest(array_remove(ARRAY[object || ': ' || keys], NULL) || others) e), change),
           CASE WHEN by_hand THEN is(d.explained, NULL, '... by nobody that was seen') ELSE is(d.unexplained, NULL, '... by whom') END,
           is(d.wrong, NULL, '... and by no other statement'),
           CASE WHEN back IS NOT NULL THEN is(d.left_over, NULL, '... and ' || back) END], NULL))
    FROM cases, pg_temp.drifts(change, back) d ORDER BY id;
SELECT is((SELECT format('%s / by whom: %s / by nobody: %s', d.all_of_them, d.explained, d.unexplained)
           WHERE (SELECT count(*) FROM unnest(d.all_of_them) f WHERE starts_with(f, object || ': ') AND substr(f, length(object) + 3) ~ ('^(' || keys || ')$')) <> 1
              OR EXISTS (SELECT FROM unnest(d.all_of_them) f WHERE NOT starts_with(f, object || ': ') AND f !~ COALESCE(others, '^$'))
              OR d.wrong IS NOT NULL OR CASE WHEN by_hand THEN d.explained IS NOT NULL
              -- A member of an extension does not say of which.
              ELSE array_remove(d.unexplained, 'function zoo.slice(zoo.hstore,pg_catalog.text[]): gone') <> '{}' END), NULL, change)
    FROM common, pg_temp.drifts(change, NULL) d ORDER BY id;
RESET allow_system_table_mods;
RESET SESSION AUTHORIZATION;

-- Every class of objects has a case for each of its properties.

CREATE FUNCTION pg_temp.type_of(object text) RETURNS text LANGUAGE sql AS
    $$SELECT object_type FROM migrate.expected WHERE starts_with(object, object_type || ' ') ORDER BY length(object_type) DESC LIMIT 1$$;
CREATE FUNCTION pg_temp.property(key text) RETURNS text LANGUAGE sql AS $$SELECT regexp_replace(ltrim(regexp_replace(key, ':.*', '')), '^map .*', 'map')$$;
CREATE TEMP TABLE has_case AS
    SELECT pg_temp.type_of(object) AS type, pg_temp.property(key) AS key, by_hand FROM cases, unnest(string_to_array(keys, ', ')) key
    UNION SELECT pg_temp.type_of(o), pg_temp.property(key), by_hand FROM cases, unnest(others) o, unnest(string_to_array(regexp_replace(o, '.*: ', ''), ', ')) key
    UNION SELECT pg_temp.type_of(object), regexp_replace(keys, '.*[)]([*?]?)', ''), by_hand FROM common;
SELECT set_eq($$
    SELECT DISTINCT object_type, CASE WHEN line ~ '^    ' THEN '...' ELSE pg_temp.property(line) END FROM migrate.inventory(), unnest(string_to_array(definition, E'\n')) line
        WHERE line <> ''
    EXCEPT SELECT type, key FROM has_case$$,
    $$VALUES ('function', 'body'), ('procedure', 'body'), ('view', 'query'), ('materialized view', 'query'), ('rule', 'definition'),
             ('schema', '...'), ('publication relation', 'table'), ('publication namespace', 'schema'), ('user mapping', 'server'),
             ('database setting', 'session_preload_libraries')$$,
    'each property of each class has one, but for what is above other lines in a name, or ours');
SELECT set_eq('SELECT type FROM has_case WHERE by_hand', 'SELECT DISTINCT object_type FROM migrate.inventory()', 'each class has a change by hand');
SELECT set_eq($$SELECT type FROM has_case WHERE NOT by_hand$$, 'SELECT DISTINCT object_type FROM migrate.inventory()', 'and one by a statement');

SELECT * FROM finish();
SELECT migrate.unwatch('test') \g /dev/null
DROP SUBSCRIPTION zoo_subscription;
DROP OWNED BY zoo_owner CASCADE;
DROP OWNED BY zoo_reader, "zoo Röle", tap_hand, tap_other CASCADE;
DROP ROLE zoo_owner, zoo_reader, "zoo Röle", tap_hand, tap_other;
