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

-- What somebody says that he has applied, also if it changed nothing.

SELECT clock_timestamp() AS declared \gset
BEGIN;
SELECT migrate.begin('shop:0002_b', tool => 'psql') \g /dev/null
COMMIT;
SELECT pg_temp.rows_are(format('SELECT event, project, name, session_role IS NOT NULL, reason FROM migrate.audit(%L) WHERE event <> ''history_head''', :'declared'),
    $$VALUES ('migration_applied', 'shop', '0002_b', true, 'by psql')$$, 'a migration that counts as applied since somebody has said so');

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

-- What is old is removed, and what is left verifies.

CREATE FUNCTION pg_temp.problems(tampering text, OUT what text) LANGUAGE plpgsql AS $$
BEGIN
    ALTER TABLE migrate.log_ddl DISABLE TRIGGER ALL;
    ALTER TABLE migrate.seals DISABLE TRIGGER ALL;
    EXECUTE tampering;
    SELECT string_agg(DISTINCT source || ' ' || split_part(problem, ':', 1), ', ') INTO what FROM migrate.verify_history();
    RAISE SQLSTATE 'P0101';
EXCEPTION WHEN SQLSTATE 'P0101' THEN
    RETURN;
END
$$;
SELECT throws_ok($$SELECT migrate.prune_ddl_log(NULL, 'why')$$, '22004', NULL, 'prune: no time');
SELECT throws_ok($$SELECT migrate.prune_ddl_log(now(), ' ')$$, '22023', NULL, 'prune: no reason');
SELECT is(migrate.prune_ddl_log(:'began', 'nothing is that old'), 0::bigint, 'nothing to remove');
SELECT is_empty($$SELECT * FROM migrate.decisions WHERE decision = 'pruned'$$, 'is no decision');
SELECT seal AS head, hash AS head_hash FROM migrate.history_head() \gset
SELECT max(id) AS old, count(*) AS olds FROM migrate.ddl_log \gset
SELECT set_eq('SELECT DISTINCT ddl_ids IS NULL FROM migrate.drift() WHERE identity IN (''public.t'', ''public.theirs'')', 'VALUES (false)', 'drift is explained');
SELECT clock_timestamp() AS cut \gset
CREATE TABLE younger ();
SELECT migrate.seal() \g /dev/null
SELECT throws_ok(format('DELETE FROM migrate.log_ddl WHERE id = %s', :old), '42501', NULL, 'a superuser may not remove it himself');
BEGIN;
ALTER TABLE migrate.log_ddl DISABLE TRIGGER ALL;
UPDATE migrate.log_ddl SET statement = 'forged' WHERE id = :old;
SELECT throws_ok($$SELECT migrate.prune_ddl_log('infinity', 'why')$$, '55000', NULL, 'what was changed is not removed');
ROLLBACK;
BEGIN;
CREATE TABLE mine ();
SELECT is(migrate.prune_ddl_log('infinity', 'all'), :olds::bigint + 1, 'all that is sealed, or can be');
SELECT pg_temp.rows_are('SELECT statement FROM migrate.ddl_log', $$VALUES ('CREATE TABLE mine ()')$$, 'not what this transaction has done');
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'it verifies in its transaction');
ROLLBACK;
CREATE TABLE youngest ();
SELECT clock_timestamp() AS cut_2 \gset
CREATE INDEX ON t (i);
SELECT is(migrate.prune_ddl_log(:'cut_2', 'two years are enough'), :olds::bigint + 2, 'what is not sealed yet is, apart from what is younger');
SELECT pg_temp.rows_are('SELECT statement FROM migrate.ddl_log', $$VALUES ('CREATE INDEX ON t (i)')$$, 'which stays');
SELECT pg_temp.rows_are($$SELECT reason, (detail ->> 'rows')::bigint, (detail ->> 'unexplained')::bigint > 0,
    (SELECT source FROM migrate.seals WHERE seal = (detail ->> 'seal')::bigint) FROM migrate.decisions WHERE decision = 'pruned'$$,
    format($$VALUES ('two years are enough', %s, true, 'pruned_ddl_log')$$, :olds + 2), 'it is a decision');
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'what is left verifies');
SELECT is_empty(format('SELECT * FROM migrate.verify_history(%s, %L)', :head, :'head_hash'), 'from a head that was kept before');
SELECT isnt_empty(format('SELECT * FROM migrate.verify_history(%s, %L)', :head, '\x00'), 'and not from another one');
SELECT is(pg_temp.problems('SELECT 1'), NULL, 'nothing is wrong');
SELECT matches(pg_temp.problems('DELETE FROM migrate.log_ddl'), 'ddl_log removed', 'what else is removed is found');
SELECT matches(pg_temp.problems($$DELETE FROM migrate.seals WHERE source = 'pruned_ddl_log'$$), 'ddl_log removed', 'and a seal that stands for others');
SELECT matches(pg_temp.problems($$UPDATE migrate.seals SET ids = ids + '{[1000,1001)}', rows = rows + 1 WHERE source = 'pruned_ddl_log'$$), 'seals changed',
    'and one that stands for more');
SELECT matches(pg_temp.problems(format($$INSERT INTO migrate.log_ddl SELECT (jsonb_populate_record(l, '{"id": %s}')).* FROM migrate.log_ddl l LIMIT 1$$, :old)),
    'ddl_log', 'and a row put where one was');
SELECT is((SELECT count(*) FROM migrate.drift() WHERE identity IN ('public.t', 'public.theirs')), 2::bigint, 'what is adrift stays so');
SELECT is((SELECT ddl_ids FROM migrate.drift() WHERE identity = 'public.theirs'), NULL, 'without its author');
ALTER TABLE theirs ADD i int;
SELECT is((SELECT ddl_ids FROM migrate.drift() WHERE identity = 'public.theirs'), NULL, 'who changes it later has not made it');
SELECT is((SELECT ddl_ids FROM migrate.drift() WHERE identity = 'public.younger'), NULL, 'who is not taken for the author of another change');
SELECT lives_ok('SELECT * FROM migrate.audit()', 'an audit goes on');
SELECT isnt_empty($$SELECT * FROM migrate.decisions WHERE decision = 'acknowledged'$$, 'decisions about what is gone are kept');
SELECT migrate.seal() \g /dev/null
SELECT cmp_ok(migrate.prune_ddl_log('infinity', 'all of it'), '>', 0::bigint, 'all of it');
SELECT is_empty('SELECT * FROM migrate.ddl_log', 'nothing is left');
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER TABLE theirs ADD j int;
SELECT is((SELECT changed_by FROM migrate.drift()), session_user::name, 'what comes behind is explained');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM t \g /dev/null
SELECT lives_ok($$SELECT migrate.prune_ddl_log('infinity', 'again')$$, 'in a transaction that has begun to look');
COMMIT;
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'all is sound again');
SELECT migrate.unwatch('test') \g /dev/null
SELECT * FROM finish();
