#!/bin/sh
# Shows the metrics of a state folder in a Prometheus of this machine, on loopback, until it is stopped with Ctrl-C:
#     sh ops/try_it.sh [FOLDER]
# It needs Debian's packages prometheus and prometheus-node-exporter. Nothing of it stays but the metrics' file.
set -eu
ops=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$(mktemp -d)}
mkdir -p "$folder/textfiles"
likely-buyers metrics --out "$folder/textfiles/likely_buyers.prom"
prometheus-node-exporter --collector.disable-defaults --collector.textfile \
    --collector.textfile.directory="$folder/textfiles" --web.listen-address=127.0.0.1:9100 > "$folder/node_exporter.log" 2>&1 &
exporter=$! prometheus=
trap 'kill $exporter $prometheus 2> /dev/null || true' EXIT
trap 'exit 0' INT TERM
# `likely-buyers serve` in another terminal is scraped, too; without it the alert that it is down is right
echo "Prometheus: http://127.0.0.1:9090/graph?g0.expr=likely_buyers_scores and http://127.0.0.1:9090/alerts (log: $folder/prometheus.log)"
prometheus --config.file="$ops/prometheus/prometheus.yml" --storage.tsdb.path="$folder/data" \
    --web.listen-address=127.0.0.1:9090 > "$folder/prometheus.log" 2>&1 &
prometheus=$!
# a signal is answered while the shell waits, not while a command of its own runs
wait $prometheus
