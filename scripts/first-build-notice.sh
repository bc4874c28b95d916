#!/bin/sh
# Says so before RocksDB is compiled, which takes long and shows no progress.
set -eu

target=${CARGO_TARGET_DIR:-target}
for library in "$target"/debug/build/librocksdb-sys-*/out/librocksdb.a; do
  [ -e "$library" ] && exit 0
done
cat <<END
The first build compiles RocksDB from source: about a quarter of an hour on two cores, with cargo waiting at
librocksdb-sys. It is kept in $target and not compiled again.
END
