# 350_limits.pl: what keeps a run or its worker from beginning is an error that says the way out, and nothing is half done.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A server of its own, since its library will be gone.
my $server = copy_server();
my $library = "$server->{pkglibdir}/pg_migrations.so";
my $node = new_node('main', install_path => $server->{install_path}, allows_streaming => 1);
$node->append_conf('postgresql.conf', "max_worker_processes = 1\nmax_logical_replication_workers = 0");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE deployer LOGIN');

my $apply = 'CALL migrate.apply();';
my $half_done = q{SELECT count(*) FROM migrate.unfinished};
my $states = q{SELECT string_agg(DISTINCT state, ' ') FROM migrate.status()};

sub ask
{
	my ($db, $sql) = @_;

	return $node->safe_psql($db, $sql);
}

# A database in which the deployer has something to do, in one transaction or in steps.
sub new_database
{
	my ($db, $up) = @_;

	ask('postgres', "CREATE DATABASE $db");
	ask($db, 'CREATE EXTENSION pg_migrations; GRANT CREATE ON SCHEMA public TO deployer');
	ask($db, q{SELECT migrate.grant_capability('deployer', 'deployer')});
	ask($db, 'SELECT migrate.register($$0001_steps$$, ' . literal($up // "CREATE TABLE made ();\nVACUUM made;") . ')');
	return;
}

# What a session of the deployer's is told; verbose.
sub told
{
	my ($session, $sql) = @_;

	return (ask_session($session, "\\set VERBOSITY verbose\n$sql"))[1];
}

# A session that is there is kept from having a worker; $again lets it.
sub refused
{
	my ($db, $what, $code, $words, $hint, $forbid, $again) = @_;
	my $session = open_session($node, $db, 'deployer');
	my $said;

	told($session, 'SELECT 1');
	ask('postgres', $forbid);
	$said = told($session, $apply);
	like($said, qr/ERROR:  $code: $words.*\nHINT:  $hint/s, "$what: the error says why and what to do");
	$session->quit;
	ask('postgres', $again);
	is(ask($db, $states) . ' ' . ask($db, $half_done) . ' ' . ask($db, q{SELECT to_regclass('made') IS NULL}), 'failed 0 t', "$what: nothing is half done");
	return;
}

# ---- the worker may not connect

new_database('shop');
refused('shop', 'no connections', '55000', 'database "shop" is not currently accepting connections',
	'.*ALTER DATABASE shop ALLOW_CONNECTIONS true;', 'ALTER DATABASE shop ALLOW_CONNECTIONS false', 'ALTER DATABASE shop ALLOW_CONNECTIONS true');
refused('shop', 'no right to connect', '42501', 'permission denied for database "shop"',
	'.*GRANT CONNECT ON DATABASE shop TO deployer;', 'REVOKE CONNECT ON DATABASE shop FROM PUBLIC', 'GRANT CONNECT ON DATABASE shop TO PUBLIC');

# A limit that the session itself has reached is none for its worker.
ask('postgres', 'ALTER DATABASE shop CONNECTION LIMIT 1; ALTER ROLE deployer CONNECTION LIMIT 1');
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'shop'});
{
	my $session = open_session($node, 'shop', 'deployer');

	like(told($session, $apply), qr/0001_steps  applied/, 'the worker is not one connection too many');
	$session->quit;
}
ask('postgres', 'ALTER DATABASE shop CONNECTION LIMIT -1; ALTER ROLE deployer CONNECTION LIMIT -1');

# ---- the role is gone

new_database('orphan');
ask('orphan', 'CREATE ROLE passing LOGIN SUPERUSER');
{
	my $session = open_session($node, 'orphan', 'passing');

	told($session, 'SELECT 1');
	ask('postgres', 'DROP ROLE passing');
	like(told($session, $apply), qr/ERROR:  28000: the role of this session has been dropped\nHINT:  Connect as another one\./, 'a role that was dropped deploys no more');
	$session->quit;
}
is(ask('orphan', $states) . ' ' . ask('orphan', $half_done), 'pending 0', 'and has done nothing');

# ---- read-only by default

new_database('careful');
my $early = open_session($node, 'careful', 'deployer');
told($early, 'SELECT 1');
ask('postgres', 'ALTER DATABASE careful SET default_transaction_read_only = on');
foreach my $case (
	[ $apply, qr/DETAIL:  Setting default_transaction_read_only is on; it comes from: database\.\nHINT:  SET default_transaction_read_only = off;  and call it again\./ ],
	[ "BEGIN; $apply", qr/HINT:  ROLLBACK;  SET default_transaction_read_only = off;  and begin again\./ ],
	[ "BEGIN READ WRITE; SET default_transaction_read_only = off; SET TRANSACTION READ ONLY; $apply", qr/HINT:  ROLLBACK;  BEGIN READ WRITE;  and call it again\./ ])
{
	my ($code, $err) = sqlstate($node, 'careful', $case->[0]);

	is($code, '25006', "read-only: $case->[0]");
	like($err, $case->[1], 'with the way out');
}
{
	my ($code, $err) = sqlstate($node, 'careful', q{CREATE PROCEDURE wrapper() LANGUAGE plpgsql AS 'BEGIN SET TRANSACTION READ WRITE; CALL migrate.apply(); END'; CALL wrapper();});

	is($code, '25006', 'a database cannot be written by mistake');
}
is(ask('careful', "SET default_transaction_read_only = off; $states") . ask('careful', 'SELECT count(*) FROM migrate.runs'), 'pending0', 'nothing has run');
like(told($early, $apply), qr/0001_steps  applied/, 'the worker of a session that may write writes, too');
$early->quit;
ask('careful', q{SET default_transaction_read_only = off; SELECT migrate.register('0002_more', 'VACUUM made')});
is((sqlstate($node, 'careful', "SET default_transaction_read_only = off; SET SESSION AUTHORIZATION deployer; $apply"))[0], '', 'as does whoever has taken the way out');

# ---- no worker is free

new_database('busy', "CREATE TABLE made ();\nSELECT pg_advisory_xact_lock(1);\nVACUUM made;");
my $holder = $node->background_psql('busy');
$holder->query_safe('SELECT pg_advisory_lock(1)');
ask('busy', q{SELECT migrate.register('0001_steps', E'CREATE TABLE made ();\nSELECT pg_advisory_xact_lock(1);\nVACUUM made;', options => '{"lock_timeout": 600000}')});
my $other = start_client($node, 'busy', $apply);
wait_until($node, 'postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations' AND wait_event = 'advisory'});
new_database('waiting');
my ($code, $err) = sqlstate($node, 'waiting', $apply);
is($code, '53400', 'without a free worker there is an error');
like($err, qr/ERROR:  53400: no worker is free for migration "default:0001_steps".*HINT:  Try again, or ALTER SYSTEM SET max_worker_processes = \d+;/s, 'that says what to do');
is(ask('waiting', $states) . ' ' . ask('waiting', $half_done), 'failed 0', 'nothing is half done');

# The next finds a place as soon as it is free.
$holder->quit;
end_client($other);
ask('waiting', q{SELECT migrate.register(format('%s_more', i), 'VACUUM made') FROM generate_series(2, 4) AS i});
is((sqlstate($node, 'waiting', $apply))[0], '', 'one place is enough for workers one after another');
is(ask('waiting', $states), 'applied', 'and all is applied');

# ---- a database goes under a worker

$holder = $node->background_psql('busy');
$holder->query_safe('SELECT pg_advisory_lock(1)');
ask('busy', q{SELECT migrate.register('0002_more', E'VACUUM made;\nSELECT pg_advisory_xact_lock(1)', options => '{"lock_timeout": 600000}')});
$other = start_client($node, 'busy', $apply);
wait_until($node, 'postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations' AND wait_event = 'advisory'});

($code, $err) = sqlstate($node, 'postgres', 'ALTER DATABASE busy RENAME TO renamed');
is($code, '55006', 'a database with a worker in it keeps its name');
$holder->quit;
end_client($other);
ask('busy', q{SELECT migrate.register('0003_more', E'VACUUM made;\nSELECT pg_advisory_xact_lock(1)', options => '{"lock_timeout": 600000}')});
$holder = $node->background_psql('busy', on_error_stop => 0);
$holder->query_safe('SELECT pg_advisory_lock(1)');
$other = start_client($node, 'busy', $apply);
wait_until($node, 'postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations' AND wait_event = 'advisory'});
my $started = ask('postgres', 'SELECT pg_postmaster_start_time()');
wait_until($node, 'postgres', q{SELECT count(*) = 3 FROM pg_stat_activity WHERE datname = 'busy'});
ask('postgres', 'DROP DATABASE busy WITH (FORCE)');
end_client($other);
eval { $holder->quit };
like($other->{err}, qr/(?:FATAL|ERROR):  57P01/, 'a database that is dropped by force takes run and worker along');
is(ask('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'busy'}), '0', 'none is left');
is((sqlstate($node, 'waiting', $apply))[0], '', 'the worker is free again');

# ---- a prepared transaction holds a lock

new_database('held', "CREATE TABLE made (i int);\nVACUUM made;\nALTER TABLE busy ADD i int;\nVACUUM made;");
ask('held', 'CREATE TABLE busy (); BEGIN; SELECT FROM busy; PREPARE TRANSACTION $$keeper$$');
($code, $err) = sqlstate($node, 'held', q{SET pg_migrations.lock_timeout = 100; SET pg_migrations.lock_total = 0; } . $apply);
is($code, '55P03', 'a prepared transaction is not waited for without end');
like(ask('held', q{SELECT state || ': ' || detail FROM migrate.status()}), qr/^interrupted: 55P03 at statement 3, line 3; 2 of 4 statements stand/, 'what stands is known');
ask('held', 'ROLLBACK PREPARED $$keeper$$');
is((sqlstate($node, 'held', $apply))[0], '', 'when it has ended the run goes on');

# ---- a standby

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby', install_path => $server->{install_path});
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
($code, $err) = sqlstate($standby, 'waiting', $apply);
is($code, '25006', 'nothing is applied on a standby');
like($err, qr/ERROR:  25006: cannot execute migrate.apply on a standby\nHINT:  .*FROM pg_stat_wal_receiver;/, 'which says where the primary is');
wait_until($standby, 'waiting', 'SELECT count(*) = 1 FROM pg_stat_wal_receiver WHERE sender_port = ' . $node->port);
pass('as it does');
$standby->stop;

# ---- the library is gone

new_database('bare');
my $loaded = open_session($node, 'bare', 'deployer');
told($loaded, $apply);
ask('bare', q{SELECT migrate.register('0002_more', 'VACUUM made')});
rename $library, "$library.away" or die "could not rename $library: $!";
like(told($loaded, $apply), qr/ERROR:  53000: could not start a worker for migration "default:0002_more", which cannot run in one transaction\nDETAIL:  .*server's log.*\nHINT:  See to that/s, 'a worker without its library is an error');
ok(slurp_file($node->logfile) =~ /could not access file "pg_migrations"/, 'and the log says why');
rename "$library.away", $library or die "could not rename $library: $!";
is(ask('bare', $states) . ask('bare', $half_done), 'applied failed0', 'nothing is half done');
unlike(told($loaded, $apply), qr/ERROR/, 'and when it is there again the run goes on');
$loaded->quit;
$node->stop;
done_testing();
