#!/bin/bash
# tools/test-all.sh: "make test-all", the tests on every supported major that Debian has.

. "$(dirname "$0")/lib.sh"
need_root "it makes chroots"
tally "PostgreSQL 15" "$TOP/tools/test.sh"
tally "PostgreSQL 17" "$TOP/tools/test-chroot.sh" 17
tally "PostgreSQL 18" "$TOP/tools/test-chroot.sh" 18
tally_end
