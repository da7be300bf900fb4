#!/bin/bash
# tools/pgtap.sh: one pgTAP file in a database of its own, made from $TEMPLATE.
set -eu
database=$(basename "$1" .sql)
createdb -T "$TEMPLATE" "$database"
status=0
psql -X -q -A -t -v ON_ERROR_STOP=1 -P pager=off -d "$database" -f "$1" || status=$?
dropdb -f "$database"
exit $status
