# 230_capture_neighbours.pl: other libraries with the same hooks, loaded before ours and behind it: each records what it records alone.
# What is done is in test/data/capture_neighbours.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = "$FindBin::RealBin/../data/capture_neighbours";
my $node = new_node('main');
my $libraries = $node->config_data('--pkglibdir');
my @neighbours = grep { -e "$libraries/$_.so" } 'pgaudit', 'pg_stat_statements', 'auto_explain', 'pg_cron';
my %has = map { $_ => 1 } @neighbours;

plan skip_all => 'the server has no contrib modules' if !$has{pg_stat_statements} || !$has{auto_explain};
$node->append_conf('postgresql.conf', sprintf <<'CONF', $node->host);
log_min_messages = log
log_line_prefix = '>>> %%a %%d >>> '
pgaudit.log = 'all'
pgaudit.log_relation = on
pgaudit.log_rows = on
pg_stat_statements.track = all
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
auto_explain.log_format = json
cron.database_name = postgres
cron.host = '%s'
CONF
$node->start;

sub ask
{
	my ($db, $sql) = @_;

	local $ENV{PGAPPNAME} = 'aside';
	return $node->safe_psql($db, $sql);
}

# A new database on a server that has these libraries; watched, unless ours is to be left out.
sub arrange
{
	my ($db, $shared, $session, $watched) = @_;

	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$shared'\nsession_preload_libraries = '$session'\n");
	$node->restart;
	ask('postgres', 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements') if $shared =~ /pg_stat_statements/;
	ask('postgres', "CREATE DATABASE $db");
	ask($db, 'CREATE EXTENSION pgaudit') if $shared =~ /pgaudit/;
	ask($db, q{CREATE EXTENSION pg_migrations; SELECT migrate.watch('test')}) if $watched;
	return;
}

# ---- what is done

# A client that runs a file; what it prints.
sub run_file
{
	my ($db, $file) = @_;

	local $ENV{PGAPPNAME} = $file;
	local $ENV{PGOPTIONS} = '-c client_min_messages=error';
	my ($out, $err) = run_command([ 'psql', '-X', '-q', '-A', '-t', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr($db), '-f', "$data/$file.sql" ]);
	return "$out\n" . $err =~ s/^psql:.*?(?=:\d+: )//gmr;
}

# The extended protocol, and statements that are prepared; the errors.
sub run_pgbench
{
	my ($db, $mode) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/script';

	append_to_file($file, <<'SQL');
CREATE TABLE bench (i int PRIMARY KEY);
DO $$BEGIN CREATE INDEX ON bench (i); INSERT INTO bench SELECT generate_series(1, 10); END$$;
EXPLAIN ANALYZE CREATE TABLE bench_2 AS SELECT i FROM bench;
DROP TABLE bench, bench_2;
SQL
	local $ENV{PGAPPNAME} = $mode;
	my ($out, $err) = run_command([ 'pgbench', '-n', '-t', '2', '-M', $mode, '-f', $file, $node->connstr($db) ]);
	return join "\n", $err =~ /(?:ERROR|FATAL).*/g;
}

# ---- what is on record of it

# A text without the numbers that the server gives to objects of its own.
sub without_numbers
{
	my ($text) = @_;

	return $text =~ s/(pg_temp_|pg_toast_)\d+/$1N/gr;
}

# The server's messages since a place in its log, by application.
sub messages_since
{
	my ($place, $db) = @_;
	my %messages;

	foreach my $entry (split /^>>> /m, slurp_file($node->logfile, $place))
	{
		my ($application, $database, $text) = $entry =~ /^(.*) (\S*) >>> (.*?)\n?\z/s or next;

		push @{ $messages{$application} }, without_numbers($text =~ s/\n\t/\n/gr) if $database eq $db;
	}
	return %messages;
}

# Counts of pg_stat_statements; those of the next begin at nothing.
sub counted
{
	my ($db) = @_;

	my $rows = ask('postgres', <<"SQL");
SELECT sum(calls), replace(query, E'\\n', ' ') FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE datname = '$db' GROUP BY query ORDER BY query COLLATE "C";
SELECT FROM pg_database WHERE datname = '$db' AND pg_stat_statements_reset(0, oid, 0) IS NULL;
SQL
	return without_numbers($rows);
}

# What each neighbour has on record of an application: pgaudit's lines without numbers, and what auto_explain has a plan of.
sub records
{
	my ($application, @messages) = @_;

	return (
		$has{pgaudit} ? ("pgaudit of $application" => join("\n", map { /^LOG:  AUDIT: SESSION,\d+,\d+,(.*)/s ? $1 : () } @messages)) : (),
		"auto_explain of $application" => join("\n", map { /^LOG:  duration: \S+ ms  plan:\n(.*)/s ? decode_json($1)->{'Query Text'} : () } @messages),
		"complaints about $application" => join("\n", grep { /^(?:WARNING|ERROR|FATAL|PANIC):/ } @messages));
}

# Statements of our own about what capture sees and what is expected, which the neighbours see as well.
my $ours = qr/\bmigrate\.(?:log_coverage|expected|adrift|object_definitions)|\bpg_db_role_setting\b/;

# What people do in such a database, and then what is done by migrations; what they and the records say.
sub play
{
	my ($db, $shared, $session, $watched) = @_;
	my $counts = $shared =~ /pg_stat_statements/;
	my %said;

	arrange($db, $shared, $session, $watched);
	counted($db) if $counts;
	my $place = -s $node->logfile;
	$said{'printed by own_work'} = run_file($db, 'own_work');
	$said{"printed by $_"} = run_pgbench($db, $_) foreach 'extended', 'prepared';
	$said{'pg_stat_statements of all of them'} = counted($db) if $counts;
	if ($watched)
	{
		$said{'printed by migrations'} = run_file($db, 'migrations');
		$said{'pg_stat_statements of migrations'} = counted($db) if $counts;
		$said{ddl_log} = ask($db, <<'SQL');
SELECT application_name, command_tag, text_source, origin, history_id, role_name, session_role, reason, statement, objects
FROM migrate.ddl_log WHERE application_name <> 'aside' ORDER BY id
SQL
	}
	my %messages = messages_since($place, $db);
	%said = (%said, map { records($_, @{ $messages{$_} // [] }) } 'own_work', 'extended', 'prepared', $watched ? 'migrations' : ());
	return { map { $_ => join "\n", grep { $_ !~ $ours } split /\n/, $said{$_} } keys %said };
}

my $neighbours = join ', ', @neighbours;
my $alone = play('alone', 'pg_migrations', '', 1);
my $without = play('without', $neighbours, '', 0);
my $first;
my @arrangements = (
	[ 'last', "$neighbours, pg_migrations", '' ],
	[ 'first', join(', ', 'pg_migrations', reverse @neighbours), '' ],
	[ 'by_session', $neighbours, '' ],
	[ 'by_session_behind_another', join(', ', grep { $_ ne 'auto_explain' } @neighbours), 'auto_explain' ]);

SKIP:
{
	skip 'pgaudit is not here', 1 if !$has{pgaudit};
	like($without->{'pgaudit of own_work'}, qr/CREATE TABLE,TABLE,s\.made_41,CREATE TABLE made_41/, 'pgaudit records');
}
like($without->{'auto_explain of own_work'}, qr/^SELECT make_in_sql/m, 'auto_explain records');
like($without->{'pg_stat_statements of all of them'}, qr/^1\|CREATE TABLE made_41 \(\)$/m, 'pg_stat_statements records');
same($alone->{$_}, $without->{$_}, "alone: $_") foreach grep { /^(?:printed|complaints)/ } sort keys %$without;
like($alone->{ddl_log}, qr/^own_work\|CREATE TABLE\|exact.*CREATE TABLE made_41 \(\)/m, 'pg_migrations records');
foreach my $arrangement (@arrangements)
{
	my ($name) = @$arrangement;
	my $said = play(@$arrangement, 1);
	my %wanted = (%$without, map { $_ => $alone->{$_} } 'ddl_log', grep { /^(?:printed|complaints)/ } keys %$alone);

	# What neighbours see of migrations is the same in each order.
	%wanted = (%$first, %wanted) if $first;
	$first //= $said;
	same($said->{$_}, $wanted{$_}, "$name: $_") foreach sort keys %wanted;
	migrations_are_known($name, $said);
}

# Each statement of a migration is on record with the neighbours, too; pg_stat_statements may have numbers for its constants.
sub migrations_are_known
{
	my ($name, $said) = @_;

	foreach my $statement (names_of($node, $name, q{SELECT statement FROM migrate.ddl_log WHERE origin = 'migration' AND application_name <> 'aside'}))
	{
		my $pattern = quotemeta($statement) =~ s/\b\d+\b/\\\$?\\d+/gr;

		ok($said->{'pgaudit of migrations'} =~ /\Q$statement\E/, "$name: pgaudit has $statement") if $has{pgaudit};
		ok($said->{'pg_stat_statements of migrations'} =~ /\|$pattern$/m, "$name: pg_stat_statements has $statement");
	}
	ok($said->{'auto_explain of migrations'} =~ /^INSERT INTO m SELECT/m, "$name: auto_explain has a plan");
	return;
}

# ---- jobs of pg_cron

# What four jobs of a watched database leave, each run once: in a session of their own, or in a background worker.
sub run_jobs
{
	my ($db, $shared, $workers) = @_;

	$node->append_conf('postgresql.conf', "cron.use_background_workers = $workers\n");
	arrange($db, $shared, '', 1);
	ask($db, q{SELECT migrate.register('1', 'CREATE TABLE migrated (); CREATE TABLE migrated_too ()')});
	ask('postgres', <<"SQL");
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT cron.schedule_in_database('two', '\@reboot', 'CREATE TABLE one (); CREATE TABLE two ()', '$db');
SELECT cron.schedule_in_database('code', '\@reboot', 'DO \$\$BEGIN CREATE TABLE three (); CREATE TABLE four (); END\$\$', '$db');
SELECT cron.schedule_in_database('role', '\@reboot', 'ALTER ROLE CURRENT_USER RESET work_mem', '$db');
SELECT cron.schedule_in_database('run', '\@reboot', 'CALL migrate.apply()', '$db');
SQL
	$node->restart;
	wait_until($node, 'postgres', q{SELECT count(*) = 4 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')});
	is(ask('postgres', q{SELECT string_agg(return_message, ', ') FROM cron.job_run_details WHERE status = 'failed'}), '', "$db: no job fails");
	ask('postgres', 'SELECT cron.unschedule(jobid) FROM cron.job; DELETE FROM cron.job_run_details');
	return ask($db, q{SELECT concat_ws('|', text_source, origin, statement) FROM migrate.ddl_log WHERE application_name <> 'aside' ORDER BY statement COLLATE "C"});
}

my @all = map { "exact|$_" } (
	'direct|ALTER ROLE CURRENT_USER RESET work_mem', 'direct|CREATE TABLE four ()', 'migration|CREATE TABLE migrated ()',
	'migration|CREATE TABLE migrated_too ()', 'direct|CREATE TABLE one ()', 'direct|CREATE TABLE three ()', 'direct|CREATE TABLE two ()');
# As in doc/security.md: what a background worker does is known as that of a session without the library, until its first
# statement has loaded it.
my @workers = (
	'exact|direct|CREATE TABLE four ()', $all[2], $all[3], 'client_string|direct|CREATE TABLE one (); CREATE TABLE two ()', $all[6],
	'client_string|direct|DO $$BEGIN CREATE TABLE three (); CREATE TABLE four (); END$$');

SKIP:
{
	skip 'pg_cron is not here', 1 if !$has{pg_cron};
	foreach my $case (
		[ 'sessions_shared', "$neighbours, pg_migrations", 'off', @all ], [ 'workers_shared', "$neighbours, pg_migrations", 'on', @all ],
		[ 'sessions', $neighbours, 'off', @all ], [ 'workers', $neighbours, 'on', @workers ])
	{
		my ($name, $shared, $workers, @wanted) = @$case;

		same(run_jobs($name, $shared, $workers), join("\n", @wanted), "$name: what jobs do is on record");
	}
}
$node->stop;
done_testing();
