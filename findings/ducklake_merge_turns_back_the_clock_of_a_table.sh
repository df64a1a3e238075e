#!/usr/bin/env bash
# After files of a DuckLake table are merged, its live file begins at the snapshot of the oldest one: the table looks as old as it was then.
#
# Version: DuckDB 1.5.5 with duckdb-extension-ducklake 1.5.5 (Python 3.11).
# Behaviour: after three inserts the newest live file of ducklake_data_file has begin_snapshot 4. merge_adjacent_files leaves one live file
# with begin_snapshot 2, of which partial_max says 4, and no row with end_snapshot: max(greatest(begin_snapshot, end_snapshot)) goes back
# from 4 to 2, to what it was after the first insert, when the table had a third of its rows.
# Expected: who asks the catalog whether a table has changed since (a cache, a test that passed) by its highest snapshot is not told that it
# is as it was before. The ids of its live files do tell: they are never used again.
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
connection = duckdb.connect()
connection.execute(f"load '{extension}'")
connection.execute("attach 'ducklake:catalog.ducklake' as lake (data_path 'data/', data_inlining_row_limit 0)")
connection.execute("create table lake.numbers (i integer)")


def told():
    return connection.execute(
        "select max(greatest(begin_snapshot, coalesce(end_snapshot, 0))), max(partial_max),"
        " (select count(*) from lake.numbers) from __ducklake_metadata_lake.ducklake_data_file"
    ).fetchone()


seen = []
for number in range(3):
    connection.execute("insert into lake.numbers values (?)", [number])
    seen.append(told())
connection.execute("call ducklake_merge_adjacent_files('lake')")
seen.append(told())
print("highest snapshot, partial_max, rows:", seen)
assert [one[0] for one in seen] == [2, 3, 4, 2]
assert seen[-1][1:] == (4, 3)
PY
