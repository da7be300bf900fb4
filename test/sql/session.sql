-- session.sql: what people see in psql.  Times, which differ from run to run,
-- are masked on their way out.
SET log_min_messages = error;
\setenv PGDATABASE :DBNAME
\setenv PGOPTIONS '-c log_min_messages=error'
\setenv MASK 's/[0-9]+\\.[0-9] s/N.N s/g; s/20[0-9-]+ [0-9:]+/YYYY-MM-DD HH:MM/g; s/failed [0-9]+:[0-9]+/failed HH:MM/; s/ +$//'

-- A first project.
SELECT migrate.register('0001_customers', 'CREATE TABLE customers (id int PRIMARY KEY);', 'DROP TABLE customers;',
                        project => 'shop');
SELECT migrate.register('0002_orders', '-- orders of customers
CREATE TABLE orders (id int PRIMARY KEY, customer int);
INSERT INTO customers VALUES (1);
COPY orders FROM stdin;
1	1
2	7
\.
', 'DROP TABLE orders;', 'SELECT count(*) = 2 FROM orders', project => 'shop');
SELECT migrate.register('0003_orders_fk', E'ALTER TABLE orders\n    ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer) REFERENCES customers;\n',
                        'ALTER TABLE orders DROP CONSTRAINT orders_customer_fk;', project => 'shop');
SELECT migrate.register('0004_notes', 'CREATE TABLE notes ();', project => 'shop');
SELECT step, name, action, mode, statements, strongest_lock, reason FROM migrate.plan(project => 'shop');
SELECT name, state FROM migrate.status('shop');
\! echo 'SELECT migrate.show()' | psql -XAtq | sed -E "$MASK"

-- One of them fails.
\! echo 'CALL migrate.apply()' | psql -Xq 2>&1 | sed -E "$MASK"
\! echo 'SELECT migrate.show()' | psql -XAtq | sed -E "$MASK"
SELECT run_id, outcome, migrations, failed_name, error_code FROM migrate.runs;
SELECT name, outcome, statements, error_code, error_message, error_detail, error_statement_no, error_line FROM migrate.history;
SELECT statement_no, line, command_tag, rows FROM migrate.statement_log ORDER BY id;
SELECT severity, code, name, message, hint FROM migrate.check('shop');

-- Where it failed, as it is in a statement and in a file.
SELECT name, action FROM migrate.load('{V1__first.sql,V2__second.sql}', ARRAY['SELECT 1;', E'SELECT 1;\n\nSELECT nothing\n  FROM nowhere;\n'],
                                      project => 'files');
\! echo 'CALL migrate.apply(project => $$files$$)' | psql -Xq 2>&1 | sed -E "$MASK"
SELECT migrate.register('0005_typo', E'SELECT 1;\nCREATE TABEL typo ();', project => 'shop');
SELECT * FROM migrate.load('{V3__typo.sql}', ARRAY[E'\n\nSELECT 1;\n  CREATE TABEL typo ();'], project => 'files');
SELECT * FROM migrate.load('{V3__include.sql}', ARRAY[E'SELECT 1;\n\\i other.sql\n'], project => 'files');
SELECT migrate.register('0005_commit', E'SELECT 1;\nCOMMIT;\nSELECT 2;', project => 'shop');

-- Mended, it goes on.
SELECT migrate.register('0003_orders_fk', 'DELETE FROM orders WHERE customer = 7;
ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer) REFERENCES customers;',
                        'ALTER TABLE orders DROP CONSTRAINT orders_customer_fk;', project => 'shop');
\! echo 'CALL migrate.apply(project => $$shop$$)' | psql -Xq 2>&1 | sed -E "$MASK"
\! echo 'CALL migrate.apply(project => $$shop$$)' | psql -Xq 2>&1 | sed -E "$MASK"
\! echo 'CALL migrate.apply($$0002_orders$$)' | psql -Xq 2>&1 | sed -E "$MASK"
\! echo 'SELECT migrate.show($$shop$$)' | psql -XAtq | sed -E "$MASK"

-- What was applied stays as it was.
SELECT migrate.register('0004_notes', 'CREATE TABLE notes();  -- of orders', project => 'shop');
SELECT migrate.register('0004_notes', 'CREATE TABLE notes (note text);', project => 'shop');
SELECT migrate.register('0002_orders', 'SELECT 1', 'DROP TABLE orders;', 'SELECT count(*) = 2 FROM orders', project => 'shop');

-- Names.
SELECT migrate.is_applied('0003_order_fk');
SELECT migrate.is_applied('V');
SELECT migrate.sql('notes');

-- Back.
CALL migrate.revert(project => 'shop');
SELECT migrate.register('0004_notes', 'CREATE TABLE notes ();', 'DRPO TABLE notes;', project => 'shop');
CALL migrate.revert(project => 'shop');
SELECT migrate.register('0004_notes', 'CREATE TABLE notes ();', 'DROP TABLE notes;', project => 'shop');
\! echo 'CALL migrate.revert($$0002_orders$$)' | psql -Xq 2>&1 | sed -E "$MASK"
SELECT name, state FROM migrate.status('shop');

-- Held, blocked, and late.
SELECT migrate.hold('0003', 'wait for BI', 'shop');
SELECT step, name, action, reason FROM migrate.plan(project => 'shop');
\! echo 'CALL migrate.apply(project => $$shop$$)' | psql -Xq 2>&1 | sed -E "$MASK"
\! echo 'SELECT migrate.show($$shop$$)' | psql -XAtq | sed -E "$MASK"
SELECT migrate.release('0003', 'BI is ready', 'shop');
SELECT migrate.register('0001.5_late', 'CREATE TABLE late ();', project => 'shop');
\! echo 'CALL migrate.apply(project => $$shop$$)' | psql -Xq 2>&1 | sed -E "$MASK"

-- In a block.
SELECT migrate.register('0005_block', 'CREATE TABLE block ();', project => 'shop');
\! echo 'BEGIN; CALL migrate.apply(project => $$shop$$); ROLLBACK' | psql -Xq 2>&1 | sed -E "$MASK"
\! echo 'CALL migrate.apply(project => $$shop$$, atomic => true)' | psql -Xq 2>&1 | sed -E "$MASK"

-- A verify that fails.
SELECT migrate.register('0006_verify', 'CREATE TABLE verified ();', verify => E'SELECT true;\nSELECT count(*) > 0 FROM verified;', project => 'shop');
\! echo 'CALL migrate.apply(project => $$shop$$)' | psql -Xq 2>&1 | sed -E "$MASK"
SELECT migrate.check('shop', 'error');

-- Wrong arguments.
CALL migrate.apply(options => '{"nonsense": 1}');
SELECT migrate.register('0007_x', '', options => '{"nonsense": 1}');
SELECT migrate.register(' 0007', '');
SELECT migrate.register('0007', '', project => 'two words');
SELECT migrate.configure('nonsense', '1', 'why');
SET ROLE pg_monitor;
CALL migrate.apply(project => 'shop');
SELECT * FROM migrate.status();
RESET ROLE;
SELECT * FROM migrate.verify_history();
