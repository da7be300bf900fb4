# 080_replication.pl: what logical replication brings leaves the subscriber's own history as it is.
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

$_->stop('fast') foreach $subscriber, $publisher;
done_testing();
