-- 080_capture.sql: schema changes around the migrations: recorded, attributed, rejected, explained.

\ir common.psql
SELECT * FROM no_plan();
LOAD 'pg_migrations';

-- What a statement left in the log, one line for each row since the last call.
CREATE TABLE seen AS SELECT 0::bigint AS id;
CREATE FUNCTION logged() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lines text;
    last bigint := (SELECT id FROM seen);
BEGIN
    SELECT string_agg(concat_ws(' ', command_tag, origin, history_id, reason), E'\n' ORDER BY id) INTO lines FROM migrate.ddl_log WHERE id > last;
    UPDATE seen SET id = COALESCE((SELECT max(l.id) FROM migrate.ddl_log l), 0);
    RETURN lines;
END
$$;

-- Turned on and off.

SELECT is(logged(), NULL, 'nothing is recorded before watch');
SELECT is_empty('SELECT * FROM migrate.coverage', 'as coverage says');
SELECT throws_ok('SELECT migrate.unwatch(NULL)', '22004', NULL, 'unwatch needs a reason');
SELECT throws_ok('SELECT migrate.unwatch('''')', '22023', NULL, 'that says something');
SELECT migrate.watch('audit') \g /dev/null
SELECT pg_temp.rows_are($$SELECT severity, code FROM migrate.check(fail_on => 'warning')$$, $$VALUES ('notice', 'never_seen')$$, 'what is never seen is no reason to fail');
SELECT is(array_agg(format('%s %s', evtname, evtenabled) ORDER BY evtname), '{"pg_migrations_drop A","pg_migrations_start A","zz_pg_migrations_end A"}'::text[],
          'watch makes event triggers that fire always') FROM pg_event_trigger;
SELECT is_empty($$SELECT FROM pg_depend WHERE classid = 'pg_event_trigger'::regclass AND deptype = 'e'$$, 'that are no members of the extension');
SELECT is(setconfig, '{session_preload_libraries=pg_migrations}'::text[], 'sessions to come load the library')
    FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database());
SELECT pg_temp.rows_are('SELECT level, changed_by, reason, to_at FROM migrate.coverage', $$VALUES ('full', current_user, 'audit', NULL)$$, 'coverage');
SELECT pg_temp.rows_are($$SELECT decision, reason FROM migrate.decisions WHERE decision LIKE 'watch%'$$, $$VALUES ('watch_on', 'audit')$$, 'a decision');
SELECT is(logged(), NULL, 'turning it on is not itself a change');
SELECT migrate.watch('again') \g /dev/null
SELECT is((SELECT count(*) FROM migrate.coverage), 1::bigint, 'watching twice changes nothing');
SELECT is(logged(), NULL, 'and records nothing but the decision');

-- A row.

SET application_name = 'the application';
SET ROLE pg_monitor;
RESET ROLE;
CREATE ROLE tap_maker;
GRANT CREATE ON SCHEMA public TO tap_maker;
SET ROLE tap_maker;
CREATE /* what */ TABLE
    made (i integer PRIMARY KEY);
RESET ROLE;
SELECT pg_temp.rows_are($$SELECT command_tag, statement, text_source, origin, history_id, role_name, session_role, application_name, pid, reason
                          FROM migrate.ddl_log ORDER BY id DESC LIMIT 1$$,
                        $$VALUES ('CREATE TABLE', E'CREATE /* what */ TABLE\n    made (i integer PRIMARY KEY)', 'exact', 'direct', NULL, 'tap_maker',
                                  session_user, 'the application', pg_backend_pid(), NULL)$$, 'who, what, from where');
SELECT is(objects, '[{"action": "create", "object_type": "table", "schema_name": "public", "identity": "public.made"},
                     {"action": "create", "object_type": "index", "schema_name": "public", "identity": "public.made_pkey"}]'::jsonb, 'and its objects')
    FROM migrate.ddl_log ORDER BY id DESC LIMIT 1;
SELECT logged() \g /dev/null
SET application_name = 'tap';

-- What functions do while a materialized view is filled: the server keeps it from event triggers.

CREATE FUNCTION tap_does() RETURNS int LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    BEGIN
        CREATE TABLE seen ();
    EXCEPTION WHEN duplicate_table THEN
        CREATE TABLE by_refresh AS SELECT 1 AS i;
    END;
    ALTER TABLE by_refresh ADD j int;
    RETURN 1;
END
$$;
CREATE MATERIALIZED VIEW tap_filled AS SELECT tap_does() AS i WITH NO DATA;
CREATE UNIQUE INDEX ON tap_filled (i);
SET client_min_messages = error;
SELECT logged() \g /dev/null
REFRESH MATERIALIZED VIEW tap_filled;
SELECT is(logged(), E'CREATE TABLE AS direct\nALTER TABLE direct', 'REFRESH leaves rows of what a function did in it, and none of its own');
SELECT is(objects->0, '{"action": "alter", "object_type": "table", "schema_name": "public", "identity": "public.by_refresh"}'::jsonb, 'with its objects')
    FROM migrate.ddl_log ORDER BY id DESC LIMIT 1;
DROP TABLE by_refresh;
REFRESH MATERIALIZED VIEW CONCURRENTLY tap_filled;
SELECT is(logged(), E'DROP TABLE direct\nCREATE TABLE AS direct\nALTER TABLE direct', 'CONCURRENTLY as well');
RESET client_min_messages;
DROP MATERIALIZED VIEW tap_filled;
DROP FUNCTION tap_does();
DROP TABLE by_refresh;

-- Secrets.

CREATE ROLE tap_secret PASSWORD 'geheim';
ALTER ROLE tap_secret PASSWORD E'ge\'heim' VALID UNTIL '2030-01-01';
ALTER ROLE tap_secret ENCRYPTED PASSWORD $secret$geheim$secret$;
ALTER ROLE tap_secret PASSWORD NULL;
DO $do$BEGIN EXECUTE 'ALTER ROLE tap_secret PASSWORD ''geheim'''; END$do$;
CREATE FOREIGN DATA WRAPPER tap_fdw;
CREATE SERVER tap_server FOREIGN DATA WRAPPER tap_fdw OPTIONS (host 'example', "secret" 'geheim');
CREATE USER MAPPING FOR tap_secret SERVER tap_server OPTIONS (user 'me', password 'geheim');
ALTER USER MAPPING FOR tap_secret SERVER tap_server OPTIONS (SET password 'geheim');
SET client_min_messages = error;
CREATE SUBSCRIPTION tap_sub CONNECTION 'host=example password=geheim' PUBLICATION p WITH (connect = false);
ALTER SUBSCRIPTION tap_sub CONNECTION 'host=example password=geheim';
ALTER SUBSCRIPTION tap_sub SET (slot_name = NONE);
DROP SUBSCRIPTION tap_sub;
RESET client_min_messages;
CREATE FUNCTION tap_function() RETURNS void LANGUAGE plpgsql AS $body$BEGIN ALTER ROLE tap_secret PASSWORD 'geheim'; END$body$;
CREATE FUNCTION tap_other() RETURNS text LANGUAGE sql AS 'SELECT ''it passes''::text';
SELECT is_empty($$SELECT statement FROM migrate.ddl_log WHERE statement LIKE '%geheim%'$$, 'no secret is recorded');
SELECT is((SELECT count(*) FROM migrate.ddl_log WHERE statement LIKE '%<redacted>%'), 10::bigint, 'where one was, it says so');
SELECT ok(EXISTS (SELECT FROM migrate.ddl_log WHERE statement = $$ALTER ROLE tap_secret PASSWORD '<redacted>' VALID UNTIL '2030-01-01'$$), 'and the rest stays');
SELECT ok(EXISTS (SELECT FROM migrate.ddl_log WHERE statement LIKE '%OPTIONS (host ''example'', "secret" ''<redacted>'')'), 'other options');
SELECT ok(EXISTS (SELECT FROM migrate.ddl_log WHERE statement LIKE '%it passes%'), 'and other strings');

-- Whatever form it has, and what has none stays.
SELECT logged() \g /dev/null
CREATE TEMP TABLE tap_forms (n int GENERATED ALWAYS AS IDENTITY, is_secret boolean, statement text);
INSERT INTO tap_forms (is_secret, statement)
    SELECT true, format('COMMENT ON FOREIGN DATA WRAPPER tap_fdw IS %s', q)
    FROM unnest(ARRAY[E'host=h\n password=geheim', E'host=h\r\npassword = geheim\r\n', E'host = h\n\nport=5432 password=''geheim x'' dbname=d',
                      'Server=h;Password=geheim', 'MSSQL:server=h;UID=u;PWD=geheim', 'Data Source=h; User ID=u; Password=geheim;', 'host=''h'' password=geheim', 'Driver={x y};Pwd = "ge;heim"',
                      'jdbc:sqlserver://h:1433;user=u;password=geheim', 'jdbc:postgresql://h/d?user=u&password=geheim', 'Endpoint=sb://h/;AccessToken=geheim==',
                      'postgresql://u:it''s geheim@h', 'postgresql://u:it''sgeheim@h', 'postgresql://u:''geheim''@h', 'see it''s postgresql://u:geheim@h',
                      'see ''primary'': postgresql://u:geheim@h/d', 'use ''x'' host=h password=geheim']) t,
         unnest(CASE WHEN t ~ 's geheim' THEN '{}' ELSE ARRAY[quote_literal(t), 'E' || quote_literal(t), 'U&' || quote_literal(t), '$x$' || t || '$x$',
                      '$$EXECUTE ' || quote_literal(t) || '$$', quote_literal('EXECUTE $x$' || t || '$x$'), quote_literal('x := ' || quote_literal(t))] END) q
    UNION ALL SELECT true, format('CREATE OR REPLACE FUNCTION tap_form() RETURNS void LANGUAGE plpgsql AS $body$DECLARE %s BEGIN %s END$body$', d, b)
    FROM (VALUES ('v_password text;', 'v_password := ''geheim'';'), ('', 'PERFORM f(password => ''geheim'', host => ''h'');'), ('', 'PERFORM f(a, password := $$geheim$$);'),
                 ('', 'EXECUTE ''CREATE USER MAPPING FOR bob SERVER s OPTIONS (password ''''geheim'''', user '''''' || x || '''''')'';'),
                 ('', 'EXECUTE ''ALTER ROLE bob PASSWORD ''''geheim'' || x || '''''''';'), ('', 'EXECUTE E''ALTER ROLE bob PASSWORD \''geheim\'''';'),
                 ('v_password text := ''geheim'';', ''), ('i int; password CONSTANT varchar(20) NOT NULL DEFAULT ''geheim'';', ''), ('x int; my_token text = E''geheim'';', ''),
                 ('', 'PERFORM set_config(''app.token'', ''geheim'', true);'), ('', 'PERFORM pg_catalog.set_config(new_value => x, setting_name => ''app.password'') , set_config(setting_name => E''app.password'', new_value => ''geheim'' || x, is_local => false);'),
                 ('', 'COPY t FROM PROGRAM ''export PGPASSWORD=geheim; psql'';'), ('', 'COPY t FROM PROGRAM $$sh -c "PGPASSWORD=''geheim'' psql -c ''SELECT 1; SELECT 2''"$$;'), ('', 'EXECUTE ''COPY t FROM PROGRAM ''''PGPASSWORD=geheim psql; true'''';'';')) x (d, b);
INSERT INTO tap_forms (is_secret, statement)
    SELECT false, format('COMMENT ON FOREIGN DATA WRAPPER tap_fdw IS %s', quote_literal(t))
    FROM unnest(ARRAY['password = required; see manual', E'Notes on the password:\nhost = any', E'host=h;\nport=1', 'http://h:80/x', 'token', 'SET app.token = ',
                      $$SELECT f('http://h:80','b@c') AS password$$, 'UPDATE u SET password = $1, token = $2', E'a := 1;\npassword := b;', 'f(password => b)', 'password := b', 'password:=b']) t
    UNION ALL SELECT false, format('CREATE OR REPLACE FUNCTION tap_form(text) RETURNS SETOF pg_authid LANGUAGE %s AS $body$%s$body$', l, b)
    FROM (VALUES ('plpgsql', E'DECLARE\n  password text;\n  other text := ''x'';\nBEGIN\n  password := $1;\n  other = ''y'';\n  IF password = other THEN RETURN; END IF;\nEND'),
                 ('plpgsql', E'BEGIN\n  PERFORM set_config(''app.password'', $1, true), ''x'', set_config(''app.x'', ''y'', true);\n  RETURN;\nEND'),
                 ('sql', 'SELECT * FROM pg_authid WHERE rolpassword = $1'), ('sql', E'SELECT *\nFROM pg_authid\nWHERE rolpassword = $1;\n')) x (l, b);
SET client_min_messages = error;
SET check_function_bodies = off;
SET backslash_quote = off;
DO $$DECLARE s text; BEGIN FOR s IN SELECT statement FROM tap_forms ORDER BY n LOOP EXECUTE s; END LOOP; END$$;
RESET backslash_quote;
RESET check_function_bodies;
RESET client_min_messages;
CREATE TEMP TABLE tap_formed AS
    SELECT f.*, l.statement AS recorded FROM tap_forms f JOIN (SELECT row_number() OVER (ORDER BY id) AS n, statement FROM migrate.ddl_log
    WHERE statement ~ '^COMMENT ON FOREIGN DATA WRAPPER tap_fdw|FUNCTION tap_form[(]') l USING (n);
SELECT is((SELECT count(*) FROM tap_formed), (SELECT count(*) FROM tap_forms), 'each form is recorded');
SELECT is_empty($$SELECT n, recorded FROM tap_formed WHERE is_secret AND (recorded ~ 'geheim' OR recorded !~ '<redacted>')$$, 'without its secret');
SELECT is_empty($$SELECT n, recorded FROM tap_formed WHERE NOT is_secret AND recorded <> statement$$, 'and what has none as it is');
SELECT is_empty($$SELECT n, recorded FROM tap_formed WHERE recorded ~ 'FUNCTION' AND recorded !~ 'DECLARE .*BEGIN .*END|SELECT|BEGIN\n'$$, 'bodies stay');
DROP FUNCTION tap_form();
DROP FUNCTION tap_form(text);
DROP USER MAPPING FOR tap_secret SERVER tap_server;
DROP FOREIGN DATA WRAPPER tap_fdw CASCADE;
DROP ROLE tap_secret;

-- Wherever it is quoted, and whatever stands around it.
CREATE TABLE tap_noted ();
CREATE FUNCTION tap_quoted(body text, tag text) RETURNS text LANGUAGE sql AS
    $$SELECT CASE WHEN random() < 0.5 THEN '''' || replace(body, '''', '''''') || '''' ELSE tag || body || tag END$$;
CREATE FUNCTION tap_noise() RETURNS text LANGUAGE sql AS
    $noise$SELECT coalesce(string_agg(pieces[1 + floor(random() * cardinality(pieces))], ' '), '')
      FROM (SELECT ARRAY['word', '$', '%1$I', '%2$s_i', '$1', '$1234', '''text''', '"na me"', '1.5', '::', '/* $remark */', E'-- its\n',
                         ':=', '$tag$ body $tag$', '$$ $$', 'été', 'b''01''', 'u&''d\0061''', 'e''it''''s''', '(', '}']) AS p(pieces),
           generate_series(1, floor(random() * 4)::int)$noise$;
CREATE PROCEDURE tap_comment() LANGUAGE plpgsql AS $$
DECLARE
    body text := concat_ws(' ', tap_noise(), 'ALTER ROLE x PASSWORD', tap_quoted('geheim', '$deepest$'), tap_noise());
BEGIN
    FOR i IN 0 .. floor(random() * 4) LOOP
        body := tap_quoted(body, format('$q%s$', i));
        IF random() < 0.5 THEN
            body := concat_ws(' ', tap_noise(), 'EXECUTE', body, tap_noise());
        END IF;
    END LOOP;
    EXECUTE 'COMMENT ON TABLE tap_noted IS ' || tap_quoted(body, '$outer$');
END
$$;
SELECT setseed(0.4) \g /dev/null
DO $$BEGIN FOR i IN 1 .. 1000 LOOP CALL tap_comment(); END LOOP; END$$;
SELECT is_empty($$SELECT statement FROM migrate.ddl_log WHERE statement LIKE 'COMMENT ON TABLE tap_noted IS %geheim%'$$, 'no secret is recorded however it is quoted');
SELECT is((SELECT count(*) FROM migrate.ddl_log WHERE statement LIKE 'COMMENT ON TABLE tap_noted IS %<redacted>%'), 1000::bigint, 'and each says so');
DROP TABLE tap_noted;
SELECT logged() \g /dev/null

-- A migration's.

SELECT migrate.register('0001_a', 'CREATE TABLE a (i int); DO $$BEGIN CREATE INDEX ON a (i); END$$', 'DROP TABLE a', project => 'shop') \g /dev/null
CALL migrate.apply(project => 'shop') \g /dev/null
SELECT max(id) AS history FROM migrate.history \gset
SELECT is(logged(), format(E'CREATE TABLE migration %1$s\nCREATE INDEX migration %1$s', :history), 'what a migration does carries its history id');
CALL migrate.revert(project => 'shop') \g /dev/null
SELECT is(logged(), format('DROP TABLE migration %s', :history + 1), 'a down, too');
CREATE TABLE after_it ();
SELECT is(logged(), 'CREATE TABLE direct', 'what follows is nobody''s');
SELECT migrate.register('0002_b', 'CREATE TABLE b (); SELECT 1 / 0', project => 'fails') \g /dev/null
BEGIN;
SAVEPOINT s;
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'fails');
\set ON_ERROR_STOP 1
ROLLBACK TO s;
CREATE TABLE after_error ();
COMMIT;
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'fails');
\set ON_ERROR_STOP 1
CREATE TABLE after_another ();
SELECT is(logged(), E'CREATE TABLE direct\nCREATE TABLE direct', 'nor is what follows a migration that failed');
SET pg_migrations.reason = 'forged';
CREATE TABLE forged ();
RESET pg_migrations.reason;
SELECT is(logged(), 'CREATE TABLE direct', 'a reason of another transaction does not count');
SELECT migrate.unregister('fails:0002_b') \g /dev/null

-- Another tool's.

SELECT throws_ok('SELECT migrate.finish()', '55000', NULL, 'finish without begin');
\set ON_ERROR_STOP 0
SELECT migrate.begin('by hand');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '25P01', 'begin without a block');
\set ON_ERROR_STOP 1
BEGIN;
SELECT migrate.begin('V7__orders', 'tool', 'Flyway', '{"ticket": "OPS-1"}') AS history \gset
CREATE TABLE external_one ();
SELECT throws_ok('SELECT migrate.begin(''again'')', '55000', NULL, 'begin twice');
SAVEPOINT s;
CREATE TABLE external_two ();
ROLLBACK TO s;
SELECT migrate.finish() \g /dev/null
CREATE TABLE external_three ();
COMMIT;
SELECT is(logged(), format(E'CREATE TABLE external %s\nCREATE TABLE direct', :history), 'from begin to finish');
SELECT pg_temp.rows_are(format('SELECT project, name, action, outcome, reason FROM migrate.history WHERE id = %s', :history),
                        $$VALUES ('tool', 'V7__orders', 'external', 'applied', 'by Flyway {"ticket": "OPS-1"}')$$, 'it is in the history');
SELECT migrate.register('0003_c', 'CREATE TABLE external_four ()', project => 'shop') \g /dev/null
BEGIN;
SELECT migrate.begin('0003_c', 'shop') \g /dev/null
CREATE TABLE external_four ();
COMMIT;
CREATE TABLE after_external ();
SELECT is(regexp_replace(logged(), '\d+', 'n'), E'CREATE TABLE external n\nCREATE TABLE direct', 'or to the end of the transaction');
SELECT is(state_of('shop:0003_c'), 'applied', 'what is registered is applied with it');
BEGIN;
SAVEPOINT s;
SELECT migrate.begin('rolled back', 'shop') \g /dev/null
ROLLBACK TO s;
CREATE TABLE after_savepoint ();
COMMIT;
SELECT is(logged(), 'CREATE TABLE direct', 'rolled back to before it');
SELECT is_empty($$SELECT FROM migrate.history WHERE name = 'rolled back'$$, 'it leaves nothing');
BEGIN;
SELECT migrate.begin('outer', 'shop') AS outer_history \gset
SAVEPOINT s;
SELECT migrate.finish() \g /dev/null
CREATE TABLE rolled_back ();
SELECT migrate.begin('inner', 'shop') \g /dev/null
SAVEPOINT t;
SELECT migrate.finish() \g /dev/null
ROLLBACK TO s;
CREATE TABLE goes_on ();
SAVEPOINT t;
SELECT migrate.finish() \g /dev/null
RELEASE t;
CREATE TABLE is_finished ();
ROLLBACK TO s;
CREATE TABLE goes_on ();
SELECT migrate.finish() \g /dev/null
SELECT migrate.begin('next', 'shop') AS next_history \gset
SAVEPOINT t;
SELECT migrate.finish() \g /dev/null
ROLLBACK TO t;
CREATE TABLE next_one ();
COMMIT;
SELECT is(logged(), format(E'CREATE TABLE external %s\nCREATE TABLE external %s', :outer_history, :next_history), 'a finish that is rolled back ends nothing');
SELECT throws_ok('SELECT migrate.finish()', '55000', NULL, 'and nothing outlives the transaction');
BEGIN;
SAVEPOINT s;
SELECT migrate.begin('released', 'shop') \g /dev/null
RELEASE s;
SAVEPOINT s;
CREATE TABLE rolled_back ();
ROLLBACK TO s;
CREATE TABLE after_release ();
COMMIT;
SELECT is(regexp_replace(logged(), '\d+', 'n'), 'CREATE TABLE external n', 'released, it does not end with a later savepoint');
SELECT throws_ok(format('SELECT migrate.begin(%s)', name), code, NULL, 'begin(' || name || ')')
    FROM (VALUES ('NULL', '22004'), ('''''', '22023'), ('''a'', ''b c''', '22023')) AS t (name, code);

SELECT migrate.register('0001_x', 'SELECT migrate.begin(''other'')', project => 'inside') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'inside');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG009', 'a migration is its own, not another tool''s');

-- Quotes within quotes.

DO $$
DECLARE
    quotes text := (SELECT string_agg('$q' || i || '$', '' ORDER BY i) FROM generate_series(1, 100) AS i);
    back text := (SELECT string_agg('$q' || i || '$', '' ORDER BY i DESC) FROM generate_series(1, 100) AS i);
BEGIN
    EXECUTE 'COMMENT ON TABLE external_one IS ' || quotes || 'passes' || back;
END
$$;
SELECT matches((SELECT statement FROM migrate.ddl_log ORDER BY id DESC LIMIT 1), '^COMMENT ON TABLE external_one IS \$q1\$\$q2\$\S+<redacted>\S+\$q2\$\$q1\$$',
               'what lies deep within quotes is not looked into');
SELECT logged() \g /dev/null

-- Explained.

SELECT array_agg(id ORDER BY id) AS ids FROM migrate.out_of_band WHERE statement LIKE 'CREATE TABLE after%' \gset
SELECT is(migrate.acknowledge(:'ids', 'tests'), array_length(:'ids'::bigint[], 1), 'acknowledge');
SELECT is_empty($$SELECT FROM migrate.out_of_band WHERE statement LIKE 'CREATE TABLE after%'$$, 'what is explained is out of the view');
SELECT pg_temp.rows_are(format('SELECT DISTINCT decision, decided_by, decided_why FROM migrate.out_of_band_history WHERE id = ANY (%L)', :'ids'),
                        $$VALUES ('acknowledged', current_user, 'tests')$$, 'and in the other');
SELECT throws_ok(call, code, NULL, call) FROM (VALUES
    ('SELECT migrate.acknowledge(NULL, ''why'')', '22004'), ('SELECT migrate.acknowledge(''{}'', ''why'')', '22023'),
    ('SELECT migrate.acknowledge(''{-1}'', ''why'')', '22023'), ('SELECT migrate.acknowledge(''{1}'', '''')', '22023'),
    ('SELECT migrate.acknowledge(ARRAY(SELECT id FROM migrate.ddl_log WHERE origin = ''migration''), ''why'')', '22023')) AS t (call, code);
SELECT matches(message, '\d+ changes outside of migrations nobody has explained', 'check counts what is not') FROM migrate.check() WHERE code = 'out_of_band';
CREATE ROLE tap_last;
GRANT CREATE ON SCHEMA public TO tap_last;
SET SESSION AUTHORIZATION tap_last;
CREATE TABLE by_the_last ();
DROP TABLE by_the_last;
RESET SESSION AUTHORIZATION;
CREATE TABLE after_the_last ();
SELECT matches(message, format('the last by %s at', session_user), 'and says whose the last is') FROM migrate.check() WHERE code = 'out_of_band';

CREATE TABLE twice AS SELECT 1 AS i FROM generate_series(1, 2);
\set ON_ERROR_STOP 0
CREATE UNIQUE INDEX CONCURRENTLY "Twice" ON twice (i);
\set ON_ERROR_STOP 1
SELECT pg_temp.rows_are($$SELECT severity, object, hint FROM migrate.check() WHERE code = 'invalid_index'$$,
                        $$VALUES ('warning', 'public."Twice"', 'REINDEX INDEX CONCURRENTLY public."Twice";  or, if nothing needs it: DROP INDEX CONCURRENTLY public."Twice";')$$, 'a concurrent build that failed is found');
DROP INDEX CONCURRENTLY "Twice";
SELECT is_empty($$SELECT FROM migrate.check() WHERE code = 'invalid_index'$$, 'until its index is dropped');

-- Warned of, and rejected.

CREATE FUNCTION verdict(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE SQLSTATE 'P0101';
EXCEPTION
    WHEN SQLSTATE 'P0101' THEN
        RETURN 'passes';
    WHEN OTHERS THEN
        RETURN SQLSTATE;
END
$$;
CREATE FUNCTION logged_not() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN verdict($$CREATE TABLE x ()$$); END';
CREATE TABLE exists_already (i int);
CREATE VIEW view_already AS SELECT 1 AS i;
CREATE MATERIALIZED VIEW matview AS SELECT 1 AS i;
CREATE UNIQUE INDEX ON matview (i);
CREATE TYPE type_already AS ENUM ('a');
CREATE DOMAIN domain_already AS int CONSTRAINT positive CHECK (value > 0);
CREATE TEMP TABLE temporary (i int CONSTRAINT positive CHECK (i > 0));
CREATE TEMP SEQUENCE numbers;
CREATE FUNCTION pg_temp.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE INSERT ON temporary FOR EACH ROW EXECUTE FUNCTION pg_temp.tf();
CREATE TYPE pg_temp.kind AS ENUM ('a');
CREATE DOMAIN pg_temp.natural AS int CHECK (value >= 0);
SELECT verdict('CREATE FUNCTION verdict_() RETURNS int LANGUAGE sql AS ''SELECT 1''') \g /dev/null
SELECT logged() \g /dev/null
SET pg_migrations.out_of_band = reject;
SELECT is(verdict(t.statement), t.verdict, t.statement) FROM (VALUES
    ('CREATE TABLE x ()', 'MG013'), ('ALTER TABLE exists_already ADD j int', 'MG013'), ('DROP TABLE exists_already', 'MG013'),
    ('CREATE INDEX ON exists_already (i)', 'MG013'), ('GRANT SELECT ON exists_already TO PUBLIC', 'MG013'), ('COMMENT ON TABLE exists_already IS ''x''', 'MG013'),
    ('TRUNCATE exists_already', 'MG013'), ('CREATE ROLE x', 'MG013'), ('CREATE SCHEMA x', 'MG013'), ('SELECT 1 AS i INTO x', 'MG013'),
    ('EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1', 'MG013'), ('CREATE VIEW x AS SELECT * FROM exists_already', 'MG013'),
    ('DO ''BEGIN CREATE TABLE x (); END''', 'MG013'), ('CREATE EXTENSION hstore', 'MG013'), ('DROP EVENT TRIGGER zz_pg_migrations_end', 'MG013'),
    ('CREATE OR REPLACE FUNCTION logged_not() RETURNS text LANGUAGE sql AS ''SELECT 1::text''', 'MG013'),
    ('CREATE STATISTICS s ON i, j FROM exists_already e JOIN temporary t USING (i)', 'MG013'), ('COMMENT ON COLUMN i IS ''x''', 'MG013'),
    ('CREATE TEMP TABLE t ()', 'passes'), ('CREATE INDEX ON temporary (i)', 'passes'), ('ALTER TABLE temporary ADD j int', 'passes'),
    ('DROP TABLE temporary', 'passes'), ('CREATE VIEW t AS SELECT * FROM temporary', 'passes'), ('TRUNCATE temporary', 'passes'),
    ('CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS ''SELECT 1''', 'passes'), ('CREATE TEMP TABLE t AS SELECT 1', 'passes'),
    ('CREATE TABLE IF NOT EXISTS exists_already ()', 'passes'), ('DROP TABLE IF EXISTS exists_not', 'passes'),
    ('ALTER TABLE IF EXISTS exists_not ADD i int', 'passes'), ('DROP ROLE IF EXISTS exists_not', 'passes'),
    ('CREATE EXTENSION IF NOT EXISTS pg_migrations', 'passes'), ('DROP TABLE IF EXISTS exists_not, exists_already', 'MG013'),
    ('REFRESH MATERIALIZED VIEW matview', 'passes'), ('REFRESH MATERIALIZED VIEW CONCURRENTLY matview', 'passes'),
    ('GRANT SELECT ON temporary TO PUBLIC', 'passes'), ('GRANT USAGE ON SEQUENCE numbers TO PUBLIC', 'passes'),
    ('GRANT EXECUTE ON FUNCTION pg_temp.tf() TO PUBLIC', 'passes'), ('GRANT SELECT ON temporary, exists_already TO PUBLIC', 'MG013'),
    ('COMMENT ON FUNCTION pg_temp.tf() IS ''x''', 'passes'), ('COMMENT ON TRIGGER tr ON temporary IS ''x''', 'passes'),
    ('COMMENT ON CONSTRAINT positive ON temporary IS ''x''', 'passes'), ('COMMENT ON CONSTRAINT x ON DOMAIN exists_not IS ''x''', 'MG013'),
    ('ALTER FUNCTION pg_temp.tf() COST 10', 'passes'), ('ALTER TYPE pg_temp.kind ADD VALUE ''b''', 'passes'),
    ('ALTER TYPE pg_temp.kind RENAME TO x', 'passes'), ('ALTER DOMAIN pg_temp.natural SET NOT NULL', 'passes'),
    ('ALTER TRIGGER tr ON temporary RENAME TO x', 'passes'), ('DROP TRIGGER tr ON temporary', 'passes'),
    ('DROP FUNCTION pg_temp.tf() CASCADE', 'passes'), ('DROP TYPE pg_temp.kind', 'passes'), ('DROP DOMAIN pg_temp.natural', 'passes'),
    ('DROP FUNCTION IF EXISTS exists_not(int)', 'passes'), ('DROP FUNCTION IF EXISTS logged_not()', 'MG013'),
    ('DROP TYPE IF EXISTS exists_not', 'passes'), ('DROP TYPE IF EXISTS type_already', 'MG013'),
    ('DROP TRIGGER IF EXISTS tr ON exists_already', 'passes'), ('ALTER TYPE type_already ADD VALUE IF NOT EXISTS ''a''', 'passes'),
    ('ALTER TYPE type_already ADD VALUE IF NOT EXISTS ''b''', 'MG013'), ('EXPLAIN ANALYZE CREATE TABLE temporary AS SELECT 1', 'MG013'),
    ('CREATE TABLE temporary ()', 'MG013'),
    ('ALTER TABLE exists_already ADD COLUMN IF NOT EXISTS i int', 'passes'), ('ALTER TABLE exists_already ADD COLUMN IF NOT EXISTS j int', 'MG013'),
    ('ALTER TABLE exists_already ADD COLUMN IF NOT EXISTS i int, ADD j int', 'MG013'), ('ALTER TABLE exists_already DROP COLUMN IF EXISTS i', 'MG013'),
    ('ALTER TABLE exists_already DROP COLUMN IF EXISTS j, DROP CONSTRAINT IF EXISTS j', 'passes'),
    ('ALTER TABLE exists_already ALTER i SET STATISTICS 10, DROP COLUMN IF EXISTS j', 'MG013'),
    ('ALTER DOMAIN domain_already DROP CONSTRAINT IF EXISTS other', 'passes'), ('ALTER DOMAIN domain_already DROP CONSTRAINT IF EXISTS positive', 'MG013'),
    ('REINDEX TABLE exists_already', 'passes'), ('ANALYZE exists_already', 'passes'), ('LOCK TABLE exists_already', 'passes'),
    ('CLUSTER matview USING matview_i_idx', 'passes'), ('SET work_mem = 1000', 'passes'), ('INSERT INTO exists_already VALUES (1)', 'passes')) AS t (statement, verdict);
SELECT is(logged(), NULL, 'and nothing of it was recorded');
SELECT migrate.register('0004_d', 'CREATE TABLE d ()', project => 'night') \g /dev/null
CALL migrate.apply(project => 'night') \gset
SELECT is(:applied, 1, 'a migration passes');
BEGIN;
SELECT migrate.begin('by hand') \g /dev/null
CREATE TABLE external_five ();
COMMIT;
BEGIN;
SET LOCAL pg_migrations.reason = 'at night';
CREATE TABLE reasoned ();
COMMIT;
SELECT is(regexp_replace(logged(), '\d+', 'n', 'g'), E'CREATE TABLE migration n\nCREATE TABLE external n\nCREATE TABLE direct at night',
          'another tool passes, and a superuser with a reason');
SET pg_migrations.reason = 'left behind by another client';
SELECT is(verdict('CREATE TABLE x ()'), 'MG013', 'a reason of another transaction does not count');
BEGIN;
SAVEPOINT s;
SET LOCAL pg_migrations.reason = 'new';
ROLLBACK TO s;
SELECT is(verdict('CREATE TABLE x ()'), 'MG013', 'not even when it comes back');
COMMIT;
BEGIN;
SET LOCAL pg_migrations.reason = ' ';
SELECT is(verdict('CREATE TABLE x ()'), 'MG013', 'nor does one that says nothing');
COMMIT;
RESET pg_migrations.reason;
SET ROLE tap_maker;
BEGIN;
SET LOCAL pg_migrations.reason = 'mine';
SELECT is(verdict('CREATE TABLE x ()'), 'MG013', 'nor does one of somebody who may not break the glass');
COMMIT;
SELECT throws_ok('SELECT migrate.break_glass(''mine'')', '42501', NULL, 'who cannot break it either');
RESET ROLE;
SELECT throws_ok(call, code, NULL, call) FROM (VALUES
    ('SELECT migrate.break_glass(NULL)', '22004'), ('SELECT migrate.break_glass('''')', '22023'), ('SELECT migrate.break_glass(''x'', NULL)', '22004'),
    ('SELECT migrate.break_glass(''x'', ''-1 s'')', '22023'), ('SELECT migrate.break_glass(''x'', ''25 h'')', '22023')) AS t (call, code);
SELECT migrate.break_glass('flood', '1 min') \g /dev/null
SET ROLE tap_maker;
CREATE TABLE broken_as_owner ();
RESET ROLE;
SELECT is(logged(), 'CREATE TABLE direct flood', 'whoever breaks the glass may, as any role');
SELECT migrate.break_glass('fire', '3 s') \g /dev/null
CREATE TABLE broken ();
SELECT is(logged(), 'CREATE TABLE direct fire', 'the glass is broken');
SELECT pg_sleep(3.1) \g /dev/null
SELECT is(verdict('CREATE TABLE x ()'), 'MG013', 'for a time');
SELECT pg_temp.rows_are($$SELECT decision, reason FROM migrate.decisions WHERE decision = 'glass_broken'$$, $$VALUES ('glass_broken', 'flood'), ('glass_broken', 'fire')$$, 'a decision');
SET pg_migrations.out_of_band = log;

-- Gaps.

ALTER EVENT TRIGGER pg_migrations_drop DISABLE;
SELECT is((SELECT level FROM migrate.coverage WHERE to_at IS NULL), 'none', 'who disables a trigger leaves a gap in coverage');
CREATE TABLE unseen ();
SELECT is(logged(), 'ALTER EVENT TRIGGER direct', 'and a row, the last one');
SELECT ok(EXISTS (SELECT FROM migrate.check() WHERE code = 'capture_broken' AND severity = 'error'), 'check says so');
SELECT migrate.watch('mended') \g /dev/null
SELECT is((SELECT string_agg(level, ' ' ORDER BY from_at) FROM migrate.coverage), 'full none full', 'mended');
ALTER EVENT TRIGGER zz_pg_migrations_end RENAME TO elsewhere;
SELECT is((SELECT level FROM migrate.coverage WHERE to_at IS NULL), 'none', 'who renames one, too');
ALTER EVENT TRIGGER elsewhere RENAME TO zz_pg_migrations_end;
SELECT is((SELECT level FROM migrate.coverage WHERE to_at IS NULL), 'full', 'and who takes it back');
SELECT logged() \g /dev/null
SET session_replication_role = replica;
CREATE TABLE as_replica ();
RESET session_replication_role;
SELECT is(logged(), 'CREATE TABLE direct', 'a replica''s session is seen');
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'the records are sound');
SELECT migrate.unwatch('done') \g /dev/null
SELECT is_empty('SELECT FROM pg_event_trigger', 'unwatch takes the triggers away');
SELECT is_empty('SELECT FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())', 'and the setting');
SELECT pg_temp.rows_are($$SELECT level, reason FROM migrate.coverage WHERE to_at IS NULL$$, $$VALUES ('none', 'done')$$, 'as coverage says');
CREATE TABLE not_watched ();
SELECT is(logged(), 'DROP EVENT TRIGGER extension', 'nothing is recorded any more');
SELECT lives_ok('DROP EXTENSION pg_migrations', 'the extension can go');
SELECT * FROM finish();
DROP OWNED BY tap_maker, tap_last;
DROP ROLE tap_maker, tap_last;
