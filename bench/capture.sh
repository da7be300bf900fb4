# bench/capture.sh: what capture costs; sourced by bench/run.sh.

# CPU time of all server processes that have ended, in microseconds.
ended_cpu()
{
	awk '{print 10000 * ($16 + $17)}' "/proc/$(head -n 1 "${DATA:-$WORK/data}/postmaster.pid")/stat"
}

# Appends "KIND WALL CPU" of one client's run to a file.
time_client()
{
	local file=$1 kind=$2 from to cpu; shift 2

	query -c CHECKPOINT
	cpu=$(ended_cpu)
	from=$(microseconds)
	"$@" > "$WORK/client" 2>&1 || { cat "$WORK/client"; exit 1; }
	to=$(microseconds)
	sleep 0.2					# the server process has ended, too
	echo "$kind $((to - from)) $(($(ended_cpu) - cpu))" >> "$file"
}

# 500 tables are created, changed, indexed and dropped, a statement a message.
mix()
{
	local i

	for ((i = 1; i <= 500; i++)); do
		echo "CREATE TABLE mix_$i (id integer PRIMARY KEY, name text);"
		echo "ALTER TABLE mix_$i ADD note text;"
		echo "CREATE INDEX ON mix_$i (name);"
		echo "DROP TABLE mix_$i;"
	done
}

# Runs the mix in two databases in turns, so many times, in each order as often.
captured_pairs()
{
	local pairs=$1 result=$2 plain=$3 captured=$4 i kind order

	for kind in plain captured; do
		query -d "${!kind}" -c 'VACUUM ANALYZE'
	done
	for ((i = 1; i <= pairs + pairs % 2; i++)); do
		order='plain captured'
		[ $((i % 2)) = 1 ] || order='captured plain'
		for kind in $order; do
			time_client "$result" "$kind" psql -X -q -v ON_ERROR_STOP=1 -d "${!kind}" -f "$WORK/mix.sql"
		done
	done
	[ "$(query -d "$captured" -c "SELECT count(*) FROM migrate.ddl_log WHERE statement LIKE '% mix!_%' ESCAPE '!'")" = $((2000 * (pairs + pairs % 2))) ] ||
		die "not all was captured"
}

two_databases()
{
	createdb "$1"
	new_database "$2"
	query -d "$2" -o /dev/null -c 'SELECT migrate.watch()'
}

# Two databases of 10,000 tables, of which one has a log of 10 million rows, all
# copies of one that was captured.
two_databases_of_many()
{
	local database

	two_databases "$1" "$2"
	for database in "$1" "$2"; do
		query -d "$database" <<-'EOF'
			SELECT format('CREATE TABLE t%s (i integer)', i) FROM generate_series(1, 10000) i \gexec
		EOF
	done
	query -d "$2" -o /dev/null <<-'EOF'
		CREATE TABLE template (i integer);
		ALTER TABLE migrate.log_ddl DISABLE TRIGGER guard;
		INSERT INTO migrate.log_ddl (logged_at, transaction_id, command_tag, statement, text_source, objects, origin, role_name, session_role, pid)
		SELECT logged_at, transaction_id, command_tag, statement, text_source, objects, origin, role_name, session_role, pid
		FROM (SELECT * FROM migrate.log_ddl ORDER BY id DESC LIMIT 1) l, generate_series(1, 10000000);
		ALTER TABLE migrate.log_ddl ENABLE ALWAYS TRIGGER guard;
	EOF
}

# In memory: a file system may be slow to make files where others have just
# gone.  Server and client keep to a processor each, where there are two.
in_memory()
{
	local pairs=$1

	MEMORY=$(mktemp -d /dev/shm/pg_migrations.XXXXXX)
	trap 'pg_ctl -s -m immediate -D "$MEMORY/data" stop; rm -rf "$MEMORY"' EXIT
	init_cluster "$MEMORY/data"
	echo 'autovacuum = off' >> "$MEMORY/data/postgresql.conf"
	taskset -p -c "$(($(nproc) - 1))" $BASHPID > "$WORK/taskset"
	start_cluster "$MEMORY"
	taskset -p -c 0 $BASHPID > "$WORK/taskset"
	DATA=$MEMORY/data
	two_databases plain captured
	captured_pairs "$pairs" "$WORK/mix_off" plain captured
	two_databases_of_many plain_many captured_many
	captured_pairs "$pairs" "$WORK/mix_many" plain_many captured_many
}

capture()
{
	mix > "$WORK/mix.sql"
	two_databases plain captured
	captured_pairs "$1" "$WORK/mix_on" plain captured
	echo "5. 2,000 DDL statements in autocommit, fsync on; goal: ratio at most 1.05"
	summary pairs plain captured < "$WORK/mix_on"
	(in_memory "$1")
	echo "5. the same in memory, fsync off; goal: ratio at most 1.10"
	summary pairs plain captured < "$WORK/mix_off"
	echo "5. the same with 10,000 tables and 10 million rows in the log; goal: as without"
	summary pairs plain captured < "$WORK/mix_many"
}

idle()
{
	local pairs=$1 i kind order

	for kind in without watching; do
		createdb $kind
		pgbench -i -q $kind 2> /dev/null
	done
	query -d watching -o /dev/null -c 'CREATE EXTENSION pg_migrations' -c 'SELECT migrate.watch()'
	query -c 'ALTER SYSTEM SET synchronous_commit = off' -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' > /dev/null
	for ((i = 1; i <= pairs; i++)); do
		order='without watching'
		[ $((i % 2)) = 1 ] || order='watching without'
		for kind in $order; do
			time_client "$WORK/idle" $kind pgbench -n -t 10000 $kind
		done
	done
	echo "6. pgbench's transactions, which change no schema; goal: server CPU ratio at most 1.02"
	summary pairs without watching < "$WORK/idle"
}
