#!/usr/bin/env bash
# An offset of more than a day is an offset.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: '+25:00' and '+05:75' after a time are accepted by the cast to TIMESTAMPTZ, and '-2500' by strptime's
# %z: a damaged or shifted field becomes a moment that is a day off, instead of an error.
# Expected: an error: no zone is further than 14 hours from UTC, and no hour has 75 minutes.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

duckdb.execute("set TimeZone = 'UTC'")
found = duckdb.sql(
    "select cast('2026-01-02 10:00:00+25:00' as timestamptz)::varchar, cast('2026-01-02 10:00:00+05:75' as timestamptz)::varchar,"
    " try_strptime('2026-01-02 10:00:00 -2500', '%Y-%m-%d %H:%M:%S %z')::varchar"
).fetchone()
print('+25:00, +05:75, -2500:', found)
assert found == ('2026-01-01 09:00:00+00', '2026-01-02 03:45:00+00', '2026-01-03 11:00:00+00'), found
PYTHON
