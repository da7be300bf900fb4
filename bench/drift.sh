# bench/drift.sh: what the schema costs where there are many tables; sourced by bench/run.sh.

# Tables of ten columns, each with two indexes and a foreign key.
tables()
{
	local n=$1

	new_database "drift_$n"
	query -d "drift_$n" <<-EOF
		SET synchronous_commit = off;
		CREATE PROCEDURE tables(n int) LANGUAGE plpgsql AS \$\$
		BEGIN
			FOR i IN 1 .. n LOOP
				EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, parent bigint REFERENCES t%s, name text NOT NULL,'
					' price numeric(10,2) DEFAULT 0, at timestamptz DEFAULT now(), a int, b int, c text, d date, e boolean)', i, greatest(i - 1, 1));
				EXECUTE format('CREATE INDEX t%1\$s_name ON t%1\$s (name, at DESC)', i);
				IF i % 200 = 0 THEN
					COMMIT;
				END IF;
			END LOOP;
		END
		\$\$;
		CALL tables($n);
		DROP PROCEDURE tables(int);
		VACUUM ANALYZE;
	EOF
	query -d "drift_$n" -o /dev/null -c 'SELECT migrate.watch()'
}

# In a session that has not looked yet, as a person would call it.
drift_pair()
{
	local from to took

	from=$(microseconds)
	pg_dump -s -f "$WORK/drift.dump" drift_10000
	to=$(microseconds)
	took=$(LC_ALL=C query -d drift_10000 -o /dev/null <<-EOF
		\\timing on
		\\o $WORK/drift.count
		SELECT count(*) FROM migrate.drift();
		\\timing off
		\\o
		\\o $WORK/drift.status
		SELECT pg_read_file('/proc/self/status');
	EOF
	)
	[ "$(cat "$WORK/drift.count")" = 0 ] || die "there is drift"
	took=$(sed 's/^Time: \([0-9.]*\) ms.*/\1/' <<< "$took")
	echo "$took $((to - from)) $(sed -n 's/^RssAnon:\s*\([0-9]*\) kB/\1/p' "$WORK/drift.status")" |
		awk '{ print "pg_dump_-s,_ms", $2 / 1000; print "drift(),_ms", $1; print "drift()_/_pg_dump_-s", 1000 * $1 / $2; print "memory,_MB", $3 / 1024 }'
}

# Ten migrations of three statements, each a run of its own: the first of a session is not counted.
move()
{
	local n=$1 round=$2 i

	for ((i = 0; i <= 10; i++)); do
		echo "SELECT FROM migrate.register('$(printf '%03d_%02d' "$round" $i)', 'ALTER TABLE t$((round + 1)) ADD note_$i text;
			CREATE INDEX note_${round}_$i ON t$((round + 1)) (note_$i); CREATE TABLE new_${round}_$i (i int)');"
		[ $i = 0 ] || echo '\timing on'
		echo 'CALL migrate.apply();'
		echo '\timing off'
	done > "$WORK/move.sql"
	PGOPTIONS='-c synchronous_commit=off -c client_min_messages=warning' LC_ALL=C query -d "drift_$n" -f "$WORK/move.sql" |
		sed -n "s/^Time: \([0-9.]*\) ms.*/among_$n \1/p"
}

drift()
{
	local pairs=$1 i n

	query -c 'ALTER SYSTEM SET max_locks_per_transaction = 256'
	pg_ctl -s -w -D "$WORK/data" -l "$WORK/log" restart
	for n in 10 10000; do
		tables $n
	done
	for ((i = 1; i <= pairs; i++)); do
		drift_pair >> "$WORK/drifts"
	done
	# What began before the first look may not be in the log: the second one looks at everything, too.
	for n in 10 10000; do
		move $n 1 > "$WORK/moved"
	done
	for ((i = 2; i <= 5; i++)); do
		for n in 10 10000; do
			move $n $i >> "$WORK/moves"
		done
	done
	[ "$(query -d drift_10000 -c 'SELECT count(*) FROM migrate.drift()')" = 0 ] || die "a migration is drift"
	echo "9. drift() of 10,000 tables with 20,000 indexes and 10,000 foreign keys; goal: at most 0.3 of pg_dump -s, 150 MB"
	summary values '' < "$WORK/drifts"
	echo "9. a run with one migration of three statements; goal: at most 1 ms more among 10,000 tables"
	summary values ms < "$WORK/moves"
}
