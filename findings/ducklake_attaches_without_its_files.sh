#!/usr/bin/env bash
# A DuckLake catalog is attached to a folder that has none of its files: rows are counted, and inserts are committed.
#
# Version: DuckDB 1.5.5 with duckdb-extension-ducklake 1.5.5 (Python 3.11).
# Behaviour: with another data_path and override_data_path, say that of another lake, attach succeeds, count(*) answers 10 from the
# catalog, and an insert commits into the wrong folder. Only a query that reads the rows fails, because of the first file.
# Expected: attach, or at least a write, looks whether the files are there: now half of the table's rows lie in each folder.
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


def lake(data):
    connection = duckdb.connect()
    connection.execute(f"load '{extension}'")
    connection.execute(
        f"attach 'ducklake:catalog.ducklake' as lake (data_path '{data}/', override_data_path true,"
        " data_inlining_row_limit 0)"
    )
    return connection


with lake("data") as connection:
    connection.execute("create table lake.numbers as select range as i from range(10)")
with lake("of_another_lake") as connection:
    counted = connection.execute("select count(*) from lake.numbers").fetchone()[0]
    connection.execute("insert into lake.numbers values (10)")
    try:
        connection.execute("select sum(i) from lake.numbers").fetchone()
    except duckdb.IOException as error:
        said = str(error)
with lake("data") as connection:
    after = connection.execute("select count(*) from lake.numbers").fetchone()[0]
print(f"counted {counted}, after the insert {after}; reading: {said}")
assert (counted, after) == (10, 11)
assert "No such file or directory" in said
PY
