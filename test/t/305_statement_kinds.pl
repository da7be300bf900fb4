# 305_statement_kinds.pl: every kind of statement that cannot run inside a transaction, as the only one, among others,
# in a block, under SET ROLE, reverted, and stopped in the middle of it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', allows_streaming => 1);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nwal_level = logical\nallow_in_place_tablespaces = on");
$node->start;
my $version = $node->pg_version;

# Another server, since a slot waits for the transaction that asks for it.
my $publisher = new_node('publisher', allows_streaming => 'logical');
$publisher->start;
$publisher->safe_psql('postgres', 'CREATE TABLE shared (i int); CREATE PUBLICATION first FOR TABLE shared; CREATE PUBLICATION second');
$publisher->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('s23', 'pgoutput')");
my $connection = 'host=' . $publisher->host . ' port=' . $publisher->port . ' dbname=postgres';

# The session's role may log in, the one that runs and owns may not.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_migrations;
CREATE ROLE owner CREATEDB NOLOGIN;
CREATE ROLE deployer LOGIN;
CREATE ROLE admin SUPERUSER NOLOGIN;
CREATE ROLE boss LOGIN;
GRANT owner TO deployer;
GRANT admin TO boss;
GRANT CREATE ON SCHEMA public TO owner;
GRANT CREATE ON DATABASE postgres TO owner;
SELECT migrate.grant_capability('owner', 'deployer'), migrate.grant_capability('owner', 'administrator');
CREATE TABLE shared (i int);
SQL
my $subscription = "CREATE SUBSCRIPTION %s CONNECTION '$connection' PUBLICATION first WITH (slot_name = '%s'";

# Of each: what is there before; the statement; t if it was done; one that undoes it, and t if it was;
# role: who owns and runs it; holds: what a session does for the statement to wait in the middle;
# tried: what it says inside a transaction, which its words do not tell; rebuilds: what has another file after it.
my @kinds = (
	{
		name => 'create_index', before => 'CREATE TABLE t1 AS SELECT 1 AS i', up => 'CREATE INDEX CONCURRENTLY t1_i ON t1 (i)',
		done => "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('t1_i')",
		down => 'DROP INDEX CONCURRENTLY t1_i', undone => "SELECT to_regclass('t1_i') IS NULL", holds => 'INSERT INTO t1 VALUES (1)'
	},
	{
		name => 'drop_index', before => 'CREATE TABLE t2 AS SELECT 1 AS i; CREATE INDEX t2_i ON t2 (i)', up => 'DROP INDEX CONCURRENTLY t2_i',
		done => "SELECT to_regclass('t2_i') IS NULL", down => 'CREATE INDEX CONCURRENTLY t2_i ON t2 (i)',
		undone => "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('t2_i')", holds => 'INSERT INTO t2 VALUES (1)'
	},
	{
		name => 'reindex_index', before => 'CREATE TABLE t3 AS SELECT 1 AS i; CREATE INDEX t3_i ON t3 (i)',
		up => 'REINDEX INDEX CONCURRENTLY t3_i', rebuilds => 't3_i', holds => 'INSERT INTO t3 VALUES (1)'
	},
	{
		name => 'reindex_table', before => 'CREATE TABLE t4 AS SELECT 1 AS i, repeat(i::text, 9) AS t FROM generate_series(1, 9) i; CREATE INDEX t4_i ON t4 (i)',
		up => 'REINDEX (VERBOSE, CONCURRENTLY) TABLE t4', rebuilds => 't4_i', holds => 'INSERT INTO t4 VALUES (1)'
	},
	{
		name => 'reindex_schema', before => 'CREATE SCHEMA s5 CREATE TABLE t5 (i int PRIMARY KEY)', role => 'admin',
		up => 'REINDEX SCHEMA s5', rebuilds => 's5.t5_pkey', holds => 'LOCK TABLE s5.t5'
	},
	{
		name => 'reindex_schema_concurrently', before => 'CREATE SCHEMA s6 CREATE TABLE t6 (i int PRIMARY KEY)', role => 'admin',
		up => 'REINDEX SCHEMA CONCURRENTLY s6', rebuilds => 's6.t6_pkey', holds => 'INSERT INTO s6.t6 VALUES (1)'
	},
	{ name => 'reindex_database', before => 'CREATE TABLE t7 (i int PRIMARY KEY)', role => 'admin', up => 'REINDEX DATABASE postgres', rebuilds => 't7_pkey' },
	{ name => 'reindex_system', role => 'admin', up => 'REINDEX SYSTEM postgres', rebuilds => 'pg_description_o_c_o_index' },
	{
		name => 'reindex_partitioned_table', tried => '25001', up => 'REINDEX TABLE t8', rebuilds => 't8a_i_idx', holds => 'LOCK TABLE t8a',
		before => 'CREATE TABLE t8 (i int) PARTITION BY LIST (i); CREATE TABLE t8a PARTITION OF t8 FOR VALUES IN (1); CREATE INDEX t8_i ON t8 (i)'
	},
	{
		name => 'reindex_partitioned_index', tried => '25001', up => 'REINDEX INDEX t9_i', rebuilds => 't9a_i_idx', holds => 'LOCK TABLE t9a',
		before => 'CREATE TABLE t9 (i int) PARTITION BY LIST (i); CREATE TABLE t9a PARTITION OF t9 FOR VALUES IN (1); CREATE INDEX t9_i ON t9 (i)'
	},
	{
		name => 'reindex_partitioned_concurrently', up => 'REINDEX TABLE CONCURRENTLY t10', rebuilds => 't10b_i_idx', holds => 'INSERT INTO t10b VALUES (2)',
		before => 'CREATE TABLE t10 (i int) PARTITION BY LIST (i); CREATE TABLE t10a PARTITION OF t10 FOR VALUES IN (1); CREATE TABLE t10b PARTITION OF t10 FOR VALUES IN (2); CREATE INDEX t10_i ON t10 (i)'
	},
	{
		name => 'reindex_partitioned_index_concurrently', up => 'REINDEX INDEX CONCURRENTLY t11_i', rebuilds => 't11a_i_idx', holds => 'INSERT INTO t11 VALUES (1)',
		before => 'CREATE TABLE t11 (i int) PARTITION BY LIST (i); CREATE TABLE t11a PARTITION OF t11 FOR VALUES IN (1); CREATE INDEX t11_i ON t11 (i)'
	},
	{
		name => 'vacuum', before => 'CREATE TABLE t12 AS SELECT 1 AS i', up => 'VACUUM t12', holds => 'LOCK TABLE t12',
		done => "SELECT relpages > 0 AND relallvisible > 0 FROM pg_class WHERE oid = 't12'::regclass"
	},
	{ name => 'vacuum_full', before => 'CREATE TABLE t13 AS SELECT 1 AS i', up => 'VACUUM (FULL, ANALYZE) t13', holds => 'LOCK TABLE t13', rebuilds => 't13' },
	{
		name => 'vacuum_all', before => 'CREATE TABLE t14 AS SELECT 1 AS i', role => 'admin', up => 'VACUUM',
		done => "SELECT relpages > 0 AND relallvisible > 0 FROM pg_class WHERE oid = 't14'::regclass"
	},
	{
		name => 'cluster_all', before => 'CREATE TABLE t15 (i int PRIMARY KEY); CLUSTER t15 USING t15_pkey', up => 'CLUSTER', rebuilds => 't15', holds => 'LOCK TABLE t15'
	},
	{
		name => 'cluster_partitioned', tried => '25001', up => 'CLUSTER t16 USING t16_pkey', rebuilds => 't16a', holds => 'LOCK TABLE t16a',
		before => 'CREATE TABLE t16 (i int PRIMARY KEY) PARTITION BY LIST (i); CREATE TABLE t16a PARTITION OF t16 FOR VALUES IN (1)'
	},
	{
		name => 'create_database', up => 'CREATE DATABASE "made 17"', done => q{SELECT count(*) = 1 FROM pg_database WHERE datname = 'made 17'},
		down => 'DROP DATABASE "made 17"', undone => q{SELECT count(*) = 0 FROM pg_database WHERE datname = 'made 17'},
		role => 'admin', holds => 'LOCK TABLE pg_database IN SHARE MODE'
	},
	{
		name => 'drop_database', before => 'CREATE DATABASE made18', up => 'DROP DATABASE made18', role => 'admin', holds => 'LOCK TABLE pg_database IN SHARE MODE',
		done => q{SELECT count(*) = 0 FROM pg_database WHERE datname = 'made18'}, down => 'CREATE DATABASE made18', undone => q{SELECT count(*) = 1 FROM pg_database WHERE datname = 'made18'}
	},
	{
		name => 'create_tablespace', up => "CREATE TABLESPACE made19 LOCATION ''", role => 'admin', holds => 'LOCK TABLE pg_tablespace IN SHARE MODE',
		done => q{SELECT count(*) = 1 FROM pg_tablespace WHERE spcname = 'made19'}, down => 'DROP TABLESPACE made19', undone => q{SELECT count(*) = 0 FROM pg_tablespace WHERE spcname = 'made19'}
	},
	{
		name => 'move_database', before => "CREATE TABLESPACE made20 LOCATION ''; CREATE DATABASE moved", up => 'ALTER DATABASE moved SET TABLESPACE made20', role => 'admin',
		done => q{SELECT spcname = 'made20' FROM pg_database d JOIN pg_tablespace s ON s.oid = dattablespace WHERE datname = 'moved'},
		down => 'ALTER DATABASE moved SET TABLESPACE pg_default', undone => q{SELECT spcname = 'pg_default' FROM pg_database d JOIN pg_tablespace s ON s.oid = dattablespace WHERE datname = 'moved'},
		holds => 'LOCK TABLE pg_database IN SHARE MODE'
	},
	{
		name => 'alter_system', up => "ALTER SYSTEM SET log_statement = 'none'", role => 'admin', done => q{SELECT count(*) = 1 FROM pg_file_settings WHERE sourcefile ~ 'auto.conf' AND name = 'log_statement'},
		down => 'ALTER SYSTEM RESET log_statement', undone => q{SELECT count(*) = 0 FROM pg_file_settings WHERE sourcefile ~ 'auto.conf' AND name = 'log_statement'}
	},
	{
		name => 'detach_partition', up => 'ALTER TABLE t21 DETACH PARTITION t21a CONCURRENTLY', holds => 'SELECT FROM t21',
		before => 'CREATE TABLE t21 (i int) PARTITION BY LIST (i); CREATE TABLE t21a PARTITION OF t21 FOR VALUES IN (1)',
		done => "SELECT count(*) = 0 FROM pg_inherits WHERE inhparent = 't21'::regclass", down => 'ALTER TABLE t21 ATTACH PARTITION t21a FOR VALUES IN (1)',
		undone => "SELECT count(*) = 1 FROM pg_inherits WHERE inhparent = 't21'::regclass"
	},
	{
		name => 'create_subscription', role => 'admin', up => sprintf($subscription, 's22', 's22') . ')', holds => 'LOCK TABLE pg_subscription IN SHARE MODE',
		done => q{SELECT count(*) = 1 FROM pg_subscription WHERE subname = 's22'}, down => 'DROP SUBSCRIPTION s22', undone => q{SELECT count(*) = 0 FROM pg_subscription WHERE subname = 's22'}
	},
	{
		name => 'refresh_subscription', before => sprintf($subscription, 's23', 's23') . ', connect = false); ALTER SUBSCRIPTION s23 ENABLE', role => 'admin', up => 'ALTER SUBSCRIPTION s23 REFRESH PUBLICATION',
		done => q{SELECT count(*) = 1 FROM pg_subscription_rel JOIN pg_subscription s ON s.oid = srsubid WHERE subname = 's23'}, holds => 'LOCK TABLE pg_subscription IN SHARE MODE'
	},
	{
		name => 'add_publication', before => sprintf($subscription, 's24', 's24') . ')', role => 'admin', up => 'ALTER SUBSCRIPTION s24 ADD PUBLICATION second',
		done => q{SELECT subpublications = '{first,second}' FROM pg_subscription WHERE subname = 's24'}, holds => 'LOCK TABLE pg_subscription IN SHARE MODE',
		down => 'ALTER SUBSCRIPTION s24 DROP PUBLICATION second', undone => q{SELECT subpublications = '{first}' FROM pg_subscription WHERE subname = 's24'}
	},
	{
		name => 'commit_prepared', before => "CREATE TABLE t25 (i int); BEGIN; INSERT INTO t25 VALUES (1); PREPARE TRANSACTION 'p25'", up => "COMMIT PREPARED 'p25'",
		done => "SELECT count(*) = 1 FROM t25"
	},
	{
		name => 'rollback_prepared', before => "CREATE TABLE t26 (i int); BEGIN; INSERT INTO t26 VALUES (1); PREPARE TRANSACTION 'p26'", up => "ROLLBACK PREPARED 'p26'",
		done => "SELECT count(*) = 0 FROM t26"
	},
	{
		name => 'call', tried => '2D000', before => "CREATE TABLE t27 (i int); CREATE PROCEDURE p27() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t27 VALUES (1); COMMIT; INSERT INTO t27 VALUES (2); END'",
		up => 'CALL p27()', done => 'SELECT count(*) = 2 FROM t27'
	},
	{
		name => 'do', tried => '2D000', before => 'CREATE TABLE t28 (i int)', up => 'DO $$BEGIN INSERT INTO t28 VALUES (1); COMMIT; INSERT INTO t28 VALUES (2); END$$',
		done => 'SELECT count(*) = 2 FROM t28'
	},
	{
		name => 'nested_call', tried => '2D000', up => 'CALL o29()', done => 'SELECT count(*) = 2 FROM t29',
		before => q{CREATE TABLE t29 (i int); CREATE PROCEDURE p29() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t29 VALUES (1); COMMIT; INSERT INTO t29 VALUES (2); END'; CREATE PROCEDURE o29() LANGUAGE plpgsql AS 'BEGIN CALL p29(); ROLLBACK; INSERT INTO t29 VALUES (3); END'}
	},
	{
		name => 'failover', version => 17, role => 'admin', before => sprintf($subscription, 's30', 's30') . ', enabled = false)', up => 'ALTER SUBSCRIPTION s30 SET (failover = true)',
		done => q{SELECT subfailover FROM pg_subscription WHERE subname = 's30'}, down => 'ALTER SUBSCRIPTION s30 SET (failover = false)', undone => q{SELECT NOT subfailover FROM pg_subscription WHERE subname = 's30'}
	},
	{
		name => 'two_phase', version => 18, role => 'admin', before => sprintf($subscription, 's31', 's31') . ', enabled = false)', up => 'ALTER SUBSCRIPTION s31 SET (two_phase = true)',
		done => q{SELECT subtwophasestate <> 'd' FROM pg_subscription WHERE subname = 's31'}
	});

sub define
{
	my ($name, $up, %arguments) = @_;

	return sqlstate($node, 'postgres', sprintf 'SELECT migrate.register(%s, %s%s)', literal($name), literal($up),
		join '', map { ", $_ => " . literal($arguments{$_}) } sort keys %arguments);
}

sub ask
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

sub file_of
{
	my ($kind) = @_;

	return $kind->{rebuilds} ? ask("SELECT pg_relation_filenode('$kind->{rebuilds}')") : '';
}

# Runs a script as the kind's role, which may not log in, does; 00000 is success.
sub try
{
	my ($kind, $sql) = @_;
	my $role = $kind->{role} // 'owner';
	my ($code, $err) = sqlstate($node, 'postgres', "SET ROLE $role;\n$sql",
		extra_params => [ '-U', $role eq 'admin' ? 'boss' : 'deployer' ]);

	return ($code || '00000', $err);
}

sub try_is
{
	my ($kind, $sql, $wanted, $test) = @_;
	my ($code, $err) = try($kind, $sql);

	is($code, $wanted, "$kind->{name}: $test") or diag $err;
	return $err;
}

# Was it done, since the file was this one?
sub is_done
{
	my ($kind, $file, $test) = @_;

	return $kind->{rebuilds} ? isnt(file_of($kind), $file, "$kind->{name}: $test") : is(ask($kind->{done}), 't', "$kind->{name}: $test");
}

# Has somebody hold what it needs, has it wait, and cancels whoever called and listens.
sub stop_in_the_middle
{
	my ($kind, $call, $place) = @_;
	my $role = $kind->{role} // 'owner';
	my $login = $role eq 'admin' ? 'boss' : 'deployer';
	my $holder = $node->background_psql('postgres');

	$holder->query_safe("BEGIN; $kind->{holds}");
	my $caller = start_client($node, 'postgres', "SET ROLE $role; SET application_name = 'caller'; $call",
		connection => $node->connstr('postgres') . " user=$login");
	wait_until($node, 'postgres', q{SELECT count(*) FILTER (WHERE backend_type ~ 'pg_migrations' AND wait_event_type = 'Lock') > 0
		AND count(*) FILTER (WHERE backend_type = 'client backend' AND application_name = 'caller' AND wait_event = 'Extension') > 0 FROM pg_stat_activity});
	ask(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller' AND backend_type = 'client backend'});
	end_client($caller);
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	like($caller->{err}, qr/ERROR:  57014: canceling statement due to user request.*$place/s, "$kind->{name}: a cancel stops it");
	return;
}

foreach my $kind (@kinds)
{
	my $name = $kind->{name};
	my $mixed = "CREATE TABLE \"before_$name\" ();\nSET work_mem = '5MB';\n$kind->{up};\nCREATE TABLE \"after_$name\" AS SELECT current_setting('work_mem') AS work_mem;";
	my $apply = "CALL migrate.apply('$name');";
	my %down = $kind->{down} ? (down => "DROP TABLE \"after_$name\";\n$kind->{down};\nDROP TABLE \"before_$name\";") : ();
	my $nothing = "SELECT to_regclass('\"before_$name\"') IS NULL";

	next if $version < ($kind->{version} // 15);
	try_is($kind, $kind->{before}, '00000', 'what it works on') if $kind->{before};

	# One transaction is refused, before anything runs where the words tell.
	my ($code, $err) = define($name, $mixed, requires => '{}', options => '{"transaction": "on"}');
	if ($kind->{tried})
	{
		like(try_is($kind, $apply, $kind->{tried}, 'not in one transaction'), qr/HINT:  It commits while it works: .*"transaction" at "auto"/, "$name: the hint says why");
	}
	else
	{
		is($code, 'MG008', "$name: not in one transaction");
		like($err, qr/DETAIL:  It is on line 3/, "$name: the detail has the line");
	}
	define($name, $mixed, requires => '{}', options => '{"lock_timeout": 120000}', %down);
	try_is($kind, "BEGIN; $apply", $kind->{tried} // 'MG008', 'not in a block');
	try_is($kind, "CALL migrate.apply('$name', atomic => true);", $kind->{tried} // 'MG008', 'not atomic');
	is(ask($nothing), 't', "$name: nothing of it has run");

	# Among others; stopped in the middle it goes on.
	my $file = file_of($kind);
	if ($kind->{holds})
	{
		stop_in_the_middle($kind, $apply, 'statement 3 of 4, line 3');
		is(ask("SELECT state FROM migrate.status() WHERE name = '$name'"), 'interrupted', "$name: it is half done");
		like(try_is($kind, $apply, '00000', 'it goes on'), qr/goes on behind statement 2 of 4/, "$name: behind what stands");
	}
	else
	{
		try_is($kind, $apply, '00000', 'among others');
	}
	is_done($kind, $file, 'it is done');
	is(ask("SELECT work_mem FROM \"after_$name\""), '5MB', "$name: as is what comes behind it, with what the script set");
	is(ask("SELECT tableowner FROM pg_tables WHERE tablename = 'after_$name'"), $kind->{role} // 'owner', "$name: as the role that called");
	is(ask("SELECT count(*), count(DISTINCT statement_no) FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id WHERE name = '$name'"), '4|4',
		"$name: each statement is recorded once");

	if ($kind->{down})
	{
		try_is($kind, "CALL migrate.revert(project => 'default');", '00000', 'it is reverted');
		is(ask($kind->{undone}), 't', "$name: what it did is undone");
		is(ask($nothing), 't', "$name: with all the rest");
	}

	# As the only one.
	next if !$kind->{down} && !$kind->{rebuilds};
	$file = file_of($kind);
	define("only_$name", $kind->{up}, requires => '{}', options => '{"transaction": "off"}');
	try_is($kind, "CALL migrate.apply('only_$name');", '00000', 'alone');
	is_done($kind, $file, 'alone it is done');
}
is(ask('SELECT count(*) FROM pg_index WHERE NOT indisvalid'), '0', 'no index is left invalid');
is(ask('SELECT count(*) FROM migrate.unfinished'), '0', 'nothing is half done');
is(ask(q{SELECT string_agg(h.name, ' ') FROM migrate.history h WHERE h.outcome = 'failed' AND error_code NOT IN ('2D000', '25001')}), '', 'nothing failed otherwise');

# ---- what is stopped has left nothing of it, or has

my $any = { name => 'stopped' };

sub state_of
{
	my ($name) = @_;

	return ask("SELECT state || coalesce(': ' || detail, '') FROM migrate.status() WHERE name = '$name'");
}

# The only statement of its migration, cancelled while it waits.
foreach my $kind (
	{ name => 'build', before => 'CREATE TABLE u1 (i int)', up => 'CREATE INDEX CONCURRENTLY u1_i ON u1 (i)', holds => 'INSERT INTO u1 VALUES (1)', stands => 1 },
	{ name => 'detach', before => 'CREATE TABLE u2 (i int) PARTITION BY LIST (i); CREATE TABLE u2a PARTITION OF u2 FOR VALUES IN (1)', up => 'ALTER TABLE u2 DETACH PARTITION u2a CONCURRENTLY', holds => 'SELECT FROM u2', stands => 1 },
	{ name => 'drop', before => 'CREATE TABLE u3 (i int); CREATE INDEX u3_i ON u3 (i)', up => 'DROP INDEX CONCURRENTLY u3_i', holds => 'INSERT INTO u3 VALUES (1)', stands => 1 },
	{ name => 'clean', before => 'CREATE TABLE u4 (i int)', up => 'VACUUM u4', holds => 'LOCK TABLE u4', stands => 0 })
{
	try_is($kind, $kind->{before}, '00000', 'what it works on');
	define($kind->{name}, $kind->{up}, requires => '{}', options => '{"lock_timeout": 120000}');
	stop_in_the_middle($kind, "CALL migrate.apply('$kind->{name}');", 'statement 1 of 1, line 1');
	like(state_of($kind->{name}), $kind->{stands} ? qr/^interrupted: 57014 at statement 1, line 1; 0 of 1 statements stand/ : qr/^failed: 57014/, "$kind->{name}: the state says what stands");
	is((define($kind->{name}, 'SELECT 1', requires => '{}'))[0], '', "$kind->{name}: nothing of it keeps the text from being mended");
	is((define($kind->{name}, $kind->{up}, requires => '{}', options => '{"force": true}'))[0], '', "$kind->{name}: and back");
	try_is($kind, "CALL migrate.apply('$kind->{name}');", '00000', 'it goes on');
	try_is($kind, "CALL migrate.apply('$kind->{name}');", '00000', 'to its end');
}
is(ask(q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'u2'::regclass}) . ask(q{SELECT to_regclass('u3_i') IS NULL}) . ask(q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'u1_i'::regclass}), '0tt', 'all of it is done');

# Rebuilding leaves the old ones, under names that are clipped, and numbered behind what somebody else has left.
{
	my $kind = { name => 'rebuild', up => 'REINDEX TABLE CONCURRENTLY u7', holds => 'SELECT FROM u7' };
	my $left = q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE NOT indisvalid};
	my $holder = $node->background_psql('postgres');

	try_is($kind, sprintf('CREATE TABLE u7 (i int); CREATE INDEX u7_i ON u7 (i); CREATE INDEX %s ON u7 (i);', 'u7_' . 'x' x 60), '00000', 'what it works on');
	$holder->query_safe("BEGIN; $kind->{holds}");
	try_is($kind, q{SET lock_timeout = '100ms'; REINDEX INDEX CONCURRENTLY u7_i;}, '55P03', 'somebody else leaves one');
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	define('rebuild', $kind->{up}, requires => '{}');
	stop_in_the_middle($kind, q{CALL migrate.apply('rebuild');}, 'statement 1 of 1, line 1');
	is(ask($left), join(' ', qw(u7_i_ccold u7_i_ccold1), 'u7_' . 'x' x 54 . '_ccold'), 'rebuild: what is left');
	try_is($kind, q{CALL migrate.apply('rebuild');}, '00000', 'it goes on');
	is(ask($left), 'u7_i_ccold', 'rebuild: what is left is what somebody else has left');
	ask('DROP INDEX u7_i_ccold');
}

# Killed when the publisher had done its part, a subscription needs a hand.
{
	my $kind = { name => 'killed', role => 'admin' };

	ask(q{CREATE FUNCTION linger() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(600); END$$;
		CREATE EVENT TRIGGER made ON ddl_command_end WHEN tag IN ('CREATE SUBSCRIPTION') EXECUTE FUNCTION linger();
		CREATE EVENT TRIGGER dropped ON sql_drop WHEN tag IN ('DROP SUBSCRIPTION') EXECUTE FUNCTION linger()});
	define('killed', sprintf($subscription, q{"s'40"}, 's_40') . ')', requires => '{}', down => q{DROP SUBSCRIPTION "s'40"});
	foreach my $case ([ 'made', q{CALL migrate.apply('killed')}, '08P01', $publisher ], [ 'dropped', q{CALL migrate.revert(steps => 1)}, '08006', $node ])
	{
		my ($trigger, $call, $code, $where) = @$case;
		my $client = start_client($node, 'postgres', "SET ROLE admin; $call", connection => $node->connstr('postgres') . ' user=boss');

		wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations' AND wait_event = 'PgSleep'});
		ask(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ~ 'pg_migrations' AND wait_event = 'PgSleep'});
		end_client($client);
		ask("DROP EVENT TRIGGER $trigger");
		my ($sql) = try_is($kind, $call, $code, "the slot is $trigger already") =~ /^HINT: .*?:  (.*)$/m;
		$where->safe_psql('postgres', $sql);
		try_is($kind, $call, '00000', 'after what the hint says');
	}
	is(ask(q{SELECT count(*) FROM pg_subscription WHERE subname = 's''40'}) . $publisher->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's_40'}), '00', 'nothing is left');
	ask('DROP FUNCTION linger()');
}

# Mended into something else: what the statement left as it was is cleared up, and what it did is for people to judge.
$any->{name} = 'mended';
try_is($any, 'CREATE TABLE u5 AS SELECT 1 AS i FROM generate_series(1, 2); CREATE TABLE u5p (i int) PARTITION BY LIST (i); CREATE TABLE u5a PARTITION OF u5p FOR VALUES IN (1)', '00000', 'what it works on');
define('mended', "SELECT 1;\nSELECT 2;\nCREATE UNIQUE INDEX CONCURRENTLY u5_i ON u5 (i);", requires => '{}');
try_is($any, q{CALL migrate.apply('mended');}, '23505', 'a build fails');
define('mended', "SELECT 1;\nSELECT 2;", requires => '{}');
try_is($any, q{CALL migrate.apply('mended');}, '00000', 'the statement is left out');
is(ask(q{SELECT to_regclass('u5_i') IS NULL}), 't', 'and so is its invalid index');
{
	my $kind = { name => 'undecided', up => 'ALTER TABLE u5p DETACH PARTITION u5a CONCURRENTLY', holds => 'SELECT FROM u5p' };

	define('undecided', $kind->{up}, requires => '{}');
	stop_in_the_middle($kind, q{CALL migrate.apply('undecided');}, 'statement 1 of 1, line 1');
	define('undecided', 'CREATE DATABASE postgres', requires => '{}');
	like(try_is($any, q{CALL migrate.apply('undecided');}, 'MG012', 'what was done is not what is asked for now'),
		qr/It was done as it was before the text was changed: ALTER TABLE u5p DETACH/, 'and the detail says so');
	try_is($any, q{SELECT migrate.resolve('undecided', 'applied', 'done');}, '00000', 'somebody decides');
}

# A procedure that fails at top level before it has committed leaves nothing.
$any->{name} = 'procedures';
try_is($any, q{CREATE SEQUENCE tries; CREATE TABLE u6 (i int); CREATE PROCEDURE p6() LANGUAGE plpgsql AS 'BEGIN INSERT INTO u6 VALUES (2); IF nextval(''tries'') = 3 THEN PERFORM 1/0; END IF; COMMIT; INSERT INTO u6 VALUES (3); END'}, '00000', 'what they work on');
define('procedure', "INSERT INTO u6 VALUES (1);\nCALL p6();\nINSERT INTO u6 VALUES (4);", requires => '{}');
try_is($any, q{CALL migrate.apply('procedure');}, '22012', 'it fails before it has committed');
like(state_of('procedure'), qr/^interrupted: 22012 at statement 2, line 2; 1 of 3 statements stand/, 'what was before it stands');
try_is($any, q{CALL migrate.apply('procedure');}, '00000', 'nobody has to decide about it');
is(ask(q{SELECT string_agg(i::text, ' ' ORDER BY i) FROM u6}), '1 2 3 4', 'all is done once');
define('handler', "DO \$\$BEGIN BEGIN INSERT INTO u6 VALUES (5); COMMIT; EXCEPTION WHEN division_by_zero THEN NULL; END; END\$\$", requires => '{}');
like(try_is($any, q{CALL migrate.apply('handler');}, '2D000', 'a block that cannot commit anywhere'), qr/cannot commit while a subtransaction is active/, 'says why');
like(state_of('handler') . ask('SELECT count(*) FROM u6'), qr/^failed: 2D000 at statement 1, line 1.*4$/, 'nothing of it stands');

# ---- values of enums

$any->{name} = 'enums';
define('enums', <<'SQL', requires => '{}');
CREATE TYPE e AS ENUM ('a');
CREATE TABLE es (e e);
ALTER TYPE e ADD VALUE 'b';
ALTER TYPE e ADD VALUE 'c';
INSERT INTO es VALUES ('b');
DO $$BEGIN ALTER TYPE e ADD VALUE 'd'; END$$;
INSERT INTO es VALUES ('c'), ('d');
SQL
try_is($any, 'CREATE TYPE f AS ENUM (); CREATE TABLE fs (f f)', '00000', 'what they work on');
try_is($any, q{CALL migrate.apply('enums');}, '00000', 'new values are used, also one that a block has added');
is(ask(q{SELECT string_agg(e::text, ' ' ORDER BY e) FROM es}), 'b c d', 'each once');
define('at_once', "INSERT INTO es VALUES ('a');\nDO \$\$BEGIN ALTER TYPE f ADD VALUE 'x'; INSERT INTO fs VALUES ('x'); END\$\$", requires => '{}');
like(try_is($any, q{CALL migrate.apply('at_once');}, '55P04', 'not in the statement that adds it'), qr/migration "default:at_once", statement 2 of 2, line 2/, 'which is named');
like(state_of('at_once'), qr/^failed: 55P04/, 'nothing of it stands');

# ---- settings

$any->{name} = 'settings';
try_is($any, q{CREATE SCHEMA mine; CREATE TABLE mine.seen (n int, setting text, value text); CREATE TABLE mine.busy AS SELECT 1 AS i FROM generate_series(1, 2);
	CREATE FUNCTION mine.set_config(text, text, boolean) RETURNS void BEGIN ATOMIC INSERT INTO mine.seen VALUES (0, 'my own', $2); END;
	CREATE FUNCTION mine.see(n int) RETURNS void BEGIN ATOMIC INSERT INTO mine.seen SELECT n, s, current_setting(s) FROM unnest('{TimeZone,work_mem,search_path,application_name,my.own,role,statement_timeout}'::text[]) s; END},
	'00000', 'what they are seen by');
define('settings', <<'SQL', requires => '{}');
SELECT see(1);
SET LOCAL work_mem = '1MB';
SELECT see(2);
VACUUM busy;
SELECT see(3);
SET work_mem = '2MB';
SELECT pg_catalog.set_config('my.own', 'new', false);
CREATE TABLE made AS SELECT 1 AS i;
SELECT mine.set_config('a', 'b', false);
CREATE UNIQUE INDEX CONCURRENTLY ON busy (i);
SELECT see(4);
DISCARD ALL;
SELECT mine.see(5);
SQL
my $caller = q{SET search_path = mine; SET "TimeZone" = 'Asia/Tokyo'; SET work_mem = '9MB'; SET application_name = 'it''s'; SET my.own = 'old'; SET statement_timeout = '1h'; CALL migrate.apply('settings');};
like(try_is($any, $caller, '23505', 'it stops half-way'), qr/DETAIL:  Key \(i\)=\(1\) is duplicated.*CONTEXT:  migration "default:settings", statement 10 of 13, line 10/s, 'with all that the error says');
is(ask(q{DELETE FROM mine.busy; SELECT string_agg(value, ' ' ORDER BY setting) FROM mine.seen WHERE n = 1}), q{Asia/Tokyo it's old owner mine 1h 9MB}, 'the worker has the settings of its caller');
is(ask(q{SELECT string_agg(value, ' ' ORDER BY n) FROM mine.seen WHERE setting = 'work_mem'}), '9MB 1MB 9MB', 'SET LOCAL ends with its step');
try_is($any, $caller, '00000', 'it goes on');
is(ask(q{SELECT string_agg(value, ' ' ORDER BY setting) FROM mine.seen WHERE n = 4}), q{Asia/Tokyo it's new owner mine 1h 2MB}, 'with what the script had set');
is(ask('SELECT count(*) FROM mine.seen WHERE n = 0'), '1', 'nor calling once more what is called as if it set something');
like(ask(q{SELECT string_agg(value, ' ' ORDER BY setting) FROM mine.seen WHERE n = 5}), qr/ none .* 4MB$/, 'which it can discard');

# What the caller might not set had its library been loaded, he has not set here either.
$any->{name} = 'placeholders';
define('placeholders', <<'SQL', requires => '{}');
VACUUM mine.busy;
DO $$BEGIN INSERT INTO mine.seen SELECT 6, s, current_setting(s) FROM unnest('{plpgsql.variable_conflict,plpgsql.extra_warnings}'::text[]) s; END$$;
SQL
try_is($any, q{SET plpgsql.variable_conflict = 'use_variable'; SET plpgsql.extra_warnings = 'all'; CALL migrate.apply('placeholders');}, '00000', 'settings of a library that is not loaded yet');
is(ask(q{SELECT string_agg(value, ' ' ORDER BY setting DESC) FROM mine.seen WHERE n = 6}), 'error all', 'are what the library lets them be');
define('as_superuser', "VACUUM mine.busy;\nINSERT INTO mine.seen VALUES (7, 'x', current_setting('log_min_duration_statement'));\n"
	. q{DO $$BEGIN INSERT INTO mine.seen VALUES (7, 'y', current_setting('plpgsql.variable_conflict')); END$$}, requires => '{}');
try_is({ name => 'superuser', role => 'admin' }, q{SET log_min_duration_statement = '1h'; SET plpgsql.variable_conflict = 'use_column'; CALL migrate.apply('as_superuser');}, '00000', 'settings of a superuser');
is(ask(q{SELECT string_agg(value, ' ' ORDER BY setting) FROM mine.seen WHERE n = 7}), '1h use_column', 'are there, too');

# ---- what reaches the caller

$any->{name} = 'messages';
define('messages', <<'SQL', requires => '{}');
VACUUM mine.busy;
DO $$BEGIN RAISE WARNING 'look' USING ERRCODE = 'MG999', DETAIL = 'a detail', HINT = 'a hint'; END$$;
CREATE INDEX CONCURRENTLY ON mine.busy ((i || nowhere));
SQL
my $said = try_is($any, qq{\\set SHOW_CONTEXT always\nCALL migrate.apply('messages');}, '42703', 'an error');
like($said, qr/WARNING:  MG999: look\nDETAIL:  a detail\nHINT:  a hint\nCONTEXT:  PL.pgSQL function inline_code_block line 1 at RAISE\n.*migration "default:messages", statement 2 of 3, line 2\n/s, 'a warning has all its parts');
like($said, qr/ERROR:  42703: column "nowhere" does not exist\n.*QUERY:  CREATE INDEX CONCURRENTLY ON mine.busy \(\(i \|\| nowhere\)\)\nCONTEXT:  migration "default:messages", statement 3 of 3, line 3\nrun \d+: 0 applied and kept; 2 of 3 statements of messages stand/s, 'an error is in the statement, not in the call');
like($said, qr/LINE 1: CREATE INDEX CONCURRENTLY ON mine.busy \(\(i \|\| nowhere\)\)\n +\^/, 'and has its place');
$node->stop;
$publisher->stop;
done_testing();
