#!/usr/bin/env bash
# ducklake_table_changes reads what was inserted and what was deleted twice each; the two functions that it is made of read them once.
#
# Version: DuckDB 1.5.5 with duckdb-extension-ducklake 1.5.5 (Python 3.11).
# Behaviour: to say update instead of insert and delete, ducklake_table_changes joins each side with the other by row id, so its plan scans four
# times, also where only names of users are asked for. ducklake_table_insertions and ducklake_table_deletions, put together, give the same
# rows with two scans. Of a large file with few deleted rows a scan of deletions reads the file: at 20 million rows, 2,000 of them deleted,
# changes took 0.55 s, the other two together 0.35 s.
# Expected: who only needs the net change (does a row of before and one of after differ?) finds the documented function the cheap one.
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
connection.execute("create table lake.days as select i as user_id, 1 as visits from range(100000) as t(i)")
((before,),) = connection.execute("select max(snapshot_id) from ducklake_snapshots('lake')").fetchall()
connection.execute("update lake.days set visits = 2 where user_id in (3, 70000)")
((after,),) = connection.execute("select max(snapshot_id) from ducklake_snapshots('lake')").fetchall()


def of(function):
    return f"ducklake_table_{function}('lake', 'main', 'days', {before + 1}, {after})"


queries = {
    "changes": "select user_id, visits, case when change_type in ('insert', 'update_postimage') then 1 else -1 end as sign"
    f" from {of('changes')}",
    "insertions and deletions": f"select user_id, visits, 1 as sign from {of('insertions')}"
    f" union all select user_id, visits, -1 as sign from {of('deletions')}",
}
rows, scans = {}, {}
for name, query in queries.items():
    rows[name] = sorted(connection.execute(query).fetchall())
    scans[name] = connection.execute(f"explain {query}").fetchall()[0][1].count("DUCKLAKE_SCAN")
    print(f"{name}: {scans[name]} scans, {rows[name]}")
assert rows["changes"] == rows["insertions and deletions"] == [(3, 1, -1), (3, 2, 1), (70000, 1, -1), (70000, 2, 1)]
assert list(scans.values()) == [4, 2]
PY
