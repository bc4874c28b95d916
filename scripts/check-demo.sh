#!/bin/sh
# Runs the high-value-orders example on the orders that come with it, in each mode, and checks what it wrote
# against figures counted from those orders without it: check-demo.sh PROGRAM
#
# Prints a line a run. At the first wrong figure it stops, and leaves what the program wrote and logged.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/check-demo.XXXXXX")
# A copy, for a build of another clone may replace the program meanwhile.
program=$work/program
cp "$1" "$program"
trap 'exit 130' INT TERM
seconds_max=600

# Ends a run that hangs, where the system has timeout.
limited() {
  if command -v timeout >/dev/null 2>&1; then
    timeout "$seconds_max" "$@"
  else
    "$@"
  fi
}

# The figures that any run must give: high, customers, orders, orders, customer-hours, orders.
# shellcheck disable=SC2046 # the figures are four words
set -- $(scripts/expected-figures.sh)
expected="$1 $2 $3 $3 $4 $3"

# The same of a run's output. An aggregate's value is the one with the highest offset of its key, for a run may
# write it once or at each order.
figures() {
  awk '
    function field(name,   start) {
      if (!match($0, "\"" name "\" *: *(\"[^\"]*\"|[^,}]*)")) return ""
      start = RSTART; value = substr($0, start, RLENGTH)
      sub(/^"[a-z_]*" *: */, "", value)
      return value
    }
    function name_of(file) { sub(/.*\//, "", file); sub(/\.jsonl$/, "", file); return file }
    function key_of() {
      if (!match($0, /"key" *: *"[^"]*"/)) return "?"
      return substr($0, RSTART, RLENGTH)
    }
    FNR == 1 { topic = name_of(FILENAME) }
    topic == "high-value-orders" { high++ }
    topic == "enriched-orders" { enriched++ }
    topic == "orders-per-customer" || topic == "orders-per-hour" {
      key = key_of()
      if (topic == "orders-per-hour") key = key " " field("start")
      offset = field("offset") + 0
      if (!((topic, key) in at)) keys[topic]++
      if (!((topic, key) in at) || offset >= at[topic, key]) {
        at[topic, key] = offset
        last[topic, key] = field("value")
      }
    }
    END {
      for (each in last) {
        split(each, part, SUBSEP)
        sum[part[1]] += last[each]
      }
      print high + 0, keys["orders-per-customer"] + 0, sum["orders-per-customer"] + 0, enriched + 0, \
        keys["orders-per-hour"] + 0, sum["orders-per-hour"] + 0
    }
  ' "$@"
}

fail() {
  printf 'FAILED %s: %s\n' "$run" "$1" >&2
  printf 'see %s\n' "$output" >&2
  exit 1
}

check() {
  for topic in high-value-orders orders-per-customer enriched-orders orders-per-hour; do
    [ -f "$output/$topic.jsonl" ] || fail "no file $topic.jsonl was written"
  done
  found=$(figures "$output"/*.jsonl)
  [ "$found" = "$expected" ] || fail "found the figures $found, expected $expected (orders above 1000, customers \
with a count, sum of their counts, enriched orders, customer-hours with a count, sum of their counts)"
  for amount in 1028.51 1119.68 1286.01; do
    grep -q "\"amount\" *: *$amount[,}]" "$output/high-value-orders.jsonl" || fail "no high-value order of $amount"
  done
}

for store in memory rocksdb; do
  for guarantee in at-least-once exactly-once; do
    for instances in 1 3; do
      run="$instances instance(s), $guarantee, $store"
      output="$work/$store-$guarantee-$instances"
      mkdir -p "$output/tmp"
      start=$(date +%s)
      # State goes below the run's own temporary directory: no run finds that of another.
      status=0
      TMPDIR="$output/tmp" limited "$program" --output "$output" --instances "$instances" \
        --guarantee "$guarantee" --store "$store" >"$output/log" 2>&1 || status=$?
      if [ "$status" -ne 0 ]; then
        tail -n 20 "$output/log" >&2
        fail "the program ended with exit status $status"
      fi
      check
      # shellcheck disable=SC2086 # the figures are six words
      set -- $found
      printf 'ok  %-40s %s above 1000, %s customers, %s enriched, %s customer-hours; %s s\n' \
        "$run" "$1" "$2" "$4" "$5" "$(($(date +%s) - start))"
      rm -rf "$output"
    done
  done
done
rm -rf "$work"
