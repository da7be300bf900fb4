# 030_crash.pl: backends and servers killed at random moments of runs leave nothing half done. SEED repeats a run.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateMix qw(ask_for);
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant ROUNDS => 14;
use constant STEPS => 4;

my $seed = $ENV{SEED} || int(rand(1_000_000));
srand($seed);
diag("SEED=$seed");

my $node = new_node('main');
$node->append_conf('postgresql.conf', "restart_after_crash = on\nsynchronous_commit = on");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_migrations');

# Each migration makes one table in two statements with a moment between them.
sub registrations
{
	my ($round) = @_;

	return join "\n", map { <<"SQL" } 1 .. STEPS;
SELECT migrate.register('r${round}_$_', 'CREATE TABLE r${round}_$_ (i int); SELECT pg_sleep(0.02);
	INSERT INTO r${round}_$_ VALUES ($_)', 'DROP TABLE r${round}_$_', version => '$round.$_');
SQL
}

# A client that applies; returns when it is about to, with the pid of its backend.
sub start_run
{
	my $file = PostgreSQL::Test::Utils::tempdir . '/pid';
	my $give_up = time + $PostgreSQL::Test::Utils::timeout_default;
	my $client = start_client($node, 'postgres', "\\o $file\nSELECT 'pid ', pg_backend_pid(), ' ';\n\\o\nCALL migrate.apply();");

	my $pid;

	until (-e $file && (($pid) = slurp_file($file) =~ /pid \|(\d+)\| /))
	{
		die 'the client did not start' if time > $give_up;
		sleep 0.001;
	}
	return ($client, $pid);
}

my %ways = (
	'kill -KILL' => sub { kill 'KILL', $_[0] },
	'kill -TERM' => sub { kill 'TERM', $_[0] },
	'kill -QUIT' => sub { kill 'QUIT', $_[0] },
	cancel => sub { kill 'INT', $_[0] },
	'stop immediate' => sub { $node->stop('immediate'); $node->start },
	'stop fast' => sub { $node->stop('fast'); $node->start },
	'kill -KILL of the postmaster' => sub { kill_postmaster($node) });
my @ways = sort keys %ways;

# Waits until a backend has gone: it may still be at it when it was told to end, and
# the postmaster may yet have to learn that it was killed.
sub gone
{
	my ($pid) = @_;

	return "DO 'BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid) LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END';\n";
}

# What must be true whatever happened: one line for each promise broken.
my $broken = <<'SQL';
SELECT 'table without history: ' || relname FROM pg_class c
WHERE relkind = 'r' AND relname ~ '^r\d' AND NOT EXISTS (SELECT FROM migrate.history h WHERE h.name = relname AND outcome = 'applied')
UNION ALL
SELECT 'history without table: ' || name FROM migrate.history
WHERE outcome = 'applied' AND to_regclass('public.' || name) IS NULL
UNION ALL
SELECT 'state and history differ: ' || name FROM migrate.status() s
WHERE state NOT IN ('applied', 'pending', 'failed')
   OR (state = 'applied') <> EXISTS (SELECT FROM migrate.history h WHERE h.name = s.name AND outcome = 'applied')
UNION ALL
SELECT 'applied twice: ' || name FROM migrate.history WHERE outcome = 'applied' GROUP BY name HAVING count(*) > 1
UNION ALL
SELECT 'no statements logged: ' || name FROM migrate.history h WHERE outcome = 'applied'
   AND (SELECT count(*) FROM migrate.statement_log s WHERE s.history_id = h.id) <> 3
UNION ALL
SELECT 'a lock is left: ' || l::text FROM pg_locks l WHERE locktype = 'advisory'
UNION ALL
SELECT 'still running: ' || run_id FROM migrate.runs WHERE outcome = 'running'
UNION ALL
SELECT 'not sealed as it is: ' || v::text FROM migrate.verify_history() v;
SQL

# Judges the last run, lets another one do the rest and registers the next round.
my $judge = <<"SQL";
$broken
SELECT outcome FROM migrate.runs ORDER BY run_id DESC LIMIT 1;
CALL migrate.apply();
SELECT migrate.is_current();
SQL

# The server may be in recovery, or on its way down: try until it answers.
sub ask
{
	my ($sql) = @_;

	return ask_for($node, 'postgres', $sql);
}

# How long a run takes that nobody disturbs.
$node->safe_psql('postgres', registrations(0));
my ($calm) = start_run();
my $start = time;
is((end_client($calm))[1], '1|' . STEPS, 'a run that is not disturbed');
my $took = time - $start;
$node->safe_psql('postgres', registrations(1));

my %outcomes;
foreach my $round (1 .. ROUNDS)
{
	# Each way twice, then at random.
	my $way = $round <= 2 * @ways ? $ways[ $round % @ways ] : $ways[ rand @ways ];
	my ($client, $pid) = start_run();
	my $delay = rand 0.9 * $took;
	sleep $delay;
	$ways{$way}->($pid);
	end_client($client);
	my @answers = ask(gone($pid) . $judge . registrations($round + 1));
	my ($outcome, $again, $current) = splice @answers, -3 - STEPS;
	is_deeply(\@answers, [], sprintf 'round %d, %s after %.0f ms: nothing is half done', $round, $way, $delay * 1000);
	is($current, 't', "then $outcome, and the next run does the rest ($again)");
	$outcomes{$outcome}++;
}
note(join ', ', map { "$outcomes{$_} $_" } sort keys %outcomes);
ask('CALL migrate.apply()');

# One that is surely in the midst of it.
$node->safe_psql('postgres', q{SELECT migrate.register('stuck', 'CREATE TABLE stuck (); SELECT pg_sleep(1000)')});
my ($stuck, $pid) = start_run();
wait_until($node, 'postgres', "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $pid");
is($node->safe_psql('postgres', 'SELECT r.outcome, p.name FROM migrate.runs r JOIN migrate.progress p USING (run_id)'),
	'running|stuck', 'a run shows while it is running');
kill 'KILL', $pid;
end_client($stuck);
is((ask(gone($pid) . 'SELECT outcome FROM migrate.runs ORDER BY run_id DESC LIMIT 1'))[0], 'interrupted', 'and as interrupted when its backend was killed');
is((ask(q{SELECT state, to_regclass('stuck') IS NULL FROM migrate.status() WHERE name = 'stuck'}))[0], 'pending|t',
	'its migration is pending');
ask(q{SELECT migrate.unregister('stuck')});
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^r\d'}),
	(ROUNDS + 2) * STEPS, 'all is there in the end');
is_deeply([ ask($broken) ], [], 'and recorded');
$node->stop;
done_testing();
