#!/bin/bash
# tools/check-assert.sh: "make check-assert", the tests on a PostgreSQL 15 with assertions.

. "$(dirname "$0")/own-server.sh"
own_server assert CFLAGS='-O1 -g'
exec "$TOP/tools/test.sh"
