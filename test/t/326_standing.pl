# 326_standing.pl: for whom a migration stands that is half done or was replaced, and where the rest of it is run.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateResume;
use MigrateTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = resume_node();
my ($err, $said);

# ---- on the object that it was begun on, or none

ask('CREATE TABLE w (i int) PARTITION BY LIST (i); CREATE TABLE p PARTITION OF w FOR VALUES IN (1)');
define('0001_d', "ALTER TABLE w DETACH PARTITION p CONCURRENTLY;\nSELECT 1", project => 'detach');
stop_at('apart_intent_committed', q{CALL migrate.apply(project => 'detach');});
ask('ALTER TABLE p RENAME TO p_old; CREATE TABLE p PARTITION OF w FOR VALUES IN (2)');
like(try(q{CALL migrate.apply(project => 'detach');}), qr/MG012.*It was to detach what is called public\.p_old now, of public\.w, and would detach something else/s, 'another partition is not detached');
is(ask(q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'w'::regclass}), '2', 'both stay');
ask('ALTER TABLE p RENAME TO p_new; ALTER TABLE p_old RENAME TO p');
is(code_of(try(q{CALL migrate.apply(project => 'detach');})) . ask(q{SELECT relispartition FROM pg_class WHERE relname = 'p'}), '00000f', 'once it has its name again it is');

ask('CREATE TABLE whole (i int) PARTITION BY LIST (i); CREATE TABLE part PARTITION OF whole FOR VALUES IN (1)');
define('0001_d', "ALTER TABLE whole DETACH PARTITION part CONCURRENTLY;\nSELECT 1", project => 'pending', options => '{"lock_timeout": "200ms", "lock_total": "400ms"}');
my $reader = open_session($node, 'postgres');
ask_session($reader, 'BEGIN; SELECT * FROM whole;');
isnt(code_of(try(q{CALL migrate.apply(project => 'pending');})), '00000', 'one is on its way');
ask_session($reader, 'COMMIT;');
raises($node, 'postgres', q{SELECT migrate.resolve('pending:0001_d', 'skip_statement', 'why')}, '55000', qr/To be run: ALTER TABLE public\.whole DETACH PARTITION public\.part FINALIZE/, 'it does not stay there');
my (undef, undef, $notice) = $node->psql('postgres', q{SELECT migrate.resolve('pending:0001_d', 'applied', 'why')});
like($notice, qr/NOTICE:  statement 1 of migration "pending:0001_d" was stopped in the middle.*HINT:  If it is not needed: ALTER TABLE public\.whole DETACH/s, 'whoever decides otherwise knows what is left');

ask('CREATE TABLE half_dropped (i int); CREATE INDEX half_dropped_i ON half_dropped (i)');
define('0001_i', 'DROP INDEX CONCURRENTLY half_dropped_i', project => 'other', options => '{"lock_timeout": "200ms", "lock_total": "400ms"}');
ask_session($reader, 'BEGIN; LOCK TABLE half_dropped IN ROW EXCLUSIVE MODE;');
try(q{CALL migrate.apply(project => 'other');});
ask_session($reader, 'COMMIT;');
define('0001_i', 'VACUUM half_dropped', project => 'other');
like(try(q{CALL migrate.apply(project => 'other');}), qr/MG012.*It was stopped in the middle as it was before the text was changed: DROP INDEX CONCURRENTLY half_dropped_i/s, 'nor is it forgotten for another text');

raises($node, 'postgres', q{SELECT migrate.resolve('other:0001_i', 'continue', 'why')}, '55000', qr/To be run: DROP INDEX CONCURRENTLY public\.half_dropped_i.*HINT:  Run that, then say it again\./s, 'whoever leaves it to that one');
$node->safe_psql('postgres', 'DROP INDEX CONCURRENTLY half_dropped_i');
like(try(q{CALL migrate.apply(project => 'other');}), qr/MG012.*HINT:  If what it is now is to be run: SELECT migrate\.resolve\('other:0001_i', 'continue'/s, 'is told what leads on');
ask(q{SELECT migrate.resolve('other:0001_i', 'continue', 'it was dropped')});
is(code_of(try(q{CALL migrate.apply(project => 'other');})), '00000', 'and does');

# What an event trigger makes on the way is none of the statement's.
ask(q{CREATE FUNCTION makes() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN CREATE TABLE IF NOT EXISTS audited (id bigserial PRIMARY KEY, t text); INSERT INTO audited (t) VALUES (tg_tag); END$$;
	CREATE TABLE made (i int); INSERT INTO made VALUES (1), (1)});
define('0001_x', "CREATE UNIQUE INDEX CONCURRENTLY made_i ON made (i);\nINSERT INTO made VALUES (2)", project => 'made');
ask(q{CREATE EVENT TRIGGER makes ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION makes()});
is(code_of(try(q{CALL migrate.apply(project => 'made');})), '23505', 'an event trigger makes a table with an index');
ask('DROP EVENT TRIGGER makes; DROP INDEX made_i; DELETE FROM made');
is(code_of(try(q{CALL migrate.apply(project => 'made');})) . ask(q{SELECT to_regclass('made_i') IS NOT NULL}), '00000t', 'the index of the migration is made all the same');

define('0001_do', "DO 'BEGIN INSERT INTO made VALUES (7); COMMIT; PERFORM 1 / 0; END';\nSELECT 1", project => 'doubt');
like(try(q{CALL migrate.apply(project => 'doubt');}), qr/0 of 2 statements of 0001_do stand, and some of statement 1 may; 0 not started/, 'what a block has committed is not told as nothing');
is(state_of('0001_do'), 'interrupted: 22012 at statement 1, line 1; 0 of 2 statements stand, and some of statement 1 may', 'nor in its state');
like(ask(q{SELECT string_agg(s, ' ') FROM migrate.show('doubt') s}), qr/0 of 2 statements stand, and some of statement 1 may/, 'nor where a line has its end');

# Whoever skips looks at the text as it is now.
ask('CREATE TABLE skipped (i int)');
my $block = q{DO 'BEGIN INSERT INTO skipped VALUES (1); COMMIT; PERFORM 1 / 0; END'};
my $then = "VACUUM skipped;\n$block;\nINSERT INTO skipped VALUES (2);\nINSERT INTO skipped VALUES (3)";
my $there = q{SELECT string_agg(i::text, ' ' ORDER BY i) FROM skipped};
foreach (['left_out', "VACUUM skipped;\nINSERT INTO skipped VALUES (2);\nINSERT INTO skipped VALUES (3)", '1 2 3'],
	['shortened', 'VACUUM skipped', '1'], ['as_it_was', $then, '1 2 3'])
{
	my ($what, $now, $expected) = @$_;

	ask('TRUNCATE skipped');
	define('0001_s', $then, project => $what);
	is(code_of(try(qq{CALL migrate.apply(project => '$what');})), '22012', "a block stops half-way: $what");
	define('0001_s', $now, project => $what);
	is(code_of(try(qq{CALL migrate.apply(project => '$what');})), 'MG012', 'which is for people to decide');
	ask(qq{SELECT migrate.resolve('$what:0001_s', 'skip_statement', 'that is enough')});
	is(code_of(try(qq{CALL migrate.apply(project => '$what');})) . ask($there), "00000$expected", 'what is behind it in the text as it is now is run, once');
}
ask('TRUNCATE skipped');
define('0001_s', $then, project => 'another');
try(q{CALL migrate.apply(project => 'another');});
define('0001_s', $then =~ s/DO.*?END'/INSERT INTO skipped VALUES (9)/r, project => 'another');
raises($node, 'postgres', q{SELECT migrate.resolve('another:0001_s', 'skip_statement', 'why')}, '55000', qr/statement 2 of migration "another:0001_s" is another one than was begun.*'continue'/s, 'another one is not what was begun');
ask(q{SELECT migrate.resolve('another:0001_s', 'continue', 'it does the rest')});
is(code_of(try(q{CALL migrate.apply(project => 'another');})) . ask($there), '000001 2 3 9', 'and is run');

foreach my $order (['moved', sub { "VACUUM skipped;\nINSERT INTO skipped VALUES (2);\n$block;\nINSERT INTO skipped VALUES (3)" }],
	['inserted', sub { "VACUUM skipped;\nINSERT INTO skipped VALUES (5);\n$block;\nINSERT INTO skipped VALUES (2);\nINSERT INTO skipped VALUES (3)" }])
{
	my ($project, $now) = @$order;

	ask('TRUNCATE skipped');
	define('0001_s', $then, project => $project);
	try(qq{CALL migrate.apply(project => '$project');});
	define('0001_s', $now->(), project => $project);
	raises($node, 'postgres', qq{SELECT migrate.resolve('$project:0001_s', 'skip_statement', 'it was done')}, '55000', qr/HINT:  What was begun is still in the text, further on/, "what was skipped is not run in another place: $project");
}
define('0001_n', 'SELECT 1', project => 'without', down => $block);
ask(q{CALL migrate.apply(project => 'without')});
try(q{CALL migrate.revert(project => 'without');});
raises($node, 'postgres', q{SELECT migrate.register('0001_n', 'SELECT 1', project => 'without')}, 'MG012', qr/is half reverted, and has no down any more/, 'a way back is not taken out half-way');
define('0001_n', 'SELECT 1', project => 'without', down => 'SELECT 2');
ask(q{SELECT migrate.resolve('without:0001_n', 'continue', 'nothing was done')});
is(code_of(try(q{CALL migrate.revert(project => 'without');})) . states('without'), '000000001_n reverted', 'but may be another one where nothing stands');

# ---- in whose place

ask('CREATE TABLE places (i int)');
define("000${_}_m", "INSERT INTO places VALUES ($_)", project => 'rival') foreach 1, 2;
define('0003_s', "INSERT INTO places VALUES (1);\nVACUUM places;\nINSERT INTO places VALUES (2);\nSELECT 1 / count(*) FROM pg_class WHERE relname = 'rival_go'", project => 'rival', replaces => '{0001_m,0002_m}');
try(q{CALL migrate.apply(project => 'rival');});
define('0004_t', 'INSERT INTO places VALUES (1), (2)', project => 'rival', replaces => '{0001_m,0002_m}');
is(code_of(try(q{CALL migrate.apply('rival:0004_t');})), 'MG005', 'what one that is half done stands for is not run by another one');
ask('CREATE TABLE rival_go ()');
is(code_of(try(q{SELECT migrate.hold('rival:0004_t', 'until'); CALL migrate.apply(project => 'rival'); SELECT migrate.release('rival:0004_t', 'go'); CALL migrate.apply(project => 'rival');})) . ask(q{SELECT string_agg(i::text, ',') FROM places}) . ' ' . states('rival'),
	'000001,2 0001_m superseded, 0002_m superseded, 0003_s applied, 0004_t marked', 'which is only recorded when that has come to its end');

# ---- where names are looked up

ask('CREATE SCHEMA oa; CREATE SCHEMA ob; CREATE TABLE oa.y (i int); CREATE TABLE ob.y (i int)');
define('0001_y', "INSERT INTO y VALUES (1);\nVACUUM oa.y;\nINSERT INTO y SELECT 2 / count(*) FROM pg_class WHERE relname = 'go'", project => 'path');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = oa;')), '22012', 'half of it is in one schema');
ask('CREATE TABLE go ()');
$err = try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = ob;');
like($err, qr/MG012: migration "path:0001_y" was begun with another search_path.*DETAIL:  It was oa then, and is ob now\..*HINT:  SET search_path = oa;  before the call/s, 'the rest is not run in another one');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = oa, nowhere;')) . ask('SELECT count(*) FROM oa.y'), '000002', 'but where it was begun');
define('0002_y', "INSERT INTO y VALUES (1);\nVACUUM oa.y;\nINSERT INTO y SELECT 2 / count(*) FROM pg_class WHERE relname = 'gone'", project => 'path');
try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = oa;');
ask(q{CREATE TABLE gone (); SELECT migrate.resolve('path:0002_y', 'continue', 'it is to go there now')});
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = ob;')) . ask('SELECT count(*) FROM ob.y'), '000001', 'unless somebody says so');
define('0003_y', "SET search_path = oa;\nVACUUM y;\nINSERT INTO y SELECT 2 / count(*) FROM pg_class WHERE relname = 'set'", project => 'path');
try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = ob;');
ask('CREATE TABLE set ()');
is(code_of(try(q{CALL migrate.apply(project => 'path');})), '00000', 'or the text does');

# The same path says more once the migration has made a schema of it, and the same to another role.
define('0004_y', "CREATE SCHEMA later;\nCREATE TABLE later.y (i int);\nVACUUM later.y;\nINSERT INTO later.y SELECT 2 / count(*) FROM pg_class WHERE relname = 'later_go'", project => 'path');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = later, oa;')), '22012', 'a migration that makes a schema of its path');
ask(q{CREATE TABLE later_go (); CREATE ROLE other_boss SUPERUSER; ALTER ROLE other_boss LOGIN});
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = later, oa;')), '00000', 'goes on with the same');
define('0005_y', "VACUUM oa.y;\nINSERT INTO oa.y SELECT 2 / count(*) FROM pg_class WHERE relname = 'role_go'", project => 'path');
try(q{CALL migrate.apply(project => 'path');});
ask('CREATE TABLE role_go ()');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET SESSION AUTHORIZATION other_boss;')), '00000', 'as for another role');
define('0006_y', "SELECT pg_catalog.set_config('search_path', 'oa', false);\nVACUUM y;\nINSERT INTO y SELECT 2 / count(*) FROM pg_class WHERE relname = 'config_go'", project => 'path');
try(q{CALL migrate.apply(project => 'path');});
ask('CREATE TABLE public.config_go ()');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = ob;')), '00000', 'and where the text calls set_config() for it');

define('0007_y', "VACUUM oa.y;\nINSERT INTO oa.y VALUES (7);\nCREATE INDEX CONCURRENTLY ON oa.y (nothing)", project => 'path');
try(q{CALL migrate.apply(project => 'path');});
define('0007_y', "VACUUM oa.y;\nINSERT INTO oa.y VALUES (7);\nSET search_path = oa;\nINSERT INTO y VALUES (8)", project => 'path');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = ob;')), '00000', 'or sets it next');

ask(q{CREATE ROLE blind LOGIN; CREATE ROLE sees LOGIN; GRANT USAGE ON SCHEMA oa TO sees; GRANT ALL ON oa.y TO sees; CREATE TABLE y (i int); GRANT ALL ON y TO sees, blind;
	GRANT USAGE ON SCHEMA migrate TO sees, blind; SELECT migrate.grant_capability(r, 'deployer', 'path') FROM unnest(ARRAY['blind', 'sees']) r});
define('0008_y', "INSERT INTO y VALUES (1);\nVACUUM pg_catalog.pg_class;\nINSERT INTO y SELECT 2 / count(*) FROM pg_class WHERE relname = 'usage_go'", project => 'path');
try(q{CALL migrate.apply(project => 'path');}, 'SET SESSION AUTHORIZATION blind; SET search_path = oa, public;');
ask('CREATE TABLE usage_go ()');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET SESSION AUTHORIZATION sees; SET search_path = oa, public;')), 'MG012', 'a schema that one could not use is another one');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET SESSION AUTHORIZATION sees; SET search_path = public;')) . ask('SELECT count(*) FROM public.y'), '000002', 'than the one that both can');

# Of what does not stand it does not matter where it was begun.
ask('INSERT INTO oa.y VALUES (9), (9)');
define('0009_y', "CREATE UNIQUE INDEX CONCURRENTLY nines ON oa.y (i) WHERE i = 9;\nINSERT INTO y SELECT 9 / count(*) FROM pg_class WHERE relname = 'nine_go'", project => 'path');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = oa;')), '23505', 'an index that could not be built');
ask('DELETE FROM oa.y WHERE i = 9');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = ob;')), '22012', 'is built in another session');
like(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = oa;'), qr/MG012.*It was ob then, and is oa now/s, 'with the search_path of which it goes on');
ask('CREATE TABLE nine_go ()');
is(code_of(try(q{CALL migrate.apply(project => 'path');}, 'SET search_path = ob;')) . ask('SELECT count(*) FROM ob.y WHERE i = 9'), '000001', 'and with no other');

ask('CREATE TABLE oa.x (t text); CREATE TABLE x (t text)');
define('0001_l', "BEGIN; SET LOCAL search_path = oa; DO 'BEGIN INSERT INTO x VALUES (''a''); COMMIT; END'; INSERT INTO x VALUES ('b'); COMMIT;", project => 'local');
like(try(q{CALL migrate.apply(project => 'local');}), qr/2D000.*DETAIL:  It would run behind the end of a transaction, but statement 1, SET LOCAL, holds to the end of its transaction only\..*HINT:  SET without LOCAL/s, 'what SET LOCAL says is not lost when its transaction is divided');
is(ask('SELECT count(*) FROM x') . ask('SELECT count(*) FROM oa.x'), '00', 'nothing is done elsewhere');
define('0001_l', "SET LOCAL search_path = oa; INSERT INTO x VALUES ('a'); VACUUM oa.x", project => 'local');
like(try(q{CALL migrate.apply(project => 'local');}), qr/WARNING:  \w+: statement 1 of migration "local:0001_l", SET LOCAL, holds to the end of its transaction only, which is behind statement 2/, 'where it ends before others is said');

# ---- for whom it stands

ask('CREATE TABLE rc (t text)');
define('0001_p', "INSERT INTO rc VALUES ('1')", project => 'race');
define('0003_s', "SELECT pg_sleep(1.5); INSERT INTO rc VALUES ('1'); VACUUM rc; SELECT 1 / 0", project => 'race', replaces => '{0001_p}');
my $client = start_client($node, 'postgres', q{CALL migrate.apply(project => 'race')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.runs WHERE outcome = 'running'});
define('0003_s', "SELECT pg_sleep(1.5); INSERT INTO rc VALUES ('1'); VACUUM rc; SELECT 1", project => 'race');
end_client($client);
is(code_of(try(q{CALL migrate.apply(project => 'race');})) . ask('SELECT count(*) FROM rc'), '000001', 'what it replaces does not run as well, whatever is registered while it runs');
is(states('race'), '0001_p superseded, 0003_s applied', 'it has taken its place');
is(code_of(try(q{CALL migrate.revert(project => 'race');})), 'MG010', 'it has no down');
ask(q{SELECT migrate.mark_pending('race:0003_s', 'test')});
is(states('race'), '0001_p pending, 0003_s pending', 'and gives it back, whatever it is registered with by then');
ask(q{SELECT migrate.hold(name, 'done with', project) FROM migrate.migrations WHERE project = 'race'});

my $old = open_session($node, 'postgres');
define('0001_p', "INSERT INTO rc VALUES ('2')", project => 'seen');
ask_session($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM migrate.migrations;');
ask(q{CALL migrate.apply(project => 'seen')});
(undef, $said) = ask_session($old, q{SELECT migrate.register('0001_p', 'SELECT 2', project => 'seen', requires => '{}');});
like($said, qr/could not serialize access/, 'an applied migration is not edited by what a transaction saw before');
ask_session($old, 'ROLLBACK;');
$old->quit;

define("000${_}_r", 'SELECT 1', project => 'less', down => 'SELECT 1') foreach 1, 2;
ask(q{CALL migrate.apply(project => 'less')});
define('0003_ab', 'SELECT 1', project => 'less', replaces => '{0001_r,0002_r}', down => 'SELECT 1');
ask(q{CALL migrate.apply(project => 'less')});
define('0003_ab', 'SELECT 1', project => 'less', replaces => '{0001_r}', down => 'SELECT 1');
ask(q{CALL migrate.revert(project => 'less')});
is(ask(q{SELECT string_agg(name || ' ' || state, ', ' ORDER BY name) FROM migrate.state WHERE project = 'less'}), '0001_r reverted, 0002_r reverted, 0003_ab reverted', 'all whose place it had taken go with it');

define('0001_x', 'SELECT 1', project => 'p2', down => 'SELECT 1');
define('0002_s', 'SELECT 1', project => 'p1', replaces => '{p2:0001_x}', down => 'SELECT 1');
ask(q{CALL migrate.apply(project => 'p2'); CALL migrate.apply(project => 'p1')});
ask(q{CREATE ROLE only1 LOGIN; SELECT migrate.grant_capability('only1', 'administrator', 'p1')});
define('0003_h', 'SELECT 1', project => 'p1', replaces => '{0002_s}', down => 'SELECT 1');
ask(q{CALL migrate.apply(project => 'p1')});
raises($node, 'postgres', q{SET SESSION AUTHORIZATION only1; CALL migrate.revert(project => 'p1')}, '42501', qr/p2/, 'nobody takes back through two generations what he may not');
is(states('p2'), '0001_x superseded', 'which stays');

# A name may look like that of another project.
define('0001_a', 'SELECT 1', project => 'c1', down => 'SELECT 1');
ask(q{CALL migrate.apply(project => 'c1')});
define('c2:x', 'SELECT 1', project => 'c1', replaces => '{0001_a}', version => '2');
define('x', 'SELECT 1', project => 'c2', down => 'SELECT 1', version => '1');
ask(q{CALL migrate.apply(project => 'c1'); CALL migrate.apply(project => 'c2'); CALL migrate.revert(project => 'c2')});
is(ask(q{SELECT state, detail FROM migrate.state WHERE project = 'c1' AND name = '0001_a'}), 'superseded|replaced by c1:c2:x', 'what it replaces is not taken back by that one');

define('0001_k', "SELECT pg_sleep(1.5);\nVACUUM rc;\nSELECT 1 / 0", project => 'kind', version => '1');
$client = start_client($node, 'postgres', q{CALL migrate.apply(project => 'kind')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.runs WHERE outcome = 'running'});
define('0001_k', "SELECT pg_sleep(1.5);\nVACUUM rc;\nSELECT 1 / 0", project => 'kind', version => '1', kind => 'baseline');
end_client($client);
raises($node, 'postgres', q{SELECT migrate.register('0001_k', E'SELECT pg_sleep(1.5);\nVACUUM rc;\nSELECT 1', project => 'kind', version => '1', kind => 'baseline', requires => '{}')}, 'MG012', qr/It is of kind "versioned"/, 'what is half done is of the kind that it was begun as');
define('0001_k', "SELECT pg_sleep(1.5);\nVACUUM rc;\nSELECT 1", project => 'kind', version => '1');
is(code_of(try(q{CALL migrate.apply(project => 'kind');})), '00000', 'as which it goes on');

# ---- settled by nobody but those who may

define('0001_b', "INSERT INTO rc VALUES ('3');\nCREATE UNIQUE INDEX CONCURRENTLY ON rc ((1))", project => 'begun', down => "VACUUM rc;\nSELECT 1/0");
try(q{CALL migrate.apply(project => 'begun');});
raises($node, 'postgres', q{BEGIN; SELECT migrate.begin('begun:0001_b')}, 'MG012', qr/is half applied/, 'begin() does not make what is half done applied');

# ---- what it was before

ask('CREATE TABLE base (i int)');
ask(q{SELECT migrate.register('R__w', 'CREATE OR REPLACE VIEW w1 AS SELECT 1 AS a', down => E'VACUUM nowhere;\nDROP VIEW w1', kind => 'repeatable', project => 'again', requires => '{}')});
ask(q{CALL migrate.apply(project => 'again')});
like(try(q{CALL migrate.revert('zero', 'again');}), qr/42P01.*0 reverted and kept; R__w stands as before/s, 'a way back of which nothing was done');
is(states('again'), 'R__w applied', 'has not begun');
ask(q{SELECT migrate.register('R__w', E'VACUUM nowhere;\nCREATE OR REPLACE VIEW w1 AS SELECT 1 AS a', down => E'INSERT INTO base VALUES (1);\nVACUUM base;\nDROP VIEW w1, nowhere', kind => 'repeatable', project => 'again', requires => '{}')});
is(code_of(try(q{CALL migrate.apply(project => 'again');})) . states('again'), '42P01R__w outdated', 'a new text of which nothing was done leaves what there is');
raises($node, 'postgres', q{SELECT migrate.unregister('again:R__w')}, '55000', qr/has been applied/, 'which is not nobody\'s');
is(code_of(try(q{CALL migrate.revert('zero', 'again');})) . states('again'), '42P01R__w interrupted', 'one that is half-way back');
is(ask(q{SELECT migrate.resolve('again:R__w', 'restart', 'put back by hand')}) . states('again'), 'appliedR__w outdated', 'is what it was before, of the text that it had');

ask(q{SELECT migrate.register('R__w', E'INSERT INTO base VALUES (2);\nVACUUM base, nowhere', kind => 'repeatable', project => 'again', requires => '{}')});
is(code_of(try(q{CALL migrate.apply(project => 'again');})) . states('again'), '42P01R__w interrupted', 'one with half of a new text');
is(ask(q{DELETE FROM base; SELECT migrate.resolve('again:R__w', 'restart', 'undone by hand')}) . states('again'), 'appliedR__w outdated', 'too');

$reader->quit;
$node->stop;
done_testing();
