#!/bin/sh
# Feeds arbitrary bytes to all decoders for a bounded time, each run the same bytes: fuzz.sh [TARGET …]
#
# Without names it runs all targets of fuzz/targets, each on its seeds in fuzz/seeds. FUZZ_RUNS and FUZZ_SECONDS bound
# a target (50000 inputs, 10 seconds); FUZZ_SEED chooses other bytes, and 0 random ones. Installs cargo-fuzz if it is
# missing. Prints a line a target; at a failure, where the input lies that failed, and how to run it again.
set -eu
cd "$(dirname "$0")/.."

target_dir=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
runs=${FUZZ_RUNS:-50000}
seconds=${FUZZ_SECONDS:-10}
seed=${FUZZ_SEED:-1}
host=$(rustc -vV | awk '/^host:/ { print $2 }')

if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "fuzz: installing cargo-fuzz"
  cargo install cargo-fuzz --locked
fi
if [ $# -eq 0 ]; then
  # Unquoted on purpose: one argument a target.
  set -- $(ls fuzz/targets | sed 's/\.rs$//')
fi

for target in "$@"; do
  [ -e "fuzz/targets/$target.rs" ] || { echo "fuzz: there is no target $target" >&2; exit 2; }
done
# Without a sanitizer, for those need nightly; the code under test has no unsafe. Overflow and assertions are checked.
if [ $# -eq 1 ]; then
  cargo fuzz build --sanitizer none --target-dir "$target_dir" "$1"
else
  cargo fuzz build --sanitizer none --target-dir "$target_dir"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/fuzz.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failed=$target_dir/failed
mkdir -p "$failed"

for target in "$@"; do
  # New inputs go to an empty directory, so that no run depends on an earlier one.
  mkdir "$work/$target"
  seeds=
  [ ! -d "fuzz/seeds/$target" ] || seeds=fuzz/seeds/$target
  program=$target_dir/$host/release/$target
  begin=$(date +%s)
  # shellcheck disable=SC2086 # no seeds are no argument
  if ! "$program" -seed="$seed" -runs="$runs" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
    -artifact_prefix="$failed/$target-" "$work/$target" $seeds >"$work/$target.log" 2>&1; then
    tail -n 40 "$work/$target.log" >&2
    input=$(sed -n 's/.*Test unit written to //p' "$work/$target.log" | tail -n 1)
    echo "fuzz: $target FAILED; again: $program $input" >&2
    exit 1
  fi
  done_runs=$(awk '/^Done/ { print $2 }' "$work/$target.log")
  printf 'ok  %-16s %8s inputs, %s s\n' "$target" "$done_runs" "$(($(date +%s) - begin))"
done
