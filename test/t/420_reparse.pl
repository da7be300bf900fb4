# 420_reparse.pl: what a restore makes the server print in other words is no drift, and what is another expression is.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
$node->append_conf('postgresql.conf', "wal_level = logical\n");
$node->start;

sub ask
{
	my ($db, $sql) = @_;

	return $node->safe_psql($db, $sql);
}

# Settings and comment of a database stay with it.
my $drift = q{SELECT string_agg(change || ' ' || object_type || ' ' || identity, ', ' ORDER BY identity) FROM migrate.drift() WHERE object_type NOT LIKE 'database%'};

ask('postgres', 'CREATE DATABASE words');
$node->command_ok([ 'psql', '-X', '-q', '-d', $node->connstr('words'), '-f', "$FindBin::RealBin/../data/reparse.sql" ], 'a database that a restore changes');
ask('words', q{CREATE EXTENSION pg_migrations; SELECT migrate.watch('test'); SELECT migrate.snapshot('made')});
is(ask('words', $drift), '', 'it is as expected');

my $file = PostgreSQL::Test::Utils::tempdir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, '-d', $node->connstr('words') ], 'a dump');
ask('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), $file ], 'a restore');

my @changed = map { /^(.*?): -/ } split /\n/, differences(inventory($node, 'words'), inventory($node, 'restored'));
is(join("\n", @changed, ''), <<'TEXT', 'it has changed how these are printed');
domain constraint d_check on words.d
function words.atomic(character varying,integer)
function words.f(boolean,character varying)
function words.numbered(character varying,integer)
function words.returned(character varying)
index words.of_some
index words.once
materialized view words.kept
policy own on words.t
rule seldom on words.t
statistics object words.s
table constraint listed on words.t
table constraint literal_check on words.literal
table constraint not_listed on words.t
table constraint once on words.t
table words.p
table words.t
trigger sometimes on words.t
view words.counted
view words.view
TEXT
is(ask('restored', $drift), '', 'and none of them is adrift');
is(ask('restored', q{SELECT identity FROM migrate.compare('made', 'current') WHERE object_type NOT LIKE 'database%'}), '', 'nor other than in a snapshot');
is(ask('restored', q{SELECT identity FROM migrate.compare('current', 'made') WHERE object_type NOT LIKE 'database%'}), '', 'whichever is first');

# What literals are is not asked the functions that check them.
ask('restored', q{CREATE OR REPLACE FUNCTION words.checked(text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'called'; END$$});
is(ask('restored', $drift), 'changed function words.checked(pg_catalog.text)', 'no function of the database is called');
ask('restored', q{SELECT migrate.accept_drift('*', 'test')});

# Each with another literal, operator or column; in the database and in the copy.
my %change = (
	'table words.t' => q{ALTER TABLE words.t ALTER b SET DEFAULT ('x'::varchar IN ('x', 'z'))},
	'table constraint listed on words.t' => q{ALTER TABLE words.t DROP CONSTRAINT listed, ADD CONSTRAINT listed CHECK (v IN ('b''c', 'a', E'back\\\\slash'))},
	'table constraint not_listed on words.t' => q{ALTER TABLE words.t DROP CONSTRAINT not_listed, ADD CONSTRAINT not_listed CHECK (v NOT IN ('x', 'y') OR c IS NULL) NOT VALID},
	'table constraint once on words.t, index words.once' => q{ALTER TABLE words.t DROP CONSTRAINT once, ADD CONSTRAINT once EXCLUDE USING btree (id WITH =) WHERE (c IN ('a', 'b'))},
	'index words.of_some' => q{DROP INDEX words.of_some; CREATE INDEX of_some ON words.t (id, (v IN ('j', 'i'))) WHERE v IN ('a', 'b')},
	'statistics object words.s' => q{DROP STATISTICS words.s; CREATE STATISTICS words.s ON (v IN ('a', 'b')), (upper(v)) FROM words.t},
	'domain constraint d_check on words.d' => q{ALTER DOMAIN words.d DROP CONSTRAINT d_check, ADD CONSTRAINT d_check CHECK (VALUE IN ('a', 'c'))} =~ s/, ADD/; ALTER DOMAIN words.d ADD/r,
	'view words.view' => q{CREATE OR REPLACE VIEW words.view AS SELECT t.id, t.v IN ('q', 'r') AS few, CASE WHEN t.v IN ('a', 'b') THEN 'in'::varchar ELSE 'out' END AS word
		FROM words.t WHERE t.v IN ('a', 'b') ORDER BY (t.v IN ('m', 'o'))},
	'trigger sometimes on words.t' => q{CREATE OR REPLACE TRIGGER sometimes BEFORE UPDATE ON words.t FOR EACH ROW WHEN (NEW.v IN ('a', 'b') AND NEW.v NOT IN ('c', 'd')) EXECUTE FUNCTION words.trigger()},
	'rule seldom on words.t' => q{CREATE OR REPLACE RULE seldom AS ON UPDATE TO words.t WHERE OLD.v IN ('a', 'b') AND NEW.id > 7
		DO ALSO (INSERT INTO words.p SELECT t.v FROM words.t WHERE t.v IN ('r', 's') AND t.id = OLD.id; DELETE FROM words.p WHERE v IN ('a', 'b') OR v = OLD.v)},
	'policy own on words.t' => q{ALTER POLICY own ON words.t WITH CHECK (EXISTS (SELECT FROM words.p WHERE p.v IN ('a', 'b') AND p.v = 'a'))},
	'function words.f(boolean,character varying)' => q{CREATE OR REPLACE FUNCTION words.f(a boolean DEFAULT ('x'::varchar IN ('y', 'x')), b varchar DEFAULT 'z') RETURNS integer LANGUAGE sql AS 'SELECT 1'},
	'function words.atomic(character varying,integer)' => q{CREATE OR REPLACE FUNCTION words.atomic(a varchar, k integer) RETURNS boolean LANGUAGE sql
		BEGIN ATOMIC SELECT v IN ('a', 'b') FROM words.t WHERE id = k; SELECT a IN ('c', 'd') AND t.id > 1 FROM words.t; END});
foreach my $db (qw(words restored))
{
	foreach my $objects (sort keys %change)
	{
		is(ask($db, "BEGIN; $change{$objects}; " . ($drift =~ s/, ' ORDER/, ' ORDER/r) . '; ROLLBACK'),
			join(', ', map { "changed $_" } split /, (?=index)/, $objects), "$db: another $objects");
	}
}

# What a migration touches is expected as it is printed now.
ask('restored', q{SELECT migrate.register('0001_a', 'ALTER TABLE words.t ADD more integer; ALTER TABLE words.t RENAME n TO m')});
ask('restored', 'CALL migrate.apply()');
is(ask('restored', $drift), '', 'a migration there');
$node->stop;
done_testing();
