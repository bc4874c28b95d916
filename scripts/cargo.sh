#!/bin/sh
# Runs cargo for builds with RocksDB, which is linked as a ready library where there is one: cargo.sh ARGUMENT …
#
# ROCKSDB_COMPILE=1 compiles it instead, and ROCKSDB_LIB_DIR names another library. A build that changes its mind compiles
# all that is above RocksDB again.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)

if [ -z "${ROCKSDB_COMPILE:-}${ROCKSDB_LIB_DIR:-}" ] && directory=$("$scripts/rocksdb.sh"); then
  export ROCKSDB_LIB_DIR="$directory"
  # For tests; programs know where it is.
  export LD_LIBRARY_PATH="$directory${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
exec cargo "$@"
