# 400_inventory.pl: the same schema has the same inventory wherever it is; what is locked or damaged is no one else's problem.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $zoo = "$FindBin::RealBin/../data/zoo.sql";
my $roles = 'CREATE ROLE zoo_owner; CREATE ROLE zoo_reader; CREATE ROLE "zoo Röle"; CREATE ROLE zoo_monitor;';
my $node = new_node('main', allows_streaming => 1, extra => [ '--locale', 'C.UTF-8', '-E', 'UTF8' ]);
$node->append_conf('postgresql.conf', "max_logical_replication_workers = 0\n");
$node->start;
$node->safe_psql('postgres', "$roles CREATE DATABASE zoo");
my $major = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my (undef, $errors) = run_command([ 'psql', '-X', '-q', '-d', $node->connstr('zoo'), '-f', $zoo ]);
unlike($errors, qr/ERROR/, 'the zoo is made');
$node->safe_psql('zoo', q{CREATE EXTENSION pg_migrations; SELECT migrate.grant_capability('zoo_monitor', 'monitor'); SELECT migrate.watch('to see')});
my $wanted = inventory($node, 'zoo');
cmp_ok(scalar(() = $wanted =~ /^### /mg), '>', 150, 'there is much in the zoo');
unlike($wanted, qr/^### .* -$|migrate\./m, 'all of it can be read, and nothing is ours');

# ---- the same elsewhere

# A dump restored under the same name, into another cluster, where other oids are in use.
sub copied
{
	my ($from, $to, $what) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . "/$what.sql";
	my (undef, $err) = run_command([ 'pg_dump', '--create', '-f', $file, $from->connstr('zoo') ]);

	is($err, '', "$what: dumped without a word");
	(undef, $err) = run_command([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', $to->connstr('postgres'), '-f', $file ]);
	$err =~ s/^.*WARNING: .*(subscri|wal_level).*\n?(HINT: .*\n?)?//mg;
	is($err, '', "$what: restored without a word");
	return inventory($to, 'zoo');
}

my $other = new_node('other', extra => [ '--locale', 'C', '-E', 'UTF8' ]);
$other->append_conf('postgresql.conf', <<'CONF');
max_logical_replication_workers = 0
DateStyle = 'German'
IntervalStyle = 'sql_standard'
TimeZone = 'America/Caracas'
extra_float_digits = -10
bytea_output = escape
quote_all_identifiers = on
search_path = 'zoo, public'
CONF
$other->start;
$other->safe_psql('postgres', "$roles CREATE TABLE t AS SELECT; DO \$\$BEGIN FOR i IN 1..500 LOOP EXECUTE 'CREATE TYPE x' || i || ' AS (i int)'; END LOOP; END\$\$");
my $restored = copied($node, $other, 'first');
# What a dump changes: text of expressions that the server prints otherwise once it has read them again, the order of columns
# of children, privileges on the members of extensions, which are made for nobody's eyes.
my $expected = <<'TEXT' =~ s/\n\z//r;
table constraint in_list on zoo.customer: -definition: CHECK (((email)::text = ANY ((ARRAY['nobody'::character varying, 'somebody'::character varying])::text[]))) NO INHERIT / +definition: CHECK (((email)::text = ANY (ARRAY[('nobody'::character varying)::text, ('somebody'::character varying)::text]))) NO INHERIT
table zoo.child: -column order: a, b, c, d, late / +column order: a, b, late, c, d
table zoo.grandchild: -column order: a, b, c, d, late / +column order: a, b, late, c, d
TEXT
is(differences($wanted, $restored) =~ s/^view zoo.names: .*?\n?(?=^|\z)//mr =~ s/\n\z//r, $expected, 'a restore changes what it must');
like(differences($wanted, $restored), qr/^view zoo.names: .*ANY \(\(ARRAY\['a'::.*ANY \(ARRAY\[\('a'::/m, 'and the same in a view');

# Of which only the order of columns is a difference that is left when texts are read again.
my $drift = q{SELECT string_agg(change || ' ' || object_type || ' ' || identity, ', ' ORDER BY identity COLLATE "C") FROM migrate.drift()};
is($node->safe_psql('zoo', $drift), '', 'nothing is adrift');
is($other->safe_psql('zoo', $drift), 'changed table zoo.child, changed table zoo.grandchild', 'and where it was restored only what is another');

$node->safe_psql('postgres', 'ALTER DATABASE zoo RENAME TO zoo_first');
is(differences($restored, copied($other, $node, 'second')), '', 'a second restore changes nothing');
$other->stop;
$node->safe_psql('postgres', 'ALTER DATABASE zoo RENAME TO zoo_second');
$node->safe_psql('postgres', 'ALTER DATABASE zoo_first RENAME TO zoo');
same(inventory($node, 'zoo', before => 'BEGIN READ ONLY;', after => 'COMMIT;'), $wanted, 'in a read-only transaction');
same(inventory($node, 'zoo', before => 'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;', after => 'COMMIT;'), $wanted, 'in a serializable one');
same(inventory($node, 'zoo', before => 'SET ROLE zoo_monitor;'), $wanted, 'for a monitor');

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
same(inventory($standby, 'zoo'), $wanted, 'on a standby');
$standby->stop;

# ---- locks

my $session = open_session($node, 'zoo');
ask_session($session, 'BEGIN');
ask_session($session, 'SELECT count(*) FROM migrate.inventory()');
is((ask_session($session, q{SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
	WHERE pid = pg_backend_pid() AND c.oid >= 16384 AND c.relnamespace <> 'migrate'::regnamespace}))[0], '0', 'no lock is kept on what was looked at');
ask_session($session, 'ROLLBACK');
ask_session($session, 'BEGIN');
ask_session($session, 'LOCK TABLE zoo.customer IN ACCESS EXCLUSIVE MODE');
my $locked = inventory($node, 'zoo');
my %problems = $locked =~ /^### (.*) -\n(.*)$/mg;
is(join(' ', sort values %{ { map { $_ => $_ } values %problems } }), 'unreadable: locked by another transaction', 'a lock is the only problem');
ok($problems{'view zoo.names'} && $problems{'index zoo.customer_lower'}, 'of the views and indexes that have to be printed');
my ($readable, $before) = map { objects_of($_) } $locked, $wanted;
delete @$before{ keys %problems };
is_deeply($readable, $before, 'all else is read');
ask_session($session, 'ALTER TABLE zoo.customer ADD uncommitted integer');
my ($own) = ask_session($session, q{SELECT count(*) FILTER (WHERE fingerprint IS NULL), count(*) FILTER (WHERE definition ~ 'uncommitted') FROM migrate.inventory()});
is($own, '0|1', 'a session is not in its own way, and sees what it has changed');
ask_session($session, 'ROLLBACK');
$session->quit;

# A cancel is none of this.
is((sqlstate($node, 'zoo', "SET statement_timeout = '30ms'; SELECT count(*) FROM migrate.inventory(), migrate.inventory() b, migrate.inventory() c"))[0], '57014', 'it can be cancelled');

# ---- damage

$node->safe_psql('zoo', <<'SQL');
SET allow_system_table_mods = on;
DELETE FROM pg_proc WHERE oid = 'zoo.user_name'::regproc;
DELETE FROM pg_class WHERE oid = 'zoo.parent_b'::regclass;
DELETE FROM pg_type WHERE oid = 'zoo.code'::regtype;
DELETE FROM pg_authid WHERE rolname = 'zoo Röle';
UPDATE pg_attribute SET atttypid = 999999 WHERE attrelid = 'zoo.nothing'::regclass;
UPDATE pg_class SET relowner = 999999 WHERE oid = 'zoo.other_heap'::regclass;
SQL
my $damaged = inventory($node, 'zoo');
%problems = $damaged =~ /^### (.*) -\n(.*)$/mg;
($readable, $before) = map { objects_of($_) } $damaged, $wanted;
like($problems{'view zoo.invoker'} // '', qr/^unreadable: could not open relation /, 'a view whose table is gone says so');
ok((grep { /^pg_rewrite oid \d+$/ } keys %problems), 'what has not even a name has a number');
like($readable->{'table zoo.customer'}, qr/^grant: \(missing\) ALL$/m, 'a role that is gone is missing');
like($readable->{'table zoo.other_heap'}, qr/^owner: \(missing\)$/m, 'also as an owner');
cmp_ok(scalar(keys %$readable), '>', scalar(keys %$before) - 25, 'the rest is read');
$node->stop;
done_testing();
