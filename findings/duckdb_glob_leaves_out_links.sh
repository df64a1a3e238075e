#!/usr/bin/env bash
# glob('folder/**') leaves out files that are links.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: a link to a file is found by 'folder/*' and not by 'folder/**': a delivery that is linked into a
# folder of events is silently not read once the pattern covers subfolders.
# Expected: both patterns find it, as in a shell.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os

import duckdb

os.makedirs('events/sub')
open('monday.csv', 'w').write('a\n1\n')
open('events/tuesday.csv', 'w').write('a\n2\n')
os.symlink(os.path.abspath('monday.csv'), 'events/monday.csv')
found = {
    pattern: sorted(row[0] for row in duckdb.sql(f"select file from glob('{pattern}')").fetchall())
    for pattern in ('events/*.csv', 'events/**')
}
print(found)
assert found == {
    'events/*.csv': ['events/monday.csv', 'events/tuesday.csv'],
    'events/**': ['events/tuesday.csv'],
}, found
PYTHON
