# 070_application.pl: what drivers of applications send: prepared statements, pipelines, blocks, savepoints, several statements at once.
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
$node->safe_psql('postgres', 'CREATE EXTENSION pg_migrations');

my $number = 0;

sub ask
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

# A start of an application with a project of its own: the statements it sends.
sub project
{
	my $project = 'p' . ++$number;

	return ($project,
		"SELECT migrate.register('0001_a', 'CREATE TABLE ${project}_a (i int)', 'DROP TABLE ${project}_a', project => '$project');",
		"SELECT migrate.register('0002_b', 'INSERT INTO ${project}_a VALUES (1); SELECT pg_sleep(0.05)', '', project => '$project');");
}

# "2|1": two migrations of it are applied, by one run.
sub applied
{
	my ($project) = @_;

	return ask("SELECT count(*), count(DISTINCT run_id) FROM migrate.history WHERE project = '$project' AND outcome = 'applied'");
}

# ---- the extended protocol, several clients at once

# pgbench plays the driver; its clients run the script once each.
sub pgbench
{
	my ($name, $mode, $script, $clients) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/script';
	my ($out, $err);

	append_to_file($file, $script);
	($out, $err) = run_command([ 'pgbench', '-n', '-M', $mode, '-c', $clients, '-j', $clients, '-t', '1', '-f', $file, $node->connstr('postgres') ]);
	unlike($err, qr/ERROR|aborted|FATAL/, "$name: no error");
	like($out, qr{number of transactions actually processed: $clients/$clients}, "$name: all go on");
	return $err;
}

foreach my $mode ('simple', 'extended', 'prepared')
{
	my ($project, @registers) = project();
	pgbench($mode, $mode, join("\n", @registers, "CALL migrate.apply(project => '$project');", "SELECT 1 FROM ${project}_a;"), 4);
	is(applied($project), '2|1', "$mode: one of them applied");
	($project, @registers) = project();
	pgbench("$mode, in a block", $mode,
		join("\n", 'BEGIN;', @registers, "CALL migrate.apply(project => '$project');", "SELECT 1 FROM ${project}_a;", 'COMMIT;'), 3);
	is(applied($project), '2|1', "$mode, in a block: one of them applied");
}
my ($project, @registers) = project();
my $notices = pgbench('pipeline', 'extended', join("\n", '\startpipeline', @registers, "CALL migrate.apply(project => '$project');", '\endpipeline'), 1);
is(applied($project), '2|1', 'a pipeline is a block');
($project, @registers) = project();
run_command([ 'pgbench', '-n', '-M', 'extended', '-t', '1', '-f', failing_pipeline($project, @registers), $node->connstr('postgres') ]);
is(ask("SELECT count(*) FROM migrate.migrations WHERE project = '$project'"), '0', 'nothing is committed within one that fails later');
is(ask("SELECT to_regclass('${project}_a') IS NULL"), 't', 'nor stands');

sub failing_pipeline
{
	my ($name, @statements) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/script';

	append_to_file($file, join "\n", '\startpipeline', @statements, "CALL migrate.apply(project => '$name');", 'SELECT 1 / 0;', '\endpipeline');
	return $file;
}

# ---- several statements in one message

($project, @registers) = project();
my ($out, $err) = run_command([ 'psql', '-XAtq', $node->connstr('postgres'), '-c', "@registers CALL migrate.apply(project => '$project'); SELECT 'on'" ]);
like($err, qr/kept only if you COMMIT/, 'several statements in one message are a block');
like($out, qr/\|2\non$/, 'that goes on');
is(applied($project), '2|1', 'and is committed at its end');
($project, @registers) = project();
run_command([ 'psql', '-XAtq', $node->connstr('postgres'), '-c', "@registers CALL migrate.apply(project => '$project'); SELECT 1 / 0" ]);
is(ask("SELECT count(*), to_regclass('${project}_a') IS NULL FROM migrate.migrations WHERE project = '$project'"), '0|t',
	'or not at all');

# ---- blocks

($project, @registers) = project();
like(ask("@registers BEGIN; CREATE TABLE mine (); SAVEPOINT s; CALL migrate.apply(project => '$project'); ROLLBACK TO s; COMMIT;"), qr/^\d+\|2$/m,
	'rolled back to a savepoint before it');
is(applied($project), '0|0', 'nothing was applied');
is(ask(q{SELECT to_regclass('mine') IS NOT NULL}), 't', 'and what the caller did before stands');
is(ask('SELECT count(*) FROM pg_locks WHERE locktype = $$advisory$$'), '0', 'no lock is left');
is((sqlstate($node, 'postgres', "BEGIN; CALL migrate.apply(project => '$project'); SELECT 1 / 0; COMMIT;"))[0], '22012', 'an error after it');
is(applied($project), '0|0', 'takes it back');
like(ask("DO \$\$DECLARE r bigint; n integer; BEGIN CALL migrate.apply(project => '$project', run_id => r, applied => n); END\$\$; SELECT count(*) FROM ${project}_a"), qr/^1$/m, 'from within DO');
is(applied($project), '2|1', 'it is applied');
ask("CREATE FUNCTION deploy() RETURNS integer LANGUAGE plpgsql AS 'DECLARE r bigint; n integer; BEGIN CALL migrate.apply(run_id => r, applied => n); RETURN n; END'");
($project, @registers) = project();
is(ask("@registers SELECT deploy();"), "registered\nregistered\n2", 'from within a function');

# ---- what is the caller's stays his

($project, @registers) = project();
my $before = <<'SQL';
SET search_path = pg_catalog; SET work_mem = '1MB'; SET application_name = 'the application'; SET lock_timeout = 1234; SET ROLE deployer;
CREATE TEMP TABLE mine AS SELECT 1 AS i; PREPARE mine AS SELECT i FROM mine; LISTEN mine;
DECLARE held CURSOR WITH HOLD FOR SELECT generate_series(1, 3);
FETCH held;
SQL
my $state = <<'SQL';
SELECT current_setting('search_path'), current_setting('work_mem'), current_setting('application_name'), current_setting('lock_timeout'),
	current_setting('statement_timeout'), current_user, current_setting('pg_migrations.lock_wait');
EXECUTE mine; FETCH held; SELECT pg_listening_channels();
SQL
my $nasty = join ' ', 'SET search_path = public; SET work_mem = \'2MB\'; SET LOCAL lock_timeout = 5; RESET ROLE; SET application_name = \'another\';',
  'SET statement_timeout = 99999; CREATE TABLE public.nasty ();';
ask(<<"SQL");
CREATE ROLE deployer; GRANT CREATE ON SCHEMA public TO deployer; SELECT migrate.grant_capability('deployer', 'deployer');
SELECT migrate.register('0001_nasty', \$\$$nasty\$\$, project => 'nasty'), migrate.register('0002_next', 'CREATE TABLE public.next ()', project => 'nasty');
SELECT migrate.register('0003_fails', \$\$$nasty\$\$, project => 'nasty');
SQL
my $wanted = "1\n" . join('|', 'pg_catalog', '1MB', 'the application', '1234ms', '0', 'deployer', '10min') . "\n1\n2\nmine";
my $call = q{CALL migrate.apply('0002_next', 'nasty');};
like(ask("$before BEGIN; $call\n$state ROLLBACK;"), qr/^1\n\d+\|2\n\Q@{[ $wanted =~ s,^1\n,,r ]}\E$/, 'settings, role, cursors and statements of the caller, in a block');
like(ask("$before $call\n$state"), qr/^1\n\d+\|2\n\Q@{[ $wanted =~ s,^1\n,,r ]}\E$/, 'outside of one');
(undef, $out, $err) = $node->psql('postgres', "$before\n\\set ON_ERROR_STOP 0\nCALL migrate.apply();\n$state", on_error_stop => 0);
like($err, qr/relation "nasty" already exists/, 'and after an error');
is($out, $wanted, 'they are as they were');
is(ask(q{SELECT string_agg(DISTINCT application_name || ' ' || role_name, ', ') FROM migrate.history WHERE project = 'nasty'}), 'the application deployer',
	'it is the caller who is on record');
is(ask('SELECT * FROM migrate.verify_history()'), '', 'the history is sound');
$node->stop;
done_testing();
