-- 010_register.sql: registering migrations, changing them, and what is refused.

\ir common.psql
BEGIN;
SELECT * FROM no_plan();

CREATE FUNCTION up_of(text) RETURNS text LANGUAGE sql AS
    'SELECT up FROM migrate.migrations WHERE name = $1';
CREATE FUNCTION decisions_of(text) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(decision, '' '' ORDER BY id) FROM migrate.decisions WHERE name = $1';

-- What register answers.

SELECT is(migrate.register('0001_a', 'CREATE TABLE a (i int);', 'DROP TABLE a;'), 'registered', 'a new migration');
SELECT is(migrate.register('0001_a', 'CREATE TABLE a (i int);', 'DROP TABLE a;'), 'unchanged', 'the same again');
SELECT is(migrate.register('0001_a', 'CREATE TABLE a (i bigint);', 'DROP TABLE a;'), 'updated', 'another text, not applied yet');
SELECT is(migrate.register('0001_a', 'CREATE TABLE a (i int);', 'DROP TABLE a;'), 'stale', 'the text that was replaced');
SELECT is(up_of('0001_a'), 'CREATE TABLE a (i bigint);', 'a stale text changes nothing');
SELECT is(migrate.register('0001_a', 'CREATE TABLE a (i int);', 'DROP TABLE a;', options => '{"force": true}'),
          'updated', 'force goes back to it');
SELECT is(up_of('0001_a'), 'CREATE TABLE a (i int);', 'and back it is');
SELECT is(migrate.register('0001_a', 'CREATE TABLE a (i bigint);', 'DROP TABLE a;'), 'stale', 'now the other one is stale');
SELECT is(migrate.register('0001_a', 'CREATE TABLE a (i int);', 'DROP TABLE a;'), 'unchanged',
          'force itself is no part of what is registered');
SELECT is(migrate.register('0001_a', 'CREATE TABLE a (i int);', 'DROP TABLE a;', description => 'first'), 'updated',
          'a description is part of it');
SELECT is(decisions_of('0001_a'), 'registered updated updated updated',
          'what changed something is recorded, and nothing else');
SELECT set_eq($$SELECT body FROM migrate.texts WHERE part = 'up'$$,
              ARRAY['CREATE TABLE a (i int);', 'CREATE TABLE a (i bigint);'], 'every text is kept');
SELECT is(checksum, sha256('CREATE TABLE a (i int);'), 'by the SHA-256 of its text')
    FROM migrate.migrations WHERE name = '0001_a';
SELECT is((SELECT checksum FROM migrate.decisions WHERE name = '0001_a' ORDER BY id OFFSET 1 LIMIT 1),
          sha256('CREATE TABLE a (i bigint);'), 'a decision names the text by its checksum');

SELECT is(migrate.register('0001_a', 'CREATE TABLE other_a ();', project => 'other'), 'registered',
          'another project has its own names');
SELECT pg_temp.rows_are($$SELECT project, version, kind, tags, requires, conflicts, replaces, options, registered_by
                    FROM migrate.migrations WHERE project = 'other'$$,
                  $$VALUES ('other', '0001', 'versioned', '{}'::text[], NULL::text[], '{}'::text[], '{}'::text[],
                            '{}'::jsonb, current_user)$$, 'what is not said has its default');
SELECT is(migrate.register('0002_all', 'CREATE TABLE al ();', 'DROP TABLE al;', 'SELECT true', '{other:0001_a,0001_a}',
                           '{0009_x}', '{0008_y}', 'third', '7', 'versioned', 'd', '{t,u}',
                           '{"lock_timeout": 100, "search_path": "public"}'), 'registered', 'all arguments');
SELECT pg_temp.rows_are($$SELECT version, kind, description, tags, requires, conflicts, replaces, options, up, down, verify
                    FROM migrate.migrations WHERE project = 'third'$$,
                  $$VALUES ('7', 'versioned', 'd', '{t,u}'::text[], '{other:0001_a,0001_a}'::text[], '{0009_x}'::text[],
                            '{0008_y}'::text[], '{"lock_timeout": 100, "search_path": "public"}'::jsonb,
                            'CREATE TABLE al ();', 'DROP TABLE al;', 'SELECT true')$$, 'all are kept');

-- Versions are taken from names.

SELECT migrate.register(name, '', project => 'versions', requires => '{}') IS NOT NULL AS done
    FROM unnest(ARRAY['0001_a', 'V2__b', 'V3.10__c', 'U4__d', 'B5__e', 'v6_f', '2026-11-24-120000_g',
                      '20261124120000_h', '8_1_i', '1.2.3-j', 'plain']) AS name \g /dev/null
SELECT set_eq($$SELECT name, version FROM migrate.migrations WHERE project = 'versions'$$,
              $$VALUES ('0001_a', '0001'), ('V2__b', '2'), ('V3.10__c', '3.10'), ('U4__d', '4'), ('B5__e', '5'),
                       ('v6_f', '6'), ('2026-11-24-120000_g', '2026-11-24-120000'),
                       ('20261124120000_h', '20261124120000'), ('8_1_i', '8_1'), ('1.2.3-j', '1.2.3'),
                       ('plain', NULL)$$, 'versions are derived from names');

-- What was applied does not change.

SELECT migrate.register('0002_b', E'CREATE TABLE b (i int);\n\n-- data\nINSERT INTO b VALUES (1);\n', 'DROP TABLE b;',
                        project => 'frozen') \g /dev/null
CALL migrate.apply(project => 'frozen') \g /dev/null
SELECT unnest(ARRAY[is((e.code, e.detail)::text, ('MG001', 'The first difference is in line 4.')::text,
          'another up for an applied migration: MG001 with the line'),
       matches(e.message, '"0002_b"|"frozen:0002_b"', 'it names the migration'),
       matches(e.hint, 'migrate\.accept_text\(', 'its hint names accept_text')])
    FROM pg_temp.error_of($$SELECT migrate.register('0002_b', E'CREATE TABLE b (i int);\n\n-- data\nINSERT INTO b VALUES (2);\n',
                                                    'DROP TABLE b;', project => 'frozen')$$) e;
SELECT is((e.code, e.detail)::text, ('MG001', 'The first difference is in line 2.')::text, 'a text that only goes on: MG001, too')
    FROM pg_temp.error_of($$SELECT migrate.register('0002_b', E'CREATE TABLE b (i int);\nSELECT 1;', 'DROP TABLE b;',
                                                    project => 'frozen')$$) e;
SELECT is(up_of('0002_b'), E'CREATE TABLE b (i int);\n\n-- data\nINSERT INTO b VALUES (1);\n', 'the applied text stands');
SELECT is(migrate.register('0002_b', t.up, 'DROP TABLE b;', project => 'frozen'), 'unchanged', t.what || ' make no difference')
    FROM (VALUES (E'CREATE TABLE b (i int);\r\n\r\n-- data\r\nINSERT INTO b VALUES (1);\r\n', 'line ends'),
                 (E'CREATE   TABLE\tb(i int) ;\nINSERT INTO b VALUES ( 1 ) ;', 'blanks'),
                 (E'/* a /* nested */ one */ CREATE TABLE b (i int); INSERT /* here */ INTO b VALUES (1);', 'comments')
         ) AS t (up, what);
SELECT is(up_of('0002_b'), E'CREATE TABLE b (i int);\n\n-- data\nINSERT INTO b VALUES (1);\n',
          'the applied text is kept whatever its blanks');
SELECT is(migrate.register('0002_b', E'CREATE TABLE b (i int);\n\n-- data\nINSERT INTO b VALUES (1);\n',
                           'DROP TABLE b CASCADE;', 'SELECT true', description => 'd', tags => '{t}',
                           options => '{"lock_timeout": 5}', project => 'frozen'), 'updated',
          'down, verify, description, tags and options may change');
SELECT pg_temp.rows_are($$SELECT down, verify, description, tags, options, state FROM migrate.migrations WHERE name = '0002_b'$$,
                  $$VALUES ('DROP TABLE b CASCADE;', 'SELECT true', 'd', '{t}'::text[], '{"lock_timeout": 5}'::jsonb, 'applied')$$,
                  'and they have, and the migration is as applied as it was');
SELECT is(decisions_of('0002_b'), 'registered updated', 'that is recorded');

-- Blanks are no matter only where the lexer says so.

CREATE FUNCTION second_registration(first text, second text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n text := nextval('names');
BEGIN
    PERFORM migrate.register(n, first, project => 'lexer', requires => '{}');
    PERFORM migrate.mark_applied(n, 'test', 'lexer');
    RETURN migrate.register(n, second, project => 'lexer', requires => '{}');
EXCEPTION WHEN SQLSTATE 'MG001' THEN
    RETURN 'MG001';
END
$$;
CREATE SEQUENCE names;
SELECT is(second_registration(t.a, t.b), t.result, t.what) FROM (VALUES
    ('SELECT ''a b''', 'SELECT ''a  b''', 'MG001', 'blanks in a string'),
    ('SELECT "a b" FROM t', 'SELECT "a  b" FROM t', 'MG001', 'blanks in an identifier'),
    (E'DO $$BEGIN\n  NULL;\nEND$$', E'DO $$BEGIN\n NULL;\nEND$$', 'MG001', 'blanks in a dollar-quoted string'),
    ('SELECT @ -1', 'SELECT @-1', 'MG001', 'a blank that makes two operators'),
    ('SELECT 1 e5', 'SELECT 1e5', 'MG001', 'a blank that makes a number and an alias'),
    ('SELECT ''a''''b''', E'SELECT ''a''\n''b''', 'MG001', 'two strings and one with a quote'),
    ('SELECT 1', 'select 1', 'MG001', 'capitals'),
    ('SELECT 1;', 'SELECT 1', 'MG001', 'a semicolon'),
    ('SELECT 1 -- x', 'SELECT 1', 'unchanged', 'a comment at the end without a newline'),
    ('SELECT ''--x''', 'SELECT ''--y''', 'MG001', 'what looks like a comment inside a string'),
    (E'SELECT 1 --\nFROM t', 'SELECT 1 FROM t', 'unchanged', 'an empty comment'),
    (E'SELECT a -- \r\nFROM t', E'SELECT a\nFROM t', 'unchanged', 'a comment before a \r\n'),
    (E'COPY t FROM stdin;\na\tb\n\\.\n', E'COPY t FROM stdin;\na b\n\\.\n', 'MG001', 'blanks in COPY data'),
    (E'COPY t FROM stdin;\n-- x\n\\.\n', E'COPY t FROM stdin;\n-- y\n\\.\n', 'MG001', 'what looks like a comment in COPY data'),
    (E'COPY t FROM stdin;\n1\n\\.\n', E'COPY t FROM stdin;\n1\n\n\\.\n', 'MG001', 'an empty line in COPY data'),
    (E'COPY t FROM stdin;\n1\n\\.\n', E'COPY  t FROM stdin; -- data\r\n1\r\n\\.\r\n', 'unchanged', 'blanks and line ends around COPY data'),
    ('', '-- nothing', 'unchanged', 'an empty text and a comment')
    ) AS t (a, b, result, what);

-- What registers waits for nothing that a run holds: 19794 is the class of a run's number (LEDGER_RUN_LOCK).

SELECT ok(count(*) > 0 AND count(*) FILTER (WHERE objsubid = 19794) = 0, 'the lock of a project is of another class than that of a run')
    FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- accept_text declares another text equivalent.

SELECT throws_ok($$SELECT migrate.accept_text('frozen:0002_b', 'SELECT 1', NULL)$$, '22004', NULL,
                 'accept_text needs a reason');
SELECT throws_ok($$SELECT migrate.accept_text('frozen:0002_b', 'SELEC 1', 'why')$$, '42601', NULL,
                 'the text to be accepted is parsed');
SELECT throws_ok($$SELECT migrate.accept_text('frozen:0003_x', 'SELECT 1', 'why')$$, 'MG002', NULL,
                 'accept_text for nothing registered');
SELECT throws_ok($$SELECT migrate.accept_text('default:0001_a', 'SELECT 1', 'why')$$, '55000', NULL,
                 'accept_text for what is not applied');
SELECT migrate.register('0009_it''s', 'SELECT 1', project => 'frozen') \g /dev/null
SELECT is(hint, $$SELECT migrate.register('0009_it''s', '<the new text>', project => 'frozen');$$, 'what a hint says can be typed, whatever the name')
    FROM pg_temp.error_of($$SELECT migrate.accept_text('frozen:0009_it''s', 'SELECT 1', 'why')$$);
SELECT migrate.hold('frozen:0009_it''s', 'test') \g /dev/null
SELECT is(array(SELECT hint FROM migrate.check('frozen') WHERE code = 'held'), ARRAY[$$SELECT migrate.release('frozen:0009_it''s', '<why>');$$], 'nor what check advises');
SELECT migrate.unregister('frozen:0009_it''s') \g /dev/null
SELECT migrate.accept_text('0002_b', 'CREATE TABLE b AS SELECT 1 AS i', 'same table', 'frozen') \g /dev/null
SELECT is(up_of('0002_b'), 'CREATE TABLE b AS SELECT 1 AS i', 'the accepted text is the up');
SELECT is(migrate.register('0002_b', 'CREATE TABLE b AS SELECT 1 AS i', 'DROP TABLE b CASCADE;', 'SELECT true',
                           description => 'd', tags => '{t}', options => '{"lock_timeout": 5}', project => 'frozen'),
          'unchanged', 'the accepted text may be registered');
SELECT is(migrate.register('0002_b', E'CREATE TABLE b (i int);\n\n-- data\nINSERT INTO b VALUES (1);\n',
                           'DROP TABLE b CASCADE;', 'SELECT true',
                           description => 'd', tags => '{t}', options => '{"lock_timeout": 5}', project => 'frozen'),
          'stale', 'the first text is what an old instance sends');
SELECT is_empty('SELECT * FROM migrate.plan(NULL, ''frozen'')', 'nothing is to be run for it');
SELECT is_empty($$SELECT * FROM migrate.check('frozen') WHERE name = '0002_b'$$, 'nothing is wrong with it');
SELECT pg_temp.rows_are($$SELECT decision, reason, checksum FROM migrate.decisions WHERE name = '0002_b' ORDER BY id DESC LIMIT 1$$,
                  $$VALUES ('text_accepted', 'same table', sha256('CREATE TABLE b AS SELECT 1 AS i'))$$,
                  'accepting a text is recorded');
SELECT migrate.accept_text('0002_b', E'\uFEFFCREATE TABLE b AS SELECT 1::int AS i', 'same table', 'frozen') \g /dev/null
SELECT is(up_of('0002_b'), 'CREATE TABLE b AS SELECT 1::int AS i', 'the accepted text has no byte order mark either');
SELECT is(migrate.register('0002_b', 'CREATE TABLE b AS SELECT 1 AS i', 'DROP TABLE b CASCADE;', 'SELECT true',
                           description => 'd', tags => '{t}', options => '{"lock_timeout": 5}', project => 'frozen'),
          'stale', 'a text that was accepted before is what an old instance sends, too');
SELECT is(up_of('0002_b'), 'CREATE TABLE b AS SELECT 1::int AS i', 'which changes nothing');

-- Nor does another kind let it change.

SELECT migrate.register('R__k', 'SELECT 1', kind => 'repeatable', project => 'kinds') \g /dev/null
CALL migrate.apply(project => 'kinds') \g /dev/null
SELECT is(e.code, 'MG001', 'a repeatable that is no longer one keeps what was applied') FROM pg_temp.error_of($$SELECT migrate.register('R__k', 'SELECT 2', kind => 'versioned', project => 'kinds')$$) e;
SELECT is(migrate.register('R__k', 'SELECT 1', kind => 'versioned', project => 'kinds'), 'updated', 'which it may');
CALL migrate.apply(project => 'kinds') \g /dev/null
SELECT is_empty($$SELECT FROM migrate.check('kinds')$$, 'and nothing is wrong');

-- An accepted text is not forgotten with what had taken its place.

SELECT migrate.register('0001_a', 'SELECT 1', down => '', project => 'accepted') \g /dev/null
CALL migrate.apply(project => 'accepted') \g /dev/null
SELECT migrate.register('0002_s', 'SELECT 1', replaces => '{0001_a}', down => '', project => 'accepted') \g /dev/null
CALL migrate.apply(project => 'accepted') \g /dev/null
SELECT migrate.accept_text('0001_a', 'SELECT 2', 'the same', 'accepted'), migrate.mark_pending('0002_s', 'a mistake', 'accepted') \g /dev/null
SELECT is(s.state || ' ' || (s.checksum = sha256('SELECT 2'))::text, 'applied true', 'an accepted text counts for what it was before') FROM migrate.state s WHERE (project, name) = ('accepted', '0001_a');
SELECT is_empty($$SELECT FROM migrate.check('accepted') WHERE code = 'text_changed'$$, 'so that nothing has changed');
SELECT migrate.hold('0002_s', 'no more', 'accepted') \g /dev/null

-- Arguments.

SELECT throws_ok(t.call, '22004', NULL, '22004: ' || t.call) FROM (VALUES
    ('SELECT migrate.register(NULL, '''')'), ('SELECT migrate.register(''n'', NULL)'),
    ('SELECT migrate.register(''n'', '''', project => NULL)'), ('SELECT migrate.register(''n'', '''', kind => NULL)'),
    ('SELECT migrate.register(''n'', '''', requires => ARRAY[NULL])'),
    ('SELECT migrate.register(''n'', '''', conflicts => ARRAY[NULL])'),
    ('SELECT migrate.register(''n'', '''', replaces => ARRAY[NULL])'),
    ('SELECT migrate.register(''n'', '''', tags => ARRAY[NULL])'),
    ('SELECT migrate.unregister(NULL)'), ('SELECT migrate.accept_text(NULL, '''', ''r'')'),
    ('SELECT migrate.accept_text(''0001_a'', NULL, ''r'')')
    ) AS t (call);
SELECT throws_ok(format('SELECT migrate.register(%L, '''')', t.name), '22023', NULL, 'a name ' || t.what) FROM (VALUES
    ('', 'that is empty'), (' a', 'with a leading space'), ('a ', 'with a trailing space'), ('@a', 'with a leading @'),
    ('zero', 'that is zero'), ('latest', 'that is latest'), (E'a\nb', 'with a newline'), (E'a\tb', 'with a tab'),
    (E'a\x7f', 'with a DEL'), (E'\x01', 'with a control character'), (repeat('x', 256), 'of 256 bytes'),
    (repeat('ü', 128), 'of 256 bytes in 128 characters'), (repeat('x', 1048576), 'of a megabyte'),
    (U&'a\0080', 'with the first character of C1'), (U&'a\0085b', 'with a newline of C1'), (U&'\009Fa', 'with the last one of C1'),
    (U&'a\202Ab', 'with an embedding'), (U&'a\202Eb', 'with an override'), (U&'a\2066b', 'with an isolate'),
    (U&'a\2069b', 'with the end of one')
    ) AS t (name, what);
SELECT is(e.message, 'invalid name for a migration: "a\x0ab\u0085c\u202ed"', 'the message spells out what nobody sees')
    FROM pg_temp.error_of(format('SELECT migrate.register(%L, %L)', U&'a\000Ab\0085c\202Ed', '')) e;
SELECT ok(length(e.message) < 200, 'the message does not repeat a megabyte')
    FROM pg_temp.error_of(format('SELECT migrate.register(%L, '''')', repeat('x', 1048576))) e;
SELECT is(migrate.register(t.name, '', project => 'names', requires => '{}'), 'registered', 'a name ' || t.what) FROM (VALUES
    (repeat('x', 255), 'of 255 bytes'), ('Ünï côde', 'with a blank and marks'), ('it''s', 'with a quote'), ('a"b', 'with a double quote'),
    ('%s', 'with a percent sign'), ('Zero', 'that is nearly zero'), ('a:b', 'with a colon'), ('a\b', 'with a backslash'),
    (U&'\00A0x\00C5\2029\202F\2065\206A', 'with neighbours of what is refused')
    ) AS t (name, what);
SELECT is(migrate.is_applied(t.name, 'names'), false, 'it is found by its name: ' || left(t.name, 10))
    FROM unnest(ARRAY[repeat('x', 255), 'Ünï côde', 'it''s', 'a"b', '%s', 'Zero', 'a:b', 'a\b']) AS t (name);
SELECT throws_ok(format('SELECT migrate.register(''n'', '''', project => %L)', t.project), '22023', NULL, 'a project ' || t.what)
    FROM (VALUES ('', 'that is empty'), ('a b', 'with a blank'), ('a:b', 'with a colon'), ('ü', 'with an umlaut'),
                 (repeat('x', 64), 'of 64 bytes')) AS t (project, what);
SELECT is(migrate.register('n', '', project => t.project), 'registered', 'a project of 63 letters, or with . and -')
    FROM (VALUES (repeat('x', 63)), ('A.b-c_9')) AS t (project);

SELECT throws_ok(format('SELECT migrate.register(''n'', '''', kind => %L)', t.kind), t.code, NULL, 'kind ' || t.kind)
    FROM (VALUES ('nonsense', '22023'), ('', '22023'), ('batch', '0A000')) AS t (kind, code);
SELECT throws_ok($$SELECT migrate.register('n', '', kind => 'baseline')$$, '22023', NULL, 'a baseline without a version');
SELECT throws_ok(format('SELECT migrate.register(''n'', '''', options => %L)', t.options), t.code, NULL, 'options ' || t.options)
    FROM (VALUES ('{"nonsense": 1}', '22023'), ('{"lock_timeout": "soon"}', '22023'), ('{"force": 1}', '22023'),
                 ('{"transaction": "maybe"}', '22023'), ('[]', '22023'),
                 ('{"lock_total": "soon"}', '22023'), ('{"batch": {}}', '22023')) AS t (options, code);
SELECT matches(hint, 'lock_timeout', 'an unknown option: the hint has the known ones')
    FROM pg_temp.error_of($$SELECT migrate.register('n', '', options => '{"nonsense": 1}')$$);
SELECT is_empty($$SELECT * FROM migrate.migrations WHERE project = 'default' AND name = 'n'$$, 'nothing of all that was stored');

-- Texts are read when they are registered.

SELECT unnest(ARRAY[is(e.code, '42601', 'a syntax error'), matches(e.message, 'syntax error at or near "TABEL"', 'in the parser''s words'),
       matches(e.context, 'line 3', 'with its line'), matches(e.context, '0001_wrong', 'and the migration')])
    FROM pg_temp.error_of($$SELECT migrate.register('0001_wrong', E'-- one\nSELECT 1;\nCREATE TABEL x ();\n')$$) e;
SELECT matches(e.context, 'line 2 of 0001_wrong.sql', 'and its file where there is one')
    FROM pg_temp.error_of($$SELECT * FROM migrate.load('{0001_wrong.sql}', ARRAY[E'SELECT 1;\nCREATE TABEL x ();\n'])$$) e;
SELECT is((e.code, e.context ~ 'line 2')::text, ('42601', true)::text, 'an unfinished string')
    FROM pg_temp.error_of($$SELECT migrate.register('0001_wrong', E'SELECT 1;\nSELECT ''abc;\n')$$) e;
SELECT matches(e.context, '^line 7\M', what || ' behind COPY data in many bytes: its line')
    FROM (VALUES ('selct 2;', 'a syntax error'), ('select ''2;', 'an error of the lexer')) v (wrong, what),
    pg_temp.error_of(format('SELECT migrate.register(''0001_wrong'', %L)',
                            E'COPY t FROM stdin;\n' || repeat('é', 50) || E'\n\\.\n\n\nselect 1;\n' || wrong || E'\nselect 4;')) e;
SELECT is_empty($$SELECT * FROM migrate.migrations WHERE name = '0001_wrong'$$, 'nothing is stored of a broken up');
SELECT is_empty($$SELECT * FROM migrate.texts WHERE body ~ 'TABEL'$$, 'not even its text');

SELECT is(migrate.register('0001_down', 'CREATE TABLE down ();', E'\n\nDRPO TABLE down;', 'SELEC', project => 'broken'),
          'registered', 'a broken down or verify is registered');
SELECT pg_temp.rows_are($$SELECT severity, code FROM migrate.check('broken') WHERE name = '0001_down' ORDER BY code$$,
                  $$VALUES ('error', 'broken_down'), ('error', 'broken_verify')$$, 'check() tells of both');
SELECT matches(message, 'line 3', 'with the line') FROM migrate.check('broken') WHERE code = 'broken_down';
SELECT is(migrate.register('0001_down', 'CREATE TABLE down ();', E'\n\nDRPO TABLE down;', project => 'broken'),
          'updated', 'its verify goes');
SELECT is(migrate.register(name, '', down, project => 'grammar'), 'registered', 'as is one that the grammar alone refuses: ' || name)
    FROM (VALUES ('assertion', 'CREATE ASSERTION a CHECK (true)'), ('none', 'GRANT a TO none')) v (name, down);
SELECT is((SELECT count(*) FROM migrate.check('grammar') WHERE code = 'broken_down'), 2::bigint, 'check() tells of them');
CALL migrate.apply(project => 'broken') \g /dev/null
SELECT is(code, 'MG010', 'a broken down is not run')
    FROM pg_temp.error_of($$CALL migrate.revert(project => 'broken')$$);
SELECT has_table('down'::name);
SELECT is(migrate.register('0001_down', 'CREATE TABLE down ();', 'DROP TABLE down;', project => 'broken'), 'updated',
          'a mended one can be registered');
CALL migrate.revert(project => 'broken') \g /dev/null
SELECT hasnt_table('down'::name);

-- Transaction control.

SELECT is(migrate.register('tx' || row_number() OVER (), t.up, project => 'tx', requires => '{}'), 'registered', t.what) FROM (VALUES
    (E'BEGIN;\nCREATE TABLE tx1 ();\nCOMMIT;\n', 'BEGIN ... COMMIT'),
    (E'-- a comment\nBEGIN WORK;\nCREATE TABLE tx2 ();\nEND;\n-- the end', 'BEGIN ... END with comments'),
    (E'START TRANSACTION;\nCREATE TABLE tx3 ();\nCOMMIT WORK;', 'START TRANSACTION ... COMMIT'),
    (E'SET client_encoding = ''UTF8'';\nBEGIN;\nCREATE TABLE tx4 ();\nCOMMIT;\n', 'a SET before BEGIN'),
    (E'BEGIN;\nCOMMIT;\n', 'nothing between BEGIN and COMMIT'),
    (E'CREATE FUNCTION tx6() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;', 'BEGIN ATOMIC is something else'),
    (E'DO $$BEGIN PERFORM 1; END$$', 'and BEGIN in PL/pgSQL, too')
    ) AS t (up, what);
CALL migrate.apply(project => 'tx') \g /dev/null
SELECT has_table(t.name, 'what stood between them has been done: ' || t.name)
    FROM unnest(ARRAY['tx1', 'tx2', 'tx3', 'tx4']::name[]) AS t (name);
SELECT is((e.code, (e.detail || e.message || e.context) ~* ('\mline ' || t.line || '\M'))::text, ('MG009', true)::text, 'MG009 with line ' || t.line || ': ' || replace(t.up, E'\n', ' | '))
    FROM (VALUES
    (E'CREATE TABLE x ();\nCOMMIT;\nCREATE TABLE y ();', 2),
    (E'BEGIN;\nCREATE TABLE x ();', 1),
    (E'CREATE TABLE x ();\nCOMMIT;', 2),
    (E'BEGIN;\nCREATE TABLE x ();\nROLLBACK;', 1),
    (E'BEGIN;\nSELECT 1;\nCOMMIT;\nBEGIN;\nSELECT 2;\nCOMMIT;', 3),
    (E'SELECT 1;\nBEGIN;\nSELECT 2;\nCOMMIT;', 2),
    (E'SELECT 1;\n\nSAVEPOINT a;\nRELEASE a;', 3),
    (E'SELECT 1;\nROLLBACK TO a;', 2),
    (E'SELECT 1;\nPREPARE TRANSACTION ''x'';', 2),
    (E'SELECT 1;\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;', 2),
    (E'BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nCOMMIT;', 1),
    (E'BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;', 3)
    ) AS t (up, line) CROSS JOIN LATERAL pg_temp.error_of(format('SELECT migrate.register(''n'', %L)', t.up)) e;
SELECT is(migrate.register('verify', '', verify => E'BEGIN;\nSELECT true;\nROLLBACK;', project => 'tx', requires => '{}'),
          'registered', 'a verify may end in ROLLBACK');
SELECT is_empty($$SELECT * FROM migrate.check('tx') WHERE code = 'broken_verify'$$, 'and can be run');

-- What only psql understands.

SELECT is((e.code, (e.detail || e.message || e.context) ~* ('\mline ' || t.line || '\M'))::text, ('MG009', true)::text, 'MG009 with line ' || t.line || ': ' || replace(t.up, E'\n', ' | '))
    FROM (VALUES
    (E'SELECT 1;\n\\i other.sql\n', 2), (E'\\connect other\n', 1), (E'\n\n\\set x 1\nSELECT :x;\n', 3), (E'SELECT 1 \\gexec\n', 1),
    (E'SELECT 1;\n\\copy t from ''t.csv''\n', 2), (E'\\if true\nSELECT 1;\n\\endif\n', 1), (E'COPY t FROM stdin;\n1\n\\.\n\\echo done\n', 4),
    (E'\nCOPY t FROM stdin; SELECT ''a\n1\n\\.\nb'';\n', 2), (E'COPY t FROM stdin; COPY u FROM stdin; SELECT "a\n\\.\n\\.\nb";\n', 1),
    (E'SELECT 1;\n\\restrict abc \\\\ DROP TABLE t;\n', 2), (E'\\unrestrict abc\\\\ SELECT 1;\n', 1), (E'\\restrict abc def\n', 1),
    (E'SELECT 1;\n\\set ON_ERROR_STOP off\n', 2), (E'\\set ON_ERROR_STOP on off\n', 1), (E'\\set ON_ERROR_STOPPED\n', 1), (E'\\set ON_ERROR_STOP \\\\ SELECT 1;\n', 1)
    ) AS t (up, line) CROSS JOIN LATERAL pg_temp.error_of(format('SELECT migrate.register(''n'', %L)', t.up)) e;
SELECT is(e.code, 'MG009', 'MG009: ' || t.up) FROM (VALUES
    ('CREATE EVENT TRIGGER zz_pg_migrations_end ON ddl_command_end EXECUTE FUNCTION migrate.on_ddl_end()'),
    ('ALTER EVENT TRIGGER pg_migrations_start ENABLE ALWAYS'), ('CREATE EXTENSION pg_migrations')
    ) AS t (up) CROSS JOIN LATERAL pg_temp.error_of(format('SELECT migrate.register(''n'', %L)', t.up)) e;
SELECT matches(e.detail, 'line 3 of V1__x\.sql', 'a meta-command in a file: MG009 with file and line')
    FROM pg_temp.error_of($$SELECT * FROM migrate.load('{V1__x.sql}', ARRAY[E'SELECT 1;\n\n\\i y.sql\n'])$$) e;
SELECT is(migrate.register('psql' || row_number() OVER (), t.up, project => 'psql', requires => '{}'), 'registered', t.what) FROM (VALUES
    (E'\\restrict abc\nSELECT 1;\n\\unrestrict abc\n', '\restrict is skipped'),
    (E'\\set ON_ERROR_STOP on\r\nSELECT 1;\n\\set  ON_ERROR_STOP\t1 \nSELECT 2;\n\\set ON_ERROR_STOP', '\set ON_ERROR_STOP is skipped'),
    (E'SELECT ''\\i x'', E''\\\\i'', $$\n\\connect x\n$$;', 'backslashes in strings'),
    (E'SELECT 1; -- \\i x\n/*\n\\i y\n*/', 'backslashes in comments')
    ) AS t (up, what);

-- Texts of all sorts.

SELECT is(migrate.register('text' || row_number() OVER (), t.up, project => 'texts', requires => '{}'), 'registered', t.what) FROM (VALUES
    ('', 'an empty text'), (E' \n\t', 'a text of blanks'), ('-- nothing', 'a comment'), (';;;', 'semicolons'),
    (E'CREATE TABLE crlf (i int);\r\nCOPY crlf FROM stdin;\r\n1\r\n2\r\n\\.\r\nINSERT INTO crlf VALUES (3);\r\n', 'a text with \r\n'),
    (E'\uFEFFCREATE TABLE bom ();', 'a text with a byte order mark'),
    (E'CREATE TABLE "Ünï côde" ("a;b" int); COMMENT ON TABLE "Ünï côde" IS ''x;y'';', 'odd identifiers'),
    ('CREATE RULE r AS ON INSERT TO crlf DO (SELECT 1; SELECT 2)', 'semicolons inside a statement')
    ) AS t (up, what);
SELECT set_eq($$SELECT name, statements FROM migrate.plan(NULL, 'texts') WHERE name < 'text6'$$,
              $$VALUES ('text1', 0), ('text2', 0), ('text3', 0), ('text4', 0), ('text5', 3)$$,
              'statements are what the parser says');
CALL migrate.apply(project => 'texts') \g /dev/null
SELECT set_eq('SELECT i FROM crlf', ARRAY[1, 2, 3], 'the text with \r\n has run');
SELECT has_table('bom'::name);
SELECT has_table('Ünï côde'::name);
SET LOCAL standard_conforming_strings = off;
SET LOCAL search_path = pg_temp, public;
CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''fooled''::bytea';
SELECT is(migrate.register('a', E'CREATE TABLE public.scs AS SELECT \'a\\\\b\' AS s', project => 'settings'), 'registered',
          'with standard_conforming_strings off');
SELECT is(migrate.register('a', E'CREATE TABLE public.scs AS SELECT \'a\\\\b\' AS s', project => 'settings'), 'unchanged',
          'and again');
CALL migrate.apply(project => 'settings') \g /dev/null
SET LOCAL standard_conforming_strings = on;
RESET search_path;
SELECT is((SELECT s FROM scs), 'a\\b', 'texts mean the same whatever the setting');

-- Two migrations of one version.

SELECT migrate.register('V1__a', '', project => 'twice') \g /dev/null
SELECT unnest(ARRAY[is(e.code, 'MG005', 'two of one version'), matches(e.message, 'V1__a.*V1__b', 'it names both')])
    FROM pg_temp.error_of($$SELECT migrate.register('V1__b', '', project => 'twice')$$) e;
SELECT throws_ok($$SELECT migrate.register('x', '', project => 'twice', version => '1')$$, 'MG005', NULL,
                 'two of one version, given');
SELECT throws_ok($$SELECT migrate.register('V01__c', '', project => 'twice')$$, 'MG005', NULL, '1 and 01 are one version');
SELECT is(migrate.register('V1__b', '', project => 'twice', requires => '{V1__a}'), 'registered',
          'unless it says what it requires');
SELECT is(migrate.register('V1__a', '', project => 'twice2'), 'registered', 'or is of another project');
SELECT is(migrate.register('V1__a', 'SELECT 1', project => 'twice'), 'updated', 'a migration is no other one of its version');

-- Forgetting.

SELECT migrate.register('0001_x', 'SELECT 1', project => 'gone') \g /dev/null
SELECT migrate.register('0001_x', 'SELECT 2', project => 'gone') \g /dev/null
SELECT lives_ok($$SELECT migrate.unregister('0001_x', 'gone')$$, 'unregister');
SELECT is_empty($$SELECT * FROM migrate.migrations WHERE project = 'gone'$$, 'it is forgotten');
SELECT is(decisions_of('0001_x'), 'registered updated unregistered', 'but the record is not');
SELECT throws_ok($$SELECT migrate.unregister('0001_x', 'gone')$$, 'MG002', NULL, 'unregister what is not there');
SELECT is(migrate.register('0001_x', 'SELECT 1', project => 'gone'), 'registered', 'it can be registered again');
SELECT is(migrate.register('0001_x', 'SELECT 2', project => 'gone'), 'updated', 'and changed as if for the first time');
SELECT throws_ok($$SELECT migrate.unregister('0002_b', 'frozen')$$, '55000', NULL, 'what was applied stays');
SELECT throws_ok($$SELECT migrate.unregister('0001_down', 'broken')$$, '55000', NULL, 'and what was reverted');

SELECT * FROM finish();
ROLLBACK;
