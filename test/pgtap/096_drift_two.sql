-- 096_drift_two.sql: what one has changed stays his, whatever another one does to the same objects before or behind it.

\ir common.psql

\ir ../data/zoo_cases.sql
DELETE FROM cases WHERE change ~ '^(UPDATE|DELETE)';
SELECT * FROM no_plan();
CREATE ROLE tap_other SUPERUSER;
CREATE ROLE tap_one SUPERUSER;
CREATE ROLE tap_two SUPERUSER;
SELECT migrate.watch('test') \g /dev/null

-- What the other one does: something of each kind to each table, each type, each function, and so on.
CREATE TEMP TABLE noise (id serial, statement text);
INSERT INTO noise (statement)
    SELECT format(s, c.oid::regclass, (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum DESC LIMIT 1))
    FROM pg_class c, unnest(ARRAY[
        'ALTER TABLE %s ADD COLUMN noise integer', 'ALTER TABLE %s ADD CONSTRAINT noisy CHECK (true) NOT VALID', 'ALTER TABLE %s ADD UNIQUE (noise)',
        'ALTER TABLE %s ADD CHECK (noise > 0)', 'ALTER TABLE %s SET (autovacuum_enabled = off)', 'ALTER TABLE %s ALTER %2$s SET STATISTICS 9',
        'ALTER TABLE %s ENABLE ROW LEVEL SECURITY', 'GRANT DELETE ON %s TO tap_other', 'COMMENT ON COLUMN %s.%2$s IS ''noise''',
        'CREATE INDEX ON %s (noise)', 'CREATE TRIGGER noise BEFORE DELETE ON %s FOR EACH ROW EXECUTE FUNCTION zoo.trigger()',
        'ALTER TABLE %s DISABLE TRIGGER noise', 'ALTER TABLE %s RENAME noise TO noised', 'CREATE POLICY noise ON %s USING (true)',
        'CREATE STATISTICS ON tableoid, noised FROM %s', 'ALTER TABLE %s ALTER noised SET DEFAULT 3', 'CREATE RULE noise AS ON DELETE TO %s WHERE false DO ALSO NOTHING']) s
    WHERE c.relkind IN ('r', 'p', 'f') AND c.relnamespace IN ('zoo'::regnamespace, '"Ünusual ""name"""'::regnamespace)
    UNION ALL
    SELECT format(s, c.oid::regclass) FROM pg_class c, unnest(ARRAY['GRANT DELETE ON %s TO tap_other', 'COMMENT ON VIEW %s IS ''noise''', 'ALTER VIEW %s SET (security_barrier = true)']) s
    WHERE c.relkind = 'v' AND c.relnamespace = 'zoo'::regnamespace
    UNION ALL
    SELECT format(s, t.oid::regtype) FROM pg_type t, unnest(ARRAY['ALTER TYPE %s ADD VALUE ''noise''', 'ALTER TYPE %s ADD ATTRIBUTE noise integer', 'ALTER DOMAIN %s ADD CONSTRAINT noise CHECK (true) NOT VALID', 'GRANT ALL ON TYPE %s TO tap_other']) s
    WHERE t.typtype IN ('e', 'd', 'c') AND t.typnamespace = 'zoo'::regnamespace AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c')
    UNION ALL
    SELECT format(s, p.oid::regprocedure) FROM pg_proc p, unnest(ARRAY['ALTER FUNCTION %s COST 77', 'COMMENT ON FUNCTION %s IS ''noise''']) s
    WHERE p.prokind = 'f' AND p.pronamespace = 'zoo'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype IN ('e', 'i'))
    UNION ALL
    SELECT unnest(ARRAY['GRANT TRIGGER ON ALL TABLES IN SCHEMA zoo TO tap_other', 'GRANT EXECUTE ON ALL ROUTINES IN SCHEMA zoo TO tap_other', 'GRANT CREATE ON SCHEMA zoo TO tap_other',
        'COMMENT ON SCHEMA zoo IS ''noise''', format('ALTER DATABASE %I SET jit = off', current_database()), format('ALTER ROLE tap_other IN DATABASE %I SET jit = off', current_database()),
        format('ALTER DATABASE %I CONNECTION LIMIT 9', current_database()), 'ALTER DEFAULT PRIVILEGES IN SCHEMA zoo GRANT DELETE ON TABLES TO tap_other']);

CREATE FUNCTION pg_temp.adrift() RETURNS TABLE (what text, actual text, changed_by name) LANGUAGE sql AS
    $$SELECT format('%s %s %s', change, object_type, identity), actual, changed_by FROM migrate.drift()$$;
CREATE TEMP TABLE before (what text, actual text, changed_by name);
CREATE FUNCTION pg_temp.do_as(who text, statements text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s text;
BEGIN
    EXECUTE format('SET SESSION AUTHORIZATION %I', who);
    FOREACH s IN ARRAY statements LOOP
        BEGIN
            EXECUTE s;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
    RESET SESSION AUTHORIZATION;
END
$$;
-- Those that are as the first one has left them, and not his any more.
CREATE FUNCTION pg_temp.taken(then_who text, then_what text[], OUT n bigint, OUT taken text[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_temp.do_as(then_who, then_what);
    SELECT count(*), array_agg(format('%s by %s not %s', what, a.changed_by, b.changed_by)) FILTER (WHERE a.changed_by IS DISTINCT FROM b.changed_by)
        INTO n, taken FROM pg_temp.adrift() a JOIN before b USING (what) WHERE a.actual IS NOT DISTINCT FROM b.actual;
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION WHEN SQLSTATE 'P0101' THEN
    NULL;
WHEN OTHERS THEN
    taken := ARRAY[SQLERRM];
END
$$;
CREATE FUNCTION pg_temp.taken_behind(change text, noise text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    taken text[];
BEGIN
    PERFORM pg_temp.do_as('tap_one', ARRAY[change]);
    INSERT INTO before SELECT * FROM pg_temp.adrift();
    SELECT t.taken INTO taken FROM pg_temp.taken('tap_two', noise) t;
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION WHEN SQLSTATE 'P0101' THEN
    RETURN taken;
END
$$;
SELECT array_agg(statement ORDER BY id) AS noise FROM noise \gset
SELECT is(pg_temp.taken_behind(change, :'noise'), NULL, change || ' ... and noise') FROM cases ORDER BY id;
BEGIN;
SELECT pg_temp.do_as('tap_two', :'noise') \g /dev/null
INSERT INTO before SELECT * FROM pg_temp.adrift();
SELECT is((SELECT taken FROM pg_temp.taken('tap_one', ARRAY[change])), NULL, 'noise ... and ' || change) FROM cases ORDER BY id;
SELECT cmp_ok((SELECT count(*) FROM before WHERE changed_by = 'tap_two'), '>', 150::bigint, 'the other one changes much');
ROLLBACK;
SELECT is_empty('SELECT * FROM migrate.drift()', 'nothing of it stays');
SELECT * FROM finish();
SELECT migrate.unwatch('test') \g /dev/null
DROP SUBSCRIPTION zoo_subscription;
DROP OWNED BY zoo_owner CASCADE;
DROP OWNED BY zoo_reader, "zoo Röle", tap_one, tap_two, tap_other CASCADE;
DROP ROLE zoo_owner, zoo_reader, "zoo Röle", tap_one, tap_two, tap_other;
