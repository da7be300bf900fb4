-- 096_drift_upkeep.sql: what is not called drift, states that go from server to server, and what is expected after an upgrade.

\ir common.psql
SELECT * FROM no_plan();

-- In a session that capture hears nothing of.
CREATE EXTENSION dblink;
CREATE FUNCTION unseen(sql text) RETURNS text LANGUAGE sql AS $$
    SELECT dblink_exec(format('dbname=%L host=%L port=%s user=%L options=''-c session_preload_libraries=''', current_database(),
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user), sql)
$$;

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

-- From server to server.

CREATE TABLE "odd
name\" (i int DEFAULT 1, "col: umn
x" text DEFAULT E'a\n\nb\\' || chr(10));
COMMENT ON TABLE "odd
name\" IS E'first\n second\n\n  third: x\r\n';
CREATE FUNCTION body() RETURNS text LANGUAGE sql AS $$
SELECT '
table: public.fake
 owner
  x
'
$$;
SELECT migrate.snapshot('here') \g /dev/null
SELECT migrate.export_snapshot('here') AS text \gset
SELECT is(migrate.import_snapshot('there', :'text')::text, '', 'what is exported can be imported');
SELECT is_empty($$SELECT * FROM migrate.compare('here', 'there')$$, 'and is the same');
SELECT is((SELECT count(*) FROM migrate.snapshot_objects WHERE label = 'there'), (SELECT count(*) FROM migrate.snapshot_objects WHERE label = 'here'), 'all of it');
SELECT is((SELECT (server_major, taken_at)::text FROM migrate.snapshots WHERE label = 'there'),
    (SELECT (server_major, taken_at)::text FROM migrate.snapshots WHERE label = 'here'), 'with its time and its server');
SELECT is(replace(migrate.export_snapshot('there'), 'label: there', 'label: here'), :'text'::text, 'and comes out again as it was');
SELECT is(split_part(migrate.export_snapshot('current'), 'sha256: ', 2), split_part(:'text', 'sha256: ', 2), 'what is current, as a snapshot of it');
SELECT migrate.accept_drift('*', 'test') \g /dev/null
SELECT is(split_part(migrate.export_snapshot('expected'), 'sha256: ', 2), split_part(migrate.export_snapshot('current'), 'sha256: ', 2), 'and what is expected');
SELECT matches(:'text'::text, E'\nobjects: \\d+\nsha256: [0-9a-f]{64}\n.*\ntable: public.mine\n .*\n column: i\n  column: i integer', 'people can read it');
SELECT lives_ok(format('SELECT migrate.import_snapshot(''blank'', %L)', :'text' || E'\n\n'), 'newlines at its end do not matter');
ALTER TABLE mine ADD seen int;
SELECT pg_temp.rows_are($$SELECT change, identity, from_definition ~ 'seen', to_definition ~ 'seen' FROM migrate.compare('there', 'current')$$,
    $$VALUES ('changed', 'public.mine', false, true)$$, 'what is other there');

SELECT throws_ok($$SELECT migrate.export_snapshot('nothing')$$, '42704', NULL, 'export: there is none');
SELECT throws_ok(format('SELECT migrate.import_snapshot(''here'', %L)', :'text'), '42710', NULL, 'import: the label is taken');
SELECT throws_ok(format('SELECT migrate.import_snapshot(''current'', %L)', :'text'), '22023', NULL, 'import: it means something');
SELECT throws_ok($$SELECT migrate.import_snapshot('x', NULL)$$, '22004', NULL, 'import: no text');

-- With a checksum that is right, whatever follows.
CREATE FUNCTION sealed(content text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace($1, 'sha256: [0-9a-f]*', 'sha256: '
        || encode(sha256(convert_to(rtrim(substr($1, strpos($1, 'sha256: ') + 73), E'\n'), 'UTF8')), 'hex'))
$$;
SELECT is(sealed(:'text'), :'text'::text, 'the checksum can be computed by others');
CREATE TABLE bad (what text, content text, message text);
INSERT INTO bad VALUES ('nothing', '', 'does not begin with'), ('anything', 'hello', 'does not begin with'),
    ('another format', replace(:'text', 'snapshot 1', 'snapshot 2'), 'does not begin with'),
    ('another inventory', replace(:'text', 'inventory 1', 'inventory 2'), 'another inventory'),
    ('no label', replace(:'text', E'\nlabel: here', ''), '"label: " is missing'),
    ('no time', regexp_replace(:'text', 'taken_at: [^\n]*', 'taken_at: yesterday'), 'is not a time'),
    ('a day that is none', regexp_replace(:'text', 'taken_at: [^\n]*', 'taken_at: 2026-02-30 00:00:00.000000+00'), 'is not a time'),
    ('a server that is none', regexp_replace(:'text', 'server: \d+', 'server: 99999999999999999999'), 'is not a number'),
    ('a negative number', regexp_replace(:'text', 'objects: \d+', 'objects: -1'), 'is not a number'),
    ('changed', replace(:'text', 'column: i integer', 'column: i bigint'), 'does not have this checksum'),
    ('cut off', left(:'text', -100), 'does not have this checksum'),
    ('cut off at the top', left(:'text', 66), 'is missing'),
    ('other line ends', replace(:'text', E'\n', E'\r\n'), 'does not begin with'),
    ('another count', sealed(regexp_replace(:'text', 'objects: \d+', 'objects: 1')), 'instead of 1'),
    ('twice', sealed(:'text' || E'\ntable: public.x\n owner\n  x\ntable: public.x\n owner\n  x'), 'there twice'),
    ('an empty line', sealed(:'text' || E'\n\ntable: public.x'), 'has no meaning'),
    ('no type', sealed(:'text' || E'\n: public.x'), 'has no meaning'),
    ('a type alone', sealed(:'text' || E'\ntable'), 'has no meaning'),
    ('an empty part', sealed(:'text' || E'\ntable: x\n owner\n column: x\n  x'), 'is empty'),
    ('a part of nothing', sealed(regexp_replace(:'text', 'sha256: ([0-9a-f]*)', E'sha256: \\1\n owner')), 'belongs to no object'),
    ('text of nothing', sealed(:'text' || E'\ntable: x\n  x'), 'belongs to no part'),
    ('a kind that is none', sealed(:'text' || E'\ntable: x\n own, er\n  x'), 'has no meaning'),
    ('a backslash', sealed(:'text' || E'\ntable: x\\y\n owner\n  x'), 'a backslash has no meaning');
SELECT is(e.code || ' ' || (e.message ~ b.message), '22P02 true', 'import: ' || what)
    FROM bad b, pg_temp.error_of(format('SELECT migrate.import_snapshot(''bad'', %L)', content)) e;
SELECT is_empty($$SELECT label FROM migrate.snapshots WHERE label = 'bad' UNION ALL SELECT label FROM migrate.snapshot_objects WHERE label = 'bad'$$,
    'nothing of them is stored');
SELECT matches(e.detail, 'line ' || length(:'text') - length(replace(:'text', E'\n', '')) + 3 || '\.', 'the line is named')
    FROM bad b, pg_temp.error_of(format('SELECT migrate.import_snapshot(''bad'', %L)', content)) e WHERE what = 'text of nothing';

-- Random damage: an error that says so, or a snapshot of something else, and never more.
SELECT setseed(0.5) \g /dev/null
CREATE FUNCTION damaged(content text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 1 + floor(random() * 3)::int LOOP
        content := overlay(content PLACING (ARRAY['', E'\n', ' ', E'\n  ', ': ', E'\\', E'\n ', 'ü', E'\t', '9'])[1 + floor(random() * 10)::int]
            FROM 1 + floor(random() * length(content))::int FOR floor(random() * 4)::int);
    END LOOP;
    RETURN content;
END
$$;
SELECT is_empty(format($$SELECT e.code, e.message FROM generate_series(1, 300) i,
        pg_temp.error_of(format('SELECT migrate.import_snapshot(%%L, %%L)', 'damaged ' || i, sealed(damaged(%L)))) e
    WHERE e.code IS NOT NULL AND e.code <> '22P02'$$, :'text'), 'damaged texts are refused, or are texts of something else');
SELECT isnt_empty($$SELECT FROM migrate.snapshots WHERE label LIKE 'damaged%'$$, 'some of them are');
SELECT lives_ok($$SELECT c.* FROM migrate.snapshots, migrate.compare(label, 'here') c WHERE label LIKE 'damaged%'$$, 'which can be compared');

-- What is said to be a definition and is another statement is another definition.
CREATE TABLE again (i int DEFAULT 4711 CONSTRAINT again_check CHECK (i > 0));
CREATE INDEX again_index ON again (i);
CREATE DOMAIN again_domain AS int CONSTRAINT again_check CHECK (VALUE > 0);
CREATE TABLE other (name text, content text);
INSERT INTO other SELECT was || ' is ' || becomes, sealed(replace(migrate.export_snapshot('current'), was, becomes))
    FROM (VALUES ('definition: CHECK ((i > 0))', ARRAY['definition: COLUMN j int', 'definition: CHECK (true), DROP COLUMN i', 'definition: CHECK (true)']),
        ('definition: CHECK ((VALUE > 0))', ARRAY['definition: CHECK (VALUE > 1)', 'definition: CHECK (true) NOT VALID']),
        ('definition: CREATE INDEX again_index ON public.again USING btree (i)', ARRAY['definition: CREATE TABLE again (i int)',
            'definition: ALTER TABLE again DROP COLUMN i', 'definition: ALTER DOMAIN again DROP NOT NULL', 'definition: ALTER DOMAIN again SET DEFAULT 1']),
        ('default: 4711', ARRAY['default: 4711 UNION SELECT 2', 'default: ', 'default: FROM again', 'default: 4711, 2'])) o (was, words), unnest(words) becomes;
SELECT migrate.import_snapshot(name, content) FROM other \g /dev/null
SELECT is((SELECT string_agg(c.change || ' ' || c.identity, ', ') FROM migrate.compare(name, 'current') c WHERE c.change <> 'added' OR identity ~ 'again'),
    CASE WHEN name ~ 'VALUE' THEN 'changed again_check on public.again_domain' WHEN name ~ 'CHECK' THEN 'changed again_check on public.again'
    WHEN name ~ 'INDEX' THEN 'changed public.again_index' ELSE 'changed public.again' END, 'compare: ' || name) FROM other;
DROP TABLE again; DROP DOMAIN again_domain;

SELECT 20001 - count(*) AS more FROM migrate.snapshot_objects WHERE label = 'here' \gset
SELECT lives_ok(format('SELECT migrate.import_snapshot(''long'', %L)', sealed(regexp_replace(:'text', 'objects: \d+', 'objects: 20001')
    || (SELECT string_agg(E'\ntable: public.t' || i || E'\n owner\n  owner: x', '') FROM generate_series(1, :more) i))), 'many objects');
SELECT is((SELECT count(*) FROM migrate.snapshot_objects WHERE label = 'long'), 20001::bigint, 'all of them');
-- Nor does it take long what has many parts.
SELECT lives_ok(format('SELECT migrate.import_snapshot(''wide'', %L)', sealed(regexp_replace(:'text', 'objects: \d+', 'objects: ' || 20002 - :more)
    || E'\ntable: public.wide' || (SELECT string_agg(E'\n column: c' || i || E'\n  column: c' || i, '') FROM generate_series(1, 200000) i))), 'many parts');
SET statement_timeout = '1min';
SELECT is((SELECT length(from_definition) > 2000000 FROM migrate.compare('wide', 'here') WHERE identity = 'public.wide'), true, 'are read once as well');
RESET statement_timeout;

-- After an upgrade.

SELECT migrate.accept_drift('*', 'test') \g /dev/null
SELECT migrate.snapshot('before upgrade') \g /dev/null
-- As if it were of an older server.
CREATE FUNCTION pg_temp.age(label text, major int DEFAULT 14) RETURNS void LANGUAGE sql AS $$
    INSERT INTO migrate.snapshots SELECT 'old ' || $1, taken_at, taken_by, $2, seen, ddl_id FROM migrate.snapshots s WHERE s.label = $1;
    INSERT INTO migrate.snapshot_objects SELECT 'old ' || $1, key, object_type, identity, fingerprint FROM migrate.snapshot_objects o WHERE o.label = $1;
$$;
SELECT pg_temp.age('before upgrade'), pg_temp.age('there') \g /dev/null
CREATE FUNCTION pg_temp.refusal(label text) RETURNS text LANGUAGE sql AS
    $$SELECT code || ': ' || message || coalesce(' | ' || nullif(detail, ''), '') FROM pg_temp.error_of(format('SELECT migrate.rebase_expected(''why'', %L)', label))$$;
SELECT is(pg_temp.refusal('nothing'), '42704: there is no snapshot "nothing"', 'rebase: from what');
SELECT is(pg_temp.refusal('current'), '42704: there is no snapshot "current"', 'rebase: not from what is there');
SELECT throws_ok($$SELECT migrate.rebase_expected(' ', 'old before upgrade')$$, '22023', NULL, 'rebase: why');
SELECT throws_ok($$SELECT migrate.rebase_expected('why', NULL)$$, '22004', NULL, 'rebase: from nothing');
SELECT is(pg_temp.refusal('before upgrade'), format('55000: snapshot "before upgrade" was not taken on an older major version of PostgreSQL | It was taken on %s, and this server is %1$s.',
    current_setting('server_version_num')::int / 10000), 'rebase: from one of this server');
SELECT matches(pg_temp.refusal('old there'), '^55000: snapshot "old there" was not taken in this database \| It was imported', 'rebase: from elsewhere');
SELECT migrate.register('0003_c', 'ALTER TABLE mine ADD by_migration int; CREATE TABLE c ()') \g /dev/null
BEGIN;
CALL migrate.apply() \g /dev/null
SELECT matches(pg_temp.refusal('old before upgrade'), '^55000: snapshot "old before upgrade" is not what is expected \| From it to what is expected table public\.(c was added|mine was changed), table public\.(c was added|mine was changed)\.$',
    'rebase: what was expected then is not so any more');
ROLLBACK;
SELECT is(migrate.rebase_expected('nothing is otherwise', 'old before upgrade'), 0, 'nothing reads otherwise');
-- As another server would say it: what no statement has changed.
SELECT unseen($$UPDATE pg_catalog.pg_proc SET procost = 7 WHERE oid = 'body'::regproc;
    UPDATE pg_catalog.pg_class SET reloptions = '{fillfactor=70}' WHERE oid = 'mine'::regclass;
    UPDATE pg_catalog.pg_description SET description = 'otherwise' WHERE objoid = 'partman2'::regnamespace$$) \g /dev/null
BEGIN;
SELECT migrate.ignore('whatever', identity_like => 'public.body%') \g /dev/null
SELECT is((SELECT count(*) FROM migrate.drift()), 2::bigint, 'three objects read otherwise, and one of them is ignored');
SELECT is(migrate.rebase_expected('another server', 'old before upgrade'), 3, 'all are expected so');
SELECT is_empty($$SELECT * FROM migrate.compare('expected', 'current')$$, 'and nothing is adrift');
SELECT matches(pg_temp.refusal('old before upgrade'), 'is not what is expected', 'and not again');
ROLLBACK;
SELECT unseen($$UPDATE pg_catalog.pg_proc SET procost = 100 WHERE oid = 'body'::regproc;
    UPDATE pg_catalog.pg_class SET reloptions = NULL WHERE oid = 'mine'::regclass;
    UPDATE pg_catalog.pg_description SET description = 'theirs' WHERE objoid = 'partman2'::regnamespace$$) \g /dev/null
SELECT is((SELECT count(*) FROM migrate.drift()), 0::bigint, 'and back');
CREATE TABLE since ();
SELECT matches(pg_temp.refusal('old before upgrade'), '^55000: the schema was changed outside of migrations since snapshot "old before upgrade" was taken \| 1 statement was captured', 'rebase: after a change by hand');
SELECT ok((SELECT hint FROM pg_temp.error_of($$SELECT migrate.rebase_expected('why', 'old before upgrade')$$)) ~ ('id IN \(' || max(id) || '\)'), 'which is named') FROM migrate.ddl_log;
DROP TABLE since;
SELECT matches(pg_temp.refusal('old before upgrade'), '2 statements were captured', 'rebase: even where it was undone');
-- One that had begun before, and ended since.
SELECT migrate.snapshot('again') \g /dev/null
CREATE TABLE old_words (i int);
SELECT migrate.accept_drift('*', 'test'), migrate.snapshot('then') \g /dev/null
SELECT pg_temp.age('then') \g /dev/null
SELECT is(migrate.rebase_expected('17', 'old then'), 0, 'once more');
BEGIN;
ALTER TABLE migrate.snapshots DISABLE TRIGGER ALL;
UPDATE migrate.snapshots SET seen = format('%s:%1$s:', transaction_id)::pg_snapshot FROM migrate.ddl_log d WHERE label = 'old then' AND d.id = ddl_id;
-- To turn the guard off is a statement, too.
SELECT matches(pg_temp.refusal('old then'), '2 statements were captured', 'rebase: what had begun before and ended since');
ROLLBACK;
SELECT set_eq($$SELECT reason, detail - 'to_major' FROM migrate.decisions WHERE decision = 'expected_rebased'$$,
    $$VALUES ('nothing is otherwise', '{"objects": 0, "from_label": "old before upgrade", "from_major": 14}'::jsonb), ('17', '{"objects": 0, "from_label": "old then", "from_major": 14}')$$, 'each is a decision');

SELECT is_empty('SELECT * FROM migrate.verify_history()', 'all is sound');
SELECT migrate.unwatch('test') \g /dev/null
SELECT * FROM finish();
