# 330_crash_loop.pl: who runs migrations of all kinds is killed at random moments. SEED repeats a run, ROUNDS makes it longer.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(shuffle);
use MigrateMix;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant ROUNDS_OF_A_MIX => 5;
use constant SIZE_OF_A_MIX => 5;

my $rounds = $ENV{ROUNDS} || 20;
my $seed = $ENV{SEED} || int(rand(1_000_000_000));
srand($seed);
diag("SEED=$seed ROUNDS=$rounds");

my $node = mix_node('main');
$node->start;

# ---- whom to kill, and how

# The processes of the server, by what they are.
sub processes
{
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	my %found;

	foreach my $stat (glob '/proc/[0-9]*/stat')
	{
		my ($pid) = $stat =~ /(\d+)/;

		open my $file, '<', $stat or next;
		my ($parent) = (<$file> // '') =~ /.*\) \S+ (\d+)/;
		close $file;
		next if ($parent // 0) != $postmaster;
		open $file, '<', "/proc/$pid/cmdline" or next;
		my $title = <$file> // '';
		close $file;
		push @{ $found{worker} }, $pid if $title =~ /pg_migrations migration/;
		push @{ $found{background} }, $pid if $title =~ /pg_migrations a run/;
		push @{ $found{caller} }, $pid if $title =~ /\bCALL\b/;
	}
	return \%found;
}

# Tries until it succeeds, or the client is at its end.
sub as_soon_as_can_be
{
	my ($client, $try) = @_;
	my $give_up = time + $PostgreSQL::Test::Utils::timeout_default;

	while (time < $give_up)
	{
		return 1 if $try->();
		$client->{run}->pump_nb if $client->{run}->pumpable;
		last if !$client->{run}->pumpable;
		sleep 0.001;
	}
	return 0;
}

sub signal_to
{
	my ($who, $signal) = @_;

	return sub {
		as_soon_as_can_be($_[0], sub {
			my $pids = processes()->{$who};

			return $pids && kill $signal, $pids->[0];
		});
	};
}

sub stop_immediate
{
	$node->stop('immediate');
	$node->start;
	return 1;
}

# What a deployer has who asks for it.
sub cancel_run
{
	my ($client, $db) = @_;

	return as_soon_as_can_be($client, sub {
		my ($hit) = ask_for($node, $db, q{SELECT migrate.cancel_run(run_id, 'test') FROM migrate.runs WHERE outcome = 'running'});

		return ($hit // 'f') eq 't';
	});
}

my %victims = (
	(map { ("background $_" => signal_to('background', $_)) } qw(KILL TERM INT)),
	'cancel_run' => \&cancel_run,
	'caller KILL' => signal_to('caller', 'KILL'),
	'caller TERM' => signal_to('caller', 'TERM'),
	'caller INT' => signal_to('caller', 'INT'),
	'client KILL' => sub { $_[0]->{run}->signal('KILL'); return 1 },
	'worker KILL' => signal_to('worker', 'KILL'),
	'worker TERM' => signal_to('worker', 'TERM'),
	'worker INT' => signal_to('worker', 'INT'),
	'server stop' => \&stop_immediate,
	'postmaster KILL' => sub { kill_postmaster($node); return 1 });
my @victims;

# Each once, in random order, before any comes again.
sub next_victim
{
	@victims = shuffle(sort keys %victims) if !@victims;
	return shift @victims;
}

# ---- a mix of migrations, and what becomes of it when nobody disturbs

my $databases = 0;

sub call
{
	my ($db, $sql) = @_;
	my $start = time;

	ask_for($node, $db, $sql);
	return time - $start;
}

sub new_mix
{
	my %mix = (migrations => [ mix_of(SIZE_OF_A_MIX) ], template => 'mix' . ++$databases);
	my $down_to = $mix{migrations}[ rand SIZE_OF_A_MIX - 1 ]{name};

	ask_for($node, 'postgres', "CREATE DATABASE $mix{template}");
	ask_for($node, $mix{template}, register_mix(rand() < 0.5, @{ $mix{migrations} }));
	$mix{calls} = { up => 'CALL migrate.apply();', down => "CALL migrate.revert('$down_to');" };
	$mix{reverted} = [ grep { $_->{name} gt $down_to } @{ $mix{migrations} } ];
	my $db = copy_database($node, $mix{template}, 'd' . ++$databases);
	foreach my $part (qw(up down))
	{
		$mix{took}{$part} = call($db, $mix{calls}{$part});
		$mix{comes_to}{$part} = fingerprint($node->connstr($db));
	}
	drop_database($node, $db);
	return \%mix;
}

# ---- rounds

# A call whose run is another one's, for which it waits.
sub in_background
{
	my ($call) = @_;

	$call =~ s/\);$/, background => true)/ if $call =~ /revert/;
	$call =~ s/\(\);$/(background => true)/;
	return "$call \\gset\n\\if :{?run_id}\nCALL migrate.wait(:run_id);\n\\endif\n";
}

# Disturbs a call once; says how.
sub disturb
{
	my ($db, $call, $took) = @_;
	my $victim = next_victim();
	my $delay = rand $took;
	my $background = $victim =~ /^background/ || rand() < 0.3;
	my $client = start_client($node, $db, $background ? in_background($call) : $call);

	sleep $delay;
	my $hit = $victims{$victim}->($client, $db);
	eval { end_client($client) };
	return sprintf '%s%s after %.0f ms%s', $background ? 'in the background, ' : '', $victim, $delay * 1000, $hit ? '' : ' (too late)';
}

# Runs a part of a mix, disturbed once or twice, and to its end; gives what happened, and what was broken.
sub run_part
{
	my ($db, $mix, $part, $migrations) = @_;
	my @disturbed;
	my @broken;

	foreach (0 .. int rand 2)
	{
		push @disturbed, disturb($db, $mix->{calls}{$part}, $mix->{took}{$part});
		push @broken, broken_now($node, $db, broken($part, @$migrations));
	}
	my $decisions = eval { settle($node, $db, $mix->{calls}{$part}, {}, @$migrations) };
	push @broken, $@ if $@;
	push @broken, broken_now($node, $db, broken_at_end($part, @$migrations));
	push @broken, 'it comes to something else' if fingerprint($node->connstr($db)) ne $mix->{comes_to}{$part};
	return ("$part: " . join(', ', @disturbed, $decisions ? "$decisions decided" : ()), @broken);
}

my $mix;
foreach my $round (1 .. $rounds)
{
	if (($round - 1) % ROUNDS_OF_A_MIX == 0)
	{
		drop_database($node, $mix->{template}) if $mix;
		$mix = new_mix();
	}
	my $db = copy_database($node, $mix->{template}, 'd' . ++$databases);
	my ($up, @broken) = run_part($db, $mix, 'up', $mix->{migrations});
	my ($down, @more) = run_part($db, $mix, 'down', $mix->{reverted});

	is_deeply([ @broken, @more ], [], "round $round: $up; $down")
	  or diag(join "\n", @broken, @more, "SEED=$seed, of " . join ' ', map { $_->{name} } @{ $mix->{migrations} });
	drop_database($node, $db);
}
$node->stop;
done_testing();
