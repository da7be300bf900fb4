# bench/chunks.pl: short pieces of work, in several databases in turns.
#
# chunks.pl WORK ROUNDS CHUNKS DATABASE...
#
# WORK is "ddl" or "transactions".  Each round opens a session in each database,
# since a process's memory lies better or worse by chance, and runs so many
# chunks in each, every time in another order.  The first tenth fills caches and
# is not counted.  Prints lines "DATABASE WALL CPU" in microseconds, one of each
# database in turn; CPU is that of the server process.

use strict;
use warnings;

use IPC::Open2;
use Time::HiRes 'time';

my $made = 0;

# Five tables are created, changed, indexed and dropped, a statement a message.
sub ddl
{
	return join '', map {
		$made++;
		"CREATE TABLE mix_$made (id integer PRIMARY KEY, name text);\n"
		  . "ALTER TABLE mix_$made ADD note text;\n"
		  . "CREATE INDEX ON mix_$made (name);\n"
		  . "DROP TABLE mix_$made;\n"
	} 1 .. 5;
}

# pgbench's own transaction, 20 times.
sub transactions
{
	return join '', map {
		my ($account, $teller, $delta) = (1 + int rand 100000, 1 + int rand 10, int(rand 10001) - 5000);

		"BEGIN;\n"
		  . "UPDATE pgbench_accounts SET abalance = abalance + $delta WHERE aid = $account;\n"
		  . "SELECT abalance FROM pgbench_accounts WHERE aid = $account;\n"
		  . "UPDATE pgbench_tellers SET tbalance = tbalance + $delta WHERE tid = $teller;\n"
		  . "UPDATE pgbench_branches SET bbalance = bbalance + $delta WHERE bid = 1;\n"
		  . "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)"
		  . " VALUES ($teller, 1, $account, $delta, CURRENT_TIMESTAMP);\n"
		  . "END;\n"
	} 1 .. 20;
}

sub open_session
{
	my ($database) = @_;
	my %session = (database => $database);

	$session{process} = open2($session{out}, $session{in},
		'sh', '-c', 'exec psql -XqAt -v ON_ERROR_STOP=1 -d "$0" 2>&1', $database);
	print { $session{in} } "SELECT pg_backend_pid();\n\\o /dev/null\n";
	$session{pid} = readline $session{out};
	die $session{pid} unless $session{pid} =~ /^\d+$/;
	chomp $session{pid};
	return \%session;
}

sub close_session
{
	my ($session) = @_;

	close $session->{in};
	waitpid $session->{process}, 0;
}

# Microseconds on a processor.
sub cpu
{
	my ($session) = @_;

	open my $file, '<', "/proc/$session->{pid}/schedstat" or die "schedstat: $!";
	return (split ' ', readline $file)[0] / 1000;
}

# Returns wall time and CPU time.
sub run
{
	my ($session, $text) = @_;
	my ($cpu, $from) = (cpu($session), time);
	my $answer;

	print { $session->{in} } "$text\\warn done\n";
	$answer = readline $session->{out};
	die $answer // 'psql has ended' unless defined $answer && $answer eq "done\n";
	return (1e6 * (time() - $from), cpu($session) - $cpu);
}

# Each database is as often at each place, and behind each other one.
sub in_order
{
	my ($number, @databases) = @_;
	my $shift = int($number / 2) % @databases;
	my @order = (@databases[ $shift .. $#databases ], @databases[ 0 .. $shift - 1 ]);

	return $number % 2 ? reverse @order : @order;
}

my ($work, $rounds, $chunks, @databases) = @ARGV;
my %text = (ddl => \&ddl, transactions => \&transactions);

srand 1;
for my $round (1 .. $rounds)
{
	my %session = map { $_ => open_session($_) } @databases;

	for my $number (1 .. $chunks)
	{
		my $text = $text{$work}->();

		for my $database (in_order($number, @databases))
		{
			my ($wall, $cpu) = run($session{$database}, $text);

			printf "%s %.0f %.0f\n", $database, $wall, $cpu if $number > $chunks / 10;
		}
	}
	close_session($_) for values %session;
}
