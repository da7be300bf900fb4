# 410_drift.pl: what is expected goes along with a database, and is told from what others do meanwhile.
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

sub ask
{
	my ($db, $sql) = @_;

	return $node->safe_psql($db, $sql);
}

# Settings and comment of a database stay with it.
my $drift = q{SELECT string_agg(change || ' ' || identity, ', ' ORDER BY identity) FROM migrate.drift() WHERE object_type NOT LIKE 'database%'};

ask('postgres', <<'SQL');
CREATE EXTENSION pg_migrations;
CREATE TABLE t (i int DEFAULT 1, j int);
CREATE VIEW v AS SELECT i FROM t;
SELECT migrate.watch('test');
SELECT migrate.register('0001_a', 'CREATE TABLE a (i int PRIMARY KEY)');
CALL migrate.apply();
SQL
is(ask('postgres', $drift), '', 'all is as expected');

# ---- in a copy, where addresses are others'

$node->stop;
$node->start;
ask('template1', 'CREATE DATABASE copy TEMPLATE postgres');
my $file = PostgreSQL::Test::Utils::tempdir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, '-d', $node->connstr('postgres') ], 'a dump');
ask('postgres', 'CREATE DATABASE restored');
ask('restored', 'CREATE TABLE shift (); CREATE TABLE oids (); DROP TABLE shift, oids');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), $file ], 'a restore');
foreach my $db (qw(copy restored))
{
	is(ask($db, q{SELECT identity FROM migrate.drift() WHERE object_type <> 'database'}), '', "$db is as expected, though sessions do not load the library there");
	ask($db, 'ALTER TABLE t ALTER i SET DEFAULT 2');
	ask($db, q{SELECT migrate.register('0002_b', 'ALTER TABLE t RENAME TO renamed; ALTER TABLE renamed ADD k int')});
	ask($db, 'CALL migrate.apply()');
	is(ask($db, $drift), 'changed public.renamed', 'what a migration renames is known, and what others did is not taken over');
	ask($db, 'ALTER TABLE renamed ALTER i SET DEFAULT 1');
	is(ask($db, $drift), '', 'undone');
}
# What was adrift before has its columns elsewhere in the copy, and no place there from when it was as expected.
ask('restored', q{CREATE TABLE places (a int, b int); SELECT migrate.accept_drift('public.places', 'test'); ALTER TABLE places DROP a; ALTER TABLE places ADD a int});
$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, '-d', $node->connstr('restored') ], 'a dump of what is adrift');
ask('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('again'), $file ], 'a restore of it');
ask('again', q{SELECT migrate.register('0003_c', 'CREATE TABLE c (i int)'); CALL migrate.apply()});
my (undef, undef, $refused) = $node->psql('again', q{SELECT migrate.propose_revert('public.places')});
like($refused, qr/Its columns would be in another order/, 'a column that came instead of another is not taken to be the one behind that');

# ---- of the libraries that sessions load all but ours count

my $settings = q{SELECT change, actual FROM migrate.drift() WHERE object_type = 'database setting'};
ask('postgres', q{ALTER DATABASE copy SET session_preload_libraries = 'pg_migrations', 'auto_explain'});
is(ask('copy', $settings), 'added|session_preload_libraries: auto_explain', 'another library is seen');
ask('postgres', q{ALTER DATABASE copy SET session_preload_libraries = 'pg_migrations'});
is(ask('copy', $settings), '', 'ours is none');
ask('postgres', q{UPDATE pg_db_role_setting SET setconfig = '{"session_preload_libraries=pg_migrations,,"}' WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = 'copy')});
is(ask('copy', $settings), 'added|session_preload_libraries: pg_migrations,,', 'nor is what is no list an error');
my (undef, undef, $message) = $node->psql('copy', q{SELECT migrate.watch('x')});
like($message, qr/invalid list of libraries: "pg_migrations,,"\nHINT:  ALTER DATABASE copy RESET session_preload_libraries;/, 'but where it has to be one');
ask('postgres', 'ALTER DATABASE copy RESET session_preload_libraries');

# ---- what came in while nobody looked

ask('postgres', q{SET session_preload_libraries = ''; ALTER EVENT TRIGGER pg_migrations_start DISABLE; ALTER EVENT TRIGGER zz_pg_migrations_end DISABLE;
ALTER EVENT TRIGGER pg_migrations_drop DISABLE; ALTER TABLE t ADD unseen int;});
is(ask('postgres', q{SELECT change, identity, ddl_ids IS NULL FROM migrate.drift()}), 'changed|public.t|t', 'it is found, without an author');
ask('postgres', q{SELECT migrate.watch('again')});
is(ask('postgres', $drift), 'changed public.t', 'to watch again takes over nothing');

# ---- a session that is killed between a build and its record

ask('postgres', q{SELECT migrate.accept_drift('*', 'test')});
ask('postgres', q{SELECT migrate.register('0003_c', E'CREATE INDEX CONCURRENTLY a_i ON a (i);\nSELECT pg_sleep(60)')});
my $client = start_client($node, 'postgres', 'CALL migrate.apply()');
wait_until($node, 'postgres', 'SELECT statement_no = 2 FROM migrate.progress');
ask('postgres', q{SELECT pg_terminate_backend(worker) FROM migrate.deployer()});
end_client($client);
is(ask('postgres', $drift), '', 'a step that stands is expected');
ask('postgres', q{SELECT migrate.register('0003_c', E'CREATE INDEX CONCURRENTLY a_i ON a (i);\nSELECT 1')});
ask('postgres', 'CALL migrate.apply()');
is(ask('postgres', $drift), '', 'and so is the rest');

# ---- whether anything has changed is asked of capture

my $superuser = ask('postgres', 'SELECT session_user');

ask('postgres', q{SELECT migrate.watch('everything is seen again'); CREATE TABLE by_hand (i int)});
ask('postgres', 'CREATE DATABASE quiet');
ask('quiet', q{CREATE EXTENSION pg_migrations; CREATE TABLE t (i int); CREATE TABLE u (i int); SELECT migrate.watch('test');});

# Runs one more migration; returns what it warns of.
my $number = 0;
my @hints;
sub warned
{
	my ($sql, $options) = @_;
	my ($out, $err) = ('', '');

	$number++;
	ask('quiet', sprintf(q{SELECT migrate.register('%04d_x', $up$%s$up$)}, $number, $sql // 'SELECT 1'));
	$node->psql('quiet', 'CALL migrate.apply(' . ($options // '') . ')', stdout => \$out, stderr => \$err);
	@hints = $err =~ /^HINT:  (.*)$/mg;
	return join(' ', $err =~ /^(?:psql:\S+ )?(?:WARNING|DETAIL|ERROR):  (.*)$/mg);
}

is(warned(), '', 'nothing has changed') for (1 .. 3);
ask('quiet', 'ALTER TABLE t ADD by_hand int');
is(warned(), '1 object of the schema is not as expected table public.t was changed.', 'somebody has changed something');
is(warned(), '1 object of the schema is not as expected table public.t was changed.', 'and it is still so');
ask('quiet', 'ALTER TABLE t DROP by_hand; CREATE TABLE extra (i int)');
is(warned(), '1 object of the schema is not as expected table public.extra was added.', 'now it is something else');
ask('quiet', 'DROP TABLE extra');
is(warned(), '', 'and now nothing');

my $late = open_session($node, 'quiet', $superuser);
my $long = open_session($node, 'quiet', $superuser);
ask_session($late, 'BEGIN; ALTER TABLE u ADD late int');
ask_session($long, 'BEGIN; CREATE TABLE long (i int)');
ask('quiet', 'CREATE TABLE later (i int); DROP TABLE later');
is(warned(), '', 'what is not committed does not count');
ask_session($long, 'COMMIT');
is(warned(), '1 object of the schema is not as expected table public.long was added.', 'what is committed does, though an older one is still under way');
is(warned('ALTER TABLE t ADD of_another int'), '1 object of the schema is not as expected table public.long was added.', 'and a migration');
ask_session($late, 'COMMIT');
is(warned(), '2 objects of the schema are not as expected table public.long was added, for one.', 'and what got its number long before');
ask('quiet', 'ALTER TABLE u DROP late; DROP TABLE long');
ask_session($late, 'BEGIN; ALTER TABLE u ADD late int; ROLLBACK');
is(warned(), '', 'what was rolled back never does');

my $younger = q{SELECT definition FROM migrate.inventory() WHERE identity = 'public.younger'};
ask_session($long, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM t');
ask('quiet', 'CREATE VIEW younger AS SELECT i FROM t');
my $seen = ask('quiet', $younger);
like($seen, qr/^query:/, 'a view has its query');
is((ask_session($long, $younger))[0], $seen, 'in a transaction that is older, too');
ask_session($long, 'COMMIT');
ask('quiet', 'DROP VIEW younger');
is(warned(), '', 'and now it is gone');

ask('quiet', 'CREATE TABLE forgotten (i int)');
ask('quiet', q{SELECT migrate.prune_ddl_log(now() + interval '1 day', 'test')});
is(warned(), '1 object of the schema is not as expected table public.forgotten was added.', 'what is no longer in the log is found');
ask('quiet', 'DROP TABLE forgotten');
is(warned(), '', 'and that it is gone');

ask('quiet', 'CREATE ROLE drift_owner; ALTER TABLE u OWNER TO drift_owner');
ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
is(warned(), '', 'accepted');
ask('postgres', 'ALTER ROLE drift_owner RENAME TO drift_renamed');
like(warned(), qr/table public\.u was changed/, 'what is done in another database is noticed');
ask('postgres', 'ALTER ROLE drift_renamed RENAME TO drift_owner');
is(warned(), '', 'and that it is undone');

ask('postgres', q{COMMENT ON DATABASE quiet IS 'from elsewhere'});
is(warned(q{ALTER DATABASE quiet SET work_mem = '5MB'}), '1 object of the schema is not as expected database this database was changed.', 'so is a comment on this one');
like(ask('quiet', q{SELECT migrate.drift_diff('this database')}), qr/from elsewhere/, 'which a migration does not take over');
ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
is(warned(), '', 'accepted');

# Numbers of transactions, and of what was captured, in any order.

# One more migration in a transaction block; what comes before and behind it.
sub in_block
{
	my ($session, $before, $behind) = @_;

	$number++;
	ask('quiet', sprintf(q{SELECT migrate.register('%04d_x', 'SELECT 1')}, $number));
	ask_session($session, $_) foreach (@$before, 'CALL migrate.apply()', @$behind, 'COMMIT');
	return;
}

ask_session($late, 'BEGIN; SELECT pg_current_xact_id()');
ask('quiet', 'SELECT pg_current_xact_id()');
in_block($late, [], ['ALTER TABLE t ADD behind int']);
is(warned(), '1 object of the schema is not as expected table public.t was changed.', 'what is done behind a run in its transaction is found');
ask('quiet', 'ALTER TABLE t DROP behind');
is(warned(), '', 'undone');

is(warned(), '', 'and again') for (1 .. 2);
# Nothing may end in between that has begun behind the long one.
ask('quiet', sprintf(q{SELECT migrate.register('%04d_x', 'SELECT 1')}, ++$number)) for (1 .. 2);
ask_session($late, 'BEGIN; SELECT pg_current_xact_id()');
ask_session($long, 'BEGIN; CREATE TABLE below (i int)');
ask_session($late, 'CREATE TABLE above (i int); DROP TABLE above; COMMIT');
ask_session($late, sprintf(q{BEGIN; CALL migrate.apply('%04d_x'); COMMIT}, $_)) foreach ($number - 1, $number);
ask_session($long, 'COMMIT');
is(warned(), '1 object of the schema is not as expected table public.below was added.', 'what is under way behind the last one that has ended is not passed over');
ask('quiet', 'DROP TABLE below');
is(warned(), '', 'dropped');

ask('quiet', q{SELECT migrate.register('0090_t', 'ALTER TABLE t ADD of_repeatable int')});
ask_session($late, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
ask('quiet', 'ALTER TABLE t ADD unseen int');
ask_session($late, 'CALL migrate.apply(); COMMIT');
is(ask('quiet', $drift), 'changed public.t', 'what is newer than the snapshot of the transaction is not taken over');
ask('quiet', 'ALTER TABLE t DROP unseen');
is(ask('quiet', $drift), '', 'only what the migration did is');
$number = 90;

# ---- names that others have given around

ask('quiet', 'CREATE TABLE a (i int, c int); CREATE TABLE b (i int, c int, d text); CREATE TABLE c (i int)');
ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
is(warned(), '', 'all is as expected');

ask('quiet', 'ALTER TABLE c RENAME TO c2; ALTER TABLE c2 ADD evil int');
like(warned('ALTER TABLE c2 ADD good int'), qr/table public.c2 is still not as expected/, 'one that was renamed');
is(ask('quiet', $drift), 'removed public.c, added public.c2', 'is not taken over when a migration changes it');
is(warned('ALTER TABLE c2 DROP good; ALTER TABLE c2 DROP evil; ALTER TABLE c2 RENAME TO c'),
	'2 objects of the schema are not as expected table public.c was removed, for one.', 'until a migration brings it back');
is(ask('quiet', $drift), '', 'as it was');
is(warned(), '', 'which the next run knows');

ask('quiet', 'ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a; ALTER TABLE x RENAME TO b; ALTER TABLE b ALTER c SET DEFAULT 5');
like(warned('ALTER TABLE b ADD good int'), qr/table public.b is still not as expected/, 'two that have changed names');
is(ask('quiet', $drift), 'changed public.a, changed public.b', 'are not taken one for the other');
ask('quiet', q{SELECT migrate.accept_drift('public.b', 'test')});
unlike(warned('ALTER TABLE b ADD better int'), qr/still/, 'one of them is accepted');
is(ask('quiet', $drift), 'changed public.a', 'and is what a migration makes of it');
my ($accepted, $said);
$node->psql('quiet', q{SELECT migrate.accept_drift('public.aa', 'test'), migrate.accept_drift('public.a', 'test', 'view')}, stdout => \$accepted, stderr => \$said);
is($accepted, '0|0', 'what is called otherwise is not accepted');
like($said, qr/NOTICE:  no object called public\.aa is .*\nHINT:  SELECT .* FROM migrate\.drift\(\);.*NOTICE:  no object called view public\.a is /s, 'and whoever has misspelt it is told');
ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});

ask('quiet', q{CREATE TABLE "o'brien" (i int)});
warned(q{ALTER TABLE "o'brien" ADD j int});
like(ask('quiet', $hints[-1]), qr/column: j integer/, 'a hint can be pasted, whatever the name');
ask('quiet', q{DROP TABLE "o'brien"});
is(warned(), '', 'dropped');

ask('quiet', 'CREATE TABLE unknown (i int)');
like(warned('ALTER TABLE unknown RENAME TO known'), qr/table public.known is still not as expected/, 'what others have made stays theirs');
is(ask('quiet', $drift), 'added public.known', 'when a migration renames it');
is(warned('DROP TABLE known'), '1 object of the schema is not as expected table public.known was added.', 'until one drops it');
is(warned(), '', 'which the next run knows');

# Catalogs changed by hand are captured as well, but not in a session without the library, and a run that only warns asks nobody else.

my $by_hand = q{UPDATE pg_attribute SET attname = '%s' WHERE attrelid = 'u'::regclass AND attname = '%s'};
ask('quiet', sprintf($by_hand, 'j', 'i'));
is(warned('ALTER TABLE u ADD besides int'), '1 object of the schema is not as expected table public.u was changed. table public.u is still not as expected'
	. ' What was changed around the migrations before this run is not taken over.', 'a change of the catalogs by hand');
is(ask('quiet', q{SELECT statement, objects FROM migrate.out_of_band WHERE command_tag = 'UPDATE'}),
	sprintf($by_hand, 'j', 'i') . '|[{"action": "update", "identity": "pg_catalog.pg_attribute", "object_type": "table", "schema_name": "pg_catalog"}]', 'is recorded');
ask('quiet', sprintf($by_hand, 'i', 'j') . q{; UPDATE pg_class SET relname = 'nobody' WHERE relname = 'no such'; WITH x AS (SELECT 1) SELECT * FROM x, pg_class LIMIT 1});
is(ask('quiet', q{SELECT count(*) FROM migrate.out_of_band WHERE command_tag = 'UPDATE'}), 2, 'unless it changes nothing');
is(warned(), '', 'that it is undone is noticed');
sub ask_without_library
{
	my ($sql, $options) = @_;
	my ($ok) = end_client(start_client($node, 'quiet', $sql, connection => $node->connstr('quiet') . " options='-c session_preload_libraries= " . ($options // '') . q{'}));

	ok($ok, 'a session without the library');
}
sub by_hand_unseen
{
	ask_without_library(sprintf($by_hand, @_));
}
by_hand_unseen('j', 'i');
is(warned(), '', 'does it unseen');
is(ask('quiet', $drift), 'changed public.u', 'which is drift');
ask('quiet', q{SELECT migrate.configure('drift', 'refuse', 'test')});
like(warned(), qr/is not as expected table public\.u was changed/, 'and found where it is to be certain');
by_hand_unseen('i', 'j');
is(warned(), '', 'so is that it is undone');
ask('quiet', q{SELECT migrate.configure('drift', NULL, 'test')});

# ---- others change something while a run is under way

ask('quiet', q{SELECT migrate.register('1001_waits', 'SELECT pg_advisory_xact_lock(7); ALTER TABLE t ADD by_run int; CREATE TABLE by_run (i int)');
	SELECT migrate.register('1002_goes_on', 'ALTER TABLE u ADD by_run int; CREATE TABLE by_run_too (i int)')});
ask_session($late, 'SELECT pg_advisory_lock(7)');
my $run = start_client($node, 'quiet', 'CALL migrate.apply()');
wait_until($node, 'quiet', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted});
ask('quiet', 'ALTER TABLE t ADD meanwhile int; ALTER TABLE u ADD meanwhile int; CREATE TABLE meanwhile (i int)');
ask_session($late, 'SELECT pg_advisory_unlock(7)');
my ($done) = end_client($run);
ok($done, 'the run ends well');
like($run->{err}, qr/WARNING: .*others changed the schema while this run was under way/, 'with a warning');
is(ask('quiet', $drift), 'added public.meanwhile, changed public.t, changed public.u', 'what they did is not taken over');
is(ask('quiet', q{SELECT string_agg(name, ', ' ORDER BY name) FROM migrate.expected WHERE identity IN ('public.by_run', 'public.by_run_too', 'public.u')}),
	'1001_waits, 1002_goes_on, 1002_goes_on', 'what the migrations did is');
ask('quiet', 'ALTER TABLE u DROP meanwhile; DROP TABLE meanwhile');
is(ask('quiet', $drift), 'changed public.t', 'and what nobody can tell apart is left to people');
ask('quiet', q{SELECT migrate.accept_drift('public.t', 'seen')});
$number = 2000;
is(warned(), '', 'who decide');

# ---- what a migration does by our own functions is not what others do

ask('quiet', 'CREATE ROLE quiet_monitor');
is(warned(q{CREATE TABLE granted (i int); SELECT migrate.grant_capability('quiet_monitor', 'monitor')}), '', 'a migration grants a capability');

# ---- who decides what is ignored holds up no run, and is heard by the next

ask('quiet', 'CREATE TABLE by_others (i int)');
ask_session($late, q{BEGIN; SELECT migrate.ignore('a manager of partitions', identity_like => 'public.by_others')});
{
	local $ENV{PGOPTIONS} = '-c lock_timeout=20s';
	is(warned(), '1 object of the schema is not as expected table public.by_others was added.', 'ignored by who has not committed');
}
ask_session($late, 'COMMIT');
is(warned(), '', 'and has');
ask_session($late, q{BEGIN; SELECT migrate.unignore(max(id), 'gone') FROM migrate.ignored});
is(warned(), '', 'no longer ignored by who has not committed');
ask_session($late, 'COMMIT');
is(warned(), '1 object of the schema is not as expected table public.by_others was added.', 'and has');
ask('quiet', 'DROP TABLE by_others');
is(warned(), '', 'and it is gone');

# What has a name in its text reads otherwise when others give another to what is called so.

my %renamed = (
	'a function' => [ 'CREATE FUNCTION named(int) RETURNS int IMMUTABLE LANGUAGE sql AS $$SELECT 1$$; CREATE TABLE mentions (i int DEFAULT named(1))', 'ALTER FUNCTION named(int) RENAME TO renamed' ],
	'the schema of a function' => [ 'CREATE SCHEMA away; CREATE FUNCTION named(int) RETURNS int IMMUTABLE LANGUAGE sql AS $$SELECT 1$$; CREATE TABLE mentions (i int CHECK (named(i) > 0))', 'ALTER FUNCTION named(int) SET SCHEMA away' ],
	'an operator' => [ 'CREATE SCHEMA away; CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq); CREATE TABLE mentions (i int CHECK (i OPERATOR(public.===) 1))', 'ALTER OPERATOR === (int, int) SET SCHEMA away' ],
	'a collation' => [ q{CREATE COLLATION "named by." (locale = 'C'); CREATE TABLE mentions (i int, t text COLLATE "named by.")}, 'ALTER COLLATION "named by." RENAME TO renamed' ],
	'an operator class' => [ 'CREATE OPERATOR CLASS named FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int); CREATE TABLE mentions (i int); CREATE INDEX mentioning ON mentions (i named)', 'ALTER OPERATOR CLASS named USING btree RENAME TO renamed' ],
	'a text search configuration' => [ q{CREATE TEXT SEARCH CONFIGURATION named (copy = simple); CREATE TABLE mentions (i int, v tsvector DEFAULT to_tsvector('named'::regconfig, 'x'))}, 'ALTER TEXT SEARCH CONFIGURATION named RENAME TO renamed' ],
	'a server' => [ 'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER named FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE mentions (i int) SERVER named', 'ALTER SERVER named RENAME TO renamed' ],
	'an owner' => [ 'CREATE ROLE named; CREATE TABLE mentions (i int); ALTER TABLE mentions OWNER TO named', 'ALTER ROLE named RENAME TO renamed' ],
	'who has a privilege' => [ 'CREATE ROLE named_too; CREATE TABLE mentions (i int); GRANT SELECT (i) ON mentions TO named_too', 'ALTER ROLE named_too RENAME TO "named otherwise"' ]);
foreach my $what (sort keys %renamed)
{
	my ($make, $rename) = @{ $renamed{$what} };

	ask('quiet', $make);
	ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
	ask('quiet', qq{SELECT migrate.register('${\ ++$number}_waits', 'SELECT pg_advisory_xact_lock(7); ALTER TABLE mentions ADD by_run int')});
	ask_session($late, 'SELECT pg_advisory_lock(7)');
	$run = start_client($node, 'quiet', 'CALL migrate.apply()');
	wait_until($node, 'quiet', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted});
	ask('quiet', $rename);
	ask_session($late, 'SELECT pg_advisory_unlock(7)');
	($done) = end_client($run);
	ok($done, "$what: the run ends well");
	like(ask('quiet', q{SELECT string_agg(coalesce(expected, ''), '') FROM migrate.drift() WHERE change = 'changed' AND identity LIKE '%mention%'}), qr/named|===/, "$what: what others renamed is not taken over");
	ask('quiet', 'DROP FOREIGN DATA WRAPPER IF EXISTS w CASCADE; DROP TABLE IF EXISTS mentions; DROP SCHEMA IF EXISTS away CASCADE; DROP FUNCTION IF EXISTS named, renamed; DROP COLLATION IF EXISTS renamed; DROP OPERATOR CLASS IF EXISTS renamed USING btree; DROP TEXT SEARCH CONFIGURATION IF EXISTS renamed');
}
ask('quiet', 'DROP ROLE renamed, "named otherwise"');
ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
is(warned(), '', 'and all is as expected again');

# The first try of the second finds what they did, and is rolled back for want of a lock.

ask('quiet', q{SELECT migrate.register('3001_waits', 'SELECT pg_advisory_xact_lock(7)');
	SELECT migrate.register('3002_tries_again', 'ALTER TABLE t ADD tried_again int', options => '{"lock_timeout": 100}')});
ask_session($late, 'SELECT pg_advisory_lock(7)');
$run = start_client($node, 'quiet', 'CALL migrate.apply()');
wait_until($node, 'quiet', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted});
ask('quiet', 'ALTER TABLE t ADD hacked int');
ask_session($long, 'BEGIN; SELECT FROM t');
my ($holder) = ask_session($long, 'SELECT pg_backend_pid()');
wait_until($node, 'quiet', "SELECT now() - xact_start > '200 ms' FROM pg_stat_activity WHERE pid = $holder");
ask_session($late, 'SELECT pg_advisory_unlock(7)');
wait_until($node, 'quiet', "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $holder AND objsubid = x'4D42'::integer)");
ask_session($long, 'COMMIT');
($done) = end_client($run);
ok($done, 'a run that gets its lock at the second try ends well');
is(ask('quiet', $drift), 'changed public.t', 'and has not taken over what others did before the first');
unlike(ask('quiet', q{SELECT expected FROM migrate.drift()}), qr/hacked/, 'not even in part');
like(ask('quiet', q{SELECT expected FROM migrate.drift()}), qr/tried_again/, 'but what it did itself');
ask_session($long, 'BEGIN; SELECT FROM t');
raises($node, 'quiet', q{SELECT migrate.undo_drift('public.t', 'why')}, '55P03', qr/public\.t cannot be brought back.*Try again when nobody holds it/s, 'nor is undone what somebody reads');
ask_session($long, 'COMMIT');
ask('quiet', 'ALTER TABLE t DROP hacked');
is(ask('quiet', $drift), '', 'undone');
$number = 4000;

# ---- what cannot be read when a run begins

# Others' change of it is found as theirs once it can be read.
sub not_taken_over
{
	my ($how, $sql) = @_;

	ask_session($long, 'BEGIN; LOCK TABLE t');
	is(warned(), 'could not look at view public.seen: locked by another transaction', "a view that was $how and is locked");
	is(warned(), 'could not look at view public.seen: locked by another transaction', 'the next run tries it again');
	ask_session($long, 'COMMIT');
	like(warned($sql), qr/^1 object of the schema is not as expected view public\.seen was $how/, 'and as soon as it can be read finds it');
	is(ask('quiet', q{SELECT change, identity, changed_by = session_user FROM migrate.drift()}), "$how|public.seen|t", 'with who has done it');
	return;
}

ask('quiet', 'CREATE VIEW seen AS SELECT i FROM t');
not_taken_over('added', 'CREATE OR REPLACE VIEW seen AS SELECT i + 1 AS i FROM t');
ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
is(warned(), '', 'accepted');
ask('quiet', q{CREATE OR REPLACE VIEW seen AS SELECT i, 'bob' AS x FROM t});
not_taken_over('changed', q{COMMENT ON TABLE t IS 'of a migration'});

ask('quiet', 'CREATE TABLE other (i int); DROP TABLE other');
ask_session($long, 'BEGIN; LOCK TABLE t');
like(warned(), qr/could not look at view public\.seen.* 1 object .* view public\.seen was changed/, 'what was adrift still is while it cannot be read');
ask_session($long, 'COMMIT');
like(warned(), qr/^1 object .* view public\.seen was changed/, 'and afterwards');

# Both change it, and it cannot be read before either has.
ask('quiet', q{SELECT migrate.register('4100_waits', 'SELECT pg_advisory_xact_lock(7); COMMENT ON VIEW seen IS ''of a migration''')});
ask_session($late, 'SELECT pg_advisory_lock(7)');
ask_session($long, 'BEGIN; LOCK TABLE t');
ask('quiet', 'GRANT SELECT ON seen TO drift_owner');
$run = start_client($node, 'quiet', 'CALL migrate.apply()');
wait_until($node, 'quiet', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted});
ask_session($long, 'COMMIT');
ask_session($late, 'SELECT pg_advisory_unlock(7)');
($done) = end_client($run);
ok($done, 'a migration of what could not be read');
$number = 4100;
is(ask('quiet', q{SELECT change, identity, expected ~ 'bob|grant' FROM migrate.drift()}), 'changed|public.seen|f', 'takes over nothing of others');
ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
is(warned(), '', 'accepted');
ask_session($long, 'BEGIN; LOCK TABLE t');
ask('quiet', 'CREATE TABLE other (i int); DROP TABLE other');
is(warned(), 'could not look at view public.seen: locked by another transaction', 'of what is as it should be no more is said than that');
ask_session($long, 'COMMIT');
is(warned('ALTER TABLE u ADD unrelated int'), '', 'and the next run knows that it is');
$number = 5000;

# ---- what a change of others reaches beyond what it was about

# While a migration waits others change something; returns what is adrift then, and how it should be.
sub meanwhile
{
	my ($others, $sql) = @_;

	$number++;
	ask('quiet', sprintf(q{SELECT migrate.register('%04d_x', $up$SELECT pg_advisory_xact_lock(7); %s$up$)}, $number, $sql));
	ask_session($late, 'SELECT pg_advisory_lock(7)');
	my $client = start_client($node, 'quiet', 'CALL migrate.apply()');
	wait_until($node, 'quiet', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted});
	ask('quiet', $others);
	ask_session($late, 'SELECT pg_advisory_unlock(7)');
	my ($ok) = end_client($client);
	ok($ok, "a run, and meanwhile: $others") or diag($client->{err});
	my @result = (ask('quiet', $drift), ask('quiet', q{SELECT string_agg(expected, '' ORDER BY identity) FROM migrate.drift()}));
	ask('quiet', q{SELECT migrate.accept_drift('*', 'seen')});
	is(warned(), '', 'accepted');
	return @result;
}

ask('quiet', q{DROP VIEW seen;
CREATE TABLE m (i int, a int); CREATE TABLE n (i int); CREATE INDEX m_i ON m (i);
CREATE VIEW of_m AS SELECT i FROM m; CREATE VIEW of_both AS SELECT m.a, n.i FROM m, n;
CREATE TYPE mood AS ENUM ('ok'); ALTER TABLE m ADD mood mood;
CREATE TABLE whole (i int) PARTITION BY RANGE (i); CREATE TABLE part PARTITION OF whole DEFAULT;
SELECT migrate.accept_drift('*', 'test')});

my ($found, $wanted) = meanwhile('ALTER TABLE m ADD CONSTRAINT "c.2" CHECK (i > 0)', 'ALTER TABLE m ADD j int');
is($found, 'added "c.2" on public.m, changed public.m', 'a constraint');
($found, $wanted) = meanwhile('ALTER TABLE m RENAME i TO k', q{COMMENT ON VIEW of_m IS 'x'; COMMENT ON INDEX m_i IS 'x'; COMMENT ON VIEW of_both IS 'x'});
is($found, 'changed "c.2" on public.m, changed public.m, changed public.m_i, changed public.of_both, changed public.of_m', 'the name of a column');
unlike($wanted, qr/\bk\b/, 'is not taken over');
($found) = meanwhile('ALTER TABLE n RENAME TO n2', 'ALTER TABLE m ADD l int');
like($found, qr/changed public\.of_both\b.* added public\.n2|added public\.n2.* changed public\.of_both/, 'the name of a table, which is in a view of that which a migration changes');
($found, $wanted) = meanwhile('ALTER TYPE mood RENAME TO state', 'ALTER TABLE m ADD m int');
like($found, qr/changed public\.m\b/, 'the name of a type');
unlike($wanted, qr/state/, 'is not taken over either');
($found, $wanted) = meanwhile('GRANT SELECT ON ALL TABLES IN SCHEMA public TO drift_owner', 'ALTER TABLE m ADD n int');
like($found, qr/changed public\.m\b/, 'privileges of all in a schema');
unlike($wanted, qr/grant/, 'are left to people');
ask('quiet', q{ALTER TABLE m OWNER TO drift_owner; SELECT migrate.accept_drift('*', 'test')});
($found, $wanted) = meanwhile('REASSIGN OWNED BY drift_owner TO session_user', 'ALTER TABLE m ADD o int; CREATE TABLE made (i int)');
like($found, qr/changed public\.m\b/, 'so is whose all is');
unlike($found, qr/made/, 'but what the migration has made is its own');
($found, $wanted) = meanwhile(q{UPDATE pg_attribute SET attname = 'by_hand' WHERE attrelid = 'm'::regclass AND attname = 'k'}, 'ALTER TABLE m ADD p int');
like($found, qr/changed public\.m\b/, 'and what is done by hand');
unlike($wanted, qr/by_hand/, 'whatever that is');
($found) = meanwhile('CREATE INDEX whole_i ON whole (i)', 'ALTER TABLE part SET (fillfactor = 50)');
is($found, 'added public.part_i_idx, added public.whole_i', 'what is made with an index of the whole');
($found) = meanwhile(q{GRANT SELECT ON n2 TO drift_owner; COMMENT ON COLUMN m.a IS 'x'; CREATE ROLE drift_another}, q{ALTER TABLE n2 ADD q int; CREATE TABLE q (i int); ALTER VIEW of_m SET (security_barrier)});
is($found, 'changed public.m, changed public.n2', 'but what they cannot have changed is of the migration');
ask('quiet', 'DROP ROLE drift_another');

# ---- what is done to rows is no change of the schema, though it is recorded

($found) = meanwhile('TRUNCATE m', 'ALTER TABLE m ADD r int');
is($found, '', 'a table that was emptied while a migration waited is as that has left it');
ask('quiet', 'TRUNCATE n2');
ask_session($long, 'BEGIN; LOCK TABLE m');
is(warned(), '', 'the next run need not look at anything');
ask_session($long, 'COMMIT');
by_hand_unseen('x', 'i');
ask('quiet', 'TRUNCATE u');
is(ask('quiet', q{SELECT identity, changed_by IS NULL FROM migrate.drift()}), 'public.u|t', 'nor has who emptied a table changed it');
by_hand_unseen('i', 'x');

# ---- whatever a session quotes

ask('quiet', 'SET quote_all_identifiers = on; CREATE SCHEMA quoted GRANT INSERT ON public.a TO drift_owner');
ask_without_library('GRANT INSERT ON public.b TO drift_owner', '-c quote_all_identifiers=on');
is(ask('quiet', q{SELECT string_agg(identity, ', ' ORDER BY identity) FROM migrate.drift() WHERE changed_by = session_user}),
	'public.a, public.b, quoted', 'who has granted is known');
ask('quiet', q{DROP SCHEMA quoted; SELECT migrate.accept_drift('*', 'test')});

# ---- what a migration builds again is whose it was

ask('quiet', 'CREATE TABLE built (i int); CREATE INDEX built_i ON built (i)');
ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
ask('quiet', 'CREATE INDEX built_theirs ON built (i); ALTER INDEX built_i SET (fillfactor = 50)');
ask('quiet', q{SELECT migrate.register('9000_built', 'REINDEX TABLE CONCURRENTLY built')});
ask('quiet', 'CALL migrate.apply()');
is(ask('quiet', q{SELECT string_agg(change || ' ' || identity, ', ' ORDER BY identity) FROM migrate.drift()}),
	'changed public.built_i, added public.built_theirs', 'indexes that others have made or changed');
ask('quiet', 'DROP INDEX built_theirs; ALTER INDEX built_i RESET (fillfactor)');
is(ask('quiet', 'SELECT count(*) FROM migrate.drift()'), '0', 'undone, they are as they should be');

# ---- and what others made again, and left as it was, is no other thing for a migration

ask('quiet', 'CREATE INDEX built_too ON built (i); CREATE INDEX built_last ON built (i); CREATE VIEW sees_built AS SELECT i FROM built');
ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
ask('quiet', "REINDEX INDEX CONCURRENTLY $_") foreach (qw(built_i built_too built_last));
ask('quiet', 'DROP VIEW sees_built; CREATE VIEW sees_built AS SELECT i FROM built');
is(ask('quiet', 'SELECT count(*) FROM migrate.drift()'), '0', 'made again as it was');
ask('quiet', q{SELECT migrate.register('9001_again', 'ALTER INDEX built_i RENAME TO built_j; DROP INDEX built_too; ALTER VIEW sees_built RENAME TO seen; CREATE SCHEMA away; ALTER TABLE built SET SCHEMA away')});
ask('quiet', 'CALL migrate.apply()');
is(ask('quiet', q{SELECT string_agg(change || ' ' || identity, ', ') FROM migrate.drift()}), '', 'renamed, moved or dropped');

my $same = <<'SQL';
CREATE FUNCTION same_f(again) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION same_g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE DOMAIN same_d AS int CONSTRAINT same_dk CHECK (VALUE > 0);
CREATE TYPE same_e AS ENUM ('a');
CREATE OPERATOR === (leftarg = text, rightarg = text, function = texteq);
ALTER TABLE same ADD CONSTRAINT same_k CHECK (i > 0);
CREATE TRIGGER same_t BEFORE UPDATE ON same FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE RULE same_r AS ON INSERT TO same DO ALSO SELECT 1;
CREATE POLICY same_p ON same;
SQL
my $none = <<'SQL';
DROP FUNCTION same_f(again), same_g(); DROP DOMAIN same_d; DROP TYPE same_e; DROP OPERATOR === (text, text);
ALTER TABLE same DROP CONSTRAINT same_k; DROP TRIGGER same_t ON same; DROP RULE same_r ON same; DROP POLICY same_p ON same;
SQL
my $renamed = <<'SQL';
ALTER FUNCTION same_f(again) RENAME TO other_f; ALTER FUNCTION same_g() RENAME TO other_g;
ALTER DOMAIN same_d RENAME CONSTRAINT same_dk TO other_k; ALTER DOMAIN same_d RENAME TO other_d; ALTER TYPE same_e RENAME TO other_e;
ALTER OPERATOR === (text, text) SET SCHEMA away; ALTER TABLE same RENAME CONSTRAINT same_k TO other_k;
ALTER TRIGGER same_t ON same RENAME TO other_t; ALTER RULE same_r ON same RENAME TO other_r; ALTER POLICY same_p ON same RENAME TO other_p;
SQL
ask('quiet', 'CREATE TYPE again AS (a int); CREATE TABLE same (i int)');
$number = 9001;
foreach my $then ([ 'renamed', $renamed ], [ 'dropped', $none ], [ 'dropped with what they are in', 'DROP TABLE same; DROP TYPE again CASCADE; DROP DOMAIN same_d; DROP TYPE same_e; DROP FUNCTION same_g(); DROP OPERATOR === (text, text)' ])
{
	ask('quiet', 'CREATE TABLE IF NOT EXISTS same (i int); DROP OPERATOR IF EXISTS away.=== (text, text); DROP FUNCTION IF EXISTS other_f, other_g; DROP DOMAIN IF EXISTS other_d; DROP TYPE IF EXISTS other_e');
	ask('quiet', $same);
	ask('quiet', q{SELECT migrate.accept_drift('*', 'test')});
	ask('quiet', "$none $same");
	is(ask('quiet', 'SELECT count(*) FROM migrate.drift()'), '0', 'more of them');
	ask('quiet', qq{SELECT migrate.register('${\ ++$number}_same', \$sql\$$then->[1]\$sql\$)});
	ask('quiet', 'CALL migrate.apply()');
	is(ask('quiet', q{SELECT string_agg(change || ' ' || identity, ', ') FROM migrate.drift()}), '', $then->[0]);
	ask('quiet', 'DROP TABLE same; CREATE TABLE same (i int)') if $then->[0] eq 'renamed';
}

$_->quit foreach ($late, $long);

$node->stop;
done_testing();
