# bench/toplevel.sh: what a statement at top level costs; sourced by bench/run.sh.

TOP_LEVEL_STATEMENTS=50

# CPU time of all processes of the server that have ended, in microseconds.
ended_cpu()
{
	sleep 0.2
	awk '{ sub(/.*\) /, ""); print 10000 * ($14 + $15) }' "/proc/$(head -n 1 "$WORK/data/postmaster.pid")/stat"
}

# Prints what a statement takes, wall time and CPU time of the server's processes, in milliseconds.
one_top_level()
{
	local kind=$1 database=$2 from to cpu

	cpu=$(ended_cpu)
	from=$(microseconds)
	case $kind in
		psql) query -d "$database" -f "$WORK/builds.sql" ;;
		reconnect) query -d "$database" -f "$WORK/reconnecting.sql" ;;
		apply) query -d "$database" -o /dev/null -c 'CALL migrate.apply()' 2> "$WORK/notices" ;;
	esac
	to=$(microseconds)
	cpu=$(($(ended_cpu) - cpu))
	[ "$(query -d "$database" -c "SELECT count(*) FROM pg_index WHERE indrelid = 'empty'::regclass AND indisvalid")" = $TOP_LEVEL_STATEMENTS ] ||
		die "$database has not all indexes"
	awk "BEGIN { n = 1000 * $TOP_LEVEL_STATEMENTS; print \"$kind\", ($to - $from) / n; print \"$kind,_server_CPU\", $cpu / n }"
}

# Each build is a migration, and so a worker, of its own. What a session for each costs in psql says how much of that is
# what the machine takes to start a process of the server.
top_level()
{
	local pairs=$1 i kind order

	for ((i = 1; i <= TOP_LEVEL_STATEMENTS; i++)); do
		echo "CREATE INDEX CONCURRENTLY ON empty (i);"
	done > "$WORK/builds.sql"
	sed 's/^/\\connect\n/' "$WORK/builds.sql" > "$WORK/reconnecting.sql"
	for ((i = 1; i <= pairs; i++)); do
		order='psql reconnect apply'
		[ $((i % 2)) = 1 ] || order='apply reconnect psql'
		for kind in $order; do
			new_database "top_${kind}_$i"
			query -d "top_${kind}_$i" -o /dev/null -c 'CREATE TABLE empty (i int)' -c "SELECT migrate.register(format('%s_build', i),
				'CREATE INDEX CONCURRENTLY ON empty (i)') FROM generate_series(1, $TOP_LEVEL_STATEMENTS) i"
			one_top_level "$kind" "top_${kind}_$i" >> "$WORK/top_level"
		done
	done
	echo "8. $TOP_LEVEL_STATEMENTS concurrent builds on an empty table, each; goal: apply at most 15 ms more than psql"
	summary values ms < "$WORK/top_level"
}
