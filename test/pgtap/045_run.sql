-- 045_run.sql: what runs with a migration: COPY data, settings, timeouts, constraints, the
-- deployers' lock.  Nothing here is rolled back: apply commits what it does.

\ir common.psql
SELECT * FROM no_plan();

CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('dbname=%L host=%L port=%s user=%L', current_database(),
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user)) \g /dev/null

CREATE FUNCTION apply_all(text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    run bigint;
    n int;
BEGIN
    CALL migrate.apply(project => $1, run_id => run, applied => n);
    RETURN n;
END
$$;

-- COPY with its data in the text.

SELECT migrate.register('0001_c1', E'CREATE TABLE copied (i int, t text);\nCOPY copied (i, t) FROM stdin;\n1\tone\n2\t\\N\n3\ta\\tb;\n\\.\n'
    'COPY copied FROM STDIN WITH (FORMAT csv, HEADER);\ni,t\n4,"quoted; -- text"\n5,\n\\.\nINSERT INTO copied VALUES (6, ''six'');\n', project => 'copy') \g /dev/null
CALL migrate.apply(project => 'copy') \g /dev/null
SELECT pg_temp.rows_are('SELECT * FROM copied ORDER BY i',
                        $$VALUES (1, 'one'), (2, NULL), (3, E'a\tb;'), (4, 'quoted; -- text'), (5, NULL), (6, 'six')$$, 'COPY ... FROM stdin');
SELECT is((SELECT array_agg(s.rows ORDER BY statement_no) FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id
           WHERE h.project = 'copy' AND command_tag = 'COPY'), '{3,2}'::bigint[], 'its rows are counted');
SELECT migrate.register('0002_c2', E'SELECT 1;\nCOPY copied FROM stdin;\n7\tseven\nx\teight\n\\.\n', project => 'copy') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'copy');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22P02', 'an error in the data is COPY''s own');
SELECT matches(error_context, 'COPY copied, line 2, column i: "x"', 'with its line') FROM migrate.history WHERE name = '0002_c2';
SELECT is((SELECT count(*) FROM copied), 6::bigint, 'nothing of it stands');
SELECT migrate.register('0002_c2', E'COPY copied FROM stdin;\n', project => 'copy') \g /dev/null
CALL migrate.apply(project => 'copy') \gset
SELECT is(:applied, 1, 'COPY without data');

-- Where its data are, for several on a line and behind what only psql understands.
SELECT migrate.register(t.n, format('CREATE TABLE %1$s_a (i int); CREATE TABLE %1$s_b (i int);', t.n) || E'\n' || replace(t.up, '@', t.n || '_'),
                        project => 'lines', requires => '{}') FROM (VALUES
    ('first', E'COPY @a FROM stdin; COPY @b FROM stdin;\n1\n\\.\n'),
    ('both', E'COPY @a FROM stdin; COPY @b FROM stdin;\r\n1\r\n\\.\r\n2\r\n\\.\r\nINSERT INTO @a VALUES (3);'),
    ('none', E'COPY @a FROM stdin; COPY @b FROM stdin; -- x\n\\.\n2'),
    ('across', E'COPY @a FROM stdin; COPY @b /*\n1\n\\.\n*/ FROM stdin; INSERT INTO @a VALUES (3);\n2\n\\.\nINSERT INTO @b VALUES (4);'),
    ('restricted', E'\\restrict abc\nCOPY @a FROM stdin; \\unrestrict abc\n1\n\\.\nCOPY @b\n\\restrict abc\nFROM\n\\restrict abc\nstdin;\n2\n\\.\n')
    ) t (n, up) \g /dev/null
CALL migrate.apply(project => 'lines') \g /dev/null
CREATE FUNCTION pg_temp.content_of(n text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    content text;
BEGIN
    EXECUTE format('SELECT concat((SELECT string_agg(i::text, '', '' ORDER BY i) FROM %1$s_a), '' | '', (SELECT string_agg(i::text, '', '' ORDER BY i) FROM %1$s_b))', n)
        INTO content;
    RETURN content;
END
$$;
SELECT is(pg_temp.content_of(t.n), t.content, t.what) FROM (VALUES
    ('first', '1 | ', 'the first of two COPYs on a line has all the data'), ('both', '1, 3 | 2', 'or each has its own'),
    ('none', ' | 2', 'or the first has none'), ('across', '1, 3 | 2, 4', 'a COPY that begins on the line of another'),
    ('restricted', '1 | 2', 'COPY beside \restrict')
    ) t (n, content, what);
SELECT is(e.code || e.message, '42601syntax error at or near "SELEC"', 'a column named stdin is no data')
    FROM pg_temp.error_of($$SELECT migrate.register('stdin', E'COPY one FROM ''/x'' WHERE i IS DISTINCT FROM stdin;\nSELEC 1;')$$) e;

-- What is not computed yet when WHERE is asked.
CREATE TABLE computed (i int, g int GENERATED ALWAYS AS (i * 2) STORED);
SELECT migrate.register(t.n, E'COPY computed (i) FROM stdin WHERE ' || t.condition || E';\n1\n\\.\n', project => t.n)
    FROM (VALUES ('column', 'g > 0'), ('row', 'computed IS NOT NULL'), ('others', 'i > 0 AND tableoid > 0')) t (n, condition) \g /dev/null
SELECT is(e.code || ': ' || e.message, '42P10: generated columns are not supported in COPY FROM WHERE conditions', 'COPY refuses what is generated: ' || t.n)
    FROM (VALUES ('column'), ('row')) t (n), pg_temp.error_of(format('CALL migrate.apply(project => %L)', t.n)) e;
CALL migrate.apply(project => 'others') \g /dev/null
SELECT results_eq('SELECT i, g FROM computed', 'VALUES (1, 2)', 'and takes a condition on others');

-- The bodies of routines have semicolons of their own.
CREATE TABLE stored (i int);
SELECT migrate.register('data', E'CREATE FUNCTION stored_count(wanted text) RETURNS bigint BEGIN ATOMIC
    SELECT CASE wanted WHEN ''stdin'' THEN count(*) END FROM stored; END;\nCOPY stored FROM stdin;\n1\n2\n\\.\n', project => 'atomic') \g /dev/null
CALL migrate.apply(project => 'atomic') \g /dev/null
SELECT is(stored_count('stdin'), 2::bigint, 'COPY behind one has its data');
SELECT is(e.code || ': ' || e.message, t.error, t.what) FROM (VALUES
    (E'CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; COPY stored FROM stdin; END;\nSELEC 1;', '42601: syntax error at or near "SELEC"',
     'what follows a COPY in a body is no data'),
    ('CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; COPY stored FROM stdin; END;',
     'MG009: data of COPY inside of another statement', 'nor is it where the body seems to have ended')
    ) t (up, error, what), pg_temp.error_of(format('SELECT migrate.register(''p'', %L)', t.up)) e;
SELECT migrate.register('p', 'CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; COPY stored FROM stdin; END;', project => 'atomic') \g /dev/null
SELECT isnt(e.code, NULL, 'what the server does not take in a body, it refuses') FROM pg_temp.error_of('CALL migrate.apply(project => ''atomic'')') e;

-- What a migration sets ends with it.

CREATE SCHEMA aside;
CREATE ROLE tap_runner;
GRANT ALL ON SCHEMA public TO tap_runner;
SET work_mem = '5MB';
SELECT migrate.register(t.n, t.up || format('; CREATE TABLE %I AS SELECT current_user::text AS who, current_setting(''work_mem'') AS work_mem;', t.n),
                        project => 'sets') FROM (VALUES
    ('0001_set1', 'SET search_path = aside'), ('0002_set2', 'SELECT 1'), ('0003_set3', 'SELECT set_config(''search_path'', ''aside'', false)'),
    ('0004_set4', 'SELECT 1'), ('0005_set5', 'SET ROLE tap_runner'), ('0006_set6', 'SELECT 1'),
    ('0007_set7', 'SET SESSION AUTHORIZATION tap_runner'), ('0008_set8', 'SELECT 1'), ('0009_set9', 'SET work_mem = ''7MB'''),
    ('0010_set10', 'SELECT 1'), ('0011_set11', 'RESET work_mem'), ('0012_set12', 'SET LOCAL work_mem = ''8MB'''), ('0013_set13', 'SELECT 1'),
    ('0014_set14', 'RESET ALL'), ('0015_set15', 'DISCARD PLANS')
    ) AS t (n, up) \g /dev/null
CALL migrate.apply(project => 'sets') \gset
SELECT is(:applied, 15, 'migrations that set');
CREATE FUNCTION seen(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT who || '' '' || work_mem FROM %I', $1) INTO result;
    RETURN result;
END
$$;
SELECT has_table('aside'::name, '0001_set1'::name, 'search_path is set inside');
SELECT has_table('public'::name, '0002_set2'::name, 'and ends with its migration');
SELECT has_table('aside'::name, '0003_set3'::name, 'set_config sets it, too');
SELECT has_table('public'::name, '0004_set4'::name, 'and ends, too');
SELECT is(seen('0005_set5') || ', ' || seen('0006_set6'), 'tap_runner 5MB, ' || current_user || ' 5MB', 'SET ROLE ends');
SELECT is(seen('0007_set7') || ', ' || seen('0008_set8'), 'tap_runner 5MB, ' || current_user || ' 5MB', 'SET SESSION AUTHORIZATION ends');
SELECT is(seen('0009_set9') || ', ' || seen('0010_set10'), current_user || ' 7MB, ' || current_user || ' 5MB', 'SET ends');
SELECT is(seen('0011_set11'), current_user || ' 4MB', 'RESET resets');
SELECT is(seen('0012_set12') || ', ' || seen('0013_set13'), current_user || ' 8MB, ' || current_user || ' 5MB', 'SET LOCAL and RESET end');
SELECT is(seen('0015_set15') || ', ' || current_setting('work_mem'), current_user || ' 5MB, 5MB', 'RESET ALL ends; the caller''s own SET stays');
SELECT migrate.register('0020_set20', 'SET work_mem = ''9MB''; SET search_path = aside; SET ROLE tap_runner; SELECT 1/0', project => 'sets') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'sets');
\set ON_ERROR_STOP 1
SELECT is(current_setting('work_mem') || ' ' || current_user || ' ' || current_setting('search_path'),
          '5MB ' || session_user || ' "$user", public', 'a failing one leaves no setting either');
SELECT migrate.unregister('0020_set20') \g /dev/null
RESET work_mem;

SELECT migrate.register('0001_ra', 'CREATE TABLE ra ()', 'DROP TABLE ra', options => '{"run_as": "tap_runner"}', project => 'run_as'),
       migrate.register('0002_rb', 'CREATE TABLE rb ()', options => '{"search_path": "aside"}', project => 'run_as'),
       migrate.register('0003_rc', 'CREATE TABLE rc ()', options => '{"run_as": "tap_nobody"}', project => 'run_as') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'run_as');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '42704', 'run_as: a role that is not there');
SELECT table_owner_is('ra'::name, 'tap_runner'::name, 'run_as: the role a migration starts with');
SELECT has_table('aside'::name, 'rb'::name, 'search_path: the one it starts with');
SELECT table_owner_is('aside'::name, 'rb'::name, current_user::name, 'run_as ends with its migration');

-- Timeouts count per statement.

SELECT migrate.register('0001_slow', repeat('SELECT pg_sleep(0.8); ', 4), project => 'slow') \g /dev/null
SET statement_timeout = '3s';
CALL migrate.apply(project => 'slow') \gset
SELECT is(:applied, 1, 'statement_timeout is not for the whole CALL');
RESET statement_timeout;
SELECT migrate.register('0002_slow', 'SELECT 1; SELECT pg_sleep(60)', project => 'slow') \g /dev/null
SET statement_timeout = '1s';
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'slow');
\set ON_ERROR_STOP 1
RESET statement_timeout;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '57014', 'but for each statement');
SELECT pg_temp.rows_are($$SELECT outcome, error_statement_no FROM migrate.history WHERE name = '0002_slow'$$,
                        $$VALUES ('failed', 2)$$, 'its record says which');
SELECT migrate.register('0002_slow', 'SELECT pg_sleep(2.5)', options => '{"statement_timeout": 0}', project => 'slow') \g /dev/null
SET statement_timeout = '2s';
CALL migrate.apply(project => 'slow') \gset
RESET statement_timeout;
SELECT is(:applied, 1, 'an option overrides it');
SELECT migrate.register('0003_slow', 'SELECT pg_sleep(5)', options => '{"statement_timeout": 50}', project => 'slow') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'slow');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '57014', 'or sets one');
SET statement_timeout = '200ms';
\set ON_ERROR_STOP 0
SELECT pg_sleep(5);
\set ON_ERROR_STOP 1
RESET statement_timeout;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '57014', 'the caller''s timer works as before');
SELECT migrate.unregister('0003_slow') \g /dev/null

CREATE TABLE locked ();
SELECT dblink_exec('other', 'BEGIN; LOCK TABLE locked IN ACCESS SHARE MODE') \g /dev/null
SELECT migrate.register('0001_lock', 'ALTER TABLE locked ADD i int', options => '{"lock_timeout": 50, "lock_total": 0}', project => 'lock') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'lock');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '55P03', 'lock_timeout');
SELECT is((SELECT duration < '30s' FROM migrate.history WHERE project = 'lock'), true, 'the option''s, in ms');
SELECT migrate.register('0001_lock', 'ALTER TABLE locked ADD i int', project => 'lock') \g /dev/null
SET pg_migrations.lock_timeout = 60;
SET pg_migrations.lock_total = 0;
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'lock');
\set ON_ERROR_STOP 1
RESET pg_migrations.lock_total;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '55P03', 'the setting, without an option');
SET statement_timeout = '500ms';
\set ON_ERROR_STOP 0
DO $$BEGIN EXECUTE $c$CALL migrate.apply(project => 'lock')$c$; EXCEPTION WHEN lock_not_available THEN PERFORM pg_sleep(10); END$$;
\set ON_ERROR_STOP 1
RESET statement_timeout;
RESET pg_migrations.lock_timeout;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '57014', 'whoever catches that has his statement_timeout again');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
CALL migrate.apply(project => 'lock') \gset
SELECT is(:applied, 1, 'without a lock in the way it runs');

-- A deferred constraint counts against its migration.

CREATE TABLE parent (i int PRIMARY KEY);
CREATE TABLE child (i int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT migrate.register('0001_def', 'INSERT INTO child VALUES (1); CREATE TABLE def1 ()', project => 'deferred') \g /dev/null
SELECT register_tables('deferred', '0002_def') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'deferred');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '23503', 'a deferred constraint');
SELECT is(attempts('deferred'), '0001_def failed', 'fails the migration that violates it');
SELECT hasnt_table('def1'::name, 'of which nothing stands');
SELECT migrate.register('0001_def', 'INSERT INTO child VALUES (1); INSERT INTO parent VALUES (1)', project => 'deferred') \g /dev/null
CALL migrate.apply(project => 'deferred') \gset
SELECT is(:applied, 2, 'one that is satisfied in the end does not');

-- Sqitch's own record, by the README's line: a reworked change is there twice.

SELECT migrate.load('{sqitch.plan,deploy/a.sql,deploy/a@v1.sql,deploy/b.sql,revert/a.sql,revert/a@v1.sql,revert/b.sql}', ARRAY[
    E'%syntax-version=1.0.0\n%project=sq\n\na 2013-12-30T23:19:45Z A <a@b.c>\nb [a] 2013-12-30T23:19:45Z A <a@b.c>\n'
    '@v1 2013-12-30T23:19:45Z A <a@b.c>\na [a@v1] 2014-12-30T23:19:45Z A <a@b.c>\n',
    'SELECT 2', 'SELECT 1', 'SELECT 1', 'SELECT 1', 'SELECT 1', 'SELECT 1']) \g /dev/null
CREATE SCHEMA sqitch;
CREATE TABLE sqitch.changes (change_id text, project text, change text, committed_at timestamptz, planned_at timestamptz);
INSERT INTO sqitch.changes VALUES ('1', 'sq', 'a', '2020-01-01', '2013-12-30'), ('2', 'sq', 'b', '2020-01-01', '2013-12-31'),
    ('3', 'sq', 'a', '2020-01-01', '2014-12-30');
\set readme_line `sed -nE 's/^\| Sqitch \| \x60(.*);\x60 \|$/\1/p' "$PG_ABS_SRCDIR/../README.md"`
:readme_line \g /dev/null
SELECT is(string_agg(name || ' ' || state, ', ' ORDER BY name), 'a marked, a#2 marked, b marked', 'Sqitch''s record is taken over')
    FROM migrate.status('sq');

-- From inside a migration.

SELECT register_tables('base', '0001_b1', '0002_b2') \g /dev/null
CALL migrate.apply('0001_b1', 'base') \g /dev/null
SELECT migrate.register('inside' || row_number() OVER (), t.up, project => 'inside' || row_number() OVER ()) FROM (VALUES
    ('CREATE TABLE inside1 (); CALL migrate.apply(project => ''base'')'), ('CREATE TABLE inside1 (); CALL migrate.revert(project => ''base'')'),
    ('CREATE TABLE inside1 (); SELECT migrate.register(''y'', '''', project => ''inside'')'), ('CREATE TABLE inside1 (); SELECT apply_all(''base'')'),
    ('CREATE TABLE inside1 (); SELECT migrate.mark_applied(''inside1'', ''why'')'), ('CREATE TABLE inside1 (); SELECT migrate.baseline(''3'', ''why'', ''inside'')'),
    ('CREATE TABLE inside1 (); SELECT migrate.load(''{0001_a.sql}'', ''{SELECT 1}'', project => ''inside'')'),
    ('CREATE TABLE inside1 (); SELECT migrate.unregister(''inside1'')'), ('CREATE TABLE inside1 (); DROP EXTENSION pg_migrations'),
    ('CREATE TABLE inside1 (); DROP EXTENSION pg_migrations CASCADE'), ('CREATE TABLE inside1 (); DROP SCHEMA migrate CASCADE'),
    ('CREATE TABLE inside1 (); DROP TABLE migrate.log_history CASCADE'), ('CREATE TABLE inside1 (); DROP FUNCTION migrate.seal()'),
    ('CREATE TABLE inside1 (); DO $$BEGIN EXECUTE ''DROP EXTENSION pg_migrations''; END$$')
    ) AS t (up) \g /dev/null
BEGIN;
SELECT isnt(e.code, NULL, 'refused from inside a migration: ' || m.up)
    FROM migrate.migrations m CROSS JOIN LATERAL pg_temp.error_of(format('CALL migrate.apply(project => %L)', m.project)) e
    WHERE m.project ~ '^inside';
ROLLBACK;
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'inside1');
SELECT is((SELECT outcome FROM migrate.history WHERE project = 'inside1'), 'failed', 'it is a failed migration');
CALL migrate.apply(project => 'inside9');
SELECT is((SELECT outcome FROM migrate.history WHERE project = 'inside9'), 'failed', 'and so is one that drops us');
CALL migrate.apply(project => 'inside11');
SELECT is((SELECT outcome FROM migrate.history WHERE project = 'inside11'), 'failed', 'or our schema');
\set ON_ERROR_STOP 1
SELECT hasnt_table('inside1'::name, 'nothing of them stands');
SELECT has_extension('pg_migrations'::name, 'and we are still here');

-- What commits in between cannot be part of a transaction, and is refused before anything runs.

SELECT migrate.register('0001_tl', 'CREATE TABLE tl (i int)', project => 'top'),
       migrate.register('0002_tl', 'CREATE INDEX CONCURRENTLY tl_i ON tl (i)', project => 'top') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'top', atomic => true);
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG008', 'CREATE INDEX CONCURRENTLY is refused');
SELECT hasnt_table('tl'::name, 'before anything runs');
SELECT is(e.code, 'MG008', 'in a block, too') FROM pg_temp.error_of('CALL migrate.apply(project => ''top'')') e;

-- One deployer at a time.

SELECT register_tables('busy', '0001_busy', '0002_busy') \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT is((SELECT a FROM dblink('other', 'CALL migrate.apply(''0001_busy'', ''busy'')') AS t (r bigint, a int)), 1, 'another deployer');
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'busy', options => '{"lock_wait": 0}');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG006', 'lock_wait 0 fails at once');
CALL migrate.apply(project => 'busy', options => '{"lock_wait": 150}');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG006', 'lock_wait: as long as it says');
SET pg_migrations.lock_wait = 100;
CALL migrate.revert(project => 'base');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG006', 'or the setting');
SELECT migrate.mark_applied('0002_busy', 'why');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG006', 'mark_applied takes the lock, too');
SELECT migrate.unregister('0002_busy');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG006', 'and unregister');
\set ON_ERROR_STOP 1
SELECT is(migrate.register('0003_busy', '', project => 'busy'), 'registered', 'register never waits for a run');
SELECT lives_ok($$SELECT migrate.hold('0003_busy', 'why'); SELECT migrate.release('0003_busy', 'why')$$, 'nor do hold and release');
SELECT lives_ok($$SELECT migrate.configure('out_of_order', NULL, 'why', 'busy')$$, 'nor does configure');
RESET pg_migrations.lock_wait;
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
CALL migrate.apply(project => 'busy') \gset
SELECT is(:applied, 2, 'after it the state is read again');
SELECT register_tables('busy', '0004_busy', '0005_busy') \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', 'CALL migrate.apply(''0004_busy'', ''busy'')') AS t (r bigint, a int) \g /dev/null
SELECT pg_terminate_backend(pid, 60000) FROM dblink('other', 'SELECT pg_backend_pid()') AS t (pid int) \g /dev/null
CALL migrate.apply(project => 'busy') \gset
SELECT is(:applied, 2, 'a dead deployer is in nobody''s way');

-- A verify that is taken away while another one runs.

SELECT dblink_connect('v', format('dbname=%L host=%L port=%s user=%L', current_database(),
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user)) \g /dev/null
SELECT migrate.register('0001', 'SELECT 1', project => 'gone', verify =>
    $$SELECT true FROM dblink('v', 'SELECT migrate.register(''0002'', ''SELECT 1'', project => ''gone'', options => ''{"force": true}'')') AS t (r text)$$) \g /dev/null
SELECT migrate.register('0002', 'SELECT 1', project => 'gone') \g /dev/null
CALL migrate.apply(project => 'gone') \g /dev/null
SELECT migrate.register('0002', 'SELECT 1', project => 'gone', verify => 'SELECT true', options => '{"force": true}') \g /dev/null
SELECT dblink_exec('v', 'SET client_min_messages = error') \g /dev/null
SELECT pg_temp.rows_are($$SELECT name, ok FROM migrate.verify(project => 'gone')$$, $$VALUES ('0001', true), ('0002', true)$$,
    'a verify is the one that was registered when they began');
SELECT dblink_disconnect('v') \g /dev/null

-- A migration that is unregistered while somebody waits to mark it.

SELECT dblink_connect('u', format('dbname=%L host=%L port=%s user=%L', current_database(),
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user)) \g /dev/null
SELECT migrate.register('0001', 'SELECT 1', project => 'waited') \g /dev/null
SELECT dblink_exec('u', 'BEGIN') \g /dev/null
SELECT * FROM dblink('u', $$SELECT migrate.unregister('0001', 'waited')$$) AS t (r text) \g /dev/null
SELECT dblink_send_query('u', 'SELECT pg_sleep(0.5); COMMIT') \g /dev/null
SELECT is((pg_temp.error_of($$SELECT migrate.mark_applied('0001', 'why', 'waited')$$)).code, 'MG002', 'unregistered while waiting');
SELECT dblink_disconnect('u') \g /dev/null

-- A seal by a transaction that does not see the last one.

SELECT dblink_connect('s', format('dbname=%L host=%L port=%s user=%L', current_database(),
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user)) \g /dev/null
SELECT migrate.register('0001', 'SELECT 1', project => 'sealed') \g /dev/null
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM migrate.seals \g /dev/null
SELECT * FROM dblink('s', 'SELECT migrate.seal()') AS t (r bigint) \g /dev/null
SELECT migrate.seal() \g /dev/null
COMMIT;
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'REPEATABLE READ does not break the chain');
SELECT dblink_disconnect('s') \g /dev/null

-- A constraint trigger that fires at a migration's end is part of it.

CREATE FUNCTION at_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM apply_all('inner'); RETURN NULL; END $$;
SELECT migrate.register('0001', 'CREATE TABLE ends (i int); CREATE CONSTRAINT TRIGGER t AFTER INSERT ON ends
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_end(); INSERT INTO ends VALUES (1)', project => 'outer') \g /dev/null
SELECT migrate.register('0001', 'SELECT 1', project => 'inner') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'outer') \g /dev/null
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG009', 'and applies nothing');
SELECT is((SELECT state FROM migrate.status('inner')), 'pending', 'of any project');

-- Deferred constraints are checked for each migration, and deferred again for the next.

SELECT migrate.register('0001', 'CREATE TABLE elder (i int PRIMARY KEY);
    CREATE TABLE younger (i int REFERENCES elder DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE at_once (i int UNIQUE DEFERRABLE)', project => 'put_off') \g /dev/null
SELECT migrate.register('0002', 'INSERT INTO younger VALUES (1); INSERT INTO elder VALUES (1)', project => 'put_off') \g /dev/null
SELECT migrate.register('0003', $$INSERT INTO at_once VALUES (1);
    DO 'BEGIN INSERT INTO at_once VALUES (1); EXCEPTION WHEN unique_violation THEN INSERT INTO at_once VALUES (2); END'$$,
    project => 'put_off') \g /dev/null
CALL migrate.apply(project => 'put_off', atomic => true) \gset
SELECT is(:applied, 3, 'with atomic as without it');

-- A cursor whose query fails when the commit runs it to its end.

SELECT migrate.register('0001', 'DECLARE failing CURSOR WITH HOLD FOR SELECT 1 / (2 - i) FROM generate_series(1, 2) i',
    verify => 'SELECT true', project => 'cursor') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'cursor');
\set ON_ERROR_STOP 1
SELECT pg_temp.rows_are($$SELECT outcome, error_code, error_statement_no FROM migrate.history WHERE project = 'cursor'$$,
                        $$VALUES ('failed', '22012', NULL::int)$$, 'no statement has failed, nor one of the verify that has passed');

-- A migration that releases all advisory locks of its session.

SELECT migrate.register('0001', 'SELECT pg_advisory_unlock_all()', project => 'unlocks') \g /dev/null
SELECT migrate.register('0002', $$CREATE TABLE held_by AS SELECT pid FROM migrate.deployer()$$, project => 'unlocks') \g /dev/null
CALL migrate.apply(project => 'unlocks') \g /dev/null
SELECT is((SELECT pid FROM held_by), pg_backend_pid(), 'is still the one deployer');
SELECT is((SELECT count(*) FROM migrate.deployer()), 0::bigint, 'until its end');

-- What a run is applying is not pruned.

SELECT dblink_connect('p', format('dbname=%L host=%L port=%s user=%L', current_database(),
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user)) \g /dev/null
SELECT migrate.register('0001', $$SELECT * FROM dblink('p',
    'SELECT action FROM migrate.load(array[''0002.sql''], array[''SELECT 2''], project => ''pruned'', prune => true)') AS t (a text)$$,
    project => 'pruned') \g /dev/null
SELECT migrate.register('0002', 'SELECT 2', project => 'pruned') \g /dev/null
CALL migrate.apply(project => 'pruned') \g /dev/null
SELECT pg_temp.rows_are($$SELECT name, state FROM migrate.status('pruned')$$, $$VALUES ('0001', 'applied'), ('0002', 'applied')$$,
    'a migration under way is not pruned');
SELECT dblink_disconnect('p') \g /dev/null

CREATE FUNCTION held_at_commit() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN PERFORM apply_all('inner'); RETURN 1; END $$;
SELECT migrate.register('0001', 'DECLARE late CURSOR WITH HOLD FOR SELECT held_at_commit()', project => 'cursors') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'cursors') \g /dev/null
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG009', 'nor does a cursor that outlives it, whose query runs at the commit');

-- A migration that makes the extension anew.

SELECT migrate.register('0001', $x$DO $$BEGIN EXECUTE 'DROP EXTENSION pg_migrations CASCADE'; EXECUTE 'CREATE EXTENSION pg_migrations'; END$$$x$,
    project => 'anew') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'anew') \g /dev/null
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG009', 'is refused');
SELECT is((SELECT outcome FROM migrate.history WHERE project = 'anew'), 'failed', 'and all is as it was');

-- Timers end with what they were for.

SELECT migrate.register('0001', 'SELECT 1/0', project => 'timer', options => '{"statement_timeout": 1000}') \g /dev/null
SELECT lives_ok($$DO 'BEGIN BEGIN PERFORM apply_all(''timer''); EXCEPTION WHEN division_by_zero THEN END; PERFORM pg_sleep(1.2); END'$$,
    'that of a failed migration ends with it');
SELECT migrate.register('0002', 'SELECT 1', project => 'timed', verify => 'SELECT true') \g /dev/null
SET statement_timeout = '300ms';
\set ON_ERROR_STOP 0
DO 'BEGIN PERFORM migrate.verify(''0002'', ''timed''); PERFORM pg_sleep(1); END';
\set ON_ERROR_STOP 1
RESET statement_timeout;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '57014', 'that of the statement goes on after a verify');

-- A name that the client's encoding has no characters for.

SELECT migrate.register('0001_漢', 'SELECT 1', project => 'words') \g /dev/null
SELECT migrate.register('0002_漢', 'SELECT 1', project => 'words') \g /dev/null
SET client_encoding = latin1;
SET client_min_messages = notice;
CALL migrate.apply(project => 'words') \gset
SET client_min_messages = error;
RESET client_encoding;
SELECT is(:applied, 2, 'does not end a run');

-- Overriding the rules of a project needs its administrator, whatever project the run is for.

CREATE ROLE tap_one_project;
SELECT migrate.grant_capability('tap_one_project', 'administrator', 'mine') \g /dev/null
SELECT migrate.grant_capability('tap_one_project', 'deployer', 'theirs') \g /dev/null
SELECT migrate.register('0002', 'SELECT 1', project => 'theirs') \g /dev/null
CALL migrate.apply(project => 'theirs') \g /dev/null
SELECT migrate.configure('out_of_order', 'refuse', 'theirs alone', 'theirs') \g /dev/null
SELECT migrate.register('0001', 'SELECT 1', project => 'theirs') \g /dev/null
SELECT migrate.register('0001', 'SELECT 1', project => 'mine', requires => '{theirs:0001}') \g /dev/null
SET ROLE tap_one_project;
SELECT is((pg_temp.error_of($$CALL migrate.apply(project => 'mine', reason => 'why', options => '{"override": ["out_of_order"]}')$$)).code,
    '42501', 'the other one''s included');
RESET ROLE;
SELECT is((SELECT is_applied FROM migrate.migrations WHERE project = 'theirs' AND name = '0001'), false, 'and nothing is run');
SELECT migrate.revoke_capability('tap_one_project', 'administrator', 'mine') \g /dev/null
SELECT migrate.revoke_capability('tap_one_project', 'deployer', 'theirs') \g /dev/null
DROP ROLE tap_one_project;

SELECT is_empty('SELECT * FROM migrate.verify_history()', 'after all this the history is sound');
SELECT * FROM finish();
DROP OWNED BY tap_runner CASCADE;
DROP ROLE tap_runner;
