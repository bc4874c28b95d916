#!/usr/bin/env bash
# Writes and reads Avro by Confluent's serializer for Java: java-avro.sh write|read REGISTRY TOPIC SCHEMA-FILE
#
# tests/interop/avro/AvroLines.java says what its lines are. Confluent's own artifacts are not on Maven Central; Apache
# Pinot's plugin, which is, has Confluent's serializer in it as it is, with all that it needs. It is fetched once into
# ~/.cache.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

artifact=pinot-confluent-avro
version=1.5.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-streams
jar=$cache/$artifact-$version-shaded.jar

fetch() {
  [ ! -e "$jar" ] || return 0
  echo "java-avro: fetching Apache Pinot's plugin with Confluent's serializer, $version, from Maven Central" >&2
  local part
  mkdir -p "$cache"
  part=$(mktemp -d "$jar.XXXXXX")
  if "$scripts/maven-artifact.sh" "org.apache.pinot:$artifact:$version:jar:shaded" "$part"; then
    # Another process may have been faster: then one copy replaces the other, and they are the same.
    mv "$part/$(basename "$jar")" "$jar"
  fi
  rm -rf "$part"
  [ -e "$jar" ] || exit 1
}

"$scripts/kafka-java.sh" --jdk
fetch
exec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jar" "$scripts/../tests/interop/avro/AvroLines.java" "$@"
