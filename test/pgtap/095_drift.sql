-- 095_drift.sql: what is expected, what moves it, and what is found to be otherwise.

\ir common.psql
SET client_min_messages = error;
SELECT * FROM no_plan();

CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('dbname=%L host=%L port=%s user=%L', current_database(),
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), session_user)) \g /dev/null
CREATE VIEW drifted AS SELECT change || ' ' || object_type || ' ' || identity AS d FROM migrate.drift();
CREATE TABLE mine (i int PRIMARY KEY, t text DEFAULT 'x');
CREATE VIEW reads AS SELECT i, t FROM mine;
CREATE ROLE tap_drifter;
CREATE ROLE tap_drifter_too;

SELECT is_empty('SELECT * FROM migrate.drift()', 'nothing is expected, and nothing is adrift');
SELECT migrate.watch('test') \g /dev/null
SELECT is_empty('TABLE drifted', 'watch takes over what is there');
SELECT set_has('SELECT identity FROM migrate.expected', $$VALUES ('public.mine'), ('public.reads'), ('public.drifted')$$, 'all of it');

-- Migrations move it.

SELECT migrate.register('0001_a', $$CREATE TABLE a (i int PRIMARY KEY, j int REFERENCES mine);
    CREATE INDEX a_j ON a (j); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION f() TO tap_drifter;
    CREATE TYPE mood AS ENUM ('sad', 'happy'); COMMENT ON TABLE a IS 'a'$$, 'DROP TABLE a; DROP FUNCTION f(); DROP TYPE mood') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is_empty('TABLE drifted', 'a migration that makes objects');
SELECT is((SELECT project || ' ' || name FROM migrate.expected WHERE identity = 'public.a'), 'default 0001_a', 'whose they are');
SELECT migrate.register('0002_b', 'ALTER TABLE mine RENAME TO ours; ALTER TABLE ours ADD k int; GRANT SELECT ON ours TO tap_drifter; ALTER TYPE mood RENAME TO temper') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is_empty('TABLE drifted', 'a migration that renames what others mention');
SELECT migrate.register('0003_c', E'CREATE INDEX CONCURRENTLY a_jj ON a (j, i);\nVACUUM a;\nDROP INDEX CONCURRENTLY a_j') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is_empty('TABLE drifted', 'a migration that runs in steps');
SELECT migrate.register('0004_d', 'DROP TABLE a; CREATE TABLE a (i int); GRANT SELECT ON ALL TABLES IN SCHEMA public TO tap_drifter; ALTER DATABASE ' || quote_ident(current_database()) || ' SET work_mem = ''5MB''') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is_empty('TABLE drifted', 'a migration that makes one anew under the same name, and what cannot be told object by object');
SELECT migrate.register('0005_e', 'CREATE TABLE e (); SELECT 1/0') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply();
\set ON_ERROR_STOP 1
SELECT is_empty('TABLE drifted', 'a migration that fails moves nothing');
SELECT migrate.unregister('0005_e') \g /dev/null
BEGIN;
SELECT migrate.register('0005_f', 'CREATE TABLE f (i int)', 'DROP TABLE f') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is_empty('TABLE drifted', 'in the caller''s transaction');
ROLLBACK;
SELECT is_empty('TABLE drifted', 'and back with it');
SELECT migrate.register('0005_g', 'DO $do$BEGIN CREATE TABLE kept (); COMMIT; CREATE TABLE rolled_back (); ROLLBACK; CREATE TABLE kept_too (); END$do$') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is_empty('TABLE drifted', 'a statement that ends transactions itself, well and not');
SELECT is((SELECT string_agg(identity, ', ' ORDER BY identity) FROM migrate.expected WHERE name = '0005_g'), 'public.kept, public.kept_too', 'whose what stands is');

-- What statements do is noted no longer than a migration runs.

CREATE TEMP VIEW noting AS SELECT name FROM pg_backend_memory_contexts WHERE name = 'touched objects';
SELECT migrate.register('0005.1_h', 'DO $do$BEGIN ASSERT EXISTS (SELECT FROM pg_temp.noting); END$do$') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is_empty('TABLE noting', 'a migration that has succeeded');
SELECT migrate.register('0005.2_i', 'CREATE TABLE i (); SELECT 1/0') \g /dev/null
SELECT is((pg_temp.error_of('CALL migrate.apply()')).code, '22012', 'one that fails, and the error is caught');
SELECT is_empty('TABLE noting', 'by a function');
BEGIN;
SAVEPOINT s;
\set ON_ERROR_STOP 0
CALL migrate.apply();
\set ON_ERROR_STOP 1
ROLLBACK TO s;
SELECT is_empty('TABLE noting', 'by a savepoint');
COMMIT;
SELECT migrate.unregister('0005.2_i') \g /dev/null

-- Others change things.

ALTER TABLE ours ALTER t SET DEFAULT 'y';
CREATE INDEX by_hand ON ours (t);
DROP VIEW reads;
SELECT set_eq('TABLE drifted', $$VALUES ('changed table public.ours'), ('added index public.by_hand'), ('removed view public.reads')$$, 'what is changed around them is adrift');
SELECT results_eq($$SELECT identity, changed_by::text, project, last_migration, (SELECT array_agg(split_part(statement, ' ', 1)) FROM migrate.ddl_log WHERE id = ANY (ddl_ids))
    FROM migrate.drift() ORDER BY identity COLLATE "C"$$,
    $$VALUES ('public.by_hand', session_user::text, NULL, NULL, '{CREATE}'::text[]), ('public.ours', session_user::text, 'default', '0002_b', '{ALTER}'),
             ('public.reads', session_user::text, 'default', '0004_d', '{DROP}')$$, 'by whom, and with which statements');
SELECT is(migrate.drift_diff('public.ours'), E'--- expected/table public.ours\n+++ actual/table public.ours\n'
    || (SELECT string_agg(l, E'\n' ORDER BY n) || E'\n' FROM regexp_split_to_table(migrate.drift_diff('public.ours'), E'\n') WITH ORDINALITY x (l, n) WHERE n > 2 AND l <> ''),
    'as a diff');
SELECT matches(migrate.drift_diff('public.ours'), E'\n-column: t text\n-  *default: ''x''::text\n|\n-[^\n]*''x''[^\n]*\n\\+[^\n]*''y''', 'line by line');

-- A run does not take over what others did, not even to the same table.

SELECT migrate.register('0006_g', 'ALTER TABLE ours ADD m int; CREATE TABLE g (i int)') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT set_eq('TABLE drifted', $$VALUES ('changed table public.ours'), ('added index public.by_hand'), ('removed view public.reads')$$, 'they stay adrift');
SELECT matches((SELECT expected FROM migrate.drift() WHERE identity = 'public.ours'), 'column: m integer', 'what the migration did is expected');
SELECT ok((SELECT expected ~ '''x''' AND actual ~ '''y''' FROM migrate.drift() WHERE identity = 'public.ours'), 'what others did is not');
SELECT ok((SELECT ddl_ids IS NOT NULL FROM migrate.drift() WHERE identity = 'public.ours'), 'and is still explained');
ALTER TABLE ours ALTER t SET DEFAULT 'x';
DROP INDEX by_hand;
SELECT set_eq('TABLE drifted', $$VALUES ('removed view public.reads')$$, 'undone, it is as it should be');

SELECT migrate.configure('drift', 'refuse', 'test') \g /dev/null
SELECT migrate.register('0007_h', 'CREATE TABLE h ()') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply();
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'MG007', 'a run can be refused for it');
\set ON_ERROR_STOP 1
CALL migrate.apply(reason => 'test', options => '{"override": ["drift"]}') \g /dev/null
SELECT has_table('h'::name, 'unless that is overridden');
SELECT migrate.configure('drift', NULL, 'test') \g /dev/null

-- What CREATE OR REPLACE leaves of it is still what others did.

GRANT EXECUTE ON FUNCTION f() TO tap_drifter_too;
SELECT migrate.register('0008_i', $$CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'$$) \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT set_eq($$SELECT d FROM drifted WHERE d ~ 'function'$$, $$VALUES ('changed function public.f()')$$, 'a replaced function stays adrift');
SELECT ok((SELECT expected ~ 'SELECT 2' AND expected !~ 'tap_drifter_too' FROM migrate.drift() WHERE object_type = 'function'), 'in what was not replaced');
REVOKE EXECUTE ON FUNCTION f() FROM tap_drifter_too;
SELECT is_empty($$SELECT d FROM drifted WHERE d ~ 'function'$$, 'undone, it is as it should be');

-- A column that others have changed gets another name from a migration, and what belongs to it.

BEGIN;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
CREATE TYPE pair AS (one int, two int);
CREATE TABLE pairs OF pair;
CREATE TABLE whole (a int, "B" text, c int) PARTITION BY LIST (a);
CREATE TABLE part PARTITION OF whole FOR VALUES IN (1);
CREATE VIEW seen AS SELECT a, "B" FROM whole;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER TABLE whole ALTER "B" SET DEFAULT 'theirs';
ALTER TABLE part ALTER "B" SET NOT NULL;
COMMENT ON COLUMN whole."B" IS 'theirs';
GRANT SELECT ("B") ON whole TO tap_drifter_too;
ALTER VIEW seen ALTER a SET DEFAULT 1;
COMMENT ON COLUMN pair.two IS 'theirs';
ALTER TABLE pairs ALTER two SET DEFAULT 2;
SELECT array_agg(d ORDER BY d) AS were FROM drifted \gset
SELECT migrate.register('0090_names', $$
    ALTER TABLE whole RENAME c TO aside; ALTER TABLE whole RENAME "B" TO c; ALTER TABLE whole RENAME aside TO "B b"; ALTER TABLE whole ADD "B" date;
    DO 'BEGIN ALTER TABLE whole RENAME a TO c1; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END';
    ALTER VIEW seen RENAME a TO first;
    ALTER TYPE pair RENAME ATTRIBUTE two TO second CASCADE$$) \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is((SELECT array_agg(d ORDER BY d) FROM drifted), :'were', 'what they did to columns that get other names stays adrift');
SELECT is(migrate.drift_diff('public.whole'), E'--- expected/table public.whole\n+++ actual/table public.whole\n@@ -1,6 +1,9 @@\n'
    ' partition by: LIST (a)\n column: a integer\n column: c text\n+  default: ''theirs''::text\n+  grant: tap_drifter_too SELECT\n+  comment: theirs\n'
    ' column: "B b" integer\n column: "B" date\n column order: a, c, "B b", "B"\n', 'and nothing else');
SELECT is((SELECT expected ~ 'first' AND expected !~ 'default' FROM migrate.drift() WHERE identity = 'public.seen'), true, 'of a view');
SELECT is((SELECT count(*) FROM migrate.drift() WHERE identity IN ('public.pair', 'public.pairs') AND expected ~ 'column: second' AND expected !~ 'theirs|default'), 2::bigint, 'of a type, and the tables of it');
ALTER TABLE whole ALTER c DROP DEFAULT;
ALTER TABLE part ALTER c DROP NOT NULL;
COMMENT ON COLUMN whole.c IS NULL;
REVOKE SELECT (c) ON whole FROM tap_drifter_too;
SELECT is_empty($$SELECT * FROM drifted WHERE d ~ 'whole|part'$$, 'undone, it is as it should be');
ROLLBACK;

-- What others have made of a column, or changed, is dropped and made anew with another type of it.

BEGIN;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
CREATE TABLE typed (a int, b varchar(10) CONSTRAINT checked CHECK (b <> 'x') CONSTRAINT keyed UNIQUE, c int);
CREATE INDEX typed_b ON typed (lower(b));
CREATE STATISTICS typed_s ON b, c FROM typed;
CREATE TABLE refers (b varchar(10) REFERENCES typed (b));
SELECT migrate.accept_drift('*', 'test') \g /dev/null
CREATE INDEX theirs ON typed (b);
COMMENT ON INDEX typed_b IS 'theirs';
ALTER TABLE typed ADD CONSTRAINT theirs_checked CHECK (b <> 'q'), ADD CONSTRAINT theirs_keyed UNIQUE (b, c);
ALTER TABLE refers ADD CONSTRAINT theirs_refers FOREIGN KEY (b) REFERENCES typed (b) NOT VALID;
CREATE STATISTICS theirs_s ON a, b FROM typed;
COMMENT ON STATISTICS typed_s IS 'theirs';
COMMENT ON CONSTRAINT checked ON typed IS 'theirs';
COMMENT ON CONSTRAINT refers_b_fkey ON refers IS 'theirs';
SELECT array_agg(replace(d, ' public.typed', ' public.renamed') ORDER BY replace(d, ' public.typed', ' public.renamed') COLLATE "C") AS were FROM drifted \gset
SELECT migrate.register('0091_types', $$
    ALTER TABLE typed ADD made text UNIQUE; ALTER TABLE typed ALTER made TYPE varchar;
    ALTER TABLE refers ALTER b TYPE text; ALTER TABLE typed RENAME TO renamed; ALTER TABLE renamed ALTER b TYPE text;
    DO 'BEGIN ALTER TABLE renamed ALTER b TYPE varchar(10); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END';
    ALTER TABLE renamed ALTER b TYPE varchar(20); ALTER INDEX typed_b RENAME TO renamed_b; ALTER STATISTICS typed_s RENAME TO renamed_s$$) \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is((SELECT array_agg(d ORDER BY d COLLATE "C") FROM drifted), :'were', 'what they did there stays adrift');
SELECT is((SELECT count(*) FROM migrate.drift() WHERE expected ~ 'renamed|CHECK' AND expected || E'\ncomment: theirs' = actual), 4::bigint, 'but for the rest of it');
COMMENT ON INDEX renamed_b IS NULL;
COMMENT ON STATISTICS renamed_s IS NULL;
COMMENT ON CONSTRAINT checked ON renamed IS NULL;
COMMENT ON CONSTRAINT refers_b_fkey ON refers IS NULL;
SELECT is_empty($$SELECT * FROM drifted WHERE d !~ 'theirs'$$, 'undone, it is as it should be');
ROLLBACK;

-- An event trigger that does the same while it runs.

BEGIN;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
CREATE TABLE outside (a int PRIMARY KEY);
CREATE TABLE inside (a int PRIMARY KEY);
CREATE FUNCTION rebuilds() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN REINDEX TABLE inside; END';
CREATE EVENT TRIGGER rebuilds ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION rebuilds();
SELECT migrate.accept_drift('*', 'test') \g /dev/null
COMMENT ON INDEX outside_pkey IS 'theirs';
SELECT migrate.register('0092_within', 'ALTER TABLE outside ALTER a TYPE bigint') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT set_eq('TABLE drifted', $$VALUES ('changed index public.outside_pkey')$$, 'one statement within another');
ROLLBACK;

-- Accepted.

CREATE TABLE extra (i int);
SELECT is(migrate.accept_drift('public.reads', 'not needed'), 1, 'one is accepted');
SELECT set_eq('TABLE drifted', $$VALUES ('added table public.extra')$$, 'and no longer adrift');
SELECT is(migrate.accept_drift('public.extra', 'why', 'view'), 0, 'of another type there is none');
ALTER TABLE ours DROP m;
SELECT is(migrate.accept_drift('*', 'all fine'), 2, 'all of them');
SELECT is_empty('TABLE drifted', 'nothing is left');
SELECT results_eq($$SELECT object_type, identity, reason FROM migrate.decisions WHERE decision = 'drift_accepted' ORDER BY reason DESC, identity$$,
    $$VALUES ('view', 'public.reads', 'not needed'), ('table', 'public.extra', 'all fine'), ('table', 'public.ours', 'all fine')$$, 'each is a decision');

-- Snapshots.

SELECT is(migrate.snapshot('before'), 'before', 'a snapshot');
SELECT is_empty($$SELECT * FROM migrate.compare('before', 'current')$$, 'is what is there');
SELECT is_empty($$SELECT * FROM migrate.compare('before', 'expected')$$, 'and should be');
CREATE VIEW since AS SELECT 1 AS one;
SELECT dblink_exec('other', 'BEGIN; LOCK drifted, since IN ACCESS EXCLUSIVE MODE') \g /dev/null
SELECT is_empty($$SELECT * FROM migrate.compare('before', 'current')$$, 'what is locked has not changed, as far as anybody knows');
SELECT is_empty($$SELECT * FROM migrate.compare('current', 'before')$$, 'nor the other way round');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
SELECT results_eq($$SELECT change, identity FROM migrate.compare('current', 'before')$$, $$VALUES ('removed', 'public.since')$$, 'until it can be seen');
DROP VIEW since;
ALTER TABLE extra ADD j int; DROP TABLE h; CREATE TABLE another (i int);
SELECT results_eq($$SELECT change, identity FROM migrate.compare('before', 'current')$$,
    $$VALUES ('added', 'public.another'), ('changed', 'public.extra'), ('removed', 'public.h')$$, 'what has changed since, in the order of identities');
SELECT results_eq($$SELECT change, identity FROM migrate.compare('current', 'before')$$,
    $$VALUES ('removed', 'public.another'), ('changed', 'public.extra'), ('added', 'public.h')$$, 'and the other way round');
SELECT throws_ok($$SELECT migrate.snapshot('before')$$, '42710', NULL, 'a label is taken once');
SELECT throws_ok($$SELECT migrate.snapshot('current')$$, '22023', NULL, 'and not one that means something');
SELECT throws_ok($$SELECT * FROM migrate.compare('before', 'no such')$$, '42704', NULL, 'one that is not there');

-- What a literal is, and what a proposal says of what it cannot know.

CREATE TABLE literals (a jsonb DEFAULT to_jsonb('1'::text), t timestamptz);
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER TABLE literals ALTER a SET DEFAULT to_jsonb('1'::bigint);
SELECT results_eq('SELECT change, identity FROM migrate.drift()', $$VALUES ('changed', 'public.literals')$$, 'the same literal of another type');
SELECT migrate.undo_drift('public.literals', 'test') \g /dev/null
SELECT is_empty('SELECT * FROM migrate.drift()', 'and back');
ALTER TABLE literals ALTER t TYPE timestamp;
SELECT matches(migrate.propose_revert('public.literals'), 'NOT CERTAIN: .* TimeZone', 'times that are read by a setting');
ALTER TABLE literals ALTER t TYPE timestamptz;
CREATE MATERIALIZED VIEW stored_rows AS SELECT 1 AS i;
SELECT matches(migrate.propose_revert('public.stored_rows'), 'DATA LOST: The rows of materialized view', 'the rows of a materialized view');
DROP MATERIALIZED VIEW stored_rows;
CREATE FOREIGN DATA WRAPPER with_password OPTIONS (password 'x');
SELECT matches(migrate.propose_revert('with_password'), 'DATA LOST: The value of option password', 'the secret of a wrapper');
DROP FOREIGN DATA WRAPPER with_password;
SELECT is_empty('SELECT * FROM migrate.drift()', 'all is as it was');

SELECT migrate.unwatch('test') \g /dev/null
SELECT * FROM finish();
