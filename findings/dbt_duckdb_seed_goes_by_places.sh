#!/usr/bin/env bash
# dbt seed of a CSV file whose columns moved mixes the columns up, and says nothing: the second time dbt-duckdb goes by places.
#
# Version: dbt-core 1.11.16, dbt-duckdb 1.11.1, duckdb 1.5.5 (Python 3.11).
# Behaviour: the first dbt seed makes the table with the columns of the file. Later ones empty it and COPY the file into it
# with HEADER, which DuckDB skips and does not compare: values go into the column at their place. With `fast: false` in the
# seed's configuration dbt-duckdb inserts by names, and the same file is read right.
# Expected: columns by their names, as dbt-core's own way of loading seeds has it.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-duckdb==1.11.1 duckdb==1.5.5
cd "$folder"
export DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_PROFILES_DIR="$folder"
mkdir seeds
cat > dbt_project.yml <<'YAML'
name: shop
version: "1.0"
profile: shop
flags: {version_check: false}
seeds:
  shop:
    by_names: {+fast: false}
YAML
printf 'shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n' > profiles.yml
write() { for seed in as_shipped by_names; do printf "$1" > "seeds/$seed.csv"; done; }
seed() {
    "$folder/venv/bin/dbt" --quiet seed
    for seed in as_shipped by_names; do
        "$folder/venv/bin/python" -c "import duckdb; print(duckdb.connect('shop.duckdb').sql('select source, target from $seed').fetchall())" \
            | tee "$seed.txt" | sed "s/^/$1, $seed: /"
    done
}
write 'source,target\nadd to cart,cart\n'
seed "first order"
write 'target,source\ncart,add to cart\n'
seed "columns moved"
grep -qF "[('cart', 'add to cart')]" as_shipped.txt
grep -qF "[('add to cart', 'cart')]" by_names.txt
