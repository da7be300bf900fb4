#!/bin/bash
# tools/suite.sh: builds the copied source and runs all tests; started by tools/test.sh.
#
# suite.sh WORK   WORK has source/ and server/; runs as an unprivileged user

config=$PG_CONFIG
. "$(dirname "$0")/lib.sh"
export PG_CONFIG=$config
WORK=$1
BIN=$("$PG_CONFIG" --bindir)
PGXS=$(dirname "$("$PG_CONFIG" --pgxs)")/..
export PATH=$BIN:$PATH
cd "$WORK/source"

# ---- which tests

# Echoes the files of a kind that ONLY asks for; true if it asks for the kind.
chosen()
{
	local kind=$1 file word any=1; shift

	for word in ${ONLY:-$kind}; do
		case $word in
			"$kind") printf '%s\n' "$@"; any=0 ;;
			"$kind"/*)
				any=0
				for file in "$@"; do
					case $(basename "${file%.*}") in
						"$(basename "${word%.*}")") echo "$file" ;;
					esac
				done ;;
		esac
	done
	return $any
}

# ---- servers

# A new server for one kind of tests, so that the kinds can run side by side.
start_server()
{
	local at=$WORK/$1

	mkdir -p "$at"
	cp -a "$WORK/initdb" "$at/data"
	start_cluster "$at"
}

# Stops it and counts one more test: its log has nothing that nobody expects.
stop_server()
{
	local at=$WORK/$1 passed failed

	pg_ctl -s -w -m fast -D "$at/data" stop || true
	sed 's/#.*//; /^[[:space:]]*$/d' test/server_log.allow > "$at/allow"
	read -r passed failed < "$at/counts"
	if grep -E 'PANIC:|TRAP:|WARNING:|terminated by signal' "$at/log" |
		grep -vE -f "$at/allow" > "$at/complaints"
	then
		echo "not ok server log is clean"
		sed 's/^/    /' "$at/complaints" | head -n 40
		echo "$passed $((failed + 1))" > "$at/counts"
	else
		echo "ok server log is clean"
		echo "$((passed + 1)) $failed" > "$at/counts"
	fi
}

# ---- kinds

run_lint()
{
	mkdir -p "$WORK/lint"
	perl tools/tap.pl "$WORK/lint/counts" tools/lint.sh "$WORK"
}

# pg_regress and its isolation twin.  A test without expected output fails,
# and shows its whole output.
run_regress()
{
	local kind=$1 command=$2 at=$WORK/$1 file name status=0 names=(); shift 2

	start_server "$kind"
	for file in "$@"; do
		name=$(basename "${file%.*}")
		names+=("$name")
		if [ ! -f "test/expected/$name.out" ]; then
			echo "there is no test/expected/$name.out" > "test/expected/$name.out"
		fi
	done
	"$command" --inputdir=test --outputdir="$at" --bindir="$BIN" --dbname="$kind" \
		--host="$PGHOST" --port="$PGPORT" --load-extension=pg_migrations \
		"${names[@]}" > "$at/output" 2>&1 || status=$?
	# "test x ... ok" up to 15, "ok 1 - x" since.
	local passed failed
	passed=$(grep -cE '^ok +[0-9]+ |^test .* \.\.\. ok ' "$at/output" || true)
	failed=$((${#names[@]} - passed))
	grep -E '^(not )?ok +[0-9]+ |^test .* \.\.\. ' "$at/output" || true
	if [ -f "$at/regression.diffs" ]; then
		cat "$at/regression.diffs"
	elif [ "$status" != 0 ]; then
		cat "$at/output"
		[ "$failed" != 0 ] || failed=1
	fi
	echo "$passed $failed" > "$at/counts"
	stop_server "$kind"
}

run_pgtap()
{
	local at=$WORK/pgtap

	start_server pgtap
	export TEMPLATE=pgtap_template PG_ABS_SRCDIR=$WORK/source/test
	createdb $TEMPLATE
	psql -X -q -d $TEMPLATE -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION pg_migrations'
	perl tools/tap.pl "$at/counts" tools/pgtap.sh -- "$@" || true
	stop_server pgtap
}

# What the log of a server says of a crash, and where it was if the machine can tell.
show_crash()
{
	local log=$1 core

	grep -E -B 5 -A 3 'TRAP:|PANIC:|terminated by signal (6|7|11)' "$log" || return 0
	for core in "$WORK"/tap/tmp_check/*/pgdata/core*; do
		[ -e "$core" ] && command -v gdb > /dev/null || continue
		gdb -q -batch -ex bt "$BIN/postgres" "$core" 2> /dev/null | grep '^#' | head -n 40
	done
}

run_tap()
{
	local at=$WORK/tap log crash

	tap_environment "$at"
	ulimit -c unlimited 2> /dev/null || true
	perl tools/tap.pl "$at/counts" perl -- "$@" || true
	for log in "$at"/tmp_check/log/*; do
		crash=$(show_crash "$log")
		[ -n "$crash" ] || continue
		echo "not ok ${log##*/} is clean"
		sed 's/^/    /' <<< "$crash"
		read -r passed failed < "$at/counts"
		echo "$passed $((failed + 1))" > "$at/counts"
	done
}

# Runs one kind if ONLY asks for it and there are tests of it; its output is
# kept until all have ended.
kind()
{
	local name=$1 files start=$EPOCHREALTIME; shift

	files=$(chosen "$name" $(compgen -G "$1" || true)) || return 0
	[ "$name" = lint ] || [ -n "$files" ] || return 0
	mkdir -p "$WORK/$name"
	shift
	(
		"$@" $files
	) > "$WORK/$name/shown" 2>&1 || true
	[ -f "$WORK/$name/counts" ] || echo "0 1" > "$WORK/$name/counts"
	echo "$start $EPOCHREALTIME" > "$WORK/$name/time"
}

# ---- the run

build()
{
	make -s -j2 COPT="$1" > "$WORK/build.log" 2>&1
}

say "building"
if build -Werror; then
	: > "$WORK/no_warning"
elif ! build ''; then
	grep -E 'error:|ld:|\*\*\*' "$WORK/build.log" | head -n 40
	exit 1
else
	mv "$WORK/build.log" "$WORK/warnings.log"
fi
make -s install > "$WORK/install.log" 2>&1 || { cat "$WORK/install.log"; exit 1; }
init_cluster "$WORK/initdb"

say "testing"
(
	kind pgtap 'test/pgtap/*.sql' run_pgtap
	kind lint tools/lint.sh run_lint
) &
(
	kind regress 'test/sql/*.sql' run_regress regress "$PGXS/test/regress/pg_regress"
	kind isolation 'test/specs/*.spec' run_regress isolation "$PGXS/test/isolation/pg_isolation_regress"
	kind tap 'test/t/*.pl' run_tap
) &
wait

total_passed=0
total_failed=0
for name in lint regress isolation pgtap tap; do
	[ -f "$WORK/$name/counts" ] || continue
	read -r passed failed < "$WORK/$name/counts"
	read -r from to < "$WORK/$name/time"
	say "$name"
	cat "$WORK/$name/shown"
	printf '%s: %d passed, %d failed (%.1f s)\n' "$name" "$passed" "$failed" \
		"$(awk "BEGIN {print $to - $from}")"
	total_passed=$((total_passed + passed))
	total_failed=$((total_failed + failed))
done
echo "$total_passed passed, $total_failed failed" > "$WORK/sum"
[ "$total_failed" = 0 ] && [ "$total_passed" -gt 0 ]
