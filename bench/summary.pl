# bench/summary.pl: medians and spread of what bench/run.sh measured.
#
# summary.pl pairs BASE OTHER...   lines "KIND WALL CPU", one of each kind in turn
# summary.pl chunks OTHER/BASE...   the same lines, of many short pieces
# summary.pl values UNIT   lines "NAME VALUE", blanks in names being underscores; UNIT may be empty
# summary.pl growth        lines "N NAME MILLISECONDS", for two values of N

use strict;
use warnings;

# Value at a fraction of the sorted list, between neighbours.
sub quantile
{
	my ($fraction, @values) = @_;
	my @sorted = sort { $a <=> $b } @values;
	my $at = $fraction * $#sorted;
	my $low = int $at;

	return $sorted[$low] if $low == $#sorted;
	return $sorted[$low] + ($at - $low) * ($sorted[ $low + 1 ] - $sorted[$low]);
}

sub spread
{
	my ($name, $format, @values) = @_;
	my $all = join ', ', map { my $q = $_; sprintf $format, quantile($q, @values) } 0, 0.25, 0.75, 1;

	printf "   %-28s median $format   (min, quartiles, max: %s; n = %d)\n", $name, quantile(0.5, @values), $all,
	  scalar @values;
}

sub pairs
{
	my ($base, @others) = @_;
	my (%wall, %cpu);

	while (<STDIN>)
	{
		my ($kind, $wall, $cpu) = split;
		push @{ $wall{$kind} }, $wall / 1e6;
		push @{ $cpu{$kind} }, $cpu / 1e6;
	}
	spread("$_, s", '%.2f', @{ $wall{$_} }) for $base, @others;
	for my $other (@others)
	{
		my @ratios = map { $wall{$other}[$_] / $wall{$base}[$_] } 0 .. $#{ $wall{$other} };

		spread("$other / $base", '%.3f', @ratios);
		spread("$other / $base, server CPU", '%.3f', map { $cpu{$other}[$_] / $cpu{$base}[$_] } 0 .. $#ratios);
		print '   ratios in order: ', join(' ', map { sprintf '%.3f', $_ } @ratios), "\n";
	}
}

# The median, and between which ranks that of all such pairs is with 95 %.
sub interval
{
	my (@values) = @_;
	my @sorted = sort { $a <=> $b } @values;
	my $low = int(@sorted / 2 - 0.98 * sqrt @sorted);

	$low = 0 if $low < 0;
	return (quantile(0.5, @sorted), $sorted[$low], $sorted[ $#sorted - $low ]);
}

sub sum
{
	my $sum = 0;

	$sum += $_ for @_;
	return $sum;
}

sub chunks
{
	my %measured;

	while (<STDIN>)
	{
		my ($kind, $wall, $cpu) = split;
		push @{ $measured{$kind}{'wall time'} }, $wall;
		push @{ $measured{$kind}{'server CPU'} }, $cpu;
	}
	for my $pair (@_)
	{
		my ($other, $base) = split m{/}, $pair;

		for my $what ('wall time', 'server CPU')
		{
			my ($above, $below) = map { $measured{$_}{$what} } $other, $base;

			printf "   %-40s %.3f   (95 %%: %.3f to %.3f; of sums %.3f; medians %.2f and %.2f ms; n = %d)\n", "$other / $base, $what",
			  interval(map { $above->[$_] / $below->[$_] } 0 .. $#$below),
			  sum(@$above) / sum(@$below), quantile(0.5, @$above) / 1000, quantile(0.5, @$below) / 1000, scalar @$below;
		}
	}
}

sub values_of
{
	my ($unit) = @_;
	my (%values, @names);

	while (<STDIN>)
	{
		my ($name, $value) = split;
		push @names, $name unless $values{$name};
		push @{ $values{$name} }, $value;
	}
	for my $name (@names)
	{
		(my $label = $name) =~ tr/_/ /;
		spread($unit eq '' ? $label : "$label, $unit", $unit eq '' ? '%.3f' : '%.1f', @{ $values{$name} });
	}
}

sub growth
{
	my %ms;

	while (<STDIN>)
	{
		my ($n, $name, $value) = split;
		push @{ $ms{$name}{$n} }, $value;
	}
	for my $name (sort keys %ms)
	{
		my ($few, $many) = sort { $a <=> $b } keys %{ $ms{$name} };

		spread("$name() of $_, ms", '%.1f', @{ $ms{$name}{$_} }) for $few, $many;
		printf "   %-28s %.2f times the time per migration\n", "$name() of $many",
		  quantile(0.5, @{ $ms{$name}{$many} }) / quantile(0.5, @{ $ms{$name}{$few} }) * $few / $many;
	}
}

my $what = shift;

if ($what eq 'pairs')
{
	pairs(@ARGV);
}
elsif ($what eq 'chunks')
{
	chunks(@ARGV);
}
elsif ($what eq 'values')
{
	values_of(@ARGV);
}
else
{
	growth();
}
