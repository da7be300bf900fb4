# 060_large.pl: long names and texts, many statements and migrations. LARGE=1 takes a text of 100 MB.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
$node->append_conf('postgresql.conf', "client_min_messages = warning\nmax_stack_depth = '100kB'");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_migrations;
CREATE FUNCTION long(n integer DEFAULT 1000000) RETURNS text LANGUAGE sql AS $$ SELECT pg_catalog.repeat('x', n) $$;
SQL

sub ask
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

# ---- a name of a megabyte, wherever a name can be given

my %places = (
	name => q{SELECT migrate.register(long(), '')},
	project => q{SELECT migrate.register('a', '', project => long())},
	path => q{SELECT * FROM migrate.load(ARRAY[long() || '.sql'], '{SELECT 1}')},
	key => q{SELECT * FROM migrate.load_json(jsonb_build_object(long() || '.sql', 'SELECT 1'))},
	layout => q{SELECT * FROM migrate.load('{a.sql}', '{SELECT 1}', layout => long())},
	kind => q{SELECT migrate.register('a', '', kind => long())},
	option => q{SELECT migrate.register('a', '', options => jsonb_build_object(long(), 1))},
	find => q{SELECT migrate.is_applied(long())},
	target => q{SELECT * FROM migrate.plan(long())},
	sql => q{SELECT migrate.sql('a', project => long())},
	baseline => q{SELECT migrate.baseline(long(), 'why', 'a')},
	setting => q{SELECT migrate.configure(long(), 'a', 'why')},
	capability => q{SELECT migrate.grant_capability(current_user, long())},
	role => q{SELECT migrate.grant_capability(long(), 'author')});
my %states = (find => 'MG002', baseline => 'MG002', target => 'MG002', sql => 'MG002', role => '42704');
my $got = sqlstates($node, 'postgres', \%places);
is_deeply($got, { map { $_ => $states{$_} // '22023' } keys %places }, 'a name of a megabyte');
is(ask('SELECT count(*) FROM migrate.migrations'), '0', 'nothing of it is registered');
# What is no name may be as long as one likes.
is(ask(q{SELECT migrate.register('a', '', description => long(), tags => ARRAY[long()])}), 'registered', 'a description of a megabyte');
is(ask(q{SELECT migrate.hold('a', long()); SELECT max(length(show)) <= 100 FROM migrate.show() show}) =~ s/^\n//r, 't', 'a reason of a megabyte');
ask(q{SELECT migrate.unregister('a')});

# ---- a large text, a large statement, many statements

my $size = $ENV{LARGE} ? 100_000_000 : 20_000_000;
ask(qq{SELECT migrate.register('big', 'CREATE TABLE big (t text);\nINSERT INTO big VALUES (''' || long($size) || ''')', 'DROP TABLE big')});
is(ask('CALL migrate.apply(); SELECT length(t) FROM big'), "1|1\n$size", "a text of $size bytes");
is(ask(q{SELECT encode(checksum, 'hex') = encode(sha256(convert_to(up, 'UTF8')), 'hex') FROM migrate.migrations}), 't', 'is kept as it is');
is(ask("SELECT migrate.register('failing', 'SELECT ''' || long($size) || '''::integer')"), 'registered', 'another');
is((sqlstate($node, 'postgres', 'CALL migrate.apply()'))[0], '22P02', 'fails');
is(ask(q{SELECT outcome, error_code, length(error_statement) >= 20000000 FROM migrate.history ORDER BY id DESC LIMIT 1}), 'failed|22P02|t', 'as is recorded');
ask(q{SELECT migrate.unregister('failing')});
is(ask(q{SELECT migrate.register('many', E'CREATE TABLE many (i integer);\n' || string_agg(format('INSERT INTO many VALUES (%s)', i), E';\n' ORDER BY i))
	FROM generate_series(2, 100000) i}), 'registered', '100,000 statements in one text');
is(ask('CALL migrate.apply(); SELECT count(*), sum(i) FROM many'), "3|1\n99999|5000049999", 'run, each of them');
is(ask(q{SELECT count(*), count(DISTINCT line), max(statement_no) FROM migrate.statement_log WHERE history_id = (SELECT max(id) FROM migrate.history)}),
	'100000|100000|100000', 'and are recorded');

# ---- 10,000 migrations, each requiring the one before, registered from the end

my $chain = q{SELECT count(migrate.register('m' || i, format('CREATE TABLE m%s ()', i), 'DROP TABLE m' || i, project => 'chain',
	requires => CASE WHEN i > 1 THEN ARRAY['m' || i - 1] ELSE '{}' END)) FROM generate_series(10000, 1, -1) i};
is(ask($chain), '10000', '10,000 migrations in a chain');
is(ask(q{SELECT count(*), max(step), string_agg(name, ' ' ORDER BY step) FILTER (WHERE step <= 3 OR step = 10000)
	FROM migrate.plan(project => 'chain')}), '10000|10000|m1 m2 m3 m10000', 'are planned from its beginning');
is(ask(q{SELECT count(*) FROM migrate.plan('m5000', 'chain')}), '5000', 'as far as the target');
is(ask(q{CALL migrate.apply('m100'); SELECT string_agg(state || ' ' || n, ', ' ORDER BY state)
	FROM (SELECT state, count(*) AS n FROM migrate.status('chain') GROUP BY 1) x}), "4|100\napplied 100, pending 9900", 'applied in part');
is(ask(q{CALL migrate.apply(options => '{"names": ["m110"]}'); CALL migrate.revert('m50', 'chain')}), "5|10\n6|60", 'and reverted in part');
is(ask(q{SELECT count(*) FROM migrate.check()}), '0', 'check has nothing to say');
is(ask(q{SELECT count(*) BETWEEN 10 AND 60, max(length(show)) <= 100 FROM migrate.show('chain') show}), 't|t', 'show folds them');
cmp_ok(ask(q{SELECT length(migrate.graph('chain')) + length(migrate.graph('chain', 'dot'))}), '>', 500_000, 'graph draws them');
raises($node, 'postgres', q{SELECT migrate.register('m200', 'CREATE TABLE m200 ()', project => 'chain', requires => '{m10000}');
	CALL migrate.apply(project => 'chain')}, 'MG003', qr/m\d+ -> .*m\d+/, 'a cycle of 9,801');

# ---- load with what does not fit together

my %misfits = (
	short => q{SELECT * FROM migrate.load('{a.sql,b.sql}', '{SELECT 1}')},
	long => q{SELECT * FROM migrate.load('{a.sql}', '{SELECT 1,SELECT 2}')},
	dimensions => q{SELECT * FROM migrate.load('{{a.sql,b.sql}}', '{SELECT 1,SELECT 2}')},
	null_path => q{SELECT * FROM migrate.load('{NULL}', '{SELECT 1}')},
	null_content => q{SELECT * FROM migrate.load('{a.sql}', '{NULL}')},
	null => q{SELECT * FROM migrate.load(NULL, '{SELECT 1}')},
	json_array => q{SELECT * FROM migrate.load_json('["a.sql"]')},
	json_number => q{SELECT * FROM migrate.load_json('{"a.sql": 1}')},
	json_null => q{SELECT * FROM migrate.load_json(NULL)},
	twice => q{SELECT * FROM migrate.load('{a.sql,a.sql}', '{SELECT 1,SELECT 2}')});
%states = map { $_ => '22023' } keys %misfits;
$states{twice} = 'MG005';
$states{$_} = '2202E' foreach qw(short long);
$states{$_} = '22004' foreach qw(null_path null_content null json_null dimensions);
is_deeply(sqlstates($node, 'postgres', \%misfits), \%states, 'arrays that do not fit together');
raises($node, 'postgres', q{SELECT * FROM migrate.load('{}', '{}')}, '22023', qr/no files/, 'an empty set');
is(ask(q{SELECT count(*) FROM migrate.load((SELECT array_agg(format('%s_x.sql', i)) FROM generate_series(1, 10000) i),
	(SELECT array_agg('SELECT ' || i) FROM generate_series(1, 10000) i), project => 'load') WHERE action = 'registered'}), '10000', '10,000 files');
is(ask('SELECT * FROM migrate.verify_history()'), '', 'the history is sound');
$node->stop;
done_testing();
