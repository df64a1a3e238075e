#!/usr/bin/env bash
# British Summer Time in a text is read as Bangladesh's time.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: casting '… BST' to TIMESTAMPTZ takes ICU's legacy three-letter name and is seven hours off from
# what a British shop's export means; there is no error for a name that means two things.
# Expected: an error, or 09:00 UTC.
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
found = duckdb.sql("select cast('2026-07-01 10:00:00 BST' as timestamptz)::varchar").fetchone()
print('10:00 BST is', found)
assert found == ('2026-07-01 04:00:00+00',), found
PYTHON
