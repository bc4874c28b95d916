#!/usr/bin/env bash
# Runs the orders application exactly once on the broker of the environment, kills it in the middle, runs it again until
# all is done, and checks the figures: with-kafka.sh check-kill.sh PROGRAM
#
# Stores are in memory: the second instance has nothing but what the first one committed to the cluster.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${1:?usage: check-kill.sh PROGRAM}
servers=${KAFKA_STREAMS_TEST_BOOTSTRAP:?is not set: with-kafka.sh sets it}

# Longest wait for a step, in seconds.
patience=300
# Records that the first instance takes before it is killed, of 69,659 orders, as many of the repartition topic and 23,570
# customers.
killed_after=30000
work=$(mktemp -d "${TMPDIR:-/tmp}/check-kill.XXXXXX")
instance=

fail() {
  printf 'check-kill: %s\n' "$*" >&2
  exit 1
}

clean() {
  [ -z "$instance" ] || kill -KILL "$instance" 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

# A member that was killed is missed soon, and work is committed often.
run=("$program" run --bootstrap-server "$servers" --store memory --guarantee exactly-once
  --config session.timeout.ms=6000 --config commit.interval.ms=100)

# A figure of the last line of progress in log $1, such as "records in"; 0 before there is one.
figure() {
  local found
  found=$(sed -n "s/.*\b\([0-9][0-9]*\) $2.*/\1/p" "$work/$1.log" | tail -n 1)
  echo "${found:-0}"
}

kill_in_the_middle() {
  local deadline=$((SECONDS + patience))
  "${run[@]}" >"$work/first.log" 2>&1 &
  instance=$!
  until [ "$(figure first 'records in')" -ge "$killed_after" ]; do
    kill -0 "$instance" 2>/dev/null || fail "the first instance ended: $(tail -n 5 "$work/first.log")"
    [ $SECONDS -lt $deadline ] || fail "the first instance is too slow: $(tail -n 5 "$work/first.log")"
    sleep 0.1
  done
  kill -KILL "$instance"
  wait "$instance" 2>/dev/null || true
  instance=
}

run_to_the_end() {
  "${run[@]}" --until-idle 5 >"$work/second.log" 2>&1 || fail "the second instance failed: $(tail -n 5 "$work/second.log")"
  [ "$(figure second 'restored')" -gt 0 ] || fail "the second instance restored nothing: $(tail -n 1 "$work/second.log")"
  [ "$(figure second 'records in')" -gt 0 ] || fail "the first instance had done all before it was killed"
}

# The figures of what is committed, as expected-figures.sh prints them; the two sums of counts are equal.
figures() {
  "$program" verify --bootstrap-server "$servers" >"$work/figures" || fail "the results could not be read"
  awk '
    /repeated/ { repeated = 1 }
    /^high-value orders / { high = $3 + 0 }
    /^orders per customer / { customers = $4; orders = $6 }
    /^enriched orders / { enriched = $3 + 0 }
    /^orders per hour / { hours = $4; of_hours = $(NF - 1) }
    END {
      if (repeated) print "some orders are repeated"
      else if (orders != enriched || orders != of_hours) print "orders differ:", orders, enriched, of_hours
      else print high, customers, orders, hours
    }
  ' "$work/figures"
}

"$program" feed --bootstrap-server "$servers" >"$work/feed.log" 2>&1 || fail "feeding failed: $(tail -n 5 "$work/feed.log")"
kill_in_the_middle
run_to_the_end
expected=$("$scripts/expected-figures.sh")
found=$(figures)
[ "$found" = "$expected" ] || fail "expected (orders above 1000, customers, orders, pairs of customer and hour) $expected, \
found $found: $(cat "$work/figures")"
printf 'ok  exactly once with a kill on %s: killed after %s records, then %s restored and %s processed; %s\n' \
  "${KAFKA_STREAMS_TEST_VERSION:-$servers}" "$(figure first 'records in')" "$(figure second restored)" \
  "$(figure second 'records in')" "$found"
