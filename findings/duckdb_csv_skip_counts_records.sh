#!/usr/bin/env bash
# read_csv's skip counts records, not lines, once a quote is among what is skipped.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: of a header over two lines (a line end within quotes), skip = 2 also skips the first record; the
# documentation calls skip the number of lines at the start of the file.
# Expected: skip = 2 leaves the first record.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

with open('orders.csv', 'w', newline='') as file:
    file.write('id,"name of\nthe customer",city\n1,Ann,Oslo\n2,Bo,Bergen\n')
found = {
    skip: duckdb.sql(
        f"select a from read_csv('orders.csv', skip = {skip}, header = false, auto_detect = false, delim = ',', quote = '\"',"
        " escape = '\"', columns = {'a': 'varchar', 'b': 'varchar', 'c': 'varchar'})"
    ).fetchall()
    for skip in (1, 2)
}
print('the header takes two lines; first column by skip:', found)
assert found == {1: [('1',), ('2',)], 2: [('2',)]}, found
PYTHON
