#!/bin/sh
# Checks what is in ops/prometheus by promtool: the alert rules, what fires when, and the settings of
# Prometheus. Where promtool can't be had this says so and passes.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)
cd "$scripts/../ops"
if ! bin=$("$scripts/prometheus.sh"); then
  echo 'check-ops: skipped what needs promtool' >&2
  exit 0
fi
"$bin/promtool" check rules prometheus/alerts.yml
"$bin/promtool" check config prometheus/prometheus.yml
"$bin/promtool" test rules prometheus/alerts-test.yml
