# 020_dump_restore.pl: a dump carries everything, and the restored database goes on where it stood.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = new_node('old');
$old->start;
# Higher transaction ids than a fresh cluster has.
$old->safe_psql('postgres', <<'SQL');
DO $$BEGIN FOR i IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$;
CREATE ROLE owner LOGIN;
CREATE ROLE "Ünï ""rolë""";
CREATE DATABASE shop OWNER owner;
SQL
$old->safe_psql('shop', <<'SQL');
CREATE EXTENSION pg_migrations;
SELECT migrate.grant_capability('owner', 'deployer');
SELECT migrate.register('0001_a', E'CREATE TABLE a (i int);\nINSERT INTO a SELECT generate_series(1, 10)', 'DROP TABLE a',
	'SELECT count(*) = 10 FROM a', tags => '{core}', description => 'the first');
SELECT migrate.register('0002_b', 'CREATE TABLE b (i int)', 'DROP TABLE b', options => '{"lock_timeout": 500}');
SELECT migrate.register('0003_c', E'CREATE TABLE c ();\n\n-- ünï\nSELECT 1 / 0');
SELECT migrate.register('R__v', 'CREATE OR REPLACE VIEW v AS SELECT 1 AS one', kind => 'repeatable');
SELECT migrate.register('1', 'CREATE TABLE p1 ()', '', project => 'other');
SELECT migrate.register('2', 'CREATE TABLE p2 ()', '', project => 'other');
SELECT migrate.register('9', 'CREATE TABLE p9 ()', '', project => 'other', requires => '{2,default:0002_b}');
SQL
my ($state) = sqlstate($old, 'shop', q{SET ROLE owner; CALL migrate.apply(reason => 'first')});
is($state, '22012', 'a migration fails');
$old->safe_psql('shop', <<'SQL');
SELECT migrate.mark_applied('other:9', 'done by hand, "quoted" and ünï');
SELECT migrate.register('0003_c', 'CREATE TABLE c ()');
SELECT migrate.register('0003_c', 'CREATE TABLE c (i int)', 'DROP TABLE c');
CALL migrate.revert(project => 'other');
SELECT migrate.hold('other:1', 'wait');
SELECT migrate.register('1.0', 'CREATE TABLE old ()', project => 'legacy');
SELECT migrate.baseline('1.5', 'it was there before', 'legacy');
SELECT migrate.accept_text('0001_a', 'CREATE TABLE a (i integer)', 'the same thing');
SELECT migrate.configure('heads', 'one', 'we agreed', 'other');
SELECT migrate.ignore('they are theirs', 'partman', role_name => 'owner');
SELECT migrate.configure('out_of_order', 'refuse', 'we agreed');
SELECT migrate.grant_capability('Ünï "rolë"', 'author', 'other');
SELECT migrate.seal();
SELECT migrate.register('0004_d', 'CREATE TABLE d (i int)');
SQL
my ($head) = names_of($old, 'shop', 'SELECT seal || $$, $$ || quote_literal(hash) FROM migrate.history_head()');

# ---- what a database says of itself

# Every table and sequence of the extension, and what is derived from them.
my @objects = names_of($old, 'shop', <<'SQL');
SELECT c.relname FROM pg_class c WHERE relnamespace = 'migrate'::regnamespace AND relkind IN ('r', 'S') ORDER BY relkind, 1
SQL
cmp_ok(scalar @objects, '>', 15, 'there are tables and sequences');
my $all = join "\n", map { "\\echo $_\nSELECT * FROM $_ x ORDER BY x::text;" }
  ((map { /_seq$/ ? "(SELECT last_value, is_called FROM migrate.$_)" : "migrate.$_" } @objects),
	(map { "migrate.$_" } qw(capabilities settings migrations runs history status() plan() check() show())));

sub facts
{
	my ($node, $db) = @_;

	# When a migration has failed today show() says without the date.
	return $node->safe_psql($db, $all) =~ s/ failed \K\S+ (?=\d\d:\d\d: )//gr;
}

# Dumps, restores into an empty database; everything must go without a word.
sub copy_database
{
	my ($what, $to, $db, $dump, $restore) = @_;
	my $file = $old->backup_dir . "/$what";

	mkdir $old->backup_dir;
	my ($out, $err) = run_command([ @$dump, '-f', $file, $old->connstr('shop') . ($what =~ /owner/ ? ' user=owner' : '') ]);
	is($err, '', "$what: dumped without a word");
	$to->safe_psql('postgres', "CREATE DATABASE $db");
	my @input = $restore->[0] eq 'psql' ? ('-f', $file) : ($file);
	($out, $err) = run_command([ @$restore, '-d', $to->connstr($db), @input ]);
	is($err, '', "$what: restored without a word");
	return;
}

# The restored database is the old one, and the next run is the next.
sub goes_on
{
	my ($what, $node, $db, $wanted) = @_;

	same(facts($node, $db), $wanted, "$what: everything is equal");
	is($node->safe_psql($db, <<SQL), <<'OUT' =~ s/\n\z//r, "$what: the history is sound, and apply goes on");
\\echo its head of then is in it, and no problem
SELECT * FROM migrate.verify_history();
SELECT * FROM migrate.verify_history($head);
CALL migrate.apply();
SELECT string_agg(name, ' ' ORDER BY id) FROM migrate.history WHERE run_id = 3;
\\echo nor is there any after it, and all is sealed
SELECT * FROM migrate.verify_history($head);
SELECT count(*) FROM migrate.log_history h WHERE NOT EXISTS
	(SELECT FROM migrate.seals s WHERE s.source = 'history' AND h.id <@ s.ids);
SQL
its head of then is in it, and no problem
3|3
0003_c 0004_d R__v
nor is there any after it, and all is sealed
0
OUT
	return;
}

my $wanted = facts($old, 'shop');
my @psql = ('psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1');
my @restore = ('pg_restore', '-e');
copy_database('plain', $old, 'plain', ['pg_dump'], [ @psql, '-1' ]);
goes_on('plain', $old, 'plain', $wanted);
copy_database('owner_plain', $old, 'owner_plain', ['pg_dump'], [@psql]);
goes_on('owner_plain', $old, 'owner_plain', $wanted);
copy_database('owner_custom', $old, 'owner_custom', [ 'pg_dump', '-Fc' ], [ @restore, '-j', '2' ]);
goes_on('owner_custom', $old, 'owner_custom', $wanted);

# A fresh cluster, where transaction ids begin anew.
my $new = new_node('new');
$new->start;
my ($roles) = run_command([ 'pg_dumpall', '--roles-only', '-d', $old->connstr('postgres') ]);
$new->psql('postgres', $roles, on_error_stop => 0);
copy_database('custom', $new, 'custom', [ 'pg_dump', '-Fc' ], [ @restore, '-1' ]);
is($new->safe_psql('custom', q{SELECT pg_current_xact_id()::text::bigint <
	(SELECT min(transaction_id::text::bigint) FROM migrate.log_history)}), 't', 'transaction ids are lower there');
goes_on('custom', $new, 'custom', $wanted);
# The restored rows' transactions come again, and so do those of runs since.
$new->safe_psql('custom', <<'SQL');
DO $$BEGIN FOR i IN 1..6000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$;
SELECT migrate.register('0005_e', 'CREATE TABLE e ()');
CALL migrate.apply();
SQL
is($new->safe_psql('custom', "SELECT * FROM migrate.verify_history($head)"), '', 'nor does it matter when they come again');

# A dump taken while a run is under way.
$old->safe_psql('shop', q{SELECT migrate.register('0006_f', 'CREATE TABLE f (); SELECT pg_advisory_lock(6)',
	options => '{"lock_timeout": 0}')});
my $blocker = start_client($old, 'shop', 'SELECT pg_advisory_lock(6); SELECT pg_sleep(1000)');
wait_until($old, 'shop', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 6 AND granted});
my $run = start_client($old, 'shop', 'CALL migrate.apply()');
wait_until($old, 'shop', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 6 AND NOT granted});
copy_database('running', $old, 'running', ['pg_dump'], [@psql]);
$old->safe_psql('shop', q{SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 6 AND granted});
end_client($blocker);
is((end_client($run))[1], '3|4', 'the run went on');
is($old->safe_psql('running', q{SELECT outcome, (SELECT state FROM migrate.status('default') WHERE name = '0006_f')
	FROM migrate.runs WHERE run_id = 3}), 'interrupted|pending', 'in the dump it was interrupted');
is($old->safe_psql('running', 'SELECT * FROM migrate.verify_history()'), '', 'and the history is sound');
is($old->safe_psql('running', 'CALL migrate.apply()'), '4|2', 'and can be continued');

$old->stop;
$new->stop;
done_testing();
