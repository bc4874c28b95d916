#!/bin/sh
# Runs a command as a named stage and says how long it took: stage.sh NAME COMMAND [ARGUMENT …]
set -eu

name=$1
shift
printf '\n== %s: %s\n' "$name" "$*"
start=$(date +%s)
status=0
"$@" || status=$?
seconds=$(($(date +%s) - start))
if [ "$status" -eq 0 ]; then
  printf '== %s: passed after %s s\n' "$name" "$seconds"
else
  printf '== %s: FAILED after %s s with exit status %s\n' "$name" "$seconds" "$status" >&2
fi
exit "$status"
