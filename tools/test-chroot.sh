#!/bin/bash
# tools/test-chroot.sh: the tests on another major, in a chroot of the Debian that has it.
#
# test-chroot.sh MAJOR   as root
#
# The chroot is made once, from where this machine's apt gets Debian, and kept
# in the cache directory; remove it there to have a newer one.  Into it goes a
# copy of the major before, from which the tests upgrade, where that is at hand.

. "$(dirname "$0")/lib.sh"
need_root "it makes a chroot"
major=$1
case $major in
	17) suite=trixie older=15 older_root= ;;
	18) suite=forky older=17 older_root=$CACHE/debian-trixie ;;
	*) die "no Debian suite is known for PostgreSQL $major" ;;
esac
root=$CACHE/debian-$suite

# Into a new directory, and only moved in place when whole.
make_chroot()
{
	local site options=$WORK/apt.conf new=$root.new.$$

	site=$(debian_sources | awk 'NR == 1 {print $1}')
	[ -n "$site" ] || die "apt has no source of Debian itself"
	install_packages mmdebstrap debian-archive-keyring
	apt-config dump |
		grep -E '^Acquire::(https?::|Retries|Check-Valid-Until|Check-Date|Force)' > "$options" || true
	echo 'Acquire::Languages "none";' >> "$options"
	mkdir -p "$CACHE"
	say "making $root"
	mmdebstrap --quiet --mode=root --variant=apt --aptopt="$options" \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		--include="$(packages "$major" | tr -s ' \n' ',' | sed 's/,$//')" \
		--essential-hook='mkdir -p "$1/etc/postgresql-common/createcluster.d"
			echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.d/none.conf"' \
		"$suite" "$new" "$site" ||
		{ rm -rf "$new"; die "could not make a chroot of $suite"; }
	if [ -e "$root" ]; then
		rm -rf "$new"
	else
		mv "$new" "$root"
	fi
}

# No Debian has two majors: the older server comes with the libraries that only
# its own Debian has.
bring_older_server()
{
	local at=usr/lib/postgresql/$older new=$root/usr/lib/postgresql/.$older.$$ part known library

	[ ! -e "$root/$at" ] || return 0
	if [ ! -d "$older_root/usr/include/postgresql/$older/server" ]; then
		say "no PostgreSQL $older is at hand: upgrading from it is left out"
		return 0
	fi
	say "copying PostgreSQL $older to $root"
	for part in share include; do
		cp -aT "$older_root/usr/$part/postgresql/$older" "$root/usr/$part/postgresql/$older"
	done
	known=$(chroot "$root" ldconfig -p)
	for library in $(chroot "$older_root/" sh -c "ldd /$at/bin/* 2>/dev/null" |
		awk '$2 == "=>" && $3 ~ "^/" {print $3}' | sort -u); do
		[[ $known == *"${library##*/} "* ]] || cp -L "$older_root$library" "$root/usr/local/lib/"
	done
	chroot "$root" ldconfig
	cp -a "$older_root/$at" "$new"
	mv -T "$new" "$root/$at" 2>/dev/null || rm -rf "$new"
}

make_work
[ -e "$root" ] || make_chroot
bring_older_server
prepare_corpora
mkdir -p "$root$CORPORA_CACHE"
rm -rf "$WORK"
TMPDIR=$root/tmp make_work
copy_source "$WORK/source"
chmod 711 "$WORK"
chmod 1777 "$WORK/tmp"
inside=${WORK#"$root"}

# Mounts live in a namespace of their own and end with it.
status=0
setsid unshare --mount --pid --fork --kill-child bash -c '
	set -e
	mount --rbind /dev "$1/dev"
	mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
	mount -t proc proc "$1/proc"
	mount --bind "$CORPORA_CACHE" "$1$CORPORA_CACHE"
	[ ! -e /etc/resolv.conf ] || cat /etc/resolv.conf > "$1/etc/resolv.conf"
	shift
	exec "$@"' - "$root" \
	chroot "$root" env "PATH=/usr/sbin:/usr/bin:/sbin:/bin" "TMPDIR=$inside/tmp" \
	"XDG_CACHE_HOME=${CACHE%/*}" "ONLY=${ONLY:-}" "CORPORA=${CORPORA:-}" "PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config" \
	"OLD_PG_CONFIG=/usr/lib/postgresql/$older/bin/pg_config" \
	"$inside/source/tools/test.sh" &
SESSION=$!
wait $SESSION || status=$?
exit $status
