# 080_replication.pl: what logical replication brings leaves the subscriber's own records as they are.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_node('publisher', allows_streaming => 'logical');
my $subscriber = new_node('subscriber', allows_streaming => 'logical');
$_->start foreach $publisher, $subscriber;

# Any server can have a table of this name, and do with it what it likes.
$publisher->safe_psql('postgres', <<'SQL');
CREATE SCHEMA migrate;
CREATE TABLE migrate.log_history (id bigint PRIMARY KEY);
CREATE PUBLICATION p FOR TABLE migrate.log_history;
SQL
$subscriber->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_migrations;
SELECT migrate.register('0001', 'SELECT 1');
CALL migrate.apply();
SQL
my $connection = literal($publisher->connstr('postgres'));
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION $connection PUBLICATION p");
$subscriber->wait_for_subscription_sync($publisher, 's');

$publisher->safe_psql('postgres', 'INSERT INTO migrate.log_history VALUES (99)');
$publisher->wait_for_catchup('s');
is($subscriber->safe_psql('postgres', 'SELECT string_agg(id::text, $$,$$) FROM migrate.history'), '1', 'a row is skipped');

my $from = -s $subscriber->logfile;
$publisher->safe_psql('postgres', 'TRUNCATE migrate.log_history');
$subscriber->wait_for_log(qr/table "migrate.log_history" is written by pg_migrations only/, $from);
is($subscriber->safe_psql('postgres', 'SELECT string_agg(id::text, $$,$$) FROM migrate.history'), '1', 'TRUNCATE is refused');
is($subscriber->safe_psql('postgres', 'SELECT * FROM migrate.verify_history()'), '', 'and the history is sound');

# It is tried again and again.
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');

# ---- FOR ALL TABLES, between two databases that have the extension

my $set = <<'SQL';
CREATE EXTENSION pg_migrations;
SELECT migrate.watch('test');
SELECT migrate.register('0001_orders', 'CREATE TABLE orders (id int PRIMARY KEY)', 'DROP TABLE orders');
SELECT migrate.register('0002_note', 'ALTER TABLE orders ADD note text', 'ALTER TABLE orders DROP note');
SELECT migrate.register('0003_held', 'SELECT 1');
SELECT migrate.hold('0003_held', 'later');
CALL migrate.apply('0001_orders');
CREATE INDEX by_hand ON orders ((id + 1));
SQL
$_->safe_psql('postgres', 'CREATE DATABASE shop') foreach $publisher, $subscriber;
$_->safe_psql('shop', $set) foreach $publisher, $subscriber;
$publisher->safe_psql('shop', 'INSERT INTO orders VALUES (1); CREATE PUBLICATION everything FOR ALL TABLES');
# A table must have on the subscriber what it has on the publisher.
$subscriber->safe_psql('shop', q{CALL migrate.apply('0002_note')});
is($publisher->safe_psql('shop', 'SELECT severity, code, object FROM migrate.check() WHERE object IS NOT NULL AND code NOT IN ($$out_of_band$$, $$never_seen$$)'),
	'warning|published|everything', 'check tells of the publication');

# Everything that the subscriber says of itself.
my $records = join "\n", map { "SELECT '$_', t::text FROM migrate.$_ t ORDER BY 2;" } names_of($subscriber, 'shop', <<'SQL');
SELECT relname FROM pg_class WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'r' ORDER BY 1
SQL
$connection = literal($publisher->connstr('shop'));
$subscriber->safe_psql('shop', "CREATE SUBSCRIPTION everything CONNECTION $connection PUBLICATION everything");
my $before = $subscriber->safe_psql('shop', $records);
$from = -s $subscriber->logfile;
$subscriber->wait_for_subscription_sync($publisher, 'everything', 'shop');
same($subscriber->safe_psql('shop', $records), $before, 'the first copy leaves the records as they are');

# Rows of the publisher are inserted, updated and deleted, which the subscriber has or has not.
$publisher->safe_psql('shop', <<'SQL');
SELECT migrate.register('0002_note', 'ALTER TABLE orders ADD note text', 'ALTER TABLE orders DROP COLUMN note');
SELECT migrate.release('0003_held', 'now');
SELECT migrate.register('0004_more', 'CREATE TABLE more (id int PRIMARY KEY)', 'DROP TABLE more');
SELECT migrate.configure('heads', 'one', 'we agreed');
SELECT migrate.configure('heads', 'many', 'or not');
CALL migrate.apply();
CALL migrate.revert();
DROP INDEX by_hand;
SELECT migrate.acknowledge('{2}', 'known');
TRUNCATE orders;
INSERT INTO orders (id) VALUES (2);
SELECT migrate.unwatch('enough');
SQL
$publisher->wait_for_catchup('everything');
is($subscriber->safe_psql('shop', 'SELECT string_agg(id::text, $$,$$) FROM orders'), '2', 'tables of users are replicated');
same($subscriber->safe_psql('shop', $records), $before, 'the records are still the own ones, without a false one');
is($subscriber->safe_psql('shop', 'SELECT * FROM migrate.verify_history()'), '', 'and sound');
unlike(slurp_file($subscriber->logfile, $from), qr/ERROR:/, 'nothing went wrong');
is($subscriber->safe_psql('shop', q{CALL migrate.revert(); SELECT name, outcome FROM migrate.history ORDER BY id; CREATE TABLE own (id int)}),
	"3|1\n0001_orders|applied\n0002_note|applied\n0002_note|reverted", 'the subscriber goes its own way');
is($subscriber->safe_psql('shop', 'SELECT statement FROM migrate.ddl_log ORDER BY id DESC LIMIT 1'), 'CREATE TABLE own (id int)', 'and records it');

$subscriber->safe_psql('postgres', 'CREATE DATABASE bare');
raises($subscriber, 'bare', "CREATE SUBSCRIPTION bare CONNECTION $connection PUBLICATION everything WITH (slot_name = bare)", '3F000',
	qr/schema "migrate" does not exist/, 'without the extension one cannot subscribe to all tables');

$_->stop('fast') foreach $subscriber, $publisher;
done_testing();
