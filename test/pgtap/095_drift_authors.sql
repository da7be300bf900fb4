-- 095_drift_authors.sql: who made what statements do besides what they are about.

\ir common.psql
SET client_min_messages = error;
SELECT * FROM no_plan();

-- What differs, and the beginnings of the statements that explain it, the last one first.
CREATE FUNCTION authored(beginning text) RETURNS TABLE (drifted text, statements text[]) LANGUAGE sql AS $$
    SELECT d.change || ' ' || d.object_type || ' ' || d.identity,
           (SELECT array_agg(substring(l.statement, beginning) ORDER BY l.id DESC) FROM migrate.ddl_log l WHERE l.id = ANY (d.ddl_ids))
    FROM migrate.drift() d
$$;
CREATE ROLE tap_who;
CREATE ROLE tap_who_too;
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE whole (a int NOT NULL, b int, c int) PARTITION BY RANGE (a);
CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (10);
CREATE TABLE half PARTITION OF whole FOR VALUES FROM (10) TO (20) PARTITION BY LIST (b);
CREATE TABLE quarter PARTITION OF half FOR VALUES IN (1);
CREATE TABLE other (a int NOT NULL, b int, c int);
CREATE TABLE owned (i int);
ALTER TABLE owned OWNER TO tap_who;
CREATE TABLE given (i int);
GRANT SELECT ON given TO tap_who;
CREATE TABLE keyed (i int PRIMARY KEY, j int UNIQUE);
CREATE FUNCTION talks() RETURNS text LANGUAGE sql AS $$
SELECT '
comment: one
' $$;
COMMENT ON FUNCTION talks() IS 'it talks';
SELECT migrate.watch('test') \g /dev/null

-- Indexes of partitions.

BEGIN;
CREATE INDEX whole_b ON whole (b);
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('added index public.whole_b', '{CREATE INDEX}'::text[]), ('added index public.part_b_idx', '{CREATE INDEX}'),
             ('added index public.half_b_idx', '{CREATE INDEX}'), ('added index public.quarter_b_idx', '{CREATE INDEX}')$$,
    'those that an index of the whole table has made');
ALTER TABLE part ADD UNIQUE (c);
SELECT results_eq($$SELECT * FROM authored('^\w+ \w+') WHERE drifted ~ ' public.part_' ORDER BY 1$$,
    $$VALUES ('added index public.part_b_idx', '{CREATE INDEX}'::text[]), ('added index public.part_c_key', '{ALTER TABLE}')$$,
    'and not by a constraint that came later');
ALTER TABLE whole ATTACH PARTITION other DEFAULT;
CREATE TABLE late PARTITION OF whole FOR VALUES FROM (20) TO (30);
SELECT results_eq($$SELECT drifted, statements[1] FROM authored('^\w+ \w+') WHERE drifted ~ 'index public.(other|late)' ORDER BY 1$$,
    $$VALUES ('added index public.late_b_idx', 'CREATE TABLE'), ('added index public.other_b_idx', 'ALTER TABLE')$$, 'of a new partition it is last who made that');
ROLLBACK;
BEGIN;
CREATE INDEX half_b ON half (b);
CREATE INDEX part_first ON part (b);
SELECT set_eq($$SELECT * FROM authored('ON \w+')$$,
    $$VALUES ('added index public.half_b', '{ON half}'::text[]), ('added index public.quarter_b_idx', '{ON half}'), ('added index public.part_first', '{ON part}')$$,
    'what is only on some of the partitions');
CREATE INDEX whole_b ON whole (b);
SELECT set_eq($$SELECT * FROM authored('ON \w+')$$,
    $$VALUES ('added index public.whole_b', '{ON whole}'::text[]), ('added index public.half_b', '{ON half}'), ('added index public.quarter_b_idx', '{ON half}'),
             ('added index public.part_first', '{ON part}')$$, 'one that was there and became a part of it was made before');
ROLLBACK;
BEGIN;
SELECT migrate.unwatch('test') \g /dev/null
CREATE INDEX unseen ON part (b);
SELECT migrate.watch('test') \g /dev/null
CREATE INDEX whole_b ON whole (b);
SELECT set_has($$SELECT * FROM authored('ON \w+')$$, $$VALUES ('added index public.unseen', NULL::text[])$$, 'also where nobody knows by whom');
ROLLBACK;

-- A key and its index go by one name.

BEGIN;
ALTER INDEX keyed_pkey RENAME TO keyed_i;
ALTER TABLE keyed RENAME CONSTRAINT keyed_j_key TO keyed_j;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('removed index public.keyed_pkey', '{ALTER INDEX}'::text[]), ('added index public.keyed_i', '{ALTER INDEX}'),
             ('removed table constraint keyed_pkey on public.keyed', '{ALTER INDEX}'), ('added table constraint keyed_i on public.keyed', '{ALTER INDEX}'),
             ('removed index public.keyed_j_key', '{ALTER TABLE}'), ('added index public.keyed_j', '{ALTER TABLE}'),
             ('removed table constraint keyed_j_key on public.keyed', '{ALTER TABLE}'), ('added table constraint keyed_j on public.keyed', '{ALTER TABLE}')$$,
    'whichever of them is renamed');
ROLLBACK;

-- Triggers of partitions.

BEGIN;
CREATE TRIGGER fires BEFORE INSERT ON whole FOR EACH ROW EXECUTE FUNCTION fires();
ALTER TABLE part ENABLE ALWAYS TRIGGER fires;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('added trigger fires on public.whole', '{CREATE TRIGGER}'::text[]), ('added trigger fires on public.part', '{CREATE TRIGGER}'),
             ('added trigger fires on public.half', '{CREATE TRIGGER}'), ('added trigger fires on public.quarter', '{CREATE TRIGGER}')$$,
    'those that a trigger of the whole table has made');
SELECT migrate.accept_drift('*', 'test') \g /dev/null
CREATE OR REPLACE TRIGGER fires BEFORE UPDATE ON whole FOR EACH ROW EXECUTE FUNCTION fires();
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+ \w+')$$,
    $$SELECT 'changed trigger fires on public.' || t, '{CREATE OR REPLACE}'::text[] FROM unnest('{whole,part,half,quarter}'::text[]) t$$, 'or has replaced');
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER TRIGGER fires ON whole RENAME TO fired;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$SELECT c || ' on public.' || t, '{ALTER TRIGGER}'::text[] FROM unnest('{whole,part,half,quarter}'::text[]) t, unnest('{removed trigger fires,added trigger fired}'::text[]) c$$,
    'or has got another name with');
ROLLBACK;

-- Roles.

BEGIN;
ALTER ROLE tap_who RENAME TO tap_who_now;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('changed table public.owned', '{ALTER ROLE}'::text[]), ('changed table public.given', '{ALTER ROLE}')$$, 'what a role is called where it owns, and has privileges');
ROLLBACK;
BEGIN;
ALTER ROLE tap_who_too RENAME TO tap_who_now;
ALTER TABLE given OWNER TO tap_who_now;
UPDATE pg_class SET relowner = 'tap_who_now'::regrole WHERE oid = 'owned'::regclass;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$, $$VALUES ('changed table public.owned', NULL::text[]), ('changed table public.given', '{ALTER TABLE}')$$,
    'a role of another name is another one');
ROLLBACK;
BEGIN;
DROP OWNED BY tap_who;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('removed table public.owned', '{DROP OWNED}'::text[]), ('changed table public.given', '{DROP OWNED}')$$, 'what a role has lost with what it owned');
ROLLBACK;
BEGIN;
DROP OWNED BY tap_who_too;
REASSIGN OWNED BY tap_who TO tap_who_too;
UPDATE pg_attribute SET attname = 'j' WHERE attrelid = 'given'::regclass AND attname = 'i';
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('changed table public.owned', '{REASSIGN OWNED}'::text[]), ('changed table public.given', NULL)$$, 'and no more than that');
ROLLBACK;

BEGIN;
DROP TABLE owned;
DROP OWNED BY tap_who;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('removed table public.owned', '{DROP TABLE}'::text[]), ('changed table public.given', '{DROP OWNED}')$$, 'what was gone before it has not lost');
ROLLBACK;

-- What has another name now is known by its place, also when the first run has looked; not so in a copy of the database.

BEGIN;
ALTER TABLE given RENAME TO taken;
SELECT migrate.register('0001_first', 'CREATE TABLE first ()') \g /dev/null
CALL migrate.apply() \g /dev/null
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$, $$VALUES ('removed table public.given', '{ALTER TABLE}'::text[]), ('added table public.taken', '{ALTER TABLE}')$$, 'a table renamed before it');
SELECT matches(migrate.propose_revert('public.given'), 'ALTER TABLE public.taken RENAME TO given', 'is renamed back');
ROLLBACK;
BEGIN;
SELECT migrate.unwatch('test') \g /dev/null
DROP TABLE given;
SELECT migrate.watch('test') \g /dev/null
CREATE TABLE taken (i int);
ALTER TABLE taken RENAME i TO j;
ALTER TABLE taken RENAME j TO i;
ALTER TABLE migrate.looks DISABLE TRIGGER ALL;
ALTER TABLE migrate.expected DISABLE TRIGGER ALL;
DELETE FROM migrate.looks;
UPDATE migrate.expected SET object_id = 'taken'::regclass WHERE identity = 'public.given';
SELECT set_has($$SELECT * FROM authored('^\w+ \w+')$$, $$VALUES ('removed table public.given', NULL::text[])$$, 'what was elsewhere at the place of another one');
SELECT alike(migrate.propose_revert('public.given'), '%CREATE TABLE public.given%', 'is not that one renamed');
ROLLBACK;

-- What came in unseen is nobody's, whatever is done to it later.

CREATE VIEW reads AS SELECT a FROM other;
CREATE VIEW reads_too AS SELECT a FROM reads;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
BEGIN;
SELECT migrate.unwatch('test') \g /dev/null
CREATE TABLE unseen (i int);
CREATE FUNCTION unseen() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA unseen;
CREATE VIEW unseen_too AS SELECT b FROM other;
ALTER TABLE other ALTER c SET DEFAULT 1;
DROP VIEW reads_too;
SELECT migrate.watch('test') \g /dev/null
COMMENT ON TABLE unseen IS 'seen';
ALTER TABLE unseen ADD j int;
ALTER FUNCTION unseen() STABLE;
GRANT USAGE ON SCHEMA unseen TO tap_who;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO tap_who_too;
ALTER TABLE other ADD CONSTRAINT positive CHECK (c > 0);
ALTER TABLE other ADD d int;
DROP VIEW reads;
CREATE TABLE seen (i int);
COMMENT ON TABLE seen IS 'seen';
SELECT set_has($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('added table public.unseen', NULL::text[]), ('added function public.unseen()', NULL), ('added schema unseen', NULL), ('added view public.unseen_too', NULL),
             ('removed view public.reads_too', NULL), ('removed view public.reads', '{DROP VIEW}'), ('added table constraint positive on public.other', '{ALTER TABLE}'),
             ('added table public.seen', '{COMMENT ON,CREATE TABLE}')$$, 'what came in unseen');
ROLLBACK;
BEGIN;
CREATE TABLE seen (i int);
SELECT migrate.unwatch('test') \g /dev/null
CREATE VIEW of_seen AS SELECT i FROM seen;
CREATE INDEX of_seen_i ON seen (i);
SELECT migrate.watch('test') \g /dev/null
ALTER TABLE seen ADD j int;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('added table public.seen', '{ALTER TABLE,CREATE TABLE}'::text[]), ('added view public.of_seen', NULL), ('added index public.of_seen_i', NULL)$$,
    'on what somebody has made');
ROLLBACK;

-- Who grants on all has not done more, and who sets something for one role not for another one.

BEGIN;
GRANT INSERT ON ALL TABLES IN SCHEMA public TO tap_who_too;
CREATE INDEX other_b ON other (b);
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO tap_who_too;
SELECT set_has($$SELECT * FROM authored('^\w+ \w+ ON ALL \w+|^\w+ INDEX')$$,
    $$VALUES ('changed table public.other', '{GRANT INSERT ON ALL TABLES}'::text[]), ('changed function public.talks()', '{GRANT EXECUTE ON ALL FUNCTIONS}'),
             ('added index public.other_b', '{CREATE INDEX}')$$, 'grants on all tables, and on all functions');
ROLLBACK;
SELECT current_database() AS db \gset
BEGIN;
ALTER ROLE tap_who IN DATABASE :"db" SET work_mem = '5MB';
ALTER ROLE tap_who_too IN DATABASE :"db" SET work_mem = '6MB';
ALTER DATABASE :"db" SET work_mem = '7MB';
SELECT set_eq($$SELECT * FROM authored('.MB')$$, $$VALUES ('added database setting role tap_who in this database', '{5MB}'::text[]),
    ('added database setting role tap_who_too in this database', '{6MB}'), ('added database setting this database', '{7MB}')$$, 'settings');
ROLLBACK;

-- One gives a table another name, and others go on with it.

BEGIN;
CREATE TABLE named (k int PRIMARY KEY, v text, w int);
CREATE VIEW sees AS SELECT k, v FROM named;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER TABLE named RENAME TO renamed;
ALTER TABLE renamed DROP w;
ALTER TABLE renamed ADD x int;
ALTER TABLE renamed ADD CHECK (x > 0);
SELECT set_has($$SELECT * FROM authored('^\w+ \w+ \w+ \w+')$$,
    $$VALUES ('removed table public.named', '{ALTER TABLE named RENAME}'::text[]), ('changed view public.sees', '{ALTER TABLE named RENAME}'),
             ('changed index public.named_pkey', '{ALTER TABLE named RENAME}'), ('added table constraint named_pkey on public.renamed', '{ALTER TABLE named RENAME}'),
             ('added table constraint renamed_x_check on public.renamed', '{ALTER TABLE renamed ADD,ALTER TABLE named RENAME}')$$, 'only the one has done what that does');
ROLLBACK;

-- Lines that are in the value of another one.

BEGIN;
COMMENT ON FUNCTION talks() IS 'it talks';
UPDATE pg_proc SET prosrc = replace(prosrc, 'one', 'two') WHERE oid = 'talks'::regproc;
SELECT set_eq($$SELECT * FROM authored('^\w+')$$, $$VALUES ('changed function public.talks()', NULL::text[])$$, 'a line of a body is no comment');
ROLLBACK;
BEGIN;
COMMENT ON FUNCTION talks() IS E'it talks\nof this';
SELECT migrate.accept_drift('*', 'test') \g /dev/null
COMMENT ON FUNCTION talks() IS E'it talks\nof that';
SELECT set_eq($$SELECT * FROM authored('^\w+')$$, $$VALUES ('changed function public.talks()', '{COMMENT}'::text[])$$, 'a second line of a comment is one');
ROLLBACK;
SELECT is_empty('SELECT * FROM migrate.drift()', 'nothing of all that is left');
SELECT migrate.unwatch('test') \g /dev/null
SELECT * FROM finish();
