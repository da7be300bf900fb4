# 335_random_between.pl: between two attempts people do anything, in any order; no statement is lost or done twice by that.
# ROUNDS=40 migrations, SEED=n repeats them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateResume;
use MigrateTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{ROUNDS} || 40;
my $seed = $ENV{SEED} || int(rand(1_000_000_000));
srand($seed);
diag("SEED=$seed ROUNDS=$rounds");

my $node = resume_node();
my $tag = 0;
my ($project, @script, @begun, @said);

sub any_of { return $_[ int(rand(@_)) ] }

# ---- a script: each row says that its statement was run, and fails for one value of what people change

sub row
{
	my $fails = int(rand(4));

	$tag++;
	return { tag => $tag, sql => "INSERT INTO did SELECT $tag FROM toggle WHERE 1 / (n - $fails) IS NOT NULL" };
}

sub block
{
	my $fails = int(rand(4));

	$tag++;
	return { sql => "DO 'BEGIN INSERT INTO did VALUES (-$tag); COMMIT; PERFORM 1 / (n - $fails) FROM toggle; END'" };
}

sub statement
{
	return any_of(\&row, \&row, \&row, \&block, sub { { sql => 'VACUUM did' } }, sub { $tag++; { sql => "CREATE INDEX CONCURRENTLY i$tag ON did (tag)" } })->();
}

sub changed
{
	my @now = @script;
	my $at = int(rand(@now));

	any_of(sub { splice @now, $at, 1 }, sub { splice @now, $at, 0, statement() }, sub { $now[$at] = statement() }, sub { $#now = $at },
		sub { push @now, statement() })->();
	return @now;
}

# ---- what is done, and what came of it

sub doing
{
	my ($what, $sql) = @_;
	my $err = try("$sql;");
	my $code = code_of($err);

	push @said, "$what: $code";
	return $code;
}

sub apply
{
	my $point = any_of('', '', '', qw(apart_start_committed apart_intent_committed apart_statement_ended apart_statement_written apart_executed apart_step_written
		apart_step_committed apart_judged apart_outcome_written apart_failure_written top_level_committed apart_set_again));
	my $err = try("CALL migrate.apply(project => '$project');", $point ? "SET pg_migrations.fault = '$point:exit';" : '');

	push @said, "apply $point: " . code_of($err);
	@begun = @script if code_of($err) ne 'MG012';
	return code_of($err);
}

sub register
{
	my @now = @_;
	my $code = doing('register ' . join(', ', map { $_->{tag} // substr($_->{sql}, 0, 8) } @now),
		"SELECT migrate.register('0001_r', " . literal(join ";\n", map { $_->{sql} } @now) . ", down => 'DELETE FROM did', project => '$project', requires => '{}', options => '{\"force\": true}')");

	@script = @now if $code eq '00000';
	return $code;
}

# Whoever says that nothing stands has seen to it.
sub undo { return ask('TRUNCATE did; ' . join '', map { "DROP INDEX i$_; " } split /\n/, ask(q{SELECT substr(relname, 2) FROM pg_class WHERE relname ~ '^i\d+$'})) }

sub resolve
{
	my ($decision) = @_;
	my $code = doing("resolve $decision", "SELECT migrate.resolve('$project:0001_r', '$decision', 'test')");

	undo() if $code eq '00000' && $decision =~ /restart|reverted/;
	return $code eq '00000' && $decision eq 'applied' ? 'settled' : '';
}

sub declare
{
	my ($what, $sql) = @_;

	return doing($what, $sql) eq '00000' ? 'settled' : '';
}

my %actions = (
	apply => sub { apply(); return '' },
	toggle => sub { my $n = int(rand(6)); doing("n = $n", "UPDATE toggle SET n = $n"); return '' },
	register => sub { register(changed()); return '' },
	resolve => sub { return resolve(any_of(qw(continue skip_statement restart applied reverted))) },
	begin => sub { return declare('begin', "BEGIN; SELECT migrate.begin('$project:0001_r'); COMMIT") },
	mark => sub { return declare('mark_applied', "SELECT migrate.mark_applied('$project:0001_r', 'test')") },
	pending => sub { undo() if doing('mark_pending', "SELECT migrate.mark_pending('$project:0001_r', 'test')") eq '00000'; return '' },
	revert => sub { undo() if doing('revert', "CALL migrate.revert(project => '$project')") eq '00000'; return '' });

# ---- what must hold

sub state { return ask("SELECT state FROM migrate.status('$project')") }

sub rows { return ask('SELECT coalesce(string_agg(tag::text, \',\' ORDER BY tag), \'\') FROM did WHERE tag > 0') }

sub wrong
{
	my $twice = ask('SELECT string_agg(tag::text, \',\') FROM (SELECT tag FROM did WHERE tag > 0 GROUP BY tag HAVING count(*) > 1) twice');

	return "done twice: $twice" if $twice;
	return 'an internal error' if grep { /: (XX|57P)/ && !/apply \w/ } @said;
	return 'not applied, and there is ' . rows() if state() =~ /pending|failed/ && rows() ne '';
	return '';
}

# What people do until it is applied.
sub finish
{
	ask('UPDATE toggle SET n = 9');
	foreach (1 .. 8)
	{
		my $code = code_of(try("CALL migrate.apply(project => '$project');"));

		push @said, "apply: $code";
		last if $code eq '00000';
		next if $code ne 'MG012';
		resolve(any_of('continue', 'continue', 'skip_statement'));
		# What was begun may be further on by now, and has to go back to its place first.
		register(@begun) if $said[-1] =~ /: 55000$/;
	}
	return 'it does not come to its end: ' . state() if state() ne 'applied';
	my $expected = join ',', sort { $a <=> $b } map { $_->{tag} // () } @script;
	return rows() eq $expected ? '' : "done is " . rows() . ", and its text has $expected";
}

ask('CREATE TABLE did (tag int); CREATE TABLE toggle (n int); INSERT INTO toggle VALUES (9)');
foreach my $round (1 .. $rounds)
{
	my ($settled, $wrong) = ('', '');

	$project = "r$round";
	@said = ();
	undo();
	ask('UPDATE toggle SET n = ' . int(rand(4)));
	register(row(), { sql => 'VACUUM did' }, map { statement() } 1 .. 2 + int(rand(4)));
	foreach (1 .. 6 + int(rand(8)))
	{
		$settled = $actions{ any_of((qw(apply) x 12), (qw(toggle) x 4), (qw(register) x 8), (qw(resolve) x 8), sort keys %actions) }->();
		last if $settled;
		$wrong = wrong();
		last if $wrong;
	}
	$wrong ||= finish() || wrong() unless $settled;
	is($wrong, '', "round $round") or diag(join "\n", "SEED=$seed", @said);
}
$node->stop;
done_testing();
