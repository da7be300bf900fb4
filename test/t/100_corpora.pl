# 100_corpora.pl: migration sets of other projects, run by psql and by the extension, must give equal databases, and no drift.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../corpora";
use Corpora::Compare qw(psql_files dump_schema dump_data dump_plain);
use Corpora::Sets qw(runnable_sets prepare_set read_file);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# CORPORA=unleash,pgpm runs those sets alone.
my %only = map { $_ => 1 } split /,/, $ENV{CORPORA} // '';

# Some sets give things to a role of this name, as most servers have it.
$ENV{PGUSER} = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '-U', 'postgres' ]);
$node->append_conf('postgresql.conf', "fsync = off\nfull_page_writes = off\njit = off\nautovacuum = off");
$node->start;

sub literal
{
	my ($text) = @_;

	return "'" . $text =~ s/'/''/gr . "'";
}

# What the server says when a command fails, with its SQLSTATE; empty if it does not.
sub error_of
{
	my ($db, $sql) = @_;
	my ($status, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\n$sql", on_error_stop => 1);

	return '' if $status == 0;
	return $err =~ s/^psql:\S+ (?:NOTICE|WARNING):.*\n(?:(?:DETAIL|HINT|LOCATION):.*\n)*//gmr;
}

sub create_database
{
	my ($set, $db) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, join(";\n", @{ $set->{before} }) . ';') if $set->{before};
	return;
}

sub count_parts
{
	my ($part, @projects) = @_;

	return scalar grep { defined $_->{$part} } map { @{ $_->{migrations} } } @projects;
}

sub all_applied
{
	my ($db) = @_;

	return $node->safe_psql($db, 'SELECT count(*) FROM migrate.migrations WHERE is_applied');
}

# ---- one direction each

sub run_psql_ups
{
	my ($db, @projects) = @_;
	my @failure = psql_files($node, $db, map { $_->{up} } map { @{ $_->{migrations} } } @projects);

	is_deeply(\@failure, [], 'psql applies all');
	return;
}

sub load_projects
{
	my ($db, @projects) = @_;

	foreach my $project (@projects)
	{
		my $names = $node->safe_psql($db, sprintf 'SELECT name FROM migrate.load_directory(%s, project => %s)',
			literal($project->{directory}), literal($project->{project}));

		is($names, join("\n", map { $_->{name} } @{ $project->{migrations} }),
			"load_directory finds $project->{project} in its order");
	}
	return;
}

# Verify scripts that can only pass when later migrations are there as well:
# registered when all of them are applied.
sub apply_unverified
{
	my ($db, $project) = @_;

	load_projects($db, { %$project, directory => $project->{unverified} });
	is(error_of($db, 'CALL migrate.apply(project => ' . literal($project->{project}) . ')'),
		'', "$project->{project} is applied without its verify scripts");
	return;
}

# The migration that the downs of a project lead back to: the last one that
# has no down, or none.
sub floor_of
{
	my ($project) = @_;
	my $migrations = $project->{migrations};

	foreach my $i (reverse 0 .. $#$migrations)
	{
		return $i if !defined $migrations->[$i]{down};
	}
	return -1;
}

# Runs the downs by psql; the name and the error of one that fails, which ends it.
sub run_psql_downs
{
	my ($db, $project) = @_;
	my $migrations = $project->{migrations};
	my @reverse = map { $migrations->[$_] } reverse floor_of($project) + 1 .. $#$migrations;
	my ($file, $error) = psql_files($node, $db, map { $_->{down} } @reverse);

	return if !defined $file;
	my ($failed) = grep { $_->{down} eq $file } @reverse;
	return ($failed->{name}, $error);
}

# Reverts a project as far as it can be; the error, if there is one.
sub revert_project
{
	my ($db, $project) = @_;
	my $floor = floor_of($project);
	my $name = literal($project->{project});
	my $zero = "CALL migrate.revert('zero', project => $name)";

	return error_of($db, $zero) if $floor < 0;
	my $before = all_applied($db);
	like(error_of($db, $zero), qr/ERROR:  MG010:/, "$project->{project} cannot be reverted to zero");
	is(all_applied($db), $before, 'and none of it was');
	return '' if $floor == $#{ $project->{migrations} };
	return error_of($db, sprintf 'CALL migrate.revert(%s, project => %s)',
		literal($project->{migrations}[$floor]{name}), $name);
}

# ---- parts of one set's test

sub compare
{
	my ($set, $psql, $ours, $what) = @_;
	my ($left, $right) = (dump_schema($node, $psql), dump_schema($node, $ours));

	ok($left eq $right, "schema is the same $what") or show_difference($left, $right);
	($left, $right) = map { dump_data($node, $_, $set->{random_ids}) } $psql, $ours;
	ok($left eq $right, "data are the same $what") or show_difference($left, $right);
	is($node->safe_psql($ours, 'SELECT change, object_type, identity FROM migrate.drift()'), '', "nothing is adrift $what");
	return;
}

sub show_difference
{
	my ($left, $right) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir();

	append_to_file("$directory/psql", "$left\n");
	append_to_file("$directory/ours", "$right\n");
	my @lines = split /\n/, `diff -u $directory/psql $directory/ours`;
	splice @lines, 60 if @lines > 60;
	diag($_) foreach @lines;
	return;
}

sub check_verify
{
	my ($set, $db) = @_;

	is($node->safe_psql($db, 'SELECT count(*), count(*) FILTER (WHERE ok) FROM migrate.verify()'),
		"$set->{verifies}|$set->{verifies}", 'all verify scripts pass');
	return;
}

# What is applied when all else is, and has no downs: indexes built concurrently.
sub check_behind
{
	my ($set, $psql, $ours, $project) = @_;

	run_psql_ups($psql, $project);
	load_projects($ours, $project);
	is($node->safe_psql($ours, 'SELECT bool_or(mode LIKE $$%step%$$) FROM migrate.plan()'), 't', "$project->{project} commits in between");
	is(error_of($ours, 'CALL migrate.apply()'), '', 'and is applied');
	compare($set, $psql, $ours, 'after that');
	return;
}

# Files that cannot be taken as they are; the error names the culprits, either
# so many files, or a file and its line.
sub check_refused
{
	my ($db, $refused) = @_;
	my $directory = $refused->{directory};
	my $error = error_of($db, 'SELECT count(*) FROM migrate.load_directory('
		. literal($directory) . q{, project => 'refused')});

	like($error, qr/ERROR:  $refused->{sqlstate}:/, 'the files as they came are refused');
	if ($refused->{culprits})
	{
		my @named = grep { -e "$directory/$_" } $error =~ /"([^"]+\.sql)"/g;

		is(scalar @named, $refused->{culprits}, 'with all culprits');
		return;
	}
	my ($line, $file) = $error =~ /line (\d+) of "?([^\s"]+\.sql)/;
	ok(defined $line, 'with line and file') or return;
	my @lines = split /\n/, read_file("$directory/$file");
	like($lines[ $line - 1 ], $refused->{line}, 'of the culprit');
	return;
}

# A plain dump of the result, with its rows as COPY has them, is itself a
# migration.  The server rewrites some expressions when it reads a dump, so the
# database it makes is compared with the one that psql makes of the dump.
sub check_baseline
{
	my ($set, $psql, $ours) = @_;
	my ($restored, $applied) = map { "$set->{name}_$_" } qw(restored applied);
	my $file = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
	my $register = q{SELECT migrate.register('1_dump', pg_read_file('%s'), version => '1',
		kind => 'baseline', project => 'dump')};

	dump_plain($node, $psql, $file);
	$node->safe_psql('postgres', "CREATE DATABASE $_") foreach $restored, $applied;
	is_deeply([ psql_files($node, $restored, $file) ], [], 'psql restores the dump');
	$node->safe_psql($applied, 'CREATE EXTENSION pg_migrations');
	is(error_of($applied, sprintf $register, $file), '', 'the dump can be registered');
	is(error_of($applied, 'CALL migrate.apply()'), '', 'and applied');
	my $left = dump_plain($node, $restored, "$file.restored");
	my $right = dump_plain($node, $applied, "$file.applied", '-N', 'migrate');
	ok($left eq $right, 'to an equal database') or show_difference($left, $right);

	dump_plain($node, $ours, "$file.ours");
	like(error_of($applied, sprintf $register, "$file.ours"), qr/ERROR:  MG009:.*-N migrate/s,
		'a dump with our own schema in it is refused');
	$node->safe_psql('postgres', "DROP DATABASE $_ WITH (FORCE)") foreach $restored, $applied;
	return;
}

sub check_downs
{
	my ($set, $psql, $ours, $start, @projects) = @_;
	my $stopped;

	foreach my $project (reverse @projects)
	{
		my ($failed, $expected) = run_psql_downs($psql, $project);
		my $error = revert_project($ours, $project);

		if (defined $failed)
		{
			$stopped = $failed;
			like($error, qr/ERROR:  \w{5}: \Q$expected\E/, "$project->{project} stops with the error psql gets");
			like($error, qr/migration "\Q$project->{project}:$failed\E"/, 'and at the same migration');
		}
		else
		{
			is($error, '', "$project->{project} is reverted");
		}
	}
	is($stopped, $set->{stops_at}, 'the downs run as far as they can');
	compare($set, $psql, $ours, 'after revert');
	is(dump_schema($node, $ours), $start, 'nothing is left') if $set->{ends_empty};
	return;
}

sub run_set
{
	my ($set, @all) = @_;
	my @projects = grep { !$_->{behind} } @all;
	my ($psql, $ours) = ("$set->{name}_psql", "$set->{name}_ours");
	my @clock = (time);

	is(count_parts('up', @projects), $set->{ups}, 'number of migrations');
	is(count_parts('down', @projects), $set->{downs}, 'number of downs');
	create_database($set, $_) foreach $psql, $ours;
	my $start = dump_schema($node, $psql);
	run_psql_ups($psql, @projects);
	push @clock, time;
	$node->safe_psql($ours, q{CREATE EXTENSION pg_migrations; SELECT migrate.watch('test')});
	apply_unverified($ours, $_) foreach grep { $_->{unverified} } @projects;
	load_projects($ours, @projects);
	push @clock, time;
	is(error_of($ours, 'CALL migrate.apply()'), '', 'apply runs all');
	push @clock, time;
	is(all_applied($ours), $set->{ups}, 'all are applied');
	compare($set, $psql, $ours, 'after apply');
	check_verify($set, $ours) if $set->{verifies};
	check_behind($set, $psql, $ours, $_) foreach grep { $_->{behind} } @all;
	check_refused($ours, $_) foreach map { @{ $_->{refused} // [] } } @all;
	check_baseline($set, $psql, $ours) if $set->{baseline};
	check_downs($set, $psql, $ours, $start, @projects) if $set->{downs};
	push @clock, time;
	note(sprintf '%s: psql %.0f ms, load %.0f ms, apply %.0f ms, rest %.0f ms', $set->{title},
		map { 1000 * ($clock[$_] - $clock[ $_ - 1 ]) } 1 .. 4);
	$node->safe_psql('postgres', "DROP DATABASE $_ WITH (FORCE)") foreach $psql, $ours;
	return;
}

foreach my $set (runnable_sets())
{
	next if %only && !$only{ $set->{name} };
	subtest $set->{title} => sub {
		my $start = time;
		my @lacking = grep { !$node->safe_psql('postgres', 'SELECT 1 FROM pg_available_extensions WHERE name = ' . literal($_)) }
		  @{ $set->{extensions} // [] };

		plan skip_all => "this server has no extension @lacking" if @lacking;
		my @projects = eval { prepare_set($set, PostgreSQL::Test::Utils::tempdir(), $node) };

		if (ref $@ eq 'Corpora::Skip')
		{
			plan skip_all => $@->{reason};
		}
		elsif ($@)
		{
			fail("$set->{title} can be fetched and prepared");
			diag($@);
			return;
		}
		note(sprintf '%s: fetched and prepared in %.0f ms', $set->{title}, 1000 * (time - $start));
		eval { run_set($set, @projects); 1 } or fail("$set->{title} runs to the end: $@");
	};
}

$node->stop;
done_testing();
