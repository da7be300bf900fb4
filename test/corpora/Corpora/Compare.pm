# Corpora/Compare.pm: runs migration files with psql, and makes dumps of two databases comparable.
package Corpora::Compare;

use strict;
use warnings;
use Corpora::Fetch qw(run_command);
use Corpora::Sets qw(read_file);
use Exporter 'import';
use POSIX qw(strftime);
use PostgreSQL::Test::Utils ();

our @EXPORT_OK = qw(psql_files dump_schema dump_data dump_plain);

my $yesterday = strftime('%Y-%m-%d', gmtime(time - 86400));

# Does a file open and close transactions itself?
sub has_own_transactions
{
	my ($file) = @_;

	return read_file($file) =~ /^\s*(?:BEGIN|COMMIT|ROLLBACK|START TRANSACTION)\s*;/mi;
}

# Runs files as people run migrations with psql: a fresh session and a
# transaction for each.  Returns nothing, or the file that failed and what psql said; the
# files behind it are not run.
sub psql_files
{
	my ($node, $db, @files) = @_;
	my $script = '';

	foreach my $file (@files)
	{
		my ($begin, $commit) = has_own_transactions($file) || read_file($file) =~ /\bCONCURRENTLY\b/i ? ('', '') : ("BEGIN;\n", "COMMIT;\n");

		$script .= "DISCARD ALL;\n${begin}\\i '$file'\n$commit";
	}
	my $driver = PostgreSQL::Test::Utils::tempdir() . '/driver.sql';
	PostgreSQL::Test::Utils::append_to_file($driver, $script);
	my ($ok, $output) = run_command('/', 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1',
		'-d', $node->connstr($db), '-f', $driver);

	return if $ok;
	my ($failed, $error) = $output =~ /^psql:([^\n]*):\d+: (?:ERROR|FATAL):  ([^\n]*)/m;
	return ($failed // $driver, $error // $output);
}

sub pg_dump
{
	my ($node, $db, $file, @options) = @_;
	my ($ok, $output) = run_command('/', 'pg_dump', @options, '-f', $file, $node->connstr($db));

	die "pg_dump failed: $output" if !$ok;
	return read_file($file);
}

sub temporary_file
{
	return PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
}

# Takes away what our extension and its capture add to a dump that leaves its
# schema out, the key that newer pg_dumps draw by lot, and the times of the run.
sub comparable
{
	my ($dump) = @_;

	$dump =~ s/^\\(?:un)?restrict .*\n//mg;
	$dump =~ s/^--\n-- Name: (?:EXTENSION )?pg_migrations; Type: .*\n--\n\n(?:CREATE|COMMENT ON) EXTENSION .*\n\n\n//mg;
	$dump =~ s/^--\n-- Name: (?:EVENT TRIGGER )?(?:zz_)?pg_migrations_\w+; Type: .*\n--\n\n(?:(?!--\n).*\n)*//mg;
	$dump =~ s/\n+(?=--\n-- PostgreSQL database dump complete)/\n\n/;
	$dump =~ s/\b(\d{4}-\d\d-\d\d)[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::?\d\d)?|Z)?/
		$1 ge $yesterday ? '(time of the run)' : $&/gex;
	return $dump;
}

sub dump_schema
{
	my ($node, $db) = @_;

	return comparable(pg_dump($node, $db, temporary_file(), '-s', '-N', 'migrate'));
}

# Rows in any order: an UPDATE may leave them in another one.
sub dump_data
{
	my ($node, $db, $random_ids) = @_;
	my $dump = comparable(pg_dump($node, $db, temporary_file(), '-a', '-N', 'migrate'));

	$dump =~ s/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/(random)/g if $random_ids;
	return join "\n", sort split /\n/, $dump;
}

# Schema and rows, kept in a file as pg_dump wrote them; what can be compared of it.
sub dump_plain
{
	my ($node, $db, $file, @options) = @_;

	return comparable(pg_dump($node, $db, $file, @options));
}

1;
