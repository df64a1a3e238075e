#!/usr/bin/env bash
# A line end of the other kind within quotes costs valid records.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: without new_line, read_csv takes the first carriage return that it meets for the file's line end,
# also one in a quoted value: a file of LF with CRLF in its first note loses both records, one of them without a word
# (one row in the reject table). With new_line = '\\n' both are read.
# Expected: the two records, as Python's csv reads them.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import csv

import duckdb

with open('notes.csv', 'wb') as file:
    file.write(b'0,,,"\r\n"\n1,,,\n')
options = (
    "auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', store_rejects = true,"
    " columns = {'a': 'varchar', 'b': 'varchar', 'c': 'varchar', 'd': 'varchar'}"
)
guessed = duckdb.sql(f"select a, d from read_csv('notes.csv', {options})").fetchall()
told = duckdb.sql(f"select a, d from read_csv('notes.csv', {options}, new_line = '\\n')").fetchall()
with open('notes.csv', newline='') as file:
    python = [(row[0], row[3] or None) for row in csv.reader(file)]
print('new_line guessed:', guessed)
print('new_line told:   ', told)
print('Python:          ', python)
assert guessed == [], guessed
assert told == python == [('0', '\r\n'), ('1', None)], told
PYTHON
