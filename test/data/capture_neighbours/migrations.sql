-- What is done through pg_migrations, for 230_capture_neighbours.pl.
SELECT migrate.register('1_a', $up$
CREATE TABLE m (i int PRIMARY KEY, j text);
INSERT INTO m SELECT generate_series(1, 3);
DO $$BEGIN CREATE INDEX ON m (j); UPDATE m SET j = i; END$$;
COPY m FROM stdin;
4	four
5	five
\.
$up$, 'DROP TABLE m');
SELECT migrate.register('2_b', 'CREATE EXTENSION hstore; CREATE TABLE n AS SELECT * FROM m; CREATE ROLE neighbour_maker;
	EXPLAIN ANALYZE CREATE TABLE o AS SELECT 1 AS i; TRUNCATE n', 'DROP TABLE n, o; DROP ROLE neighbour_maker; DROP EXTENSION hstore',
	'SELECT count(*) = 0 FROM n');
SELECT migrate.register('3_c', 'CREATE TABLE fails (); SELECT 1 / 0');
CALL migrate.apply();
CREATE TABLE after_failure ();
SELECT migrate.register('3_c', 'CREATE TABLE not_any_more ()', 'DROP TABLE not_any_more');
BEGIN;
CALL migrate.apply();
CREATE TABLE after_it ();
COMMIT;
CALL migrate.revert('1_a', project => 'default');

BEGIN;
SELECT migrate.begin('by hand');
CREATE TABLE attributed ();
DO 'BEGIN CREATE TABLE attributed_too (); END';
COMMIT;

SET pg_migrations.out_of_band = reject;
CREATE TABLE rejected ();
DO 'BEGIN CREATE TABLE rejected (); END';
DO $$BEGIN CREATE TABLE rejected (); EXCEPTION WHEN SQLSTATE 'MG013' THEN PERFORM count(*) FROM after_it; END$$;
CREATE TEMP TABLE passes (i int);
BEGIN;
SET LOCAL pg_migrations.reason = 'at night';
CREATE TABLE reasoned (i int);
SELECT count(*) FROM reasoned;
COMMIT;
CREATE TABLE rejected ();
SELECT migrate.break_glass('fire');
DO 'BEGIN CREATE TABLE broken (); END';
SET pg_migrations.out_of_band = warn;
CREATE TABLE warned ();
SET pg_migrations.out_of_band = log;
SELECT * FROM migrate.verify_history();
