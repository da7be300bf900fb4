# MigrateMix.pm: migrations of every kind that leave traces, and what must hold of them whatever happened.
#
# Each statement of a migration that can be rolled back leaves a row in the table effects; what
# else it leaves is asked for by a condition, its trace.  What cannot be rolled back has a trace only.
package MigrateMix;

use strict;
use warnings;
use Exporter qw(import);
use FindBin;
use MigrateTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(mix_of one_of_each script_of table_of transactional top_level committing piece is_valid
	register_mix broken broken_at_end broken_now try_to ask_for wait_quiet copy_database drop_database settle fingerprint mix_node faults_server);

# ---- migrations

# The kinds of statement: rolled back with its transaction; not, but to be recognised; or neither.
sub transactional { return { kind => 'transactional', sql => $_[0], trace => $_[1] } }
sub top_level { return { kind => 'top level', sql => $_[0], trace => $_[1] } }
sub committing { return { kind => 'committing', sql => $_[0], pieces => $_[1] } }

# What a committing statement does in between: how to see that it did, and to do it by hand.
sub piece
{
	my ($t, $i) = @_;

	return { there => "EXISTS (SELECT FROM $t WHERE i = $i)", make => "INSERT INTO $t VALUES ($i)" };
}

sub is_there { return "to_regclass('$_[0]') IS NOT NULL" }
sub is_gone { return "to_regclass('$_[0]') IS NULL" }
sub is_valid { return "EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('$_[0]') AND indisvalid)" }

# A table with rows for what comes behind it; its name is that of the migration.
sub table_of
{
	my ($t) = @_;

	return (transactional("CREATE TABLE $t (i int PRIMARY KEY, j int, k text)", is_there($t)),
		transactional("INSERT INTO $t SELECT g, g % 100, repeat('x', 100) FROM generate_series(1, 500) g", ''));
}

# No index of the table, or of its long values, is left half built or half dropped.
sub no_remains
{
	my ($t) = @_;

	return "NOT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON i.indrelid IN (c.oid, c.reltoastrelid) WHERE c.oid = to_regclass('$t') AND NOT i.indisvalid)";
}

# The migrations, each by what it is about: the statements of its up and of its down, given the
# name of a table of its own.
my %makers = (
	plain => sub {
		my ($t) = @_;
		return ([ table_of($t), transactional("ALTER TABLE $t ADD l int DEFAULT 1", '') ],
			[ transactional("DROP TABLE $t", is_gone($t)) ]);
	},
	index => sub {
		my ($t) = @_;
		return ([ table_of($t), top_level("CREATE INDEX CONCURRENTLY ${t}_j ON $t (j)", is_valid("${t}_j")),
				transactional("ALTER TABLE $t ADD l int", ''),
				top_level("CREATE UNIQUE INDEX CONCURRENTLY ${t}_u ON $t (j, i)", is_valid("${t}_u")) ],
			[ top_level("DROP INDEX CONCURRENTLY ${t}_j", is_gone("${t}_j")),
				transactional("DROP TABLE $t", is_gone($t)) ]);
	},
	enum => sub {
		my ($t) = @_;
		return ([ transactional("CREATE TYPE ${t}_e AS ENUM ('a')", "to_regtype('${t}_e') IS NOT NULL"),
				transactional("CREATE TABLE $t (e ${t}_e)", is_there($t)),
				transactional("ALTER TYPE ${t}_e ADD VALUE 'b'", ''),
				transactional("INSERT INTO $t VALUES ('b')", '') ],
			[ transactional("DROP TABLE $t", is_gone($t)),
				transactional("DROP TYPE ${t}_e", "to_regtype('${t}_e') IS NULL") ]);
	},
	vacuum => sub {
		my ($t) = @_;
		return ([ table_of($t), transactional("DELETE FROM $t WHERE i > 400", ''), top_level("VACUUM (ANALYZE) $t", ''),
				transactional("UPDATE $t SET j = j + 1", '') ],
			[ top_level("VACUUM $t", ''), transactional("DROP TABLE $t", is_gone($t)) ]);
	},
	rebuild => sub {
		my ($t) = @_;
		return ([ table_of($t), transactional("CREATE INDEX ${t}_j ON $t (j)", is_there("${t}_j")),
				top_level("REINDEX INDEX CONCURRENTLY ${t}_j", is_valid("${t}_j")),
				transactional("ALTER TABLE $t ADD l int", ''),
				top_level("REINDEX TABLE CONCURRENTLY $t", is_valid("${t}_j") . ' AND ' . no_remains($t)) ],
			[ top_level("REINDEX TABLE CONCURRENTLY $t", no_remains($t)),
				transactional("DROP TABLE $t", is_gone($t)) ]);
	},
	drop => sub {
		my ($t) = @_;
		return ([ table_of($t), transactional("CREATE INDEX ${t}_j ON $t (j)", ''),
				top_level("DROP INDEX CONCURRENTLY ${t}_j", is_gone("${t}_j")),
				transactional("ALTER TABLE $t ADD l int", '') ],
			[ top_level("CREATE INDEX CONCURRENTLY ${t}_k ON $t (k)", is_valid("${t}_k") . ' OR ' . is_gone($t)),
				top_level("DROP INDEX CONCURRENTLY IF EXISTS ${t}_none", ''),
				transactional("DROP TABLE $t", is_gone($t)) ]);
	},
	detach => sub {
		my ($t) = @_;
		return ([ transactional("CREATE TABLE $t (i int) PARTITION BY LIST (i)", is_there($t)),
				transactional("CREATE TABLE ${t}_1 PARTITION OF $t FOR VALUES IN (1)", is_there("${t}_1")),
				top_level("ALTER TABLE $t DETACH PARTITION ${t}_1 CONCURRENTLY",
					"NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass('${t}_1'))"),
				transactional("INSERT INTO ${t}_1 VALUES (1)", '') ],
			[ transactional("DROP TABLE $t, ${t}_1", is_gone($t) . ' AND ' . is_gone("${t}_1")) ]);
	},
	commits => sub {
		my ($t) = @_;
		return ([ table_of($t),
				committing("DO \$\$BEGIN INSERT INTO $t VALUES (1001); COMMIT; INSERT INTO $t VALUES (1002); END\$\$", [ map { piece($t, $_) } 1001, 1002 ]),
				transactional("CREATE PROCEDURE ${t}_p() LANGUAGE plpgsql AS 'BEGIN INSERT INTO $t VALUES (1003); COMMIT; END'",
					"to_regproc('${t}_p') IS NOT NULL"),
				committing("CALL ${t}_p()", [ piece($t, 1003) ]), transactional("ALTER TABLE $t ADD l int", '') ],
			[ transactional("DROP PROCEDURE ${t}_p", "to_regproc('${t}_p') IS NULL"), top_level('VACUUM effects', ''),
				transactional("DROP TABLE $t", is_gone($t)) ]);
	},
	session => sub {
		my ($t) = @_;
		return ([ { kind => 'session', sql => "SET work_mem = '5MB'" }, table_of($t),
				transactional("DO 'BEGIN CREATE TEMP TABLE ${t}_temporary (); DROP TABLE ${t}_temporary; END'", ''), top_level("VACUUM $t", ''),
				transactional("CREATE TABLE ${t}_w AS SELECT current_setting('work_mem') AS work_mem", is_there("${t}_w")) ],
			[ transactional("DROP TABLE $t, ${t}_w", is_gone($t)) ]);
	},
	parted => sub {
		my ($t) = @_;
		return ([ transactional("CREATE TABLE $t (i int, k text) PARTITION BY RANGE (i)", is_there($t)),
				map({ transactional("CREATE TABLE ${t}_$_ PARTITION OF $t FOR VALUES FROM (${_}0) TO (${_}9)", is_there("${t}_$_")) } 1 .. 3),
				transactional("CREATE INDEX ${t}_i ON $t (i)", ''),
				top_level("REINDEX TABLE CONCURRENTLY $t", join ' AND ', map { no_remains("${t}_$_") } 1 .. 3),
				transactional("INSERT INTO $t VALUES (12), (22)", ''),
				top_level("VACUUM $t", '') ],
			[ top_level("REINDEX INDEX ${t}_i", ''), transactional("DROP TABLE $t", is_gone($t)) ]);
	},
	database => sub {
		my ($t) = @_;
		return ([ transactional("CREATE TABLE $t ()", is_there($t)), top_level("CREATE DATABASE made_$t", ''),
				transactional("ALTER TABLE $t ADD l int", ''),
				top_level("DROP DATABASE made_$t", "NOT EXISTS (SELECT FROM pg_database WHERE datname = 'made_$t')") ],
			[ transactional("DROP TABLE $t", is_gone($t)) ]);
	},
	each => sub {
		my ($t) = @_;
		return ([ table_of($t), transactional("ALTER TABLE $t ADD l int", '') ],
			[ transactional("DROP TABLE $t", is_gone($t)) ]);
	});

# The row that says of a statement that it ran; each must be there once in the end.
sub effect
{
	my ($name, $part, $number) = @_;

	return "INSERT INTO effects VALUES ('$name', '$part', $number)";
}

# The statements of a script in order, each with its number; behind what can be rolled back comes its effect.
sub script_of
{
	my ($name, $part, @statements) = @_;
	my @script;

	foreach my $statement (@statements)
	{
		push @script, { %$statement, number => @script + 1 };
		next if $statement->{kind} ne 'transactional';
		my $number = @script + 1;
		push @script, { kind => 'transactional', number => $number, sql => effect($name, $part, $number),
			trace => "EXISTS (SELECT FROM effects WHERE name = '$name' AND part = '$part' AND statement = $number)", effect => 1 };
	}
	return \@script;
}

sub migration
{
	my ($kind, $number) = @_;
	my $name = sprintf '%04d_%s', $number, $kind;
	my ($up, $down) = $makers{$kind}->("t$number");

	return { name => $name, kind => $kind, up => script_of($name, 'up', @$up), down => script_of($name, 'down', @$down),
		options => $kind eq 'each' ? '"transaction": "off"' : '' };
}

# So many migrations, as the random numbers will have it.
sub mix_of
{
	my ($n) = @_;
	my @kinds = sort keys %makers;

	return map { migration($kinds[ rand @kinds ], $_) } 1 .. $n;
}

# One of each of these kinds, or of all.
sub one_of_each
{
	my (@kinds) = @_ ? @_ : sort keys %makers;
	my $number = 0;

	return map { migration($_, ++$number) } @kinds;
}

sub text_of
{
	my ($script) = @_;

	return join ";\n", map { $_->{sql} } @$script;
}

# The SQL that makes the extension and registers them.
sub register_mix
{
	my ($watched, @mix) = @_;

	return join ";\n", 'CREATE EXTENSION pg_migrations', $watched ? "SELECT migrate.watch('test')" : (),
	  'CREATE TABLE effects (name text, part text, statement int)',
	  map { sprintf "SELECT migrate.register(%s, %s, %s, options => '{%s}')", literal($_->{name}), literal(text_of($_->{up})), literal(text_of($_->{down})),
		  $_->{options} // '' } @mix;
}

# ---- what must hold at any moment

# How far each script stands: all of it, or as far as is noted.
my $stands = <<'SQL';
CREATE TEMP TABLE stands AS
SELECT s.name, p.part, CASE WHEN s.state = p.whole THEN 1000000 ELSE COALESCE(u.done, 0) END AS stands
FROM migrate.status() s CROSS JOIN (VALUES ('up', 'applied'), ('down', 'reverted')) AS p (part, whole)
LEFT JOIN migrate.unfinished u ON u.name = s.name AND u.part = p.part
SQL

# (a) what can be rolled back is there if and only if it is recorded; (b) what cannot is there if it is recorded.
sub traces
{
	my ($part, @mix) = @_;
	my @rows;

	foreach my $migration (@mix)
	{
		foreach my $statement (grep { $_->{trace} } @{ $migration->{$part} })
		{
			my $exact = $statement->{kind} eq 'transactional' && ($part eq 'up' || $statement->{effect});

			push @rows, sprintf "('%s', %d, %s, %s)", $migration->{name}, $statement->{number}, $statement->{trace}, $exact ? 'true' : 'false';
		}
	}
	return sprintf <<'SQL', join(",\n", @rows), $part;
SELECT 'statement ' || t.number || ' of ' || t.name || CASE WHEN t.there THEN ' happened and is not recorded' ELSE ' is recorded and did not happen' END
FROM (VALUES %s) AS t (name, number, there, exact) JOIN stands s ON s.name = t.name AND s.part = '%s'
WHERE CASE WHEN t.there THEN t.exact AND t.number > s.stands ELSE t.number <= s.stands END
SQL
}

# (c) what is half done is reported; the records are whole, and agree.
my @rest = split /;\n/, <<'SQL';
SELECT 'not reported as interrupted: ' || s.name || ' is ' || s.state FROM migrate.unfinished u JOIN migrate.status() s USING (project, name)
WHERE s.state <> 'interrupted' AND (u.done > 0 OR u.under_way > 0);
SELECT 'interrupted, and nothing is noted: ' || s.name FROM migrate.status() s LEFT JOIN migrate.unfinished u USING (project, name)
WHERE s.state IN ('interrupted', 'running') AND u.name IS NULL;
SELECT 'state and history differ: ' || s.name || ' is ' || s.state || ', last ' || h.outcome FROM migrate.status() s
CROSS JOIN LATERAL (SELECT outcome FROM migrate.history h WHERE h.name = s.name AND outcome <> 'started' ORDER BY id DESC LIMIT 1) h
WHERE CASE s.state WHEN 'applied' THEN h.outcome IN ('reverted', 'interrupted') WHEN 'reverted' THEN h.outcome <> 'reverted'
    WHEN 'pending' THEN h.outcome NOT IN ('failed', 'cancelled', 'interrupted') ELSE false END;
SELECT 'done twice: ' || name FROM migrate.history WHERE outcome IN ('applied', 'reverted') GROUP BY name, outcome HAVING count(*) > 1;
SELECT 'an attempt has ended twice: ' || attempt_id FROM migrate.history WHERE outcome <> 'started' GROUP BY attempt_id HAVING count(*) > 1;
SELECT 'recorded twice: ' || h.name || ' ' || s.statement_no FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id
GROUP BY h.name, h.action, s.statement_no HAVING count(*) > 1;
SELECT 'run ' || run_id || ' counts ' || r.migrations || ' of ' || done FROM migrate.runs r CROSS JOIN LATERAL (SELECT count(*) AS done FROM migrate.history h
    WHERE h.run_id = r.run_id AND h.outcome IN ('applied', 'reverted', 'marked')) d WHERE r.outcome NOT IN ('running', 'interrupted') AND r.migrations <> done;
SELECT 'not sealed as it is: ' || v::text FROM migrate.verify_history() v;
SELECT 'check says: ' || c::text FROM migrate.check() c WHERE severity = 'error' AND code NOT IN ('interrupted', 'failed')
SQL

# (e) nothing is left of a run: what a process has goes a moment after its client, or its caller, has.
my $left = <<'SQL';
SELECT 'still at it: ' || a::text FROM pg_stat_activity a WHERE backend_type ~ 'pg_migrations' OR pid <> pg_backend_pid() AND backend_type = 'client backend';
SELECT 'still running: ' || run_id FROM migrate.runs WHERE outcome = 'running';
SELECT 'a lock is left: ' || l::text FROM pg_locks l WHERE locktype = 'advisory';
SELECT 'shared memory is left: ' || f FROM pg_ls_dir('pg_dynshmem', true, false) f
CROSS JOIN LATERAL pg_stat_file('pg_dynshmem/' || f, true) s WHERE s.size BETWEEN 65536 AND 1048575
SQL

# The queries that give one line for each promise broken, while anything may be half done.
sub broken
{
	my ($part, @mix) = @_;

	return join ";\n", $stands, traces($part, @mix), @rest;
}

# The same where all has come to its end.
sub broken_at_end
{
	my ($part, @mix) = @_;

	return join ";\n", broken($part, @mix), split /;\n/, <<'SQL';
SELECT 'not exactly once: ' || name || ' ' || part || ' ' || statement FROM effects GROUP BY name, part, statement HAVING count(*) <> 1;
SELECT 'half done in the end: ' || u::text FROM migrate.unfinished u;
SELECT 'noted in the end: ' || u::text FROM migrate.unfinished_objects u;
SELECT 'invalid in the end: ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid;
SELECT 'check says in the end: ' || c::text FROM migrate.check() c WHERE severity = 'error'
SQL
}

# ---- asking a server that may be in recovery, or on its way down

sub give_up_at
{
	return time + $PostgreSQL::Test::Utils::timeout_default;
}

# The SQLSTATE of a script, 00000 if it went through, and what it gave or what psql said.
sub try_to
{
	my ($node, $db, $sql) = @_;
	my $give_up = give_up_at();

	while (1)
	{
		my ($status, $out, $err) = eval { $node->psql($db, "\\set VERBOSITY verbose\n$sql", on_error_stop => 1) };

		# What cannot connect may be gone before it is told what to ask.
		die $@ if $@ && $@ !~ /Broken pipe/;
		($status, $err) = (2, $@) if $@;
		return ('00000', $out) if $status == 0;
		return ($1, $err) if $status == 3 && $err =~ /ERROR:  (\w{5}):/;
		die "status $status: $err" if $status == 3 || time > $give_up;
		sleep 0.02;
	}
}

sub ask_for
{
	my ($node, $db, $sql) = @_;
	my ($state, $out) = try_to($node, $db, $sql);

	die "$sql: $out" if $state ne '00000';
	return split /\n/, $out;
}

# Waits until nothing is left of what was killed; gives what does not go.
sub wait_quiet
{
	my ($node, $db) = @_;
	my $give_up = give_up_at();
	my @left;

	while ((@left = ask_for($node, $db, $left)) && time <= $give_up)
	{
		sleep 0.01;
	}
	return @left;
}

# What is broken, and what is left behind.
sub broken_now
{
	my ($node, $db, $queries) = @_;

	return (wait_quiet($node, $db), ask_for($node, $db, $queries));
}

# The other strategy forgets what sequences have logged ahead of what they gave: after a crash the
# copy's would give numbers a second time.
sub copy_database
{
	my ($node, $of, $name) = @_;

	ask_for($node, 'postgres', "CREATE DATABASE $name TEMPLATE $of STRATEGY file_copy");
	return $name;
}

sub drop_database
{
	my ($node, $name) = @_;

	ask_for($node, 'postgres', "DROP DATABASE $name WITH (FORCE)");
	return;
}

# ---- going on

# The name of the migration that somebody must decide about, and its statement.
sub undecided
{
	my ($node, $db, @mix) = @_;
	my ($row) = ask_for($node, $db, 'SELECT name, part, under_way FROM migrate.unfinished WHERE under_way IS NOT NULL');
	my ($name, $part, $number) = split /\|/, $row // '';
	my ($migration) = grep { $_->{name} eq ($name // '') } @mix;

	die 'nothing is undecided' if !$migration;
	return ($name, $migration->{$part}[ $number - 1 ]);
}

# Looks what a statement has done that commits on its way, has the rest done by hand if it is a part, and says so.
sub decide
{
	my ($node, $db, @mix) = @_;
	my ($name, $statement) = undecided($node, $db, @mix);
	my @pieces = @{ $statement->{pieces} // die "$name: \"$statement->{sql}\" is not for people to decide" };
	my @missing = grep { (ask_for($node, $db, "SELECT $_->{there}"))[0] eq 'f' } @pieces;

	if (@missing < @pieces)
	{
		ask_for($node, $db, $_->{make}) foreach @missing;
	}
	ask_for($node, $db, sprintf "SELECT migrate.resolve('%s', '%s', 'as the table shows')", $name, @missing < @pieces ? 'skip_statement' : 'continue');
	return;
}

# Calls until it goes through; returns how often people had to decide.  $mend has what to do about other
# errors, by SQLSTATE.
sub settle
{
	my ($node, $db, $call, $mend, @mix) = @_;
	my $decisions = 0;

	foreach (1 .. 12)
	{
		my ($state, $said) = try_to($node, $db, $call);

		return $decisions if $state eq '00000';
		if ($state eq 'MG012')
		{
			decide($node, $db, @mix);
			$decisions++;
		}
		elsif ($mend->{$state}) { ask_for($node, $db, $mend->{$state}); }
		else { die "$call: $said"; }
	}
	die "$call never goes through";
}

# ---- what it comes to

# What pg_dump makes of a database, without our own tables and what is random; rows in order.
sub fingerprint
{
	my ($connection) = @_;
	my ($dump, $err) = run_command([ 'pg_dump', '-d', $connection, '-N', 'migrate', '--no-comments' ]);

	die "pg_dump: $err" if $dump !~ /dump complete/;
	$dump =~ s/^\\(un)?restrict .*\n//mg;
	$dump =~ s/^(COPY .*\n)((?:.*\n)*?)(\\\.\n)/$1 . join('', sort split(m{^}m, $2)) . $3/meg;
	return $dump;
}

# ---- servers

# One whose shared memory is in files, which can be looked at, and where nobody but us takes snapshots.
sub mix_node
{
	my ($name, %init) = @_;
	my $node = new_node($name, %init);

	$node->append_conf('postgresql.conf', "restart_after_crash = on\ndynamic_shared_memory_type = mmap\nlog_statement = none");
	return $node;
}

# A copy of the server whose library has the fault points; built the quick way.
sub faults_server
{
	my $source = "$FindBin::RealBin/../..";
	my $build = PostgreSQL::Test::Utils::tempdir;
	my $server = copy_server();

	system_or_bail('make', '-s', '-j2', '-C', $build, '-f', "$source/Makefile", "VPATH=$source", 'FAULTS=1', 'COPT=-O0 -Wno-cpp',
		'pg_migrations.so');
	replace_file("$server->{pkglibdir}/pg_migrations.so", slurp_file("$build/pg_migrations.so"));
	return $server;
}

1;
