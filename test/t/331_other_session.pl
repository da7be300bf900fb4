# 331_other_session.pl: a migration that is half done goes on only where it finds what it had in its first session.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateResume;
use MigrateTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = resume_node();
my $apply = q{CALL migrate.apply(project => 'p');};
my $err;
my $n = 0;

# A migration that is stopped behind its first statement at top level; its name.
sub stopped
{
	my ($up, $before) = @_;
	my $name = sprintf '%04d_m', ++$n;

	define($name, $up, project => 'p');
	stop_at('apart_statement_committed', $apply, $before);
	return "p:$name";
}

ask('CREATE SCHEMA one; CREATE SCHEMA two; CREATE TABLE one.x (i int); CREATE TABLE two.x (i int); CREATE TABLE public.x (i int); CREATE TABLE keep (i int)');

# ---- where names are looked up

foreach my $set (q{DO $$BEGIN PERFORM set_config('search_path', 'one', false); END$$}, q{UPDATE pg_settings SET setting = 'one' WHERE name = 'search_path'})
{
	ask('TRUNCATE one.x, public.x');
	my $name = stopped("$set;\nINSERT INTO x VALUES (1);\nVACUUM one.x;\nINSERT INTO x VALUES (2)");
	like(try($apply), qr/MG012: migration "$name" was begun with another search_path.*It was one then, and is public now\..*HINT:  SET search_path = one;  before the call\./s, "what $set had set is missed");
	is(code_of(try($apply, 'SET search_path = one;')) . ask(q{SELECT string_agg(i::text, ' ' ORDER BY i) FROM one.x}), '000001 2', 'and can be given');
}

my $name = stopped("SELECT set_config('app.saved', current_setting('search_path'), false);\nINSERT INTO x VALUES (3);\nVACUUM public.keep;\nINSERT INTO x VALUES (4)", 'SET search_path = two;');
is(code_of(try($apply)), 'MG012', 'a query that only reads the search_path does not set it');
is(code_of(try($apply, 'SET search_path = two, two, nowhere;')), '00000', 'schemas named twice, or that there are not, are no others');
$name = stopped("SELECT set_config('search_path', current_setting('search_path') || ', one', false);\nINSERT INTO x VALUES (5);\nVACUUM public.keep;\nINSERT INTO x VALUES (6)", 'SET search_path = two;');
like(try($apply), qr/It was two, one then, and is public, one now/, 'one that adds to it is run again, to what there is');
is(code_of(try($apply, 'SET search_path = two, one;')) . ask('SELECT count(*) FROM two.x'), '000004', 'which may be what came of it');
$name = stopped("SET search_path = one;\nINSERT INTO x VALUES (7);\nRESET search_path;\nVACUUM public.keep;\nSET search_path = two;\nINSERT INTO x VALUES (8)");
is(code_of(try($apply, 'SET search_path = one;')) . ask('SELECT count(*) FROM two.x WHERE i = 8'), '000001', 'where the next statement sets it, anything does');
$name = stopped("SET LOCAL search_path = one;\nINSERT INTO x VALUES (9);\nVACUUM public.keep;\nINSERT INTO x VALUES (10)", 'SET search_path = two;');
like(try($apply), qr/It was two then, and is public now/, 'what SET LOCAL said held to its transaction');
is(code_of(try($apply, 'SET search_path = two;')) . ask('SELECT count(*) FROM two.x WHERE i = 10'), '000001', 'and what held behind it counts');

ask('CREATE SCHEMA goes');
$name = stopped("CREATE TABLE goes_one ();\nVACUUM public.keep;\nCREATE TABLE goes_two ()", 'SET search_path = goes, public;');
ask('ALTER SCHEMA goes RENAME TO gone');
like(try($apply, 'SET search_path = goes, public;'), qr/It was goes, public then, and is public now\..*HINT:  There is no schema goes any more: give it back its name\./s, 'a schema that has another name is missed');
ask('ALTER SCHEMA gone RENAME TO goes');
is(code_of(try($apply, 'SET search_path = goes, public;')) . ask(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'goes'::regnamespace}), '000002', 'until it has that again');

ask(q{CREATE ROLE closed LOGIN; GRANT USAGE ON SCHEMA migrate TO closed; SELECT migrate.grant_capability('closed', 'deployer', 'p'); GRANT CREATE ON SCHEMA public TO closed; GRANT ALL ON keep TO closed});
$name = stopped("SELECT 1;\nVACUUM public.keep;\nINSERT INTO public.keep VALUES (1)", 'SET search_path = goes, public;');
like(try($apply, 'SET SESSION AUTHORIZATION closed; SET search_path = goes, public;'), qr/MG012.*HINT:  GRANT USAGE ON SCHEMA goes TO closed;/s, 'who may not use a schema is told what is missing');
ask('GRANT USAGE ON SCHEMA goes TO closed');
is(code_of(try($apply, 'SET SESSION AUTHORIZATION closed; SET search_path = goes, public;')), '00000', 'and goes on with that');

define('0100_m', "CREATE TABLE with_option ();\nVACUUM public.keep;\nSELECT 1 / count(*) FROM with_option;\nCREATE TABLE behind_option ()", project => 'p', options => '{"search_path": "one"}');
try($apply);
define('0100_m', "CREATE TABLE with_option ();\nVACUUM public.keep;\nCREATE TABLE behind_option ()", project => 'p', options => '{"search_path": "one, two"}');
like(try($apply), qr/MG012.*HINT:  Register it with the option "search_path" of then, one\./s, 'an option of it is named');
define('0100_m', "CREATE TABLE with_option ();\nVACUUM public.keep;\nCREATE TABLE behind_option ()", project => 'p', options => '{"search_path": "one"}');
is(code_of(try($apply)) . ask(q{SELECT count(*) FROM pg_class WHERE relname IN ('with_option', 'behind_option') AND relnamespace = 'one'::regnamespace}), '000002', 'and leads on');
$n = 100;

# ---- as whom

ask('CREATE ROLE bob; GRANT ALL ON SCHEMA public TO bob; GRANT ALL ON keep TO bob');
$name = stopped("DO 'BEGIN SET ROLE bob; END';\nCREATE TABLE bob_one ();\nVACUUM public.bob_one;\nCREATE TABLE bob_two ()");
like(try($apply), qr/MG012: migration "$name" was begun as another role.*It was bob then, and is \w+ now\..*HINT:  SET ROLE bob;  before the call/s, 'a role that a block had set is missed');
is(ask(q{SELECT to_regclass('bob_two') IS NULL}), 't', 'nothing is made as another one');
ask(qq{SELECT migrate.resolve('$name', 'continue', 'as whoever comes')});
is(code_of(try($apply)) . ask(q{SELECT relowner::regrole = current_user::regrole FROM pg_class WHERE relname = 'bob_two'}), '00000t', 'unless people say so');
$name = stopped("SET ROLE bob;\nCREATE TABLE bob_three ();\nVACUUM public.bob_three;\nCREATE TABLE bob_four ()");
is(code_of(try($apply)) . ask(q{SELECT relowner::regrole FROM pg_class WHERE relname = 'bob_four'}), '00000bob', 'what the text says is set again');
$name = stopped("SET ROLE bob;\nSET work_mem = '5MB';\nRESET ROLE;\nSELECT 1;\nVACUUM public.keep;\nSELECT 2");
ask('ALTER ROLE bob RENAME TO robert');
is(code_of(try($apply)), '00000', 'a role that is not needed any more may have gone');

ask('ALTER ROLE robert RENAME TO bob; CREATE ROLE owns SUPERUSER LOGIN; CREATE SCHEMA owns');
$name = stopped("SET ROLE owns;\nSELECT 1;\nVACUUM public.keep;\nSELECT 2", 'SET SESSION AUTHORIZATION owns; SET search_path = public;');
is(code_of(try($apply, 'SET search_path = public;')), '00000', 'a role that its caller had anyway is no other one');
$name = sprintf '%04d_m', ++$n;
define($name, "DO 'BEGIN SET ROLE bob; END';\nSET LOCAL SESSION AUTHORIZATION owns;\nSELECT 1;\nVACUUM public.keep;\nSELECT 2", project => 'p');
stop_at('apart_step_committed', $apply);
like(try($apply), qr/MG012: migration "p:$name" was begun as another role.*It was bob then/s, 'a local authorization does not hide the role behind it');
ask(qq{SELECT migrate.resolve('p:$name', 'applied', 'done')});
$name = sprintf '%04d_m', ++$n;
define($name, "SELECT 1;\nVACUUM public.keep;\nSET search_path = one;\nSET LOCAL SESSION AUTHORIZATION owns;\nSELECT 1;\nVACUUM public.keep;\nSELECT 2", project => 'p');
stop_at('apart_step_committed:exit:2,none', $apply);
is(ask(q{SELECT done FROM migrate.unfinished}) . code_of(try($apply)), '500000', 'nor the path');
$name = stopped("SELECT 1;\nVACUUM public.keep;\nSET search_path = 1;\nSELECT 2");
is(code_of(try($apply, 'SET search_path = one;')), 'MG012', 'a path of numbers is none');
ask(qq{SELECT migrate.resolve('$name', 'applied', 'done')});

# ---- what is temporary

ask('CREATE TABLE orders (i int); INSERT INTO orders SELECT generate_series(1, 10)');
$name = stopped("CREATE TEMP TABLE orders AS SELECT 3 AS i;\nVACUUM public.keep;\nDELETE FROM orders");
like(try($apply), qr/MG012: migration "$name" was begun in another session, and what is temporary has gone with that.*It had "orders", which what is left may need.*resolve\('$name', 'restart'.*resolve\('$name', 'continue'/s, 'a temporary table has gone');
is(ask('SELECT count(*) FROM orders'), '10', 'and no other is taken for it');
define($name =~ s/p://r, "CREATE TEMP TABLE orders AS SELECT 3 AS i;\nVACUUM public.keep;\nDELETE FROM orders WHERE i = 1", project => 'p');
ask(qq{SELECT migrate.resolve('$name', 'continue', 'it is not needed')});
is(code_of(try($apply)) . ask('SELECT count(*) FROM orders'), '000009', 'unless people say that it is not needed');
$name = stopped("CREATE TEMP TABLE short (i serial);\nDROP TABLE short;\nCREATE TEMP TABLE at_commit (i serial) ON COMMIT DROP;\nVACUUM public.keep;\nSELECT 1");
is(code_of(try($apply)), '00000', 'what had gone before is not missed');
$name = stopped("CREATE TEMP TABLE orders (i int) ON COMMIT DROP;\nVACUUM public.keep;\nCREATE TEMP TABLE orders AS SELECT 3 AS i;\nSELECT 1");
is(code_of(try($apply)), '00000', 'nor what goes with its transaction');
$name = '0201_m';
define($name, "CREATE TEMP TABLE orders (i int) ON COMMIT DROP;\nVACUUM public.keep;\nCREATE TEMP TABLE orders AS SELECT 3 AS i;\nVACUUM public.keep;\nDELETE FROM orders", project => 'p');
try($apply, "SET pg_migrations.fault = 'apart_statement_committed:exit:2';");
is(code_of(try($apply)) . ask('SELECT count(*) FROM orders'), 'MG0129', 'but what is made anew under its name is');
ask("SELECT migrate.resolve('p:$name', 'applied', 'enough')");
ask(q{CREATE FUNCTION makes_one() RETURNS void LANGUAGE plpgsql AS 'BEGIN CREATE TEMP TABLE of_function (i int) ON COMMIT DROP; END'});
$name = stopped("SELECT makes_one();\nVACUUM public.keep;\nSELECT 1");
is(code_of(try($apply)), '00000', 'what a function makes for its transaction is not missed');
define('0202_m', "CREATE TABLE off_one ();\nSELECT makes_one();\nSELECT 1 / count(*) FROM pg_class WHERE relname = 'off_go'", project => 'p', options => '{"transaction": "off"}');
is(code_of(try($apply)), '22012', 'a statement that fails');
ask('CREATE TABLE off_go ()');
is(code_of(try($apply)), '00000', 'behind that is tried again');
ask('CREATE SEQUENCE numbers START 100');
$n = 202;
$name = stopped("CREATE TEMP SEQUENCE numbers;\nVACUUM public.keep;\nINSERT INTO keep SELECT nextval('numbers')");
is(code_of(try($apply)), 'MG012', 'a temporary sequence is missed');
ask("SELECT migrate.resolve('$name', 'applied', 'enough')");
define('0204_m', "SELECT 1;\nSET LOCAL SESSION AUTHORIZATION owns;\nSELECT 1;\nVACUUM public.keep;\nSELECT 1", project => 'p');
stop_at('apart_step_committed', $apply);
is(code_of(try($apply)), '00000', 'a session that was another one to the end of its transaction is not');
$n = 204;
ask('CREATE TABLE back (i int)');
define('0206_m', 'SELECT 1', project => 'back', down => "CREATE TEMP TABLE kept AS SELECT 1;\nVACUUM public.keep;\nSELECT 1");
ask(q{CALL migrate.apply(project => 'back')});
stop_at('apart_statement_committed', q{CALL migrate.revert(project => 'back')});
like(try(q{CALL migrate.revert(project => 'back')}), qr/MG012.*It had "kept".*resolve\('back:0206_m', 'reverted', '<done by hand>'\).*'restart', '<undone by hand>'/s, 'on the way back other words lead on');
$name = stopped("CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nVACUUM public.keep;\nSELECT pg_temp.f()");
like(try($apply), qr/It had "f", which/, 'a temporary function is');
ask(qq{SELECT migrate.resolve('$name', 'restart', 'nothing stands')});
is(code_of(try($apply)), '00000', 'and made again with the rest');

done_testing();
