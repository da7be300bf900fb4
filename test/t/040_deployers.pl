# 040_deployers.pl: deployers that start at once take turns; one applies, all go on.
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
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_migrations;
CREATE TABLE gate (open boolean);
CREATE PROCEDURE wait_for_gate() LANGUAGE plpgsql AS
	'BEGIN WHILE NOT EXISTS (SELECT FROM public.gate) LOOP PERFORM pg_catalog.pg_sleep(0.01); END LOOP; END';
SQL

# ---- scenes

# A migration stands at the gate until it is opened.
my $at_gate = 'DO $$BEGIN CALL public.wait_for_gate(); END$$';
my $number = 0;

sub ask
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

sub client
{
	my ($sql, %option) = @_;

	return start_client($node, 'postgres', $sql, %option);
}

# Registers of a new project: the first migration waits at the gate.
sub new_project
{
	my ($text, $options) = @_;
	my $project = 'p' . ++$number;

	ask('DELETE FROM gate');
	return ($project, join "\n",
		"SELECT migrate.register('0001_a', \$a\$$at_gate; CREATE TABLE ${project}_a (i int); " . ($text // '')
		  . "\$a\$, project => '$project', options => '" . ($options // '{}') . "');",
		"SELECT migrate.register('0002_b', 'INSERT INTO ${project}_a VALUES (1)', project => '$project');");
}

sub open_gate
{
	ask('INSERT INTO gate VALUES (true)');
	return;
}

# So many clients wait for their turn.
sub wait_for_waiters
{
	my ($count) = @_;

	wait_until($node, 'postgres', "SELECT count(*) = $count FROM pg_stat_activity WHERE wait_event = 'Extension'");
	return;
}

sub wait_for_holder
{
	wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE wait_event = 'PgSleep' AND pid = (SELECT pid FROM migrate.deployer())});
	return;
}

# A run that stands at the gate, in autocommit.
sub start_holder
{
	my ($project, $sql) = @_;
	my $client = client("$sql\nCALL migrate.apply(project => '$project');");

	wait_for_holder();
	return $client;
}

# What is true of a project once, and only once, it was applied.
sub applied_once
{
	my ($project, $name) = @_;

	is(ask(<<"SQL"), '2|2|1|t|0', $name);
SELECT (SELECT count(*) FROM migrate.decisions WHERE project = '$project' AND decision = 'registered' AND name < '0003'),
	(SELECT count(*) FROM migrate.history WHERE project = '$project' AND outcome = 'applied' AND name < '0003'),
	(SELECT count(*) FROM ${project}_a), migrate.is_current('$project'),
	(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory');
SQL
	return;
}

sub shows
{
	my ($client) = @_;

	return "$client->{out}\n$client->{err}";
}

# ---- instances of an application that start at once

# Each registers all it has, applies and goes on; how many of them applied.
sub start_instances
{
	my ($name, $waiters, %connection) = @_;
	my ($project, $registers) = new_project();
	my $last = "CALL migrate.apply(project => '$project');\nSELECT 'works with ' || count(*) FROM ${project}_a;";
	my %scripts = (
		autocommit => "$registers\n$last",
		driver => "BEGIN;\n$registers\nCOMMIT;\nBEGIN;\n$last\nCOMMIT;",
		block => "BEGIN;\n$registers\n$last\nCOMMIT;");
	my @styles = $name =~ /autocommit|driver|block/g;
	my @clients = map { client($scripts{ $styles[ $_ % @styles ] }, %connection) } 0 .. 3;

	wait_for_holder();
	wait_for_waiters(3) if $waiters;
	open_gate();
	my @failed = grep { !$_ } map { (end_client($_))[0] } @clients;
	is(join("\n", map { $_->{err} =~ /(ERROR.*)/sg } @clients), '', "$name: no instance fails");
	is(scalar(grep { $_->{out} =~ /^\d+\|2$/m } @clients), 1, "$name: one applies");
	is(scalar(grep { $_->{out} =~ /^\|0$/m } @clients), 3, "$name: for the others there is nothing to do");
	is(scalar(grep { $_->{out} =~ /^works with 1$/m } @clients), 4, "$name: all go on");
	applied_once($project, "$name: nothing ran twice, no lock is left");
	return @clients;
}

my @clients = start_instances('autocommit', 3);
like(join('', map { $_->{err} }  @clients), qr/waiting for (?:run \d+|a call) of \S+ \(pid \d+.*at most 10 min/, 'they say for whom they wait');
start_instances('driver', 3);
start_instances('block');
start_instances('autocommit and block');

SKIP:
{
	my ($user) = names_of($node, 'postgres', 'SELECT current_user');
	my $pooler = start_pooler($node, 4, $user) or skip 'there is no pgbouncer here', 1;
	my @connection = (connection => "$pooler->{connection} dbname=postgres user=$user");
	start_instances('autocommit and driver through pgbouncer', 3, @connection);
	start_instances('block through pgbouncer', 0, @connection);
	my ($project, $registers) = new_project();
	open_gate();
	my @waiting = map { client("$registers\nCALL migrate.apply(project => '$project');", @connection) } 1 .. 12;
	is(scalar(grep { (end_client($_))[0] } @waiting), 12, 'more clients than connections: none fails');
	applied_once($project, 'and one of them applied');
	end_pooler($pooler);
}

# ---- a deployer that dies

my ($project, $registers) = new_project();
my $holder = start_holder($project, $registers);
my @waiting = map { client("CALL migrate.apply(project => '$project');") } 1 .. 2;
wait_for_waiters(2);
# To look who holds the lock takes one, for a moment.
wait_until($node, 'postgres', q{SELECT count(*) = 2 FROM pg_stat_activity
	WHERE wait_event = 'Extension' AND backend_xmin IS NULL AND backend_xid IS NULL});
pass('they wait without a snapshot');
my $first = ask('SELECT pid FROM migrate.deployer()');
ask("SELECT pg_terminate_backend($first)");
wait_until($node, 'postgres', "SELECT count(*) = 1 FROM migrate.deployer() WHERE pid <> $first");
open_gate();
ok(!(end_client($holder))[0], 'a deployer was killed');
is(scalar(grep { (end_client($_))[0] } @waiting), 2, 'another one takes its place, and nobody fails');
applied_once($project, 'nothing ran twice');
is(ask(q{SELECT string_agg(outcome, ' ' ORDER BY run_id) FROM (SELECT * FROM migrate.runs ORDER BY run_id DESC LIMIT 2) x}),
	'interrupted succeeded', 'what became of each is on record');

# ---- how long one waits

($project, $registers) = new_project();
$holder = start_holder($project, $registers);
my $apply = 'CALL migrate.apply();';
my $held = qr/another run is under way.*run \d+.*pid \d+.*040_deployers/s;
raises($node, 'postgres', q{CALL migrate.apply(options => '{"lock_wait": 0}')}, 'MG006', $held, 'lock_wait 0 as an option');
raises($node, 'postgres', "SET pg_migrations.lock_wait = 0; $apply", 'MG006', $held, 'and as a setting');
raises($node, 'postgres', "BEGIN; SET LOCAL pg_migrations.lock_wait = 0; $apply", 'MG006', $held, 'in a block');
my $short = client(q{CALL migrate.apply(options => '{"lock_wait": 300}')});
end_client($short);
like(shows($short), qr/ERROR:  MG006/, 'a short lock_wait is over soon');
cmp_ok($short->{took}, '>=', 0.3, 'but not at once');
foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	raises($node, 'postgres', "BEGIN ISOLATION LEVEL $level; SELECT 1; $apply", 'MG006', qr/does not wait/, "$level does not wait");
}
my %others = (
	revert => "CALL migrate.revert(project => '$project')", baseline => q{SELECT migrate.baseline('7', 'why', 'elsewhere')},
	unregister => "SELECT migrate.unregister('0002_b', '$project')",
	rebase_expected => q{SELECT migrate.rebase_expected('why', 'before')},
	accept_drift => q{SELECT migrate.accept_drift('*', 'why')},
	undo_drift => q{SELECT migrate.undo_drift('public.x', 'why')},
	adopt => q{SELECT migrate.adopt('0009_x', '{1}', 'why')},
	begin => "BEGIN; SELECT migrate.begin('0002_b', '$project')",
	mark_applied => "SELECT migrate.mark_applied('0002_b', 'why', '$project')",
	mark_pending => "SELECT migrate.mark_pending('0002_b', 'why', '$project')",
	resolve => "SELECT migrate.resolve('0002_b', 'continue', 'why', '$project')");
my %refused = map { $_ => 'MG006' } keys %others;
is_deeply(sqlstates($node, 'postgres', \%others, 'SET pg_migrations.lock_wait = 0;'), \%refused, 'what else takes the lock');
my %free = (
	register => "SELECT migrate.register('0003_c', '', project => '$project')", hold => "SELECT migrate.hold('0002_b', 'why', '$project')",
	release => "SELECT migrate.release('0002_b', 'why', '$project')", configure => q{SELECT migrate.configure('heads', 'many', 'why')},
	cancel_run => q{SELECT migrate.cancel_run(1, 'why')}, wait => 'CALL migrate.wait(1)', verify_history => 'SELECT * FROM migrate.verify_history()', plan => 'SELECT * FROM migrate.plan()', seal => 'SELECT migrate.seal()');
my %passed = map { $_ => '00000' } keys %free;
is_deeply(sqlstates($node, 'postgres', \%free, "SET pg_migrations.lock_wait = 0; SET statement_timeout = '20s';"), \%passed,
	'what waits for no run');

# The caller's statement_timeout is for statements of migrations, not for waiting.
my @patient = map { client("SET default_transaction_isolation = '$_'; SET statement_timeout = 1000; $apply") }
  ('read committed', 'repeatable read');
push @patient, client("BEGIN; SET LOCAL statement_timeout = 1000; $apply SET LOCAL statement_timeout = 0; COMMIT;");
wait_for_waiters(3);
ask('SELECT pg_sleep(1.5)');
open_gate();
is((end_client($holder))[1] =~ s/.*\n//sr =~ s/^\d+//r, '|2', 'the holder ends');
# The first of them finds what was registered meanwhile.
is(join(' ', sort map { end_client($_); shows($_) =~ /(ERROR.*|\|[01]$)/m } @patient), '|0 |0 |1', 'statement_timeout does not count for waiting');
ask(q{SELECT migrate.register('1', repeat('SELECT pg_sleep(1.5);', 3), project => 'slow')});
raises($node, 'postgres', "SET statement_timeout = 1000; $apply", '57014', qr/statement 1 of 3/, 'it does for a statement');
like(ask("SET statement_timeout = 4000; $apply"), qr/^\d+\|1$/m, 'but not for all of them together');

# ---- a holder that waits for the waiter

foreach my $first (1, 0)
{
	($project, $registers) = new_project('LOCK TABLE busy', '{"lock_timeout": 0}');
	ask('CREATE TABLE IF NOT EXISTS busy ()');
	$holder = start_holder($project, $registers);
	my $waiter = client(join ' ', 'BEGIN; LOCK TABLE busy;', ($first ? 'SELECT pg_sleep(0.5);' : ()), $apply);
	wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE relation = 'busy'::regclass});
	wait_for_waiters(1) if !$first;
	open_gate();
	end_client($waiter);
	like(shows($waiter), qr/MG006.*waits for a lock of this transaction/s, 'who waits for one that waits for him gives up');
	ok((end_client($holder))[0], 'and lets him go on');
	applied_once($project, 'to the end');
}

# ---- another tool

# A run that does not wait would find it pending, and apply it as well.
($project, $registers) = new_project();
open_gate();
ask($registers);
my $tool = open_session($node, 'postgres');
ask_session($tool, "BEGIN; SELECT migrate.begin('0001_a', '$project', 'tool')");
my $behind_tool = client($apply);
wait_for_waiters(1);
ask_session($tool, "CREATE TABLE ${project}_a (i int); COMMIT");
$tool->quit;
end_client($behind_tool);
like(shows($behind_tool), qr/^\d+\|1\n.*waiting for a call of/ms, 'a run waits for who applies a registered migration otherwise');
is(ask("SELECT string_agg(action || ' ' || name, ', ' ORDER BY id) FROM migrate.history WHERE project = '$project' AND outcome = 'applied'"),
	'external 0001_a, apply 0002_b', 'and applies what is left');

# ---- how often a waiter looks

ask('CREATE DATABASE polled');
$node->safe_psql('polled', 'CREATE EXTENSION pg_migrations');
$node->safe_psql('polled', q{SELECT migrate.register('0001_a', 'CREATE TABLE a ()')});
my $holding = open_session($node, 'polled');
ask_session($holding, "BEGIN; $apply");
my $commits = q{SELECT xact_commit FROM pg_stat_database WHERE datname = 'polled'};
my $before = ask($commits);
my $polling = start_client($node, 'polled', q{CALL migrate.apply(options => '{"lock_wait": 10000}');});
my $polls = q{SELECT count(*) = %s FROM pg_stat_activity WHERE datname = 'polled' AND query ~ 'lock_wait'};
wait_until($node, 'postgres', sprintf $polls, 1);
# Whatever wakes it up.
ask('SELECT pg_reload_conf(), pg_sleep(0.01), pg_reload_conf(), pg_sleep(0.01), pg_reload_conf()')
  while ask(sprintf $polls, 1) eq 't';
end_client($polling);
like(shows($polling), qr/MG006/, 'a waiter has waited 10 s');
cmp_ok(ask($commits) - $before, '<=', 40, 'and looked at most ten times a second');
$holding->quit;

# ---- prepared transactions

($project, $registers) = new_project();
open_gate();
raises($node, 'postgres', "$registers\nBEGIN; $apply PREPARE TRANSACTION 'x';", '0A000', qr/PREPARE/, 'PREPARE TRANSACTION after apply');
is(ask("SELECT count(*), (SELECT count(*) FROM migrate.history WHERE project = '$project') FROM pg_prepared_xacts"), '0|0', 'nothing of it stands');
ask("BEGIN; $apply COMMIT; BEGIN; CREATE TABLE prepared (); PREPARE TRANSACTION 'x'; ROLLBACK PREPARED 'x'");
applied_once($project, 'in a block of its own it can be committed, and the next one prepared');
is(ask('SELECT * FROM migrate.verify_history()'), '', 'the history is sound');
$node->stop;
done_testing();
