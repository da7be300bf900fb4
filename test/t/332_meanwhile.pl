# 332_meanwhile.pl: what others have made, dropped or locked while a migration was half done, or waits.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateResume;
use MigrateTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = resume_node();
my $n = 0;
my ($err, $name);

ask('CREATE TABLE keep (i int); CREATE TABLE did (s text)');

sub apply { return "CALL migrate.apply(project => 'p');" }

sub stopped
{
	my ($point, $up) = @_;

	$name = sprintf '%04d_m', ++$n;
	define($name, $up, project => 'p');
	return stop_at($point, apply());
}

# ---- what was not there to be dropped

$node->safe_psql('postgres', 'CREATE TABLE dropped (i int)');
foreach my $drop (['DROP DATABASE IF EXISTS victim', 'CREATE DATABASE victim', q{SELECT 1 FROM pg_database WHERE datname = 'victim'}],
	['DROP INDEX CONCURRENTLY IF EXISTS dropped_i', 'CREATE INDEX dropped_i ON dropped (i)', q{SELECT 1 FROM pg_class WHERE relname = 'dropped_i'}])
{
	my ($statement, $make, $there) = @$drop;

	stopped('apart_statement_ended', "CREATE TABLE a$n ();\n$statement;\nCREATE TABLE b$n ()");
	is(code_of(try(apply())), '00000', "$statement of nothing goes on where there is nothing");
	stopped('apart_statement_ended', "CREATE TABLE a$n ();\n$statement;\nCREATE TABLE b$n ()");
	$node->safe_psql('postgres', $make);
	like(try(apply()), qr/MG012.*There was nothing of that name to drop when it began, and what there is now would go instead\..*'skip_statement'/s, 'and asks where there is something now');
	is(ask($there), '1', 'which stays');
	ask("SELECT migrate.resolve('p:$name', 'skip_statement', 'there was nothing')");
	is(code_of(try(apply())) . ask($there), '000001', 'also when it has gone on');
}

# ---- what somebody else has made

stopped('apart_intent_committed', "CREATE DATABASE made TEMPLATE template0 CONNECTION LIMIT 7;\nCREATE TABLE after_made ()");
$node->safe_psql('postgres', 'CREATE DATABASE made');
like(try(apply()), qr/MG012.*There was nothing of that name when it began, and what there is now is not what it has made/s, 'a database that somebody else has made is none of its own');
$node->safe_psql('postgres', 'DROP DATABASE made');
is(code_of(try(apply())) . ask(q{SELECT datconnlimit FROM pg_database WHERE datname = 'made'}), '000007', 'where it has gone it is made');
define('0010_d', "VACUUM keep;\nCREATE DATABASE made;\nSELECT 1", project => 'race');
is(code_of(try(q{CALL migrate.apply(project => 'race')})) . ask(q{SELECT under_way IS NULL FROM migrate.unfinished WHERE name = '0010_d'}), '42P04t', 'a database that is there is no doubt');
stopped('apart_statement_ended', "CREATE DATABASE made_too TEMPLATE template0 CONNECTION LIMIT 7;\nCREATE TABLE after_made_too ()");
is(code_of(try(apply())), '00000', 'its own is known again');
mkdir $node->basedir . '/space' or die "$!";
foreach my $made ([ 'DATABASE', 'TEMPLATE template0', 'pg_database', 'datname' ], [ 'TABLESPACE', "LOCATION '@{[$node->basedir]}/space'", 'pg_tablespace', 'spcname' ])
{
	my ($kind, $how, $catalog, $column) = @$made;

	stopped('apart_statement_ended', "CREATE $kind named $how;\nCREATE TABLE after_named_$catalog ()");
	$node->safe_psql('postgres', "ALTER $kind named RENAME TO renamed");
	is(code_of(try(apply())) . ask("SELECT string_agg($column, ' ') FROM $catalog WHERE $column ~ 'named'"), '00000renamed', "a \L$kind\E of its own is known by whatever name");
	$node->safe_psql('postgres', "DROP $kind renamed");
}
my $subscription = q{CREATE SUBSCRIPTION subscribed CONNECTION 'host=/nowhere dbname=nowhere' PUBLICATION p WITH (connect = false)};
stopped('apart_intent_committed', "SELECT 1;\nVACUUM keep;\n" . $subscription =~ s/ WITH.*//r . ";\nCREATE TABLE after_subscribed ()");
is(ask("SELECT done FROM migrate.unfinished WHERE name = '$name'"), '1', 'a subscription is not begun');
ask("SELECT migrate.resolve('p:$name', 'applied', 'not needed')");

# ---- what was set

stopped('apart_statement_committed', join ";\n", 'CREATE ROLE passing', 'GRANT ALL ON did TO passing', 'SET ROLE passing', q{INSERT INTO did VALUES ('as passing')}, q{SET work_mem = '8MB'},
	'RESET ROLE', 'REVOKE ALL ON did FROM passing', 'DROP ROLE passing', 'VACUUM keep', q{INSERT INTO did VALUES (current_setting('work_mem'))});
is(code_of(try(apply())) . ask(q{SELECT string_agg(s, ', ') FROM did}), '00000as passing, 8MB', 'what was set and taken back need not be possible any more');
ask('CREATE ROLE needed');
stopped('apart_statement_committed', "SET ROLE needed;\nSELECT 1;\nVACUUM pg_catalog.pg_class;\nSELECT 2");
ask('ALTER ROLE needed RENAME TO needed_before');
like(try(apply()), qr/ERROR:  22023: role "needed" does not exist.*HINT:  Do by hand what is left, then: SELECT migrate\.resolve\('p:$name', 'applied'/s, 'what still holds is, and the error leads on');
ask(q{ALTER ROLE needed_before RENAME TO needed});
is(code_of(try(apply())), '00000', 'once it is there again it goes on');
ask('TRUNCATE did; CREATE TABLE twice AS SELECT 1 AS i FROM generate_series(1, 2)');
define('0050_m', q{SET lock_timeout = '7s'; INSERT INTO did VALUES (current_setting('lock_timeout')); CREATE UNIQUE INDEX CONCURRENTLY twice_i ON twice (i); INSERT INTO did VALUES (current_setting('lock_timeout'))}, project => 'p');
try(apply());
ask('DELETE FROM twice');
is(code_of(try(apply())) . ask(q{SELECT string_agg(s, ', ') FROM did}), '000007s, 7s', 'a lock timeout of its own holds behind what was cleared up');
$n = 50;

# ---- what is known of how far it is

define('0051_m', "VACUUM keep;\nINSERT INTO did VALUES ('x');\nINSERT INTO did VALUES ('y');\nVACUUM keep;\nSELECT 1", project => 'p');
$err = try(apply(), q{SET pg_migrations.fault = 'apart_step_committed:cancel';});
like(context_of($err), qr/3 of 5 statements of 0051_m stand/, 'a step that was committed is counted');
is(code_of(try(apply())), '00000', 'and not run again');
ask(q{CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN INSERT INTO did VALUES (''once''); COMMIT; END'; TRUNCATE did});
define('0052_m', "CALL commits();\nVACUUM keep", project => 'p');
try(apply(), q{SET pg_migrations.fault = 'apart_intent_committed:cancel';});
is(code_of(try(apply())) . ask('SELECT count(*) FROM did'), '000001', 'a procedure that had not begun is not in doubt');

# ---- who is in the way

ask('CREATE TABLE locked (i int)');
define('0053_m', 'CREATE INDEX CONCURRENTLY locked_i ON locked (i)', project => 'p');
my $writer = open_session($node, 'postgres');
ask_session($writer, 'BEGIN; INSERT INTO locked VALUES (0);');
my $migration = start_client($node, 'postgres', apply());
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid'});
my $builder = start_client($node, 'postgres', 'CREATE INDEX CONCURRENTLY other_i ON locked (i)');
wait_until($node, 'postgres', q{SELECT count(*) = 2 FROM pg_locks WHERE NOT granted});
ask_session($writer, 'COMMIT;');
my @ended = (end_client($migration), end_client($builder));
is(ask(q{SELECT state FROM migrate.status('p') WHERE name = '0053_m'}), 'applied', 'one that deadlocks with another one is tried again') or diag explain \@ended;
is(ask(q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'locked_i'::regclass}), 't', 'and what it left is cleared up');

# ---- what is prepared

define('0060_m', q{CREATE TYPE mood AS ENUM ('a'); CREATE TABLE moods (m mood); PREPARE pp AS SELECT 1; ALTER TYPE mood ADD VALUE 'b'; INSERT INTO moods VALUES ('b'); EXECUTE pp; SELECT 1}, project => 'p');
is(code_of(try(apply())), '00000', 'a step with a PREPARE may be divided');
define('0061_m', q{PREPARE qq AS SELECT 1; SELECT 1 / count(*) FROM pg_class WHERE relname = 'qq_go'}, project => 'p');
define('0062_m', q{PREPARE qq AS SELECT 2; SELECT 1}, project => 'p');
unlike(try(apply(), join "\n", '\set ON_ERROR_STOP 0', apply(), 'CREATE TABLE qq_go ();'), qr/42P05/, 'or fail and be tried again in the session, as may another migration with the name');
is(ask(q{SELECT string_agg(state, ' ') FROM migrate.status('p') WHERE name IN ('0061_m', '0062_m')}), 'applied applied', 'which come to their ends');
define('0063_m', q{SELECT 1}, project => 'p');
define('0064_m', q{PREPARE mine AS SELECT 1}, project => 'p');
is(code_of(try(apply(), q{PREPARE mine AS SELECT 2;})), '42P05', 'what the caller has prepared is his');
define('0064_m', q{SELECT 1}, project => 'p');
$n = 64;
stopped('apart_statement_committed', "PREPARE again AS INSERT INTO did VALUES ('again');\nVACUUM keep;\nEXECUTE again");
is(code_of(try(apply())) . ask(q{SELECT count(*) FROM did WHERE s = 'again'}), '000001', 'where it goes on it is prepared again');

# ---- what is locked for the session

ask('CREATE TABLE busy (i int)');
my $lock_5 = q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 5 AND objsubid = 1};
define('0070_m', q{SELECT pg_advisory_lock(5); DO 'BEGIN INSERT INTO did VALUES (''locked''); COMMIT; END'; SELECT pg_advisory_unlock(5)}, project => 'p');
is(code_of(try(apply(), q{SET pg_migrations.lock_total = '2s';})) . ask(q{SELECT count(*) FROM did WHERE s = 'locked'}), '000001', 'a run is not in its own way');
define('0071_m', q{SELECT pg_advisory_lock(5); ALTER TABLE busy ADD j int; SELECT pg_advisory_unlock(5)}, project => 'p');
my $holder = open_session($node, 'postgres');
ask_session($holder, 'BEGIN; SELECT * FROM busy;');
my $waits = start_client($node, 'postgres', qq{SET pg_migrations.lock_timeout = '100ms';\n@{[apply()]}\n$lock_5;});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.runs WHERE outcome = 'running'});
sleep 1;
ask_session($holder, 'COMMIT;');
my ($ok, $out) = end_client($waits);
is($out =~ /(\d+)$/ ? $1 : $out, '0', 'nor is it left locked by a step that was tried again');
ask('DROP TABLE busy; CREATE TABLE busy (i int)');
define('0071_n', q{SELECT pg_advisory_lock(5); ALTER TABLE busy ADD j int; SELECT pg_advisory_unlock(5); SELECT 1 / count(*) FROM pg_class WHERE relname = 'never'}, project => 'p');
my $own = start_client($node, 'postgres', qq{\\set ON_ERROR_STOP 0\nSELECT pg_advisory_lock(5);\n@{[apply()]}\n$lock_5;\nSELECT pg_advisory_unlock(5);\n$lock_5;});
is((end_client($own))[1] =~ /(\d+)\s+t\s+(\d+)$/ ? "$1 $2" : '', '1 0', 'what the caller had locked is his still, as often as it was');
$own = start_client($node, 'postgres', qq{\\set ON_ERROR_STOP 0\nSELECT pg_advisory_lock_shared(5);\n@{[apply()]}\n@{[$lock_5 =~ s/count\(\*\)/string_agg(mode, ' ')/r]};});
is((end_client($own))[1] =~ /(\w+)$/ ? $1 : '', 'ShareLock', 'and only as he had');
define('0071_n', 'SELECT pg_advisory_lock(5); VACUUM busy', project => 'p');
like(try(apply(), q{SET pg_migrations.lock_total = '1s'; SELECT pg_advisory_lock(5);}), qr/SELECT pg_advisory_unlock_all\(\);  then call again/, 'nor is he told to end his own session');
define('0071_n', 'SELECT 1', project => 'p');
is(code_of(try(apply())), '00000', 'it goes on without');
ask('CREATE FUNCTION lock_5() RETURNS void LANGUAGE sql AS $$SELECT pg_advisory_lock(5)$$');
foreach my $case (['SELECT pg_advisory_lock(5)'], ['SELECT lock_5(); SELECT 1/0'], ['SELECT U&"pg\\005Fadvisory_lock"(5); SELECT 1/0'], ['SELECT 1', verify => 'SELECT pg_advisory_lock_shared(5); SELECT false'],
	['SELECT pg_advisory_lock(5), pg_advisory_lock(5), pg_advisory_lock_shared(5)'])
{
	my ($up, @more) = @$case;

	define('0072_l', $up, project => 'locks', @more);
	$own = start_client($node, 'postgres', qq{\\set ON_ERROR_STOP 0\nCALL migrate.apply(project => 'locks');\n$lock_5;});
	is((end_client($own))[1] =~ /(\d+)$/ ? $1 : '', '0', "what a migration locks ends with it: $up");
	ask(q{SELECT migrate.mark_pending('locks:0072_l', 'again')});
}
define('0073_m', 'VACUUM keep; SELECT pg_advisory_lock(5)', project => 'locks');
is(code_of(try(q{CALL migrate.apply(project => 'locks');}, q{SET pg_migrations.lock_total = '1s';})), '00000', 'and is not in the way of the next one');
ask('DROP TABLE busy; CREATE TABLE busy (i int)');
define('0074_m', "SELECT pg_advisory_lock(5);\nALTER TABLE busy ADD b int;\nSELECT pg_advisory_unlock(5);\nVACUUM keep;\nINSERT INTO did SELECT 'locks ' || count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 5 AND objsubid = 1",
	project => 'locks', options => '{"lock_timeout": 100}');
$holder = open_session($node, 'postgres');
ask_session($holder, 'BEGIN; SELECT * FROM busy;');
$waits = start_client($node, 'postgres', q{CALL migrate.apply(project => 'locks')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.runs WHERE outcome = 'running'});
sleep 1;
is(ask($lock_5), '0', 'who waits in a worker holds nothing');
ask_session($holder, 'COMMIT;');
$holder->quit;
ok((end_client($waits))[0], 'and gets it') or diag $waits->{err};
is(ask(q{SELECT s FROM did WHERE s LIKE 'locks %'}), 'locks 0', 'locks of tries do not add up');
$n = 74;
stopped('apart_statement_committed', "SELECT pg_advisory_lock(5);\nSELECT pg_advisory_unlock(5);\nVACUUM keep;\nSELECT 1");
$holder = open_session($node, 'postgres');
ask_session($holder, 'SELECT pg_advisory_lock(5);');
$waits = start_client($node, 'postgres', qq{SET pg_migrations.lock_timeout = '100ms';\n@{[apply()]}});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.runs WHERE outcome = 'running'});
sleep 1;
ask_session($holder, 'SELECT pg_advisory_unlock(5);');
$holder->quit;
ok((end_client($waits))[0], 'a lock that it has again is waited for, as at first') or diag $waits->{err};
stopped('apart_statement_committed', "SELECT pg_advisory_lock(hashtext('x'));\nSELECT pg_advisory_unlock(hashtext('x'));\nVACUUM keep;\nSELECT 1");
is(code_of(try(apply())), '00000', 'a key that is computed is no hindrance');
stopped('apart_statement_committed', "SELECT pg_advisory_lock(i) FROM keep;\nVACUUM keep;\nSELECT 1");
is(code_of(try(apply())), '00000', 'nor is one that is read from a table');
stopped('apart_statement_committed', "SELECT pg_advisory_lock(5);\nVACUUM keep;\nINSERT INTO did SELECT 'held ' || count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 5 AND objsubid = 1 AND pid = pg_backend_pid()");
is(code_of(try(apply())) . ask(q{SELECT string_agg(s, ' ') FROM did WHERE s LIKE 'held %'}), '00000held 1', 'where it goes on it is locked again');

# ---- a verify, and the extension itself

ask(q{CREATE TYPE seen AS ENUM ('a')});
ask(q{SELECT migrate.register('0080_m', $$ALTER TYPE seen ADD VALUE 'b'$$, 'SELECT 1', $$SELECT 'b'::seen IS NOT NULL$$, project => 'p', requires => '{}')});
is(code_of(try(apply())), '00000', 'a verify may use the value that its migration adds');
$node->safe_psql('postgres', 'CREATE DATABASE gone');
ask('CREATE EXTENSION pg_migrations; CREATE TABLE keep (i int)', 'gone');
my $register = q{SELECT migrate.register('0001_g', $$VACUUM keep; DO 'BEGIN COMMIT; PERFORM pg_sleep(2); COMMIT; END'; SELECT 3$$, requires => '{}')};
ask($register, 'gone');
my $caller = start_client($node, 'gone', 'CALL migrate.apply();');
wait_until($node, 'gone', 'SELECT count(*) = 1 FROM migrate.unfinished WHERE under_way = 2');
ask("DROP EXTENSION pg_migrations CASCADE; CREATE EXTENSION pg_migrations; $register", 'gone');
my $new = start_client($node, 'gone', 'CALL migrate.apply();');
end_client($caller);
ok((end_client($new))[0], 'what is dropped and made anew during a run is the next one\'s') or diag $new->{err};
is(ask('SELECT string_agg(outcome, $$ $$ ORDER BY run_id) FROM migrate.runs', 'gone') . ask('SELECT string_agg(outcome || run_id, $$ $$ ORDER BY id) FROM migrate.history', 'gone'), 'succeededstarted1 applied1', 'and has nothing of the old run');

# ---- locks of what is cleared up

ask('CREATE TABLE left_over (i int)');
define('0001_c', "CREATE INDEX CONCURRENTLY left_over_i ON left_over (i);\nSELECT 2", project => 'left', options => '{"lock_timeout": "300ms"}');
my $writer = open_session($node, 'postgres');
ask_session($writer, 'BEGIN; INSERT INTO left_over VALUES (1);');
$err = try(q{CALL migrate.apply(project => 'left')}) foreach 1, 2;
like($err, qr/an earlier attempt has left something.*55P03.*DETAIL:  Waited .*In the way: pid \d+.*HINT:  SELECT pg_terminate_backend.*statement 1 of 2/s, 'who is in the way of what clears up is said, too');
ask_session($writer, 'COMMIT;');
is(code_of(try(q{CALL migrate.apply(project => 'left')})), '00000', 'and it goes on without him');

# ---- a text that comes while the one before runs

my $one = q{INSERT INTO did SELECT 'one' FROM pg_sleep(2)};
my $both = "$one;\nINSERT INTO did VALUES ('two')";
define('0001_l', $one, project => 'late');
my $late = start_client($node, 'postgres', q{CALL migrate.apply(project => 'late')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
is(ask(qq{SELECT migrate.register('0001_l', \$x\$$both\$x\$, project => 'late')}), 'updated', 'a text is registered while another one runs');
like(try(q{CALL migrate.apply(project => 'late')}), qr/MG001.*the registered up of "late:0001_l" is not the one that was applied.*HINT:  SELECT migrate\.accept_text\('late:0001_l',/s, 'whoever sent it does not hear that it was applied');
ok((end_client($late))[0], 'as the one before was');
is(ask(q{SELECT step IS NULL, name, reason FROM migrate.plan(project => 'late')}), 't|0001_l|refused: the registered up of "late:0001_l" is not the one that was applied', 'which a plan shows');
like(try(q{CALL migrate.apply('0001_l', project => 'late')}), qr/MG001/, 'nor by its name');
like(try(q{CALL migrate.apply(options => '{"names": ["late:0001_l"]}')}), qr/MG001/, 'nor among names');
like(try(qq{SELECT migrate.register('0001_l', \$x\$$both\$x\$, project => 'late')}), qr/MG001.*The first difference is in line 1\./s, 'nor when it is sent again');
is(ask(qq{SELECT migrate.register('0001_l', \$x\$$one\$x\$, project => 'late')}), 'updated', 'the one that was applied is welcome');
is(code_of(try(q{CALL migrate.apply(project => 'late')})) . ask(q{SELECT count(*) FROM migrate.check('late')}) . ask(q{SELECT string_agg(s, ' ') FROM did WHERE s IN ('one', 'two')}), '000000one', 'and all is as it was');

define('0003_w', "SELECT pg_sleep(2)", project => 'late');
$late = start_client($node, 'postgres', q{CALL migrate.apply(project => 'late')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
define('0003_w', "SELECT  pg_sleep(2) -- a while", project => 'late');
is(code_of(try(q{CALL migrate.apply(project => 'late')})) . ask(q{SELECT count(*) FROM migrate.check('late')}), '000000', 'white space and comments do not count');
end_client($late);

define('0001_b', 'SELECT 1', project => 'base');
ask_session($writer, q{BEGIN; SELECT migrate.register('0001_b', 'CREATE TABLE based ()', requires => '{}', project => 'base');});
ask(q{SELECT migrate.baseline('0001_b', 'it is there', 'base')});
ask_session($writer, 'COMMIT;');
$writer->quit;
like(try(q{CALL migrate.apply(project => 'base')}), qr/MG001.*is not the one that was marked as applied.*if it is to run: SELECT migrate\.mark_pending\('base:0001_b', '<why>'\);/s, 'nor is one that nobody has run');
ask(q{SELECT migrate.mark_pending('base:0001_b', 'it is to run')});
is(code_of(try(q{CALL migrate.apply(project => 'base')})) . ask(q{SELECT to_regclass('based') IS NOT NULL}), '00000t', 'which has its way');

my $halves = "INSERT INTO did SELECT 'half' FROM pg_sleep(1);\nVACUUM keep;\nSELECT pg_sleep(30) WHERE NOT EXISTS (SELECT FROM keep WHERE i = 99)";
define('0004_h', $halves, project => 'late');
$late = start_client($node, 'postgres', q{CALL migrate.apply(project => 'late')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
define('0004_h', $halves =~ s/half/other/r, project => 'late');
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.unfinished, pg_stat_activity WHERE name = '0004_h' AND done = 2 AND wait_event = 'PgSleep'});
ask(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations' AND wait_event = 'PgSleep'; INSERT INTO keep VALUES (99)});
end_client($late);
like(try(q{CALL migrate.apply(project => 'late')}), qr/MG012.*statement 1 of it, which stands, was changed.*HINT:  Leave those as they were/s, 'what stands is not what is registered');
is(ask(qq{SELECT migrate.register('0004_h', \$x\$$halves\$x\$, project => 'late')}), 'updated', 'that is as it was again');
is(code_of(try(q{CALL migrate.apply(project => 'late')})) . ask(q{SELECT string_agg(s, ' ') FROM did WHERE s IN ('half', 'other')}), '00000half', 'and goes on');

# ---- what is said meanwhile

define('0001_r', 'CREATE TABLE r (i int); VACUUM r; SELECT pg_sleep(3); VACUUM r; SELECT 1', project => 'running');
my $runs = start_client($node, 'postgres', q{CALL migrate.apply(project => 'running')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.unfinished WHERE name = '0001_r' AND done = 2});
is(ask(q{SELECT state FROM migrate.status('running')}) . ask(q{SELECT count(*) FROM migrate.check('running')}), 'running0', 'one that is under way is no finding');
ask(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL migrate.apply(%' AND pid <> pg_backend_pid()});
end_client($runs);
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'});
is(ask(q{SELECT string_agg(code, ' ' ORDER BY code) FROM migrate.check('running')}), 'interrupted interrupted_run', 'one that was is');
ask(q{SELECT migrate.resolve('running:0001_r', 'applied', 'done')});
is(ask(q{SELECT count(*) FROM migrate.check('running')}), '0', 'until nothing of it is left to do');

my $idle = open_session($node, 'postgres');
ask_session($idle, q{BEGIN; CALL migrate.apply(project => 'running');});
like(try(q{CALL migrate.apply(project => 'running', options => '{"lock_wait": 200}');}), qr/MG006.*It is a call of.*HINT:  .*SELECT \* FROM pg_stat_activity WHERE pid = \d+;/s, 'who holds the lock without a run is named');
ask_session($idle, 'ROLLBACK;');
ask(q{CREATE TYPE feeling AS ENUM ('good')});
define('0001_e', q{ALTER TYPE feeling ADD VALUE 'better'; SELECT 'better'::feeling}, project => 'feeling');
like(try(q{CALL migrate.apply(project => 'feeling', atomic => true);}), qr/55P04.*HINT:  Let the run commit in between/s, 'a value that cannot be used yet has a way');
is(code_of(try(q{CALL migrate.apply(project => 'feeling');})), '00000', 'which works');
ask('CREATE TABLE one_key (i int PRIMARY KEY); CREATE TABLE two_key (i int REFERENCES one_key DEFERRABLE INITIALLY DEFERRED)');
define('0001_k', "SELECT 1;\nVACUUM one_key;\nINSERT INTO two_key VALUES (1);\nVACUUM one_key;\nSELECT 2", project => 'keys');
like(try(q{CALL migrate.apply(project => 'keys');}), qr/23503.*migration "keys:0001_k", at the end of statement 3 of 5/s, 'what is checked at the end of a step is there');
like(try(q{SELECT migrate.unregister('keys:0001_k')}), qr/HINT:  .*migrate\.resolve\('keys:0001_k', 'restart'/, 'a hint has the whole name');
like(try(q{BEGIN; CALL migrate.apply('0001_k', project => 'keys'); ROLLBACK;}), qr/MG008.*HINT:  CALL migrate\.apply\('0001_k', project => 'keys'\);  on its own/s, 'and the whole call');

like(try(q{BEGIN; CALL migrate.apply(project => 'keys', reason => 'why', options => '{"names": ["0001_k"]}'); ROLLBACK;}),
	qr/MG008.*HINT:  CALL migrate\.apply\(project => 'keys', reason => 'why', options => '\{"names": \["0001_k"\]\}'\);  on its own/s, 'with all that it was asked for');

done_testing();
