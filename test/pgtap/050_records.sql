-- 050_records.sql: records are written once; what is done to them all the same is found.

\ir common.psql
SELECT * FROM no_plan();

CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('dbname=%L host=%L port=%s user=%L', current_database(),
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user)) \g /dev/null
CREATE ROLE tap_writer IN ROLE pg_write_all_data, pg_read_all_data;
GRANT ALL ON ALL TABLES IN SCHEMA migrate TO tap_writer;

-- Rows in every table.

SELECT register_tables('full', '0001_a', '0002_b', '0003_c', '0004_d') \g /dev/null
SELECT migrate.baseline('0001_a', 'test', 'full'), migrate.configure('heads', 'many', 'test', 'full'),
       migrate.grant_capability('tap_writer', 'monitor', 'full'), migrate.hold('0004_d', 'test', 'full') \g /dev/null
CALL migrate.apply(project => 'full', reason => 'first', options => '{"labels": {"a": 1}}') \g /dev/null
BEGIN;
CALL migrate.revert('0001_a', 'full') \g /dev/null
ROLLBACK;
SELECT migrate.register('0005_e', 'SELECT 1/0', requires => '{}', project => 'full') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'full');
\set ON_ERROR_STOP 1
CALL migrate.revert('0002_b', 'full') \g /dev/null
SELECT migrate.snapshot('full'), migrate.ignore('test', 'nowhere') \g /dev/null
INSERT INTO migrate.cancel_requests SELECT run_id, 'tap_writer', 'test', now() FROM migrate.runs WHERE outcome = 'succeeded' LIMIT 1;
CREATE TABLE twice AS SELECT 1 AS i FROM generate_series(1, 2);
SELECT migrate.register('0006_f', 'CREATE UNIQUE INDEX CONCURRENTLY ON twice (i)', requires => '{}', project => 'full') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply('0006_f', 'full');
\set ON_ERROR_STOP 1
SELECT migrate.watch('test') \g /dev/null
CREATE TABLE watched ();
DROP TABLE watched;
CALL migrate.apply('0003_c', 'full') \g /dev/null
INSERT INTO migrate.adrift VALUES ('\x00', 'table', 'gone', NULL, 0, 0, false, '1:1:', now());
SELECT migrate.break_glass('test') \g /dev/null
SELECT migrate.unwatch('test') \g /dev/null
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'to begin with all is sound');

CREATE VIEW our_tables AS
    SELECT oid::regclass::text AS name, relname::text FROM pg_class
    WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'r';
CREATE FUNCTION row_count(table_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || $1 INTO n;
    RETURN n;
END
$$;
SELECT cmp_ok(row_count(name), '>', 0::bigint, 'there are rows in ' || name) FROM our_tables;

-- Written by nobody but us.

CREATE FUNCTION some_column(table_name text) RETURNS text LANGUAGE sql AS
    $$SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND attidentity = '' ORDER BY attnum DESC LIMIT 1$$;
CREATE FUNCTION writing(table_name text, OUT what text, OUT statement text) RETURNS SETOF record LANGUAGE sql AS $$
    VALUES ('UPDATE', format('UPDATE %s SET %s = %2$s', $1, some_column($1))), ('DELETE', format('DELETE FROM %s', $1)),
           ('TRUNCATE', format('TRUNCATE %s', $1)), ('INSERT', format('INSERT INTO %1$s OVERRIDING SYSTEM VALUE SELECT * FROM %1$s', $1))
$$;
CREATE FUNCTION refused(role_name text, replication_role text, statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('session_replication_role', $2, true), set_config('role', $1, true);
    EXECUTE statement;
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION
    WHEN SQLSTATE 'P0101' OR unique_violation THEN
        RETURN false;
    WHEN OTHERS THEN
        RETURN SQLERRM ~ 'written by|pg_migrations|migrate';
END
$$;
SELECT ok(refused(r, s, w.statement), format('%s of %s refused to %s, session_replication_role = %s', w.what, t.relname,
                                             CASE r WHEN 'tap_writer' THEN 'pg_write_all_data' ELSE 'a superuser' END, s))
    FROM our_tables t CROSS JOIN LATERAL writing(t.name) w,
         (VALUES ('tap_writer', 'origin'), (current_user, 'origin'), (current_user, 'replica')) AS q (r, s)
    WHERE w.what <> 'INSERT' OR r = 'tap_writer'
    ORDER BY t.relname, w.what, r, s;
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'r'
                  AND (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND tgenabled = 'A') < 2$$,
                'every table has triggers that fire always');
BEGIN;
SELECT lives_ok($$INSERT INTO migrate.log_decisions (id, decided_at, decision, role_name, session_role, transaction_id)
                  VALUES (1000000, now(), 'restored', 'a', 'b', '3')$$, 'but a superuser may insert, as a restore does');
ROLLBACK;

-- What surrounds them is checked.

BEGIN;
ALTER TABLE migrate.log_history ENABLE TRIGGER guard;
SELECT isnt_empty($$SELECT * FROM migrate.check() WHERE message || coalesce(object, '') ~ 'log_history'$$,
                  'check(): a trigger that is not ENABLE ALWAYS');
ROLLBACK;
BEGIN;
CREATE PUBLICATION everything FOR ALL TABLES;
SELECT isnt_empty($$SELECT * FROM migrate.check() WHERE message || coalesce(object, '') ~ 'everything'$$,
                  'check(): a publication that has our tables');
ROLLBACK;
BEGIN;
CREATE TABLE migrate.stranger ();
SELECT isnt_empty($$SELECT * FROM migrate.check() WHERE message || coalesce(object, '') ~ 'stranger'$$,
                  'check(): a stranger in our schema');
ROLLBACK;

BEGIN;
INSERT INTO migrate.log_runs SELECT (jsonb_populate_record(r, '{"run_id": 1000}')).* FROM migrate.log_runs r LIMIT 1;
SELECT matches(hint, 'setval.*1000', 'check(): a sequence that was set back') FROM migrate.check() WHERE code = 'sequence_behind';
SELECT setval('migrate.log_statements_id_seq', 9223372036854775807) \g /dev/null
SELECT isnt_empty($$SELECT FROM migrate.check() WHERE code = 'sequence_behind' AND object ~ 'log_statements'$$, 'and one at its end');
SELECT setval('migrate.log_statements_id_seq', max(id)) FROM migrate.log_statements \g /dev/null
ROLLBACK;

-- Every column of every log is sealed.

CREATE VIEW logs AS
    SELECT * FROM (VALUES ('history', 'log_history', 'id'), ('statement_log', 'log_statements', 'id'), ('decisions', 'log_decisions', 'id'),
                          ('run_starts', 'log_runs', 'run_id'), ('run_ends', 'log_run_ends', 'run_id'),
                          ('ddl_log', 'log_ddl', 'id'), ('coverage', 'log_coverage', 'id')) AS t (source, relname, key);
SELECT set_eq($$SELECT relname FROM logs$$, $$SELECT relname FROM our_tables WHERE relname LIKE 'log_%'$$, 'all logs are tested');
SELECT set_eq($$SELECT DISTINCT source FROM migrate.seals$$, $$SELECT source FROM logs$$, 'and all are sealed');
-- Another value of a column.
CREATE FUNCTION other_value(type_name text, column_name text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN $1 IN ('text', 'name') THEN format('coalesce(%I::text, '''') || ''x''', $2)
        WHEN $1 IN ('bigint', 'integer') THEN format('coalesce(%I, 0) + 1000000', $2)
        WHEN $1 = 'timestamp with time zone' THEN format('coalesce(%I, now()) + ''1 microsecond''', $2)
        WHEN $1 = 'interval' THEN format('coalesce(%I, ''0'') + ''1 microsecond''', $2)
        WHEN $1 = 'bytea' THEN format('coalesce(%I, '''') || ''x''::bytea', $2)
        WHEN $1 = 'boolean' THEN format('NOT coalesce(%I, false)', $2)
        WHEN $1 = 'xid8' THEN format('(coalesce(%I::text, ''0'')::bigint + 1)::text::xid8', $2)
        WHEN $1 = 'pg_lsn' THEN format('coalesce(%I, ''0/0'') + 1', $2)
        WHEN $1 = 'inet' THEN '''192.0.2.1''::inet'
        WHEN $1 = 'jsonb' THEN format('coalesce(%I, ''{}'') || ''{"x": 1}''', $2)
        WHEN $1 = 'text[]' THEN format('array_append(%I, ''x'')', $2)
    END
$$;
-- What verify_history says of one row when a superuser has changed it.
CREATE FUNCTION found(tampering text, OUT problems text) LANGUAGE plpgsql AS $$
BEGIN
    FOR problems IN SELECT format('ALTER TABLE %s DISABLE TRIGGER ALL', name) FROM our_tables LOOP
        EXECUTE problems;
    END LOOP;
    EXECUTE tampering;
    SELECT string_agg(source || ' ' || id, ', ' ORDER BY source, id) INTO problems FROM migrate.verify_history();
    RAISE SQLSTATE 'P0101';
EXCEPTION WHEN SQLSTATE 'P0101' THEN
    RETURN;
END
$$;
SELECT is(found('SELECT 1'), NULL, 'disabling triggers alone changes nothing');
CREATE TABLE tamperings AS
    SELECT l.source, l.relname, l.key, a.attname, v AS new_value, format_type(atttypid, NULL) AS type
    FROM logs l JOIN pg_attribute a ON attrelid = ('migrate.' || relname)::regclass AND attnum > 0 AND NOT attisdropped,
         other_value(format_type(atttypid, NULL), attname) v WHERE attname <> key;
SELECT is_empty($$SELECT relname, attname, type FROM tamperings WHERE new_value IS NULL$$, 'a change for every type of column');
SELECT is(found(format('UPDATE migrate.%s SET %I = %s WHERE %I = 1', relname, attname, new_value, key)) ~ (source || ' '), true,
          format('%s.%s = %s is found', source, attname, new_value))
    FROM tamperings ORDER BY relname, attname;
SELECT matches(found('UPDATE migrate.log_decisions SET reason = '''' WHERE id = 1 AND reason IS NULL'), '^decisions ',
               'an empty text instead of NULL is found');

SELECT matches(found(format('DELETE FROM migrate.%s WHERE %I = (SELECT min(%2$I) FROM migrate.%1$s)', relname, key)), source || ' ',
               source || ': the first row removed') FROM logs;
SELECT matches(found(format('DELETE FROM migrate.%s WHERE %I = (SELECT max(%2$I) FROM migrate.%1$s)', relname, key)), source || ' ',
               source || ': the last row removed') FROM logs;
SELECT matches(found(format('DELETE FROM migrate.%s', relname)), source || ' ', source || ': all rows removed') FROM logs;
SELECT matches(found(format('UPDATE migrate.%s SET %I = CASE %2$I WHEN 1 THEN -2 ELSE -1 END WHERE %2$I IN (1, 2);
                             UPDATE migrate.%1$s SET %2$I = -%2$I WHERE %2$I < 0', relname, key)), source || ' ',
               source || ': two rows swapped') FROM logs;
SELECT matches(found(format('UPDATE migrate.%s SET %I = (SELECT g FROM generate_series(1, 1000) g
                             WHERE NOT EXISTS (SELECT FROM migrate.%1$s h WHERE h.%2$I = g) LIMIT 1) WHERE %2$I = 1', relname, key)), source || ' ',
               source || ': a row with another number') FROM logs;
SELECT is((SELECT count(*) FROM generate_series(1, (SELECT max(id) FROM migrate.log_history)) g
           WHERE NOT EXISTS (SELECT FROM migrate.log_history WHERE id = g)) > 0, true, 'a transaction that was rolled back left a gap');
CREATE FUNCTION columns_but_key(table_name text, key text) RETURNS text LANGUAGE sql AS
    $$SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = ('migrate.' || $1)::regclass AND attnum > 0 AND NOT attisdropped AND attname <> $2$$;
SELECT matches(found(format('INSERT INTO migrate.log_history (id, %1$s) SELECT (SELECT g FROM generate_series(1, 1000) g
                             WHERE NOT EXISTS (SELECT FROM migrate.log_history h WHERE h.id = g) LIMIT 1), %1$s FROM migrate.log_history WHERE id = 1',
                            columns_but_key('log_history', 'id'))), 'history ', 'a row inserted into the gap is found');
SELECT matches(found(format('INSERT INTO migrate.log_decisions (id, %1$s) SELECT -5, %1$s FROM migrate.log_decisions WHERE id = 1',
                            columns_but_key('log_decisions', 'id'))), 'decisions ', 'and one before all others');

-- The chain of seals itself.

SELECT isnt(found('UPDATE migrate.seals SET hash = sha256(hash) WHERE seal = 1'), NULL, 'a changed hash is found');
SELECT isnt(found(format('UPDATE migrate.seals SET %s WHERE seal = 2', t.change)), NULL, 'a changed seal: ' || t.change)
    FROM (VALUES ('rows = rows + 1'), ('first_id = first_id - 1'), ('last_id = last_id + 1'), ('sealed_at = sealed_at + ''1 microsecond'''),
                 ('oldest_running = ''3''')) AS t (change);
SELECT isnt(found('UPDATE migrate.seals SET source = ''decisions'' WHERE seal = 1'), NULL, 'a changed source');
SELECT isnt(found('UPDATE migrate.seals SET ids = ids + ''{[100000,100002)}''::int8multirange WHERE seal = 1'), NULL, 'changed ids');
SELECT ok(found('UPDATE migrate.seals SET ids = ''{[1,9000000000000000000)}'' WHERE seal = 1') ~ 'seals 1', 'a seal over all there could be');
SELECT isnt(found('DELETE FROM migrate.seals WHERE seal = 3'), NULL, 'a removed seal');
SELECT isnt(found('UPDATE migrate.seals SET seal = -seal WHERE seal IN (1, 2); UPDATE migrate.seals SET seal = seal + 3 WHERE seal < 0'), NULL,
            'two seals swapped');
SELECT isnt(found('DELETE FROM migrate.log_decisions WHERE id = 1; UPDATE migrate.seals SET ids = ids - ''{[1,2)}''::int8multirange, rows = rows - 1
                   WHERE source = ''decisions'' AND first_id = 1'), NULL, 'a row removed from its seal, too');

-- A head kept elsewhere.

SELECT seal AS head, hash AS head_hash FROM migrate.history_head() \gset
SELECT is(:head::bigint, (SELECT max(seal) FROM migrate.seals), 'the head is the last seal');
SELECT is_empty(format('SELECT * FROM migrate.verify_history(%s, %L)', :head, :'head_hash'), 'the head of now');
SELECT throws_ok('SELECT * FROM migrate.verify_history(NULL, ''\x00'')', '22023', NULL, 'a hash without its seal proves nothing');
SELECT isnt_empty('SELECT * FROM migrate.verify_history(-1, ''\x00'')', 'nor does a seal that cannot be');
SELECT register_tables('later', '0001_l') \g /dev/null
CALL migrate.apply(project => 'later') \g /dev/null
SELECT is_empty(format('SELECT * FROM migrate.verify_history(%s, %L)', :head, :'head_hash'), 'the head of then, when the log has grown');
SELECT isnt_empty(format('SELECT * FROM migrate.verify_history(%s, %L)', :head, '\x00'), 'another hash');
SELECT isnt_empty(format('SELECT * FROM migrate.verify_history(%s, %L)', :head + 1000, :'head_hash'), 'a seal that is not there');
BEGIN;
ALTER TABLE migrate.seals DISABLE TRIGGER ALL;
ALTER TABLE migrate.log_decisions DISABLE TRIGGER ALL;
DELETE FROM migrate.seals;
UPDATE migrate.log_decisions SET reason = 'forged' WHERE id = 1;
ALTER SEQUENCE migrate.seals_seal_seq RESTART;
COMMIT;
SELECT migrate.seal() \g /dev/null
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'who seals a forged log anew hides it');
SELECT isnt_empty(format('SELECT * FROM migrate.verify_history(%s, %L)', :head, :'head_hash'), 'but not from a head kept elsewhere');
ALTER TABLE migrate.seals ENABLE ALWAYS TRIGGER guard;
ALTER TABLE migrate.seals ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE migrate.log_decisions ENABLE ALWAYS TRIGGER guard;
ALTER TABLE migrate.log_decisions ENABLE ALWAYS TRIGGER guard_truncate;
BEGIN;
ALTER TABLE migrate.seals DISABLE TRIGGER ALL;
SELECT seal AS head, hash AS head_hash FROM migrate.history_head() \gset
DELETE FROM migrate.seals WHERE seal = :head;
SELECT isnt_empty(format('SELECT * FROM migrate.verify_history(%s, %L)', :head, :'head_hash'), 'the end of the chain cut off');
ROLLBACK;
BEGIN READ ONLY;
SELECT lives_ok('SELECT * FROM migrate.verify_history()', 'verify_history in a read-only transaction');
COMMIT;

-- A row that commits late is not taken for one inserted, and nobody waits for it.

SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', $$SELECT migrate.register('0001_o', 'SELECT 1', '', project => 'open')$$) AS t (r text) \g /dev/null
SET statement_timeout = '60s';
BEGIN;
SELECT migrate.register('0001_p', 'SELECT 1', '', project => 'prepared') \g /dev/null
PREPARE TRANSACTION 'tap_records';
SELECT register_tables('meanwhile', '0001_m') \g /dev/null
CALL migrate.apply(project => 'meanwhile') \gset
SELECT is(:applied, 1, 'nobody waits for a record of another session');
SELECT migrate.seal() \g /dev/null
RESET statement_timeout;
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'sealed around records under way');
SELECT max(seal) AS seal, max(id) AS last FROM migrate.seals, migrate.decisions \gset
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'one that came late is not taken for inserted');
COMMIT PREPARED 'tap_records';
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'nor is one that was prepared');
SELECT cmp_ok(migrate.seal(), '>', :seal::bigint, 'they are sealed afterwards');
SELECT is((SELECT count(*) FROM migrate.seals s JOIN migrate.log_decisions d ON d.id <@ s.ids
           WHERE s.source = 'decisions' AND d.project IN ('open', 'prepared')), 2::bigint, 'both');
SELECT is_empty('SELECT * FROM migrate.verify_history()', 'and sound');
SELECT matches(found($$UPDATE migrate.log_decisions SET reason = 'forged' WHERE project = 'open'$$), 'decisions ', 'a change of it is found');
SELECT is(migrate.seal(), migrate.seal(), 'nothing new: no new seal');

-- Runs under way, cancelled and gone.

CREATE FUNCTION wait_until(condition text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    reached boolean;
BEGIN
    FOR i IN 1 .. 2400 LOOP
        EXECUTE 'SELECT ' || condition INTO reached;
        IF reached THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RETURN false;
END
$$;
SELECT register_tables('long', '0001_g') \g /dev/null
SELECT migrate.register('0002_g', 'CREATE TABLE g2 (); SELECT pg_sleep(60)', project => 'long') \g /dev/null
SELECT dblink_send_query('other', 'CALL migrate.apply(project => ''long'', reason => ''long'')') \g /dev/null
SELECT ok(wait_until('EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = ''PgSleep'' AND datname = current_database() AND pid <> pg_backend_pid())'),
          'a run is under way');
SELECT pg_temp.rows_are($$SELECT outcome, migrations, finished_at, reason FROM migrate.runs WHERE project = 'long'$$,
                        $$VALUES ('running', 0, NULL, 'long')$$, 'runs: it is running');
SELECT pg_temp.rows_are($$SELECT project, name, percent FROM migrate.progress$$, $$VALUES ('long', '0002_g', 50.0)$$, 'progress: how far it is');
SELECT is(phase, 'running', 'progress: what it is at') FROM migrate.progress;
CREATE ROLE tap_watcher;
SELECT migrate.grant_capability('tap_watcher', 'monitor') \g /dev/null
SET ROLE tap_watcher;
SELECT pg_temp.rows_are($$SELECT name, percent, statement_no, phase FROM migrate.progress$$, $$VALUES ('0002_g', 50.0, NULL::int, '<insufficient privilege>')$$,
                        'progress: says what a monitor may not see');
RESET ROLE;
GRANT pg_read_all_stats TO tap_watcher;
SET ROLE tap_watcher;
SELECT is(phase, 'running', 'progress: which pg_read_all_stats shows') FROM migrate.progress;
RESET ROLE;
SELECT migrate.revoke_capability('tap_watcher', 'monitor') \g /dev/null
DROP ROLE tap_watcher;
SELECT is(state_of('long:0001_g') || ' ' || state_of('long:0002_g'), 'applied running', 'the states of its migrations');
SELECT pg_cancel_backend(pid) FROM migrate.runs WHERE project = 'long' \g /dev/null
SELECT ok(wait_until('dblink_is_busy(''other'') = 0'), 'cancelled');
SELECT * FROM dblink_get_result('other', false) AS t (r bigint, a int) \g /dev/null
SELECT * FROM dblink_get_result('other', false) AS t (r bigint, a int) \g /dev/null
SELECT is(attempts('long'), '0001_g applied, 0002_g cancelled', 'history: its outcome');
SELECT pg_temp.rows_are($$SELECT outcome, error_code FROM migrate.runs WHERE project = 'long'$$, $$VALUES ('cancelled', '57014')$$, 'runs: its outcome');
SELECT ok(is_pending, 'it is to be tried again') FROM migrate.migrations WHERE name = '0002_g';
SELECT dblink_send_query('other', 'CALL migrate.apply(project => ''long'')') \g /dev/null
SELECT ok(wait_until('EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = ''PgSleep'' AND datname = current_database() AND pid <> pg_backend_pid())'),
          'another run');
SELECT pg_terminate_backend(pid, 60000) FROM migrate.runs WHERE outcome = 'running' \g /dev/null
SELECT is((SELECT outcome FROM migrate.runs WHERE project = 'long' ORDER BY run_id DESC LIMIT 1), 'interrupted', 'runs: whose session is gone is interrupted');
SELECT hasnt_table('g2'::name, 'nothing of its migration stands');
SELECT ok(is_pending, 'which is pending') FROM migrate.migrations WHERE name = '0002_g';
SELECT is_empty('SELECT * FROM migrate.progress', 'no progress any more');
SELECT migrate.register('0002_g', 'CREATE TABLE g2 ()', project => 'long') \g /dev/null
CALL migrate.apply(project => 'long') \gset
SELECT is(:applied, 1, 'the next run applies it');

-- The texts of the logs are hashed one after the other, in no more memory than one of them takes.

SELECT migrate.hold('long:0001_g', repeat('because ', 250000)), migrate.release('long:0001_g', repeat('because ', 250000)) FROM generate_series(1, 10) \g /dev/null
SELECT count(*) FROM migrate.verify_history() \g /dev/null
SELECT (SELECT sum(used_bytes)::bigint FROM pg_backend_memory_contexts) AS before, (SELECT count(*) FROM migrate.verify_history()) AS problems,
       (SELECT sum(used_bytes)::bigint FROM pg_backend_memory_contexts) AS behind \gset
SELECT is(:problems, 0, '40 MB of reasons are sound');
SELECT cmp_ok(:behind - :before, '<', 8000000, 'and are not all in memory');

SELECT is_empty('SELECT * FROM migrate.verify_history()', 'after all this the history is sound');
SELECT * FROM finish();
DROP OWNED BY tap_writer;
DROP ROLE tap_writer;
