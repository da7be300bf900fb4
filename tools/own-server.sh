# tools/own-server.sh: a PostgreSQL 15 built from Debian's source package, for the checks
# that need one of their own; sourced by them, never run.
#
# The server is built once (minutes) and kept in the cache directory; remove it
# there to have a newer one.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
major=15

# The source through an apt configuration of our own that knows deb-src lines;
# nothing of the machine's is changed.
fetch_source()
{
	local apt=$WORK/apt site suite component version

	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$WORK/download"
	debian_sources | while read -r site suite component; do
		echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite $component"
	done > "$apt/sources.list"
	[ -s "$apt/sources.list" ] || die "apt has no source of Debian itself"
	set -- -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=- \
		-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=
	apt-get -q "$@" update > /dev/null
	# The newest first; a mirror of the security archive may lack its sources.
	for version in $(apt-cache "$@" showsrc "postgresql-$major" |
		sed -n 's/^Version: //p' | sort -rVu); do
		(cd "$WORK/download" &&
			apt-get -qq "$@" source --download-only "postgresql-$major=$version") \
			> "$WORK/fetch.log" 2>&1 && break
		say "the source of $version cannot be had"
	done
	compgen -G "$WORK/download/*.orig.tar.*" > /dev/null ||
		{ cat "$WORK/fetch.log"; die "could not get the source of postgresql-$major"; }
	mkdir "$WORK/postgresql"
	tar -C "$WORK/postgresql" --strip-components=1 -xf "$WORK"/download/*.orig.tar.*
}

# build_server PREFIX LOG CONFIGURE-ARGUMENT...
build_server()
{
	local prefix=$1 log=$2 new=$1.new.$$; shift 2

	say "building $prefix; the log is $log"
	fetch_source
	(
		cd "$WORK/postgresql"
		./configure --prefix="$prefix" --enable-cassert --enable-debug --enable-tap-tests \
			--without-readline --without-zlib "$@"
		make -s -j"$(nproc)"
		make -s -j"$(nproc)" -C contrib
		make -s install "DESTDIR=$new"
		make -s -C contrib install "DESTDIR=$new"
	) > "$log" 2>&1 || { tail -n 30 "$log"; rm -rf "$new"; die "could not build the server"; }
	# pgTAP is SQL alone, so Debian's serves any build of the same major.
	cp "/usr/share/postgresql/$major"/extension/pgtap* "$new$prefix"/share/*/extension/ 2>/dev/null ||
		cp "/usr/share/postgresql/$major"/extension/pgtap* "$new$prefix/share/extension/"
	[ -d "$prefix" ] || mv "$new$prefix" "$prefix"
	rm -rf "$new"
}

# own_server NAME CONFIGURE-ARGUMENT...: makes it if it is not there, and sets PG_CONFIG to it.
own_server()
{
	local prefix=$CACHE/$1-$major log=$CACHE/$1-$major.log; shift

	install_packages $(packages $major) bzip2 debian-archive-keyring
	mkdir -p "$CACHE"
	if [ ! -d "$prefix" ]; then
		make_work
		build_server "$prefix" "$log" "$@"
		clean_work
		trap - EXIT
	fi
	export PG_CONFIG=$prefix/bin/pg_config
}
