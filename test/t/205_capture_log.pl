# 205_capture_log.pl: a line in the server's log for each statement outside of a migration, and for no other.
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
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_migrations;
CREATE ROLE changer LOGIN SUPERUSER;
CREATE ROLE other;
SELECT migrate.watch('test');
SQL

# What some statements leave in the log: the lines about them.
sub logged
{
	my ($sql) = @_;
	my $offset = -s $node->logfile;

	$node->psql('postgres', $sql, extra_params => [ '-U', 'changer' ], on_error_stop => 0);
	my $log = substr(slurp_file($node->logfile), $offset);
	my @lines = $log =~ /LOG:  (\S[^\n]* outside of a migration[^\n]*\n)/g;
	return join '', map { s/ddl_log \d+/ddl_log N/r } @lines;
}

is(logged('CREATE TABLE t (i int); ALTER TABLE t ADD j int'), <<'OUT', 'a line for each statement');
CREATE TABLE outside of a migration, by changer ("205_capture_log.pl"), ddl_log N, statement: CREATE TABLE t (i int)
ALTER TABLE outside of a migration, by changer ("205_capture_log.pl"), ddl_log N, statement: ALTER TABLE t ADD j int
OUT
is(logged(q{ALTER ROLE other PASSWORD 'geheim'}), <<'OUT', 'without its secrets');
ALTER ROLE outside of a migration, by changer ("205_capture_log.pl"), ddl_log N, statement: ALTER ROLE other PASSWORD '<redacted>'
OUT
is(logged(q{BEGIN; SET LOCAL pg_migrations.reason = 'OPS-7'; GRANT CREATE ON SCHEMA public TO other; SET LOCAL ROLE other; CREATE TABLE o (); ROLLBACK}), <<'OUT',
GRANT outside of a migration, by changer ("205_capture_log.pl"), ddl_log N, reason: OPS-7, statement: GRANT CREATE ON SCHEMA public TO other
CREATE TABLE outside of a migration, by changer as other ("205_capture_log.pl"), ddl_log N, reason: OPS-7, statement: CREATE TABLE o ()
OUT
	'with its reason, and as whom, also where it is rolled back');
my $long = logged(q{COMMENT ON TABLE t IS '} . 'x' x 5000 . q{'});
like($long, qr/, statement: COMMENT ON TABLE t IS 'x+ \.\.\.$/m, 'a long one is cut');
cmp_ok(length $long, '<', 1200, 'to what can be read');
is(logged('SELECT 1; CREATE TEMP TABLE temporary (); CREATE TABLE IF NOT EXISTS t (); CREATE TABEL x ()'), '', 'none for what is not counted');
is(logged(q{SELECT migrate.register('0001_a', 'CREATE TABLE a ()'); CALL migrate.apply()}), '', 'none for a migration');
is(logged(q{BEGIN; SELECT migrate.begin('x', tool => 'other'); CREATE TABLE x (); COMMIT}), '', 'nor for what is attributed');
my ($id) = slurp_file($node->logfile) =~ /CREATE TABLE outside of a migration, [^\n]*, ddl_log (\d+), statement: CREATE TABLE t/;
is($node->safe_psql('postgres', "SELECT statement FROM migrate.ddl_log WHERE id = $id"), 'CREATE TABLE t (i int)', 'its row is named');

# What the server says of a statement it says once, though we read it again.
my $name = 'n' x 70;
my (undef, undef, $said) = $node->psql('postgres', "CREATE TABLE $name (password text DEFAULT 'x')", extra_params => [ '-U', 'changer' ]);
is(() = $said =~ /NOTICE:  identifier "$name" will be truncated/g, 1, 'a statement that may have a secret is read again in silence');
(undef, undef, $said) = $node->psql('postgres', 'SELECT identity FROM migrate.drift()');
is($said, '', 'and so is one that explains what is adrift');

# It is read as it was then, whatever the client's strings are now.
$node->safe_psql('postgres', q{CREATE TABLE told (); SELECT migrate.accept_drift('*', 'test'); COMMENT ON TABLE told IS E'it\\'s'});
my $who = q{SELECT identity, cardinality(ddl_ids) FROM migrate.drift()};
is($node->safe_psql('postgres', "SET $_; $who"), 'public.told|1', "drift with $_")
  foreach 'client_encoding = UTF8', 'client_encoding = GBK', 'client_encoding = SJIS', 'client_encoding = BIG5', 'client_encoding = UHC', 'client_encoding = GB18030',
  'backslash_quote = off', 'standard_conforming_strings = off', 'max_stack_depth = 100';

# ---- no secret is in the log because of us

sub logged_all
{
	my ($sql) = @_;
	my $offset = -s $node->logfile;
	my ($status) = $node->psql('postgres', $sql, extra_params => [ '-U', 'changer' ], on_error_stop => 1);

	return ($status, substr(slurp_file($node->logfile), $offset));
}

# The log has each statement as it came otherwise.
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_messages = warning");
$node->reload;
$node->poll_query_until('postgres', q{SELECT current_setting('log_statement') = 'none'});
my ($status, $log) = logged_all(q{SET default_transaction_read_only = on; ALTER SYSTEM SET primary_conninfo = 'host=p user=r password=geheim'});
is($status, 0, 'ALTER SYSTEM where nothing can be written');
like($log, qr/ALTER SYSTEM on a server or in a transaction that is read-only, not recorded: ALTER SYSTEM SET primary_conninfo = '<redacted>'/, 'is in the log');
unlike($log, qr/geheim/, 'without its secrets');
($status, $log) = logged_all(q{SET pg_migrations.out_of_band = reject; ALTER ROLE other PASSWORD 'geheim'});
is($status, 3, 'a statement that is rejected');
like($log, qr/ALTER ROLE outside of a migration is rejected\n[^\n]*DETAIL:  [^\n]*ALTER ROLE other PASSWORD '<redacted>'/, 'is in the log');
unlike($log, qr/geheim/, 'without its secrets');

# The log shows all that the client has sent, and what was under way around a statement.
sub logged_rejected
{
	my ($sql) = @_;
	my $offset = -s $node->logfile;

	$node->command_fails_like([ 'psql', '-X', '-d', $node->connstr('postgres') . q{ user=changer options='-c pg_migrations.out_of_band=reject'}, '-c', $sql ],
		qr/outside of a migration is rejected/, 'rejected');
	return substr(slurp_file($node->logfile), $offset);
}
my @with_secrets = (q{CREATE TABLE refused (); ALTER ROLE other PASSWORD 'geheim'}, q{DO $$BEGIN EXECUTE 'ALTER ROLE other PASSWORD ''geheim'''; END$$},
	q{DO $$BEGIN EXECUTE format('ALTER ROLE other %s %L', 'PASSWORD', 'ge' || 'heim'); END$$});
foreach (@with_secrets)
{
	$log = logged_rejected($_);
	like($log, qr/ is rejected\n/, "a line for $_");
	unlike($log, qr/geheim/, 'without the secrets of what stands around it');
}
(undef, $log) = logged_all(q{SET pg_migrations.out_of_band = reject; CREATE TABLE refused ()});
like($log, qr/STATEMENT:  [^\n]*CREATE TABLE refused \(\)/, 'as it came where it has none');

# Nor where its row fails.
my $next = $node->safe_psql('postgres', 'SELECT last_value + 1 FROM migrate.log_ddl_id_seq');
$node->safe_psql('postgres', "ALTER SEQUENCE migrate.log_ddl_id_seq MAXVALUE $next");
foreach (@with_secrets)
{
	($status, $log) = logged_all($_);
	is($status, 3, "$_ cannot be recorded");
	like($log, qr/ERROR:  nextval: reached maximum value of sequence/, 'the log says why');
	unlike($log, qr/geheim/, 'and has no secret');
}
($status, $log) = logged_all('CREATE TABLE unrecorded ()');
like($log, qr/STATEMENT:  CREATE TABLE unrecorded \(\)/, 'what has none is there as it came');

$node->stop;
done_testing();
