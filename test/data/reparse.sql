-- reparse.sql: what the server prints in other words once a restore has made it read its own text again; in every place that has one.

\set ON_ERROR_STOP 1
CREATE SCHEMA words;
CREATE TABLE words.t (id integer, v varchar(20), c char(5), n numeric,
    b boolean DEFAULT ('x'::varchar IN ('x', 'y')),
    g boolean GENERATED ALWAYS AS (v IN ('a', 'b')) STORED,
    CONSTRAINT listed CHECK (v IN ('a', 'b''c', E'back\\slash')),
    CONSTRAINT not_listed CHECK (v NOT IN ('x', 'y') OR v IS NULL) NOT VALID,
    CONSTRAINT by_length CHECK (char_length(v) IN (1, 2, 3) AND c IN ('p', 'q')),
    CONSTRAINT once EXCLUDE USING btree (id WITH =) WHERE (v IN ('a', 'b')));
CREATE INDEX of_some ON words.t (id, (v IN ('i', 'j'))) WHERE v IN ('a', 'b');
CREATE STATISTICS words.s ON (v IN ('a', 'b')), (lower(v)) FROM words.t;
CREATE DOMAIN words.d AS varchar(10) DEFAULT 'a' CHECK (VALUE IN ('a', 'b'));
CREATE TABLE words.p (v varchar) PARTITION BY LIST ((v IN ('a', 'b')));
CREATE VIEW words.view AS SELECT t.id, t.v IN ('q', 'r') AS few, CASE WHEN t.v IN ('a', 'b') THEN 'in'::varchar ELSE 'out' END AS word FROM words.t
    WHERE t.v IN ('a', 'b') ORDER BY (t.v IN ('m', 'n'));
CREATE RECURSIVE VIEW words.counted (n, v) AS VALUES (1, 'a'::varchar) UNION ALL SELECT n + 1, v FROM counted WHERE n < 10 AND v IN ('a', 'b');
CREATE MATERIALIZED VIEW words.kept AS SELECT v FROM words.t WHERE v IN ('a', 'b') WITH NO DATA;
CREATE FUNCTION words.trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER sometimes BEFORE UPDATE ON words.t FOR EACH ROW WHEN (OLD.v IN ('a', 'b') AND NEW.v NOT IN ('c', 'd')) EXECUTE FUNCTION words.trigger();
CREATE RULE seldom AS ON UPDATE TO words.t WHERE OLD.v IN ('a', 'b') AND NEW.id > 7
    DO ALSO (INSERT INTO words.p SELECT t.v FROM words.t WHERE t.v IN ('r', 's') AND t.id = NEW.id; DELETE FROM words.p WHERE v IN ('a', 'b') OR v = OLD.v);
CREATE POLICY own ON words.t USING (v IN ('a', 'b')) WITH CHECK (EXISTS (SELECT FROM words.p WHERE p.v IN ('a', 'b') AND p.v = t.v));
CREATE FUNCTION words.f(a boolean DEFAULT ('x'::varchar IN ('x', 'y')), b varchar DEFAULT 'z') RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION words.atomic(a varchar, k integer) RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT v IN ('a', 'b') FROM words.t WHERE id = k; SELECT a IN ('c', 'd') AND k > 1; END;
CREATE FUNCTION words.numbered(varchar, integer) RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT $1 IN ('c', 'd') AND $2 > 1; END;
CREATE FUNCTION words.returned(a varchar) RETURNS boolean LANGUAGE sql RETURN a IN ('a', 'b');
-- To read this literal would be to check what is in it.
CREATE FUNCTION words.checked(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE DOMAIN words.careful AS text CHECK (words.checked(VALUE));
CREATE TYPE words.pair AS (x integer, y words.careful);
CREATE TABLE words.literal (v varchar, p words.pair, CHECK (v IN ('a', 'b') OR p = '(1,2)'::words.pair));
SET client_min_messages = error;
CREATE PUBLICATION words FOR TABLE words.t WHERE (id > 5 AND id IN (1, 2));
RESET client_min_messages;
