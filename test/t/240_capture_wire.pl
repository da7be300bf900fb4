# 240_capture_wire.pl: what clients may send and psql does not: pipelines, portals, rows in portions, connections that end in the middle.
# Each scene is played in a database that is not watched, too: the server's answers must be the same.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MigrateTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireClient;

my $node = new_node('main');
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE maker LOGIN');

# What every scene finds in the schema w, which is that of its client.
my $stage = <<'SQL';
DROP SCHEMA IF EXISTS w CASCADE;
CREATE SCHEMA w AUTHORIZATION maker;
SET search_path = w;
SET ROLE maker;
CREATE TABLE t (i int);
CREATE TABLE watched (i int);
CREATE FUNCTION make(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN EXECUTE format('CREATE TABLE made_%s ()', i); RETURN i; END$$;
CREATE FUNCTION make_in_sql(i int) RETURNS SETOF int LANGUAGE sql AS 'CREATE TABLE in_sql (); SELECT generate_series(1, i)';
CREATE FUNCTION make_in_vain(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN PERFORM w.make(i); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN RETURN -i; END$$;
CREATE FUNCTION open_cursor() RETURNS refcursor LANGUAGE plpgsql AS $$
DECLARE c refcursor := 'c'; BEGIN OPEN c FOR SELECT make(i) FROM generate_series(1, 3) i; RETURN c; END$$;
CREATE PROCEDURE in_two() LANGUAGE plpgsql AS 'BEGIN CREATE TABLE w.in_two_1 (); COMMIT; CREATE TABLE w.in_two_2 (); RAISE division_by_zero; END';
CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM w.make(new.i); RETURN new; END';
CREATE TRIGGER on_row BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION on_row();
SQL
my $makes = 'SELECT make(i) FROM generate_series(1, 4) i';

my @scenes;

# What a client does, and the statements that are to be on record then.
sub scene
{
	my ($name, $play, @rows) = @_;

	push @scenes, { name => $name, play => $play, rows => \@rows };
	return;
}

# What make() executes.
sub made
{
	return map { "CREATE TABLE made_$_ ()" } @_;
}

# ---- one statement, and several before one Sync

my $exact = "CREATE /* caf\xc3\xa9 */\n\tTABLE \"T\xc3\xa9\"  (i int -- really\n)";
scene('exact text', sub { $_[0]->run("  $exact ; ")->sync }, $exact);
scene('described', sub { $_[0]->parse('', 'CREATE TABLE a ()')->bind('', '')->describe('')->execute('')->sync }, 'CREATE TABLE a ()');
scene('rows in portions of a statement without rows', sub { $_[0]->parse('', 'CREATE TABLE a ()')->bind('', '')->execute('', 1)->sync }, 'CREATE TABLE a ()');
scene('parameter', sub { $_[0]->run('CREATE TABLE a AS SELECT $1::int AS i', 7)->run('SELECT i FROM a')->sync }, 'CREATE TABLE a AS SELECT $1::int AS i');
scene('not a statement', sub { $_[0]->run('CREATE TABEL a ()')->sync->run('CREATE TABLE a (); CREATE TABLE b ()')->sync->run('')->sync });
scene('pipeline', sub { $_[0]->run('CREATE TABLE a ()')->run('SELECT 1')->run('ALTER TABLE a ADD i int')->run('CREATE INDEX ON a (i)')->sync },
	'CREATE TABLE a ()', 'ALTER TABLE a ADD i int', 'CREATE INDEX ON a (i)');
scene('error in a pipeline', sub { $_[0]->run('CREATE TABLE a ()')->run('CREATE TABLE a ()')->run('CREATE TABLE b ()')->sync->run('CREATE TABLE c ()')->sync },
	'CREATE TABLE c ()');
scene('error at the end of a pipeline', sub { $_[0]->run('CREATE TABLE a ()')->run('CREATE TABLE b ()')->run('SELECT 1 / 0')->sync });
scene('message that is wrong at the end of a pipeline', sub { $_[0]->run('CREATE TABLE a ()')->run('CREATE TABLE b ()', 'too many')->sync });
scene('error at Sync',
	sub { $_[0]->run('ALTER TABLE t ADD UNIQUE (i) DEFERRABLE INITIALLY DEFERRED')->run('INSERT INTO t VALUES (1), (1)')->run('CREATE TABLE a ()')->sync });
scene('block in a pipeline',
	sub { $_[0]->run('BEGIN')->run('CREATE TABLE a ()')->run('SAVEPOINT s')->run('CREATE TABLE b ()')->run('ROLLBACK TO s')->run('CREATE TABLE c ()')->run('COMMIT')->run('CREATE TABLE d ()')->sync },
	map { "CREATE TABLE $_ ()" } 'a', 'c', 'd');
scene('block in a pipeline, rolled back',
	sub { $_[0]->run('BEGIN')->run('CREATE TABLE a ()')->run('ROLLBACK')->run('CREATE TABLE b ()')->sync }, 'CREATE TABLE b ()');
scene('prepared transaction',
	sub { $_[0]->run('BEGIN')->run('CREATE TABLE a ()')->run(q{PREPARE TRANSACTION 'p'})->sync->run('CREATE TABLE b ()')->sync->run(q{COMMIT PREPARED 'p'})->sync },
	'CREATE TABLE a ()', 'CREATE TABLE b ()');
scene('concurrently', sub { $_[0]->run('CREATE INDEX CONCURRENTLY ci ON t (i)')->sync->run('DROP INDEX CONCURRENTLY ci')->sync->run('VACUUM t')->sync },
	'CREATE INDEX CONCURRENTLY ci ON t (i)', 'DROP INDEX CONCURRENTLY ci');
scene('concurrently, not alone', sub { $_[0]->run('CREATE TABLE a ()')->run('CREATE INDEX CONCURRENTLY ci ON t (i)')->sync });
scene('concurrently, at the head of others',
	sub { $_[0]->run('CREATE INDEX CONCURRENTLY ci ON t (i)')->run('CREATE TABLE a ()')->sync->run('DROP INDEX CONCURRENTLY ci')->run('CREATE TABLE b ()')->sync },
	'CREATE INDEX CONCURRENTLY ci ON t (i)', 'CREATE TABLE a ()', 'DROP INDEX CONCURRENTLY ci', 'CREATE TABLE b ()');

# ---- statements and portals with names

scene('two portals',
	sub { $_[0]->parse('a', 'CREATE TABLE a ()')->parse('b', 'CREATE TABLE b ()')->bind('pa', 'a')->bind('pb', 'b')->execute('pb')->execute('pa')->close_portal('pb')->sync },
	'CREATE TABLE b ()', 'CREATE TABLE a ()');
scene('portal that is closed unused', sub { $_[0]->parse('a', 'CREATE TABLE a ()')->bind('p', 'a')->close_portal('p')->execute('p')->sync });
scene('portal executed twice', sub { $_[0]->parse('a', 'CREATE TABLE a ()')->bind('p', 'a')->execute('p')->execute('p')->sync });
scene('prepared statement executed twice',
	sub { my ($c) = @_; $c->parse('a', 'CREATE TABLE a ()')->bind('', 'a')->execute('')->sync->simple('DROP TABLE a')->bind('', 'a')->execute('')->sync },
	'CREATE TABLE a ()', 'DROP TABLE a', 'CREATE TABLE a ()');
scene('prepared function executed twice',
	sub { $_[0]->parse('m', 'SELECT make($1)')->bind('', 'm', 1)->execute('')->bind('', 'm', 2)->execute('')->sync->bind('', 'm', 2)->execute('')->sync }, made(1, 2));

# ---- rows in portions

scene('suspended SELECT',
	sub { my ($c) = @_;
		$c->parse('', $makes)->bind('p', '')->execute('p', 1)->run('CREATE TABLE between ()')->execute('p', 2)->close_portal('p')->run('CREATE TABLE after_it ()')->sync },
	made(1), 'CREATE TABLE between ()', made(2, 3), 'CREATE TABLE after_it ()');
scene('suspended to the end',
	sub { $_[0]->parse('', $makes)->bind('p', '')->execute('p', 3)->run('DROP TABLE made_2')->execute('p', 3)->execute('p', 3)->sync },
	made(1 .. 3), 'DROP TABLE made_2', made(4));
scene('suspended in a block, over several Syncs',
	sub { my ($c) = @_;
		$c->simple('BEGIN')->parse('', $makes)->bind('p', '')->execute('p', 1)->sync->simple('CREATE TABLE between (); DROP TABLE made_1');
		$c->execute('p', 1)->sync->simple('COMMIT')->execute('p', 1)->sync },
	made(1), 'CREATE TABLE between ()', 'DROP TABLE made_1', made(2));
scene('two that take turns',
	sub { my ($c) = @_;
		$c->parse('m', 'SELECT make(i) FROM generate_series($1::int, $1 + 1) i')->bind('p', 'm', 1)->bind('q', 'm', 11);
		$c->execute('p', 1)->execute('q', 1)->execute('p', 1)->execute('q', 1)->sync },
	made(1, 11, 2, 12));
scene('suspended, then an error',
	sub { my ($c) = @_;
		$c->parse('', $makes)->bind('p', '')->execute('p', 1)->run('SELECT 1 / 0')->execute('p', 1)->sync->execute('p', 1)->sync->run('CREATE TABLE after_it ()')->sync },
	'CREATE TABLE after_it ()');
scene('suspended, then a savepoint',
	sub { my ($c) = @_;
		$c->simple('BEGIN')->parse('', $makes)->bind('p', '')->execute('p', 1)->sync->simple('SAVEPOINT s')->execute('p', 1)->sync;
		$c->simple('ROLLBACK TO s')->simple('CREATE TABLE after_it ()')->execute('p', 1)->sync->simple('COMMIT') },
	made(1), 'CREATE TABLE after_it ()', made(3));
scene('suspended in a savepoint',
	sub { my ($c) = @_;
		$c->simple('BEGIN')->simple('SAVEPOINT s')->parse('', $makes)->bind('p', '')->execute('p', 2)->sync->simple('ROLLBACK TO s');
		$c->simple('CREATE TABLE after_it ()')->simple('COMMIT') },
	'CREATE TABLE after_it ()');
scene('suspended function in SQL',
	sub { $_[0]->parse('', 'SELECT make_in_sql(3)')->bind('p', '')->execute('p', 1)->run('ALTER TABLE in_sql ADD i int')->execute('p', 1)->sync },
	'CREATE TABLE in_sql ()', 'ALTER TABLE in_sql ADD i int');
scene('suspended function that catches its error',
	sub { $_[0]->parse('', 'SELECT make_in_vain(i), make(i + 10) FROM generate_series(1, 3) i')->bind('p', '')->execute('p', 1)->run('CREATE TABLE between ()')->execute('p', 1)->sync },
	made(11), 'CREATE TABLE between ()', made(12));
scene('suspended INSERT RETURNING',
	sub { $_[0]->parse('', 'INSERT INTO t SELECT generate_series(1, 3) RETURNING make(i)')->bind('p', '')->execute('p', 1)->run('CREATE TABLE between ()')->execute('p', 1)->sync },
	made(1 .. 3), 'CREATE TABLE between ()');
scene('suspended INSERT with a trigger',
	sub { $_[0]->parse('', 'INSERT INTO watched VALUES (1), (2) RETURNING i')->bind('p', '')->execute('p', 1)->run('CREATE TABLE between ()')->execute('p', 5)->sync },
	made(1, 2), 'CREATE TABLE between ()');
scene('suspended EXECUTE',
	sub { $_[0]->run("PREPARE m AS $makes")->parse('', 'EXECUTE m')->bind('p', '')->execute('p', 1)->run('CREATE TABLE between ()')->execute('p', 1)->sync },
	made(1 .. 4), 'CREATE TABLE between ()');
scene('CREATE TABLE AS EXECUTE',
	sub { $_[0]->run('CREATE TABLE first ()')->run("PREPARE m AS $makes")->run('CREATE TABLE a AS EXECUTE m')->sync },
	'CREATE TABLE first ()', made(1 .. 4), 'CREATE TABLE a AS EXECUTE m');
my $explain = 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) CREATE TABLE a AS SELECT make(1) AS i';
scene('suspended EXPLAIN ANALYZE CREATE TABLE AS',
	sub { my ($c) = @_;
		$c->run('CREATE TABLE first ()')->parse('', $explain)->bind('p', '')->execute('p', 1)->run('ALTER TABLE a ADD j int')->execute('p', 1)->sync },
	'CREATE TABLE first ()', made(1), $explain, 'ALTER TABLE a ADD j int');
scene('EXPLAIN ANALYZE CREATE TABLE AS in a loop',
	sub { my ($c) = @_;
		$c->run('CREATE TABLE first ()')->run("DO \$\$DECLARE line text; BEGIN FOR line IN EXECUTE '$explain' LOOP DROP TABLE first; END LOOP; END\$\$")->sync },
	'CREATE TABLE first ()', made(1), $explain, 'DROP TABLE first');

# ---- cursors, and what happens at COMMIT

scene('cursor',
	sub { my ($c) = @_;
		$c->simple('BEGIN')->run("DECLARE c CURSOR FOR $makes")->run('FETCH 1 FROM c')->sync->simple('CREATE TABLE between ()');
		$c->parse('', 'FETCH 2 FROM c')->bind('p', '')->execute('p', 1)->run('DROP TABLE between')->execute('p', 1)->run('MOVE 1 FROM c')->run('CLOSE c')->run('COMMIT')->sync },
	made(1), 'CREATE TABLE between ()', made(2, 3), 'DROP TABLE between', made(4));
scene('cursor of a function',
	sub { $_[0]->run('BEGIN')->run('SELECT open_cursor()')->run('FETCH 1 FROM c')->run('CREATE TABLE between ()')->run('FETCH ALL FROM c')->run('COMMIT')->sync },
	made(1), 'CREATE TABLE between ()', made(2, 3));
scene('cursor that is held',
	sub { my ($c) = @_;
		$c->run('BEGIN')->run("DECLARE c CURSOR WITH HOLD FOR $makes")->run('CREATE TABLE before_them ()')->run('COMMIT')->sync;
		$c->run('FETCH ALL FROM c')->run('CREATE TABLE after_it ()')->sync },
	'CREATE TABLE before_them ()', made(1 .. 4), 'CREATE TABLE after_it ()');
scene('trigger at COMMIT',
	sub { my ($c) = @_;
		$c->simple('CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION on_row()');
		$c->run('INSERT INTO t VALUES (1), (2)')->run('CREATE TABLE before_them ()')->sync->run('BEGIN')->run('INSERT INTO t VALUES (3)')->run('COMMIT')->run('INSERT INTO t VALUES (3)')->sync },
	'CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION on_row()',
	'CREATE TABLE before_them ()', made(1 .. 3));

# ---- several statements in one query, code, COPY, functions called by number

scene('several statements', sub { $_[0]->simple("CREATE TABLE a () ;; CREATE TABLE /* b */ b (i int);SELECT 1;\n DROP TABLE a; ") },
	'CREATE TABLE a ()', 'CREATE TABLE /* b */ b (i int)', 'DROP TABLE a');
scene('several statements and an error', sub { $_[0]->simple('CREATE TABLE a (); SELECT 1 / 0; CREATE TABLE b ()')->simple('CREATE TABLE a ()') }, 'CREATE TABLE a ()');
scene('several statements and a COMMIT', sub { $_[0]->simple('CREATE TABLE a (); COMMIT; CREATE TABLE b (); SELECT 1 / 0') }, 'CREATE TABLE a ()');
scene('several statements and a block', sub { $_[0]->simple('CREATE TABLE a (); BEGIN; CREATE TABLE b ()')->simple('ROLLBACK; CREATE TABLE c ()') }, 'CREATE TABLE c ()');
scene('DO', sub { $_[0]->run(q{DO $$BEGIN CREATE TABLE a (); EXECUTE 'CREATE TABLE b (); DROP TABLE a'; END$$})->run('CREATE TABLE c ()')->sync },
	'CREATE TABLE a ()', 'CREATE TABLE b ()', 'DROP TABLE a', 'CREATE TABLE c ()');
scene('procedure that commits', sub { $_[0]->run('CALL in_two()')->sync->run('CREATE TABLE a ()')->sync }, 'CREATE TABLE w.in_two_1 ()', 'CREATE TABLE a ()');
# It may not commit there since 18.
scene('procedure that commits, in a pipeline', sub { $_[0]->run('CREATE TABLE a ()')->run('CALL in_two()')->run('CREATE TABLE b ()')->sync },
	$node->pg_version < 18 ? ('CREATE TABLE a ()', 'CREATE TABLE w.in_two_1 ()') : ());
scene('COPY', sub { $_[0]->simple('CREATE TABLE a (); COPY watched FROM stdin; CREATE TABLE b ()', 1, 2) }, 'CREATE TABLE a ()', made(1, 2), 'CREATE TABLE b ()');
scene('COPY in a pipeline', sub { $_[0]->run('CREATE TABLE a ()')->run('COPY watched FROM stdin')->copy(1, 2)->run('CREATE TABLE b ()')->sync },
	'CREATE TABLE a ()', made(1, 2), 'CREATE TABLE b ()');
scene('COPY that fails', sub { $_[0]->run('CREATE TABLE a ()')->run('COPY watched FROM stdin')->copy(1, 'x')->run('CREATE TABLE b ()')->sync });
scene('function called by its number', sub { my ($c, $oid) = @_; $c->call($oid, 1)->call($oid, 1)->call($oid, 2) }, made(1, 2));

# ---- connections that end in the middle

scene('hangs up before Sync', sub { $_[0]->run('CREATE TABLE a ()')->run('SELECT make(1)')->flush->hang_up });
scene('terminates before Sync', sub { $_[0]->run('CREATE TABLE a ()')->terminate });
scene('hangs up in a block', sub { $_[0]->simple('BEGIN')->simple('CREATE TABLE a ()')->hang_up });
scene('hangs up with a suspended portal', sub { $_[0]->parse('', $makes)->bind('p', '')->execute('p', 2)->flush->hang_up });
scene('hangs up behind a COMMIT', sub { $_[0]->simple('BEGIN; CREATE TABLE a ()')->simple('COMMIT')->hang_up }, 'CREATE TABLE a ()');
scene('cancelled',
	sub { my ($c) = @_;
		$c->start('SELECT make(1), pg_sleep(100)');
		wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
		$c->cancel->hear_ready->run('CREATE TABLE a ()')->sync },
	'CREATE TABLE a ()');

# ---- the play

# What the server said in each scene, by its name.
sub play_all
{
	my ($db) = @_;
	my %heard;

	foreach my $scene (@scenes)
	{
		$node->safe_psql($db, "SET client_min_messages = error; $stage");
		my $make = $node->safe_psql($db, q{SELECT 'w.make(int)'::regprocedure::oid});
		my $client = WireClient->new($node, $db, 'maker', application_name => $scene->{name}, options => '-c search_path=w');

		$scene->{play}->($client, $make);
		$client->terminate if $client->{socket}->opened;
		wait_until($node, $db, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'maker'});
		$heard{ $scene->{name} } = $client->{heard};
	}
	return \%heard;
}


# What was recorded of each scene, by its name: how the text is known, and the text.
sub recorded
{
	my ($db) = @_;
	my %rows;
	my $rows = $node->safe_psql($db, q{
		SELECT application_name || E'\x01' || text_source || ': ' || statement || E'\x02' FROM migrate.ddl_log WHERE session_role = 'maker' ORDER BY id});

	foreach my $row (split /\x02\n?/, $rows)
	{
		my ($name, $text) = split /\x01/, $row;

		push @{ $rows{$name} }, $text;
	}
	return \%rows;
}

my $unwatched = play_all('postgres');
foreach my $level ('loaded', 'first_statement')
{
	$node->safe_psql('postgres', "CREATE DATABASE $level");
	$node->safe_psql($level, q{CREATE EXTENSION pg_migrations; SELECT migrate.watch('test')});
	$node->safe_psql('postgres', "ALTER DATABASE $level RESET session_preload_libraries") if $level eq 'first_statement';
	my $heard = play_all($level);
	my $recorded = recorded($level);

	foreach my $scene (@scenes)
	{
		my $name = $scene->{name};
		my @rows = @{ $recorded->{$name} // [] };
		my @wanted = map { "exact: $_" } @{ $scene->{rows} };

		same($heard->{$name}, $unwatched->{$name}, "$level: $name: the client hears what it hears elsewhere");
		# The statement that loads the library is known as the client sent it.
		$rows[0] = $wanted[0] if $level eq 'first_statement' && @rows && @wanted && $rows[0] =~ /^client_string: /;
		same(join("\n", @rows), join("\n", @wanted), "$level: $name: what is on record");
	}
	is($node->safe_psql($level, 'SELECT * FROM migrate.verify_history()'), '', "$level: the records are sound");
}
$node->stop;
done_testing();
