#!/usr/bin/env bash
# Runs a command beside a schema registry of its own, which the tests then use: with-registry.sh COMMAND [ARGUMENT …]
#
# The registry listens on a free port of the loopback and is gone afterwards, also if the command or this script is
# killed. Exits as the command does.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

work=$(mktemp -d "${TMPDIR:-/tmp}/with-registry.XXXXXX")
trap '"$scripts/registry.sh" stop --dir "$work" || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$scripts/registry.sh" start --dir "$work" --port 0 --follow $$
eval "$("$scripts/registry.sh" env --dir "$work")"
"$@"
