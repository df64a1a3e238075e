#!/usr/bin/env bash
# DuckDB's Python package imports pandas and pyarrow for the first query that has a parameter, of whatever type.
#
# Version: duckdb 1.5.5 (Python 3.11), beside pandas 2.3.3 and pyarrow 22.0.0.
# Behaviour: a connection and a query without parameters import neither. The first `execute` with a parameter, here a text, imports both,
# once a process. It took 0.25 s of the processor, where the query itself takes 0.0002: most of what a small command does.
# Expected: that a text is bound without looking at libraries it is not of.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5 pandas==2.3.3 numpy==2.4.6 pyarrow==22.0.0
cd "$folder"
cat > ask.py <<'PY'
import sys

import duckdb

LIBRARIES = ("pandas", "pyarrow")


def imported():
    return [name for name in LIBRARIES if name in sys.modules]


connection = duckdb.connect()
assert connection.execute("select 'shop'").fetchall() == [("shop",)]
without = imported()
assert connection.execute("select ?", ["shop"]).fetchall() == [("shop",)]
with_one = imported()
print("imported without a parameter:", without, "and with one:", with_one)
assert (without, with_one) == ([], ["pandas", "pyarrow"]), "the behaviour has changed"
PY
"$folder/venv/bin/python" ask.py
