# bench/stall.sh: how long others wait while a migration waits; sourced by bench/run.sh.

# pgbench's clients read and write the table that a migration alters.
busy_clients()
{
	(cd "$WORK" && pgbench -n -c 4 -j 2 -T 15 -f "$WORK/busy.sql" --log --log-prefix="$1" stall) > "$WORK/$1.out" 2>&1 ||
		die "a client failed: $(cat "$WORK/$1.out")"
	grep -q 'number of failed transactions: 0 ' "$WORK/$1.out" || die "a client failed: $(cat "$WORK/$1.out")"
	# client, transaction, microseconds, ...
	cat "$WORK/$1".[0-9]* | sort -k 3,3 -n | tail -n 1 | awk '{print $3 / 1000}'
	rm -f "$WORK/$1".[0-9]*
}

# Appends the longest wait of a client: by themselves, and while a migration
# waits for somebody who reads the table for ten seconds.
stall_pair()
{
	local i=$1 undisturbed longest

	undisturbed=$(busy_clients undisturbed)
	query -d stall -o /dev/null -c "SELECT migrate.register('$i', 'ALTER TABLE pgbench_accounts ADD note_$i text')"
	(sleep 2; query -d stall -o /dev/null -c 'BEGIN; SELECT count(*) FROM pgbench_accounts; SELECT pg_sleep(10); COMMIT') &
	(sleep 3.5; query -d stall -o /dev/null -c 'CALL migrate.apply()' 2> "$WORK/stall_notices") &
	longest=$(busy_clients disturbed)
	wait
	[ "$(query -d stall -c "SELECT outcome FROM migrate.history WHERE name = '$i'")" = applied ] || die "the migration is not done: $(cat "$WORK/stall_notices")"
	echo "undisturbed $undisturbed"
	echo "migration $longest"
	echo "difference $(awk "BEGIN {print $longest - $undisturbed}")"
}

stall()
{
	local pairs=$1 i

	new_database stall
	pgbench -i -q stall 2> /dev/null
	cat > "$WORK/busy.sql" <<-'EOF'
		\set aid random(1, 100000)
		UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
		SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
	EOF
	for ((i = 1; i <= (pairs + 2) / 3; i++)); do
		stall_pair "$i" >> "$WORK/stalls"
	done
	echo "7. a migration alters a table that is read for 10 s: the longest that a client waits; goal: at most 1,050 ms more"
	summary values ms < "$WORK/stalls"
}
