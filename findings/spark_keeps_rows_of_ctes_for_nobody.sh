#!/usr/bin/env bash
# Spark: rows that were persisted are computed again where their query has a CTE and the query that reads them has one, too.
#
# Version: PySpark 4.2.0 (Python 3.11, Java 17), as it comes.
# Behaviour: a query with a CTE that is read twice is persisted, counted, and made a temporary view. `select * from view`
# reads the kept rows. A query with a CTE of its own, read twice, that joins the view computes all of it again: its plan has
# no InMemoryTableScan. The same rows from a query without a CTE are read as kept in both.
# Expected: kept rows are read wherever the view is.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v java > /dev/null || { echo "this needs Java 17"; exit 1; }
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyspark==4.2.0
cd "$folder"
cat > kept.py <<'PY'
import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
spark.range(100).createOrReplaceTempView("numbers")


def keep(name: str, query: str) -> None:
    rows = spark.sql(query).persist()
    rows.count()
    rows.createOrReplaceTempView(name)


def reads_kept(query: str) -> bool:
    return "InMemoryTableScan" in spark.sql(query)._jdf.queryExecution().executedPlan().toString()


groups = "select id % 10 as k, count(*) as n from numbers group by id % 10"
keep("plain", f"select x.k, x.n + y.n as n from ({groups}) as x join ({groups}) as y on x.k = y.k")
keep("with_cte", f"with found as ({groups}) select x.k, x.n + y.n as n from found as x join found as y on x.k = y.k")
found = {}
for name in ("plain", "with_cte"):
    alone = reads_kept(f"select * from {name}")
    beside = reads_kept(
        f"with other as (select id from numbers where id < 5) select {name}.* from {name}"
        f" join other as one on one.id = k join other as two on two.id = k"
    )
    found[name] = (alone, beside)
    print(f"{name}: kept rows are read alone {alone}, beside a CTE {beside}", flush=True)
sys.exit(found != {"plain": (True, True), "with_cte": (True, False)})
PY
"$folder/venv/bin/python" -W ignore kept.py 2> /dev/null
