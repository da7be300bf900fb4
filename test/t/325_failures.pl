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
	unlink glob "$marks/*";
	my (undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET pg_migrations.fault = '$fault';\nCALL migrate.apply(project => '$project'$arguments);");
	return $err;
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

# ---- the history cannot be sealed

$err = apply('run_sealed:error', '', 'SELECT 1 / 0');
is(code_of($err), '22012', 'what fails behind the failure does not hide it');
like($err, qr/WARNING:  53100: the history of run \d+ is not sealed: no space is left.*HINT:  SELECT migrate\.seal\(\);/s, 'but is told');
is(end_of_run(), "failed|0|$project:0001|22012", 'the run has ended');
is(code_of(apply('', '', 'SELECT 1')), '00000', 'and the next one begins');
is(ask('SELECT count(*) FROM migrate.verify_history()'), '0', 'and seals all');

# ---- a cancel between two statements of a worker

apply('apart_intent_written:cancel:2', '', "VACUUM pg_class;\nVACUUM pg_class");
is(attempt(), '0001|interrupted|57014|', 'is not the failure of one that is done');

$node->stop;
done_testing();
