#!/bin/sh
# Fetches RocksDB as a ready library, and prints the directory that it lies in: rocksdb.sh
#
# To compile RocksDB takes a quarter of an hour on two cores, so the builds of this clone link what RocksDB's own developers
# built: their library for Java, on Maven Central, has the C interface too. It is of the very version that Cargo.lock
# names, for Linux with glibc on x86-64 and ARM, checked by its digest, and kept among the build's results. Fails, and says
# why, where there is none: then RocksDB is compiled, as it is in programs elsewhere that use these crates. What could not
# be fetched is not asked for again, as all that stands on RocksDB would be built anew.
set -eu
cd "$(dirname "$0")/.."

fail() {
  printf 'rocksdb: %s: it is compiled from source, a quarter of an hour on two cores\n' "$*" >&2
  exit 1
}

# The digests of the libraries of each version.
digest_of() {
  case "$1" in
    11.8.1/linux64) echo 265c656af5c6502cb8d71db1a74858509f706cc47f1a5b6f603c736d11ce677d ;;
    11.8.1/linux-aarch64) echo 7b2d0808c6afae32db39f11cb61cbefffcf460895b1c64ee6193ba02d6bdd23a ;;
    *) return 1 ;;
  esac
}

version=$(sed -n '/^name = "librocksdb-sys"$/ { n; s/^version = ".*+\(.*\)"$/\1/p; }' Cargo.lock)
host=$(rustc -vV | sed -n 's/^host: //p')
case "$host" in
  x86_64-unknown-linux-gnu) machine=linux64 ;;
  aarch64-unknown-linux-gnu) machine=linux-aarch64 ;;
  *) fail "there is no ready library for $host" ;;
esac
digest=$(digest_of "$version/$machine") || fail "no ready library of version $version is known"

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
home=$(cd "$target" && pwd)/rocksdb-$version
if [ -e "$home/librocksdb.so" ]; then
  echo "$home"
  exit 0
fi

given_up=$home-not-fetched
[ ! -e "$given_up" ] || exit 1

# Says why the library is not there, and remembers it.
give_up() {
  : >"$given_up"
  fail "$* (remove $given_up to try again)"
}

scripts/deps.sh --fetch >&2 || give_up "what fetches its library is missing"
jar=$(mktemp "${TMPDIR:-/tmp}/rocksdb.XXXXXX")
part=$(mktemp -d "$home.XXXXXX")
trap 'rm -rf "$jar" "$part"' EXIT
trap 'exit 130' INT TERM
url=https://repo1.maven.org/maven2/org/rocksdb/rocksdbjni/$version/rocksdbjni-$version.jar
echo "rocksdb: fetching the library of version $version" >&2
curl -fsSL --retry 3 --connect-timeout 20 --max-time 600 -o "$jar" "$url" >&2 || give_up "$url can't be fetched"
unzip -p "$jar" "librocksdbjni-$machine.so" >"$part/librocksdb.so" || give_up "$url has no library for $machine"
found=$(sha256sum "$part/librocksdb.so" | cut -d ' ' -f 1)
[ "$found" = "$digest" ] || give_up "the library of $url has the digest $found instead of $digest"
chmod 755 "$part" "$part/librocksdb.so"
# Another build may have been faster; then its copy stays.
mv -T "$part" "$home" 2>/dev/null || [ -e "$home/librocksdb.so" ] || fail "$home can't be written"
echo "$home"
