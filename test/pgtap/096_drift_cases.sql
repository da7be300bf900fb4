-- 096_drift_cases.sql: each change of each property of each class of objects is found, and so is who made it.

\ir common.psql

\ir ../data/zoo_cases.sql
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

\ir ../data/common_cases.sql

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
             ('schema', '...'), ('publication relation', 'table'), ('publication namespace', 'schema'), ('user mapping', 'server')$$,
    'each property of each class has one, but for what is above other lines in a name');
SELECT set_eq('SELECT type FROM has_case WHERE by_hand', 'SELECT DISTINCT object_type FROM migrate.inventory()', 'each class has a change by hand');
SELECT set_eq($$SELECT type FROM has_case WHERE NOT by_hand$$, 'SELECT DISTINCT object_type FROM migrate.inventory()', 'and one by a statement');

SELECT * FROM finish();
SELECT migrate.unwatch('test') \g /dev/null
DROP SUBSCRIPTION zoo_subscription;
DROP OWNED BY zoo_owner CASCADE;
DROP OWNED BY zoo_reader, "zoo Röle", tap_hand, tap_other CASCADE;
DROP ROLE zoo_owner, zoo_reader, "zoo Röle", tap_hand, tap_other;
