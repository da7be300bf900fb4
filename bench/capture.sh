# bench/capture.sh: what capture costs; sourced by bench/run.sh.

# CPU time of all server processes that have ended, in microseconds.
ended_cpu()
{
	awk '{print 10000 * ($16 + $17)}' "/proc/$(head -n 1 "$WORK/data/postmaster.pid")/stat"
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

capture()
{
	local pairs=$1 fsync i kind order

	mix > "$WORK/mix.sql"
	for fsync in on off; do
		query -c "ALTER SYSTEM SET fsync = $fsync" -c 'SELECT pg_reload_conf()' > /dev/null
		for ((i = 1; i <= pairs; i++)); do
			createdb "plain_${fsync}_$i"
			new_database "captured_${fsync}_$i"
			query -d "captured_${fsync}_$i" -o /dev/null -c 'SELECT migrate.watch()'
			order='plain captured'
			[ $((i % 2)) = 1 ] || order='captured plain'
			for kind in $order; do
				time_client "$WORK/mix_$fsync" "$kind" psql -X -q -v ON_ERROR_STOP=1 -d "${kind}_${fsync}_$i" -f "$WORK/mix.sql"
			done
		done
		[ "$(query -d "captured_${fsync}_1" -c "SELECT count(*) FROM migrate.out_of_band")" = 2000 ] || die "not all was captured"
		echo "5. 2,000 DDL statements in autocommit, fsync $fsync; goal: ratio at most $([ $fsync = on ] && echo 1.05 || echo 1.10)"
		summary pairs plain captured < "$WORK/mix_$fsync"
	done
	query -c 'ALTER SYSTEM RESET fsync' -c 'SELECT pg_reload_conf()' > /dev/null
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
