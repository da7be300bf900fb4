# 050_encodings.pl: texts, names and files in databases of several encodings; directories that cannot be read.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Digest::SHA qw(sha256_hex);
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{PGCLIENTENCODING} = 'UTF8';
my $node = new_node('main', extra => [ '-E', 'UTF8', '--locale', 'C' ]);
$node->start;
my @databases = ('utf8', 'latin1', 'sql_ascii', 'Ünï "côde"');
foreach my $db (@databases)
{
	my $encoding = $db =~ /^\w+$/ ? $db : 'utf8';

	$node->safe_psql('postgres', sprintf q{CREATE DATABASE "%s" ENCODING '%s' LOCALE 'C' TEMPLATE template0},
		$db =~ s/"/""/gr, $encoding);
	$node->safe_psql($db, 'CREATE EXTENSION pg_migrations');
}

# Files of all kinds.  What is unreadable is so for all but root, as whom no server runs.
my $top = PostgreSQL::Test::Utils::tempdir;
my $bom = "\xef\xbb\xbf";

sub directory
{
	my ($name, %files) = @_;

	mkdir "$top/$name" or die "could not make $name: $!";
	append_to_file("$top/$name/$_", $files{$_}) foreach keys %files;
	return "$top/$name";
}

sub load
{
	my ($directory, %arguments) = @_;

	return sprintf 'SELECT name, action FROM migrate.load_directory(%s%s)', literal($directory),
		join '', map { ", $_ => " . literal($arguments{$_}) } sort keys %arguments;
}

# ---- one text, one checksum, whatever the database is encoded in

my $text = "CREATE TABLE \"tâblé\" (i int); -- ünï\nCOMMENT ON TABLE \"tâblé\" IS 'çà';";
my $set = directory('set', '0001_Ünï côde.up.sql' => $text, '0001_Ünï côde.down.sql' => 'DROP TABLE "tâblé"');
my $sum = sha256_hex($text);
my %snapshots;
foreach my $db (@databases)
{
	is($node->safe_psql($db, sprintf q{SELECT name, action FROM migrate.load('{up/0001_Ünï côde.sql,down/0001_Ünï côde.sql}', ARRAY[%s])},
			join ', ', map { literal($_) } $text, 'DROP TABLE "tâblé"'), '0001_Ünï côde|registered', "$db: a name beyond ASCII");
	is($node->safe_psql($db, load($set)), '0001_Ünï côde|unchanged', "$db: in a directory as well");
	is($node->safe_psql($db, "SELECT encode(checksum, 'hex') FROM migrate.migrations"), $sum, "$db: SHA-256 of its UTF-8");
	is($node->safe_psql($db, sprintf 'SELECT migrate.register(%s, %s, %s)', literal('0001_Ünï côde'), literal($text),
			literal('DROP TABLE "tâblé"')), 'unchanged', "$db: wherever it comes from");
	is($node->safe_psql($db, 'CALL migrate.apply()'), '1|1', "$db: it can be applied");
	is($node->safe_psql($db, q{SELECT obj_description(to_regclass('"tâblé"'), 'pg_class')}), 'çà', "$db: as it is");
	is($node->safe_psql($db, q{SELECT migrate.is_applied('0001_Ünï'), state FROM migrate.status()}), 't|applied', "$db: and found");
	raises($node, $db, q{SELECT migrate.is_applied('0001_Ünï cöde')}, 'MG002', qr/"0001_Ünï cöde".*0001_Ünï côde/s, "$db: and proposed");
	$snapshots{$db} = $node->safe_psql($db, q{SELECT migrate.export_snapshot('current')});
	is($node->safe_psql($db, 'CALL migrate.revert(); SELECT * FROM migrate.verify_history()'), '2|1', "$db: and reverted");
}

# A snapshot means the same in each.
foreach my $to (@databases)
{
	$node->safe_psql($to, sprintf 'SELECT migrate.import_snapshot(%s, %s)', literal("from $_"), literal($snapshots{$_})) foreach @databases;
	is($node->safe_psql($to, q{SELECT count(*), count(DISTINCT fingerprint) FROM migrate.snapshot_objects WHERE identity = 'public."tâblé"'}),
		@databases . '|1', "$to: snapshots of all others say the same");
}

# ---- names

my $long = 'ü' x 31 . 'x';
my @names = ('a "quoted" one', q{it's}, 'semi;colon', 'back\\slash', '-- comment', '$1', '%s%n', $long, 'ü' x 127 . 'x', '日本', "\x{f0}\x{9f}\x{90}\x{98}");
my $registers = join "\n", map { sprintf 'SELECT migrate.register(%s, %s, %s, project => \'odd\');', literal($_),
	literal(sprintf 'CREATE TABLE "%s" (i int)', $_ =~ s/"/""/gr), literal(sprintf 'DROP TABLE "%s"', $_ =~ s/"/""/gr) } @names;
is($node->safe_psql('utf8', $registers) =~ s/registered\n?//gr, '', 'names of all kinds');
is($node->safe_psql('utf8', q{CALL migrate.apply(project => 'odd')}), '3|' . @names, 'are applied');
is($node->safe_psql('utf8', sprintf 'SELECT count(*) FROM (VALUES %s) v (n) WHERE migrate.is_applied(n) AND migrate.sql(n) IS NOT NULL',
		join ', ', map { '(' . literal($_) . ')' } @names), scalar @names, 'and found by their names');
is($node->safe_psql('utf8', q{CALL migrate.revert('zero', 'odd'); SELECT count(*) FROM pg_tables WHERE schemaname = 'public'}),
	'4|' . @names . "\n0", 'and reverted');
my %bad = (
	empty => '', blank => ' a', trailing => 'a ', at => '@a', zero => 'zero', latest => 'latest', newline => "a\nb", tab => "a\tb",
	delete => "a\x7f", long => 'x' x 256, long_umlauts => 'ü' x 128);
my %statements = map { $_ => sprintf q{SELECT migrate.register(%s, '')}, literal($bad{$_}) } keys %bad;
is_deeply(sqlstates($node, 'utf8', \%statements), { map { $_ => '22023' } keys %bad }, 'names that cannot be');

# ---- texts

my $crlf = directory('crlf', '0001_crlf.sql' =>
	  "${bom}CREATE TABLE crlf (i int, t text);\r\nCOPY crlf FROM stdin;\r\n1\ta\r\n2\tb\r\n\\.\r\n-- end\r\nINSERT INTO crlf VALUES (3, 'c');\r\n");
foreach my $db (@databases)
{
	is($node->safe_psql($db, load($crlf, project => 'crlf')), '0001_crlf|registered', "$db: a byte order mark and lines that end in CRLF");
	is($node->safe_psql($db, q{CALL migrate.apply(project => 'crlf'); SELECT string_agg(i || t, ' ' ORDER BY i) FROM crlf}) =~ s/^.*\n//r,
		'1a 2b 3c', "$db: run as they would in psql");
}
append_to_file("$crlf/0002_error.sql", "${bom}SELECT 1;\r\n\r\nSELECT 1 / 0;\r\n");
$node->safe_psql('utf8', load($crlf, project => 'crlf'));
raises($node, 'utf8', q{CALL migrate.apply(project => 'crlf')}, '22012', qr/statement 2 of 2, line 3 of 0002_error.sql/, 'lines are counted as the file has them');
is($node->safe_psql('utf8', q{SELECT action FROM migrate.load('{0001_crlf.sql}', ARRAY[replace(migrate.sql('crlf:0001_crlf'), E'\r', '')], project => 'crlf')}),
	"unchanged\nabsent", 'and are the same text with other line ends');

my %wrong = ('0001_right.sql' => 'SELECT 1', '0002_wrong.sql' => "SELECT '\xff\xfe';");
my $wrong = directory('wrong', %wrong);
foreach my $db (@databases)
{
	raises($node, $db, load($wrong, project => 'wrong'), '22021', qr{0002_wrong\.sql}, "$db: invalid UTF-8, and in which file");
	is($node->safe_psql($db, q{SELECT count(*) FROM migrate.migrations WHERE project = 'wrong'}), '0', "$db: none of them is registered");
}
my $euro = directory('euro', '0001_euro.sql' => "SELECT '€'");
raises($node, 'latin1', load($euro), '22P05', qr{0001_euro\.sql}, 'a character that the database does not have, and in which file');
raises($node, 'utf8', load(directory('nul', '0001_nul.sql' => "SELECT '\0'")), '22021', qr{0001_nul\.sql}, 'a zero byte, and in which file');

my $backslash = q{CREATE TABLE strings AS SELECT 'a\\' AS t; INSERT INTO strings VALUES (E'\\'b;'), ('c;\\')};
$node->safe_psql('postgres', 'CREATE DATABASE old; ALTER DATABASE old SET standard_conforming_strings = off');
$node->safe_psql('old', 'CREATE EXTENSION pg_migrations');
is($node->safe_psql('old', load(directory('strings', '0001_s.sql' => $backslash))), '0001_s|registered', 'backslashes where strings are of old');
is($node->safe_psql('old', q{CALL migrate.apply(); SELECT string_agg(t, ' ') FROM strings; SHOW standard_conforming_strings}),
	"1|1\na\\ 'b; c;\\\noff", 'mean what they mean elsewhere');

# ---- directories

my $closed = directory('closed', '0001_x.sql' => 'SELECT 1');
my $hidden = directory('hidden', '0001_x.sql' => 'SELECT 1', '0002_y.sql' => 'SELECT 1');
chmod 0, $closed, "$hidden/0002_y.sql";
raises($node, 'utf8', load("$top/nowhere"), '58P01', qr/nowhere/, 'a directory that is not there');
raises($node, 'utf8', load($closed), '42501', qr/closed.*Permission denied/, 'one that cannot be read');
raises($node, 'utf8', load($hidden), '42501', qr/0002_y\.sql.*Permission denied/, 'a file that cannot be read');
raises($node, 'utf8', load("$set/0001_Ünï côde.up.sql"), '42809', qr/Not a directory/, 'a file in place of a directory');
my $bare = directory('bare', '9.10.0' => 'SELECT 2', '9.9.0' => 'SELECT 1', 'README.md' => 'not SQL', 'notes.txt' => 'neither');
symlink "$top/nowhere", "$bare/$_" or die "could not link $_: $!" foreach 'gone.txt', 'gone.js';
raises($node, 'utf8', load($bare), '22023', qr/there are no files to load.*layout => 'plain'/s, 'files without an ending');
is($node->safe_psql('utf8', load($bare, layout => 'plain', project => 'bare')), "9.9.0|registered\n9.10.0|registered",
	'are read where the layout is said to be plain, and what is not SQL is left alone');
append_to_file("$bare/1_x.sql", 'SELECT 3');
is($node->safe_psql('utf8', load($bare, layout => 'plain', project => 'one')), '1_x|registered', 'but not beside one that has it');
symlink "$top/nowhere", "$bare/2_gone.sql" or die "could not link: $!";
raises($node, 'utf8', load($bare), '58P01', qr/2_gone\.sql/, 'a link to nothing in place of a file');
raises($node, 'utf8', 'SELECT * FROM migrate.load_directory(NULL)', '22004', qr/directory/, 'no directory');
$node->safe_psql('utf8', q{CREATE ROLE author; SELECT migrate.grant_capability('author', 'author'); CREATE ROLE reader; CREATE ROLE stranger; GRANT pg_read_server_files TO reader});
raises($node, 'utf8', 'SET ROLE author; ' . load($set), '42501', qr/pg_read_server_files/, 'an author who may not read files');
raises($node, 'utf8', 'SET ROLE reader; ' . load($set), '42501', qr/author/, 'one who may read files but is no author');
raises($node, 'utf8', 'SET ROLE stranger; ' . load("$top/nowhere"), '42501', qr/permission denied/, 'others do not learn what is there');
is($node->safe_psql('utf8', 'GRANT pg_read_server_files TO author; SET ROLE author; ' . load($set, project => 'new')), '0001_Ünï côde|registered', 'both together');
chmod 0700, $closed, "$hidden/0002_y.sql";

# ---- what a worker says

sub worker_says
{
	my ($db, $project, $before, $what) = @_;
	my $up = $before . q{VACUUM pg_am; DO $$BEGIN RAISE NOTICE 'nôte'; RAISE EXCEPTION 'ünï' USING HINT = 'côde'; END$$};

	$node->safe_psql($db, sprintf 'SELECT migrate.register(%s, %s, project => %s)', literal('0001_é'), literal($up), literal($project));
	raises($node, $db, "CALL migrate.apply(project => '$project')", 'P0001', qr/NOTICE:  00000: nôte\n.*ERROR:  P0001: ünï\nHINT:  côde\n.*0001_é/s, "$db: a notice and an error, $what");
	is($node->safe_psql($db, "SELECT error_message, error_hint FROM migrate.history WHERE project = '$project' AND outcome <> 'started'"), 'ünï|côde', "$db: which is recorded");
	is($node->safe_psql($db, "SELECT error_message ~ 'ünï' FROM migrate.runs WHERE project = '$project'"), 't', "$db: as the run's, too");
	return;
}

$node->safe_psql('postgres', q{ALTER DATABASE utf8 SET client_encoding = 'latin1'; ALTER DATABASE latin1 SET client_encoding = 'utf8'});
worker_says($_, 'elsewhere', '', 'where sessions have another encoding') foreach 'utf8', 'latin1';
$node->safe_psql('postgres', 'ALTER DATABASE utf8 RESET ALL; ALTER DATABASE latin1 RESET ALL');
worker_says('utf8', 'asked', q{SET client_encoding = 'latin1'; }, 'where the script asks for another one');
worker_says('latin1', 'asked', q{SET client_encoding = 'utf8'; }, 'where the script asks for another one');

foreach my $db (@databases)
{
	is($node->safe_psql($db, 'SELECT * FROM migrate.verify_history()'), '', "$db: the history is sound");
}

# ---- what has no UTF-8 stops nothing

# A byte that the encoding does not have, or a character that no conversion knows.
my %odd = (win1252 => '\x81', euc_jp => '\xa2\xaf', mule_internal => '\x9a\xa0\x80');
my $fingerprint = q{SELECT encode(fingerprint, 'hex') FROM migrate.inventory() WHERE identity = 'public.odd'};
foreach my $db (sort keys %odd)
{
	$node->safe_psql('postgres', "CREATE DATABASE $db ENCODING '$db' LOCALE 'C' TEMPLATE template0");
	my $role = 'CREATE ROLE "Á ' . $db . '"';
	my $elsewhere = $node->connstr('utf8') . ' client_encoding=UTF8';
	local $ENV{PGCLIENTENCODING} = $db;
	$node->safe_psql($db, 'CREATE EXTENSION pg_migrations');
	$node->safe_psql($db, "CREATE TABLE odd (); COMMENT ON TABLE odd IS E'$odd{$db}'; CREATE TABLE next (i int); SELECT migrate.watch('test')");
	is($node->safe_psql($db, q{SELECT count(*) FROM migrate.drift(); SELECT migrate.snapshot('one')}) =~ s/\n.*//r, '0', "$db: expected, and kept");
	my $first = $node->safe_psql($db, $fingerprint);

	# The statement itself has it, too: the log is sealed with it.
	my $other = "DO \$\$BEGIN EXECUTE format('COMMENT ON TABLE odd IS %L', E'$odd{$db}$odd{$db}'); END\$\$";
	$node->safe_psql($db, $other);
	isnt($node->safe_psql($db, $fingerprint), $first, "$db: another text is another fingerprint");
	is($node->safe_psql($db, 'SELECT identity FROM migrate.drift()'), 'public.odd', "$db: and found");
	is($node->safe_psql($db, "SELECT count(*) FROM migrate.ddl_log WHERE strpos(statement, E'$odd{$db}$odd{$db}') > 0"), '1', "$db: as recorded");

	# A role that somebody has made from a database of another encoding.
	$node->safe_psql('utf8', $role, connstr => $elsewhere);
	is($node->safe_psql($db, q{SELECT migrate.register('0001_a', 'ALTER TABLE next ADD j int'); CALL migrate.apply(); SELECT * FROM migrate.verify_history()}),
		"registered\n1|1", "$db: a migration runs, and the history is sealed");
	is($node->safe_psql($db, q{SELECT count(*) FROM migrate.ddl_log d WHERE NOT EXISTS (SELECT FROM migrate.seals WHERE source = 'ddl_log' AND d.id <@ ids)}),
		'0', "$db: all of it");
}
$node->stop;
done_testing();
