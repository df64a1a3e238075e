#!/usr/bin/env bash
# dbt-spark's seeds on a session: an empty field becomes the text 'None', and an apostrophe ends the statement.
#
# Version: dbt-spark 1.11.0 (dbt-core 1.11.16), method session, on a Connect server: pysail 0.7.2, pyspark-client 4.2.0.
# Behaviour: the session puts the values of a seed into the statement as '{value}', whatever they are. So an empty field
# of a text column is the four letters None, which `is null` does not find; in a column of another type the cast of them
# fails. A value with an apostrophe, which CSV need not escape, makes a statement that does not parse.
# Expected: null, as dbt's documentation of seeds has it and dbt-duckdb does; and the text as it stands in the file.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    dbt-core==1.11.16 dbt-spark==1.11.0 pysail==0.7.2 pyspark-client==4.2.0 'pandas==2.3.3'
cd "$folder"
export DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_PROFILES_DIR="$folder"
port=$("$folder/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/venv/bin/sail" spark server --ip 127.0.0.1 --port "$port" > server.log 2>&1 &
server=$!
export SPARK_REMOTE="sc://127.0.0.1:$port"
mkdir seeds macros
cat > dbt_project.yml <<'YAML'
name: shop
version: "1.0"
profile: shop
flags: {version_check: false}
on-run-end: ["{{ tell_rows() }}"]
seeds:
  shop:
    campaigns:
      +column_types: {campaign: string, outcome: string}
YAML
printf 'shop:\n  target: dev\n  outputs:\n    dev: {type: spark, method: session, host: NA, schema: default, threads: 1}\n' > profiles.yml
# in the same run: pysail's tables end with the session
cat > macros/tell_rows.sql <<'SQL'
{% macro tell_rows() %}
    {% if execute %}
        {% for row in run_query("select campaign, outcome, outcome is null from default.campaigns order by campaign").rows %}
            {% do log("row: " ~ row.values() | join(", "), info=true) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
SQL
printf 'campaign,outcome\nspring,\nsummer,purchase\n' > seeds/campaigns.csv
for try in 1 2 3 4 5; do
    if "$folder/venv/bin/dbt" --no-use-colors seed > seed.txt 2>&1; then break; fi
    if [ "$try" = 5 ]; then tail -n 20 seed.txt server.log; exit 1; fi
    sleep 1
done
grep 'row: ' seed.txt
grep -q 'row: spring, None, False' seed.txt
printf "campaign,outcome\nwinter's offer,purchase\n" > seeds/campaigns.csv
if "$folder/venv/bin/dbt" --no-use-colors seed --full-refresh > apostrophe.txt 2>&1; then exit 1; fi
echo "a seed with an apostrophe: $(grep -ciE 'error' apostrophe.txt) lines of the log speak of an error"
