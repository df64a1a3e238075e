#!/usr/bin/env bash
# Whether the offset of a time is kept depends on the precision of the type it is cast to.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: a text with an offset cast to TIMESTAMP or TIMESTAMP_MS loses the offset without a word; cast to
# TIMESTAMP_NS the offset is applied. A column that changes its precision moves all of its times.
# Expected: the same moment in every precision, or an error.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

text = '2026-01-01 10:00:00+05'
found = duckdb.execute(
    'select cast($1 as timestamp_ms)::varchar, cast($1 as timestamp)::varchar, cast($1 as timestamp_ns)::varchar', [text]
).fetchone()
print(text, 'in ms, us, ns:', found)
assert found == ('2026-01-01 10:00:00', '2026-01-01 10:00:00', '2026-01-01 05:00:00'), found
PYTHON
