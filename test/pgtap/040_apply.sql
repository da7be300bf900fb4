-- 040_apply.sql: applying and reverting outside and inside a transaction block.
-- Nothing here is rolled back: apply commits what it does.

\ir common.psql
SELECT * FROM no_plan();

-- Order and counts.

SELECT register_tables('sum', '0002_s2', '0003_s3', '0001_s1') \g /dev/null
CALL migrate.apply(project => 'sum', reason => 'first', options => '{"labels": {"ticket": "T-1"}}') \gset
SELECT is(:applied, 3, 'the CALL counts what it applied');
SELECT is(attempts('sum'), '0001_s1 applied, 0002_s2 applied, 0003_s3 applied', 'in order of version');
SELECT pg_temp.rows_are(format('SELECT action, project, target, outcome, migrations, reason, options, failed_name, role_name
                                FROM migrate.runs WHERE run_id = %s', :run_id),
                        $$VALUES ('apply', 'sum', NULL, 'succeeded', 3, 'first', '{"labels": {"ticket": "T-1"}}'::jsonb, NULL,
                                  current_user)$$, 'the run is recorded');
SELECT pg_temp.rows_are(format('SELECT DISTINCT run_id, action, outcome, reason, statements, role_name, session_role, pid
                                FROM migrate.history WHERE project = %L', 'sum'),
                        format($$VALUES (%s, 'apply', 'applied', 'first', 1, current_user, session_user, pg_backend_pid())$$, :run_id),
                        'and every migration with it');
SELECT is((SELECT count(DISTINCT transaction_id) FROM migrate.history WHERE project = 'sum'), 3::bigint,
          'each in a transaction of its own');
SELECT is((SELECT count(*) FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id
           WHERE h.project = 'sum' AND s.command_tag = 'CREATE TABLE'), 3::bigint, 'and every statement');
SELECT ok(finished_at >= started_at AND duration >= '0' AND wal_bytes > 0 AND end_lsn > start_lsn
          AND checksum = sha256(format('CREATE TABLE %I (i int)', name)::bytea), 'a record is complete: ' || name)
    FROM migrate.history WHERE project = 'sum';
SELECT ok(is_applied AND NOT is_pending AND state = 'applied' AND applied_by = current_user AND applied_at IS NOT NULL,
          'the view knows: ' || name)
    FROM migrate.migrations WHERE project = 'sum';
SELECT ok(migrate.is_applied('0002_s2') AND migrate.is_current('sum'), 'all is current');
SELECT count(*) AS runs FROM migrate.runs \gset
CALL migrate.apply(project => 'sum') \gset again_
SELECT is(:again_applied, 0, 'nothing to do is success');
SELECT is(:{?again_run_id}, false, 'run_id is NULL then');
SELECT is((SELECT count(*) FROM migrate.runs), :runs::bigint, 'and nothing is written');

-- Targets, also in other projects.

SELECT register_tables('base', '0001_b1', '0002_b2', '0003_b3') \g /dev/null
SELECT register_tables('target', '0001_t1', '0003_t3') \g /dev/null
SELECT migrate.register('0002_t2', 'CREATE TABLE "0002_t2" ()', 'DROP TABLE "0002_t2"', requires => '{0001_t1,base:0002_b2}',
                        project => 'target') \g /dev/null
CALL migrate.apply('0002_t2') \gset
SELECT is(:applied, 4, 'a target and what it requires');
SELECT is(attempts('base'), '0001_b1 applied, 0002_b2 applied', 'in another project, too');
SELECT is(attempts('target'), '0001_t1 applied, 0002_t2 applied', 'and no further');
SELECT is((SELECT max(id) FROM migrate.history WHERE project = 'base')
        < (SELECT id FROM migrate.history WHERE name = '0002_t2'), true, 'requirements first');
CALL migrate.apply('0002_t2') \gset
SELECT is(:applied, 0, 'a target that is applied is success');
\set ON_ERROR_STOP 0
CALL migrate.apply('0004_t4', 'target');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG002', 'a target that is not there');
CALL migrate.apply('latest', 'target') \gset
SELECT is(attempts('target'), '0001_t1 applied, 0002_t2 applied, 0003_t3 applied', 'latest is the end');
CALL migrate.apply(project => 'base') \g /dev/null

SELECT migrate.register(n, format('CREATE TABLE %I ()', n), requires => r, project => 'names')
    FROM (VALUES ('n1', '{}'::text[]), ('n2', '{n1}'), ('n3', '{n2}'), ('n4', '{}'), ('n5', '{n1}')) AS t (n, r) \g /dev/null
CALL migrate.apply(project => 'names', options => '{"names": ["n4", "n2"]}') \gset
SELECT is(:applied, 3, 'options.names: only these and what they require');
SELECT set_eq($$SELECT name FROM migrate.migrations WHERE project = 'names' AND is_applied$$, ARRAY['n1', 'n2', 'n4'],
              'and they are');
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'names', options => '{"names": ["n9"]}');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG002', 'a name in it that is not there');
CALL migrate.apply(project => 'names', options => '{"nmaes": []}');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'an unknown option');
CALL migrate.apply(project => 'names', options => '[]');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'options that are no object');
BEGIN;
CALL migrate.apply(project => 'names', background => true);
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG008', 'what goes on in the background cannot be rolled back');
ROLLBACK;
\set ON_ERROR_STOP 1
CALL migrate.apply(project => 'names') \g /dev/null

-- A failing migration leaves nothing but its record.

SELECT migrate.load('{fail/0001_f1.sql,fail/0002_f2.sql,fail/0003_f3.sql}', ARRAY[
    'CREATE TABLE f1 ()',
    E'CREATE TABLE f2 (i int);\nINSERT INTO f2 VALUES (1);\n\nDO $$BEGIN\n    RAISE ''no such luck'' USING ERRCODE = ''P0099'', DETAIL = ''The detail.'', HINT = ''The hint.'';\nEND$$;\nSELECT 1;',
    'CREATE TABLE f3 ()'], project => 'fail') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'fail');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'P0099', 'a failing statement keeps its SQLSTATE');
SELECT is(:'LAST_ERROR_MESSAGE'::text, 'no such luck', 'and its message');
SELECT has_table('f1'::name, 'what was applied before stays');
SELECT hasnt_table('f2'::name, 'nothing of the failed one stands');
SELECT hasnt_table('f3'::name, 'the one behind it has not started');
SELECT is(attempts('fail'), '0001_f1 applied, 0002_f2 failed', 'the failure is in the history');
SELECT pg_temp.rows_are($$SELECT error_code, error_message, error_detail, error_hint, error_statement_no, error_line,
                                 error_statement LIKE 'DO __BEGIN%', statements
                          FROM migrate.history WHERE project = 'fail' AND outcome = 'failed'$$,
                        $$VALUES ('P0099', 'no such luck', 'The detail.', 'The hint.', 3, 4, true, 2)$$, 'with all that is known');
SELECT matches(error_context, 'migration "fail:0002_f2", statement 3 of 4, line 4 of (fail/)?0002_f2\.sql', 'where it is')
    FROM migrate.history WHERE project = 'fail' AND outcome = 'failed';
SELECT matches(error_context, format('run %s: 1 applied and kept; nothing of 0002_f2 stands; 1 not started$', run_id), 'what stands')
    FROM migrate.history WHERE project = 'fail' AND outcome = 'failed';
SELECT pg_temp.rows_are($$SELECT outcome, migrations, failed_name LIKE '%0002_f2', error_code, error_message
                          FROM migrate.runs WHERE project = 'fail'$$,
                        $$VALUES ('partial', 1, true, 'P0099', 'no such luck')$$, 'the run is partial');
SELECT is(state_of('fail:0002_f2'), 'failed', 'it is failed');
SELECT is(state_of('fail:0003_f3'), 'pending', 'the next one is pending');
SELECT is(is_pending, true, 'a failed one is what the next apply begins with')
    FROM migrate.migrations WHERE name = '0002_f2';
SELECT is(migrate.is_current('fail'), false, 'so it is not current');
SELECT is_empty($$SELECT * FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id
                  WHERE h.project = 'fail' AND h.outcome = 'failed' AND s.statement_no > 2$$,
                'no statement is logged that did not go through');
SELECT migrate.load('{fail/0002_f2.sql}', '{CREATE TABLE f2 ()}', project => 'fail') \g /dev/null
CALL migrate.apply(project => 'fail') \gset
SELECT is(attempts('fail'), '0001_f1 applied, 0002_f2 failed, 0002_f2 applied, 0003_f3 applied', 'mended, it runs');

\set ON_ERROR_STOP 0
SELECT register_tables('first', '0001_x1') \g /dev/null
SELECT migrate.register('0001_x1', 'SELECT 1/0', project => 'first') \g /dev/null
CALL migrate.apply(project => 'first');
\set ON_ERROR_STOP 1
SELECT is((SELECT outcome FROM migrate.runs WHERE project = 'first'), 'failed', 'a run of which nothing stands has failed');

-- One transaction for all.

SELECT register_tables('atomic', '0001_a1', '0002_a2') \g /dev/null
CALL migrate.apply(project => 'atomic', atomic => true) \gset
SELECT is(:applied, 2, 'atomic applies');
SELECT is((SELECT count(DISTINCT transaction_id) FROM migrate.history WHERE project = 'atomic'), 1::bigint, 'in one transaction');
SELECT register_tables('atomic', '0003_a3') \g /dev/null
SELECT migrate.register('0004_a4', 'SELECT 1/0', project => 'atomic') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'atomic', atomic => true);
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22012', 'a failure in it');
SELECT hasnt_table('0003_a3'::name, 'takes all with it');
SELECT is(attempts('atomic'), '0001_a1 applied, 0002_a2 applied, 0004_a4 failed', 'but the record of the failure');
SELECT pg_temp.rows_are($$SELECT outcome, migrations FROM migrate.runs WHERE project = 'atomic' ORDER BY run_id DESC LIMIT 1$$,
                        $$VALUES ('failed', 0)$$, 'the run has failed');
SELECT is(state_of('atomic:0003_a3') || ' ' || state_of('atomic:0004_a4'), 'pending failed', 'and so have their states');
SELECT register_tables('atomic', '0004_a4') \g /dev/null
CALL migrate.apply(project => 'atomic') \g /dev/null
CALL migrate.revert('zero', 'atomic', atomic => true) \gset
SELECT is(:reverted, 4, 'atomic reverts');
SELECT is((SELECT count(DISTINCT transaction_id) FROM migrate.history WHERE project = 'atomic' AND outcome = 'reverted'), 1::bigint,
          'in one transaction');

-- What fails when all steps have run: a cursor whose query fails when the commit runs it to its end.

SELECT register_tables('at_commit', '0001_c1') \g /dev/null
SELECT migrate.register('0002_c2', 'DECLARE failing CURSOR WITH HOLD FOR SELECT 1 / (2 - i) FROM generate_series(1, 2) i',
    project => 'at_commit') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'at_commit', atomic => true);
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22012', 'a failure of its commit');
SELECT pg_temp.rows_are($$SELECT outcome, migrations, failed_name FROM migrate.runs WHERE project = 'at_commit'$$,
                        $$VALUES ('failed', 0, 'at_commit:0002_c2')$$, 'is that of the last step');
SELECT pg_temp.rows_are($$SELECT name, error_code, substring(error_context FROM '[^:]+$') FROM migrate.history WHERE project = 'at_commit'$$,
                        $$VALUES ('0002_c2', '22012', ' one transaction, nothing of it stands; 0 not started')$$, 'and nothing stands');

-- Inside the caller's transaction.

SELECT register_tables('block', '0001_k1', '0002_k2') \g /dev/null
BEGIN;
CALL migrate.apply(project => 'block') \gset
SELECT is(:applied, 2, 'in a block apply applies');
SELECT is((SELECT count(*) FROM migrate.history WHERE project = 'block' AND transaction_id = pg_current_xact_id()), 2::bigint,
          'in the caller''s transaction');
ROLLBACK;
SELECT hasnt_table('0001_k1'::name, 'which takes it back');
SELECT is(attempts('block'), NULL, 'with its record');
BEGIN;
SAVEPOINT a;
CALL migrate.apply('0001_k1', 'block') \g /dev/null
RELEASE a;
SAVEPOINT b;
CALL migrate.apply(project => 'block') \g /dev/null
ROLLBACK TO b;
COMMIT;
SELECT is(attempts('block'), '0001_k1 applied', 'savepoints are the caller''s, too');
DO $$
DECLARE
    run bigint;
    n int;
BEGIN
    PERFORM 1;
    BEGIN
        CALL migrate.apply(project => 'block', run_id => run, applied => n);
        RAISE 'applied %', n USING ERRCODE = 'P0100';
    EXCEPTION WHEN SQLSTATE 'P0100' THEN
        IF SQLERRM <> 'applied 1' THEN
            RAISE;
        END IF;
    END;
END
$$;
SELECT is(state_of('block:0002_k2'), 'pending', 'in a DO, an exception takes it back');
CREATE FUNCTION apply_all(text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    run bigint;
    n int;
BEGIN
    CALL migrate.apply(project => $1, run_id => run, applied => n);
    RETURN CASE WHEN run IS NULL THEN -n ELSE n END;
END
$$;
SELECT is(apply_all('block'), 1, 'a function can apply');
SELECT is(apply_all('block'), 0, 'and be told that there was nothing to do');
SELECT is(attempts('block'), '0001_k1 applied, 0002_k2 applied', 'it is kept when it commits');
SELECT register_tables('block', '0003_k3') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'block') \; SELECT 1/0;
\set ON_ERROR_STOP 1
SELECT is(state_of('block:0003_k3'), 'pending', 'a message of several statements is a block');
CALL migrate.apply(project => 'block') \; SELECT 1 \g /dev/null
SELECT is(state_of('block:0003_k3'), 'applied', 'and kept when it succeeds');
SELECT register_tables('block', '0004_k4') \g /dev/null
BEGIN;
CALL migrate.apply(project => 'block') \g /dev/null
\set ON_ERROR_STOP 0
PREPARE TRANSACTION 'block';
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '0A000', 'PREPARE TRANSACTION after it is refused');
ROLLBACK;
SELECT is((SELECT count(*) FROM pg_prepared_xacts), 0::bigint, 'and nothing is prepared');
SELECT is(state_of('block:0004_k4'), 'pending', 'nor applied');
BEGIN ISOLATION LEVEL SERIALIZABLE;
CALL migrate.apply(project => 'block') \g /dev/null
COMMIT;
SELECT is(state_of('block:0004_k4'), 'applied', 'a serializable block is a block');
SELECT migrate.register('0005_k5', 'CREATE TABLE k5 (); SELECT 1/0', project => 'block') \g /dev/null
BEGIN;
SELECT is(e.code, '22012', 'a failure in a block has its SQLSTATE') FROM pg_temp.error_of('CALL migrate.apply(project => ''block'')') e;
SELECT hasnt_table('k5'::name, 'nothing of it stands once the caller went back');
COMMIT;
BEGIN;
SAVEPOINT a;
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'block');
\set ON_ERROR_STOP 1
ROLLBACK TO a;
SELECT is(migrate.register('0005_k5', '', project => 'block'), 'updated', 'and the transaction can go on, and mend it');
CALL migrate.apply(project => 'block') \gset
SELECT is(:applied, 1, 'and apply it');
ROLLBACK;
SELECT register_tables('block', '0005_k5') \g /dev/null
BEGIN READ ONLY;
SELECT throws_ok('CALL migrate.apply(project => ''block'')', '25006', NULL, 'a read-only transaction is refused');
SELECT lives_ok('SELECT * FROM migrate.plan(); SELECT * FROM migrate.status(); SELECT * FROM migrate.check(); SELECT migrate.show()',
                'but may look');
COMMIT;

-- Reverting.

SELECT register_tables('back', '0001_r1', '0002_r2', '0003_r3', '0004_r4') \g /dev/null
CALL migrate.apply(project => 'back') \g /dev/null
CALL migrate.revert(project => 'back') \gset
SELECT is(:reverted, 1, 'revert takes the last one back');
SELECT is(state_of('back:0004_r4'), 'reverted', 'it is reverted');
SELECT hasnt_table('0004_r4'::name, 'its down has run');
SELECT is((SELECT action || ' ' || outcome FROM migrate.runs WHERE run_id = :run_id), 'revert succeeded', 'the run says so');
CALL migrate.apply(project => 'back') \g /dev/null
SELECT is(state_of('back:0004_r4'), 'applied', 'it can be applied again');
CALL migrate.revert(project => 'back', steps => 2) \gset
SELECT is(:reverted, 2, 'steps');
SELECT set_eq($$SELECT name FROM migrate.migrations WHERE project = 'back' AND is_applied$$, ARRAY['0001_r1', '0002_r2'], 'two of them');
CALL migrate.apply(project => 'back') \g /dev/null
CALL migrate.revert('0002_r2') \gset
SELECT is(:reverted, 2, 'a target');
SELECT is(state_of('back:0002_r2'), 'applied', 'stays applied itself');
CALL migrate.revert('0002_r2') \gset
SELECT is(:reverted, 0, 'back to where it is: nothing to do');
SELECT is((SELECT string_agg(name, ' ' ORDER BY id) FROM (SELECT * FROM migrate.history WHERE project = 'back' AND outcome = 'reverted'
                                                          ORDER BY id DESC LIMIT 2) h), '0004_r4 0003_r3', 'the last first');
CALL migrate.revert('zero', 'back') \gset
SELECT is(:reverted, 2, 'zero reverts all');
CALL migrate.revert('zero', 'back') \gset
SELECT is(:reverted, 0, 'zero again: nothing to do');
\set ON_ERROR_STOP 0
CALL migrate.revert('zero');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'zero needs a project');
CALL migrate.revert();
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG015', 'with several histories revert needs a project');
CALL migrate.revert('0009_x', 'back');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG002', 'a target that is not there');
CALL migrate.revert(project => 'back', steps => 0);
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'no steps');
CALL migrate.revert(project => 'back', steps => -1);
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'steps below zero');
CALL migrate.revert('0001_r1', 'back', 1);
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'a target and steps');
\set ON_ERROR_STOP 1

SELECT migrate.register('0001_i1', 'CREATE TABLE i1 ()', 'DROP TABLE i1', project => 'irreversible'),
       migrate.register('0002_i2', 'CREATE TABLE i2 ()', project => 'irreversible'),
       migrate.register('0003_i3', 'CREATE TABLE i3 ()', 'DROP TABLE i3', project => 'irreversible'),
       migrate.register('0004_i4', 'SELECT 1', '', project => 'irreversible') \g /dev/null
CALL migrate.apply(project => 'irreversible') \g /dev/null
CALL migrate.revert(project => 'irreversible') \gset
SELECT is(:reverted, 1, 'an empty down: there is nothing to undo');
\set ON_ERROR_STOP 0
CALL migrate.revert('0001_i1');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG010', 'no down: it cannot be reverted');
SELECT has_table('i3'::name, 'that is told before the first down runs');
SELECT migrate.register('0002_i2', 'CREATE TABLE i2 ()', 'DROP TABLE i2; SELECT 1/0', project => 'irreversible') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.revert('0001_i1');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22012', 'a down that fails');
SELECT has_table('i2'::name, 'leaves nothing undone');
SELECT is(state_of('irreversible:0002_i2') || ' ' || state_of('irreversible:0003_i3'), 'applied reverted', 'and its migration applied');
SELECT is((SELECT action || ' ' || outcome FROM migrate.history WHERE name = '0002_i2' ORDER BY id DESC LIMIT 1), 'revert failed',
          'the failure is recorded');

SELECT migrate.register(n, format('CREATE TABLE %I ()', n), format('DROP TABLE %I', n), requires => r, project => p)
    FROM (VALUES ('g1', '{}'::text[], 'graph'), ('g2', '{g1}', 'graph'), ('g3', '{}', 'graph'), ('h1', '{graph:g2}', 'graph2'),
                 ('h2', '{}', 'graph2')) AS t (n, r, p) \g /dev/null
CALL migrate.apply(project => 'graph') \g /dev/null
CALL migrate.apply(project => 'graph2') \g /dev/null
CALL migrate.revert('zero', 'graph') \gset
SELECT is(:reverted, 4, 'dependants in other projects are reverted, too');
SELECT is((SELECT array_agg(name ORDER BY id) FROM migrate.history WHERE name IN ('g1', 'g2', 'h1') AND outcome = 'reverted'),
          '{h1,g2,g1}'::text[], 'and first');
SELECT is(state_of('graph2:h2'), 'applied', 'what does not depend on it stays');

-- Verify.

SELECT migrate.register('0001_v1', 'CREATE TABLE v1 (i int); INSERT INTO v1 VALUES (1)', 'DROP TABLE v1', 'SELECT count(*) = 1 FROM v1',
                        project => 'verify'),
       migrate.register('0002_v2', '', '', 'DELETE FROM v1; SELECT; SELECT 0; SELECT ''f''::text; SELECT true WHERE false; SELECT true, false; SELECT NULL; SELECT NULL::int',
                        project => 'verify') \g /dev/null
CALL migrate.apply(project => 'verify') \gset
SELECT is(:applied, 2, 'no row, another type, and true pass');
SELECT isnt_empty('SELECT * FROM v1', 'a verify is rolled back');
CREATE FUNCTION apply_verify(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text;
BEGIN
    PERFORM migrate.register('0003_v3', 'CREATE TABLE v3 ()', 'DROP TABLE v3', $1, project => 'verify');
    SELECT e.code INTO code FROM pg_temp.error_of('CALL migrate.apply(project => ''verify'')') e;
    IF to_regclass('v3') IS NOT NULL AND code IS NOT NULL THEN
        RETURN 'it stands';
    END IF;
    RETURN code;
END
$$;
BEGIN;
SELECT is(apply_verify(t.verify), 'MG011', 'a verify fails: ' || t.verify)
    FROM (VALUES ('SELECT false'), ('SELECT NULL::boolean'), ('SELECT 1/0'), ('SELECT true; SELECT count(*) > 0 FROM v3'),
                 ('SELECT * FROM (VALUES (true), (false)) t'), ('SELECT * FROM no_such_table')) AS t (verify);
SELECT is(apply_verify($$DO 'BEGIN RAISE SQLSTATE ''53200''; END'$$), '53200', 'one that has no memory has checked nothing');
ROLLBACK;
SELECT migrate.register('0003_v3', 'CREATE TABLE v3 ()', 'DROP TABLE v3', E'SELECT true;\nSELECT count(*) > 0 FROM v3', project => 'verify') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'verify');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG011', 'a verify that fails, outside a block');
SELECT hasnt_table('v3'::name, 'fails the migration');
SELECT pg_temp.rows_are($$SELECT outcome, error_code, error_statement, error_statement_no, error_line FROM migrate.history WHERE name = '0003_v3'$$,
                        $$VALUES ('failed', 'MG011', 'SELECT count(*) > 0 FROM v3', 2, 2)$$, 'with the statement');
DELETE FROM v1;
SELECT pg_temp.rows_are($$SELECT * FROM migrate.verify(project => 'verify')$$,
                        $$VALUES ('verify', '0001_v1', false, 'MG011', (SELECT error_message FROM migrate.verify('0001_v1'))),
                                 ('verify', '0002_v2', true, NULL, NULL)$$, 'verify() tells of all that is applied');
INSERT INTO v1 VALUES (1);
SELECT is((SELECT bool_and(ok) FROM migrate.verify(project => 'verify')), true, 'and that it passes again');
BEGIN;
SELECT migrate.register('0001', '', '', $$DO 'BEGIN IF current_setting(''test.no_disk'', true) = ''on'' THEN RAISE SQLSTATE ''53100''; END IF; END'$$,
                        project => 'full') \g /dev/null
CALL migrate.apply(project => 'full') \g /dev/null
SET LOCAL test.no_disk = on;
SELECT is((SELECT code FROM pg_temp.error_of($$SELECT * FROM migrate.verify(project => 'full')$$)), '53100', 'what is no answer is raised');
ROLLBACK;

-- Repeatables.

SELECT migrate.register('R__view', 'CREATE OR REPLACE VIEW rv AS SELECT i FROM "0001_p1"', kind => 'repeatable', project => 'rep') \g /dev/null
SELECT register_tables('rep', '0001_p1', '0002_p2') \g /dev/null
CALL migrate.apply('0001_p1', 'rep') \g /dev/null
SELECT is(attempts('rep'), '0001_p1 applied', 'a target leaves repeatables out');
CALL migrate.apply('latest', 'rep') \g /dev/null
SELECT is(attempts('rep'), '0001_p1 applied, 0002_p2 applied, R__view applied', 'they come after all versioned ones');
CALL migrate.apply(project => 'rep') \gset
SELECT is(:applied, 0, 'and only once');
SELECT is(migrate.register('R__view', 'CREATE OR REPLACE VIEW rv AS SELECT i, 2 AS j FROM "0001_p1"', kind => 'repeatable', project => 'rep'),
          'updated', 'their text may change');
SELECT is(state_of('rep:R__view'), 'outdated', 'then they are outdated');
SELECT is(migrate.is_current('rep'), false, 'and the project is not current');
CALL migrate.apply(project => 'rep') \gset
SELECT is(:applied, 1, 'and run again');
SELECT is(state_of('rep:R__view'), 'applied', 'they are applied');
SELECT migrate.register('R__view', 'SELECT 1/0', kind => 'repeatable', project => 'rep') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'rep');
\set ON_ERROR_STOP 1
SELECT is(state_of('rep:R__view'), 'outdated', 'one that fails to run again is still outdated');
SELECT has_view('rv'::name, 'what it made before stands');

-- Replaces and conflicts.

SELECT register_tables('squash', '0001_q1', '0002_q2') \g /dev/null
CALL migrate.apply(project => 'squash') \g /dev/null
SELECT migrate.register('0002_squashed', 'SELECT 1/0', '', requires => '{}', replaces => '{0001_q1,0002_q2}', project => 'squash') \g /dev/null
CALL migrate.apply(project => 'squash') \g /dev/null
SELECT is(state_of('squash:0002_squashed'), 'marked', 'all it replaces are applied: it is marked');
SELECT is(state_of('squash:0001_q1') || ' ' || state_of('squash:0002_q2'), 'superseded superseded', 'and they are superseded');
SELECT register_tables('squash', '0003_q3') \g /dev/null
CALL migrate.apply(project => 'squash') \gset
SELECT is(:applied, 1, 'the project goes on from there');

SELECT migrate.register('0001_q1', 'SELECT 1/0', project => 'squash2'), migrate.register('0002_q2', 'SELECT 1/0', project => 'squash2'),
       migrate.register('0002_squashed', 'CREATE TABLE squashed ()', requires => '{}', replaces => '{0001_q1,0002_q2}', project => 'squash2'),
       migrate.register('0003_after', 'CREATE TABLE after_squashed ()', requires => '{0002_q2}', project => 'squash2') \g /dev/null
CALL migrate.apply(project => 'squash2') \g /dev/null
SELECT has_table('squashed'::name, 'none of those it replaces is applied: it runs');
SELECT is(state_of('squash2:0002_squashed') || ' ' || state_of('squash2:0001_q1') || ' ' || state_of('squash2:0002_q2'),
          'applied superseded superseded', 'and they are superseded');
SELECT has_table('after_squashed'::name, 'who requires one of them requires its heir');

SELECT migrate.register('0001_q1', 'SELECT 1', project => 'squash3'), migrate.register('0002_q2', 'SELECT 1', project => 'squash3') \g /dev/null
CALL migrate.apply('0001_q1', 'squash3') \g /dev/null
SELECT migrate.register('0002_squashed', 'SELECT 1/0', requires => '{}', replaces => '{0001_q1,0002_q2}', project => 'squash3') \g /dev/null
SELECT is(e.code, 'MG005', 'some of them are applied: MG005') FROM pg_temp.error_of('CALL migrate.apply(project => ''squash3'')') e;
SELECT ok(e.hint <> '', 'that says what to do') FROM pg_temp.error_of('CALL migrate.apply(project => ''squash3'')') e;

-- In a line the heir takes the place of the first of those it replaces.
SELECT register_tables('heir', '0001_h1', '0002_h2', '0003_h3', '0004_h4') \g /dev/null
SELECT migrate.register('0009_squashed', 'SELECT 1/0', replaces => '{0002_h2,0003_h3}', project => 'heir') \g /dev/null
SELECT is((SELECT string_agg(name, ' ' ORDER BY step) FROM migrate.plan(project => 'heir')), '0001_h1 0009_squashed 0004_h4',
          'new, it runs where they would have run');
SELECT migrate.unregister('0009_squashed', 'heir') \g /dev/null
CALL migrate.apply(project => 'heir') \g /dev/null
SELECT migrate.configure('out_of_order', 'refuse', 'test', 'heir'),
       migrate.register('0009_squashed', 'SELECT 1/0', 'DROP TABLE "0002_h2", "0003_h3"', replaces => '{0002_h2,0003_h3}', project => 'heir') \g /dev/null
CALL migrate.apply(project => 'heir') \gset
SELECT is(state_of('heir:0009_squashed') || ' ' || state_of('heir:0003_h3'), 'marked superseded', 'they are applied: it is marked, and not late for that');
CALL migrate.revert('0001_h1', 'heir') \gset
SELECT is(attempts('heir') ~ '0004_h4 reverted, 0009_squashed reverted$', true, 'what came after them is reverted before it');

SELECT migrate.register('c1', '', requires => '{}', project => 'conflict'),
       migrate.register('c2', '', requires => '{}', conflicts => '{c1}', project => 'conflict') \g /dev/null
CALL migrate.apply('c1', 'conflict') \g /dev/null
SELECT is(e.code, 'MG005', 'what conflicts with an applied one: MG005') FROM pg_temp.error_of('CALL migrate.apply(''c2'', ''conflict'')') e;
SELECT is(state_of('conflict:c2'), 'blocked', 'it is blocked');
SELECT is((SELECT count(*) FROM migrate.check('conflict') WHERE name = 'c2' AND severity = 'error'), 1::bigint, 'check() tells');

-- Baselines.

SELECT migrate.register('V1__l1', 'SELECT 1/0', project => 'line'), migrate.register('V2__l2', 'SELECT 1/0', project => 'line'),
       migrate.register('B1__b', 'SELECT 1/0', kind => 'baseline', project => 'line'),
       migrate.register('B2__b', 'CREATE TABLE baseline2 ()', kind => 'baseline', project => 'line'),
       migrate.register('V3__l3', 'CREATE TABLE line3 ()', project => 'line') \g /dev/null
CALL migrate.apply(project => 'line') \gset
SELECT is(attempts('line'), 'B2__b applied, V3__l3 applied', 'without history the newest baseline runs instead of all up to it');
SELECT is_empty($$SELECT * FROM migrate.plan(NULL, 'line')$$, 'and nothing is left');
SELECT is(migrate.is_applied('V1__l1', 'line'), true, 'what it stands for counts as applied');
SELECT migrate.register('B4__b', 'SELECT 1/0', kind => 'baseline', project => 'line') \g /dev/null
CALL migrate.apply(project => 'line') \gset
SELECT is(:applied, 0, 'with history a baseline is skipped');
SELECT ok(NOT is_pending, 'it is not pending') FROM migrate.migrations WHERE name = 'B4__b';

SELECT register_tables('old', '0001_o1', '0002_o2', '0003_o3') \g /dev/null
SELECT throws_ok($$SELECT migrate.baseline('0002_o2', NULL)$$, '22004', NULL, 'a baseline needs a reason');
SELECT is(migrate.baseline('0002_o2', 'came from Flyway'), 2, 'baseline() counts what it marks');
SELECT is(state_of('old:0001_o1') || ' ' || state_of('old:0002_o2') || ' ' || state_of('old:0003_o3'), 'baseline baseline pending',
          'all up to it count as applied');
SELECT migrate.register('0001_o1b', 'SELECT 1/0', project => 'old', version => '0001.5') \g /dev/null
SELECT is(state_of('old:0001_o1b'), 'baseline', 'also what is registered later');
CALL migrate.apply(project => 'old') \g /dev/null
SELECT is(attempts('old') ~ '0003_o3 applied$' AND attempts('old') !~ 'o1b applied', true, 'the rest is applied');
SELECT is((SELECT count(*) FROM migrate.decisions WHERE project = 'old' AND decision = 'baselined' AND reason = 'came from Flyway'),
          1::bigint, 'it is a decision');
SELECT is(migrate.baseline('3', 'nothing registered yet', 'early'), 0, 'a mere version');
SELECT register_tables('early', 'V1__e1', 'V3__e3', 'V3.1__e4', 'V20__e5') \g /dev/null
CALL migrate.apply(project => 'early') \gset
SELECT set_eq($$SELECT name FROM migrate.migrations WHERE project = 'early' AND state = 'applied'$$, ARRAY['V3.1__e4', 'V20__e5'],
              'counts for what is registered later');
SELECT is(migrate.is_applied('V3__e3'), true, 'what is below counts as applied');
SELECT is(e.code, 'MG010', 'it cannot be reverted') FROM pg_temp.error_of('CALL migrate.revert(project => ''early'', steps => 3)') e;

-- A baseline that is taken back takes back what it covers.

CREATE FUNCTION register_started(project text) RETURNS void LANGUAGE sql AS $$
    SELECT migrate.register('10_a', 'SELECT 1/0', '', project => $1), migrate.register('50_b', '', '', kind => 'baseline', project => $1)
$$;
SELECT register_started('started'), register_started('unmarked'), register_started('kept'), register_started('again') \g /dev/null
CALL migrate.apply(project => 'started') \g /dev/null
SELECT migrate.register('70_c', '', '', requires => '{10_a}', project => 'started') \g /dev/null
CALL migrate.apply(project => 'started') \g /dev/null
SELECT is(e.code, 'MG010', 'there is no going back to what a baseline covers') FROM pg_temp.error_of($$CALL migrate.revert('10_a', 'started')$$) e;
CALL migrate.revert(project => 'started', steps => 5000) \g /dev/null
SELECT is(attempts('started'), '50_b applied, 70_c applied, 70_c reverted, 50_b reverted', 'what requires something covered is reverted before the baseline');
SELECT is(migrate.is_current('started') OR migrate.is_applied('10_a', 'started'), false, 'reverted, it counts for nothing');
CALL migrate.apply('50_b', 'started') \gset
SELECT is(:applied, 1, 'so that the next apply runs it again');
CALL migrate.revert('zero', 'started') \g /dev/null
SELECT is(state_of('started:50_b') || ' ' || state_of('started:10_a'), 'reverted superseded', 'and also after going back to zero');

CALL migrate.apply(project => 'unmarked') \g /dev/null
SELECT migrate.mark_pending('50_b', 'dropped by hand', 'unmarked') \g /dev/null
SELECT is(migrate.is_current('unmarked') OR migrate.is_applied('10_a', 'unmarked'), false, 'marked pending, it counts for nothing either');
CALL migrate.apply(project => 'unmarked') \gset
SELECT is(:applied, 1, 'and runs again');

CALL migrate.apply(project => 'kept') \g /dev/null
SELECT migrate.baseline('50', 'taken over', 'kept') \g /dev/null
CALL migrate.revert('zero', 'kept') \g /dev/null
SELECT ok(migrate.is_current('kept') AND migrate.is_applied('10_a', 'kept'), 'a baseline that people set stays, also where it is of the same version');

SELECT migrate.mark_applied('10_a', 'by hand', 'again') \g /dev/null
SELECT migrate.mark_pending('10_a', 'undone', 'again') \g /dev/null
CALL migrate.apply(project => 'again') \g /dev/null
SELECT ok(migrate.is_current('again') AND migrate.is_applied('10_a', 'again'), 'a baseline covers what was reverted before it ran');

SELECT register_started('said'), migrate.mark_applied('50_b', 'restored from a copy', 'said') \g /dev/null
SELECT is(state_of('said:10_a'), 'baseline', 'one that is marked applied covers what is below it as well');
SELECT migrate.mark_pending('50_b', 'it was another copy', 'said') \g /dev/null
SELECT ok(NOT migrate.is_applied('10_a', 'said'), 'until it is marked pending');

SELECT register_started('passed') \g /dev/null
CALL migrate.apply(project => 'passed') \g /dev/null
SELECT migrate.register('60_b', '', '', replaces => '{50_b}', project => 'passed') \g /dev/null
CALL migrate.apply(project => 'passed') \g /dev/null
SELECT is(state_of('passed:10_a') || ' ' || state_of('passed:60_b'), 'baseline marked', 'replaced, it is its heir that covers them');
CALL migrate.revert(project => 'passed') \g /dev/null
SELECT ok(NOT migrate.is_applied('10_a', 'passed'), 'until that is reverted');

-- Marks.

SELECT register_tables('mark', '0001_m1', '0002_m2') \g /dev/null
SELECT throws_ok($$SELECT migrate.mark_applied('0001_m1', NULL)$$, '22004', NULL, 'a mark needs a reason');
SELECT throws_ok($$SELECT migrate.mark_applied('0009_m1', 'why', 'mark')$$, 'MG002', NULL, 'and a migration');
SELECT migrate.mark_applied('0001_m1', 'done by hand') \g /dev/null
SELECT is(state_of('mark:0001_m1'), 'marked', 'mark_applied');
SELECT hasnt_table('0001_m1'::name, 'runs nothing');
SELECT pg_temp.rows_are($$SELECT action, outcome, reason, run_id FROM migrate.history WHERE project = 'mark'$$,
                        $$VALUES ('mark', 'marked', 'done by hand', NULL)$$, 'is in the history');
SELECT is((SELECT count(*) FROM migrate.decisions WHERE project = 'mark' AND decision = 'marked'), 1::bigint, 'and a decision');
SELECT throws_ok($$SELECT migrate.register('0001_m1', 'SELECT 1', project => 'mark')$$, 'MG001', NULL, 'its text is frozen');
CALL migrate.apply(project => 'mark') \gset
SELECT is(:applied, 1, 'the next one runs');
SELECT migrate.mark_pending('0002_m2', 'undone by hand') \g /dev/null
SELECT ok(is_pending AND NOT is_applied, 'mark_pending') FROM migrate.migrations WHERE name = '0002_m2';
SELECT has_table('0002_m2'::name, 'runs nothing either');
SELECT lives_ok($$SELECT migrate.mark_pending('0002_m2', 'again')$$, 'again: nothing to do');
DROP TABLE "0002_m2";
CALL migrate.apply(project => 'mark') \gset
SELECT is(:applied, 1, 'it can be applied again');

-- Holding.

SELECT register_tables('hold', '0001_d1', '0002_d2', '0003_d3') \g /dev/null
SELECT migrate.register('0004_d4', '', requires => '{0001_d1}', project => 'hold') \g /dev/null
SELECT migrate.hold('0002_d2', 'wait for BI') \g /dev/null
SELECT is(state_of('hold:0002_d2') || ' ' || state_of('hold:0003_d3'), 'held blocked', 'hold, and what requires it');
CALL migrate.apply(project => 'hold') \gset
SELECT is(attempts('hold'), '0001_d1 applied, 0004_d4 applied', 'apply leaves them out');
SELECT is(e.code, 'MG007', 'a target that is held is refused') FROM pg_temp.error_of('CALL migrate.apply(''0003_d3'', ''hold'')') e;
SELECT is(migrate.is_current('hold'), false, 'what a hold blocks is not current');
SELECT is((SELECT reason FROM migrate.decisions WHERE project = 'hold' AND decision = 'held'), 'wait for BI', 'it is a decision');
SELECT migrate.release('0002_d2', 'BI is ready') \g /dev/null
CALL migrate.apply(project => 'hold') \gset
SELECT is(:applied, 2, 'released, they run');
SELECT is((SELECT reason FROM migrate.decisions WHERE project = 'hold' AND decision = 'released'), 'BI is ready', 'a decision, too');
SELECT migrate.register('0005_d5', '', requires => '{}', project => 'hold'), migrate.hold('0005_d5', 'later') \g /dev/null
SELECT is(migrate.is_current('hold'), true, 'one that is held does not count');

SELECT is_empty('SELECT * FROM migrate.verify_history()', 'after all this the history is sound');
-- COPY without its data.

SELECT migrate.register('0001', 'CREATE TABLE no_data (i int); COPY no_data FROM stdin', project => 'no_data') \g /dev/null
SELECT is((e.code, e.message)::text, ('MG009', 'COPY has no client to talk to in a migration')::text, 'COPY without its data')
    FROM pg_temp.error_of('CALL migrate.apply(project => ''no_data'')') e;
SELECT * FROM finish();
