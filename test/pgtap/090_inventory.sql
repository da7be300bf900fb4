-- 090_inventory.sql: what the inventory has of each class of objects, and which of its lines a change moves.

\ir common.psql

CREATE ROLE zoo_owner;
CREATE ROLE zoo_reader;
CREATE ROLE "zoo Röle";
CREATE ROLE zoo_monitor;
\ir ../data/zoo.sql
SET client_min_messages = error;
SELECT migrate.grant_capability('zoo_monitor', 'monitor') \g /dev/null
SELECT current_setting('server_version_num')::int / 10000 AS major \gset

SELECT * FROM no_plan();

-- Every object that there is.

-- What has no row of its own, and why not.
CREATE TEMP TABLE folded (catalog regclass, condition text, why text);
INSERT INTO folded VALUES
    ('pg_class', 'relkind IN (''t'', ''c'') OR relnamespace = ''pg_toast''::regnamespace', 'part of its table or type'),
    ('pg_type', 'typtype = ''m'' OR EXISTS (SELECT FROM pg_type e WHERE e.typarray = o.oid)', 'comes with another type'),
    ('pg_type', 'EXISTS (SELECT FROM pg_class c WHERE c.oid = o.typrelid AND c.relkind <> ''c'')', 'row of a table'),
    ('pg_proc', 'prosrc ~ ''^(multi)?range_constructor''', 'comes with a range'),
    ('pg_cast', 'castfunc IN (SELECT p.oid FROM pg_proc p WHERE prosrc ~ ''^multirange_constructor'')', 'comes with a range'),
    ('pg_constraint', 'contype IN (''n'', ''t'') OR (contype = ''f'' AND conparentid <> 0)', 'of a column, trigger or another key'),
    ('pg_trigger', 'tgisinternal', 'part of a constraint'),
    ('pg_rewrite', 'rulename = ''_RETURN''', 'is the view'),
    ('pg_attrdef', 'true', 'part of a column'),
    ('pg_enum', 'true', 'part of its type'),
    ('pg_amop', 'true', 'part of its class or family'),
    ('pg_amproc', 'true', 'part of its class or family');
-- Those that are not a database's.
CREATE TEMP TABLE elsewhere (catalog regclass);
INSERT INTO elsewhere SELECT c::regclass FROM unnest('{pg_authid,pg_auth_members,pg_tablespace,pg_parameter_acl,pg_database,pg_largeobject_metadata}'::text[]) c;

CREATE FUNCTION pg_temp.objects_of(catalog regclass, whole boolean) RETURNS TABLE (object_type text, identity text)
LANGUAGE plpgsql AS $$
DECLARE
    conditions text := COALESCE((SELECT string_agg('(' || condition || ')', ' OR ') FROM folded f WHERE f.catalog = $1), 'false');
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT i.type, i.identity FROM %s o, pg_identify_object(%s, o.oid, 0) i WHERE o.oid >= 16384 AND %s (%s)
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = %2$s AND d.objid = o.oid AND d.deptype = ''e'')
         AND i.identity !~ ''^pg_temp|pg_toast|(^| )migrate[.]''', catalog, catalog::oid, CASE WHEN whole THEN 'NOT' ELSE '' END, conditions)
        || CASE catalog::text WHEN 'pg_event_trigger' THEN ' AND evtname !~ ''pg_migrations''' WHEN 'pg_extension' THEN ' AND extname <> ''pg_migrations''' ELSE '' END;
END
$$;
CREATE TEMP TABLE catalogs AS
    SELECT attrelid::regclass AS catalog FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE attname = 'oid' AND attnum > 0 AND relkind = 'r' AND relnamespace = 'pg_catalog'::regnamespace
      AND attrelid NOT IN (SELECT catalog FROM elsewhere);
CREATE TEMP TABLE expected AS SELECT catalog, o.* FROM catalogs, pg_temp.objects_of(catalog, true) o;
CREATE TEMP TABLE base AS SELECT * FROM migrate.inventory();

SELECT is_empty($$SELECT catalog FROM catalogs EXCEPT SELECT catalog FROM expected EXCEPT SELECT catalog FROM folded WHERE condition = 'true'$$,
                'there is an object of every catalog that has any');
SELECT isnt_empty(format('SELECT * FROM %s o WHERE oid >= 16384 AND (%s)', catalog, condition), catalog || ': ' || why) FROM folded;
SELECT is_empty('SELECT object_type, identity FROM expected EXCEPT SELECT object_type, identity FROM base',
                'each is in the inventory, called as pg_identify_object does');
SELECT is_empty('SELECT object_type, identity FROM base GROUP BY 1, 2 HAVING count(*) > 1', 'each once');
SELECT set_eq('SELECT object_type, identity FROM base EXCEPT SELECT object_type, identity FROM expected',
              $$VALUES ('database', 'this database'), ('database setting', 'this database'), ('database setting', 'role zoo_reader in this database'),
                       ('schema', 'public'), ('extension', 'plpgsql'),
                       ('table', 'pg_catalog.pg_authid'), ('function', 'pg_catalog.pg_sleep(double precision)'), ('function', 'zoo.slice(zoo.hstore,pg_catalog.text[])')$$,
              'and besides only what belongs to no object, and what was granted on others'' ones');
SELECT is_empty('SELECT identity FROM base WHERE fingerprint IS NULL OR length(fingerprint) <> 32', 'each has a fingerprint');
SELECT is_empty($$SELECT identity FROM base WHERE definition = ''$$, 'and a definition');
SELECT is_empty($$SELECT fingerprint FROM base GROUP BY 1 HAVING count(*) > 1$$, 'of its own');
SELECT is_empty($$SELECT identity FROM base WHERE definition ~ 'hidden|attver|\m\d{5,6}\M' AND definition !~ 'maximum: \d+'$$, 'no secret is in it, and no oid');
BEGIN;
CREATE SERVER hides FOREIGN DATA WRAPPER zoo_wrapper OPTIONS (url 'jdbc:postgresql://h/d?user=u&password=hidden', address 'postgresql://u:hidden@h',
    datasource 'MSSQL:Server=h;UID=u;PWD=hidden', lines E'host=h\n password=hidden', pairs 'a=1;b=2', site 'http://h:80/p');
SELECT is((SELECT array_agg(l) FROM migrate.inventory(), regexp_split_to_table(definition, E'\n') l WHERE identity = 'hides' AND l ~ '^options: .'),
          ARRAY['options: address, datasource, lines, pairs=a=1;b=2, site=http://h:80/p, url'], 'nor one in an option of another name');
SELECT is(migrate.export_snapshot('current') ~ 'hidden', false, 'nor in what goes to another server');
ROLLBACK;
SELECT is_empty('SELECT * FROM migrate.inventory() EXCEPT SELECT * FROM base', 'a second look is the same');

-- Whoever looks, with whatever settings.

SET ROLE zoo_monitor;
SET search_path = zoo, public;
SET DateStyle = 'German';
SET IntervalStyle = 'iso_8601';
SET TimeZone = 'Asia/Kathmandu';
SET extra_float_digits = -15;
SET bytea_output = escape;
SET quote_all_identifiers = on;
SET standard_conforming_strings = off;
SET xmloption = document;
SET lock_timeout = 1;
SELECT migrate.inventory() \g /dev/null
CREATE TEMP TABLE seen AS SELECT * FROM migrate.inventory();
RESET ROLE;
RESET search_path;
RESET DateStyle;
RESET IntervalStyle;
RESET TimeZone;
RESET extra_float_digits;
RESET bytea_output;
RESET quote_all_identifiers;
RESET standard_conforming_strings;
RESET xmloption;
RESET lock_timeout;
SELECT is_empty('SELECT * FROM seen EXCEPT SELECT * FROM base', 'a monitor without any rights, with settings that nobody has, sees the same');
SELECT is((SELECT count(*) FROM seen), (SELECT count(*) FROM base), 'and as much');
DROP TABLE seen;

-- What a change moves.

-- After a change: the objects that are others, with the keys of the lines that are; what is still other after the way back.
-- Nothing of it stays.
-- missed: what has moved, but is not among what the statement's objects lead to.
CREATE FUNCTION pg_temp.inventory_of(oid[], oid[]) RETURNS TABLE (object_type text, identity text, definition text, fingerprint bytea)
    LANGUAGE c AS '$libdir/pg_migrations', 'mig_inventory_of';
CREATE TEMP TABLE touched (classid oid, objid oid);
CREATE FUNCTION public.note_touched() RETURNS event_trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO pg_temp.touched SELECT classid, objid FROM pg_event_trigger_ddl_commands() WHERE objid IS NOT NULL; END';
CREATE FUNCTION pg_temp.moves(change text, back text, OUT moved text[], OUT left_over text[], OUT missed text[]) LANGUAGE plpgsql AS $$
DECLARE
    found text := $q$
        SELECT array_agg(n.object_type || ' ' || n.identity) FROM migrate.inventory() n LEFT JOIN base b USING (object_type, identity)
        WHERE identity !~ 'note_touched' AND b.fingerprint IS DISTINCT FROM n.fingerprint AND EXISTS (SELECT FROM touched) AND NOT EXISTS (
            SELECT FROM pg_temp.inventory_of(ARRAY(SELECT classid FROM touched), ARRAY(SELECT objid FROM touched)) t
            WHERE t.object_type = n.object_type AND t.identity = n.identity AND t.fingerprint = n.fingerprint) $q$;
    differences text := $q$
        SELECT array_agg(d ORDER BY d COLLATE "C") FROM (
            SELECT format('%s %s: %s', COALESCE(n.object_type, b.object_type), COALESCE(n.identity, b.identity),
                          CASE WHEN b.identity IS NULL THEN 'new' WHEN n.identity IS NULL THEN 'gone'
                               ELSE pg_temp.other_keys(b.definition, n.definition) END) AS d
            FROM base b FULL JOIN (SELECT * FROM migrate.inventory() WHERE identity !~ 'note_touched') n USING (object_type, identity)
            WHERE b.fingerprint IS DISTINCT FROM n.fingerprint) x $q$;
BEGIN
    EXECUTE change;
    EXECUTE differences INTO moved;
    EXECUTE found INTO missed;
    IF back IS NOT NULL THEN
        EXECUTE back;
        EXECUTE differences INTO left_over;
    END IF;
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION WHEN SQLSTATE 'P0101' THEN
    NULL;
END
$$;

CREATE TEMP TABLE cases (id serial, since integer, until integer, object text, keys text, change text, back text, others text[]);
\ir ../data/inventory_cases.sql
SET allow_system_table_mods = on;
-- A build without ICU has no such collations.
DELETE FROM cases WHERE NOT :'icu'::boolean AND (object || change) ~ 'german|unaccented|ruled';
CREATE EVENT TRIGGER note_touched ON ddl_command_end EXECUTE FUNCTION public.note_touched();
SELECT unnest(array_remove(ARRAY[
           is(m.moved, (SELECT array_agg(e ORDER BY e COLLATE "C") FROM unnest(array_remove(ARRAY[object || ': ' || keys], NULL) || others) e), change),
           -- Of the partition itself event triggers say nothing.
           CASE WHEN change ~ 'DETACH' THEN isnt(m.missed, NULL, '... is more than it leads to')
                ELSE is(m.missed, NULL, '... is all that it leads to') END,
           CASE WHEN back IS NOT NULL THEN is(m.left_over, NULL, '... and ' || back) END], NULL))
    FROM cases, pg_temp.moves(replace(change, ':db', quote_ident(current_database())), replace(back, ':db', quote_ident(current_database()))) m
    WHERE :major BETWEEN since AND until ORDER BY id;
DROP EVENT TRIGGER note_touched;

-- Of damaged catalogs the rest is shown.

CREATE TABLE damaged (i int);
CREATE INDEX damaged_i ON damaged (i);
CREATE FUNCTION pg_temp.damaged(change text, OUT seen text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE change;
    SELECT string_agg(split_part(definition, E'\n', 1), ', ' ORDER BY object_type) INTO seen FROM migrate.inventory() WHERE identity ~ 'damaged';
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION WHEN SQLSTATE 'P0101' THEN
    NULL;
END
$$;
SELECT matches(pg_temp.damaged(change), seen, 'without ' || what) FROM (VALUES
    ('the method of an index', $$DELETE FROM pg_am WHERE amname = 'btree'$$, '^unreadable: .*not there, column: i integer$'),
    ('its operator class', $$DELETE FROM pg_opclass WHERE opcname = 'int4_ops' AND opcmethod = 403$$, '^unreadable: .*operator class 1978, column: i integer$'),
    ('tablespaces', $$UPDATE pg_class SET reltablespace = 4711 WHERE relname ~ '^damaged'$$, '^definition: CREATE INDEX .*, tablespace: \(missing\)$')) d (what, change, seen);
DROP TABLE damaged;
RESET allow_system_table_mods;

-- Every key that is written somewhere in the zoo is moved by a case.

CREATE FUNCTION pg_temp.property(key text) RETURNS text LANGUAGE sql AS $$SELECT regexp_replace(ltrim(regexp_replace(key, ':.*', '')), '^map .*', 'map')$$;
SELECT set_eq($$
    SELECT pg_temp.property(line) FROM base, unnest(string_to_array(definition, E'\n')) line
        WHERE line !~ '^    ' AND line <> '' AND object_type <> 'database setting'
    EXCEPT SELECT pg_temp.property(key) FROM cases, unnest(string_to_array(keys, ', ')) key
    EXCEPT SELECT pg_temp.property(key) FROM cases, unnest(others) o, unnest(string_to_array(split_part(o, ': ', 2), ', ')) key$$,
    '{body,query,table}'::text[], 'every property has a case, but for what is part of a name, and what is above other lines');

-- An index that has nothing but columns is printed without asking the server.

CREATE FUNCTION pg_temp.printed(index oid) RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp
    AS $$SELECT 'definition: ' || split_part(pg_get_indexdef(index), E'\n', 1)$$;
CREATE TABLE indexed ("I" int, t text COLLATE "C", u text, v varchar, n name, r int4range, c zoo.code, m zoo.mood);
CREATE INDEX "Odd ""name" ON indexed ("I" DESC, t NULLS FIRST, u COLLATE "POSIX" text_pattern_ops DESC NULLS LAST) INCLUDE (v, r);
CREATE INDEX ON indexed USING hash (v varchar_pattern_ops);
CREATE INDEX ON indexed (v COLLATE "C", n, c, m DESC);
CREATE UNIQUE INDEX ON indexed (n COLLATE "POSIX", v COLLATE "C" text_pattern_ops, "I") NULLS NOT DISTINCT;
CREATE INDEX ON indexed USING gist (r);
CREATE INDEX ON indexed USING spgist (u);
CREATE INDEX ON indexed USING gin (to_tsvector('simple', u));
CREATE INDEX ON indexed ("I") WHERE t IS NULL;
CREATE INDEX ON indexed (t) WITH (fillfactor = 50);
CREATE INDEX ON zoo.measures (kind COLLATE "C") INCLUDE (value);
SELECT set_eq($$SELECT identity, split_part(definition, E'\n', 1) FROM migrate.inventory() WHERE object_type = 'index'$$,
    $$SELECT i.identity, pg_temp.printed(c.oid) FROM pg_class c, pg_identify_object('pg_class'::regclass, c.oid, 0) i
      WHERE relkind IN ('i', 'I') AND i.identity IN (SELECT identity FROM migrate.inventory() WHERE object_type = 'index')$$,
    'an index is as the server prints it');
DROP TABLE indexed;

SELECT * FROM finish();
DROP SUBSCRIPTION zoo_subscription;
DROP OWNED BY zoo_owner CASCADE;
DROP OWNED BY zoo_reader, "zoo Röle", zoo_monitor CASCADE;
DROP ROLE zoo_owner, zoo_reader, "zoo Röle", zoo_monitor;
