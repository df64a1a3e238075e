#!/usr/bin/env bash
# read_csv loses a character behind a lone carriage return.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: in a file whose lines end in CRLF, strict_mode = false takes a lone carriage return for the
# first half of a line end and skips the next character, whatever it is. No error, nothing in the reject table.
# Expected: the value or the line goes on with that character, or the line is rejected (as with strict_mode = true).
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

with open('lines.txt', 'wb') as file:
    file.write(b'x\r\ny\rz\r\n')
rows = duckdb.sql(
    "select line from read_csv('lines.txt', columns = {'line': 'varchar'}, auto_detect = false, header = false,"
    " delim = '\x01', quote = '', escape = '', strict_mode = false)"
).fetchall()
print('written: x CRLF y CR z CRLF; read:', rows)
assert rows == [('x',), ('y',), (None,)], rows
PYTHON
