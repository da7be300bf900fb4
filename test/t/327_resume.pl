# 327_resume.pl: what a run that goes on makes of what has happened since the last one was killed.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateResume;
use MigrateTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = resume_node();
my $half_done = 'SELECT name, part, done, under_way FROM migrate.unfinished';
my $err;

# ---- a name that means something else now

ask('CREATE SCHEMA one; CREATE TABLE one.t (i int); CREATE INDEX i ON one.t (i); CREATE TABLE public.t (i int)');
ask(q{SELECT migrate.watch('test')});
my $one = 'SET search_path = one;';

define('0001_drops', "CREATE TABLE one.before_it ();\nDROP INDEX CONCURRENTLY i;\nCREATE TABLE one.behind_it ();");
is(code_of(stop_at('apart_intent_committed', 'CALL migrate.apply();', $one)), '57P01', 'a worker is ended');
$err = try('CALL migrate.apply();');
is(code_of($err), 'MG012', 'the name of what was to be dropped says nothing to whoever goes on');
like($err, qr/DETAIL:  .*DROP INDEX: It was to drop what is called one\.i now, and would drop something else, or nothing.*HINT:  Go on in a session with the search_path of then.*'skip_statement'/s, 'and the index is there');
ask('CREATE INDEX i ON public.t (i)');
is(code_of(try('CALL migrate.apply();')), 'MG012', 'or it is that of another index');
ask(q{SELECT migrate.resolve('0001_drops', 'continue', 'it was not done')});
is(code_of(try('CALL migrate.apply();')), 'MG012', 'whatever is said of that');
is(ask(q{SELECT to_regclass('one.i') IS NOT NULL AND to_regclass('public.i') IS NOT NULL}), 't', 'both stay');
is(code_of(try('CALL migrate.apply();', $one)), '00000', 'to whom it is the same goes on');
is(ask(q{SELECT to_regclass('one.i') IS NULL AND to_regclass('public.i') IS NOT NULL}), 't', 'the right one is dropped');
ask(q{SELECT migrate.accept_drift('public.i', 'mine')});
is(adrift(), '', 'and nothing is adrift');

ask('CREATE INDEX i ON one.t (i)');
ask(q{SELECT migrate.accept_drift('one.i', 'mine')});
# What the migration itself has done is no drift that the next run would refuse.
ask(q{SELECT migrate.configure('drift', 'refuse', 'test')});
define('0002_dropped', "CREATE TABLE one.before_this ();\nDROP INDEX CONCURRENTLY i;\nCREATE TABLE one.behind_this ();");
stop_at('apart_statement_ended', 'CALL migrate.apply();', $one);
is(code_of(try('CALL migrate.apply();', $one)), '00000', 'what is gone was dropped, whatever else has its name');
is(ask(q{SELECT to_regclass('public.i') IS NOT NULL AND to_regclass('one.behind_this') IS NOT NULL}), 't', 'which stays');
is(adrift(), '', 'and that it is gone is expected');

# ---- what is found to have been done is the migration's

define('0003_builds', "CREATE TABLE one.before_build ();\nCREATE INDEX CONCURRENTLY built ON one.t (i);\nCREATE TABLE one.behind_build ();");
stop_at('apart_statement_ended', 'CALL migrate.apply();');
is(code_of(try('CALL migrate.apply();')), '00000', 'an index that was built before the end of its worker is the migration\'s');
is(adrift(), '', 'and expected');
ask(q{CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'});
ask('CREATE TABLE parent (i int PRIMARY KEY CHECK (i > 0)) PARTITION BY LIST (i); CREATE TABLE child PARTITION OF parent FOR VALUES IN (1)');
ask('CREATE TRIGGER fires BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION fires()');
ask(q{SELECT migrate.accept_drift('*', 'mine')});
define('0004_detaches', 'ALTER TABLE parent DETACH PARTITION child CONCURRENTLY');
stop_at('apart_statement_ended', 'CALL migrate.apply();');
$err = try('CALL migrate.apply();');
is(code_of($err), '00000', 'so is a partition that was detached') or diag $err;
is(adrift(), '', 'with all that this changes');
ask('CREATE SUBSCRIPTION gone CONNECTION $$dbname=nowhere$$ PUBLICATION p WITH (connect = false); ALTER SUBSCRIPTION gone SET (slot_name = NONE)');
ask(q{SELECT migrate.accept_drift('*', 'mine')});
define('0004_subscribes', "DROP SUBSCRIPTION gone;\nCREATE SUBSCRIPTION made CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)");
stop_at('apart_statement_ended', 'CALL migrate.apply();');
is(code_of(try('CALL migrate.apply();')), '00000', 'so is a subscription that was dropped');
is(adrift(), '', 'with its going');
ask('ALTER SUBSCRIPTION made SET (slot_name = NONE); DROP SUBSCRIPTION made');
ask(q{SELECT migrate.accept_drift('*', 'mine')});

# ---- a copy of the database

define('0005_copied', "CREATE TABLE copied (i int);\nCREATE INDEX CONCURRENTLY copied_i ON copied (i);\nCREATE TABLE copied_after ();");
stop_at('apart_statement_ended', 'CALL migrate.apply();');
ask(q{SELECT migrate.configure('drift', 'warn', 'test')});
ask('CREATE DATABASE restored');
$node->command_ok([ 'bash', '-c', 'set -o pipefail; pg_dump -d "$1" | psql -X -q -v ON_ERROR_STOP=1 -d "$2" >/dev/null', '-', $node->connstr('postgres'), $node->connstr('restored') ],
	'a dump of a database with a migration that is half done is restored');
$err = try('CALL migrate.apply();', undef, 'restored');
is(code_of($err), 'MG012', 'there it does not go on by what oids say elsewhere');
like($err, qr/DETAIL:  .*CREATE INDEX: It was begun in the database that this one is a copy of/, 'which is said');
ask(q{SELECT migrate.resolve('0005_copied', 'skip_statement', 'the dump has the index')}, 'restored');
is(code_of(try('CALL migrate.apply();', undef, 'restored')), '00000', 'but by what somebody says');
is(ask(q{SELECT to_regclass('copied_after') IS NOT NULL}, 'restored'), 't', 'to its end');
is(code_of(try('CALL migrate.apply();')), '00000', 'where it was begun it goes on by itself');

# ---- the data of a COPY that stands

define('0006_data', "CREATE TABLE data (i int);\nCOPY data FROM stdin;\n1\n\\.\nCREATE INDEX CONCURRENTLY ON data (nothing);");
is(code_of(try('CALL migrate.apply();')), '42703', 'a migration stops behind a COPY');
$err = try(q{SELECT migrate.register('0006_data', E'CREATE TABLE data (i int);\nCOPY data FROM stdin;\n2\n\\\\.\nCREATE INDEX CONCURRENTLY ON data (i);', requires => '{}')});
is(code_of($err), 'MG012', 'whose data cannot be changed any more');
like($err, qr/statement 2 of it, which stands, was changed/, 'as is said');
is(code_of(try(q{SELECT migrate.accept_text('0006_data', E'CREATE TABLE data (j int);', 'mine')})), 'MG012', 'nor accepted by anybody');
define('0006_data', "CREATE TABLE data (i int);\nCOPY data FROM stdin;\n1\n\\.\nCREATE INDEX CONCURRENTLY ON data (i);");
is(code_of(try('CALL migrate.apply();')), '00000', 'what comes behind it can');

# ---- somebody says that it was not done

define('0007_again', "CREATE TABLE twice AS SELECT 1 AS i FROM generate_series(1, 2);\nCREATE UNIQUE INDEX CONCURRENTLY twice_i ON twice (i);");
is(code_of(try('CALL migrate.apply();')), '23505', 'an index that cannot be built');
ask(q{SELECT migrate.resolve('0007_again', 'continue', 'of course it was not done')});
ask('DELETE FROM twice');
is(code_of(try('CALL migrate.apply();')), '00000', 'can, with what was left of it in the way');
is(ask(q{SELECT count(*) FROM pg_index WHERE indrelid = 'twice'::regclass AND indisvalid}), '1', 'once');

# ---- on the way back

define('0008_back', 'CREATE TABLE back ()', down => "VACUUM back;\nDROP TABLE back", kind => 'baseline', project => 'back');
ask(q{CALL migrate.apply(project => 'back')});
is(ask('SELECT project, version FROM migrate.baselines'), 'back|0008', 'a baseline');
like(stop_at('apart_locked', q{CALL migrate.revert(project => 'back');}), qr/1 failed and rolled back/, 'is there when its revert has not begun');
stop_at('apart_intent_committed', q{CALL migrate.revert(project => 'back');});
is(ask(q{SELECT hint FROM migrate.check('back') WHERE code = 'interrupted'}), q{CALL migrate.revert(project => 'back');}, 'or is half-way');
is(code_of(try(q{CALL migrate.revert(project => 'back');})), '00000', 'it goes on');
is(ask('SELECT count(*) FROM migrate.baselines'), '0', 'and the baseline goes with it');
ask(q{CALL migrate.apply(project => 'back')});
my $client = start_client($node, 'postgres', q{SET pg_migrations.fault = 'apart_intent_committed:kill'; CALL migrate.revert(project => 'back')});
end_client($client);
$node->poll_query_until('postgres', 'SELECT true');
like(try('CALL migrate.wait(' . ask('SELECT max(run_id) FROM migrate.runs') . ');'), qr/HINT:  To go on where it stopped: SELECT \* FROM migrate\.check\(\) WHERE code = 'interrupted';/,
	'whoever waits for a revert that is gone is not told to apply');
is(code_of(try(q{CALL migrate.revert(project => 'back');})), '00000', 'it goes on as well');
ask(q{SELECT migrate.hold('back:0008_back', 'done with')});

# ---- what stands although the next attempt does nothing

define('0009_half', "CREATE TABLE half ();\nCREATE INDEX CONCURRENTLY ON half (nothing);\nCREATE TABLE other_half ()");
is(context_of(try(q{CALL migrate.apply('0009_half');})), 'run n: 0 applied and kept; 1 of 3 statements of 0009_half stand; 0 not started', 'a migration is half done');
like(state_of('0009_half'), qr/^interrupted: 42703 at statement 2, line 2; 1 of 3 statements stand/, 'which is its state');
$err = try('CALL migrate.apply();', "SET pg_migrations.fault = 'apart_locked:error';");
is(context_of($err), 'run n: 0 applied and kept; what stood of 0009_half does still; 0 not started', 'one that fails before it begins leaves it so');
like($err, qr/0 applied, 1 stopped half-way/, 'and says so');
like(state_of('0009_half'), qr/^interrupted: 42703 at statement 2/, 'as it was');
stop_at('apart_start_committed', 'CALL migrate.apply();');
is(ask($half_done), '0009_half|up|1|', 'one that was killed as well');
stop_at('run_apart_begun', 'CALL migrate.apply();');
$node->stop('immediate');
$node->start;
like(state_of('0009_half'), qr/^interrupted/, 'whoever was');
define('0009_half', "CREATE TABLE half ();\nCREATE TABLE other_half ()");
is(code_of(try('CALL migrate.apply();')), '00000', 'until it is done');

# ---- who takes whose place

define('0001_a', 'CREATE TABLE squash_a ()', project => 'squash', down => 'DROP TABLE squash_a');
define('0002_b', "CREATE TABLE squash_b (i int);\nCREATE INDEX CONCURRENTLY squash_i ON squash_b (i);\nSELECT 1 / (SELECT count(*) FROM squash_b)", project => 'squash');
define('0003_ab', 'SELECT 1', project => 'squash', replaces => '{0001_a,0002_b}');
ask(q{SELECT migrate.mark_applied('squash:0003_ab', 'by hand')});
is(states('squash'), '0001_a superseded, 0002_b superseded, 0003_ab marked', 'one that is marked takes the place of those that it replaces');
ask(q{SELECT migrate.mark_pending('squash:0003_ab', 'it is not there')});
is(ask(q{SELECT string_agg(name || ' ' || action, ', ') FROM migrate.plan(project => 'squash')}), '0003_ab apply', 'and runs when it is pending again');

ask(q{SELECT migrate.unregister('squash:0003_ab')});
is(code_of(try(q{CALL migrate.apply(project => 'squash');})), '22012', 'one of those that it replaces is half done');
define('0003_ab', 'SELECT 1', project => 'squash', replaces => '{0001_a,0002_b}');
$err = try(q{CALL migrate.apply(project => 'squash');});
is(code_of($err), 'MG005', 'it does not run on top of that');
like($err, qr/migration "squash:0003_ab" replaces a migration that is half done.*DETAIL:  It is "squash:0002_b".*HINT:  Hold it while the others are applied/s, 'and says why');
ask(q{SELECT migrate.mark_applied('squash:0003_ab', 'all of it is there')});
unlike(ask(q{SELECT migrate.show('squash')}), qr/half-way/, 'nothing is half done when somebody says that it is applied');
is(states('squash'), '0001_a superseded, 0002_b superseded, 0003_ab marked', 'nor shown so');
ask(q{SELECT migrate.mark_pending('squash:0003_ab', 'a mistake')});
is(code_of(try(q{CALL migrate.apply(project => 'squash');})), 'MG005', 'but again when that was a mistake');
ask(q{SELECT migrate.unregister('squash:0003_ab'); INSERT INTO squash_b VALUES (1)});
is(code_of(try(q{CALL migrate.apply(project => 'squash');})), '00000', 'and goes on where it stopped');
is(states('squash'), '0001_a applied, 0002_b applied', 'to its end');

define('0003_ab', 'SELECT 1', project => 'recorded', replaces => '{0001_a,0002_b}');
define("000${_}_" . ('a', 'b')[$_ - 1], "CREATE TABLE recorded_$_ ()", project => 'recorded') foreach 1, 2;
ask(q{SELECT migrate.unregister('recorded:0003_ab'); CALL migrate.apply(project => 'recorded')});
define('0003_ab', 'SELECT 1', project => 'recorded', replaces => '{0001_a,0002_b}');
ask(q{CALL migrate.apply(project => 'recorded')});
is(states('recorded'), '0001_a superseded, 0002_b superseded, 0003_ab marked', 'one that is only recorded');
ask(q{SELECT migrate.mark_pending('recorded:0003_ab', 'a mistake'); SELECT migrate.unregister('recorded:0003_ab')});
is(states('recorded'), '0001_a applied, 0002_b applied', 'leaves those that it replaces as they were');

# Its own way back, finished by hand: nothing of theirs is there any more.
define('0003_ab', "CREATE TABLE recorded_1 ();\nCREATE TABLE recorded_2 ()", project => 'recorded', replaces => '{0001_a,0002_b}', down => "DROP TABLE recorded_1;\nVACUUM nowhere");
ask(q{CALL migrate.apply(project => 'recorded')});
define('0003_ab', "CREATE TABLE recorded_1 ();\nCREATE TABLE recorded_2 ()", project => 'recorded', replaces => '{0001_a,0002_b}', down => "DROP TABLE recorded_1;\nCREATE INDEX CONCURRENTLY ON nowhere (i)");
is(code_of(try(q{CALL migrate.revert(project => 'recorded');})), '42P01', 'one that is half reverted');
ask(q{DROP TABLE recorded_2; SELECT migrate.resolve('recorded:0003_ab', 'reverted', 'by hand')});
is(states('recorded'), '0001_a superseded, 0002_b superseded, 0003_ab reverted', 'takes those with it that it replaces');
is(code_of(try(q{CALL migrate.apply(project => 'recorded');})), '00000', 'and runs again');
is(ask(q{SELECT to_regclass('recorded_2') IS NOT NULL}), 't', 'in their place');
ask(q{SELECT migrate.mark_pending('recorded:0003_ab', 'it was not')});
is(ask(q{SELECT string_agg(name || ' ' || action, ', ') FROM migrate.plan(project => 'recorded')}), '0003_ab apply', 'also when it counts as applied no more');
ask(q{SELECT migrate.hold('recorded:0003_ab', 'done with')});

# A heir of a heir.
define('0001_a', 'CREATE TABLE heirs ()', project => 'heirs');
ask(q{CALL migrate.apply(project => 'heirs')});
define('0002_s', 'CREATE TABLE heirs ()', project => 'heirs', replaces => '{0001_a}');
define('0003_t', 'CREATE TABLE heirs ()', project => 'heirs', replaces => '{0002_s}');
is(code_of(try(q{CALL migrate.apply(project => 'heirs');})), '00000', 'a heir of a heir that was never applied');
like(states('heirs'), qr/0003_t marked$/, 'has nothing to do');

# In a line: the one that would take their place is not between them.
define('0001_a', "CREATE TABLE line (i int);\nCREATE INDEX CONCURRENTLY ON line (i);\nSELECT 1 / (SELECT count(*) FROM line)", project => 'line', requires => undef);
ask(q{SELECT migrate.register('0002_b', 'SELECT 1', project => 'line')});
try(q{CALL migrate.apply(project => 'line');});
ask(q{SELECT migrate.register('0003_ab', 'SELECT 1', project => 'line', replaces => '{0001_a,0002_b}')});
is(code_of(try(q{CALL migrate.apply(project => 'line');})), 'MG005', 'it cannot run while one is half done');
ask(q{SELECT migrate.hold('line:0003_ab', 'later'); INSERT INTO line VALUES (1)});
is(code_of(try(q{CALL migrate.apply(project => 'line');})), '00000', 'what the hint says helps');
is(states('line'), '0001_a applied, 0002_b applied, 0003_ab held', 'to the end');

# ---- baselines

define('0001_base', 'CREATE TABLE base ()', project => 'begun', kind => 'baseline', version => '0005');
define('0004_old', 'CREATE TABLE old ()', project => 'begun');
ask(q{BEGIN; SELECT migrate.begin('begun:0001_base', tool => 'psql'); CREATE TABLE base (); COMMIT});
is(states('begun'), '0001_base applied, 0004_old baseline', 'a baseline that another tool has applied is one');
define('0002_lower', 'SELECT 1', project => 'begun', kind => 'baseline', version => '0002');
define('0009_higher', 'SELECT 1', project => 'begun', kind => 'baseline', version => '0009');
define('0008_new', 'SELECT 1', project => 'begun');
ask(q{SELECT migrate.mark_applied('begun:0002_lower', 'test')});
is(ask(q{SELECT version FROM migrate.baselines WHERE project = 'begun'}), '0005', 'a lower one takes nothing away');
ask(q{SELECT migrate.mark_applied('begun:0009_higher', 'test')});
is(ask(q{SELECT version FROM migrate.baselines WHERE project = 'begun'}), '0009', 'a higher one covers more');
ask(q{SELECT migrate.mark_pending('begun:0009_higher', 'test')});
is(ask(q{SELECT version FROM migrate.baselines WHERE project = 'begun'}), '0005', 'until it does not count any more');

my $base = "CREATE TABLE fresh (i int);\nCREATE INDEX CONCURRENTLY ON fresh (i);\nSELECT 1 / (SELECT count(*) FROM fresh)";
define('0001_init', 'CREATE TABLE fresh ()', project => 'else');
define('0005_base', $base, project => 'fresh', kind => 'baseline', replaces => '{else:0001_init}');
define('0001_old', 'CREATE TABLE fresh ()', project => 'fresh');
is(code_of(try(q{CALL migrate.apply(project => 'fresh');})), '22012', 'a baseline is half done');
ask(q{SELECT migrate.hold('fresh:0005_base', 'tomorrow')});
like(try(q{CALL migrate.apply(project => 'fresh');}), qr/0005_base" is left out/, 'that it is held');
is(states('fresh'), '0001_old superseded, 0005_base interrupted', 'lets nothing of what it stands for run');
ask(q{SELECT migrate.release('fresh:0005_base', 'now'); INSERT INTO fresh VALUES (1)});
is(code_of(try(q{CALL migrate.apply();})), '00000', 'it goes on');
is(states('else') . states('fresh'), '0001_init superseded0001_old baseline, 0005_base applied', 'also instead of what it replaces elsewhere');

define('0003_half', "CREATE TABLE covered (i int);\nCREATE INDEX CONCURRENTLY ON covered (nothing)", project => 'covers');
try(q{CALL migrate.apply(project => 'covers');});
define('0005_base', 'SELECT 1', project => 'covers', kind => 'baseline');
ask(q{SELECT migrate.mark_applied('covers:0005_base', 'it is all there')});
is(states('covers'), '0003_half baseline, 0005_base marked', 'what one covers is not half done any more');
ask(q{SELECT migrate.mark_pending('covers:0005_base', 'a mistake')});
like(states('covers'), qr/0003_half interrupted/, 'but is again without it');
define('0009_base', 'SELECT 1', project => 'covers', kind => 'baseline');
ask(q{SELECT migrate.mark_applied('covers:0009_base', 'it is all there'); SELECT migrate.baseline('0007', 'of a script', 'covers')});
is(ask(q{SELECT version FROM migrate.baselines WHERE project = 'covers'}), '0009', 'which nobody lowers unasked');

# ---- whose they are

ask('CREATE ROLE one_project');
ask(q{SELECT migrate.grant_capability('one_project', 'administrator', 'mine'); SELECT migrate.grant_capability('one_project', 'deployer', 'mine')});
define('0001_t', 'SELECT 1', project => 'theirs');
define('0001_m', 'SELECT 1', project => 'mine', replaces => '{theirs:0001_t}');
raises($node, 'postgres', "SET ROLE one_project; $_", '42501', qr/capability "\w+" .*"theirs"/, "not by who may only in one project: $_")
	foreach q{SELECT migrate.mark_applied('mine:0001_m', 'test')}, q{BEGIN; SELECT migrate.begin('mine:0001_m')};

$node->stop;
done_testing();
