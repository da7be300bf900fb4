# MigrateResume.pm: a server whose workers can be ended at a fault point, and what is said of a run that goes on.
package MigrateResume;

use strict;
use warnings;
use Exporter qw(import);
use FindBin;
use MigrateMix;
use MigrateTest;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(resume_node ask define try stop_at code_of context_of state_of states adrift);

my $node;
my $marks;

# A node that is started and has the extension; all below asks that.
sub resume_node
{
	my $server = faults_server();

	$node = mix_node('main', install_path => $server->{install_path});
	$marks = $node->data_dir . '/pg_migrations_faults';
	$node->start;
	mkdir $marks or die "$marks: $!";
	ask('CREATE EXTENSION pg_migrations');
	return $node;
}

sub ask
{
	my ($sql, $db) = @_;

	return $node->safe_psql($db // 'postgres', $sql);
}

sub define
{
	my ($name, $up, %arguments) = @_;

	$arguments{requires} //= '{}';
	ask(sprintf 'SELECT migrate.register(%s, %s%s)', literal($name), literal($up),
		join '', map { ", $_ => " . literal($arguments{$_}) } sort keys %arguments);
	return;
}

# What psql says of a call, before which a session does other things.
sub try
{
	my ($call, $before, $db) = @_;

	unlink glob "$marks/*";
	my (undef, undef, $err) = $node->psql($db // 'postgres', join "\n", '\set VERBOSITY verbose', $before // (), $call);
	return $err;
}

# The same with the worker being ended at a fault point.
sub stop_at
{
	my ($point, $call, $before) = @_;

	return try($call, join "\n", $before // (), "SET pg_migrations.fault = '$point:exit';");
}

sub code_of { return ($_[0] =~ /^(?:psql:\S+ )?(?:ERROR|FATAL):  (\w{5}):/m)[0] // '00000' }
sub context_of { return ($_[0] =~ /(run \d+: \d+ \w+ and kept; .*)$/m)[0] =~ s/run \d+/run n/r }
sub state_of { return ask("SELECT state || coalesce(': ' || detail, '') FROM migrate.status() WHERE name = '$_[0]'") }
sub states { return ask("SELECT string_agg(name || ' ' || state, ', ' ORDER BY name) FROM migrate.status('$_[0]')") }
sub adrift { return ask('SELECT change, object_type, identity FROM migrate.drift()') }

1;
