-- 096_drift_upkeep.sql: what is not called drift, states that go from server to server, and what is expected after an upgrade.

\ir common.psql
SELECT * FROM no_plan();

CREATE VIEW drifted AS SELECT change || ' ' || object_type || ' ' || identity AS d FROM migrate.drift();
CREATE ROLE tap_partman;
CREATE ROLE "tap ""other""";
CREATE SCHEMA partman AUTHORIZATION tap_partman;
CREATE TABLE mine (i int);
CREATE TABLE theirs (i int);
ALTER TABLE theirs OWNER TO tap_partman;
SELECT migrate.watch('test') \g /dev/null

-- What other tools own.

SELECT throws_ok($$SELECT migrate.ignore('why')$$, '22023', NULL, 'ignore: something must be said');
SELECT throws_ok($$SELECT migrate.ignore(' ', 'partman')$$, '22023', NULL, 'ignore: and why');
SELECT throws_ok($$SELECT migrate.ignore('why', identity_like => 'a\')$$, '22025', NULL, 'ignore: a pattern that is none');
SELECT throws_ok($$SELECT migrate.ignore('why', role_name => 'tap_nobody')$$, '42704', NULL, 'ignore: a role that is none');
SELECT throws_ok($$SELECT migrate.unignore(4711, 'why')$$, '42704', NULL, 'unignore: what is not ignored');

-- One difference of each kind, and what each rule leaves out of them.
CREATE TABLE partman.part (i int); CREATE INDEX ON partman.part (i);
CREATE FUNCTION partman.f(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER DEFAULT PRIVILEGES IN SCHEMA partman GRANT SELECT ON TABLES TO tap_partman;
COMMENT ON SCHEMA partman IS 'theirs';
CREATE TABLE "a.b" (i int); CREATE TABLE mine_2024_01 (i int); CREATE TABLE minex2024x01 (i int);
CREATE SCHEMA "partman.x"; CREATE TABLE "partman.x".t (i int);
CREATE TRIGGER "in on partman.x" BEFORE UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE POLICY on_part ON partman.part;
ALTER TABLE theirs ADD j int;
ALTER TABLE mine OWNER TO tap_partman;
CREATE TABLE of_other (i int); ALTER TABLE of_other OWNER TO "tap ""other""";
CREATE FUNCTION left_out(schema_name text DEFAULT NULL, object_type text DEFAULT NULL, identity_like text DEFAULT NULL, role_name text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before text[] := array(SELECT * FROM drifted);
    after text[];
    rule bigint := migrate.ignore('test', schema_name, object_type, identity_like, role_name);
BEGIN
    after := array(SELECT * FROM drifted);
    PERFORM migrate.unignore(rule, 'test');
    RETURN (SELECT string_agg(b, ', ' ORDER BY b COLLATE "C") FROM unnest(before) b WHERE b <> ALL (after));
END
$$;
SELECT is(left_out('partman'), 'added default acl for role ' || quote_ident(current_user) || ' in schema partman on tables, added function partman.f(pg_catalog.text), '
    'added index partman.part_i_idx, added policy on_part on partman.part, added table partman.part, changed schema partman', 'a schema, and what is of it');
SELECT is(left_out('partman.x'), 'added schema "partman.x", added table "partman.x".t', 'one with a dot in its name');
SELECT is(left_out('x'), NULL, 'which is not another one');
SELECT is(left_out('a'), NULL, 'nor does a table have one');
SELECT is(left_out('public', 'trigger'), 'added trigger "in on partman.x" on public.mine', 'a type, too');
SELECT is(left_out(object_type => 'index'), 'added index partman.part_i_idx', 'a type alone');
SELECT is(left_out(identity_like => 'public.mine\_20__%'), 'added table public.mine_2024_01', 'a pattern');
SELECT is(left_out(identity_like => 'public.mine_20__%'), 'added table public.mine_2024_01, added table public.minex2024x01', 'another one');
SELECT is(left_out(role_name => 'tap_partman'), 'changed schema partman, changed table public.theirs', 'an owner, but not what was given to him since');
SELECT is(left_out(role_name => 'tap "other"'), 'added table public.of_other', 'whatever he is called');
SELECT is(left_out('partman', 'table', '%part', 'tap_partman'), NULL, 'all must hold');
SELECT is_empty('SELECT * FROM migrate.ignored', 'nothing is ignored any more');
SELECT results_eq($$SELECT DISTINCT decision, detail ->> 'schema_name', reason FROM migrate.decisions WHERE decision LIKE '%ignored' AND object_type = 'trigger' ORDER BY 1$$,
    $$VALUES ('ignored', 'public', 'test'), ('unignored', 'public', 'test')$$, 'each is a decision');

-- It counts for nothing.

ALTER TABLE mine OWNER TO CURRENT_USER;
SELECT migrate.ignore('they are theirs', 'partman') AS partman \gset
SELECT migrate.accept_drift('*', 'test') \g /dev/null
SELECT is_empty('TABLE drifted', 'all is accepted, but for what is ignored');
SELECT is(migrate.drift_diff(), '', 'nor has the diff anything');
SELECT set_has('SELECT identity FROM migrate.compare(''expected'', ''current'')', $$VALUES ('partman.part'), ('partman')$$, 'compare shows it');
SELECT migrate.configure('drift', 'refuse', 'test'), migrate.register('0001_a', 'CREATE TABLE a ()') \g /dev/null
SELECT lives_ok('CALL migrate.apply()', 'no run is refused for it');
SELECT migrate.configure('drift', NULL, 'test'), migrate.register('0002_b', 'ALTER TABLE partman.part ADD of_migration int; ALTER SCHEMA partman RENAME TO partman2') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT is_empty($$SELECT * FROM migrate.drift() WHERE identity LIKE 'public%'$$, 'a migration may touch it');
SELECT lives_ok(format('SELECT migrate.unignore(%s, ''ours now'')', :partman), 'and it is not ignored any more');
SELECT ok((SELECT expected IS NULL OR expected !~ 'theirs' FROM migrate.drift() WHERE identity = 'partman2' AND object_type = 'schema'), 'what was ignored was not taken over');
SELECT is(migrate.ignore('why', 'partman2') > 0, true, 'ignored again');
SELECT cmp_ok(migrate.accept_drift('partman2', 'by its name', 'schema'), '=', 1, 'who names it may accept it');
SELECT migrate.unignore(id, 'test') FROM migrate.ignored \g /dev/null
SELECT migrate.accept_drift('*', 'test') \g /dev/null

SELECT is_empty('SELECT * FROM migrate.verify_history()', 'all is sound');
SELECT migrate.unwatch('test') \g /dev/null
SELECT * FROM finish();
