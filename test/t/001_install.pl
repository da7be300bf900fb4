# 001_install.pl: the extension can be created, dropped and created again, and restored from a dump.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;

my $members = q{SELECT count(*) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pg_migrations'};
my $left = q{SELECT count(*) FROM pg_namespace WHERE nspname = 'migrate'};

$node->safe_psql('postgres', 'CREATE EXTENSION pg_migrations');
my $count = $node->safe_psql('postgres', $members);
cmp_ok($count, '>', 1, 'CREATE EXTENSION makes members');
is($node->safe_psql('postgres', q{SELECT nspname FROM pg_extension e
	JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_migrations'}),
	'pg_catalog', 'nobody can prepare the schema of the extension');

$node->safe_psql('postgres', 'DROP EXTENSION pg_migrations');
is($node->safe_psql('postgres', $left), '0', 'DROP EXTENSION leaves no schema behind');

$node->safe_psql('postgres', 'CREATE EXTENSION pg_migrations');
is($node->safe_psql('postgres', $members), $count, 'a second CREATE EXTENSION makes the same');

my ($status, $out, $err) = $node->psql('postgres',
	'CREATE DATABASE prepared; \c prepared
	 CREATE SCHEMA migrate; CREATE EXTENSION pg_migrations', on_error_stop => 1);
isnt($status, 0, 'a schema prepared by somebody else is refused');
like($err, qr/schema "migrate" already exists/, 'and named');

my $dump = $node->backup_dir . '/dump.sql';
mkdir $node->backup_dir;
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ],
	'the dump can be restored');
is($node->safe_psql('restored', $members), $count, 'the restored extension has all its members');

$node->stop;
done_testing();
