-- 097_ways_out.sql: back from drift by SQL that is proven, or on with a migration that adopts it.

\ir common.psql
SET client_min_messages = error;
SELECT * FROM no_plan();

CREATE ROLE tap_admin;
CREATE ROLE tap_bob;

CREATE VIEW drifted AS SELECT change || ' ' || object_type || ' ' || identity AS d FROM migrate.drift();
CREATE FUNCTION shown(text) RETURNS text LANGUAGE sql AS $$SELECT regexp_replace($1, '\n$', '')$$;
CREATE TABLE customers (id int PRIMARY KEY, name text DEFAULT 'x', email varchar(20) CHECK (email IN ('a', 'b')));
INSERT INTO customers VALUES (1), (2);
CREATE TABLE places (a int, b int, c int);
INSERT INTO places VALUES (1, 2, 3);
CREATE TABLE gap (a int, gone int, b int);
ALTER TABLE gap DROP gone;
INSERT INTO gap VALUES (1, 2);
CREATE TABLE added (a int);
CREATE TYPE point_type AS (x int, y int);
CREATE SCHEMA inner_s;
CREATE TABLE inner_s.t (i int PRIMARY KEY);
INSERT INTO inner_s.t VALUES (1);
CREATE VIEW names AS SELECT id, name FROM customers;
CREATE TABLE orders (nr serial PRIMARY KEY, line int GENERATED ALWAYS AS IDENTITY, customer int REFERENCES customers);
CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS 'SELECT 2 * i';
GRANT ALL ON SCHEMA public TO tap_bob;
SELECT migrate.grant_capability('tap_admin', 'administrator') \g /dev/null

-- Nothing is expected yet.

SELECT is((pg_temp.error_of($$SELECT migrate.propose_revert('public.customers')$$)).code, '55000', 'without anything expected');
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0001_x', '{1}', 'why')$$)).code, '22023', 'and without anything captured');
SELECT migrate.watch('test') \g /dev/null

-- What it says.

ALTER TABLE customers ADD phone text, ALTER name SET DEFAULT 'y';
COMMENT ON TABLE customers IS 'who pays';
SELECT is(shown(migrate.propose_revert('public.customers')),
'-- Brings table public.customers back to what is expected.
-- DATA LOST: The values of column phone of public.customers.
SET LOCAL search_path = '''';
ALTER TABLE public.customers DROP COLUMN phone;
ALTER TABLE public.customers ALTER COLUMN name SET DEFAULT ''x''::text;
COMMENT ON TABLE public.customers IS NULL;', 'the text of a proposal');
SELECT set_eq('TABLE drifted', $$VALUES ('changed table public.customers')$$, 'which did nothing');
SELECT is((SELECT count(*) FROM migrate.ddl_log WHERE origin <> 'direct'), 0::bigint, 'and is not recorded');
SELECT matches(migrate.undo_drift('public.customers', 'not agreed'), 'DROP COLUMN phone', 'undone');
SELECT is_empty('TABLE drifted', 'nothing is adrift');
SELECT results_eq($$SELECT object_type, identity, reason, detail ->> 'sql' ~ 'DROP COLUMN phone' FROM migrate.decisions WHERE decision = 'drift_undone'$$,
    $$VALUES ('table', 'public.customers', 'not agreed', true)$$, 'a decision');
SELECT results_eq($$SELECT origin, reason, count(*) FROM migrate.ddl_log GROUP BY 1, 2 ORDER BY 1$$,
    $$VALUES ('direct', NULL, 2::bigint), ('extension', 'not agreed', 3)$$, 'and statements with their reason');
SELECT is((SELECT array_agg(transaction_id) FROM migrate.decisions WHERE decision = 'drift_undone'),
    (SELECT array_agg(DISTINCT transaction_id) FROM migrate.ddl_log WHERE origin = 'extension'), 'of its transaction');

-- What goes together.

DROP TABLE orders;
SELECT ok((e).code = '0A000' AND (e).hint ~ 'public\.orders'', ''table''.*accept_drift', 'an index of a constraint says what comes first, and the other way out')
    FROM pg_temp.error_of($$SELECT migrate.undo_drift('public.orders_pkey', 'why')$$) e;
SELECT ok(t ~ 'NOT BROUGHT BACK: The rows of table public.orders' AND t ~ 'and with it: sequence public.orders_' , 'a table comes with its sequences')
    FROM migrate.undo_drift('public.orders', 'why') t;
SELECT set_eq('TABLE drifted', $$VALUES ('removed table constraint orders_pkey on public.orders'), ('removed index public.orders_pkey'),
    ('removed table constraint orders_customer_fkey on public.orders')$$, 'its constraints are another matter');
SELECT matches(migrate.undo_drift('orders_pkey on public.orders', 'why'), 'index public.orders_pkey', 'a key comes with its index');
SELECT lives_ok($$SELECT migrate.undo_drift('orders_customer_fkey on public.orders', 'why')$$, 'and a foreign key');
SELECT is_empty('TABLE drifted', 'all is back');
INSERT INTO orders (customer) VALUES (1);
SELECT is((SELECT nr FROM orders), 1, 'and works');

-- What was renamed loses nothing.

ALTER TABLE customers RENAME TO clients;
ALTER TABLE clients RENAME COLUMN name TO called;
SELECT ok(t ~ 'NOT CERTAIN: Column called' AND t !~ 'LOST' AND t ~ 'RENAME TO customers' AND t ~ 'RENAME COLUMN called TO name', 'a table and a column are renamed') FROM migrate.undo_drift('public.customers', 'why') t;
SELECT is_empty('TABLE drifted', 'what mentions them as well');
SELECT is((SELECT count(name) FROM customers), 2::bigint, 'with all that is in them');

-- A column is known by its place, until any was dropped or added.

ALTER TABLE places RENAME a TO between;
ALTER TABLE places RENAME b TO a;
ALTER TABLE places RENAME between TO b;
ALTER TABLE places RENAME c TO renamed_1;
SELECT is(shown(migrate.undo_drift('public.places', 'why')),
'-- Brings table public.places back to what is expected.
-- NOT CERTAIN: Column b of public.places is taken to be a under another name, in whose place it is.
-- NOT CERTAIN: Column a of public.places is taken to be b under another name, in whose place it is.
SET LOCAL search_path = '''';
ALTER TABLE public.places RENAME COLUMN renamed_1 TO c;
ALTER TABLE public.places RENAME COLUMN b TO renamed_2;
ALTER TABLE public.places RENAME COLUMN a TO b;
ALTER TABLE public.places RENAME COLUMN renamed_2 TO a;', 'names that were changed in a circle');
SELECT results_eq('SELECT a, b, c FROM places', 'VALUES (1, 2, 3)', 'are back at their values');
ALTER TABLE places RENAME a TO b2;
ALTER TABLE places ALTER b2 TYPE bigint;
ALTER TABLE places RENAME TO elsewhere;
SELECT ok(t ~ 'RENAME COLUMN b2 TO a;.*ALTER COLUMN a TYPE integer' AND t !~ 'NOT CERTAIN', 'one that has another type as well, in a table of another name')
    FROM migrate.undo_drift('public.elsewhere', 'why') t;
SELECT results_eq('SELECT a, b, c FROM places', 'VALUES (1, 2, 3)', 'is back with its values');
ALTER TABLE places RENAME c TO c2;
ALTER TABLE places ADD c int DEFAULT 7;
SELECT ok(t ~ 'DATA LOST: The values of column c2' AND t ~ 'NOT CERTAIN: Column c2 of public.places may be c under another name', 'with another one of its name nobody knows')
    FROM migrate.propose_revert('public.places') t;
ALTER TABLE places RENAME c TO d;
ALTER TABLE places RENAME c2 TO c;
SELECT ok(t ~ 'DATA LOST: The values of column d' AND t !~ 'NOT CERTAIN', 'what was added behind the others is known') FROM migrate.undo_drift('public.places', 'why') t;
ALTER TABLE places DROP c;
ALTER TABLE places ADD d int;
SELECT ok(t ~ 'NOT CERTAIN: Column d of public.places is taken to be c under another name\. If that was dropped, its values are lost' AND t !~ 'loses no data',
    'one that came instead of another may be that one') FROM migrate.undo_drift('public.places', 'why') t;
ALTER TABLE gap RENAME b TO c;
SELECT ok(t ~ 'NOT CERTAIN: Column c of public.gap' AND t ~ 'RENAME COLUMN c TO b', 'behind one that was dropped before nobody knows')
    FROM migrate.undo_drift('public.gap', 'why') t;
CREATE TABLE instead (a int, b text);
ALTER TABLE instead DROP a;
SELECT migrate.accept_drift('public.instead', 'test') \g /dev/null
ALTER TABLE instead RENAME b TO e;
ALTER TABLE instead ADD f text;
SELECT ok(t ~ 'RENAME COLUMN e TO b' AND t ~ 'NOT CERTAIN: Column e' AND t ~ 'DATA LOST: The values of column f', 'nor does one that is added make it lost') FROM migrate.undo_drift('public.instead', 'why') t;
CREATE TABLE missing (a int, b text, c text, d text);
SELECT migrate.accept_drift('public.missing', 'test') \g /dev/null
ALTER TABLE missing DROP d;
SELECT ok(t !~ 'NOT CERTAIN', 'before one that was dropped all are known') FROM migrate.undo_drift('public.missing', 'why') t;
ALTER TABLE missing DROP c;
ALTER TABLE missing RENAME d TO c;
SELECT ok(t ~ 'NOT BROUGHT BACK: The values of column d' AND t ~ 'NOT CERTAIN: Column c of public.missing is taken to be .* It may be d, if' AND t !~ 'Column b', 'nor whether one of its name is that one')
    FROM migrate.propose_revert('public.missing') t;
ALTER TABLE missing ALTER c TYPE char;
SELECT ok(t ~ 'NOT BROUGHT BACK: The values of column d' AND t !~ 'NOT CERTAIN', 'unless it is another one') FROM migrate.undo_drift('public.missing', 'why') t;
ALTER TYPE point_type RENAME ATTRIBUTE x TO z;
ALTER TYPE point_type RENAME ATTRIBUTE y TO x;
SELECT ok(t ~ 'NOT CERTAIN' AND t ~ 'RENAME ATTRIBUTE x TO y;.*RENAME ATTRIBUTE z TO x;', 'attributes, too') FROM migrate.undo_drift('public.point_type', 'why') t;
DROP TABLE gap;
CREATE TABLE gap (b int, a int);
SELECT is((pg_temp.error_of($$SELECT migrate.undo_drift('public.gap', 'why')$$)).code, '0A000', 'but not of another table of that name');
CREATE TABLE parent (a int, b text);
CREATE TABLE child () INHERITS (parent);
SELECT migrate.accept_drift('public.parent', 'test'), migrate.accept_drift('public.child', 'test') \g /dev/null
ALTER TABLE parent ADD c int, ALTER a TYPE bigint, DROP b;
SELECT is((SELECT count(*) FROM regexp_matches(t, 'of public\.parent, and of the tables that inherit it', 'g')), 3::bigint, 'what those lose that have a column from another table')
    FROM migrate.undo_drift('public.parent', 'why') t;
DROP TABLE gap, instead, missing, child, parent;
CREATE TABLE gap (a int, b int);
SELECT migrate.accept_drift('public.' || dropped, 'test') FROM unnest('{instead,missing,parent,child}'::text[]) dropped \g /dev/null
ALTER TABLE added ADD by_hand int;
SELECT migrate.register('0000_added', 'ALTER TABLE added ADD by_migration int', 'ALTER TABLE added DROP by_migration') \g /dev/null
CALL migrate.apply();
INSERT INTO added VALUES (1, 2, 3);
SELECT ok(t ~ 'DROP COLUMN by_hand;' AND t ~ 'NOT CERTAIN: Column by_hand of public.added may be by_migration' AND t !~ 'RENAME', 'nor is a column one that a migration has added behind it')
    FROM migrate.undo_drift('public.added', 'why') t;
SELECT results_eq('SELECT a, by_migration FROM added', 'VALUES (1, 3)', 'which keeps its values');
SELECT is_empty('TABLE drifted', 'all is as expected');

-- What is in something that was renamed, and was renamed itself.

ALTER SCHEMA inner_s RENAME TO outer_s;
ALTER TABLE outer_s.t RENAME TO u;
SELECT ok((e).code = '3F000' AND (e).hint ~ 'propose_revert..inner_s.*schema', 'a table in a schema that has another name says what comes first')
    FROM pg_temp.error_of($$SELECT migrate.undo_drift('inner_s.t', 'why')$$) e;
SELECT ok(t ~ 'loses no data' AND t ~ 'with it: schema outer_s\.', 'the schema gets its name back') FROM migrate.undo_drift('inner_s', 'why') t;
SELECT ok(t ~ 'RENAME TO t;', 'and then the table') FROM migrate.undo_drift('inner_s.t', 'why') t;
SELECT is_empty('TABLE drifted', 'with its key');
SELECT results_eq('TABLE inner_s.t', 'VALUES (1)', 'and its rows');

-- What is expected is not dropped since something else has its name.

CREATE TABLE swap_a (i int, j int);
CREATE TABLE swap_b (i int, k text);
INSERT INTO swap_a VALUES (1, 2);
SELECT migrate.accept_drift('*', 'test') \g /dev/null
BEGIN;
CREATE TABLE swap_new (i int, j int DEFAULT 3);
ALTER TABLE swap_a RENAME TO swap_old;
ALTER TABLE swap_new RENAME TO swap_a;
SELECT ok((e).code = '0A000' AND (e).message ~ 'it is what is expected as public.swap_a' AND (e).hint ~ 'accept_drift..public.swap_old', 'a table whose name another one has')
    FROM pg_temp.error_of($$SELECT migrate.undo_drift('public.swap_old', 'why')$$) e;
SELECT ok(t ~ 'NOT BROUGHT BACK: The rows of the table that was expected as public.swap_a, which is called public.swap_old now' AND t !~ 'loses no data', 'nor are the rows of that one said to be there')
    FROM migrate.propose_revert('public.swap_a') t;
CREATE TABLE swap_whole (i int, j int) PARTITION BY RANGE (i);
ALTER TABLE swap_whole ATTACH PARTITION swap_old DEFAULT;
SELECT ok((e).code = '0A000' AND (e).message ~ 'drops table public.swap_old', 'nor with what it was made a part of')
    FROM pg_temp.error_of($$SELECT migrate.undo_drift('public.swap_whole', 'why')$$) e;
ALTER TABLE swap_whole DETACH PARTITION swap_old;
DROP TABLE swap_a;
ALTER TABLE swap_b RENAME TO swap_a;
SELECT ok(t ~ 'The rows of table public.swap_b, which is called public.swap_a now', 'nor where nothing has its name') FROM migrate.propose_revert('public.swap_b') t;
DROP TABLE swap_a, swap_old;
CREATE TABLE swap_a (i int);
SELECT ok(t ~ 'NOT BROUGHT BACK: The rows of the table that was expected as public.swap_a, which is gone', 'one that was made anew') FROM migrate.undo_drift('public.swap_a', 'why') t;
ROLLBACK;
DROP TABLE swap_a, swap_b;
SELECT migrate.accept_drift('*', 'test') \g /dev/null

-- What is refused.

SELECT ok((e).code = '55000' AND (e).message = 'no object called public.customers is other than expected', 'one that is as expected')
    FROM pg_temp.error_of($$SELECT migrate.propose_revert('public.customers')$$) e;
SELECT is((pg_temp.error_of($$SELECT migrate.propose_revert(NULL)$$)).code, '22004', 'none');
SELECT is((pg_temp.error_of($$SELECT migrate.undo_drift('x', ' ')$$)).code, '22023', 'no reason');
CREATE TABLE twin (i int);
CREATE FUNCTION public."twin"() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA ambiguous;
CREATE ACCESS METHOD ambiguous TYPE TABLE HANDLER heap_tableam_handler;
SELECT ok((e).code = '22023' AND (e).detail ~ 'schema' AND (e).detail ~ 'access method', 'a name that several have')
    FROM pg_temp.error_of($$SELECT migrate.propose_revert('ambiguous')$$) e;
SELECT matches(migrate.propose_revert('ambiguous', 'schema'), 'DROP SCHEMA ambiguous;', 'unless the type is given');
DROP TABLE twin; DROP FUNCTION twin; DROP SCHEMA ambiguous; DROP ACCESS METHOD ambiguous;
ALTER TABLE customers DROP name CASCADE;
SELECT ok((e).code = '0A000' AND (e).detail ~ 'in another order' AND (e).hint ~ 'accept_drift|propose_revert', 'a column that was not the last')
    FROM pg_temp.error_of($$SELECT migrate.propose_revert('public.customers')$$) e;
SELECT ok((e).code = '42703' AND (e).hint ~ 'public.customers', 'and a view that needs it')
    FROM pg_temp.error_of($$SELECT migrate.propose_revert('public.names')$$) e;
SELECT migrate.accept_drift('*', 'so be it') \g /dev/null
CREATE TABLE big (i int); CREATE VIEW on_big AS TABLE big;
SELECT ok((e).code = '2BP01' AND (e).hint ~ 'on_big', 'a table with something on it is not dropped with that')
    FROM pg_temp.error_of($$SELECT migrate.undo_drift('public.big', 'why')$$) e;
SELECT lives_ok($$SELECT migrate.undo_drift('public.on_big', 'why')$$, 'one after the other');
SELECT matches(migrate.undo_drift('public.big', 'why'), 'DATA LOST: The rows of table public.big', 'with what is lost');
SELECT is_empty('TABLE drifted', 'nothing is left');

-- What is expected does not go with what somebody has made it a part of, under whichever name.

CREATE TABLE alone (i int);
CREATE TABLE alone_too (i int);
CREATE SEQUENCE counts;
SELECT migrate.accept_drift('*', 'to be made a part of something') \g /dev/null
INSERT INTO alone VALUES (1);
CREATE TABLE whole (i int, j int) PARTITION BY RANGE (i);
ALTER TABLE whole DROP j;
ALTER TABLE whole ATTACH PARTITION alone FOR VALUES FROM (1) TO (10);
CREATE TABLE whole_too (i int) PARTITION BY RANGE (i);
ALTER TABLE alone_too RENAME TO renamed;
ALTER TABLE whole_too ATTACH PARTITION renamed FOR VALUES FROM (1) TO (10);
ALTER TABLE customers ADD n int;
ALTER SEQUENCE counts OWNED BY customers.n;
SELECT ok((e).code = '0A000' AND (e).message ~ ('drops ' || with_it) AND (e).hint ~ ('propose_revert..' || first), what || ' is not dropped with ' || with_it)
    FROM (VALUES ('public.whole', 'table public.alone', 'public.alone'), ('public.whole_too', 'table public.renamed', 'public.(alone_too|renamed)'),
                 ('public.customers', 'sequence public.counts', 'public.counts')) o (what, with_it, first),
         pg_temp.error_of(format('SELECT migrate.propose_revert(%L)', what)) e;
SELECT lives_ok(format('SELECT migrate.undo_drift(%L, %L)', i, 'why'), i || ' in this order')
    FROM (VALUES (1, 'public.alone'), (2, 'public.whole'), (3, 'public.whole_too'), (4, 'public.counts'), (5, 'public.customers')) x (n, i) WHERE n <> 3 ORDER BY n;
SELECT set_eq('TABLE drifted', $$VALUES ('added table public.whole_too'), ('added table public.renamed'), ('removed table public.alone_too')$$, 'what is left');
SELECT is((SELECT count(*) FROM alone), 1::bigint, 'with its rows');
ALTER TABLE whole_too DETACH PARTITION renamed;
DROP TABLE whole_too;
ALTER TABLE renamed RENAME TO alone_too;
SELECT is_empty('TABLE drifted', 'as it was');

CREATE FOREIGN DATA WRAPPER plain VALIDATOR postgresql_fdw_validator;
CREATE SERVER plain TYPE 't' VERSION '1' FOREIGN DATA WRAPPER plain OPTIONS (host 'a, b''c');
CREATE TEXT SEARCH PARSER plain (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype);
SELECT migrate.accept_drift('*', 'to be dropped') \g /dev/null
DROP FOREIGN DATA WRAPPER plain CASCADE; DROP TEXT SEARCH PARSER plain;
SELECT lives_ok(format('SELECT migrate.undo_drift(%L, %L, %L)', i, 'why', t), t || ' is made anew')
    FROM (VALUES (1, 'plain', 'foreign-data wrapper'), (2, 'plain', 'server'), (3, 'public.plain', 'text search parser')) x (n, i, t) ORDER BY n;
SELECT is_empty('TABLE drifted', 'as they were');

-- What is in a publication, where names stand in quotes.

CREATE SCHEMA "The shop";
CREATE TABLE "The shop"."in publication x" (i int, j int);
CREATE PUBLICATION "Pub in publication" FOR TABLE "The shop"."in publication x" WHERE (i > 1);
CREATE PUBLICATION "Pub 2" FOR TABLES IN SCHEMA "The shop";
SELECT migrate.accept_drift('*', 'to be changed') \g /dev/null
ALTER PUBLICATION "Pub in publication" SET TABLE "The shop"."in publication x" WHERE (i > 2), TABLES IN SCHEMA public;
ALTER PUBLICATION "Pub 2" DROP TABLES IN SCHEMA "The shop";
ALTER PUBLICATION "Pub 2" ADD TABLE customers;
SELECT lives_ok(format('SELECT migrate.undo_drift(%L, %L)', identity, 'why'), change || ' ' || identity) FROM migrate.drift() ORDER BY change = 'added', identity;
SELECT is_empty('TABLE drifted', 'all is as it was published');

-- Settings whose values are lists of names, an empty one among them.

CREATE FUNCTION no_path() RETURNS text LANGUAGE sql SET search_path = '' AS $$SELECT current_setting('search_path')$$;
CREATE FUNCTION odd_path() RETURNS text LANGUAGE sql SET search_path = '', "$user", 'a"b', 'X, y''z', public SET DateStyle = 'ISO, DMY'
    AS $$SELECT current_setting('search_path') || current_setting('datestyle')$$;
CREATE TEMP TABLE paths AS SELECT no_path(), odd_path();
SELECT format('ALTER ROLE tap_bob IN DATABASE %I SET search_path = ''''', current_database()) AS set_none,
    format('ALTER ROLE tap_bob IN DATABASE %I RESET search_path', current_database()) AS reset_it \gset
:set_none;
SELECT migrate.accept_drift('*', 'to be dropped') \g /dev/null
DROP FUNCTION no_path, odd_path;
:reset_it;
SELECT lives_ok(format('SELECT migrate.undo_drift(%L, %L)', identity, 'why'), identity || ' comes back')
    FROM migrate.drift() ORDER BY identity;
SELECT is_empty('TABLE drifted', 'with their settings');
SELECT results_eq('SELECT no_path(), odd_path()', 'TABLE paths', 'which work');

-- Who may, with whose rights, and under reject.

CREATE INDEX by_hand ON orders (customer);
SET ROLE tap_bob;
SELECT is((pg_temp.error_of($$SELECT migrate.propose_revert('public.by_hand')$$)).code, '42501', 'not everybody may propose');
SELECT is((pg_temp.error_of($$SELECT migrate.undo_drift('public.by_hand', 'why')$$)).code, '42501', 'nor undo');
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0001_x', '{1}', 'why')$$)).code, '42501', 'nor adopt');
SET ROLE tap_admin;
SELECT unnest(ARRAY[ok(e.code = '42501' AND e.message ~ 'must be owner of index by_hand', 'an administrator has no other rights than his own'),
                    matches(e.hint, 'GRANT <owner> TO tap_admin;', 'and is told what gives them'),
                    is(array_length(string_to_array(e.context, 'DROP INDEX public.by_hand'), 1), 2, 'with the statement, once')])
    FROM pg_temp.error_of($$SELECT migrate.undo_drift('public.by_hand', 'why')$$) e;
RESET ROLE;
SET pg_migrations.out_of_band = reject;
SELECT lives_ok($$SELECT migrate.propose_revert('public.by_hand')$$, 'proven where changes are rejected');
SELECT lives_ok($$SELECT migrate.undo_drift('public.by_hand', 'why')$$, 'and undone');
SELECT is((pg_temp.error_of('CREATE TABLE x ()')).code, 'MG013', 'which others still cannot');
SET pg_migrations.out_of_band = log;
SELECT is_empty('TABLE drifted', 'it is gone');

-- Adopted.

CREATE FUNCTION ids(pattern text) RETURNS bigint[] LANGUAGE sql AS
    $$SELECT array_agg(id ORDER BY id) FROM migrate.out_of_band WHERE statement ~ pattern$$;
SELECT migrate.accept_drift('*', 'a function for the test') \g /dev/null
SELECT migrate.acknowledge(array_agg(id), 'what was before') FROM migrate.out_of_band \g /dev/null
ALTER TABLE orders ADD note text; -- a comment
CREATE INDEX orders_note ON orders (note) -- another
;
ALTER TABLE customers RENAME TO clients;
CREATE FUNCTION later() RETURNS int LANGUAGE sql AS $$SELECT 1 -- one
$$;
SELECT is(migrate.adopt('0001_note', ids('note'), 'good idea', down => 'DROP INDEX orders_note; ALTER TABLE orders DROP note'),
    E'ALTER TABLE orders ADD note text;\nCREATE INDEX orders_note ON orders (note) -- another\n;\n', 'two statements are a migration');
SELECT set_eq('TABLE drifted', $$VALUES ('added table public.clients'), ('removed table public.customers'), ('changed index public.customers_pkey'),
    ('added table constraint customers_pkey on public.clients'), ('removed table constraint customers_pkey on public.customers'),
    ('added table constraint customers_email_check on public.clients'), ('removed table constraint customers_email_check on public.customers'),
    ('changed table constraint orders_customer_fkey on public.orders'), ('added function public.later()')$$, 'the rest is adrift');
SELECT is(state_of('default:0001_note'), 'adopted', 'it counts as applied');
SELECT results_eq($$SELECT action, outcome, statements, reason FROM migrate.history WHERE name = '0001_note'$$, $$VALUES ('adopt', 'adopted', 2, 'good idea')$$, 'it is in the history');
SELECT results_eq($$SELECT count(*), count(DISTINCT ddl_id) FROM migrate.decisions WHERE decision = 'adopted'$$, $$VALUES (2::bigint, 2::bigint)$$, 'each statement is decided');
SELECT is(ids('note'), NULL, 'and out of band no more');
SELECT is((SELECT array_agg(DISTINCT project || ':' || name) FROM migrate.expected WHERE identity IN ('public.orders', 'public.orders_note')), '{default:0001_note}', 'whose it is');
SELECT is((SELECT version FROM migrate.migrations WHERE name = '0001_note'), '0001', 'with a version');
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0002_x', ARRAY(SELECT id FROM migrate.ddl_log WHERE statement ~ 'ADD note'), 'why')$$)).code, '22023', 'not twice');
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0002_x', '{999999}', 'why')$$)).code, '22023', 'not what is not there');
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0002_x', '{}', 'why')$$)).code, '22023', 'not nothing');
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0002_x', ARRAY(SELECT max(id) FROM migrate.ddl_log WHERE origin = 'extension'), 'why')$$)).code, '22023', 'not what was no change around migrations');
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0001_note', ids('later'), 'why')$$)).code, 'MG001', 'not under a name that is taken');
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0001_other', ids('later'), 'why')$$)).code, 'MG005', 'nor with a version that is');
SELECT migrate.register('0002_x', 'SELECT 1') \g /dev/null
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0002_x', ids('later'), 'why')$$)).code, '42710', 'nor for another text');
CREATE SCHEMA "a side";
SELECT migrate.adopt('0001_schema', ids('a side'), 'why', 'other', 'DROP SCHEMA "a side"') \g /dev/null
SET search_path = "a side", public;
CREATE TABLE aside (i int);
SELECT is(migrate.adopt('0003_aside', ids('aside'), 'why', 'other', 'DROP TABLE aside'),
    E'-- migrate: options {"search_path": "\\"a side\\", public"}\nCREATE TABLE aside (i int);\n', 'with the search_path that it was proven with');
RESET search_path;
SELECT is((SELECT options ->> 'search_path' FROM migrate.migrations WHERE name = '0003_aside'), '"a side", public', 'so says the migration');
CALL migrate.revert(steps => 1, project => 'other');
SELECT is_empty($$SELECT FROM pg_class WHERE relname = 'aside'$$, 'its way back is found whatever the session has');
CALL migrate.apply(project => 'other');
SELECT has_table('a side'::name, 'aside'::name, 'and so is where it goes');
SELECT is(migrate.adopt('0002_later', ids('later'), 'why', 'other', 'DROP FUNCTION later'), E'CREATE FUNCTION later() RETURNS int LANGUAGE sql AS $$SELECT 1 -- one\n$$\n;\n', 'behind a comment');
SELECT lives_ok($$SELECT migrate.adopt('0003_clients', ids('RENAME'), 'why', down => 'ALTER TABLE clients RENAME TO customers')$$, 'a table that was renamed');
SELECT is_empty('TABLE drifted', 'all is as expected');
SELECT is((SELECT count(*) FROM clients), 2::bigint, 'and nothing was lost');
CALL migrate.revert('zero', 'default') \g /dev/null
CALL migrate.revert('zero', 'other') \g /dev/null
SELECT is_empty('TABLE drifted', 'they can be reverted');
SELECT has_table('public'::name, 'customers'::name, 'to what was');
CALL migrate.apply() \g /dev/null
SELECT is_empty('TABLE drifted', 'and applied');
SELECT has_index('public'::name, 'orders'::name, 'orders_note'::name, 'as any other');

-- Not without what others did in between, nor what cannot be run again.

ALTER TABLE orders ADD a int;
ALTER TABLE orders ADD b int;
SELECT ok((e).code = '55000' AND (e).message ~ 'public.orders' AND (e).detail ~ 'column: a integer', 'half of what happened to a table')
    FROM pg_temp.error_of($$SELECT migrate.adopt('0004_x', ids('ADD b'), 'why')$$) e;
SELECT isnt((pg_temp.error_of($$SELECT migrate.adopt('0004_x', ids('ADD a'), 'why')$$)).code, NULL, 'the other half');
SELECT lives_ok($$SELECT migrate.adopt('0004_x', ids('ADD (a|b)'), 'why', down => 'ALTER TABLE orders DROP a, DROP b')$$, 'all of it');
ALTER TABLE clients ADD must text;
UPDATE clients SET must = 'x';
ALTER TABLE clients ALTER must SET NOT NULL;
SELECT ok((e).code = '23502' AND (e).context ~ 'statement 2 of 2', 'what needs rows that it does not make')
    FROM pg_temp.error_of($$SELECT migrate.adopt('0005_must', ids('must'), 'why')$$) e;
SELECT migrate.undo_drift('public.clients', 'why') \g /dev/null
SELECT migrate.acknowledge(ids('must'), 'undone') \g /dev/null
-- What does nothing when it is run again is proven from what is expected as well.
BEGIN;
ALTER TABLE orders ALTER a SET DEFAULT 1;
COMMENT ON TABLE orders IS 'theirs';
CREATE OR REPLACE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS 'SELECT i + i';
ALTER FUNCTION twice COST 9;
UPDATE pg_proc SET procost = 7 WHERE oid = 'later'::regproc;
SELECT ok((e).code = '55000' AND (e).message ~ object, pattern || ' alone') FROM (VALUES ('COMMENT', 'public.orders'), ('DEFAULT 1', 'public.orders'), ('COST 9', 'public.twice'), ('i . i', 'public.twice')) p (pattern, object),
    pg_temp.error_of(format($$SELECT migrate.adopt('0005_x', ids(%L), 'why')$$, pattern)) e;
SELECT ok((e).code = '0A000' AND (e).message ~ 'in the catalogs', 'what was written to the catalogs') FROM pg_temp.error_of($$SELECT migrate.adopt('0005_x', ids('procost'), 'why')$$) e;
SELECT lives_ok($$SELECT migrate.adopt('0005_x', ids('DEFAULT 1|COMMENT|i . i|COST 9'), 'why')$$, 'all of them');
SELECT set_eq('TABLE drifted', $$VALUES ('changed function public.later()')$$, 'are expected then');
SELECT migrate.ignore('why', identity_like => '%.later%') \g /dev/null
ALTER FUNCTION later STABLE COST 100;
SELECT lives_ok($$SELECT migrate.adopt('0006_x', ids('STABLE'), 'why')$$, 'so is what is ignored');
SELECT is_empty($$SELECT * FROM migrate.compare('expected', 'current')$$, 'once it is adopted');
ROLLBACK;
CREATE INDEX CONCURRENTLY slow ON clients (email);
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0005_slow', ids('slow'), 'why')$$)).code, '0A000', 'what cannot run inside a transaction');
SELECT migrate.undo_drift('public.slow', 'why') \g /dev/null
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (password 'secret');
SELECT is((pg_temp.error_of($$SELECT migrate.adopt('0005_server', ids('password'), 'why')$$)).code, '0A000', 'what had a secret in it');
SELECT matches(migrate.undo_drift('s', 'why', 'server'), 'DATA LOST: The value of option password of server s', 'and is lost with it');
SELECT migrate.undo_drift('w', 'why') \g /dev/null
SELECT is_empty('TABLE drifted', 'nothing is left of it');

-- An index that has another name is not built again.

CREATE TABLE indexed (i int, j int);
CREATE INDEX indexed_i ON indexed (i, j);
CREATE STATISTICS indexed_s ON i, j FROM indexed;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
ALTER INDEX indexed_i RENAME TO other_i;
ALTER STATISTICS indexed_s RENAME TO other_s;
SELECT is((SELECT string_agg(shown(migrate.undo_drift(identity, 'why')), E'\n' ORDER BY identity) FROM unnest('{public.indexed_i,public.indexed_s}'::text[]) identity),
'-- Brings index public.indexed_i back to what is expected, and with it: index public.other_i.
-- It loses no data.
SET LOCAL search_path = '''';
ALTER INDEX public.other_i RENAME TO indexed_i;
-- Brings statistics object public.indexed_s back to what is expected, and with it: statistics object public.other_s.
-- It loses no data.
SET LOCAL search_path = '''';
ALTER STATISTICS public.other_s RENAME TO indexed_s;', 'an index and statistics get their names again');
ALTER INDEX indexed_i RENAME TO other_i;
DROP INDEX other_i;
CREATE INDEX other_i ON indexed (j);
SELECT lives_ok($$SELECT migrate.undo_drift(i, 'why') FROM unnest('{public.other_i,public.indexed_i}'::text[]) i$$, 'another index is another one');
SELECT is_empty('TABLE drifted', 'nothing is left of it');
DROP TABLE indexed;
SELECT migrate.accept_drift('*', 'test') \g /dev/null

-- Where the session would put it.

SET allow_in_place_tablespaces = on;
CREATE TABLESPACE tap_aside LOCATION '';
CREATE TABLE placed (i int);
SELECT migrate.accept_drift('*', 'test') \g /dev/null
DROP TABLE placed;
SET default_tablespace = tap_aside;
SELECT matches(migrate.undo_drift('public.placed', 'why'), E'\nSET LOCAL default_tablespace = '''';\nCREATE TABLE public\\.placed', 'what is made goes where it was');
SELECT is_empty('TABLE drifted', 'whatever the session has as its default');
RESET default_tablespace;
DROP TABLE placed;
SELECT migrate.accept_drift('*', 'test') \g /dev/null
DROP TABLESPACE tap_aside;

-- Who made it owns it.

SET ROLE tap_bob;
CREATE TABLE bobs (i int);
RESET ROLE;
SELECT is(migrate.adopt('0006_bobs', ids('bobs'), 'why', down => 'DROP TABLE bobs'), E'-- migrate: options {"run_as": "tap_bob"}\nCREATE TABLE bobs (i int);\n', 'who made it, makes it again');
SELECT is((SELECT options FROM migrate.migrations WHERE name = '0006_bobs'), '{"run_as": "tap_bob"}', 'so says the migration');
SELECT is_empty('TABLE drifted', 'and it is the owner''s');
SET ROLE tap_bob;
CREATE TABLE more (i int);
GRANT SELECT ON more TO tap_admin;
RESET ROLE;
SET ROLE tap_admin;
SELECT is((pg_temp.error_of(format('SELECT migrate.adopt(%L, %L, %L)', '0007_more', ids('more'), 'why'))).code, '42501', 'nobody has another''s rights by it');
RESET ROLE;
SELECT lives_ok($$SELECT migrate.adopt('0007_more', ids('more'), 'why', down => 'DROP TABLE more')$$, 'whoever may become him can');
SELECT migrate.unwatch('test') \g /dev/null

SELECT * FROM finish();
DROP OWNED BY tap_bob, tap_admin CASCADE;
DROP ROLE tap_bob, tap_admin;
