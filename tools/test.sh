#!/bin/bash
# tools/test.sh: "make test", all tests on a private copy of the server of PG_CONFIG.
#
# PG_CONFIG       the server to copy (default: Debian's 15)
# OLD_PG_CONFIG   one of an older major, to be upgraded from (default: none)
# ONLY            kinds (lint regress isolation pgtap tap) or kind/file, separated by blanks
# CORPORA         which migration sets of other projects (default: all)
# ACCEPT=1        takes the outputs of regress and isolation over as expected ones
#
# Everything that runs a server does so as an unprivileged user, in a temporary
# directory.  The last line is "N passed, N failed".

config=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
. "$(dirname "$0")/lib.sh"
PG_CONFIG=$config

install_for_server
prepare_corpora
make_work
say "$("$PG_CONFIG" --version), in $WORK"
private_server
copy_source "$WORK/source"
give_work
status=0
as_test_user "$WORK/source/tools/suite.sh" "$WORK" || status=$?
if [ -n "${ACCEPT:-}" ]; then
	find "$WORK"/regress/results "$WORK"/isolation/results -name '*.out' \
		-exec cp -v --no-preserve=ownership {} "$TOP/test/expected/" \; 2>/dev/null
fi
if [ -f "$WORK/sum" ]; then
	cat "$WORK/sum"
else
	echo "0 passed, 1 failed"
	status=1
fi
exit $status
