# bench/capture.sh: what capture costs; sourced by bench/run.sh.

ROUNDS=10						# new sessions for each
CHUNKS=44						# of 20 statements or transactions in a round

# Runs such chunks in several databases in turns.
in_turns()
{
	local work=$1 database; shift

	for database in "$@"; do
		query -d "$database" -c 'VACUUM ANALYZE'
	done
	perl "$WORK/source/bench/chunks.pl" "$work" $ROUNDS $CHUNKS "$@"
}

captured_database()
{
	new_database "$1"
	query -d "$1" -o /dev/null -c 'SELECT migrate.watch()'
}

ten_thousand_tables()
{
	query -d "$1" <<-'EOF'
		SELECT format('CREATE TABLE t%s (i integer)', i) FROM generate_series(1, 10000) i \gexec
	EOF
}

# Copies of a row that was captured.
ten_million_rows()
{
	query -d "$1" -o /dev/null <<-'EOF'
		CREATE TABLE template (i integer);
		ALTER TABLE migrate.log_ddl DISABLE TRIGGER guard;
		INSERT INTO migrate.log_ddl (logged_at, transaction_id, command_tag, statement, text_source, objects, origin, role_name, session_role, pid)
		SELECT logged_at, transaction_id, command_tag, statement, text_source, objects, origin, role_name, session_role, pid
		FROM (SELECT * FROM migrate.log_ddl ORDER BY id DESC LIMIT 1) l, generate_series(1, 10000000);
		ALTER TABLE migrate.log_ddl ENABLE ALWAYS TRIGGER guard;
		CHECKPOINT;
	EOF
}

all_was_captured()
{
	[ "$(query -d "$1" -c "SELECT count(*) FROM migrate.ddl_log WHERE statement LIKE '% mix!_%' ESCAPE '!'")" = \
		$((ROUNDS * CHUNKS * 20)) ] || die "not all was captured in $1"
}

# Two databases of each size, and one that shows how far two that are alike differ.
changes()
{
	local result=$1

	createdb plain
	createdb control
	captured_database captured
	createdb plain_many
	captured_database captured_many
	ten_thousand_tables plain_many
	ten_thousand_tables captured_many
	ten_million_rows captured_many
	in_turns ddl plain captured control plain_many captured_many > "$result"
	all_was_captured captured
	all_was_captured captured_many
	summary chunks captured/plain captured_many/plain_many control/plain < "$result"
}

transactions()
{
	local database

	createdb without
	createdb without_too
	captured_database watching
	for database in without without_too watching; do
		pgbench -i -q "$database" 2> /dev/null
	done
	in_turns transactions without watching without_too > "$WORK/idle"
	summary chunks watching/without without_too/without < "$WORK/idle"
}

# In memory: a file system may be slow to make files where others have just
# gone.  Server and client keep to a processor each, where there are two.
in_memory()
{
	MEMORY=$(mktemp -d /dev/shm/pg_migrations.XXXXXX)
	trap 'pg_ctl -s -m immediate -D "$MEMORY/data" stop; rm -rf "$MEMORY"' EXIT
	init_cluster "$MEMORY/data"
	echo 'autovacuum = off' >> "$MEMORY/data/postgresql.conf"
	taskset -p -c "$(($(nproc) - 1))" $BASHPID > "$WORK/taskset"
	start_cluster "$MEMORY"
	taskset -p -c 0 $BASHPID > "$WORK/taskset"
	echo "5. the same in memory, fsync off; goal: ratio at most 1.10, with many as with few"
	changes "$WORK/changes_in_memory"
	echo "6. pgbench's transactions, which change no schema; goal: server CPU ratio at most 1.02"
	transactions
}

capture()
{
	query -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' > /dev/null
	echo "5. DDL statements in autocommit, fsync on; goal: ratio at most 1.05, with many tables and rows as with few"
	changes "$WORK/changes"
	(in_memory)
}
