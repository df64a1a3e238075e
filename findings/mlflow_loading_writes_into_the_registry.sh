#!/usr/bin/env bash
# mlflow.pyfunc.load_model("models:/…") writes a file into the registry's own artifacts, and fails where it must not write.
#
# Version: mlflow-skinny 3.17.2 (Python 3.11).
# Behaviour: where artifacts are a local folder, the model is not copied but read in place, and `registered_model_meta` is written
# beside it: the folder of a version changes when somebody loads it. Where that file cannot be written, loading fails.
# Expected: who only loads only reads; the file belongs into a copy.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow-skinny==3.17.2 alembic==1.20.1 numpy==2.4.6 \
    pandas==3.1.1 sqlalchemy==2.1.9
cd "$folder"
cat > constant.py <<'PY'
class Constant:
    def predict(self, rows):
        return [0.5] * len(rows)


def _load_pyfunc(path):
    return Constant()
PY
export MLFLOW_DISABLE_TELEMETRY=true PYTHONPATH="$folder" PYTHONWARNINGS=ignore
"$folder/venv/bin/python" - <<'PY' 2> log.txt || { cat log.txt; exit 1; }
from pathlib import Path

import mlflow
from mlflow.models import Model

mlflow.set_tracking_uri("sqlite:///registry.db")
client = mlflow.MlflowClient()
artifacts = Path("artifacts").resolve()
run = client.create_run(client.create_experiment("shop", artifacts.as_uri())).info
Path("model").mkdir()
Model(flavors={"python_function": {"loader_module": "constant", "python_version": "3.11.0"}}).save("model/MLmodel")
client.log_artifacts(run.run_id, "model", "model")
client.create_registered_model("constant")
client.create_model_version("constant", f"{run.artifact_uri}/model", run.run_id)
(stored,) = artifacts.glob("*/artifacts/model")
print("before:", sorted(path.name for path in stored.iterdir()))
mlflow.pyfunc.load_model("models:/constant/1")
after = sorted(path.name for path in stored.iterdir())
print("after: ", after)
assert after == ["MLmodel", "registered_model_meta"]
# a name that is taken stands for a folder without the right to write, which root would have all the same
(stored / "registered_model_meta").unlink()
(stored / "registered_model_meta").mkdir()
try:
    mlflow.pyfunc.load_model("models:/constant/1")
except OSError as error:
    print("where it cannot be written:", type(error).__name__)
else:
    raise SystemExit("loading does not write any more")
PY
