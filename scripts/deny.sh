#!/bin/sh
# Checks the licences and sources of all dependencies, and what is known against them (deny.toml).
#
# Builds cargo-deny once if it is missing, quickly rather than well, and keeps it in the target directory. What is known
# against a crate stands in a git repository on GitHub: out of its reach, that part is left out, and a line says so.
set -eu
cd "$(dirname "$0")/.."

version=0.20.2
tools=${CARGO_TARGET_DIR:-$PWD/target}/tools
deny=$tools/bin/cargo-deny
if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
  echo "deny: installing cargo-deny $version to $tools"
  cargo install cargo-deny --version "$version" --locked --debug --quiet --root "$tools" --target-dir "$tools/build"
  rm -rf "$tools/build"
fi

set -- bans licenses sources
if "$deny" fetch db >/dev/null 2>&1; then
  set -- advisories "$@"
else
  echo "deny: LEFT OUT, as the database of advisories can't be fetched: advisories"
fi
"$deny" --locked --log-level error check --hide-inclusion-graph "$@"
