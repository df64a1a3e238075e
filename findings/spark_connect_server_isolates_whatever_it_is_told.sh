#!/usr/bin/env bash
# Spark's Connect server is given spark.sql.artifact.isolation.enabled=false, and each session reads true, without a word in its log.
#
# Version: PySpark 4.2.0 with its Connect server (Python 3.11, Java 17), as it comes.
# Behaviour: the class that start-connect-server.sh starts sets the two settings of isolation itself, over what --conf says. Where a Spark
# application starts the same service as a plugin, sessions read false, as it is without a setting. A client may set it to false, and
# reads false from then on.
# Expected: the setting holds, or the log says that it does not. Who measures what isolation costs by this switch measures twice the same.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; rm -rf "$folder"' EXIT
command -v java > /dev/null || { echo "this needs Java 17"; exit 1; }
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyspark[connect]==4.2.0' 'pandas==2.3.3' pyarrow==26.0.1
cd "$folder"
export PYSPARK_PYTHON="$folder/venv/bin/python" SPARK_LOCAL_IP=127.0.0.1
home=$("$folder/venv/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
cat > session.py <<'PY'
import os
import sys
import time

from pyspark.sql import SparkSession

name = "spark.sql.artifact.isolation.enabled"
deadline = time.monotonic() + 120
while True:
    try:
        spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
        break
    except Exception:
        if time.monotonic() > deadline:
            raise
        time.sleep(1)
found = [spark.conf.get(name)]
if "client" in sys.argv:
    spark.conf.set(name, "false")
    found.append(spark.conf.get(name))

print(*found, flush=True)
spark.stop()
os._exit(0)
PY
cat > plugin.py <<'PY'
import sys

from pyspark.sql import SparkSession

settings = {
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.connect.grpc.binding.port": sys.argv[1],
    "spark.ui.enabled": "false",
}
builder = SparkSession.builder.master("local[1]")
for key, value in settings.items():
    builder = builder.config(key, value)
builder.getOrCreate()
sys.stdin.read()
PY
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
sessions() { for how in "$@"; do timeout 200 venv/bin/python -W ignore session.py "sc://127.0.0.1:$port" "$how" 2> /dev/null; done; }

port=$(free_port)
"$home/bin/spark-submit" --master 'local[1]' --class org.apache.spark.sql.connect.service.SparkConnectServer \
    --conf spark.sql.artifact.isolation.enabled=false --conf spark.sql.artifact.isolation.alwaysApplyClassloader=false \
    --conf "spark.connect.grpc.binding.port=$port" --conf spark.ui.enabled=false spark-internal > server.log 2>&1 &
server=$!
sessions server client > of_server
kill "$server"; wait "$server" 2> /dev/null || true
port=$(free_port)
mkfifo hold
env -u SPARK_HOME venv/bin/python -W ignore plugin.py "$port" < hold > plugin.log 2>&1 &
server=$!
exec 3> hold
sessions server > of_plugin
exec 3>&-
wait "$server" 2> /dev/null || true
server=
echo "server, told false: isolation, (as the client sets it)"; cat of_server
echo "of its log: $(grep -ci 'artifact.isolation' server.log || true) lines name it"
echo "plugin:"; cat of_plugin
[ "$(cat of_server)" = "$(printf 'true\ntrue false')" ] && [ "$(cat of_plugin)" = false ] && ! grep -qi 'artifact.isolation' server.log
