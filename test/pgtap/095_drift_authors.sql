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
CREATE TABLE member (i int);
ALTER EXTENSION pgtap ADD TABLE member;
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

-- Of a role they change nothing but what it owned, or had.

BEGIN;
CREATE ROLE tap_who_else;
CREATE TABLE shared (i int);
GRANT SELECT ON shared TO tap_who;
CREATE TABLE named (i int);
GRANT SELECT ON named TO tap_who;
CREATE POLICY of_two ON shared TO tap_who, tap_who_too;
ALTER DEFAULT PRIVILEGES FOR ROLE tap_who_too GRANT SELECT ON TABLES TO tap_who_else;
CREATE FOREIGN DATA WRAPPER wrapped;
CREATE SERVER served FOREIGN DATA WRAPPER wrapped;
CREATE USER MAPPING FOR tap_who_too SERVER served;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
GRANT INSERT ON shared TO tap_who_else;
ALTER TABLE given OWNER TO tap_who_else;
REASSIGN OWNED BY tap_who TO tap_who_too;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('changed table public.owned', '{REASSIGN OWNED}'::text[]), ('changed table public.shared', '{GRANT INSERT}'), ('changed table public.given', '{ALTER TABLE}')$$,
    'to whom only a privilege was granted has nothing that could be reassigned');
DROP OWNED BY tap_who;
GRANT SELECT ON shared TO tap_who;
ALTER TABLE named RENAME TO called;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+') WHERE drifted ~ 'shared|named|called'$$,
    $$VALUES ('changed table public.shared', '{GRANT INSERT}'::text[]), ('changed policy of_two on public.shared', '{DROP OWNED}'),
             ('removed table public.named', '{ALTER TABLE}'), ('added table public.called', '{ALTER TABLE}')$$,
    'what was granted to others stays, and what has lost a privilege is not gone for that; a policy is for the others');
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER ROLE tap_who_too RENAME TO tap_who_now;
SELECT set_has($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('changed policy of_two on public.shared', '{ALTER ROLE}'::text[]), ('removed default acl for role tap_who_too on tables', '{ALTER ROLE}'),
             ('added default acl for role tap_who_now on tables', '{ALTER ROLE}'), ('removed user mapping tap_who_too on server served', '{ALTER ROLE}'),
             ('added user mapping tap_who_now on server served', '{ALTER ROLE}')$$,
    'whom a policy is for, and who has privileges by default or a mapping');
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

-- Who has given a table another name has not made what came to it unseen.

BEGIN;
CREATE PUBLICATION published;
ALTER TABLE other ADD CONSTRAINT stays CHECK (b > 0);
CREATE TABLE other_too (i int);
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER TABLE other RENAME TO renamed;
ALTER TABLE other_too RENAME TO renamed_too;
SELECT migrate.unwatch('test') \g /dev/null
ALTER PUBLICATION published ADD TABLE renamed_too;
ALTER TABLE renamed ADD CONSTRAINT comes CHECK (b > 2);
SELECT migrate.watch('test') \g /dev/null
SELECT set_has($$SELECT * FROM authored('^\w+ \w+ \w+')$$,
    $$VALUES ('added table public.renamed', '{ALTER TABLE other}'::text[]), ('added table constraint stays on public.renamed', '{ALTER TABLE other}'),
             ('removed table constraint stays on public.other', '{ALTER TABLE other}'), ('added table constraint comes on public.renamed', NULL),
             ('added publication relation public.renamed_too in publication published', NULL)$$, 'what came to a renamed table');
ROLLBACK;

-- Nor is who did something else to an object, or undid what he did, the author of what came in unseen, or of what another one did.

CREATE TABLE host (a int DEFAULT 0, b text, c int NULL UNIQUE, CONSTRAINT positive CHECK (a > 0)) WITH (autovacuum_enabled = off);
CREATE TABLE guest (a int);
CREATE INDEX host_a ON host (a);
CREATE VIEW host_v AS SELECT a, b FROM host;
CREATE FUNCTION host_f(i int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SEQUENCE host_s;
CREATE TYPE host_e AS ENUM ('a', 'b');
CREATE DOMAIN host_d AS int DEFAULT 1;
CREATE POLICY host_p ON host USING (a > 1);
CREATE TRIGGER host_t BEFORE INSERT ON host FOR EACH ROW EXECUTE FUNCTION fires();
CREATE PUBLICATION host_u FOR TABLE host;
CREATE STATISTICS host_x ON a, c FROM host;
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE TEXT SEARCH CONFIGURATION host_c (COPY = simple);
CREATE FOREIGN DATA WRAPPER host_w;
CREATE SERVER host_w FOREIGN DATA WRAPPER host_w OPTIONS (o 'p');
CREATE USER MAPPING FOR tap_who SERVER host_w OPTIONS (a 'b');
CREATE FUNCTION host_r() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER host_r ON ddl_command_end WHEN TAG IN ('CREATE CAST') EXECUTE FUNCTION host_r();
CREATE ROLE tap_guest SUPERUSER;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
-- Who is named for a change, if another one does something before or behind it; NULL: nobody.
CREATE FUNCTION pg_temp.author(change text, seen boolean, others text[], OUT identities text[], OUT wrong text[], OUT nobody text[]) LANGUAGE plpgsql AS $$
DECLARE
    other text;
BEGIN
    IF NOT seen THEN
        PERFORM migrate.unwatch('test');
    END IF;
    EXECUTE change;
    IF NOT seen THEN
        PERFORM migrate.watch('test');
    END IF;
    SET SESSION AUTHORIZATION tap_guest;
    FOREACH other IN ARRAY others LOOP
        EXECUTE other;
    END LOOP;
    RESET SESSION AUTHORIZATION;
    SELECT array_agg(d.identity), array_agg(d.identity) FILTER (WHERE d.changed_by = 'tap_guest' OR (NOT seen AND d.changed_by IS NOT NULL)),
        array_agg(d.identity) FILTER (WHERE seen AND d.changed_by IS NULL)
        INTO identities, wrong, nobody FROM migrate.drift() d;
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION WHEN SQLSTATE 'P0101' THEN
    NULL;
END
$$;
CREATE TEMP TABLE beside (id serial, change text, others text[]);
INSERT INTO beside (change, others) VALUES
    ($$CREATE OR REPLACE FUNCTION host_f(i int) RETURNS int LANGUAGE sql AS 'SELECT 2'$$,
        '{ALTER FUNCTION host_f COST 50,ALTER FUNCTION host_f COST 100,ALTER FUNCTION host_f VOLATILE,ALTER FUNCTION host_f RENAME TO elsewhere,ALTER FUNCTION elsewhere RENAME TO host_f}'),
    ('GRANT EXECUTE ON FUNCTION host_f TO tap_who', ARRAY[$$CREATE OR REPLACE FUNCTION host_f(i int) RETURNS int LANGUAGE sql AS 'SELECT 1'$$,
        'GRANT EXECUTE ON FUNCTION host_f TO tap_who_too', 'REVOKE EXECUTE ON FUNCTION host_f FROM tap_who_too']),
    ('ALTER SEQUENCE host_s CACHE 3', '{ALTER SEQUENCE host_s INCREMENT 1,ALTER SEQUENCE host_s OWNED BY NONE,ALTER SEQUENCE host_s RESTART}'),
    ($$ALTER TYPE host_e ADD VALUE 'c'$$, ARRAY[$$ALTER TYPE host_e RENAME VALUE 'a' TO 'x'$$, $$ALTER TYPE host_e RENAME VALUE 'x' TO 'a'$$]),
    ('ALTER DOMAIN host_d DROP DEFAULT', '{ALTER DOMAIN host_d RENAME TO elsewhere,ALTER DOMAIN elsewhere RENAME TO host_d,ALTER DOMAIN host_d SET SCHEMA pg_catalog,ALTER DOMAIN pg_catalog.host_d SET SCHEMA public}'),
    ('ALTER POLICY host_p ON host USING (a > 2)', '{ALTER POLICY host_p ON host TO public,ALTER POLICY host_p ON host RENAME TO elsewhere,ALTER POLICY elsewhere ON host RENAME TO host_p}'),
    ('ALTER TABLE host DISABLE TRIGGER host_t', '{ALTER TRIGGER host_t ON host RENAME TO elsewhere,ALTER TRIGGER elsewhere ON host RENAME TO host_t}'),
    ('ALTER PUBLICATION host_u ADD TABLE guest WHERE (a > 1)', '{ALTER PUBLICATION host_u SET (publish_via_partition_root = false)}'),
    ($$ALTER PUBLICATION host_u SET (publish = 'insert')$$, '{ALTER PUBLICATION host_u ADD TABLE guest,ALTER PUBLICATION host_u DROP TABLE guest}'),
    ('ALTER STATISTICS host_x SET STATISTICS 9', '{ALTER STATISTICS host_x RENAME TO elsewhere,ALTER STATISTICS elsewhere RENAME TO host_x}'),
    ('ALTER OPERATOR === (int, int) SET (RESTRICT = eqsel)', ARRAY['ALTER OPERATOR === (int, int) SET (JOIN = NONE)']),
    ('ALTER TEXT SEARCH CONFIGURATION host_c DROP MAPPING FOR int', '{ALTER TEXT SEARCH CONFIGURATION host_c ALTER MAPPING FOR word WITH simple}'),
    ($$ALTER SERVER host_w VERSION '3'$$, ARRAY[$$ALTER SERVER host_w OPTIONS (SET o 'p')$$, $$ALTER SERVER host_w OPTIONS (ADD q 'r')$$, 'ALTER SERVER host_w OPTIONS (DROP q)']),
    ($$ALTER FOREIGN DATA WRAPPER host_w OPTIONS (ADD x 'y')$$, '{ALTER FOREIGN DATA WRAPPER host_w NO VALIDATOR}'),
    ($$ALTER USER MAPPING FOR tap_who SERVER host_w OPTIONS (ADD c 'd')$$, ARRAY[$$ALTER USER MAPPING FOR tap_who SERVER host_w OPTIONS (SET a 'c')$$]),
    ('ALTER EVENT TRIGGER host_r DISABLE', '{ALTER EVENT TRIGGER host_r RENAME TO elsewhere,ALTER EVENT TRIGGER elsewhere RENAME TO host_r}'),
    ('CREATE OR REPLACE VIEW host_v AS SELECT a, b, c FROM host', '{ALTER VIEW host_v RENAME TO elsewhere,ALTER VIEW elsewhere RENAME TO host_v,ALTER VIEW host_v SET (security_barrier),ALTER VIEW host_v RESET (security_barrier)}'),
    ('COMMENT ON VIEW host_v IS $$x$$', ARRAY['CREATE OR REPLACE VIEW host_v AS SELECT a, b FROM host']),
    ('ALTER TABLE host SET (fillfactor = 50)', '{ALTER TABLE host RENAME TO elsewhere,ALTER TABLE elsewhere RENAME TO host,ALTER TABLE host SET (autovacuum_enabled = off),ALTER TABLE host RESET (parallel_workers)}'),
    ('ALTER TABLE host ALTER a SET DEFAULT 1', '{ALTER TABLE host RENAME a TO elsewhere,ALTER TABLE host RENAME elsewhere TO a,ALTER TABLE host RENAME b TO elsewhere,ALTER TABLE host RENAME elsewhere TO b,'
        'ALTER TABLE host ALTER a SET STATISTICS 3,ALTER TABLE host ALTER a SET STATISTICS -1,ALTER TABLE host ALTER a SET NOT NULL,ALTER TABLE host ALTER a DROP NOT NULL}'),
    ('ALTER TABLE host ALTER b SET STORAGE external', '{ALTER TABLE host ALTER b SET STATISTICS 3,ALTER TABLE host ALTER b SET STATISTICS -1,ALTER TABLE host ALTER b SET (n_distinct = 1),ALTER TABLE host ALTER b RESET (n_distinct)}'),
    ('ALTER INDEX host_a SET (fillfactor = 50)', '{ALTER TABLE host RENAME a TO elsewhere,ALTER TABLE host RENAME elsewhere TO a,ALTER INDEX host_a RENAME TO elsewhere,ALTER INDEX elsewhere RENAME TO host_a}'),
    ('DROP INDEX host_a', '{ALTER TABLE host RENAME a TO elsewhere,ALTER TABLE host RENAME elsewhere TO a}'),
    ('ALTER TABLE host ADD CONSTRAINT checked CHECK (a > 1)', '{ALTER TABLE host RENAME a TO elsewhere,ALTER TABLE host RENAME elsewhere TO a}'),
    ('ALTER TABLE host ADD UNIQUE (a)', '{ALTER TABLE host ALTER a SET STATISTICS 3,ALTER TABLE host ALTER a SET STATISTICS -1}'),
    ('GRANT SELECT ON host TO tap_who', '{GRANT INSERT ON host TO tap_who,REVOKE INSERT ON host FROM tap_who,GRANT SELECT ON host TO tap_who_too,REVOKE SELECT ON host FROM tap_who_too,'
        'ALTER TABLE host OWNER TO tap_guest,ALTER TABLE host OWNER TO CURRENT_USER}'),
    ('GRANT SELECT (a) ON host TO tap_who', '{GRANT SELECT (b) ON host TO tap_who,REVOKE SELECT (b) ON host FROM tap_who}');
UPDATE beside SET others = array_replace(others, 'ALTER TABLE host OWNER TO CURRENT_USER', format('ALTER TABLE host OWNER TO %I', current_user));
SELECT unnest(ARRAY[isnt(identities, NULL, change), is(wrong, NULL, '... is not by the other one' || CASE WHEN seen THEN '' ELSE ', nor by anybody' END), is(nobody, NULL, '... but by somebody, if seen')])
    FROM beside, unnest('{true,false}'::boolean[]) seen, pg_temp.author(change, seen, others) ORDER BY id, seen;

-- Who gives a statement again in the same words has changed nothing, unless the first one was undone, or the words are not all.
SELECT unnest(ARRAY[isnt(identities, NULL, change), is(wrong, NULL, '... is not by him who did it again'), is(nobody, NULL, '... but by the first one')])
    FROM (VALUES (1, 'ALTER TABLE host OWNER TO tap_who'), (2, 'ALTER SEQUENCE host_s OWNER TO tap_who'), (3, 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO tap_who'),
        (4, 'REVOKE ALL ON FUNCTION host_f FROM PUBLIC'), (5, $$COMMENT ON COLUMN host.a IS 'one'$$), (6, 'ALTER TABLE host ALTER a SET NOT NULL'),
        (7, 'ALTER TABLE host ALTER a SET STATISTICS 3, ALTER b SET STORAGE external, ALTER b SET COMPRESSION pglz, ALTER c SET (n_distinct = 1)'),
        (8, 'ALTER TABLE host SET (fillfactor = 50), REPLICA IDENTITY FULL, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY'),
        (9, 'ALTER TABLE host ALTER a SET DEFAULT 3'), (10, 'ALTER TABLE host DISABLE TRIGGER host_t'), (11, 'ALTER VIEW host_v ALTER a SET DEFAULT 3'),
        (12, $$CREATE OR REPLACE FUNCTION host_f(i int) RETURNS int LANGUAGE sql COST 7 SET work_mem = 100 AS 'SELECT 2'$$),
        (13, format('ALTER DATABASE %I SET work_mem = 100', current_database())), (14, format('ALTER ROLE tap_who IN DATABASE %I SET work_mem = 100', current_database())), (15, 'ALTER TABLE guest SET UNLOGGED'))
        AS repeated (id, change), pg_temp.author(change, true, ARRAY[change]) ORDER BY id;
SELECT is(wrong, ARRAY[identity], first || ', ' || array_to_string(others, ', ') || ' is by who did the last')
    FROM (VALUES ('public.host', 'ALTER TABLE host OWNER TO tap_who', ARRAY['ALTER TABLE host OWNER TO tap_who_too', 'ALTER TABLE host OWNER TO tap_who']),
        ('public.host', 'ALTER TABLE host OWNER TO CURRENT_USER', '{ALTER TABLE host OWNER TO CURRENT_USER}'),
        ('public.host_f(integer)', $$COMMENT ON FUNCTION host_f IS 'with password = x'$$, ARRAY[$$COMMENT ON FUNCTION host_f IS 'with password = y'$$]),
        ('public.host_f(integer)', $$CREATE OR REPLACE FUNCTION host_f(i int) RETURNS int LANGUAGE sql SET work_mem FROM CURRENT AS 'SELECT 2'$$,
            ARRAY['SET LOCAL work_mem = 200', $$CREATE OR REPLACE FUNCTION host_f(i int) RETURNS int LANGUAGE sql SET work_mem FROM CURRENT AS 'SELECT 2'$$, 'RESET work_mem']))
        AS changes (identity, first, others), pg_temp.author(first, true, others);

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
             ('added table constraint renamed_x_check on public.renamed', '{ALTER TABLE renamed ADD}')$$, 'only the one has done what that does');
ROLLBACK;

-- What was done to something before it has gone with what it is in is not why it is gone.

BEGIN;
CREATE SCHEMA moves;
CREATE TABLE moves.t (a int, b int);
CREATE TYPE moves.pair AS (a int, b int);
CREATE TABLE moves.alone (a int, b int);
CREATE INDEX alone_b ON moves.alone (b);
CREATE TABLE moves.goes (a int, b int);
CREATE TABLE moves.whole (a int, b int) PARTITION BY LIST (a);
SELECT migrate.accept_drift('*', 'test') \g /dev/null
SAVEPOINT before;
ALTER TABLE moves.t RENAME a TO c;
ALTER TYPE moves.pair RENAME ATTRIBUTE a TO c;
ALTER SCHEMA moves RENAME TO moved;
ALTER TABLE moved.t RENAME b TO d;
SELECT set_has($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('removed table moves.t', '{ALTER SCHEMA}'::text[]), ('removed type moves.pair', '{ALTER SCHEMA}'), ('added type moved.pair', '{ALTER SCHEMA}')$$,
    'the schema has taken it along, whatever its columns are called');
ROLLBACK TO before;
ALTER TABLE moves.goes ALTER a SET DEFAULT 1;
ALTER TABLE moves.whole ATTACH PARTITION moves.goes DEFAULT;
ALTER TABLE moves.goes ALTER a DROP DEFAULT;
DROP TABLE moves.whole;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('removed table moves.whole', '{DROP TABLE}'::text[]), ('removed table moves.goes', NULL)$$, 'and who has changed a partition has not dropped it');
ROLLBACK TO before;
CREATE FUNCTION moves.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER TABLE moves.t ADD CONSTRAINT k CHECK (a > 0);
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER TABLE moves.t RENAME TO u;
ALTER TABLE moves.u RENAME TO "V";
ALTER TABLE moves."V" RENAME CONSTRAINT k TO l;
CREATE SCHEMA aside;
ALTER TABLE moves.goes SET SCHEMA aside;
ALTER TABLE aside.goes RENAME TO gone;
ALTER FUNCTION moves.f RENAME TO g;
ALTER FUNCTION moves.g(int) SET SCHEMA aside;
SELECT set_has($$SELECT * FROM authored('(?:RENAME|SET).*')$$,
    $$VALUES ('removed table moves.t', NULL::text[]), ('added table moves."V"', ARRAY['RENAME TO "V"']), ('removed table moves.goes', NULL),
             ('removed table constraint k on moves.t', NULL), ('added table constraint l on moves."V"', '{RENAME CONSTRAINT k TO l}'),
             ('removed function moves.f(integer)', NULL), ('added function aside.g(integer)', '{SET SCHEMA aside}')$$,
    'and who has renamed what had another name already has not taken away the first one');
ROLLBACK TO before;
ALTER TABLE moves.whole ATTACH PARTITION moves.alone DEFAULT;
ALTER TABLE moves.alone RENAME TO alone_too;
SELECT set_has($$SELECT * FROM authored('^\w+ \w+ \S+ \w+')$$, $$VALUES ('changed index moves.alone_b', '{ALTER TABLE moves.alone RENAME}'::text[])$$,
    'nor has who made it one changed its index');
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

-- Where somebody has got a privilege, all that the owner and everybody have as usual is said as well.

BEGIN;
CREATE ROLE "0 first";
CREATE TABLE lent (d timestamptz);
CREATE FUNCTION lent() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT migrate.accept_drift('*', 'test') \g /dev/null
GRANT SELECT ON lent TO "0 first";
GRANT EXECUTE ON FUNCTION lent() TO "0 first";
REVOKE ALL ON lent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lent() TO PUBLIC;
SELECT format('GRANT ALL ON lent TO %I', current_user) \gexec
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('changed table public.lent', '{GRANT SELECT}'::text[]), ('changed function public.lent()', '{GRANT EXECUTE}')$$, 'who grants what is there anyway has changed nothing');
SET quote_all_identifiers = on;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+')$$,
    $$VALUES ('changed table public.lent', '{GRANT SELECT}'::text[]), ('changed function public.lent()', '{GRANT EXECUTE}')$$, 'whatever the session quotes');
RESET quote_all_identifiers;
REVOKE ALL ON FUNCTION lent() FROM PUBLIC;
SELECT ok('REVOKE ALL' = ANY (statements), 'and who takes it has') FROM authored('^\w+ \w+') WHERE drifted = 'changed function public.lent()';
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER TABLE lent ALTER d SET DEFAULT 'now';
ALTER TABLE lent ALTER d SET DEFAULT 'now';
SELECT set_eq($$SELECT cardinality(ddl_ids) FROM migrate.drift()$$, '{2}'::int[], 'what the clock has a part in is not the same again');
ROLLBACK;

-- Of tables of extensions is seen what pg_dump keeps of them.

BEGIN;
ALTER TABLE member REPLICA IDENTITY FULL;
ALTER TABLE member ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON member USING (i > 0);
ALTER TABLE member ADD j int;
SELECT set_eq($$SELECT * FROM authored('^\w+ \w+ \w+ \w+')$$,
    $$VALUES ('added table public.member', '{ALTER TABLE member ENABLE}'::text[]), ('added policy mine on public.member', '{CREATE POLICY mine ON}')$$,
    'who made one secure, and how');
SELECT migrate.undo_drift('mine on public.member', 'test') \g /dev/null
SELECT set_eq($$SELECT object_type || ': ' || actual FROM migrate.drift()$$, $$VALUES (E'table: row security: yes')$$, 'which can be undone');
ROLLBACK;
DROP EVENT TRIGGER host_r;
SELECT is_empty($$SELECT * FROM migrate.drift() WHERE identity <> 'host_r'$$, 'nothing of all that is left');
SELECT migrate.unwatch('test') \g /dev/null
SELECT * FROM finish();
