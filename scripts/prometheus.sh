#!/bin/sh
# Prints the directory in which the programs prometheus and promtool are: prometheus.sh
#
# Those of the system, if it has them. Else, with apt, Debian's package prometheus is fetched once into ~/.cache and
# unpacked there: nothing is installed, and no service is started.
set -eu

fail() {
  printf 'prometheus: %s\n' "$*" >&2
  exit 1
}

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  dirname "$(command -v promtool)"
  exit 0
fi
home=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-streams/prometheus
if [ ! -x "$home/usr/bin/promtool" ]; then
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    fail "missing: prometheus and promtool; install them, or where they are from put their directory into PATH"
  mkdir -p "$(dirname "$home")"
  # Not below a home directory, which apt may not enter when it drops its rights for a download.
  part=$(mktemp -d)
  trap 'rm -rf "$part"' EXIT
  chmod 777 "$part"
  printf 'prometheus: fetching the package\n' >&2
  (cd "$part" && apt-get download -q prometheus >&2) ||
    fail "the package prometheus can't be fetched; try after apt-get update"
  dpkg-deb --extract "$part"/prometheus_*.deb "$part/root"
  rm -rf "$home"
  mv "$part/root" "$home"
fi
echo "$home/usr/bin"
