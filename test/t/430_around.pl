# 430_around.pl: whatever way a change takes around the migrations, it is found, and has an author only where he is known.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', allows_streaming => 1);
$node->start;
my $major = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

sub ask
{
	my ($sql, %how) = @_;
	my @role = defined $how{as} ? (extra_params => [ '-U', $how{as} ]) : ();

	return ($how{node} // $node)->safe_psql('shop', $sql, @role);
}

# What is adrift, a line each: the author, and the first words of the statements.
sub drift
{
	my (%how) = @_;

	return ask(<<'SQL', %how);
SELECT format('%s %s by %s: %s', change, identity, COALESCE(changed_by::text, '(unknown)'),
    (SELECT string_agg(array_to_string((string_to_array(statement, ' '))[1:3], ' '), ', ' ORDER BY id) FROM migrate.ddl_log WHERE id = ANY (ddl_ids)))
FROM migrate.drift() WHERE object_type NOT LIKE 'database%' ORDER BY identity COLLATE "C"
SQL
}

# What was done is what is expected from now on, and a run has seen that it is.
my $runs = 0;
sub forget
{
	$runs++;
	ask("SELECT migrate.accept_drift('*', 'test'); SELECT migrate.register('R__$runs', 'SELECT 1', kind => 'repeatable'); CALL migrate.apply()");
	return;
}

$node->safe_psql('postgres', 'CREATE DATABASE shop; CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE boss LOGIN SUPERUSER');
ask(<<'SQL');
CREATE EXTENSION pg_migrations;
GRANT CREATE ON SCHEMA public TO alice, bob;
CREATE TABLE t (i int PRIMARY KEY, v text DEFAULT 'x');
CREATE VIEW reads AS SELECT i FROM t;
CREATE TABLE shared (i int);
CREATE ROLE team;
GRANT team TO alice, bob;
ALTER TABLE shared OWNER TO team;
GRANT CREATE ON SCHEMA public TO team;
SELECT migrate.watch('test');
SELECT migrate.register('0001_a', 'CREATE TABLE a (i int)');
CALL migrate.apply();
SQL
is(drift(), '', 'nothing is adrift');

# ---- ways around capture

# How, who is then known, and what is left of the change: it is undone by hand.
my $disable = join '; ', map { "ALTER EVENT TRIGGER $_ DISABLE" } qw(pg_migrations_start pg_migrations_drop zz_pg_migrations_end);
my $without = '-c session_preload_libraries=';
my @ways = (
	[ 'as everybody', '', '', 'boss' ],
	[ 'as a replica', '', 'SET session_replication_role = replica', 'boss' ],
	[ 'without the library', $without, '', 'boss' ],
	[ 'without the library, as a replica', $without, 'SET session_replication_role = replica', 'boss' ],
	[ 'with triggers that are disabled', '', $disable, '(unknown)' ],
	[ 'with triggers that are disabled, without the library', $without, $disable, '(unknown)' ]);
push @ways, [ 'without event triggers', '', 'SET event_triggers = off', '(unknown)' ],
  [ 'without event triggers and the library', $without, 'SET event_triggers = off', '(unknown)' ]
  if $major >= 17;
foreach my $way (@ways)
{
	my ($how, $options, $first, $author) = @$way;
	{
		local $ENV{PGOPTIONS} = $options;
		ask("$first;\nALTER TABLE t ADD unseen int; ALTER TABLE t ALTER v SET DEFAULT 'y'; CREATE INDEX by_hand ON t (v)", as => 'boss');
	}
	is(drift(), $author eq '(unknown)' ? "added public.by_hand by (unknown): \nchanged public.t by (unknown): "
		: "added public.by_hand by boss: CREATE INDEX by_hand\nchanged public.t by boss: ALTER TABLE t, ALTER TABLE t", "$how: it is found, $author is known");
	ask(q{SELECT migrate.watch('again')});
	ask(q{DROP INDEX by_hand; ALTER TABLE t DROP unseen, ALTER v SET DEFAULT 'x'});
	is(drift(), '', '... and undone');
	forget();
}

ask(q{SET allow_system_table_mods = on; UPDATE pg_attribute SET attstattarget = 77 WHERE attrelid = 't'::regclass AND attname = 'v'}, as => 'boss');
is(drift(), 'changed public.t by (unknown): ', 'a hand in the catalogs: it is found, nobody is known');
ask('GRANT SELECT ON reads TO bob; REVOKE SELECT ON reads FROM bob; CREATE INDEX on_t ON t (v); DROP INDEX on_t', as => 'boss');
is(drift(), 'changed public.t by (unknown): ', 'and nobody is made one by what he did beside it');
ask(q{SELECT migrate.register('0002_b', 'ALTER TABLE t ADD b int; ALTER TABLE a ADD b int'); CALL migrate.apply()});
is(drift(), 'changed public.t by (unknown): ', 'nor a run, which does not take it over');
ask('ALTER TABLE t ALTER v SET STATISTICS -1', as => 'boss');
is(drift(), '', 'undone, it is as the run has left it');
forget();

# Done where capture cannot see it.
sub hidden
{
	my ($sql, %how) = @_;

	{
		local $ENV{PGOPTIONS} = $without;
		ask("$disable; $sql", %how);
	}
	ask(q{SELECT migrate.watch('again')}, %how);
	return;
}

# ---- more than one

ask('SET ROLE team; ALTER TABLE shared ADD a int', as => 'alice');
ask('SET ROLE team; ALTER TABLE shared ADD b int', as => 'bob');
is(drift(), 'changed public.shared by bob: ALTER TABLE shared, ALTER TABLE shared', 'of two the last, and the statements of both');
is(ask(q{SELECT string_agg(l.session_role, ' ' ORDER BY l.id) FROM migrate.drift() d JOIN migrate.ddl_log l ON l.id = ANY (d.ddl_ids)}), 'alice bob', 'which say who they were');
forget();

ask('SET ROLE team; ALTER TABLE shared RENAME TO shared_before', as => 'alice');
ask('SET ROLE team; CREATE TABLE shared (other int)', as => 'bob');
is(drift(), "changed public.shared by bob: CREATE TABLE shared\nadded public.shared_before by alice: ALTER TABLE shared", 'one renames a table, and another makes one of its name');
forget();

ask('BEGIN; SET ROLE team; ALTER TABLE shared ADD a int; ROLLBACK; SET ROLE team; BEGIN; SAVEPOINT s; ALTER TABLE shared ADD a int; ROLLBACK TO s; COMMIT', as => 'alice');
is(drift(), '', 'what was rolled back is no change');
ask(q{SET allow_system_table_mods = on; UPDATE pg_attribute SET attstattarget = 77 WHERE attrelid = 'shared'::regclass AND attname = 'other'});
is(drift(), 'changed public.shared by (unknown): ', 'and its author not that of another');
ask('SET ROLE team; ALTER TABLE shared ALTER other SET STATISTICS -1', as => 'bob');
forget();

# Names of other kinds of objects, and the same name on another table.
ask('CREATE ROLE reads; CREATE SCHEMA t; DROP SCHEMA t; DROP ROLE reads', as => 'boss');
ask('SET ROLE team; CREATE POLICY p ON shared; CREATE RULE p AS ON UPDATE TO shared DO ALSO NOTHING', as => 'alice');
ask('SET ROLE team; ALTER POLICY p ON shared USING (false)', as => 'bob');
is(drift(), "added p on public.shared by bob: CREATE POLICY p, ALTER POLICY p\nadded p on public.shared by alice: CREATE RULE p", 'two things of one name have their own authors');
forget();
ask(q{SET allow_system_table_mods = on; UPDATE pg_class SET reloptions = '{security_barrier=true}' WHERE oid = 'reads'::regclass}, as => 'boss');
ask('ALTER TABLE t ADD more int', as => 'boss');
is(drift(), "changed public.reads by (unknown): \nchanged public.t by boss: ALTER TABLE t", 'a view changed by hand while its table is changed by a statement');
ask(q{ALTER VIEW reads RESET (security_barrier); ALTER TABLE t DROP more});
forget();

# ---- extensions

ask('CREATE EXTENSION hstore; CREATE TABLE h (h hstore)', as => 'boss');
is(drift(), "added hstore by boss: CREATE EXTENSION hstore\nadded public.h by boss: CREATE TABLE h", 'what an extension makes is its own');
ask('DROP EXTENSION hstore CASCADE', as => 'boss');
is(drift(), 'added public.h by boss: CREATE TABLE h, DROP EXTENSION hstore', 'and what it takes with it');
ask('DROP TABLE h');
forget();

# ---- a backup from before, over what is there

my $dump = PostgreSQL::Test::Utils::tempdir . '/before';
$node->command_ok([ 'pg_dump', '-Fc', '-t', 'a', '-f', $dump, '-d', $node->connstr('shop') ], 'a dump');
ask(q{SELECT migrate.register('0003_c', 'ALTER TABLE a ADD c int; CREATE TABLE c (i int)'); CALL migrate.apply()});
is(drift(), '', 'a migration after it');
$node->command_ok([ 'pg_restore', '-U', 'boss', '--clean', '-d', $node->connstr('shop'), $dump ], 'is restored over it');
is(drift(), 'changed public.a by boss: DROP TABLE public.a, CREATE TABLE public.a', 'what it lacks is adrift, by whom it was restored');
ask('ALTER TABLE a ADD c int');
is(drift(), '', 'until it is brought back');
forget();
hidden('ALTER TABLE a DROP c');
is(drift(), 'changed public.a by (unknown): ', 'what capture did not see');
$node->command_ok([ 'pg_dump', '-Fc', '-C', '-f', $dump, '-d', $node->connstr('shop') ], 'goes along with a dump');
my $other = new_node('other');
$other->start;
$other->safe_psql('postgres', "CREATE ROLE $_ LOGIN") foreach qw(alice bob team);
$other->safe_psql('postgres', 'CREATE ROLE boss LOGIN SUPERUSER; CREATE ROLE padding');
$other->command_ok([ 'pg_restore', '-C', '-d', $other->connstr('postgres'), $dump ], 'to another server');
is(drift(node => $other), 'changed public.a by (unknown): ', 'and so does that nobody is known');
hidden('CREATE RULE unseen AS ON INSERT TO shared DO ALSO NOTHING', node => $other);
ask('ALTER TABLE t ADD there int; ALTER TABLE shared RENAME TO shared_there', as => 'boss', node => $other);
is(drift(node => $other), "removed p on public.shared by (unknown): \nremoved p on public.shared by (unknown): "
	. "\nadded p on public.shared_there by boss: ALTER TABLE shared\nadded p on public.shared_there by boss: ALTER TABLE shared"
	. "\nchanged public.a by (unknown): "
	. "\nremoved public.shared by (unknown): \nadded public.shared_there by boss: ALTER TABLE shared\nchanged public.t by boss: ALTER TABLE t"
	. "\nadded unseen on public.shared_there by (unknown): ", 'which goes on there, for what was there before');
$other->stop;
ask('ALTER TABLE a ADD c int');
forget();

# ---- a standby that is promoted

ask('ALTER TABLE t ADD before int', as => 'boss');
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
ask('ALTER TABLE t ALTER v DROP DEFAULT', as => 'boss');
$node->wait_for_catchup($standby);
my $adrift = drift();
is($adrift, 'changed public.t by boss: ALTER TABLE t, ALTER TABLE t', 'on the primary');
is(drift(node => $standby), $adrift, 'a standby says the same');
$standby->promote;
ask('CREATE TABLE lost (i int)', as => 'boss');
is(drift(node => $standby), $adrift, 'and when it is promoted');
hidden('CREATE TABLE unseen (i int)', node => $standby);
ask(q{ALTER TABLE t ALTER v SET DEFAULT 'x'; ALTER TABLE a ADD after int}, as => 'boss', node => $standby);
is(drift(node => $standby), "changed public.a by boss: ALTER TABLE a\nchanged public.t by boss: ALTER TABLE t\nadded public.unseen by (unknown): ", 'and what is done there then');
$standby->stop;
$node->stop;
done_testing();
