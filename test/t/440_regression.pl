# 440_regression.pl: the database of the server's own regression tests is as expected where it was dumped to, or upgraded.
# tools/lib.sh fetches their SQL; what of it needs the library that comes with them fails, and the rest goes on.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($version) = run_command([ 'pg_config', '--version' ]);
my $tests = server_tests($version =~ /(\d+)/);
plan skip_all => 'the tests of the server could not be fetched' if !defined $tests;
my $node = new_node('main', extra => [ '--locale', 'C', '-E', 'UTF8' ]);
# Wrong statements are their business.
$node->append_conf('postgresql.conf', "log_min_messages = panic\nlog_min_error_statement = panic\nmax_logical_replication_workers = 0\n");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE regression');
my $failed = run_server_tests($node, 'regression', $tests);
note "$failed statements failed";
$node->safe_psql('regression', q{CREATE EXTENSION pg_migrations; SELECT migrate.watch('test')});
my $wanted = inventory($node, 'regression');
cmp_ok(scalar(() = $wanted =~ /^### /mg), '>', 1000, 'there is much in it');
unlike($wanted, qr/^### .* -$/m, 'all of it can be read');

# Of what is adrift the keys of the lines that are others.
sub drift
{
	my ($db) = @_;

	return $node->safe_psql($db, <<'SQL');
SELECT format('%s %s %s: %s', change, object_type, identity, (SELECT string_agg(DISTINCT regexp_replace(line, ':.*', ''), ', ') FROM (
	(SELECT * FROM unnest(string_to_array(expected, E'\n')) EXCEPT ALL SELECT * FROM unnest(string_to_array(actual, E'\n'))) UNION ALL
	(SELECT * FROM unnest(string_to_array(actual, E'\n')) EXCEPT ALL SELECT * FROM unnest(string_to_array(expected, E'\n')))) l (line)))
FROM migrate.drift() WHERE object_type NOT LIKE 'database%'
SQL
}

sub copied
{
	my ($from, $to) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . "/$to.sql";

	command_ok([ 'pg_dump', '-f', $file, '-d', $node->connstr($from) ], "$from is dumped");
	$node->safe_psql('postgres', "CREATE DATABASE $to TEMPLATE template0");
	my (undef, $err) = run_command([ 'psql', '-X', '-q', '-o', '/dev/null', '-d', $node->connstr($to), '-f', $file ]);
	unlike($err, qr/ERROR/, "and restored as $to");
	return;
}

is(drift('regression'), '', 'nothing is adrift');
copied('regression', 'first');
# It brings neither the order of columns that are inherited, nor an operator that only others have named, nor a NOT NULL that is valid below one that is not.
my %below = map { $_ => 1 } split /\n/, $node->safe_psql('regression', <<'SQL');
SELECT format('changed table %s.%s:   not null', c.connamespace::regnamespace, r.relname) FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_inherits ON inhrelid = r.oid
JOIN pg_constraint p ON p.conrelid = inhparent AND p.contype = 'n' AND NOT p.convalidated WHERE c.contype = 'n' AND c.convalidated
SQL
my @left = grep { !/^changed table \S+: column order$/ && !/^removed operator \S+: operator, owner$/ && !$below{$_} } split /\n/, drift('first');
is(join("\n", @left), '', 'nor is anything in a copy but what a dump does not bring');
$node->safe_psql('first', q{SELECT migrate.accept_drift('*', 'as it was restored')});
copied('first', 'second');
is(drift('second'), '', 'and nothing at all in a copy of the copy');
$node->stop;
done_testing();
