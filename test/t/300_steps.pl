# 300_steps.pl: migrations that commit in between run in a worker, and go on where they stopped.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', allows_streaming => 1);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nwal_level = logical");
$node->start;

sub ask
{
	my ($sql, %options) = @_;

	return $node->safe_psql('postgres', $sql, %options);
}

sub define
{
	my ($name, $up, %arguments) = @_;

	ask(sprintf 'SELECT migrate.register(%s, %s%s)', literal($name), literal($up),
		join '', map { ", $_ => " . literal($arguments{$_}) } sort keys %arguments);
	return;
}

# Runs a statement and gives its SQLSTATE, and all that psql says.
sub try
{
	my ($sql) = @_;
	my (undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");

	return (($err =~ /^(?:psql:\S+ )?(?:ERROR|FATAL):  (\w{5}):/m)[0] // '00000', $err);
}

sub state_of
{
	my ($name) = @_;

	return ask("SELECT state || coalesce(': ' || detail, '') FROM migrate.status() WHERE name = '$name'");
}

# The line of show() that has the sums of a project.
sub sums_of
{
	my ($project) = @_;

	return ask("SELECT migrate.show('$project') LIMIT 1");
}

my $apply = 'CALL migrate.apply();';
my $half_done = 'SELECT name, part, done, under_way FROM migrate.unfinished';

ask('CREATE EXTENSION pg_migrations');
ask(q{SELECT migrate.watch('test')});

# ---- all that cannot run in a transaction, among what can

define('0001_mixed', <<'SQL', down => "ALTER TABLE a DROP j;\nDROP INDEX CONCURRENTLY a_i;\nDROP TABLE a, b, part, kept;\nDROP DATABASE made;");
SET work_mem = '5MB';
CREATE TABLE a (i int);
INSERT INTO a SELECT generate_series(1, 100);
CREATE INDEX CONCURRENTLY a_i ON a (i);
VACUUM a;
ALTER TABLE a ADD j int;
REINDEX INDEX CONCURRENTLY a_i;
CREATE TABLE part (i int) PARTITION BY LIST (i);
CREATE TABLE kept PARTITION OF part FOR VALUES IN (1);
ALTER TABLE part DETACH PARTITION kept CONCURRENTLY;
ALTER SYSTEM SET work_mem = '7MB';
CREATE DATABASE made;
CREATE TABLE b AS SELECT current_setting('work_mem') AS work_mem;
COPY b FROM stdin;
more
\.
SQL
my ($code, $err) = try($apply);
is($code, '00000', 'it is applied') or diag $err;
like($err, qr/1\/1  default:0001_mixed  applied/, 'as the notice says');
is(ask('SELECT string_agg(work_mem, chr(32)) FROM b'), '5MB more', 'what the script sets holds throughout');
is(ask(q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_i'::regclass}), 't', 'the index is there');
is(ask('SELECT count(*) FROM pg_inherits'), '0', 'the partition is not');
is(ask(q{SELECT outcome, statements, id = attempt_id FROM migrate.history ORDER BY id}), "started|0|t\napplied|14|f", 'the attempt has a row for its start and one for its end');
is(ask(q{SELECT count(*), count(DISTINCT statement_no), count(DISTINCT history_id) FROM migrate.statement_log}), '14|14|1', 'each statement has one');
is(ask(q{SELECT count(*) FILTER (WHERE origin <> 'migration' OR history_id <> 1), count(*) > 8 FROM migrate.ddl_log WHERE origin <> 'extension'}), '0|t',
	'all are captured as the migration\'s');
is(ask($half_done), '', 'nothing is half done');
is(ask('SHOW work_mem'), '4MB', 'what it set ended with it');
($code) = try('CALL migrate.revert();');
is($code . ask('SELECT count(*) FROM pg_class WHERE relname IN (\'a\', \'b\', \'a_i\')'), '000000', 'the down can do the same');
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations'});
pass('no worker is left');
ask('ALTER SYSTEM RESET ALL; SELECT migrate.hold(\'0001_mixed\', \'done with\')');

# ---- what is found by trying

define('0002_enum', "CREATE TYPE e AS ENUM ('a');\nCREATE TABLE es (e e);\nALTER TYPE e ADD VALUE 'b';\nINSERT INTO es VALUES ('b');", requires => '{}');
define('0003_commits', "CREATE TABLE c (i int);\nDO \$\$BEGIN INSERT INTO c VALUES (1); COMMIT; INSERT INTO c VALUES (2); END\$\$;\nINSERT INTO c VALUES (3)", requires => '{}');
define('0004_procedure', "CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN INSERT INTO c VALUES (4); COMMIT; END';\nCALL p();\nVACUUM c", requires => '{}');
define('0005_each', "CREATE TABLE d (i int);\nINSERT INTO d VALUES (1);", requires => '{}', options => '{"transaction": "off"}');
is((try($apply))[0], '00000', 'a new value of an enum is used, a block and a procedure commit');
is(ask('SELECT string_agg(i::text, chr(32) ORDER BY i) FROM c'), '1 2 3 4', 'each once');
is(ask(q{SELECT count(DISTINCT s.transaction_id) FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id WHERE h.name = '0005_each'}),
	'2', 'transaction off: each statement has its own');

my $block = "SET work_mem = '5MB';\nBEGIN;\nINSERT INTO d VALUES (2);\nSELECT 1 / (SELECT count(*) FROM c WHERE i = 5);\nCOMMIT;";
define('0005_block', $block, requires => '{}', options => '{"transaction": "off"}');
is(ask(q{SELECT mode FROM migrate.plan() WHERE name = '0005_block'}), '1 step', 'but what its author has put into one');
is((try($apply))[0], '22012', 'which fails');
is(ask('SELECT count(*) FROM d'), '1', 'as a whole');
like(state_of('0005_block'), qr/^failed/, 'and leaves nothing half done');
ask('INSERT INTO c VALUES (5)');
is((try($apply))[0], '00000', 'mended it runs');
is(ask(q{SELECT count(*), count(DISTINCT s.transaction_id) FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id WHERE h.name = '0005_block' AND h.outcome = 'started'}),
	'3|1', 'in one transaction');
ask('DELETE FROM c WHERE i = 5');
define('0005_divided', "CREATE TABLE v (i int);\nINSERT INTO v SELECT generate_series(1, 10);\nDO \$\$BEGIN COMMIT; END\$\$;", requires => '{}');
is((try($apply))[0] . ask(q{SELECT rows FROM migrate.history WHERE name = '0005_divided' AND outcome = 'applied'}), '0000010',
	'the rows of a try that was rolled back do not count');

define('0005_parted', <<'SQL', requires => '{}');
CREATE TABLE pt (i int) PARTITION BY LIST (i);
CREATE TABLE pt1 PARTITION OF pt FOR VALUES IN (1);
CREATE INDEX pt_i ON pt (i);
REINDEX INDEX pt_i;
CREATE TABLE behind ();
CLUSTER pt USING pt_i;
REINDEX TABLE pt;
SQL
is((try($apply))[0], '00000', 'what commits after each partition is not known by its words');
is(ask(q{SELECT count(*), count(DISTINCT s.transaction_id) FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id WHERE h.name = '0005_parted'}),
	'7|5', 'and is a step of its own');

# ---- a failure half-way, and what comes after it

define('0006_half', "CREATE TABLE h (i int);\nINSERT INTO h VALUES (1), (1);\nCREATE UNIQUE INDEX CONCURRENTLY h_i ON h (i);\nCREATE TABLE h2 ();", requires => '{}');
($code, $err) = try($apply);
is($code, '23505', 'a failure has its SQLSTATE');
like($err, qr/DETAIL:  Key \(i\)=\(1\) is duplicated/, 'its detail');
like($err, qr/migration "default:0006_half", statement 3 of 4, line 3\nrun \d+: 0 applied and kept; 2 of 4 statements of 0006_half stand; 0 not started/, 'and where it happened');
is(state_of('0006_half'), 'interrupted: 23505 at statement 3, line 3; 2 of 4 statements stand', 'the state says what stands');
is(ask($half_done), '0006_half|up|2|3', 'as does the ledger');
is(ask(q{SELECT severity, hint FROM migrate.check() WHERE code = 'interrupted'}), q{error|CALL migrate.apply('default:0006_half');}, 'check has the call');
like(ask('SELECT migrate.show()'), qr/\[!\].*0006_half.*stopped half-way/, 'show shows it');
like(sums_of('default'), qr/^default: 7 of 9 applied, head \w+; 1 interrupted; 1 held; capture on$/, 'and counts it as what it is');
is(ask('SELECT migrate.is_current()'), 'f', 'it is not current');
($code, $err) = try(q{SELECT migrate.register('0006_half', 'CREATE TABLE changed ()', requires => '{}')});
is($code, 'MG012', 'what stands cannot be changed');
is(ask('SELECT count(*) FROM pg_index WHERE NOT indisvalid'), '1', 'an invalid index is left');
ask('CREATE TABLE other AS SELECT 1 AS i FROM generate_series(1, 2)');
try('CREATE UNIQUE INDEX CONCURRENTLY other_i ON other (i)');
ask('DELETE FROM h');
($code, $err) = try($apply);
is($code, '00000', 'mended, it goes on');
like($err, qr/goes on behind statement 2 of 4/, 'behind what stands');
is(ask('SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid IN (\'h\'::regclass, \'other\'::regclass) ORDER BY indexrelid::regclass::text'), "h_i|t\nother_i|f",
	'its own invalid index is made anew, somebody else\'s stays');
ask('DROP TABLE other');
define('0006_left', 'CREATE UNIQUE INDEX CONCURRENTLY left_i ON twice (i)', requires => '{}');
ask('CREATE TABLE twice AS SELECT 1 AS i FROM generate_series(1, 2)');
($code, $err) = try($apply);
like($err, qr/run \d+: 0 applied, 1 stopped half-way.*\nrun \d+: 0 applied and kept; 0 of 1 statements of 0006_left stand; 0 not started/s, 'what is left of a first statement is said to be left');
ask('DELETE FROM twice');
($code, $err) = try($apply);
is($code, '00000', 'mended, it goes on');
like($err, qr/"default:0006_left" goes on at statement 1 of 1\n.*an earlier attempt has left something: DROP INDEX CONCURRENTLY/s, 'at its beginning');

define('0007_first', "CREATE INDEX CONCURRENTLY ON nowhere (i)", requires => '{}');
is((try($apply))[0], '42P01', 'one whose first statement fails');
like(state_of('0007_first'), qr/^failed/, 'has failed as any other');
is(ask($half_done), '', 'and nothing of it stands');
define('0007_first', "SELECT 1; VACUUM", requires => '{}');
is((try($apply))[0], '00000', 'its text may change as a whole');

# The record that a statement begins waits for a lock in vain: it has not begun.
foreach my $case ([ '0008_begins', 'VACUUM h' ], [ '0009_begins', 'CREATE INDEX CONCURRENTLY ON h (i)' ])
{
	my ($name, $last) = @$case;
	my $lock = open_session($node, 'postgres');
	my $worker = q{FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations' AND xact_start};

	# Whoever wants the lock has it when the second step, which keeps him waiting, is committed.
	ask('CREATE TABLE go (i int)');
	define($name, <<"SQL", requires => '{}', options => '{"lock_timeout": 100}');
VACUUM h;
LOCK TABLE migrate.unfinished IN ROW EXCLUSIVE MODE;
DO 'BEGIN WHILE NOT EXISTS (SELECT FROM go) LOOP PERFORM pg_sleep(0.02); END LOOP; END';
$last;
SQL
	my $waits = start_client($node, 'postgres', $apply);
	# The first step's own record takes the same lock: it is the block that has to hold it.
	wait_until($node, 'postgres', q{SELECT count(*) > 0 FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE relation = 'migrate.unfinished'::regclass AND mode = 'RowExclusiveLock' AND granted AND wait_event = 'PgSleep'});
	$lock->query_until(qr/started/, "BEGIN;\n\\echo started\nLOCK TABLE migrate.unfinished IN SHARE MODE;\n");
	wait_until($node, 'postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE relation = 'migrate.unfinished'::regclass AND mode = 'ShareLock' AND NOT granted});
	ask('INSERT INTO go VALUES (1)');
	wait_until($node, 'postgres', "SELECT count(*) > 0 $worker IS NOT NULL AND wait_event_type = 'Lock'");
	# Between two tries there is no transaction.
	my $try = ask("SELECT coalesce(max(xact_start), clock_timestamp()) $worker IS NOT NULL");
	wait_until($node, 'postgres', "SELECT count(*) > 0 $worker > '$try'");
	ask_session($lock, 'COMMIT');
	$lock->quit;
	my ($went_well) = end_client($waits);
	ok($went_well, "$last: a statement whose beginning could not be written is tried again") or diag $waits->{err};
	is(state_of($name), 'applied', 'and done');
	ask('DROP TABLE go');
}

# ---- cancelled, terminated, killed

sub blocked_build
{
	my ($name) = @_;
	my $holder = $node->background_psql('postgres');

	ask("CREATE TABLE IF NOT EXISTS held (i int)");
	define($name, "CREATE TABLE \"before_$name\" ();\nCREATE INDEX CONCURRENTLY \"i_$name\" ON held (i);\nCREATE TABLE \"after_$name\" ();", requires => '{}');
	$holder->query_safe('BEGIN; INSERT INTO held VALUES (1)');
	my $caller = start_client($node, 'postgres', "SET application_name = 'caller'; $apply");
	# Longer than other statements wait for a lock: nobody waits behind a concurrent build.
	wait_until($node, 'postgres', q{SELECT bool_or(phase ~ 'waiting' AND xact_start < clock_timestamp() - interval '1.2 s')
		FROM pg_stat_progress_create_index JOIN pg_stat_activity USING (pid)});
	return ($holder, $caller);
}

my ($holder, $caller) = blocked_build('0010_cancel');
is(ask(q{SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE application_name = 'caller' AND backend_type = 'client backend'}), 't',
	'who waits for the worker has no snapshot');
is(ask(q{SELECT state FROM migrate.status() WHERE name = '0010_cancel'}), 'running', 'it is running');
like(sums_of('default'), qr/applied, head \w+; 1 running; 1 held/, 'and counted as that');
is((try("SET pg_migrations.lock_wait = 0; $apply"))[0], 'MG006', 'another run does not begin');
ask(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller' AND backend_type = 'client backend'});
my ($ok, $out) = end_client($caller);
like($caller->{err} // $out, qr/canceling statement due to user request/, 'a cancel reaches the worker');
$holder->query_safe('ROLLBACK');
$holder->quit;
like(state_of('0010_cancel'), qr/^interrupted: 57014/, 'it is interrupted');
is(ask(q{SELECT outcome FROM migrate.history WHERE name = '0010_cancel' ORDER BY id DESC LIMIT 1}), 'interrupted', 'in the history');
is(ask('SELECT outcome FROM migrate.runs ORDER BY run_id DESC LIMIT 1'), 'cancelled', 'and the run is cancelled');
is((try($apply))[0], '00000', 'it goes on');
is(ask(q{SELECT indisvalid FROM pg_index WHERE indexrelid = '"i_0010_cancel"'::regclass}), 't', 'to a valid index');

# The caller's connection is lost: what is under way ends, and nothing else begins.
($holder, $caller) = blocked_build('0011_lost');
ask(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller' AND backend_type = 'client backend'});
end_client($caller);
is((try("SET pg_migrations.lock_wait = 0; $apply"))[0], 'MG006', 'a worker that is left keeps others out');
is(ask(q{SELECT outcome FROM migrate.runs ORDER BY run_id DESC LIMIT 1}), 'running', 'and its run is still under way');
$holder->query_safe('ROLLBACK');
$holder->quit;
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations'});
is(ask(q{SELECT indisvalid FROM pg_index WHERE indexrelid = '"i_0011_lost"'::regclass}), 't', 'the statement under way has ended');
is(ask(q{SELECT to_regclass('"after_0011_lost"') IS NULL}), 't', 'and the next has not begun');
is(ask($half_done), '0011_lost|up|2|', 'as is written');
is((try($apply))[0], '00000', 'it goes on');

# The worker is terminated.
($holder, $caller) = blocked_build('0012_terminated');
ask(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations'});
end_client($caller);
$holder->query_safe('ROLLBACK');
$holder->quit;
like(state_of('0012_terminated'), qr/^interrupted/, 'a worker that was terminated leaves it interrupted');
is((try($apply))[0], '00000', 'it goes on');
is(ask(q{SELECT string_agg(outcome, ' ' ORDER BY id) FROM migrate.history WHERE name = '0012_terminated'}), 'started interrupted started applied', 'the history has it all');

# All is killed.
($holder, $caller) = blocked_build('0013_killed');
$node->stop('immediate');
eval { $holder->quit };
end_client($caller);
$node->start;
is(state_of('0013_killed'), 'interrupted: up stopped behind statement 1', 'after a crash it is interrupted');
is(ask('SELECT outcome FROM migrate.runs ORDER BY run_id DESC LIMIT 1'), 'interrupted', 'and so is its run');
is(ask('SELECT count(*) FROM pg_index WHERE NOT indisvalid'), '1', 'with an invalid index');
is((try($apply))[0], '00000', 'it goes on');
is(ask('SELECT count(*) FROM pg_index WHERE NOT indisvalid'), '0', 'and nothing invalid is left');
is(ask(q{SELECT to_regclass('"after_0013_killed"') IS NOT NULL}), 't', 'to its end');

# ---- what nobody can know

define('0020_unknown', "CREATE PROCEDURE q() LANGUAGE plpgsql AS 'BEGIN INSERT INTO c VALUES (20); COMMIT; PERFORM 1/0; END';\nCALL q();\nINSERT INTO c VALUES (21);", requires => '{}');
is((try($apply))[0], '22012', 'a procedure that has committed fails');
($code, $err) = try($apply);
is($code, 'MG012', 'what it has done is for people to say');
like($err, qr/DETAIL:  .*line 2.*CALL: It commits while it works/, 'the detail says what is known');
like($err, qr/HINT:  .*migrate\.resolve\('default:0020_unknown', 'skip_statement'.*'continue'/, 'the hint has the calls');
my $calls = qr/^SELECT migrate\.resolve\('default:0020_unknown', 'skip_statement'.*'continue'/;
like(ask(q{SELECT hint FROM migrate.check() WHERE code = 'interrupted'}), $calls, 'check has them');
like(ask(q{SELECT ltrim(show, ' ->') FROM migrate.show() WHERE show ~ '^ +-> .*0020_unknown'}), $calls, 'and show');
is((try(q{SELECT migrate.resolve('0020_unknown', 'skip_statement', '')}))[0], '22023', 'a decision needs a reason');
is(ask(q{SELECT migrate.resolve('0020_unknown', 'skip_statement', 'it was done')}), 'interrupted', 'somebody says it');
is(ask(q{SELECT decision, reason, detail FROM migrate.decisions ORDER BY id DESC LIMIT 1}), 'resolved|it was done|{"decision": "skip_statement"}', 'which is recorded');
($code, $err) = try(q{SELECT migrate.resolve('0020_unknown', 'skip_statement', 'it was done')});
is($code, '55000', 'and says it twice');
like($err, qr/no statement of migration "default:0020_unknown" is in doubt.*Its first 2 statements stand, and no other does/s, 'which passes over nothing');
is(ask(q{SELECT hint FROM migrate.check() WHERE code = 'interrupted'}), q{CALL migrate.apply('default:0020_unknown');}, 'then it can go on');
is((try($apply))[0], '00000', 'it goes on');
is(ask('SELECT string_agg(i::text, chr(32) ORDER BY i) FROM c WHERE i >= 20'), '20 21', 'behind it');
my $n = 21;
foreach my $case ([ 'restart', 'pending' ], [ 'applied', 'marked' ], [ 'reverted', 'reverted' ])
{
	my $name = '00' . $n++ . "_$case->[0]";

	define($name, "CREATE TABLE \"$name\" ();\nCREATE INDEX CONCURRENTLY ON nowhere (i)", requires => '{}');
	try("CALL migrate.apply('$name');");
	is(ask("SELECT migrate.resolve('$name', '$case->[0]', 'test')"), $case->[1], "resolve: $case->[0]");
	like(state_of($name), qr/^$case->[1]/, 'is the state');
	is(ask($half_done), '', 'nothing is half done any more');
	ask("SELECT migrate.hold('$name', 'done with')");
}

# Who decides in another way settles it as well.
define('0025_marked', "SELECT 1;\nVACUUM;\nCREATE INDEX CONCURRENTLY ON nowhere (i)", requires => '{}', down => '');
try("CALL migrate.apply('0025_marked');");
ask(q{SELECT migrate.mark_applied('0025_marked', 'finished by hand')});
is(state_of('0025_marked') . ask($half_done), 'marked: marked: "finished by hand"', 'mark_applied leaves nothing half done');
is((try(q{CALL migrate.revert();}))[0] . state_of('0025_marked'), '00000reverted', 'so that it can be reverted');
ask(q{SELECT migrate.hold('0025_marked', 'done with')});

define('0026_pending', "SELECT 1;\nVACUUM;\nCREATE INDEX CONCURRENTLY ON nowhere (i)", requires => '{}');
try("CALL migrate.apply('0026_pending');");
($code, $err) = try(q{SELECT migrate.unregister('0026_pending')});
is($code, '55000', 'what is half done cannot be unregistered');
like($err, qr/ERROR:  55000: migration "default:0026_pending" is half done and.*HINT:  .*migrate\.resolve\('default:0026_pending', 'restart'/s, 'and the hint has the call');
ask(q{SELECT migrate.mark_pending('0026_pending', 'undone by hand')});
is(state_of('0026_pending') . ask($half_done), 'pending: marked pending: "undone by hand"', 'mark_pending leaves nothing half done');
ask(q{SELECT migrate.unregister('0026_pending')});

like((try(q{SELECT migrate.hold('0005_each', 'later'); SELECT migrate.release('0005_each', 'now')}))[1],
	qr/NOTICE:  00000: migration "default:0005_each" is applied: the hold takes effect when it is reverted/, 'a hold of what is applied says when it counts');

# A worker that was killed before anything was done has left nothing to go on with.
define('0027_begun', 'CREATE TABLE begun ()', requires => '{}');
ask(q{SET session_replication_role = replica; INSERT INTO migrate.unfinished (project, name, part, checksum, attempt_id, run_id, done)
	SELECT project, name, 'down', checksum, 1, 1, 0 FROM migrate.migrations WHERE name = '0027_begun'});
is(state_of('0027_begun'), 'pending', 'what has done nothing is not half done');
ask(q{SELECT migrate.unregister('0027_begun')});
is(ask($half_done), '', 'and is unregistered as a whole');

# A step that drops the extension, also at the end of a block that commits.
foreach my $drop ('DROP EXTENSION pg_migrations CASCADE', q{DO 'BEGIN COMMIT; DROP EXTENSION pg_migrations CASCADE; END'})
{
	define('0027_drops', "CREATE TABLE kept27 ();\nVACUUM kept27;\n$drop;", requires => '{}');
	($code, $err) = try($apply);
	like($err, qr/^(?:psql:\S+ )?ERROR:  MG009: migration "default:0027_drops" removes pg_migrations itself/m, "not with $drop");
	like(state_of('0027_drops'), qr/^interrupted: MG009.*; 2 of 3 statements stand/, 'and what stands is on record');
}
ask(q{SELECT migrate.resolve('0027_drops', 'applied', 'without it')});

# It was killed before its COMMIT PREPARED, and somebody has decided about the transaction meanwhile.
sub prepare
{
	my ($i) = @_;

	ask("BEGIN; INSERT INTO c VALUES ($i); PREPARE TRANSACTION 'p28'");
	return;
}
foreach my $case ([ 'ROLLBACK', '42704', 30 ], [ 'COMMIT', '00000', 31 ])
{
	my ($ended, $wanted, $i) = @$case;

	define("0028_$ended", "SELECT 1;\nCOMMIT PREPARED 'p28';", requires => '{}');
	prepare($i);
	ask(qq{SET session_replication_role = replica; INSERT INTO migrate.unfinished (project, name, part, checksum, attempt_id, run_id, done, under_way, object_oid, place)
		SELECT project, name, 'up', checksum, 1, 1, 1, 2, transaction::text::oid,
			(SELECT system_identifier FROM pg_control_system()) # ((SELECT oid FROM pg_database WHERE datname = current_database())::bigint << 32)
		FROM migrate.migrations, pg_prepared_xacts WHERE name = '0028_$ended'});
	ask("$ended PREPARED 'p28'");
	prepare(32) if $ended eq 'COMMIT';
	is((try("CALL migrate.apply('0028_$ended')"))[0], $wanted, "a transaction that is gone since somebody said $ended PREPARED");
	ask(q{SELECT migrate.resolve('0028_ROLLBACK', 'applied', 'without it')}) if $ended eq 'ROLLBACK';
}
is(ask('SELECT string_agg(i::text, chr(32) ORDER BY i) FROM c WHERE i >= 30') . state_of('0028_COMMIT'), '31applied', 'is known for what became of it');
is(ask(q{SELECT gid FROM pg_prepared_xacts}), 'p28', 'and another of its name is left alone');
ask(q{ROLLBACK PREPARED 'p28'});

# ---- who runs it, and with what

ask(q{CREATE ROLE deployer LOGIN; CREATE ROLE owner; GRANT owner TO deployer; GRANT CREATE ON SCHEMA public TO deployer, owner});
ask(q{SELECT migrate.grant_capability('deployer', 'deployer'), migrate.grant_capability('owner', 'deployer')});
define('0030_role', "CREATE TABLE r (i int);\nINSERT INTO r SELECT current_setting('work_mem')::int FROM (VALUES (1)) v WHERE false;\nCREATE INDEX CONCURRENTLY ON r (i);\nDO \$\$BEGIN RAISE NOTICE 'as % of %', current_user, session_user; END\$\$;", requires => '{}');
(undef, undef, $err) = $node->psql('postgres', "SET ROLE owner; SET application_name = 'mine'; $apply", extra_params => [ '-U', 'deployer' ]);
like($err, qr/NOTICE:  as owner of deployer/, 'a notice of the worker\'s reaches the caller, who is who he was');
is(ask(q{SELECT tableowner FROM pg_tables WHERE tablename = 'r'}), 'owner', 'what is made is his');
is(ask(q{SELECT DISTINCT role_name, session_role, application_name FROM migrate.history WHERE name = '0030_role'}), 'owner|deployer|mine', 'the history says so');
foreach my $case ([ 'option', '', options => '{"run_as": "owner"}' ], [ 'text', "SET ROLE owner;\n" ])
{
	my ($how, $begin, @more) = @$case;

	define("0030_$how", "${begin}VACUUM r;\nINSERT INTO r VALUES (1);\nVACUUM r;", requires => '{}', @more);
	$node->psql('postgres', $apply, extra_params => [ '-U', 'deployer' ]);
	is(ask("SELECT string_agg(role_name, ' ' ORDER BY id) FROM migrate.history WHERE name = '0030_$how'") .
		ask("SELECT ' ' || changed_by || ' ' || applied_by || ' ' || state FROM migrate.state WHERE name = '0030_$how'"),
		'deployer deployer deployer deployer applied', "whose it is, whatever it becomes by its $how");
}
# What every new session begins with has changed since his began, in this very run.
define('0030_setting', "ALTER DATABASE postgres SET search_path = elsewhere, public; ALTER ROLE owner IN DATABASE postgres SET work_mem = '9MB'; ALTER DATABASE postgres SET work_mem = '8MB'", requires => '{}');
define('0030_settings', "VACUUM r;\nCREATE TABLE as_before AS SELECT concat_ws(' ', current_setting('search_path'), current_setting('work_mem'), current_setting('maintenance_work_mem')) AS s;", requires => '{0030_setting}');
ask('CREATE SCHEMA elsewhere');
is((try("SET maintenance_work_mem = '6MB'; $apply"))[0], '00000', 'settings that change while he is there');
is(ask('SELECT string_agg(s, chr(32)) FROM public.as_before'), '"$user", public 4MB 6MB', 'are not his');
ask('ALTER DATABASE postgres RESET ALL; ALTER ROLE owner IN DATABASE postgres RESET ALL; DROP TABLE public.as_before; DROP SCHEMA elsewhere CASCADE');

define('0031_denied', 'CREATE INDEX CONCURRENTLY ON held (i)', requires => '{}');
(undef, undef, $err) = $node->psql('postgres', $apply, extra_params => [ '-U', 'deployer' ]);
like($err, qr/must be owner of table held/, 'and he may no more than he might');
ask(q{SELECT migrate.hold('0031_denied', 'done with')});

# A role that may not log in any more cannot have a worker before 17.
{
	my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'deployer' ]);

	define('0032_nologin', 'VACUUM held', requires => '{}');
	ask('GRANT owner TO deployer; ALTER ROLE deployer NOLOGIN');
	my (undef, $said) = ask_session($session, $apply);
	if ($node->pg_version < 17)
	{
		like($said, qr/not permitted to log in.*HINT:  .*ALTER ROLE deployer LOGIN/s, 'a role that may not log in has no worker');
	}
	else
	{
		like($said, qr/0032_nologin  applied/, 'a role that may not log in has a worker');
	}
	$session->quit;
	ask(q{ALTER ROLE deployer LOGIN; SELECT migrate.hold('0032_nologin', 'done with')});
}

# ---- a way back of which nothing stands has not begun

define('0001_back', 'CREATE TABLE back ()', project => 'back', down => "VACUUM back;\nDROP TABLE back", verify => q{SELECT to_regclass('back') IS NOT NULL});
ask(q{CALL migrate.apply(project => 'back')});
my $keeper = open_session($node, 'postgres');
ask_session($keeper, 'BEGIN; LOCK TABLE back');
my $going_back = start_client($node, 'postgres', q{CALL migrate.revert(project => 'back')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.progress WHERE project = 'back' AND statement_no = 1});
ask(q{SELECT migrate.cancel_run(run_id, 'not now') FROM migrate.progress});
end_client($going_back);
ask_session($keeper, 'COMMIT');
$keeper->quit;
is(state_of('0001_back') =~ s/:.*//r, 'applied', 'a revert that was cancelled in its first statement');
ask(q{CALL migrate.revert(project => 'back')});
is(ask(q{SELECT to_regclass('back') IS NULL}), 't', 'begins anew, and what is verified of the way there is not asked for');

define('0002_back', 'CREATE TABLE back_too ()', project => 'back', down => "VACUUM nowhere;\nDROP TABLE back_too");
ask(q{CALL migrate.apply(project => 'back')});
foreach my $down ("VACUUM nowhere;\nDROP TABLE back_too", "SELECT 1/0;\nVACUUM back_too", 'SELECT 1/0')
{
	define('0002_back', 'CREATE TABLE back_too ()', project => 'back', down => $down);
	isnt((try(q{CALL migrate.revert(project => 'back')}))[0], '00000', "a revert fails in its first statement: $down");
	is(state_of('0002_back') =~ s/:.*//r . ' ' . ask($half_done), 'applied ', 'and nothing of it stands');
}
define('0002_back', 'CREATE TABLE back_too ()', project => 'back', down => 'DROP TABLE back_too');
ask(q{CALL migrate.revert(project => 'back')});
is(state_of('0002_back') . ask($half_done) . ask(q{SELECT to_regclass('back_too') IS NULL}), 'revertedt', 'until it is reverted');

# Another tool has not done the rest.
define('0003_back', 'CREATE TABLE back_as_well (); CREATE INDEX CONCURRENTLY ON back_as_well (nothing)', project => 'back');
is((try(q{CALL migrate.apply(project => 'back')}))[0], '42703', 'of one that is half done');
raises($node, 'postgres', q{BEGIN; SELECT migrate.begin('back:0003_back', tool => 'psql'); COMMIT}, 'MG012', qr/is half applied.*resolve/s, 'is not declared as applied by whoever begins it');
ask(q{SELECT migrate.resolve('back:0003_back', 'applied', 'by hand')});
is(state_of('0003_back') =~ s/:.*//r . ask($half_done), 'marked', 'nothing is noted when somebody says that it is');

# ---- what the plan has decided is written as of any other migration

sub is_written
{
	my ($project, $written, $what) = @_;

	is(ask("SELECT name, state, requires, detail FROM migrate.state WHERE project = '$project' ORDER BY name"), $written, $what);
	return;
}

define($_, '', project => 'told', down => '') foreach '0001_a', '0003_c';
ask(q{CALL migrate.apply(project => 'told', reason => 'first')});
define('0002_late', 'VACUUM held', project => 'told', down => 'VACUUM held');
ask(q{CALL migrate.apply(project => 'told', reason => 'O''Hara''s wish')});
is_written('told', "0001_a|applied|{}|\n0002_late|applied|{told:0001_a}|out of order\n0003_c|applied|{told:0001_a}|",
	'what a migration followed, and that it was late');
is(ask(q{SELECT DISTINCT reason FROM migrate.history WHERE name = '0002_late'}), q{O'Hara's wish}, 'the reason of the run');
define('0001_x', '', project => 'told-others');
define('0004_d', '', project => 'told');
define('0005_heir', 'VACUUM held', project => 'told', down => 'VACUUM held', replaces => '{0004_d,told-others:0001_x,0005_heir,0006_none}');
ask(q{CALL migrate.apply('0005_heir', project => 'told')});
is_written('told-others', '0001_x|superseded||replaced by told:0005_heir', 'what it replaces, also in another project');
is(ask(q{SELECT string_agg(name || ' ' || state, ', ' ORDER BY name) FROM migrate.status('told') WHERE name > '0004'}), '0004_d superseded, 0005_heir applied', 'and in its own');
ask(q{CALL migrate.revert(project => 'told')});
is_written('told-others', '0001_x|reverted||replaced by told:0005_heir', 'comes back with it');
define('0003_start', 'VACUUM held', project => 'begun', kind => 'baseline', down => 'VACUUM held');
define('0002_before', 'SELECT 1 / 0', project => 'begun');
ask(q{CALL migrate.apply(project => 'begun')});
is(ask(q{SELECT name, state FROM migrate.status('begun') ORDER BY name}), "0002_before|baseline\n0003_start|applied", 'a baseline at top level is one');
ask(q{CALL migrate.revert(project => 'begun')});
is(ask(q{SELECT count(*) FROM migrate.baselines WHERE project = 'begun'}), '0', 'until it is reverted');

define('0001_again', "VACUUM held", project => 'again', kind => 'repeatable');
ask(q{CALL migrate.apply(project => 'again')});
define('0001_again', "CREATE INDEX CONCURRENTLY ON nowhere (i)", project => 'again', kind => 'repeatable');
is((try(q{CALL migrate.apply(project => 'again')}))[0], '42P01', 'one that is repeated at top level, and fails,');
is_written('again', '0001_again|applied|{}|', 'has left what there was');

# ---- limits

define('0040_limit', "CREATE TABLE limited ();\nVACUUM", requires => '{}');
foreach my $sql ("CALL migrate.apply(atomic => true);", "BEGIN; $apply", "DO \$\$BEGIN EXECUTE 'CALL migrate.apply()'; END\$\$;")
{
	is((try($sql))[0], 'MG008', "not with $sql");
}
is(ask(q{SELECT to_regclass('limited') IS NULL}), 't', 'and nothing of it has run');
$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->restart;
($code, $err) = try($apply);
is($code, '53400', 'without a worker there is an error');
like($err, qr/HINT:  .*max_worker_processes/, 'that says what to set');
is(ask(q{SELECT to_regclass('limited') IS NULL}) . ask($half_done), 't', 'and nothing is half done');
$node->stop;
done_testing();
