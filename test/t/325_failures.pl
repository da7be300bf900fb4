# 325_failures.pl: what a run writes of its failure, and what its caller is told, when more goes wrong than the migration.
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
my $node = mix_node('main', install_path => $server->{install_path});
my $marks = $node->data_dir . '/pg_migrations_faults';
my $project = 'p0';

$node->start;
mkdir $marks or die "$marks: $!";
$node->safe_psql('postgres', 'CREATE EXTENSION pg_migrations');

sub ask
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

# A project of its own with these migrations is applied while something goes wrong.  Gives what psql says.
sub apply
{
	my ($fault, $arguments, @migrations) = @_;
	my $number = 0;

	$project++;
	ask(join '', map { sprintf 'SELECT migrate.register(%s, %s, project => %s);', literal(sprintf '%04d', ++$number), literal($_), literal($project) } @migrations);
	return again($fault, $arguments);
}

# The same call once more.
sub again
{
	my ($fault, $arguments) = @_;

	unlink glob "$marks/*";
	my (undef, undef, $err) = $node->psql('postgres', script($fault, $arguments));
	return $err;
}

sub script
{
	my ($fault, $arguments) = @_;

	return "\\set VERBOSITY verbose\nSET pg_migrations.fault = '$fault';\nCALL migrate.apply(project => '$project'$arguments);";
}

# The SQLSTATE of the error that the caller gets.
sub code_of { return ($_[0] =~ /^(?:psql:\S+ )?(?:ERROR|FATAL):  (\w{5}):/m)[0] // '00000' }

# How the run ended, as it is written.
sub end_of_run { return ask("SELECT outcome, migrations, failed_name, error_code FROM migrate.runs WHERE project = '$project'") }

# The last attempt.
sub attempt { return ask("SELECT name, outcome, error_code, error_statement_no FROM migrate.history WHERE project = '$project' ORDER BY id DESC LIMIT 1") }

# ---- what fails when all steps have run

my $fails_at_commit = 'DECLARE c CURSOR WITH HOLD FOR SELECT 1 / (2 - i) FROM generate_series(1, 2) i';
my $err = apply('', ', atomic => true', 'CREATE TABLE at_commit ()', $fails_at_commit);
is(code_of($err), '22012', 'the commit of an atomic run fails');
like($err, qr{NOTICE:  00000: 2/2  p\d+:0002  failed}, 'which is the failure of the last step');
like($err, qr{NOTICE:  00000: run \d+: 0 applied, 1 failed and rolled back, \d}, 'and nothing stands');
like($err, qr/one transaction, nothing of it stands; 0 not started/, 'as the error says');
my $next = 'p' . (substr($project, 1) + 1);
my $held = "INSERT INTO migrate.holds (project, name, held_by, reason, held_at) VALUES ('$next', '0002', 'somebody', 'meanwhile', now())";
apply('', ', atomic => true', "$fails_at_commit; $held", 'CREATE TABLE never ()');
is(attempt(), '0001|failed|22012|', 'it is not the failure of one that was left out');
is(end_of_run(), "failed|0|$project:0001|22012", 'nor does the run say so');

# ---- what fails in the middle of the ledger's SQL

foreach my $case ([ error => '53100', 'failed' ], [ cancel => '57014', 'cancelled' ])
{
	my ($action, $code, $outcome) = @$case;

	is(code_of(apply("ledger_run_end_inserted:$action", ', atomic => true', 'SELECT 1')), $code, "$action at the end of an atomic run");
	is(end_of_run(), "$outcome|0|$project:0001|$code", 'is how the run has ended');
	is(attempt(), "0001|$outcome|$code|", 'and the last migration');
}

# ---- a second cancel, while the failure is written

foreach my $point (qw(run_rolled_back step_failure_written run_failure_written run_end_written run_failure_committed run_sealed))
{
	my $err = apply("$point:cancel", '', 'SELECT 1 / 0');

	is(code_of($err), '22012', "a cancel at $point: the caller gets the error of the migration");
	is(end_of_run(), "failed|0|$project:0001|22012", 'the run has ended with it');
	is(attempt(), '0001|failed|22012|1', 'and the migration failed with it');
}

# ---- the failure cannot be written

$err = apply('step_failure_written:error', '', 'SELECT 1 / 0');
is(code_of($err), '22012', 'what fails while the failure is written does not hide it');
like($err, qr/WARNING:  53100: the failure of run \d+ is not recorded: no space is left/, 'but is told');
is(end_of_run(), 'interrupted|0||', 'as is a run that has not come to its end');

# ---- the history cannot be sealed

$err = apply('run_sealed:error', '', 'SELECT 1 / 0');
is(code_of($err), '22012', 'what fails behind the failure does not hide it');
like($err, qr/WARNING:  53100: the history of run \d+ is not sealed: no space is left.*HINT:  SELECT migrate\.seal\(\);/s, 'but is told');
is(end_of_run(), "failed|0|$project:0001|22012", 'the run has ended');
$err = apply('run_sealed:error', '', 'SELECT 1');
is(code_of($err), '00000', 'a run that has succeeded has done so');
like($err, qr/WARNING:  53100: the history of run \d+ is not sealed/, 'whatever is to be told');
is(end_of_run(), 'succeeded|1||', 'as is written');
is(code_of(apply('', '', 'SELECT 1')), '00000', 'and the next one begins');
is(ask('SELECT count(*) FROM migrate.verify_history()'), '0', 'and seals all');

# ---- a cancel between two statements of a worker

apply('apart_intent_written:cancel:2', '', "VACUUM pg_class;\nVACUUM pg_class");
is(attempt(), '0001|interrupted|57014|2', 'is the failure of the one that was to begin');
apply('apart_statement_ended:exit', '', "CREATE TABLE built (i int);\nCREATE INDEX CONCURRENTLY ON built (i);\nSELECT 1");
again('apart_done_already_committed:cancel', '');
is(attempt(), '0001|interrupted|57014|', 'nor of one that was done before');
is(code_of(again('', '')), '00000', 'and the rest is done');

# ---- cancelled before anything has begun

sub start_apply
{
	my ($fault, $arguments, $point) = @_;
	my $file = "$marks/" . ask('SELECT oid FROM pg_database WHERE datname = current_database()') . ".$point";
	append_to_file("$marks/hold", '');
	my $client = start_client($node, 'postgres', "SET application_name = 'applies';\n" . script($fault, $arguments));

	wait_until($node, 'postgres', "SELECT (pg_stat_file('$file', true)).size > 0");
	return $client;
}

$project++;
ask("SELECT migrate.register('0001', 'VACUUM pg_class', project => '$project')");
unlink glob "$marks/*";
my $client = start_apply('apart_locked:hold', '', 'apart_locked');
ask(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'applies' AND backend_type = 'client backend'});
end_client($client);
unlink "$marks/hold";
is(code_of($client->{err}), '57014', 'a cancel reaches a worker that has yet to begin');
is(attempt(), '0001|cancelled|57014|', 'which is a cancel');
is(end_of_run(), "cancelled|0|$project:0001|57014", 'of the run, too');

# Somebody else deploys meanwhile.
unlink glob "$marks/*";
$client = start_apply('run_planned:hold', '', 'run_planned');
is(code_of(again('launch_registered:cancel', ", background => true")), '57014', 'who asks for a run in the background is let go before its turn comes');
is(code_of($client->{err}), '00000', 'which is not yet');
unlink "$marks/hold";
end_client($client);

# ---- ended where the last words of a run cannot be written

$project++;
ask("SELECT migrate.register('0001', 'SELECT 1', project => '$project')");
unlink glob "$marks/*";
my $locker = open_session($node, 'postgres');
ask_session($locker, 'BEGIN; LOCK TABLE migrate.log_run_ends IN SHARE MODE');
$client = start_client($node, 'postgres', script('', ''));
my $waiting = q{FROM pg_locks WHERE relation = 'migrate.log_run_ends'::regclass AND NOT granted};
wait_until($node, 'postgres', "SELECT count(*) = 1 $waiting");
ask("SELECT pg_terminate_backend(pid) $waiting");
ok(!(end_client($client))[0], 'a run that waits to write its end can be ended');
is(attempt(), '0001|applied||', 'and has done what it did');
ask_session($locker, 'COMMIT');
$locker->quit;

# ---- a step that stands is not run again where what follows its commit fails

$project++;
ask("CREATE TABLE did (); SELECT migrate.register('0001', 'CREATE TEMP TABLE held (); INSERT INTO did DEFAULT VALUES; VACUUM pg_class', project => '$project', options => '{\"lock_timeout\": 100}')");
unlink glob "$marks/*";
$client = start_apply('apart_note_behind:hold', '', 'apart_note_behind');
$locker = open_session($node, 'postgres');
ask_session($locker, 'BEGIN; LOCK TABLE migrate.unfinished IN SHARE MODE');
unlink "$marks/hold";
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE relation = 'migrate.unfinished'::regclass AND NOT granted});
sleep 1;
ask_session($locker, 'COMMIT');
$locker->quit;
end_client($client);
is(code_of($client->{err}) . ask('SELECT count(*) FROM did'), '000001', 'a step whose note cannot be renewed');

# ---- no lock stays where the look for others fails

(undef, my $left) = $node->psql('postgres', script('deployer_looked:error', '') . " SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()", on_error_stop => 0);
is($left, '0', 'a session that could not deploy keeps no lock');

$node->stop;
done_testing();
