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

# One run of the mix in each database, in turns.
captured_pair()
{
	local result=$1 turn=$2 plain=$3 captured=$4 kind order='plain captured'

	[ $((turn % 2)) = 1 ] || order='captured plain'
	for kind in $order; do
		time_client "$result" "$kind" psql -X -q -v ON_ERROR_STOP=1 -d "${!kind}" -f "$WORK/mix.sql"
	done
}

# One round after the other in new databases, on the server that libpq is pointed at.
captured_pairs()
{
	local pairs=$1 result=$2 i

	for ((i = 1; i <= pairs; i++)); do
		createdb "plain_$i"
		new_database "captured_$i"
		query -d "captured_$i" -o /dev/null -c 'SELECT migrate.watch()'
		captured_pair "$result" "$i" "plain_$i" "captured_$i"
	done
	[ "$(query -d captured_1 -c "SELECT count(*) FROM migrate.out_of_band")" = 2000 ] || die "not all was captured"
}

# The same in two databases of 10,000 tables, of which one has a log of
# 10 million rows, all copies of one that was captured.
captured_pairs_of_many()
{
	local pairs=$1 result=$2 i

	createdb plain_many
	new_database captured_many
	for i in plain_many captured_many; do
		query -d $i <<-'EOF'
			SELECT format('CREATE TABLE t%s (i integer)', i) FROM generate_series(1, 10000) i \gexec
		EOF
	done
	query -d captured_many -o /dev/null <<-'EOF'
		SELECT migrate.watch();
		CREATE TABLE template (i integer);
		ALTER TABLE migrate.log_ddl DISABLE TRIGGER guard;
		INSERT INTO migrate.log_ddl (logged_at, transaction_id, command_tag, statement, text_source, objects, origin, role_name, session_role, pid)
		SELECT logged_at, transaction_id, command_tag, statement, text_source, objects, origin, role_name, session_role, pid
		FROM (SELECT * FROM migrate.log_ddl WHERE command_tag = 'CREATE TABLE') l, generate_series(1, 10000000);
		ALTER TABLE migrate.log_ddl ENABLE ALWAYS TRIGGER guard;
	EOF
	for i in plain_many captured_many; do
		query -d $i -c 'VACUUM ANALYZE'
	done
	for ((i = 1; i <= pairs; i++)); do
		captured_pair "$result" "$i" plain_many captured_many
	done
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
	captured_pairs "$pairs" "$WORK/mix_off"
	captured_pairs_of_many "$pairs" "$WORK/mix_many"
}

capture()
{
	mix > "$WORK/mix.sql"
	captured_pairs "$1" "$WORK/mix_on"
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
