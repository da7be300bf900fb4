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
	is(ask($db, $drift), '', "$db is as expected");
	ask($db, 'ALTER TABLE t ALTER i SET DEFAULT 2');
	ask($db, q{SELECT migrate.register('0002_b', 'ALTER TABLE t RENAME TO renamed; ALTER TABLE renamed ADD k int')});
	ask($db, 'CALL migrate.apply()');
	is(ask($db, $drift), 'changed public.renamed', 'what a migration renames is known, and what others did is not taken over');
	ask($db, 'ALTER TABLE renamed ALTER i SET DEFAULT 1');
	is(ask($db, $drift), '', 'undone');
}

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

$node->stop;
done_testing();
