-- zoo.sql: at least one object of every class, with everything that can be said of it.
--
-- Run by psql as a superuser in an empty database; the roles zoo_owner, zoo_reader and "zoo Röle" are there.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SELECT current_setting('server_version_num')::int >= 160000 AS v16, current_setting('server_version_num')::int >= 170000 AS v17,
       current_setting('server_version_num')::int >= 180000 AS v18, current_database() AS db,
       EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') AS icu,
       (SELECT setting ~ 'with-libxml' FROM pg_config WHERE name = 'CONFIGURE') AS libxml \gset
\if :libxml
\set xml xml
\else
\set xml text
\endif

CREATE SCHEMA zoo AUTHORIZATION zoo_owner;
CREATE SCHEMA "Ünusual ""name""";
COMMENT ON SCHEMA zoo IS E'animals,\nin two lines: with a colon';
GRANT USAGE, CREATE ON SCHEMA zoo TO zoo_reader;
GRANT USAGE ON SCHEMA "Ünusual ""name""" TO "zoo Röle" WITH GRANT OPTION;
CREATE EXTENSION hstore SCHEMA zoo;
CREATE EXTENSION btree_gist SCHEMA public;
CREATE EXTENSION pg_trgm SCHEMA public;
COMMENT ON EXTENSION hstore IS 'pairs';
GRANT SELECT ON pg_catalog.pg_authid TO zoo_reader;
GRANT SELECT (rolname) ON pg_catalog.pg_authid TO zoo_owner;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION zoo.slice(zoo.hstore, text[]) FROM PUBLIC;

-- The database.
ALTER DATABASE :"db" SET work_mem = '5MB';
ALTER DATABASE :"db" SET search_path = zoo, public;
ALTER ROLE zoo_reader IN DATABASE :"db" SET statement_timeout = '7s';
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner IN SCHEMA zoo GRANT SELECT ON TABLES TO zoo_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner GRANT USAGE ON TYPES TO zoo_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner GRANT USAGE ON SEQUENCES TO zoo_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner GRANT USAGE ON SCHEMAS TO zoo_reader;

-- Types.
CREATE COLLATION zoo.c FROM "C";
\if :icu
CREATE COLLATION zoo.german (provider = icu, locale = 'de-u-co-phonebk');
CREATE COLLATION zoo.unaccented (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
\if :v16
CREATE COLLATION zoo.ruled (provider = icu, locale = 'und', rules = '&a < g');
\endif
\endif
\if :v17
CREATE COLLATION zoo.built_in (provider = builtin, locale = 'C.UTF-8');
\endif
CREATE TYPE zoo.mood AS ENUM ('sad', 'happy', 'it''s');
ALTER TYPE zoo.mood ADD VALUE 'so so' BEFORE 'happy';
CREATE TYPE zoo.pair AS (first integer, second text COLLATE "C", third zoo.mood[]);
ALTER TYPE zoo.pair DROP ATTRIBUTE first;
ALTER TYPE zoo.pair ADD ATTRIBUTE fourth numeric(10, 2);
COMMENT ON TYPE zoo.pair IS 'two of them';
COMMENT ON COLUMN zoo.pair.second IS 'the other';
CREATE DOMAIN zoo.positive AS integer NOT NULL DEFAULT 1 CONSTRAINT is_positive CHECK (VALUE > 0);
ALTER DOMAIN zoo.positive ADD CONSTRAINT is_small CHECK (VALUE < 1000) NOT VALID;
COMMENT ON CONSTRAINT is_positive ON DOMAIN zoo.positive IS 'above zero';
CREATE DOMAIN zoo.code AS varchar(10) COLLATE "C" DEFAULT 'x' CHECK (VALUE ~ '^[a-z]+$');
CREATE DOMAIN zoo.pairs AS zoo.pair[];
CREATE FUNCTION zoo.float8mi(float8, float8) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 - $2';
CREATE TYPE zoo.floats AS RANGE (subtype = float8, subtype_diff = zoo.float8mi, multirange_type_name = zoo.many_floats);
CREATE TYPE zoo.texts AS RANGE (subtype = text, collation = "C", subtype_opclass = text_pattern_ops);
CREATE TYPE zoo.shell;
CREATE TYPE zoo.base;
CREATE FUNCTION zoo.base_in(cstring) RETURNS zoo.base LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION zoo.base_out(zoo.base) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE zoo.base (input = zoo.base_in, output = zoo.base_out, like = integer, category = 'N', default = '42', delimiter = ';');
GRANT USAGE ON TYPE zoo.mood TO zoo_reader;
REVOKE USAGE ON TYPE zoo.pair FROM PUBLIC;
ALTER TYPE zoo.mood OWNER TO zoo_owner;

-- Functions.
CREATE FUNCTION zoo.add(a integer, b integer DEFAULT 2, VARIADIC c integer[] DEFAULT '{}') RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT LEAKPROOF COST 3 SET work_mem = '1MB' SET search_path = zoo, pg_temp
    AS $$SELECT a + b$$;
CREATE FUNCTION zoo.many(n integer, OUT i integer, OUT t text) RETURNS SETOF record LANGUAGE plpgsql STABLE ROWS 5 SECURITY DEFINER AS $body$
BEGIN
	-- a comment: with a colon
	RETURN QUERY SELECT g, g::text FROM generate_series(1, n) g;
END
$body$;
CREATE FUNCTION zoo.atomic(i integer) RETURNS TABLE (r integer) LANGUAGE sql BEGIN ATOMIC SELECT i + 1; SELECT i + 2; END;
CREATE FUNCTION zoo.crlf() RETURNS integer LANGUAGE sql AS E'SELECT 1\r\n  + 2';
CREATE PROCEDURE zoo.proceed(INOUT i integer DEFAULT 7) LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
CREATE FUNCTION zoo.row_number() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';
CREATE FUNCTION zoo.supported(text, text) RETURNS boolean LANGUAGE internal SUPPORT textlike_support AS 'textlike';
CREATE FUNCTION zoo.with_types(zoo.mood, zoo.pair, zoo.positive[]) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION zoo.trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION zoo.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION zoo.user_name() RETURNS name LANGUAGE sql STABLE AS 'SELECT current_user';
ALTER FUNCTION zoo.add DEPENDS ON EXTENSION hstore;
GRANT EXECUTE ON FUNCTION zoo.many TO zoo_reader WITH GRANT OPTION;
REVOKE EXECUTE ON PROCEDURE zoo.proceed FROM PUBLIC;
COMMENT ON FUNCTION zoo.add IS 'adds';
ALTER FUNCTION zoo.add OWNER TO zoo_owner;
CREATE AGGREGATE zoo.total(integer) (sfunc = int4pl, stype = integer, initcond = '0', parallel = safe, combinefunc = int4pl,
    msfunc = int4pl, minvfunc = int4mi, mstype = integer, minitcond = '0', finalfunc = int4abs, finalfunc_modify = shareable, mfinalfunc = int4abs, mfinalfunc_modify = read_write);
CREATE AGGREGATE zoo.percentile(double precision ORDER BY anyelement) (sfunc = ordered_set_transition, stype = internal,
    finalfunc = percentile_disc_final, finalfunc_extra, finalfunc_modify = read_write, sspace = 100);
CREATE AGGREGATE zoo.least(integer) (sfunc = int4smaller, stype = integer, sortop = <);
COMMENT ON AGGREGATE zoo.total(integer) IS 'a sum';

-- Operators.
CREATE FUNCTION zoo.mood_eq(zoo.pair, zoo.pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT ($1).second = ($2).second';
CREATE OPERATOR zoo.=== (leftarg = zoo.pair, rightarg = zoo.pair, function = zoo.mood_eq, commutator = OPERATOR(zoo.===), negator = OPERATOR(zoo.!==),
    restrict = eqsel, join = eqjoinsel, hashes, merges);
CREATE OPERATOR zoo.!! (rightarg = integer, function = int4abs);
CREATE OPERATOR FAMILY zoo.family USING btree;
ALTER OPERATOR FAMILY zoo.family USING btree ADD OPERATOR 1 < (integer, bigint), OPERATOR 3 = (integer, bigint), FUNCTION 1 (integer, bigint) btint48cmp(integer, bigint);
CREATE OPERATOR CLASS zoo.class FOR TYPE integer USING btree FAMILY zoo.family AS
    OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(integer, integer);
CREATE OPERATOR CLASS zoo.points FOR TYPE point USING gist AS OPERATOR 15 <-> (point, point) FOR ORDER BY float_ops,
    FUNCTION 1 gist_point_consistent(internal, point, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
    FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
    FUNCTION 7 gist_box_same(box, box, internal), FUNCTION 8 (point, point) gist_point_distance(internal, point, smallint, oid, internal), STORAGE box;
CREATE ACCESS METHOD zoo_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD zoo_tree TYPE INDEX HANDLER bthandler;
COMMENT ON ACCESS METHOD zoo_heap IS 'the same';
CREATE FUNCTION zoo.to_pair(integer) RETURNS zoo.pair LANGUAGE sql IMMUTABLE AS $$SELECT ROW($1::text, NULL, $1)::zoo.pair$$;
CREATE CAST (integer AS zoo.pair) WITH FUNCTION zoo.to_pair(integer) AS ASSIGNMENT;
CREATE CAST (zoo.mood AS varchar) WITH INOUT AS IMPLICIT;
CREATE CAST (zoo.base AS integer) WITHOUT FUNCTION;
COMMENT ON CAST (zoo.base AS integer) IS 'the same bytes';
CREATE FUNCTION zoo.from_pair(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'prsd_lextype';
CREATE TRANSFORM FOR zoo.pair LANGUAGE plpgsql (FROM SQL WITH FUNCTION zoo.from_pair(internal));
CREATE FUNCTION zoo.transformed(zoo.pair) RETURNS integer TRANSFORM FOR TYPE zoo.pair LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE CONVERSION zoo.converted FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE FUNCTION zoo.speak_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION zoo.speak_validator(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE LANGUAGE speak HANDLER zoo.speak_handler VALIDATOR zoo.speak_validator;
CREATE TRUSTED LANGUAGE whisper HANDLER zoo.speak_handler;
GRANT USAGE ON LANGUAGE whisper TO zoo_reader;
COMMENT ON LANGUAGE speak IS 'aloud';

-- Text search.
CREATE TEXT SEARCH PARSER zoo.parser (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype, headline = prsd_headline);
CREATE TEXT SEARCH TEMPLATE zoo.template (init = dsimple_init, lexize = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY zoo.dictionary (template = zoo.template, stopwords = english, accept = 'false');
CREATE TEXT SEARCH CONFIGURATION zoo.configuration (copy = english);
ALTER TEXT SEARCH CONFIGURATION zoo.configuration ALTER MAPPING FOR asciiword, word WITH zoo.dictionary, english_stem;
ALTER TEXT SEARCH CONFIGURATION zoo.configuration DROP MAPPING FOR url;
CREATE TEXT SEARCH CONFIGURATION zoo.parsed (parser = zoo.parser);
ALTER TEXT SEARCH CONFIGURATION zoo.parsed ADD MAPPING FOR email WITH simple;
COMMENT ON TEXT SEARCH DICTIONARY zoo.dictionary IS 'words';

-- Foreign data.
CREATE FOREIGN DATA WRAPPER zoo_wrapper OPTIONS (debug 'true', "odd name" 'a, b''c');
CREATE SERVER zoo_server TYPE 'aviary' VERSION '1.2' FOREIGN DATA WRAPPER zoo_wrapper OPTIONS (host 'birds', password 'hidden', dbname 'x');
CREATE USER MAPPING FOR zoo_reader SERVER zoo_server OPTIONS (user 'parrot', password 'hidden');
CREATE USER MAPPING FOR PUBLIC SERVER zoo_server;
CREATE FOREIGN TABLE zoo.birds (id integer OPTIONS (column_name 'nr') NOT NULL, name text DEFAULT 'x', CONSTRAINT named CHECK (name <> '')) SERVER zoo_server OPTIONS (table_name 'birds');
GRANT USAGE ON FOREIGN SERVER zoo_server TO zoo_reader;
GRANT USAGE ON FOREIGN DATA WRAPPER zoo_wrapper TO zoo_owner;

-- Tables.
CREATE SEQUENCE zoo.numbers AS smallint START 5 INCREMENT 3 MINVALUE 2 MAXVALUE 100 CACHE 4 CYCLE;
CREATE UNLOGGED TABLE zoo.fleeting (i serial, t text);
CREATE TABLE zoo.customer (
    id bigint GENERATED BY DEFAULT AS IDENTITY (START 100 INCREMENT 5 CACHE 7) PRIMARY KEY,
    gone integer,
    name text NOT NULL COLLATE "C",
    email varchar(50) DEFAULT 'nobody',
    born date DEFAULT '2020-02-01'::date,
    seen timestamptz DEFAULT '2020-06-01 00:00:00+00',
    pause interval DEFAULT '1 day 02:03:04',
    factor float8 DEFAULT 0.30000000000000004,
    bytes bytea DEFAULT '\xdeadbeef',
    slash text DEFAULT 'a\b',
    feeling zoo.mood DEFAULT 'so so',
    size zoo.positive,
    other zoo.pair DEFAULT ROW('a', NULL, 1)::zoo.pair,
    nr integer DEFAULT nextval('zoo.numbers'),
    twice integer GENERATED ALWAYS AS (nr * 2) STORED,
    doc :xml DEFAULT '<a/>',
    tags text[] DEFAULT '{a,b}',
    CONSTRAINT in_list CHECK (email IN ('nobody', 'somebody')) NO INHERIT,
    CONSTRAINT grown CHECK (born < '2021-03-04'::date) NOT VALID,
    CONSTRAINT unique_name UNIQUE NULLS NOT DISTINCT (name, email) INCLUDE (nr) WITH (fillfactor = 80) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT apart EXCLUDE USING gist (nr WITH =, email WITH <>) WHERE (nr > 0)
) WITH (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_vacuum_threshold = 100);
ALTER TABLE zoo.customer DROP COLUMN gone;
ALTER TABLE zoo.customer ALTER name SET STORAGE EXTERNAL, ALTER name SET STATISTICS 500, ALTER email SET (n_distinct = -0.5), ALTER slash SET COMPRESSION pglz;
ALTER TABLE zoo.customer OWNER TO zoo_owner;
ALTER TABLE zoo.customer ENABLE ROW LEVEL SECURITY;
ALTER TABLE zoo.customer FORCE ROW LEVEL SECURITY;
ALTER TABLE zoo.customer REPLICA IDENTITY USING INDEX customer_pkey;
ALTER TABLE zoo.customer CLUSTER ON customer_pkey;
GRANT SELECT ON zoo.customer TO zoo_reader WITH GRANT OPTION;
GRANT INSERT, UPDATE ON zoo.customer TO PUBLIC;
GRANT ALL ON zoo.customer TO "zoo Röle";
GRANT UPDATE (name, email), REFERENCES (id) ON zoo.customer TO zoo_reader;
COMMENT ON TABLE zoo.customer IS 'who pays';
COMMENT ON COLUMN zoo.customer.name IS 'family''s';
COMMENT ON CONSTRAINT in_list ON zoo.customer IS 'two only';
CREATE TABLE "Ünusual ""name"""."Täble x" ("sélect" integer PRIMARY KEY, "from" integer, CONSTRAINT "the key" FOREIGN KEY ("from") REFERENCES zoo.customer
    ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE);
ALTER TABLE "Ünusual ""name"""."Täble x" ADD CONSTRAINT doubtful FOREIGN KEY ("from") REFERENCES "Ünusual ""name"""."Täble x" NOT VALID;
CREATE TABLE zoo.plain_rows OF zoo.pair (second WITH OPTIONS NOT NULL);
CREATE TABLE zoo.other_heap (i integer) USING zoo_heap;
CREATE TABLE zoo.nothing ();
CREATE TABLE zoo.parent_a (a integer NOT NULL, b text, CONSTRAINT positive_a CHECK (a > 0));
CREATE TABLE zoo.parent_b (c integer, b text);
CREATE TABLE zoo.child (d integer, b text DEFAULT 'child') INHERITS (zoo.parent_a, zoo.parent_b);
CREATE TABLE zoo.grandchild () INHERITS (zoo.child);
ALTER TABLE zoo.parent_a ADD COLUMN late integer;
ALTER TABLE zoo.parent_a REPLICA IDENTITY FULL;
ALTER TABLE zoo.parent_b REPLICA IDENTITY NOTHING;
REVOKE ALL ON zoo.parent_b FROM CURRENT_USER;
CREATE TABLE zoo.measures (at timestamptz NOT NULL, kind text COLLATE "C", value numeric, id bigint, PRIMARY KEY (at, kind)) PARTITION BY RANGE (at, kind);
CREATE TABLE zoo.measures_1 PARTITION OF zoo.measures FOR VALUES FROM ('2020-01-01 00:00+00', MINVALUE) TO ('2021-01-01 00:00+00', 'm');
CREATE TABLE zoo.measures_2 (value numeric, at timestamptz NOT NULL, kind text COLLATE "C" NOT NULL, id bigint);
ALTER TABLE zoo.measures ATTACH PARTITION zoo.measures_2 FOR VALUES FROM ('2022-01-01 00:00+00', MINVALUE) TO (MAXVALUE, MAXVALUE);
CREATE TABLE zoo.measures_rest PARTITION OF zoo.measures DEFAULT;
CREATE TABLE zoo.computed_key (t text) PARTITION BY RANGE (lower(t) COLLATE "C" text_pattern_ops);
CREATE TABLE zoo.listed (i integer, t text) PARTITION BY LIST (i);
CREATE TABLE zoo.listed_1 PARTITION OF zoo.listed FOR VALUES IN (1, 2, NULL) PARTITION BY HASH (t);
CREATE TABLE zoo.listed_1_a PARTITION OF zoo.listed_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
ALTER TABLE zoo.measures ADD CONSTRAINT to_customer FOREIGN KEY (id) REFERENCES zoo.customer;
CREATE TABLE zoo.refers (at timestamptz, kind text COLLATE "C", FOREIGN KEY (at, kind) REFERENCES zoo.measures);
CREATE INDEX measures_value ON zoo.measures (value);
CREATE INDEX measures_only ON ONLY zoo.measures (kind DESC NULLS LAST);
CREATE INDEX measures_2_kind ON zoo.measures_2 (kind DESC NULLS LAST);
ALTER INDEX zoo.measures_only ATTACH PARTITION zoo.measures_2_kind;
\if :v18
CREATE TABLE zoo.virtual (a integer NOT NULL, b integer GENERATED ALWAYS AS (a + 1) VIRTUAL, c integer CONSTRAINT named_not_null NOT NULL NO INHERIT, d integer);
ALTER TABLE zoo.virtual ADD CONSTRAINT later NOT NULL d NOT VALID;
COMMENT ON CONSTRAINT named_not_null ON zoo.virtual IS 'said so';
CREATE TABLE zoo.lax (a integer CHECK (a > 0) NOT ENFORCED, v daterange, k integer, CONSTRAINT temporal PRIMARY KEY (k, v WITHOUT OVERLAPS));
CREATE TABLE zoo.lax_refers (k integer, v daterange, FOREIGN KEY (k, PERIOD v) REFERENCES zoo.lax);
\endif

-- Indexes and statistics.
CREATE INDEX customer_lower ON zoo.customer USING btree (lower(name) text_pattern_ops, nr DESC) INCLUDE (email) WITH (fillfactor = 90)
    WHERE born > '2020-01-02'::date AND feeling = 'happy';
ALTER INDEX zoo.customer_lower ALTER COLUMN 1 SET STATISTICS 300;
COMMENT ON INDEX zoo.customer_lower IS 'for searching';
CREATE INDEX customer_trigrams ON zoo.customer USING gist (name gist_trgm_ops (siglen = 32));
CREATE UNIQUE INDEX customer_once ON zoo.customer (nr) NULLS NOT DISTINCT;
CREATE INDEX customer_tags ON zoo.customer USING gin (tags) WITH (fastupdate = off);
CREATE INDEX customer_brin ON zoo.customer USING brin (born) WITH (pages_per_range = 16);
CREATE INDEX own_class ON zoo.fleeting (i zoo.class);
ALTER INDEX zoo.own_class DEPENDS ON EXTENSION hstore;
CREATE STATISTICS zoo.correlated (ndistinct, dependencies) ON name, email FROM zoo.customer;
CREATE STATISTICS zoo.computed ON (lower(name)), (nr % 10) FROM zoo.customer;
ALTER STATISTICS zoo.correlated SET STATISTICS 77;
COMMENT ON STATISTICS zoo.correlated IS 'go together';
ALTER STATISTICS zoo.correlated OWNER TO zoo_owner;

-- Views.
CREATE VIEW zoo.names WITH (security_barrier) AS SELECT c.id, c.name, c.email FROM zoo.customer c WHERE c.email IN ('a', 'b') AND c.born > '2020-05-06'::date WITH CASCADED CHECK OPTION;
ALTER VIEW zoo.names ALTER COLUMN email SET DEFAULT 'view';
ALTER VIEW zoo.names RENAME COLUMN name TO called;
COMMENT ON VIEW zoo.names IS 'few';
COMMENT ON COLUMN zoo.names.called IS 'renamed';
GRANT SELECT (id) ON zoo.names TO zoo_reader;
CREATE VIEW zoo.invoker WITH (security_invoker = true) AS SELECT q.n, q.k, zoo.user_name() AS u, '1 day'::interval AS d FROM zoo.parent_b q (n, k)
    UNION ALL SELECT i, t, current_user, NULL FROM zoo.fleeting ORDER BY 1;
CREATE RECURSIVE VIEW zoo.counted (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 10;
CREATE MATERIALIZED VIEW zoo.kept WITH (fillfactor = 60) AS SELECT name, count(*) AS n FROM zoo.customer GROUP BY name WITH NO DATA;
ALTER MATERIALIZED VIEW zoo.kept ALTER COLUMN name SET STATISTICS 50;
CREATE UNIQUE INDEX kept_name ON zoo.kept (name);
ALTER MATERIALIZED VIEW zoo.kept DEPENDS ON EXTENSION hstore;

-- What happens when they are used.
CREATE TRIGGER on_insert BEFORE INSERT OR UPDATE OF name, email ON zoo.customer FOR EACH ROW WHEN (NEW.born > '2020-01-03'::date) EXECUTE FUNCTION zoo.trigger('a', E'b\\c''d');
CREATE TRIGGER after_all AFTER DELETE ON zoo.customer REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION zoo.trigger();
CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON zoo.customer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION zoo.trigger();
CREATE TRIGGER on_view INSTEAD OF INSERT ON zoo.names FOR EACH ROW EXECUTE FUNCTION zoo.trigger();
CREATE TRIGGER on_parts AFTER INSERT ON zoo.measures FOR EACH ROW EXECUTE FUNCTION zoo.trigger();
ALTER TABLE zoo.customer DISABLE TRIGGER on_insert;
ALTER TABLE zoo.customer ENABLE ALWAYS TRIGGER after_all;
ALTER TABLE zoo.measures_1 ENABLE REPLICA TRIGGER on_parts;
COMMENT ON TRIGGER on_insert ON zoo.customer IS 'off';
CREATE RULE instead AS ON INSERT TO zoo.parent_b DO INSTEAD NOTHING;
CREATE RULE also AS ON UPDATE TO zoo.parent_b WHERE OLD.c > 3 DO ALSO INSERT INTO zoo.fleeting (t) VALUES ('2020-01-04'::date::text);
ALTER TABLE zoo.parent_b DISABLE RULE instead;
COMMENT ON RULE also ON zoo.parent_b IS 'too';
CREATE POLICY own ON zoo.customer AS RESTRICTIVE FOR UPDATE TO zoo_reader, zoo_owner USING (name = current_user) WITH CHECK (born > '2020-01-05'::date);
CREATE POLICY all_of_it ON zoo.customer USING (EXISTS (SELECT FROM zoo.fleeting f WHERE f.t = email));
COMMENT ON POLICY own ON zoo.customer IS 'mine';
CREATE EVENT TRIGGER zoo_event ON ddl_command_end WHEN TAG IN ('DROP TABLE', 'CREATE TABLE') EXECUTE FUNCTION zoo.on_event();
ALTER EVENT TRIGGER zoo_event DISABLE;
COMMENT ON EVENT TRIGGER zoo_event IS 'never';
\if :v17
CREATE EVENT TRIGGER zoo_login ON login EXECUTE FUNCTION zoo.on_event();
ALTER EVENT TRIGGER zoo_login DISABLE;
\endif

-- Replication.
CREATE PUBLICATION zoo_all FOR ALL TABLES WITH (publish = 'insert, truncate');
CREATE PUBLICATION zoo_some FOR TABLE zoo.customer (id, name) WHERE (id > 5 AND born > '2020-01-06'::date), TABLE zoo.parent_a WITH (publish_via_partition_root = true);
CREATE PUBLICATION zoo_schema FOR TABLES IN SCHEMA zoo;
\if :v18
CREATE PUBLICATION zoo_generated FOR TABLE zoo.parent_b WITH (publish_generated_columns = stored);
\endif
CREATE SUBSCRIPTION zoo_subscription CONNECTION 'host=nowhere password=hidden' PUBLICATION b, a WITH (connect = false, slot_name = NONE, binary = true, streaming = on, disable_on_error = true);
COMMENT ON SUBSCRIPTION zoo_subscription IS 'nowhere';
COMMENT ON PUBLICATION zoo_all IS 'all';
COMMENT ON DATABASE :"db" IS 'a zoo';
