#!/usr/bin/env bash
# Runs the orders application on Java's Kafka Streams: kafka-interop.sh [--describe | OPTION …]
#
# It takes the options of the Rust program's command `run`, as in:
#   kafka-interop.sh --bootstrap-server 127.0.0.1:9092 --state-dir DIR --until-idle 5
# It is built when its sources are newer than what was built; that needs a JDK, Maven and, the first time, Maven Central.
# --build builds and does nothing else; --class-path prints what Kafka's own classes are run with.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sources=$scripts/../tests/interop
target=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-streams/interop

is_built() {
  [ -e "$target/built" ] && [ -z "$(find "$sources/pom.xml" "$sources/src" -type f -newer "$target/built" -print -quit)" ]
}

build() {
  ! is_built || return 0
  "$scripts/kafka-java.sh" --jdk
  echo "interop: building the Java side" >&2
  # What was fetched once is enough afterwards, without asking Maven Central.
  mvn -q -B -o -f "$sources/pom.xml" -Dinterop.build="$target" package >"$target/offline.log" 2>&1 ||
    mvn -q -B -f "$sources/pom.xml" -Dinterop.build="$target" package >&2
  touch "$target/built"
}

mkdir -p "$target"
if command -v flock >/dev/null; then
  exec 9>"$target/lock"
  flock 9
fi
build
exec 9>&-
case "${1:-}" in
  --build) exit ;;
  --class-path)
    echo "$target/classes:$target/libs/*"
    exit
    ;;
esac
# shellcheck disable=SC2086
exec java ${KAFKA_STREAMS_JAVA_JVM:--Xmx512m} -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
  -cp "$target/classes:$target/libs/*" orders.Main "$@"
