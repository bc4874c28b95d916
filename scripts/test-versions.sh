#!/usr/bin/env bash
# Checks the clients' contract and the orders application, exactly once with a kill, on each of several versions of Apache
# Kafka: test-versions.sh PROGRAM [VERSION …]
#
# PROGRAM is high-value-orders; stores are in memory. Each version has a broker of its own, which is gone afterwards.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${1:?usage: test-versions.sh PROGRAM [VERSION …]}
shift
[ $# -gt 0 ] || set -- 3.3.1 3.7.2 3.9.1 4.0.0 4.3.1

failed=
for version in "$@"; do
  export KAFKA_VERSION=$version
  "$scripts/stage.sh" "orders on Kafka $version" "$scripts/with-kafka.sh" "$scripts/check-kill.sh" "$program" || failed="$failed $version"
  "$scripts/stage.sh" "contract on Kafka $version" "$scripts/with-kafka.sh" \
    cargo test -q -p tests --no-default-features --features rdkafka --test contract || failed="$failed $version"
done
[ -z "$failed" ] || { printf 'test-versions: failed on%s\n' "$failed" >&2 && exit 1; }
