#!/bin/bash
# tools/lint.sh: house rules that a machine can check, as TAP.
#
# lint.sh WORK   after a build in the current directory; WORK/no_warning exists
#                if the build had no warning, else WORK/warnings.log says which
set -u
work=$1
count=0

# check NAME COMMAND...: the command prints what is wrong; nothing is good.
check()
{
	local name=$1 wrong; shift

	wrong=$("$@" 2>&1)
	count=$((count + 1))
	if [ -z "$wrong" ]; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		printf '%s\n' "$wrong" | sed 's/^/# /'
	fi
}

sources()
{
	find src \( -name '*.c' -o -name '*.h' \) | sort
}

# All text files of the project but built ones.
texts()
{
	find . -path ./.git -prune -o -type f -print |
		grep -vE '\.(o|d|so)$|^\./\.built_for$|^\./sql/pg_migrations--[0-9.]*\.sql$' | sort
}

warnings()
{
	[ -f "$work/no_warning" ] || grep -E 'warning|error' "$work/warnings.log"
}

# What the macros of a server with assertions warn of: of one major is enough.
warnings_with_assertions()
{
	[[ $("$PG_CONFIG" --version) == *\ 15.* ]] || return
	make -nB COPT='-Werror -DUSE_ASSERT_CHECKING -fsyntax-only' | grep -e ' -c ' | sed 's/-MMD -MP//' |
		xargs -d '\n' -n 1 -P 2 sh -c 2>&1 | grep -E 'warning|error'
}

version_numbers()
{
	sources | grep -v '^src/common/compat.h$' | xargs -r grep -n PG_VERSION_NUM
}

# What a message shows the user is not ours to run.
sql_elsewhere()
{
	sources | grep -v '^src/ledger/' |
		xargs -r grep -niE '(from|into|update|join|only|table)[[:space:]]+migrate\.' |
		grep -vE 'errhint\(|SELECT \* FROM'
}

headless()
{
	local file

	for file in $(sources); do
		head -n 1 "$file" | grep -q '^/\*' || echo "$file: no comment"
		head -n 4 "$file" | grep -qF "$(basename "$file")" || echo "$file: not named"
	done
}

postgres_not_first()
{
	local file

	for file in $(find src -name '*.c' | sort); do
		grep -m1 '^#include' "$file" | grep -q '"postgres.h"' || echo "$file"
	done
}

foreign_symbols()
{
	nm -D --defined-only pg_migrations.so | awk '{print $3}' |
		grep -vE '^(mig_|pg_finfo_|Pg_magic_func$|_PG_init$)'
}

# They are for tests alone.
fault_points()
{
	nm pg_migrations.so | grep mig_fault
	strings -n 4 pg_migrations.so | grep -F pg_migrations.fault
}

# Written in pieces, so that this file does not find itself.
places()
{
	texts | xargs grep -nIE \
		"(^|[^[:alnum:]._-])/wor""k/|deb\.debian\.""org|registry\.npmjs\.""org"
}

blanks()
{
	texts | grep -vE '^\./test/(data|expected)/' | xargs grep -nIE '[[:blank:]]+$|'$'\r'
}

check "compiles without a warning" warnings
check "nor with assertions" warnings_with_assertions
check "PG_VERSION_NUM occurs only in src/common/compat.h" version_numbers
check "SQL against our tables occurs only in src/ledger/" sql_elsewhere
check "every C file begins with a comment that names it" headless
check "postgres.h is first in every .c file" postgres_not_first
check "exported symbols begin with mig_" foreign_symbols
check "no fault point is in it" fault_points
check "no path or host of one machine" places
check "no blanks at ends of lines" blanks
echo "1..$count"
