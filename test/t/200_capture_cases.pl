# 200_capture_cases.pl: what each kind of statement leaves in ddl_log, row by row, with the library loaded and when the first statement loads it.
# Cases and expected rows are in test/data/capture_cases; UPDATE=directory writes what was seen there.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = "$FindBin::RealBin/../data/capture_cases";
my $secret = 'geheim';
my $node = new_node('main');
$node->append_conf('postgresql.conf', "log_min_messages = log\n");
$node->start;
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $major = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my $directory = PostgreSQL::Test::Utils::tempdir;
my $beside = '';		# errors of the sessions that are not looked at

# Does "17+", "16-" or "15" hold for this server?
sub holds
{
	my ($versions) = @_;

	return 1 if !defined $versions;
	return $versions =~ /^(\d+)\+$/ ? $major >= $1 : $versions =~ /^(\d+)-$/ ? $major <= $1 : $major == $versions;
}

# The cases that are for this version, in order.
sub read_cases
{
	my @cases;

	foreach my $part (split /^=== /m, slurp_file("$data/cases.txt"))
	{
		my ($title, $body) = split /\n/, $part, 2;
		my ($name, $options) = $title =~ /^(.*?)((?: \[[^\]]+\])*)$/;
		my %case = (name => $name, before => '', run => '', after => '', by => 'psql');
		my $section = 'run';

		foreach my $option ($options =~ /\[([^\]]+)\]/g)
		{
			$case{ $option =~ /^\d/ ? 'versions' : 'by' } = $option;
		}
		foreach my $line (split /^/, $body)
		{
			if ($line =~ /^--- (before|run|after)$/)
			{
				$section = $1;
				next;
			}
			$case{$section} .= $line;
		}
		$case{run} =~ s/\n+\z/\n/;
		push @cases, \%case if holds($case{versions});
	}
	shift @cases;		# what stands before the first
	return @cases;
}

# What is expected for this version, by the name of the case.
sub read_expected
{
	my ($file) = @_;
	my %expected;

	return () if !-e $file;
	foreach my $part (split /^=== /m, slurp_file($file))
	{
		my ($name, $body) = split /\n/, $part, 2;
		my @lines;

		next if !defined $name;		# before the first

		foreach my $line (split /\n/, $body // '')
		{
			my ($versions, $text) = $line =~ /^\{(\d+[+-]?)\} (.*)$/ ? ($1, $2) : (undef, $line);

			push @lines, "$text\n" if $text ne '' && holds($versions);
		}
		$expected{$name} = join '', @lines;
	}
	return %expected;
}

# A session that is not looked at.
sub aside
{
	my ($db, $sql) = @_;
	my $file = "$directory/aside.sql";

	local $ENV{PGOPTIONS} = '-c search_path=c -c client_min_messages=error';
	unlink $file;
	append_to_file($file, $sql);
	my ($out, $err) = run_command([ 'psql', '-X', '-q', '-d', $node->connstr($db), '-f', $file ]);
	$beside .= $err if $err =~ /ERROR|FATAL/;
	return;
}

# The session that counts; returns the errors that its client got.
sub run_case
{
	my ($db, $case, $preload) = @_;
	my $file = "$directory/case.sql";
	my @command = ('psql', '-X', '-q', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr($db));

	local $ENV{PGAPPNAME} = $case->{name};
	local $ENV{PGOPTIONS} = "-c search_path=c -c client_min_messages=error$preload";
	unlink $file;
	append_to_file($file, $case->{run});
	push @command, $case->{by} eq 'psql' ? ('-f', $file) : ('-c', $case->{run} =~ s/\n\z//r);
	@command = ('pgbench', '-n', '-t', 1, '-M', $1, '-f', $file, $node->connstr($db)) if $case->{by} =~ /^pgbench (\w+)$/;
	my ($out, $err) = run_command(\@command);
	return join '', map { "$_\n" } $err =~ /((?:ERROR|FATAL):.*)$/mg;
}

# Rows as the files of expected ones have them; \x01 is behind the case's name, \x02 behind a row.
my $rows = q{
	SELECT application_name || E'\x01' || command_tag || ', ' || text_source || ', ' || origin || COALESCE(', because ' || reason, '') ||
		CASE WHEN role_name = '<superuser>' AND session_role = '<superuser>' THEN ''
			ELSE format(', %s in a session of %s', role_name, session_role) END ||
		regexp_replace(E'\n' || statement, E'\n', E'\n    | ', 'g') ||
		COALESCE((SELECT string_agg(format(E'\n    - %s %s %s', o ->> 'action', o ->> 'object_type', COALESCE(o ->> 'identity', 'NULL')), '' ORDER BY n)
				  FROM jsonb_array_elements(objects) WITH ORDINALITY AS x (o, n)), '') || E'\x02'
	FROM migrate.ddl_log WHERE application_name <> 'aside' ORDER BY id};
$rows =~ s/<superuser>/$superuser/g;

# What the cases of one level left, by name: the rows, and then the errors that the client got.
sub run_cases
{
	my ($db, $preload, @cases) = @_;
	my $after = '';
	my (%seen, %errors);

	foreach my $case (@cases)
	{
		aside($db, "$after\nDROP SCHEMA IF EXISTS c CASCADE; CREATE SCHEMA c AUTHORIZATION alice;\n$case->{before}");
		$errors{ $case->{name} } = run_case($db, $case, $preload);
		$seen{ $case->{name} } = '';
		$after = $case->{after};
	}
	aside($db, $after);
	foreach my $row (split /\x02\n?/, $node->safe_psql($db, $rows))
	{
		my ($name, $text) = split /\x01/, $row, 2;

		$seen{$name} .= ($text =~ s/(role|of|direct,) \Q$superuser\E(?=\s|$)/$1 SUPERUSER/gmr) . "\n";
	}
	$seen{$_} .= $errors{$_} // '' foreach keys %seen;
	return %seen;
}

# One level, in a database of its own, whose name is that of the file of what is expected.
sub test_level
{
	my ($level, $preload) = @_;
	my %expected = read_expected("$data/$level.txt");
	my @cases = read_cases();

	local $ENV{PGAPPNAME} = 'aside';
	$node->safe_psql('postgres', "CREATE DATABASE $level");
	$node->safe_psql($level, q{CREATE EXTENSION pg_migrations; SELECT migrate.watch('test'); CREATE SCHEMA c});
	my %seen = run_cases($level, $preload, @cases);

	append_to_file("$ENV{UPDATE}/$level.txt", join "\n", map { "=== $_->{name}\n$seen{ $_->{name} }" } @cases) if $ENV{UPDATE};
	foreach my $case (@cases)
	{
		my $name = $case->{name};

		same(delete $seen{$name}, $expected{$name} // "nothing\n", "$level: $name");
	}
	is(join(', ', keys %seen), '', "$level: no rows of anybody else");
	is($node->safe_psql($level, "SELECT statement FROM migrate.ddl_log WHERE statement ~ '$secret'"), '', "$level: no secret is in the log");
	is($node->safe_psql($level, 'SELECT * FROM migrate.verify_history()'), '', "$level: the records are sound");
	return;
}

$node->safe_psql('postgres', 'CREATE ROLE alice; CREATE ROLE bob');
test_level('loaded', '');
test_level('first_statement', ' -c session_preload_libraries=');
is($beside, '', 'nothing went wrong beside the cases');
$node->stop;
done_testing();
