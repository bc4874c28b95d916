#!/usr/bin/env bash
# Counts the instructions of the paths of a record by valgrind, and fails where they are more than bench/instructions.txt
# says they may be: instructions.sh [--write]
#
# Instructions do not depend on what else the machine does, as times do. The profile is release, without RocksDB and
# librdkafka. --write puts what was counted into the file.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
table=$scripts/../bench/instructions.txt
target=${CARGO_TARGET_DIR:-$scripts/../target}
# How much more than the file says is let pass, in percent: compilers and C libraries differ a little.
tolerance=10
# Thousands of records of the two runs whose difference counts.
few=5
many=25

"$scripts/deps.sh" --valgrind
cargo build -q --release -p bench --no-default-features --bin instructions
work=$(mktemp -d "${TMPDIR:-/tmp}/instructions.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Instructions of the path $1 with $2 thousand records.
count() {
  valgrind --tool=callgrind --callgrind-out-file="$work/out" "$target/release/instructions" "$1" "$2" 2>"$work/log" ||
    { cat "$work/log" >&2 && exit 1; }
  sed -n 's/^summary: \([0-9]*\)$/\1/p' "$work/out" | head -n 1
}

status=0
while read -r path expected; do
  case "$path" in '#'* | '') echo "$path${expected:+ $expected}" >>"$work/table" && continue ;; esac
  first=$(count "$path" $few)
  second=$(count "$path" $many)
  counted=$(((second - first) / ((many - few) * 1000)))
  echo "$path $counted" >>"$work/table"
  if [ $((counted * 100)) -gt $((expected * (100 + tolerance))) ]; then
    echo "instructions: $path: $counted a record, more than $tolerance % above the $expected of bench/instructions.txt" >&2
    status=1
  elif [ $((counted * 100)) -lt $((expected * (100 - tolerance))) ]; then
    echo "instructions: $path: $counted a record, less than the $expected of bench/instructions.txt: run $0 --write"
  else
    echo "instructions: $path: $counted a record ($expected)"
  fi
done <"$table"
if [ "${1:-}" = --write ]; then
  cp "$work/table" "$table"
  exit 0
fi
exit $status
