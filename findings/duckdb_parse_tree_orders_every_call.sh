#!/usr/bin/env bash
# DuckDB's parse tree has an ORDER_MODIFIER behind each call of a function, of a query that orders nothing.
#
# Version: DuckDB 1.5.5 (Python 3.11).
# Behaviour: json_serialize_sql gives `select lower(name) from t` one ORDER_MODIFIER, with no orders in it, and
# `select name from t` none. Who asks the tree whether a query sorts by looking for the modifier is told yes for every
# query with a function, as for string_agg(name order by name), whose modifier has orders.
# Expected: null, as for the call's `filter`, which is absent in the same way.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
"$folder/venv/bin/python" - <<'PY'
import json

import duckdb


def found(query):
    """The orders of each ORDER_MODIFIER in the tree, and the filters of its calls."""
    todo, orders, filters = [json.loads(duckdb.execute("select json_serialize_sql(?)", [query]).fetchone()[0])], [], []
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif isinstance(node, dict):
            if node.get("type") == "ORDER_MODIFIER":
                orders.append(len(node["orders"]))
            if node.get("class") == "FUNCTION":
                filters.append(node["filter"])
            todo += node.values()
    return orders, filters


for query in ("select name from t", "select lower(name) from t", "select string_agg(name order by name) from t"):
    print(f"{query}: orders in each modifier {found(query)[0]}, filters of calls {found(query)[1]}")
assert found("select name from t") == ([], [])
assert found("select lower(name) from t") == ([0], [None])
assert found("select string_agg(name order by name) from t") == ([1], [None])
PY
