#!/usr/bin/env bash
# Measures this library beside Java's Kafka Streams on one broker: bench-kafka.sh [--small] [--store rocksdb|memory] [OPTION …]
#
# Java's side is built by Maven, ours in the release profile; with --small, which is for correctness and not for speed, in
# the dev profile. --store memory builds without RocksDB and keeps all stores in memory, Java's too. Other options go to the
# harness: kafka-bench --help. Results lie in the directory that its last line names.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sources=$scripts/../bench/java
java=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-streams/bench-java
target=${CARGO_TARGET_DIR:-$scripts/../target}

small=
store=rocksdb
options=()
while [ $# -gt 0 ]; do
  case "$1" in
    --small) small=yes && options+=("$1") ;;
    --store) store=${2:?--store needs a value} && shift ;;
    *) options+=("$1") ;;
  esac
  shift
done
options+=(--store "$store")

build_java() {
  mkdir -p "$java"
  if [ -e "$java/built" ] && [ -z "$(find "$sources" "$sources/../../tests/interop/src" -type f -newer "$java/built" -print -quit)" ]; then
    return
  fi
  "$scripts/kafka-java.sh" --jdk
  echo "bench: building the Java side" >&2
  # What was fetched once is enough afterwards, without asking Maven Central.
  mvn -q -B -o -f "$sources/pom.xml" -Dbench.build="$java" package >"$java/offline.log" 2>&1 ||
    mvn -q -B -f "$sources/pom.xml" -Dbench.build="$java" package >&2
  touch "$java/built"
}

# The dev profile is built with the whole workspace, so that RocksDB is compiled once.
build_rust() {
  local what=(-p bench) profile=() cargo=$scripts/cargo.sh
  [ "$store" = memory ] && what+=(--no-default-features --features rdkafka) && cargo=cargo
  if [ -z "$small" ]; then
    profile=(--release)
  elif [ "$store" = rocksdb ]; then
    what=(--workspace)
  fi
  "$cargo" build -q "${profile[@]}" "${what[@]}" --bins >&2
}

case "$store" in
  rocksdb | memory) ;;
  *) echo "bench: --store $store: it is rocksdb or memory" >&2 && exit 1 ;;
esac
build_java
build_rust
directory=debug
[ -n "$small" ] || directory=release

work=$(mktemp -d "${TMPDIR:-/tmp}/bench-kafka.XXXXXX")
trap '"$scripts/kafka.sh" stop --kill --dir "$work/broker" || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/broker"
# Inputs have times of their own, long ago: the broker must not delete them for their age.
printf '%s=86400000\n' log.initial.task.delay.ms log.retention.check.interval.ms >"$work/broker/extra.properties"
[ -n "$small" ] || export KAFKA_STREAMS_BROKER_JVM=${KAFKA_STREAMS_BROKER_JVM:--Xms1g -Xmx1g}
"$scripts/kafka.sh" start --dir "$work/broker" --port 0 --follow $$
eval "$("$scripts/kafka.sh" env --dir "$work/broker")"
"$target/$directory/kafka-bench" --bootstrap-server "$KAFKA_STREAMS_TEST_BOOTSTRAP" --broker-directory "$work/broker" \
  --java-class-path "$java/classes:$java/libs/*" --work-directory "$work" "${options[@]}"
