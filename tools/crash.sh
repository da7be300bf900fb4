#!/bin/bash
# tools/crash.sh: "make crash", each fault at each point, and the crash loop for as long as is asked for.
#
# ROUNDS      how many rounds (default: 200)
# SEED        repeats a run (default: drawn)
# PG_CONFIG   the server to copy (default: Debian's 15)
#
# Called by a user it prepares a directory and starts itself again in it, as an
# unprivileged user, with the directory as argument.  The last line is
# "N passed, N failed".

config=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
. "$(dirname "$0")/lib.sh"
PG_CONFIG=$config
export ROUNDS=${ROUNDS:-200} SEED=${SEED:-$RANDOM$RANDOM}
PIECE=50					# rounds of one server

prepare()
{
	install_for_server
	make_work
	say "$ROUNDS rounds from SEED=$SEED on $("$PG_CONFIG" --version), in $WORK"
	private_server
	copy_source "$WORK/source"
	give_work
	as_test_user "$WORK/source/tools/crash.sh" "$WORK"
}

# Each piece has a seed of its own, which repeats it alone.
pieces()
{
	local rounds action seed=$SEED

	WORK=$1
	PATH=$("$PG_CONFIG" --bindir):$PATH
	cd "$WORK/source"
	make -s -j2 install > "$WORK/build.log" 2>&1 || { cat "$WORK/build.log"; exit 1; }
	tap_environment "$WORK/tap"
	for action in error cancel exit kill; do
		tally "SEED=$seed ACTIONS=$action" piece 320_faults "SEED=$seed" "ACTIONS=$action"
	done
	while [ "$ROUNDS" -gt 0 ]; do
		rounds=$((ROUNDS < PIECE ? ROUNDS : PIECE))
		tally "SEED=$seed ROUNDS=$rounds" piece 330_crash_loop "SEED=$seed" "ROUNDS=$rounds"
		ROUNDS=$((ROUNDS - rounds))
		seed=$((seed + 1))
	done
	tally_end
}

piece()
{
	local name=$1; shift

	rm -rf "$TESTDATADIR"/t_*
	env "$@" perl tools/tap.pl "$WORK/counts" perl -- "test/t/$name.pl" || true
	awk '{print $1 " passed, " $2 " failed"}' "$WORK/counts"
}

if [ $# = 0 ]; then
	prepare
else
	pieces "$1"
fi
