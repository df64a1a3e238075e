#!/usr/bin/env bash
# Sail makes another double of a decimal with eighteen digits behind the point than Spark and DuckDB do.
#
# Version: pysail 0.7.2, pyspark-client 4.2.0 (Python 3.11).
# Behaviour: cast(cast(181.4399 as decimal(38, 18)) as double) is 181.43990000000002, the double above the nearest one. With
# four digits behind the point, as decimal(18, 4), it is 181.4399. Spark and DuckDB give that for both.
# Expected: the nearest double, whatever the decimal's scale.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pysail==0.7.2 'pyspark-client==4.2.0' 'pandas<3' pyarrow==26.0.1
cd "$folder"
cat > decimals.py <<'PY'
import os

from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote(f"sc://127.0.0.1:{server.listening_address[1]}").getOrCreate()
found = {}
for type_ in ("decimal(18, 4)", "decimal(38, 18)"):
    found[type_] = spark.sql(f"select cast(cast(181.4399 as {type_}) as double) as found").first().found
    print(f"{type_}: {found[type_]!r}", flush=True)
# the client would say farewell to the server for seconds
os._exit(found != {"decimal(18, 4)": 181.4399, "decimal(38, 18)": 181.43990000000002})
PY
"$folder/venv/bin/python" -W ignore decimals.py 2> /dev/null
