#!/usr/bin/env bash
# In a dbt Python model dbt.config.get("meta")["key"] has nothing to index: dbt did not see that "meta" was asked for.
#
# Version: dbt-core 1.11.16, dbt-duckdb 1.11.1 (Python 3.11).
# Behaviour: dbt reads a Python model's source and hands over the configuration keys whose dbt.config.get(...) it finds.
# It finds the call that is assigned to a name, and not the one that is indexed at once: config.get gives None then, and
# the model fails with "'NoneType' object is not subscriptable" though the key is configured.
# Expected: the same value in both places.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-duckdb==1.11.1 duckdb==1.5.5 pyarrow
cd "$folder"
export DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_PROFILES_DIR="$folder"
mkdir models
cat > dbt_project.yml <<'YAML'
name: shop
version: "1.0"
profile: shop
flags: {version_check: false}
YAML
printf 'shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n' > profiles.yml
cat > models/models.yml <<'YAML'
version: 2
models:
  - {name: named, config: {meta: {days: 30}}}
  - {name: indexed, config: {meta: {days: 30}}}
YAML
cat > models/named.py <<'PY'
import pyarrow as pa


def model(dbt, session):
    meta = dbt.config.get("meta")
    return pa.table({"days": [meta["days"]]})
PY
cat > models/indexed.py <<'PY'
import pyarrow as pa


def model(dbt, session):
    return pa.table({"days": [dbt.config.get("meta")["days"]]})
PY
for model in named indexed; do
    status=0
    "$folder/venv/bin/dbt" --no-use-colors run --select "$model" > "$model.txt" 2>&1 || status=$?
    echo "$model: exit $status; $(grep -o "'NoneType' object is not subscriptable" "$model.txt" | head -1)"
done
grep -q 'PASS=1' named.txt
grep -q "'NoneType' object is not subscriptable" indexed.txt
