# 260_upgrade_major.pl: pg_upgrade from the major before brings everything along, adds nothing to it, and all goes on.
# OLD_PG_CONFIG is the server to upgrade from; tools/test-chroot.sh sets it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use File::Basename qw(dirname);
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $config = $ENV{OLD_PG_CONFIG} // '';
plan skip_all => 'no server of an older major is at hand (OLD_PG_CONFIG)' if !-x $config;

# ---- the extension for the older server, in a copy of it

my $server = copy_server($config);
my $source = PostgreSQL::Test::Utils::tempdir;
my $build = qq{tar -C "$FindBin::RealBin/../.." --exclude='*.o' --exclude='*.so' --exclude=.built_for --exclude=tmp_check -cf - . |
	tar -C "$source" -xf - && make -s -j2 -C "$source" COPT=-O0 PG_CONFIG="$server->{bindir}/pg_config" install};
{
	# What make was told for the server under test is not for this one.
	delete local @ENV{qw(MAKEFLAGS MFLAGS PG_CONFIG)};
	my ($out, $err) = run_command([ 'sh', '-c', $build ]);
	ok(-e "$server->{pkglibdir}/pg_migrations.so", 'built for the older server') or BAIL_OUT("$out\n$err");
}

# ---- a cluster of it, with everything

my $old = new_node('old', install_path => $server->{install_path}, extra => ['-k']);
$old->start;
my $superuser = $old->safe_psql('postgres', 'SELECT current_user');
$old->safe_psql('postgres', <<'SQL');
CREATE ROLE maker LOGIN;
CREATE ROLE deployer LOGIN;
CREATE DATABASE shop;
DO $$BEGIN FOR i IN 1..2000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$;
SQL
$old->safe_psql('shop', <<'SQL');
CREATE EXTENSION pg_migrations;
SELECT migrate.watch('test');
GRANT CREATE ON SCHEMA public TO maker, deployer;
SELECT migrate.grant_capability('deployer', 'deployer', 'shop');
SELECT migrate.grant_capability('maker', 'monitor');
SELECT migrate.register('0001_a', 'CREATE TABLE a (i int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 10)', 'DROP TABLE a', 'SELECT count(*) = 10 FROM a', project => 'shop');
SELECT migrate.register('0002_b', 'CREATE VIEW b AS SELECT i FROM a', 'DROP VIEW b', project => 'shop');
SELECT migrate.register('0003_c', 'CREATE TABLE c (i int); SELECT 1/0', project => 'shop');
SELECT migrate.register('R__v', 'CREATE OR REPLACE VIEW v AS SELECT 1 AS one', kind => 'repeatable', project => 'shop');
SELECT migrate.register('0001_o', 'CREATE TABLE o ()', project => 'other');
SELECT migrate.hold('other:0001_o', 'later');
SELECT migrate.configure('out_of_order', 'refuse', 'we agreed');
ALTER DATABASE shop SET pg_migrations.out_of_band = 'warn';
SQL
$old->psql('shop', q{CALL migrate.apply(project => 'shop')}, extra_params => [ '-U', 'deployer' ]);
$old->safe_psql('shop', <<'SQL', extra_params => [ '-U', 'maker' ]);
CREATE TABLE direct (i serial PRIMARY KEY, j int);
CREATE INDEX ON direct (j);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER t BEFORE INSERT ON direct FOR EACH ROW EXECUTE FUNCTION f();
SQL
$old->safe_psql('shop', <<'SQL');
SELECT migrate.acknowledge(ARRAY(SELECT id FROM migrate.out_of_band WHERE statement ~ 'INDEX'), 'known');
SELECT migrate.seal();
SELECT migrate.register('0003_c', 'CREATE TABLE c (i int)', 'DROP TABLE c', project => 'shop');
SELECT migrate.register('0004_d', 'CREATE TABLE d (i int)', 'DROP TABLE d', project => 'shop');
SQL

# A schema with everything, but for a subscription, which would want its slot.
$old->safe_psql('postgres', 'CREATE ROLE zoo_owner; CREATE ROLE zoo_reader; CREATE ROLE "zoo Röle"');
$old->safe_psql('postgres', q{CREATE DATABASE zoo TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'});
my (undef, $errors) = run_command([ 'psql', '-X', '-q', '-d', $old->connstr('zoo'), '-f', "$FindBin::RealBin/../data/zoo.sql" ]);
unlike($errors, qr/ERROR/, 'the zoo is made');
$old->safe_psql('zoo', 'DROP SUBSCRIPTION zoo_subscription; CREATE EXTENSION pg_migrations');
# Some minor releases note a position with each column, and 18.6 stumbles over that, whatever the table.
my $new_bin = dirname(`which pg_ctl`);
if (slurp_file("$new_bin/postgres") !~ /pg_attver/)
{
	$old->safe_psql($_, q{UPDATE pg_attribute
		SET attoptions = NULLIF(ARRAY(SELECT o FROM unnest(attoptions) o WHERE o !~ '^pg_attver='), '{}') WHERE attrelid >= 16384}) foreach qw(postgres template1 shop zoo);
}
$old->safe_psql('zoo', q{SELECT migrate.watch('test'); SELECT migrate.snapshot('before')});
my $zoo = inventory($old, 'zoo');
my ($old_major) = map { int($_ / 10000) } $old->safe_psql('postgres', 'SHOW server_version_num');
my $tests = server_tests($old_major);
my $dump = PostgreSQL::Test::Utils::tempdir;
if (defined $tests)
{
	$old->safe_psql('postgres', 'CREATE DATABASE regression TEMPLATE template0');
	run_server_tests($old, 'regression', $tests);
	$old->safe_psql('regression', q{CREATE EXTENSION pg_migrations; SELECT migrate.watch('to see')});
	is($old->safe_psql('regression', 'SELECT count(*) FROM migrate.drift()'), 0, 'nothing is adrift in the database of the regression tests');
	# It has what no upgrade takes, and so goes by a dump.
	command_ok([ 'pg_dump', '-f', "$dump/regression.sql", '-d', $old->connstr('regression') ], 'which is dumped by the newer pg_dump');
	$old->safe_psql('postgres', 'DROP DATABASE regression WITH (FORCE)');
}

# All that is stored, and what is derived from it; with roles by their names.
my @tables = names_of($old, 'shop', q{SELECT relname FROM pg_class WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'r' ORDER BY 1});
my @derived = qw(status() show() plan() check() history_head() migrations runs history capabilities out_of_band out_of_band_history coverage);
my $all = join "\n", (map { "\\echo $_\nSELECT t::text FROM migrate.$_ t ORDER BY 1;" } @tables, @derived),
  'SELECT evtname, evtenabled, evtowner::regrole FROM pg_event_trigger ORDER BY 1;',
  'SELECT datname, setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase ORDER BY 1, 2;',
  'SELECT sequencename, last_value FROM pg_sequences ORDER BY 1;';
is($old->safe_psql('shop', 'SELECT * FROM migrate.verify_history()'), '', 'the records are sound before');

# When a migration has failed today show() says without the date.
sub all_of
{
	my ($node) = @_;

	return $node->safe_psql('shop', $all) =~ s/ failed \K\S+ (?=\d\d:\d\d: )//gr;
}
my $wanted = all_of($old);
like($wanted, qr/CREATE TRIGGER t BEFORE INSERT/, 'there is something to bring along');
my ($head) = names_of($old, 'shop', 'SELECT seal || $$, $$ || quote_literal(hash) FROM migrate.history_head()');
my ($old_version, $old_transaction) = split /\|/, $old->safe_psql('shop', q{SELECT current_setting('server_version_num'), pg_current_xact_id()});
$old->stop;

# ---- the upgrade, copying files as pg_upgrade does unless told; the modes differ in nothing else

my $new = new_node('new', extra => ['-k']);
chdir $new->basedir or die "could not change to a directory of our own: $!";
command_ok(
	[ 'pg_upgrade', '--no-sync', '-U', $superuser, '-d', $old->data_dir, '-D', $new->data_dir, '-b', $server->{bindir}, '-B', $new_bin,
		'-s', $new->host, '-p', $old->port, '-P', $new->port ], 'pg_upgrade');
$new->start;
isnt($new->safe_psql('shop', 'SHOW server_version_num'), $old_version, 'it is another major');
same(all_of($new), $wanted, 'everything is as it was, and nothing was added');
is($new->safe_psql('shop', 'SELECT * FROM migrate.verify_history()'), '', 'the records are sound');
is($new->safe_psql('shop', "SELECT * FROM migrate.verify_history($head)"), '', 'and the head of before is in them');
cmp_ok($new->safe_psql('shop', 'SELECT pg_current_xact_id()'), '>', $old_transaction, 'transaction ids go on');


# What a dump changes, and what servers since 16 and 17 say in other words or have more of.
my @others = ('table constraint in_list on zoo.customer', 'view zoo.names');
push @others, 'materialized view zoo.kept', 'table zoo.customer', 'table zoo.parent_b', 'transform for zoo.pair language plpgsql',
  'transform for zoo.pair on language plpgsql', 'view zoo.counted'
  if $old_version < 160000;
my $differences = differences($zoo, inventory($new, 'zoo'));
is(join("\n", $differences =~ /^([^:]*): /mg), join("\n", sort @others), 'the same schema, as far as it can be') or diag($differences);

# What it says in other words is expected so, if nobody has changed anything; texts that it has read again are none of that.
sub drift
{
	my ($db) = @_;

	return $new->psql($db, q{SELECT object_type || ' ' || identity FROM migrate.drift() ORDER BY 1}, on_error_die => 1);
}
my @moved = grep { /^t/ && !/constraint/ } @others;
my (undef, $drift, $notice) = drift('zoo');
is($drift, join("\n", sort @moved), 'what is said in no words of before looks like drift');
like($notice, @moved ? qr/NOTICE:  \d+ objects are expected as PostgreSQL \d+ describes them/ : qr/^$/, 'which says why');
my $rebase = q{SELECT migrate.rebase_expected('upgrade', 'before')};
raises($new, 'zoo', "BEGIN; CREATE TABLE since (); $rebase; ROLLBACK", '55000', qr/was changed outside of migrations since snapshot "before"/, 'not if somebody has');
cmp_ok($new->safe_psql('zoo', $rebase), '>=', scalar @moved, 'rebased');
is($new->safe_psql('zoo', 'SELECT change, object_type, identity FROM migrate.drift()'), '', 'nothing is adrift');

# The same from a dump, but for what that does not bring.
if (defined $tests)
{
	$new->safe_psql('postgres', 'CREATE DATABASE regression TEMPLATE template0');
	run_command([ 'psql', '-X', '-q', '-o', '/dev/null', '-d', $new->connstr('regression'), '-f', "$dump/regression.sql" ]);
	my $left = $new->safe_psql('regression', <<'SQL');
SELECT format('%s %s %s: %s', change, object_type, identity, (SELECT string_agg(line, ' / ') FROM (
	SELECT '-' || l FROM (SELECT * FROM unnest(string_to_array(expected, E'\n')) EXCEPT ALL SELECT * FROM unnest(string_to_array(actual, E'\n'))) x (l) UNION ALL
	SELECT '+' || l FROM (SELECT * FROM unnest(string_to_array(actual, E'\n')) EXCEPT ALL SELECT * FROM unnest(string_to_array(expected, E'\n'))) x (l)) l (line)))
FROM migrate.drift() WHERE object_type NOT LIKE 'database%' ORDER BY object_type COLLATE "C", identity COLLATE "C"
SQL
	my @known = (
		qr/^changed table \S+: -column order: [^\/]* \/ \+column order: [^\/]*$/,	# which a dump does not bring
		qr/^removed operator \S+: .*-operator: shell/,	# nor one that only another one has named
		qr/^changed (table|view) \S+: .*\+grant: /,		# there is one privilege more, and so less is all
		qr/^(added|removed) transform /,				# are called otherwise
		qr/^removed table public\.gtest_normal_child/,	# may no longer be
		qr/^changed table public\.tab_core_types: -column: json json /);	# is a key word now
	my @others_left = grep { my $line = $_; !grep { $line =~ $_ } @known } split /\n/, $left;
	is(join("\n", @others_left), '', 'the database of the regression tests is as expected there, too, but for what is known');
}

# ---- and it goes on

my ($state, $err) = sqlstate($new, 'shop', 'CREATE TABLE later (i int)', extra_params => [ '-U', 'maker' ]);
like($err, qr/WARNING:.*CREATE TABLE was not part of a migration/, 'a change by hand is announced');
my $last = 'SELECT origin, text_source, session_role, statement FROM migrate.ddl_log ORDER BY id DESC LIMIT 1';
is($new->safe_psql('shop', $last), 'direct|exact|maker|CREATE TABLE later (i int)', 'and recorded');
is($new->safe_psql('shop', q{CALL migrate.apply(project => 'shop', atomic => true)}, extra_params => [ '-U', 'deployer' ]), '2|3', 'apply goes on where it stopped');
is($new->safe_psql('shop', q{SELECT name, outcome, server_version_num / 10000 = current_setting('server_version_num')::int / 10000
	FROM migrate.history ORDER BY id}), "0001_a|applied|f\n0002_b|applied|f\n0003_c|failed|f\n0003_c|applied|t\n0004_d|applied|t\nR__v|applied|t",
	'in the same history');
is($new->safe_psql('shop', q{SELECT bool_and(ok) FROM migrate.verify(project => 'shop')}), 't', 'what was applied before verifies');
is($new->safe_psql('shop', q{CALL migrate.revert('0001_a', 'shop')}, extra_params => [ '-U', 'deployer' ]), '3|3', 'and is reverted');
is($new->safe_psql('shop', q{SELECT string_agg(statement, ', ' ORDER BY id) FROM migrate.ddl_log WHERE origin = 'migration' AND statement ~ '^DROP'}),
	'DROP TABLE d, DROP TABLE c, DROP VIEW b', 'with the same texts');
is($new->safe_psql('shop', 'SELECT * FROM migrate.verify_history()'), '', 'the records are sound');
is($new->safe_psql('shop', 'SELECT level, to_at FROM migrate.coverage'), 'full|', 'and capture was never off');
$new->stop;
done_testing();
