# 450_random_schemas.pl: two schemas have the same fingerprints if and only if pg_dump writes the same of them.
# ROUNDS=200 times, SEED=n repeats them: random objects are made by one road, and by another with now and then something else.
# It does not matter whether a statement fails, since the property is one of whatever comes out.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{ROUNDS} // 200;
my $seed = $ENV{SEED} // int(rand(1_000_000));
# So many schemas are compared with one dump.
my $batch = 50;
my $node = new_node('main', extra => [ '--locale', 'C', '-E', 'UTF8' ]);
$node->append_conf('postgresql.conf', "log_min_messages = panic\nlog_min_error_statement = panic\nmax_locks_per_transaction = 512\n");
$node->start;
my $major = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
$node->safe_psql('postgres', 'CREATE ROLE one; CREATE ROLE two; CREATE DATABASE made TEMPLATE template0');
$node->safe_psql('made', 'CREATE EXTENSION pg_migrations');
diag "SEED=$seed ROUNDS=$rounds";

# ---- drawing

sub any_of { return $_[ int(rand(@_)) ] }
sub maybe { return rand() < $_[0] }
sub some_of { return grep { maybe(0.5) } @_ }

sub shuffled
{
	my @list = @_;

	for (my $i = $#list; $i > 0; $i--)
	{
		my $j = int(rand($i + 1));
		@list[ $i, $j ] = @list[ $j, $i ];
	}
	return @list;
}

# ---- what can be done to each class of objects, whether that is another schema then or not

my @types = ('integer', 'bigint', 'text', 'varchar(20)', 'numeric(10,2)', 'timestamptz', 'boolean', 'integer[]', 'mood', 'small', 'pair');
my %default = ('integer' => '7', 'bigint' => "nextval('seq')", 'text' => "'x'::text || 'y'", 'varchar(20)' => "'it''s'", 'numeric(10,2)' => '1.50', 'timestamptz' => 'now()',
	'boolean' => "'a'::varchar IN ('a', 'b')", 'integer[]' => "'{1,2}'", 'mood' => "'sad'", 'small' => '3', 'pair' => "'(1,x)'");

sub changes_of_table
{
	my ($t) = @_;
	my $c = any_of(qw(a b c d));

	return any_of(
		"ALTER TABLE $t ADD " . any_of(qw(c d)) . ' ' . any_of(@types),
		"ALTER TABLE $t DROP $c", "ALTER TABLE $t RENAME $c TO " . any_of(qw(c d e)),
		"ALTER TABLE $t ALTER $c SET NOT NULL", "ALTER TABLE $t ALTER $c DROP NOT NULL",
		"ALTER TABLE $t ALTER $c SET DEFAULT " . any_of(map { $default{$_} } sort keys %default), "ALTER TABLE $t ALTER $c DROP DEFAULT",
		"ALTER TABLE $t ALTER $c TYPE " . any_of('bigint', 'text', 'varchar(30)') . " USING NULL",
		"ALTER TABLE $t ALTER $c SET STATISTICS " . any_of(-1, 0, 77), "ALTER TABLE $t ALTER $c SET STORAGE " . any_of(qw(PLAIN MAIN EXTERNAL EXTENDED)),
		"ALTER TABLE $t ALTER $c SET COMPRESSION " . any_of(qw(pglz default)),
		"ALTER TABLE $t ALTER $c SET (n_distinct = " . any_of(5, -0.5) . ')', "ALTER TABLE $t ALTER $c RESET (n_distinct)",
		"ALTER TABLE $t ALTER $c ADD GENERATED " . any_of('ALWAYS', 'BY DEFAULT') . ' AS IDENTITY', "ALTER TABLE $t ALTER $c DROP IDENTITY IF EXISTS",
		"ALTER TABLE $t ADD CONSTRAINT " . any_of(qw(k l)) . ' ' . any_of("CHECK ($c IS NOT NULL)", "CHECK ($c IS NOT NULL) NOT VALID", "UNIQUE ($c)", "PRIMARY KEY ($c)", "FOREIGN KEY ($c) REFERENCES base"),
		"ALTER TABLE $t DROP CONSTRAINT " . any_of(qw(k l)), "ALTER TABLE $t VALIDATE CONSTRAINT " . any_of(qw(k l)),
		"ALTER TABLE $t SET (fillfactor = " . any_of(70, 100) . ')', "ALTER TABLE $t RESET (fillfactor, autovacuum_enabled)", "ALTER TABLE $t SET (autovacuum_enabled = off, fillfactor = 70)",
		"ALTER TABLE $t SET (toast.autovacuum_enabled = off)", "ALTER TABLE $t " . any_of('ENABLE', 'DISABLE', 'FORCE', 'NO FORCE') . ' ROW LEVEL SECURITY',
		"ALTER TABLE $t REPLICA IDENTITY " . any_of('FULL', 'NOTHING', 'DEFAULT', 'USING INDEX k'), "ALTER TABLE $t CLUSTER ON " . any_of(qw(i j k)), "ALTER TABLE $t SET WITHOUT CLUSTER",
		"ALTER TABLE $t SET " . any_of(qw(LOGGED UNLOGGED)), "ALTER TABLE $t OWNER TO " . any_of('one', 'two', 'CURRENT_USER'),
		"ALTER TABLE $t INHERIT base", "ALTER TABLE $t NO INHERIT base", "COMMENT ON COLUMN $t.$c IS " . any_of("'x'", 'NULL', q{E'two\nlines'}),
		"GRANT SELECT ($c) ON $t TO one", "REVOKE SELECT ($c) ON $t FROM one",
		"CREATE INDEX " . any_of(qw(i j)) . " ON $t ($c" . any_of('', ' DESC', ' NULLS FIRST') . ')' . any_of('', " WHERE $c IS NOT NULL", ' WITH (fillfactor = 80)'),
		"CREATE UNIQUE INDEX " . any_of(qw(i j)) . " ON $t ((($c)::text), a)" . any_of('', ' NULLS NOT DISTINCT'),
		'DROP INDEX ' . any_of(qw(i j)), 'ALTER INDEX ' . any_of(qw(i j)) . ' RENAME TO ' . any_of(qw(i j)), 'ALTER INDEX i SET (fillfactor = 80)', 'ALTER INDEX i ALTER 1 SET STATISTICS ' . any_of(-1, 55),
		"CREATE STATISTICS st ON a, $c FROM $t", 'ALTER STATISTICS st SET STATISTICS ' . any_of(-1, 9), 'DROP STATISTICS st',
		"CREATE TRIGGER tr BEFORE " . any_of('INSERT', 'UPDATE OR INSERT', "UPDATE OF $c") . " ON $t FOR EACH ROW " . any_of('', "WHEN (new.$c IS NULL) ") . 'EXECUTE FUNCTION trg()',
		"DROP TRIGGER tr ON $t", "ALTER TABLE $t " . any_of('DISABLE', 'ENABLE', 'ENABLE ALWAYS', 'ENABLE REPLICA') . ' TRIGGER tr',
		"CREATE RULE r AS ON DELETE TO $t DO INSTEAD NOTHING", "ALTER TABLE $t " . any_of('DISABLE', 'ENABLE', 'ENABLE ALWAYS') . ' RULE r', "DROP RULE r ON $t",
		"CREATE POLICY p ON $t " . any_of('', 'AS RESTRICTIVE ') . any_of('', 'TO one ') . "USING ($c IS NULL)", "ALTER POLICY p ON $t USING (" . any_of('true', 'false') . ')', "DROP POLICY p ON $t");
}

sub changes_of_others
{
	return any_of(
		'ALTER SEQUENCE seq ' . any_of('INCREMENT 3', 'INCREMENT 1', 'CACHE 9', 'CYCLE', 'NO CYCLE', 'MAXVALUE 1000', 'NO MAXVALUE', 'AS integer', 'AS bigint', 'OWNED BY t.a', 'OWNED BY NONE', 'START 5 RESTART'),
		"ALTER TYPE mood ADD VALUE '" . any_of('so', 'glad') . "'" . any_of('', " BEFORE 'sad'"), "ALTER TYPE mood RENAME VALUE 'so' TO 'well'",
		'ALTER DOMAIN small ' . any_of('SET DEFAULT 4', 'DROP DEFAULT', 'ADD CONSTRAINT s2 CHECK (VALUE > 0)', 'ADD CONSTRAINT s2 CHECK (VALUE > 0) NOT VALID', 'VALIDATE CONSTRAINT s2', 'DROP CONSTRAINT s2', 'SET NOT NULL', 'DROP NOT NULL'),
		'ALTER TYPE pair ' . any_of('ADD ATTRIBUTE z integer', 'DROP ATTRIBUTE z', 'RENAME ATTRIBUTE x TO w'), 'COMMENT ON COLUMN pair.x IS ' . any_of("'c'", 'NULL'),
		'CREATE OR REPLACE VIEW v AS SELECT a' . any_of('', ", 'q'::text AS q", ', a AS again') . ' FROM t' . any_of('', ' WHERE a IS NOT NULL', " WHERE 'z'::varchar IN ('z', 'y')"),
		'ALTER VIEW v ' . any_of('SET (security_barrier = true)', 'RESET (security_barrier)', 'ALTER a SET DEFAULT NULL', 'RENAME a TO aa', 'OWNER TO one'), 'DROP VIEW v',
		'CREATE MATERIALIZED VIEW mv AS SELECT a FROM t' . any_of('', ' WITH NO DATA'), 'REFRESH MATERIALIZED VIEW mv', 'DROP MATERIALIZED VIEW mv',
		'CREATE OR REPLACE FUNCTION f(i integer' . any_of('', ' DEFAULT 1') . ") RETURNS integer LANGUAGE sql AS " . any_of(q{'SELECT i'}, q{'SELECT i + 1'}, q{E'SELECT i\r\n'}),
		'CREATE OR REPLACE FUNCTION f(i integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT i + ' . any_of(1, 2) . '; END', 'DROP FUNCTION f',
		'ALTER FUNCTION f ' . any_of(qw(IMMUTABLE STABLE VOLATILE STRICT LEAKPROOF), 'NOT LEAKPROOF', 'SECURITY DEFINER', 'SECURITY INVOKER', 'PARALLEL SAFE', 'COST 5', 'COST 100', 'RESET ALL', "SET work_mem = '1MB'", "SET enable_sort = off"),
		'CREATE PROCEDURE pr(INOUT i integer' . any_of('', ' DEFAULT 2') . ") LANGUAGE plpgsql AS 'BEGIN END'", 'DROP PROCEDURE pr',
		'CREATE AGGREGATE ag(integer) (sfunc = int4pl, stype = integer' . any_of('', ", initcond = '0'", ', parallel = safe') . ')', 'DROP AGGREGATE ag(integer)',
		'CREATE OPERATOR === (leftarg = pair, rightarg = pair, function = eq' . any_of('', ', commutator = ===') . ')', 'ALTER OPERATOR === (pair, pair) SET (RESTRICT = ' . any_of('eqsel', 'NONE') . ')', 'DROP OPERATOR === (pair, pair)',
		'CREATE CAST (mood AS integer) WITH FUNCTION to_int(mood)' . any_of('', ' AS ASSIGNMENT'), 'DROP CAST (mood AS integer)',
		'CREATE TEXT SEARCH CONFIGURATION cfg (COPY = english)', 'ALTER TEXT SEARCH CONFIGURATION cfg ALTER MAPPING FOR word WITH simple', 'DROP TEXT SEARCH CONFIGURATION cfg',
		'CREATE COLLATION co FROM "C"', 'DROP COLLATION co', 'CREATE TABLE p1 PARTITION OF parts FOR VALUES FROM (1) TO (' . any_of(5, 6) . ')', 'ALTER TABLE parts DETACH PARTITION p1', 'ALTER TABLE parts ATTACH PARTITION p1 FOR VALUES FROM (1) TO (5)', 'DROP TABLE p1',
		'CREATE INDEX pi ON parts (a)', 'DROP INDEX pi', 'ALTER TABLE p1 ALTER a SET DEFAULT 1',
		'ALTER DEFAULT PRIVILEGES IN SCHEMA :cell ' . any_of('GRANT SELECT ON TABLES TO one', 'REVOKE SELECT ON TABLES FROM one', 'GRANT EXECUTE ON FUNCTIONS TO two'),
		'GRANT ' . any_of('USAGE', 'CREATE', 'ALL') . ' ON SCHEMA :cell TO ' . any_of(qw(one two PUBLIC)), 'REVOKE ALL ON SCHEMA :cell FROM ' . any_of(qw(one two PUBLIC)), 'ALTER SCHEMA :cell OWNER TO ' . any_of(qw(one CURRENT_USER)));
}

my @granted = ('TABLE t', 'TABLE u', 'TABLE v', 'SEQUENCE seq', 'FUNCTION f', 'TYPE mood', 'TYPE small', 'TABLE parts');

sub changes_of_rights
{
	my $what = any_of(@granted);
	my $to = any_of(qw(one two PUBLIC));

	return any_of("GRANT ALL ON $what TO $to", "REVOKE ALL ON $what FROM $to", "GRANT ALL ON $what TO $to WITH GRANT OPTION", "REVOKE GRANT OPTION FOR ALL ON $what FROM $to",
		"GRANT ALL ON $what TO CURRENT_USER", "REVOKE ALL ON $what FROM CURRENT_USER", 'GRANT ' . any_of(qw(SELECT INSERT UPDATE)) . " ON t TO $to",
		"COMMENT ON " . ($what =~ s/TABLE v/VIEW v/r) . ' IS ' . any_of("'c'", "'d'", 'NULL'));
}

sub change
{
	my $draw = rand();

	return changes_of_table(any_of('t', 't', 'u')) if $draw < 0.55;
	return $draw < 0.85 ? changes_of_others() : changes_of_rights();
}

# What nearly all of them need.
sub beginning
{
	return ('CREATE SCHEMA :cell', 'SET search_path = :cell', 'CREATE SEQUENCE seq', q{CREATE TYPE mood AS ENUM ('sad', 'happy')}, 'CREATE DOMAIN small AS integer CHECK (VALUE < 9)',
		'CREATE TYPE pair AS (x integer, y text)', 'CREATE TABLE base (a integer PRIMARY KEY)', q{CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'},
		q{CREATE FUNCTION eq(pair, pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'}, q{CREATE FUNCTION to_int(mood) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1'},
		'CREATE TABLE parts (a integer, b text) PARTITION BY RANGE (a)');
}

# ---- two roads

# A table: at once, or column by column, under another name, with what is taken back.
sub two_tables
{
	my ($t) = @_;
	my @columns = map { { name => $_, type => any_of(@types), default => maybe(0.4), not_null => maybe(0.3) } } ('a', some_of(qw(b c)));
	my $text = sub {
		my ($c, $whole) = @_;
		return join ' ', $c->{name}, $c->{type}, ($whole && $c->{default} ? "DEFAULT $default{$c->{type}}" : ()), ($whole && $c->{not_null} ? 'NOT NULL' : ());
	};
	my @later = map { my $c = $_; ($c->{default} ? "ALTER TABLE $t ALTER $c->{name} SET DEFAULT $default{$c->{type}}" : (), $c->{not_null} ? "ALTER TABLE $t ALTER $c->{name} SET NOT NULL" : ()) } @columns;

	return ([ "CREATE TABLE $t (" . join(', ', map { $text->($_, 1) } @columns) . ')' ],
		[ 'CREATE TABLE other (' . $text->($columns[0], 0) . ')', (map { 'ALTER TABLE other ADD ' . $text->($_, 0) } @columns[ 1 .. $#columns ]),
			(maybe(0.3) ? ('ALTER TABLE other ADD extra integer', 'ALTER TABLE other DROP extra') : ()), "ALTER TABLE other RENAME TO $t", shuffled(@later) ]);
}

# Both roads of a cell: a beginning, the same changes by detours, and now and then one change more.
sub two_roads
{
	my (@one, @other) = ();
	my @changes = map { change() } 1 .. 3 + int(rand(12));

	@one = @other = beginning();
	foreach my $t (qw(t u))
	{
		my ($made, $made_otherwise) = two_tables($t);
		push @one, @$made;
		push @other, @$made_otherwise;
	}
	foreach my $change (@changes)
	{
		push @one, $change;
		push @other, maybe(0.2) ? ('BEGIN', change(), 'ROLLBACK') : (), $change, maybe(0.1) ? $change : ();
	}
	# Independent ones in another order.
	@other[ -2, -1 ] = @other[ -1, -2 ] if maybe(0.2);
	push @other, change() if maybe(0.6);
	return (\@one, \@other);
}

# ---- comparing

# Entries of a dump by the cell that they are about; what has no order is sorted.
sub entries_of
{
	my ($db) = @_;
	my ($dump, $err) = run_command([ 'pg_dump', '-s', '-d', $node->connstr($db) ]);
	my %cells;

	die $err if $err ne '';
	$dump =~ s/^SET default_(tablespace|table_access_method).*\n//mg;
	$dump =~ s/^\\(un)?restrict .*\n//mg;
	foreach my $entry (split /^--\n(?=-- Name: )/m, $dump)
	{
		my ($cell) = $entry =~ /\b(cell\d+)\b/ or next;
		my ($head, $body) = split /\n--\n/, $entry, 2;

		$body =~ s/\n--\n-- PostgreSQL database dump complete.*//s;
		$body =~ s/\bWITH \(([^()]*)\)/'WITH (' . join(', ', sort split(m{, ?}, $1)) . ')'/ge;
		$body =~ s/((?:^    SET .*\n)+)/join '', sort split m{(?<=\n)}, $1/gem;
		$body = join "\n", sort split /\n+/, $body if $head =~ /Type: (DEFAULT )?ACL;/;
		$body =~ s/\n+/\n/g;
		push @{ $cells{$cell} }, "$head\n$body";
	}
	return { map { $_ => join "\n", sort @{ $cells{$_} } } keys %cells };
}

# The inventory by cell, fingerprints included.
sub fingerprints_of
{
	my ($db) = @_;
	my %cells;

	foreach my $object (sort split /^(?=### )/m, inventory($node, $db))
	{
		my ($cell) = $object =~ /\A[^\n]*\b(cell\d+)\b/ or next;
		$cells{$cell} .= $object =~ s/\n*\z/\n/r;
	}
	return \%cells;
}

# Lines that only one of two texts has.
sub other_lines
{
	my ($from, $to) = @_;
	my %count;

	$count{$_}-- foreach split /\n/, $from;
	$count{$_}++ foreach split /\n/, $to;
	return join "\n", map { ($count{$_} < 0 ? '- ' : '+ ') . $_ } grep { $count{$_} } sort keys %count;
}

my %outcome = (same => 0, different => 0);
my @wrong;
my ($statements, $failed) = (0, 0);
for (my $first = 0; $first < $rounds; $first += $batch)
{
	my %roads;

	foreach my $i ($first .. ($first + $batch < $rounds ? $first + $batch : $rounds) - 1)
	{
		srand($seed + $i);
		$roads{"cell$i"} = [ two_roads() ];
	}
	foreach my $road (0, 1)
	{
		my $script = join '', map { my $cell = $_; map { s/:cell/$cell/gr . ";\n" } @{ $roads{$cell}[$road] } } sort keys %roads;
		my $file = PostgreSQL::Test::Utils::tempdir . '/script.sql';

		append_to_file($file, $script);
		$node->safe_psql('postgres', "DROP DATABASE IF EXISTS road$road WITH (FORCE)");
		$node->safe_psql('postgres', "CREATE DATABASE road$road TEMPLATE made");
		my (undef, $err) = run_command([ 'psql', '-X', '-q', '-o', '/dev/null', '-d', $node->connstr("road$road"), '-f', $file ]);
		$statements += () = $script =~ /;\n/g;
		$failed += () = $err =~ /^psql:\S+ ERROR: /mg;
	}
	my @entries = map { entries_of("road$_") } 0, 1;
	my @fingerprints = map { fingerprints_of("road$_") } 0, 1;
	foreach my $cell (sort keys %roads)
	{
		my $same_dump = ($entries[0]{$cell} // '') eq ($entries[1]{$cell} // '');
		my $same_fingerprints = ($fingerprints[0]{$cell} // '') eq ($fingerprints[1]{$cell} // '');

		$outcome{ $same_dump ? 'same' : 'different' }++;
		next if !$same_dump == !$same_fingerprints;
		push @wrong, $cell;
		next if @wrong > 5;
		diag "SEED=", $seed + ($cell =~ s/\D//gr), " ROUNDS=1\n", $same_dump ? "pg_dump writes the same, but:\n" . other_lines(map { $_->{$cell} } @fingerprints)
		  : "the fingerprints are the same, but pg_dump writes:\n" . other_lines(map { $_->{$cell} } @entries);
	}
}
is(scalar(@wrong), 0, "$rounds times the fingerprints are the same if and only if the dumps are");
diag "$outcome{same} were the same, $outcome{different} different; of $statements statements $failed failed";
cmp_ok($failed, '<', $statements / 3, 'most statements do something');
cmp_ok($outcome{$_}, '>', $rounds / 10, "often enough they were $_") foreach sort keys %outcome;
$node->stop;
done_testing();
