# 010_standby.pl: what only reads works on a standby and in a read-only transaction, what writes says 25006.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Every function is in one of these two; one that is in neither fails the test.
my %reads = (
	audit => [ q{SELECT * FROM migrate.audit('-infinity') WHERE event <> 'history_head'}, q{SELECT * FROM migrate.audit('-infinity', project => 'shop')} ],
	check => [ 'SELECT * FROM migrate.check()', q{SELECT * FROM migrate.check('shop')} ],
	export_snapshot => [q{SELECT substr(migrate.export_snapshot('expected'), 250)}],
	deployer => ['SELECT count(*) FROM migrate.deployer()'],
	drift => ['SELECT * FROM migrate.drift()'],
	drift_diff => ['SELECT migrate.drift_diff()'],
	compare => [q{SELECT * FROM migrate.compare('expected', 'current')}],
	graph => [ map { "SELECT migrate.graph(format => '$_')" } qw(text dot mermaid) ],
	history_head => ['SELECT * FROM migrate.history_head()'],
	inventory => [ q{SELECT * FROM migrate.inventory() i ORDER BY i::text} ],
	is_applied => [ map { "SELECT migrate.is_applied('$_')" } qw(0001_a 0003) ],
	is_current => [ 'SELECT migrate.is_current()', q{SELECT migrate.is_current('other')} ],
	may_see => ['SELECT migrate.may_see(NULL)'],
	migration_states => ['SELECT * FROM migrate.migration_states()'],
	plan => [
		'SELECT * FROM migrate.plan()', q{SELECT * FROM migrate.plan('0003_c')},
		q{SELECT * FROM migrate.plan(project => 'shop', direction => 'down')},
		q{SELECT * FROM migrate.plan('zero', 'shop', 'down')}
	],
	show => [ 'SELECT * FROM migrate.show()', q{SELECT * FROM migrate.show('shop')} ],
	sql => [ q{SELECT migrate.sql('0002_b')}, q{SELECT migrate.sql('0002_b', direction => 'down')} ],
	status => ['SELECT * FROM migrate.status()'],
	wait => ['CALL migrate.wait(1)'],
	verify => ['SELECT * FROM migrate.verify()'],
	verify_history =>
	  [ 'SELECT * FROM migrate.verify_history()', q{SELECT * FROM migrate.verify_history(1)} ]);
my %writes = (
	accept_text => q{SELECT migrate.accept_text('0001_a', 'SELECT 2', 'why')},
	prune_ddl_log => q{SELECT migrate.prune_ddl_log(now(), 'why')},
	ignore => q{SELECT migrate.ignore('why', 'other')},
	unignore => q{SELECT migrate.unignore(1, 'why')},
	import_snapshot => q{SELECT migrate.import_snapshot('now', 'text')},
	rebase_expected => q{SELECT migrate.rebase_expected('why', 'before')},
	accept_drift => q{SELECT migrate.accept_drift('*', 'why')},
	adopt => q{SELECT migrate.adopt('0009_x', '{1}', 'why')},
	propose_revert => q{SELECT migrate.propose_revert('public.x')},
	undo_drift => q{SELECT migrate.undo_drift('public.x', 'why')},
	snapshot => q{SELECT migrate.snapshot('now')},
	apply => 'CALL migrate.apply()',
	baseline => q{SELECT migrate.baseline('0003_c', 'why')},
	cancel_run => q{SELECT migrate.cancel_run(1, 'why')},
	configure => q{SELECT migrate.configure('heads', 'one', 'why')},
	grant_capability => q{SELECT migrate.grant_capability('reader', 'author')},
	hold => q{SELECT migrate.hold('0003_c', 'why')},
	load => q{SELECT * FROM migrate.load('{0009_x.sql}', '{SELECT 1}')},
	load_directory => q{SELECT * FROM migrate.load_directory('DIRECTORY')},
	load_json => q{SELECT * FROM migrate.load_json('{"0009_x.sql": "SELECT 1"}')},
	acknowledge => q{SELECT migrate.acknowledge('{1}', 'why')},
	begin => q{SELECT migrate.begin('by hand')},
	break_glass => q{SELECT migrate.break_glass('why')},
	finish => 'SELECT migrate.finish()',
	unwatch => q{SELECT migrate.unwatch('why')},
	watch => q{SELECT migrate.watch('why')},
	mark_applied => q{SELECT migrate.mark_applied('0003_c', 'why')},
	mark_pending => q{SELECT migrate.mark_pending('0002_b', 'why')},
	register => q{SELECT migrate.register('0009_x', 'SELECT 1')},
	release => q{SELECT migrate.release('0004_d', 'why')},
	resolve => q{SELECT migrate.resolve('0002_b', 'continue', 'why')},
	revert => q{CALL migrate.revert(project => 'shop')},
	revoke_capability => q{SELECT migrate.revoke_capability('reader', 'monitor')},
	seal => 'SELECT migrate.seal()',
	unregister => q{SELECT migrate.unregister('0003_c')});

my $primary = new_node('primary', allows_streaming => 1);
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_migrations;
CREATE ROLE reader;
SELECT migrate.register('0001_a', 'CREATE TABLE a (i int)', 'DROP TABLE a', project => 'shop');
SELECT migrate.register('0002_b', 'CREATE TABLE b (i int)', 'DROP TABLE b', 'SELECT true', project => 'shop');
SELECT migrate.register('0001_o', 'CREATE TABLE o ()', project => 'other');
SELECT migrate.grant_capability('reader', 'monitor');
SELECT migrate.grant_capability('reader', 'deployer');
CALL migrate.apply(reason => 'for the standby');
SELECT migrate.register('0003_c', 'CREATE TABLE c (i int)', 'DROP TABLE c', project => 'shop');
SELECT migrate.register('0004_d', 'SELECT 1/0', project => 'shop');
SELECT migrate.hold('0004_d', 'later');
SQL
$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->start;
# Rows that no seal covers reach the standby as well.
$primary->safe_psql('postgres', q{SELECT migrate.register('0005_e', 'CREATE TABLE e ()', project => 'shop')});
$primary->wait_for_catchup($standby);

my $directory = PostgreSQL::Test::Utils::tempdir;
append_to_file("$directory/0009_x.sql", 'SELECT 1');
s/DIRECTORY/$directory/ foreach values %writes;

my %classified = map { $_ => 1 } keys %reads, keys %writes;
my @unknown = grep { !$classified{$_} } names_of($primary, 'postgres', <<'SQL');
SELECT DISTINCT proname FROM pg_proc
WHERE pronamespace = 'migrate'::regnamespace AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND NOT starts_with(proname, 'capability_') ORDER BY 1
SQL
is(join(' ', @unknown), '', 'every function is known to read or to write');
my @views = names_of($primary, 'postgres', <<'SQL');
SELECT relname FROM pg_class WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'v' ORDER BY 1
SQL
cmp_ok(scalar @views, '>', 8, 'there are views');

# Everything that reads, here and as the primary says it, read-write or not.
my @queries = map { @{ $reads{$_} } } sort keys %reads;
push @queries, map { "SELECT * FROM migrate.$_ v ORDER BY v::text" } grep { $_ !~ /^(settings|present_steps)$/ } @views;
# Where a setting comes from differs between two servers.
push @queries, 'SELECT setting, project, value FROM migrate.settings v ORDER BY v::text';
my $all = join "\n", map { "\\echo $_\n$_;" } @queries;

my $wanted = $standby->safe_psql('postgres', $all);
like($wanted, qr/\|shop\|0003_c\|/, 'what is pending can be seen on a standby');
same($primary->safe_psql('postgres', "SET default_transaction_read_only = on;\n$all"), $wanted,
	'a read-only session of the primary sees the same');
same($primary->safe_psql('postgres', "BEGIN READ ONLY;\n$all\nCOMMIT;"), $wanted,
	'a read-only transaction as well');
same($standby->safe_psql('postgres', "SET ROLE reader;\n$all"), $wanted, 'and a monitor');

# verify_history had nothing to complain about, sealed or not.
my $unsealed = q{SELECT count(*) FROM migrate.log_decisions d WHERE NOT EXISTS
	(SELECT FROM migrate.seals s WHERE s.source = 'decisions' AND d.id <@ s.ids)};
$primary->safe_psql('postgres', q{SELECT migrate.hold('0005_e', 'later')});
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT * FROM migrate.verify_history()'), '', 'no problem is found on the standby');
is($standby->safe_psql('postgres', "$unsealed AND d.decision = 'held' AND d.name = '0005_e'"), '1',
	'and nothing was sealed for it');
is($primary->safe_psql('postgres', "BEGIN READ ONLY; SELECT * FROM migrate.verify_history(); COMMIT"), '',
	'no problem in a read-only transaction');
is($primary->safe_psql('postgres', "$unsealed AND d.decision = 'held' AND d.name = '0005_e'"), '1',
	'nor is anything sealed there');
$primary->safe_psql('postgres', q{SELECT migrate.release('0005_e', 'now')});

my %refused = map { $_ => '25006' } keys %writes;
is_deeply(sqlstates($standby, 'postgres', \%writes), \%refused, 'what writes is refused on a standby');
is_deeply(sqlstates($primary, 'postgres', \%writes, 'BEGIN READ ONLY;'), \%refused,
	'and in a read-only transaction');
is((sqlstate($primary, 'postgres', "SET default_transaction_read_only = on;\nCALL migrate.apply()"))[0],
	'25006', 'apply outside a block that is read-only');

$primary->wait_for_catchup($standby);
$standby->promote;
$primary->stop;
is($standby->safe_psql('postgres', 'SELECT * FROM migrate.verify_history()'), '', 'promoted, the history is sound');
is($standby->safe_psql('postgres', 'CALL migrate.apply(NULL)'), '2|1', 'and apply goes on');
is($standby->safe_psql('postgres', q{SELECT to_regclass('c') IS NOT NULL AND migrate.is_applied('0003_c')}), 't',
	'with what was pending');
is($standby->safe_psql('postgres', 'SELECT * FROM migrate.verify_history()'), '', 'and the history is sound still');
$standby->stop;
done_testing();
