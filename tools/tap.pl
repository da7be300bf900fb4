#!/usr/bin/perl
# tools/tap.pl: runs commands that print TAP, counts their tests, shows what failed.
#
# tap.pl COUNTS COMMAND... -- FILE...   runs "COMMAND... FILE" for each file
# tap.pl COUNTS COMMAND...              runs the command once
#
# COUNTS gets a line "passed failed".
use strict;
use warnings;
use File::Basename;
use TAP::Parser;
use Time::HiRes qw(time);

my $counts = shift @ARGV;
my (@command, @files);
my $once = 1;
foreach my $arg (@ARGV)
{
	if ($arg eq '--' && $once) { $once = 0; }
	elsif ($once) { push @command, $arg; }
	else { push @files, $arg; }
}
my ($passed, $failed) = (0, 0);
run_one($_) foreach $once ? (undef) : @files;
open my $out, '>', $counts or die "could not write $counts: $!";
print $out "$passed $failed\n";
close $out;
exit($failed ? 1 : 0);

# One command; a bad plan or exit status counts as one more failed test.
sub run_one
{
	my ($file) = @_;
	my @exec = ('timeout', '-k', '10', '1200', @command);
	push @exec, $file if defined $file;
	my $start = time;
	my $parser = TAP::Parser->new({ exec => \@exec, merge => 1 });
	my @shown;
	my @last;
	my $diagnosing = 0;
	while (my $result = $parser->next)
	{
		my $text = $result->as_string;
		push @last, $text;
		shift @last if @last > 40;
		if ($result->is_test)
		{
			$diagnosing = !$result->is_ok;
			push @shown, $text
			  if $diagnosing || $result->has_skip || $result->has_todo;
		}
		elsif ($diagnosing && $result->is_comment)
		{
			push @shown, $text;
		}
	}
	my $bad = $parser->failed;
	my @errors = $parser->parse_errors;
	push @errors, 'exit status ' . $parser->exit if $parser->exit;
	push @errors, 'no tests run' if !$parser->tests_run && !$parser->skip_all;
	if (@errors && !$bad)
	{
		$bad = 1;
		push @shown, (map { "# $_" } @errors), 'the last lines of its output:', @last;
	}
	my $good = $parser->passed;
	$passed += $good;
	$failed += $bad;
	printf "%s %s: %d passed, %d failed%s (%.1f s)\n", $bad ? 'not ok' : 'ok',
	  defined $file ? basename($file) : basename($command[0]), $good, $bad,
	  $parser->skip_all ? ', skipped: ' . $parser->skip_all : '', time - $start;
	print "    $_\n" foreach @shown;
	show_log($file) if $bad && defined $file && defined $ENV{TESTLOGDIR};
	return;
}

# What PostgreSQL::Test::Utils wrote down about a file that failed.
sub show_log
{
	my ($file) = @_;
	my ($name) = basename($file) =~ /^(.*)\.pl$/;
	open my $log, '<', "$ENV{TESTLOGDIR}/regress_log_$name" or return;
	my @lines = <$log>;
	close $log;
	splice @lines, 0, @lines - 40 if @lines > 40;
	print "    the end of its log:\n", map { "    $_" } @lines;
	return;
}
