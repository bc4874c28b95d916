//! Nothing but tests: see `tests/`. A package of its own, for its dependencies are without RocksDB.
#![forbid(unsafe_code)]
