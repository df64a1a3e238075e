#!/usr/bin/env bash
# DuckDB turns a filter for one day of a timestamp into a range of moments, and a filter for several days into none.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: over Parquet, `cast(t as date) = …` and `date_trunc('day', t) = …` reach the scan as `t >= … and t < …`, which row
# groups are skipped by. `cast(t as date)` with `between`, `>=` or `<` reaches it as the cast that it is, and with `in` not at
# all: the scan gives every row. So a report of a day is read fast, and the same report of a week is not.
# Expected: a range of moments for a range of days, too.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json

import duckdb

connection = duckdb.connect()
connection.execute(
    "copy (select timestamp '2024-01-01' + interval (second) second as t, md5(cast(second as varchar)) as wide"
    " from range(864000) as seconds (second)) to 'events.parquet' (format parquet, row_group_size 86400)"
)


def scanned(condition: str) -> tuple[int, str]:
    """Rows that leave the scan, and its filters."""
    query = f"explain (analyze, format json) select max(wide) from 'events.parquet' where {condition}"
    ((_, plan),) = connection.execute(query).fetchall()
    node = json.loads(plan)
    while node["children"]:
        (node,) = node["children"][:1]
    return node["operator_cardinality"], node["extra_info"].get("Filters", "")


day, last = "date '2024-01-03'", "date '2024-01-05'"
for one_day in (f"cast(t as date) = {day}", f"date_trunc('day', t) = {day}"):
    rows, filters = scanned(one_day)
    print(f"{one_day}: {rows:,} rows, {filters}")
    assert rows == 86_400, rows
    assert filters.startswith("t>='2024-01-03 00:00:00'::TIMESTAMP AND t<"), filters
for several in (f"between {day} and {last}", f">= {day}", f"< {day}"):
    rows, filters = scanned(f"cast(t as date) {several}")
    print(f"cast(t as date) {several}: {rows:,} rows, {filters}")
    assert filters.startswith("(CAST(t AS DATE) "), filters
rows, filters = scanned(f"cast(t as date) in ({day}, {last})")
print(f"cast(t as date) in ({day}, {last}): {rows:,} rows, no filter")
assert (rows, filters) == (864_000, ""), (rows, filters)
PY
