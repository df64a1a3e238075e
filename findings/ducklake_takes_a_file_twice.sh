#!/usr/bin/env bash
# ducklake_add_data_files takes the same Parquet file twice, and its rows count twice.
#
# Version: DuckDB 1.5.5 with duckdb-extension-ducklake 1.5.5 (Python 3.11).
# Behaviour: a file that is part of a table is registered once more without an error or a warning; count(*) is 20 of 10 rows,
# and two entries of ducklake_list_files name one path.
# Expected: a refusal, since no reader can tell the copies apart: who takes files over must remember which it took.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5 duckdb-extension-ducklake==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from importlib.resources import files

import duckdb

extension = files("duckdb_extension_ducklake") / "extensions" / "v1.5.5" / "ducklake.duckdb_extension"
lake = duckdb.connect()
lake.execute(f"load '{extension}'")
lake.execute("attach 'ducklake:catalog.ducklake' as lake (data_path 'data/', data_inlining_row_limit 0); use lake")
lake.execute("create table numbers (i integer); copy (select range::integer as i from range(10)) to 'numbers.parquet'")
for _ in range(2):
    lake.execute("call ducklake_add_data_files('lake', 'numbers', 'numbers.parquet')")
rows = lake.execute("select count(*) from numbers").fetchone()[0]
paths = lake.execute("select data_file from ducklake_list_files('lake', 'numbers')").fetchall()
print(f"{rows} rows; files: {paths}")
assert rows == 20
assert len(paths) == 2 and len(set(paths)) == 1
PY
