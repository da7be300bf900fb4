# 220_capture_restore.pl: what is watched can be dumped and restored, promoted and left, without a false record.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', allows_streaming => 1);
$node->start;
my $directory = PostgreSQL::Test::Utils::tempdir;

sub ask
{
	my ($db, $sql) = @_;

	return $node->safe_psql($db, $sql);
}

# All that a dump must bring back, as one text.
my $records = q{
	SELECT 'ddl ' || l::text FROM migrate.log_ddl l UNION ALL SELECT 'coverage ' || c::text FROM migrate.log_coverage c
	UNION ALL SELECT 'decision ' || d::text FROM migrate.log_decisions d UNION ALL SELECT 'history ' || h::text FROM migrate.log_history h
	UNION ALL SELECT 'seal ' || s::text FROM migrate.seals s ORDER BY 1};

ask('postgres', 'CREATE DATABASE shop; CREATE ROLE owner LOGIN; ALTER DATABASE shop OWNER TO owner');
ask('shop', <<'SQL');
CREATE EXTENSION pg_migrations;
SELECT migrate.watch('test');
SELECT migrate.register('0001_a', 'CREATE TABLE a (i int PRIMARY KEY); CREATE VIEW av AS SELECT i FROM a; INSERT INTO a SELECT generate_series(1, 100)');
CALL migrate.apply();
SQL
ask('shop', <<'SQL');
CREATE TABLE direct (i serial PRIMARY KEY, a int REFERENCES a);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER t BEFORE INSERT ON direct FOR EACH ROW EXECUTE FUNCTION f();
CREATE INDEX ON direct (a);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO owner;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO owner;
SELECT migrate.acknowledge('{5}', 'known');
SELECT migrate.seal();
SQL
my $wanted = ask('shop', $records);
like($wanted, qr/ddl .*CREATE TRIGGER/, 'there is something to bring back');

# ---- dumps of all kinds, by a superuser and by the owner

my %formats = (plain => ['-Fp'], custom => ['-Fc'], directory => ['-Fd']);
foreach my $user ('postgres', 'owner')
{
	foreach my $format (sort keys %formats)
	{
		my $db = "${user}_$format";
		my $file = "$directory/$db";
		my $superuser = ask('postgres', 'SELECT current_user');
		my @as = $user eq 'owner' ? ('-U', 'owner') : ();

		command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, @as, @{ $formats{$format} }, '-f', $file, 'shop' ], "$db: dumped");
		ask('postgres', "CREATE DATABASE $db");
		if ($format eq 'plain')
		{
			command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', $file ], "$db: restored");
		}
		else
		{
			command_ok([ 'pg_restore', '-h', $node->host, '-p', $node->port, '--exit-on-error', $format eq 'directory' ? ('-j', 3) : (), '-d', $db, $file ],
				"$db: restored");
		}
		same(ask($db, $records) =~ s/^coverage .*triggers_only.*\n//mr, $wanted, "$db: the records are those of then, and no more");
		# Of jobs side by side none may be the one that turned it on.
		like(ask($db, 'SELECT level FROM migrate.coverage WHERE to_at IS NULL'), $format eq 'directory' ? qr/^(?:triggers_only|full)$/ : qr/^triggers_only$/,
			"$db: but that sessions do not load the library here");
		is(ask($db, 'SELECT * FROM migrate.verify_history()'), '', "$db: and sound");
		is(ask($db, q{SELECT code, hint FROM migrate.check() WHERE code LIKE 'capture%' OR code = 'not_preloaded'}),
			q{not_preloaded|SELECT migrate.watch('<why>');}, "$db: check says what the dump does not have");
		ask($db, q{SELECT migrate.watch('restored')});
		is(ask($db, q{SELECT count(*) FROM migrate.check() WHERE code LIKE 'capture%' OR code = 'not_preloaded'}), '0', "$db: and how to mend it");
		ask($db, 'CREATE TABLE later ()');
		like(ask($db, 'SELECT statement FROM migrate.ddl_log ORDER BY id DESC LIMIT 1'), qr/CREATE TABLE later/, "$db: it goes on");
	}
}

# ---- a dump of the whole database, with its settings and with event triggers of others

ask('postgres', 'CREATE DATABASE whole');
ask('whole', <<'SQL');
CREATE EXTENSION pg_migrations;
SELECT migrate.watch('test');
CREATE TABLE a (i int PRIMARY KEY);
CREATE MATERIALIZED VIEW m AS SELECT i FROM a;
CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER pgrst_watch ON ddl_command_end EXECUTE FUNCTION f();
ALTER DATABASE whole SET pg_migrations.out_of_band = 'reject';
SQL
my $whole = ask('whole', $records);
foreach my $format (sort keys %formats)
{
	my @to = ('-d', $node->connstr('postgres'));
	my @restore = $format eq 'plain' ? ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @to, '-f') : ('pg_restore', '-C', '--exit-on-error', @to);

	command_ok([ 'pg_dump', '-C', @{ $formats{$format} }, '-f', "$directory/whole_$format", $node->connstr('whole') ], "whole, $format: dumped");
	ask('postgres', 'DROP DATABASE whole WITH (FORCE)');
	command_ok([ @restore, "$directory/whole_$format" ], "whole, $format: restored where changes by hand are rejected");
	same(ask('whole', $records), $whole, "whole, $format: the records are those of then, and no more");
	is(ask('whole', 'SELECT level, to_at FROM migrate.coverage'), 'full|', "whole, $format: capture is on");
}
ask('postgres', 'DROP DATABASE whole WITH (FORCE)');

# ---- parts of a dump

command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-s', '-f', "$directory/schema", 'shop' ], 'schema only');
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-a', '--disable-triggers', '-f', "$directory/data", 'shop' ], 'data only');
ask('postgres', 'CREATE DATABASE parts');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('parts'), '-f', "$directory/schema" ], 'the schema restored');
ask('parts', 'CREATE TABLE between ()');
is(ask('parts', 'SELECT count(*) FROM migrate.ddl_log'), '0', 'which does not turn capture on, before the records are there');
is(ask('parts', q{SELECT count(*) FROM migrate.check() WHERE code = 'capture_broken' AND message ~ 'nothing is recorded'}), '1', 'as check says');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('parts'), '-f', "$directory/data" ], 'and the data');
is(ask('parts', 'SELECT count(*) FROM a'), '100', 'they are there');
same(ask('parts', $records), $wanted, 'the records, too, and no more');
like(ask('parts', 'SELECT code FROM migrate.check()'), qr/guard_off/, 'check says that the guards were left disabled');

# ---- a standby, and its promotion

my $backup = $node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
same($standby->safe_psql('shop', $records), $wanted, 'a standby has the records');
is($standby->safe_psql('shop', 'SELECT count(*) FROM migrate.ddl_log; SELECT count(*) > 0 FROM migrate.out_of_band; SELECT level FROM migrate.coverage'),
	ask('shop', 'SELECT count(*) FROM migrate.ddl_log; SELECT count(*) > 0 FROM migrate.out_of_band; SELECT level FROM migrate.coverage'),
	'and the views');
foreach my $call (q{migrate.watch('x')}, q{migrate.unwatch('x')}, q{migrate.acknowledge('{1}', 'x')}, q{migrate.break_glass('x')})
{
	raises($standby, 'shop', "SELECT $call", '25006', qr/on a standby/, "$call on a standby");
}
$standby->safe_psql('shop', q{ALTER SYSTEM SET work_mem = '5MB'});
like(slurp_file($standby->logfile), qr/ALTER SYSTEM .*not recorded: ALTER SYSTEM SET work_mem/, 'what runs on a standby is in the log');
my $session = open_session($standby, 'shop');
like((ask_session($session, 'CREATE TABLE early ()'))[1], qr/read-only/, 'a session is open');
$standby->promote;
$standby->safe_psql('shop', 'CREATE TABLE promoted ()');
is(join('', ask_session($session, 'DROP TABLE promoted')), '', 'a session of before can change the schema once it is promoted');
is($standby->safe_psql('shop', 'SELECT text_source, statement FROM migrate.ddl_log ORDER BY id DESC LIMIT 2; SELECT count(*) FROM migrate.verify_history()'),
	"exact|DROP TABLE promoted\nexact|CREATE TABLE promoted ()\n0", 'and it goes on');
is($standby->safe_psql('shop', 'SELECT level, to_at FROM migrate.coverage'), ask('shop', 'SELECT level, to_at FROM migrate.coverage'), 'capture was never off');
$session->quit;
$standby->stop;

# ---- leaving, and coming back

ask('shop', q{SELECT migrate.unwatch('leaving')});
is(ask('shop', q{SELECT count(*) FROM pg_event_trigger; SELECT count(*) FROM pg_db_role_setting}), "0\n6", 'unwatch leaves nothing behind');
ask('shop', 'DROP EXTENSION pg_migrations');
ask('shop', q{CREATE EXTENSION pg_migrations; SELECT migrate.watch('back'); CREATE TABLE back ()});
is(ask('shop', q{SELECT string_agg(statement, ', ') FROM migrate.ddl_log WHERE origin = 'direct'}), 'CREATE TABLE back ()', 'and one can come back');
ask('postgres', q{ALTER DATABASE shop SET session_preload_libraries = 'auto_explain', 'pg_migrations'});
ask('shop', q{SELECT migrate.unwatch('leaving')});
is(ask('shop', 'SHOW session_preload_libraries'), 'auto_explain', 'the other libraries stay');

# ---- what the session has says nothing of those to come

ask('postgres', 'ALTER DATABASE shop RESET session_preload_libraries; CREATE ROLE apart');
ask('shop', q{SELECT migrate.watch('once')});
ask('shop', q{SELECT migrate.unwatch('again'); SELECT migrate.watch('in one session')});
is(ask('shop', 'SHOW session_preload_libraries'), 'pg_migrations', 'watch in a session that has the library sees to the others');
ask('shop', q{ALTER ROLE apart SET session_preload_libraries = 'auto_explain'});
is(ask('shop', q{SELECT object, hint FROM migrate.check() WHERE code = 'not_preloaded'}), 'apart|ALTER ROLE apart RESET session_preload_libraries;',
	'check finds a role that is kept from it');
ask('shop', q{ALTER ROLE apart RESET session_preload_libraries});
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=pg_migrations';

	ask('shop', 'ALTER DATABASE shop RESET session_preload_libraries');
	is(ask('shop', q{SELECT string_agg(code, ' ') FROM migrate.check() WHERE code = 'not_preloaded'}), 'not_preloaded',
		'check is not deceived by what its own session loads');
}
$node->append_conf('postgresql.conf', q{session_preload_libraries = 'pg_migrations'});
$node->reload;
is(ask('shop', q{SELECT count(*) FROM migrate.check() WHERE code = 'not_preloaded'}), '0', 'the configuration file can say it');
$node->stop;
done_testing();
