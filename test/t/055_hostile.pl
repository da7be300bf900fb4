# 055_hostile.pl: nothing that the caller's session has set or put into its way changes what our functions do.
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

# A schema with a function, an operator, a type and a table for all that the
# server has in pg_catalog, each of which raises when it is used.
my $evil = <<'SQL';
CREATE SCHEMA evil;
DO $evil$
DECLARE
	f record;
BEGIN
	FOR f IN SELECT proname, proretset, pg_get_function_identity_arguments(p.oid) AS args, format_type(prorettype, NULL) AS result
		FROM pg_proc p
		WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provariadic = 0
		  AND NOT EXISTS (SELECT FROM unnest(proargtypes || prorettype) a JOIN pg_type t ON t.oid = a
						  WHERE typtype = 'p' AND typname !~ '^any(element|array|nonarray|range|multirange|compatible.*)$')
	LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s%s LANGUAGE plpgsql AS %L', f.proname, f.args,
			CASE WHEN f.proretset THEN 'SETOF ' ELSE '' END, f.result,
			format('BEGIN RAISE EXCEPTION USING MESSAGE = %L; END', 'evil function ' || f.proname));
	END LOOP;
	FOR f IN SELECT oprname, oprleft, format_type(oprleft, NULL) AS l, format_type(oprright, NULL) AS r, proname
		FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
		WHERE oprnamespace = 'pg_catalog'::regnamespace
		  AND EXISTS (SELECT FROM pg_proc e WHERE e.pronamespace = 'evil'::regnamespace
					  AND e.proname = p.proname AND e.proargtypes = p.proargtypes)
	LOOP
		EXECUTE format('CREATE OPERATOR evil.%s (%s RIGHTARG = %s, FUNCTION = evil.%I)', f.oprname,
			CASE WHEN f.oprleft = 0 THEN '' ELSE 'LEFTARG = ' || f.l || ',' END, f.r, f.proname);
	END LOOP;
	FOR f IN SELECT relname FROM pg_class
		WHERE relkind IN ('r', 'v') AND relnamespace IN ('pg_catalog'::regnamespace, 'migrate'::regnamespace)
	LOOP
		EXECUTE format('CREATE TABLE evil.%I ()', f.relname);
	END LOOP;
	FOR f IN SELECT typname FROM pg_type
		WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'm', 'r') AND typcategory <> 'A'
	LOOP
		EXECUTE format('CREATE DOMAIN evil.%I AS pg_catalog.%I CHECK (false)', f.typname, f.typname);
	END LOOP;
END
$evil$;
SQL

# Every function, as one uses them, with what goes wrong among it.
my $directory = PostgreSQL::Test::Utils::tempdir;
append_to_file("$directory/0008_h.down.sql", 'DROP TABLE public.h');
append_to_file("$directory/0008_h.up.sql", "-- migrate: requires 0006_f\nCREATE TABLE public.h (i int)");
my $story = <<"SQL";
SELECT migrate.register('0001_a', 'CREATE TABLE public.a (i int)', 'DROP TABLE public.a', 'TABLE public.a', tags => '{x,y}');
SELECT migrate.register('0001_a', 'CREATE TABLE public.a (i int) -- the same', 'DROP TABLE public.a', 'TABLE public.a');
SELECT * FROM migrate.load('{0002_b.up.sql,0002_b.down.sql}', '{CREATE TABLE public.b (),DROP TABLE public.b}');
SELECT * FROM migrate.load_json('{"0003_c.sql": "CREATE TABLE public.c (i int)", "0004_d.sql": ""}');
SELECT * FROM migrate.load_directory('$directory', project => 'dir');
SELECT migrate.register('0005_e', '', requires => '{0004_d}');
SELECT migrate.register('0006_f', '', project => 'dir', conflicts => '{nothing}');
SELECT migrate.register('0009_j', '', replaces => '{0004_d,0005_e}');
SELECT migrate.register('R__v', 'CREATE VIEW public.v AS TABLE public.a', kind => 'repeatable');
SELECT migrate.unregister('0006_f');
SELECT migrate.register('0006_f', '', project => 'dir');
SELECT migrate.hold('0003_c', 'wait'), migrate.hold('0003', 'wait');
SELECT migrate.release('0003_c', 'go');
SELECT migrate.configure('heads', 'many', 'we said so', 'default');
SELECT migrate.grant_capability('reader', 'author', 'default'), migrate.grant_capability('reader', 'monitor');
SELECT migrate.revoke_capability('reader', 'author', 'default');
SELECT migrate.register('0001_s', E'CREATE TABLE public.s ();\\nVACUUM public.s;\\nDO ''BEGIN COMMIT; PERFORM 1 OPERATOR(pg_catalog./) 0; END''', project => 'steps');
CALL migrate.apply(project => 'steps');
SELECT migrate.resolve('0001_s', 'skip_statement', 'known');
CALL migrate.apply(project => 'steps');
SELECT * FROM migrate.plan();
SELECT * FROM migrate.plan('0003', 'default');
CALL migrate.apply('0003', reason => 'a reason');
CALL migrate.apply();
SELECT migrate.cancel_run(1, 'late');
CALL migrate.wait(2);
SELECT migrate.register('0011_l', 'SELECT 1', project => 'behind');
CALL migrate.apply(project => 'behind', background => true);
CALL migrate.wait(5, '2 min');
SELECT migrate.register('0010_k', E'SELECT 1;\\n\\nSELECT 1 OPERATOR(pg_catalog./) 0');
CALL migrate.apply();
SELECT migrate.unregister('0010_k');
SELECT migrate.register('0001_a', 'CREATE TABLE public.a (i bigint)');
SELECT migrate.accept_text('0001_a', 'CREATE TABLE public.a (i integer)', 'the same');
SELECT migrate.mark_pending('0003_c', 'by hand');
SELECT migrate.mark_applied('0003_c', 'by hand');
SELECT migrate.is_applied('0001'), migrate.is_applied('000'), migrate.is_current();
SELECT migrate.is_applied('0001_b');
SELECT migrate.baseline('1.7', 'was there', 'legacy');
SELECT migrate.ignore('theirs', 'partman', 'table', 'partman.t%'), migrate.unignore(1, 'ours');
CALL migrate.revert(project => 'dir');
SELECT project, name, ok, error_message FROM migrate.verify();
SELECT migrate.sql('0001_a'), migrate.graph(), migrate.graph(format => 'dot'), migrate.graph(format => 'mermaid');
SELECT severity, code, project, name, message, hint FROM migrate.check();
SELECT pg_catalog.regexp_replace(show, '[0-9]{4}-.*', '') FROM migrate.show() show;
SELECT project, name, state, detail FROM migrate.status();
SELECT * FROM migrate.migration_states();
SELECT migrate.snapshot('told');
SELECT change, identity FROM migrate.compare('told', 'current');
SELECT migrate.import_snapshot('heard', migrate.export_snapshot('told'));
SELECT change, identity FROM migrate.compare('told', 'heard');
SELECT migrate.rebase_expected('why', 'told');
SELECT change, identity FROM migrate.drift();
SELECT migrate.drift_diff(), migrate.accept_drift('*', 'told');
SELECT migrate.may_see(NULL), migrate.may_see('dir');
SELECT * FROM migrate.deployer();
SELECT identity, definition, fingerprint FROM migrate.inventory() WHERE pg_catalog.strpos(identity, 'public.') OPERATOR(pg_catalog.>) 0 ORDER BY 1;
SELECT migrate.seal();
SELECT seal FROM migrate.history_head();
SELECT * FROM migrate.verify_history();
SELECT run_id, name, action, outcome, checksum, reason, error_code, error_statement, error_line FROM migrate.history;
SELECT history_id, statement_no, line, command_tag FROM migrate.statement_log;
SELECT decision, project, name, reason, detail FROM migrate.decisions;
SELECT action, project, outcome, migrations, failed_name, error_message FROM migrate.runs;
SELECT project, name, version, state, is_pending, requires, up, down, checksum, source_path FROM migrate.migrations;
SELECT checksum, part, body FROM migrate.texts;
SELECT role_name, capability, project FROM migrate.capabilities;
SELECT setting, project, value FROM migrate.settings;
SELECT * FROM migrate.progress;
SELECT count(*) FROM migrate.present_steps;
SELECT migrate.watch('hostile');
CREATE TABLE public.w (i int);
BEGIN;
SELECT migrate.begin('by hand', 'dir', 'psql');
CREATE TABLE public.w2 (i int);
SELECT migrate.finish();
COMMIT;
SELECT migrate.break_glass('fire', '1 min');
DROP TABLE public.w2;
SELECT migrate.acknowledge('{1}', 'known');
ALTER TABLE public.a ADD COLUMN "order" text DEFAULT 'it''s' CHECK ("order" OPERATOR(pg_catalog.<>) ''), ADD at timestamptz DEFAULT '2020-06-01 00:00:00+00';
SELECT pg_catalog.regexp_replace(migrate.adopt('0012_adopted', '{4}', 'good'), '^-- migrate: options {"search_path"[^\n]*\n', '');
ALTER TABLE public.a ALTER COLUMN at SET DEFAULT '2021-06-01 00:00:00+00', ALTER COLUMN "order" SET DEFAULT E'b\\\\a';
SELECT migrate.propose_revert('public.a');
SELECT migrate.undo_drift('public.a', 'bad');
SELECT id, command_tag, statement, text_source, objects, origin, history_id, reason FROM migrate.ddl_log;
SELECT id, statement FROM migrate.out_of_band;
SELECT id, decision, decided_why FROM migrate.out_of_band_history;
SELECT event, project, name, object, statement, reason, decision FROM migrate.audit() WHERE source OPERATOR(pg_catalog.<>) 'seals';
SELECT migrate.prune_ddl_log('infinity', 'old');
SELECT level, reason FROM migrate.coverage;
SELECT migrate.unwatch('done');
SQL

# What a session with these settings reads, errors included.
my $databases = 0;

sub hear
{
	my ($settings, $before) = @_;
	my $db = 'db' . ++$databases;

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION pg_migrations;' . ($before // ''));
	my ($status, $out, $err) = $node->psql($db, "$settings\n\\set ECHO queries\n\\set SHOW_CONTEXT never\n$story", on_error_stop => 0);
	$err =~ s/^psql:<stdin>:\d+: //mg;
	$err =~ s/, [\d.]+ s$/, TIME/mg;
	$err =~ s/  [\d.]+ s$/  TIME/mg;
	return ("$out\n$err", $db);
}

$node->safe_psql('postgres', 'CREATE ROLE reader');
my ($wanted) = hear('');
my @errors = $wanted =~ /ERROR:  (.*)/g;
is(scalar @errors, 6, 'six things go wrong') or diag(join "\n", @errors);
my @untold = grep { $story !~ /migrate\.$_\(/ } names_of($node, 'db1', <<'SQL');
SELECT proname FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
	AND NOT starts_with(proname, 'capability_')
SQL
is("@untold", '', 'it has every function');
@untold = grep { $story !~ /FROM migrate\.$_[ ;]/ } names_of($node, 'db1', <<'SQL');
SELECT relname FROM pg_class WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'v'
SQL
is("@untold", '', 'and every view');

my ($got, $db) = hear('SET search_path = evil, pg_catalog;', $evil);
same($got, $wanted, 'with a schema before pg_catalog that has all of its names');
my ($state, $error) = sqlstate($node, $db, 'SET search_path = evil, pg_catalog; SELECT 1 = 2');
like($error, qr/evil function int4eq/, 'it is evil');
same((hear(q{SET search_path = '';}))[0], $wanted, 'with an empty search_path');
same((hear(<<'SQL'))[0], $wanted, 'with temporary tables of the same names');
CREATE TEMP TABLE pg_class (); CREATE TEMP TABLE registered (); CREATE TEMP TABLE log_history (); CREATE TEMP TABLE state ();
SQL
($got, $db) = hear(<<'SQL');
SET standard_conforming_strings = off; SET escape_string_warning = off; SET backslash_quote = on;
SET array_nulls = off; SET transform_null_equals = on; SET quote_all_identifiers = on; SET row_security = off;
SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'Asia/Kathmandu'; SET extra_float_digits = -15;
SET default_transaction_isolation = 'serializable'; SET session_replication_role = replica; SET lc_monetary = 'C';
SET plan_cache_mode = force_generic_plan;
SET work_mem = '64kB'; SET xmloption = document; SET default_tablespace = ''; SET check_function_bodies = off;
SET statement_timeout = '1min'; SET idle_in_transaction_session_timeout = '1min'; SET default_table_access_method = heap;
SQL
same($got, $wanted, 'with settings that nobody has');
is($node->safe_psql($db, 'SELECT * FROM migrate.verify_history()'), '', 'an ordinary session finds the same hashes');
$node->safe_psql('postgres', 'ALTER SYSTEM SET standard_conforming_strings = off; SELECT pg_reload_conf()');
$node->psql('postgres', 'SELECT 1');
my ($old) = hear('');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET standard_conforming_strings; SELECT pg_reload_conf()');
same($old =~ s/^WARNING:  nonstandard use .*\n(LINE.*\n *\^\n)?(HINT.*\n)?//mgr, $wanted, 'on a server where strings are of old');
$node->stop;
done_testing();
