#!/usr/bin/env bash
# Of the errors that a dbt macro can raise only one is told without the chain of macros that led to it.
#
# Version: dbt-core 1.11.16, dbt-duckdb 1.11.1 (Python 3.11).
# Behaviour: exceptions.raise_compiler_error appends "> in macro …" and "> called by …" for each macro on the way, and
# the same message by exceptions.raise_dependency_error ends with itself. Both fail the model in the same way.
# Expected: one of them to be documented as the one for messages to users.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-duckdb==1.11.1 duckdb==1.5.5
cd "$folder"
export DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_PROFILES_DIR="$folder"
mkdir models macros
cat > dbt_project.yml <<'YAML'
name: shop
version: "1.0"
profile: shop
flags: {version_check: false}
YAML
printf 'shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n' > profiles.yml
cat > macros/stop.sql <<'SQL'
{% macro stop(message) %}
    {% if execute %}
        {% if var('kind') == 'compiler' %}{% do exceptions.raise_compiler_error(message) %}{% endif %}
        {% do exceptions.raise_dependency_error(message) %}
    {% endif %}
{% endmacro %}
{% macro checked() %}{% do stop('as_of must be a date') %}{% endmacro %}
SQL
echo '{% do checked() %} select 1 as one' > models/list.sql
for kind in compiler dependency; do
    "$folder/venv/bin/dbt" --no-use-colors run --vars "{kind: $kind}" > "$kind.txt" 2>&1 && exit 1
    echo "raise_${kind}_error: $(grep -c 'as_of must be a date' "$kind.txt") times told, $(grep -cE '> in macro|> called by' "$kind.txt") lines of macros"
done
grep -q '> in macro' compiler.txt
grep -q 'as_of must be a date' dependency.txt
if grep -qE '> in macro|> called by' dependency.txt; then exit 1; fi
