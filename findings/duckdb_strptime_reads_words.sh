#!/usr/bin/env bash
# strptime gives a date for some words, whatever the format is.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: 'epoch' fits every format and is the first day of 1900; 'infinity' likewise. A column in which a
# system writes such a word for 'never' gets dates that nobody wrote.
# Expected: null from try_strptime, as for any other text that does not fit the format.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

found = duckdb.sql(
    "select try_strptime('epoch', '%Y')::varchar, try_strptime('infinity', '%d/%m/%Y')::varchar, try_strptime('never', '%Y')"
).fetchone()
print('epoch, infinity, never:', found)
assert found == ('1900-01-01 00:00:00', '1900-01-01 00:00:00', None), found
PYTHON
