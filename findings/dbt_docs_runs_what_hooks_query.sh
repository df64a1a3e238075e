#!/usr/bin/env bash
# `dbt compile` and `dbt docs generate` run the statements of run_query in hooks of a run's start and end.
#
# Version: dbt-core 1.11.16, dbt-duckdb 1.11.1 (Python 3.11).
# Behaviour: both commands render on-run-start and on-run-end with execute true, so a macro that inserts by run_query
# inserts there, too. What a hook gives as its SQL is not run. Of on-run-end `results` is undefined then, which a loop
# takes for none.
# Expected: hooks of a run to be run with a run.
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
on-run-end: "{{ note(results) }}"
YAML
printf 'shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n' > profiles.yml
cat > macros/note.sql <<'SQL'
{% macro note(results) %}
    {% set names = [] %}
    {% for result in results %}{% do names.append(result.node.name) %}{% endfor %}
    {% if execute %}{% do run_query("insert into noted values ('by run_query, results: " ~ names | length ~ "')") %}{% endif %}
    insert into noted values ('by its own SQL, results: {{ names | length }}')
{% endmacro %}
SQL
echo 'select 1 as one' > models/list.sql
ask() { "$folder/venv/bin/python" -c "import duckdb, sys; print(*[r[0] for r in duckdb.connect('shop.duckdb').sql(sys.argv[1]).fetchall()], sep='\n')" "$1"; }
"$folder/venv/bin/python" -c "import duckdb; duckdb.connect('shop.duckdb').execute('create table noted (what text)')"
for command in "compile" "docs generate" "run"; do
    # shellcheck disable=SC2086
    "$folder/venv/bin/dbt" --quiet $command > said.txt 2>&1
    echo "dbt $command:"
    ask "select what from noted" | tee "${command%% *}.txt"
    "$folder/venv/bin/python" -c "import duckdb; duckdb.connect('shop.duckdb').execute('delete from noted')"
done
for command in compile docs; do
    grep -q "by run_query, results: 0" "$command.txt"
    if grep -q "by its own SQL" "$command.txt"; then exit 1; fi
done
grep -q "by its own SQL, results: 1" run.txt
