-- 098_ways_back.sql: every change to the zoo, and every object of it that can be dropped, is brought back, or refused.

\ir common.psql
SELECT * FROM no_plan();

CREATE ROLE zoo_owner;
CREATE ROLE zoo_reader;
CREATE ROLE "zoo Röle";
SELECT current_setting('server_version_num')::int / 10000 AS major \gset

-- What remains is refused each time with a reason, and was adrift at first.  Nothing of it stands.
CREATE FUNCTION public.way_back(change text, OUT outcome text, OUT why text) LANGUAGE plpgsql AS $$
DECLARE
    at_first text[];
    types text[];
    identities text[];
    remaining text[];
    progress boolean := true;
    message text;
    detail text;
BEGIN
    EXECUTE change;
    LOOP
        SELECT array_agg(object_type), array_agg(identity), array_agg(object_type || ' ' || identity) INTO types, identities, remaining FROM migrate.drift();
        at_first := COALESCE(at_first, remaining);
        EXIT WHEN remaining IS NULL OR NOT progress;
        progress := false;
        why := NULL;
        FOR i IN 1 .. array_length(types, 1) LOOP
            BEGIN
                PERFORM migrate.undo_drift(identities[i], 'test', types[i]);
                progress := true;
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
                IF SQLSTATE <> '55000' THEN		-- done with another one
                    why := concat(why, E'\n', SQLSTATE, ' ', message, ' ', detail);
                END IF;
            END;
        END LOOP;
    END LOOP;
    outcome := CASE WHEN remaining IS NULL THEN 'back' WHEN why IS NOT NULL AND remaining <@ at_first THEN 'refused' ELSE 'wrong' END;
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION
    WHEN SQLSTATE 'P0101' THEN NULL;
    -- What belongs to something else cannot be dropped; NULL.
    WHEN dependent_objects_still_exist OR invalid_table_definition THEN NULL;
END
$$;
\ir ../data/zoo.sql
SET client_min_messages = error;
SET allow_system_table_mods = on;
SELECT migrate.watch('test') \g /dev/null

-- For which there is no statement, or none but one that would lose something else.
CREATE TEMP TABLE refused (object text, change text, why text);
INSERT INTO refused VALUES
    ('database this database', 'datcollate|encoding|datlocprovider', 'a database is made with them'),
    ('extension hstore', 'extversion', 'there is no such version'),
    ('extension hstore', '^DROP', 'what it was made with is not known'),
    ('(function|table) (zoo.slice|pg_catalog)', '', 'what the server and extensions were made with is not known'),
    ('access method zoo_heap', 'amtype', 'it is used'),
    ('type zoo.mood', 'ADD VALUE|enumsortorder', 'a label stays'),
    ('type zoo.pair', 'ADD ATTRIBUTE', 'there is a table of it'),
    ('type zoo.positive', 'typbasetype', 'it is used'),
    ('type zoo.code', 'typcollation', 'it has a constraint'),
    ('type zoo.base', '', 'a base type'),
    ('function zoo.user_name', 'prorettype', 'it is used'),
    ('function zoo.base_(in|out)', '^DROP', 'a base type'),
    ('transform', 'UPDATE', 'it is used'),
    ('operator zoo.===', 'oprcom', 'its negator knows it'),
    ('operator zoo.!==', 'CREATE', 'it was but mentioned'),
    ('operator class zoo.class', 'UPDATE', 'it is used'),
    ('text search (parser|template|dictionary)', 'UPDATE', 'it is used'),
    ('text search (configuration zoo.parsed|parser)', '', 'its tokens have no names'),
    ('server zoo_server|foreign-data wrapper', 'srvtype|^DROP', 'it has a secret'),
    ('user mapping zoo_reader', 'OPTIONS|UPDATE|^DROP', 'it has secrets'),
    ('foreign table zoo.birds', 'ftserver', 'it has a constraint'),
    ('table zoo.child', 'NO INHERIT|attislocal', 'what it inherited is its own now'),
    ('table zoo.(child|parent_a|parent_b)', '^DROP', 'its columns would be in another order'),
    ('table zoo.measures_2', 'relpartbound', 'another part stands where it has to go, and either is brought back alone'),
    ('table zoo.measures', 'DETACH|inhdetachpending|^DROP', 'the index of the whole, which is not valid, would get a part'),
    ('index zoo.measures_(only|2_kind)', 'DROP|DELETE', 'it was not valid'),
    ('table zoo.listed', 'partstrat', 'a table is partitioned once'),
    ('table zoo.customer', 'DROP EXPRESSION', 'only a new column is generated'),
    ('table constraint to_customer', 'zoo.customer DISABLE', 'made anew, unique_name would not have the options of its index'),
    ('table constraint positive_a', 'conislocal', 'it comes from its parent'),
    ('trigger on_parts', 'tgparentid', 'it comes from its parent'),
    ('subscription', 'SET|UPDATE', 'it is changed by hand'),
    ('type zoo.(mood|pair|positive)$', '^DROP', 'columns were dropped with it');

CREATE FUNCTION pg_temp.wanted(object text, change text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM refused r WHERE $1 ~ ('^(' || r.object || ')') AND $2 ~ r.change) THEN 'refused' ELSE 'back' END
$$;

CREATE TEMP TABLE cases (id serial, since integer, until integer, object text, keys text, change text, back text, others text[]);
\ir ../data/inventory_cases.sql
-- A build without ICU has no such collations.
DELETE FROM cases WHERE NOT :'icu'::boolean AND (object || change) ~ 'german|unaccented|ruled';
UPDATE cases SET change = replace(change, ':db', quote_ident(current_database()));
SELECT is(outcome, pg_temp.wanted(object, change), object || ': ' || change || COALESCE(why, ''))
    FROM cases, LATERAL (SELECT (w).outcome, (w).why FROM (SELECT public.way_back(change) AS w OFFSET 0) x OFFSET 0) y
    WHERE :major BETWEEN since AND until AND keys IS NOT NULL AND outcome IS NOT NULL ORDER BY id;

-- Dropped, with all that needs it.

CREATE FUNCTION pg_temp.drop_of(object_type text, identity text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN object_type = 'table constraint' THEN regexp_replace(identity, '^("(?:[^"]|"")*"|[^ ]*) on (.*)$', 'ALTER TABLE \2 DROP CONSTRAINT \1 CASCADE')
        WHEN object_type = 'domain constraint' THEN regexp_replace(identity, '^("(?:[^"]|"")*"|[^ ]*) on (.*)$', 'ALTER DOMAIN \2 DROP CONSTRAINT \1 CASCADE')
        WHEN object_type IN ('function', 'procedure', 'aggregate') THEN 'DROP ROUTINE ' || identity || ' CASCADE'
        WHEN object_type = 'statistics object' THEN 'DROP STATISTICS ' || identity || ' CASCADE'
        WHEN object_type = 'transform' THEN 'DROP TRANSFORM ' || replace(identity, ' on language', ' language') || ' CASCADE'
        WHEN object_type = 'foreign-data wrapper' THEN 'DROP FOREIGN DATA WRAPPER ' || identity || ' CASCADE'
        WHEN object_type = 'user mapping' THEN 'DROP USER MAPPING FOR ' || replace(identity, ' on server', ' server')
        WHEN object_type = 'publication relation' THEN regexp_replace(identity, '^(.*) in publication (.*)$', 'ALTER PUBLICATION \2 DROP TABLE \1')
        WHEN object_type = 'publication namespace' THEN regexp_replace(identity, '^(.*) in publication (.*)$', 'ALTER PUBLICATION \2 DROP TABLES IN SCHEMA \1')
        WHEN object_type = 'database setting' AND identity = 'this database' THEN format('ALTER DATABASE %I RESET ALL', current_database())
        WHEN object_type = 'database setting' THEN 'ALTER ' || replace(identity, 'this database', 'database ' || quote_ident(current_database())) || ' RESET ALL'
        WHEN object_type IN ('database', 'default acl', 'subscription') THEN NULL
        ELSE 'DROP ' || object_type || ' ' || identity || ' CASCADE' END
$$;
CREATE TEMP TABLE drops AS SELECT object_type, object_type || ' ' || identity AS object, pg_temp.drop_of(object_type, identity) AS change
    FROM migrate.inventory() WHERE identity !~ 'public\.|pg_catalog\.pg_|zoo.slice|^public$|^plpgsql$' AND identity <> 'zoo';
CREATE TEMP TABLE dropped AS SELECT object_type, object, change, (w).outcome, (w).why
    FROM (SELECT *, public.way_back(change) AS w FROM drops WHERE change IS NOT NULL OFFSET 0) x;
SELECT is(outcome, pg_temp.wanted(object, change), change || COALESCE(why, '')) FROM dropped WHERE outcome IS NOT NULL ORDER BY object;
SELECT set_eq('SELECT object_type FROM drops EXCEPT SELECT object_type FROM dropped WHERE outcome = ''back''',
    '{database,default acl,subscription,server,foreign-data wrapper,text search parser}'::text[],
    'some of every class comes back, but for what is not dropped here, and what has a secret or no names');
SELECT is_empty('SELECT * FROM migrate.drift()', 'nothing of it stands');
SELECT migrate.unwatch('test') \g /dev/null

SELECT * FROM finish();
DROP SUBSCRIPTION zoo_subscription;
DROP OWNED BY zoo_owner CASCADE;
DROP OWNED BY zoo_reader, "zoo Röle" CASCADE;
DROP ROLE zoo_owner, zoo_reader, "zoo Röle";
