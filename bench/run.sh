#!/bin/bash
# bench/run.sh: "make bench", the figures of bench/README.md, on a throw-away server.
#
# PG_CONFIG   the server to copy (default: Debian's 15)
# PAIRS       pairs of runs of the first figure (default: 9)
# RECORD=1    writes the result into bench/README.md
#
# The server has its default settings: fsync is on, so TMPDIR should be on a
# disk.  Called by a user it prepares a directory and starts itself again in
# it, as an unprivileged user, with the directory and the pairs as arguments.

config=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
. "$(dirname "$0")/../tools/lib.sh"
PG_CONFIG=$config
. "$(dirname "$0")/capture.sh"
. "$(dirname "$0")/stall.sh"
. "$(dirname "$0")/toplevel.sh"
. "$(dirname "$0")/drift.sh"

# Puts the result between the marks of the README.
record()
{
	awk -v result="$WORK/result" '
		/^<!-- end of result -->$/ { skip = 0 }
		!skip { print }
		/^<!-- result -->$/ {
			skip = 1
			print "```text"
			while ((getline line < result) > 0) print line
			print "```"
		}' "$TOP/bench/README.md" > "$WORK/README.md"
	cat "$WORK/README.md" > "$TOP/bench/README.md"
}

prepare()
{
	local pairs=${PAIRS:-9} status=0

	[ "$pairs" -ge 1 ] 2>/dev/null || die "PAIRS must be a number, at least 1"
	install_for_server
	make_work
	say "building for $("$PG_CONFIG" --version), in $WORK"
	private_server
	copy_source "$WORK/source"
	give_work
	as_test_user "$WORK/source/bench/run.sh" "$WORK" "$pairs" || status=$?
	[ $status = 0 ] || die "ended with status $status"
	[ -z "${RECORD:-}" ] || record
}

# start_cluster of tools/lib.sh turns fsync off, which would measure another thing.
start_default_cluster()
{
	export PGHOST=$WORK PGPORT=54329 PGUSER=postgres PGDATABASE=postgres
	cat >> "$WORK/data/postgresql.conf" <<-EOF
		port = $PGPORT
		listen_addresses = ''
		unix_socket_directories = '$WORK'
	EOF
	pg_ctl -s -w -D "$WORK/data" -l "$WORK/log" start
}

query()
{
	psql -XqAt -v ON_ERROR_STOP=1 "$@"
}

microseconds()
{
	date +%s%N | sed 's/...$//'
}

summary()
{
	perl "$WORK/source/bench/summary.pl" "$@"
}

# What the figures were measured on.
machine()
{
	echo "$(date -u +%Y-%m-%d), $(query -c "SELECT split_part(version(), ' on ', 1)"), pg_migrations $(query -c \
		"SELECT default_version FROM pg_available_extensions WHERE name = 'pg_migrations'")"
	echo "$(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
		"$(df --output=fstype "$WORK" | tail -n 1), fsync $(query -c 'SHOW fsync')," \
		"synchronous_commit $(query -c 'SHOW synchronous_commit')"
	echo "load of the machine before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
}

new_database()
{
	createdb "$1"
	query -d "$1" -c 'CREATE EXTENSION pg_migrations'
}

# Is everything there that 1,000 migrations make?
check_made()
{
	local made

	made=$(query -d "$1" -c "SELECT count(*) FILTER (WHERE relkind = 'r'), count(*) FILTER (WHERE relname LIKE '%_customer_idx'),
		(SELECT count(*) FROM pg_attribute WHERE attname = 'note'), (SELECT count(*) FROM pg_description WHERE description LIKE 'orders of shard %')
		FROM pg_class WHERE relname ~ '^orders_[0-9]+'")
	[ "$made" = "1000|1000|1000|1000" ] || die "$1 has $made"
}

# Prints the wall time of one run and the CPU time of its server process, in
# microseconds.
run_once()
{
	local kind=$1 database=$2 from to

	query -c CHECKPOINT
	from=$(microseconds)
	if [ "$kind" = psql ]; then
		psql -X -q -v ON_ERROR_STOP=1 -d "$database" -f "$WORK/set1000.sql" -f "$WORK/cpu.sql" > "$WORK/cpu"
	else
		psql -X -q -v ON_ERROR_STOP=1 -d "$database" -o /dev/null -c 'CALL migrate.apply()' \
			-f "$WORK/cpu.sql" 2> "$WORK/notices"
	fi
	to=$(microseconds)
	check_made "$database"
	echo "$kind $((to - from)) $(cat "$WORK/cpu")" >> "$WORK/pairs"
}

# No database is dropped before the end: some file systems create files slowly
# just after many were removed.
against_psql()
{
	local pairs=$1 i order kind

	perl "$WORK/source/bench/generate.pl" 1000 "$WORK/set1000" "$WORK/set1000.sql"
	cat > "$WORK/cpu.sql" <<-EOF
		\\pset format unaligned
		\\pset tuples_only on
		\\o $WORK/cpu
		SELECT 10000 * (s[14]::bigint + s[15]::bigint) FROM string_to_array(pg_read_file('/proc/self/stat'), ' ') s;
	EOF
	for ((i = 1; i <= pairs; i++)); do
		for kind in psql apply watched; do
			new_database "${kind}_$i"
			[ $kind = psql ] || query -d "${kind}_$i" -o /dev/null -c "SELECT FROM migrate.load_directory('$WORK/set1000')"
		done
		query -d "watched_$i" -o /dev/null -c 'SELECT migrate.watch()'
		order='psql apply watched'
		[ $((i % 2)) = 1 ] || order='watched apply psql'
		for kind in $order; do
			run_once "$kind" "${kind}_$i"
		done
	done
	[ "$(query -d apply_1 -c 'SELECT count(*) FROM migrate.statement_log')" = 4000 ] || die "the statement log is not complete"
	[ "$(query -d watched_1 -c "SELECT count(*) FROM migrate.ddl_log WHERE origin = 'migration'")" = 4000 ] || die "the log is not complete"
	echo "1. 1,000 migrations of four statements, each committed; goal: ratio at most 1.00, with capture on 1.03"
	summary pairs psql apply watched < "$WORK/pairs"
}

# \timing has the round trip in it.
nothing_to_do()
{
	local i

	for i in 1 2 3; do
		echo 'CALL migrate.apply();'
	done > "$WORK/nothing.sql"
	echo '\timing on' >> "$WORK/nothing.sql"
	for ((i = 0; i < 51; i++)); do
		echo 'CALL migrate.apply();'
	done >> "$WORK/nothing.sql"
	LC_ALL=C psql -XqAt -v ON_ERROR_STOP=1 -d apply_1 -f "$WORK/nothing.sql" |
		sed -n 's/^Time: \([0-9.]*\) ms.*/apply \1/p' > "$WORK/nothing"
	echo "2. a run with nothing to do, 1,000 applied; goal: under 5 ms"
	summary values ms < "$WORK/nothing"
}

# A database with so many migrations, all applied but ten.
seed()
{
	local n=$1

	new_database "seen_$n"
	query -d "seen_$n" -o /dev/null <<-EOF
		SET client_min_messages = warning;
		SET synchronous_commit = off;
		SELECT FROM migrate.load(
			ARRAY(SELECT format('%s_step.sql', lpad(i::text, 6, '0')) FROM generate_series(1, $n) i),
			ARRAY(SELECT format('SELECT %s;', i) FROM generate_series(1, $n) i));
		CALL migrate.apply(target => lpad(($n - 10)::text, 6, '0'));
		VACUUM ANALYZE;
	EOF
}

# The first call of a session, which has all its memory yet to get.
first_call()
{
	LC_ALL=C psql -XqAt -v ON_ERROR_STOP=1 -d "seen_$1" -c '\timing on' \
		-c "SELECT count(*) FROM migrate.$2()" | sed -n "s/^Time: \([0-9.]*\) ms.*/$1 $2 \1/p" >> "$WORK/first"
}

# The two sizes take turns, so that the load of the machine is that of both.
look()
{
	local n i

	for n in 10000 100000; do
		seed $n
	done
	for i in 1 2 3 4 5 6 7; do
		for n in 10000 100000; do
			query -d "seen_$n" -v n=$n -f "$WORK/source/bench/see.sql" | tr '|' ' ' >> "$WORK/seen"
			first_call $n plan
			first_call $n status
		done
	done
	echo "3. plan() and status(), 10 pending; goal: under 50 ms of 10,000"
	summary values ms < "$WORK/seen"
	echo "3. the first call of a session; goal: linear growth to 100,000"
	summary growth < "$WORK/first"
}

load()
{
	local i

	perl "$WORK/source/bench/generate.pl" 10000 "$WORK/set10000" /dev/null
	for i in 1 2 3 4 5; do
		new_database "load_$i"
		query -d "load_$i" <<-EOF
			CREATE TABLE files AS
			SELECT array_agg(f ORDER BY f) AS paths, array_agg(pg_read_file('$WORK/set10000/' || f) ORDER BY f) AS contents
			FROM pg_ls_dir('$WORK/set10000') f;
			CHECKPOINT;
		EOF
		LC_ALL=C psql -XqAt -v ON_ERROR_STOP=1 -d "load_$i" -c '\timing on' \
			-c 'SELECT count(*) FROM files, migrate.load(paths, contents)' > "$WORK/loaded"
		grep -qx 10000 "$WORK/loaded" || die "load registered $(head -n 1 "$WORK/loaded")"
		sed -n 's/^Time: \([0-9.]*\) ms.*/load \1/p' "$WORK/loaded" >> "$WORK/loads"
	done
	echo "4. load() of 10,000 files of four statements, $(cat "$WORK"/set10000/* | wc -c) bytes; goal: under 2,000 ms"
	summary values ms < "$WORK/loads"
}

measure()
{
	WORK=$1
	PATH=$("$PG_CONFIG" --bindir):$PATH
	cd "$WORK/source"
	make -s -j2 install > "$WORK/build.log" 2>&1 || { cat "$WORK/build.log"; exit 1; }
	init_cluster "$WORK/data"
	start_default_cluster
	{
		machine
		against_psql "$2"
		nothing_to_do
		look
		load
		capture
		stall "$2"
		top_level "$2"
		drift "$2"
		echo "load of the machine after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
	} | tee "$WORK/result"
	pg_ctl -s -m fast -D "$WORK/data" stop
}

if [ $# = 0 ]; then
	prepare
else
	measure "$1" "$2"
fi
