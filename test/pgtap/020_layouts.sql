-- 020_layouts.sql: the file layouts that load reads, each with its names,
-- versions, order, downs and transaction switch.

\ir common.psql
BEGIN;
SELECT * FROM no_plan();

-- Load pairs of path and content into a project of their own.
CREATE SEQUENCE projects;
CREATE FUNCTION pg_temp.load(layout text, VARIADIC files text[],
                             OUT ordinal bigint, OUT project text, OUT name text, OUT version text, OUT path text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT l.ordinality, p.project, l.name, l.version, l.path
    FROM (SELECT 'p' || nextval('projects') AS project) p,
         migrate.load((SELECT array_agg(files[i] ORDER BY i) FROM generate_series(1, cardinality(files), 2) i),
                      (SELECT array_agg(files[i] ORDER BY i) FROM generate_series(2, cardinality(files), 2) i),
                      layout, p.project) WITH ORDINALITY l
    WHERE l.action IN ('registered', 'unchanged', 'updated')
$$;

-- What was loaded, one migration after the other: name (version) up | down | verify.
CREATE FUNCTION pg_temp.loaded(layout text, VARIADIC files text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    CREATE TEMP TABLE IF NOT EXISTS loads (ordinal bigint, project text, name text, version text, path text);
    TRUNCATE loads;
    INSERT INTO loads SELECT * FROM pg_temp.load(layout, VARIADIC files);
    SELECT string_agg(l.name || coalesce(' (' || l.version || ')', '') || ': ' ||
                      concat_ws(' | ', btrim(m.up, E'\r\n'), coalesce(btrim(m.down, E'\r\n'), CASE WHEN m.verify <> '' THEN '-' END),
                                btrim(m.verify, E'\r\n')), '; ' ORDER BY l.ordinal)
    INTO result
    FROM loads l JOIN migrate.migrations m ON m.name = l.name AND m.project = l.project;
    RETURN result;
END
$$;

-- NAME.sql

SELECT is(pg_temp.loaded('auto', '0010_c.sql', 'SELECT 3', '0002_b.sql', 'SELECT 2', '0001_a.sql', 'SELECT 1'),
          '0001_a (0001): SELECT 1; 0002_b (0002): SELECT 2; 0010_c (0010): SELECT 3', 'plain files, by number');
SELECT is(pg_temp.loaded('auto', 'x/1.10.sql', 'SELECT 3', 'x/1.2.sql', 'SELECT 2', 'x/1.1.pgsql', 'SELECT 1', 'x/2.PSQL', 'SELECT 4'),
          '1.1 (1.1): SELECT 1; 1.2 (1.2): SELECT 2; 1.10 (1.10): SELECT 3; 2 (2): SELECT 4', 'points are between numbers');
SELECT is(pg_temp.loaded('auto', 'b_10.sql', 'SELECT 2', 'a_9.sql', 'SELECT 1'), 'a_9 (9): SELECT 1; b_10 (10): SELECT 2',
          'the first digits, wherever they stand');
SELECT is(pg_temp.loaded('auto', 'users.sql', 'SELECT 2', 'items.sql', 'SELECT 1', '7_x.sql', 'SELECT 3'),
          '7_x (7): SELECT 3; items: SELECT 1; users: SELECT 2', 'what has no version comes after what has one, by name');
SELECT is(pg_temp.loaded('auto', '99999999999999999999999999.sql', 'SELECT 1', '100000000000000000000000000.sql', 'SELECT 2'),
          '99999999999999999999999999 (99999999999999999999999999): SELECT 1; ' ||
          '100000000000000000000000000 (100000000000000000000000000): SELECT 2', 'numbers of any size');
SELECT is(pg_temp.loaded('auto', '20240101120000_a.sql', 'SELECT 1', 'meta/_journal.json', '{}', 'README.md', 'x', 'atlas.sum', 'h1',
                         '.gitkeep', '', 'a.d.ts', '', 'a.js.map', ''),
          '20240101120000_a (20240101120000): SELECT 1', 'other files are left alone');
CREATE TEMP TABLE switches AS SELECT * FROM (VALUES
    ('1_a.sql', E'-- x\n-- atlas:txmode none\n\nSELECT 1', NULL, NULL, 'Atlas'),
    ('1_a.sql', E'--! Previous: -\n--! Hash: sha1:1\n\n--! no-transaction\nSELECT 1', NULL, NULL, 'graphile-migrate'),
    ('1_a.up.sql', E'-- no-transaction\nSELECT 1', NULL, NULL, 'sqlx'),
    ('1_a.sql', E'-- migrate:up x:y transaction:false\nSELECT 1', NULL, NULL, 'dbmate'),
    ('1_a.sql', E'-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1', NULL, NULL, 'goose'),
    ('1_a.sql', E'-- +migrate Up notransaction\nSELECT 1', NULL, NULL, 'sql-migrate'),
    ('1_a/up.sql', 'SELECT 1', '1_a/metadata.toml', E'[x]\nrun_in_transaction=false # why', 'Diesel'),
    ('V1__a.sql', 'SELECT 1', 'V1__a.sql.conf', E'executeInTransaction = false', 'Flyway')
    ) AS v (path, content, path2, content2, what);
SELECT migrate.load(array_remove(ARRAY[path, path2], NULL), array_remove(ARRAY[content, content2], NULL), 'auto', 'off_' || what) FROM switches \g /dev/null
SELECT is((SELECT string_agg(options ->> 'transaction', ' ') FROM migrate.migrations WHERE project = 'off_' || what), 'off', what || ' out of a transaction') FROM switches;
SELECT is(pg_temp.loaded('auto', '0000_a.sql', E'SELECT 1;--> statement-breakpoint\nSELECT 2;'),
          E'0000_a (0000): SELECT 1;--> statement-breakpoint\nSELECT 2;', 'Drizzle''s breakpoint is a comment');
SELECT is(pg_temp.loaded('auto', '1_a.sql', E'SELECT 1\r\n', '2_b.sql', 'SELECT 2'), '1_a (1): SELECT 1; 2_b (2): SELECT 2',
          'line ends of Windows and a last line without one');
SELECT is((SELECT m.up FROM migrate.migrations m JOIN loads USING (project, name) WHERE name = '1_a'), E'SELECT 1\r\n',
          'what is stored are the file''s own bytes');

-- Where a directory stands for a version, the path is the name.

SELECT is(pg_temp.loaded('auto', 'db/upgrade/64-65/001-auto.sql', 'SELECT 3', 'db/upgrade/63-64/001-auto.sql', 'SELECT 1',
                         'db/upgrade/63-64/002-x.sql', 'SELECT 2'),
          '63-64/001-auto (63-64.001): SELECT 1; 63-64/002-x (63-64.002): SELECT 2; 64-65/001-auto (64-65.001): SELECT 3',
          'base names repeat: the path is the name, its versions are joined');
SELECT is(pg_temp.loaded('auto', '2.0/schema.sql', 'SELECT 3', '1.10/schema.sql', 'SELECT 2', '1.9/schema.sql', 'SELECT 1'),
          '1.9/schema (1.9): SELECT 1; 1.10/schema (1.10): SELECT 2; 2.0/schema (2.0): SELECT 3', 'the version is that of the directory');
SELECT is(pg_temp.loaded('auto', 'v2/01_b.sql', 'SELECT 2', 'v1/01_a.sql', 'SELECT 1', 'v1/02_c.sql', 'SELECT 3'),
          'v1/01_a (1.01): SELECT 1; v1/02_c (1.02): SELECT 3; v2/01_b (2.01): SELECT 2', 'versions repeat in directories');
SELECT is(pg_temp.loaded('auto', '1.10/a.sql', 'SELECT 2', '1.9/b.sql', 'SELECT 1'),
          '1.9/b (1.9): SELECT 1; 1.10/a (1.10): SELECT 2', 'only the directories have versions');
SELECT is(pg_temp.loaded('auto', '2023/20230101_a.sql', 'SELECT 1', '2024/20240101_b.sql', 'SELECT 2'),
          '20230101_a (20230101): SELECT 1; 20240101_b (20240101): SELECT 2', 'directories that only group are no part of the name');
SELECT is(pg_temp.loaded('auto', 'v1/01_a.up.sql', 'SELECT 1', 'v1/01_a.down.sql', 'SELECT -1', 'v2/01_a.up.sql', 'SELECT 2'),
          'v1/01_a (1.01): SELECT 1 | SELECT -1; v2/01_a (2.01): SELECT 2', 'the same with downs');

-- A date among times: where tools go by names it has its place in them.

SELECT is(pg_temp.loaded('auto', '20260326_b/migration.sql', 'SELECT 4', '20260324182918_a/migration.sql', 'SELECT 1', '0_init/migration.sql', 'SELECT 0',
                         '20260326235959_c/migration.sql', 'SELECT 3', '20260408155012_d/migration.sql', 'SELECT 5', '20260326-e/migration.sql', 'SELECT 2'),
          '0_init (0): SELECT 0; 20260324182918_a (20260324182918): SELECT 1; 20260326-e (20260326000000): SELECT 2; ' ||
          '20260326235959_c (20260326235959): SELECT 3; 20260326_b (20260326235959): SELECT 4; 20260408155012_d (20260408155012): SELECT 5',
          'dates among times');
SELECT is(pg_temp.loaded('auto', x || '20260326_b.sql', m || 'SELECT 2', x || '202603241829_a.sql', m || 'SELECT 1', x || '20260408_d.sql', m || 'SELECT 3'),
          '202603241829_a (202603241829): SELECT 1; 20260326_b (202603262359): SELECT 2; 20260408_d (202604082359): SELECT 3', 'the same with minutes, ' || what)
FROM (VALUES ('', '', 'plain'), ('', E'-- migrate:up\n', 'dbmate'), ('supabase/migrations/', '', 'Supabase')) AS v (x, m, what);
SELECT is(pg_temp.loaded('auto', '2008030300.sql', 'SELECT 2', '2008030301_1.sql', 'SELECT 3', '20080302.sql', 'SELECT 1'),
          '20080302 (2008030200): SELECT 1; 2008030300 (2008030300): SELECT 2; 2008030301_1 (2008030301_1): SELECT 3', 'a number within the day');
SELECT is(pg_temp.loaded('auto', '20269999_b.sql', 'SELECT 1', '20260324182918_a.sql', 'SELECT 2', '20260101_c.sql', E'-- migrate: version 7\nSELECT 0'),
          E'20260101_c (7): -- migrate: version 7\nSELECT 0; 20269999_b (20269999): SELECT 1; 20260324182918_a (20260324182918): SELECT 2', 'numbers are numbers, and a version that is given stays');
SELECT is(pg_temp.loaded('auto', '20260326_b.up.sql', 'SELECT 1', '20260324182918_a.up.sql', 'SELECT 2'),
          '20260326_b (20260326): SELECT 1; 20260324182918_a (20260324182918): SELECT 2', 'golang-migrate goes by numbers');

-- Letters after a version count where versions would be the same without.

SELECT is(pg_temp.loaded('auto', '1.2.1b.sql', 'SELECT 3', '1.2.1.sql', 'SELECT 1', '1.2.1a.sql', 'SELECT 2', '1.2.2.sql', 'SELECT 4'),
          '1.2.1 (1.2.1): SELECT 1; 1.2.1a (1.2.1a): SELECT 2; 1.2.1b (1.2.1b): SELECT 3; 1.2.2 (1.2.2): SELECT 4', 'DAViCal');
SELECT is(pg_temp.loaded('auto', '4.0.1/schema.sql', 'SELECT 4', '4.0.0rc4/schema.sql', 'SELECT 2', '4.0.0rc10/schema.sql', 'SELECT 3',
                         '3.9.8/schema.sql', 'SELECT 1'),
          '3.9.8/schema (3.9.8): SELECT 1; 4.0.0rc4/schema (4.0.0rc4): SELECT 2; 4.0.0rc10/schema (4.0.0rc10): SELECT 3; ' ||
          '4.0.1/schema (4.0.1): SELECT 4', 'Request Tracker');
SELECT is(pg_temp.loaded('auto', 'x--1.0--1.1.sql', 'SELECT 2', 'x--1.0.sql', 'SELECT 1', 'x--1.1--1.2.sql', 'SELECT 3'),
          'x--1.0 (1.0): SELECT 1; x--1.0--1.1 (1.0-1.1): SELECT 2; x--1.1--1.2 (1.1): SELECT 3', 'upgrades of an extension');
SELECT is(pg_temp.loaded('auto', '20201010T1213_a.sql', 'SELECT 1', '20201010T0900_b.sql', 'SELECT 2'),
          '20201010T0900_b (20201010): SELECT 2; 20201010T1213_a (20201010): SELECT 1', 'two of one day, by name');

-- Files without an ending of SQL are read where the layout is named.

SELECT is(pg_temp.loaded('plain', 'up/9.10.0', 'SELECT 2', 'up/9.9.0', 'SELECT 1', 'up/README.md', 'x'),
          '9.9.0 (9.9.0): SELECT 1; 9.10.0 (9.10.0): SELECT 2', 'names without an ending');
SELECT is(pg_temp.loaded('plain', '4.1.5/schema.Pg', 'SELECT 1', '4.1.6/schema.Pg', 'SELECT 2'),
          '4.1.5/schema (4.1.5): SELECT 1; 4.1.6/schema (4.1.6): SELECT 2', 'names with another ending');

-- NAME.up.sql, NAME.down.sql

SELECT is(pg_temp.loaded('auto', 'm/2_b.up.sql', 'SELECT 2', 'm/1_a.down.sql', 'SELECT -1', 'm/1_a.up.sql', 'SELECT 1',
                         'm/1_a.verify.sql', 'SELECT true', 'm/3_c.sql', 'SELECT 3', 'm/2_b.verify.sql', 'SELECT false'),
          '1_a (1): SELECT 1 | SELECT -1 | SELECT true; 2_b (2): SELECT 2 | - | SELECT false; 3_c (3): SELECT 3', 'up, down and verify');
SELECT is(pg_temp.loaded('auto', '1_a.sql', 'SELECT 1', '1_a.down.sql', 'SELECT -1'), '1_a (1): SELECT 1 | SELECT -1',
          'the up without an ending of its own');
SELECT is(pg_temp.loaded('auto', '1_create_a.up.sql', 'SELECT 1', '1_drop_a.down.sql', 'SELECT -1', '2_b.up.sql', 'SELECT 2'),
          '1_create_a (1): SELECT 1 | SELECT -1; 2_b (2): SELECT 2', 'a down of another name belongs to the up of its version');
SELECT is(pg_temp.loaded('plain', '1_a.up.sql', 'SELECT 1', '1_a.down.sql', 'SELECT -1'), '1_a (1): SELECT 1 | SELECT -1',
          'whatever the layout is called, a down never runs as an up');
SELECT is(pg_temp.loaded('auto', 'sqls/20150101-a-up.sql', 'SELECT 1', 'sqls/20150101-a-down.sql', 'SELECT -1', 'sqls/20150101-b-up.sql', 'SELECT 2',
                         'sqls/20150101-b-down.sql', ''),
          '20150101-a (20150101): SELECT 1 | SELECT -1; 20150101-b (20150101): SELECT 2 | ', 'db-migrate');
SELECT is(pg_temp.loaded('auto', '20240101_a_UP.sql', 'SELECT 1', '20240101_a_DOWN.sql', 'SELECT -1', '20240102_shut_down.up.sql', 'SELECT 2'),
          '20240101_a (20240101): SELECT 1 | SELECT -1; 20240102_shut_down (20240102): SELECT 2', 'underscores');
SELECT is(pg_temp.loaded('auto', '1_shut_down.sql', 'SELECT 1', '2_set_up.sql', 'SELECT 2', '3_undo.sql', 'SELECT 3'),
          '1_shut_down (1): SELECT 1; 2_set_up (2): SELECT 2; 3_undo (3): SELECT 3', 'names that merely end so');
SELECT is(pg_temp.loaded('auto', '001.do.create-a.sql', 'SELECT 1', '001.undo.create-a.sql', 'SELECT -1', '002.do.sql', 'SELECT 2', '002.undo.sql', 'SELECT -2',
                         '003.do.c.sql', 'SELECT 3', '003.undo.drop-c.sql', 'SELECT -3', '004.do.done.sql', 'SELECT 4'),
          '001.create-a (001): SELECT 1 | SELECT -1; 002 (002): SELECT 2 | SELECT -2; 003.c (003): SELECT 3 | SELECT -3; 004.done (004): SELECT 4', 'postgrator');
SELECT is(pg_temp.loaded('auto', '20240101.do.a.sql', 'SELECT 1', '20240101.undo.a.sql', 'SELECT -1'),
          '20240101.a (20240101): SELECT 1 | SELECT -1', 'postgrator, by date');
SELECT is(pg_temp.loaded('auto', '20240101_01_x-a.sql', 'SELECT 1', '20240101_01_x-a.rollback.sql', 'SELECT -1'),
          '20240101_01_x-a (20240101_01): SELECT 1 | SELECT -1', 'yoyo');
SELECT is(pg_temp.loaded('auto', '1_a.up.sql', 'SELECT 1', '1_a.down.sql', ''), '1_a (1): SELECT 1 | ', 'an empty down');
SELECT is(pg_temp.loaded('updown', '1_a.sql', 'SELECT 1'), '1_a (1): SELECT 1', 'the layout named, and no down yet');

-- up/NAME.sql, down/NAME.sql

SELECT is(pg_temp.loaded('auto', 'db/up/2.sql', 'SELECT 2', 'db/down/2.sql', 'SELECT -2', 'db/up/1.sql', 'SELECT 1', 'db/verify/1.sql', 'SELECT true'),
          '1 (1): SELECT 1 | - | SELECT true; 2 (2): SELECT 2 | SELECT -2', 'directories of ups and downs');
SELECT is(pg_temp.loaded('auto', 'deploy/t/a.sql', 'SELECT 1', 'revert/t/a.sql', 'SELECT -1', 'verify/t/a.sql', 'SELECT true'),
          't/a: SELECT 1 | SELECT -1 | SELECT true', 'Sqitch''s directories without a plan, and directories in them');
SELECT is(pg_temp.loaded('auto', 'a/up/1.sql', 'SELECT 1', 'a/down/1.sql', 'SELECT -1', 'b/up/2.sql', 'SELECT 2'),
          '1 (1): SELECT 1 | SELECT -1; 2 (2): SELECT 2', 'in several places');

-- NAME/up.sql, NAME/down.sql (Diesel)

SELECT is(pg_temp.loaded('auto', 'm/2024-01-02-000000_b/up.sql', 'SELECT 2', 'm/2024-01-02-000000_b/down.sql', 'SELECT -2',
                         'm/20240101000000_a/up.sql', 'SELECT 1', 'm/20240101000000_a/down.sql', 'SELECT -1', 'm/.keep', '',
                         'm/20240101000000_a/metadata.toml', 'run_in_transaction = true'),
          '20240101000000_a (20240101000000): SELECT 1 | SELECT -1; 2024-01-02-000000_b (20240102000000): SELECT 2 | SELECT -2',
          'Diesel ignores dashes in a version');

-- NAME/migration.sql (Prisma)

SELECT is(pg_temp.loaded('auto', 'prisma/migrations/20240102000000_b/migration.sql', E'-- CreateTable\nSELECT 2',
                         'prisma/migrations/20240101000000_a/migration.sql', 'SELECT 1',
                         'prisma/migrations/migration_lock.toml', E'# generated\nprovider = "postgresql"\n'),
          E'20240101000000_a (20240101000000): SELECT 1; 20240102000000_b (20240102000000): -- CreateTable\nSELECT 2', 'Prisma');

-- dbmate

SELECT is(pg_temp.loaded('auto', '2_b.sql', E'-- migrate:up\nSELECT 2;\n\n-- migrate:down\nSELECT -2;\n',
                         '1_a.sql', E'-- a comment\n\n--  migrate:up\r\nSELECT 1;\r\n--migrate:down\r\n'),
          E'1_a (1): SELECT 1; | ; 2_b (2): SELECT 2; | SELECT -2;', 'dbmate');
SELECT is(pg_temp.loaded('dbmate', '1_a.sql', E'-- migrate:up\nSELECT 1'), '1_a (1): SELECT 1', 'dbmate without a down');
SELECT is(pg_temp.loaded('auto', '1_a.sql', E'-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT -1;\n-- migrate:up\nSELECT 2;\n-- migrate:down\nSELECT -2;'),
          E'1_a (1): SELECT 1;\n\n\n\nSELECT 2; | SELECT -2;\nSELECT -1;', 'several pairs: the downs run from last to first');
SELECT is(pg_temp.loaded('auto', '1_a.sql', E'-- migrate:up\nSELECT ''\n -- migrate:down\n''; -- migrate:update\n'),
          E'1_a (1): SELECT ''\n -- migrate:down\n''; -- migrate:update', 'a mark stands at the beginning of its line');

-- goose

SELECT is(pg_temp.loaded('auto', '2_b.sql', E'-- +goose Up\n-- +goose StatementBegin\nSELECT 2;\n-- +goose StatementEnd\n-- +goose Down\nSELECT -2;',
                         '1_a.sql', E'-- why\n--+goose up\nSELECT 1;\n-- +goose ENVSUB OFF\n'),
          E'1_a (1): SELECT 1;\n-- +goose ENVSUB OFF; 2_b (2): -- +goose StatementBegin\nSELECT 2;\n-- +goose StatementEnd | SELECT -2;', 'goose');

-- sql-migrate

SELECT is(pg_temp.loaded('auto', '1_a.sql', E'-- +migrate Up\nSELECT 1;\n-- +migrate Down\nSELECT -1;\n-- +migrate Up\nSELECT 2;\n-- +migrate Down\nSELECT -2;\n'),
          E'1_a (1): SELECT 1;\n\n\n\nSELECT 2; | SELECT -1;\n\n\n\nSELECT -2;', 'sql-migrate runs its downs as they are written');

-- node-pg-migrate

SELECT is(pg_temp.loaded('auto', '1_a.sql', E'-- Up Migration\nSELECT 1;\n\n-- Down Migration\nSELECT -1;', '2_b.sql', 'SELECT 2',
                         '3_c.up.sql', 'SELECT 3', '3_c.down.sql', '-- Down Migration', '4_d.sql', E'SELECT 4;\n  ---- -down   MIGRATION\nSELECT -4;'),
          '1_a (1): SELECT 1; | SELECT -1;; 2_b (2): SELECT 2; 3_c (3): SELECT 3 | -- Down Migration; 4_d (4): SELECT 4; | SELECT -4;',
          'node-pg-migrate: what is not marked is an up');
SELECT is(pg_temp.loaded('auto', '1_a.sql', E'-- Down Migration\nSELECT -1;\n-- Up Migration\nSELECT 1;\n-- up migration of the rest\nSELECT 2;'),
          E'1_a (1): SELECT 1;\n-- up migration of the rest\nSELECT 2; | SELECT -1;', 'in any order, and the first mark counts');
SELECT is(pg_temp.loaded('auto', '1_a.up.sql', E'-- Up migration\nSELECT 1', '1_a.down.sql', E'-- Down migration\nSELECT -1'),
          E'1_a (1): -- Up migration\nSELECT 1 | -- Down migration\nSELECT -1', 'words in files that are an up or a down as a whole mark nothing');

-- "-- 18 up"

SELECT is(pg_temp.loaded('auto', 'pg.sql', E'-- all of them\n-- 18 up\nSELECT 18;\n--19 UP\nSELECT 19;\n-- 18 down\nSELECT -18;\n-- 20 upgrades later\n'),
          E'18 (18): SELECT 18; | SELECT -18;\n-- 20 upgrades later; 19 (19): SELECT 19;', 'many versions in one file');

-- Flyway

SELECT is(pg_temp.loaded('auto', 's/V1.10__ten.sql', 'SELECT 10', 's/V1.2__two_or_so.sql', 'SELECT 2', 's/U1_2__back.sql', 'SELECT -2',
                         's/R__b_view.sql', 'SELECT 12', 's/R__a.sql', 'SELECT 11', 's/V3.sql', 'SELECT 3', 's/B2__base.sql', 'SELECT 20'),
          'V1.2__two_or_so (1.2): SELECT 2 | SELECT -2; V1.10__ten (1.10): SELECT 10; B2__base (2): SELECT 20; V3 (3): SELECT 3; ' ||
          'R__a: SELECT 11; R__b_view: SELECT 12', 'Flyway');
SELECT pg_temp.rows_are($$SELECT name, kind, description FROM migrate.migrations JOIN loads USING (project, name) ORDER BY name COLLATE "C"$$,
                        $$VALUES ('B2__base', 'baseline', 'base'), ('R__a', 'repeatable', 'a'), ('R__b_view', 'repeatable', 'b view'),
                           ('V1.10__ten', 'versioned', 'ten'), ('V1.2__two_or_so', 'versioned', 'two or so'), ('V3', 'versioned', NULL)$$,
                  'kinds and descriptions');
SELECT is(pg_temp.loaded('auto', 'V1__a.sql', 'SELECT ''${x}''', 'V1__a.sql.conf', E'# no\nplaceholderReplacement = false\nexecuteInTransaction=true'),
          'V1__a (1): SELECT ''${x}''', 'a file''s configuration');

-- Sqitch, whose plans name their projects

SELECT pg_temp.loaded('auto', 'sqitch.plan', E'%syntax-version=1.0.0\n%project=sq1\n%uri=https://example.com/\n\n' ||
        E'b/c/d 2013-12-30T23:19:45Z A B <a@b.c> # first\\nof all\n# a comment\n' ||
        E'  +a [b/c/d !old other:x/y] 2013-12-30T23:19:45Z A <a@b.c>\n@v1 2013-12-30T23:19:45Z A <a@b.c> # tag\n' ||
        E'e [@v1 sq1:a other:z@t] 2013-12-30T23:19:45Z A <a@b.c>\r\n',
        'deploy/b/c/d.sql', 'SELECT 1', 'revert/b/c/d.sql', 'SELECT -1', 'verify/b/c/d.sql', 'SELECT true', 'deploy/a.sql', 'SELECT 2',
        'deploy/e.sql', 'SELECT 3', 'revert/nowhere.sql', 'SELECT 0', 'verify/nowhere.sql', 'SELECT 0', 'sql/other.sql', 'SELECT 0') \g /dev/null
SELECT pg_temp.rows_are($$SELECT name, m.version, up, down, verify, description, requires, conflicts
                          FROM migrate.migrations m JOIN loads USING (name) WHERE m.project = 'sq1' ORDER BY ordinal$$,
                        $$VALUES ('b/c/d', NULL::text, 'SELECT 1', 'SELECT -1', 'SELECT true', E'first\nof all', '{}'::text[], '{}'::text[]),
                                 ('a', NULL, 'SELECT 2', NULL, NULL, NULL, '{b/c/d,other:x/y}', '{old}'),
                                 ('e', NULL, 'SELECT 3', NULL, NULL, NULL, '{a,other:z}', '{}')$$, 'the order and the dependencies are the plan''s');

SELECT pg_temp.loaded('auto', 'sqitch.plan', E'%project=sq2\n\na 2013-12-30T23:19:45Z A <a@b.c>\n',
        'deploy/a.sql', 'SELECT 1', 'revert/a.sql', 'SELECT -1') \g /dev/null
CALL migrate.apply(project => 'sq2') \g /dev/null
SELECT pg_temp.loaded('auto', 'sqitch.plan', E'%project=sq2\n\na 2013-12-30T23:19:45Z A <a@b.c>\nb [a] 2013-12-30T23:19:45Z A <a@b.c>\n' ||
        E'@v1 2013-12-30T23:19:45Z A <a@b.c>\n@v2 2013-12-30T23:19:45Z A <a@b.c>\na [a@v1] 2013-12-30T23:19:45Z A <a@b.c>\n' ||
        E'c [a a@v1] 2013-12-30T23:19:45Z A <a@b.c>\n',
        'deploy/a@v1.sql', 'SELECT 1', 'revert/a@v1.sql', 'SELECT -1', 'deploy/a.sql', 'SELECT 2', 'revert/a.sql', 'SELECT -2',
        'deploy/b.sql', 'SELECT 3', 'deploy/c.sql', 'SELECT 4') \g /dev/null
SELECT pg_temp.rows_are($$SELECT name, m.state, up, down, requires FROM migrate.migrations m JOIN loads USING (name) WHERE m.project = 'sq2' ORDER BY ordinal$$,
                        $$VALUES ('a', 'applied', 'SELECT 1', 'SELECT -1', '{}'::text[]), ('b', 'pending', 'SELECT 3', NULL, '{a}'),
                                 ('a#2', 'pending', 'SELECT 2', 'SELECT -2', '{a,b}'), ('c', 'pending', 'SELECT 4', NULL, '{a#2,a}')$$,
                        'a rework is a migration of its own; what was applied before it stays what it was');

SELECT pg_temp.loaded('auto', 'one/x.plan', E'%project = sq4\n\na [sq5:b sq5:@t] 2013-12-30T23:19:45Z A <a@b.c>\n', 'one/deploy/a.sql', 'SELECT 1',
        'two/x.plan', E'%project = sq5\n\nb 2013-12-30T23:19:45Z A <a@b.c>\nc 2013-12-30T23:19:45Z A <a@b.c>\n@t 2013-12-30T23:19:45Z A <a@b.c>\n',
        'two/deploy/b.sql', 'SELECT 2', 'two/deploy/c.sql', 'SELECT 3') \g /dev/null
SELECT pg_temp.rows_are($$SELECT m.project, name, up, requires FROM migrate.migrations m JOIN loads USING (name) WHERE m.project IN ('sq4', 'sq5') ORDER BY ordinal$$,
                        $$VALUES ('sq5', 'b', 'SELECT 2', '{}'::text[]), ('sq5', 'c', 'SELECT 3', '{b}'), ('sq4', 'a', 'SELECT 1', '{sq5:b,sq5:c}')$$,
                        'several plans: a project that others need comes first');

-- Our own header

SELECT pg_temp.loaded('auto', 'x.sql', E'/* a /* nested */ comment */\n\n-- migrate: name  first \n--  migrate: version 7\n-- another comment\n' ||
        E'-- migrate: description What it does, in words\n-- migrate: requires other:a, b c ,\n-- migrate: requires d\n-- migrate: conflicts e,f\r\n' ||
        E'-- migrate: replaces g\n-- migrate: tags t, u\n-- migrate: options {"lock_timeout": 500}\n/* x */ -- migrate: kind baseline\nSELECT 1;\n-- migrate: name second\n') \g /dev/null
SELECT pg_temp.rows_are($$SELECT name, m.version, kind, description, requires, conflicts, replaces, tags, options
                          FROM migrate.migrations m JOIN loads USING (project, name)$$,
                        $$VALUES ('first', '7', 'baseline', 'What it does, in words', '{other:a,b c,d}'::text[], '{e,f}'::text[], '{g}'::text[],
                                  '{t,u}'::text[], '{"lock_timeout": 500}'::jsonb)$$, 'all keys of the header');
SELECT is(pg_temp.loaded('auto', '1_a.sql', E'-- migrate: requires\nSELECT 1', '1_b.sql', E'-- migrate: requires 1_a\nSELECT 2',
                         '1_c.sql', E'-- migrate: version 1.1\nSELECT 3'),
          E'1_a (1): -- migrate: requires\nSELECT 1; 1_b (1): -- migrate: requires 1_a\nSELECT 2; 1_c (1.1): -- migrate: version 1.1\nSELECT 3',
          'of one version, with requirements');
SELECT pg_temp.rows_are($$SELECT name, requires FROM migrate.migrations JOIN loads USING (project, name) ORDER BY ordinal$$,
                        $$VALUES ('1_a', '{}'::text[]), ('1_b', '{1_a}'), ('1_c', NULL)$$, 'an empty list is not the same as none');
SELECT is(pg_temp.loaded('auto', 'v.sql', E'-- migrate: kind repeatable\nSELECT 2', '1_a.sql', 'SELECT 1', '0_r.sql', E'-- migrate: kind repeatable\nSELECT 3'),
          E'1_a (1): SELECT 1; 0_r: -- migrate: kind repeatable\nSELECT 3; v: -- migrate: kind repeatable\nSELECT 2', 'repeatables come last');
SELECT is(pg_temp.loaded('auto', '1_a.up.sql', E'-- migrate: tags x\nSELECT 1', '1_a.down.sql', 'SELECT -1'),
          E'1_a (1): -- migrate: tags x\nSELECT 1 | SELECT -1', 'a header in an up');
SELECT is(pg_temp.loaded('auto', '1_a.sql', E'-- migrate: name above\n-- migrate:up\n-- migrate: tags below\nSELECT 1;\n-- migrate:down\n'),
          E'above: -- migrate: tags below\nSELECT 1; | ', 'a header above a mark, and below it');
SELECT is(tags, '{below}', 'both count') FROM migrate.migrations JOIN loads USING (project, name);
SELECT pg_temp.load('auto', '1_a.sql', E'-- migrate: project elsewhere\nSELECT 1', '1_b.sql', 'SELECT 2') \g /dev/null
SELECT is(project, 'elsewhere', 'a project of its own') FROM migrate.migrations WHERE name = '1_a' AND project = 'elsewhere';

-- Many files.  A loop over all files for each file would take minutes.

CREATE FUNCTION pg_temp.load_time(template text[], contents text[]) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz;
BEGIN
    start := clock_timestamp();
    PERFORM migrate.load(array_agg(format(t.path, i)), array_agg(t.content), project => 'many' || nextval('projects'))
    FROM generate_series(1, 2000) i, unnest(template, contents) t (path, content);
    RETURN clock_timestamp() - start;
END
$$;
SELECT cmp_ok(pg_temp.load_time(t.paths, t.contents), '<', interval '120 s', t.what || ', 2,000 migrations')
    FROM (VALUES ('plain', ARRAY['d/%s_a.sql'], ARRAY['SELECT 1']),
                 ('Flyway', ARRAY['V%s__a.sql', 'U%s__a.sql', 'V%s__a.sql.conf'], ARRAY['SELECT 1', 'SELECT 2', 'executeInTransaction=true']),
                 ('Diesel', ARRAY['%s_a/up.sql', '%s_a/down.sql', '%s_a/metadata.toml'], ARRAY['SELECT 1', 'SELECT 2', '']),
                 ('dbmate', ARRAY['%s_a.sql'], ARRAY[E'-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2'])) AS t (what, paths, contents);

-- Versions are put into an order by which no two disagree.

SELECT pg_temp.loaded('auto', VARIADIC (SELECT array_agg(x ORDER BY n, k) FROM (
    SELECT n, k, CASE k WHEN 1 THEN format('x.%s.sql', n) ELSE format(E'-- migrate: version %s\nSELECT 1', v) END
    FROM unnest(ARRAY['1.2.1b', '4.0.1', '10', '3.9.8', '1.2', '1.2.1', '0002', '4.0.0rc4', '1.2.1a', '1.10', '1_3', '1', '2.0', '1-4', '1.2.1.1'])
         WITH ORDINALITY v (v, n), generate_series(1, 2) k) s (n, k, x))) \g /dev/null
SELECT is(string_agg(version, ' ' ORDER BY ordinal),
          '1 1.2 1.2.1 1.2.1.1 1.2.1a 1.2.1b 1_3 1-4 1.10 0002 2.0 3.9.8 4.0.0rc4 4.0.1 10', 'versions in order') FROM loads;

SELECT * FROM finish();
ROLLBACK;
