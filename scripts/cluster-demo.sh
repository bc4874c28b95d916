#!/usr/bin/env bash
# A whole installation on the loopback, without Docker: cluster-demo.sh PROGRAM [ORDERS]
#
# Three brokers, a schema registry, two instances of PROGRAM, which is high-value-orders, and Prometheus, which reads both
# and has the alerts of ops/. ORDERS synthetic orders (600,000) are written first, and the lag is shown as Prometheus knows it
# until it is gone. Everything is stopped at the end and its data removed, also if this is interrupted.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${1:?usage: cluster-demo.sh PROGRAM [ORDERS]}
orders=${2:-600000}

# Longest wait for a step, or for the next record to be processed, in seconds.
patience=300
processes=()
work=$(mktemp -d "${TMPDIR:-/tmp}/cluster-demo.XXXXXX")

say() {
  printf '%s\n' "$*"
}

fail() {
  printf 'cluster-demo: %s\n' "$*" >&2
  exit 1
}

stop_all() {
  local status=$?
  trap '' INT TERM
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  # Instances commit and leave; Prometheus writes what it has.
  for process in "${processes[@]}"; do wait "$process" 2>/dev/null || true; done
  "$scripts/registry.sh" stop --dir "$work/registry" >/dev/null 2>&1 || true
  "$scripts/kafka.sh" stop --kill --dir "$work/kafka" >/dev/null 2>&1 || true
  rm -rf "$work"
  say "everything is stopped"
  exit "$status"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# The address at which an instance says that it serves metrics.
address_of() {
  local deadline=$((SECONDS + patience)) found
  while :; do
    found=$(sed -n 's|.*metrics are served at http://\([0-9.:]*\)/metrics.*|\1|p' "$work/$1.log")
    [ -z "$found" ] || break
    kill -0 "${processes[-1]}" 2>/dev/null || fail "instance $1 ended: $(tail -n 3 "$work/$1.log")"
    [ $SECONDS -lt $deadline ] || fail "instance $1 serves no metrics: $(tail -n 3 "$work/$1.log")"
    sleep 0.2
  done
  echo "$found"
}

start_instance() {
  # Results are not the point here: a stopped instance has written its summary to the log.
  RUST_LOG=info NO_COLOR=1 "$program" run --bootstrap-server "$servers" --store memory --threads 2 \
    --config metrics.listen=127.0.0.1:0 --config commit.interval.ms=1000 --config replication.factor=-1 \
    >"$work/$1.log" 2>&1 &
  processes+=($!)
}

# A number as Prometheus knows it now, or nothing.
ask() {
  "$bin/promtool" query instant "http://$prometheus" "$1" 2>/dev/null | sed -n 's/.*=> \([0-9.e+-]*\) @.*/\1/p' | head -n 1 ||
    true
}

start_prometheus() {
  cat >"$work/prometheus.yml" <<END
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: ["$scripts/../ops/prometheus/alerts.yml"]
scrape_configs:
  - job_name: kafka-streams
    static_configs:
      - targets: ["$1", "$2"]
END
  "$bin/prometheus" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/prometheus" \
    --web.listen-address="$prometheus" --log.level=warn >"$work/prometheus.log" 2>&1 &
  processes+=($!)
  local deadline=$((SECONDS + 60))
  until [ -n "$(ask 'vector(1)')" ]; do
    kill -0 "${processes[-1]}" 2>/dev/null || fail "Prometheus ended: $(tail -n 3 "$work/prometheus.log")"
    [ $SECONDS -lt $deadline ] || fail "Prometheus does not answer: $(tail -n 3 "$work/prometheus.log")"
    sleep 0.2
  done
}

# A port below those that systems take for outgoing connections.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# Shows the lag each second until nothing is left of it.
show_lag() {
  local deadline=$((SECONDS + patience)) lag rate processed before=0 most=0 none=0 bar
  say "records that are not processed, and processed per second, as Prometheus knows them:"
  while [ $none -lt 3 ]; do
    [ $SECONDS -lt $deadline ] || fail "nothing more was processed for $patience seconds, and the lag is $lag"
    lag=$(ask 'sum(kafka_consumer_consumer_fetch_manager_metrics_records_lag)')
    processed=$(ask 'sum(kafka_streams_stream_thread_metrics_process_total)')
    rate=$(ask 'sum(rate(kafka_streams_stream_thread_metrics_process_total[10s]))')
    lag=${lag:-0} processed=${processed:-0} rate=${rate:-0}
    lag=$(printf '%.0f' "$lag") processed=$(printf '%.0f' "$processed")
    [ "$lag" -le "$most" ] || most=$lag
    [ "$processed" -le "$before" ] || before=$processed deadline=$((SECONDS + patience))
    bar=$((most > 0 ? lag * 50 / most : 0))
    printf '%10d  %8.0f/s  %s\n' "$lag" "$rate" "$(printf '%*s' "$bar" '' | tr ' ' '#')"
    # Nothing may be known yet: then nothing is processed either.
    if [ "$lag" = 0 ] && [ "$processed" -gt 0 ]; then none=$((none + 1)); else none=0; fi
    sleep 1
  done
}

bin=$("$scripts/prometheus.sh")
"$scripts/kafka.sh" start --dir "$work/kafka" --nodes 3 --port 0 --follow $$
eval "$("$scripts/kafka.sh" env --dir "$work/kafka")"
servers=$KAFKA_STREAMS_TEST_BOOTSTRAP
"$scripts/registry.sh" start --dir "$work/registry" --port 0 --follow $$
say "brokers: $servers"
say "$("$scripts/registry.sh" env --dir "$work/registry" | sed 's/^export //')"
"$program" feed --bootstrap-server "$servers" --generate "$orders"
start_instance one
first=$(address_of one)
start_instance two
second=$(address_of two)
prometheus=127.0.0.1:$(free_port)
start_prometheus "$first" "$second"
say "metrics: http://$first/metrics, http://$second/metrics; Prometheus: http://$prometheus"
show_lag
say "state of the instances, 2 is RUNNING: $(ask 'min(kafka_streams_stream_metrics_client_state)') at least; alerts that fire: $(ask 'count(ALERTS{alertstate="firing"}) or vector(0)')"
"$program" verify --bootstrap-server "$servers"
