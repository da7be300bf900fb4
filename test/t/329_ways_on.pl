# 329_ways_on.pl: what a migration that stopped has left, what people are told of it, and where that leads them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateResume;
use MigrateTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = resume_node();
my $err;

sub valid { return ask("SELECT coalesce(string_agg(relname || CASE WHEN indisvalid THEN '' ELSE ' invalid' END, ',' ORDER BY relname), '') FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = '$_[0]'::regclass") }

# ---- an index that is left

ask('CREATE TABLE named (j int); INSERT INTO named VALUES (1), (1)');
define('0001_j', 'CREATE UNIQUE INDEX CONCURRENTLY named_j ON named (j)', project => 'named');
is(code_of(try(q{CALL migrate.apply(project => 'named');})), '23505', 'an index is left');
my $other = open_session($node, 'postgres');
ask_session($other, 'BEGIN; LOCK TABLE named IN SHARE ROW EXCLUSIVE MODE; DELETE FROM named;');
my $client = start_client($node, 'postgres', q{CALL migrate.apply(project => 'named')});
wait_until($node, 'postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'named'::regclass});
ask_session($other, 'ALTER INDEX named_j RENAME TO named_bad; CREATE INDEX named_j ON named (j); COMMIT;');
end_client($client);
like($client->{err}, qr/DROP INDEX CONCURRENTLY public\.named_bad.*42P07/s, 'what others have renamed goes under the name that it has by then');
is(valid('named'), 'named_j', 'and what has its name by then stays');

ask('CREATE TABLE left_by (i int); CREATE INDEX left_by_i ON left_by (i)');
define('0001_d', "DROP INDEX CONCURRENTLY left_by_i;\nCREATE TABLE left_behind ()", project => 'dropped', options => '{"lock_timeout": "200ms", "lock_total": "500ms"}');
ask_session($other, 'BEGIN; LOCK TABLE left_by IN ROW EXCLUSIVE MODE;');
is(code_of(try(q{CALL migrate.apply(project => 'dropped');})), '55P03', 'one that is to go');
is(valid('left_by'), 'left_by_i invalid', 'is on its way');
ask_session($other, 'COMMIT;');
raises($node, 'postgres', q{SELECT migrate.resolve('dropped:0001_d', 'skip_statement', 'why')}, '55000',
	qr/was stopped in the middle, and has left something.*DETAIL:  To be run: DROP INDEX CONCURRENTLY public\.left_by_i.*HINT:  CALL migrate\.apply\('dropped:0001_d'\);  clears that up/s, 'and does not stay so');
is(code_of(try(q{CALL migrate.apply('dropped:0001_d');})) . valid('left_by'), '00000', 'the call that is named does that');

ask('CREATE TABLE circle (i int); INSERT INTO circle VALUES (1), (1)');
define('0001_c', "CREATE UNIQUE INDEX CONCURRENTLY circle_i ON circle (i);\nCREATE TABLE round ()", project => 'circle');
try(q{CALL migrate.apply(project => 'circle');});
ask('ALTER TABLE circle RENAME TO was_circle');
my $way = qr/DROP INDEX CONCURRENTLY public\.circle_i;  SELECT migrate\.resolve\('circle:0001_c', 'skip_statement', '<why>'\);/;
like(try(q{CALL migrate.apply(project => 'circle');}), qr/MG012.*If it is to be left out: $way/s, 'of a table with another name');
raises($node, 'postgres', q{SELECT migrate.resolve('circle:0001_c', 'skip_statement', 'why')}, '55000', qr/To be run: DROP INDEX CONCURRENTLY public\.circle_i.*HINT:  Run that, then say it again\./s, 'nobody is sent round');
ask(q{SELECT migrate.resolve('circle:0001_c', 'continue', 'why')});
like(try(q{CALL migrate.apply(project => 'circle');}), qr/MG012.*If it is to be left out: $way/s, 'nor does it go on there');
$node->safe_psql('postgres', 'DROP INDEX CONCURRENTLY circle_i');
ask(q{SELECT migrate.resolve('circle:0001_c', 'skip_statement', 'not needed')});
is(code_of(try(q{CALL migrate.apply(project => 'circle');})), '00000', 'what was named leads on');

ask('CREATE TABLE whole_row (i int)');
define('0001_w', "CREATE INDEX CONCURRENTLY ON whole_row ((whole_row.*));\nCREATE TABLE after_row ()", project => 'row');
stop_at('apart_statement_ended', q{CALL migrate.apply(project => 'row');});
$node->safe_psql('postgres', 'REINDEX TABLE CONCURRENTLY whole_row');
is(code_of(try(q{CALL migrate.apply(project => 'row');})) . valid('whole_row'), 'MG012whole_row_whole_row_idx', 'an index of whole rows is known again');

# ---- on the way back

define('0001_b', 'CREATE TABLE back (i int)', down => "INSERT INTO back VALUES (1), (1);\nCREATE UNIQUE INDEX CONCURRENTLY back_i ON back (i)", project => 'back');
ask(q{CALL migrate.apply(project => 'back')});
try(q{CALL migrate.revert(project => 'back');});
raises($node, 'postgres', q{SELECT migrate.resolve('back:0001_b', 'skip_statement', 'why')}, '55000', qr/HINT:  CALL migrate\.revert\(project => 'back'\);  clears that up/s, 'the hint is a call');
like(ask(q{SELECT * FROM migrate.show('back')}), qr/CALL migrate\.revert\(project => 'back'\);   goes on where it stopped/, 'that of show() names the project');
is(ask(q{SELECT hint FROM migrate.check('back') WHERE code = 'interrupted'}), q{CALL migrate.revert(project => 'back');}, 'as that of check() does');
ask('DELETE FROM back');
is(code_of(try(q{CALL migrate.revert(project => 'back');})), '00000', 'and it goes on');

define('0001_h', "CREATE TABLE held_half ();\nCREATE INDEX CONCURRENTLY ON held_half (nothing)", project => 'half');
try(q{CALL migrate.apply(project => 'half');});
ask(q{SELECT migrate.hold('half:0001_h', 'wait')});
like(try(q{CALL migrate.revert(project => 'half');}), qr/HINT:  SELECT migrate\.release\('half:0001_h', '<why>'\);  CALL migrate\.apply\('half:0001_h'\);  goes on\./, 'of one that is held the hint says so');

# ---- what was set for those behind

my $log = q{CREATE TABLE log (said text);};

ask("$log CREATE TABLE go (); CREATE TABLE what (name text); INSERT INTO what VALUES ('there')");
define('0001_i', join(";\n", q{INSERT INTO log SELECT set_config('app.tenant', '5', false)}, q{CREATE INDEX CONCURRENTLY ON log (nothing)}), project => 'set');
try(q{CALL migrate.apply(project => 'set');});
like(try(q{CALL migrate.apply(project => 'set');}), qr/MG012.*statement 1 of it, which stands, has set something for those behind it/s, 'what an INSERT sets is not forgotten');
is(ask('SELECT count(*) FROM log'), '1', 'nor done twice');
define('0001_u', join(";\n", q{SELECT set_config('app.' || n, 'v', false) FROM unnest(ARRAY['a', 'b']) n}, 'VACUUM log',
	q{CREATE TABLE unnested AS SELECT current_setting('app.b') AS b}, q{CREATE INDEX CONCURRENTLY ON unnested (lower(nothing))}), project => 'unnest');
stop_at('apart_step_committed', q{CALL migrate.apply(project => 'unnest');});
define('0001_u', join(";\n", q{SELECT set_config('app.' || n, 'v', false) FROM unnest(ARRAY['a', 'b']) n}, 'VACUUM log',
	q{CREATE TABLE unnested AS SELECT current_setting('app.b') AS b}), project => 'unnest');
is(code_of(try(q{CALL migrate.apply(project => 'unnest');})) . ask('SELECT b FROM unnested'), '00000v', 'what the query says itself is set again');
define('0001_l', "VACUUM log;\nSELECT set_config('app.v', name, false) FROM what", project => 'last', verify => q{SELECT 1 / count(*) FROM pg_class WHERE relname = 'verified'});
is(code_of(try(q{CALL migrate.apply(project => 'last');})), 'MG011', 'where all stands but what is verified');
ask('CREATE TABLE verified ()');
is(code_of(try(q{CALL migrate.apply(project => 'last');})), '00000', 'there is nothing that it was set for');

ask(q{CREATE TYPE mood AS ENUM ('a'); CREATE TABLE moods (m mood); INSERT INTO moods VALUES ('a')});
define('0001_e', "VACUUM log;\nSELECT * FROM moods FOR UPDATE;\nALTER TYPE mood ADD VALUE 'b';\nINSERT INTO moods VALUES ('b')", project => 'mood');
like(try(q{CALL migrate.apply(project => 'mood');}), qr/55P04.*DETAIL:  .*statement 2, SELECT, holds to the end of its transaction only/s, 'locked rows are not let go of in the middle');

# ---- who takes whose place

define("000${_}_a", 'SELECT 1', project => 'squash') foreach 1, 2;
ask(q{CALL migrate.apply('0001_a', 'squash')});
define('0003_h', "CREATE TABLE squashed (i int);\nINSERT INTO squashed VALUES (1), (1);\nCREATE UNIQUE INDEX CONCURRENTLY ON squashed (i)", project => 'squash2', replaces => '{0001_a,0002_b}');
try(q{CALL migrate.apply(project => 'squash2');});
foreach my $other (q{'{0001_a,0001_a}'}, q{'{0001_a}'}, q{'{0001_a,0002_b,0003_c}'})
{
	raises($node, 'postgres', qq{SELECT migrate.register('0003_h', up => ledger.up, project => 'squash2', requires => '{}', replaces => $other) FROM (SELECT E'CREATE TABLE squashed (i int);\\nINSERT INTO squashed VALUES (1), (1);\\nCREATE UNIQUE INDEX CONCURRENTLY ON squashed (i)' AS up) ledger}, 'MG012',
		qr/what it replaces was changed/, "what half stands stands for the same: $other");
}
define('0003_h', "CREATE TABLE squashed (i int);\nINSERT INTO squashed VALUES (1), (1);\nCREATE UNIQUE INDEX CONCURRENTLY ON squashed (i)", project => 'squash2', replaces => '{0002_b,squash2:0001_a}');
is(states('squash2'), '0003_h interrupted', 'however that is written');

define('0001_x', 'CREATE TABLE twice ()', project => 'heirs', down => 'DROP TABLE twice');
ask(q{CALL migrate.apply(project => 'heirs')});
define("000${_}_h", 'CREATE TABLE twice ()', project => 'heirs', replaces => '{0001_x}', down => 'DROP TABLE twice') foreach 2, 3;
ask(qq{SELECT migrate.mark_applied('heirs:000${_}_h', 'it is there')}) foreach 2, 3;
like(try(q{CALL migrate.revert(project => 'heirs');}), qr/WARNING:  \w+: migration "heirs:0002_h", which replaces "heirs:0001_x" as well, counts as applied still.*mark_pending\('heirs:0002_h'/s, 'another heir of what was taken back is named');

# ---- constraints that are deferred, in one transaction

ask('CREATE TABLE p (i int PRIMARY KEY); CREATE TABLE x (i int CONSTRAINT c REFERENCES p DEFERRABLE INITIALLY IMMEDIATE); CREATE TABLE y (i int CONSTRAINT c REFERENCES p DEFERRABLE INITIALLY DEFERRED)');
define('0001_a', 'SELECT 1', project => 'names');
define('0002_b', "INSERT INTO y VALUES (1);\nINSERT INTO p VALUES (1)", project => 'names', requires => '{0001_a}');
define('0003_c', "INSERT INTO x VALUES (2);", project => 'names', requires => '{0002_b}');
like(try(q{CALL migrate.apply(project => 'names', atomic => true);}), qr/23503: .*CONTEXT:  .*migration "names:0003_c"/s, 'two of one name: what is deferred is, and what is not is checked at the end of its own migration');
define('0003_c', "INSERT INTO x VALUES (1);", project => 'names', requires => '{0002_b}');
is(code_of(try(q{CALL migrate.apply(project => 'names', atomic => true);})), '00000', 'all go well as they do alone');

ask(q{SELECT migrate.register(to_char(i, 'FM0000') || '_m', 'SELECT 1', project => 'many', requires => '{}') FROM generate_series(1, 300) i});
my $churn = start_client($node, 'postgres', q{CREATE TEMP TABLE tp (i int PRIMARY KEY);
	DO $$ BEGIN FOR i IN 1 .. 2000 LOOP EXECUTE format('CREATE TEMP TABLE tt%s (i int REFERENCES tp DEFERRABLE)', i); COMMIT; EXECUTE format('DROP TABLE tt%s', i); COMMIT;
		EXIT WHEN (SELECT count(*) = 300 FROM migrate.status('many') WHERE state <> 'pending'); END LOOP; END $$});
is(code_of(try(q{CALL migrate.apply(project => 'many', atomic => true);})), '00000', q{others' temporary tables come and go});
end_client($churn);

# ---- decisions and requests, seen in time

define("000${_}_r", 'SELECT 1', project => 'seen', requires => '{}') foreach 1, 2;
my $old = open_session($node, 'postgres');
ask_session($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM migrate.migrations;');
ask(q{SELECT migrate.hold('seen:0001_r', 'not before Monday')});
my (undef, $said) = ask_session($old, q{SELECT migrate.hold('seen:0002_r', 'mine'); CALL migrate.apply(project => 'seen');});
like($said, qr/could not serialize access/, 'a decision of its own does not hide that of another');
ask_session($old, 'ROLLBACK;');
ask(q{SELECT migrate.release('seen:0001_r', 'Monday')});
ask_session($other, q{BEGIN; SELECT migrate.hold('seen:0001_r', 'not before Tuesday');});
ask(q{SELECT migrate.hold('seen:0002_r', 'nor that')});
ask_session($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM migrate.migrations;');
ask_session($other, 'COMMIT;');
(undef, $said) = ask_session($old, q{CALL migrate.apply(project => 'seen');});
like($said, qr/could not serialize access/, 'nor does one with a higher number');
ask_session($old, 'ROLLBACK;');
$old->quit;

define('0001_s', 'SELECT pg_sleep(2)', project => 'one');
define('0001_s', 'SELECT pg_sleep(4)', project => 'two');
$client = start_client($node, 'postgres', q{CALL migrate.apply(project => 'one'); CALL migrate.apply(project => 'two')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.runs WHERE outcome = 'running' AND project = 'one'});
ask_session($other, q{BEGIN; SELECT migrate.cancel_run((SELECT run_id FROM migrate.runs WHERE outcome = 'running'), 'the first');});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.runs WHERE outcome = 'running' AND project = 'two'});
ask_session($other, q{SAVEPOINT s; SELECT migrate.cancel_run((SELECT run_id FROM migrate.runs WHERE outcome = 'running'), 'the second'); ROLLBACK TO s; COMMIT;});
end_client($client);
is(states('two'), '0001_s applied', 'a request that is rolled back is none, whatever else was asked');

$other->quit;
$node->stop;
done_testing();
