# 250_extension_update.pl: from the first version to a made-up next one, with sessions around that have the library of the other.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = copy_server();
my $control = "$server->{sharedir}/extension/pg_migrations.control";
my $library = "$server->{pkglibdir}/pg_migrations.so";
my ($first) = slurp_file($control) =~ /^default_version = '(.*)'$/m;
my $next = '9.9.9';		# as long as the first, so that it has room in the library
is($first, '0.1.0', 'the first version has a number');

# The definition of an object, as the extension's own script has it.
sub definition
{
	my ($file, $start) = @_;

	return slurp_file("$FindBin::RealBin/../../sql/$file") =~ /^(\Q$start\E\b.*?;\n)/ms ? $1 : die "no $start in $file";
}

# What a next version may do: new columns and parameters behind the old ones, a new table, a new view.
sub update_script
{
	my $plan = definition('30-see.sql', 'CREATE FUNCTION migrate.plan') =~ s/(options jsonb DEFAULT '\{\}')/$1,\n    depth integer DEFAULT NULL/r;
	my $ddl_log = definition('70-views.sql', 'CREATE VIEW migrate.ddl_log') =~ s/CREATE/CREATE OR REPLACE/r =~ s/reason$/reason, ticket/mr;

	return <<"SQL";
ALTER TABLE migrate.log_ddl ADD COLUMN ticket text;
$ddl_log
DROP FUNCTION migrate.plan(text, text, text, jsonb);
$plan
GRANT EXECUTE ON FUNCTION migrate.plan TO PUBLIC;

CREATE TABLE migrate.tickets (ticket text COLLATE "C" PRIMARY KEY, title text NOT NULL);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON migrate.tickets
    FOR EACH ROW EXECUTE FUNCTION migrate.guard_write();
ALTER TABLE migrate.tickets ENABLE ALWAYS TRIGGER guard;
SELECT pg_catalog.pg_extension_config_dump('migrate.tickets', '');
GRANT SELECT ON migrate.tickets TO pg_database_owner;

CREATE VIEW migrate.open_tickets WITH (security_barrier) AS
    SELECT ticket, title FROM migrate.tickets WHERE (SELECT migrate.may_see(NULL));
-- Whoever may look at one view may look at the new one, too; and not only until the next restore.
DO \$\$
DECLARE
    role name;
BEGIN
    FOR role IN SELECT g.rolname FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
                JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) a.grantee
                WHERE c.oid OPERATOR(pg_catalog.=) 'migrate.history'::pg_catalog.regclass AND a.grantee OPERATOR(pg_catalog.<>) c.relowner
    LOOP
        EXECUTE pg_catalog.format('GRANT SELECT ON migrate.open_tickets TO %I', role);
    END LOOP;
END
\$\$;
DELETE FROM pg_catalog.pg_init_privs WHERE objoid OPERATOR(pg_catalog.=) 'migrate.open_tickets'::pg_catalog.regclass;
SQL
}

# The files of the next version: the same library but for its number, and a script.
sub install_next
{
	my $binary = slurp_file($library);

	die "no version in $library" if $binary !~ s/(?<![\d.])\Q$first\E\0/$next\0/g;
	replace_file($library, $binary);
	replace_file($control, slurp_file($control) =~ s/'\Q$first\E'/'$next'/r);
	replace_file("$server->{sharedir}/extension/pg_migrations--$first--$next.sql", update_script());
	return;
}

# ---- a database with a history

my $node = new_node('main', install_path => $server->{install_path});
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE maker LOGIN;
CREATE ROLE looker LOGIN;
CREATE ROLE deployer LOGIN;
CREATE DATABASE shop;
SQL
$node->safe_psql('shop', <<'SQL');
GRANT CREATE ON SCHEMA public TO maker, deployer;
CREATE EXTENSION pg_migrations;
SELECT migrate.watch('test');
SELECT migrate.grant_capability('looker', 'monitor');
SELECT migrate.grant_capability('deployer', 'deployer', 'shop');
SELECT migrate.register('0001_a', 'CREATE TABLE a (i int)', 'DROP TABLE a', 'SELECT true', project => 'shop');
SELECT migrate.register('0002_b', 'CREATE TABLE b (i int)', 'DROP TABLE b', project => 'shop');
SELECT migrate.register('0003_c', 'CREATE TABLE c (i int)', project => 'shop');
SELECT migrate.register('0001_o', 'CREATE TABLE o ()', project => 'other');
SELECT migrate.hold('other:0001_o', 'later');
SELECT migrate.configure('heads', 'one', 'we agreed');
CALL migrate.apply('0002_b', project => 'shop');
SQL
$node->safe_psql('shop', <<'SQL', extra_params => [ '-U', 'maker' ]);
CREATE TABLE direct (i int);
CREATE INDEX ON direct (i);
SQL
$node->safe_psql('shop', <<'SQL');
SELECT migrate.acknowledge(ARRAY[min(id)], 'known') FROM migrate.out_of_band;
SELECT migrate.seal();
SQL

# All that an update must leave as it is; what a new column does not say is left out.
my @tables = names_of($node, 'shop', q{SELECT relname FROM pg_class WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'r' ORDER BY 1});
my $kept = join "\n", (map { "SELECT '$_', jsonb_strip_nulls(to_jsonb(t)) FROM migrate.$_ t ORDER BY 2;" } @tables),
  'SELECT * FROM migrate.capabilities ORDER BY 1, 2;', 'SELECT evtname, evtenabled FROM pg_event_trigger ORDER BY 1;',
  q{SELECT * FROM pg_db_role_setting;}, 'SELECT level, to_at FROM migrate.coverage;';
my $before = $node->safe_psql('shop', $kept);
like($before, qr/CREATE INDEX ON direct/, 'there is something to keep');

# Every function but those that work whatever the version, with what it says when it is called.
my %calls = map { split /=/, $_, 2 } names_of($node, 'shop', <<'SQL');
SELECT proname || '=' || CASE prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END || format(' migrate.%I(%s)', proname,
	(SELECT string_agg('NULL::' || format_type(type, NULL), ', ' ORDER BY n) FROM unnest(proargtypes) WITH ORDINALITY a (type, n)))
FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND NOT starts_with(proname, 'capability_') AND proname NOT IN ('check', 'may_see')
SQL
cmp_ok(scalar keys %calls, '>', 30, 'there are functions');
my %refused = map { $_ => '55000' } keys %calls;

my $old = open_session($node, 'shop');
my $old_maker = open_session($node, 'shop', 'maker');
is((ask_session($old, 'SELECT migrate.is_current()'))[0], 'f', 'a session is open before');

# ---- the files are new, the extension is that of before

install_next();
is_deeply(sqlstates($node, 'shop', \%calls), \%refused, 'functions of a newer library refuse');
raises($node, 'shop', q{CALL migrate.apply(project => 'shop')}, '55000',
	qr/library of pg_migrations is version $next, and the extension in this database is version $first.*ALTER EXTENSION pg_migrations UPDATE;/s, 'in words');
is($node->safe_psql('shop', 'SELECT severity, code, object, hint FROM migrate.check()'),
	"error|other_version|$first|ALTER EXTENSION pg_migrations UPDATE;", 'check says so');
is((sqlstate($node, 'shop', q{SELECT * FROM migrate.check(fail_on => 'error')}))[0], 'MG016', 'and that it is an error');
is($node->safe_psql('shop', q{SELECT count(*) FROM migrate.ddl_log WHERE origin = 'migration'}, extra_params => [ '-U', 'looker' ]), '2', 'the records can be read');
$node->safe_psql('shop', 'CREATE TABLE by_newer (i int); DROP TABLE by_newer', extra_params => [ '-U', 'maker' ]);
is((ask_session($old, 'SELECT migrate.is_current()'))[0], 'f', 'the session of before goes on');
my $log = q{SELECT origin, text_source, session_role, statement FROM migrate.ddl_log ORDER BY id DESC LIMIT 2};
my $from = 'direct|exact|maker|';
is($node->safe_psql('shop', $log), "${from}DROP TABLE by_newer\n${from}CREATE TABLE by_newer (i int)", 'changes are recorded all the while');
$before = $node->safe_psql('shop', $kept);

# ---- the extension is updated, where changes by hand are rejected

$node->safe_psql('shop', q{ALTER DATABASE shop SET pg_migrations.out_of_band = 'reject'});
my $update = 'ALTER EXTENSION pg_migrations UPDATE';
is((sqlstate($node, 'shop', $update))[0], 'MG013', 'an update is a change by hand');
$node->safe_psql('shop', "BEGIN; SET LOCAL pg_migrations.reason = 'version $next'; $update; COMMIT");
$node->safe_psql('shop', 'SET pg_migrations.out_of_band = log; ALTER DATABASE shop RESET pg_migrations.out_of_band');
my $statements = q{SELECT statement FROM migrate.ddl_log WHERE id > (SELECT max(id) FROM migrate.ddl_log WHERE session_role = 'maker') ORDER BY id};
is($node->safe_psql('shop', $statements), "ALTER DATABASE shop SET pg_migrations.out_of_band = 'reject'\n$update\nALTER DATABASE shop RESET pg_migrations.out_of_band",
	'of which one row remains');
$node->safe_psql('shop', "SELECT migrate.acknowledge(ARRAY(SELECT id FROM migrate.out_of_band), 'the update')");
unlike($node->safe_psql('shop', 'SELECT code FROM migrate.check()'), qr/other_version|capture|guard|foreign/, 'nothing is wrong afterwards');
my @new_rows = grep { $before !~ /^\Q$_\E$/m } split /\n/, $node->safe_psql('shop', $kept);
is(join("\n", grep { !/^log_ddl\|.*"id": 1[0-2],|^log_decisions\|.*"ddl_id": 1?[0-9]/ } @new_rows), '', 'nothing was changed');
my %rows = map { $_ => 1 } split /\n/, $node->safe_psql('shop', $kept);
is(join("\n", grep { !$rows{$_} } split /\n/, $before), '', 'and nothing is missing');
is($node->safe_psql('shop', 'SELECT * FROM migrate.verify_history()'), '', 'the records are sound');

# ---- sessions of before, with the library of before

is_deeply(sqlstates_in($old), \%refused, 'functions of an older library refuse');
like((ask_session($old, 'SELECT migrate.show()'))[1],
	qr/library of pg_migrations is version $first, and the extension in this database is version $next.*Connect again/s, 'in words');
is((ask_session($old, 'SELECT severity, code, object FROM migrate.check()'))[0], "error|other_version|$next", 'check says so');
is(join('', ask_session($old_maker, 'CREATE TABLE by_older (i int); ALTER TABLE by_older ADD j int;')), '', 'changes go on');
is($node->safe_psql('shop', $log), "${from}ALTER TABLE by_older ADD j int\n${from}CREATE TABLE by_older (i int)", 'and are recorded');

# The SQLSTATE of each of the calls in a session that is open.
sub sqlstates_in
{
	my ($session) = @_;
	my %states;

	foreach my $name (keys %calls)
	{
		my (undef, $err) = ask_session($session, "\\set VERBOSITY verbose\n$calls{$name}");
		($states{$name}) = $err =~ /ERROR:  (\w{5}):/;
	}
	return \%states;
}

# ---- the next version at work

is($node->safe_psql('shop', q{CALL migrate.apply(project => 'shop')}, extra_params => [ '-U', 'deployer' ]), '2|1', 'a deployer goes on');
is($node->safe_psql('shop', q{SELECT name, extension_version FROM migrate.history ORDER BY id}, extra_params => [ '-U', 'looker' ]),
	"0001_a|$first\n0002_b|$first\n0003_c|$next", 'a monitor sees it');
$node->safe_psql('shop', 'CREATE TABLE by_newer (i int)', extra_params => [ '-U', 'maker' ]);
is($node->safe_psql('shop', 'SELECT origin, statement, ticket FROM migrate.ddl_log ORDER BY id DESC LIMIT 2'),
	"direct|CREATE TABLE by_newer (i int)|\nmigration|CREATE TABLE c (i int)|", 'and so does capture');
my $look = 'SELECT count(*) FROM migrate.open_tickets';
is($node->safe_psql('shop', $look, extra_params => [ '-U', 'looker' ]), '0', 'the new view can be read');

my $dump = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('shop') ], 'it can be dumped');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'and restored');
same($node->safe_psql('copy', q{SELECT * FROM migrate.capabilities ORDER BY 1, 2; SELECT to_jsonb(l) FROM migrate.log_ddl l}),
	$node->safe_psql('shop', q{SELECT * FROM migrate.capabilities ORDER BY 1, 2; SELECT to_jsonb(l) FROM migrate.log_ddl l}), 'with all there was');
is($node->safe_psql('copy', $look, extra_params => [ '-U', 'looker' ]), '0', 'and who may look');

# ---- a table that no row of ours fits into

$node->safe_psql('shop', 'ALTER TABLE migrate.log_ddl ADD COLUMN must integer NOT NULL DEFAULT 0');
my (undef, $out, $err) = $node->psql('shop', 'CREATE TABLE unseen (i int); SELECT 1', extra_params => [ '-U', 'maker' ], on_error_stop => 1);
is($out, '1', 'a change goes on');
like($err, qr/WARNING:  CREATE TABLE is not recorded/, 'and it says that it is not recorded');
is($node->safe_psql('shop', q{SELECT level, reason FROM migrate.coverage WHERE to_at IS NULL}), 'none|not recorded: ALTER TABLE',
	'there is a gap');
is($node->safe_psql('shop', q{SELECT severity, object FROM migrate.check() WHERE code = 'capture_broken'}), 'error|migrate.log_ddl', 'which check knows of');
$node->safe_psql('shop', 'ALTER TABLE migrate.log_ddl DROP COLUMN must');
$node->safe_psql('shop', q{SELECT migrate.watch('mended'); CREATE TABLE seen ()});
is($node->safe_psql('shop', q{SELECT level, reason FROM migrate.coverage WHERE to_at IS NULL}), 'full|mended', 'which ends');
is($node->safe_psql('shop', q{SELECT statement FROM migrate.ddl_log WHERE statement ~ 'seen'}), 'CREATE TABLE seen ()', 'as does what was missing');

# ---- another extension, whose script makes a schema with elements

replace_file("$server->{sharedir}/extension/elements.control", "default_version = '1'\n");
replace_file("$server->{sharedir}/extension/elements--1.sql", <<'SQL');
CREATE SCHEMA elements CREATE TABLE t (i int) GRANT SELECT ON t TO PUBLIC;
CREATE TABLE elements.other (i int);
SQL
$node->safe_psql('shop', 'CREATE EXTENSION elements');
is($node->safe_psql('shop', q{SELECT command_tag, jsonb_array_length(objects), objects->0->>'identity' FROM migrate.ddl_log ORDER BY id DESC LIMIT 1}),
	'CREATE EXTENSION|1|elements', 'what an extension makes is its own, also what it grants');

# ---- and it goes

my $off = $node->safe_psql('shop', q{SELECT count(*) FROM pg_settings WHERE name = 'event_triggers'}) ? 'SET event_triggers = off' : '';
$node->safe_psql('copy', "$off; DROP EXTENSION pg_migrations CASCADE; CREATE TABLE alone ()");
is($node->safe_psql('copy', q{SELECT count(*) FROM pg_class WHERE relname = 'alone'}), '1', 'without anything in its way');

$_->quit foreach $old, $old_maker;
$node->stop;
done_testing();
