#!/bin/bash
# tools/check-asan.sh: "make check-asan", the tests on a PostgreSQL 15 with assertions
# in which AddressSanitizer and UndefinedBehaviorSanitizer watch every access.
#
# What they find ends the process as a failed assertion does.  Leaks are not
# looked for: a backend gives its memory back by ending, and pg_config would fail.

. "$(dirname "$0")/own-server.sh"
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0
export UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1
own_server asan LDFLAGS='-fsanitize=address,undefined' CFLAGS='-Og -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined'
exec "$TOP/tools/test.sh"
