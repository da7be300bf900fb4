# 210_capture_sessions.pl: many sessions change the schema at once; each change that was committed has one row, and no other.
# SEED=n repeats a run.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // time % 1_000_000;
my $clients = 8;
my $transactions = 15;
note("SEED=$seed");

my $node = new_node('main');
$node->append_conf('postgresql.conf', "max_prepared_transactions = 20\ndeadlock_timeout = 100ms\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_migrations;
CREATE TABLE made (statement text);
CREATE ROLE maker LOGIN;
GRANT CREATE ON SCHEMA public TO maker;
GRANT INSERT, SELECT ON made TO maker;
SQL

# What was done is written in the transaction that did it, so that it is there
# when, and only when, that was committed.
sub done
{
	my ($sql) = @_;

	return "$sql;\nINSERT INTO made VALUES (" . literal($sql) . ");";
}

my $table = '"t :client_id :n"';
my %scripts = (
	block => join("\n", '\set n random(1, 1000000000)', 'BEGIN;', done("CREATE TABLE $table (i int PRIMARY KEY)"),
		done("ALTER TABLE $table ADD j int"), done("DROP TABLE $table"), 'COMMIT;'),
	savepoint => join("\n", '\set n random(1, 1000000000)', 'BEGIN;', done("CREATE TABLE $table (i int)"), 'SAVEPOINT s;',
		done("CREATE INDEX ON $table (i)"), 'ROLLBACK TO s;', done("COMMENT ON TABLE $table IS 'x'"), 'COMMIT;'),
	rollback => join("\n", '\set n random(1, 1000000000)', 'BEGIN;', done("CREATE TABLE $table (i int)"),
		done("CREATE INDEX ON $table (i)"), 'ROLLBACK;'),
	repeatable => join("\n", '\set n random(1, 1000000000)', 'BEGIN ISOLATION LEVEL REPEATABLE READ;', 'SELECT count(*) FROM made LIMIT 0;',
		done("CREATE TABLE $table (i int)"), '\sleep 5 ms', done("CREATE INDEX ON $table (i)"), 'COMMIT;'),
	serializable => join("\n", '\set n random(1, 1000000000)', 'BEGIN ISOLATION LEVEL SERIALIZABLE;',
		done("CREATE TABLE $table (i int)"), '\sleep 5 ms', done("ALTER TABLE $table ALTER i SET NOT NULL"), 'COMMIT;'),
	prepared => join("\n", '\set n random(1, 1000000000)', 'BEGIN;', done("CREATE TABLE $table (i int)"),
		q{PREPARE TRANSACTION 'p :client_id :n';}, '\sleep 5 ms', q{COMMIT PREPARED 'p :client_id :n';}),
	forgotten => join("\n", '\set n random(1, 1000000000)', 'BEGIN;', done("CREATE TABLE $table (i int)"),
		q{PREPARE TRANSACTION 'p :client_id :n';}, q{ROLLBACK PREPARED 'p :client_id :n';}),
	concurrently => join("\n", '\set n random(1, 1000000000)', done("CREATE TABLE $table (i int)"),
		done("CREATE INDEX CONCURRENTLY \"i :client_id :n\" ON $table (i)"), done('DROP INDEX CONCURRENTLY "i :client_id :n"')),
	block_of_code => join("\n", '\set n random(1, 1000000000)',
		"DO \$\$BEGIN CREATE TABLE $table (); EXECUTE 'DROP TABLE $table'; INSERT INTO made VALUES ('CREATE TABLE $table ()'), ('DROP TABLE $table'); END\$\$;"),
	temporary => join("\n", '\set n random(1, 1000000000)', "CREATE TEMP TABLE $table (i int PRIMARY KEY);", "ALTER TABLE $table ADD j int;",
		"DROP TABLE $table;"));

# Runs all of them side by side; what the clients complained about.
sub run_all
{
	my ($round) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir;
	my @files;

	foreach my $name (sort keys %scripts)
	{
		my $file = "$directory/$name";

		append_to_file($file, "$scripts{$name}\n");
		push @files, '-f', $file;
	}
	my ($out, $err) = run_command([ 'pgbench', '-n', '-U', 'maker', '-c', $clients, '-j', 2, '-t', $transactions,
			'--random-seed', $seed + $round, @files, $node->connstr('postgres') ]);
	unlike($err, qr/ERROR|aborted|FATAL/, "round $round: nobody got an error") or diag($err);
	return;
}

# Rows that are missing, or too many.
my $differences = q{
	(SELECT 'missing: ' || statement FROM (SELECT statement FROM made EXCEPT ALL SELECT statement FROM migrate.ddl_log WHERE session_role = 'maker') m)
	UNION ALL
	(SELECT 'too many: ' || statement FROM (SELECT statement FROM migrate.ddl_log WHERE session_role = 'maker' EXCEPT ALL SELECT statement FROM made) t)
	LIMIT 20};

$node->safe_psql('postgres', q{SELECT migrate.watch('test')});
foreach my $round (1, 2)
{
	run_all($round);
	is($node->safe_psql('postgres', $differences), '', "round $round: each change has its row, and nothing else has");
}
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM made'), '>', 200, 'there were many');
is($node->safe_psql('postgres', q{SELECT count(*) FROM migrate.ddl_log WHERE session_role = 'maker' AND (origin <> 'direct' OR text_source <> 'exact'
	OR role_name <> 'maker' OR objects = '[]')}), '0', 'with all that is to be said of them');
is($node->safe_psql('postgres', 'SELECT count(DISTINCT pid) >= 16 FROM migrate.ddl_log'), 't', 'and by whom');
is($node->safe_psql('postgres', 'SELECT * FROM migrate.verify_history()'), '', 'the records are sound');

# ---- what is written in one session waits for nobody

my $open = start_client($node, 'postgres', q{BEGIN; CREATE TABLE first (); SELECT 'made'; SELECT pg_sleep(60)});
wait_until($node, 'postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
is($node->safe_psql('postgres', q{SET statement_timeout = '20s'; CREATE TABLE second (); SELECT migrate.seal() > 0; SELECT count(*) FROM migrate.verify_history()}),
	"t\n0", 'a change, a seal and a check beside an open one');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
end_client($open);
is($node->safe_psql('postgres', q{SELECT string_agg(statement, ', ') FROM migrate.ddl_log WHERE statement ~ 'first|second'}), 'CREATE TABLE second ()',
	'what was not committed has no row');

# ---- a session that has found no glass broken learns that one is

my $changer = start_client($node, 'postgres', q{CREATE TABLE before (); SET application_name = 'changed';
	DO 'BEGIN WHILE NOT EXISTS (SELECT FROM migrate.glasses) LOOP PERFORM pg_sleep(0.01); COMMIT; END LOOP; END'; CREATE TABLE afterwards ()});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'changed'});
$node->safe_psql('postgres', q{BEGIN; SELECT migrate.break_glass('not yet'); CREATE TABLE in_vain (); ROLLBACK; SELECT migrate.break_glass('fire'); CREATE TABLE own ()});
end_client($changer);
is($node->safe_psql('postgres', q{SELECT string_agg(concat(statement, ': ', reason), ', ' ORDER BY statement) FROM migrate.ddl_log WHERE statement ~ 'before|own|afterwards'}),
	'CREATE TABLE afterwards (): fire, CREATE TABLE before (): , CREATE TABLE own (): fire', 'each change has the reason of the glass');

# ---- a value that is there until the session that renames it commits

$node->safe_psql('postgres', "CREATE TYPE kind AS ENUM ('old', 'other')");
my $rename = start_client($node, 'postgres', q{BEGIN; ALTER TYPE kind RENAME VALUE 'old' TO 'new';
	SET application_name = 'renamed'; DO 'BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP PERFORM pg_sleep(0.01); END LOOP; END'; COMMIT});
wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'renamed'});
$node->safe_psql('postgres', q{ALTER TYPE kind ADD VALUE IF NOT EXISTS 'old'; ALTER TYPE kind ADD VALUE IF NOT EXISTS 'other'});
end_client($rename);
is($node->safe_psql('postgres', q{SELECT statement FROM migrate.ddl_log WHERE statement LIKE '%ADD VALUE%'}),
	q{ALTER TYPE kind ADD VALUE IF NOT EXISTS 'old'}, 'what IF NOT EXISTS had to add after all');

# ---- a client cannot set what hides a setting of the database

$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pg_migrations.out_of_band = reject');
foreach my $setting ('out_of_band=log', 'OUT_OF_BAND=log', 'capture=lenient', 'track=locks')
{
	local $ENV{PGOPTIONS} = "-c pg_migrations.$setting";
	command_fails_like([ 'psql', '-X', '-d', $node->connstr('postgres') . ' user=maker', '-c', 'CREATE TABLE hidden ()' ],
		qr/FATAL:  permission denied to set parameter/, "$setting by a client that is no superuser is refused");
}
$node->stop;
done_testing();
