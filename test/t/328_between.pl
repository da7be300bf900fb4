# 328_between.pl: what people do between the end of an attempt and the next one, and what of it cannot go on.
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

# ---- back over one that is half applied

define('0001_t', 'CREATE TABLE t (i int)', down => 'DROP TABLE t', project => 'back');
define('0002_s', "INSERT INTO t VALUES (1), (1);\nCREATE UNIQUE INDEX CONCURRENTLY ti ON t (i);\nINSERT INTO t VALUES (9);", down => "DROP INDEX ti;\nDELETE FROM t",
	project => 'back', requires => '{0001_t}');
define('0001_x', 'SELECT 1', down => 'SELECT 1', project => 'other', requires => '{back:0001_t}');
is(code_of(try(q{CALL migrate.apply(project => 'back');})), '23505', 'a migration is half applied');
foreach my $call (q{CALL migrate.revert(project => 'back');}, q{CALL migrate.revert('zero', 'back');}, q{CALL migrate.revert('0001', 'back');}, q{CALL migrate.revert(steps => 2, project => 'back');})
{
	$err = try($call);
	is(code_of($err), 'MG012', "what it rests on does not go before it: $call");
	like($err, qr/migration "back:0002_s" is half applied.*HINT:  CALL migrate\.apply\('back:0002_s'\);  goes on\./s, 'which is said');
}
is(ask(q{SELECT name, reason FROM migrate.plan('zero', 'back', direction => 'down') ORDER BY name LIMIT 1}),
	'0001_t|refused: migration "back:0002_s" is half applied', 'before, too');
is(ask('SELECT count(*) FROM t'), '2', 'nothing has gone');
ask(q{DELETE FROM t; SELECT migrate.resolve('back:0002_s', 'reverted', 'undone by hand')});
is(code_of(try(q{CALL migrate.revert('zero', 'back');})), '00000', 'once somebody says that it was undone');
is(states('back'), '0001_t reverted, 0002_s reverted', 'all can go');

# Each way goes on with what is half-way on it, whatever else is on the other.
ask('CREATE TABLE ways (i int); INSERT INTO ways VALUES (1), (1)');
define('0002_b', 'CREATE TABLE ways_b ()', down => "DROP TABLE ways_b;\nCREATE UNIQUE INDEX CONCURRENTLY ON ways (i)", project => 'ways');
ask(q{CALL migrate.apply(project => 'ways')});
try(q{CALL migrate.revert(project => 'ways');});
define('0001_a', "CREATE TABLE ways_a ();\nCREATE UNIQUE INDEX CONCURRENTLY ON ways (i)", project => 'ways');
try(q{CALL migrate.apply('0001_a', 'ways');});
is(states('ways'), '0001_a interrupted, 0002_b interrupted', 'one is half applied, and another one half reverted');
ask('DELETE FROM ways');
$err = try(q{CALL migrate.apply(project => 'ways');});
like($err, qr/"ways:0002_b" is half reverted.*HINT:  CALL migrate\.revert\(project => 'ways'\);  goes on/s, 'which is said to whoever would apply both');
is(code_of(try(q{CALL migrate.revert(project => 'ways');})), '00000', 'going back goes on with the one');
is(code_of(try(q{CALL migrate.apply('ways:0001_a');})), '00000', 'and forward with the other');

ask(q{SELECT migrate.register('R__w', 'SELECT 1', down => E'SELECT 1;\nCREATE INDEX CONCURRENTLY ON ways (nothing)', kind => 'repeatable', project => 'ways', requires => '{}');
	SELECT migrate.register('0003_c', 'SELECT 1', down => 'SELECT 1', project => 'ways', requires => '{}'); CALL migrate.apply(project => 'ways')});
ask(q{SELECT migrate.mark_pending('ways:0001_a', 'test')});
try(q{CALL migrate.revert('zero', 'ways');});
like(states('ways'), qr/R__w interrupted/, 'a repeatable is half reverted');
ask(q{SELECT migrate.register('R__w', 'SELECT 1', down => E'SELECT 1;\nVACUUM ways', kind => 'repeatable', project => 'ways', requires => '{}')});
like(try(q{CALL migrate.revert(project => 'ways');}), qr/ways:R__w  reverted/, 'which goes on first as well');
ask(q{SELECT migrate.hold(name, 'done with', project) FROM migrate.migrations WHERE project = 'ways'});

# ---- what is late, and half done

ask('CREATE TABLE early (i int); INSERT INTO early VALUES (1), (1)');
foreach my $policy (qw(skip refuse))
{
	ask(qq{SELECT migrate.configure('out_of_order', '$policy', 'test', project => '$policy')});
	define('0001_a', "CREATE TABLE early_$policy ();\nCREATE UNIQUE INDEX CONCURRENTLY i_early ON early (i)", project => $policy);
	define('0002_b', 'SELECT 1', project => $policy, requires => '{}');
	try("CALL migrate.apply('0001_a', '$policy')");
	ask("CALL migrate.apply('0002_b', '$policy'); DELETE FROM early");
	is(code_of(try("CALL migrate.apply(project => '$policy')")) . states($policy), '000000001_a applied, 0002_b applied', "what has begun comes to its end, with out_of_order = $policy");
	ask('DROP INDEX i_early; INSERT INTO early VALUES (1), (1)');
}

# ---- an index that is there, and is not valid

my $valid = q{SELECT string_agg(indisvalid::text, ' ') FROM pg_index WHERE indexrelid = to_regclass('broken_i')};
ask('CREATE TABLE broken (i int); INSERT INTO broken VALUES (1), (1)');
define('0001_i', "SELECT 1;\nCREATE UNIQUE INDEX CONCURRENTLY broken_i ON broken (i);\nSELECT 2", project => 'broken');
try(q{CALL migrate.apply(project => 'broken')});
try($_) foreach 'DROP INDEX broken_i', 'CREATE UNIQUE INDEX CONCURRENTLY broken_i ON broken (i)';
like(try(q{CALL migrate.apply(project => 'broken')}), qr/MG012.*Its index has gone, and public\.broken_i is there and is not valid\./s, 'somebody else has failed to make it');
foreach my $decision (qw(skip_statement continue))
{
	like(try("SELECT migrate.resolve('broken:0001_i', '$decision', 'it is there')"), qr/55000.*DETAIL:  To be run: DROP INDEX CONCURRENTLY public\.broken_i\nHINT:  Run that, then say it again\./s, "which is no reason to $decision");
}
is(ask($valid), 'false', 'and is not dropped');
ask('DROP INDEX broken_i; DELETE FROM broken');
ask(q{SELECT migrate.resolve('broken:0001_i', 'continue', 'it has gone')});
is(code_of(try(q{CALL migrate.apply(project => 'broken')})) . ask($valid), '00000true', 'where it has gone it is made');

ask('DROP INDEX broken_i; INSERT INTO broken VALUES (1), (1)');
define('0002_e', 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS broken_i ON broken (i)', project => 'broken');
try(q{CALL migrate.apply(project => 'broken')});
like(try(q{SELECT migrate.mark_pending('broken:0002_e', 'anew')}), qr/NOTICE:  00000: statement 1 of migration "broken:0002_e" was stopped in the middle, and has left something\nHINT:  If it is not needed: DROP INDEX CONCURRENTLY public\.broken_i/, 'whoever begins anew hears what is left');
ask('DELETE FROM broken');
like(try(q{CALL migrate.apply(project => 'broken')}), qr/55000.*index "broken_i" is there, but is not valid.*HINT:  DROP INDEX CONCURRENTLY public\.broken_i;  then call again\./s, 'IF NOT EXISTS does not take it for done');
define('0002_e', 'CREATE UNIQUE INDEX IF NOT EXISTS broken_i ON broken (i)', project => 'broken');
like(try(q{CALL migrate.apply(project => 'broken')}), qr/55000.*index "broken_i" is there, but is not valid/s, 'also inside a transaction');
ask('REINDEX INDEX broken_i');
is(code_of(try(q{CALL migrate.apply(project => 'broken')})) . ask($valid), '00000true', 'once it is valid it is');
ask('CREATE TABLE by_part (i int) PARTITION BY RANGE (i); CREATE TABLE by_part_1 PARTITION OF by_part DEFAULT; CREATE INDEX by_part_i ON ONLY by_part (i)');
define('0003_w', 'CREATE INDEX IF NOT EXISTS by_part_i ON ONLY by_part (i)', project => 'broken');
is(code_of(try(q{CALL migrate.apply(project => 'broken')})), '00000', 'that of a partitioned table waits for its partitions');

# ---- an index that is made anew

my $made = q{SELECT count(*) FROM pg_index WHERE indrelid = 'indexed'::regclass AND indisvalid};

ask('CREATE TABLE indexed (a int, b int); CREATE INDEX indexed_a ON indexed (a)');
define('0001_drop', "DROP INDEX CONCURRENTLY indexed_a;\nCREATE TABLE dropped_behind ();", project => 'anew');
stop_at('apart_intent_committed', q{CALL migrate.apply(project => 'anew');});
ask('REINDEX TABLE CONCURRENTLY indexed');
$err = try(q{CALL migrate.apply(project => 'anew');});
is(code_of($err), 'MG012', 'one that was to be dropped and was rebuilt is not taken for dropped');
like($err, qr/DETAIL:  .*DROP INDEX: Its index has gone, and public\.indexed_a is there, perhaps made out of it.*HINT:  Look, then say which/s, 'which is said');
ask(q{SELECT migrate.resolve('anew:0001_drop', 'continue', 'it is there')});
is(code_of(try(q{CALL migrate.apply(project => 'anew');})), '00000', 'but is dropped');
is(ask($made), '0', 'as it was to be');
define('0002_make', "CREATE INDEX CONCURRENTLY ON indexed (b);\nCREATE TABLE made_behind ();", project => 'anew');
stop_at('top_level_made_noted', q{CALL migrate.apply(project => 'anew');});
is(code_of(try(q{CALL migrate.apply(project => 'anew');})), '00000', 'one of which nothing was kept is made');
ask('INSERT INTO indexed VALUES (1, 1), (1, 1)');
define('0003_unique', "CREATE UNIQUE INDEX CONCURRENTLY ON indexed (a, b);\nCREATE TABLE unique_behind ();", project => 'anew');
is(code_of(try(q{CALL migrate.apply(project => 'anew');})), '23505', 'one is left invalid');
raises($node, 'postgres', q{SELECT migrate.resolve('anew:0003_unique', 'skip_statement', 'why')}, '55000', qr/has left something.*DROP INDEX CONCURRENTLY public\.indexed_a_b_idx/s,
	'which cannot be skipped');
ask('DELETE FROM indexed');
$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY indexed_a_b_idx');
$err = try(q{CALL migrate.apply(project => 'anew');});
is(code_of($err), 'MG012', 'is not made twice when somebody has rebuilt it');
like($err, qr/CREATE INDEX: Its index has gone, and public\.indexed_a_b_idx is there/, 'which is said');
ask(q{SELECT migrate.resolve('anew:0003_unique', 'skip_statement', 'it is there')});
is(code_of(try(q{CALL migrate.apply(project => 'anew');})), '00000', 'but taken');
is(ask($made), '2', 'with the other one');
ask('INSERT INTO indexed VALUES (1, 2), (1, 3); CREATE INDEX ON indexed (a)');
define('0004_unique', "CREATE UNIQUE INDEX CONCURRENTLY ON indexed ((a))", project => 'anew');
is(code_of(try(q{CALL migrate.apply(project => 'anew');})), '23505', 'another one is left invalid');
ask('DELETE FROM indexed; DROP INDEX indexed_a_idx1; CREATE INDEX another ON indexed (b)');
is(code_of(try(q{CALL migrate.apply(project => 'anew');})), '00000', 'and made when somebody has dropped it');
is(ask($made), '5', 'once, whatever else was made');

# ---- on another table

my $one = 'SET search_path = one, public;';

ask('CREATE SCHEMA one; CREATE TABLE one.twin (i int); CREATE TABLE public.twin (i int); INSERT INTO one.twin VALUES (1), (1)');
define('0001_twin', "CREATE UNIQUE INDEX CONCURRENTLY ON twin (i);\nCREATE TABLE twin_behind ();", project => 'twin');
is(code_of(try(q{CALL migrate.apply(project => 'twin');}, $one)), '23505', 'an index of a table in one schema');
$err = try(q{CALL migrate.apply(project => 'twin');});
is(code_of($err), 'MG012', 'is not made on one in another');
like($err, qr/CREATE INDEX: It was begun on what is called one\.twin now, and would go on on something else.*HINT:  Go on in a session with the search_path of then/s, 'which is said');
raises($node, 'postgres', q{SELECT migrate.resolve('twin:0001_twin', 'skip_statement', 'why')}, '55000', qr/has left something/, 'nor skipped');
ask('DELETE FROM one.twin');
is(code_of(try(q{CALL migrate.apply(project => 'twin');}, $one)), '00000', 'it is made where it was begun');
define('0002_again', 'REINDEX TABLE CONCURRENTLY twin', project => 'twin');
stop_at('apart_intent_committed', q{CALL migrate.apply(project => 'twin');}, $one);
is(code_of(try(q{CALL migrate.apply(project => 'twin');})), 'MG012', 'nor is another table rebuilt');
is(code_of(try(q{CALL migrate.apply(project => 'twin');}, $one)), '00000', 'but the same');
is(ask(q{SELECT string_agg(indrelid::regclass || ' ' || indisvalid, ',') FROM pg_index WHERE indrelid IN ('one.twin'::regclass, 'public.twin'::regclass)}), 'one.twin true', 'which has it');

ask('CREATE TABLE whole (i int) PARTITION BY LIST (i); CREATE TABLE part PARTITION OF whole FOR VALUES IN (1)');
define('0001_detach', "ALTER TABLE whole DETACH PARTITION part CONCURRENTLY;\nCREATE TABLE detached ();", project => 'part');
stop_at('apart_intent_committed', q{CALL migrate.apply(project => 'part');});
ask('DROP TABLE part; CREATE TABLE part PARTITION OF whole FOR VALUES IN (1)');
is(code_of(try(q{CALL migrate.apply(project => 'part');})), '00000', 'a partition that has gone is none any more');
is(ask(q{SELECT relispartition FROM pg_class WHERE relname = 'part'}), 't', 'what has its name stays one');

# ---- whose place it has taken

ask('CREATE TABLE placed (t text)');
define("000${_}_p", "INSERT INTO placed VALUES ('$_')", project => 'place') foreach 1, 2;
my $squash = "INSERT INTO placed VALUES ('1'), ('2');\nVACUUM placed;\nSELECT 1 / ";
define('0003_s', "${squash}0", project => 'place', replaces => '{0001_p,0002_p}');
is(code_of(try(q{CALL migrate.apply(project => 'place');})), '22012', 'a squash is half done');
my $again = q{SELECT migrate.register('0003_s', %s, project => 'place', requires => '{}'%s)};
raises($node, 'postgres', sprintf($again, literal("${squash}1"), ''), 'MG012', qr/half done, and its kind or what it replaces was changed.*DETAIL:  It is of kind "versioned" and replaces "0001_p", "0002_p"\./s,
	'it stays one');
raises($node, 'postgres', sprintf($again, literal("${squash}1"), q{, replaces => '{0001_p,0002_p}', kind => 'baseline'}), 'MG012', qr/what it replaces/, 'of its kind');
define('0003_s', "${squash}1", project => 'place', replaces => '{0002_p,0001_p}');
is(code_of(try(q{CALL migrate.apply(project => 'place');})), '00000', 'mended, it goes on');
is(ask(q{SELECT string_agg(t, '' ORDER BY t) FROM placed}), '12', 'and nothing is done twice');

ask(q{SELECT migrate.register('0001_c', $$CREATE TABLE conflicts ();
CREATE INDEX CONCURRENTLY ON conflicts (nothing)$$, project => 'conflict', requires => '{}')});
is(code_of(try(q{CALL migrate.apply(project => 'conflict');})), '42703', 'one is half done');
define('0002_c', 'SELECT 1', project => 'conflict', conflicts => '{0001_c}');
like(try(q{CALL migrate.apply('0002_c', 'conflict');}), qr/MG005: .*conflicts with "conflict:0001_c", which is half done/, 'what conflicts with it does not run');
like(states('conflict'), qr/^0001_c interrupted, 0002_c blocked$/, 'as its state says');
ask(q{SELECT migrate.hold(name, 'done with', project) FROM migrate.migrations WHERE project = 'conflict'});

# ---- what was set

ask('CREATE SCHEMA app; CREATE TABLE app.x (t text); CREATE TABLE public.x (t text)');
my $stops = "INSERT INTO x VALUES ('before');\nCREATE INDEX CONCURRENTLY ON public.x (nothing);";
my $goes_on = "INSERT INTO x VALUES ('before');\nCREATE INDEX CONCURRENTLY ON public.x (t);\nINSERT INTO x VALUES ('behind');";

ask('CREATE SEQUENCE counted');

sub goes_on
{
	my ($project, $sets, $last) = @_;

	define('0001_sets', "$sets;\n$stops", project => $project);
	like(try("CALL migrate.apply(project => '$project');"), qr/42703/, "a migration stops behind: $sets");
	define('0001_sets', "$sets;\n$goes_on", project => $project);
	$err = try("CALL migrate.apply(project => '$project');");
	my $rows = ask(q{SELECT string_agg(t, ' ' ORDER BY t) FROM app.x});
	ask('TRUNCATE app.x, public.x');
	return code_of($err) eq '00000' ? $rows : $err;
}

is(goes_on('set1', q{SELECT set_config('search_path', 'app,' || current_setting('search_path'), false)}), 'before behind', 'with what a query had set');
is(goes_on('set2', q{SELECT set_config('search_path', 'app', false), set_config('work_mem', '5MB', false)}), 'before behind', 'and all of it');
is(goes_on('set7', qq{SET search_path = app;\nSET search_path FROM CURRENT}), 'before behind', 'that it is what it is');
is(goes_on('set8', q{SET search_path = app; SELECT set_config('lock_timeout', '5s', true), now(), nextval('public.counted')}), 'before behind', 'not with what ended with its transaction');
ask(q{CREATE FUNCTION app.set_config(text, text) RETURNS int LANGUAGE sql AS 'SELECT 1'});
is(goes_on('set9', q{SET search_path = app; SELECT app.set_config('feature', 'on')}), 'before behind', 'nor with a function of that name');
is(goes_on('set11', q{WITH s AS (SELECT 'app' AS n) SELECT set_config('search_path', n, false) FROM s}), 'before behind', 'what a query says itself it says again');
is(goes_on('set3', q{SELECT pg_catalog.set_config('search_path', nspname, false) FROM pg_namespace WHERE nspname = 'app'}), 'before behind', 'as it finds it');
is(goes_on('set4', qq{CREATE ROLE goner;\nGRANT USAGE ON SCHEMA app TO goner;\nSET ROLE goner;\nSET ROLE NONE;\nREVOKE USAGE ON SCHEMA app FROM goner;\nDROP ROLE goner;\nSET search_path = app}), 'before behind', 'without a role that has gone');
is(goes_on('set5', qq{SET default_transaction_read_only = on;\nVACUUM public.x;\nSET default_transaction_read_only = off;\nSET search_path = app}), 'before behind', 'and nothing in it keeps the record from being written');
$err = goes_on('set6', q{SELECT set_config('search_path', 'app', false), nextval('public.counted')});
like($err, qr/MG012: .*cannot go on: statement 1 of it, which stands, has set something for those behind it.*HINT:  Do by hand what is left, then: SELECT migrate\.resolve\('set6:0001_sets', 'applied'/s, 'not with what counts');
ask(q{SELECT migrate.hold('set6:0001_sets', 'done with')});
ask(q{CREATE TABLE tenants (s text, done bool); INSERT INTO tenants VALUES ('app', false)});
like(goes_on('set10', q{SELECT set_config('search_path', s, false) FROM public.tenants WHERE NOT done; UPDATE public.tenants SET done = true}), qr/MG012/, 'nor with what a table said');
ask(q{SELECT migrate.hold('set10:0001_sets', 'done with')});
like(goes_on('set12', q{SELECT set_config('search_path', 'app', false) INTO made}), qr/MG012/, 'nor with what makes a table');
ask(q{SELECT migrate.hold('set12:0001_sets', 'done with')});
ask('CREATE ROLE gone_for_good');
define('0001_role', "SET ROLE gone_for_good;\nVACUUM public.x;\nSELECT 1 / 0", project => 'role');
try(q{CALL migrate.apply(project => 'role');});
ask('DROP ROLE gone_for_good');
like(try(q{CALL migrate.apply(project => 'role');}), qr/22023|42704.*CONTEXT:  .*setting again what statement 1 had set for those behind it/s, 'what cannot be set again is named');
ask(q{SELECT migrate.hold('role:0001_role', 'done with')});

# ---- what is of one transaction

ask(q{CREATE TYPE e AS ENUM ('a'); CREATE TABLE app.et (e public.e); CREATE TABLE public.et (e e)});

sub held
{
	my ($project, $before, $what) = @_;
	my $used = "INSERT INTO et VALUES ('$project')";

	define('0001_value', "$before;\nALTER TYPE e ADD VALUE '$project';\n$used;", project => $project);
	$err = try("CALL migrate.apply(project => '$project');");
	is(code_of($err), '55P04', "a value is not committed before it is used, behind: $before");
	like($err, qr/DETAIL:  The value would be committed before it is used, but statement 1, $what, holds to the end of its transaction only\..*HINT:  Put what adds the value into a migration of its own/s, 'since that would be lost');
	ask("SELECT migrate.hold('$project:0001_value', 'done with')");
	return;
}

held('v1', 'SET LOCAL search_path = app, public', 'SET LOCAL');
held('v2', q{SELECT set_config('search_path', 'app, public', true)}, 'SELECT');
held('v3', 'CREATE TEMP TABLE held ON COMMIT DELETE ROWS AS SELECT 1', 'CREATE TABLE AS');
held('v4', 'CREATE TEMP TABLE held () ON COMMIT DROP', 'CREATE TABLE');
held('v5', 'LOCK TABLE et', 'LOCK TABLE');
held('v6', 'SELECT pg_advisory_xact_lock(1)', 'SELECT');
held('v7', 'SET CONSTRAINTS ALL DEFERRED', 'SET CONSTRAINTS');
held('v8', 'DECLARE c CURSOR FOR SELECT 1', 'DECLARE CURSOR');
define('0001_value', "SET search_path = app, public;\nALTER TYPE e ADD VALUE 'v9';\nINSERT INTO et VALUES ('v9');", project => 'v9');
is(code_of(try(q{CALL migrate.apply(project => 'v9');})), '00000', 'what holds for the session does behind it');
is(ask('SELECT string_agg(e::text, $$,$$) FROM app.et'), 'v9', 'in the right place');
define('0001_value', q{DO 'BEGIN ALTER TYPE e ADD VALUE ''v10''; END'; SET LOCAL search_path = app; INSERT INTO et VALUES ('v10')}, project => 'v10');
is(code_of(try(q{CALL migrate.apply(project => 'v10');})), '00000', 'what holds for the transaction that uses it does, too');
define('0001_value', q{SET LOCAL lock_timeout = '5s'; ALTER TYPE e ADD VALUE 'v11'; INSERT INTO et VALUES ('v11')}, project => 'v11');
is(code_of(try(q{CALL migrate.apply(project => 'v11');})), '00000', 'how long something may take is no matter of what is done');

define('0001_cursor', "DECLARE c CURSOR WITH HOLD FOR SELECT migrate.register('zz', 'SELECT 1');\nVACUUM app.x;", project => 'cursor');
like(try(q{CALL migrate.apply(project => 'cursor');}), qr/MG009/, 'what a commit runs is the migration\'s');
is(ask(q{SELECT count(*) FROM migrate.migrations WHERE name = 'zz'}), '0', 'and cannot call ours');
ask(q{SELECT migrate.hold('cursor:0001_cursor', 'done with')});

# ---- what check() says of one that is half done can be typed, and helps

sub hint_of { return ask("SELECT hint FROM migrate.check('$_[0]') WHERE code = 'interrupted'") }

ask('CREATE TABLE half (s text)');
define('0001_half', "INSERT INTO half VALUES ('1');\nVACUUM half;\nINSERT INTO half SELECT '3 ' || 1 / count(*) FROM pg_class WHERE relname = 'half_may'", project => 'halves');
define('0002_all', "INSERT INTO half VALUES ('2')", project => 'halves', requires => '{0001_half}');
is(code_of(try(q{CALL migrate.apply(project => 'halves');})), '22012', 'one is half done');
$err = try(q{SELECT migrate.baseline('0002_all', 'all of it is there', 'halves');});
like($err, qr/MG012: migration "halves:0001_half" is half applied.*HINT:  CALL migrate\.apply\('halves:0001_half'\);  goes on\./s, 'a baseline does not pass over it');
is(states('halves'), '0001_half interrupted, 0002_all pending', 'nor over what is behind it');
define('0003_instead', 'SELECT 1', project => 'halves', replaces => '{0001_half,0002_all}');
like(hint_of('halves'), qr/^SELECT migrate\.hold\('halves:0003_instead', .*;  CALL migrate\.apply\('halves:0001_half'\);$/, 'where something would run instead of it, that is to wait');
ask('CREATE TABLE half_may ()');
is(code_of(try(hint_of('halves'))), '00000', 'and does');
ask(q{CALL migrate.apply(project => 'halves')});
ask(q{SELECT migrate.release('halves:0003_instead', 'they are')});
is(code_of(try(q{CALL migrate.apply(project => 'halves');})) . states('halves') . ask(q{SELECT string_agg(s, ', ' ORDER BY s) FROM half}),
	'000000001_half superseded, 0002_all superseded, 0003_instead marked1, 2, 3 1', 'so that each is done once');
ask(q{DROP TABLE half_may; TRUNCATE half});
define('0001_half', q{DO 'BEGIN INSERT INTO half VALUES (''1''); COMMIT; INSERT INTO half SELECT ''2 '' || 1 / count(*) FROM pg_class WHERE relname = ''half_may''; END'}, project => 'doubt');
is(code_of(try(q{CALL migrate.apply(project => 'doubt');})), '22012', 'a block stops behind what it has committed');
like(hint_of('doubt'), qr/^SELECT migrate\.resolve\('doubt:0001_half', 'skip_statement'/, 'which is to be decided');
define('0001_half', "CREATE TEMP TABLE half_of (s text);\nVACUUM half;\nINSERT INTO half_of SELECT 1 / count(*) FROM pg_class WHERE relname = 'half_may'",
	down => 'SELECT 1', project => 'gone');
is(code_of(try(q{CALL migrate.apply(project => 'gone');}) . try(q{CALL migrate.apply(project => 'gone');})) . ask(q{SELECT detail FROM migrate.status('gone')}) =~ s/;.*//r,
	'22012MG012', 'one cannot go on in another session');
like(ask(hint_of('gone') =~ s/;.*//r), qr/what is temporary has gone.*SELECT migrate\.resolve\('gone:0001_half', 'restart'/s, 'and how it can is found where it is said');
ask(q{SELECT migrate.hold('gone:0001_half', 'wait')});
is(ask(q{SELECT code || ' ' || hint FROM migrate.check('gone')}) =~ s/\d+;/n;/r, q{interrupted SELECT * FROM migrate.history WHERE id = n;  says what it needs to go on with: SELECT migrate.release('gone:0001_half', '<why>');  CALL migrate.apply('gone:0001_half');}, 'a hold does not hide that');
is(ask(q{SELECT state || ' ' || detail FROM migrate.status('gone')}) =~ s/by \w+/by me/r, 'interrupted MG012; 2 of 3 statements stand; held by me: "wait"', 'and is seen as well');
is(ask(q{SELECT string_agg(code, ' ') FROM migrate.check('doubt')}), 'interrupted', 'nor is it an error less');
ask(q{SELECT migrate.release('gone:0001_half', 'no more')});
is(ask(q{SELECT mode || ': ' || reason FROM migrate.plan(project => 'gone')}), '3 steps: goes on where it stopped', 'which plan shows');
like(try(q{CALL migrate.revert('zero', 'gone');}), qr/HINT:  SELECT \* FROM migrate\.history/, 'also by whoever wants it undone');
like(try(q{SELECT migrate.mark_pending('gone:0001_half', 'look');}), qr/NOTICE:  00000: migration "gone:0001_half" was half applied/, 'and a decision says what it was about');
ask('CREATE TABLE set_by (v text); INSERT INTO set_by VALUES (1)');
define('0002_half', "SELECT set_config('my.v', v, false) FROM set_by;\nVACUUM half;\nINSERT INTO half SELECT 1 / count(*) FROM pg_class WHERE relname = 'half_may'", project => 'once');
try(q{CALL migrate.apply(project => 'once');});
like(try(q{CALL migrate.apply(project => 'once');}), qr/MG012.*statement 1 of it, which stands, has set something/s, 'what is set from a table is not set again');
ask(q{SELECT migrate.mark_pending('once:0002_half', 'seen')});
define('0003_half', "CREATE TABLE half_of_it ();\nSELECT 1 / count(*) FROM pg_class WHERE relname = 'half_may'", project => 'once', options => '{"transaction": "off"}', requires => '{}');
try(q{CALL migrate.apply('once:0003_half');});
define('0003_half', "CREATE TABLE half_of_it ();\nSELECT 1 / count(*) FROM pg_class WHERE relname = 'half_may'", project => 'once', requires => '{}');
is(ask(q{SELECT mode FROM migrate.plan('once:0003_half') WHERE name = '0003_half'}), '1 step', 'what goes on does so in steps');
ask(qq{SELECT migrate.mark_pending('$_:0001_half', 'seen'); SELECT migrate.hold('$_:0001_half', 'done with')}) foreach 'doubt', 'gone';

# ---- nothing is to be decided where only whoever waited has gone

sub end_of { return q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND } . $_[0] }
my $no_worker = q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'pg_migrations%'};
my $asleep = q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'};

ask('CREATE TABLE slept (i int)');
define('0001_left', 'SELECT 1', down => "INSERT INTO slept VALUES (1);\nVACUUM half;\nSELECT pg_sleep(1) FROM slept;\nVACUUM half;\nTRUNCATE slept", project => 'left');
ask(q{CALL migrate.apply(project => 'left')});
my $leaves = start_client($node, 'postgres', q{CALL migrate.revert(project => 'left')});
wait_until($node, 'postgres', $asleep);
ask(end_of(q{backend_type = 'client backend' AND query LIKE 'CALL migrate.revert%'}));
end_client($leaves);
wait_until($node, 'postgres', $no_worker);
is(ask(q{SELECT detail FROM migrate.status('left')}) . ' ' . hint_of('left'), q{08003; 3 of 5 statements stand CALL migrate.revert(project => 'left');}, 'a revert goes on as it was called');
is(code_of(try(hint_of('left'))) . ask('SELECT count(*) FROM slept'), '000000', 'which it does');

# Whose worker is ended: what stood is counted in its history.
define('0001_ends', "INSERT INTO slept VALUES (1);\nVACUUM half;\nSELECT pg_sleep(30)", project => 'ends');
$leaves = start_client($node, 'postgres', q{CALL migrate.apply(project => 'ends')});
wait_until($node, 'postgres', $asleep);
ask(end_of(q{backend_type = 'pg_migrations worker'}));
end_client($leaves);
is(ask(q{SELECT outcome || ' ' || statements FROM migrate.history WHERE project = 'ends' AND outcome <> 'started'}), 'interrupted 2', 'what stands is counted');
ask(q{SELECT migrate.mark_pending('ends:0001_ends', 'seen'); SELECT migrate.hold('ends:0001_ends', 'done with')});

# ---- one that has lost what keeps others out

ask('CREATE TABLE pause (s int); INSERT INTO pause VALUES (4); CREATE TABLE steps (i int)');
define('0001_loses', q{DO 'BEGIN INSERT INTO steps VALUES (1); PERFORM pg_advisory_unlock_all(); COMMIT; PERFORM pg_sleep((SELECT s FROM pause)); INSERT INTO steps VALUES (2); END';
INSERT INTO steps VALUES (3)}, project => 'lost');
my $client = start_client($node, 'postgres', q{CALL migrate.apply(project => 'lost')});
wait_until($node, 'postgres', 'SELECT count(*) = 1 FROM steps');
ask(q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'CALL migrate.apply(project => ''lost'')%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()});
end_client($client);
ask('UPDATE pause SET s = 0');
is(code_of(try(q{CALL migrate.apply(project => 'lost');})), 'MG012', 'a block is not run beside itself unasked');
ask(q{SELECT migrate.resolve('lost:0001_loses', 'continue', 'in a hurry')});
is(code_of(try(q{CALL migrate.apply(project => 'lost');})), '00000', 'but when somebody says so');
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'pg_migrations%'});
is(state_of('0001_loses') =~ s/:.*//r, 'applied', 'the first one does not write over what has become of it');
is(ask('SELECT string_agg(i::text, $$$$ ORDER BY i) FROM steps'), '1123', 'nor goes on');
ok($node->log_contains(qr/HINT:  SELECT \* FROM migrate\.show\('lost'\);/), 'and says where to look');

# One that fails then, for what is worth another try, has nobody's to try it on.
ask('UPDATE pause SET s = 3; TRUNCATE steps; CREATE TABLE locked ()');
define('0002_loses', q{DO 'BEGIN INSERT INTO steps VALUES (1); PERFORM pg_advisory_unlock_all(); COMMIT; PERFORM pg_sleep((SELECT s FROM pause)); SET LOCAL lock_timeout = 100; LOCK TABLE locked; END';
INSERT INTO steps VALUES (3)}, project => 'lost');
$client = start_client($node, 'postgres', q{CALL migrate.apply(project => 'lost')});
wait_until($node, 'postgres', 'SELECT count(*) = 1 FROM steps');
ask(q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'CALL migrate.apply(project => ''lost'')%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()});
end_client($client);
ask(q{UPDATE pause SET s = 0; SELECT migrate.resolve('lost:0002_loses', 'continue', 'in a hurry')});
is(code_of(try(q{CALL migrate.apply(project => 'lost');})), '00000', 'another one is taken over as well');
my $holder = open_session($node, 'postgres');
ask_session($holder, 'BEGIN; LOCK TABLE locked;');
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'pg_migrations%'});
$holder->quit;
is(state_of('0002_loses') =~ s/:.*//r, 'applied', 'and what it does not get there leaves it so');

# ---- a worker that is told to end

my $worker = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_migrations worker'};
my $sleeps = qq{$worker AND wait_event = 'PgSleep'};

sub end_worker_of
{
	my ($call) = @_;
	my $waiting = start_client($node, 'postgres', $call);

	wait_until($node, 'postgres', "SELECT ($sleeps) = 1");
	ask(q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'pg_migrations worker'});
	end_client($waiting);
	return;
}

define('0001_k', 'CREATE TABLE k ()', project => 'told', down => "SELECT pg_sleep(30);\nDROP TABLE k;\nVACUUM pg_class");
ask(q{CALL migrate.apply(project => 'told')});
end_worker_of(q{CALL migrate.revert(project => 'told')});
is(states('told') . ask('SELECT count(*) FROM migrate.unfinished WHERE project = $$told$$'), '0001_k applied0', 'a revert of which nothing stands has not begun');
define('0002_k', "SELECT pg_sleep(30);\nVACUUM pg_class", project => 'told');
end_worker_of(q{CALL migrate.apply(project => 'told')});
is(states('told'), '0001_k applied, 0002_k failed', 'nor has such an apply');
ask(q{SELECT migrate.hold('told:0002_k', 'done with')});

# Its error is longer than the queue to a caller who does not listen any more.
my $long = 'x' x 100000;
define('0001_long', "DO \$d\$ /* $long */ BEGIN PERFORM pg_sleep(30); END \$d\$;\nVACUUM pg_class", project => 'long');
$client = start_client($node, 'postgres', q{CALL migrate.apply(project => 'long')});
wait_until($node, 'postgres', "SELECT ($sleeps) = 1");
ask(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL migrate.apply(project => ''long'')%' AND pid <> pg_backend_pid()});
end_client($client);
wait_until($node, 'postgres', "SELECT ($worker) = 0");
pass('a worker with much to say ends with its caller');
ask(q{SELECT migrate.hold('long:0001_long', 'done with')});
ask(q{CREATE DATABASE utf8 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
ask('CREATE EXTENSION pg_migrations', 'utf8');
ask(q{SELECT migrate.register('0001_tells', $_$DO $$BEGIN RAISE NOTICE 'told %', chr(26085) USING TABLE = chr(26085); END$$; VACUUM pg_class$_$)}, 'utf8');
$err = try('CALL migrate.apply();', 'SET client_encoding = LATIN1;', 'utf8');
is(code_of($err), '00000', 'a notice that the client has no characters for does not end it');
like($err, qr/NOTICE:  00000: told /, 'but is told');
define('0001_none', "ALTER TABLE whole DETACH PARTITION indexed CONCURRENTLY", project => 'none');
is(code_of(try(q{CALL migrate.apply(project => 'none');})), '42P01', 'what is no partition');
is(code_of(try(q{CALL migrate.apply(project => 'none');})), '42P01', 'is not taken for one that was detached');
is(states('none'), '0001_none failed', 'and nothing is half done');
ask(q{SELECT migrate.hold('none:0001_none', 'done with')});

# ---- what stands of one whose place was taken

foreach my $how (q{SELECT migrate.mark_pending('%s:0001_m', 'undone by hand')}, q{BEGIN; SELECT migrate.begin('%s:0001_m'); CREATE TABLE %s_1 (); COMMIT},
	q{CALL migrate.revert(project => '%s')})
{
	my $p = 'm' . length $how;

	define('0001_m', "CREATE TABLE ${p}_1 ();\nCREATE INDEX CONCURRENTLY ON ${p}_1 (nothing)", project => $p);
	try("CALL migrate.apply(project => '$p');");
	define('0002_b', 'SELECT 1', project => $p, kind => 'baseline', down => 'SELECT 1');
	ask(qq{SELECT migrate.mark_applied('$p:0002_b', 'it is there'); DROP TABLE ${p}_1});
	ask($how =~ s/%s/$p/gr);
	ask("SELECT migrate.hold('$p:0002_b', 'not now')") if $how =~ /revert/;
	define('0001_m', "CREATE TABLE ${p}_1 (i int);\nCREATE INDEX CONCURRENTLY ON ${p}_1 (i)", project => $p) unless $how =~ /begin/;
	is(code_of(try("CALL migrate.apply(project => '$p');")), '00000', "one that a baseline covered: $how");
	is(ask("SELECT to_regclass('${p}_1') IS NOT NULL") . ask("SELECT count(*) FROM migrate.unfinished WHERE project = '$p'"), 't0', 'is done from its beginning');
}

define('0001_x', 'CREATE TABLE shared ()', project => 'shared', down => 'DROP TABLE shared');
ask(q{CALL migrate.apply(project => 'shared')});
define('0009_s', 'CREATE TABLE shared ()', project => $_, replaces => '{shared:0001_x}') foreach qw(heir1 heir2);
ask(qq{SELECT migrate.mark_applied('$_:0009_s', 'it is there')}) foreach qw(heir1 heir2);
ask(q{SELECT migrate.mark_pending('heir1:0009_s', 'a mistake')});
is(ask(q{SELECT state, detail FROM migrate.status('shared')}), 'superseded|replaced by heir2:0009_s', 'what two replace has one heir without the other');
is(code_of(try(q{CALL migrate.revert(project => 'shared');})) . ask(q{SELECT to_regclass('shared') IS NOT NULL}), '00000t', 'and is not taken back for itself');
like(try(q{BEGIN; SELECT migrate.mark_pending('shared:0001_x', 'it is gone'); ROLLBACK}),
	qr/NOTICE:  00000: migration "shared:0001_x" does not run, since "heir2:0009_s" stands for it\nHINT:  SELECT migrate\.mark_pending\('heir2:0009_s', '<why>'\);/, 'whoever would run it hears of its heir');
ask(q{SELECT migrate.mark_pending('heir2:0009_s', 'a mistake')});
is(states('shared'), '0001_x applied', 'without any it is what it was');
ask(qq{SELECT migrate.hold('$_:0009_s', 'done with')}) foreach qw(heir1 heir2);

ask(q{SELECT migrate.register('R__r', 'SELECT 1', kind => 'repeatable', project => 'again', requires => '{}'); CALL migrate.apply(project => 'again')});
define('0002_s', 'SELECT 1', project => 'again', replaces => '{R__r}');
ask(q{CALL migrate.apply(project => 'again'); SELECT migrate.register('R__r', 'SELECT 2', kind => 'repeatable', project => 'again', requires => '{}')});
is(states('again') . ask(q{SELECT count(*) FROM migrate.plan(project => 'again')}), '0002_s marked, R__r superseded0', 'a repeatable that was replaced does not run again');

# ---- transactions that began to look before

define("000${_}_r", 'SELECT 1', project => 'old', down => 'SELECT 1', requires => $_ == 1 ? '{}' : '{0001_r}') foreach 1, 2;
define('0001_u', 'SELECT 1', project => 'older');
ask(q{CALL migrate.apply('0001_r', 'old')});
foreach my $call (q{CALL migrate.revert(project => 'old')}, q{SELECT migrate.unregister('older:0001_u')}, q{SELECT migrate.mark_applied('older:0001_u', 'test')})
{
	my $old = open_session($node, 'postgres');

	ask_session($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;');
	ask(qq{CALL migrate.apply(project => '$_')}) foreach qw(old older);
	ask(q{CALL migrate.revert(project => 'old'); CALL migrate.apply(project => 'old')});
	my (undef, $said) = ask_session($old, "$call;");
	like($said, qr/could not serialize access: migrations have been run/, "not by what it sees: $call");
	$old->quit;
}
is(states('old') . states('older'), '0001_r applied, 0002_r applied0001_u applied', 'all is as the last run left it');
ask(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; CALL migrate.revert(project => 'old'); CALL migrate.apply(project => 'old'); COMMIT});
is(states('old'), '0001_r applied, 0002_r applied', 'what nobody has disturbed goes on');

# A request to cancel is for one run.
define("000${_}_run", 'SELECT pg_sleep(2)', project => 'old') foreach 3, 4;
$client = start_client($node, 'postgres', q{CALL migrate.apply('0003_run', 'old'); CALL migrate.apply('0004_run', 'old')});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM migrate.runs WHERE outcome = 'running'});
my $canceller = open_session($node, 'postgres');
ask_session($canceller, q{BEGIN; SELECT migrate.cancel_run((SELECT run_id FROM migrate.runs WHERE outcome = 'running'), 'that one');});
wait_until($node, 'postgres', q{SELECT target = '0004_run' FROM migrate.runs WHERE outcome = 'running' UNION ALL SELECT false LIMIT 1});
ask_session($canceller, 'COMMIT;');
end_client($client);
is(states('old') =~ s/.*0003/0003/r, '0003_run applied, 0004_run applied', 'the next one of that session goes on');
$canceller->quit;

$node->stop;
done_testing();
