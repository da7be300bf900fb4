# MigrateTest.pm: what the TAP tests share: quick servers, poolers, sessions that run aside, SQLSTATEs.
package MigrateTest;

use strict;
use warnings;
use Exporter qw(import);
use File::Basename qw(dirname);
use IO::Socket::UNIX;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(new_node copy_server replace_file literal names_of same sqlstate sqlstates raises
	start_client end_client open_session ask_session start_pooler end_pooler wait_until kill_postmaster
	inventory objects_of differences server_tests run_server_tests);

# A server that is made quickly; it survives kill -9 as any other, since the
# operating system does.
sub new_node
{
	my ($name, %init) = @_;
	my $path = delete $init{install_path};
	my $node = PostgreSQL::Test::Cluster->new($name, defined $path ? (install_path => $path) : ());

	$node->init(%init);
	$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
jit = off
autovacuum = off
max_connections = 50
max_prepared_transactions = 4
log_min_messages = warning
CONF
	return $node;
}

# A copy of a server, the one under test unless another is named, in which a test may change what it
# likes: the directories as pg_config names them, and the install_path of a cluster.
sub copy_server
{
	my ($config) = @_;
	my $at = PostgreSQL::Test::Utils::tempdir;
	my %server;

	foreach my $name (qw(bindir pkglibdir sharedir includedir))
	{
		my ($directory) = run_command([ $config // 'pg_config', "--$name" ]);
		my @copy = $name eq 'includedir' ? ('ln', '-sT', $directory) : ('cp', '-aT', $directory);

		$server{$name} = $at . $directory;
		next if -e $server{$name};
		system('mkdir', '-p', dirname($server{$name})) == 0 && system(@copy, $server{$name}) == 0
		  or die "could not copy $directory";
	}
	$server{install_path} = dirname($server{bindir});
	return \%server;
}

# A new file in the place of one that may be loaded.
sub replace_file
{
	my ($file, $content) = @_;

	unlink $file;
	open my $handle, '>:raw', $file or die "could not write $file: $!";
	print $handle $content;
	close $handle or die "could not write $file: $!";
	return;
}

sub literal
{
	my ($text) = @_;

	return "'" . $text =~ s/'/''/gr . "'";
}

# The first column of a query's result, as a list.
sub names_of
{
	my ($node, $db, $sql) = @_;

	return split /\n/, $node->safe_psql($db, $sql);
}

# One test: two long texts are the same; shows only the lines that differ.
sub same
{
	my ($got, $wanted, $name) = @_;
	my %count;

	return pass($name) if $got eq $wanted;
	fail($name);
	$count{$_}++ foreach split /\n/, $got;
	$count{$_}-- foreach split /\n/, $wanted;
	my @lines = map { ($count{$_} > 0 ? '+' : '-') . $_ } sort grep { $count{$_} } keys %count;
	splice @lines, 20 if @lines > 20;
	diag(@lines ? join("\n", @lines) : 'the lines are in another order');
	return 0;
}

# The SQLSTATE of the first error of a script and what psql printed of it; empty if there was none.
sub sqlstate
{
	my ($node, $db, $sql, %option) = @_;
	my (undef, undef, $err) = $node->psql($db, "\\set VERBOSITY verbose\n$sql",
		on_error_stop => 1, %option);

	return $err =~ /(?:ERROR|FATAL):  (\w{5}): / ? ($1, $err) : ('', $err);
}

# The SQLSTATE of each of several statements, each after what $first does; 00000 is success.
sub sqlstates
{
	my ($node, $db, $statements, $first) = @_;
	my $script = join "\n",
	  map { ($first // '', "$statements->{$_};", "\\echo @ $_ :SQLSTATE", 'ROLLBACK;') } sort keys %$statements;
	my (undef, $out) = $node->psql($db, $script, on_error_stop => 0);

	return { $out =~ /^@ (\S+) (\w{5})$/mg };
}

# One test: the script fails with this SQLSTATE, and says so in these words.
sub raises
{
	my ($node, $db, $sql, $state, $pattern, $name) = @_;
	my ($got, $err) = sqlstate($node, $db, $sql);

	if ($got ne $state || $err !~ $pattern)
	{
		fail($name);
		diag("wanted $state and $pattern, got $got:\n$err");
		return 0;
	}
	return pass($name);
}

# A client of its own that runs a script, statement by statement, while we go on.
sub start_client
{
	my ($node, $db, $sql, %option) = @_;
	my %client = (out => '', err => '', started => time);
	my $file = PostgreSQL::Test::Utils::tempdir . '/script.sql';
	my $connection = $option{connection} // $node->connstr($db);
	my $timer = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);

	# From a file: a pipe would be fed only when we next look after it.
	append_to_file($file, "\\set VERBOSITY verbose\n$sql");
	$client{run} = IPC::Run::start(
		[ 'psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $connection, '-f', $file ],
		'>', \$client{out}, '2>', \$client{err}, $timer);
	return \%client;
}

# Waits for it: whether it went well, and its output; what it wrote to stderr stays in it.
sub end_client
{
	my ($client) = @_;

	$client->{run}->finish;
	$client->{took} = time - $client->{started};
	chomp $client->{out};
	return ($client->{run}->result(0) == 0, $client->{out});
}

# A session that stays open, as a role.
sub open_session
{
	my ($node, $db, $role) = @_;

	my $session = $node->background_psql($db, on_error_stop => 0, extra_params => defined $role ? [ '-U', $role ] : []);

	# The time that it may take is a query's, not the session's.
	$session->set_query_timer_restart;
	return $session;
}

# What a query gives in it, and what psql says besides.
sub ask_session
{
	my ($session, $sql) = @_;

	$session->{stderr} = '';
	my $out = $session->query($sql);
	return ($out, $session->{stderr});
}

# pgbouncer in transaction mode before a server, with so many connections for each of the users;
# undef where there is none.
sub start_pooler
{
	my ($node, $size, @users) = @_;
	my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
	my $dir = PostgreSQL::Test::Utils::tempdir_short;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my %pooler = (connection => "host=$dir port=$port", out => '', err => '');
	my $give_up = time + $PostgreSQL::Test::Utils::timeout_default;

	return if !$pgbouncer;
	append_to_file("$dir/users", qq{"$_" ""\n}) foreach @users;
	append_to_file("$dir/ini", sprintf <<'INI', $node->host, $node->port, $dir, $port, $dir, $users[0], $size, $dir);
[databases]
* = host=%s port=%d
[pgbouncer]
unix_socket_dir = %s
listen_port = %d
listen_addr =
auth_type = trust
auth_file = %s/users
admin_users = %s
pool_mode = transaction
default_pool_size = %d
logfile = %s/log
INI
	$pooler{run} = IPC::Run::start([ $pgbouncer, '-q', "$dir/ini" ], '>', \$pooler{out}, '2>', \$pooler{err});
	until (IO::Socket::UNIX->new(Peer => "$dir/.s.PGSQL.$port"))
	{
		die "pgbouncer does not start: $pooler{out}$pooler{err}" if time > $give_up;
		sleep 0.02;
	}
	return \%pooler;
}

sub end_pooler
{
	my ($pooler) = @_;

	$pooler->{run}->signal('TERM');
	$pooler->{run}->finish;
	return;
}

# Waits until a query says t; dies when it never does.
sub wait_until
{
	my ($node, $db, $sql) = @_;
	my $give_up = time + $PostgreSQL::Test::Utils::timeout_default;

	while ($node->safe_psql($db, $sql) ne 't')
	{
		die "it never became true: $sql" if time > $give_up;
		sleep 0.02;
	}
	return;
}

# Kills the postmaster, and starts another one.  The backends have to notice it before that can be.
sub kill_postmaster
{
	my ($node) = @_;
	my $give_up = time + $PostgreSQL::Test::Utils::timeout_default;
	my ($pid) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');

	$node->kill9;
	while (kill 0, $pid)
	{
		die 'the server does not end' if time > $give_up;
		sleep 0.01;
	}
	until ($node->start(fail_ok => 1))
	{
		die 'the server does not start' if time > $give_up;
		sleep 0.1;
	}
	return;
}

# The inventory of a database as text: a line '### object fingerprint' before each definition.
sub inventory
{
	my ($node, $db, %how) = @_;

	return $node->safe_psql($db, ($how{before} // '') . <<'SQL' . ($how{after} // ''));
SELECT format('### %s %s %s', object_type, identity, COALESCE(encode(fingerprint, 'hex'), '-')) || E'\n' || definition
FROM migrate.inventory() ORDER BY object_type COLLATE "C", identity COLLATE "C";
SQL
}

# The same as a hash from object to definition, without what cannot be read.
sub objects_of
{
	my ($text) = @_;

	return { $text =~ /^### ([^\n]*) [0-9a-f]{64}\n(.*?)\n?(?=^### |\z)/msg };
}

# What differs between two inventories, a line for each object: 'object: -line / +line'.
sub differences
{
	my ($from, $to) = map { objects_of($_) } @_;
	my @result;

	foreach my $object (sort keys %{ { %$from, %$to } })
	{
		my %count;

		next if ($from->{$object} // '(none)') eq ($to->{$object} // '(none)');
		$count{$_}-- foreach split /\n/, $from->{$object} // '(none)';
		$count{$_}++ foreach split /\n/, $to->{$object} // '(none)';
		push @result, "$object: " . join(' / ', map { ($count{$_} < 0 ? '-' : '+') . $_ } grep { $count{$_} } sort keys %count);
	}
	return join "\n", @result;
}

# Where tools/lib.sh has put the SQL of the server's own tests, of a major or, as wide, of the one before it.
sub server_tests
{
	my ($major) = @_;
	my ($tests) = grep { -f "$_/parallel_schedule" } map { ($ENV{CORPORA_CACHE} // '') . "/server-tests-$_" } reverse 15 .. $major;

	return $tests;
}

# Of the server's own tests: they compute much, and leave nothing that others do not.
my %slow = map { $_ => 1 } qw(select_parallel write_parallel vacuum_parallel join_hash partition_join partition_aggregate
  btree_index gin gist create_index_spgist regex tuplesort memoize stats explain infinite_recurse tablespace largeobject);

# Runs the SQL of the server's own tests, and returns how many statements failed: what needs the library that comes with it does.
sub run_server_tests
{
	my ($node, $db, $tests) = @_;
	my $failed = 0;
	local $ENV{PG_ABS_SRCDIR} = $tests;
	local $ENV{PG_LIBDIR} = 'none';
	local $ENV{PG_DLSUFFIX} = '.so';
	local $ENV{PG_ABS_BUILDDIR} = PostgreSQL::Test::Utils::tempdir;
	local $ENV{PGTZ} = 'PST8PDT';
	local $ENV{PGDATESTYLE} = 'Postgres, MDY';
	local $ENV{PGOPTIONS} = '-c intervalstyle=postgres_verbose';
	my @names = map { split } slurp_file("$tests/parallel_schedule") =~ /^test:(.*)$/mg;

	foreach my $name (grep { !$slow{$_} } @names)
	{
		my (undef, $err) = run_command([ 'psql', '-X', '-q', '-o', '/dev/null', '-d', $node->connstr($db), '-f', "$tests/sql/$name.sql" ]);
		$failed += () = $err =~ /^psql:\S+ ERROR: /mg;
	}
	return $failed;
}

1;
