# tools/lib.sh: what the scripts in tools/ share; sourced by them, never run.

set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$([ "$(id -u)" = 0 ] && echo /var/cache || echo "$HOME/.cache")}/pg_migrations
TEST_USER=nobody				# when root: it owns nothing, so it can break nothing

# A sub-make's flags, and settings of libpq, must not reach what we start.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
unset "${!PG@}" 2>/dev/null || true

say()
{
	printf '%s\n' "== $*"
}

die()
{
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

need_root()
{
	[ "$(id -u)" = 0 ] || die "needs root: $1"
}

extra_packages()
{
	sed 's/#.*//' "$TOP/test/packages"
}

# The Debian packages that the tests need on a server of the given major.
packages()
{
	echo "postgresql-$1" "postgresql-server-dev-$1" "postgresql-$1-pgtap" \
		"postgresql-$1-pgaudit" "postgresql-$1-cron"
	extra_packages
}

# Installs those of the named packages that are missing.  Without root that is
# the one thing sudo is asked for.
install_packages()
{
	local missing=() package sudo=

	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		sudo=sudo
		say "sudo is needed once, to install: ${missing[*]}"
	else
		say "installing: ${missing[*]}"
	fi
	$sudo env DEBIAN_FRONTEND=noninteractive sh -s "${missing[@]}" <<-'EOF' ||
		set -e
		# Debian's packages start servers of their own, now and at each boot,
		# unless told not to.
		d=/etc/postgresql-common/createcluster.d
		mkdir -p $d
		made=$d/pg_migrations_tests.conf
		echo 'create_main_cluster = false' > $made
		policy=/usr/sbin/policy-rc.d
		[ -e $policy ] || { install -m 755 /dev/null $policy; made="$made $policy"; printf '#!/bin/sh\nexit 101\n' > $policy; }
		trap 'rm -f $made' EXIT
		apt-get -q update > /dev/null
		apt-get -qq -y --no-install-recommends install "$@" > /dev/null
		case " $* " in *" pgbouncer "*) update-rc.d pgbouncer disable ;; esac
	EOF
		die "could not install: ${missing[*]}"
}

# Installs what the tests need with the server of $PG_CONFIG, and that server
# where it is Debian's.
install_for_server()
{
	local major=${PG_CONFIG#/usr/lib/postgresql/}

	case $PG_CONFIG in
		/usr/lib/postgresql/*/bin/pg_config) install_packages $(packages "${major%%/*}") ;;
		*) install_packages $(extra_packages) ;;
	esac
	[ -x "$PG_CONFIG" ] || die "there is no $PG_CONFIG"
}

# Sees to what the sets of other projects need: npm, and a directory that keeps
# what was fetched for the next run, which the unprivileged user fills.
prepare_corpora()
{
	command -v npm > /dev/null || install_packages nodejs npm
	export CORPORA_CACHE=$CACHE/corpora
	mkdir -p "$CORPORA_CACHE"
	[ ! -x "${PG_CONFIG:-}" ] || fetch_server_tests "$("$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')"
	[ "$(id -u)" != 0 ] || chown "$TEST_USER:" "$CORPORA_CACHE"
}

# Keeps the SQL of the server's own tests, of a major, from the source package of
# the newest minor release that there is; without one they are left out.
fetch_server_tests()
{
	local package=postgresql-$1 at=$CORPORA_CACHE/server-tests-$1 keys=/usr/share/keyrings/debian-archive-keyring.gpg
	local signed= from options version

	[ ! -f "$at/parallel_schedule" ] || return 0
	from=$(mktemp -d)
	mkdir -p "$from/lists/partial" "$from/cache/archives/partial" "$from/tests"
	[ ! -e $keys ] || signed="[signed-by=$keys]"
	debian_sources | sed "s|^|deb-src $signed |" > "$from/sources.list"
	options=(-o "Dir::Etc::SourceList=$from/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$from/lists"
		-o "Dir::Cache=$from/cache" -o APT::Sandbox::User=)
	say "fetching the tests of $package"
	(
		set -e
		cd "$from"
		apt-get -q "${options[@]}" update
		for version in $(apt-cache "${options[@]}" showsrc "$package" | sed -n 's/^Version: //p' | sort -rVu); do
			! apt-get -q "${options[@]}" --download-only --tar-only source "$package=$version" || break
		done
		tar -xf "$package"_*.orig.tar.bz2 -C tests --strip-components=4 --wildcards --no-same-owner \
			'*/src/test/regress/sql' '*/src/test/regress/data' '*/src/test/regress/parallel_schedule'
		chmod -R a+rX tests
		rm -rf "$at"
		mv -T tests "$at"
	) > "$from/log" 2>&1 &
	wait $! || say "there are none: $(tail -n 1 "$from/log")"
	rm -rf "$from"
}

# Copies the source, without what a build left in it, to a directory.
copy_source()
{
	mkdir -p "$1"
	tar -C "$TOP" --exclude=./.git --exclude='*.o' --exclude='*.d' --exclude='*.so' \
		--exclude=./.built_for --exclude=./tmp_check -cf - . | tar -C "$1" -xf - --no-same-owner
}

# Runs a command as the unprivileged user with a clean environment, in a
# session of its own, so that all of it can be ended at once.
as_test_user()
{
	local drop=() keep=() name

	if [ "$(id -u)" = 0 ]; then
		drop=(setpriv "--reuid=$(id -u $TEST_USER)" "--regid=$(id -g $TEST_USER)"
			  --clear-groups --inh-caps=-all)
	fi
	for name in PG_CONFIG OLD_PG_CONFIG ONLY ROUNDS SEED ACTIONS NTH POINT UPDATE CI TERM ASAN_OPTIONS UBSAN_OPTIONS CORPORA CORPORA_CACHE http_proxy https_proxy no_proxy \
		npm_config_registry NPM_CONFIG_REGISTRY NODE_EXTRA_CA_CERTS; do
		[ -z "${!name:-}" ] || keep+=("$name=${!name}")
	done
	setsid env -i -C "$WORK" "PATH=$PATH" "HOME=$WORK" "TMPDIR=$WORK/tmp" LC_ALL=C.UTF-8 TZ=UTC \
		"${keep[@]}" "${drop[@]}" "$@" &
	SESSION=$!
	wait $SESSION
}

# Makes $WORK, a temporary directory that the unprivileged user owns, and sees
# to it that it goes, with every server below it, however the script ends.
make_work()
{
	SESSION=
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/pg_migrations.XXXXXX")
	mkdir "$WORK/tmp"
	trap clean_work EXIT
	trap 'exit 130' INT TERM HUP
}

give_work()
{
	[ "$(id -u)" != 0 ] || chown -R "$TEST_USER:" "$WORK"
}

# Ends every process of a session that we made, whatever group it is in.
end_session()
{
	local stat line

	for stat in /proc/[0-9]*/stat; do
		line=$(cat "$stat" 2>/dev/null) || continue
		set -- "$1" ${line##*) }
		[ "$5" != "$1" ] || kill -TERM "${line%% *}" 2>/dev/null || true
	done
}

clean_work()
{
	local file pid

	[ -z "$SESSION" ] || end_session "$SESSION"
	find "$WORK" -name postmaster.pid 2>/dev/null | while read -r file; do
		pid=$(head -n 1 "$file")
		kill -QUIT "$pid" 2>/dev/null || continue
		for _ in {1..100}; do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
	done || true
	# A process of a server that was killed may still write.
	rm -rf "$WORK" 2>/dev/null || { sleep 5; rm -rf "$WORK"; } || true
}

# Copies the server of PG_CONFIG below $WORK, so that the extension can be
# installed without touching the system, and sets PG_CONFIG to the copy's.
# PostgreSQL finds its directories relative to its own place.
private_server()
{
	local dir at=$WORK/server

	for dir in $("$PG_CONFIG" --bindir --pkglibdir --sharedir); do
		[ -d "$at$dir" ] || { mkdir -p "$at$dir"; cp -a "$dir/." "$at$dir"; }
	done
	dir=$("$PG_CONFIG" --includedir)
	mkdir -p "$at$(dirname "$dir")"
	ln -sfn "$dir" "$at$dir"
	PG_CONFIG=$at$("$PG_CONFIG" --bindir)/pg_config
	export PG_CONFIG
}

# A new cluster in a directory; the superuser is postgres whoever runs it.
init_cluster()
{
	initdb -D "$1" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync > /dev/null
}

# Starts the cluster $1/data, with its socket and its log in $1, and points
# libpq there.
start_cluster()
{
	export PGHOST=$1 PGPORT=54329 PGUSER=postgres PGDATABASE=postgres
	cat >> "$1/data/postgresql.conf" <<-EOF
		port = $PGPORT
		listen_addresses = ''
		unix_socket_directories = '$1'
		fsync = off
		autovacuum = off
		shared_buffers = 64MB
		max_prepared_transactions = 10
		jit = off
		log_line_prefix = '%m [%p] %q%a %d '
	EOF
	pg_ctl -s -w -D "$1/data" -l "$1/log" start
}

# Prepares a directory for TAP tests, as PGXS's prove_installcheck does, for every major.
tap_environment()
{
	local at=$1 pgxs

	pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/..
	mkdir -p "$at/tmp_check/log"
	export TESTDIR=$at TESTDATADIR=$at/tmp_check TESTLOGDIR=$at/tmp_check/log
	export PGPORT=65432 PG_REGRESS=$pgxs/test/regress/pg_regress
	export PERL5LIB=$pgxs/test/perl:$WORK/source/test/t
	# A seed repeats what is drawn from a hash, too.
	export PERL_HASH_SEED=0
	unset PGHOST PGUSER PGDATABASE
}

# Where this machine gets Debian from: "URI suite component" lines.
debian_sources()
{
	. /etc/os-release
	apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v name="${VERSION_CODENAME:-none}" \
			'$2 == name || $2 == name "-updates" || $2 == name "-security"' | sort -u
}

# Runs a command that ends in "N passed, N failed" and adds to the sums that
# tally_end prints, after what has failed: that would be far above otherwise.
SUM_PASSED=0
SUM_FAILED=0
SUM_COMPLAINTS=

# What a test suite says of tests that failed, and of servers that crashed.
complaints()
{
	awk -v name="$1" '
		/^not ok |TRAP:|PANIC:|terminated by signal/ { if (!any++) print "== what failed in " name; going = 1 }
		/^(ok |==|[a-z]+:)/ { going = 0 }
		going && shown++ < 120'
}

tally()
{
	local name=$1 output status=0 passed=0 failed=0 complaints; shift

	say "$name"
	output=$(mktemp)
	"$@" < /dev/null 2>&1 | tee "$output" || status=${PIPESTATUS[0]}
	read -r passed failed < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' \
		"$output" | tail -n 1) || true
	complaints=$(complaints "$name" < "$output")
	SUM_COMPLAINTS+=${complaints:+$complaints$'\n'}
	rm -f "$output"
	if [ "$status" != 0 ] && [ "${failed:-0}" = 0 ]; then
		echo "$name ended with status $status"
		failed=1
	fi
	SUM_PASSED=$((SUM_PASSED + ${passed:-0}))
	SUM_FAILED=$((SUM_FAILED + failed))
}

tally_end()
{
	printf '%s' "$SUM_COMPLAINTS"
	echo "$SUM_PASSED passed, $SUM_FAILED failed"
	[ "$SUM_FAILED" = 0 ] && [ "$SUM_PASSED" -gt 0 ]
}
