# 320_faults.pl: at every fault point of the source something goes wrong, and the next run goes on as if nothing had.
#
# At each point two of the actions are drawn, and at which time that it is reached; SEED repeats that.
# ACTIONS names those to try at each, NTH=all has them happen each time, POINT is an expression for the points.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(shuffle);
use MigrateMix;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} || int(rand(1_000_000_000));
srand($seed);
diag("SEED=$seed");

# ---- a server with a library that has the points

my $server = faults_server();
my $node = mix_node('main', install_path => $server->{install_path});
$node->start;
my $marks = $node->data_dir . '/pg_migrations_faults';
mkdir $marks or die "$marks: $!";

# ---- what comes to all points: calls, and beside them who is in their way

# One whose index cannot be built until the table is mended.
sub failing
{
	my ($name, $t) = @_;

	return {
		name => $name,
		kind => 'failing',
		up => script_of($name, 'up', table_of($t), transactional("INSERT INTO $t VALUES (0, 1)", ''),
			top_level("CREATE UNIQUE INDEX CONCURRENTLY ${t}_j ON $t (j) WHERE i < 2", is_valid("${t}_j")),
			transactional("ALTER TABLE $t ADD l int", '')),
		down => []
	};
}

# Two migrations that fail, and one whose block has committed when it fails.  Somebody who is not disturbed
# mends what fails, once so that its index is valid, and says what is not known.
my $mark = q{SELECT migrate.mark_applied('0000_marked', 'test')};
my %statements = (
	name => 'statements',
	mix => [
		one_of_each(qw(plain index enum detach rebuild drop commits session)),
		failing('0101_failing', 't101'),
		failing('0102_mended', 't102'),
		{
			name => '0103_stopping',
			kind => 'stopping',
			up => script_of('0103_stopping', 'up', table_of('t103'),
				committing("DO \$\$BEGIN INSERT INTO t103 VALUES (1001); COMMIT; PERFORM 1 / 0; END\$\$", [ piece('t103', 1001) ]),
				transactional('ALTER TABLE t103 ADD l int', '')),
			down => []
		} ],
	prepare => q{SELECT migrate.register('0000_marked', 'CREATE TABLE never ()'), migrate.hold('0000_marked', 'only to be marked')},
	script => <<"SQL",
$mark;
CALL migrate.apply();
DELETE FROM t101 WHERE i = 0;
CALL migrate.apply();
DELETE FROM t102 WHERE i = 0;
REINDEX INDEX t102_j;
CALL migrate.apply(background => true) \\gset
CALL migrate.wait(:run_id);
CALL migrate.apply();
SELECT migrate.resolve('0103_stopping', 'skip_statement', 'as the table shows') FROM t103 WHERE i = 1001;
CALL migrate.apply();
SQL
	again => $mark,
	# What is in the way, and a block that is to fail: it is tried again, and then undecided.
	mend => {
		23505 => 'DO $$BEGIN ' . join('', map { "IF to_regclass('$_') IS NOT NULL THEN DELETE FROM $_ WHERE i = 0; END IF; " } qw(t101 t102)) . 'END$$',
		22012 => 'SELECT 1'
	});

# One that wants a table which is locked, in the caller or in a worker.
sub wanting
{
	my ($name, $table, $options, @before) = @_;

	return { name => $name, kind => 'wanting', up => script_of($name, 'up', @before, transactional(qq{ALTER TABLE $table ADD "$name" int}, q{})),
		down => [], options => $options };
}

# Somebody who has a table until he is ended, or until somebody queues for it.
sub keeps { return "BEGIN; LOCK TABLE $_[0]; SELECT pg_sleep(3600)" }
sub gives_way { return "BEGIN; LOCK TABLE $_[0];\nDO \$\$BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = '$_[0]'::regclass AND NOT granted) LOOP PERFORM pg_sleep(0.01); END LOOP; END\$\$;\nCOMMIT" }

# Who is in the way is old to one that lets nobody wait behind it, and young to one that has an hour.
my %old = (old => '"lock_timeout": 1', young => '"lock_timeout": "1h"');
my %locks = (
	name => 'locks',
	mix => [
		wanting('0201_evicts', 'kept1', $old{old}),
		wanting('0202_evicts', 'kept2', $old{old}, table_of('t202'), top_level('VACUUM t202', '')),
		wanting('0203_queues', 'lent1', $old{young}),
		wanting('0204_queues', 'lent2', $old{young}, table_of('t204'), top_level('VACUUM t204', '')),
		wanting('0205_gives_up', 'prepared', "$old{old}, \"lock_total\": 1"),
		wanting('0206_gives_up', 'prepared', "$old{old}, \"lock_total\": 1", table_of('t206'), top_level('VACUUM t206', '')) ],
	prepare => join(";\n", map({ "CREATE TABLE $_ ()" } qw(kept1 kept2 lent1 lent2 prepared)),
		"SELECT migrate.configure('blockers', 'terminate', 'test'), migrate.configure('blockers_min_age', '0', 'test')"),
	beside => [ map({ keeps($_) } qw(kept1 kept2)), map({ gives_way($_) } qw(lent1 lent2)) ],
	script => <<"SQL",
BEGIN;
LOCK TABLE prepared;
PREPARE TRANSACTION :'DBNAME';
CALL migrate.apply();
ROLLBACK PREPARED :'DBNAME';
CALL migrate.apply('0205_gives_up');
BEGIN;
LOCK TABLE prepared;
PREPARE TRANSACTION :'DBNAME';
CALL migrate.apply();
ROLLBACK PREPARED :'DBNAME';
CALL migrate.apply();
SQL
	again => q{SELECT 'ROLLBACK PREPARED ' || quote_literal(gid) FROM pg_prepared_xacts WHERE database = current_database() \gexec},
	mend => {});

# ---- disturbing them

my $databases = 0;

sub make_template
{
	my ($scenario) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $scenario->{name}");
	$node->safe_psql($scenario->{name}, join ";\n", register_mix(1, @{ $scenario->{mix} }), $scenario->{prepare});
	return;
}

# Those beside it, who have what they lock; and the end of those who are left.
sub start_beside
{
	my ($db, @scripts) = @_;
	my @clients = map { start_client($node, $db, $_) } @scripts;

	wait_until($node, $db, 'SELECT count(*) >= ' . @scripts . q{ FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())}) if @scripts;
	return @clients;
}

sub end_beside
{
	my ($db, @clients) = @_;

	ask_for($node, 'postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$db' AND backend_type = 'client backend'") if @clients;
	end_client($_) foreach @clients;
	return;
}

# A database of its own in which the script has run, with something going wrong; gives its name, and
# how often each point was reached.
sub disturbed
{
	my ($scenario, $fault) = @_;
	my $db = copy_database($node, $scenario->{name}, 'd' . ++$databases);
	my @beside = start_beside($db, @{ $scenario->{beside} // [] });

	ask_for($node, 'postgres', "ALTER DATABASE $db SET pg_migrations.fault = '$fault'");
	unlink glob "$marks/*";
	$node->psql($db, $scenario->{script}, on_error_stop => 0);
	ask_for($node, 'postgres', "ALTER DATABASE $db RESET pg_migrations.fault");
	end_beside($db, @beside);
	wait_quiet($node, $db);
	my %reached = map { m{/\d+\.(\w+)$} ? ($1 => -s $_) : () } glob "$marks/*";
	return ($db, \%reached);
}

# What is broken, then the rest of the script, and what is broken in the end.
sub recovered
{
	my ($scenario, $db) = @_;
	my @mix = @{ $scenario->{mix} };
	my @broken = broken_now($node, $db, broken('up', @mix));

	eval { ask_for($node, $db, $scenario->{again}); settle($node, $db, 'CALL migrate.apply();', $scenario->{mend}, @mix) } // push @broken, $@;
	push @broken, broken_now($node, $db, broken_at_end('up', @mix));
	my $comes_to = fingerprint($node->connstr($db));
	drop_database($node, $db);
	return ($comes_to, @broken);
}

# ---- undisturbed

foreach my $scenario (\%statements, \%locks)
{
	make_template($scenario);
	my ($db, $reached) = disturbed($scenario, '*:note:0');
	$scenario->{reached} = $reached;
	($scenario->{comes_to}, my @broken) = recovered($scenario, $db);
	is_deeply(\@broken, [], "$scenario->{name}: nothing is broken where nothing goes wrong");
}
my @points = sort map { slurp_file($_) =~ /\bMIG_FAULT\("(\w+)"\)/g } glob "$FindBin::RealBin/../../src/*/*.c";
my %twice;
is_deeply([ grep { $twice{$_}++ } @points ], [], 'each point has a name of its own');
# Points that are reached only when something has gone wrong before.
my %behind = (launch_cancelled => 'launch_started:cancel:1,');
$statements{reached}{$_} //= 1 foreach keys %behind;
my %scenario_of = map { my $point = $_; $point => scalar((grep { $_->{reached}{$point} } \%statements, \%locks)[0]) } @points;
is(join(' ', grep { !$scenario_of{$_} } @points), '', 'each point is reached');

# ---- disturbed

my $wanted = $ENV{POINT} || '.';
foreach my $point (grep { $scenario_of{$_} && /$wanted/ } @points)
{
	my $scenario = $scenario_of{$point};
	my $times = $scenario->{reached}{$point};

	foreach my $action ($ENV{ACTIONS} ? split(' ', $ENV{ACTIONS}) : (shuffle(qw(error cancel exit kill)))[0, 1])
	{
		my @left = ($ENV{NTH} // '') eq 'all' ? 1 .. $times : 1 + int rand $times;

		while (defined(my $nth = shift @left))
		{
			my ($db, $counted) = disturbed($scenario, ($behind{$point} // '') . "$point:$action:$nth");
			my ($came_to, @broken) = recovered($scenario, $db);

			# A wait polls as often as it happens to: then the first time.
			if ($nth > 1 && ($counted->{$point} // 0) < $nth)
			{
				push @left, 1;
				next;
			}
			push @broken, 'nothing has gone wrong' if ($counted->{$point} // 0) < $nth;
			push @broken, 'it comes to something else' if $came_to ne $scenario->{comes_to};
			is_deeply(\@broken, [], "$point:$action:$nth of $times") or diag(join "\n", @broken, "SEED=$seed");
		}
	}
}
$node->stop;
done_testing();
