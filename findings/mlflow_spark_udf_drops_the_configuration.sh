#!/usr/bin/env bash
# mlflow.pyfunc.spark_udf(model_config=…) reaches the model on a local master, and not on a cluster.
#
# Version: mlflow-skinny 3.17.2, PySpark 4.2.0 (Python 3.11, Java 17).
# Behaviour: on local[1] the model is loaded with the given configuration; on a standalone master the same call loads it with the
# one that was saved beside it, without an error or a warning. extra_env reaches both. (local-cluster counts as local.)
# Expected: the given configuration on every master, or a refusal.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
running=()
trap 'kill "${running[@]}" 2> /dev/null || true; wait; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9
"$folder/venv/bin/uv" pip install --quiet --python "$folder/venv/bin/python" mlflow-skinny==3.17.2 pyspark==4.2.0 numpy==2.4.6 \
    pandas==2.3.3 pyarrow==25.0.1
cd "$folder"
cat > configured.py <<'PY'
import os


class Configured:
    def __init__(self, config):
        self.said = f"{config['said']}, {os.environ.get('SAID')}"

    def predict(self, rows):
        return [self.said] * len(rows)


def _load_pyfunc(path, config):
    return Configured(config)
PY
cat > ask.py <<'PY'
import sys
from pathlib import Path

import mlflow
from mlflow.models import Model
from pyspark.sql import SparkSession

Path("model").mkdir(exist_ok=True)
flavor = {"loader_module": "configured", "python_version": "3.11.0", "config": {"said": "saved"}}
Model(flavors={"python_function": flavor}).save("model/MLmodel")
spark = SparkSession.builder.master(sys.argv[1]).config("spark.ui.enabled", "false").getOrCreate()
said = mlflow.pyfunc.spark_udf(
    spark, "model", result_type="string", model_config={"said": "given"}, extra_env={"SAID": "environment"}
)
print(spark.range(1).select(said("id")).first()[0])
spark.stop()
PY
export MLFLOW_DISABLE_TELEMETRY=true SPARK_LOCAL_IP=127.0.0.1 PYTHONPATH="$folder" PYSPARK_PYTHON="$folder/venv/bin/python"
port=$(python3 -c 'import socket; free = socket.create_server(("127.0.0.1", 0)); print(free.getsockname()[1])')
master="spark://127.0.0.1:$port"
class="$folder/venv/lib/python3.11/site-packages/pyspark/bin/spark-class"
bash "$class" org.apache.spark.deploy.master.Master --host 127.0.0.1 --port "$port" --webui-port 0 > master.txt 2>&1 &
running+=($!)
SPARK_WORKER_DIR="$folder/work" bash "$class" org.apache.spark.deploy.worker.Worker --cores 1 --memory 1g --webui-port 0 "$master" > worker.txt 2>&1 &
running+=($!)
for where in 'local[1]' "$master"; do
    "$folder/venv/bin/python" ask.py "$where" 2> log.txt > answer.txt || { tail -n 40 log.txt; exit 1; }
    echo "${where%%:*}: $(tail -n 1 answer.txt)" | tee -a answers.txt
done
grep -qF 'local[1]: given, environment' answers.txt
grep -qF 'spark: saved, environment' answers.txt
