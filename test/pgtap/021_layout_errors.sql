-- 021_layout_errors.sql: sets of files that cannot be loaded, and what is said
-- of them: the culprits, or the file and the line.

\ir common.psql
BEGIN;
SELECT * FROM no_plan();

-- Load pairs of path and content.
CREATE FUNCTION pg_temp.load(layout text, VARIADIC files text[]) RETURNS void LANGUAGE sql AS $$
    SELECT migrate.load((SELECT array_agg(files[i] ORDER BY i) FROM generate_series(1, cardinality(files), 2) i),
                        (SELECT array_agg(files[i] ORDER BY i) FROM generate_series(2, cardinality(files), 2) i),
                        layout, 'refused')
$$;

-- A test that loading these files fails in this way.
CREATE FUNCTION pg_temp.refused(code text, message text, detail text, what text, layout text, VARIADIC files text[])
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    e record;
BEGIN
    SELECT * INTO e FROM pg_temp.error_of(format('SELECT pg_temp.load(%L, VARIADIC %L)', layout, files));
    RETURN public.is((e.code, e.message, e.detail)::text, (code, message, detail)::text, what);
END
$$;

CREATE FUNCTION pg_temp.hint_of(layout text, VARIADIC files text[]) RETURNS text LANGUAGE sql AS $$
    SELECT hint FROM pg_temp.error_of(format('SELECT pg_temp.load(%L, VARIADIC %L)', layout, files))
$$;

-- No layout

SELECT pg_temp.refused('22023', 'layout "flyaway" is not known', '', 'an unknown layout', 'flyaway', 'a.sql', '');
SELECT is(pg_temp.hint_of('Flyway', 'a.sql', ''), 'Layouts are "auto", "sqitch", "flyway", "prisma", "diesel", "goose", "sql-migrate", ' ||
          '"dbmate", "numbered", "node-pg-migrate", "directories", "updown", "plain".', 'its hint has them all');
SELECT pg_temp.refused('22023', 'none of the files is a migration of a known layout', 'They are "a.json", "b.txt".', 'nothing but other files',
                       'auto', 'b.txt', '', 'a.json', '');
SELECT pg_temp.refused('22023', 'none of the files is a migration of a known layout', 'It is "x.plan".', 'a plan of something else',
                       'auto', 'x.plan', 'first do this');
SELECT is((e.code, e.message)::text, ('22023', 'there are no files to load')::text, 'no files at all')
    FROM pg_temp.error_of($$SELECT migrate.load('{}', '{}')$$) e;
SELECT pg_temp.refused('22023', format('the files are not of layout "%s"', layout), '', layout || ', which they are not', layout, '1_a.sql', 'SELECT 1')
    FROM unnest(ARRAY['sqitch', 'flyway', 'prisma', 'diesel', 'numbered', 'directories']) layout;
SELECT is(pg_temp.hint_of('prisma', '1/up.sql', 'SELECT 1'), 'Name no layout: they will be read as "diesel".', 'the hint says what they are');
SELECT pg_temp.refused('22023', format('files have no "%s"', mark), 'They are "1_a.sql", "2_b.sql".', layout || ', but no marks', layout,
                       '1_a.sql', 'SELECT 1', '2_b.sql', '')
    FROM (VALUES ('goose', '-- +goose Up'), ('dbmate', '-- migrate:up'), ('sql-migrate', '-- +migrate Up')) v (layout, mark);

-- Two for one

SELECT pg_temp.refused('MG005', 'files are given twice', 'It is "a/1.sql".', 'one path twice', 'auto', 'a/1.sql', '', 'a/2.sql', '', 'a/1.sql', '');
SELECT pg_temp.refused('MG005', 'files have the same version', 'They are "1_a.sql", "1_b.sql", "03_x.sql", "3_y.sql".', 'versions',
                       'auto', '1_b.sql', '', '3_y.sql', '', '2.sql', '', '1_a.sql', '', '03_x.sql', '');
SELECT pg_temp.refused('MG005', 'files have the same version', 'They are "a/0001_x.sql", "b/0001_y.sql".', 'in directories that are no versions',
                       'auto', 'a/0001_x.sql', '', 'b/0001_y.sql', '');
SELECT pg_temp.refused('MG005', 'files have the same version', 'They are "a/0001.sql", "b/0001.sql".', 'of one name',
                       'auto', 'a/0001.sql', '', 'b/0001.sql', '');
SELECT pg_temp.refused('MG005', 'files have the same version', 'They are "20240101_a.sql", "20240101_b.sql".', 'of one day, by version',
                       'auto', '20240101_a.sql', '-- migrate:up', '20240101_b.sql', '-- migrate:up');
SELECT pg_temp.refused('MG005', 'files have the same version', 'They are "V01__b.sql", "V1__a.sql".', 'in Flyway''s way',
                       'auto', 'V01__b.sql', '', 'V1__a.sql', '');
SELECT pg_temp.refused('MG005', 'files have the same version', 'They are "V1__a.sql", "V1.0__b.sql", "V1_0_00__c.sql".', 'to Flyway 1 and 1.0 are one',
                       'auto', 'V1.0__b.sql', '', 'V1__a.sql', '', 'V1_0_00__c.sql', '', 'V1.0.1__d.sql', '', 'V10__e.sql', '', 'B1.0__f.sql', '');
SELECT is(code, NULL, 'but to no one else')
    FROM pg_temp.error_of($$SELECT migrate.load('{1_a.sql,1.0_b.sql}', '{"",""}', 'plain', 'zeros')$$);
SELECT pg_temp.refused('MG005', 'files have the same version', 'They are "2024-01-02_a/up.sql", "20240102_b/up.sql".', 'in Diesel''s way',
                       'auto', '2024-01-02_a/up.sql', '', '20240102_b/up.sql', '');
SELECT pg_temp.refused('MG005', 'files have the same version', (SELECT 'They are ' || string_agg(format('"1_%s.sql"', chr(96 + i)), ', ') || ' and 16 more.'
                                                                 FROM generate_series(1, 10) i), 'many of them',
                       'auto', VARIADIC (SELECT array_agg(x) FROM generate_series(1, 26) i, unnest(ARRAY[format('1_%s.sql', chr(96 + i)), '']) x));
SELECT pg_temp.refused('MG005', 'files give the same migration', 'They are "1_a.sql", "1_a.up.sql".', 'an up twice',
                       'auto', '1_a.up.sql', '', '1_a.sql', '');
SELECT pg_temp.refused('MG005', 'files give the same migration', 'They are "a/1/up.sql", "b/1/up.sql", "c/1/up.sql".', 'folders of one name',
                       'auto', 'a/1/up.sql', '', 'b/1/up.sql', '', 'c/1/up.sql', '');
SELECT pg_temp.refused('MG005', 'files give the same migration', 'They are "1_a.sql", "2_b.sql".', 'a name given in the header',
                       'auto', '1_a.sql', '-- migrate: name x', '2_b.sql', '-- migrate: name x');
SELECT pg_temp.refused('MG005', 'files undo the same version', 'They are "U1_0__b.sql", "U1__b.sql".', 'two undos',
                       'auto', 'V1.0__a.sql', '', 'U1_0__b.sql', '', 'U1__b.sql', '');
SELECT pg_temp.refused('MG005', 'directories are for different databases', 'They are "db/mysql/", "db/postgresql/".', 'databases',
                       'auto', 'db/postgresql/1/migration.sql', '', 'db/mysql/1/migration.sql', '', 'db/mysql/2/migration.sql', '');
SELECT pg_temp.refused('MG005', 'two plans are of project "p"', 'They are "a/s.plan", "b/s.plan".', 'plans',
                       'auto', 'a/s.plan', '%project=p', 'b/s.plan', '%project=p');

-- No up

SELECT pg_temp.refused('22023', 'files belong to migrations without an up', 'They are "1_a.down.sql", "3_c.verify.sql".', 'downs and verifies alone',
                       'auto', '1_a.down.sql', '', '2_b.up.sql', '', '3_c.verify.sql', '');
SELECT pg_temp.refused('22023', 'files belong to migrations without an up', 'It is "m/1/down.sql".', 'a folder with a down only',
                       'auto', 'm/1/down.sql', '', 'm/2/up.sql', '');
SELECT pg_temp.refused('22023', 'files belong to migrations without an up', 'It is "down/2.sql".', 'a directory',
                       'auto', 'down/2.sql', '', 'up/1.sql', '', 'down/1.sql', '');
SELECT pg_temp.refused('22023', 'files belong to migrations without an up', 'It is "m.sql".', 'a number',
                       'auto', 'm.sql', E'-- 1 up\n-- 2 down\n');
SELECT pg_temp.refused('22023', 'files undo versions that are not in the set', 'They are "U2__b.sql", "U3__c.sql".', 'undos',
                       'auto', 'V1__a.sql', '', 'U2__b.sql', '', 'U3__c.sql', '');
SELECT pg_temp.refused('22023', 'files have no "-- migrate:up"', 'It is "2_b.sql".', 'some files without marks',
                       'auto', '1_a.sql', '-- migrate:up', '2_b.sql', 'SELECT 1');
SELECT pg_temp.refused('22023', 'files seem to be downs, and their ups are not beside them', 'It is "rollback/1.sql".', 'a down is no plain file',
                       'auto', '1.sql', '', 'rollback/1.sql', '');
SELECT pg_temp.refused('22023', 'files seem to be downs, and their ups are not beside them', 'They are "db/down/1.sql", "db/down/2.sql".', 'nothing but downs',
                       'auto', 'db/down/1.sql', '', 'db/down/2.sql', '');
SELECT pg_temp.refused('22023', 'files seem to be downs, and their ups are not beside them', 'It is "down.sql".', 'whatever is said',
                       'plain', 'down.sql', '', 'up.sql', '');

-- Files that belong to nothing

SELECT pg_temp.refused('22023', 'files beside Flyway''s are named in another way', 'They are "beforeMigrate.sql", "v2__b.sql".', 'callbacks',
                       'auto', 'V1__a.sql', '', 'v2__b.sql', '', 'beforeMigrate.sql', '');
SELECT pg_temp.refused('22023', 'files are in no directory "up", "down" or "verify"', 'It is "x/seed.sql".', 'beside directories',
                       'auto', 'x/up/1.sql', '', 'x/down/1.sql', '', 'x/seed.sql', '');
SELECT pg_temp.refused('22023', 'files beside those of a folder for each migration are not "migration.sql" or "down.sql"', 'It is "p/seed.sql".', 'beside folders',
                       'auto', 'p/1/migration.sql', '', 'p/seed.sql', '');
SELECT pg_temp.refused('22023', 'scripts of changes in the plan are missing', 'They are "d/deploy/a@v1.sql", "d/deploy/b/c.sql".', 'in a plan',
                       'auto', 'd/s.plan', E'%project=p\n\na\n@v1\na\nb/c\n', 'd/deploy/a.sql', '');

-- What a file says and cannot be done

SELECT pg_temp.refused('MG009', message, format('It is on line %s of x/1_a.sql.', line), what, 'auto', 'x/1_a.sql', content)
    FROM (VALUES
    ('formatted SQL of Liquibase cannot be read', 1, 'Liquibase', E'--liquibase formatted sql\n--changeset a:1\nSELECT 1;'),
    ('formatted SQL of Liquibase cannot be read', 3, 'Liquibase further down', E'\n-- x\n--  Liquibase  formatted SQL\n'),
    ('archives of Atlas cannot be read', 1, 'Atlas archives', E'-- atlas:txtar\n\n-- migration.sql --\nSELECT 1;'),
    ('delimiters other than the semicolon cannot be read', 2, 'Atlas delimiters', E'-- x\n-- atlas:delimiter \\n\\n\nSELECT 1'),
    ('an up and a down in one file of tern cannot be read', 2, 'tern', E'CREATE TABLE x ();\n---- create above / drop below ----\nDROP TABLE x;'),
    ('an up and a down in one file of MyBatis cannot be read', 4, 'MyBatis', E'-- // x\nSELECT 1;\n\n-- //@UNDO\r\nSELECT 2;'),
    ('an up and a down in one file of rambler cannot be read', 3, 'rambler', E'-- rambler up\nSELECT 1;\n-- rambler down\nSELECT 2;'),
    ('an up and a down in one file of shmig cannot be read', 3, 'shmig', E'-- ====  UP  ====\nSELECT 1;\n-- ==== DOWN ====\nSELECT 2;'),
    ('an up and a down in one file of Play cannot be read', 3, 'Play', E'# --- !Ups\nSELECT 1;\n# --- !Downs\nSELECT 2;'),
    ('files cannot be included in a migration', 3, 'graphile includes', E'SELECT 1;\n\n--! include other.sql\n'),
    ('variables of the environment cannot be put into a migration', 3, 'goose variables', E'-- +goose Up\nSELECT 1;\n-- +goose ENVSUB ON\n'),
    ('annotation of goose is not known', 2, 'goose annotations', E'-- +goose Up\n-- +goose StatementBegins\nSELECT 1;\n'),
    ('"-- +goose Up" is there a second time', 4, 'goose, two ups', E'-- +goose Up\nSELECT 1;\n-- +goose Down\n-- +goose Up\n'),
    ('a down has no "-- +goose Up" before it', 1, 'goose, a down first', E'-- +goose Down\nSELECT 1;\n-- +goose Up\n'),
    ('a down has no "-- migrate:up" before it', 3, 'dbmate, two downs', E'-- migrate:up\r\n-- migrate:down\r\n-- migrate:down\r\n'),
    ('a statement stands above the first mark and belongs to nothing', 3, 'dbmate, a statement above', E'-- x\n/*\n*/ SELECT 1;\n-- migrate:up\nSELECT 1;'),
    ('a statement stands above the first mark and belongs to nothing', 2, 'sql-migrate, a statement above', E'\nSELECT 1;\n-- +migrate Up\nSELECT 1;'),
    ('a statement stands above the first mark and belongs to nothing', 1, 'node-pg-migrate, a statement above', E'SELECT 1;\n-- Up Migration\nSELECT 1;'),
    ('a statement stands above the first mark and belongs to nothing', 1, 'numbers, a statement above', E'SELECT 1;\n-- 1 up\nSELECT 1;'),
    ('the up of version 1 is there a second time', 4, 'a number twice', E'-- 1 up\nSELECT 1;\n-- 2 up\n-- 1 up\n')
    ) AS v (message, line, what, content);
SELECT pg_temp.refused('MG009', 'placeholder "${schema}" cannot be replaced', 'It is on line 2 of V1__a.sql.', 'Flyway''s placeholders, in quotes as well',
                       'auto', 'V1__a.sql', E'DO $$BEGIN\nPERFORM ''${schema}''; END$$');
SELECT pg_temp.refused('MG009', 'placeholder "${schema}" cannot be replaced', 'It is on line 1 of U1__a.sql.', 'and in undos',
                       'auto', 'V1__a.sql', 'SELECT 1', 'U1__a.sql', 'DROP SCHEMA ${schema}');
SELECT pg_temp.refused('MG009', 'conditions on a migration cannot be judged', 'It is on line 2 of V1__a.sql.conf.', 'Flyway''s conditions',
                       'auto', 'V1__a.sql', 'SELECT 1', 'V1__a.sql.conf', E'encoding=UTF-8\nshouldExecute=${x}==1\n');
SELECT pg_temp.refused('MG009', 'the migrations are for "mysql"', 'It is on line 2 of m/migration_lock.toml.', 'Prisma, for another database',
                       'auto', 'm/1/migration.sql', '', 'm/migration_lock.toml', E'# x\nprovider = "mysql"\n');
SELECT pg_temp.refused('MG009', message, format('It is on line %s of s.plan.', line), what, 'auto', 's.plan', E'%project=p\n\n' || plan, 'deploy/a.sql', '')
    FROM (VALUES
    ('reverts cannot be part of a plan', 4, 'a plan with a revert', E'a\n-a\n'),
    ('a change has no name', 3, 'no name', E'+ # x\n'),
    ('change "a" is there a second time without a tag in between', 5, 'a change twice', E'a\n# x\na\n'),
    ('tag "@t" has no change before it', 3, 'a tag first', E'@t\na\n'),
    ('tag "@t" is there a second time', 5, 'a tag twice', E'a\n@t\n@t\n'),
    ('tag "@u" is not in the plan of project "p"', 4, 'an unknown tag', E'b\na [b@u]\n'),
    ('changes cannot be named by their identifiers', 3, 'an identifier', E'a [d41f2c7b51cd9b0be2a5a8e0d43a1c4b5e6f7a89]\n')
    ) AS v (message, line, what, plan);

-- What looks like a switch of a tool, and is none.

SELECT lives_ok(format('SELECT migrate.load(ARRAY[''1_%s.sql''], ARRAY[%L], ''auto'', ''accepted'')', n, content), what)
    FROM (VALUES (1, E'SELECT 1;\n-- no-transaction', 'below a statement it is a comment'),
                 (2, E'-- atlas:txmode file\nSELECT 1;', 'one transaction for the file is what we do'),
                 (3, E'-- migrate:up transaction:true nottransaction:false\nSELECT 1;', 'other options of dbmate mean nothing')) AS v (n, content, what);

-- The header

SELECT pg_temp.refused('22023', message, format('It is on line %s of 1_a.sql.', line), what, 'auto', '1_a.sql', content)
    FROM (VALUES
    ('header key "require" is not known', 2, 'an unknown key', E'\n-- migrate: require x\nSELECT 1'),
    ('header key "up" is not known', 1, 'dbmate''s mark with a blank', E'-- migrate: up\nSELECT 1'),
    ('header key "" is not known', 1, 'no key', E'-- migrate:   \nSELECT 1'),
    ('header key "name" is there a second time', 5, 'a key twice', E'/*\n\n*/\n-- migrate: name a\n-- migrate: name b\n'),
    ('header key "version" has no value', 2, 'no value', E'-- x\r\n-- migrate: version \r\n'),
    ('options must be a JSON object', 1, 'options that are no object', E'-- migrate: options [1]\n'),
    ('header key "x" is not known', 6, 'below a mark', E'-- x\n\n-- migrate: tags t\n-- migrate:up\n\n-- migrate: x y\nSELECT 1')
    ) AS v (message, line, what, content);
SELECT is(pg_temp.hint_of('auto', '1_a.sql', '-- migrate: x'),
          'Keys are name, project, version, kind, description, requires, conflicts, replaces, tags and options.', 'the hint has all keys');
SELECT is((e.code, split_part(e.context, E'\n', 2))::text, ('22P02', 'header, line 2 of 1_a.sql')::text, 'options that are no JSON')
    FROM pg_temp.error_of($$SELECT pg_temp.load('auto', '1_a.sql', E'-- x\n-- migrate: options {x}\n')$$) e;

-- Paths are part of messages.

SELECT pg_temp.refused('22023', format('invalid path of a file: "%s"', v.shown), 'A path cannot contain control characters.', v.what,
                       'auto', '2_b.sql', '', v.path, '')
    FROM (VALUES (E'x\ny/001_a.sql', 'x\x0ay/001_a.sql', 'a newline in a path'), (E'1_a.sql\x7f', '1_a.sql\x7f', 'DEL, in a file that is none of SQL'),
                 (U&'1_\202Ea.sql', '1_\u202ea.sql', 'an override'), (repeat('x', 59) || E'\n' || repeat('x', 1000), repeat('x', 59) || '\x0a...', 'a long one')
    ) v (path, shown, what);
SELECT throws_ok($$SELECT migrate.load_json('{"1\u000aa.sql": ""}', 'auto', 'refused')$$, '22023', NULL, 'and in JSON');

-- Errors of the texts name the line of the file.

SELECT matches(e.context, format('^line %s of 1_a\.sql', v.line), what)
    FROM (VALUES
    (4, 'below a mark', '1_a.sql', E'\n-- migrate:up\n\nSELEC 1;\n'),
    (6, 'in the second of two ups', '1_a.sql', E'-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n-- migrate:up\nSELEC 1;\n'),
    (3, 'in a numbered file', '1_a.sql', E'-- 1 up\n-- 2 up\nSELEC 1;\n'),
    (2, 'in a plain one', '1_a.sql', E'\nSELEC 1;\n')) AS v (line, what, path, content),
    pg_temp.error_of(format('SELECT pg_temp.load(''auto'', %L, %L)', path, content)) e;

SELECT is_empty($$SELECT * FROM migrate.migrations WHERE project IN ('refused', 'p')$$, 'nothing of all this was registered');

-- A slip in an ending would run a down as an up.

SELECT throws_ok(format('SELECT * FROM migrate.load(ARRAY[%L, %L], ''{SELECT 1,SELECT 2}'', project => ''slips'')', '20240101120000_x.up.sql', slip),
                 '22023', NULL, slip) FROM unnest('{20240101120000_x.dwon.sql,20240101120000_x_down.sql,20240101120000_x.down.old.sql}'::text[]) slip;
SELECT pg_temp.refused('22023', 'files are beside an up, and neither its down nor its verify', format('It is "%s".', slip), slip,
                       'auto', '20240101120000_x.sql', '', slip, '')
FROM unnest('{20240101120000_x_down.sql,20240101120000_x-rollback.sql,20240101120000_x.undo.sql,Rollback_20240101120000_x.sql,m/20240101120000_x_REVERT.sql}'::text[]) slip;
SELECT pg_temp.refused('22023', 'files belong to migrations without an up', 'It is "20240103-c-down.sql".', 'a lone down of db-migrate',
                       'auto', '20240101-a-up.sql', '', '20240101-a-down.sql', '', '20240103-c-down.sql', '');
SELECT pg_temp.refused('22023', 'files belong to migrations without an up', 'It is "2.undo.sql".', 'a lone down of postgrator',
                       'auto', '1.do.sql', '', '2.undo.sql', '');
SELECT pg_temp.refused('22023', 'files belong to migrations without an up', 'It is "20240101_c.down.sql".', 'a down of one of two ups',
                       'auto', '20240101_a.up.sql', '', '20240101_b.up.sql', '', '20240101_c.down.sql', '');
SELECT lives_ok($$SELECT * FROM migrate.load('{20240101120000_x.up.sql,20240101120000_xy.sql}', '{SELECT 1,SELECT 2}', project => 'slips')$$,
                'another name is another migration');
SELECT * FROM finish();
ROLLBACK;
