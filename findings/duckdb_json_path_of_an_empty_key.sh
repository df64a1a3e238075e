#!/usr/bin/env bash
# A key that is empty cannot be reached by a JSON path, only by a JSON pointer.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: '{"": 1}' is valid JSON, json_keys names the key, and ->> '$.""' is an error; ->> '/' gives the value.
# Expected: the quoted empty key is a path, as any other quoted key is.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

text = '{"": 1}'
keys = duckdb.execute('select json_keys($1)', [text]).fetchone()
pointer = duckdb.execute("select $1 ->> '/'", [text]).fetchone()
try:
    path = duckdb.execute("select $1 ->> '$.\"\"'", [text]).fetchone()
except duckdb.Error as error:
    path = str(error).split('\n')[0]
print('keys:', keys, 'pointer:', pointer, 'path:', path)
assert keys == ([''],), keys
assert pointer == ('1',), pointer
assert isinstance(path, str) and 'JSON path error' in path, path
PYTHON
