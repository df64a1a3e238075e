#!/usr/bin/env bash
# A Python function of DuckDB that uses its own connection keeps the database open for as long as the process lives.
#
# Version: duckdb 1.5.5 (Python 3.11).
# Behaviour: a connection that nobody holds any longer closes its file. If a function was made on it by create_function, and the function
# refers to the connection, it does not, also not after a garbage collection: the cycle goes through DuckDB, where Python
# cannot see it. Another configuration for the same file is then refused. dbt-duckdb lets go of its connection in this way at the end of a
# run, so a program that runs dbt twice, with a plugin that has such a function, meets it.
# Expected: that letting go of a connection closes it, or that the docs of create_function say when it does not.
# Remedy: close() the connection.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5 numpy==2.4.6
cd "$folder"
cat > ask.py <<'PY'
import gc

import duckdb


def without_a_function(name):
    duckdb.connect(name).execute("create table orders as select 1 as id")


def with_a_function(name):
    connection = duckdb.connect(name)
    connection.create_function("orders", lambda table: connection.cursor().sql(table).fetchone()[0], ["VARCHAR"], "BIGINT")


def with_a_function_and_closed(name):
    connection = duckdb.connect(name)
    connection.create_function("orders", lambda table: connection.cursor().sql(table).fetchone()[0], ["VARCHAR"], "BIGINT")
    connection.close()


found = []
for use in (without_a_function, with_a_function, with_a_function_and_closed):
    name = f"{use.__name__}.duckdb"
    use(name)
    gc.collect()
    try:
        duckdb.connect(name, config={"preserve_insertion_order": "false"}).close()
        found.append("opened")
    except duckdb.ConnectionException as error:
        found.append(str(error))
    print(f"{use.__name__}: {found[-1]}")
assert found[0] == found[2] == "opened", "the behaviour has changed"
assert "different configuration" in found[1], "the behaviour has changed"
PY
"$folder/venv/bin/python" ask.py
