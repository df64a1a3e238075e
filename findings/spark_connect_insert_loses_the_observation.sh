#!/usr/bin/env bash
# Spark Connect: an Observation is empty after `insert into … select` from a view of the observed rows.
#
# Version: PySpark 4.2.0 with its Connect server (Python 3.11, Java 17), as it comes.
# Behaviour: a DataFrame is observed (count, collect_list) and written. With write.insertInto the Observation has both
# values. Where the same DataFrame is a temporary view and SQL inserts from it, `get` gives an empty dictionary at once,
# though the table has the rows: who counts by it counts nothing, and is told nothing.
# Expected: the values, or an error.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v java > /dev/null || { echo "this needs Java 17"; exit 1; }
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyspark[connect]==4.2.0' 'pandas==2.3.3' pyarrow==26.0.1
cd "$folder"
cat > observed.py <<'PY'
import os

from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as f

spark = SparkSession.builder.remote("local[1]").config("spark.ui.enabled", "false").getOrCreate()
found = {}
for way in ("insertInto", "insert into"):
    name = "written_by_" + way.replace(" ", "_").lower()
    spark.sql(f"create table {name} (id bigint) using parquet")
    seen = Observation()
    odd = f.collect_list(f.when(f.col("id") % 300 == 0, f.col("id")))
    rows = spark.range(1000).observe(seen, f.count(f.lit(1)).alias("rows"), odd.alias("some"))
    if way == "insertInto":
        rows.write.insertInto(name)
    else:
        rows.createOrReplaceTempView("observed")
        spark.sql(f"insert into {name} select id from observed")
    found[way] = (spark.table(name).count(), seen.get)
    print(f"{way}: {found[way][0]} rows are there, observed: {seen.get}", flush=True)
spark.stop()
os._exit(found != {"insertInto": (1000, {"rows": 1000, "some": [0, 300, 600, 900]}), "insert into": (1000, {})})
PY
timeout 200 "$folder/venv/bin/python" -W ignore observed.py 2> /dev/null
