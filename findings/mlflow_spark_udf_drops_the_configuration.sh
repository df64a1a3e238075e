#!/usr/bin/env bash
# mlflow.pyfunc.spark_udf(model_config=…) reaches the model on a local master, and not on a cluster.
#
# Version: mlflow-skinny 3.17.2, PySpark 4.2.0 (Python 3.11, Java 17).
# Behaviour: on local[1] the model is loaded with the given configuration; on local-cluster[1,1,1024] the same call loads it with the
# one that was saved beside it, without an error or a warning. extra_env reaches both.
# Expected: the given configuration on every master, or a refusal.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
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
PY
export MLFLOW_DISABLE_TELEMETRY=true SPARK_LOCAL_IP=127.0.0.1 PYTHONPATH="$folder" PYSPARK_PYTHON="$folder/venv/bin/python"
for master in 'local[1]' 'local-cluster[1,1,1024]'; do
    "$folder/venv/bin/python" ask.py "$master" 2> log.txt > answer.txt || { tail -n 40 log.txt; exit 1; }
    echo "$master: $(tail -n 1 answer.txt)" | tee -a answers.txt
done
grep -qF 'local[1]: given, environment' answers.txt
grep -qF 'local-cluster[1,1,1024]: saved, environment' answers.txt
