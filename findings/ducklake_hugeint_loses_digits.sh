#!/usr/bin/env bash
# A HUGEINT column of a DuckLake gives other numbers back than were inserted.
#
# Version: DuckDB 1.5.5 with duckdb-extension-ducklake 1.5.5 (Python 3.11).
# Behaviour: DuckLake takes a column of HUGEINT, whose type stays HUGEINT. Its Parquet files hold it as a floating number, so
# that of 1234567890123456789012 the last digits are others when it is read. DECIMAL(38, 0) gives the number back.
# Expected: the number, or a refusal, as DuckLake refuses types that it cannot keep (BIT, ENUM).
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
number = 1234567890123456789012
found = {}
for type_ in ("hugeint", "decimal(38, 0)"):
    lake.execute(f"create or replace table numbers (number {type_})")
    lake.execute(f"insert into numbers values ({number})")
    found[type_] = lake.execute("select cast(number as varchar), typeof(number) from numbers").fetchone()
    print(f"{type_}: inserted {number}, read {found[type_]}")
assert found["hugeint"] == ("1234567890123456774144", "HUGEINT"), found
assert found["decimal(38, 0)"] == (str(number), "DECIMAL(38,0)"), found
PY
