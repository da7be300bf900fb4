# 101_corpora_scripts.pl: scripts of other projects that cannot run here are registered, or refused by their line.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../corpora";
use Corpora::Fetch qw(debian_packages unpack_debian);
use Corpora::Sets qw(natural read_file write_file);
use File::Basename qw(basename);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# What a migration may not have in its middle: the lines that refusals name.
my $refused = qr/^\s*(?:\\|(?:BEGIN|COMMIT|ROLLBACK)\b)/i;

# files: how many match the pattern.  refused: how many of them MG009 names.
# errors: files with a real syntax error, and its line.  directory: one whose
# files are loaded as a set.  top_level: a file that needs top level.  edit:
# what the owner's tool replaces before a script is SQL.
my @packages = (
	{
		title => 'Icinga Director', debian => 'icingaweb2-module-director=1.10.2-1',
		pattern => 'usr/share/icingaweb2/modules/director/schema/pgsql-*/*.sql',
		files => 111, refused => 0, errors => { 'upgrade_22.sql' => 45 },
		directory => 'usr/share/icingaweb2/modules/director/schema/pgsql-migrations',
		top_level => 'upgrade_102.sql'
	},
	{
		title => 'Tiny Tiny RSS', debian => 'tt-rss=21~git20210204.b4cbc79+dfsg-1.2',
		pattern => 'usr/share/tt-rss/schema/versions/pgsql/*.sql',
		files => 138, refused => 0, errors => {},
		directory => 'usr/share/tt-rss/schema/versions/pgsql'
	},
	{
		title => 'Request Tracker', debian => 'request-tracker5=5.0.3+dfsg-3~deb12u6',
		pattern => 'usr/share/request-tracker5/etc/upgrade/*/schema.Pg',
		files => 39, refused => 0, errors => { '4.1.5/schema.Pg' => 1 }
	},
	{
		title => 'DAViCal', debian => 'davical=1.1.12-2',
		pattern => 'usr/share/davical/dba/patches/*.sql',
		files => 34, refused => 6, errors => {}
	},
	{
		title => 'Bacula', debian => 'bacula-director-pgsql=9.6.7-7',
		pattern => 'usr/share/dbconfig-common/data/bacula-director-pgsql/upgrade/pgsql/*',
		files => 5, refused => 2, errors => {}
	},
	{
		title => 'PowerDNS', debian => 'pdns-backend-pgsql=4.7.3-2',
		pattern => 'usr/share/pdns-backend-pgsql/schema/*_to_*.sql',
		files => 6, refused => 0, errors => {}
	},
	{
		title => 'pg_partman', debian => 'postgresql-15-partman=4.7.2-1',
		pattern => 'usr/share/postgresql/15/extension/*--*.sql',
		files => 83, refused => 0, errors => {}, edit => sub { $_[0] =~ s/\@extschema\@/partman/gr }
	});

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nfull_page_writes = off\nautovacuum = off");
$node->start;

# Registers a file as a migration of its own; the outcome, as one line.
my $try = q{
	CREATE FUNCTION try(file text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		detail text;
		context text;
	BEGIN
		RETURN migrate.register(file, convert_from(pg_read_binary_file(file), 'UTF8'), requires => '{}');
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS detail = pg_exception_detail, context = pg_exception_context;
		RETURN SQLSTATE || ' line ' || coalesce(substring(detail || ' ' || context FROM 'line (\d+)'), '?');
	END$$};

# The outcome of each file.
sub try_files
{
	my ($db, @files) = @_;
	my $rows = $node->safe_psql($db, join "\n", map { "SELECT '$_', try('$_');" } @files);

	return map { split /\|/, $_, 2 } split /\n/, $rows;
}

# The line of a file that an outcome names.
sub named_line
{
	my ($file, $outcome) = @_;
	my ($line) = $outcome =~ /line (\d+)/ or return '';

	return (split /\n/, read_file($file))[ $line - 1 ] // '';
}

sub check_outcomes
{
	my ($package, %outcomes) = @_;
	my @refusals = grep { $outcomes{$_} =~ /^MG009/ } sort keys %outcomes;
	my @others = grep { $outcomes{$_} !~ /^(?:MG009|registered)/ } sort keys %outcomes;
	my @wrong = grep { named_line($_, $outcomes{$_}) !~ $refused } @refusals;
	my %errors;

	foreach my $file (@others)
	{
		my ($expected) = grep { $file =~ m{/\Q$_\E$} } keys %{ $package->{errors} };

		$errors{ $expected // $file } = $outcomes{$file};
	}
	is(scalar @refusals, $package->{refused}, 'so many files are refused');
	is_deeply(\@wrong, [], 'by the line that cannot be part of a migration');
	is_deeply(\%errors,
		{ map { $_ => "42601 line $package->{errors}{$_}" } keys %{ $package->{errors} } },
		'syntax errors are those that there are, with their lines');
	return;
}

# A directory of them is a set in its natural order.
sub check_directory
{
	my ($db, $directory) = @_;
	my @names = sort { natural($a, $b) } map { basename($_, '.sql') } glob "$directory/*.sql";

	is($node->safe_psql($db, "SELECT name FROM migrate.load_directory('$directory', project => 'set')"),
		join("\n", @names), 'the directory is a set in its order');
	return;
}

sub check_top_level
{
	my ($db, $file) = @_;
	my ($status, $out, $err) = $node->psql($db,
		"\\set VERBOSITY verbose\nCALL migrate.apply('$file', project => 'default')", on_error_stop => 1);

	unlike($err, qr/ERROR:  MG008:/, basename($file) . ' is tried, whatever it needs');
	return;
}

sub check_package
{
	my ($package, $root) = @_;
	my @files = grep { -f $_ } glob "$root/$package->{pattern}";
	my $db = 'scripts';

	is(scalar @files, $package->{files}, 'number of files');
	if ($package->{edit})
	{
		write_file($_, $package->{edit}->(read_file($_))) foreach @files;
	}
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION pg_migrations');
	$node->safe_psql($db, $try);
	check_outcomes($package, try_files($db, @files));
	check_directory($db, "$root/$package->{directory}") if $package->{directory};
	check_top_level($db, grep { /\/\Q$package->{top_level}\E$/ } @files) if $package->{top_level};
	$node->safe_psql('postgres', "DROP DATABASE $db WITH (FORCE)");
	return;
}

# The server's own extension scripts, of whatever version it is: the line that
# keeps people from running them by psql is what is refused, and nothing else.
sub check_contrib
{
	my ($directory) = @_;
	my $share = `pg_config --sharedir`;
	chomp $share;
	my @files = glob "$share/extension/*--*.sql";
	my @others = grep { basename($_) !~ /^(?:pg_migrations|pgtap.*|pg_partman|plpgsql)--/ } @files;
	my $number = 0;

	cmp_ok(scalar @others, '>', 100, 'there are extensions');
	foreach my $file (@others)
	{
		my $text = read_file($file);

		$number++ if $text =~ /^\\/m;
		write_file("$directory/" . basename($file), $text);
		write_file("$directory/sql/" . basename($file), $text =~ s/^\\.*//gmr =~ s/\@extschema(?::\w+)?\@/public/gr);
	}
	check_package({ pattern => '*.sql', files => scalar @others, refused => $number, errors => {} }, $directory);
	check_package({ pattern => '*.sql', files => scalar @others, refused => 0, errors => {} }, "$directory/sql");
	return;
}

foreach my $package (@packages)
{
	subtest $package->{title} => sub {
		my ($archive) = eval { debian_packages($package->{debian}) };

		if (ref $@ eq 'Corpora::Skip')
		{
			plan skip_all => $@->{reason};
		}
		elsif ($@)
		{
			fail("$package->{title} can be fetched: $@");
			return;
		}
		my $root = unpack_debian($archive, PostgreSQL::Test::Utils::tempdir());
		eval { check_package($package, $root); 1 } or fail("$package->{title} runs to the end: $@");
	};
}
subtest 'contrib' => sub { check_contrib(PostgreSQL::Test::Utils::tempdir()) };

$node->stop;
done_testing();
