-- 098_audit.sql: what an auditor is shown, of which time, and how long it is kept.

\ir common.psql
SELECT * FROM no_plan();

CREATE ROLE tap_auditor;
SELECT migrate.grant_capability('tap_auditor', 'monitor') \g /dev/null
SELECT clock_timestamp() AS began \gset
SELECT migrate.watch('test') \g /dev/null
SELECT clock_timestamp() AS watched \gset
CREATE TABLE t (i int);
ALTER TABLE t ADD j int;
BEGIN;
SET LOCAL pg_migrations.reason = 'in a hurry';
CREATE INDEX t_j ON t (j);
COMMIT;
SELECT migrate.acknowledge(ARRAY[(SELECT id FROM migrate.ddl_log WHERE command_tag = 'ALTER TABLE')], 'first thought'),
       migrate.acknowledge(ARRAY[(SELECT id FROM migrate.ddl_log WHERE command_tag = 'ALTER TABLE')], 'OPS-1') \g /dev/null
BEGIN;
SELECT migrate.begin('tool:0001', 'other', 'Flyway') \g /dev/null
CREATE TABLE theirs ();
COMMIT;
SELECT migrate.register('0001_a', 'CREATE TABLE a ()', project => 'shop'), migrate.register('0002_b', 'SELECT 1/0', project => 'shop') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'shop', reason => 'release', options => '{"override": ["drift"]}');
\set ON_ERROR_STOP 1
SELECT clock_timestamp() AS ended \gset
SELECT migrate.unwatch('test') \g /dev/null
CREATE TABLE nobody_saw ();
SELECT migrate.watch('again') \g /dev/null

-- What there is.

SET ROLE tap_auditor;
SELECT pg_temp.rows_are(format('SELECT event, project, name, object, statement, reason, decision, decided_by IS NOT NULL AS who FROM migrate.audit(%L, %L) WHERE event <> ''history_head''', :'watched', :'ended'),
    $$VALUES ('out_of_band', NULL, NULL, 'table public.t', 'CREATE TABLE t (i int)', NULL, NULL, false),
        ('out_of_band', NULL, NULL, 'table public.t', 'ALTER TABLE t ADD j int', 'OPS-1', 'acknowledged', true),
        ('out_of_band', NULL, NULL, 'index public.t_j', 'CREATE INDEX t_j ON t (j)', 'in a hurry', NULL, false),
        ('decision', NULL, NULL, NULL, 'ALTER TABLE t ADD j int', 'first thought', 'acknowledged', true),
        ('decision', NULL, NULL, NULL, 'ALTER TABLE t ADD j int', 'OPS-1', 'acknowledged', true),
        ('external', 'other', 'tool:0001', 'table public.theirs', 'CREATE TABLE theirs ()', NULL, NULL, false),
        ('decision', 'shop', '0001_a', NULL, NULL, NULL, 'registered', true),
        ('decision', 'shop', '0002_b', NULL, NULL, NULL, 'registered', true),
        ('run_started', 'shop', NULL, NULL, 'CALL migrate.apply(project => ''shop'', options => ''{"override": ["drift"]}'')', 'release', NULL, false),
        ('override', 'shop', NULL, NULL, NULL, 'release', 'overridden', true),
        ('migration_applied', 'shop', '0001_a', NULL, NULL, 'release', NULL, false),
        ('migration_failed', 'shop', '0002_b', NULL, 'SELECT 1/0', '22012: division by zero', NULL, false),
        ('run_partial', 'shop', 'shop:0002_b', NULL, 'CALL migrate.apply(project => ''shop'', options => ''{"override": ["drift"]}'')', '22012: division by zero', NULL, false)$$,
    'all that happened in a time, in order');
SELECT is_empty(format('SELECT event FROM migrate.audit(%L, %L) WHERE event NOT IN (''history_head'')', :'began', :'began'), 'nothing in no time');
SELECT pg_temp.rows_are(format('SELECT event, reason, source_id IS NULL FROM migrate.audit(%L) WHERE event LIKE ''capture%%''', :'began'),
    $$VALUES ('capture_none', NULL, true), ('capture_full', 'test', false), ('capture_none', 'test', false), ('capture_full', 'again', false)$$, 'when capture was not on');
SELECT pg_temp.rows_are(format('SELECT event, at = %1$L FROM migrate.audit(%1$L, %2$L) WHERE event LIKE ''capture%%''', :'ended',
    (SELECT (SELECT at FROM migrate.audit(:'ended') WHERE event = 'capture_none') + '1 microsecond'::interval)),
    $$VALUES ('capture_none', false)$$, 'a gap that begins in it');
SELECT pg_temp.rows_are(format('SELECT event, at = %1$L FROM migrate.audit(%1$L, %2$L) WHERE event LIKE ''capture%%''',
    (SELECT at + '1 microsecond'::interval FROM migrate.audit(:'ended') WHERE event = 'capture_none'),
    (SELECT at FROM migrate.audit(:'ended') WHERE event = 'capture_full')),
    $$VALUES ('capture_none', true)$$, 'and one that lasts all the time, from its beginning');
SELECT pg_temp.rows_are($$SELECT at, source_id, object FROM migrate.audit() WHERE event = 'history_head'$$,
    $$SELECT now(), seal, hash::text FROM migrate.history_head()$$, 'and the head, which can be kept elsewhere');
SELECT set_eq($$SELECT event FROM migrate.audit(project => 'shop')$$,
    $$VALUES ('decision'), ('override'), ('run_started'), ('migration_applied'), ('migration_failed'), ('run_partial')$$, 'of one project');
SELECT is_empty($$SELECT * FROM migrate.audit() WHERE at < now() - interval '90 days' OR at IS NULL OR event IS NULL OR source IS NULL$$, 'of 90 days');
SELECT set_has('SELECT source_id FROM migrate.audit() WHERE source = ''ddl_log''', 'SELECT id FROM migrate.out_of_band', 'each can be looked up');
SELECT is((SELECT count(*) FROM migrate.audit('-infinity', 'infinity')), (SELECT count(*) FROM migrate.audit('2000-01-01 00:00:00+00')), 'since ever');
SELECT isnt_empty('SELECT to_jsonb(a) FROM migrate.audit() a', 'as JSON lines');
RESET ROLE;

-- Many objects are named by the first of them.

DO $$BEGIN FOR i IN 1 .. 12 LOOP EXECUTE format('CREATE TABLE many.m%s ()', i); END LOOP;
EXCEPTION WHEN OTHERS THEN CREATE SCHEMA many; FOR i IN 1 .. 12 LOOP EXECUTE format('CREATE TABLE many.m%s ()', i); END LOOP; END$$;
DROP SCHEMA many CASCADE;
SELECT matches((SELECT object FROM migrate.audit() WHERE statement ~ '^DROP SCHEMA'), '^schema many, table many.m1, .*many.m9 and 3 more$', 'what touched many objects');

-- Changed records are found, those of the time that is asked for.

SELECT migrate.seal() \g /dev/null
BEGIN;
ALTER TABLE migrate.log_ddl DISABLE TRIGGER ALL;
UPDATE migrate.log_ddl SET statement = 'nothing' WHERE statement = 'CREATE TABLE t (i int)';
SELECT pg_temp.rows_are($$SELECT source, reason ~ '^changed' FROM migrate.audit() WHERE event = 'seal_problem'$$, $$VALUES ('ddl_log', true)$$, 'a changed record');
ROLLBACK;
BEGIN;
ALTER TABLE migrate.log_ddl DISABLE TRIGGER ALL;
DELETE FROM migrate.log_ddl WHERE statement ~ '^DROP SCHEMA';
SELECT isnt_empty($$SELECT * FROM migrate.audit(now() - interval '1 second') WHERE event = 'seal_problem' AND reason ~ '^removed'$$, 'the last one removed');
ROLLBACK;

SELECT is_empty('SELECT * FROM migrate.verify_history()', 'all is sound');
SELECT migrate.unwatch('test') \g /dev/null
SELECT * FROM finish();
