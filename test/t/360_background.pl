# 360_background.pl: runs that nobody waits for: started, seen, told of, waited for, cancelled.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$node->start;

sub ask
{
	my ($sql, %options) = @_;

	return $node->safe_psql($options{db} // 'postgres', $sql);
}

sub define
{
	my ($name, $up, %arguments) = @_;

	ask(sprintf 'SELECT migrate.register(%s, %s%s)', literal($name), literal($up),
		join '', map { ", $_ => " . literal($arguments{$_}) } sort keys %arguments);
	return;
}

# A statement that runs until somebody opens the gate of this number.
sub gate
{
	my ($number) = @_;

	return "DO 'BEGIN WHILE NOT EXISTS (SELECT FROM public.gates WHERE open = $number) LOOP PERFORM pg_sleep(0.01); END LOOP; END';";
}

sub open_gate
{
	my ($number, $db) = @_;

	ask("INSERT INTO public.gates VALUES ($number)", db => $db);
	return;
}

# Starts a run in the background and gives its number.
sub start_run
{
	my ($arguments, %options) = @_;
	my $out = $node->safe_psql($options{db} // 'postgres',
		($options{first} // '') . "CALL migrate.apply(background => true, $arguments);");

	return ($out =~ /^(\d+)\|$/m)[0];
}

sub outcome_of
{
	my ($run) = @_;

	return ask("SELECT outcome FROM migrate.runs WHERE run_id = $run");
}

# Until a gate holds the run up.
sub wait_for_gate
{
	my ($project) = @_;

	wait_until($node, 'postgres', "SELECT count(*) = 1 FROM migrate.progress WHERE project = '$project' AND phase = 'running' AND waits_for = 'PgSleep'");
	return;
}

ask('CREATE EXTENSION pg_migrations; CREATE TABLE public.gates (open int); GRANT ALL ON public.gates TO PUBLIC');

# ---- at once, and without the client

define('0001_a', "CREATE TABLE a (i int);\n" . gate(1) . "\nCREATE TABLE b (i int);", project => 'first');
define('0002_b', "CREATE INDEX CONCURRENTLY a_i ON a (i);\nVACUUM a;", project => 'first', down => 'DROP INDEX CONCURRENTLY a_i');
my (undef, $out, $err) = $node->psql('postgres', q{CALL migrate.apply(project => 'first', background => true)});
like($out, qr/^1\|$/, 'the number of the run comes at once');
like($err, qr/run 1: 2 migrations to apply.*run 1 goes on in the background\nHINT:  CALL migrate.wait\(1\);/s, 'with what there is to do');
wait_for_gate('first');
is(ask('SELECT run_id, name, statement_no, statements, phase, percent, blocked_by FROM migrate.progress'),
	'1|0001_a|2|3|running|0.0|', 'which statement it is at can be seen');
is(ask('SELECT migrate.show()') =~ /0001_a/, 1, 'nobody who looks is held up');
like(ask(q{SELECT query FROM pg_stat_activity WHERE backend_type = 'pg_migrations worker'}),
	qr{^/\* statement 2 of 3 of migration first:0001_a \*/ DO 'BEGIN}, 'by pg_stat_activity, too');
my ($same) = start_client($node, 'postgres', q{CALL migrate.apply(project => 'first', background => true)});
wait_until($node, 'postgres', q{SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'pg_migrations worker'});
my $waiter = start_client($node, 'postgres', "SET statement_timeout = '200ms';\nCALL migrate.wait(1)");
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL migrate.wait%' AND wait_event = 'Extension' AND backend_xmin IS NULL});
pass('whoever waits has no snapshot');
is(ask(q{CALL migrate.wait(1, '10 ms')}), 'running', 'or waits for so long only');
raises($node, 'postgres', 'BEGIN; CALL migrate.wait(1);', 'MG008', qr/migrate\.wait cannot wait inside a transaction block.*HINT:  CALL migrate\.wait\(1\);/s, 'and not in a block');
ask('SELECT pg_sleep(0.3)');
open_gate(1);
is_deeply([ end_client($waiter) ], [ 1, 'succeeded' ], 'it ends, and whoever waited is told, for longer than a statement may take');
is_deeply([ end_client($same) ], [ 1, '|0' ], 'who asked for the same meanwhile waited for it, and had nothing to do');
is(ask('SELECT outcome, migrations FROM migrate.runs'), 'succeeded|2', 'it is on record');
is(ask(q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_i'::regclass}), 't', 'with what cannot run in a transaction');
is(ask('BEGIN; CALL migrate.wait(1); ROLLBACK'), 'succeeded', 'what has ended needs no wait');
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_migrations worker'});
pass('no worker is left');
is(ask(q{CALL migrate.revert('0001_a', 'first', background => true)}), '2|', 'back');
is(ask('CALL migrate.wait(2)'), 'succeeded', 'as well');
is(ask(q{SELECT to_regclass('a_i') IS NULL}), 't', 'as it says');

# ---- what is wrong is said at once

raises($node, 'postgres', q{CALL migrate.apply('no_such', background => true)}, 'MG002', qr/no_such/, 'an error before the start is the caller\'s');
raises($node, 'postgres', q{BEGIN; CALL migrate.apply('0001', project => 'p', background => true, atomic => true, reason => 'it''s', options => '{"lock_wait": 9}');}, 'MG008',
	qr/cannot be started inside a transaction block.*HINT:  CALL migrate\.apply\('0001', project => 'p', atomic => true, background => true, reason => 'it''s', options => '\{"lock_wait": 9\}'\);  on its own/s, 'in a block');
raises($node, 'postgres', q{BEGIN; CALL migrate.revert(steps => 2, background => true);}, 'MG008', qr/HINT:  CALL migrate\.revert\(steps => 2, background => true\);  on its own/, 'nor a way back');
raises($node, 'postgres', 'CALL migrate.wait(99)', '42704', qr/run 99 does not exist.*SELECT run_id/s, 'a run that is none');
raises($node, 'postgres', q{SELECT migrate.cancel_run(99, 'why')}, '42704', qr/run 99 does not exist/, 'nor can it be cancelled');
raises($node, 'postgres', q{SELECT migrate.cancel_run(1, '')}, '22023', qr/reason/, 'without a reason');
raises($node, 'postgres', q{SELECT migrate.cancel_run(NULL, 'why')}, '22004', qr/run_id must not be null/, 'or a number');
is(ask('SELECT count(*) FROM migrate.runs'), 2, 'none of them left a run');

# ---- its own error

define('0001_f', "CREATE TABLE f ();\nSELECT 1 / (SELECT count(*) FROM f);", project => 'failing');
my $run = start_run(q{project => 'failing'});
my ($state, $said) = sqlstate($node, 'postgres', "CALL migrate.wait($run)");
is($state, '22012', 'who waits gets the error of the run');
like($said, qr/division by zero.*CONTEXT:.*migration "failing:0001_f", statement 2 of 2, line 2\nrun $run: 0 applied and kept; nothing of 0001_f stands; 0 not started/s, 'with its context');
is(outcome_of($run), 'failed', 'it is on record');
ask(q{CREATE ROLE looks LOGIN; SELECT migrate.grant_capability('looks', 'monitor', 'failing')});
define('0001_f', "CREATE TABLE f (i int UNIQUE);\nINSERT INTO f VALUES (4711), (4711);", project => 'failing');
$run = start_run(q{project => 'failing', atomic => true});
($state, $said) = sqlstate($node, 'postgres', "CALL migrate.wait($run)");
like($said, qr/Key \(i\)=\(4711\) already exists/, 'and its detail');
($state, $said) = sqlstate($node, 'postgres', "SET SESSION AUTHORIZATION looks; CALL migrate.wait($run)");
is($state, '23505', 'a monitor of the project may wait');
unlike($said, qr/Key \(i\)/, 'but is not shown values of rows');
raises($node, 'postgres', 'SET SESSION AUTHORIZATION looks; CALL migrate.wait(1)', '42501', qr/monitor/, 'of another project he may not');

# ---- whoever calls

ask(q{CREATE ROLE deploys LOGIN; CREATE ROLE owns; GRANT owns TO deploys; GRANT CREATE ON SCHEMA public TO owns;
SELECT migrate.grant_capability('deploys', 'deployer', 'mine'), migrate.grant_capability('owns', 'deployer', 'mine')});
define('0001_m', q{CREATE TABLE m AS SELECT current_user::text || ' ' || session_user || ' ' || current_setting('work_mem') || ' ' || current_setting('application_name') AS who}, project => 'mine');
$run = start_run(q{project => 'mine', reason => 'O''Neill', options => '{"labels": {"ticket": "7"}}'},
	first => q{SET SESSION AUTHORIZATION deploys; SET ROLE owns; SET work_mem = '5MB'; SET application_name = 'ci "1"';});
is(ask("CALL migrate.wait($run)"), 'succeeded', 'another role\'s run');
is(ask('SELECT who FROM m'), 'owns deploys 5MB ci "1"', 'is done as the caller, with his settings');
is(ask("SELECT role_name, session_role, application_name, reason, options -> 'labels' ->> 'ticket' FROM migrate.runs WHERE run_id = $run"),
	q{owns|deploys|ci "1"|O'Neill|7}, 'and so is the record');
raises($node, 'postgres', q{SET SESSION AUTHORIZATION looks; CALL migrate.apply(background => true)}, '42501', qr/deployer/, 'without the right');

# ---- cancelled

define('0001_c', gate(2), project => 'cancelled');
$run = start_run(q{project => 'cancelled'});
wait_for_gate('cancelled');
raises($node, 'postgres', "SET SESSION AUTHORIZATION deploys; SELECT migrate.cancel_run($run, 'mine')", '42501', qr/deployer/, 'not by anybody');
ask("BEGIN; SELECT migrate.cancel_run($run, 'not meant'); ROLLBACK");
ask("BEGIN; SAVEPOINT s; SELECT migrate.cancel_run($run, 'not meant'); ROLLBACK TO s; COMMIT");
ask("BEGIN; SAVEPOINT s; SELECT 1; RELEASE s; SAVEPOINT s; SELECT migrate.cancel_run($run, 'not meant'); ROLLBACK TO s; COMMIT");
is(outcome_of($run), 'running', 'what is rolled back cancels nothing');
is(ask("SELECT migrate.cancel_run($run, 'takes too long')"), 't', 'a run is cancelled');
raises($node, 'postgres', "CALL migrate.wait($run)", '57014', qr/run $run was cancelled by "\w+": takes too long/, 'who waits learns by whom, and why');
is(outcome_of($run), 'cancelled', 'its outcome');
is(ask(q{SELECT state FROM migrate.status('cancelled')}), 'failed', 'nothing of it stands');
is(ask("SELECT migrate.cancel_run($run, 'again')"), 'f', 'what has ended is not cancelled');
is(ask("SELECT count(*), min(reason) FROM migrate.decisions WHERE decision = 'run_cancelled' AND run_id = $run"), '1|takes too long', 'the decision is on record');
is(ask('SELECT count(*) FROM migrate.cancel_requests'), 0, 'nothing is left of the request');

my $caller = start_client($node, 'postgres', q{CALL migrate.apply(project => 'cancelled')});
wait_for_gate('cancelled');
ask(q{BEGIN; SAVEPOINT s; SELECT migrate.cancel_run(run_id, 'in the foreground') FROM migrate.progress; RELEASE s; COMMIT});
ok(!(end_client($caller))[0], 'also one that somebody waits for');
like($caller->{err}, qr/57014: run \d+ was cancelled by "\w+": in the foreground.*nothing of 0001_c stands/s, 'who is told why');
$run = start_run(q{project => 'cancelled'});
wait_for_gate('cancelled');
ask("BEGIN; SELECT migrate.cancel_run($run, 'meant'); SAVEPOINT s; SELECT migrate.cancel_run($run, 'not meant'); ROLLBACK TO s; COMMIT");
raises($node, 'postgres', "CALL migrate.wait($run)", '57014', qr/: meant/, 'a second request that is rolled back takes nothing of the first along');

# What is held while it is under way is left out.
define("000$_", gate(10 + $_), project => 'held', requires => $_ == 3 ? '{0002}' : '{}') foreach 1 .. 4;
$run = start_run(q{project => 'held'});
wait_for_gate('held');
ask(q{SELECT migrate.hold('held:0001', 'wait'), migrate.hold('held:0002', 'wait')});
is(ask('SELECT name FROM migrate.progress'), '0001', 'what is under way is, whoever holds it');
open_gate(11);
wait_until($node, 'postgres', q{SELECT name = '0004' AND phase = 'running' FROM migrate.progress});
is(ask('SELECT name, percent FROM migrate.progress'), '0004|75.0', 'what is behind one that was held is what is under way');
is(ask(q{SELECT string_agg(state, ' ' ORDER BY name) FROM migrate.status('held')}), 'applied held blocked running', 'also in the status');
open_gate(14);
is(ask("CALL migrate.wait($run)"), 'partial', 'and the run ends');

define('0001_d', "CREATE TABLE d (i int);\nCREATE INDEX CONCURRENTLY d_i ON d (i);", project => 'concurrent');
my $reader = open_session($node, 'postgres');
ask_session($reader, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$run = start_run(q{project => 'concurrent'});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.progress WHERE phase LIKE 'waiting for%' AND cardinality(blocked_by) = 1 AND statement_no = 2});
pass('what a concurrent build waits for can be seen');
ask("SELECT migrate.cancel_run($run, 'not now')");
raises($node, 'postgres', "CALL migrate.wait($run)", '57014', qr/not now.*migration "concurrent:0001_d", statement 2 of 2/s, 'in its worker');
is(ask(q{SELECT state FROM migrate.status('concurrent')}), 'interrupted', 'what stands is known');
like(ask(q{SELECT error_message FROM migrate.history WHERE name = '0001_d' AND outcome = 'interrupted'}), qr/^run $run was cancelled by "\w+": not now$/, 'and why it stopped');
is(ask(q{SELECT string_agg(code, ' ') FROM migrate.check() WHERE code IN ('interrupted', 'invalid_index') AND coalesce(name, '0001_d') = '0001_d'}), 'interrupted', 'its index is not another finding');
ask_session($reader, 'COMMIT');
$reader->quit;
is(ask('CALL migrate.wait(' . start_run(q{project => 'concurrent'}) . ')'), 'succeeded', 'and the next run goes on');

define('0001_s', "DO 'BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END'; " . gate(3), project => 'stubborn');
define('0002_s', 'CREATE TABLE never ()', project => 'stubborn');
$run = start_run(q{project => 'stubborn'});
wait_for_gate('stubborn');
ask("SELECT migrate.cancel_run($run, 'stop')");
wait_until($node, 'postgres', 'SELECT statement_no = 2 FROM migrate.progress');
open_gate(3);
raises($node, 'postgres', "CALL migrate.wait($run)", '57014', qr/was cancelled by.*: stop/, 'a migration that catches the cancel');
is(ask(q{SELECT string_agg(state, ' ' ORDER BY name), to_regclass('never') IS NULL FROM migrate.status('stubborn')}), 'applied failed|t', 'is the last one');

# ---- whoever is gone

define('0001_g', gate(4), project => 'gone');
$run = start_run(q{project => 'gone'});
wait_for_gate('gone');
define('0001_n', 'CREATE TABLE never2 ()', project => 'next');
my $launching = start_client($node, 'postgres', q{CALL migrate.apply(project => 'next', background => true)});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_migrations worker' AND query ~ '^CALL migrate.apply.*next'});
my $launcher = q{FROM pg_stat_activity WHERE backend_type = 'client backend' AND query ~ 'next.*background' AND pid <> pg_backend_pid()};
ask("SELECT pg_terminate_backend(pid) $launcher");
end_client($launching);
wait_until($node, 'postgres', "SELECT count(*) = 0 $launcher");
ask("SELECT pg_terminate_backend(pid) FROM migrate.deployer()");
raises($node, 'postgres', "CALL migrate.wait($run)", 'MG012', qr/run $run has gone without coming to its end.*CALL migrate.apply/s, 'a run whose worker was ended');
is(outcome_of($run), 'interrupted', 'is interrupted');
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_migrations worker'});
is(ask(q{SELECT to_regclass('never2') IS NULL, count(*) FROM migrate.runs WHERE project = 'next'}), 't|0',
	'a run is not started when whoever asked for it has gone');
open_gate(4);
is(ask('CALL migrate.wait(' . start_run(q{project => 'gone'}) . ')'), 'succeeded', 'and can be run again');

# ---- told

define('0001_e', 'SELECT 1', project => 'events', down => '');
define('0002_e', "SELECT 1;\nVACUUM a;\nSELECT 1 / 0;", project => 'events');
define('0003_e', 'SELECT 1', project => 'events');
my $listener = open_session($node, 'postgres');
ask_session($listener, 'LISTEN migrate');
$node->psql('postgres', q{CALL migrate.apply(project => 'events')});
($out) = ask_session($listener, 'SELECT 1');
my @events = map { s/"(run_id|duration_ms)": \d+/"$1": N/gr } $out =~ /payload "(\{.*?\})" received/g;
is_deeply(\@events, [
		'{"event": "start", "run_id": N, "action": "apply", "project": "events", "planned": 3}',
		'{"event": "step", "run_id": N, "project": "events", "name": "0001_e", "action": "apply", "outcome": "applied", "duration_ms": N}',
		'{"event": "failure", "run_id": N, "project": "events", "name": "0002_e", "action": "apply", "outcome": "failed", "duration_ms": N, "error_code": "22012"}',
		'{"event": "end", "run_id": N, "outcome": "partial", "migrations": 1, "failed_name": "events:0002_e", "error_code": "22012"}' ],
	'whoever listens is told');
ask(q{SELECT migrate.resolve('0002_e', 'applied', 'test', 'events')});
ask(q{BEGIN; CALL migrate.apply(project => 'events'); COMMIT});
($out) = ask_session($listener, 'SELECT 1');
unlike($out, qr/payload/, 'but not of a run in somebody\'s transaction');
$listener->quit;

# ---- databases

ask('CREATE DATABASE other');
ask('CREATE EXTENSION pg_migrations; CREATE TABLE public.gates (open int)', db => 'other');
define('0001_x', gate(5), project => 'both');
ask(sprintf('SELECT migrate.register(%s, %s, project => %s)', map { literal($_) } '0001_x', gate(5), 'both'), db => 'other');
my @runs = map { start_run(q{project => 'both'}, db => $_) } ('postgres', 'other');
wait_for_gate('both');
is(ask('SELECT count(*), max(run_id) FROM migrate.progress', db => 'other'), "1|$runs[1]", 'runs of two databases go on side by side');
open_gate(5, 'other');
is(ask("CALL migrate.wait($runs[1])", db => 'other'), 'succeeded', 'one of them ends');
is(outcome_of($runs[0]), 'running', 'the other one goes on');
open_gate(5);
is(ask("CALL migrate.wait($runs[0])"), 'succeeded', 'to its own end');

# ---- from where

ask(q{SELECT migrate.watch('test')});
define('0001_here', 'CREATE TABLE here (i int)', project => 'here');
define('0002_here', 'CREATE TABLE there (); CREATE INDEX CONCURRENTLY ON here (i)', project => 'here');
ask(q{SELECT migrate.hold('0001_here', 'test', 'here')});
my $over_tcp = 'dbname=postgres host=127.0.0.1 port=' . $node->port;
my ($from_there) = $node->safe_psql('postgres', q{CALL migrate.apply(project => 'here', background => true, reason => 'test', options => '{"override": ["held"]}')},
	connstr => $over_tcp) =~ /^(\d+)/;
is(ask("CALL migrate.wait($from_there)"), 'succeeded', 'a run of somebody who came over the network');
foreach my $log ("runs WHERE run_id = $from_there", "history WHERE run_id = $from_there", "decisions WHERE run_id = $from_there",
	q{ddl_log WHERE statement ~ 'here'})
{
	is(ask("SELECT count(*) > 0 AND bool_and(host(client_addr) = '127.0.0.1') FROM migrate.$log"), 't', "is from there in migrate.$log");
}
is(ask(q{SELECT count(DISTINCT pid) FROM migrate.ddl_log WHERE statement ~ 'here'}), '2', 'whoever worked for him');
define('0003_here', 'SELECT 1', project => 'here');
my $from_here = start_run(q{project => 'here'});
ask("CALL migrate.wait($from_here)");
is(ask("SELECT client_addr IS NULL FROM migrate.runs WHERE run_id = $from_here"), 't', 'and that of somebody on the machine is not');

is(ask('SELECT count(*) FROM migrate.verify_history()'), 0, 'the records are whole');
$node->stop;
done_testing();
