# 340_failover.pl: the primary is lost in the middle of a run; on the standby that takes over, the next run goes on.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateMix;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = faults_server();
my $primary = mix_node('node0', install_path => $server->{install_path}, allows_streaming => 1);
my @mix = one_of_each();
my $apply = 'CALL migrate.apply();';
my $nodes = 0;

$primary->start;
ask_for($primary, 'postgres', 'CREATE DATABASE mix');
ask_for($primary, 'mix', register_mix(1, @mix));
copy_database($primary, 'mix', 'calm');
ask_for($primary, 'calm', $apply);
my $comes_to = fingerprint($primary->connstr('calm'));

# A standby, without which nothing counts as committed.
sub new_standby
{
	my $name = 'node' . ++$nodes;
	my $standby = PostgreSQL::Test::Cluster->new($name, install_path => $server->{install_path});

	$primary->backup($name);
	$standby->init_from_backup($primary, $name, has_streaming => 1);
	$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$standby->start;
	$primary->append_conf('postgresql.conf', "synchronous_standby_names = '*'");
	$primary->reload;
	wait_until($primary, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'});
	return $standby;
}

# A run that comes to a point and stays there.
sub run_until
{
	my ($db, $point, $nth) = @_;
	my $marks = $primary->data_dir . '/pg_migrations_faults';

	mkdir $marks;
	unlink glob "$marks/*";
	append_to_file("$marks/hold", '');
	ask_for($primary, 'postgres', "ALTER DATABASE $db SET pg_migrations.fault = '$point:hold:$nth'");
	my $client = start_client($primary, $db, $apply);
	my $file = "$marks/" . (ask_for($primary, 'postgres', "SELECT oid FROM pg_database WHERE datname = '$db'"))[0] . ".$point";
	wait_until($primary, 'postgres', sprintf "SELECT COALESCE((pg_stat_file('%s', true)).size, 0) >= %d", $file, $nth);
	return ($client, $marks);
}

# The standby takes over; what is there is judged, and the run goes on.
sub take_over
{
	my ($standby, $db, $name) = @_;

	$standby->promote;
	$primary = $standby;
	my @broken = broken_now($primary, $db, broken('up', @mix));
	my ($before) = ask_for($primary, $db, q{SELECT count(*) FROM migrate.status() WHERE state = 'applied'});
	ask_for($primary, 'postgres', "ALTER DATABASE $db RESET pg_migrations.fault");
	my $decisions = eval { settle($primary, $db, $apply, {}, @mix) } // push @broken, $@;
	push @broken, broken_now($primary, $db, broken_at_end('up', @mix));
	push @broken, 'it comes to something else' if fingerprint($primary->connstr($db)) ne $comes_to;
	is_deeply(\@broken, [], "$name: goes on behind $before migrations") or diag(join "\n", @broken);
	return;
}

# Each is the place where the primary is lost, and the how-manieth time that a run comes there.
foreach my $place (
	[ apart_start_committed => 1 ], [ apart_executed => 3 ], [ apart_intent_committed => 3 ], [ top_level_made_noted => 2 ],
	[ apart_statement_ended => 4 ], [ apart_step_committed => 5 ], [ apart_outcome_committed => 3 ], [ run_unit_ended => 1 ])
{
	my ($point, $nth) = @$place;
	my $standby = new_standby();
	my $db = copy_database($primary, 'mix', "d$nodes");
	my ($client) = run_until($db, $point, $nth);

	$primary->stop('immediate');
	end_client($client);
	take_over($standby, $db, "lost at $point, $nth");
}

# One that does not wait for its standby may have done more than that has seen: what counts is what has come there.
{
	my $standby = new_standby();
	my $db = copy_database($primary, 'mix', "d$nodes");

	$primary->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$primary->reload;
	my ($client, $marks) = run_until($db, 'apart_intent_committed', 4);
	$primary->wait_for_catchup($standby);
	$standby->stop;
	unlink "$marks/hold";
	my ($ok) = end_client($client);
	ok($ok, 'a primary goes on alone');
	$primary->stop('immediate');
	$standby->append_conf('postgresql.conf', "primary_conninfo = ''");
	$standby->start;
	take_over($standby, $db, 'lost with what it did alone');
}
$primary->stop;
done_testing();
