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

# What comes to all points, two migrations that fail, and one whose block has committed when it fails.
my @mix = (
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
	});

# What somebody does who is not disturbed: he mends what fails, once so that its index is valid, and says what is not known.
my $mark = q{SELECT migrate.mark_applied('0000_marked', 'test')};
my $mend = 'DO $$BEGIN ' . join('', map { "IF to_regclass('$_') IS NOT NULL THEN DELETE FROM $_ WHERE i = 0; END IF; " } qw(t101 t102)) . 'END$$';
my $script = <<"SQL";
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

my $databases = 0;
$node->safe_psql('postgres', 'CREATE DATABASE template');
$node->safe_psql('template', register_mix(1, @mix) . ";\nSELECT migrate.register('0000_marked', 'CREATE TABLE never ()'),
	migrate.hold('0000_marked', 'only to be marked')");

# A database of its own in which the script has run, with something going wrong; gives its name, and
# how often each point was reached.
sub disturbed
{
	my ($fault) = @_;
	my $db = copy_database($node, 'template', 'd' . ++$databases);

	ask_for($node, 'postgres', "ALTER DATABASE $db SET pg_migrations.fault = '$fault'");
	unlink glob "$marks/*";
	$node->psql($db, $script, on_error_stop => 0);
	ask_for($node, 'postgres', "ALTER DATABASE $db RESET pg_migrations.fault");
	wait_quiet($node, $db);
	my %reached = map { m{/\d+\.(\w+)$} ? ($1 => -s $_) : () } glob "$marks/*";
	return ($db, \%reached);
}

# What is broken, then the rest of the script, and what is broken in the end.
sub recovered
{
	my ($db) = @_;
	my @broken = ask_for($node, $db, broken('up', @mix));

	# What is in the way, and a block that is to fail: it is tried again, and then undecided.
	my %mend = (23505 => $mend, 22012 => 'SELECT 1');
	eval { ask_for($node, $db, $mark); settle($node, $db, 'CALL migrate.apply();', \%mend, @mix) } // push @broken, $@;
	push @broken, ask_for($node, $db, broken_at_end('up', @mix));
	my $comes_to = fingerprint($node->connstr($db));
	drop_database($node, $db);
	return ($comes_to, @broken);
}

# ---- undisturbed

my ($db, $reached) = disturbed('*:note:0');
my ($comes_to, @broken) = recovered($db);
is_deeply(\@broken, [], 'nothing is broken where nothing goes wrong');
my @points = sort map { slurp_file($_) =~ /\bMIG_FAULT\("(\w+)"\)/g } glob "$FindBin::RealBin/../../src/*/*.c";
my %twice;
is_deeply([ grep { $twice{$_}++ } @points ], [], 'each point has a name of its own');
# Points that are reached only when something has gone wrong before.
my %behind = (launch_cancelled => 'launch_started:cancel:1,');
$reached->{$_} //= 1 foreach keys %behind;
is_deeply([ grep { !$reached->{$_} } @points ], [], 'each point is reached');

# ---- disturbed

my $wanted = $ENV{POINT} || '.';
foreach my $point (grep { $reached->{$_} && /$wanted/ } @points)
{
	my $times = $reached->{$point};

	foreach my $action ($ENV{ACTIONS} ? split(' ', $ENV{ACTIONS}) : (shuffle(qw(error cancel exit kill)))[0, 1])
	{
		foreach my $nth (($ENV{NTH} // '') eq 'all' ? 1 .. $times : 1 + int rand $times)
		{
			my ($db, $counted) = disturbed(($behind{$point} // '') . "$point:$action:$nth");
			my ($came_to, @broken) = recovered($db);

			push @broken, 'nothing has gone wrong' if ($counted->{$point} // 0) < $nth;
			push @broken, 'it comes to something else' if $came_to ne $comes_to;
			is_deeply(\@broken, [], "$point:$action:$nth of $times") or diag(join "\n", @broken, "SEED=$seed");
		}
	}
}
$node->stop;
done_testing();
