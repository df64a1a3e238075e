#!/usr/bin/env bash
# A view of Spark whose column has a comment of 257 characters takes twenty seconds longer than one with 256.
#
# Version: PySpark 4.2.0 with its own Hive metastore on Derby (Java 17).
# Behaviour: the metastore's schema has 256 characters for the comment of a view's column. What is longer fails there, and is
# tried again every two seconds, ten times, before Spark stores the view in a form of its own and reports success. Nothing is
# logged above INFO. (A table of Delta has the same comment at once, since it stands in Delta's own schema.) While it waits
# the session's catalog answers no other statement, so that with several threads dbt's other nodes stand still, too.
# Expected: a refusal that says so, or the second form at once.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9
"$folder/venv/bin/uv" pip install --quiet --python "$folder/venv/bin/python" pyspark==4.2.0
cd "$folder"
cat > view.py <<'PY'
import time

from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.ui.enabled", "false")
    .enableHiveSupport()
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
seconds = {}
# the first is for what Spark and the metastore do once
for length in (1, 256, 257):
    started = time.perf_counter()
    spark.sql(f"create or replace view shown_{length} (one comment '{'x' * length}') as select 1 as one")
    seconds[length] = time.perf_counter() - started
    kept = spark.sql(f"describe shown_{length}").first().comment
    print(f"a comment of {length}: {seconds[length]:.0f} s, {len(kept)} characters kept")
    assert len(kept) == length
assert seconds[257] - seconds[256] > 10
PY
"$folder/venv/bin/python" view.py 2> /dev/null
