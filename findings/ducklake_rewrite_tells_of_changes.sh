#!/usr/bin/env bash
# After a rewrite of files the change feed of a DuckLake tells that kept rows were updated and inserted.
#
# Version: DuckDB 1.5.5 with duckdb-extension-ducklake 1.5.5 (Python 3.11).
# Behaviour: ducklake_rewrite_data_files leaves the rows that are not deleted as they are, with their row ids. For its snapshot
# ducklake_table_changes gives each of them as an update (before and after image), and ducklake_table_insertions gives it
# as inserted. ducklake_merge_adjacent_files, which moves rows into other files as well, is silent.
# Expected: nothing, since no row has changed: who copies what is new by the feed copies the table again.
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
lake.execute("create table numbers as select range as i from range(100); delete from numbers where i < 60")
before = lake.execute("select i, rowid from numbers order by i").fetchall()
snapshot = lake.execute("from lake.current_snapshot()").fetchone()[0] + 1
lake.execute("call ducklake_rewrite_data_files('lake', 'numbers', delete_threshold => 0)")
assert lake.execute("select i, rowid from numbers order by i").fetchall() == before
feed = f"('lake', 'main', 'numbers', {snapshot}, {snapshot})"
changes = lake.execute(
    f"select change_type, count(*) from ducklake_table_changes{feed} group by all order by all"
).fetchall()
inserted = lake.execute(f"select count(*) from ducklake_table_insertions{feed}").fetchone()[0]
print(f"rows and row ids are as before; the feed of the rewrite: {changes}, insertions: {inserted}")
assert changes == [("update_postimage", 40), ("update_preimage", 40)]
assert inserted == 40
PY
