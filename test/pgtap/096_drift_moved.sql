-- 096_drift_moved.sql: whatever a migration changes is expected afterwards, and the way back as well.

\ir common.psql

\ir ../data/zoo_cases.sql

SELECT * FROM no_plan();
SELECT migrate.watch('test') \g /dev/null

\ir ../data/common_cases.sql
CREATE ROLE tap_other SUPERUSER;

-- What is adrift after a migration, and after it went back; nothing of it stays.
CREATE FUNCTION pg_temp.adrift() RETURNS text[] LANGUAGE sql AS $$
    SELECT array(SELECT format('%s %s %s: %s', change, object_type, identity, pg_temp.other_keys(expected, actual)) FROM migrate.drift()) $$;
CREATE FUNCTION pg_temp.left_adrift(change text, back text, OUT after_change text[], OUT after_back text[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM migrate.register('change', change, back);
    EXECUTE 'CALL migrate.apply()';
    after_change := pg_temp.adrift();
    IF back IS NOT NULL THEN
        EXECUTE 'CALL migrate.revert()';
        after_back := pg_temp.adrift();
    END IF;
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION WHEN SQLSTATE 'P0101' THEN
    NULL;
WHEN OTHERS THEN
    after_change := ARRAY[SQLERRM];
END
$$;

SET allow_system_table_mods = on;
SELECT unnest(array_remove(ARRAY[
           is(d.after_change, '{}', change),
           CASE WHEN back IS NOT NULL THEN is(d.after_back, '{}', '... and ' || back) END], NULL))
    FROM cases, pg_temp.left_adrift(change, back) d ORDER BY id;
-- The same for all of them at once.
SELECT is((pg_temp.left_adrift(string_agg(change, ';' ORDER BY id), NULL)).after_change, '{}', what)
    FROM common, substring(change FROM '^COMMENT ON|^GRANT|OWNER TO') what WHERE NOT by_hand AND what IS NOT NULL GROUP BY what;
-- One of each type is dropped; a subscription is so in a step of its own.
SELECT is(after_change, '{}', change)
    FROM (SELECT DISTINCT ON (o.type) c.change FROM common c JOIN objects o USING (object)
          WHERE c.keys = 'gone' AND NOT c.by_hand AND o.type <> 'subscription' ORDER BY o.type, c.id) c,
         pg_temp.left_adrift(change, NULL) d;
RESET allow_system_table_mods;

-- What others have dropped is missing however much a migration touches.
DROP INDEX zoo.customer_lower;
DROP VIEW zoo.names;
SELECT pg_temp.adrift() AS adrift \gset
SELECT is(after_change, :'adrift', 'what was dropped before is not taken over by a migration that touches everything')
    FROM pg_temp.left_adrift(format('ALTER ROLE zoo_reader IN DATABASE %I RESET ALL', current_database()), NULL);
SELECT cmp_ok(cardinality(:'adrift'::text[]), '>=', 2, '... which is something');

SELECT * FROM finish();
SELECT migrate.unwatch('test') \g /dev/null
DROP SUBSCRIPTION zoo_subscription;
DROP OWNED BY zoo_owner CASCADE;
DROP OWNED BY zoo_reader, "zoo Röle" CASCADE;
DROP ROLE zoo_owner, zoo_reader, "zoo Röle", tap_other;
