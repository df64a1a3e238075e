#!/usr/bin/env bash
# strptime's %Y takes a year of two digits, so a list of formats must begin with %y.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: '03/04/26' read by '%m/%d/%Y' is the year 26, and by ['%m/%d/%Y', '%m/%d/%y'], too: the second
# format is never tried. %y refuses '2026', so the other order reads both. An export that mixes both forms (Etsy's
# Sale Date and Date Paid do) ends up two thousand years apart.
# Expected: %Y wants four digits, as in Python's strptime.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import datetime as dt

import duckdb

query = "select try_strptime(text, $formats)::varchar from (values ('03/04/26'), ('03/04/2026')) as dates (text)"
long_first = duckdb.execute(query, {'formats': ['%m/%d/%Y', '%m/%d/%y']}).fetchall()
short_first = duckdb.execute(query, {'formats': ['%m/%d/%y', '%m/%d/%Y']}).fetchall()
print('%Y first:', long_first)
print('%y first:', short_first)
assert long_first == [('0026-03-04 00:00:00',), ('2026-03-04 00:00:00',)], long_first
assert short_first == [('2026-03-04 00:00:00',), ('2026-03-04 00:00:00',)], short_first
try:
    dt.datetime.strptime('03/04/26', '%m/%d/%Y')
except ValueError as error:
    print('Python:', error)
else:
    raise SystemExit('Python reads it now')
PYTHON
