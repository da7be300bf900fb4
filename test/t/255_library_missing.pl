# 255_library_missing.pl: what stands and what does not while the library of a watched database is gone, and the way out.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = copy_server();
my $library = "$server->{pkglibdir}/pg_migrations.so";
my $content = slurp_file($library);
my $without = '-c session_preload_libraries=';
my @maker = (extra_params => [ '-U', 'maker' ]);

my $node = new_node('main', install_path => $server->{install_path});
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE maker LOGIN; CREATE DATABASE shop');
my $early = open_session($node, 'shop', 'maker');
$node->safe_psql('shop', <<'SQL');
GRANT CREATE ON SCHEMA public TO maker;
CREATE EXTENSION pg_migrations;
SELECT migrate.watch('test');
SELECT migrate.register('0001_a', 'CREATE TABLE a (i int)');
CALL migrate.apply();
SQL
my $loaded = open_session($node, 'shop', 'maker');
my $used = open_session($node, 'shop', 'maker');
is((ask_session($used, 'CREATE TABLE before (i int); DROP TABLE before; SELECT migrate.is_current()'))[0], 't', 'a session has used the library');

# What a superuser can ask without it.
sub ask
{
	my ($sql) = @_;

	local $ENV{PGOPTIONS} = $without;
	return $node->safe_psql('shop', $sql);
}

# What a new session gets that asks for nothing special.  It may be gone before a pipe could be written to.
sub connection_error
{
	my ($role) = @_;
	my (undef, $err) = run_command([ 'psql', '-X', '-d', $node->connstr('shop') . ($role ? " user=$role" : ''), '-c', 'SELECT 1' ]);

	return $err;
}

# ---- the file is gone

unlink $library or die "could not remove $library: $!";
my $gone = qr/FATAL:  could not access file "pg_migrations": No such file/;
like(connection_error('maker'), $gone, 'nobody can connect');
like(connection_error(), $gone, 'nor can a superuser');
{
	local $ENV{PGOPTIONS} = $without;
	like(connection_error('maker'), qr/FATAL:  permission denied to set parameter "session_preload_libraries"/, 'a user cannot do without it');
	is(connection_error(), '', 'a superuser can');
	command_ok([ 'pg_dump', '-f', PostgreSQL::Test::Utils::tempdir . '/dump', $node->connstr('shop') ], 'and make a dump');
}
is($node->safe_psql('postgres', 'CREATE TABLE t (); SELECT 1', extra_params => []), '1', 'other databases have nothing to do with it');

# The server looks for the file at the first call of each function in a session.
is(join('', ask_session($used, 'CREATE TABLE by_used (i int)')), '', 'a session that has called what it needs goes on');
is(ask(q{SELECT statement FROM migrate.log_ddl ORDER BY id DESC LIMIT 1}), 'CREATE TABLE by_used (i int)', 'and is recorded');
is((ask_session($used, 'SELECT migrate.is_current()'))[0], 't', 'with the functions it has called');
foreach my $session ($loaded, $early)
{
	my $which = $session == $loaded ? 'one that has loaded the library' : 'one that is older than capture';
	my $missing = qr{ERROR:  could not access file "(?:\$libdir/)?pg_migrations"};

	is(join('', ask_session($session, 'INSERT INTO by_used VALUES (1); SELECT max(i) FROM by_used')), '1', "$which can read and write");
	like((ask_session($session, 'CREATE TABLE t ()'))[1], $missing, "$which cannot change the schema");
	like((ask_session($session, 'SELECT migrate.is_current()'))[1], $missing, "$which cannot call us");
}

# ---- a file that cannot be loaded is as bad

replace_file($library, 'no library');
like(connection_error('maker'), qr/FATAL:  could not load library/, 'nobody can connect with a file that is none');
is(ask('SELECT 1'), '1', 'but a superuser without it');
unlink $library;

# ---- the way out: without capture, and with it again

ask('ALTER DATABASE shop RESET session_preload_libraries');
is(connection_error('maker'), '', 'without the setting everybody can connect');
like((sqlstate($node, 'shop', 'CREATE TABLE by_maker ()', @maker))[1], qr/could not access file/, 'but nobody change the schema');
ask('DROP EVENT TRIGGER pg_migrations_start, zz_pg_migrations_end, pg_migrations_drop');
is((sqlstate($node, 'shop', 'CREATE TABLE by_maker ()', @maker))[0], '', 'until the event triggers are dropped');

replace_file($library, $content);
is($node->safe_psql('shop', q{SELECT code FROM migrate.check() WHERE code ~ 'capture'}), 'capture_broken', 'once it is back check knows what is missing');
$node->safe_psql('shop', q{SELECT migrate.watch('the library is back')});
is($node->safe_psql('shop', 'SELECT level, reason FROM migrate.log_coverage ORDER BY id'),
	"full|test\nnone|noticed by migrate.watch\nfull|the library is back", 'watch mends it, and the gap shows');
$node->safe_psql('shop', 'CREATE TABLE again ()', @maker);
is($node->safe_psql('shop', q{SELECT string_agg(statement, ', ' ORDER BY id) FROM migrate.ddl_log WHERE session_role = 'maker'}),
	'CREATE TABLE before (i int), DROP TABLE before, CREATE TABLE by_used (i int), CREATE TABLE again ()', 'what is made in the gap is not recorded');
is($node->safe_psql('shop', 'SELECT * FROM migrate.verify_history()'), '', 'the records are sound');
$_->quit foreach $early, $loaded, $used;

# ---- preloaded by the server

$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'pg_migrations'});
$node->restart;
is($node->safe_psql('shop', 'SELECT migrate.is_current()'), 't', 'the server preloads it');
unlink $library;
is((sqlstate($node, 'shop', 'CREATE TABLE preloaded ()', @maker))[0], '', 'while it runs nobody notices that it is gone');
$node->stop;
is($node->start(fail_ok => 1), 0, 'but it does not start any more');
like(slurp_file($node->logfile), qr/FATAL:  could not access file "pg_migrations"/, 'and says why');
$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->start;
like(connection_error(), $gone, 'without it the setting of the database counts again');
$node->stop;
done_testing();
