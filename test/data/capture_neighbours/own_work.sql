-- What people do around the migrations, for 230_capture_neighbours.pl: it runs with and without pg_migrations.
CREATE ROLE neighbour_maker PASSWORD 'geheim';
CREATE ROLE neighbour_reader;
CREATE SCHEMA s AUTHORIZATION neighbour_maker;
SET search_path = s, public;

CREATE TABLE t (i serial PRIMARY KEY, j int CHECK (j > 0));
ALTER TABLE t ADD k text, ALTER j SET NOT NULL;
CREATE TABLE u () \; ALTER TABLE u ADD i int \; SELECT 1 \; DROP TABLE u;
CREATE TABLE IF NOT EXISTS t ();
DROP TABLE IF EXISTS missing;
CREATE TEMP TABLE temporary (i int);
DROP TABLE temporary;
CREATE SCHEMA elements CREATE TABLE a (i int PRIMARY KEY) CREATE VIEW v AS SELECT i FROM a GRANT SELECT ON v TO neighbour_reader;
DROP SCHEMA elements CASCADE;
INSERT INTO t (j) SELECT generate_series(1, 10);

-- code
CREATE FUNCTION make(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN EXECUTE format('CREATE TABLE made_%s ()', i); RETURN i; END$$;
CREATE FUNCTION make_in_sql() RETURNS bigint LANGUAGE sql AS 'CREATE TABLE in_sql (i int); SELECT count(*) FROM t';
CREATE FUNCTION in_vain() RETURNS int LANGUAGE plpgsql AS $$
BEGIN PERFORM make(0); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN CREATE TABLE caught (); RETURN 0; END$$;
CREATE PROCEDURE in_two() LANGUAGE plpgsql AS 'BEGIN CREATE TABLE s.in_two_1 (); COMMIT; CREATE TABLE s.in_two_2 (); ROLLBACK; CREATE TABLE s.in_two_3 (); END';
CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM make(new.i); RETURN new; END';
CREATE TABLE watched (i int);
CREATE TRIGGER on_row BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION on_row();
DO $$BEGIN CREATE TABLE d (i int); EXECUTE 'CREATE INDEX ON d (i); INSERT INTO d SELECT count(*) FROM t; DROP INDEX d_i_idx'; END$$;
SELECT make(i) FROM generate_series(1, 3) i WHERE i > (SELECT 1);
SELECT make_in_sql(), in_vain();
CALL in_two();
INSERT INTO watched VALUES (11), (12);
PREPARE q AS SELECT make(21) FROM t LIMIT 1;
EXECUTE q;
DROP TABLE made_21;
CREATE TABLE as_executed AS EXECUTE q;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) CREATE TABLE explained AS SELECT make(31) AS i;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) SELECT make(32);
EXPLAIN (COSTS off) CREATE TABLE not_made AS SELECT 1 AS i;
SELECT i INTO selected FROM t;
CREATE MATERIALIZED VIEW matview AS SELECT i FROM t;
CREATE UNIQUE INDEX ON matview (i);
REFRESH MATERIALIZED VIEW matview;
REFRESH MATERIALIZED VIEW CONCURRENTLY matview;
COPY t (j) FROM stdin;
1
2
\.
COPY watched FROM stdin;
41
\.
COPY (SELECT make(51)) TO stdout;

-- transactions
BEGIN;
DECLARE c CURSOR FOR SELECT make(i) FROM generate_series(61, 64) i;
FETCH 1 FROM c;
CREATE TABLE between_them ();
FETCH 2 FROM c;
COMMIT;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT make(i) FROM generate_series(71, 72) i;
COMMIT;
FETCH ALL FROM held;
CLOSE held;
BEGIN;
CREATE TABLE stays ();
SAVEPOINT x;
CREATE TABLE goes ();
ROLLBACK TO x;
COMMIT;
BEGIN;
CREATE TABLE goes ();
ROLLBACK;
BEGIN;
CREATE TABLE goes ();
SELECT 1 / 0;
CREATE TABLE goes_too ();
COMMIT;
CREATE TABLE goes (i missing);
SELECT make(1);
BEGIN;
CREATE TABLE prepared ();
PREPARE TRANSACTION 'neighbours';
COMMIT PREPARED 'neighbours';

-- utilities
TRUNCATE t;
ANALYZE t;
VACUUM t;
REINDEX TABLE t;
CLUSTER t USING t_pkey;
CREATE INDEX CONCURRENTLY ci ON t (j);
DROP INDEX CONCURRENTLY ci;
LOCK TABLE t;
NOTIFY n;
CHECKPOINT;
CREATE EXTENSION hstore;
ALTER EXTENSION hstore SET SCHEMA s;
DROP EXTENSION hstore;
COMMENT ON TABLE t IS 'a table';
GRANT SELECT ON ALL TABLES IN SCHEMA s TO neighbour_reader;
REVOKE ALL ON t FROM neighbour_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO neighbour_reader;
CREATE FUNCTION at_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN IF to_regclass('s.by_trigger') IS NULL THEN CREATE TABLE s.by_trigger (); END IF; END$$;
CREATE EVENT TRIGGER neighbour ON ddl_command_end EXECUTE FUNCTION at_ddl();
CREATE TABLE seen_by_trigger ();
DROP EVENT TRIGGER neighbour;
CREATE DATABASE neighbour_database;
DROP DATABASE neighbour_database;
ALTER SYSTEM SET work_mem = '5MB';
ALTER SYSTEM RESET work_mem;

-- roles
ALTER ROLE neighbour_maker PASSWORD 'geheim' VALID UNTIL '2030-01-01';
ALTER ROLE neighbour_maker SET work_mem = '5MB';
GRANT neighbour_reader TO neighbour_maker;
SET SESSION AUTHORIZATION neighbour_maker;
CREATE TABLE his (i int);
GRANT SELECT ON his TO neighbour_reader;
CREATE TABLE public.not_his ();
RESET SESSION AUTHORIZATION;
SET ROLE neighbour_maker;
CREATE TABLE his_too ();
RESET ROLE;
REASSIGN OWNED BY neighbour_maker TO CURRENT_USER;
DROP OWNED BY neighbour_maker, neighbour_reader;
DROP SCHEMA s CASCADE;
DROP ROLE neighbour_maker, neighbour_reader;
DISCARD ALL;
