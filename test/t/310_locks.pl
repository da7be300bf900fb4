# 310_locks.pl: a migration gets its locks without making others wait for longer than they must.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum_naptime = 1s\nmax_prepared_transactions = 5");
$node->start;

sub ask
{
	my ($sql, %options) = @_;

	return $node->safe_psql('postgres', $sql, %options);
}

sub until_true
{
	my ($sql) = @_;

	wait_until($node, 'postgres', $sql);
	return;
}

my $number = 0;

# A migration that needs nothing but itself; returns its name.
sub define
{
	my ($up, $options) = @_;
	my $name = sprintf '%04d', ++$number;

	ask(sprintf 'SELECT migrate.register(%s, %s, requires => \'{}\', options => %s)', literal($name), literal($up), literal($options // '{}'));
	return $name;
}

# An old transaction is one of more than 100 ms, and a young one of less than an hour.
my $old = q({"lock_timeout": 100});
my $young = q({"lock_timeout": "1h"});

# A session that is in a transaction and has run these statements; returns it and its pid.
sub open_holder
{
	my ($sql, $role) = @_;
	my $session = open_session($node, 'postgres', $role);
	my ($pid) = ask_session($session, 'SELECT pg_backend_pid()');

	ask_session($session, "BEGIN; $sql");
	return ($session, $pid);
}

# The same, and its transaction is an old one.
sub open_old
{
	my ($session, $pid) = open_holder(@_);

	until_true("SELECT now() - xact_start > '200 ms' FROM pg_stat_activity WHERE pid = $pid");
	return ($session, $pid);
}

sub close_holder
{
	my ($session) = @_;

	ask_session($session, 'COMMIT');
	$session->quit;
	return;
}

sub start_apply
{
	my ($settings, %option) = @_;

	return start_client($node, 'postgres', ($settings // '') . "\nCALL migrate.apply();", %option);
}

# What shows that a run waits for a session without queueing.
sub waits_for
{
	my ($pid) = @_;

	return "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $pid AND objsubid = x'4D42'::integer)";
}

sub history_of
{
	my ($name) = @_;

	return ask("SELECT string_agg(outcome || coalesce(' ' || error_code, ''), ', ' ORDER BY id) FROM migrate.history WHERE name = '$name'");
}

sub waited
{
	my ($name, $what) = @_;

	return ask("SELECT $what FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id WHERE h.name = '$name' AND waited > '0'");
}

# A failing apply, by itself: SQLSTATE and what psql says.
sub fail_apply
{
	my ($settings, $call) = @_;

	return sqlstate($node, 'postgres', ($settings // '') . "\n" . ($call // 'CALL migrate.apply();'));
}

my ($session, $pid, $client, $name, $ok, $out, $code, $err);

ask(q{CREATE EXTENSION pg_migrations;
CREATE TABLE t AS SELECT 1 AS i; CREATE TABLE u AS SELECT 1 AS i; CREATE TABLE p (i int PRIMARY KEY);
CREATE ROLE dana LOGIN; CREATE ROLE app LOGIN; CREATE ROLE boss SUPERUSER LOGIN;
ALTER ROLE app SET deadlock_timeout = '1h';
GRANT ALL ON t, u TO app, dana; GRANT CREATE ON SCHEMA public TO dana;
SELECT migrate.grant_capability('dana', 'deployer');});

# ---- an old transaction: nobody queues behind it

($session, $pid) = open_old('SELECT * FROM t', 'app');
$name = define("CREATE TABLE made ();\nALTER TABLE t ADD a1 int;\nCREATE TABLE made_too ();", $old);
$client = start_apply();
until_true('SELECT ' . waits_for($pid));
my $queues = q{SELECT count(*) FROM pg_locks WHERE NOT granted};
is(join('', map { ask($queues) } 1 .. 10), '0' x 10, 'the run does not queue');
is(ask('SELECT i FROM t'), '1', 'and others read as if there was no migration');
until_true(q{SELECT count(*) = 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.query ~ '^/[*] waiting for a lock' AND l.locktype = 'relation'});
pass('it holds no lock meanwhile');
until_true(q{SELECT bool_and(backend_xmin IS NULL) FROM pg_stat_activity WHERE query ~ '^/[*] waiting for a lock'});
is(ask(q{SELECT query FROM pg_stat_activity WHERE query ~ '^/[*] waiting'}), "/* waiting for a lock, held by pid $pid: statement 2 of 3 of migration default:$name */ ALTER TABLE t ADD a1 int",
	'what it does meanwhile is shown');
is(ask('SELECT name, statement_no, statements, phase, blocked_by FROM migrate.progress'), "$name|2|3|waiting for a lock|{$pid}", 'also in migrate.progress');
is(ask(q{SELECT to_regclass('made')}), '', 'nothing of the try stands');
is(history_of($name), '', 'which is no attempt');
close_holder($session);
($ok) = end_client($client);
ok($ok, 'the holder has gone, and the migration is done') or diag $client->{err};
like($client->{err}, qr/NOTICE:  00000: migration "default:0001" waits for AccessExclusiveLock on public\.t, at most 10 min\nDETAIL:  In the way: pid $pid, role app, .*idle in transaction, for [0-9.]+ s: SELECT \* FROM t/,
	'for whom it waited it has said');
is(history_of($name), 'applied', 'the history has one attempt');
is(waited($name, q{statement_no, waited BETWEEN '100 ms' AND '10 min', waited_for->0->>'pid', waited_for->0->>'role_name', waited_for->0->>'state', waited_for->0->>'query', waited_for->0->>'lock_mode', waited_for->0->>'relation', (waited_for->0->>'xact_start')::timestamptz < now(), waited_for->0->'action'}),
	"2|t|$pid|app|idle in transaction|SELECT * FROM t|AccessExclusiveLock|public.t|t|null", 'the statement log has whom it waited for');
is(ask($queues . q{ OR locktype = 'advisory'}), '0', 'nothing is left of it');

# ---- a young one: it queues, and gets the lock as soon as it ends

($session, $pid) = open_holder('SELECT * FROM t', 'app');
$name = define('ALTER TABLE t ADD a2 int', $young);
$client = start_apply();
until_true(qq{SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted)});
close_holder($session);
($ok) = end_client($client);
ok($ok, 'behind a young transaction it queues') or diag $client->{err};
is(waited($name, q{waited_for->0->>'pid'}), $pid, 'which is recorded, too');
is(history_of($name), 'applied', 'as one attempt');

# ---- the time is up

($session, $pid) = open_old('SELECT * FROM t', 'app');
$name = define("SELECT 1;\nALTER TABLE t ADD a3 int", q({"lock_timeout": 100, "lock_total": "300ms"}));
($code, $err) = fail_apply();
is($code, '55P03', 'lock_total is over');
like($err, qr/ERROR:  55P03: could not obtain AccessExclusiveLock on public\.t\nDETAIL:  Waited (?:0\.[3-9]|[1-9]\d*\.\d) s for AccessExclusiveLock on public\.t.*\nIn the way: pid $pid, role app/, 'the error says how long it waited, for what and for whom');
like($err, qr/HINT:  SELECT pg_terminate_backend\($pid\);/, 'and what helps');
like($err, qr/migration "default:$name", statement 2 of 2, line 2\nrun \d+: 0 applied/, 'and where it happened');
is(history_of($name), 'failed 55P03', 'it is one attempt');
like(ask("SELECT error_detail FROM migrate.history WHERE name = '$name'"), qr/In the way: pid $pid/, 'with the same in it');
define('SELECT 1');
($code, $err) = fail_apply("SET pg_migrations.lock_total = '250ms';", 'CALL migrate.apply(target => \'0003\');');
is($code, '55P03', 'the option goes before the setting');
ask("SELECT migrate.register('$name', 'ALTER TABLE t ADD a3 int', requires => '{}')");
($code, $err) = fail_apply("SET pg_migrations.lock_total = '250ms'; SET pg_migrations.lock_timeout = 100;", 'CALL migrate.apply(target => \'0003\');');
is($code, '55P03', 'the setting, without one');
($code, $err) = fail_apply("SET pg_migrations.lock_total = 0; SET pg_migrations.lock_timeout = 100;", 'CALL migrate.apply(target => \'0003\');');
like($err, qr/55P03: canceling statement due to lock timeout\nDETAIL:  Waited \d+\.\d s for AccessExclusiveLock on public\.t\.\nIn the way: pid $pid/, '0 tries once');

# ---- in the caller's transaction there is one try

($code, $err) = fail_apply("SET pg_migrations.lock_timeout = 100;", 'BEGIN; CALL migrate.apply(target => \'0003\');');
like($err, qr/55P03: canceling statement due to lock timeout\nDETAIL:  Waited \d+\.\d s for AccessExclusiveLock on public\.t\.\nIn the way: pid $pid, role app/, 'in a block it is not tried again');
like($err, qr/HINT:  SELECT pg_terminate_backend\($pid\);  ends it\.  On its own, outside of a transaction block/, 'and the hint says what would be');

# ---- cancelled while it waits

$client = start_apply('SET pg_migrations.lock_timeout = 100;');
until_true('SELECT ' . waits_for($pid));
ask(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ '^/[*] waiting for a lock'});
($ok) = end_client($client);
like($client->{err}, qr/ERROR:  57014/, 'it can be cancelled while it waits');
is(ask('SELECT outcome FROM migrate.runs ORDER BY run_id DESC LIMIT 1'), 'cancelled', 'the run is');
like(history_of($name), qr/, cancelled 57014$/, 'the attempt is');
is(ask(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'no lock is left');
$client = start_apply('SET pg_migrations.lock_timeout = 100;');
until_true('SELECT ' . waits_for($pid));
ask(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^/[*] waiting for a lock'});
end_client($client);
until_true(q{SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')});
is(ask("SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'a3'"), '0', 'ended while it waits it leaves nothing');
close_holder($session);
ask('CALL migrate.apply()');

# ---- all or nothing

($session, $pid) = open_old('SELECT * FROM t', 'app');
my $first = define('CREATE TABLE first ()', $old);
my $second = define('ALTER TABLE t ADD a4 int', $old);
$client = start_client($node, 'postgres', 'CALL migrate.apply(atomic => true);');
until_true('SELECT ' . waits_for($pid));
is(ask(q{SELECT to_regclass('first')}), '', 'an atomic run gives up all it has');
close_holder($session);
($ok) = end_client($client);
ok($ok, 'and is tried again as a whole') or diag $client->{err};
is(history_of($first) . history_of($second), 'appliedapplied', 'each is recorded once');
is(ask('SELECT migrations FROM migrate.runs ORDER BY run_id DESC LIMIT 1'), '2', 'and counted once');

# ---- steps of a worker, and what runs at top level

($session, $pid) = open_old('SELECT * FROM t', 'app');
$name = define("CREATE TABLE w ();\nALTER TABLE t ADD a5 int;\nVACUUM u", q({"transaction": "off", "lock_timeout": 100}));
$client = start_apply();
until_true('SELECT ' . waits_for($pid));
is(ask(q{SELECT to_regclass('w')}) . ask($queues), 'w0', 'in a worker only the step is given up');
is(ask('SELECT statement_no, phase, blocked_by FROM migrate.progress'), "2|waiting for a lock|{$pid}", 'which is shown as that of the run');
my ($other, $other_pid) = open_old('LOCK TABLE u IN SHARE UPDATE EXCLUSIVE MODE', 'app');
close_holder($session);
until_true('SELECT ' . waits_for($other_pid));
close_holder($other);
($ok) = end_client($client);
ok($ok, 'and tried again, as is a statement at top level') or diag $client->{err};
is(history_of($name), 'started, applied', 'it is one attempt');
is(waited($name, q{string_agg(statement_no || ' ' || (waited_for->0->>'pid'), ', ' ORDER BY statement_no)}), "2 $pid, 3 $other_pid", 'each statement has its own wait');

# ---- what it cannot know before

($session, $pid) = open_old('UPDATE u SET i = 2', 'app');
$name = define('UPDATE u SET i = 3', $old);
$client = start_apply();
until_true('SELECT ' . waits_for($pid));
close_holder($session);
($ok) = end_client($client);
ok($ok, 'a row is waited for') or diag $client->{err};
is(waited($name, q{waited_for->0->>'pid', waited_for->0->>'lock_mode'}), "$pid|ShareLock", 'as the record says');
($session, $pid) = open_old('SELECT * FROM t', 'app');
$name = define('DO $$BEGIN ALTER TABLE t ADD a6 int; END$$', $old);
$client = start_apply();
until_true('SELECT ' . waits_for($pid));
close_holder($session);
($ok) = end_client($client);
ok($ok, 'so is what a block does') or diag $client->{err};
is(waited($name, q{waited_for->0->>'pid', waited_for->0->>'relation'}), "$pid|public.t", 'as the record says');
($session, $pid) = open_old('SELECT * FROM t', 'app');
$name = define('LOCK TABLE t IN ACCESS EXCLUSIVE MODE NOWAIT; ALTER TABLE t ADD a7 int', $young);
$client = start_apply();
until_true('SELECT count(*) > 0 FROM migrate.runs WHERE outcome = \'running\'');
sleep 1;
is(ask($queues), '0', 'a statement that would not wait does not queue');
close_holder($session);
($ok) = end_client($client);
ok($ok, 'and is tried again as well') or diag $client->{err};

# ---- a deadlock is the migration's

$name = define("ALTER TABLE t ADD a8 int;\nSELECT pg_advisory_xact_lock(1);\nALTER TABLE u ADD a8 int", $young);
my ($gate) = open_holder('SELECT pg_advisory_lock(1)', 'app');
($session, $pid) = open_holder('SELECT * FROM u', 'app');
# The application does not look for it, nor would the caller: the migration does.
$client = start_apply(q{SET deadlock_timeout = '1h';});
until_true(q{SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)});
$session->query_until(qr/started/, "\\echo started\nSELECT * FROM t;\n");
until_true(qq{SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid});
ask_session($gate, 'SELECT pg_advisory_unlock(1)');
close_holder($gate);
until_true(qq{SELECT state = 'idle in transaction' FROM pg_stat_activity WHERE pid = $pid});
($out, $err) = ask_session($session, 'SELECT 1; COMMIT');
is($err, '', 'the application goes on');
$session->quit;
($ok) = end_client($client);
ok($ok, 'the migration is tried again') or diag $client->{err};
is(history_of($name), 'applied', 'as one attempt');

# ---- a prepared transaction

ask(q{BEGIN; SELECT * FROM t; PREPARE TRANSACTION 'it''s held'});
$name = define('ALTER TABLE t ADD a9 int', q({"lock_total": 200}));
($code, $err) = fail_apply();
is($code, '55P03', 'a prepared transaction is not queued behind');
like($err, qr/In the way: prepared transaction 'it's held', role \w+, for [0-9.]+ s\nHINT:  ROLLBACK PREPARED 'it''s held';/, 'and the error has its name');
$node->restart;
($code, $err) = fail_apply();
like($err, qr/In the way: prepared transaction 'it's held'/, 'also when the server has been started anew');
ask("SELECT migrate.register('$name', 'ALTER TABLE t ADD a9 int', requires => '{}')");
$client = start_apply();
until_true(q{SELECT EXISTS (SELECT FROM migrate.runs WHERE outcome = 'running')});
ask(q{COMMIT PREPARED 'it''s held'});
($ok) = end_client($client);
ok($ok, 'somebody has ended it, and the migration is done') or diag $client->{err};

# ---- autovacuum gives way, but not where it prevents wraparound

sub vacuumed
{
	my ($table, $more) = @_;

	ask("CREATE TABLE $table (i int) WITH (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, $more)");
	ask("INSERT INTO $table SELECT generate_series(1, 50000)");
	return;
}

vacuumed('dead', 'autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0');
ask('DELETE FROM dead');
ask('ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()');
until_true(q{SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE relid = 'dead'::regclass)});
$name = define('ALTER TABLE dead ADD j int');
ask('CALL migrate.apply()');
is(history_of($name), 'applied', 'autovacuum gives way');
like(waited($name, q{waited_for->0->>'query'}), qr/^autovacuum: VACUUM (?:ANALYZE )?public\.dead/, 'and is recorded');
# Switched off it is vacuumed for that alone.
vacuumed('aged', 'autovacuum_enabled = off, autovacuum_freeze_max_age = 100000');
ask('DROP TABLE dead; CREATE TABLE burnt (i int)');
ask('DO $$BEGIN FOR i IN 1..100100 LOOP BEGIN INSERT INTO burnt VALUES (1); EXCEPTION WHEN others THEN END; END LOOP; END$$');
until_true(q{SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE relid = 'aged'::regclass)});
$name = define('ALTER TABLE aged ADD j int', q({"lock_total": 200}));
($code, $err) = fail_apply();
is($code, '55P03', 'one that prevents wraparound does not');
like($err, qr/autovacuum to prevent wraparound, which does not give way.*\nHINT:  Try again when it has ended/, 'as the error says');
ask("SELECT migrate.hold('$name', 'done with'); ALTER SYSTEM RESET autovacuum; SELECT pg_reload_conf()");
ask(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'});

# ---- ending who is in the way

sub policy
{
	my ($blockers, $age) = @_;

	ask("SELECT migrate.configure('blockers', " . literal($blockers) . ", 'test'); SELECT migrate.configure('blockers_min_age', " . literal($age) . ", 'test')");
	return;
}

my $decisions = q{SELECT count(*) FROM migrate.decisions WHERE decision ~ '^blocker'};
($code) = sqlstate($node, 'postgres', "SELECT migrate.configure('blockers_min_age', '-1', 'x')");
is($code, '22023', 'an age is not negative');
($code) = sqlstate($node, 'postgres', "SELECT migrate.configure('blockers', 'shoot', 'x')");
is($code, '22023', 'a policy has its words');
is(ask(q{SELECT string_agg(setting || ' ' || value, ', ' ORDER BY setting) FROM migrate.settings WHERE setting ~ '^blockers'}), 'blockers wait, blockers_min_age 60', 'nobody is ended unless it is said');

ask("ALTER TABLE t OWNER TO dana; ALTER TABLE u OWNER TO dana");
policy('terminate', '3600');
($session, $pid) = open_old('SELECT * FROM t', 'app');
$name = define('ALTER TABLE t ADD b1 int', q({"lock_timeout": 100, "lock_total": 300}));
is((fail_apply())[0], '55P03', 'one who is not old enough stays');
policy('terminate', '2592000');
is((fail_apply())[0], '55P03', 'nor is one of a month');
is(ask($decisions), '0', 'neither was ended');
policy('cancel', '0');
($code, $err) = fail_apply();
like($err, qr/55P03.*HINT:  SELECT pg_terminate_backend\($pid\);  ends it\.  Policy "blockers" is cancel, which ends no idle session\.  Longer/s, 'in an idle transaction there is nothing to cancel');
policy('terminate', '0');
($code, $err) = fail_apply('SET ROLE dana;');
is($code, '55P03', 'without the right it waits');
like($err, qr/WARNING:  01000: policy "blockers" cannot be followed: role "dana" may not end pid $pid\nHINT:  GRANT pg_signal_backend TO dana;/, 'and says so');
is(scalar(() = $err =~ /cannot be followed/g), 1, 'once');
like($err, qr/HINT:  SELECT pg_terminate_backend\($pid\);  ends it, called by a role that has pg_signal_backend\.  Longer/, 'nor does the hint forget that');
is(ask($decisions), '0', 'nobody was ended');
ask('GRANT pg_signal_backend TO dana');
ask("SELECT migrate.register('$name', 'ALTER TABLE t ADD b1 int; SELECT 1/0', requires => '{}', options => " . literal($old) . ')');
($code, $err) = fail_apply('SET ROLE dana;');
is($code, '22012', 'with it he is ended');
is(ask(q{SELECT decision, name, run_id = (SELECT max(run_id) FROM migrate.runs), role_name, detail->>'pid', detail->>'action' FROM migrate.decisions WHERE decision ~ '^blocker'}),
	"blocker_terminated|$name|t|dana|$pid|terminated", 'which is recorded though the migration has failed');
until_true("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
pass('he is gone');
eval { $session->quit };

($session, $pid) = open_old('SELECT * FROM t', 'boss');
ask("SELECT migrate.register('$name', 'ALTER TABLE t ADD b1 bigint', requires => '{}', options => " . literal(q({"lock_timeout": 100, "lock_total": 300})) . ')');
($code, $err) = fail_apply('SET ROLE dana;');
is($code, '55P03', 'but not a superuser');
like($err, qr/may not end pid $pid/, 'who is not hers to end');
is(ask("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"), '1', 'he is still there');
close_holder($session);

policy('cancel', '0');
ask("SELECT migrate.register('$name', 'ALTER TABLE t ADD b1 bigint', requires => '{}', options => " . literal($old) . ')');
my $busy = start_client($node, 'postgres', 'BEGIN; SELECT * FROM t; SELECT pg_sleep(600);', connection => $node->connstr('postgres') . ' user=app');
until_true(q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep' AND now() - xact_start > '200 ms')});
ask('CALL migrate.apply()');
is(history_of($name) =~ /applied$/ ? 1 : 0, 1, 'a statement is cancelled');
end_client($busy);
like($busy->{err}, qr/ERROR:  57014/, 'as its session sees');
is(waited($name, q{waited_for->0->>'action'}), 'cancelled', 'and the record');

policy('terminate', '0');
($session, $pid) = open_old('SELECT * FROM t', 'app');
$name = define("SET ROLE dana;\nVACUUM u;\nALTER TABLE t ADD b4 int", $old);
ask('CALL migrate.apply()');
is(ask("SELECT role_name = CURRENT_USER FROM migrate.decisions WHERE name = '$name' AND decision = 'blocker_terminated'"), 't', 'whoever deploys has ended him, whatever role the migration has become');
eval { $session->quit };
my $replication = $node->background_psql('postgres', replication => 'database', on_error_stop => 0);
$replication->query('BEGIN; SELECT * FROM t');
($pid) = ask(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender'});
ask('SELECT pg_sleep(0.3)');	# pg_stat_activity does not show when its transaction began
$name = define('ALTER TABLE t ADD b2 int', q({"lock_timeout": 100, "lock_total": 300}));
is((fail_apply())[0], '55P03', 'a replication connection is never ended');
is(ask("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"), '1', 'it is still there');
$replication->query('COMMIT');
$replication->quit;

# One who deploys in a transaction of his own gives up as soon as we wait for him.
my $before = ask($decisions);
my ($hold) = open_old('SELECT * FROM u', 'app');
$name = define("ALTER TABLE t ADD b3 int;\nALTER TABLE u ADD b3 int", $old);
policy('wait', '0');
$client = start_apply();
until_true(q{SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = x'4D42'::integer)});
my $deployer = start_client($node, 'postgres', "BEGIN; SELECT * FROM t; CALL migrate.apply();");
until_true(q{SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessShareLock')});
close_holder($hold);
($ok) = end_client($deployer);
($ok) = end_client($client);
ok($ok, 'another deployer who holds a lock is no deadlock') or diag $client->{err};
like($deployer->{err}, qr/MG006.*\n.*It waits for a lock of this transaction/, 'he gives up');
is(ask($decisions), $before, 'and is not ended');

is(ask(q{SELECT count(*) FROM migrate.verify_history()}), '0', 'the records verify');

done_testing();
