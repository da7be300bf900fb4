# 235_capture_pooler.pl: behind pgbouncer in transaction mode nothing that one client gave as the cause of a change reaches the next client's changes.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
$node->start;
my $pooler = start_pooler($node, 1, 'keeper', 'ann', 'bob');
plan skip_all => 'there is no pgbouncer here' if !$pooler;

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE keeper LOGIN SUPERUSER;
CREATE ROLE ann LOGIN;
CREATE ROLE bob LOGIN IN ROLE ann;
CREATE DATABASE shop;
SQL
$node->safe_psql('shop', <<'SQL');
CREATE EXTENSION pg_migrations;
GRANT CREATE ON SCHEMA public TO ann;
SELECT migrate.grant_capability('ann', 'break_glass'), migrate.grant_capability('ann', 'deployer');
SELECT migrate.watch('test');
CREATE FUNCTION with_reason() RETURNS void LANGUAGE plpgsql SET pg_migrations.reason = 'mine' AS 'BEGIN CREATE TABLE a (); END';
CREATE PROCEDURE commits() LANGUAGE plpgsql AS
	$$BEGIN SET LOCAL pg_migrations.reason = 'mine'; CREATE TABLE a (); COMMIT; SET pg_migrations.reason = 'mine'; COMMIT; CREATE TABLE f (); END$$;
SQL

# What the first client does, and the origins and reasons that are on record then.
# Migrations are of another project, :mode, each time that all of them are played.
my $set = q{SET pg_migrations.reason = 'mine';};
my $begin = q{BEGIN; SELECT migrate.begin('by hand');};
my $apply = q{CALL migrate.apply();};
my @scenes = (
	[ 'SET', "$set CREATE TABLE a ();", 'direct' ],
	[ 'set_config', q{SELECT set_config('pg_migrations.reason', 'mine', false); CREATE TABLE a ();}, 'direct' ],
	[ 'SET in a block', "BEGIN; $set CREATE TABLE a (); COMMIT; CREATE TABLE f ();", 'direct mine', 'direct' ],
	[ 'SET LOCAL', q{BEGIN; SET LOCAL pg_migrations.reason = 'mine'; CREATE TABLE a (); COMMIT; CREATE TABLE f ();}, 'direct mine', 'direct' ],
	[ 'SET in one query with the change', q{SET pg_migrations.reason = 'mine' \; CREATE TABLE a ();}, 'direct mine' ],
	[ 'SET in a block that is rolled back', "BEGIN; $set CREATE TABLE a (); ROLLBACK; CREATE TABLE a ();", 'direct' ],
	[ 'SET behind a savepoint', "BEGIN; SAVEPOINT s; $set RELEASE s; CREATE TABLE a (); COMMIT;", 'direct mine' ],
	[ 'SET in a prepared transaction', "BEGIN; $set CREATE TABLE a (); PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p';", 'direct mine' ],
	[ 'setting of a function', 'SELECT with_reason(); CREATE TABLE f ();', 'direct mine', 'direct' ],
	[ 'procedure that commits', 'CALL commits();', 'direct mine', 'direct' ],
	[ 'SET by one who goes away', "BEGIN; $set CREATE TABLE a ();" ],
	[ 'begin', "$begin CREATE TABLE a (); COMMIT; CREATE TABLE f ();", 'external', 'direct' ],
	[ 'begin and finish', "$begin CREATE TABLE a (); SELECT migrate.finish(); $set CREATE TABLE f (); COMMIT;", 'external', 'direct mine' ],
	[ 'begin in one query with the change', "SELECT migrate.begin('by hand') \\; CREATE TABLE a ();", 'external' ],
	[ 'begin and an error', "$begin CREATE TABLE a (); SELECT 1 / 0; COMMIT;" ],
	[ 'begin behind a savepoint', "BEGIN; SAVEPOINT s; SELECT migrate.begin('by hand'); ROLLBACK TO s; $set CREATE TABLE a (); COMMIT;", 'direct mine' ],
	[ 'begin in a prepared transaction', "$begin CREATE TABLE a (); PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p';", 'external' ],
	[ 'begin by one who goes away', "$begin CREATE TABLE a ();" ],
	[ 'apply', "SELECT migrate.register('1', 'CREATE TABLE a ()', project => :'mode'); $apply CREATE TABLE f ();", 'migration', 'direct' ],
	[ 'apply in a block', "SELECT migrate.register('2', 'CREATE TABLE a ()', project => :'mode'); BEGIN; $apply COMMIT; CREATE TABLE f ();", 'migration', 'direct' ],
	[ 'apply that fails', "SELECT migrate.register('3', 'CREATE TABLE a (); SELECT 1 / 0', project => :'mode'); $apply SELECT migrate.unregister('3', :'mode');" ],
	[ 'apply by one who goes away', "BEGIN; SELECT migrate.register('4', 'CREATE TABLE a ()'); $apply" ],
	[ 'break_glass that is rolled back', "BEGIN; SELECT migrate.break_glass('fire'); CREATE TABLE a (); ROLLBACK; CREATE TABLE f ();", 'direct' ]);

# The client behind it, on the same connection of the server.
my $next = <<'SQL';
CREATE TABLE b ();
BEGIN; CREATE TABLE c (); COMMIT;
BEGIN; SAVEPOINT s; SET LOCAL pg_migrations.reason = 'yours'; ROLLBACK TO s; CREATE TABLE d (); COMMIT;
BEGIN; SET LOCAL pg_migrations.reason = 'yours'; CREATE TABLE e (); COMMIT;
SQL
my @next = ('direct', 'direct', 'direct', 'direct yours');

# A client that comes and goes: the backend it had, and the SQLSTATEs it got.
sub client
{
	my ($user, $name, $sql) = @_;
	my ($mode) = $name =~ /^(\w+)/;

	local $ENV{PGAPPNAME} = $name;
	my (undef, $out, $err) = $node->psql('shop', "\\set VERBOSITY sqlstate\n\\set mode $mode\nSELECT 'backend ' || pg_backend_pid();\n$sql",
		connstr => "$pooler->{connection} dbname=shop user=$user", on_error_stop => 0);
	my ($backend) = $out =~ /^backend (\d+)$/m;
	return ($backend, [ $err =~ /ERROR:  (\w{5})/g ]);
}

sub recorded
{
	my ($name) = @_;

	return names_of($node, 'shop', "SELECT concat_ws(' ', origin, reason) FROM migrate.ddl_log WHERE application_name = " . literal($name) . ' ORDER BY id');
}

# One test: what is on record of a client, and its errors, with those it got where what has neither cause nor reason is rejected.
sub is_recorded
{
	my ($name, $mode, $errors, @wanted) = @_;
	my @errors = $name =~ /(?:error|fails): first/ ? '22012' : ();

	if ($mode eq 'reject')
	{
		push @errors, map { 'MG013' } grep { $_ eq 'direct' } @wanted;
		@wanted = grep { $_ ne 'direct' } @wanted;
	}
	is(join(', ', recorded($name), @$errors), join(', ', @wanted, @errors), $name);
	return;
}

sub play_all
{
	my ($mode) = @_;

	foreach my $scene (@scenes)
	{
		my ($title, $sql, @rows) = @$scene;
		my ($first, $second) = map { "$mode: $title: $_ client" } 'first', 'second';

		$node->safe_psql('shop', 'SET client_min_messages = error; SET pg_migrations.out_of_band = log; DROP TABLE IF EXISTS a, b, c, d, e, f');
		my ($backend, $errors) = client('ann', $first, $sql);
		my ($same, $more) = client('ann', $second, $next);
		is($same == $backend, $title !~ /goes away/, "$mode: $title: they share a connection unless it is in the middle of something");
		is_recorded($first, $mode, $errors, @rows);
		is_recorded($second, $mode, $more, @next);
	}
	return;
}

play_all('log');

# ---- rejected

my $reject = q{ALTER DATABASE shop SET pg_migrations.out_of_band = 'reject'};
$node->safe_psql('postgres', $reject);
my (undef, $errors) = client('ann', 'old connection', 'CREATE TABLE g ();');
is_recorded('old connection', 'log', $errors, 'direct');
$node->safe_psql('postgres', 'RECONNECT', connstr => "$pooler->{connection} dbname=pgbouncer user=keeper");
(undef, $errors) = client('ann', 'new connection', 'CREATE TABLE h ();');
is_recorded('new connection', 'reject', $errors, 'direct');
play_all('reject');

# ---- the glass

my $say = q{BEGIN; SET LOCAL pg_migrations.reason = 'mine'; CREATE TABLE bobs (); COMMIT;};
(undef, $errors) = client('bob', 'by inheritance', "$say DROP TABLE bobs;");
is_recorded('by inheritance', 'reject', $errors, 'direct mine', 'direct');
client('ann', 'breaks', q{SELECT migrate.break_glass('fire'); CREATE TABLE i ();});
is(join(', ', recorded('breaks')), 'direct fire', 'who breaks the glass may');
client('ann', 'comes later', "$set CREATE TABLE j ();");
is(join(', ', recorded('comes later')), 'direct fire', 'so may the same role from another client, for the same reason');
(undef, $errors) = client('bob', 'another role', 'CREATE TABLE k (); SET ROLE ann; CREATE TABLE k ();');
is_recorded('another role', 'reject', $errors, 'direct', 'direct');
is($node->safe_psql('shop', 'SELECT * FROM migrate.verify_history()'), '', 'the records are sound');
end_pooler($pooler);
$node->stop;
done_testing();
