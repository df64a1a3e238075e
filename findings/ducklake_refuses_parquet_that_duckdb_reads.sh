#!/usr/bin/env bash
# A DuckLake refuses to take over Parquet files that DuckDB reads: with floats of 16 bits, or times of milliseconds.
#
# Version: DuckDB 1.5.5 with duckdb-extension-ducklake 1.5.5 (Python 3.11), file by PyArrow 26.0.1.
# Behaviour: read_parquet gives such columns as FLOAT and TIME. ducklake_add_data_files compares the file's own schema with a table
# of just these types, and raises an error, so what is exported by Arrow has to be written anew.
# Expected: what read_parquet casts is cast where a lake reads it, too.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5 duckdb-extension-ducklake==1.5.5 \
    pyarrow==26.0.1
cd "$folder"
cat > told.py <<'PY'
from importlib.resources import files

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

extension = files("duckdb_extension_ducklake") / "extensions" / "v1.5.5" / "ducklake.duckdb_extension"
lake = duckdb.connect()
lake.execute(f"load '{extension}'")
lake.execute("attach 'ducklake:catalog.ducklake' as lake (data_path 'data/', data_inlining_row_limit 0)")
said = []
for type_, value in ((pa.float32(), 0.5), (pa.float16(), 0.5), (pa.time32("ms"), 1)):
    pq.write_table(pa.table({"a": pa.array([value], type_)}), "a.parquet")
    read = lake.execute("describe from 'a.parquet'").fetchall()[0][1]
    lake.execute(f"create or replace table lake.told (a {read})")
    try:
        lake.execute("call ducklake_add_data_files('lake', 'told', 'a.parquet')")
        said.append("taken")
    except duckdb.Error as error:
        said.append(type(error).__name__)
    print(f"{type_}, read as {read}: {said[-1]}")
assert said == ["taken", "InvalidInputException", "InvalidInputException"], said
PY
"$folder/venv/bin/python" told.py
