#!/usr/bin/env bash
# A derived column that differs from a source column only in case is read as the source column.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: select *, lower("Email") as email gives two columns; a query around it that names email gets the
# first, unchanged one, without an error or a warning. Exports with capitalised headers (Email, Status) meet it as
# soon as a clean column of the same word is derived beside them.
# Expected: an error that the name is ambiguous, or the column of that very spelling.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

rows = duckdb.sql('''
    select email
    from (select orders.*, lower("Email") as email from (values ('Mia@Example.org')) as orders ("Email")) as cleaned
''').fetchall()
print('lower("Email") as email gives:', rows)
assert rows == [('Mia@Example.org',)], rows
PYTHON
