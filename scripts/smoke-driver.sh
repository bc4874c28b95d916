#!/usr/bin/env bash
# Runs one of Kafka's own smoke tests against a broker: smoke-driver.sh [OPTION …] [-- CLIENT COMMAND]
#
# The driver (org.apache.kafka.streams.tests.SmokeTestDriver or RelationalSmokeTest of kafka-streams' test artifact) writes
# its input for a minute or more, computes what must come of it, and reads the output topics until all is there. The client
# is an application with the topology of tests/smoke/README.md. With a command after -- this script starts it when the topics
# are there and ends it (SIGTERM) with the driver; the words {bootstrap}, {guarantee} and {state} in it are filled in.
# Without one, a client must be running already or be started by hand when this script has said that the topics are there.
#
#   --test smoke|relational    which of the two (smoke)
#   --bootstrap-server SERVER  the broker (KAFKA_STREAMS_TEST_BOOTSTRAP, else 127.0.0.1:9092)
#   --guarantee GUARANTEE      at_least_once or exactly_once_v2 (the default), which the driver's checks depend on
#   --partitions N             of each topic (4); the topics and what the test's application made are deleted first
#   --replicas N               of each partition (1)
#   --keys N                   keys of a thousand values each (20); relational: articles with ten comments each (1000)
#   --seconds N                for how long the driver writes them (90; two milliseconds a record are the least; relational: 60)
#   --out DIR                  where driver.log and client.log go (a temporary directory, removed after success)
#   --java                     Java's own client, to see the driver work
#
# Exit status 0: the driver found all right. It prints its verdict as SUCCESS or FAILURE.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

bootstrap=${KAFKA_STREAMS_TEST_BOOTSTRAP:-127.0.0.1:9092}
guarantee=exactly_once_v2
partitions=4
out=
java_client=
client=()
test=smoke
replicas=1
keys=
seconds=

fail() {
  printf 'smoke: %s\n' "$*" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case "$1" in
    --java) java_client=yes ;;
    --test | --bootstrap-server | --guarantee | --partitions | --replicas | --keys | --seconds | --out)
      [ $# -ge 2 ] || fail "$1 needs a value"
      case "$1" in
        --test) test=$2 ;;
        --bootstrap-server) bootstrap=$2 ;;
        --guarantee) guarantee=$2 ;;
        --partitions) partitions=$2 ;;
        --replicas) replicas=$2 ;;
        --keys) keys=$2 ;;
        --seconds) seconds=$2 ;;
        --out) out=$2 ;;
      esac
      shift
      ;;
    --)
      shift
      client=("$@")
      break
      ;;
    *) fail "unknown option $1 (the head of this file has them all)" ;;
  esac
  shift
done
case "$test" in
  smoke)
    application=SmokeTest
    topics=(data echo max min min-suppressed min-raw dif sum sws-raw sws-suppressed cnt avg tagg fk)
    keys=${keys:-20}
    seconds=${seconds:-90}
    ;;
  relational)
    application=RelationalSmokeTest
    topics=(in-article in-comment out-augmented-article out-augmented-comment)
    keys=${keys:-1000}
    seconds=${seconds:-60}
    ;;
  *) fail "there is no test $test: smoke or relational" ;;
esac

[ -n "$out" ] || out_is_temporary=yes
out=${out:-$(mktemp -d)}
mkdir -p "$out"

class_path=$("$scripts/kafka-interop.sh" --class-path)
state=$(mktemp -d)
client_pid=
driver_pid=

finish() {
  status=$?
  trap - EXIT INT TERM
  [ -z "$driver_pid" ] || kill -TERM "$driver_pid" 2>/dev/null || true
  if [ -n "$client_pid" ] && kill -TERM "$client_pid" 2>/dev/null; then
    for _ in $(seq 600); do
      kill -0 "$client_pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$client_pid" 2>/dev/null || true
  fi
  rm -rf "$state"
  if [ "$status" -eq 0 ] && [ -n "${out_is_temporary:-}" ]; then
    rm -rf "$out"
  else
    printf 'smoke: logs are in %s\n' "$out" >&2
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# An array and no function: what is started in the background must be Java itself, for it gets the signals.
java=(java -Xmx512m -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$class_path")

# What Kafka's own mains give their drivers is fixed; ours give them the number of keys and the time.
case "$test" in
  smoke)
    cat >"$out/smoke.properties" <<END
bootstrap.servers=$bootstrap
processing.guarantee=$guarantee
END
    driver=(smoke.Driver "$bootstrap" "$guarantee" "$keys" "$seconds")
    java_application=(org.apache.kafka.streams.tests.StreamsSmokeTest "$out/smoke.properties" process)
    # The driver expects one window of a day for each key, so that it must not write on both sides of midnight.
    to_midnight=$((86400 - $(date -u +%s) % 86400))
    if [ "$to_midnight" -lt $((seconds + 60)) ]; then
      printf 'smoke: waiting %s seconds until midnight UTC is past\n' "$to_midnight" >&2
      sleep "$to_midnight"
    fi
    ;;
  relational)
    driver=(smoke.RelationalDriver "$bootstrap" "$keys" "$seconds")
    java_application=(org.apache.kafka.streams.tests.RelationalSmokeTest application "$bootstrap" java "$guarantee" classic "$state")
    ;;
esac
# The driver reads from the beginning, so that what an earlier run left would be counted again.
"${java[@]}" smoke.Topics "$bootstrap" "$partitions" "$replicas" "$application-" "${topics[@]}"
echo "the topics are there"
if [ -n "$java_client" ]; then
  "${java[@]}" "${java_application[@]}" >"$out/client.log" 2>&1 &
  client_pid=$!
elif [ "${#client[@]}" -gt 0 ]; then
  client=("${client[@]//\{bootstrap\}/$bootstrap}")
  client=("${client[@]//\{guarantee\}/$guarantee}")
  client=("${client[@]//\{state\}/$state}")
  "${client[@]}" >"$out/client.log" 2>&1 &
  client_pid=$!
fi
"${java[@]}" "${driver[@]}" >"$out/driver.log" 2>&1 &
driver_pid=$!
while kill -0 "$driver_pid" 2>/dev/null; do
  # The driver waits ten minutes for records that no one will write.
  if [ -n "$client_pid" ] && ! kill -0 "$client_pid" 2>/dev/null; then
    tail -n 20 "$out/client.log" >&2
    fail "the client ended before the driver"
  fi
  sleep 1
done
verdict=$(grep -E '^(SUCCESS|FAILURE)' "$out/driver.log" | tail -n 1 || true)
echo "${verdict:-FAILURE: the driver ended without a verdict}"
[ "$verdict" = SUCCESS ]
