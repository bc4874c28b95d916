#!/usr/bin/env bash
# Runs Python with the Kafka client confluent-kafka: kafka-python.sh SCRIPT [ARGUMENT …]
#
# The client comes from PyPI into an environment of its own in ~/.cache, once. --install makes the environment and does
# nothing else.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

version=2.16.1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-streams
environment=$cache/confluent-kafka-$version

fail() {
  printf 'kafka-python: %s\n' "$*" >&2
  exit 1
}

install() {
  # An interpreter that was removed or replaced since leaves an environment that can't be used.
  ! "$environment/bin/python" -c 'import confluent_kafka' 2>/dev/null || return 0
  "$scripts/deps.sh" --python >&2
  echo "kafka-python: fetching confluent-kafka $version from PyPI" >&2
  rm -rf "$environment"
  mkdir -p "$cache"
  python3 -m venv "$environment" >&2
  "$environment/bin/python" -m pip install -q --disable-pip-version-check "confluent-kafka==$version" >&2 ||
    fail "confluent-kafka $version could not be fetched; pip's message is above"
}

# One installation at a time, where the system has locks for scripts.
mkdir -p "$cache"
if command -v flock >/dev/null; then
  exec 9>"$environment.lock"
  flock 9
fi
install
exec 9>&-
[ "${1:-}" != --install ] || exit 0
exec "$environment/bin/python" "$@"
