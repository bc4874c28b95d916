#!/usr/bin/env bash
# Runs a command beside an Apache Kafka of its own, which the tests then use: with-kafka.sh COMMAND [ARGUMENT …]
#
# The broker is of the version KAFKA_VERSION, or the newest. It listens on free ports of the loopback, with TLS and SASL
# too where its version can be given users from the start, and is gone with its data afterwards, also
# if the command or this script is killed. Exits as the command does.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The Java side of the tests is compiled.
"$scripts/kafka-java.sh" --jdk
work=$(mktemp -d "${TMPDIR:-/tmp}/with-kafka.XXXXXX")
trap '"$scripts/kafka.sh" stop --kill --dir "$work" || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# Records of tests have times of their own, often long ago: the broker must not delete them for their age.
printf '%s=86400000\n' log.initial.task.delay.ms log.retention.check.interval.ms >"$work/extra.properties"
secure=--secure
case "${KAFKA_VERSION:-}" in
  3.[34].*) secure= ;;
esac
# shellcheck disable=SC2086
"$scripts/kafka.sh" start --dir "$work" --port 0 $secure --follow $$
eval "$("$scripts/kafka.sh" env --dir "$work")"
"$@"
